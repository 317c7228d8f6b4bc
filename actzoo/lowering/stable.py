"""Float forms: stable where TFLite's operators are not, out of builtin operators only.

Each takes `x` of any float shape and the activation's parameters; unknown ones are ignored.
Learned ones are arrays that broadcast against `x`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops


def leaky(x: Any, slope: float) -> Any:
    """LEAKY_RELU; the runtime's folding refuses the slope 0."""
    slope = float(slope)
    if slope == 1.0:
        return x
    return ops.relu(x) if slope == 0.0 else ops.leaky_relu(x, negative_slope=slope)


def softplus(x: Any, **_: Any) -> Any:
    """Return ln(1 + exp(x)) without the overflow that TFLite has near 100."""
    return ops.relu(x) - ops.log(ops.sigmoid(ops.abs(x)))


def sqrt_softplus(x: Any, **_: Any) -> Any:
    """Return sqrt(softplus(x)); far below 0 by the series of softplus, which keeps its digits."""
    low = ops.minimum(x, -5.0)
    power = ops.exp(low)
    tail = ops.exp(0.5 * low) * ops.sqrt(1.0 - power * (0.5 - power * (1.0 / 3.0)))
    return ops.where(x < -5.0, tail, ops.sqrt(softplus(ops.maximum(x, -5.0))))


def logcosh(x: Any, **_: Any) -> Any:
    """Return ln(cosh(x))."""
    size = ops.abs(x)
    return size - ops.log(ops.sigmoid(2.0 * size)) - math.log(2.0)


def swoosh_l(x: Any, **_: Any) -> Any:
    """Return ln(1 + exp(x - 4)) - 0.08 x - 0.035."""
    return softplus(x - 4.0) - 0.08 * x - 0.035


def swoosh_r(x: Any, **_: Any) -> Any:
    """Return ln(1 + exp(x - 1)) - 0.08 x - 0.313261687."""
    return softplus(x - 1.0) - 0.08 * x - 0.313261687


def soft_clipping(x: Any, *, alpha: float = 0.5, **_: Any) -> Any:
    """Return soft clipping from the nearer of its two ends, where no power overflows."""
    low = ops.minimum(x, 1.0 - x)
    part = (1.0 / alpha) * (softplus(alpha * low) - softplus(alpha * (low - 1.0)))
    return ops.where(x > 0.5, 1.0 - part, part)


def aria2(x: Any, *, alpha: Any = 1.5, beta: Any = 1.0, **_: Any) -> Any:
    """Return x sigmoid(beta x)^alpha."""
    return x * ops.exp(alpha * ops.log(ops.sigmoid(beta * x)))


# erf(x) = x P(x^2) / Q(x^2) up to |x| = 4, beyond which float32 has 1; a least-maximum fit whose
# largest error is 2e-8, 4e-7 when computed in float32.
_ERF_ABOVE = (
    1.128378976,
    0.1962495692,
    0.05346756018,
    0.004003673538,
    0.0002880424515,
    1.974829912e-06,
)
_ERF_BELOW = (1.0, 0.5072528107, 0.1164766751, 0.01544447514, 0.001216367488, 3.748091664e-05)


def erf(x: Any, **_: Any) -> Any:
    """Return the error function, which TFLite has not."""
    near = ops.minimum(ops.maximum(x, -4.0), 4.0)
    square = ops.square(near)
    return near * (_polynomial(square, _ERF_ABOVE) / _polynomial(square, _ERF_BELOW))


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    """Return the sum of coefficients[k] x^k."""
    y = x * coefficients[-1] + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        y = y * x + coefficient
    return y


def serf(x: Any, **_: Any) -> Any:
    """Return x erf(softplus(x))."""
    return x * erf(softplus(x))


def laplace(x: Any, *, mu: float = 0.707107, sigma: float = 0.282095, **_: Any) -> Any:
    """Return the normal distribution function of mean mu and deviation sigma."""
    return 0.5 + 0.5 * erf((x - mu) * (math.sqrt(0.5) / sigma))


def smu(x: Any, *, negative_slope: float = 0.25, mu: Any = 2.5, **_: Any) -> Any:
    """Return the smooth maximum of x and negative_slope * x."""
    a = negative_slope
    return 0.5 * ((1.0 + a) * x + (1.0 - a) * x * erf(mu * (1.0 - a) * x))


def arctan(x: Any, **_: Any) -> Any:
    """Return the arcus tangent."""
    return ops.arctan2(x, ops.ones_like(x))


def atlu(x: Any, **_: Any) -> Any:
    """Return x (arctan(x) + pi / 2) / pi."""
    return x * (ops.arctan2(ops.ones_like(x), -x) * (1.0 / math.pi))


def xatlu(x: Any, *, alpha: Any = 0.0, **_: Any) -> Any:
    """Return ATLU with its gate stretched by alpha on both sides."""
    gate = ops.arctan2(ops.ones_like(x), -x) * (1.0 / math.pi)
    return x * (gate * (1.0 + 2.0 * alpha) - alpha)


def linear(x: Any, **_: Any) -> Any:
    """Return x."""
    return x


def relu(x: Any, **_: Any) -> Any:
    """Return max(x, 0)."""
    return ops.relu(x)


def relu6(x: Any, **_: Any) -> Any:
    """Return min(max(x, 0), 6)."""
    return ops.relu6(x)


def relu_n(x: Any, *, max_value: float = 1.0, **_: Any) -> Any:
    """Return min(max(x, 0), max_value)."""
    if max_value == 6:
        return ops.relu6(x)
    return ops.minimum(ops.relu(x), float(max_value))


def threshold(x: Any, *, threshold: float, value: float = 0.0, **_: Any) -> Any:
    """Return x if x > threshold, else value."""
    return ops.where(x > threshold, x, ops.cast(value, x.dtype))


def leaky_relu(x: Any, *, negative_slope: float = 0.01, **_: Any) -> Any:
    """Return x if x >= 0, else negative_slope * x."""
    return leaky(x, negative_slope)


def rrelu(x: Any, *, lower: float = 1 / 8, upper: float = 1 / 3, **_: Any) -> Any:
    """Return x if x >= 0, else a * x with a ~ U(lower, upper); a = (lower + upper) / 2 later."""
    return leaky(x, (lower + upper) / 2)


def prelu(x: Any, *, alpha: Any = 0.25, **_: Any) -> Any:
    """Return x if x >= 0, else a_c * x with a_c learned."""
    slopes = np.asarray(alpha, "float32")
    if slopes.size == 1 or np.all(slopes == slopes.flat[0]):
        return leaky(x, float(slopes.flat[0]))
    # Exactly this sum, with slopes of the rank of one sample, is recognized by the converter and
    # becomes one PRELU; otherwise five operators.
    slopes = slopes.reshape((1,) * (len(x.shape) - 1 - slopes.ndim) + slopes.shape)
    return ops.relu(x) + (-slopes) * ops.relu(-x)


def elu(x: Any, *, alpha: float = 1.0, **_: Any) -> Any:
    """Return x if x > 0, else alpha * (exp(x) - 1)."""
    return leaky(ops.elu(x), alpha)


def selu(x: Any, **_: Any) -> Any:
    """Return selu."""
    return leaky(1.0507009873554805 * ops.elu(x), 1.6732632423543772)


def celu(x: Any, *, alpha: float = 1.0, **_: Any) -> Any:
    """Return max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""
    return ops.elu(x) if alpha == 1.0 else alpha * ops.elu(x * (1.0 / alpha))


def gelu(x: Any, **_: Any) -> Any:
    """Return x / 2 * (1 + erf(x / sqrt(2)))."""
    return ops.gelu(x, approximate=False)


def gelu_tanh(x: Any, **_: Any) -> Any:
    """Return x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))."""
    return ops.gelu(x, approximate=True)


def silu(x: Any, **_: Any) -> Any:
    """Return x * sigmoid(x)."""
    return x * ops.sigmoid(x)


def hard_silu(x: Any, **_: Any) -> Any:
    """Return x * clip(x + 3, 0, 6) / 6."""
    return ops.hard_silu(x)


def mish(x: Any, **_: Any) -> Any:
    """Return x * tanh(ln(1 + exp(x)))."""
    # exp overflows to infinity above 88, whose tanh is 1: right, and finite at the end.
    return x * ops.tanh(ops.log(ops.exp(x) + 1.0))


def squareplus(x: Any, *, b: float = 4.0, **_: Any) -> Any:
    """Return (x + sqrt(x^2 + b)) / 2."""
    # The usual (x + sqrt(x^2 + b)) / 2 cancels far below zero: at -1e4 all digits are lost.
    return ops.relu(x) + (0.5 * b) / (ops.sqrt(ops.square(x) + float(b)) + ops.abs(x))


def softsign(x: Any, **_: Any) -> Any:
    """Return x / (1 + |x|)."""
    return x / (ops.abs(x) + 1.0)


def sigmoid(x: Any, **_: Any) -> Any:
    """Return 1 / (1 + exp(-x))."""
    return ops.sigmoid(x)


def hard_sigmoid(x: Any, **_: Any) -> Any:
    """Return clip(x / 6 + 1 / 2, 0, 1)."""
    return ops.relu6(x + 3.0) * (1.0 / 6.0)


def log_sigmoid(x: Any, **_: Any) -> Any:
    """Return -ln(1 + exp(-x))."""
    return ops.log(ops.sigmoid(ops.abs(x))) - ops.relu(-x)


def tanh(x: Any, **_: Any) -> Any:
    """Return the hyperbolic tangent."""
    return ops.tanh(x)


def hard_tanh(x: Any, **_: Any) -> Any:
    """Return clip(x, -1, 1)."""
    return ops.clip(x, -1.0, 1.0)


def tanh_shrink(x: Any, **_: Any) -> Any:
    """Return x - tanh(x)."""
    return x - ops.tanh(x)


def soft_shrink(x: Any, *, threshold: float = 0.5, **_: Any) -> Any:
    """Return sign(x) * max(|x| - threshold, 0)."""
    return x - ops.clip(x, -threshold, threshold)


def hard_shrink(x: Any, *, threshold: float = 0.5, **_: Any) -> Any:
    """Return x if |x| > threshold, else 0."""
    return ops.where(ops.abs(x) > threshold, x, ops.zeros_like(x))


def sparse_plus(x: Any, **_: Any) -> Any:
    """Return 0 if x <= -1, (x + 1)^2 / 4 if -1 < x < 1, x if x >= 1."""
    return 0.25 * ops.square(ops.minimum(ops.relu(x + 1.0), 2.0)) + ops.relu(x - 1.0)


def sparse_sigmoid(x: Any, **_: Any) -> Any:
    """Return clip((x + 1) / 2, 0, 1)."""
    return 0.5 * (ops.clip(x, -1.0, 1.0) + 1.0)


def exponential(x: Any, **_: Any) -> Any:
    """Return exp(x)."""
    return ops.exp(x)


def glu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return a * sigmoid(b), with (a, b) the halves of x."""
    value, gate = ops.split(x, 2, axis=axis)
    return value * ops.sigmoid(gate)


def softmax(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return exp(x_i) / sum_j exp(x_j)."""
    return ops.softmax(x, axis=axis)


def log_softmax(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return x_i - ln(sum_j exp(x_j))."""
    return ops.log_softmax(x, axis=axis)


def softmin(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return exp(-x_i) / sum_j exp(-x_j)."""
    return ops.softmax(-x, axis=axis)


def gumbel_softmax(
    x: Any, *, tau: float = 1.0, hard: bool = False, axis: int = -1, **_: Any
) -> Any:
    """Return softmax((x + g) / tau), g = -ln(-ln(u)), u ~ U(0, 1); g = 0 at inference."""
    if not hard:
        return ops.softmax(x * (1.0 / tau), axis=axis)
    z = ops.moveaxis(x, axis, -1)
    best = ops.top_k(z, 1)[1]  # Keras' argmax needs BitwiseAnd
    hot = ops.cast(ops.equal(best, ops.arange(z.shape[-1], dtype=best.dtype)), x.dtype)
    return ops.moveaxis(hot, -1, axis)


def maxout(x: Any, *, pool_size: int = 2, axis: int = -1, **_: Any) -> Any:
    """Return max(a, b, ...), with (a, b, ...) the pool_size equal parts of x."""
    return functools.reduce(ops.maximum, ops.split(x, pool_size, axis=axis))


def crelu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return [max(x, 0), max(-x, 0)]."""
    return ops.relu(ops.concatenate([x, -x], axis=axis))


def concat_elu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return [elu(x), elu(-x)], elu(x) = x if x > 0, else exp(x) - 1."""
    return ops.elu(ops.concatenate([x, -x], axis=axis))


def in_pairs(x: Any, axis: int, function: Callable[[Any, Any], tuple[Any, Any]]) -> Any:
    """Apply a function of two neighboring channels to each pair of them."""
    z = ops.moveaxis(x, axis, -1)
    pairs = ops.stack(function(z[..., 0::2], z[..., 1::2]), axis=-1)
    return ops.moveaxis(ops.reshape(pairs, ops.shape(z)), -1, axis)


def bipolar_relu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return max(x, 0) in channels 0, 2, 4 ..., min(x, 0) in channels 1, 3, 5 ...."""
    # Factors of +-1, as in our layer, would melt into the layer before it, and of that the
    # quantizer writes a broken file.
    if x.shape[axis] % 2 == 0:
        return in_pairs(x, axis, lambda even, odd: (ops.relu(even), -ops.relu(-odd)))
    shape = [-1 if a == axis % len(x.shape) else 1 for a in range(len(x.shape))]
    odd = (np.arange(x.shape[axis]) % 2).astype("float32").reshape(shape)
    return (1.0 - odd) * ops.relu(x) - odd * ops.relu(-x)


def maxmin(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return (max(a, b), min(a, b)) of each pair (a, b) of neighboring channels."""
    return in_pairs(x, axis, lambda a, b: (ops.maximum(a, b), ops.minimum(a, b)))


def gtu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return tanh(a) * sigmoid(b), with (a, b) the halves of x."""
    value, gate = ops.split(x, 2, axis=axis)
    return ops.tanh(value) * ops.sigmoid(gate)


def geglu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return a * gelu(b), with (a, b) the halves of x."""
    value, gate = ops.split(x, 2, axis=axis)
    return value * ops.gelu(gate, approximate=False)


def swiglu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return a * silu(b), with (a, b) the halves of x."""
    value, gate = ops.split(x, 2, axis=axis)
    return value * (gate * ops.sigmoid(gate))


def reglu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return a * max(b, 0), with (a, b) the halves of x."""
    value, gate = ops.split(x, 2, axis=axis)
    return value * ops.relu(gate)


def bilinear_glu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    """Return a * b, with (a, b) the halves of x."""
    value, gate = ops.split(x, 2, axis=axis)
    return value * gate
