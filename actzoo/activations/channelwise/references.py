"""Definitions of the channelwise activations in NumPy; `reference_math` says what they promise."""

from __future__ import annotations

import math

import numpy as np

from actzoo.activations.reference_math import Array, exp


def softmax(x: Array, axis: int | tuple[int, ...] = -1) -> Array:
    """exp(x_i) over the sum of all."""
    powers = exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int | tuple[int, ...] = -1) -> Array:
    """Logarithm of softmax."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(exp(shifted).sum(axis=axis, keepdims=True))


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
    x: Array, tau: float = 1.0, hard: bool = False, axis: int = -1, seed: int | None = None
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
