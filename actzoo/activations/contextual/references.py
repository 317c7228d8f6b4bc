"""Definitions of the contextual activations in NumPy; `reference_math` says what they promise."""

from __future__ import annotations

import math

import numpy as np

from actzoo.activations.reference_math import Array, logistic, times


def dice(x: Array, alpha: float = 0.0, momentum: float = 0.9, epsilon: float = 1e-8) -> Array:
    """P x + (1 - p) alpha x, p = sigmoid(x / sqrt(1 + epsilon)): moving mean 0, variance 1."""
    share = logistic(x / math.sqrt(1.0 + epsilon))
    return times(x, share) + times(alpha * x, 1.0 - share)


def evo_norm_b0(x: Array, momentum: float = 0.9, epsilon: float = 1e-3) -> Array:
    """X / max(sqrt(1 + epsilon), x + sqrt(variance of the image + epsilon))."""
    deviation = x - x.mean(axis=(1, 2), keepdims=True)
    of_image = np.sqrt((deviation**2).mean(axis=(1, 2), keepdims=True) + epsilon)
    return x / np.maximum(math.sqrt(1.0 + epsilon), x + of_image)


def funnel_relu(x: Array, kernel_size: int = 3) -> Array:
    """max(x, mean of the window / sqrt(1.001)); outside the image is 0."""
    reach = kernel_size // 2
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    height, width = x.shape[1:3]
    window = sum(
        padded[:, row : row + height, column : column + width]
        for row in range(kernel_size)
        for column in range(kernel_size)
    )
    return np.maximum(x, window / kernel_size**2 / math.sqrt(1.0 + 1e-3))


def dy_relu(x: Array, reduction: int = 8, per: str = "channel") -> Array:
    """The larger of x and 0: the two lines that training starts from."""
    return np.maximum(x, 0.0)


def meta_acon(x: Array, p1: float = 1.0, p2: float = 0.0, reduction: int = 16) -> Array:
    """(p1 - p2) x sigmoid((p1 - p2) x / 2) + p2 x."""
    scaled = (p1 - p2) * x
    return times(scaled, logistic(0.5 * scaled)) + p2 * x
