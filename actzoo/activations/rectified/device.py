"""Device forms of the rectified activations; `device_math` says what a form must hold to."""

from __future__ import annotations

from keras import ops

from actzoo.activations.device_forms import DeviceForm
from actzoo.activations.device_math import leaky
from actzoo.activations.numerics import Tensor


def linear_float(x: Tensor, **_: object) -> Tensor:
    """Return x."""
    return x


LINEAR = DeviceForm(linear_float)


def relu_float(x: Tensor, **_: object) -> Tensor:
    """Return max(x, 0)."""
    return ops.relu(x)


RELU = DeviceForm(relu_float)


def relu6_float(x: Tensor, **_: object) -> Tensor:
    """Return min(max(x, 0), 6)."""
    return ops.relu6(x)


RELU6 = DeviceForm(relu6_float)


def relu_n_float(
    x: Tensor,
    *,
    max_value: float | None = 1.0,
    negative_slope: float = 0.0,
    threshold: float = 0.0,
    **_: object,
) -> Tensor:
    """Return min(x, max_value) if x > threshold, else negative_slope * (x - threshold)."""
    top = x if max_value is None else ops.minimum(x, float(max_value))
    if threshold:
        return ops.where(x > threshold, top, negative_slope * (x - threshold))
    if negative_slope or max_value is None:
        return leaky(top, negative_slope)
    return ops.relu6(x) if max_value == 6 else ops.minimum(ops.relu(x), float(max_value))


def relu_n_int8(
    x: Tensor, *, max_value: float | None = 1.0, negative_slope: float = 0.0, **_: object
) -> Tensor:
    """Both factors are fused into the neighboring convolutions, which leaves CONV + RELU6."""
    if negative_slope or max_value is None:
        return relu_n_float(x, max_value=max_value, negative_slope=negative_slope)
    return (max_value / 6.0) * ops.relu6((6.0 / max_value) * x)


def relu_n_supports(*, threshold: float = 0.0, **_: object) -> bool:
    """Tell whether it is without a jump."""
    return threshold == 0.0


RELU_N = DeviceForm(relu_n_float, relu_n_int8, supports=relu_n_supports, ends_in_scalar=True)


def threshold_float(x: Tensor, *, threshold: float, value: float = 0.0, **_: object) -> Tensor:
    """Return x if x > threshold, else value."""
    return ops.where(x > threshold, x, ops.cast(value, x.dtype))


def threshold_int8(x: Tensor, *, threshold: float, value: float = 0.0, **_: object) -> Tensor:
    """A ramp of width 1e-4 replaces the jump: narrower than any int8 step."""
    edge = 1e-4 * max(1.0, abs(threshold))
    top = threshold + edge
    return leaky(ops.maximum(x, threshold) - top, (top - value) / edge) + top


THRESHOLDED_RELU = DeviceForm(threshold_float, threshold_int8, ends_in_scalar=True)
THRESHOLD = DeviceForm(threshold_float, threshold_int8, ends_in_scalar=True)


def leaky_relu_float(x: Tensor, *, negative_slope: float = 0.01, **_: object) -> Tensor:
    """Return x if x >= 0, else negative_slope * x."""
    return leaky(x, negative_slope)


LEAKY_RELU = DeviceForm(leaky_relu_float)


def plu_int8(x: Tensor, *, alpha: float, c: float, **_: object) -> Tensor:
    """Two leaky knees, one of them upside down."""
    return c - leaky(2.0 * c - leaky(x + c, alpha), alpha)


PLU = DeviceForm(int8=plu_int8, ends_in_scalar=True)
RELU_SQUARED = DeviceForm()
RELU_ABSOLUTE = DeviceForm()
NLRELU = DeviceForm()


def sine_relu_int8(x: Tensor, **_: object) -> Tensor:
    """The wave is below one step."""
    return ops.relu(x)


def sine_relu_supports(*, epsilon: float, **_: object) -> bool:
    """Tell whether the wave is below one step of a usual range."""
    return abs(epsilon) <= 0.005


SINE_RELU = DeviceForm(int8=sine_relu_int8, supports=sine_relu_supports)
