"""Definitions of the periodic activations in NumPy; `reference_math` says what they promise."""

from __future__ import annotations

import numpy as np

from actzoo.activations.reference_math import Array


def sine(x: Array, w0: float = 1.0) -> Array:
    """sin(w0 x)."""
    with np.errstate(invalid="ignore"):
        return np.sin(w0 * x)


def snake(x: Array, alpha: float = 1.0) -> Array:
    """X + sin(alpha x)^2 / alpha."""
    with np.errstate(invalid="ignore"):
        return x + np.sin(alpha * x) ** 2 / alpha


def gcu(x: Array) -> Array:
    """X cos(x)."""
    with np.errstate(invalid="ignore"):
        return x * np.cos(x)


def asu(x: Array) -> Array:
    """X sin(x)."""
    with np.errstate(invalid="ignore"):
        return x * np.sin(x)
