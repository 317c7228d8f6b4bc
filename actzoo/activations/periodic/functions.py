"""Activations that swing.

Each takes a float tensor of any shape and returns one of its shape and dtype.
"""

from __future__ import annotations

from keras import ops

from actzoo.activations.numerics import Tensor, in_float32


@in_float32
def sine(x: Tensor, *, w0: float = 1.0) -> Tensor:
    """Apply the sine, as in implicit neural representations.

    Formula: `sin(w0 x)`.

    Args:
        x: Float tensor.
        w0: Frequency; the paper takes 30 in the first layer.

    Reference:
        Sitzmann et al., 2020, "Implicit Neural Representations with Periodic Activation
        Functions", arXiv:2006.09661.
    """
    return ops.sin(w0 * x)


@in_float32
def snake(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Apply Snake: the identity with a wave on it, for periodic signals.

    Formula: `x + sin(alpha x)^2 / alpha`.

    Args:
        x: Float tensor.
        alpha: Frequency, above 0.

    Reference:
        Ziyin et al., 2020, "Neural Networks Fail to Learn Periodic Functions and How to Fix It",
        arXiv:2006.08195.
    """
    return x + ops.square(ops.sin(alpha * x)) * (1.0 / alpha)


@in_float32
def gcu(x: Tensor) -> Tensor:
    """Apply the growing cosine unit.

    Formula: `x cos(x)`.

    Reference:
        Noel et al., 2021, "Growing Cosine Unit", arXiv:2108.12943.
    """
    return x * ops.cos(x)


@in_float32
def asu(x: Tensor) -> Tensor:
    """Apply the amplifying sine unit.

    Formula: `x sin(x)`.

    Reference:
        Rahman et al., 2023, "Amplifying Sine Unit", arXiv:2304.09759.
    """
    return x * ops.sin(x)
