"""Image classifiers, written once from shared blocks: stem, stages, head.

All are functional and flat, take pixels in `[0, 255]` and end in logits. Pixel scaling is the
first layer, so that the phone sends what the camera gives.
"""

from __future__ import annotations

import keras

from actzoo import blocks
from actzoo.applications.vision.catalog import MobileNetV2Config, ResNetConfig, SimpleNetConfig

SMALL_PICTURE = 64  # below this side, a stem of stride 2 throws away too much

# Stages of MobileNetV2: expansion, channels, stride of the first block (table 2).
_MOBILENET_V2_STAGES = (
    (1, 16, 1),
    (6, 24, 2),
    (6, 32, 2),
    (6, 64, 2),
    (6, 96, 1),
    (6, 160, 2),
    (6, 320, 1),
)


def _scaled_pixels(input_shape: tuple[int, ...]) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the input and its values scaled from `[0, 255]` to `[-1, 1]`."""
    image = keras.Input(input_shape, name="image")
    return image, keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="pixel_scaling")(image)


def _head(x: keras.KerasTensor, num_classes: int, dropout: float) -> keras.KerasTensor:
    """Return logits `(batch, classes)` of features `(batch, channels)`, or the features."""
    if num_classes == 0:
        return x
    if dropout:
        x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    return keras.layers.Dense(num_classes, name="head_logits")(x)


def _pooled(
    image: keras.KerasTensor,
    x: keras.KerasTensor,
    config: MobileNetV2Config | ResNetConfig,
    name: str,
) -> keras.Model:
    """Return the model that classifies a map of features by its mean."""
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, _head(x, config.num_classes, config.dropout), name=name)


def _stem_strides(config: MobileNetV2Config | ResNetConfig) -> int:
    small = min(config.input_shape[:2]) < SMALL_PICTURE
    return config.stem_strides or (1 if small else 2)


def _channels(channels: float, divisor: int = 8) -> int:
    """Round to a multiple of `divisor`, never down by more than a tenth."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def build_simple_net(config: SimpleNetConfig) -> keras.Model:
    """Build dense layers, each followed by its activation, for input of any shape.

    Args:
        config: See `SimpleNetConfig`.

    Returns:
        Model from `(batch, *input_shape)` to logits `(batch, classes)`.
    """
    image, x = _scaled_pixels(config.input_shape)
    if len(config.input_shape) > 1:
        x = keras.layers.Flatten(name="flatten")(x)
    initializer = blocks.kernel_initializer(config.activation)
    for index, units in enumerate(config.units, start=1):
        placed = blocks.PlacedActivation(config.activation, name=f"dense{index}_act")
        wide = placed.channels_before(units)
        x = keras.layers.Dense(wide, kernel_initializer=initializer, name=f"dense{index}")(x)
        x = placed(x)
    return keras.Model(image, _head(x, config.num_classes, config.dropout), name="simple_net")


def build_mobilenet_v2(config: MobileNetV2Config) -> keras.Model:
    """Build MobileNetV2.

    Args:
        config: See `MobileNetV2Config`.

    Returns:
        Model from `(batch, height, width, channels)` to logits `(batch, classes)`.

    Reference:
        Sandler et al., 2018, arXiv:1801.04381. Below 64 px the stem keeps the resolution.
    """
    activation = config.activation
    image, x = _scaled_pixels(config.input_shape)
    x = blocks.conv_norm_act(
        x,
        _channels(32 * config.width),
        strides=_stem_strides(config),
        activation=activation,
        name="stem",
    )
    stages = zip(_MOBILENET_V2_STAGES, config.blocks, strict=True)
    for stage, ((expansion, channels, strides), repeats) in enumerate(stages, start=1):
        for block in range(1, repeats + 1):
            x = blocks.inverted_residual(
                x,
                _channels(channels * config.width),
                expansion=expansion,
                strides=strides if block == 1 else 1,
                activation=activation,
                name=f"stage{stage}_block{block}",
            )
    # The last convolution grows with the width but does not shrink with it (as in the paper).
    x = blocks.conv_norm_act(
        x, _channels(1280 * max(1.0, config.width)), 1, activation=activation, name="top"
    )
    return _pooled(image, x, config, "mobilenet_v2")


def build_resnet18(config: ResNetConfig) -> keras.Model:
    """Build ResNet-18 (or another depth, by `config.blocks`).

    Args:
        config: See `ResNetConfig`.

    Returns:
        Model from `(batch, height, width, channels)` to logits `(batch, classes)`.

    Reference:
        He et al., 2015, arXiv:1512.03385. Below 64 px: a 3×3 stem without pooling, as the paper
        does for CIFAR.
    """
    activation = config.activation
    image, x = _scaled_pixels(config.input_shape)
    if _stem_strides(config) == 1:
        x = blocks.conv_norm_act(x, config.widths[0], activation=activation, name="stem")
    else:
        x = blocks.conv_norm_act(
            x, config.widths[0], 7, strides=2, activation=activation, name="stem"
        )
        x = keras.layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)
    for stage, (repeats, width) in enumerate(
        zip(config.blocks, config.widths, strict=True), start=1
    ):
        for block in range(1, repeats + 1):
            x = blocks.residual(
                x,
                width,
                strides=2 if block == 1 and stage > 1 else 1,
                activation=activation,
                name=f"stage{stage}_block{block}",
            )
    return _pooled(image, x, config, "resnet18")
