"""Activations that saturate below like an exponential."""

from __future__ import annotations

from keras import ops

from actzoo.activations.numerics import Tensor, in_float32, negative_part, sign


def celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
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
    return ops.elu(x) if alpha == 1.0 else alpha * ops.elu(x * (1.0 / alpha))


@in_float32
def elu_plus_one(x: Tensor) -> Tensor:
    """Apply ELU plus one, positive everywhere: the feature map of linear attention.

    Formula: `x + 1 if x > 0, else exp(x)`; as a sum it would round to 0 from x = -17 on.

    Args:
        x: Float tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Katharopoulos et al., 2020, "Transformers are RNNs", arXiv:2006.16236.
    """
    return ops.where(x > 0, x + 1.0, ops.exp(negative_part(x)))


@in_float32
def elish(x: Tensor) -> Tensor:
    """Apply ELU times the sigmoid.

    Formula: `x sigmoid(x) if x >= 0, else (exp(x) - 1) sigmoid(x)`.

    Args:
        x: Float tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Basirat & Roth, 2018, "The Quest for the Golden Activation Function", arXiv:1808.00783.
    """
    return ops.elu(x) * ops.sigmoid(ops.minimum(x, 30.0))


@in_float32
def hard_elish(x: Tensor) -> Tensor:
    """Apply ELU times a sigmoid out of straight pieces.

    Formula: `elu(x) * clip((x + 1) / 2, 0, 1)`.

    Args:
        x: Float tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Basirat & Roth, 2018, "The Quest for the Golden Activation Function", arXiv:1808.00783.
    """
    return ops.elu(x) * (0.5 * ops.clip(x, -1.0, 1.0) + 0.5)


@in_float32
def symexp(x: Tensor) -> Tensor:
    """Apply the inverse of symlog.

    Formula: `sign(x) (exp(|x|) - 1)`.

    Args:
        x: Float tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`; infinite in float32 beyond |x| = 88.7.

    Reference:
        Hafner et al., 2023, "Mastering Diverse Domains through World Models", arXiv:2301.04104.
    """
    side = sign(x)
    return side * ops.expm1(side * x)
