"""What a user should know of one picture before trusting the answer: its form, its depth."""

from __future__ import annotations

from collections.abc import Mapping

from actzoo import errors, preprocessing
from actzoo.applications.picture_kinds import kind_of
from actzoo.applications.vision import images

_MAY_BE_DEEP = ("PNG", "TIFF")


def remarks(raw: bytes, steps: preprocessing.Steps) -> dict[str, str]:
    """Return remarks on a long picture, or one of more than 8 bits a value.

    Args:
        raw: The file.
        steps: The model's preprocessing.
    """
    return _on_form(raw, steps) | _on_depth(raw, steps)


def _on_form(raw: bytes, steps: preprocessing.Steps) -> dict[str, str]:
    """Return a remark on a picture most of which is cropped; reads its header alone."""
    if not any(step.get("fit") == "crop" for step in steps):
        return {}
    try:
        height, width = images.read_size(raw)
    except errors.DataError:
        return {}  # whoever asks for an answer is told why there is none
    if max(height, width) <= images.LONGEST * min(height, width):
        return {}
    return {
        f"over {images.LONGEST:g} times as long as wide": (
            f"It has {width:,} x {height:,} pixels, of which only the middle square is used."
        )
    }


def _on_depth(raw: bytes, steps: preprocessing.Steps) -> dict[str, str]:
    """Return a remark on a picture of more than 8 bits a value; nothing else is decoded."""
    kind = kind_of(raw)
    if kind not in _MAY_BE_DEEP or (kind == "PNG" and raw[24:25] != b"\x10"):
        return {}
    settings = next((step for step in steps if step["step"] == "decode_image"), {})
    try:
        picture = images.read_picture(raw, settings.get("max_pixels", images.MAX_PIXELS))
    except errors.DataError:
        return {}  # whoever asks for an answer is told why there is none
    if picture.form == images.BYTES:
        return {}
    low, high = float(picture.colors.min()), float(picture.colors.max())
    ranges: Mapping[str, tuple[float, float]] = settings.get("ranges") or {}
    if picture.form not in ranges:
        _, white = images.value_range(picture.form, low, high)
        return {
            "more bits a value than pictures in training": (
                f"It has more than 8 bits a value ({low:,.6g} to {high:,.6g}), unlike the pictures "
                f"in training; {white:,.6g} was taken for white."
            )
        }
    black, white = ranges[picture.form]
    if low < black or high > white:
        return {
            "values outside the range in training": (
                f"Its values ({low:,.6g} to {high:,.6g}) are cut off to those in training, "
                f"{black:,.6g} to {white:,.6g}."
            )
        }
    return {}
