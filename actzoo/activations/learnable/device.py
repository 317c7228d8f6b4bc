"""Device forms of the learnable activations; `device_math` says what a form must hold to."""

from __future__ import annotations

import math

import numpy as np
from keras import ops

from actzoo.activations.device_forms import DeviceForm
from actzoo.activations.device_math import bent_line, erf, leaky
from actzoo.activations.numerics import Tensor
from actzoo.activations.smooth.device import atlu_int8


def prelu_float(x: Tensor, *, alpha: np.ndarray | float = 0.25, **_: object) -> Tensor:
    """Return x if x >= 0, else a_c * x with a_c learned."""
    slopes = np.asarray(alpha, "float32")
    if slopes.size == 1 or np.all(slopes == slopes.flat[0]):
        return leaky(x, float(slopes.flat[0]))
    # Exactly this sum, with slopes of the rank of one sample, is recognized by the converter and
    # becomes one PRELU; otherwise five operators.
    slopes = slopes.reshape((1,) * (len(x.shape) - 1 - slopes.ndim) + slopes.shape)
    return ops.relu(x) + (-slopes) * ops.relu(-x)


PRELU = DeviceForm(prelu_float)


def rrelu_float(x: Tensor, *, lower: float = 1 / 8, upper: float = 1 / 3, **_: object) -> Tensor:
    """Return x if x >= 0, else a * x with a ~ U(lower, upper); a = (lower + upper) / 2 later."""
    return leaky(x, (lower + upper) / 2)


RRELU = DeviceForm(rrelu_float)


def srelu_int8(
    x: Tensor, *, left: float, left_slope: float, right: float, right_slope: float, **_: object
) -> Tensor:
    """Two leaky knees, one of them upside down."""
    return right - leaky((right - left) - leaky(x - left, left_slope), right_slope)


def srelu_supports(*, left: float, right: float, **_: object) -> bool:
    """Tell whether the knees are in order; learned ones may have crossed."""
    return left <= right


SRELU = DeviceForm(int8=srelu_int8, supports=srelu_supports, ends_in_scalar=True)


def apl_int8(x: Tensor, *, slope: float, hinge: float, **_: object) -> Tensor:
    """One hinge beside the one of ReLU."""
    rest = 1.0 - slope
    inner = leaky(x - hinge, rest) + hinge * rest
    return leaky(inner, -slope / rest) + slope * hinge


def apl_supports(*, slope: float, hinge: float, pieces: int = 1, **_: object) -> bool:
    """Tell whether `apl` holds: one hinge, to the right of 0, with a slope below 1."""
    return pieces == 1 and slope < 1 and hinge > 0


APL = DeviceForm(int8=apl_int8, supports=apl_supports, ends_in_scalar=True)


def pact_int8(x: Tensor, *, alpha: float, **_: object) -> Tensor:
    """RELU6 where that is the range."""
    return ops.relu6(x) if alpha == 6.0 else ops.minimum(ops.relu(x), alpha)


PACT = DeviceForm(int8=pact_int8)


def flexible_relu_int8(x: Tensor, *, bias: float, **_: object) -> Tensor:
    """The sum is fused into the next layer."""
    return ops.relu(x) + bias


FLEXIBLE_RELU = DeviceForm(int8=flexible_relu_int8, ends_in_scalar=True)


def tlu_int8(x: Tensor, *, tau: float, **_: object) -> Tensor:
    """RELU where the threshold is 0."""
    return ops.relu(x) if tau == 0.0 else ops.maximum(x, tau)


TLU = DeviceForm(int8=tlu_int8)


def tlu_affine_int8(x: Tensor, *, alpha: float, tau: float, **_: object) -> Tensor:
    """A leaky knee where both lines meet."""
    knee = tau / (1.0 - alpha)
    return leaky(x - knee, alpha) + knee


def tlu_affine_supports(*, alpha: float, **_: object) -> bool:
    """Tell whether the lines meet."""
    return alpha < 1.0


TLU_AFFINE = DeviceForm(int8=tlu_affine_int8, supports=tlu_affine_supports, ends_in_scalar=True)


def star_relu_int8(x: Tensor, *, scale: float, bias: float, **_: object) -> Tensor:
    """Factor and sum are fused into the next layer."""
    return scale * ops.square(ops.relu(x)) + bias


STAR_RELU = DeviceForm(int8=star_relu_int8, ends_in_scalar=True)


def poly_relu_int8(x: Tensor, **_: object) -> Tensor:
    """Fitted for the coefficients 1/3."""
    return 0.281561 * ops.exp(3.05057 * ops.log(ops.relu(x) + 0.517721)) - 0.02187


def poly_relu_supports(*, a0: float, a1: float, a2: float, a3: float, **_: object) -> bool:
    """Tell whether `poly_relu` holds."""
    return a0 == 0 and all(abs(a - 1 / 3) < 1e-3 for a in (a1, a2, a3))


POLY_RELU = DeviceForm(int8=poly_relu_int8, supports=poly_relu_supports, ends_in_scalar=True)


def pelu_int8(x: Tensor, *, alpha: float, beta: float, **_: object) -> Tensor:
    """A scaled ELU."""
    return max(alpha, 0.1) * ops.elu((1.0 / max(beta, 0.1)) * x)


PELU = DeviceForm(int8=pelu_int8, ends_in_scalar=True)


def mpelu_int8(x: Tensor, *, alpha: float, beta: float, **_: object) -> Tensor:
    """A scaled ELU, then a leaky kink."""
    y = leaky(ops.elu(x if beta == 1.0 else beta * x), alpha * beta)
    return y if beta == 1.0 else (1.0 / beta) * y


def mpelu_supports(*, beta: float, **_: object) -> bool:
    """Tell whether the exponential falls."""
    return beta > 0


MPELU = DeviceForm(int8=mpelu_int8, supports=mpelu_supports, ends_in_scalar=True)


def soft_exponential_int8(x: Tensor, *, alpha: float, **_: object) -> Tensor:
    """Identity, exponential or logarithm, by the sign of alpha."""
    if abs(alpha) < 1e-6:
        return x
    if alpha > 0:
        return (1.0 / alpha) * ops.exp(alpha * x) + (alpha - 1.0 / alpha)
    inside = ops.maximum(-alpha * x + (1.0 - alpha * alpha), 1e-7)
    return (-1.0 / alpha) * ops.log(inside)


def soft_exponential_supports(*, alpha: float, **_: object) -> bool:
    """Tell whether int8 can hold it: its power, which is near 1 for a small alpha, becomes int8."""
    return abs(alpha) < 1e-6 or abs(alpha) >= 0.1


SOFT_EXPONENTIAL = DeviceForm(
    int8=soft_exponential_int8, supports=soft_exponential_supports, ends_in_scalar=True
)


def xielu_int8(x: Tensor, **_: object) -> Tensor:
    """Fitted for its start."""
    inner = ops.elu(0.796317 * leaky(x, 0.528689)) + 0.284368
    return x * (leaky(inner, 0.628485) + 0.230071)


def xielu_supports(*, wp: float, wn: float, beta: float, **_: object) -> bool:
    """Tell whether the weights are where they start."""
    softplus = [math.log1p(math.exp(w)) for w in (wp, wn)]
    return beta == 0.5 and abs(softplus[0] - 0.8) < 1e-3 and abs(softplus[1] + beta - 0.8) < 1e-3


XIELU = DeviceForm(int8=xielu_int8, supports=xielu_supports, int8_operators=("MUL",))


def trainable_swish_int8(x: Tensor, *, beta: float, **_: object) -> Tensor:
    """Swish: x times the sigmoid of beta x."""
    return x * ops.sigmoid(x if beta == 1.0 else beta * x)


TRAINABLE_SWISH = DeviceForm(int8=trainable_swish_int8, int8_operators=("MUL",))


def sinlu_int8(x: Tensor, *, alpha: float, beta: float, **_: object) -> Tensor:
    """A table for the wave; gate, sum and product are int8 operators of their own."""
    wave = ops.sin(x if beta == 1.0 else beta * x)
    return (x + (wave if alpha == 1.0 else alpha * wave)) * ops.sigmoid(x)


SINLU = DeviceForm(int8=sinlu_int8, int8_operators=("LOGISTIC", "ADD", "MUL"), several=True)


def aria2_float(
    x: Tensor, *, alpha: np.ndarray | float = 1.5, beta: np.ndarray | float = 1.0, **_: object
) -> Tensor:
    """Return x sigmoid(beta x)^alpha."""
    return x * ops.exp(alpha * ops.log(ops.sigmoid(beta * x)))


def aria2_int8(x: Tensor, *, alpha: float, beta: float, **_: object) -> Tensor:
    """A sigmoid as the gate, its power by a logarithm where the exponent is not 1."""
    gate = ops.sigmoid(x if beta == 1.0 else beta * x)
    return x * (gate if alpha == 1.0 else ops.exp(alpha * ops.log(gate)))


ARIA2 = DeviceForm(aria2_float, aria2_int8, int8_operators=("MUL",))


def acon_b_int8(x: Tensor, *, p: float, beta: float, **_: object) -> Tensor:
    """The other ACON with the upper slope 1."""
    return acon_c_int8(x, p1=1.0, p2=p, beta=beta)


ACON_B = DeviceForm(int8=acon_b_int8, int8_operators=("MUL",))


def acon_c_int8(x: Tensor, *, p1: float, p2: float, beta: float, **_: object) -> Tensor:
    """A gate that carries both slopes."""
    width = p1 - p2
    gate = width * ops.sigmoid(beta * width * x)
    return x * (gate if p2 == 0.0 else gate + p2)


ACON_C = DeviceForm(int8=acon_c_int8, int8_operators=("MUL",))


def smu_float(
    x: Tensor, *, negative_slope: float = 0.25, mu: np.ndarray | float = 2.5, **_: object
) -> Tensor:
    """Return the smooth maximum of x and negative_slope * x."""
    a = negative_slope
    return 0.5 * ((1.0 + a) * x + (1.0 - a) * x * erf(mu * (1.0 - a) * x))


def smu_int8(x: Tensor, *, negative_slope: float, mu: float, **_: object) -> Tensor:
    """GELU has the error function that TFLite has not by itself."""
    a = negative_slope
    k = math.sqrt(2.0) * mu * (1.0 - a)
    bend = ops.gelu(k * x, approximate=False)
    share = (1.0 - a) / k
    return share * bend if a == 0 else a * (x + (share / a) * bend)


def smu_supports(*, negative_slope: float, mu: float, **_: object) -> bool:
    """Tell whether there is a bend."""
    return abs(mu * (1.0 - negative_slope)) > 1e-6


SMU = DeviceForm(
    smu_float,
    smu_int8,
    supports=smu_supports,
    int8_operators=("ADD",),
    ends_in_scalar=True,
)


def smu1_int8(x: Tensor, *, negative_slope: float, mu: float, **_: object) -> Tensor:
    """A hyperbola."""
    a = negative_slope
    scaled = ((1.0 - a) / (1.0 + a)) ** 2 * ops.square(x) + (mu / (1.0 + a)) ** 2
    return (0.5 * (1.0 + a)) * (x + ops.sqrt(scaled))


SMU1 = DeviceForm(int8=smu1_int8, int8_operators=("ADD",), ends_in_scalar=True)
PAU = DeviceForm(folds=False, why="is a rational function, which no one chain gives")
BLU = DeviceForm(int8=bent_line, int8_operators=("ADD",))


def xatlu_float(x: Tensor, *, alpha: np.ndarray | float = 0.0, **_: object) -> Tensor:
    """Return ATLU with its gate stretched by alpha on both sides."""
    gate = ops.arctan2(ops.ones_like(x), -x) * (1.0 / math.pi)
    return x * (gate * (1.0 + 2.0 * alpha) - alpha)


def xatlu_supports(*, alpha: float, **_: object) -> bool:
    """Tell whether it still is ATLU."""
    return abs(alpha) < 1e-3


XATLU = DeviceForm(xatlu_float, atlu_int8, supports=xatlu_supports)


def dyt_int8(x: Tensor, *, alpha: float, gamma: float, beta: float, **_: object) -> Tensor:
    """A scaled tanh."""
    y = ops.tanh(alpha * x)
    y = y if gamma == 1.0 else gamma * y
    return y if beta == 0.0 else y + beta


DYT = DeviceForm(int8=dyt_int8, ends_in_scalar=True)


def arelu_int8(x: Tensor, *, alpha: float, beta: float, **_: object) -> Tensor:
    """A scaled leaky ReLU."""
    right = 1.0 + 1.0 / (1.0 + math.exp(-beta))
    return right * leaky(x, min(max(alpha, 0.01), 0.99) / right)


ARELU = DeviceForm(int8=arelu_int8, ends_in_scalar=True)


def prob_act_float(x: Tensor, **_: object) -> Tensor:
    """There is no noise at inference."""
    return ops.relu(x)


PROB_ACT = DeviceForm(prob_act_float)
