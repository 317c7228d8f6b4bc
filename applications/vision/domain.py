"""Photos as a domain: how they are recognized, which size suits them, what a report shows."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from actzoo import errors
from actzoo.applications.vision.options import OPTIONS
from actzoo.domains import Domain, DomainSpec, InputPlan

if TYPE_CHECKING:
    import numpy as np

    from actzoo.applications.vision.augmentation import PhotoAugmenter
    from actzoo.applications.vision.data import Pictures
    from actzoo.data import Fingerprint
    from actzoo.domains import Step
    from actzoo.evaluation import Evaluation
    from actzoo.panels import Panel
    from actzoo.preprocessing import Steps

DOMAIN = DomainSpec(
    name="vision",
    summary="Photos and other pictures, classified.",
    task="classification",
    default_model="mobilenet_v2",
    default_precisions=("float32", "int8"),
    target="actzoo.applications.vision.domain:Photos",
    steps=("decode_image", "resize_image"),
    options=OPTIONS,
    data_forms=(
        "a folder of class folders with pictures, or train/, val/, test/ above them",
        "pictures and a table that names each and its class (train/ and train.csv)",
        "tfds:NAME[/CONFIG] with pictures and labels",
    ),
    aliases=("photos", "images"),
)

SIDES = (32, 48, 64, 96, 128, 160, 192, 224)
# From scratch, more pixels pay only with more pictures, and cost in proportion to their number:
# MobileNetV2 0.5 takes about 150 pictures of 96 px a second on two cores, 85 of 128 px.
LARGEST_SIDE = ((20_000, 96), (100_000, 128), (10**12, 224))  # up to so many pictures
CROP_LOSS = 0.2  # median share that cropping to a square may cut away
STRETCH_LOSS = 0.6  # above, stretching to a square distorts beyond recognition


class Photos(Domain["Pictures"]):
    """Photos and other pictures, one class each."""

    def recognize(self, path: str) -> str | None:
        """Return why a path seems to hold labeled pictures, or None."""
        if path.startswith("tfds:"):
            from actzoo.applications.vision import tfds

            return tfds.looks_like_pictures(path)
        from actzoo.applications.vision import folder, label_tables

        return label_tables.names_pictures(path) or folder.looks_like_classes(path)

    def question(self, path: str) -> str | None:
        """Return what to ask where folders may be patients, splits or forms of pictures."""
        from actzoo.applications.vision import doubts, label_tables

        if path.startswith("tfds:") or label_tables.names_pictures(path):
            return None
        return doubts.question(path)

    def open(self, path: str, options: Mapping[str, Any]) -> Pictures:
        """Open a folder of class folders, or `tfds:NAME`."""
        from actzoo.applications.vision import data

        return data.open_pictures(path, options)

    def recognize_example(self, path: str, mask: str | None) -> str | None:
        """Return that a path is a picture without a mask, or None; its first bytes say so."""
        from actzoo.applications.picture_kinds import BEGINNING, kind_of

        if mask is not None or not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            kind = kind_of(file.read(BEGINNING))
        return None if kind is None else f"a {kind} picture"

    def open_example(self, path: str, mask: str | None, options: Mapping[str, Any]) -> Pictures:
        """Open one picture."""
        from actzoo.applications.vision import data

        return data.open_picture(path, options)

    def steps(self) -> dict[str, Step]:
        """Return the decoder and the resizer."""
        from actzoo.applications.vision import images

        return {"decode_image": images.decode_image, "resize_image": images.resize_image}

    def inputs(
        self, source: Pictures, split: Mapping[str, np.ndarray], overrides: Mapping[str, Any]
    ) -> InputPlan:
        """Choose picture size, fit and augmentation from the data.

        Args:
            source: The pictures.
            split: Split -> indices; sizes are chosen from all pictures alike.
            overrides: `input_shape` `(height, width, 3)` where the model is given already.
        """
        fingerprint = source.fingerprint()
        details = fingerprint.details
        height, width, why_size = _size(fingerprint, overrides)
        fit, why_fit = _fit(details["median_crop_loss"])
        resize = {"step": "resize_image", "height": height, "width": width, "fit": fit}
        augmentation, why_augmentation = _augmentation(details)
        ranges = source.value_ranges(split.get("train"))
        shape = [height, width, 3]
        return InputPlan(
            config={"input_shape": shape},
            inputs={"image": {"shape": shape, "dtype": "float32", "range": [0, 255]}},
            steps=(_decoding(details, ranges), resize),
            augmentation=augmentation,
            reasons=(why_size, why_fit, why_augmentation, *_why_ranges(ranges)),
        )

    def takes(self, name: str) -> bool:
        """Say whether a file in a folder is a picture, read or not, by its ending."""
        from actzoo.applications.vision import class_folders

        return class_folders.is_picture(name)

    def remarks(self, content: bytes, steps: Steps, seen: Mapping[str, Any]) -> dict[str, str]:
        """Return remarks on a long picture, or one of more than 8 bits a value."""
        from actzoo.applications.vision import remarks

        return remarks.remarks(content, steps)

    def augmenter(self, steps: Steps, settings: Mapping[str, Any]) -> PhotoAugmenter:
        """Return what changes training photos."""
        from actzoo.applications.vision import augmentation

        return augmentation.augmenter(steps, settings)

    def panels(self, evaluation: Evaluation) -> list[Panel]:
        """Return samples of each class, and the worst mistakes."""
        from actzoo.applications.vision import panels

        return panels.panels(evaluation)


def _size(fingerprint: Fingerprint, overrides: Mapping[str, Any]) -> tuple[int, int, str]:
    """Return height and width of the model's pictures, and why."""
    if "input_shape" not in overrides:
        shorter = fingerprint.details["median_shorter_side"]
        side, why = _side(shorter, fingerprint.num_examples)
        return side, side, why
    wanted = tuple(overrides["input_shape"])
    if len(wanted) != 3 or wanted[2] != 3:
        raise errors.InvalidValueError(
            f"input_shape={wanted} does not fit pictures: it takes height, width and 3 "
            "channels, as in [96, 96, 3].",
            given=wanted,
        )
    height, width = (int(size) for size in wanted[:2])
    return height, width, f"pictures of {height} x {width} px, as the model asks"


def _decoding(details: Mapping[str, Any], ranges: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return the first step, with the settings that are unusual."""
    from actzoo.applications.vision.images import MAX_PIXELS

    limit = details.get("max_pixels", MAX_PIXELS)
    step: dict[str, Any] = {"step": "decode_image"}
    if limit != MAX_PIXELS:
        step["max_pixels"] = limit
    if ranges:
        step["ranges"] = {form: list(limits) for form, limits in ranges.items()}
    return step


def _why_ranges(ranges: Mapping[str, Sequence[float]]) -> list[str]:
    return [
        f"{black:,.6g} is black and {white:,.6g} white in pictures of more than 8 bits a value "
        f"({form}), by the highest value in training; --white sets another"
        for form, (black, white) in ranges.items()
    ]


def _side(shorter: int, count: int) -> tuple[int, str]:
    limit = next(side for most, side in LARGEST_SIDE if count <= most)
    side = max((side for side in SIDES if side <= min(shorter, limit)), default=SIDES[0])
    if shorter < SIDES[0]:
        return side, f"{side} px: the pictures ({shorter} px) are enlarged to the smallest size"
    if side < limit:
        return side, f"{side} px: the shorter side of most pictures is {shorter} px"
    return side, (
        f"{side} px: for {count:,} pictures, a larger size costs more time than it gains accuracy"
    )


def _fit(loss: float) -> tuple[str, str]:
    if loss <= CROP_LOSS:
        lost = f"half of them lose {loss:.0%} or less" if loss else "most are square already"
        return "crop", f"pictures are cropped to their middle: {lost}"
    if loss <= STRETCH_LOSS:
        return "stretch", f"pictures are stretched to a square: cropping would cut {loss:.0%}"
    return "pad", f"long pictures get bars: cropping would cut {loss:.0%}"


def _augmentation(details: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return all settings, so that the plan holds what was done even where defaults change."""
    from actzoo.applications.vision.augmentation import Settings

    if details["gray_share"] > 0.95 and details["median_shorter_side"] <= 32:
        # Small gray pictures are mostly digits, letters and signs: a mirrored one is another one.
        chosen = Settings(
            strength=0.5, flip=False, zoom=0.7, rotate=20.0, shear=15.0, color=0.2, hue=0.0,
            operations=0.0, erase=0.0,
        )  # fmt: skip
        why = "small gray pictures may be letters or digits, so none is mirrored"
    else:
        # Half strength: in some 60 epochs from scratch a net does not learn to undo more.
        # Measured on clothing10, validation accuracy at epoch 7 of 60: .33 at full, .50 at half.
        chosen = Settings(strength=0.5)
        why = (
            "photos are mirrored, cut, turned and recolored in training "
            "(--set flip=false where left and right matter)"
        )
    return dataclasses.asdict(chosen), why
