"""Pictures: the one decoder and the one resizer, for training, `predict` and `verify`.

The decoder looks at a file's content, never at its name, and converts every color mode to RGB as
a photo viewer shows it. It is stricter than Pillow: a JPEG without its end and a PNG with a
wrong checksum are refused, since they are files that were cut or damaged.
"""

from __future__ import annotations

import dataclasses
import io
import struct
from collections.abc import Mapping

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

from actzoo import errors
from actzoo.applications import picture_files

MAX_PIXELS = 100_000_000
LARGEST_SIDE = 8192  # of a resized picture, in pixels
BACKGROUND = (255, 255, 255)  # shows through where a picture is transparent: paper is white
FITS = ("crop", "stretch", "pad")
ORIENTATION = 0x0112  # the EXIF tag

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WebP", "AVIF")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture and what is worth saying about its file.

    Attributes:
        pixels: uint8 `(height, width, 3)`.
        is_animated: There are more frames; only the first was read.
        depth: "" for 8-bit values, else how they were scaled to 8 bits, in words.
        is_gray: All three channels are equal.
    """

    pixels: np.ndarray
    is_animated: bool
    depth: str
    is_gray: bool


# --- the steps ---------------------------------------------------------------------------------


def decode_image(value: object, max_pixels: int = MAX_PIXELS) -> dict[str, np.ndarray]:
    """Decode a picture file; the first preprocessing step of every vision model.

    - EXIF orientation is applied.
    - Of an animation or a document of many pages, the first is taken.
    - Gray, palette and 1-bit pictures get three channels; CMYK becomes RGB.
    - Transparency is laid over white.
    - More than 8 bits a value are scaled by the largest value in the picture: up to 255 as they
      are, up to 4,095 as 12-bit, above as 16-bit values. Floating point: up to 1 as a share, up
      to 255 as they are, above as 12- or 16-bit values.

    Args:
        value: Bytes of a file, or a picture that is decoded already: an array
            `(height, width, 3)`, or a mapping that holds it as "image"; passed on.
        max_pixels: Limit of height times width, read from the header before any memory is used.

    Returns:
        `{"image": uint8 (height, width, 3)}`.

    Raises:
        DataError: The bytes are not a whole picture; says why.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return {"image": read_picture(bytes(value), max_pixels).pixels}
    return {"image": _opened(value)}


def resize_image(
    value: object, height: int, width: int, fit: str = "crop"
) -> dict[str, np.ndarray]:
    """Resize a decoded picture to a model's size.

    Bilinear, and averaging when it shrinks, so that fine patterns do not flicker.

    Args:
        value: As `decode_image` returns it.
        height: In pixels.
        width: In pixels.
        fit: "crop" cuts the longer side, keeping the middle; "stretch" changes the shape; "pad"
            adds black bars.

    Returns:
        `{"image": uint8 (height, width, 3)}`.
    """
    if fit not in FITS:
        raise errors.unknown_name("fit of a picture", fit, FITS)
    _check_side("height", height)
    _check_side("width", width)
    pixels = _opened(value)
    if pixels.shape[:2] == (height, width):
        return {"image": pixels}
    rows, columns = pixels.shape[:2]
    image = Image.fromarray(pixels)
    if fit == "pad":
        return {"image": np.array(_padded(image, height, width))}
    box = (0.0, 0.0, float(columns), float(rows))
    if fit == "crop":
        scale = min(rows / height, columns / width)
        left, top = (columns - width * scale) / 2, (rows - height * scale) / 2
        box = (left, top, left + width * scale, top + height * scale)
    return {"image": np.array(_scaled(image, (width, height), box))}


def _check_side(name: str, size: object) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST_SIDE:
        raise errors.InvalidValueError(
            f"The {name} of a picture must be 1 to {LARGEST_SIDE}, not {errors.shown(size)}.",
            given=size,
        )


def _padded(image: Image.Image, height: int, width: int) -> Image.Image:
    """Return a picture of a size that shows the whole image between black bars."""
    columns, rows = image.size
    scale = min(height / rows, width / columns)
    inner = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    canvas = Image.new("RGB", (width, height))
    corner = ((width - inner[0]) // 2, (height - inner[1]) // 2)
    canvas.paste(_scaled(image, inner, (0, 0, columns, rows)), corner)
    return canvas


def _scaled(image: Image.Image, size: tuple[int, int], box: tuple[float, ...]) -> Image.Image:
    # Rounding may put a corner outside by 1e-13, which Pillow refuses.
    limits = (0, 0, *image.size)
    box = (max(box[0], limits[0]), max(box[1], limits[1]),
           min(box[2], limits[2]), min(box[3], limits[3]))  # fmt: skip
    return image.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)


def _opened(value: object) -> np.ndarray:
    """Return the array of a decoded picture, checked."""
    if isinstance(value, Mapping):
        value = value.get("image")
    pixels = np.asarray(value)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise errors.InvalidValueError(
            f"A decoded picture is an array (height, width, 3) of uint8, not {pixels.shape} of "
            f"{pixels.dtype}.\nBegin the preprocessing with decode_image.",
            given=pixels.shape,
        )
    return pixels


# --- the decoder -------------------------------------------------------------------------------


def _unreadable(why: str) -> errors.DataError:
    return errors.DataError(f"Not a readable picture: {why}.", given=why)


_READER = picture_files.PictureReader(FORMATS, _unreadable, "--max-pixels")


def read_picture(raw: bytes, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture file; see `decode_image` for the rules.

    Raises:
        DataError: The bytes are not a whole picture; says why, in our words.
    """
    with picture_files.QUIET:
        return _read(raw, max_pixels)


def _read(raw: bytes, max_pixels: int) -> Picture:
    kind, image = _READER.open(raw, max_pixels)
    try:
        animated = bool(getattr(image, "is_animated", False))
        image.load()
        _READER.check_whole(kind, raw)
        turn = _TURNS.get(_orientation(image))
        depth, pixels = _deep_values(kind, raw, image)
        flat = _to_rgb(image) if pixels is None else Image.fromarray(pixels)
        if turn is not None:
            flat = flat.transpose(turn)
        array = np.array(flat)
    except errors.ActzooError:
        raise
    except Exception as error:
        raise _READER.damaged(kind) from error
    gray = bool((array[..., :1] == array[..., 1:]).all())
    return Picture(array, animated, depth, gray)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 where there is none or it cannot be read.

    Read by hand: Pillow gives up on a whole block for one broken entry.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(image.tag_v2.get(ORIENTATION, 1))
    block = image.info.get("exif", b"")
    block = block[6:] if block[:6] == b"Exif\0\0" else block
    order = {b"II": "<", b"MM": ">"}.get(bytes(block[:2]))
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, start)
        for entry in range(count):
            tag, kind = struct.unpack_from(f"{order}HH", block, start + 2 + 12 * entry)
            if tag == ORIENTATION and kind == 3:
                return int(struct.unpack_from(f"{order}H", block, start + 10 + 12 * entry)[0])
    except struct.error:
        pass
    return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return an 8-bit picture of any mode as RGB, transparency laid over white."""
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        colors = image.convert("RGBA")
        flat = Image.new("RGB", image.size, BACKGROUND)
        flat.paste(colors, mask=colors.getchannel("A"))
        return flat
    return image if image.mode == "RGB" else image.convert("RGB")


def _deep_values(kind: str, raw: bytes, image: Image.Image) -> tuple[str, np.ndarray | None]:
    """Return how values of more than 8 bits were scaled, and the result `(h, w, 3)`, or None."""
    values = _stored_values(kind, raw, image)
    if values is None:
        return "", None
    if not np.isfinite(values).all():
        raise _unreadable("it holds values that are not numbers")
    scale, offset, depth = _scaling(values)
    scaled = np.rint((values.astype("float64") - offset) * scale).astype("uint8")
    if scaled.ndim == 2:
        scaled = np.repeat(scaled[..., None], 3, axis=2)
    return depth, scaled


def _stored_values(kind: str, raw: bytes, image: Image.Image) -> np.ndarray | None:
    """Return the values of a picture with more than 8 bits a value, else None."""
    if image.mode == "F" or image.mode.startswith("I"):
        return np.asarray(image)
    if kind != "PNG" or raw[24] != 16 or image.mode != "RGB":
        return None
    # Pillow keeps the high bytes of 16-bit colors only; 12-bit data would become 0 to 15.
    # Reading the same file as if it were little-endian gives the low bytes.
    again = PngImagePlugin.PngImageFile(io.BytesIO(raw))
    again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]
    return np.asarray(image).astype("uint16") * 256 + np.asarray(again)


def _scaling(values: np.ndarray) -> tuple[float, float, str]:
    """Return the scale and offset that map values to 8 bits, and a description."""
    low, high = float(values.min()), float(values.max())
    if low < 0:
        return 255 / max(high - low, 1e-9), low, "from its own lowest to highest"
    if values.dtype.kind == "f" and high <= 1:
        return 255.0, 0.0, "as shares of 1"
    if high <= 255:
        return 1.0, 0.0, "as 8-bit values"
    if high <= 4095:
        return 255 / 4095, 0.0, "as 12-bit values"
    return 255 / max(high, 65535.0), 0.0, "as 16-bit values"
