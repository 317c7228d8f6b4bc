"""Activations that pull small inputs to 0. NaN passes through, which Keras' forms swallow."""

from __future__ import annotations

from keras import ops

from actzoo.activations.numerics import Tensor


def soft_shrink(x: Tensor, *, threshold: float = 0.5) -> Tensor:
    """Pull toward 0 by a fixed amount.

    Formula: `sign(x) * max(|x| - threshold, 0)`, here as `x - clip(x, -threshold, threshold)`.

    Args:
        x: Float tensor of any shape.
        threshold: Half width of the flat part, at least 0.

    Returns:
        Tensor of the shape and dtype of `x`.
    """
    return x - ops.clip(x, -threshold, threshold)


def hard_shrink(x: Tensor, *, threshold: float = 0.5) -> Tensor:
    """Put small inputs to 0 and leave the others as they are.

    Formula: `x if |x| > threshold, else 0`.

    Args:
        x: Float tensor of any shape.
        threshold: Half width of the flat part, at least 0.

    Returns:
        Tensor of the shape and dtype of `x`.
    """
    return ops.where(ops.abs(x) <= threshold, ops.zeros_like(x), x)
