"""Device forms of the squashing activations; `device_math` says what a form must hold to."""

from __future__ import annotations

import math

from keras import ops

from actzoo.activations.device_forms import DeviceForm
from actzoo.activations.device_math import erf, leaky, softplus
from actzoo.activations.numerics import Tensor


def softsign_float(x: Tensor, **_: object) -> Tensor:
    """Return x / (1 + |x|)."""
    return x / (ops.abs(x) + 1.0)


def softsign_int8(x: Tensor, **_: object) -> Tensor:
    """A tanh of a fitted ratio; the exact one needs the input twice and one node too many."""
    return ops.tanh(x * (1.24089 / (ops.abs(x) + 1.41938) + 0.04302))


SOFTSIGN = DeviceForm(softsign_float, softsign_int8, int8_operators=("MUL",))


def sigmoid_float(x: Tensor, **_: object) -> Tensor:
    """Return 1 / (1 + exp(-x))."""
    return ops.sigmoid(x)


SIGMOID = DeviceForm(sigmoid_float)


def hard_sigmoid_float(x: Tensor, **_: object) -> Tensor:
    """Return clip(x / 6 + 1 / 2, 0, 1)."""
    return ops.relu6(x + 3.0) * (1.0 / 6.0)


HARD_SIGMOID = DeviceForm(hard_sigmoid_float, ends_in_scalar=True)


def log_sigmoid_float(x: Tensor, **_: object) -> Tensor:
    """Return -ln(1 + exp(-x))."""
    return ops.log(ops.sigmoid(ops.abs(x))) - ops.relu(-x)


def log_sigmoid_int8(x: Tensor, **_: object) -> Tensor:
    """As written."""
    return ops.log(ops.sigmoid(x))


LOG_SIGMOID = DeviceForm(log_sigmoid_float, log_sigmoid_int8)


def tanh_float(x: Tensor, **_: object) -> Tensor:
    """Return the hyperbolic tangent."""
    return ops.tanh(x)


TANH = DeviceForm(tanh_float)


def hard_tanh_float(
    x: Tensor, *, min_value: float = -1.0, max_value: float = 1.0, **_: object
) -> Tensor:
    """Return clip(x, min_value, max_value)."""
    return ops.clip(x, min_value, max_value)


HARD_TANH = DeviceForm(hard_tanh_float)


def sparse_sigmoid_float(x: Tensor, **_: object) -> Tensor:
    """Return clip((x + 1) / 2, 0, 1)."""
    return 0.5 * (ops.clip(x, -1.0, 1.0) + 1.0)


SPARSE_SIGMOID = DeviceForm(sparse_sigmoid_float, ends_in_scalar=True)


def hard_sigmoid_keras2_int8(x: Tensor, **_: object) -> Tensor:
    """Both ends are fused into the layers around it."""
    return (1.0 / 6.0) * ops.relu6(1.2 * x + 3.0)


HARD_SIGMOID_KERAS2 = DeviceForm(int8=hard_sigmoid_keras2_int8, ends_in_scalar=True)


def lecun_tanh_float(x: Tensor, **_: object) -> Tensor:
    """Both factors are fused into the layers around it."""
    return 1.7159 * ops.tanh((2.0 / 3.0) * x)


LECUN_TANH = DeviceForm(lecun_tanh_float, ends_in_scalar=True)


def penalized_tanh_int8(x: Tensor, *, alpha: float, **_: object) -> Tensor:
    """A leaky kink after the tanh."""
    return leaky(ops.tanh(x), alpha)


PENALIZED_TANH = DeviceForm(int8=penalized_tanh_int8)


def isru_int8(x: Tensor, *, alpha: float, **_: object) -> Tensor:
    """A tanh of a fitted ratio."""
    root = math.sqrt(alpha)
    y = ops.tanh(x * (6.05961 / (ops.abs(x) + 5.11283 / root) - 0.119151 * root))
    return y if root == 1.0 else (1.0 / root) * y


def isru_ends_in_a_factor(*, alpha: float, **_: object) -> bool:
    """Tell whether `isru` multiplies at its end."""
    return alpha != 1.0


ISRU = DeviceForm(int8=isru_int8, int8_operators=("MUL",), ends_in_scalar=isru_ends_in_a_factor)


def elliott_sigmoid_int8(x: Tensor, **_: object) -> Tensor:
    """A sigmoid of a fitted ratio."""
    return ops.sigmoid(x * (2.49699 / (ops.abs(x) + 1.42977) + 0.0841272))


ELLIOTT_SIGMOID = DeviceForm(int8=elliott_sigmoid_int8, int8_operators=("MUL",))


def arctan_float(x: Tensor, **_: object) -> Tensor:
    """Return the arcus tangent."""
    return ops.arctan2(x, ops.ones_like(x))


def arctan_int8(x: Tensor, **_: object) -> Tensor:
    """A tanh of a fitted ratio."""
    return 1.54304 * ops.tanh(x * (2.4646 / (ops.abs(x) + 3.4555)))


ARCTAN = DeviceForm(arctan_float, arctan_int8, int8_operators=("MUL",), ends_in_scalar=True)


def sigmoid_algebraic_int8(x: Tensor, **_: object) -> Tensor:
    """Fitted for alpha = 1/2."""
    return ops.sigmoid(ops.sin(x * (1.64379 / (ops.abs(x) + 1.57))))


def sigmoid_algebraic_supports(*, alpha: float, **_: object) -> bool:
    """Tell whether `sigmoid_algebraic` holds."""
    return alpha == 0.5


SIGMOID_ALGEBRAIC = DeviceForm(
    int8=sigmoid_algebraic_int8,
    supports=sigmoid_algebraic_supports,
    int8_operators=("MUL",),
)


def sqnl_int8(x: Tensor, **_: object) -> Tensor:
    """A product, cut at its ends."""
    return ops.clip(x * ops.maximum(-0.25 * ops.abs(x) + 1.0, 0.5), -1.0, 1.0)


SQNL = DeviceForm(int8=sqnl_int8, int8_operators=("MUL",))


def symlog_int8(x: Tensor, **_: object) -> Tensor:
    """ln(1 + ELU(x)) is the logarithm above 0 and the identity below; twice, mirrored."""
    mirrored = -ops.log(ops.elu(-x) + 1.0)
    return ops.log(ops.elu(mirrored) + 1.0)


SYMLOG = DeviceForm(int8=symlog_int8)


def soft_clipping_float(x: Tensor, *, alpha: float = 0.5, **_: object) -> Tensor:
    """Return soft clipping from the nearer of its two ends, where no power overflows."""
    low = ops.minimum(x, 1.0 - x)
    part = (1.0 / alpha) * (softplus(alpha * low) - softplus(alpha * (low - 1.0)))
    return ops.where(x > 0.5, 1.0 - part, part)


def soft_clipping_int8(x: Tensor, *, alpha: float, **_: object) -> Tensor:
    """One logarithm of a ratio."""
    e = math.exp(alpha)
    return (1.0 / alpha) * ops.log(e - (e * (e - 1.0)) / (ops.exp(alpha * x) + e))


def soft_clipping_supports(*, alpha: float, **_: object) -> bool:
    """Tell whether the ratio keeps its digits; from 13 on it cancels in float32."""
    return alpha <= 10.0


SOFT_CLIPPING = DeviceForm(
    soft_clipping_float,
    soft_clipping_int8,
    supports=soft_clipping_supports,
    ends_in_scalar=True,
)


def laplace_float(
    x: Tensor, *, mu: float = 0.707107, sigma: float = 0.282095, **_: object
) -> Tensor:
    """Return the normal distribution function of mean mu and deviation sigma."""
    return 0.5 + 0.5 * erf((x - mu) * (math.sqrt(0.5) / sigma))


def laplace_int8(x: Tensor, **_: object) -> Tensor:
    """Fitted for its defaults."""
    cut = ops.minimum(ops.maximum(x, -0.189052), 1.51143)
    return ops.sigmoid(2.64647 * ops.log(1.85008 / (1.63215 - cut) - 1.0))


def laplace_supports(*, mu: float, sigma: float, **_: object) -> bool:
    """Tell whether `laplace` holds."""
    return (mu, sigma) == (0.707107, 0.282095)


LAPLACE = DeviceForm(laplace_float, laplace_int8, supports=laplace_supports)
GOMPERTZ = DeviceForm()


def erf_int8(x: Tensor, **_: object) -> Tensor:
    """A tanh of a fitted logarithm."""
    cut = ops.minimum(ops.maximum(x, -2.26251), 2.20833)
    return ops.tanh(1.3224 * ops.log(4.63506 / (2.31752 - cut) - 1.0))


ERF = DeviceForm(erf, erf_int8)
GAUSSIAN = DeviceForm()
