"""Vision models: their configurations and rows. Data only."""

from __future__ import annotations

import dataclasses

from actzoo.models import ModelSpec


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


@dataclasses.dataclass(frozen=True)
class SimpleNetConfig(VisionConfig):
    """A linear layer and its activation, repeated.

    Attributes:
        units: Width of each hidden layer.
    """

    input_shape: tuple[int, ...] = (32, 32, 3)
    num_classes: int = 10
    units: tuple[int, ...] = (128, 64)


@dataclasses.dataclass(frozen=True)
class MobileNetV2Config(VisionConfig):
    """MobileNetV2.

    Attributes:
        width: Multiplier of all channel counts, rounded to multiples of 8.
        stem_strides: 2 as in the paper; 1 keeps small pictures (below 64 px) from vanishing.
    """

    activation: str = "relu6"
    dropout: float = 0.2
    width: float = 1.0
    stem_strides: int | None = None


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
    ),
    ModelSpec(
        name="mobilenet_v2",
        target=f"{_BUILDERS}:build_mobilenet_v2",
        config=MobileNetV2Config,
        task="classification",
        domain="vision",
        summary="Inverted residuals with depthwise convolutions; small and fast on phones.",
        paper="Sandler et al., 2018, arXiv:1801.04381",
    ),
    ModelSpec(
        name="resnet18",
        target=f"{_BUILDERS}:build_resnet18",
        config=ResNetConfig,
        task="classification",
        domain="vision",
        summary="18 layers of plain residual blocks; sturdy, larger than a MobileNet.",
        paper="He et al., 2015, arXiv:1512.03385",
    ),
)
