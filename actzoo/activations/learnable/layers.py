"""Activations with weights, or with chance, as Keras layers.

Each takes a float tensor `(batch, ..., channels)` and returns one of its shape and dtype.
"""

from __future__ import annotations

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from actzoo.activations.layer_base import ActivationLayer, Learned
from actzoo.activations.learnable.rows import ROWS
from actzoo.activations.numerics import Tensor

ROW = {row.name: row for row in ROWS}


def _linear(x: Tensor, slope: Tensor) -> Tensor:
    """Return x for x >= 0 and slope * x below, of slope 1 at 0."""
    return ops.where(x >= 0, x, slope * x)


@keras.saving.register_keras_serializable(package="actzoo")
class PReLU(Learned):
    """Leaky ReLU that learns its slopes.

    Formula: `x if x >= 0, else a x` with `a` learned. Keras' layer learns one per element unless
    told the shared axes, which it wants before it knows the input; its sum of two ReLUs has the
    gradient 0 at 0, outside [a, 1].

    Args:
        negative_slope: Slope that training starts from.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        He et al., 2015, "Delving Deep into Rectifiers", arXiv:1502.01852.
    """

    row = ROW["prelu"]

    def first_values(self) -> dict[str, float]:
        """Return the slope that training starts from."""
        return {"alpha": self.negative_slope}

    def compute(self, x: Tensor, alpha: Tensor) -> Tensor:
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

    row = ROW["srelu"]

    def compute(
        self,
        x: Tensor,
        left: Tensor,
        left_slope: Tensor,
        right: Tensor,
        right_slope: Tensor,
    ) -> Tensor:
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
        hinge: Place of the first hinge; the others are as far apart.
        pieces: Number of hinges.
        per: See `Learned`.
        **kwargs: Of every Keras layer.

    Reference:
        Agostinelli et al., 2014, "Learning Activation Functions to Improve Deep Neural Networks",
        arXiv:1412.6830.
    """

    row = ROW["apl"]

    def first_values(self) -> dict[str, np.ndarray]:
        """Return slopes and places `(pieces,)` of the hinges."""
        places = self.hinge * np.arange(1, self.pieces + 1)
        return {"slope": np.full(self.pieces, self.slope), "hinge": places}

    def compute(self, x: Tensor, slope: Tensor, hinge: Tensor) -> Tensor:
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

    row = ROW["pact"]

    def compute(self, x: Tensor, alpha: Tensor) -> Tensor:
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

    row = ROW["flexible_relu"]

    def compute(self, x: Tensor, bias: Tensor) -> Tensor:
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

    row = ROW["tlu"]

    def compute(self, x: Tensor, tau: Tensor) -> Tensor:
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

    row = ROW["tlu_affine"]

    def compute(self, x: Tensor, alpha: Tensor, tau: Tensor) -> Tensor:
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

    row = ROW["star_relu"]

    def compute(self, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
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

    row = ROW["poly_relu"]

    def compute(
        self,
        x: Tensor,
        a0: Tensor,
        a1: Tensor,
        a2: Tensor,
        a3: Tensor,
    ) -> Tensor:
        """Return the activation of `x`."""
        r = ops.relu(x)
        return a0 + r * (a1 + r * (a2 + r * a3))


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

    row = ROW["arelu"]
    limits: ClassVar = {"alpha": (0.01, 0.99)}

    def compute(self, x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
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

    row = ROW["prob_act"]

    def first_values(self) -> dict[str, float]:
        """Return the size of the noise."""
        return {"scale": self.sigma}

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights and the state of the noise."""
        super().build(input_shape)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return the activation of `x`."""
        y = ops.relu(x)
        if not training:
            return y
        noise = keras.random.normal(ops.shape(x), dtype=x.dtype, seed=self.seed_generator)
        return y + ops.cast(self.scale_weight, x.dtype) * noise


@keras.saving.register_keras_serializable(package="actzoo")
class RReLU(ActivationLayer):
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

    row = ROW["rrelu"]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the state of the slopes; there are no weights."""
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return the activation of `x`, of its shape and dtype."""
        if not training:
            return ops.leaky_relu(x, negative_slope=(self.lower + self.upper) / 2)
        slope = keras.random.uniform(
            ops.shape(x), self.lower, self.upper, dtype=x.dtype, seed=self.seed_generator
        )
        return ops.where(x >= 0, x, slope * x)
