"""The family of gated linear units: one half of the channels gates the other.

Each is a layer that halves the channels. Behind one Dense layer of twice the width it is the gated
feed-forward part of a transformer: the two halves of that layer are the two projections of
Shazeer's formula, `FFN(x) = (x V * gate(x W)) U`.
"""

from __future__ import annotations

import fractions

import keras
from keras import ops

from actzoo.activations.gated.rows import ROWS
from actzoo.activations.layer_base import AlongAxis
from actzoo.activations.numerics import Tensor

ROW = {row.name: row for row in ROWS}


class Gated(AlongAxis):
    """What the family shares: `value(a) * gate(b)`, with `(a, b)` the halves of `x`.

    Args:
        axis: Axis to split; its length must be even and is halved.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.
    """

    group = 2
    channel_factor = fractions.Fraction(1, 2)

    def call(self, x: Tensor) -> Tensor:
        """Return the gated half of `x`, of its dtype."""
        value, gate = ops.split(x, 2, axis=self.axis)
        return self.value(value) * self.gate(gate)

    def value(self, a: Tensor) -> Tensor:
        """Return what becomes of the first half."""
        return a

    def gate(self, b: Tensor) -> Tensor:
        """Return what the second half multiplies with."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="actzoo")
class GLU(Gated):
    """Gated linear unit: one half of the channels gates the other.

    Formula: `a * sigmoid(b)`, with `(a, b)` the halves of `x`.

    Args:
        axis: Axis to split; its length must be even and is halved.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Dauphin et al., 2016, "Language Modeling with Gated Convolutional Networks",
        arXiv:1612.08083.
    """

    row = ROW["glu"]

    def gate(self, b: Tensor) -> Tensor:
        """Return `sigmoid(b)`."""
        return ops.sigmoid(b)


@keras.saving.register_keras_serializable(package="actzoo")
class GTU(Gated):
    """Gated tanh unit: the gate of WaveNet and PixelCNN.

    Formula: `tanh(a) * sigmoid(b)`, with `(a, b)` the halves of `x`.

    Args:
        axis: Axis to split; its length must be even and is halved.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        van den Oord et al., 2016, "WaveNet: A Generative Model for Raw Audio", arXiv:1609.03499.
    """

    row = ROW["gtu"]

    def value(self, a: Tensor) -> Tensor:
        """Return `tanh(a)`."""
        return ops.tanh(a)

    def gate(self, b: Tensor) -> Tensor:
        """Return `sigmoid(b)`."""
        return ops.sigmoid(b)


@keras.saving.register_keras_serializable(package="actzoo")
class GEGLU(Gated):
    """GELU-gated linear unit: the feed-forward part of T5 v1.1.

    Formula: `a * gelu(b)`, with `(a, b)` the halves of `x` and the exact GELU.

    Args:
        axis: Axis to split; its length must be even and is halved.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Shazeer, 2020, "GLU Variants Improve Transformer", arXiv:2002.05202.
    """

    row = ROW["geglu"]

    def gate(self, b: Tensor) -> Tensor:
        """Return `gelu(b)`."""
        return ops.gelu(b, approximate=False)


@keras.saving.register_keras_serializable(package="actzoo")
class SwiGLU(Gated):
    """SiLU-gated linear unit: the feed-forward part of Llama and PaLM.

    Formula: `a * silu(b)`, with `(a, b)` the halves of `x`.

    Args:
        axis: Axis to split; its length must be even and is halved.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Shazeer, 2020, "GLU Variants Improve Transformer", arXiv:2002.05202.
    """

    row = ROW["swiglu"]

    def gate(self, b: Tensor) -> Tensor:
        """Return `silu(b)`."""
        return ops.silu(b)


@keras.saving.register_keras_serializable(package="actzoo")
class ReGLU(Gated):
    """ReLU-gated linear unit.

    Formula: `a * max(b, 0)`, with `(a, b)` the halves of `x`. The gradient of the gate at 0 is 0.

    Args:
        axis: Axis to split; its length must be even and is halved.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Shazeer, 2020, "GLU Variants Improve Transformer", arXiv:2002.05202.
    """

    row = ROW["reglu"]

    def gate(self, b: Tensor) -> Tensor:
        """Return `max(b, 0)`."""
        return ops.relu(b)


@keras.saving.register_keras_serializable(package="actzoo")
class BilinearGLU(Gated):
    """Product of the two halves of the channels.

    Formula: `a * b`, with `(a, b)` the halves of `x`.

    Args:
        axis: Axis to split; its length must be even and is halved.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Shazeer, 2020, "GLU Variants Improve Transformer", arXiv:2002.05202.
    """

    row = ROW["bilinear_glu"]

    def gate(self, b: Tensor) -> Tensor:
        """Return `b`."""
        return b
