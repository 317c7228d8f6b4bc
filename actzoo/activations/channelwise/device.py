"""Device forms of the channelwise activations; `device_math` says what a form must hold to."""

from __future__ import annotations

import functools

import numpy as np
from keras import ops

from actzoo.activations.device_forms import DeviceForm
from actzoo.activations.device_math import in_pairs
from actzoo.activations.numerics import Tensor, log_softmax_over, softmax_over


def softmax_float(x: Tensor, *, axis: int | tuple[int, ...] = -1, **_: object) -> Tensor:
    """Return exp(x_i) / sum_j exp(x_j)."""
    if isinstance(axis, tuple):
        return softmax_over(x, axes=axis)
    return ops.softmax(x, axis=axis)


SOFTMAX = DeviceForm(softmax_float, folds=False)


def log_softmax_float(x: Tensor, *, axis: int | tuple[int, ...] = -1, **_: object) -> Tensor:
    """Return x_i - ln(sum_j exp(x_j))."""
    if isinstance(axis, tuple):
        return log_softmax_over(x, axes=axis)
    return ops.log_softmax(x, axis=axis)


LOG_SOFTMAX = DeviceForm(log_softmax_float, folds=False)


def softmin_float(x: Tensor, *, axis: int = -1, **_: object) -> Tensor:
    """Return exp(-x_i) / sum_j exp(-x_j)."""
    return ops.softmax(-x, axis=axis)


SOFTMIN = DeviceForm(softmin_float, folds=False)
SOFTMAX_ONE = DeviceForm(folds=False)
SPARSEMAX = DeviceForm(folds=False)
ENTMAX15 = DeviceForm(folds=False)


def gumbel_softmax_float(
    x: Tensor, *, tau: float = 1.0, hard: bool = False, axis: int = -1, **_: object
) -> Tensor:
    """Return softmax((x + g) / tau), g = -ln(-ln(u)), u ~ U(0, 1); g = 0 at inference."""
    if not hard:
        return ops.softmax(x * (1.0 / tau), axis=axis)
    z = ops.moveaxis(x, axis, -1)
    best = ops.top_k(z, 1)[1]  # Keras' argmax needs BitwiseAnd
    hot = ops.cast(ops.equal(best, ops.arange(z.shape[-1], dtype=best.dtype)), x.dtype)
    return ops.moveaxis(hot, -1, axis)


GUMBEL_SOFTMAX = DeviceForm(gumbel_softmax_float, folds=False)


def maxout_float(x: Tensor, *, pool_size: int = 2, axis: int = -1, **_: object) -> Tensor:
    """Return max(a, b, ...), with (a, b, ...) the pool_size equal parts of x."""
    return functools.reduce(ops.maximum, ops.split(x, pool_size, axis=axis))


MAXOUT = DeviceForm(maxout_float, int8_operators=("SPLIT", "MAXIMUM"))


def crelu_float(x: Tensor, *, axis: int = -1, **_: object) -> Tensor:
    """Return [max(x, 0), max(-x, 0)]."""
    return ops.relu(ops.concatenate([x, -x], axis=axis))


CRELU = DeviceForm(crelu_float, int8_operators=("CONCATENATION",))


def concat_elu_float(x: Tensor, *, axis: int = -1, **_: object) -> Tensor:
    """Return [elu(x), elu(-x)], elu(x) = x if x > 0, else exp(x) - 1."""
    return ops.elu(ops.concatenate([x, -x], axis=axis))


CONCAT_ELU = DeviceForm(concat_elu_float, int8_operators=("CONCATENATION",))


def bipolar_relu_float(x: Tensor, *, axis: int = -1, **_: object) -> Tensor:
    """Return max(x, 0) in channels 0, 2, 4 ..., min(x, 0) in channels 1, 3, 5 ...."""
    # Factors of +-1, as in our layer, would be fused into the layer before it, and of that the
    # quantizer writes a broken file.
    if x.shape[axis] % 2 == 0:
        return in_pairs(x, axis, lambda even, odd: (ops.relu(even), -ops.relu(-odd)))
    shape = [-1 if a == axis % len(x.shape) else 1 for a in range(len(x.shape))]
    odd = (np.arange(x.shape[axis]) % 2).astype("float32").reshape(shape)
    return (1.0 - odd) * ops.relu(x) - odd * ops.relu(-x)


BIPOLAR_RELU = DeviceForm(bipolar_relu_float, int8_operators=("STRIDED_SLICE", "PACK", "RESHAPE"))


def maxmin_float(x: Tensor, *, axis: int = -1, **_: object) -> Tensor:
    """Return (max(a, b), min(a, b)) of each pair (a, b) of neighboring channels."""
    return in_pairs(x, axis, lambda a, b: (ops.maximum(a, b), ops.minimum(a, b)))


def maxmin_int8(x: Tensor, *, axis: int = -1, **_: object) -> Tensor:
    """The quantizer knows MAXIMUM and not MINIMUM."""
    return in_pairs(x, axis, lambda a, b: (ops.maximum(a, b), -ops.maximum(-a, -b)))


MAXMIN = DeviceForm(
    maxmin_float, maxmin_int8, int8_operators=("STRIDED_SLICE", "MAXIMUM", "PACK", "RESHAPE")
)
K_WINNERS = DeviceForm(folds=False)
