"""Learned activations that bend: exponentials, gates and rational functions, as Keras layers."""

from __future__ import annotations

import math
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from actzoo.activations.layer_base import Learned
from actzoo.activations.learnable.layers import ROW
from actzoo.activations.numerics import Tensor, negative_part


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

    row = ROW["pelu"]
    limits: ClassVar = {"alpha": (0.1, math.inf), "beta": (0.1, math.inf)}

    def compute(self, x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
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

    row = ROW["mpelu"]

    def compute(self, x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
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

    row = ROW["soft_exponential"]

    def compute(self, x: Tensor, alpha: Tensor) -> Tensor:
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

    row = ROW["xielu"]

    def first_values(self) -> dict[str, float]:
        """Return what the softplus of the formula is taken of."""
        left = _inverse_softplus(self.alpha_n - self.beta)
        return {"wp": _inverse_softplus(self.alpha_p), "wn": left}

    def compute(self, x: Tensor, wp: Tensor, wn: Tensor) -> Tensor:
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

    row = ROW["trainable_swish"]

    def compute(self, x: Tensor, beta: Tensor) -> Tensor:
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

    row = ROW["sinlu"]

    def compute(self, x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
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

    row = ROW["aria2"]

    def compute(self, x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
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

    row = ROW["acon_b"]

    def compute(self, x: Tensor, p: Tensor, beta: Tensor) -> Tensor:
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

    row = ROW["acon_c"]

    def compute(
        self,
        x: Tensor,
        p1: Tensor,
        p2: Tensor,
        beta: Tensor,
    ) -> Tensor:
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

    row = ROW["smu"]

    def compute(self, x: Tensor, mu: Tensor) -> Tensor:
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

    row = ROW["smu1"]

    def compute(self, x: Tensor, mu: Tensor) -> Tensor:
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

    row = ROW["pau"]

    def first_values(self) -> dict[str, tuple[float, ...]]:
        """Return the published coefficients."""
        return {"numerator": PAU_NUMERATOR, "denominator": PAU_DENOMINATOR}

    def compute(self, x: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
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

    row = ROW["blu"]
    limits: ClassVar = {"beta": (-1.0, 1.0)}

    def compute(self, x: Tensor, beta: Tensor) -> Tensor:
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

    row = ROW["xatlu"]

    def compute(self, x: Tensor, alpha: Tensor) -> Tensor:
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

    row = ROW["dyt"]
    one_per_layer = frozenset({"alpha"})

    def first_values(self) -> dict[str, float]:
        """Return a tanh that is neither scaled nor moved."""
        return {"alpha": self.alpha, "gamma": 1.0, "beta": 0.0}

    def compute(
        self,
        x: Tensor,
        alpha: Tensor,
        gamma: Tensor,
        beta: Tensor,
    ) -> Tensor:
        """Return the activation of `x`."""
        return gamma * ops.tanh(alpha * x) + beta
