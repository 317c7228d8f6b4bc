"""Activations that look at several channels at once, or change how many there are.

What only turns scores into probabilities is a function; what depends on the number of channels is
a layer, because only a layer can say what shape it makes and refuse what does not fit. Narrow
types are computed in float32 wherever a sum or a quotient would lose digits.
"""

from __future__ import annotations

import fractions
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from actzoo import errors
from actzoo.activations.numerics import in_float32


@in_float32
def softmin(x: Any, *, axis: int = -1) -> Any:
    """Turn costs into probabilities: the smallest gets the largest.

    Formula: `exp(-x_i) / sum_j exp(-x_j)`.

    Args:
        x: Float tensor; any shape.
        axis: Axis whose values sum to 1 afterwards.

    Returns:
        Tensor of the shape and dtype of `x`.
    """
    return ops.softmax(-x, axis=axis)


@in_float32
def softmax_one(x: Any, *, axis: int = -1) -> Any:
    """Turn scores into probabilities that may all be 0: softmax beside a silent score of 0.

    Formula: `exp(x_i) / (1 + sum_j exp(x_j))`.

    Args:
        x: Float tensor; any shape.
        axis: Axis whose values sum to at most 1 afterwards.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Miller, 2023, "Attention Is Off By One" (blog post).
    """
    # The value does not depend on the shift, so its gradient is 0 and need not be taken.
    shift = ops.relu(ops.max(x, axis=axis, keepdims=True))
    shift = ops.stop_gradient(shift)
    powers = ops.exp(x - shift)
    total = ops.exp(-shift) + ops.sum(powers, axis=axis, keepdims=True)
    return powers / total


@in_float32
def sparsemax(x: Any, *, axis: int = -1) -> Any:
    """Project scores on the simplex: probabilities that can be exactly 0.

    Formula: `max(x_i - tau, 0)`, with `tau` such that the sum is 1. Keras 3.15's function sums
    over the wrong part of the sorted scores, so that its rows do not sum to 1.

    Args:
        x: Float tensor; any shape.
        axis: Axis whose values sum to 1 afterwards.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Martins & Astudillo, 2016, "From Softmax to Sparsemax", arXiv:1602.02068.
    """
    z = _below_largest(ops.moveaxis(x, axis, -1))
    falling, rank = _ranked(z)
    inside = 1.0 + rank * falling > ops.cumsum(falling, axis=-1)
    kept = ops.where(inside, falling, ops.zeros_like(falling))
    count = ops.sum(ops.cast(inside, z.dtype), axis=-1, keepdims=True)
    tau = (ops.sum(kept, axis=-1, keepdims=True) - 1.0) / count
    return ops.moveaxis(ops.relu(z - tau), -1, axis)


@in_float32
def entmax15(x: Any, *, axis: int = -1) -> Any:
    """Turn scores into probabilities halfway between softmax and sparsemax.

    Formula: `max(x_i / 2 - tau, 0)^2`, with `tau` such that the sum is 1: the 1.5-entmax. Small
    ones are exactly 0, and unlike sparsemax's the slope does not jump where they become so.

    Args:
        x: Float tensor; any shape.
        axis: Axis whose values sum to 1 afterwards.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Peters, Niculae & Martins, 2019, "Sparse Sequence-to-Sequence Models", arXiv:1905.05702.
    """
    z = 0.5 * _below_largest(ops.moveaxis(x, axis, -1))
    falling, rank = _ranked(z)
    mean = ops.cumsum(falling, axis=-1) / rank
    spread = ops.cumsum(ops.square(falling), axis=-1) / rank - ops.square(mean)
    # The threshold, were the support the first 1, 2, 3 ... of the sorted scores.
    candidates = mean - ops.sqrt(ops.relu(1.0 / rank - spread))
    inside = ops.cast(candidates <= falling, z.dtype)
    last = rank == ops.sum(inside, axis=-1, keepdims=True)
    tau = ops.sum(ops.where(last, candidates, ops.zeros_like(z)), axis=-1, keepdims=True)
    # One step of Newton's method takes off what the sums have rounded, and its derivative with
    # respect to z is that of the exact threshold; that of the search above is not needed.
    above = ops.relu(z - ops.stop_gradient(tau))
    slope = ops.stop_gradient(2.0 * ops.sum(above, axis=-1, keepdims=True))
    excess = ops.sum(ops.square(above), axis=-1, keepdims=True) - 1.0
    tau = ops.stop_gradient(tau) + excess / slope
    return ops.moveaxis(ops.square(ops.relu(z - tau)), -1, axis)


def _below_largest(z: Any) -> Any:
    """Shift by the largest score: all that matters then lies in (-2, 0], and sums keep digits."""
    return z - ops.stop_gradient(ops.max(z, axis=-1, keepdims=True))


def _ranked(z: Any) -> tuple[Any, Any]:
    """Return shifted scores from the largest down, the hopeless ones cut, and their ranks."""
    falling = -ops.sort(-ops.maximum(z, -2.0), axis=-1)
    return falling, ops.arange(1, ops.shape(z)[-1] + 1, dtype=z.dtype)


@keras.saving.register_keras_serializable(package="actzoo")
class GumbelSoftmax(keras.layers.Layer):
    """Draw from the softmax of scores, in a way that gradients pass.

    Formula: `softmax((x + g) / tau)` in training, with `g = -ln(-ln(u))`, `u ~ U(0, 1)`;
    `softmax(x / tau)` at inference. With `hard`, one-hot: the choice that has the largest
    probability, with the gradient of the soft form (straight through).

    Args:
        tau: Temperature; the draws become one-hot toward 0.
        hard: Give one-hot choices.
        axis: Axis whose values sum to 1 afterwards.
        seed: Seed of the noise; None takes one from Keras' global random state.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Jang, Gu & Poole, 2016, "Categorical Reparameterization with Gumbel-Softmax",
        arXiv:1611.01144.
    """

    def __init__(
        self,
        tau: float = 1.0,
        hard: bool = False,
        axis: int = -1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tau = tau
        self.hard = hard
        self.axis = axis
        self.seed = seed
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the state of the noise; there are no weights."""
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, x: Any, training: bool = False) -> Any:
        """Return probabilities, of the shape and dtype of `x`."""
        return in_float32(self._draw)(x, training=training)

    def _draw(self, x: Any, training: bool) -> Any:
        if training:
            even = keras.random.uniform(  # 0 would give an infinite noise
                ops.shape(x), 1e-20, 1.0, dtype=x.dtype, seed=self.seed_generator
            )
            x = x - ops.log(-ops.log(even))
        y = ops.softmax(x / self.tau, axis=self.axis)
        if not self.hard:
            return y
        best = ops.argmax(y, axis=self.axis)
        chosen = ops.one_hot(best, y.shape[self.axis], axis=self.axis, dtype=y.dtype)
        # Exactly one-hot, with the gradient of y: y - y is 0, or NaN where a score is.
        return ops.stop_gradient(chosen) + (y - ops.stop_gradient(y))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"tau": self.tau, "hard": self.hard, "axis": self.axis, "seed": self.seed}
        return {**super().get_config(), **own}


def check_axis(name: str, axis: int, shape: Sequence[int | None]) -> None:
    """Refuse an axis that an input lacks, and the one of the batch: samples are no channels.

    Args:
        name: Of the activation, for the message.
        axis: Which it works along.
        shape: Of the input, batch included.

    Raises:
        InvalidValueError: It does not fit.
    """
    rank = len(shape)
    if not -rank < axis < rank or axis == 0:
        raise errors.InvalidValueError(
            f"{name} works along axis {axis}, which is "
            f"{'the batch' if axis in (0, -rank) else 'none'} of the shape {tuple(shape)}.\n"
            f"Give an axis from {1 - rank} to {rank - 1} other than 0; -1 is the last, the "
            "channels.",
            given=axis,
            fix="axis=-1",
        )


class AlongAxis(keras.layers.Layer):
    """What the layers share that take the channels in groups, or change how many there are.

    Args:
        axis: Axis of the channels.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Attributes:
        title: Name in the table, for messages.
        group: The number of channels must be a multiple of it.
        channel_factor: Channels after it per channel before it.
    """

    title = ""
    group = 1
    channel_factor = fractions.Fraction(1)

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Check the shape; there are no weights."""
        self.compute_output_shape(input_shape)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with another length of the axis.

        Raises:
            InvalidValueError: There is no such axis, or the number of channels is not a multiple
                of `group`.
        """
        shape = list(input_shape)
        check_axis(self.title, self.axis, input_shape)
        length = shape[self.axis]
        if length is not None:
            if length % self.group:
                wanted = "even" if self.group == 2 else f"a multiple of {self.group}"
                unfit = "odd" if self.group == 2 else f"no multiple of {self.group}"
                more = -(-length // self.group) * self.group
                raise errors.InvalidValueError(
                    f"{self.title} takes the channels in groups of {self.group}: the length "
                    f"{length} of axis {self.axis} of the shape {tuple(input_shape)} is {unfit}.\n"
                    f"Give the layer before it a number of channels that is {wanted}, such as "
                    f"{more}.",
                    given=tuple(input_shape),
                )
            shape[self.axis] = int(length * self.channel_factor)
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "axis": self.axis}


@keras.saving.register_keras_serializable(package="actzoo")
class Maxout(AlongAxis):
    """Give the largest of each group of channels: a convex function that is learned.

    Formula: `y_c = max_k x_(c + k n)`, where `n` is the number of channels that come out: the
    channels are cut into `pool_size` equal parts, which are compared place by place (as in
    TensorFlow Addons). Equal ones share the gradient.

    Args:
        pool_size: Channels in a group; as many times fewer come out.
        axis: Axis of the channels.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Goodfellow et al., 2013, "Maxout Networks", arXiv:1302.4389.
    """

    title = "maxout"

    def __init__(self, pool_size: int = 2, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(axis, **kwargs)
        self.pool_size = self.group = pool_size
        self.channel_factor = fractions.Fraction(1, pool_size)

    def call(self, x: Any) -> Any:
        """Return the largest of each group, of the dtype of `x`."""
        # A reduction shares the gradient of equal ones alike in all backends; maximum() does not.
        parts = ops.split(x, self.pool_size, axis=self.axis)
        return ops.max(ops.stack(parts, axis=0), axis=0)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "pool_size": self.pool_size}


@keras.saving.register_keras_serializable(package="actzoo")
class CReLU(AlongAxis):
    """Give the positive and the negative parts as channels of their own: twice as many.

    Formula: `[max(x, 0), max(-x, 0)]`. The gradient at 0 is 0 in both.

    Args:
        axis: Axis of the channels.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Shang et al., 2016, "Understanding and Improving Convolutional Neural Networks via
        Concatenated Rectified Linear Units", arXiv:1603.05201.
    """

    title = "crelu"
    channel_factor = fractions.Fraction(2)

    def call(self, x: Any) -> Any:
        """Return both parts one after the other, of the dtype of `x`."""
        return ops.relu(ops.concatenate([x, -x], axis=self.axis))


@keras.saving.register_keras_serializable(package="actzoo")
class ConcatELU(AlongAxis):
    """Give ELU of the values and of their negatives: twice as many channels.

    Formula: `[elu(x), elu(-x)]`, `elu(x) = x if x > 0, else exp(x) - 1`.

    Args:
        axis: Axis of the channels.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Salimans et al., 2017, "PixelCNN++", arXiv:1701.05517.
    """

    title = "concat_elu"
    channel_factor = fractions.Fraction(2)

    def call(self, x: Any) -> Any:
        """Return both one after the other, of the dtype of `x`."""
        return ops.elu(ops.concatenate([x, -x], axis=self.axis))


@keras.saving.register_keras_serializable(package="actzoo")
class MaxMin(AlongAxis):
    """Sort each pair of neighboring channels: the larger first.

    Formula: `(y_2k, y_2k+1) = (max(x_2k, x_2k+1), min(x_2k, x_2k+1))`. It only moves values, so
    the norm and that of the gradient stay: the activation of nets of a bounded Lipschitz constant.
    A pair of equal values stays as it is, and so does one with a NaN.

    Args:
        axis: Axis of the channels.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Chernodub & Nowicki, 2016, "Norm-preserving Orthogonal Permutation Linear Unit Activation
        Functions (OPLU)", arXiv:1604.02313; Anil, Lucas & Grosse, 2018, "Sorting Out Lipschitz
        Function Approximation", arXiv:1811.05381.
    """

    title = "maxmin"
    group = 2

    def call(self, x: Any) -> Any:
        """Return the sorted pairs, of the shape and dtype of `x`."""
        z = ops.moveaxis(x, self.axis, -1)
        first, second = z[..., 0::2], z[..., 1::2]
        swapped = second > first
        larger = ops.where(swapped, second, first)
        smaller = ops.where(swapped, first, second)
        pairs = ops.stack([larger, smaller], axis=-1)
        return ops.moveaxis(ops.reshape(pairs, ops.shape(z)), -1, self.axis)


def bipolar_relu(x: Any, *, axis: int = -1) -> Any:
    """Apply ReLU to every other channel and its mirror image to those between.

    Formula: `max(x, 0)` in channels 0, 2, 4 ..., `min(x, 0)` in channels 1, 3, 5 ... The mean
    over the channels stays near 0. The gradient at 0 is 0.

    Args:
        x: Float tensor; any shape.
        axis: Axis of the channels.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Eidnes & Nøkland, 2017, "Shifting Mean Activation Toward Zero with Bipolar Activation
        Functions", arXiv:1709.04054.
    """
    shape = [1] * len(x.shape)
    shape[axis] = -1
    is_odd = ops.arange(ops.shape(x)[axis], dtype="int32") % 2
    side = ops.reshape(ops.cast(1 - 2 * is_odd, x.dtype), shape)
    return side * ops.relu(side * x)


@keras.saving.register_keras_serializable(package="actzoo")
class KWinners(keras.layers.Layer):
    """Keep the largest values and set the others to 0.

    Formula: `x if x >= the k-th largest of its sample, else 0`, `k = floor(ratio n)`, at least 1.
    Gradients pass through the winners only. All that equal the k-th largest win.

    Args:
        ratio: Share of the values that win, `(0, 1]`.
        across: What competes: "sample", all values of a sample as in the paper, whose number must
            be known; or "channels", those of one place.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Xiao, Zhong & Zheng, 2019, "Enhancing Adversarial Defense by k-Winners-Take-All",
        arXiv:1905.10510.
    """

    def __init__(self, ratio: float = 0.2, across: str = "sample", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ratio = ratio
        self.across = across
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Check the shape; there are no weights.

        Raises:
            InvalidValueError: The number of values that compete is not known.
        """
        self._rivals(input_shape)

    def call(self, x: Any) -> Any:
        """Return the winners, of the shape and dtype of `x`."""
        rivals = self._rivals(x.shape)
        # The sum of rounded numbers may fall short of a whole one by less than this.
        winners = max(1, math.floor(self.ratio * rivals + 1e-9))
        values = ops.stop_gradient(x)
        if self.across == "sample":
            values = ops.reshape(values, (-1, rivals))
        least = ops.top_k(values, winners)[0][..., -1:]
        if self.across == "sample":
            least = ops.reshape(least, (-1,) + (1,) * (len(x.shape) - 1))
        return ops.where(x < least, ops.zeros_like(x), x)

    def _rivals(self, shape: tuple[int | None, ...]) -> int:
        """Return how many values compete."""
        sizes = shape[1:] if self.across == "sample" else shape[-1:]
        if any(size is None for size in sizes):
            raise errors.InvalidValueError(
                f"k_winners looks for the largest of a whole sample, and of the shape "
                f"{tuple(shape)} it cannot know how many values that are.\n"
                "Give the input a fixed size, or let the channels of each place compete: "
                "\"k_winners(across='channels')\".",
                given=tuple(shape),
                fix="k_winners(across='channels')",
            )
        return math.prod(int(size) for size in sizes if size is not None)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "ratio": self.ratio, "across": self.across}
