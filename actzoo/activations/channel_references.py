"""What the activations that look at more than one value are, in NumPy and float64.

The counterpart of `references`: definitions in the state that training starts from and in
inference mode, written for being right, not for speed, and sharing no code with the layers. Each
takes `(batch, ..., channels)`; parameters that make no difference at the start are ignored.
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


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x_i) over the sum of all."""
    powers = _exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """Logarithm of softmax."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(_exp(shifted).sum(axis=axis, keepdims=True))


def softmin(x: Array, axis: int = -1) -> Array:
    """Softmax of -x."""
    return softmax(-x, axis)


def softmax_one(x: Array, axis: int = -1) -> Array:
    """Softmax beside a score of 0, which is left out of what is given."""
    zeros = np.zeros_like(np.take(x, [0], axis=axis))
    together = softmax(np.concatenate([x, zeros], axis=axis), axis)
    return np.take(together, range(x.shape[axis]), axis=axis)


def _bisected(x: Array, axis: int, power: int) -> Array:
    """max(x - tau, 0)^power with the tau for which the sum is 1."""
    high = x.max(axis=axis, keepdims=True)
    low = high - 1.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        above = (np.maximum(x - middle, 0.0) ** power).sum(axis=axis, keepdims=True) >= 1.0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - 0.5 * (low + high), 0.0) ** power


def sparsemax(x: Array, axis: int = -1) -> Array:
    """Projection on the simplex: the tau with sum(max(x - tau, 0)) = 1, found by bisection."""
    return _bisected(x, axis, 1)


def entmax15(x: Array, axis: int = -1) -> Array:
    """max(x / 2 - tau, 0)^2, with the tau for which the sum is 1, found by bisection."""
    return _bisected(x / 2.0, axis, 2)


def gumbel_softmax(
    x: Array, tau: float = 1.0, hard: bool = False, axis: int = -1, seed: Any = None
) -> Array:
    """Softmax of x / tau, as at inference; one-hot where hard."""
    soft = softmax(x / tau, axis)
    if not hard:
        return soft
    rank = np.arange(x.shape[axis])
    best = np.expand_dims(soft.argmax(axis=axis), axis)
    return (rank.reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)]) == best) * 1.0


def maxout(x: Array, pool_size: int = 2, axis: int = -1) -> Array:
    """Largest of `pool_size` equal parts of the channels, place by place."""
    return np.max(np.split(x, pool_size, axis=axis), axis=0)


def crelu(x: Array, axis: int = -1) -> Array:
    """max(x, 0), then max(-x, 0)."""
    return np.concatenate([np.maximum(x, 0.0), np.maximum(-x, 0.0)], axis=axis)


def concat_elu(x: Array, axis: int = -1) -> Array:
    """ELU of x, then of -x."""
    both = np.concatenate([x, -x], axis=axis)
    return np.where(both > 0, both, np.expm1(np.minimum(both, 0.0)))


def bipolar_relu(x: Array, axis: int = -1) -> Array:
    """max(x, 0) in even channels, min(x, 0) in odd ones."""
    y = np.moveaxis(x, axis, -1).copy()
    y[..., 0::2] = np.maximum(y[..., 0::2], 0.0)
    y[..., 1::2] = np.minimum(y[..., 1::2], 0.0)
    return np.moveaxis(y, -1, axis)


def maxmin(x: Array, axis: int = -1) -> Array:
    """Each pair of neighboring channels, the larger first."""
    z = np.moveaxis(x, axis, -1)
    pairs = np.sort(z.reshape(*z.shape[:-1], -1, 2), axis=-1)[..., ::-1]
    return np.moveaxis(pairs.reshape(z.shape), -1, axis)


def k_winners(x: Array, ratio: float = 0.2, across: str = "sample") -> Array:
    """The values that are at least the k-th largest, 0 elsewhere."""
    rivals = x.reshape(len(x), -1) if across == "sample" else x
    k = max(1, math.floor(ratio * rivals.shape[-1] + 1e-9))
    least = np.sort(rivals, axis=-1)[..., -k]
    least = least.reshape(*least.shape, *[1] * (x.ndim - least.ndim))
    return np.where(x >= least, x, 0.0)


def glu(x: Array, axis: int = -1) -> Array:
    """First half of the channels times the sigmoid of the second."""
    value, gate = np.split(x, 2, axis=axis)
    return _times(value, _sigmoid(gate))


def gtu(x: Array, axis: int = -1) -> Array:
    """Tanh of the first half of the channels times the sigmoid of the second."""
    value, gate = np.split(x, 2, axis=axis)
    return np.tanh(value) * _sigmoid(gate)


def geglu(x: Array, axis: int = -1) -> Array:
    """First half of the channels times the exact GELU of the second."""
    value, gate = np.split(x, 2, axis=axis)
    tail = np.vectorize(math.erfc, otypes=[float])
    return _times(value, _times(gate, 0.5 * tail(-gate / math.sqrt(2.0))))


def swiglu(x: Array, axis: int = -1) -> Array:
    """First half of the channels times the SiLU of the second."""
    value, gate = np.split(x, 2, axis=axis)
    return _times(value, _times(gate, _sigmoid(gate)))


def reglu(x: Array, axis: int = -1) -> Array:
    """First half of the channels times the ReLU of the second."""
    value, gate = np.split(x, 2, axis=axis)
    return _times(value, np.maximum(gate, 0.0))


def bilinear_glu(x: Array, axis: int = -1) -> Array:
    """Product of the two halves of the channels."""
    value, gate = np.split(x, 2, axis=axis)
    return value * gate


def dice(x: Array, alpha: float = 0.0, momentum: float = 0.9, epsilon: float = 1e-8) -> Array:
    """P x + (1 - p) alpha x, p = sigmoid(x / sqrt(1 + epsilon)): moving mean 0, variance 1."""
    share = _sigmoid(x / math.sqrt(1.0 + epsilon))
    return _times(x, share) + _times(alpha * x, 1.0 - share)


def evo_norm_b0(x: Array, momentum: float = 0.9, epsilon: float = 1e-3) -> Array:
    """X / max(sqrt(1 + epsilon), x + sqrt(variance of the image + epsilon))."""
    deviation = x - x.mean(axis=(1, 2), keepdims=True)
    of_image = np.sqrt((deviation**2).mean(axis=(1, 2), keepdims=True) + epsilon)
    return x / np.maximum(math.sqrt(1.0 + epsilon), x + of_image)


def funnel_relu(x: Array, kernel_size: int = 3) -> Array:
    """max(x, mean of the window / sqrt(1.001)); outside of the image is 0."""
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
    return _times(scaled, _sigmoid(0.5 * scaled)) + p2 * x
