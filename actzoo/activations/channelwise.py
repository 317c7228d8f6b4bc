"""Activations that look at several channels at once."""

from __future__ import annotations

from typing import Any

import keras

from actzoo import errors


@keras.saving.register_keras_serializable(package="actzoo")
class GLU(keras.layers.Layer):
    """Gated linear unit: one half of the channels gates the other.

    Formula: `a * sigmoid(b)`, with `(a, b)` the halves of `x`.

    Args:
        axis: Axis to split; its length must be even and is halved.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Dauphin et al., 2016, "Language Modeling with Gated Convolutional Networks",
        arXiv:1612.08083.
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Check the shape; there are no weights."""
        self.compute_output_shape(input_shape)

    def call(self, x: Any) -> Any:
        """Return the gated half of `x`, of its dtype."""
        value, gate = keras.ops.split(x, 2, axis=self.axis)
        return value * keras.ops.sigmoid(gate)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with the split axis halved."""
        shape = list(input_shape)
        length = shape[self.axis]
        if length is not None:
            if length % 2:
                raise errors.InvalidValueError(
                    f"glu halves axis {self.axis}, whose length {length} of the shape "
                    f"{tuple(input_shape)} is odd.\nGive the layer before it an even number of "
                    f"channels, such as {length + 1}.",
                    given=tuple(input_shape),
                )
            shape[self.axis] = length // 2
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "axis": self.axis}


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
    dtype = x.dtype
    z = keras.ops.moveaxis(keras.ops.cast(x, "float32"), axis, -1)
    # Shifted by the largest score, all that matters lies in (-1, 0]: sums keep their digits.
    z = z - keras.ops.stop_gradient(keras.ops.max(z, axis=-1, keepdims=True))
    falling = -keras.ops.sort(-keras.ops.maximum(z, -2.0), axis=-1)
    rank = keras.ops.arange(1, z.shape[-1] + 1, dtype="float32")
    inside = 1.0 + rank * falling > keras.ops.cumsum(falling, axis=-1)
    kept = keras.ops.where(inside, falling, keras.ops.zeros_like(falling))
    count = keras.ops.sum(keras.ops.cast(inside, "float32"), axis=-1, keepdims=True)
    tau = (keras.ops.sum(kept, axis=-1, keepdims=True) - 1.0) / count
    return keras.ops.cast(keras.ops.moveaxis(keras.ops.relu(z - tau), -1, axis), dtype)
