"""ReLU and its kin, as far as they are not Keras' own.

Comparisons are written so that NaN fails them and passes through: a number in its place would hide
that training has failed.
"""

from __future__ import annotations

from keras import ops

from actzoo.activations.numerics import Tensor, in_float32


def threshold(x: Tensor, *, threshold: float = 0.5, value: float = 0.0) -> Tensor:
    """Pass what is above a threshold and put a fixed value elsewhere.

    Formula: `x if x > threshold, else value`.

    Args:
        x: Float tensor of any shape.
        threshold: Where the jump is.
        value: Output up to there.

    Returns:
        Tensor of the shape and dtype of `x`.
    """
    return ops.where(x <= threshold, ops.cast(value, x.dtype), x)


def thresholded_relu(x: Tensor, *, threshold: float = 1.0) -> Tensor:
    """Pass what is above a threshold, 0 elsewhere.

    Formula: `x if x > threshold, else 0`.

    Args:
        x: Float tensor of any shape.
        threshold: Where the jump is, at least 0.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Konda et al., 2014, "Zero-bias autoencoders and the benefits of co-adapting features",
        arXiv:1402.3337.
    """
    return ops.where(x <= threshold, ops.zeros_like(x), x)


def plu(x: Tensor, *, alpha: float = 0.1, c: float = 1.0) -> Tensor:
    """Apply the piecewise linear unit: the identity near 0, a small slope beyond.

    Formula: `max(alpha (x + c) - c, min(alpha (x - c) + c, x))`.

    Args:
        x: Float tensor of any shape.
        alpha: Slope beyond `c`, from 0 to 1.
        c: Half width of the steep part.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Nicolae, 2018, "PLU: The Piecewise Linear Unit Activation Function", arXiv:1809.09534.
    """
    return alpha * x + (1.0 - alpha) * ops.clip(x, -c, c)


def relu_squared(x: Tensor) -> Tensor:
    """Apply the square of ReLU.

    Args:
        x: Float tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        So et al., 2021, "Primer", arXiv:2109.08668.
    """
    return ops.square(ops.relu(x))


def relu_absolute(x: Tensor) -> Tensor:
    """Return |x|.

    Args:
        x: Float tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Vallés-Pérez et al., 2023, "Empirical study of the modulus as activation function",
        arXiv:2301.05993.
    """
    return ops.abs(x)


@in_float32
def nlrelu(x: Tensor, *, beta: float = 1.0) -> Tensor:
    """Apply the logarithm of one plus ReLU.

    Formula: `ln(1 + beta max(x, 0))`.

    Args:
        x: Float tensor of any shape.
        beta: Slope at 0, above 0.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Liu et al., 2019, "Natural-Logarithm-Rectified Activation Function", arXiv:1908.03682.
    """
    return ops.log1p(beta * ops.relu(x))


@in_float32
def sine_relu(x: Tensor, *, epsilon: float = 0.0025) -> Tensor:
    """Pass positive inputs and put a small wave in the place of the others.

    Formula: `x if x > 0, else epsilon (sin x - cos x)`.

    Args:
        x: Float tensor of any shape.
        epsilon: Size of the wave.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Rodrigues, 2018, "SineReLU" (blog post; keras-contrib).
    """
    return ops.where(x > 0, x, epsilon * (ops.sin(x) - ops.cos(x)))
