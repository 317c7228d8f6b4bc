"""Pictures of more than 8 bits a value, with all that the file holds: PNG and TIFF.

Pillow keeps the high byte of 16-bit colors, so that 12-bit data becomes 0 to 15, and does not read
floating point colors, planes of 16 bits or values of 64.
"""

from __future__ import annotations

import dataclasses
import io
import logging
import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, TiffImagePlugin

if TYPE_CHECKING:
    from tifffile import TiffPage

_BITS, _SAMPLE_FORMAT, _COLOR_MAP, _ORIENTATION = 258, 339, 320, 274  # tags of TIFF
_UNSIGNED = 1  # the sample format of ordinary pictures
_UNSPECIFIED, _PREMULTIPLIED, _OPACITY = 0, 1, 2  # kinds of an extra channel of TIFF

logging.getLogger("tifffile").addHandler(logging.NullHandler())


class NotReadError(ValueError):
    """A picture that is whole but of a kind that is not read; the text says which."""


@dataclasses.dataclass(frozen=True)
class DeepPicture:
    """The values of a picture, as they are in its file.

    Attributes:
        colors: `(height, width, 1 or 3)`, whole numbers or floating point.
        opacity: `(height, width)`, in the file's own numbers, or None.
        white_is_zero: Values count from white to black.
    """

    colors: np.ndarray
    opacity: np.ndarray | None = None
    white_is_zero: bool = False


@dataclasses.dataclass(frozen=True)
class TiffHeader:
    """What is read of a TIFF that Pillow does not open.

    Attributes:
        width: In pixels.
        height: Likewise.
        pages: How many.
        orientation: 1 to 8, as in EXIF.
    """

    width: int
    height: int
    pages: int
    orientation: int


def read_tiff_header(raw: bytes) -> TiffHeader:
    """Read a TIFF's header, whatever its values are; raises where it is damaged."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        page = file.pages.first
        turn = page.tags.valueof(_ORIENTATION, 1)
        size = int(page.imagewidth), int(page.imagelength)
        return TiffHeader(*size, len(file.pages), int(turn))


def is_deep(kind: str, raw: bytes, header: Image.Image | None) -> bool:
    """Say whether a picture holds other values than 0 to 255.

    Args:
        kind: Format.
        raw: The file.
        header: As Pillow opened it; None for a TIFF that Pillow cannot open.
    """
    if kind == "PNG":
        return raw[24] == 16
    if not isinstance(header, TiffImagePlugin.TiffImageFile):
        return kind == "TIFF"
    bits, formats = header.tag_v2.get(_BITS, (1,)), header.tag_v2.get(_SAMPLE_FORMAT, (1,))
    return max(bits) > 8 or any(form != _UNSIGNED for form in formats)


def decode(kind: str, raw: bytes) -> DeepPicture | Image.Image:
    """Return all values of a PNG or TIFF; an image of Pillow's where 8 bits hold them.

    Raises:
        NotReadError: It has no gray values or colors that are known.
        Exception: It is damaged; of many kinds, as the decoder raises them.
    """
    if kind == "PNG":
        import imagecodecs

        values = np.atleast_3d(imagecodecs.png_decode(raw))
        count = values.shape[2]
        return _picture(values, count - (count in (2, 4)))
    import tifffile

    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        page = file.pages.first
        _check_whole(page, len(raw))
        return _decode_page(page)


def _check_whole(page: TiffPage, size: int) -> None:
    """Refuse what tifffile fills with zeros: parts that are not listed or not in the file."""
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if len(parts) != math.prod(page.chunked):
        raise ValueError("the file lists other parts than its size needs")
    if not all(0 < count <= size - start for start, count in parts):
        raise ValueError("the file ends before its pixels do")


def _decode_page(page: TiffPage) -> DeepPicture | Image.Image:
    values = np.asarray(page.asarray())
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if page.axes not in ("YX", "YXS", "SYX"):
        raise NotReadError(f"it has the axes {page.axes}; a picture has two")
    if values.dtype.kind not in "buif":
        raise NotReadError("it holds complex numbers")
    values = np.moveaxis(values, 0, -1) if page.axes == "SYX" else np.atleast_3d(values)
    kind = getattr(page.photometric, "name", str(page.photometric))
    if kind == "PALETTE":
        return Image.fromarray(_as_bytes(np.asarray(page.colormap).T)[values[..., 0]])
    if kind == "SEPARATED" and values.shape[2] == 4 and values.dtype.kind == "u":
        return Image.fromarray(_as_bytes(values), "CMYK").convert("RGB")
    if kind not in ("MINISBLACK", "MINISWHITE", "RGB"):
        raise NotReadError(f"its colors are of the kind {kind}; save it as RGB")
    extra = [int(sample) for sample in page.extrasamples]
    if kind == "RGB":  # a fourth channel of which nothing is said is opacity, as in Pillow
        count, extra = 3, extra or [_OPACITY] * (values.shape[2] - 3)
    else:
        count = values.shape[2] - sum(sample != _UNSPECIFIED for sample in extra)
    has_opacity = values.shape[2] > count and extra[0] != _UNSPECIFIED
    if has_opacity and extra[0] == _PREMULTIPLIED:
        values = _divided(values, count)
    return _picture(values[..., : count + has_opacity], count, kind == "MINISWHITE")


def _picture(
    values: np.ndarray, count: int, white_is_zero: bool = False
) -> DeepPicture | Image.Image:
    """Return a picture of so many channels of color; one more is its opacity."""
    if count not in (1, 3):
        raise NotReadError(f"it has {count} channels; a picture has 1 (gray) or 3 (colors)")
    has_opacity = values.shape[2] > count
    if values.dtype == np.uint8:
        colors = 255 - values[..., :count] if white_is_zero else values[..., :count]
        shown = np.concatenate([colors, values[..., count:]], axis=2)
        return Image.fromarray(shown[..., 0] if shown.shape[2] == 1 else shown)
    opacity = values[..., count] if has_opacity else None
    return DeepPicture(values[..., :count], opacity, white_is_zero)


def _divided(values: np.ndarray, count: int) -> np.ndarray:
    """Return values whose colors were multiplied by the opacity as they were before."""
    opacity = values[..., count:].astype("float64")
    shares = np.maximum(opacity / max(opacity.max(), 1e-9), 1e-9)
    colors = np.minimum(values[..., :count] / shares, values[..., :count].max())
    colors = colors if values.dtype.kind == "f" else np.rint(colors)
    return np.concatenate([colors.astype(values.dtype), values[..., count:]], axis=2)


def _as_bytes(values: np.ndarray) -> np.ndarray:
    """Return numbers of a palette or of inks as bytes; some writers put bytes into 16 bits."""
    if values.dtype == np.uint8 or values.max() <= 255:
        return values.astype("uint8")
    return (values >> 8 * (values.dtype.itemsize - 1)).astype("uint8")


def brightened(image: Image.Image) -> Image.Image:
    """Return a palette picture of Pillow's whose palette is not black by mistake.

    The palette of a TIFF has 16 bits a value; some writers put bytes there.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.mode == "P":
        table = np.asarray(image.tag_v2.get(_COLOR_MAP, ()))
        if table.size and 0 < table.max() <= 255:
            image.putpalette(table.reshape(3, -1).T.astype("uint8").tobytes())
    return image
