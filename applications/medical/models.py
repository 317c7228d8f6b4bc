"""Segmentation networks, written once from shared blocks: down, across, up, head.

Functional and flat; they take normalized tiles and end in logits for every pixel.
"""

from __future__ import annotations

from typing import Any

import keras

from actzoo import blocks
from actzoo.applications.medical.catalog import UNetConfig


def build_unet(config: UNetConfig) -> keras.Model:
    """Build a 2-D U-Net.

    Pools by maxima and grows by transposed convolutions, which convert to fast 8-bit operators.

    Args:
        config: See `UNetConfig`.

    Returns:
        Model from `(batch, height, width, channels)` to logits `(batch, height, width, classes)`.

    Reference:
        Ronneberger et al., 2015, arXiv:1505.04597. Unlike there, convolutions are padded, so that
        the output has the input's size, and each is followed by a normalization.
    """
    image = x = keras.Input(config.input_shape, name="image")
    shared: dict[str, Any] = {"activation": config.activation, "norm": config.norm}
    *levels, deepest = config.widths
    skips = []
    for level, filters in enumerate(levels, start=1):
        x = blocks.two_convolutions(x, filters, **shared, ends_active=False, name=f"down{level}")
        # Pooled before it is activated: the same for every rising activation, a quarter of the
        # work, and in int8 an activation must not lead to two places to become one table.
        skips.append(blocks.activate(x, config.activation, name=f"down{level}_2_act"))
        x = keras.layers.MaxPooling2D(2, name=f"down{level}_pool")(x)
        x = blocks.activate(x, config.activation, name=f"down{level}_pool_act")
    x = blocks.two_convolutions(x, deepest, **shared, name="middle")
    if config.dropout:
        x = keras.layers.SpatialDropout2D(config.dropout, name="middle_dropout")(x)
    for level, filters in reversed(list(enumerate(levels, start=1))):
        x = keras.layers.Conv2DTranspose(
            filters,
            2,
            strides=2,
            kernel_initializer=blocks.kernel_initializer(None),
            name=f"up{level}_grow",
        )(x)
        x = keras.layers.Concatenate(name=f"up{level}_skip")([skips.pop(), x])
        x = blocks.two_convolutions(x, filters, **shared, name=f"up{level}")
    return keras.Model(image, _head(x, config.num_classes), name="unet")


def _head(x: keras.KerasTensor, num_classes: int) -> keras.KerasTensor:
    """Return logits of every pixel, or the features `(batch, height, width, filters)`."""
    if num_classes == 0:
        return x
    return keras.layers.Conv2D(num_classes, 1, name="head_conv")(x)
