"""Device forms of the exponential activations; `device_math` says what a form must hold to."""

from __future__ import annotations

from keras import ops

from actzoo.activations.device_forms import DeviceForm
from actzoo.activations.device_math import leaky
from actzoo.activations.numerics import Tensor


def elu_float(x: Tensor, *, alpha: float = 1.0, **_: object) -> Tensor:
    """Return x if x > 0, else alpha * (exp(x) - 1)."""
    return leaky(ops.elu(x), alpha)


ELU = DeviceForm(elu_float)


def selu_float(x: Tensor, **_: object) -> Tensor:
    """Return selu."""
    return leaky(1.0507009873554805 * ops.elu(x), 1.6732632423543772)


SELU = DeviceForm(selu_float)


def celu_float(x: Tensor, *, alpha: float = 1.0, **_: object) -> Tensor:
    """Return max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""
    return ops.elu(x) if alpha == 1.0 else alpha * ops.elu(x * (1.0 / alpha))


CELU = DeviceForm(celu_float, ends_in_scalar=True)


def exponential_float(x: Tensor, **_: object) -> Tensor:
    """Return exp(x)."""
    return ops.exp(x)


EXPONENTIAL = DeviceForm(exponential_float)


def elu_plus_one_int8(x: Tensor, **_: object) -> Tensor:
    """The sum is fused into the next layer."""
    return ops.elu(x) + 1.0


ELU_PLUS_ONE = DeviceForm(int8=elu_plus_one_int8, ends_in_scalar=True)


def elish_int8(x: Tensor, **_: object) -> Tensor:
    """A fitted gate."""
    return x * ops.sigmoid(leaky(leaky(x, 1.65957) + 1.2428, 0.794593) - 1.25294)


ELISH = DeviceForm(int8=elish_int8, int8_operators=("MUL",))


def hard_elish_int8(x: Tensor, **_: object) -> Tensor:
    """A fitted gate."""
    inner = leaky(ops.maximum(x, -1.0) + 0.658124, 0.67174) + 0.229151
    return x * ops.minimum(0.533315 * inner, 1.0)


HARD_ELISH = DeviceForm(int8=hard_elish_int8, int8_operators=("MUL",))


def symexp_int8(x: Tensor, **_: object) -> Tensor:
    """A fitted exponent as the gate."""
    return x * ops.exp(ops.sqrt(ops.square(ops.abs(x) + 4.82346) + 52.6456) - 8.81736)


SYMEXP = DeviceForm(int8=symexp_int8, int8_operators=("MUL",))
