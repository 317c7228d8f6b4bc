"""Smooth replacements for ReLU; most weigh the input by a gate made of the input itself.

Each takes a float tensor of any shape and returns one of its shape and dtype. Clips at 30 and -20
change no value: the gate behind them is constant to the last bit there, and its gradient would
become 0 * inf.
"""

from __future__ import annotations

import math

from keras import ops

from actzoo.activations.numerics import Tensor, in_float32, with_gradient

_SLOPE = math.sqrt(2.0 / math.pi)


def _gelu_tanh_slope(x: Tensor) -> Tensor:
    square = ops.square(x)
    gate = ops.sigmoid((2.0 * _SLOPE) * x * (1.0 + 0.044715 * square))
    steep = x * (2.0 * _SLOPE) * (1.0 + (3.0 * 0.044715) * square)
    return gate + gate * (1.0 - gate) * steep


@in_float32
@with_gradient(_gelu_tanh_slope)
def gelu_tanh(x: Tensor) -> Tensor:
    """Apply GELU by the tanh approximation of its paper.

    Formula: `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`.

    Reference:
        Hendrycks & Gimpel, 2016, "Gaussian Error Linear Units (GELUs)", arXiv:1606.08415.
    """
    return ops.gelu(x, approximate=True)


def _squareplus_slope(x: Tensor, b: float = 4.0) -> Tensor:
    near = ops.clip(x, -1e18, 1e18)  # the square would overflow
    return 0.5 + 0.5 * near * ops.rsqrt(ops.square(near) + b)


@in_float32
def softplus(x: Tensor, *, beta: float = 1.0, linear_above: float | None = None) -> Tensor:
    """Apply the smooth ReLU of a chosen steepness.

    Formula: `ln(1 + exp(beta x)) / beta`; `x` where `beta x > linear_above`. Keras' function has
    `beta = 1` and no such place.

    Args:
        x: Float tensor of any shape.
        beta: Steepness of the bend, above 0.
        linear_above: From which value of `beta x` on it is x itself, as in PyTorch; None for never.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Dugas et al., 2001, "Incorporating Second-Order Functional Knowledge for Better Option
        Pricing", NIPS.
    """
    y = ops.softplus(beta * x) / beta
    return y if linear_above is None else ops.where(beta * x > linear_above, x, y)


@in_float32
@with_gradient(_squareplus_slope)
def squareplus(x: Tensor, *, b: float = 4.0) -> Tensor:
    """Apply squareplus, a hyperbola that approaches ReLU on both sides.

    Formula: `(x + sqrt(x^2 + b)) / 2`; below 0 computed as `b / 2 / (sqrt(x^2 + b) - x)`, in which
    nothing cancels: as written it has no digits left from x = -1e4 on.

    Args:
        x: Float tensor.
        b: Width of the bend, above 0; the value at 0 is half its root.

    Reference:
        Barron, 2021, "Squareplus: A Softplus-Like Algebraic Rectifier", arXiv:2112.11687.
    """
    larger = 0.5 * (ops.sqrt(ops.square(x) + b) + ops.abs(x))
    return ops.where(x < 0, (0.25 * b) / larger, larger)


def sparse_plus(x: Tensor) -> Tensor:
    """Apply sparse plus: a parabola between two straight lines.

    Formula: `0 if x <= -1, (x + 1)^2 / 4 if -1 < x < 1, x if x >= 1`.

    Args:
        x: Float tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Blondel et al., 2019, "Learning with Fenchel-Young Losses", arXiv:1901.02324.
    """
    middle = ops.clip(x, -1.0, 1.0)
    return ops.where(x >= 1.0, x, 0.25 * ops.square(middle + 1.0))


@in_float32
def smelu(x: Tensor, *, beta: float = 2.0) -> Tensor:
    """Apply SmeLU: a parabola between two straight lines.

    Formula: `0 if x <= -beta, (x + beta)^2 / (4 beta) if |x| < beta, x if x >= beta`.

    Args:
        x: Float tensor.
        beta: Half width of the bend, above 0.

    Reference:
        Shamir & Lin, 2022, "Real World Large Scale Recommendation Systems Reproducibility and
        Smooth Activations", arXiv:2202.06499.
    """
    middle = ops.clip(x, -beta, beta)
    return ops.where(x >= beta, x, (0.25 / beta) * ops.square(middle + beta))


@in_float32
def sqrt_softplus(x: Tensor) -> Tensor:
    """Apply the square root of softplus.

    Formula: `sqrt(ln(1 + exp(x)))`.

    Reference:
        Hugging Face transformers (`sqrtsoftplus`, the router of DeepSeek).
    """
    # Far below 0 it is exp(x / 2); the root of an underflown softplus has the gradient inf * 0.
    low = x < -15.0
    safe = ops.where(low, ops.zeros_like(x), x)
    tail = ops.exp(0.5 * ops.where(low, x, -15.0 * ops.ones_like(x)))
    return ops.where(low, tail, ops.sqrt(ops.softplus(safe)))


@in_float32
def logcosh(x: Tensor) -> Tensor:
    """Apply the logarithm of the hyperbolic cosine.

    Formula: `ln(cosh(x))`.

    Reference:
        NNlib.jl (`logcosh`).
    """
    size = ops.abs(x)
    return size + ops.softplus(-2.0 * size) - math.log(2.0)


@in_float32
def bent_identity(x: Tensor) -> Tensor:
    """Apply the bent identity: slope 1/2 far below, 3/2 far above.

    Formula: `(sqrt(x^2 + 1) - 1) / 2 + x`.
    """
    return 0.5 * (ops.sqrt(ops.square(x) + 1.0) - 1.0) + x


@in_float32
def seagull(x: Tensor) -> Tensor:
    """Apply the logarithm of one plus the square; an even function.

    Formula: `ln(1 + x^2)`.

    Reference:
        Gao & Zhang, 2020, "A Use of Even Activation Functions in Neural Networks",
        arXiv:2011.11713.
    """
    # Beyond 1 as 2 ln|x| + ln(1 + 1 / x^2): the square would overflow, and its gradient is NaN.
    far = ops.abs(x) > 1.0
    outside = ops.where(far, x, ops.ones_like(x))
    inside = ops.where(far, 1.0 / outside, x)
    return 2.0 * ops.log(ops.abs(outside)) + ops.log1p(ops.square(inside))


@in_float32
def swoosh_l(x: Tensor) -> Tensor:
    """Apply SwooshL of the Zipformer.

    Formula: `ln(1 + exp(x - 4)) - 0.08 x - 0.035`.

    Reference:
        Yao et al., 2023, "Zipformer", arXiv:2310.11230.
    """
    return ops.softplus(x - 4.0) - 0.08 * x - 0.035


@in_float32
def swoosh_r(x: Tensor) -> Tensor:
    """Apply SwooshR of the Zipformer, which passes through 0.

    Formula: `ln(1 + exp(x - 1)) - 0.08 x - 0.313261687`.

    Reference:
        Yao et al., 2023, "Zipformer", arXiv:2310.11230.
    """
    return ops.softplus(x - 1.0) - 0.08 * x - 0.313261687


def _quick_gelu_slope(x: Tensor) -> Tensor:
    gate = ops.sigmoid(1.702 * x)
    return gate + (1.702 * x) * (gate * (1.0 - gate))


@in_float32
@with_gradient(_quick_gelu_slope)
def quick_gelu(x: Tensor) -> Tensor:
    """Apply GELU by its sigmoid approximation, as in CLIP.

    Formula: `x * sigmoid(1.702 x)`.

    Reference:
        Hendrycks & Gimpel, 2016, "Gaussian Error Linear Units (GELUs)", arXiv:1606.08415.
    """
    return x * ops.sigmoid(1.702 * x)


@in_float32
def gelu_linear(x: Tensor) -> Tensor:
    """Apply GELU with the polynomial error function of integer-only BERT.

    Formula: `x (1 + sign(x) (1 - 0.2888 max(1.769 - |x| / sqrt(2), 0)^2)) / 2`.

    Reference:
        Kim et al., 2021, "I-BERT: Integer-only BERT Quantization", arXiv:2101.01321.
    """
    gap = ops.relu(1.769 - math.sqrt(0.5) * ops.abs(x))
    return x * (0.5 + ops.sign(x) * (0.5 - 0.1444 * ops.square(gap)))


@in_float32
def gelu_clipped(x: Tensor, *, min_value: float = -10.0, max_value: float = 10.0) -> Tensor:
    """Apply GELU, cut at a value that int8 can afford.

    Formula: `clip(gelu(x), min_value, max_value)`.

    Args:
        x: Float tensor.
        min_value: Smallest output.
        max_value: Largest output.

    Reference:
        Wu et al., 2020, "Integer Quantization for Deep Learning Inference", arXiv:2004.09602.
    """
    return ops.clip(ops.gelu(x, approximate=False), min_value, max_value)


@in_float32
def isrlu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """Apply the inverse square root linear unit.

    Formula: `x if x >= 0, else x / sqrt(1 + alpha x^2)`.

    Args:
        x: Float tensor.
        alpha: The lowest value is -1 / sqrt(alpha); above 0.

    Reference:
        Carlile et al., 2017, "Improving Deep Learning by Inverse Square Root Linear Units",
        arXiv:1710.09967.
    """
    return x * ops.rsqrt(1.0 + alpha * ops.square(ops.minimum(x, 0.0)))


@in_float32
def med_relu(x: Tensor) -> Tensor:
    """Apply Med-ReLU: ReLU above 0, softsign below.

    Formula: `x if x >= 0, else x / (1 + |x|)`.

    Reference:
        Waqas et al., 2025, CMC 84(2), doi:10.32604/cmc.2025.064660.
    """
    return x / (1.0 + ops.relu(-x))
