"""Definitions of the squashing activations in NumPy; `reference_math` says what they promise."""

from __future__ import annotations

import math

import numpy as np

from actzoo.activations.reference_math import Array, exp, logistic


def softsign(x: Array) -> Array:
    """X / (1 + |x|)."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(x), np.sign(x), x / (1.0 + np.abs(x)))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return logistic(x)


def hard_sigmoid(x: Array) -> Array:
    """clip(x / 6 + 1 / 2, 0, 1)."""
    return np.clip(x / 6.0 + 0.5, 0.0, 1.0)


def log_sigmoid(x: Array) -> Array:
    """-ln(1 + exp(-x))."""
    return -np.logaddexp(0.0, -x)


def tanh(x: Array) -> Array:
    """Hyperbolic tangent."""
    return np.tanh(x)


def hard_tanh(x: Array, min_value: float = -1.0, max_value: float = 1.0) -> Array:
    """clip(x, min_value, max_value)."""
    return np.clip(x, min_value, max_value)


def sparse_sigmoid(x: Array) -> Array:
    """clip((x + 1) / 2, 0, 1)."""
    return np.clip(0.5 * (x + 1.0), 0.0, 1.0)


def hard_sigmoid_keras2(x: Array) -> Array:
    """clip(0.2 x + 0.5, 0, 1)."""
    return np.clip(0.2 * x + 0.5, 0.0, 1.0)


def lecun_tanh(x: Array) -> Array:
    """1.7159 tanh(2 x / 3)."""
    return 1.7159 * np.tanh(2.0 * x / 3.0)


def penalized_tanh(x: Array, alpha: float = 0.25) -> Array:
    """Tanh, times alpha where negative."""
    return np.where(x > 0, 1.0, alpha) * np.tanh(x)


def isru(x: Array, alpha: float = 1.0) -> Array:
    """X / sqrt(1 + alpha x^2)."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(x), np.sign(x) / math.sqrt(alpha), x / np.sqrt(1 + alpha * x**2))


def elliott_sigmoid(x: Array) -> Array:
    """(1 + softsign(x)) / 2."""
    return 0.5 * softsign(x) + 0.5


def arctan(x: Array) -> Array:
    """Arcus tangent."""
    return np.arctan(x)


def sigmoid_algebraic(x: Array, alpha: float = 0.5) -> Array:
    """Sigmoid of x (1 + alpha |x|) / (1 + |x| (1 + alpha |x|))."""
    size = np.abs(x) * (1.0 + alpha * np.abs(x))
    with np.errstate(invalid="ignore"):
        return logistic(np.where(np.isinf(x), np.sign(x), np.sign(x) * size / (1.0 + size)))


def sqnl(x: Array) -> Array:
    """X - sign(x) x^2 / 4 up to |x| = 2, the sign beyond."""
    near = np.clip(x, -2.0, 2.0)
    return near - np.sign(near) * near**2 / 4.0


def symlog(x: Array) -> Array:
    """sign(x) ln(1 + |x|)."""
    return np.sign(x) * np.log1p(np.abs(x))


def soft_clipping(x: Array, alpha: float = 0.5) -> Array:
    """ln((1 + exp(alpha x)) / (1 + exp(alpha (x - 1)))) / alpha, from the nearer end."""
    low = np.minimum(x, 1.0 - x)
    part = (np.logaddexp(0, alpha * low) - np.logaddexp(0, alpha * (low - 1.0))) / alpha
    return np.where(x > 0.5, 1.0 - part, part)


def laplace(x: Array, mu: float = 0.707107, sigma: float = 0.282095) -> Array:
    """Normal distribution function of mean mu and deviation sigma."""
    tail = np.vectorize(math.erfc, otypes=[float])
    return 0.5 * tail((mu - x) / (sigma * math.sqrt(2.0)))


def gompertz(x: Array) -> Array:
    """exp(-exp(-x))."""
    return exp(-exp(-x))


def erf(x: Array) -> Array:
    """Error function."""
    return np.vectorize(math.erf, otypes=[float])(x)


def gaussian(x: Array) -> Array:
    """exp(-x^2)."""
    return exp(-(x**2))
