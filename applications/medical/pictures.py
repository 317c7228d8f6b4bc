"""Pictures as measurements: values as they are in the file, gray or color, up to 16 bits or float.

Nothing is scaled to a screen's 8 bits and nothing turned, since a mask covers the same pixels. A
JPEG without its end and a PNG with a wrong checksum are refused: they were cut or damaged.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from actzoo.applications.deep_pictures import DeepPicture
from actzoo.applications.medical.volumes import unreadable
from actzoo.applications.picture_files import PictureReader
from actzoo.applications.picture_kinds import kind_of

Color = tuple[int, int, int]
_READER = PictureReader(
    ("PNG", "JPEG", "TIFF", "BMP", "GIF"), unreadable, "--max-voxels", smallest=2
)
_INDEXED = ("1", "L", "P")  # one number per pixel
COLORED = (
    "the mask has colors; a mask holds one number per pixel (write the class indices as a gray PNG)"
)


def read_size(raw: bytes, max_pixels: int) -> tuple[int, int]:
    """Return height and width from the header, without decoding.

    Raises:
        DataError: It is not a picture, or larger than allowed.
    """
    file = _READER.open(raw, max_pixels)
    return file.height, file.width


def read_picture(raw: bytes, max_pixels: int) -> np.ndarray:
    """Decode a picture to `(height, width, 1 or 3)`, uint8 or float32, values as in the file.

    Colors whose three channels are equal are gray; transparency is dropped.

    Raises:
        DataError: It is not a whole picture.
    """
    image = _decoded(raw, max_pixels)
    if isinstance(image, DeepPicture):
        colors = _measured(image).astype("float32")
    elif image.mode == "1":
        colors = np.asarray(image.convert("L"))[..., None]
    elif image.mode in ("L", "LA", "La"):
        colors = np.asarray(image.convert("LA"))[..., :1]
    else:
        colors = np.asarray(image.convert("RGB"))  # of RGBA, convert drops the fourth channel
    gray = bool((colors[..., :1] == colors).all())
    return colors[..., :1].copy() if gray else colors.copy()


def _measured(picture: DeepPicture) -> np.ndarray:
    """Return values that count from black to white, as they do in nearly all files."""
    values = picture.colors
    if not picture.white_is_zero:
        return values
    return np.iinfo(values.dtype).max - values if values.dtype.kind == "u" else -values


def without_identity(raw: bytes, max_pixels: int) -> bytes:
    """Return a picture without texts, tags and EXIF, which may name a person.

    Its pixels are written again as PNG; a file that PNG cannot hold stays as it is.
    """
    pixels = read_picture(raw, max_pixels)
    flat = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    if flat.dtype != np.uint8:
        whole = np.array_equal(flat, np.round(flat)) and flat.min() >= 0 and flat.max() <= 65535
        if not whole:
            return raw
        flat = flat.astype("uint16")
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(content, "PNG")
    again = read_picture(content.getvalue(), max_pixels)
    return content.getvalue() if np.array_equal(again, pixels) else raw


def read_mask(raw: bytes, max_pixels: int) -> tuple[np.ndarray, list[Color]]:
    """Decode a mask to `(height, width)`: one number per pixel; of a palette, the indices.

    Returns:
        The mask, and the color of each index where it has a palette.

    Raises:
        DataError: It is a JPEG, whose values are blurred, or has colors instead of numbers.
    """
    if kind_of(raw) == "JPEG":
        raise unreadable(
            "a mask cannot be a JPEG, which blurs values (0 to 5 and 251 to 255 for 0 and 255); "
            "write masks as PNG, from their source again"
        )
    image = _decoded(raw, max_pixels)
    if isinstance(image, DeepPicture):
        if (image.colors[..., :1] != image.colors).any():
            raise unreadable(COLORED)
        return image.colors[..., 0].copy(), []
    if image.mode == "1":
        return np.asarray(image).astype("uint8"), []
    if image.mode in _INDEXED:
        channels = iter((image.getpalette() if image.mode == "P" else None) or ())
        return np.asarray(image), list(zip(channels, channels, channels, strict=False))
    colors = np.asarray(image.convert("RGB"))
    if (colors[..., :1] != colors[..., 1:]).any():
        raise unreadable(COLORED)
    return colors[..., 0].copy(), []


def _decoded(raw: bytes, max_pixels: int) -> Image.Image | DeepPicture:
    file = _READER.open(raw, max_pixels)
    if file.pages > 1:
        raise unreadable(
            f"it holds {file.pages} pages or frames; split it into single pictures, or, where they "
            "are slices of a volume, save it as NIfTI with the size of its voxels"
        )
    return file.load()


def encode_mask(mask: np.ndarray, labels: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """Return a mask `(height, width)` as PNG, in the form of the masks that its model learned from.

    Args:
        mask: Numbers, uint8 or uint16.
        labels: Of the classes. With colors, they are the PNG's palette; without, it is gray, so
            that any program reads the numbers. Empty for class indices, which get a palette to
            see them by.
    """
    image = Image.fromarray(mask)
    colors = dict(enumerate(_palette()))
    if labels:
        colors = {label["value"]: label["color"] for label in labels if "color" in label}
    if colors and mask.dtype == np.uint8:
        every = [colors.get(value, (0, 0, 0)) for value in range(256)]
        image.putpalette([channel for color in every for channel in color])
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


# Okabe and Ito's colors, distinct for every kind of color vision; the background is black.
COLORS = (
    (0, 0, 0), (213, 94, 0), (0, 114, 178), (240, 228, 66), (0, 158, 115), (204, 121, 167),
    (86, 180, 233), (230, 159, 0),
)  # fmt: skip


def _palette() -> list[tuple[int, int, int]]:
    later = [COLORS[1 + k % (len(COLORS) - 1)] for k in range(len(COLORS) - 1, 255)]
    return [*COLORS, *later]
