"""Device forms of the smooth activations; `device_math` says what a form must hold to."""

from __future__ import annotations

import functools
import math

from keras import ops

from actzoo.activations.device_forms import DeviceForm
from actzoo.activations.device_math import bent_line, erf, leaky, softplus
from actzoo.activations.numerics import Tensor


def gelu_float(x: Tensor, **_: object) -> Tensor:
    """Return x / 2 * (1 + erf(x / sqrt(2)))."""
    return ops.gelu(x, approximate=False)


GELU = DeviceForm(gelu_float)


def gelu_tanh_float(x: Tensor, **_: object) -> Tensor:
    """Return x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))."""
    return ops.gelu(x, approximate=True)


GELU_TANH = DeviceForm(gelu_tanh_float)


def silu_float(x: Tensor, **_: object) -> Tensor:
    """Return x * sigmoid(x)."""
    return x * ops.sigmoid(x)


SILU = DeviceForm(silu_float, int8_operators=("MUL",))


def hard_silu_float(x: Tensor, **_: object) -> Tensor:
    """Return x * clip(x + 3, 0, 6) / 6."""
    return ops.hard_silu(x)


HARD_SILU = DeviceForm(hard_silu_float)


def mish_float(x: Tensor, **_: object) -> Tensor:
    """Return x * tanh(ln(1 + exp(x)))."""
    # exp overflows to infinity above 88, whose tanh is 1: right, and finite at the end.
    return x * ops.tanh(ops.log(ops.exp(x) + 1.0))


MISH = DeviceForm(mish_float, int8_operators=("MUL",))


def softplus_float(
    x: Tensor, *, beta: float = 1.0, linear_above: float | None = None, **_: object
) -> Tensor:
    """Return ln(1 + exp(beta x)) / beta, or x where beta x is above `linear_above`."""
    y = softplus(x) if beta == 1.0 else (1.0 / beta) * softplus(beta * x)
    return y if linear_above is None else ops.where(beta * x > linear_above, x, y)


def softplus_int8(x: Tensor, *, beta: float = 1.0, **_: object) -> Tensor:
    """As written; no int8 range reaches where the power overflows."""
    if beta == 1.0:
        return ops.log(ops.exp(x) + 1.0)
    return (1.0 / beta) * ops.log(ops.exp(beta * x) + 1.0)


def softplus_supports(*, linear_above: float | None = None, **_: object) -> bool:
    """Tell whether it is without a jump."""
    return linear_above is None


def softplus_ends_in_a_factor(*, beta: float = 1.0, **_: object) -> bool:
    """Tell whether `softplus_int8` multiplies at its end."""
    return beta != 1.0


SOFTPLUS = DeviceForm(
    softplus_float,
    softplus_int8,
    supports=softplus_supports,
    ends_in_scalar=softplus_ends_in_a_factor,
)


def squareplus_float(x: Tensor, *, b: float = 4.0, **_: object) -> Tensor:
    """Return (x + sqrt(x^2 + b)) / 2."""
    # The usual (x + sqrt(x^2 + b)) / 2 cancels far below zero: at -1e4 all digits are lost.
    return ops.relu(x) + (0.5 * b) / (ops.sqrt(ops.square(x) + float(b)) + ops.abs(x))


def squareplus_int8(x: Tensor, *, b: float = 4.0, **_: object) -> Tensor:
    """As written; what cancels far below 0 is less than a step."""
    return 0.5 * (x + ops.sqrt(ops.square(x) + float(b)))


SQUAREPLUS = DeviceForm(
    squareplus_float, squareplus_int8, int8_operators=("ADD",), ends_in_scalar=True
)


def sparse_plus_float(x: Tensor, **_: object) -> Tensor:
    """Return 0 if x <= -1, (x + 1)^2 / 4 if -1 < x < 1, x if x >= 1."""
    return 0.25 * ops.square(ops.minimum(ops.relu(x + 1.0), 2.0)) + ops.relu(x - 1.0)


def sparse_plus_int8(x: Tensor, **_: object) -> Tensor:
    """Piecewise linear with four knees, fitted to at most two int8 steps."""
    y = leaky(x - 0.746778, 0.74507) + 0.383984
    y = leaky(y, 0.652693) + 0.252249
    y = leaky(y, 0.463679) + 0.117922
    return ops.relu(y)


SPARSE_PLUS = DeviceForm(sparse_plus_float, sparse_plus_int8)


def smelu_int8(x: Tensor, *, beta: float, **_: object) -> Tensor:
    """Four knees, fitted for beta = 2; another beta scales both axes."""
    unit = 0.5 * beta
    y = leaky(x - 1.5007 * unit, 0.745123) + 0.778406 * unit
    y = leaky(y, 0.651209) + 0.499771 * unit
    y = leaky(y, 0.464708) + 0.235861 * unit
    return ops.relu(y)


SMELU = DeviceForm(int8=smelu_int8)
QUICK_GELU = DeviceForm(int8_operators=("MUL",))


def gelu_linear_int8(x: Tensor, **_: object) -> Tensor:
    """GELU, stretched a little."""
    return 0.981923 * ops.gelu(1.01725 * x, approximate=False)


GELU_LINEAR = DeviceForm(int8=gelu_linear_int8, ends_in_scalar=True)


def gelu_clipped_int8(x: Tensor, *, min_value: float, max_value: float, **_: object) -> Tensor:
    """GELU and a minimum; it never falls below -0.17."""
    y = ops.minimum(ops.gelu(x, approximate=False), max_value)
    return y if min_value <= -0.17 else ops.maximum(y, min_value)


GELU_CLIPPED = DeviceForm(int8=gelu_clipped_int8)


def e_swish_int8(x: Tensor, *, beta: float, **_: object) -> Tensor:
    """The factor stays within the gate, so that the product is last."""
    return x * (beta * ops.sigmoid(x))


E_SWISH = DeviceForm(int8=e_swish_int8, int8_operators=("MUL",))


def flatten_t_swish_int8(x: Tensor, *, threshold: float, **_: object) -> Tensor:
    """A steep leaky ReLU shuts the gate below 0."""
    return x * ops.sigmoid(leaky(x, 1000.0)) + threshold


FLATTEN_T_SWISH = DeviceForm(
    int8=flatten_t_swish_int8, int8_operators=("MUL",), ends_in_scalar=True
)


def hard_mish_int8(x: Tensor, **_: object) -> Tensor:
    """A ramp as the gate."""
    return x * (0.5 * ops.minimum(ops.relu(x + 2.0), 2.0))


HARD_MISH = DeviceForm(int8=hard_mish_int8, int8_operators=("MUL",))
TANH_EXP = DeviceForm(int8_operators=("MUL",))


def serf_float(x: Tensor, **_: object) -> Tensor:
    """Return x erf(softplus(x))."""
    return x * erf(softplus(x))


def serf_int8(x: Tensor, **_: object) -> Tensor:
    """The error function of a softplus as a tanh of one."""
    return x * ops.tanh(1.72729 * ops.log(0.629685 * ops.exp(x) + 1.0))


SERF = DeviceForm(serf_float, serf_int8, int8_operators=("MUL",))
PHISH = DeviceForm(int8_operators=("MUL",))
LOGISH = DeviceForm(int8_operators=("MUL",))
SMISH = DeviceForm(int8_operators=("MUL",))
GISH = DeviceForm(int8_operators=("MUL",))
LOGLOGISH = DeviceForm(int8_operators=("MUL",))
GOLU = DeviceForm(int8_operators=("MUL",))
LISHT = DeviceForm(int8_operators=("MUL",))


def colu_int8(x: Tensor, **_: object) -> Tensor:
    """A fitted gate."""
    return x * (1.11219 * ops.sin(2.01136 * ops.tanh(0.699425 * ops.exp(1.49635 * x))))


COLU = DeviceForm(int8=colu_int8, int8_operators=("MUL",))


def suish_int8(x: Tensor, **_: object) -> Tensor:
    """An exponential of the negative part as the gate."""
    return x * ops.exp(ops.minimum(x, 0.0))


SUISH = DeviceForm(int8=suish_int8, int8_operators=("MUL",))
ISRLU = DeviceForm(int8_operators=("MUL",))


def med_relu_int8(x: Tensor, **_: object) -> Tensor:
    """A reciprocal as the gate."""
    return x * (1.0 / (ops.relu(-x) + 1.0))


MED_RELU = DeviceForm(int8=med_relu_int8, int8_operators=("MUL",))


def atlu_float(x: Tensor, **_: object) -> Tensor:
    """Return x (arctan(x) + pi / 2) / pi."""
    return x * (ops.arctan2(ops.ones_like(x), -x) * (1.0 / math.pi))


def atlu_int8(x: Tensor, **_: object) -> Tensor:
    """A fitted softplus of a bent line.

    A constant minus a value: the converter leaves that in place, so nothing must hold it there,
    and the longest run that the runtime folds is not exceeded.
    """
    bent = 2.26219 * leaky(x + 0.382181, 0.723143)
    return -0.67278 - -0.440538 * ops.log(ops.exp(bent) + 2.26472)


ATLU = DeviceForm(atlu_float, atlu_int8)


def sqrt_softplus_float(x: Tensor, **_: object) -> Tensor:
    """Return sqrt(softplus(x)); far below 0 by the series of softplus, which keeps its digits."""
    low = ops.minimum(x, -5.0)
    power = ops.exp(low)
    tail = ops.exp(0.5 * low) * ops.sqrt(1.0 - power * (0.5 - power * (1.0 / 3.0)))
    return ops.where(x < -5.0, tail, ops.sqrt(softplus(ops.maximum(x, -5.0))))


def sqrt_softplus_int8(x: Tensor, **_: object) -> Tensor:
    """As written."""
    return ops.sqrt(ops.log(ops.exp(x) + 1.0))


SQRT_SOFTPLUS = DeviceForm(sqrt_softplus_float, sqrt_softplus_int8)


def logcosh_float(x: Tensor, **_: object) -> Tensor:
    """Return ln(cosh(x))."""
    size = ops.abs(x)
    return size - ops.log(ops.sigmoid(2.0 * size)) - math.log(2.0)


def logcosh_int8(x: Tensor, **_: object) -> Tensor:
    """Two fitted hyperbolas, one in the other; a square and a sum in one operator."""
    import tensorflow as tf  # keras.ops has no squared difference

    y = tf.math.squared_difference(ops.sqrt(ops.square(x) + 2.24666), -1.10457)
    return ops.sqrt(y - 3.9118) - 1.69464


LOGCOSH = DeviceForm(logcosh_float, logcosh_int8, ends_in_scalar=True)
BENT_IDENTITY = DeviceForm(int8=functools.partial(bent_line, beta=0.5), int8_operators=("ADD",))


def seagull_int8(x: Tensor, **_: object) -> Tensor:
    """As written; no int8 range reaches where the square overflows."""
    return ops.log(ops.square(x) + 1.0)


SEAGULL = DeviceForm(int8=seagull_int8)


def swoosh_l_float(x: Tensor, **_: object) -> Tensor:
    """Return ln(1 + exp(x - 4)) - 0.08 x - 0.035."""
    return softplus(x - 4.0) - 0.08 * x - 0.035


def swoosh_l_int8(x: Tensor, **_: object) -> Tensor:
    """The constant is fused into the logarithm."""
    return -0.08 * (x - 12.5 * ops.log(0.0176857 * ops.exp(x) + 0.9656054))


SWOOSH_L = DeviceForm(swoosh_l_float, swoosh_l_int8, int8_operators=("SUB",), ends_in_scalar=True)


def swoosh_r_float(x: Tensor, **_: object) -> Tensor:
    """Return ln(1 + exp(x - 1)) - 0.08 x - 0.313261687."""
    return softplus(x - 1.0) - 0.08 * x - 0.313261687


def swoosh_r_int8(x: Tensor, **_: object) -> Tensor:
    """The constant is fused into the logarithm."""
    return -0.08 * (x - 12.5 * ops.log(0.2689414 * ops.exp(x) + 0.7310586))


SWOOSH_R = DeviceForm(swoosh_r_float, swoosh_r_int8, int8_operators=("SUB",), ends_in_scalar=True)
