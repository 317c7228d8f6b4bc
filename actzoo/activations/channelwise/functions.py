"""Functions of several channels: scores into probabilities, and ReLU of alternating sign."""

from __future__ import annotations

from typing import Any

from keras import ops

from actzoo.activations.numerics import (
    Tensor,
    below_largest,
    in_float32,
    log_softmax_over,
    softmax_over,
)


def softmax(x: Tensor, *, axis: int | tuple[int, ...] = -1) -> Tensor:
    """Turn scores into probabilities that sum to 1.

    Formula: `exp(x_i) / sum_j exp(x_j)`.

    Args:
        x: Float tensor; any shape.
        axis: Axis, or several, over which the values sum to 1 afterwards.

    Returns:
        Tensor of the shape and dtype of `x`.
    """
    if isinstance(axis, tuple):
        return softmax_over(x, axes=axis)
    return ops.softmax(x, axis=axis)


def log_softmax(x: Tensor, *, axis: int | tuple[int, ...] = -1) -> Tensor:
    """Return the logarithm of softmax, without its underflow.

    Formula: `x_i - ln(sum_j exp(x_j))`.

    Args:
        x: Float tensor; any shape.
        axis: Axis, or several, of the values that are one distribution.

    Returns:
        Tensor of the shape and dtype of `x`.
    """
    if isinstance(axis, tuple):
        return log_softmax_over(x, axes=axis)
    return ops.log_softmax(x, axis=axis)


@in_float32
def softmin(x: Tensor, *, axis: int = -1) -> Tensor:
    """Turn costs into probabilities: the smallest gets the largest.

    Formula: `exp(-x_i) / sum_j exp(-x_j)`.

    Args:
        x: Float tensor; any shape.
        axis: Axis whose values sum to 1 afterwards.

    Returns:
        Tensor of the shape and dtype of `x`.
    """
    return ops.softmax(-x, axis=axis)


@in_float32
def softmax_one(x: Tensor, *, axis: int = -1) -> Tensor:
    """Turn scores into probabilities that may all be 0: softmax beside a silent score of 0.

    Formula: `exp(x_i) / (1 + sum_j exp(x_j))`.

    Args:
        x: Float tensor; any shape.
        axis: Axis whose values sum to at most 1 afterwards.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Miller, 2023, "Attention Is Off By One" (blog post).
    """
    # The value does not depend on the shift, so its gradient is 0 and need not be taken.
    shift = ops.relu(ops.max(x, axis=axis, keepdims=True))
    shift = ops.stop_gradient(shift)
    powers = ops.exp(x - shift)
    total = ops.exp(-shift) + ops.sum(powers, axis=axis, keepdims=True)
    return powers / total


@in_float32
def sparsemax(x: Tensor, *, axis: int = -1) -> Tensor:
    """Project scores on the simplex: probabilities that can be exactly 0.

    Formula: `max(x_i - tau, 0)`, with `tau` such that the sum is 1. Keras 3.15's function sums
    over the wrong part of the sorted scores, so that its rows do not sum to 1.

    Args:
        x: Float tensor; any shape.
        axis: Axis whose values sum to 1 afterwards.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Martins & Astudillo, 2016, "From Softmax to Sparsemax", arXiv:1602.02068.
    """
    z = below_largest(ops.moveaxis(x, axis, -1))
    falling, rank = _ranked(z)
    inside = 1.0 + rank * falling > ops.cumsum(falling, axis=-1)
    kept = ops.where(inside, falling, ops.zeros_like(falling))
    count = ops.sum(ops.cast(inside, z.dtype), axis=-1, keepdims=True)
    tau = (ops.sum(kept, axis=-1, keepdims=True) - 1.0) / count
    return ops.moveaxis(ops.relu(z - tau), -1, axis)


@in_float32
def entmax15(x: Tensor, *, axis: int = -1) -> Tensor:
    """Turn scores into probabilities halfway between softmax and sparsemax.

    Formula: `max(x_i / 2 - tau, 0)^2`, with `tau` such that the sum is 1: the 1.5-entmax. Small
    ones are exactly 0, and unlike sparsemax's the slope does not jump where they become so.

    Args:
        x: Float tensor; any shape.
        axis: Axis whose values sum to 1 afterwards.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Peters, Niculae & Martins, 2019, "Sparse Sequence-to-Sequence Models", arXiv:1905.05702.
    """
    z = 0.5 * below_largest(ops.moveaxis(x, axis, -1))
    falling, rank = _ranked(z)
    mean = ops.cumsum(falling, axis=-1) / rank
    spread = ops.cumsum(ops.square(falling), axis=-1) / rank - ops.square(mean)
    # The threshold, were the support the first 1, 2, 3 ... of the sorted scores.
    candidates = mean - ops.sqrt(ops.relu(1.0 / rank - spread))
    inside = ops.cast(candidates <= falling, z.dtype)
    last = rank == ops.sum(inside, axis=-1, keepdims=True)
    tau = ops.sum(ops.where(last, candidates, ops.zeros_like(z)), axis=-1, keepdims=True)
    # One step of Newton's method takes off what the sums have rounded, and its derivative with
    # respect to z is that of the exact threshold; that of the search above is not needed.
    above = ops.relu(z - ops.stop_gradient(tau))
    slope = ops.stop_gradient(2.0 * ops.sum(above, axis=-1, keepdims=True))
    excess = ops.sum(ops.square(above), axis=-1, keepdims=True) - 1.0
    tau = ops.stop_gradient(tau) + excess / slope
    return ops.moveaxis(ops.square(ops.relu(z - tau)), -1, axis)


def _ranked(z: Tensor) -> tuple[Any, Any]:
    """Return shifted scores from the largest down, cut at -2 (none below counts), and ranks."""
    falling = -ops.sort(-ops.maximum(z, -2.0), axis=-1)
    return falling, ops.arange(1, ops.shape(z)[-1] + 1, dtype=z.dtype)


def bipolar_relu(x: Tensor, *, axis: int = -1) -> Tensor:
    """Apply ReLU to every other channel and its mirror image to those between.

    Formula: `max(x, 0)` in channels 0, 2, 4 ..., `min(x, 0)` in channels 1, 3, 5 ... The mean
    over the channels stays near 0. The gradient at 0 is 0.

    Args:
        x: Float tensor; any shape.
        axis: Axis of the channels.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Eidnes & Nøkland, 2017, "Shifting Mean Activation Toward Zero with Bipolar Activation
        Functions", arXiv:1709.04054.
    """
    shape = [1] * len(x.shape)
    shape[axis] = -1
    is_odd = ops.arange(ops.shape(x)[axis], dtype="int32") % 2
    side = ops.reshape(ops.cast(1 - 2 * is_odd, x.dtype), shape)
    return side * ops.relu(side * x)
