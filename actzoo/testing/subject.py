"""An activation under test: how to build, run and judge it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from actzoo import activations, errors
from actzoo.activations import ActivationSpec
from actzoo.testing.checks import CheckFailedError

Oracle = Callable[[np.ndarray], np.ndarray]
# Multiples of 1/8 are exact in all three dtypes, and hit every kink of the formulas.
GRID = np.linspace(-20.0, 20.0, 321)


class Subject:
    """An activation under test: how to build, run and judge it."""

    def __init__(self, row: ActivationSpec, params: dict[str, Any], oracle: Oracle | None) -> None:
        self.row = row
        self.params = params
        self.spec = activations.format(row.name, params)
        self.is_default = {**row.defaults, **params} == row.defaults
        self.expected: Any = oracle
        if oracle is None and row.reference is not None:
            self.expected = activations.reference(row.name, **params)
        # Activations that depend on position get 3 x 3 pixels, handled as rows of values.
        self.sample: tuple[int, ...] = (3, 3, 2) if row.ranks else (8,)
        if row.ranks and self.expected is not None:
            self.expected = self._of_rows(self.expected)

    def layer(self, dtype: str = "float32", name: str | None = None) -> Any:
        """Return a fresh layer that computes in `dtype`."""
        layer = activations.get(self.spec, name=name)
        return type(layer).from_config({**layer.get_config(), "dtype": dtype})

    def run(self, x: np.ndarray, dtype: str = "float32") -> np.ndarray:
        """Return what the layer makes of `x`, as float64."""
        return self.rows(self.layer(dtype)(self.tensor(x, dtype)))

    def tensor(self, x: np.ndarray, dtype: str = "float32") -> Any:
        """Return rows of values in the shape that the activation takes."""
        return to_tensor(x.reshape(-1, *self.sample) if self.row.ranks else x, dtype)

    def rows(self, y: object) -> np.ndarray:
        """Return outputs as rows of values, in float64."""
        values = to_numpy(y)
        return values.reshape(len(values), -1) if self.row.ranks else values

    def _of_rows(self, oracle: Oracle) -> Oracle:
        return lambda x: oracle(x.reshape(-1, *self.sample)).reshape(len(x), -1)

    def inputs(self) -> np.ndarray:
        """Return inputs suited to every activation: `(rows, values)`, exact in every type."""
        if self.row.elementwise:
            return GRID.reshape(1, -1)
        scores = np.random.default_rng(0).normal(0.0, 4.0, (10, math.prod(self.sample)))
        scores[0] = 0.0
        scores[1] = -20.0
        scores[1, 0] = 20.0
        return np.round(scores * 8) / 8

    def points(self, values: np.ndarray) -> np.ndarray:
        """Return `(rows, values)` that put each value among ordinary ones."""
        if self.row.elementwise:
            return values.reshape(1, -1)
        ordinary = [0.5, -1.0, 0.25, 0.0, 1.0, 0.125, -0.5, 0.75]
        rows = np.tile(np.resize(ordinary, math.prod(self.sample)), (len(values), 1))
        rows[:, 2] = values
        return rows

    def fail(
        self, what: str, x: object = None, y: object = None, wanted: object = None
    ) -> NoReturn:
        """Raise, naming the input and the output."""
        text = f"{self.spec}: {what}."
        if x is not None:
            text += f"\nInput {_shown(x)} gave {_shown(y)}"
            text += "." if wanted is None else f", expected {_shown(wanted)}."
        raise CheckFailedError(text, given=x, allowed=() if wanted is None else (wanted,))

    def compare(
        self, what: str, x: np.ndarray, y: np.ndarray, wanted: np.ndarray, slack: np.ndarray | float
    ) -> None:
        """Raise for the worst place where `y` and `wanted` differ by more than `slack`."""
        if y.shape != wanted.shape:
            self.fail(f"{what}: the shape is {y.shape} instead of {wanted.shape}")
        with np.errstate(invalid="ignore"):
            off = np.abs(y - wanted) - slack
        off = np.where((y == wanted) | (np.isnan(y) & np.isnan(wanted)), -np.inf, off)
        off = np.where(np.isnan(off), np.inf, off)
        if off.size and off.max() > 0:
            at = np.unravel_index(int(off.argmax()), off.shape)
            given = x[at] if x.shape == y.shape and self.row.elementwise else x[at[0]]
            shown = (y[at], wanted[at]) if self.row.elementwise else (y[at[0]], wanted[at[0]])
            self.fail(what, given, *shown)


def to_tensor(x: np.ndarray, dtype: str) -> Any:
    """Return values as a tensor of a dtype."""
    from keras import ops

    return ops.cast(ops.convert_to_tensor(np.asarray(x, "float64")), dtype)


def to_numpy(tensor: object) -> np.ndarray:
    """Return a tensor's values in float64."""
    from keras import ops

    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float64")), "float64")


def fail_at_first(
    subject: Subject, what: str, x: np.ndarray, y: np.ndarray, bad: np.ndarray
) -> None:
    """Raise for the first place that is bad, with its input and output."""
    at = np.unravel_index(int(bad.argmax()), bad.shape)
    subject.fail(what, x[at] if x.shape == y.shape else x[at[0]], y[at])


def _shown(value: object) -> str:
    if isinstance(value, np.ndarray | list | float | np.floating):
        return np.array2string(np.asarray(value), precision=8, threshold=16)
    return errors.shown(value, 200)
