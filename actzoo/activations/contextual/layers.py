"""Activations that depend on more than their own value: on neighbors, an image or a batch.

Channels are the last axis. What they start from is the same each time: the part that is learned
begins with weights that leave it out (or, for FReLU, that take a plain mean), so that a fresh
layer computes a formula that can be written down and tested.
"""

from __future__ import annotations

import keras
from keras import ops

from actzoo import errors
from actzoo.activations.contextual.rows import ROWS
from actzoo.activations.layer_base import ActivationLayer, Shape
from actzoo.activations.numerics import Tensor, in_float32

ROW = {row.name: row for row in ROWS}


def _check_rank(title: str, shape: Shape, why: str) -> None:
    if len(shape) != 4:
        raise errors.InvalidValueError(
            f"{title} {why}: it takes (batch, height, width, channels), not the shape "
            f"{tuple(shape)}.\nUse it in a convolutional model, and 'prelu' or 'silu' here.",
            given=tuple(shape),
            fix="prelu",
        )


def _channels(title: str, shape: Shape) -> int:
    channels = shape[-1]
    if channels is None:
        raise errors.InvalidValueError(
            f"{title} has weights for each channel, and the shape {tuple(shape)} does not say how "
            "many there are.\nFix the last axis of the input.",
            given=tuple(shape),
        )
    return channels


def _wide_dtype(layer: keras.layers.Layer) -> str:
    """Return the type for means and small dense layers: float32, or float64 where that is."""
    return "float64" if layer.compute_dtype == "float64" else "float32"


@keras.saving.register_keras_serializable(package="actzoo")
class Dice(ActivationLayer):
    """Data-adaptive PReLU: its knee is where the data are, and soft.

    Formula: `p x + (1 - p) a_c x`, `p = sigmoid((x - mean) / sqrt(variance + epsilon))`, with one
    learned `a_c` for each channel; mean and variance are those of the batch in training, and
    moving ones at inference.

    Args:
        alpha: Slope `a_c` that training starts from.
        momentum: Share that the moving mean and variance keep at each step.
        epsilon: Added to the variance.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Zhou et al., 2017, "Deep Interest Network for Click-Through Rate Prediction",
        arXiv:1706.06978.
    """

    row = ROW["dice"]

    def build(self, input_shape: Shape) -> None:
        """Create the slopes `(channels,)` and the statistics."""
        self.slopes = self.add_weight(
            shape=(_channels("dice", input_shape),),
            initializer=keras.initializers.Constant(self.alpha),
            name="alpha",
            autocast=False,
        )
        self.norm = keras.layers.BatchNormalization(
            momentum=self.momentum,
            epsilon=self.epsilon,
            center=False,
            scale=False,
            dtype=_wide_dtype(self),
            name="norm",
        )
        self.norm.build(input_shape)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return the activation of `x`, of its shape and dtype."""
        return in_float32(self._mix)(x, training=training)

    def _mix(self, x: Tensor, training: bool) -> Tensor:
        share = ops.sigmoid(self.norm(x, training=training))
        return x * (share + (1.0 - share) * ops.cast(self.slopes, x.dtype))


@keras.saving.register_keras_serializable(package="actzoo")
class EvoNormB0(ActivationLayer):
    """Normalization and activation in one, found by evolution.

    Formula: `gamma x / max(sqrt(var_batch + epsilon), v x + sqrt(var_image + epsilon)) + beta`,
    with one `gamma`, `beta` and `v` for each channel. The variance over the batch is that of the
    batch in training, and a moving one at inference; that over the image is always its own.

    Args:
        momentum: Share that the moving variance keeps at each step.
        epsilon: Added to the variances.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Liu et al., 2020, "Evolving Normalization-Activation Layers", arXiv:2004.02967.
    """

    row = ROW["evo_norm_b0"]

    def build(self, input_shape: Shape) -> None:
        """Create `gamma`, `beta`, `v` and the moving variance, `(channels,)` each.

        Raises:
            InvalidValueError: The input is not a batch of images.
        """
        _check_rank("evo_norm_b0", input_shape, "takes the variance over an image")
        shape = (_channels("evo_norm_b0", input_shape),)
        # Statistics in float16 would overflow; all is computed in float32 and cast back.
        wide = {"shape": shape, "autocast": False}
        self.gamma = self.add_weight(initializer="ones", name="gamma", **wide)
        self.beta = self.add_weight(initializer="zeros", name="beta", **wide)
        self.v = self.add_weight(initializer="ones", name="v", **wide)
        self.moving_variance = self.add_weight(
            initializer="ones",
            name="moving_variance",
            trainable=False,
            dtype=_wide_dtype(self),
            **wide,
        )

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return the normalized activation of `x`, of its shape and dtype."""
        return in_float32(self._normalize)(x, training=training)

    def _normalize(self, x: Tensor, training: bool) -> Tensor:
        gamma, beta, v = (ops.cast(w, x.dtype) for w in (self.gamma, self.beta, self.v))
        of_batch = ops.cast(self.moving_variance, x.dtype)
        if training and self.trainable:  # as Keras' BatchNormalization: frozen means inference
            of_batch = ops.var(x, axis=(0, 1, 2))
            seen = ops.cast(of_batch, self.moving_variance.dtype)
            kept = self.momentum * self.moving_variance
            self.moving_variance.assign(kept + (1.0 - self.momentum) * seen)
        of_image = ops.var(x, axis=(1, 2), keepdims=True)
        scale = ops.maximum(
            ops.sqrt(of_batch + self.epsilon),
            v * x + ops.sqrt(of_image + self.epsilon),
        )
        return gamma * x / scale + beta


@keras.saving.register_keras_serializable(package="actzoo")
class FunnelReLU(ActivationLayer):
    """ReLU whose threshold is learned from the neighborhood.

    Formula: `max(x, T(x))`, where `T` is a depthwise convolution and a batch normalization. The
    window starts as a plain mean; the paper draws it at random, which the normalization scales
    to the same size. Where both are equal, the gradient goes to `x`.

    Args:
        kernel_size: Side of the window in pixels, an odd number.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Ma, Zhang & Sun, 2020, "Funnel Activation for Visual Recognition", arXiv:2007.11824.
    """

    row = ROW["funnel_relu"]
    passes_masks = False  # what is next to a masked place looks at it

    def build(self, input_shape: Shape) -> None:
        """Create the window `(size, size, channels, 1)` and its normalization.

        Raises:
            InvalidValueError: The input is not a batch of images.
        """
        _check_rank("funnel_relu", input_shape, "looks at neighboring pixels")
        self.window = keras.layers.DepthwiseConv2D(
            self.kernel_size,
            padding="same",
            use_bias=False,
            data_format="channels_last",
            depthwise_initializer=keras.initializers.Constant(self.kernel_size**-2),
            dtype=self.dtype_policy,
            name="window",
        )
        self.norm = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-3, dtype=self.dtype_policy, name="norm"
        )
        self.window.build(input_shape)
        self.norm.build(input_shape)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return the larger of `x` and its condition, of the shape and dtype of `x`."""
        condition = self.norm(self.window(x), training=training)
        # Unlike maximum(), this gives equal ones the same gradient in all backends.
        return ops.where(condition > x, condition, x)


def _context(x: Tensor) -> Tensor:
    """Return the mean over all places: `(batch, 1, ..., 1, channels)`."""
    places = tuple(range(1, len(x.shape) - 1))
    return ops.mean(x, axis=places, keepdims=True) if places else x


@keras.saving.register_keras_serializable(package="actzoo")
class DyReLU(ActivationLayer):
    """Dynamic ReLU: the larger of two lines that are chosen for each sample.

    Formula: `max(a_1 x + b_1, a_2 x + b_2)`. Two dense layers look at the mean over all places
    and give what is added to `a = (1, 0)` (at most 1) and to `b = (0, 0)` (at most 1/2). The
    second starts at 0, so that training starts from ReLU; where the lines cross, the first counts.
    Takes `(batch, channels)`, `(batch, length, channels)` and images; padding counts in the mean.

    Args:
        reduction: Channels per unit of the hidden dense layer, which has at least 4.
        per: "channel": lines for each channel (DY-ReLU-B of the paper); "layer": two lines for
            all (DY-ReLU-A).
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Chen et al., 2020, "Dynamic ReLU", arXiv:2003.10027.
    """

    row = ROW["dy_relu"]

    def build(self, input_shape: Shape) -> None:
        """Create the two dense layers."""
        channels = _channels("dy_relu", input_shape)
        hidden = max(4, channels // self.reduction)
        wide = {"dtype": _wide_dtype(self)}
        self.squeeze = keras.layers.Dense(
            hidden, "relu", kernel_initializer="he_normal", name="squeeze", **wide
        )
        self.excite = keras.layers.Dense(
            4 * (channels if self.per == "channel" else 1),
            kernel_initializer="zeros",
            name="excite",
            **wide,
        )
        self.squeeze.build((None, channels))
        self.excite.build((None, hidden))

    def call(self, x: Tensor) -> Tensor:
        """Return the activation of `x`, of its shape and dtype."""
        return in_float32(self._larger)(x)

    def _larger(self, x: Tensor) -> Tensor:
        coefficients = self.excite(self.squeeze(_context(x)))
        # tanh(z / 2) is 2 sigmoid(z) - 1, as the paper writes it.
        slope1, slope2, offset1, offset2 = ops.split(ops.tanh(0.5 * coefficients), 4, axis=-1)
        first = (1.0 + slope1) * x + 0.5 * offset1
        second = slope2 * x + 0.5 * offset2
        return ops.where(second > first, second, first)


@keras.saving.register_keras_serializable(package="actzoo")
class MetaACON(ActivationLayer):
    """ACON whose sharpness is chosen for each sample and channel.

    Formula: `(p1 - p2) x sigmoid(beta (p1 - p2) x) + p2 x`, with one `p1` and `p2` for each
    channel and `beta = sigmoid(W2 W1 mean(x))` over all places. `W2` starts at 0, so that
    training starts from `beta = 1/2`. Takes `(batch, channels)`, `(batch, length, channels)` and
    images; padding counts in the mean.

    Args:
        p1: Slope for large inputs that training starts from.
        p2: The same for small inputs.
        reduction: Channels per unit of the hidden dense layer, which has at least as many units.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Ma et al., 2020, "Activate or Not: Learning Customized Activation", arXiv:2009.04759. The
        batch normalizations in its `beta` are left out, as in YOLOv5: of one vector per image
        they have little to count on.
    """

    row = ROW["meta_acon"]

    def build(self, input_shape: Shape) -> None:
        """Create the slopes `(channels,)` and the two dense layers."""
        channels = _channels("meta_acon", input_shape)
        hidden = max(self.reduction, channels // self.reduction)
        self.upper, self.lower = (
            self.add_weight(
                shape=(channels,),
                initializer=keras.initializers.Constant(value),
                name=name,
                autocast=False,
            )
            for name, value in (("p1", self.p1), ("p2", self.p2))
        )
        wide = {"dtype": _wide_dtype(self)}
        self.squeeze = keras.layers.Dense(hidden, name="squeeze", **wide)
        self.excite = keras.layers.Dense(
            channels, kernel_initializer="zeros", name="excite", **wide
        )
        self.squeeze.build((None, channels))
        self.excite.build((None, hidden))

    def call(self, x: Tensor) -> Tensor:
        """Return the activation of `x`, of its shape and dtype."""
        return in_float32(self._acon)(x)

    def _acon(self, x: Tensor) -> Tensor:
        upper, lower = (ops.cast(w, x.dtype) for w in (self.upper, self.lower))
        beta = ops.sigmoid(self.excite(self.squeeze(_context(x))))
        scaled = (upper - lower) * x
        return scaled * ops.sigmoid(beta * scaled) + lower * x
