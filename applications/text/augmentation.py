"""Changes to training texts: some tokens are hidden."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from actzoo import errors
from actzoo.applications.text import tokenizer


@dataclasses.dataclass(frozen=True)
class Settings:
    """What happens to a training text.

    Attributes:
        mask: Share of tokens replaced by `[MASK]`, `[0, 0.9]`; word dropout.

    Reference:
        Dai & Le, 2015, "Semi-supervised Sequence Learning", arXiv:1511.01432.
    """

    mask: float = 0.15

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Settings:
        """Check settings by name and value.

        Raises:
            UnknownNameError: There is no such setting.
            InvalidValueError: A value is outside of its range.
        """
        for name, value in given.items():
            if name != "mask":
                raise errors.unknown_name("setting of the augmentation", name, ("mask",))
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value <= 0.9:
                raise errors.InvalidValueError(
                    f"recipe.augmentation.mask is {errors.shown(repr(value))}; it takes a number "
                    "from 0 to 0.9.",
                    given=value,
                )
        return cls(**given)


def augmenter(steps: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> TokenMasker:
    """Return the augmenter that fits preprocessing steps; the target of the domain's row."""
    return TokenMasker(steps, Settings.read(settings))


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
        self, inputs: dict[str, np.ndarray], target: Any, rng: np.random.Generator
    ) -> tuple[dict[str, np.ndarray], Any]:
        """Return inputs of which some tokens are hidden, never the first and the last."""
        ids = inputs["input_ids"].copy()
        inside = slice(1, int(inputs["attention_mask"].sum()) - 1)
        hidden = rng.random(len(ids[inside])) < self._share
        if not hidden.all():
            ids[inside][hidden] = self._mask
        return {**inputs, "input_ids": ids}, target
