"""Segmentation models: their configurations and rows. Data only."""

from __future__ import annotations

import dataclasses
from typing import TypeGuard

from actzoo import activations, errors
from actzoo.models import ModelSpec, TrainingDefaults, check_num_classes, check_number

MAX_SIDE = 4096  # pixels; a larger tile is a mistake, and would reserve memory before it shows
NORMS = ("batch", "group")


@dataclasses.dataclass(frozen=True)
class UNetConfig:
    """U-Net.

    Attributes:
        input_shape: `(height, width, channels)` of a tile; normalized values go in. Height and
            width are multiples of 2 to the number of levels below the first.
        num_classes: Channels of the logits, background included; 0 gives features instead.
        activation: Hidden activation, anything `activations.get` takes.
        widths: Channels of each level, from the finest to the coarsest.
        norm: "batch", which exports well; or "group", which does not depend on the batch.
        dropout: Share of the coarsest level's channels dropped in training, `[0, 1)`.
    """

    input_shape: tuple[int, ...] = (256, 256, 1)
    num_classes: int = 2
    activation: str = "leaky_relu"
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    norm: str = "batch"
    dropout: float = 0.0

    def validate(self) -> None:
        """Refuse options that no network can have.

        Raises:
            InvalidTypeError: A number of classes that is not whole.
            InvalidValueError: Names the option, its value and what is allowed.
            UnknownNameError: There is no such normalization.
        """
        check_num_classes(self.num_classes)
        if isinstance(self.activation, str):
            activations.parse(self.activation)
        check_number("dropout", self.dropout, 0.0, 0.95)
        if self.norm not in NORMS:
            raise errors.unknown_name("norm", self.norm, NORMS)
        _check_widths(self.widths)
        _check_shape(self.input_shape, 2 ** (len(self.widths) - 1))


def _are_whole(sizes: object, low: int, high: int) -> TypeGuard[tuple[int, ...]]:
    return isinstance(sizes, tuple) and all(
        isinstance(size, int) and not isinstance(size, bool) and low <= size <= high
        for size in sizes
    )


def _check_widths(widths: object) -> None:
    if not _are_whole(widths, 1, 4096) or not 2 <= len(widths) <= 8:
        raise errors.InvalidValueError(
            f"widths={errors.shown(repr(widths))} is not possible: 2 to 8 numbers, one per level, "
            "each 1 to 4,096.",
            given=widths,
        )


def _check_shape(shape: object, multiple: int) -> None:
    if not _are_whole(shape, 1, MAX_SIDE) or len(shape) != 3:
        raise errors.InvalidValueError(
            f"input_shape={errors.shown(repr(shape))} is not possible: height, width and channels, "
            f"without the batch, each 1 to {MAX_SIDE}, as in (256, 256, 1).",
            given=shape,
        )
    if any(size % multiple for size in shape[:2]):
        fits = tuple(-(-size // multiple) * multiple for size in shape[:2])
        raise errors.InvalidValueError(
            f"A tile of {shape[0]} x {shape[1]} does not fit a U-Net of these widths: height and "
            f"width must be multiples of {multiple}.\nTake ({fits[0]}, {fits[1]}, {shape[2]}), or "
            "fewer widths.",
            given=shape,
            allowed=(fits,),
        )


MODELS = (
    ModelSpec(
        name="unet",
        target="actzoo.applications.medical.models:build_unet",
        config=UNetConfig,
        task="segmentation",
        domain="medical",
        summary="Encoder and decoder joined at every level; a class for each pixel of a slice.",
        paper="Ronneberger et al., 2015, arXiv:1505.04597",
        training=TrainingDefaults(
            learning_rate=2e-3,
            fine_tune_rate=5e-4,
            label_smoothing=0.0,
            weight_decay=0.01,
            epochs=(4, 300),
            patience=20,
        ),
        test_options={"widths": (8, 16)},
        aliases=("u_net",),
    ),
)
