"""Activations with weights, or with chance, as Keras layers.

Each takes a float tensor `(batch, ..., channels)` and returns one of its shape and dtype.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import keras
import numpy as np
from keras import ops

from actzoo import errors
from actzoo.activations.numerics import HALF, negative_part

Per = Literal["channel", "layer", "element"]


class Learned(keras.layers.Layer):
    """An elementwise function with weights; the base of the layers below.

    A subclass says what its weights start from and computes from them, in float32 where the input
    is half as wide. Its constructor's arguments are its config.

    Args:
        starts: Weight -> value that training starts from: a number, or an array whose axes come
            before the ones that `per` asks for.
        per: What has weights of its own: each "channel" (last axis), the whole "layer", or each
            "element", which ties a model to the size of its input.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.
    """

    one_per_layer: frozenset[str] = frozenset()  # weights of which `per` makes no more
    # Weight -> range that training keeps it in. A cut in `compute` alone would leave it without a
    # gradient, for good, once a step has carried it out.
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {}

    def __init__(self, starts: Mapping[str, Any], per: Per, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if per not in ("channel", "layer", "element"):
            raise errors.unknown_name("kind of weights", per, ("channel", "layer", "element"))
        self.per = per
        self.starts = {name: np.asarray(start, "float32") for name, start in starts.items()}
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights.

        Raises:
            InvalidValueError: The input has an axis of unknown length that the weights need.
        """
        shape = {"channel": input_shape[-1:], "layer": (1,), "element": input_shape[1:]}[self.per]
        if None in shape:
            instead = "per='layer'" if self.per == "channel" else "per='channel'"
            raise errors.InvalidValueError(
                f"{type(self).__name__} with weights per {self.per} needs to know the shape of "
                f"its input, which is {tuple(input_shape)}.\nFix the size, or give {instead}.",
                given=tuple(input_shape),
                fix=instead,
            )
        for name, start in self.starts.items():
            rest = (1,) if name in self.one_per_layer else tuple(shape)
            own = start.reshape(start.shape + (1,) * len(rest))
            full = np.broadcast_to(own, start.shape + rest)
            weight = self.add_weight(
                shape=full.shape,
                initializer=lambda _, dtype=None, full=full: ops.convert_to_tensor(full, dtype),
                constraint=_Within(*self.limits[name]) if name in self.limits else None,
                name=name,
                autocast=False,
            )
            setattr(self, f"{name}_weight", weight)

    def values(self) -> dict[str, np.ndarray]:
        """Return each weight's value by its name."""
        return {name: ops.convert_to_numpy(getattr(self, f"{name}_weight")) for name in self.starts}

    def call(self, x: Any) -> Any:
        """Return the activation of `x`."""
        dtype = keras.backend.standardize_dtype(x.dtype)
        if not keras.backend.is_float_dtype(dtype):  # whole numbers would round the weights
            dtype = self.compute_dtype
        wide = "float32" if dtype in HALF else dtype
        weights = {name: ops.cast(getattr(self, f"{name}_weight"), wide) for name in self.starts}
        return ops.cast(self.compute(ops.cast(x, wide), **weights), dtype)

    def compute(self, *args: Any, **weights: Any) -> Any:
        """Return the activation of one tensor for given weights."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = [name for name in inspect.signature(type(self)).parameters if name != "kwargs"]
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


class _Within(keras.constraints.Constraint):
    """Keeps a weight in a range after each step."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __call__(self, w: Any) -> Any:
        return ops.clip(w, self.low, self.high)


def _linear(x: Any, slope: Any) -> Any:
    """Return x for x >= 0 and slope * x below, of slope 1 at 0."""
    return ops.where(x >= 0, x, slope * x)


@keras.saving.register_keras_serializable(package="actzoo")
class PReLU(Learned):
    """Leaky ReLU that learns its slopes.

    Formula: `x if x >= 0, else a x` with `a` learned. Keras' layer learns one per element unless
    told the shared axes, which it wants before it knows the input; its sum of two ReLUs has the
    gradient 0 at 0, outside of [a, 1].

    Args:
        negative_slope: Slope that training starts from.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        He et al., 2015, "Delving Deep into Rectifiers", arXiv:1502.01852.
    """

    def __init__(self, negative_slope: float = 0.25, per: Per = "channel", **kwargs: Any) -> None:
        super().__init__({"alpha": negative_slope}, per, **kwargs)
        self.negative_slope = negative_slope

    def compute(self, x: Any, alpha: Any) -> Any:
        """Return the activation of `x`."""
        return _linear(x, alpha)


@keras.saving.register_keras_serializable(package="actzoo")
class SReLU(Learned):
    """S-shaped ReLU: three straight pieces.

    Formula: `right + right_slope (x - right) if x >= right,
    left + left_slope (x - left) if x <= left, else x`.

    Args:
        left: Lower knee.
        left_slope: Slope below it.
        right: Upper knee.
        right_slope: Slope above it.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Jin et al., 2015, "Deep Learning with S-shaped Rectified Linear Activation Units",
        arXiv:1512.07030.
    """

    def __init__(
        self,
        left: float = 0.0,
        left_slope: float = 0.2,
        right: float = 1.0,
        right_slope: float = 0.5,
        per: Per = "channel",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {"left": left, "left_slope": left_slope, "right": right, "right_slope": right_slope},
            per,
            **kwargs,
        )
        self.left = left
        self.left_slope = left_slope
        self.right = right
        self.right_slope = right_slope

    def compute(self, x: Any, left: Any, left_slope: Any, right: Any, right_slope: Any) -> Any:
        """Return the activation of `x`."""
        upper = right + right_slope * (x - right)
        lower = left + left_slope * (x - left)
        return ops.where(x >= right, upper, ops.where(x <= left, lower, x))


@keras.saving.register_keras_serializable(package="actzoo")
class APL(Learned):
    """Adaptive piecewise linear unit: ReLU plus learned hinges.

    Formula: `max(x, 0) + sum_s slope_s max(-x + hinge_s, 0)`.

    Args:
        slope: Slope of each hinge.
        hinge: Place of the first hinge; the others lie as far apart.
        pieces: Number of hinges.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Agostinelli et al., 2014, "Learning Activation Functions to Improve Deep Neural Networks",
        arXiv:1412.6830.
    """

    def __init__(
        self,
        slope: float = 0.2,
        hinge: float = 0.5,
        pieces: int = 1,
        per: Per = "channel",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            {"slope": np.full(pieces, slope), "hinge": hinge * np.arange(1, pieces + 1)},
            per,
            **kwargs,
        )
        self.slope = slope
        self.hinge = hinge
        self.pieces = pieces

    def compute(self, x: Any, slope: Any, hinge: Any) -> Any:
        """Return the activation of `x`."""
        y = ops.relu(x)
        for piece in range(self.pieces):
            y = y + slope[piece] * ops.relu(hinge[piece] - x)
        return y


@keras.saving.register_keras_serializable(package="actzoo")
class PACT(Learned):
    """ReLU cut at a learned value, made for few bits.

    Formula: `clip(x, 0, alpha)`.

    Args:
        alpha: Largest value; the gradient of what is cut goes to it.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Choi et al., 2018, "PACT", arXiv:1805.06085.
    """

    def __init__(
        self,
        alpha: float = 6.0,
        per: Per = "layer",
        **kwargs: Any,
    ) -> None:
        super().__init__({"alpha": alpha}, per, **kwargs)
        self.alpha = alpha

    def compute(self, x: Any, alpha: Any) -> Any:
        """Return the activation of `x`."""
        return ops.minimum(ops.relu(x), alpha)


@keras.saving.register_keras_serializable(package="actzoo")
class FlexibleReLU(Learned):
    """ReLU moved up or down by a learned amount.

    Formula: `max(x, 0) + b`.

    Args:
        bias: The b of the formula.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Qiu et al., 2017, "FReLU: Flexible Rectified Linear Units", arXiv:1706.08098.
    """

    def __init__(
        self,
        bias: float = -0.398,
        per: Per = "channel",
        **kwargs: Any,
    ) -> None:
        super().__init__({"bias": bias}, per, **kwargs)
        self.bias = bias

    def compute(self, x: Any, bias: Any) -> Any:
        """Return the activation of `x`."""
        return ops.relu(x) + bias


@keras.saving.register_keras_serializable(package="actzoo")
class TLU(Learned):
    """Thresholded linear unit: the larger of the input and a learned value.

    Formula: `max(x, tau)`.

    Args:
        tau: Smallest value.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Singh & Krishnan, 2019, "Filter Response Normalization Layer", arXiv:1911.09737.
    """

    def __init__(
        self,
        tau: float = 0.0,
        per: Per = "channel",
        **kwargs: Any,
    ) -> None:
        super().__init__({"tau": tau}, per, **kwargs)
        self.tau = tau

    def compute(self, x: Any, tau: Any) -> Any:
        """Return the activation of `x`."""
        return ops.where(x <= tau, tau, x)


@keras.saving.register_keras_serializable(package="actzoo")
class TLUAffine(Learned):
    """Thresholded linear unit whose threshold is a learned line.

    Formula: `max(x, alpha x + tau)`.

    Args:
        alpha: Slope of the line.
        tau: Its value at 0.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Singh & Krishnan, 2019, "Filter Response Normalization Layer", arXiv:1911.09737.
    """

    def __init__(
        self,
        alpha: float = 0.0,
        tau: float = 0.0,
        per: Per = "channel",
        **kwargs: Any,
    ) -> None:
        super().__init__({"alpha": alpha, "tau": tau}, per, **kwargs)
        self.alpha = alpha
        self.tau = tau

    def compute(self, x: Any, alpha: Any, tau: Any) -> Any:
        """Return the activation of `x`."""
        line = alpha * x + tau
        return ops.where(x <= line, line, x)


@keras.saving.register_keras_serializable(package="actzoo")
class StarReLU(Learned):
    """Squared ReLU, scaled and moved to variance 1 and mean 0.

    Formula: `scale max(x, 0)^2 + bias`.

    Args:
        scale: Factor.
        bias: Value at and below 0.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Yu et al., 2022, "MetaFormer Baselines for Vision", arXiv:2210.13452.
    """

    def __init__(
        self,
        scale: float = 0.8944,
        bias: float = -0.4472,
        per: Per = "layer",
        **kwargs: Any,
    ) -> None:
        super().__init__({"scale": scale, "bias": bias}, per, **kwargs)
        self.scale = scale
        self.bias = bias

    def compute(self, x: Any, scale: Any, bias: Any) -> Any:
        """Return the activation of `x`."""
        return scale * ops.square(ops.relu(x)) + bias


@keras.saving.register_keras_serializable(package="actzoo")
class PolyReLU(Learned):
    """Cubic polynomial of ReLU.

    Formula: `a0 + a1 r + a2 r^2 + a3 r^3, with r = max(x, 0)`.

    Args:
        a0: Constant.
        a1: Of the first power.
        a2: Of the second.
        a3: Of the third.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Zhuo et al., 2024, "Polynomial Composition Activations", arXiv:2411.03884.
    """

    def __init__(
        self,
        a0: float = 0.0,
        a1: float = 1 / 3,
        a2: float = 1 / 3,
        a3: float = 1 / 3,
        per: Per = "layer",
        **kwargs: Any,
    ) -> None:
        super().__init__({"a0": a0, "a1": a1, "a2": a2, "a3": a3}, per, **kwargs)
        self.a0 = a0
        self.a1 = a1
        self.a2 = a2
        self.a3 = a3

    def compute(self, x: Any, a0: Any, a1: Any, a2: Any, a3: Any) -> Any:
        """Return the activation of `x`."""
        r = ops.relu(x)
        return a0 + r * (a1 + r * (a2 + r * a3))


@keras.saving.register_keras_serializable(package="actzoo")
class PELU(Learned):
    """Parametric ELU, of continuous derivative for all weights.

    Formula: `(alpha / beta) x if x >= 0, else alpha (exp(x / beta) - 1), both at least 0.1`.

    Args:
        alpha: -alpha is the lowest value.
        beta: Scale of the decay.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Trottier et al., 2016, "Parametric Exponential Linear Unit", arXiv:1605.09332.
    """

    limits: ClassVar = {"alpha": (0.1, math.inf), "beta": (0.1, math.inf)}

    def __init__(
        self,
        alpha: float = 1.0,
        beta: float = 1.0,
        per: Per = "layer",
        **kwargs: Any,
    ) -> None:
        super().__init__({"alpha": alpha, "beta": beta}, per, **kwargs)
        self.alpha = alpha
        self.beta = beta

    def compute(self, x: Any, alpha: Any, beta: Any) -> Any:
        """Return the activation of `x`."""
        alpha, beta = ops.maximum(alpha, 0.1), ops.maximum(beta, 0.1)
        return ops.where(x >= 0, alpha / beta * x, alpha * ops.elu(negative_part(x) / beta))


@keras.saving.register_keras_serializable(package="actzoo")
class MPELU(Learned):
    """Multiple parametric ELU: PReLU and ELU in one.

    Formula: `x if x > 0, else alpha (exp(beta x) - 1)`.

    Args:
        alpha: -alpha is the lowest value.
        beta: Speed of the decay.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Li et al., 2016, "Improving Deep Neural Network with Multiple Parametric Exponential Linear
        Units", arXiv:1606.00305.
    """

    def __init__(
        self,
        alpha: float = 0.25,
        beta: float = 1.0,
        per: Per = "channel",
        **kwargs: Any,
    ) -> None:
        super().__init__({"alpha": alpha, "beta": beta}, per, **kwargs)
        self.alpha = alpha
        self.beta = beta

    def compute(self, x: Any, alpha: Any, beta: Any) -> Any:
        """Return the activation of `x`."""
        return ops.where(x > 0, x, alpha * ops.expm1(beta * negative_part(x)))


@keras.saving.register_keras_serializable(package="actzoo")
class SoftExponential(Learned):
    """Between logarithm (alpha < 0), identity and exponential (alpha > 0).

    Formula: `-ln(1 - a (x + a)) / a if a < 0, x if a = 0, (exp(a x) - 1) / a + a if a > 0`.

    Args:
        alpha: The a of the formula. Below 0 the logarithm ends at x = 1 / a - a; there it is cut.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Godfrey & Gashler, 2015, "A continuum among logarithmic, linear, and exponential
        functions", arXiv:1602.01321.
    """

    def __init__(
        self,
        alpha: float = 0.0,
        per: Per = "layer",
        **kwargs: Any,
    ) -> None:
        super().__init__({"alpha": alpha}, per, **kwargs)
        self.alpha = alpha

    def compute(self, x: Any, alpha: Any) -> Any:
        """Return the activation of `x`."""
        # Near 0 as its series in alpha, so that the weight has a gradient there.
        near = ops.abs(alpha) < 1e-6
        zero = ops.zeros_like(x)
        a = ops.where(near, ops.ones_like(alpha), alpha)
        negative = ops.where(a < 0, a, -ops.ones_like(a))
        positive = ops.where(a > 0, a, ops.ones_like(a))
        beyond = -negative * (ops.where(a < 0, x, zero) + negative)
        logarithm = -ops.log1p(ops.maximum(beyond, 1e-7 - 1.0)) / negative
        power = positive * ops.where(near, zero, ops.where(a > 0, x, zero))
        exponential = ops.expm1(power) / positive + positive
        bend = ops.where(near, alpha, ops.zeros_like(alpha))
        series = x + bend * (1.0 + 0.5 * ops.square(ops.clip(x, -1e3, 1e3)))
        return ops.where(near, series, ops.where(a < 0, logarithm, exponential))


def _inverse_softplus(y: float) -> float:
    """Return x with ln(1 + exp(x)) = y; for y = 0, which has none, that of a millionth."""
    y = max(y, 1e-6)
    return y + math.log(-math.expm1(-y))


@keras.saving.register_keras_serializable(package="actzoo")
class XIELU(Learned):
    """Expanded integral of ELU: a parabola above 0, an exponential below.

    Formula: `ap x^2 + beta x if x > 0, else an (exp(x) - 1 - x) + beta x`, with the weights
    `ap = softplus(wp)` and `an = beta + softplus(wn)`.

    Args:
        alpha_p: The ap that training starts from, above 0.
        alpha_n: The an that training starts from, above beta.
        beta: Slope at 0; not learned.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Huang & Schlag, 2024, "Deriving Activation Functions Using Integration", arXiv:2411.13010.
    """

    def __init__(
        self,
        alpha_p: float = 0.8,
        alpha_n: float = 0.8,
        beta: float = 0.5,
        per: Per = "layer",
        **kwargs: Any,
    ) -> None:
        starts = {"wp": _inverse_softplus(alpha_p), "wn": _inverse_softplus(alpha_n - beta)}
        super().__init__(starts, per, **kwargs)
        self.alpha_p = alpha_p
        self.alpha_n = alpha_n
        self.beta = beta

    def compute(self, x: Any, wp: Any, wn: Any) -> Any:
        """Return the activation of `x`."""
        left = negative_part(x)
        low = (self.beta + ops.softplus(wn)) * (ops.expm1(left) - left)
        return ops.softplus(wp) * ops.square(ops.relu(x)) + low + self.beta * x


@keras.saving.register_keras_serializable(package="actzoo")
class TrainableSwish(Learned):
    """Swish with a learned steepness.

    Formula: `x sigmoid(beta x)`.

    Args:
        beta: Steepness; 0 is x / 2, infinite is ReLU.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Ramachandran et al., 2017, "Searching for Activation Functions", arXiv:1710.05941.
    """

    def __init__(
        self,
        beta: float = 1.0,
        per: Per = "channel",
        **kwargs: Any,
    ) -> None:
        super().__init__({"beta": beta}, per, **kwargs)
        self.beta = beta

    def compute(self, x: Any, beta: Any) -> Any:
        """Return the activation of `x`."""
        return x * ops.sigmoid(beta * x)


@keras.saving.register_keras_serializable(package="actzoo")
class SinLU(Learned):
    """SiLU with a learned wave.

    Formula: `(x + alpha sin(beta x)) sigmoid(x)`.

    Args:
        alpha: Size of the wave.
        beta: Its frequency.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Paul et al., 2022, "SinLU: Sinu-Sigmoidal Linear Unit", doi:10.3390/math10030337.
    """

    def __init__(
        self,
        alpha: float = 1.0,
        beta: float = 1.0,
        per: Per = "layer",
        **kwargs: Any,
    ) -> None:
        super().__init__({"alpha": alpha, "beta": beta}, per, **kwargs)
        self.alpha = alpha
        self.beta = beta

    def compute(self, x: Any, alpha: Any, beta: Any) -> Any:
        """Return the activation of `x`."""
        return (x + alpha * ops.sin(beta * x)) * ops.sigmoid(x)


@keras.saving.register_keras_serializable(package="actzoo")
class Aria2(Learned):
    """Swish whose gate is the two-parameter curve of Richards.

    Formula: `x (1 + exp(-beta x))^(-alpha)`.

    Args:
        alpha: Exponent.
        beta: Steepness.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Patwardhan et al., 2018, "ARiA", arXiv:1805.08878.
    """

    def __init__(
        self,
        alpha: float = 1.5,
        beta: float = 1.0,
        per: Per = "layer",
        **kwargs: Any,
    ) -> None:
        super().__init__({"alpha": alpha, "beta": beta}, per, **kwargs)
        self.alpha = alpha
        self.beta = beta

    def compute(self, x: Any, alpha: Any, beta: Any) -> Any:
        """Return the activation of `x`."""
        return x * ops.exp(-alpha * ops.softplus(-beta * x))


@keras.saving.register_keras_serializable(package="actzoo")
class AconB(Learned):
    """A learned switch between the identity and its scaled copy.

    Formula: `(1 - p) x sigmoid(beta (1 - p) x) + p x`.

    Args:
        p: Slope far below 0.
        beta: Steepness of the switch.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Ma et al., 2020, "Activate or Not", arXiv:2009.04759.
    """

    def __init__(
        self,
        p: float = 0.25,
        beta: float = 1.0,
        per: Per = "channel",
        **kwargs: Any,
    ) -> None:
        super().__init__({"p": p, "beta": beta}, per, **kwargs)
        self.p = p
        self.beta = beta

    def compute(self, x: Any, p: Any, beta: Any) -> Any:
        """Return the activation of `x`."""
        scaled = (1.0 - p) * x
        return scaled * ops.sigmoid(beta * scaled) + p * x


@keras.saving.register_keras_serializable(package="actzoo")
class AconC(Learned):
    """A learned switch between two lines.

    Formula: `(p1 - p2) x sigmoid(beta (p1 - p2) x) + p2 x`.

    Args:
        p1: Slope far above 0.
        p2: Slope far below 0.
        beta: Steepness of the switch.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Ma et al., 2020, "Activate or Not", arXiv:2009.04759.
    """

    def __init__(
        self,
        p1: float = 1.0,
        p2: float = 0.0,
        beta: float = 1.0,
        per: Per = "channel",
        **kwargs: Any,
    ) -> None:
        super().__init__({"p1": p1, "p2": p2, "beta": beta}, per, **kwargs)
        self.p1 = p1
        self.p2 = p2
        self.beta = beta

    def compute(self, x: Any, p1: Any, p2: Any, beta: Any) -> Any:
        """Return the activation of `x`."""
        scaled = (p1 - p2) * x
        return scaled * ops.sigmoid(beta * scaled) + p2 * x


@keras.saving.register_keras_serializable(package="actzoo")
class SMU(Learned):
    """Smooth maximum of x and a x, by the error function.

    Formula: `((1 + a) x + (1 - a) x erf(mu (1 - a) x)) / 2`.

    Args:
        negative_slope: The a of the formula; not learned.
        mu: Sharpness of the bend.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Biswas et al., 2021, "SMU: Smooth Activation Function for Deep Networks using Smoothing
        Maximum Technique", arXiv:2111.04682.
    """

    def __init__(
        self,
        negative_slope: float = 0.25,
        mu: float = 2.5,
        per: Per = "layer",
        **kwargs: Any,
    ) -> None:
        super().__init__({"mu": mu}, per, **kwargs)
        self.negative_slope = negative_slope
        self.mu = mu

    def compute(self, x: Any, mu: Any) -> Any:
        """Return the activation of `x`."""
        a = self.negative_slope
        return 0.5 * ((1.0 + a) * x + (1.0 - a) * x * ops.erf(mu * (1.0 - a) * x))


@keras.saving.register_keras_serializable(package="actzoo")
class SMU1(Learned):
    """Smooth maximum of x and a x, by a square root.

    Formula: `((1 + a) x + sqrt(((1 - a) x)^2 + mu^2)) / 2`.

    Args:
        negative_slope: The a of the formula; not learned.
        mu: Width of the bend.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Biswas et al., 2021, "SMU: Smooth Activation Function for Deep Networks using Smoothing
        Maximum Technique", arXiv:2111.04682.
    """

    def __init__(
        self,
        negative_slope: float = 0.25,
        mu: float = 1.0,
        per: Per = "layer",
        **kwargs: Any,
    ) -> None:
        super().__init__({"mu": mu}, per, **kwargs)
        self.negative_slope = negative_slope
        self.mu = mu

    def compute(self, x: Any, mu: Any) -> Any:
        """Return the activation of `x`."""
        a = self.negative_slope
        return 0.5 * ((1.0 + a) * x + ops.sqrt(ops.square((1.0 - a) * x) + ops.square(mu)))


# Fitted to ReLU on [-3, 3] by the authors (their published code).
PAU_NUMERATOR = (0.02996348, 0.61690165, 2.37539147, 3.06608078, 1.52474449, 0.25281987)
PAU_DENOMINATOR = (1.19160814, 4.40811795, 0.91111034, 0.34885983)


@keras.saving.register_keras_serializable(package="actzoo")
class PAU(Learned):
    """Padé activation unit: a learned rational function, safe from poles.

    Formula: `(a0 + a1 x + ... + a5 x^5) / (1 + |b1 x + ... + b4 x^4|)`; starts close to ReLU.

    Args:
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Molina et al., 2019, "Padé Activation Units", arXiv:1907.06732; Boullé et al., 2020,
        "Rational neural networks", arXiv:2004.01902.
    """

    def __init__(self, per: Per = "layer", **kwargs: Any) -> None:
        super().__init__(
            {"numerator": PAU_NUMERATOR, "denominator": PAU_DENOMINATOR}, per, **kwargs
        )

    def compute(self, x: Any, numerator: Any, denominator: Any) -> Any:
        """Return the activation of `x`."""
        above = 0.0 * x + numerator[5]
        for power in range(4, -1, -1):
            above = above * x + numerator[power]
        below = 0.0 * x + denominator[3]
        for power in range(2, -1, -1):
            below = below * x + denominator[power]
        return above / (1.0 + ops.abs(below * x))


@keras.saving.register_keras_serializable(package="actzoo")
class BLU(Learned):
    """Bendable linear unit: between a bend down, a line and a bend up.

    Formula: `beta (sqrt(x^2 + 1) - 1) + x, with beta in [-1, 1]`.

    Args:
        beta: How far it bends.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Godfrey, 2019, "An Evaluation of Parametric Activation Functions for Deep Learning", IEEE
        SMC.
    """

    limits: ClassVar = {"beta": (-1.0, 1.0)}

    def __init__(
        self,
        beta: float = 0.5,
        per: Per = "channel",
        **kwargs: Any,
    ) -> None:
        super().__init__({"beta": beta}, per, **kwargs)
        self.beta = beta

    def compute(self, x: Any, beta: Any) -> Any:
        """Return the activation of `x`."""
        bend = ops.clip(beta, -1.0, 1.0)
        return bend * (ops.sqrt(ops.square(x) + 1.0) - 1.0) + x


@keras.saving.register_keras_serializable(package="actzoo")
class XATLU(Learned):
    """ATLU with a learned gating range.

    Formula: `x (g (1 + 2 alpha) - alpha), with g = (arctan(x) + pi / 2) / pi`.

    Args:
        alpha: How far the gate reaches beyond [0, 1].
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Huang, 2024, "Expanded Gating Ranges Improve Activation Functions", arXiv:2405.20768.
    """

    def __init__(
        self,
        alpha: float = 0.0,
        per: Per = "layer",
        **kwargs: Any,
    ) -> None:
        super().__init__({"alpha": alpha}, per, **kwargs)
        self.alpha = alpha

    def compute(self, x: Any, alpha: Any) -> Any:
        """Return the activation of `x`."""
        gate = ops.arctan2(ops.ones_like(x), -x) * (1.0 / np.pi)
        return x * (gate * (1.0 + 2.0 * alpha) - alpha)


@keras.saving.register_keras_serializable(package="actzoo")
class DyT(Learned):
    """Dynamic tanh, in the place of a normalization layer.

    Formula: `gamma tanh(alpha x) + beta`, with one `alpha` for the layer.

    Args:
        alpha: Steepness that training starts from.
        per: What has a `gamma` and a `beta` of its own; see `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Zhu et al., 2025, "Transformers without Normalization", arXiv:2503.10622.
    """

    one_per_layer = frozenset({"alpha"})

    def __init__(self, alpha: float = 0.5, per: Per = "channel", **kwargs: Any) -> None:
        super().__init__({"alpha": alpha, "gamma": 1.0, "beta": 0.0}, per, **kwargs)
        self.alpha = alpha

    def compute(self, x: Any, alpha: Any, gamma: Any, beta: Any) -> Any:
        """Return the activation of `x`."""
        return gamma * ops.tanh(alpha * x) + beta


@keras.saving.register_keras_serializable(package="actzoo")
class AReLU(Learned):
    """Attention-based ReLU: learned slopes, above 1 on the right and within (0, 1) on the left.

    Formula: `(1 + sigmoid(beta)) max(x, 0) - clip(alpha, 0.01, 0.99) max(-x, 0)`.

    Args:
        alpha: Slope of the negative side.
        beta: Of which the sigmoid is added to the slope of the positive side.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Chen et al., 2020, "AReLU: Attention-based Rectified Linear Unit", arXiv:2006.13858.
    """

    limits: ClassVar = {"alpha": (0.01, 0.99)}

    def __init__(
        self,
        alpha: float = 0.9,
        beta: float = 2.0,
        per: Per = "layer",
        **kwargs: Any,
    ) -> None:
        super().__init__({"alpha": alpha, "beta": beta}, per, **kwargs)
        self.alpha = alpha
        self.beta = beta

    def compute(self, x: Any, alpha: Any, beta: Any) -> Any:
        """Return the activation of `x`."""
        return ops.where(x >= 0, (1.0 + ops.sigmoid(beta)) * x, ops.clip(alpha, 0.01, 0.99) * x)


@keras.saving.register_keras_serializable(package="actzoo")
class ProbAct(Learned):
    """ReLU plus noise of a learned size in training; ReLU after.

    Formula: `max(x, 0) + sigma e` with `e ~ N(0, 1)`; `max(x, 0)` at inference.

    Args:
        sigma: Size of the noise that training starts from.
        seed: Seed of the noise; None takes one from Keras' global random state.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Shridhar et al., 2019, "ProbAct: A Probabilistic Activation Function for Deep Neural
        Networks", arXiv:1905.10761.
    """

    def __init__(
        self, sigma: float = 0.5, seed: int | None = None, per: Per = "layer", **kwargs: Any
    ) -> None:
        super().__init__({"scale": sigma}, per, **kwargs)
        self.sigma = sigma
        self.seed = seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights and the state of the noise."""
        super().build(input_shape)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, x: Any, training: bool = False) -> Any:
        """Return the activation of `x`."""
        y = ops.relu(x)
        if not training:
            return y
        noise = keras.random.normal(ops.shape(x), dtype=x.dtype, seed=self.seed_generator)
        return y + ops.cast(self.scale_weight, x.dtype) * noise


@keras.saving.register_keras_serializable(package="actzoo")
class RReLU(keras.layers.Layer):
    """Leaky ReLU with a random slope per element in training and the mean slope after.

    Formula: `x if x >= 0, else a * x`, `a ~ U(lower, upper)`; `(lower + upper) / 2` at inference.

    Args:
        lower: Smallest slope.
        upper: Largest slope.
        seed: Seed of the slopes; None takes one from Keras' global random state.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Xu et al., 2015, "Empirical Evaluation of Rectified Activations in Convolutional Network",
        arXiv:1505.00853.
    """

    def __init__(
        self, lower: float = 1 / 8, upper: float = 1 / 3, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.lower = lower
        self.upper = upper
        self.seed = seed
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the state of the slopes; there are no weights."""
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, x: Any, training: bool = False) -> Any:
        """Return the activation of `x`, of its shape and dtype."""
        if not training:
            return ops.leaky_relu(x, negative_slope=(self.lower + self.upper) / 2)
        slope = keras.random.uniform(
            ops.shape(x), self.lower, self.upper, dtype=x.dtype, seed=self.seed_generator
        )
        return ops.where(x >= 0, x, slope * x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"lower": self.lower, "upper": self.upper, "seed": self.seed}
        return {**super().get_config(), **own}
