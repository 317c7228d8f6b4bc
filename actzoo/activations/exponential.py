"""Activations that saturate below like an exponential."""

from __future__ import annotations

from typing import Any

import keras


def celu(x: Any, *, alpha: float = 1.0) -> Any:
    """Apply the continuously differentiable ELU.

    Formula: `max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`. Written as a scaled ELU: the sum
    of Keras' form has the gradient of both halves at 0, which makes it 2 instead of 1.

    Args:
        x: Float tensor of any shape.
        alpha: `-alpha` is the lowest value; above 0.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Barron, 2017, "Continuously Differentiable Exponential Linear Units", arXiv:1704.07483.
    """
    return keras.ops.elu(x) if alpha == 1.0 else alpha * keras.ops.elu(x * (1.0 / alpha))
