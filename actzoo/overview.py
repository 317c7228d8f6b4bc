"""What data was understood as, in five lines that a person can check at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from actzoo import errors, formatting
from actzoo.data import HasPresence

if TYPE_CHECKING:
    from actzoo.data import Source

MOST_CLASSES = 8  # with more, the counts of the largest and smallest are shown
MOST_SHOWN = 3  # things set aside, and warnings
LONGEST = 160  # characters of one of them


def understood(
    source: Source,
    split: Mapping[str, np.ndarray],
    kind: str,
    notes: Sequence[str],
    drawn: Sequence[str] = (),
    sizes: str = "",
) -> dict[str, str]:
    """Return what data was taken for.

    Args:
        source: The opened data.
        split: Split -> indices.
        kind: What such data is called, where its source does not say.
        notes: Warnings met so far.
        drawn: How splits were drawn, where the data brings none; among the notes, too.
        sizes: Of the examples as the model reads them, beside what the source says.

    Returns:
        "data", "classes", "sizes", "set aside" and "looks wrong", a line each.
    """
    fingerprint = source.fingerprint()
    return {
        "data": fingerprint.kind or kind,
        "classes": f"{_classes(source, split)}; {_whence(source, split, drawn)}",
        "sizes": "; ".join(filter(None, (fingerprint.sizes, sizes))) or "not known",
        "set aside": _some(fingerprint.set_aside, "nothing"),
        "looks wrong": _some([note for note in notes if note not in drawn], "nothing"),
    }


def _whence(source: Source, split: Mapping[str, np.ndarray], drawn: Sequence[str]) -> str:
    """Return which splits the data brings, and which were drawn."""
    if not drawn:
        return "splits given"
    given = set(source.splits())
    names = [name for name in split if name not in given]
    some = given & set(split) and names
    return f"{' and '.join(names)} drawn here" if some else "splits drawn here"


def _classes(source: Source, split: Mapping[str, np.ndarray]) -> str:
    """Return the classes, each with the number of examples of every split that hold it."""
    names = [errors.shown(name, 60) for name in source.classes]
    totals = "/".join(f"{len(indices):,}" for indices in split.values())
    head = f"{len(names):,}; {'/'.join(split)} {totals}"
    held = _held(source)
    if held is None:
        return f"{head}; {', '.join(names[:MOST_CLASSES])}{', …' if names[MOST_CLASSES:] else ''}"
    counts = np.stack([held[indices].sum(axis=0) for indices in split.values()], axis=1)
    listed = [
        f"{name} ({'/'.join(f'{count:,}' for count in row)})"
        for name, row in zip(names, counts, strict=True)
    ]
    if len(names) <= MOST_CLASSES:
        return f"{head}; {', '.join(listed)}"
    order = np.argsort(-counts.sum(axis=1), kind="stable").tolist()
    largest, smallest = (", ".join(listed[i] for i in part) for part in (order[:3], order[-3:]))
    return f"{head}; largest: {largest}; smallest: {smallest}"


def _held(source: Source) -> np.ndarray | None:
    """Return bool `(n, classes)`, which classes each example holds; None where it is not known."""
    labels = source.labels()
    if labels is not None:
        return np.arange(len(source.classes)) == np.asarray(labels)[:, None]
    return source.presence() if isinstance(source, HasPresence) else None


def _some(sentences: Sequence[str], nothing: str) -> str:
    shown = [errors.shown(sentence.rstrip("."), LONGEST) for sentence in sentences[:MOST_SHOWN]]
    more = len(sentences) - len(shown)
    if more:
        shown.append(f"and {formatting.number(more)} more")
    return "; ".join(shown) or nothing
