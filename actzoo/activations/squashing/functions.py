"""Activations with bounded values, or that grow like a logarithm.

Each takes a float tensor of any shape and returns one of its shape and dtype.
"""

from __future__ import annotations

import math

from keras import ops

from actzoo.activations.numerics import Tensor, in_float32, sign


def hard_tanh(x: Tensor, *, min_value: float = -1.0, max_value: float = 1.0) -> Tensor:
    """Cut what is beyond two limits.

    Formula: `clip(x, min_value, max_value)`. Keras' function has the limits -1 and 1.

    Args:
        x: Float tensor of any shape.
        min_value: Smallest output.
        max_value: Largest output.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Collobert, 2004, "Large Scale Machine Learning" (PhD thesis).
    """
    return ops.clip(x, min_value, max_value)


def hard_sigmoid_keras2(x: Tensor) -> Tensor:
    """Apply the hard sigmoid of Keras 2.

    Formula: `clip(0.2 x + 0.5, 0, 1)`.

    Reference:
        Keras 2 (`tf_keras.activations.hard_sigmoid`); ONNX `HardSigmoid`.
    """
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


@in_float32
def lecun_tanh(x: Tensor) -> Tensor:
    """Apply the scaled tanh of "Efficient BackProp": variance 1 stays variance 1.

    Formula: `1.7159 tanh(2 x / 3)`.

    Reference:
        LeCun et al., 1998, "Efficient BackProp".
    """
    return 1.7159 * ops.tanh((2.0 / 3.0) * x)


@in_float32
def penalized_tanh(x: Tensor, *, alpha: float = 0.25) -> Tensor:
    """Apply tanh, with the negative side made smaller.

    Formula: `tanh(x) if x > 0, else alpha tanh(x)`.

    Args:
        x: Float tensor.
        alpha: Factor of the negative side.

    Reference:
        Xu et al., 2016, "Revise Saturated Activation Functions", arXiv:1602.05980; Eger et al.,
        2019, arXiv:1901.02671.
    """
    return ops.leaky_relu(ops.tanh(x), negative_slope=alpha)


@in_float32
def isru(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Apply the inverse square root unit.

    Formula: `x / sqrt(1 + alpha x^2)`.

    Args:
        x: Float tensor.
        alpha: Values lie within 1 / sqrt(alpha) of 0; above 0.

    Reference:
        Carlile et al., 2017, "Improving Deep Learning by Inverse Square Root Linear Units",
        arXiv:1710.09967.
    """
    return x * ops.rsqrt(1.0 + alpha * ops.square(x))


@in_float32
def elliott_sigmoid(x: Tensor) -> Tensor:
    """Apply the sigmoid of Elliott, without an exponential.

    Formula: `(1 + x / (1 + |x|)) / 2`.

    Reference:
        Elliott, 1993, "A Better Activation Function for Artificial Neural Networks".
    """
    return 0.5 * ops.softsign(x) + 0.5


@in_float32
def arctan(x: Tensor) -> Tensor:
    """Apply the arcus tangent.

    Formula: `arctan(x)`.
    """
    return ops.arctan(x)


@in_float32
def sigmoid_algebraic(x: Tensor, *, alpha: float = 0.5) -> Tensor:
    """Apply the sigmoid of an algebraic sigmoid.

    Formula: `sigmoid(x (1 + a |x|) / (1 + |x| (1 + a |x|)))`.

    Args:
        x: Float tensor.
        alpha: The a of the formula, above 0.

    Reference:
        Koçak & Üstündağ Şiray, 2021, "New activation functions for single layer feedforward
        neural network", Expert Systems with Applications 164.
    """
    steep = 1.0 + alpha * ops.abs(x)
    return ops.sigmoid(x * steep / (1.0 + ops.abs(x) * steep))


@in_float32
def sqnl(x: Tensor) -> Tensor:
    """Apply the square non-linearity: tanh out of two parabolas.

    Formula: `x - sign(x) x^2 / 4 if |x| <= 2, else sign(x)`.

    Reference:
        Wuraola & Patel, 2018, "SQNL: A New Computationally Efficient Activation Function", IJCNN.
    """
    near = ops.clip(x, -2.0, 2.0)
    return near * (1.0 - 0.25 * ops.abs(near))


@in_float32
def symlog(x: Tensor) -> Tensor:
    """Apply the logarithm on both sides of 0.

    Formula: `sign(x) ln(1 + |x|)`.

    Reference:
        Hafner et al., 2023, "Mastering Diverse Domains through World Models", arXiv:2301.04104.
    """
    side = sign(x)
    return side * ops.log1p(side * x)


@in_float32
def soft_clipping(x: Tensor, *, alpha: float = 0.5) -> Tensor:
    """Apply soft clipping: linear between 0 and 1, bent at both.

    Formula: `ln((1 + exp(a x)) / (1 + exp(a (x - 1)))) / a`.

    Args:
        x: Float tensor.
        alpha: The a of the formula, sharpness of the bends; above 0.

    Reference:
        Klimek & Perelstein, 2018, "Neural Network-Based Approach to Phase Space Integration",
        arXiv:1810.11509.
    """
    # Symmetric about 1/2; on the lower side both terms are small and nothing cancels.
    upper = x > 0.5
    low = ops.where(upper, 1.0 - x, x)
    part = (ops.softplus(alpha * low) - ops.softplus(alpha * (low - 1.0))) * (1.0 / alpha)
    return ops.where(upper, 1.0 - part, part)


@in_float32
def laplace(x: Tensor, *, mu: float = 0.707107, sigma: float = 0.282095) -> Tensor:
    """Apply the normal distribution function that approximates a squared ReLU in [0, 1].

    Formula: `(1 + erf((x - mu) / (sigma sqrt(2)))) / 2`.

    Args:
        x: Float tensor.
        mu: Where it is 1/2.
        sigma: Width of the rise, above 0.

    Reference:
        Ma et al., 2022, "Mega: Moving Average Equipped Gated Attention", arXiv:2209.10655.
    """
    return 0.5 + 0.5 * ops.erf((x - mu) * (math.sqrt(0.5) / sigma))


@in_float32
def gompertz(x: Tensor) -> Tensor:
    """Apply the Gompertz function, the inverse of the log-log link of statistics.

    Formula: `exp(-exp(-x))`.

    Reference:
        Sibi et al., 2013, "Analysis of Different Activation Functions".
    """
    return ops.exp(-ops.exp(-ops.maximum(x, -20.0)))


@in_float32
def erf(x: Tensor) -> Tensor:
    """Apply the error function.

    Formula: `erf(x)`.
    """
    return ops.erf(x)


@in_float32
def gaussian(x: Tensor) -> Tensor:
    """Apply the bell curve: largest at 0.

    Formula: `exp(-x^2)`.
    """
    return ops.exp(-ops.square(ops.clip(x, -20.0, 20.0)))
