"""Building blocks of the architectures: tensors in, tensor out.

Architectures are written once with these; the activation is looked up here and nowhere else, so
any model takes any activation. Every layer gets a name that says place and role, because surgery,
diagnostics and weight files find layers by name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from actzoo import activations

# Keras' 0.99 and above needs thousands of steps before the running statistics can be trusted; a
# run on a few thousand photos has hardly more. Measured on clothing10: .999 gives chance accuracy.
BATCH_NORM_MOMENTUM = 0.9


def kernel_initializer(activation: activations.ActivationLike | None) -> str:
    """Return the initialiser recommended for weights in front of an activation.

    Args:
        activation: None stands for a linear layer.
    """
    found = None if activation is None else activations.identify(activations.get(activation))
    if found is None:
        return "he_normal"
    return activations.describe(found[0]).recommended_init


def activate(
    x: keras.KerasTensor, activation: activations.ActivationLike, *, name: str
) -> keras.KerasTensor:
    """Apply an activation as a named layer of its own.

    Args:
        x: Tensor of any shape.
        activation: What `activations.get` takes.
        name: Name of the layer; ends with `_act` (hidden) or `_gate`.
    """
    return activations.get(activation, name=name)(x)


def batch_norm(x: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Normalise over the batch, with a momentum fit for short runs."""
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
    """Convolution, batch normalisation, activation.

    Args:
        x: `(batch, height, width, channels)`.
        filters: Output channels; None for a depthwise convolution.
        kernel_size: Side of the kernel.
        strides: 1 keeps height and width, 2 halves them (rounded up).
        activation: None leaves the block linear.
        name: Prefix of the layers' names.

    Returns:
        `(batch, height / strides, width / strides, filters)`.
    """
    initializer = kernel_initializer(activation)
    common = {"strides": strides, "padding": "same", "use_bias": False}
    if filters is None:
        x = keras.layers.DepthwiseConv2D(
            kernel_size, depthwise_initializer=initializer, name=f"{name}_conv", **common
        )(x)
    else:
        x = keras.layers.Conv2D(
            filters, kernel_size, kernel_initializer=initializer, name=f"{name}_conv", **common
        )(x)
    x = batch_norm(x, name=name)
    return x if activation is None else activate(x, activation, name=f"{name}_act")


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
    sum, as in the paper.

    Reference:
        He et al., 2015, "Deep Residual Learning for Image Recognition", arXiv:1512.03385.
    """
    shortcut = x
    if strides != 1 or x.shape[-1] != filters:
        shortcut = conv_norm_act(
            x, filters, 1, strides=strides, activation=None, name=f"{name}_shortcut"
        )
    x = conv_norm_act(x, filters, strides=strides, activation=activation, name=f"{name}_1")
    x = conv_norm_act(x, filters, activation=None, name=f"{name}_2")
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return activate(x, activation, name=f"{name}_2_act")


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
    """Normalise each sample over groups of channels: the same for a batch of any size.

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
    """One level of a U-Net: two 3×3 convolutions, each normalised and activated.

    Args:
        x: `(batch, height, width, channels)`.
        filters: Output channels.
        activation: What `activations.get` takes.
        norm: "batch" or "group".
        ends_active: Apply the last activation; else that is left to the caller.
        name: Prefix of the layers' names.

    Returns:
        `(batch, height, width, filters)`.
    """
    normalise = {"batch": batch_norm, "group": group_norm}[norm]
    for number in (1, 2):
        prefix = f"{name}_{number}"
        x = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer=kernel_initializer(activation),
            name=f"{prefix}_conv",
        )(x)
        x = normalise(x, name=prefix)
        if number == 1 or ends_active:
            x = activate(x, activation, name=f"{prefix}_act")
    return x


@keras.saving.register_keras_serializable(package="actzoo")
class PositionEmbedding(keras.layers.Layer):
    """Add a learned vector for each position.

    Args:
        positions: Longest sequence.
        **kwargs: Of `keras.layers.Layer`.
    """

    def __init__(self, positions: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.positions = positions

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the table `(positions, width)`."""
        self.embeddings = self.add_weight(
            shape=(self.positions, input_shape[-1]),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="embeddings",
        )

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return `inputs` `(batch, length, width)` plus the vectors of its positions."""
        return inputs + self.embeddings[: keras.ops.shape(inputs)[1]]

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

    def __init__(self, heads: int, mask_bias: float = -12.0, **kwargs: Any) -> None:
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
        length = keras.ops.shape(query)[1]

        def split(x: keras.KerasTensor) -> keras.KerasTensor:
            x = keras.ops.reshape(x, (-1, length, self.heads, size))
            return keras.ops.transpose(x, (0, 2, 1, 3))

        scores = keras.ops.matmul(
            split(query) / math.sqrt(size), keras.ops.transpose(split(key), (0, 1, 3, 2))
        )
        hidden = 1.0 - keras.ops.cast(mask, scores.dtype)
        scores = scores + self.mask_bias * hidden[:, None, None, :]
        seen = keras.ops.matmul(keras.ops.softmax(scores, axis=-1), split(value))
        seen = keras.ops.transpose(seen, (0, 2, 1, 3))
        return keras.ops.reshape(seen, (-1, length, self.heads * size))

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
    """Self-attention and two dense layers, each with a shortcut and a normalisation after it.

    Args:
        x: `(batch, length, width)`.
        mask: `(batch, length)`, 1 for tokens and 0 for padding.
        heads: Of the attention.
        feed_forward: Width of the hidden dense layer.
        activation: Of the hidden dense layer.
        dropout: Share dropped of each branch's output.
        mask_bias: See `Attention`.
        epsilon: Of the normalisations.
        name: Prefix of the layers' names.

    Returns:
        A tensor of the shape of `x`.

    Reference:
        Vaswani et al., 2017, "Attention Is All You Need", arXiv:1706.03762.
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
    hidden = activate(dense(x, feed_forward, "feed_forward"), activation, name=f"{name}_act")
    return merged(x, dense(hidden, width, "feed_forward_output"), "feed_forward")
