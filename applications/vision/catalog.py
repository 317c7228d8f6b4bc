"""Vision models: their configurations and rows. Data only."""

from __future__ import annotations

import dataclasses

from actzoo import activations, errors
from actzoo.models import ModelSpec, check_num_classes, check_number

MAX_SIDE = 8192  # pixels; a larger input is a mistake, and would reserve memory before it shows


@dataclasses.dataclass(frozen=True)
class VisionConfig:
    """What every image classifier of ours takes.

    Attributes:
        input_shape: `(height, width, channels)` in pixels; values `[0, 255]` go in.
        num_classes: Width of the logits; 0 gives pooled features instead.
        activation: Hidden activation, anything `activations.get` takes.
        dropout: Share of pooled features dropped in training, `[0, 1)`.
    """

    input_shape: tuple[int, ...] = (224, 224, 3)
    num_classes: int = 1000
    activation: str = "relu"
    dropout: float = 0.0

    def validate(self) -> None:
        """Refuse options that no network can have.

        Raises:
            InvalidTypeError: A number of classes that is not whole.
            InvalidValueError: Names the option, its value and what is allowed.
        """
        check_num_classes(self.num_classes)
        if isinstance(self.activation, str):
            activations.parse(self.activation)
        check_number("dropout", self.dropout, 0.0, 0.95)
        self._check_shape(self.input_shape)

    def _check_shape(self, shape: object, dimensions: int | None = 3) -> None:
        sizes = shape if isinstance(shape, tuple) else ()
        whole = all(isinstance(size, int) and not isinstance(size, bool) for size in sizes)
        if not sizes or not whole or (dimensions and len(sizes) != dimensions):
            raise errors.InvalidValueError(
                f"input_shape={errors.shown(repr(shape))} is not possible: height, width and "
                "channels, without the batch, as in (96, 96, 3).",
                given=shape,
            )
        if any(size < 1 or size > MAX_SIDE for size in sizes):
            raise errors.InvalidValueError(
                f"input_shape={shape} is not possible: each size is 1 to {MAX_SIDE}.", given=shape
            )


@dataclasses.dataclass(frozen=True)
class SimpleNetConfig(VisionConfig):
    """A linear layer and its activation, repeated.

    Attributes:
        units: Width of each hidden layer.
    """

    input_shape: tuple[int, ...] = (32, 32, 3)
    num_classes: int = 10
    units: tuple[int, ...] = (128, 64)

    def validate(self) -> None:
        """See `VisionConfig.validate`; each width is 1 to 65,536."""
        super().validate()
        _check_sizes("units", self.units, 1, 65_536)

    def _check_shape(self, shape: object, dimensions: int | None = None) -> None:
        super()._check_shape(shape, None)  # it flattens input of any shape


@dataclasses.dataclass(frozen=True)
class MobileNetV2Config(VisionConfig):
    """MobileNetV2.

    Attributes:
        width: Multiplier of all channel counts, rounded to multiples of 8.
        blocks: Inverted residuals of each of the seven stages.
        stem_strides: 2 as in the paper; 1 keeps small pictures (below 64 px) from vanishing.
    """

    activation: str = "relu6"
    dropout: float = 0.2
    width: float = 1.0
    blocks: tuple[int, ...] = (1, 2, 3, 4, 3, 3, 1)
    stem_strides: int | None = None

    def validate(self) -> None:
        """See `VisionConfig.validate`; the width is 0.05 to 8, there are seven stages."""
        super().validate()
        check_number("width", self.width, 0.05, 8.0)
        _check_sizes("blocks", self.blocks, 1, 100, count=7)
        _check_strides(self.stem_strides)


@dataclasses.dataclass(frozen=True)
class ResNetConfig(VisionConfig):
    """ResNet with basic blocks.

    Attributes:
        blocks: Residual blocks of each stage.
        widths: Channels of each stage.
        stem_strides: 2 (7×7 convolution and pooling) as in the paper; 1 (3×3, no pooling) for
            pictures below 64 px.
    """

    blocks: tuple[int, ...] = (2, 2, 2, 2)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    stem_strides: int | None = None

    def validate(self) -> None:
        """See `VisionConfig.validate`; there are as many stages as widths."""
        super().validate()
        _check_sizes("widths", self.widths, 1, 16_384)
        _check_sizes("blocks", self.blocks, 1, 100, count=len(self.widths))
        _check_strides(self.stem_strides)


def _check_sizes(
    name: str, sizes: object, low: int, high: int, *, count: int | None = None
) -> None:
    given = sizes if isinstance(sizes, tuple) else ()
    whole = all(isinstance(n, int) and not isinstance(n, bool) and low <= n <= high for n in given)
    if not given or not whole or (count is not None and len(given) != count):
        many = "a list of numbers" if count is None else f"{count} numbers, one per stage"
        raise errors.InvalidValueError(
            f"{name}={errors.shown(repr(sizes))} is not possible: {many}, each {low} to {high:,}.",
            given=sizes,
        )


def _check_strides(strides: object) -> None:
    if strides not in (None, 1, 2):
        raise errors.InvalidValueError(
            f"stem_strides={errors.shown(repr(strides))} is not possible: 1, 2, or none to "
            "decide by the picture's size.",
            given=strides,
        )


_BUILDERS = "actzoo.applications.vision.models"

MODELS = (
    ModelSpec(
        name="simple_net",
        target=f"{_BUILDERS}:build_simple_net",
        config=SimpleNetConfig,
        task="classification",
        domain="vision",
        summary="Dense layers, each with its activation; for any input shape, to study one.",
        paper="Rumelhart et al., 1986, Learning representations by back-propagating errors",
        test_options={"units": (16, 8)},
    ),
    ModelSpec(
        name="mobilenet_v2",
        target=f"{_BUILDERS}:build_mobilenet_v2",
        config=MobileNetV2Config,
        task="classification",
        domain="vision",
        summary="Inverted residuals with depthwise convolutions; small and fast on phones.",
        paper="Sandler et al., 2018, arXiv:1801.04381",
        low_data_options={"width": 0.5, "dropout": 0.1},
        test_options={"width": 0.25, "blocks": (1, 1, 2, 1, 1, 1, 1)},
    ),
    ModelSpec(
        name="resnet18",
        target=f"{_BUILDERS}:build_resnet18",
        config=ResNetConfig,
        task="classification",
        domain="vision",
        summary="18 layers of plain residual blocks; sturdy, larger than a MobileNet.",
        paper="He et al., 2015, arXiv:1512.03385",
        test_options={"widths": (8, 8, 16, 16)},
    ),
)
