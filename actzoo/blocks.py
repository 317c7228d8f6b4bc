"""Building blocks of the architectures: tensors in, tensor out.

Architectures are written once with these; the activation is looked up here and nowhere else, so
any model takes any activation. One that changes the number of channels leaves the architecture's
numbers as they are: the layer before it is made as much wider or narrower. Every layer gets a name
that says place and role, because surgery, diagnostics and weight files find layers by name.
"""

from __future__ import annotations

import fractions
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from actzoo import activations
from actzoo.activations.placed import PlacedActivation

# Keras' 0.99 and above needs thousands of steps before the running statistics can be trusted; a
# run on a few thousand photos has hardly more. Measured on clothing10: .999 gives chance accuracy.
BATCH_NORM_MOMENTUM = 0.9


def kernel_initializer(
    activation: activations.ActivationLike | None,
) -> str | keras.initializers.Initializer:
    """Return the initializer for weights in front of an activation.

    Its distribution is that of the recommended one, its variance `gain^2 / fan_in`: He's 2 is the
    square of the gain of ReLU. A sine of frequency w0 gets weights smaller by w0.

    Args:
        activation: None stands for a linear layer.
    """
    return PlacedActivation(activation).kernel_initializer


def channel_factor(activation: activations.ActivationLike | None) -> fractions.Fraction:
    """Return how many channels an activation gives for each that goes in, such as 1/2 for GLU.

    Args:
        activation: None stands for a linear layer.
    """
    return PlacedActivation(activation).channel_factor


def channels_before(channels: int, activation: activations.ActivationLike | None) -> int:
    """Return the width of the layer before an activation, so that `channels` come out of it.

    Args:
        channels: After the activation.
        activation: None stands for a linear layer.

    Raises:
        InvalidValueError: No whole number of channels gives that many.
    """
    return PlacedActivation(activation).channels_before(channels)


def activate(
    x: keras.KerasTensor, activation: activations.ActivationLike, *, name: str
) -> keras.KerasTensor:
    """Apply an activation as a named layer of its own.

    Args:
        x: Tensor of any shape.
        activation: What `activations.get` takes.
        name: Name of the layer; ends with `_act` (hidden) or `_gate`.

    Raises:
        InvalidValueError: It works along an axis that `x` does not have.
    """
    return PlacedActivation(activation, name=name)(x)


def batch_norm(x: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Normalize over the batch, with a momentum suited to short runs."""
    return keras.layers.BatchNormalization(
        momentum=BATCH_NORM_MOMENTUM, epsilon=1e-3, name=f"{name}_bn"
    )(x)


def conv_norm_act(
    x: keras.KerasTensor,
    filters: int | None,
    kernel_size: int = 3,
    *,
    strides: int = 1,
    activation: activations.ActivationLike | None,
    name: str,
) -> keras.KerasTensor:
    """Convolution, batch normalization (unless the activation is one itself), activation.

    Args:
        x: `(batch, height, width, channels)`.
        filters: Output channels; None for a depthwise convolution. That one gives as many as go
            in: of an activation that leaves fewer, it makes more of each; one that gives more,
            such as CReLU, cannot be made up for and gives them to the next layer.
        kernel_size: Side of the kernel.
        strides: 1 keeps height and width, 2 halves them (rounded up).
        activation: None leaves the block linear.
        name: Prefix of the layers' names.

    Returns:
        `(batch, height / strides, width / strides, filters)`.
    """
    placed = PlacedActivation(activation, name=f"{name}_act")
    common = {"strides": strides, "padding": "same", "use_bias": False}
    if filters is None:
        x = keras.layers.DepthwiseConv2D(
            kernel_size,
            depth_multiplier=math.ceil(1 / placed.channel_factor),
            depthwise_initializer=placed.kernel_initializer,
            name=f"{name}_conv",
            **common,
        )(x)
    else:
        x = keras.layers.Conv2D(
            placed.channels_before(filters),
            kernel_size,
            kernel_initializer=placed.kernel_initializer,
            name=f"{name}_conv",
            **common,
        )(x)
    return placed(x if placed.normalizes else batch_norm(x, name=name))


def residual(
    x: keras.KerasTensor,
    filters: int,
    *,
    strides: int = 1,
    activation: activations.ActivationLike,
    name: str,
) -> keras.KerasTensor:
    """Basic residual block: two 3×3 convolutions beside a shortcut.

    The shortcut is a 1×1 convolution where the shape changes. The second activation follows the
    sum, as in the paper; where it changes the number of channels, the sum is as much wider or
    narrower than `filters`, and every shortcut is a convolution.

    Reference:
        He et al., 2015, "Deep Residual Learning for Image Recognition", arXiv:1512.03385.
    """
    shortcut = x
    placed = PlacedActivation(activation, name=f"{name}_2_act")
    summed = placed.channels_before(filters)
    if strides != 1 or x.shape[-1] != summed:
        shortcut = conv_norm_act(
            x, summed, 1, strides=strides, activation=None, name=f"{name}_shortcut"
        )
    x = conv_norm_act(x, filters, strides=strides, activation=activation, name=f"{name}_1")
    x = conv_norm_act(x, summed, activation=None, name=f"{name}_2")
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return placed(x)


def inverted_residual(
    x: keras.KerasTensor,
    filters: int,
    *,
    expansion: int,
    strides: int = 1,
    activation: activations.ActivationLike,
    name: str,
) -> keras.KerasTensor:
    """Inverted residual block: expand, filter depthwise, project without activation.

    Reference:
        Sandler et al., 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
        arXiv:1801.04381.
    """
    channels = x.shape[-1]
    hidden = x
    if expansion != 1:
        hidden = conv_norm_act(
            hidden, channels * expansion, 1, activation=activation, name=f"{name}_expand"
        )
    hidden = conv_norm_act(
        hidden, None, strides=strides, activation=activation, name=f"{name}_depthwise"
    )
    hidden = conv_norm_act(hidden, filters, 1, activation=None, name=f"{name}_project")
    if strides == 1 and channels == filters:
        hidden = keras.layers.Add(name=f"{name}_add")([x, hidden])
    return hidden


GROUP_CHANNELS = 8  # of one group, where the channels divide that way


def group_norm(x: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Normalize each sample over groups of channels: the same for a batch of any size.

    Reference:
        Wu & He, 2018, "Group Normalization", arXiv:1803.08494.
    """
    channels = x.shape[-1]
    groups = channels // GROUP_CHANNELS if channels % GROUP_CHANNELS == 0 else 1
    return keras.layers.GroupNormalization(groups, epsilon=1e-3, name=f"{name}_gn")(x)


def two_convolutions(
    x: keras.KerasTensor,
    filters: int,
    *,
    activation: activations.ActivationLike,
    norm: str = "batch",
    ends_active: bool = True,
    name: str,
) -> keras.KerasTensor:
    """One level of a U-Net: two 3×3 convolutions, each normalized and activated.

    Args:
        x: `(batch, height, width, channels)`.
        filters: Output channels.
        activation: What `activations.get` takes.
        norm: "batch" or "group".
        ends_active: Apply the last activation; else that is left to the caller, and there are as
            many channels as it needs to leave `filters`.
        name: Prefix of the layers' names.

    Returns:
        `(batch, height, width, filters)`.
    """
    normalize = {"batch": batch_norm, "group": group_norm}[norm]
    for number in (1, 2):
        prefix = f"{name}_{number}"
        placed = PlacedActivation(activation, name=f"{prefix}_act")
        x = keras.layers.Conv2D(
            placed.channels_before(filters),
            3,
            padding="same",
            use_bias=False,
            kernel_initializer=placed.kernel_initializer,
            name=f"{prefix}_conv",
        )(x)
        if not placed.normalizes:
            x = normalize(x, name=prefix)
        if number == 1 or ends_active:
            x = placed(x)
    return x


@keras.saving.register_keras_serializable(package="actzoo")
class PositionEmbedding(keras.layers.Layer):
    """Add a learned vector for each position.

    Args:
        positions: Longest sequence.
        **kwargs: Of `keras.layers.Layer`.
    """

    def __init__(self, positions: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.positions = positions
        self.embeddings_initializer = keras.initializers.TruncatedNormal(stddev=0.02)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the table `(positions, width)`."""
        self.embeddings = self.add_weight(
            shape=(self.positions, input_shape[-1]),
            initializer=self.embeddings_initializer,
            name="embeddings",
        )

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return `inputs` `(batch, length, width)` plus the vectors of its positions."""
        return inputs + self.embeddings[: ops.shape(inputs)[1]]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "positions": self.positions}


@keras.saving.register_keras_serializable(package="actzoo")
class Attention(keras.layers.Layer):
    """Scaled dot-product attention of several heads, without weights of its own.

    Args:
        heads: How many; the width of the vectors is a multiple.
        mask_bias: Added to the scores of places that are masked.
        **kwargs: Of `keras.layers.Layer`.

    Reference:
        Vaswani et al., 2017, "Attention Is All You Need", arXiv:1706.03762.
    """

    def __init__(self, heads: int, mask_bias: float = -12.0, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.heads, self.mask_bias = heads, mask_bias

    def call(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        """Return `(batch, length, width)`.

        Args:
            inputs: Query, key and value `(batch, length, width)`, and the mask `(batch, length)`,
                1 for places that may be looked at.
        """
        query, key, value, mask = inputs
        size = query.shape[-1] // self.heads
        length = ops.shape(query)[1]

        def split(x: keras.KerasTensor) -> keras.KerasTensor:
            x = ops.reshape(x, (-1, length, self.heads, size))
            return ops.transpose(x, (0, 2, 1, 3))

        scores = ops.matmul(split(query) / math.sqrt(size), ops.transpose(split(key), (0, 1, 3, 2)))
        hidden = 1.0 - ops.cast(mask, scores.dtype)
        scores = scores + self.mask_bias * hidden[:, None, None, :]
        seen = ops.matmul(ops.softmax(scores, axis=-1), split(value))
        seen = ops.transpose(seen, (0, 2, 1, 3))
        return ops.reshape(seen, (-1, length, self.heads * size))

    def compute_output_shape(self, shapes: Sequence[tuple[int | None, ...]]) -> Any:
        """Return the shape of the query."""
        return shapes[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "heads": self.heads, "mask_bias": self.mask_bias}


@keras.saving.register_keras_serializable(package="actzoo")
class FirstToken(keras.layers.Layer):
    """Take the vector of the first place: `(batch, length, width)` to `(batch, width)`."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return `inputs[:, 0]`."""
        return inputs[:, 0]


def transformer_encoder(
    x: keras.KerasTensor,
    mask: keras.KerasTensor,
    *,
    heads: int,
    feed_forward: int,
    activation: activations.ActivationLike,
    dropout: float = 0.0,
    mask_bias: float = -12.0,
    epsilon: float = 1e-12,
    name: str,
) -> keras.KerasTensor:
    """Self-attention and two dense layers, each with a shortcut and a normalization after it.

    With "swiglu", "geglu", "reglu", "bilinear_glu" or "glu" the feed-forward part is exactly the
    gated one of Shazeer, `(x V * gate(x W)) U`: the hidden layer is twice as wide, and its two
    halves are the two projections. Take two thirds of `feed_forward` for as many weights.

    Args:
        x: `(batch, length, width)`.
        mask: `(batch, length)`, 1 for tokens and 0 for padding.
        heads: Of the attention.
        feed_forward: Width of what comes out of the activation.
        activation: Of the hidden dense layer.
        dropout: Share dropped of each branch's output.
        mask_bias: See `Attention`.
        epsilon: Of the normalizations.
        name: Prefix of the layers' names.

    Returns:
        A tensor of the shape of `x`.

    Reference:
        Vaswani et al., 2017, "Attention Is All You Need", arXiv:1706.03762; Shazeer, 2020, "GLU
        Variants Improve Transformer", arXiv:2002.05202.
    """
    width = x.shape[-1]

    def dense(x: keras.KerasTensor, units: int, part: str) -> keras.KerasTensor:
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)
        return keras.layers.Dense(units, kernel_initializer=initializer, name=f"{name}_{part}")(x)

    def merged(x: keras.KerasTensor, branch: keras.KerasTensor, part: str) -> keras.KerasTensor:
        if dropout:
            branch = keras.layers.Dropout(dropout, name=f"{name}_{part}_dropout")(branch)
        x = keras.layers.Add(name=f"{name}_{part}_add")([x, branch])
        return keras.layers.LayerNormalization(epsilon=epsilon, name=f"{name}_{part}_norm")(x)

    queries, keys, values = (
        dense(x, width, f"attention_{part}") for part in ("query", "key", "value")
    )
    attention = Attention(heads, mask_bias, name=f"{name}_attention")
    seen = attention([queries, keys, values, mask])
    x = merged(x, dense(seen, width, "attention_output"), "attention")
    placed = PlacedActivation(activation, name=f"{name}_act")
    hidden = placed(dense(x, placed.channels_before(feed_forward), "feed_forward"))
    return merged(x, dense(hidden, width, "feed_forward_output"), "feed_forward")
