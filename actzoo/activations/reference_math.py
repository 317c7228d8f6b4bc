"""What the definitions of several families share, in NumPy and float64.

The definitions (`references.py` of each family) are what everything else is held against: Keras'
functions, our own, the device forms and the exported files. They are written for being right over
the whole range, not for speed, and share no code with what they judge. Each takes an array and
every parameter of its row, learned ones as training starts, and computes what comes out at
inference.
"""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray


def exp(x: Array) -> Array:
    """Return the exponential, infinite or 0 where float64 ends."""
    with np.errstate(over="ignore", under="ignore"):
        return np.exp(x)


def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    small = exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def times(x: Array, gate: Array) -> Array:
    """Multiply, where a gate of 0 wins over an infinite x, as in the limit."""
    with np.errstate(invalid="ignore"):
        return np.where((gate == 0) & ~np.isnan(x), 0.0, x * gate)


def gated_arctan(x: Array, alpha: float) -> Array:
    """X times a gate from -alpha to 1 + alpha; arctan of 1 / x keeps its digits below 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.arctan(-1.0 / np.minimum(x, 0.0)) / math.pi
        gate = np.where(x < 0, low, np.arctan(x) / math.pi + 0.5)
        y = x * (gate * (1.0 + 2.0 * alpha) - alpha)
    return np.where(np.isneginf(x) & (alpha == 0), -1.0 / math.pi, y)
