"""Device forms of the gated activations; `device_math` says what a form must hold to."""

from __future__ import annotations

from keras import ops

from actzoo.activations.device_forms import DeviceForm
from actzoo.activations.numerics import Tensor


def glu_float(x: Tensor, *, axis: int = -1, **_: object) -> Tensor:
    """Return a * sigmoid(b), with (a, b) the halves of x."""
    value, gate = ops.split(x, 2, axis=axis)
    return value * ops.sigmoid(gate)


GLU = DeviceForm(glu_float, int8_operators=("SPLIT", "MUL"))


def gtu_float(x: Tensor, *, axis: int = -1, **_: object) -> Tensor:
    """Return tanh(a) * sigmoid(b), with (a, b) the halves of x."""
    value, gate = ops.split(x, 2, axis=axis)
    return ops.tanh(value) * ops.sigmoid(gate)


GTU = DeviceForm(gtu_float, int8_operators=("SPLIT", "MUL"))


def geglu_float(x: Tensor, *, axis: int = -1, **_: object) -> Tensor:
    """Return a * gelu(b), with (a, b) the halves of x."""
    value, gate = ops.split(x, 2, axis=axis)
    return value * ops.gelu(gate, approximate=False)


GEGLU = DeviceForm(geglu_float, int8_operators=("SPLIT", "MUL"))


def swiglu_float(x: Tensor, *, axis: int = -1, **_: object) -> Tensor:
    """Return a * silu(b), with (a, b) the halves of x."""
    value, gate = ops.split(x, 2, axis=axis)
    return value * (gate * ops.sigmoid(gate))


SWIGLU = DeviceForm(swiglu_float, int8_operators=("SPLIT", "MUL"))


def reglu_float(x: Tensor, *, axis: int = -1, **_: object) -> Tensor:
    """Return a * max(b, 0), with (a, b) the halves of x."""
    value, gate = ops.split(x, 2, axis=axis)
    return value * ops.relu(gate)


REGLU = DeviceForm(reglu_float, int8_operators=("SPLIT", "MUL"))


def bilinear_glu_float(x: Tensor, *, axis: int = -1, **_: object) -> Tensor:
    """Return a * b, with (a, b) the halves of x."""
    value, gate = ops.split(x, 2, axis=axis)
    return value * gate


BILINEAR_GLU = DeviceForm(bilinear_glu_float, int8_operators=("SPLIT", "MUL"))
