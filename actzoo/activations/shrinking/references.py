"""Definitions of the shrinking activations in NumPy; `reference_math` says what they promise."""

from __future__ import annotations

import numpy as np

from actzoo.activations.reference_math import Array


def tanh_shrink(x: Array) -> Array:
    """X - tanh(x)."""
    return x - np.tanh(x)


def soft_shrink(x: Array, threshold: float = 0.5) -> Array:
    """sign(x) * max(|x| - threshold, 0)."""
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0)


def hard_shrink(x: Array, threshold: float = 0.5) -> Array:
    """X where |x| is above the threshold, 0 elsewhere."""
    return np.where(np.abs(x) <= threshold, 0.0, x)
