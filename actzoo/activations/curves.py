"""The curve of an activation and of its derivative, cut where either one jumps.

Whoever draws a curve needs to know where not to draw through. Kinks and jumps move with the
parameters, so they are found in the numbers rather than read from the row. Needs no Keras.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

from actzoo import errors
from actzoo.activations import lookup

if TYPE_CHECKING:
    import numpy as np

Function = Callable[["np.ndarray"], "np.ndarray"]

STEP = 0.01  # between two points of a curve, at most
POINTS = 1200  # of a curve, at least
NEAR = 1e-6  # of the central differences; wide against rounding, narrow against any feature
CLEAR = 3e-5  # distance from a break at which nothing reaches across it any more
HALVINGS = 9


@dataclasses.dataclass(frozen=True)
class Curve:
    """A function of one number on an interval.

    Attributes:
        pieces: Arrays `(points, 3)` of x, f(x) and f'(x), from one break to the next. At both ends
            of a piece, f and f' are those just inside it.
        breaks: Places where f or f' jumps.
    """

    pieces: tuple[np.ndarray, ...]
    breaks: tuple[float, ...]


def no_curve(spec: object) -> str | None:
    """Return why an activation cannot be drawn as a curve, or None where it can.

    Raises:
        ActzooError: The spec is wrong.
    """
    row = lookup.describe(spec)
    if not row.elementwise:
        seen = [
            words
            for true, words in (
                (row.gated or row.channel_mixing, "several channels"),
                (row.spatial, "neighboring places"),
                (row.statistics, "statistics of its inputs"),
            )
            if true
        ]
        if not seen:
            return "it is more than one function of one number"
        return f"it looks at {' and '.join(seen)} at once"
    return "it brings no NumPy reference" if row.reference is None else None


def curve(spec: object, low: float = -6.0, high: float = 6.0) -> Curve:
    """Return the curve of an activation; learnable ones with the values training starts from.

    Args:
        spec: Name or spec of an elementwise activation.
        low: Where it begins.
        high: Where it ends.

    Raises:
        InvalidValueError: It is not a function of one number.
    """
    name, params = lookup.parse(spec)
    reason = no_curve(spec)
    if reason is not None:
        raise errors.InvalidValueError(f"{name} has no curve: {reason}.", given=spec)
    return trace(lookup.reference(name, **params), low, high)


def trace(function: Function, low: float, high: float) -> Curve:
    """Return the curve of any function.

    Args:
        function: From a float64 array to another.
        low: Where it begins.
        high: Where it ends.
    """
    breaks = find_breaks(function, low, high)
    ends = [low, *breaks, high]
    step = min(STEP, (high - low) / POINTS)
    pieces = [_piece(function, a, b, step) for a, b in itertools.pairwise(ends)]
    return Curve(tuple(pieces), breaks)


def find_breaks(function: Function, low: float, high: float) -> tuple[float, ...]:
    """Return where a function or its derivative jumps, to 1e-5.

    Every cell of a fine grid is halved again and again toward where it is least like a straight
    line. In a smooth place that disappears with the width of the cell; at a break it stays.

    Args:
        function: From a float64 array to another.
        low: Where to begin.
        high: Where to end; breaks at the very ends are left out.
    """
    import numpy as np

    # Kinks sit at round numbers. The golden section keeps the grid and all its halves off them.
    step = min(STEP, (high - low) / POINTS)
    edges = np.arange(low - 0.38197 * step, high + step, step)
    left, right = edges[:-1], edges[1:]
    at_left, at_right = _value_and_slope(function, left), _value_and_slope(function, right)
    bends = []
    for _ in range(HALVINGS):
        middle = (left + right) / 2
        at_middle = _value_and_slope(function, middle)
        bend = _bend(at_left, at_middle, middle - left), _bend(at_middle, at_right, right - middle)
        first = bend[0] >= bend[1]
        left, right = np.where(first, left, middle), np.where(first, middle, right)
        at_left = np.where(first, at_left, at_middle)
        at_right = np.where(first, at_middle, at_right)
        bends.append(np.maximum(*bend))
    broken = (bends[-1] > 1e-4) & (bends[-1] > 0.5 * bends[-4])  # 1/8 of it where smooth
    places = [_round_number(a, b) for a, b in zip(left[broken], right[broken], strict=True)]
    return tuple(x for x in places if low + 2 * CLEAR < x < high - 2 * CLEAR)


def _value_and_slope(function: Function, x: np.ndarray) -> np.ndarray:
    """Return f and f' as `(2, n)`."""
    import numpy as np

    with np.errstate(all="ignore"):
        slope = (function(x + NEAR) - function(x - NEAR)) / (2 * NEAR)
        return np.stack([function(x), slope])


def _bend(start: np.ndarray, end: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Return how far a piece is from straight, as a slope: the change of f', and jumps of f."""
    import numpy as np

    with np.errstate(all="ignore"):
        expected = (start[1] + end[1]) / 2
        return np.abs(end[1] - start[1]) + np.abs((end[0] - start[0]) / width - expected)


def _round_number(low: float, high: float) -> float:
    """Return the roundest number in between: what a formula would say."""
    middle = float(low + high) / 2
    short = round(middle, 4) + 0.0  # no -0.0
    return short if low <= short <= high else middle


def _piece(function: Function, start: float, end: float, step: float) -> np.ndarray:
    import numpy as np

    x = np.linspace(start, end, max(2, round((end - start) / step) + 1))
    inside = np.clip(x, start + CLEAR, end - CLEAR)
    return np.column_stack([x, *_value_and_slope(function, inside)])
