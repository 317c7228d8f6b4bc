"""How each activation is written for a device: the table of forms.

The same algebra written differently trains alike but converts differently: `log(1 + exp(x))`
overflows in TFLite where Keras stays finite, and a branch by SELECT breaks the run of operators
that the runtime would fold into one table. A float form is stable and made of builtin operators;
an int8 form is a chain that folds (see `docs/design.md`).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops as K

from actzoo import activations
from actzoo._lazy import resolve
from actzoo.device import chains, stable

Form = Callable[..., Any]  # (x, **params) -> tensor


@dataclasses.dataclass(frozen=True)
class DeviceForm:
    """How one activation is written for a device.

    Attributes:
        float: Stable form out of builtin operators, equal to Keras; None keeps the layer.
        int8: Chain that the runtime folds into one table; None takes the float form.
        fits: Whether that chain holds for some parameters; None for all.
        last: TFLite operators of the int8 form with two computed operands. They must be int8 too
            for the run before them to fold (the int8 input of a run may be used more than once,
            a float value inside of it may not).
        tail: The int8 form ends in scalar arithmetic. The converter may move it into the layer
            behind, which is fine; where several layers are behind, it would be moved into some
            only and leave a second run, so it is then held in place.
        folds: Whether the int8 form becomes one table or melts into the convolution.
        why: Why not.
    """

    float: Form | None = None
    int8: Form | None = None
    fits: Callable[..., bool] | None = None
    last: tuple[str, ...] = ()
    tail: bool = False
    folds: bool = True
    why: str = "looks at more than one value"


# --- forms -------------------------------------------------------------------------------------
# Each takes `x` of any float shape and the activation's parameters; unknown ones are ignored.


def _leaky(x: Any, slope: float) -> Any:
    """LEAKY_RELU; the runtime's folding refuses the slope 0."""
    slope = float(slope)
    if slope == 1.0:
        return x
    return K.relu(x) if slope == 0.0 else K.leaky_relu(x, negative_slope=slope)


def _linear(x: Any, **_: Any) -> Any:
    return x


def _relu(x: Any, **_: Any) -> Any:
    return K.relu(x)


def _relu6(x: Any, **_: Any) -> Any:
    return K.relu6(x)


def _relu_n(x: Any, *, max_value: float = 1.0, **_: Any) -> Any:
    if max_value == 6:
        return K.relu6(x)
    return K.minimum(K.relu(x), float(max_value))


def _relu_n_int8(x: Any, *, max_value: float = 1.0, **_: Any) -> Any:
    # Both factors melt into the neighbouring convolutions, which leaves CONV + RELU6.
    return (max_value / 6.0) * K.relu6((6.0 / max_value) * x)


def _threshold_form(x: Any, *, threshold: float, value: float = 0.0, **_: Any) -> Any:
    return K.where(x > threshold, x, K.cast(value, x.dtype))


def _threshold_int8(x: Any, *, threshold: float, value: float = 0.0, **_: Any) -> Any:
    # A ramp of width 1e-4 stands for the jump: narrower than any int8 step.
    edge = 1e-4 * max(1.0, abs(threshold))
    top = threshold + edge
    return _leaky(K.maximum(x, threshold) - top, (top - value) / edge) + top


def _leaky_relu(x: Any, *, negative_slope: float = 0.01, **_: Any) -> Any:
    return _leaky(x, negative_slope)


def _rrelu(x: Any, *, lower: float = 1 / 8, upper: float = 1 / 3, **_: Any) -> Any:
    return _leaky(x, (lower + upper) / 2)


def _prelu(x: Any, *, alpha: Any = 0.25, **_: Any) -> Any:
    slopes = np.asarray(alpha, "float32")
    if slopes.size == 1 or np.all(slopes == slopes.flat[0]):
        return _leaky(x, float(slopes.flat[0]))
    # Exactly this sum, with slopes of the rank of one sample, is recognised by the converter and
    # becomes one PRELU; otherwise five operators.
    slopes = slopes.reshape((1,) * (len(x.shape) - 1 - slopes.ndim) + slopes.shape)
    return K.relu(x) + (-slopes) * K.relu(-x)


def _elu(x: Any, *, alpha: float = 1.0, **_: Any) -> Any:
    return _leaky(K.elu(x), alpha)


def _selu(x: Any, **_: Any) -> Any:
    return _leaky(1.0507009873554805 * K.elu(x), 1.6732632423543772)


def _celu(x: Any, *, alpha: float = 1.0, **_: Any) -> Any:
    return K.elu(x) if alpha == 1.0 else alpha * K.elu(x * (1.0 / alpha))


def _gelu(x: Any, **_: Any) -> Any:
    return K.gelu(x, approximate=False)


def _gelu_tanh(x: Any, **_: Any) -> Any:
    return K.gelu(x, approximate=True)


def _silu(x: Any, **_: Any) -> Any:
    return x * K.sigmoid(x)


def _hard_silu(x: Any, **_: Any) -> Any:
    return K.hard_silu(x)


def _mish(x: Any, **_: Any) -> Any:
    # exp overflows to infinity above 88, whose tanh is 1: right, and finite at the end.
    return x * K.tanh(K.log(K.exp(x) + 1.0))


def _softplus(x: Any, **_: Any) -> Any:
    return K.relu(x) - K.log(K.sigmoid(K.abs(x)))


def _softplus_int8(x: Any, **_: Any) -> Any:
    return K.log(K.exp(x) + 1.0)


def _squareplus(x: Any, *, b: float = 4.0, **_: Any) -> Any:
    # The usual (x + sqrt(x^2 + b)) / 2 cancels far below zero: at -1e4 all digits are lost.
    return K.relu(x) + (0.5 * b) / (K.sqrt(K.square(x) + float(b)) + K.abs(x))


def _squareplus_int8(x: Any, *, b: float = 4.0, **_: Any) -> Any:
    return 0.5 * (x + K.sqrt(K.square(x) + float(b)))


def _softsign(x: Any, **_: Any) -> Any:
    return x / (K.abs(x) + 1.0)


def _softsign_int8(x: Any, **_: Any) -> Any:
    # Fitted: the exact quotient needs the int8 input twice and one node too many.
    return K.tanh(x * (1.24089 / (K.abs(x) + 1.41938) + 0.04302))


def _sigmoid(x: Any, **_: Any) -> Any:
    return K.sigmoid(x)


def _hard_sigmoid(x: Any, **_: Any) -> Any:
    return K.relu6(x + 3.0) * (1.0 / 6.0)


def _log_sigmoid(x: Any, **_: Any) -> Any:
    return K.log(K.sigmoid(K.abs(x))) - K.relu(-x)


def _log_sigmoid_int8(x: Any, **_: Any) -> Any:
    return K.log(K.sigmoid(x))


def _tanh(x: Any, **_: Any) -> Any:
    return K.tanh(x)


def _hard_tanh(x: Any, **_: Any) -> Any:
    return K.clip(x, -1.0, 1.0)


def _tanh_shrink(x: Any, **_: Any) -> Any:
    return x - K.tanh(x)


def _soft_shrink(x: Any, *, threshold: float = 0.5, **_: Any) -> Any:
    return x - K.clip(x, -threshold, threshold)


def _soft_shrink_int8(x: Any, *, threshold: float = 0.5, **_: Any) -> Any:
    # The flat part has slope 1e-3, far below an int8 step.
    if threshold == 0:
        return x
    flat = 1e-3
    inner = _leaky(-threshold - x, flat) + 2 * threshold * flat
    return -_leaky(inner, 1.0 / flat)


def _hard_shrink(x: Any, *, threshold: float = 0.5, **_: Any) -> Any:
    return K.where(K.abs(x) > threshold, x, K.zeros_like(x))


def _hard_shrink_int8(x: Any, *, threshold: float = 0.5, **_: Any) -> Any:
    return x * K.ceil(K.minimum(K.relu(K.abs(x) - threshold), 1.0))


def _sparse_plus(x: Any, **_: Any) -> Any:
    return 0.25 * K.square(K.minimum(K.relu(x + 1.0), 2.0)) + K.relu(x - 1.0)


def _sparse_plus_int8(x: Any, **_: Any) -> Any:
    # Piecewise linear with four knees, fitted to at most two int8 steps.
    y = _leaky(x - 0.746778, 0.74507) + 0.383984
    y = _leaky(y, 0.652693) + 0.252249
    y = _leaky(y, 0.463679) + 0.117922
    return K.relu(y)


def _sparse_sigmoid(x: Any, **_: Any) -> Any:
    return 0.5 * (K.clip(x, -1.0, 1.0) + 1.0)


def _exponential(x: Any, **_: Any) -> Any:
    return K.exp(x)


def _glu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    value, gate = K.split(x, 2, axis=axis)
    return value * K.sigmoid(gate)


def _softmax(x: Any, *, axis: int = -1, **_: Any) -> Any:
    return K.softmax(x, axis=axis)


def _log_softmax(x: Any, *, axis: int = -1, **_: Any) -> Any:
    return K.log_softmax(x, axis=axis)


def _softmin(x: Any, *, axis: int = -1, **_: Any) -> Any:
    return K.softmax(-x, axis=axis)


def _gumbel_softmax(
    x: Any, *, tau: float = 1.0, hard: bool = False, axis: int = -1, **_: Any
) -> Any:
    if not hard:
        return K.softmax(x * (1.0 / tau), axis=axis)
    z = K.moveaxis(x, axis, -1)
    best = K.top_k(z, 1)[1]  # Keras' argmax needs BitwiseAnd
    hot = K.cast(K.equal(best, K.arange(z.shape[-1], dtype=best.dtype)), x.dtype)
    return K.moveaxis(hot, -1, axis)


def _maxout(x: Any, *, pool_size: int = 2, axis: int = -1, **_: Any) -> Any:
    return functools.reduce(K.maximum, K.split(x, pool_size, axis=axis))


def _crelu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    return K.relu(K.concatenate([x, -x], axis=axis))


def _concat_elu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    return K.elu(K.concatenate([x, -x], axis=axis))


def _in_pairs(x: Any, axis: int, function: Callable[[Any, Any], tuple[Any, Any]]) -> Any:
    """Apply a function of two neighbouring channels to each pair of them."""
    z = K.moveaxis(x, axis, -1)
    pairs = K.stack(function(z[..., 0::2], z[..., 1::2]), axis=-1)
    return K.moveaxis(K.reshape(pairs, K.shape(z)), -1, axis)


def _bipolar_relu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    # Factors of +-1, as in our layer, would melt into the layer before it, and of that the
    # quantizer writes a broken file.
    if x.shape[axis] % 2 == 0:
        return _in_pairs(x, axis, lambda even, odd: (K.relu(even), -K.relu(-odd)))
    shape = [-1 if a == axis % len(x.shape) else 1 for a in range(len(x.shape))]
    odd = (np.arange(x.shape[axis]) % 2).astype("float32").reshape(shape)
    return (1.0 - odd) * K.relu(x) - odd * K.relu(-x)


def _maxmin(x: Any, *, axis: int = -1, **_: Any) -> Any:
    return _in_pairs(x, axis, lambda a, b: (K.maximum(a, b), K.minimum(a, b)))


def _maxmin_int8(x: Any, *, axis: int = -1, **_: Any) -> Any:
    # The quantizer knows MAXIMUM and not MINIMUM.
    return _in_pairs(x, axis, lambda a, b: (K.maximum(a, b), -K.maximum(-a, -b)))


def _gtu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    value, gate = K.split(x, 2, axis=axis)
    return K.tanh(value) * K.sigmoid(gate)


def _geglu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    value, gate = K.split(x, 2, axis=axis)
    return value * K.gelu(gate, approximate=False)


def _swiglu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    value, gate = K.split(x, 2, axis=axis)
    return value * (gate * K.sigmoid(gate))


def _reglu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    value, gate = K.split(x, 2, axis=axis)
    return value * K.relu(gate)


def _bilinear_glu(x: Any, *, axis: int = -1, **_: Any) -> Any:
    value, gate = K.split(x, 2, axis=axis)
    return value * gate


FORMS: dict[str, DeviceForm] = {
    "linear": DeviceForm(_linear),
    "relu": DeviceForm(_relu),
    "relu6": DeviceForm(_relu6),
    "relu_n": DeviceForm(_relu_n, _relu_n_int8, tail=True),
    "thresholded_relu": DeviceForm(_threshold_form, _threshold_int8, tail=True),
    "threshold": DeviceForm(_threshold_form, _threshold_int8, tail=True),
    "leaky_relu": DeviceForm(_leaky_relu),
    "prelu": DeviceForm(_prelu),
    "rrelu": DeviceForm(_rrelu),
    "elu": DeviceForm(_elu),
    "selu": DeviceForm(_selu),
    "celu": DeviceForm(_celu, tail=True),
    "gelu": DeviceForm(_gelu),
    "gelu_tanh": DeviceForm(_gelu_tanh),
    "silu": DeviceForm(_silu, last=("MUL",)),
    "hard_silu": DeviceForm(_hard_silu),
    "mish": DeviceForm(_mish, last=("MUL",)),
    "softplus": DeviceForm(_softplus, _softplus_int8),
    "squareplus": DeviceForm(_squareplus, _squareplus_int8, last=("ADD",), tail=True),
    "softsign": DeviceForm(_softsign, _softsign_int8, last=("MUL",)),
    "sigmoid": DeviceForm(_sigmoid),
    "hard_sigmoid": DeviceForm(_hard_sigmoid, tail=True),
    "log_sigmoid": DeviceForm(_log_sigmoid, _log_sigmoid_int8),
    "tanh": DeviceForm(_tanh),
    "hard_tanh": DeviceForm(_hard_tanh),
    "tanh_shrink": DeviceForm(_tanh_shrink, last=("SUB",)),
    "soft_shrink": DeviceForm(_soft_shrink, _soft_shrink_int8),
    "hard_shrink": DeviceForm(_hard_shrink, _hard_shrink_int8, last=("MUL",)),
    "sparse_plus": DeviceForm(_sparse_plus, _sparse_plus_int8),
    "sparse_sigmoid": DeviceForm(_sparse_sigmoid, tail=True),
    "exponential": DeviceForm(_exponential),
    "plu": DeviceForm(int8=chains.plu, tail=True),
    "srelu": DeviceForm(int8=chains.srelu, tail=True),
    "apl": DeviceForm(int8=chains.apl, fits=chains.apl_fits, tail=True),
    "pact": DeviceForm(int8=chains.pact),
    "flexible_relu": DeviceForm(int8=chains.flexible_relu, tail=True),
    "tlu": DeviceForm(int8=chains.tlu),
    "tlu_affine": DeviceForm(int8=chains.tlu_affine, fits=chains.tlu_affine_fits, tail=True),
    "relu_squared": DeviceForm(),
    "star_relu": DeviceForm(int8=chains.star_relu, tail=True),
    "poly_relu": DeviceForm(int8=chains.poly_relu, fits=chains.poly_relu_fits, tail=True),
    "relu_absolute": DeviceForm(),
    "nlrelu": DeviceForm(),
    "sine_relu": DeviceForm(int8=chains.sine_relu, fits=chains.sine_relu_fits),
    "elu_plus_one": DeviceForm(int8=chains.elu_plus_one, tail=True),
    "elish": DeviceForm(int8=chains.elish, last=("MUL",)),
    "hard_elish": DeviceForm(int8=chains.hard_elish, last=("MUL",)),
    "symexp": DeviceForm(int8=chains.symexp, last=("MUL",)),
    "pelu": DeviceForm(int8=chains.pelu, tail=True),
    "mpelu": DeviceForm(int8=chains.mpelu, fits=chains.mpelu_fits, tail=True),
    "soft_exponential": DeviceForm(int8=chains.soft_exponential, tail=True),
    "xielu": DeviceForm(int8=chains.xielu, fits=chains.xielu_fits, last=("MUL",)),
    "smelu": DeviceForm(int8=chains.smelu),
    "quick_gelu": DeviceForm(last=("MUL",)),
    "gelu_linear": DeviceForm(int8=chains.gelu_linear, tail=True),
    "gelu_clipped": DeviceForm(int8=chains.gelu_clipped),
    "e_swish": DeviceForm(int8=chains.e_swish, last=("MUL",)),
    "flatten_t_swish": DeviceForm(int8=chains.flatten_t_swish, last=("MUL",), tail=True),
    "hard_mish": DeviceForm(int8=chains.hard_mish, last=("MUL",)),
    "tanh_exp": DeviceForm(last=("MUL",)),
    "serf": DeviceForm(stable.serf, chains.serf, last=("MUL",)),
    "phish": DeviceForm(last=("MUL",)),
    "logish": DeviceForm(last=("MUL",)),
    "smish": DeviceForm(last=("MUL",)),
    "gish": DeviceForm(last=("MUL",)),
    "loglogish": DeviceForm(last=("MUL",)),
    "golu": DeviceForm(last=("MUL",)),
    "lisht": DeviceForm(last=("MUL",)),
    "colu": DeviceForm(int8=chains.colu, last=("MUL",)),
    "suish": DeviceForm(int8=chains.suish, last=("MUL",)),
    "isrlu": DeviceForm(last=("MUL",)),
    "med_relu": DeviceForm(int8=chains.med_relu, last=("MUL",)),
    "atlu": DeviceForm(stable.atlu, chains.atlu, tail=True),
    "sqrt_softplus": DeviceForm(stable.sqrt_softplus, chains.sqrt_softplus),
    "logcosh": DeviceForm(stable.logcosh, chains.logcosh, tail=True),
    "bent_identity": DeviceForm(int8=functools.partial(chains.blu, beta=0.5), last=("ADD",)),
    "seagull": DeviceForm(int8=chains.seagull),
    "swoosh_l": DeviceForm(stable.swoosh_l, chains.swoosh_l, last=("SUB",), tail=True),
    "swoosh_r": DeviceForm(stable.swoosh_r, chains.swoosh_r, last=("SUB",), tail=True),
    "trainable_swish": DeviceForm(int8=chains.gated_sigmoid, last=("MUL",)),
    "sinlu": DeviceForm(int8=chains.sinlu, last=("LOGISTIC", "ADD", "MUL")),
    "aria2": DeviceForm(stable.aria2, chains.aria2, last=("MUL",)),
    "acon_b": DeviceForm(int8=chains.acon_b, last=("MUL",)),
    "acon_c": DeviceForm(int8=chains.acon, last=("MUL",)),
    "smu": DeviceForm(stable.smu, chains.smu, fits=chains.smu_fits, last=("ADD",), tail=True),
    "smu1": DeviceForm(int8=chains.smu1, last=("ADD",), tail=True),
    "pau": DeviceForm(folds=False, why="is a rational function, which no one chain gives"),
    "blu": DeviceForm(int8=chains.blu, last=("ADD",)),
    "xatlu": DeviceForm(stable.xatlu, chains.atlu, fits=chains.xatlu_fits, tail=True),
    "dyt": DeviceForm(int8=chains.dyt, tail=True),
    "arelu": DeviceForm(int8=chains.arelu, tail=True),
    "prob_act": DeviceForm(chains.prob_act),
    "hard_sigmoid_keras2": DeviceForm(int8=chains.hard_sigmoid_keras2, tail=True),
    "lecun_tanh": DeviceForm(chains.lecun_tanh, tail=True),
    "penalized_tanh": DeviceForm(int8=chains.penalized_tanh),
    "isru": DeviceForm(int8=chains.isru, last=("MUL",), tail=True),
    "elliott_sigmoid": DeviceForm(int8=chains.elliott_sigmoid, last=("MUL",)),
    "arctan": DeviceForm(stable.arctan, chains.arctan, last=("MUL",), tail=True),
    "sigmoid_algebraic": DeviceForm(
        int8=chains.sigmoid_algebraic, fits=chains.sigmoid_algebraic_fits, last=("MUL",)
    ),
    "sqnl": DeviceForm(int8=chains.sqnl, last=("MUL",)),
    "symlog": DeviceForm(int8=chains.symlog),
    "soft_clipping": DeviceForm(stable.soft_clipping, chains.soft_clipping, tail=True),
    "laplace": DeviceForm(stable.laplace, chains.laplace, fits=chains.laplace_fits),
    "gompertz": DeviceForm(),
    "erf": DeviceForm(stable.erf, chains.erf),
    "gaussian": DeviceForm(),
    "sine": DeviceForm(),
    "snake": DeviceForm(last=("ADD",)),
    "gcu": DeviceForm(last=("MUL",)),
    "asu": DeviceForm(last=("MUL",)),
    "glu": DeviceForm(_glu, last=("SPLIT", "MUL")),
    "softmax": DeviceForm(_softmax, folds=False),
    "log_softmax": DeviceForm(_log_softmax, folds=False),
    "sparsemax": DeviceForm(folds=False),
    "softmin": DeviceForm(_softmin, folds=False),
    "softmax_one": DeviceForm(folds=False),
    "entmax15": DeviceForm(folds=False),
    "gumbel_softmax": DeviceForm(_gumbel_softmax, folds=False),
    "maxout": DeviceForm(_maxout, last=("SPLIT", "MAXIMUM")),
    "crelu": DeviceForm(_crelu, last=("CONCATENATION",)),
    "concat_elu": DeviceForm(_concat_elu, last=("CONCATENATION",)),
    "bipolar_relu": DeviceForm(_bipolar_relu, last=("STRIDED_SLICE", "PACK", "RESHAPE")),
    "maxmin": DeviceForm(
        _maxmin, _maxmin_int8, last=("STRIDED_SLICE", "MAXIMUM", "PACK", "RESHAPE")
    ),
    "k_winners": DeviceForm(folds=False),
    "gtu": DeviceForm(_gtu, last=("SPLIT", "MUL")),
    "geglu": DeviceForm(_geglu, last=("SPLIT", "MUL")),
    "swiglu": DeviceForm(_swiglu, last=("SPLIT", "MUL")),
    "reglu": DeviceForm(_reglu, last=("SPLIT", "MUL")),
    "bilinear_glu": DeviceForm(_bilinear_glu, last=("SPLIT", "MUL")),
    # Their weights stay in the layer, which is kept.
    "dice": DeviceForm(folds=False),
    "evo_norm_b0": DeviceForm(folds=False),
    "funnel_relu": DeviceForm(folds=False),
    "dy_relu": DeviceForm(folds=False),
    "meta_acon": DeviceForm(folds=False),
}


def device_form(name: str) -> DeviceForm | None:
    """Return the device form of an activation, or None where there is none.

    A row from another package brings its own as target strings.

    Args:
        name: Canonical name of the activation.
    """
    if name in FORMS:
        return FORMS[name]
    row = activations.describe(name)
    if row.float_form is None and row.int8_form is None:
        return None
    return DeviceForm(
        float=resolve(row.float_form) if row.float_form else None,
        int8=resolve(row.int8_form) if row.int8_form else None,
    )
