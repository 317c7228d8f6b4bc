"""Activations that look at several channels at once, or change how many there are.

What only turns scores into probabilities is a function; what depends on the number of channels is
a layer, because only a layer can say what shape it makes and refuse what does not fit. Narrow
types are computed in float32 wherever a sum or a quotient would lose digits.
"""

from __future__ import annotations

import fractions
import math

import keras
from keras import ops

from actzoo import errors
from actzoo.activations.channelwise.rows import ROWS
from actzoo.activations.layer_base import ActivationLayer, AlongAxis, Shape
from actzoo.activations.numerics import Tensor, in_float32

ROW = {row.name: row for row in ROWS}


@keras.saving.register_keras_serializable(package="actzoo")
class GumbelSoftmax(ActivationLayer):
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

    row = ROW["gumbel_softmax"]

    def build(self, input_shape: Shape) -> None:
        """Create the state of the noise; there are no weights."""
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return probabilities, of the shape and dtype of `x`."""
        return in_float32(self._draw)(x, training=training)

    def _draw(self, x: Tensor, training: bool) -> Tensor:
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

    row = ROW["maxout"]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.group = self.pool_size
        self.channel_factor = fractions.Fraction(1, self.pool_size)

    def call(self, x: Tensor) -> Tensor:
        """Return the largest of each group, of the dtype of `x`."""
        # A reduction treats equal ones the same way in all backends; maximum() does not.
        parts = ops.split(x, self.pool_size, axis=self.axis)
        return ops.max(ops.stack(parts, axis=0), axis=0)


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

    row = ROW["crelu"]
    channel_factor = fractions.Fraction(2)

    def call(self, x: Tensor) -> Tensor:
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

    row = ROW["concat_elu"]
    channel_factor = fractions.Fraction(2)

    def call(self, x: Tensor) -> Tensor:
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

    row = ROW["maxmin"]
    group = 2

    def call(self, x: Tensor) -> Tensor:
        """Return the sorted pairs, of the shape and dtype of `x`."""
        z = ops.moveaxis(x, self.axis, -1)
        first, second = z[..., 0::2], z[..., 1::2]
        swapped = second > first
        larger = ops.where(swapped, second, first)
        smaller = ops.where(swapped, first, second)
        pairs = ops.stack([larger, smaller], axis=-1)
        return ops.moveaxis(ops.reshape(pairs, ops.shape(z)), -1, self.axis)


@keras.saving.register_keras_serializable(package="actzoo")
class KWinners(ActivationLayer):
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

    row = ROW["k_winners"]

    def build(self, input_shape: Shape) -> None:
        """Check the shape; there are no weights.

        Raises:
            InvalidValueError: The number of values that compete is not known.
        """
        self._rivals(input_shape)

    def call(self, x: Tensor) -> Tensor:
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

    def _rivals(self, shape: Shape) -> int:
        """Return how many values compete."""
        sizes = shape[1:] if self.across == "sample" else shape[-1:]
        if any(size is None for size in sizes):
            raise errors.InvalidValueError(
                f"k_winners looks for the largest of a whole sample, and for the shape "
                f"{tuple(shape)} it cannot know how many values that are.\n"
                "Give the input a fixed size, or let the channels of each place compete: "
                "\"k_winners(across='channels')\".",
                given=tuple(shape),
                fix="k_winners(across='channels')",
            )
        return math.prod(int(size) for size in sizes if size is not None)
