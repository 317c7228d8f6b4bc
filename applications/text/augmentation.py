"""Changes to training texts: some tokens are hidden."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from actzoo.applications.text import tokenizer
from actzoo.data import read_settings

HIGHEST = {"mask": 0.9}  # of the settings that are not shares


@dataclasses.dataclass(frozen=True)
class Settings:
    """What happens to a training text.

    Attributes:
        mask: Share of tokens replaced by `[MASK]`, `[0, 0.9]`; word dropout.

    Reference:
        Dai & Le, 2015, "Semi-supervised Sequence Learning", arXiv:1511.01432.
    """

    mask: float = 0.15


def augmenter(steps: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> TokenMasker:
    """Return the augmenter that fits preprocessing steps."""
    return TokenMasker(steps, read_settings(Settings, settings, HIGHEST))


class TokenMasker:
    """A stateless change of tokenized texts; see `actzoo.data.Augmenter`.

    Args:
        steps: Preprocessing, ending in `tokenize`.
        settings: What happens.
    """

    def __init__(self, steps: Sequence[Mapping[str, Any]], settings: Settings) -> None:
        self.stored_steps = tuple(dict(step) for step in steps)
        self._share = settings.mask
        tokens = str(steps[-1].get("vocabulary", "")).split(" ")
        self._mask = tokens.index(tokenizer.MASK) if tokenizer.MASK in tokens else 0

    def __call__(
        self, inputs: dict[str, np.ndarray], target: object, rng: np.random.Generator
    ) -> tuple[dict[str, np.ndarray], object]:
        """Return inputs of which some tokens are hidden, never the first and the last."""
        ids = inputs["input_ids"].copy()
        inside = slice(1, int(inputs["attention_mask"].sum()) - 1)
        hidden = rng.random(len(ids[inside])) < self._share
        if not hidden.all():
            ids[inside][hidden] = self._mask
        return {**inputs, "input_ids": ids}, target
