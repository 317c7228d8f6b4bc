"""Texts made for tests: what a sentence says follows from a few words."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

SHARED = Path(os.environ.get("ACTZOO_SHARED", Path(__file__).parents[2] / "shared"))
REVIEWS = SHARED / "data" / "rt_polarity"
needs_reviews = pytest.mark.skipif(
    not REVIEWS.is_dir(), reason="needs shared/data/rt_polarity beside the clone"
)

WORDS = {
    "weather": ["rain", "wind", "storm", "cloud", "frost", "sunny"],
    "kitchen": ["bread", "soup", "oven", "spoon", "butter", "salt"],
    "street": ["tram", "bridge", "crossing", "lamp", "bicycle", "corner"],
}
FILLERS = "the a of and with some very old new near by for this that was is".split()


def sentences(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return texts and their labels, classes in turn."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        label = sorted(WORDS)[number % len(WORDS)]
        words = [*rng.choice(WORDS[label], 2), *rng.choice(FILLERS, rng.integers(2, 14))]
        rows.append((" ".join(rng.permutation(words)), label))
    return rows


def write_table(path: Path, rows: list[tuple[str, str]]) -> Path:
    """Write a CSV with the columns text and label."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["text,label", *(f"{text},{label}" for text, label in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
