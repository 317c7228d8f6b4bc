"""Device forms of the shrinking activations; `device_math` says what a form must hold to."""

from __future__ import annotations

from keras import ops

from actzoo.activations.device_forms import DeviceForm
from actzoo.activations.device_math import leaky
from actzoo.activations.numerics import Tensor


def tanh_shrink_float(x: Tensor, **_: object) -> Tensor:
    """Return x - tanh(x)."""
    return x - ops.tanh(x)


TANH_SHRINK = DeviceForm(tanh_shrink_float, int8_operators=("SUB",))


def soft_shrink_float(x: Tensor, *, threshold: float = 0.5, **_: object) -> Tensor:
    """Return sign(x) * max(|x| - threshold, 0)."""
    return x - ops.clip(x, -threshold, threshold)


def soft_shrink_int8(x: Tensor, *, threshold: float = 0.5, **_: object) -> Tensor:
    """Two leaky knees; the flat part has slope 1e-3, far below an int8 step."""
    if threshold == 0:
        return x
    flat = 1e-3
    inner = leaky(-threshold - x, flat) + 2 * threshold * flat
    return -leaky(inner, 1.0 / flat)


SOFT_SHRINK = DeviceForm(soft_shrink_float, soft_shrink_int8, ends_in_scalar=True)


def hard_shrink_float(x: Tensor, *, threshold: float = 0.5, **_: object) -> Tensor:
    """Return x if |x| > threshold, else 0."""
    return ops.where(ops.abs(x) > threshold, x, ops.zeros_like(x))


def hard_shrink_int8(x: Tensor, *, threshold: float = 0.5, **_: object) -> Tensor:
    """A gate of 0 and 1."""
    return x * ops.ceil(ops.minimum(ops.relu(ops.abs(x) - threshold), 1.0))


HARD_SHRINK = DeviceForm(hard_shrink_float, hard_shrink_int8, int8_operators=("MUL",))
