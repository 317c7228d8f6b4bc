"""Definitions of the rectified activations in NumPy; `reference_math` says what they promise."""

from __future__ import annotations

import math

import numpy as np

from actzoo.activations.reference_math import Array, times


def linear(x: Array) -> Array:
    """The input itself."""
    return x + 0.0


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0.0)


def relu6(x: Array) -> Array:
    """min(max(x, 0), 6)."""
    return np.clip(x, 0.0, 6.0)


def relu_n(
    x: Array,
    max_value: float | None = 1.0,
    negative_slope: float = 0.0,
    threshold: float = 0.0,
) -> Array:
    """X above the threshold, up to max_value; a line of another slope elsewhere."""
    top = math.inf if max_value is None else max_value
    below = times(x - threshold, np.full_like(x, negative_slope))
    return np.where(x > threshold, np.minimum(x, top), below)


def thresholded_relu(x: Array, threshold: float = 1.0) -> Array:
    """X above the threshold, 0 elsewhere."""
    return np.where(x <= threshold, 0.0, x)


def threshold(x: Array, threshold: float = 0.5, value: float = 0.0) -> Array:
    """X above the threshold, `value` elsewhere."""
    return np.where(x <= threshold, value, x)


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """X where positive, negative_slope * x elsewhere."""
    return np.where(x >= 0, x, times(x, np.full_like(x, negative_slope)))


def plu(x: Array, alpha: float = 0.1, c: float = 1.0) -> Array:
    """max(alpha (x + c) - c, min(alpha (x - c) + c, x))."""
    return np.maximum(alpha * (x + c) - c, np.minimum(alpha * (x - c) + c, x))


def relu_squared(x: Array) -> Array:
    """max(x, 0)^2."""
    return np.maximum(x, 0.0) ** 2


def relu_absolute(x: Array) -> Array:
    """|x|."""
    return np.abs(x)


def nlrelu(x: Array, beta: float = 1.0) -> Array:
    """ln(1 + beta max(x, 0))."""
    return np.log1p(beta * np.maximum(x, 0.0))


def sine_relu(x: Array, epsilon: float = 0.0025) -> Array:
    """X where positive, epsilon (sin x - cos x) elsewhere."""
    with np.errstate(invalid="ignore"):
        return np.where(x > 0, x, epsilon * (np.sin(x) - np.cos(x)))
