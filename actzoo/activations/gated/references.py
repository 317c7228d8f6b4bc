"""Definitions of the gated activations in NumPy; `reference_math` says what they promise."""

from __future__ import annotations

import math

import numpy as np

from actzoo.activations.reference_math import Array, logistic, times


def glu(x: Array, axis: int = -1) -> Array:
    """First half of the channels times the sigmoid of the second."""
    value, gate = np.split(x, 2, axis=axis)
    return times(value, logistic(gate))


def gtu(x: Array, axis: int = -1) -> Array:
    """Tanh of the first half of the channels times the sigmoid of the second."""
    value, gate = np.split(x, 2, axis=axis)
    return np.tanh(value) * logistic(gate)


def geglu(x: Array, axis: int = -1) -> Array:
    """First half of the channels times the exact GELU of the second."""
    value, gate = np.split(x, 2, axis=axis)
    tail = np.vectorize(math.erfc, otypes=[float])
    return times(value, times(gate, 0.5 * tail(-gate / math.sqrt(2.0))))


def swiglu(x: Array, axis: int = -1) -> Array:
    """First half of the channels times the SiLU of the second."""
    value, gate = np.split(x, 2, axis=axis)
    return times(value, times(gate, logistic(gate)))


def reglu(x: Array, axis: int = -1) -> Array:
    """First half of the channels times the ReLU of the second."""
    value, gate = np.split(x, 2, axis=axis)
    return times(value, np.maximum(gate, 0.0))


def bilinear_glu(x: Array, axis: int = -1) -> Array:
    """Product of the two halves of the channels."""
    value, gate = np.split(x, 2, axis=axis)
    return value * gate
