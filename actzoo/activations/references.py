"""What each activation is, in NumPy and float64.

These are the definitions that everything else is held against: Keras' functions, our own, the
device forms and the exported files. They are written for being right over the whole range, not
for speed, and share no code with what they judge. Each takes an array of any shape.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray


def _exp(x: Array) -> Array:
    with np.errstate(over="ignore", under="ignore"):
        return np.exp(x)


def _sigmoid(x: Array) -> Array:
    small = _exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _times(x: Array, gate: Array) -> Array:
    """Multiply, where a gate of 0 wins over an infinite x, as in the limit."""
    with np.errstate(invalid="ignore"):
        return np.where((gate == 0) & ~np.isnan(x), 0.0, x * gate)


def linear(x: Array) -> Array:
    """The input itself."""
    return x + 0.0


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0.0)


def relu6(x: Array) -> Array:
    """min(max(x, 0), 6)."""
    return np.clip(x, 0.0, 6.0)


def relu_n(x: Array, max_value: float = 1.0) -> Array:
    """min(max(x, 0), max_value)."""
    return np.clip(x, 0.0, max_value)


def thresholded_relu(x: Array, threshold: float = 1.0) -> Array:
    """X above the threshold, 0 elsewhere."""
    return np.where(x <= threshold, 0.0, x)


def threshold(x: Array, threshold: float = 0.5, value: float = 0.0) -> Array:
    """X above the threshold, `value` elsewhere."""
    return np.where(x <= threshold, value, x)


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """X where positive, negative_slope * x elsewhere."""
    return np.where(x >= 0, x, _times(x, np.full_like(x, negative_slope)))


def prelu(x: Array, negative_slope: float = 0.25) -> Array:
    """Leaky ReLU with the slope that training starts from."""
    return leaky_relu(x, negative_slope)


def rrelu(x: Array, lower: float = 1 / 8, upper: float = 1 / 3, seed: Any = None) -> Array:
    """Leaky ReLU with the mean slope, as at inference."""
    return leaky_relu(x, (lower + upper) / 2)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """X where positive, alpha * (exp(x) - 1) elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def selu(x: Array) -> Array:
    """Scaled ELU with the constants of the paper."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def celu(x: Array, alpha: float = 1.0) -> Array:
    """X where positive, alpha * (exp(x / alpha) - 1) elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0) / alpha))


def exponential(x: Array) -> Array:
    """exp(x)."""
    return _exp(x)


def gelu(x: Array) -> Array:
    """X times the normal distribution function, x / 2 * erfc(-x / sqrt(2))."""
    tail = np.vectorize(math.erfc, otypes=[float])
    return _times(x, 0.5 * tail(-x / math.sqrt(2.0)))


def gelu_tanh(x: Array) -> Array:
    """Half of x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))."""
    near = np.clip(x, -1e3, 1e3)  # far beyond where tanh is 1
    inner = math.sqrt(2.0 / math.pi) * (near + 0.044715 * near**3)
    return _times(x, _sigmoid(2.0 * inner))


def silu(x: Array) -> Array:
    """X * sigmoid(x)."""
    return _times(x, _sigmoid(x))


def hard_silu(x: Array) -> Array:
    """X * clip(x + 3, 0, 6) / 6."""
    return _times(x, np.clip(x + 3.0, 0.0, 6.0) / 6.0)


def mish(x: Array) -> Array:
    """X * tanh(softplus(x))."""
    return _times(x, np.tanh(softplus(x)))


def softplus(x: Array) -> Array:
    """ln(1 + exp(x))."""
    return np.logaddexp(0.0, x)


def squareplus(x: Array, b: float = 4.0) -> Array:
    """(x + sqrt(x^2 + b)) / 2."""
    size = np.abs(x)
    with np.errstate(invalid="ignore", over="ignore"):
        rest = 0.5 * b / (size + np.hypot(x, math.sqrt(b))) if b > 0 else np.zeros_like(x)
    return np.where(np.isnan(x), x, np.maximum(x, 0.0) + rest)


def softsign(x: Array) -> Array:
    """X / (1 + |x|)."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(x), np.sign(x), x / (1.0 + np.abs(x)))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return _sigmoid(x)


def hard_sigmoid(x: Array) -> Array:
    """clip(x / 6 + 1 / 2, 0, 1)."""
    return np.clip(x / 6.0 + 0.5, 0.0, 1.0)


def log_sigmoid(x: Array) -> Array:
    """-ln(1 + exp(-x))."""
    return -np.logaddexp(0.0, -x)


def tanh(x: Array) -> Array:
    """Hyperbolic tangent."""
    return np.tanh(x)


def hard_tanh(x: Array) -> Array:
    """clip(x, -1, 1)."""
    return np.clip(x, -1.0, 1.0)


def tanh_shrink(x: Array) -> Array:
    """X - tanh(x)."""
    return x - np.tanh(x)


def soft_shrink(x: Array, threshold: float = 0.5) -> Array:
    """sign(x) * max(|x| - threshold, 0)."""
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0)


def hard_shrink(x: Array, threshold: float = 0.5) -> Array:
    """X where |x| is above the threshold, 0 elsewhere."""
    return np.where(np.abs(x) <= threshold, 0.0, x)


def sparse_plus(x: Array) -> Array:
    """0 up to -1, (x + 1)^2 / 4 up to 1, x above."""
    with np.errstate(over="ignore"):
        middle = 0.25 * (np.clip(x, -1.0, 1.0) + 1.0) ** 2
    return np.where(x >= 1.0, x, middle)


def sparse_sigmoid(x: Array) -> Array:
    """clip((x + 1) / 2, 0, 1)."""
    return np.clip(0.5 * (x + 1.0), 0.0, 1.0)


def glu(x: Array, axis: int = -1) -> Array:
    """First half of the channels times the sigmoid of the second."""
    value, gate = np.split(x, 2, axis=axis)
    return _times(value, _sigmoid(gate))


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x_i) over the sum of all."""
    powers = _exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """Logarithm of softmax."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(_exp(shifted).sum(axis=axis, keepdims=True))


def sparsemax(x: Array, axis: int = -1) -> Array:
    """Projection on the simplex: the tau with sum(max(x - tau, 0)) = 1, found by bisection."""
    high = x.max(axis=axis, keepdims=True)
    low = high - 1.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        above = np.maximum(x - middle, 0.0).sum(axis=axis, keepdims=True) >= 1.0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - 0.5 * (low + high), 0.0)
