"""Masks that are pictures: one number per pixel, however the file writes it.

A gray picture, one bit a pixel, a palette, one color on black, or what is opaque where all else is
of one color. What could be read in two ways is refused.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image

from actzoo.applications.deep_pictures import DeepPicture
from actzoo.applications.medical.files import pictures
from actzoo.applications.medical.files.pictures import Color
from actzoo.applications.medical.files.volumes import unreadable
from actzoo.applications.picture_kinds import kind_of

ONE_BIT = "hold one bit a pixel"
TRANSPARENT = "are of one color, so what is transparent in them was taken for the background"
_INDEXED = ("1", "L", "P")  # one number per pixel


@dataclasses.dataclass(frozen=True)
class MaskPicture:
    """A mask as its file has it.

    Attributes:
        values: `(height, width)` as stored, one number per pixel; of a palette, the indices.
        orientation: See `pictures.Layout`.
        colors: Value -> its color, where the file says one.
        remark: How it was read, where that is unusual; completes "3 masks".
        is_blurred: Its numbers are not exact, as in a JPEG.
    """

    values: np.ndarray
    orientation: int = 1
    colors: dict[int, Color] = dataclasses.field(default_factory=dict)
    remark: str = ""
    is_blurred: bool = False


def read_mask(raw: bytes, max_pixels: int, is_binary: bool = False) -> MaskPicture:
    """Decode a mask.

    Args:
        raw: Bytes of the file.
        max_pixels: Limit.
        is_binary: It is known to hold one class, so that blurred and gray edges do no harm.

    Raises:
        DataError: It is a JPEG, whose values are blurred, or has colors instead of numbers.
    """
    is_blurred = kind_of(raw) == "JPEG"
    if is_blurred and not is_binary:
        raise unreadable(
            "a mask cannot be a JPEG, which blurs values (0 to 5 and 251 to 255 for 0 and 255); "
            "write masks as PNG, from their source again (or, if it is one class on black, "
            "--binary-masks)"
        )
    read = pictures.decoded(raw, max_pixels)
    found = _read(read.image, is_binary)
    return dataclasses.replace(
        found,
        values=read.stored(found.values),
        orientation=read.orientation,
        is_blurred=is_blurred,
    )


def _read(image: Image.Image | DeepPicture, is_binary: bool) -> MaskPicture:
    if not isinstance(image, DeepPicture):
        if image.mode == "1":
            return MaskPicture(np.asarray(image).astype("uint8"), remark=ONE_BIT)
        if image.mode in _INDEXED:
            channels = iter((image.getpalette() if image.mode == "P" else None) or ())
            palette = dict(enumerate(zip(channels, channels, channels, strict=False)))
            return MaskPicture(np.asarray(image), colors=palette)
    colors, opacity = _channels(image)
    if opacity is not None and opacity.min() == opacity.max():
        opacity = None
    if opacity is None:
        return MaskPicture(_brightest(colors)) if is_binary else _colored(colors)
    if is_binary:
        shown = _brightest(colors).astype("float32") * opacity / float(opacity.max())  # on black
        return MaskPicture(opacity if _is_even(colors) else np.round(shown).astype(colors.dtype))
    if _is_even(colors):
        return MaskPicture(opacity, remark=TRANSPARENT)
    if _say_the_same(colors, opacity):
        return _colored(colors)
    raise unreadable(
        "the mask's colors and its transparency say different things; save it without "
        "transparency (if it is one class on a transparent background: --binary-masks)"
    )


def _channels(image: Image.Image | DeepPicture) -> tuple[np.ndarray, np.ndarray | None]:
    """Return colors `(height, width, 1 or 3)`, and opacity where there is any."""
    if isinstance(image, DeepPicture):
        return image.colors, image.opacity
    if not {"A", "a"} & set(image.getbands()):
        return np.asarray(image.convert("RGB")), None
    pixels = np.asarray(image.convert("RGBA"))
    return pixels[..., :3], pixels[..., 3]


def _brightest(colors: np.ndarray) -> np.ndarray:
    values: np.ndarray = colors.max(axis=-1)
    return values


def _is_even(colors: np.ndarray) -> bool:
    return bool((colors == colors[0, 0]).all())


def _say_the_same(colors: np.ndarray, opacity: np.ndarray) -> bool:
    """Tell whether each color is transparent to one degree wherever it is."""
    if colors.dtype.kind != "u":
        return False
    codes = _codes(colors)
    return len(np.unique(codes)) == len(
        np.unique(codes << np.uint64(16) | opacity.astype("uint64"))
    )


def _pure(value: int, channel: int) -> Color:
    red, green, blue = (value if k == channel else 0 for k in range(3))
    return red, green, blue


def _codes(colors: np.ndarray) -> np.ndarray:
    """Return one number for each color of unsigned channels."""
    codes = np.zeros(colors.shape[:2], "uint64")
    for channel in np.moveaxis(colors, -1, 0):
        codes = codes << np.uint64(16) | channel.astype("uint64")
    return codes


def _colored(colors: np.ndarray) -> MaskPicture:
    """Read a mask `(height, width, 1 or 3)`: gray, of one channel, or one color on black."""
    if (colors[..., :1] == colors).all():
        return MaskPicture(colors[..., 0].copy())
    used = np.flatnonzero(colors.any(axis=(0, 1)))
    if len(used) == 1:
        values = colors[..., used[0]].copy()
        return MaskPicture(
            values, colors={int(v): _pure(int(v), used[0]) for v in np.unique(values)}
        )
    shown = ""
    if colors.dtype == np.uint8:
        _, first, counts = np.unique(_codes(colors), return_index=True, return_counts=True)
        every: list[Color] = [tuple(map(int, colors.reshape(-1, 3)[k])) for k in first]  # type: ignore[misc]
        if every[:-1] == [(0, 0, 0)]:
            values = np.where(colors.any(axis=-1), 255, 0).astype("uint8")
            return MaskPicture(values, colors={0: every[0], 255: every[1]})
        most = ", ".join(str(every[k]) for k in np.argsort(-counts)[:5])
        shown = f" ({len(every):,}: {most}{', …' * (len(every) > 5)})"
    raise unreadable(
        f"the mask has colors{shown}; masks hold one number per pixel (write the class indices "
        "as a gray PNG, or as a PNG with a palette)"
    )
