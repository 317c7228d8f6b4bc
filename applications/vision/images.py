"""Pictures: the one decoder and the one resizer, for training, `predict` and `verify`.

The decoder looks at a file's content, never at its name, and brings every color mode to RGB as a
photo viewer would show it. It is stricter than Pillow: a JPEG without its end and a PNG with a
wrong checksum are refused, since they are files that were cut or damaged.
"""

from __future__ import annotations

import dataclasses
import io
import logging
import struct
import threading
import warnings
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from actzoo import errors

MAX_PIXELS = 100_000_000
BACKGROUND = (255, 255, 255)  # shows through where a picture is transparent: paper is white
FITS = ("crop", "stretch", "pad")
ORIENTATION = 0x0112  # the EXIF tag

# Each format by its first bytes. Opened by its own class: `Image.open` would try some forty
# formats, and has a pixel limit that only a process-wide setting changes.
_PNG = b"\x89PNG\r\n\x1a\n"
_FORMATS: tuple[tuple[str, tuple[bytes, ...], type], ...] = (
    ("JPEG", (b"\xff\xd8\xff",), JpegImagePlugin.JpegImageFile),
    ("PNG", (_PNG,), PngImagePlugin.PngImageFile),
    ("GIF", (b"GIF87a", b"GIF89a"), GifImagePlugin.GifImageFile),
    ("BMP", (b"BM",), BmpImagePlugin.BmpImageFile),
    ("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), TiffImagePlugin.TiffImageFile),
)
_OTHERS = (  # what is often found under a picture's name
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"<", "markup (HTML, XML or SVG)"),
    (b"\x1f\x8b", "a gzip file"),
)
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
        depth: "" for 8-bit values, else how they were brought to 8 bits, in words.
        is_gray: All three channels are equal.
    """

    pixels: np.ndarray
    is_animated: bool
    depth: str
    is_gray: bool


# --- the steps ---------------------------------------------------------------------------------


def decode_image(value: Any, max_pixels: int = MAX_PIXELS) -> dict[str, np.ndarray]:
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
        DataError: The bytes are no whole picture; says why.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return {"image": read_picture(bytes(value), max_pixels).pixels}
    return {"image": _opened(value)}


def resize_image(value: Any, height: int, width: int, fit: str = "crop") -> dict[str, np.ndarray]:
    """Bring a decoded picture to a model's size.

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
    for name, size in (("height", height), ("width", width)):
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 8192:
            raise errors.InvalidValueError(
                f"The {name} of a picture must be 1 to 8192, not {errors.shown(size)}.", given=size
            )
    pixels = _opened(value)
    if pixels.shape[:2] == (height, width):
        return {"image": pixels}
    rows, columns = pixels.shape[:2]
    image = Image.fromarray(pixels)
    if fit == "pad":
        scale = min(height / rows, width / columns)
        inner = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        canvas = Image.new("RGB", (width, height))
        corner = ((width - inner[0]) // 2, (height - inner[1]) // 2)
        canvas.paste(_scaled(image, inner, (0, 0, columns, rows)), corner)
        return {"image": np.array(canvas)}
    box = (0.0, 0.0, float(columns), float(rows))
    if fit == "crop":
        scale = min(rows / height, columns / width)
        left, top = (columns - width * scale) / 2, (rows - height * scale) / 2
        box = (left, top, left + width * scale, top + height * scale)
    return {"image": np.array(_scaled(image, (width, height), box))}


def _scaled(image: Image.Image, size: tuple[int, int], box: tuple[float, ...]) -> Image.Image:
    # Rounding may put a corner outside by 1e-13, which Pillow refuses.
    limits = (0, 0, *image.size)
    box = (max(box[0], limits[0]), max(box[1], limits[1]),
           min(box[2], limits[2]), min(box[3], limits[3]))  # fmt: skip
    return image.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)


def _opened(value: Any) -> np.ndarray:
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


# What Pillow logs about a broken file is said in our own words; whoever logs still gets it.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class _Quiet:
    """Keeps Pillow's warnings off the console while any thread decodes.

    Python's warning filters belong to the process, so the first thread in changes them and the
    last one out puts them back.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\b")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


_QUIET = _Quiet()


# --- the decoder -------------------------------------------------------------------------------


def read_picture(raw: bytes, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture file; see `decode_image` for the rules.

    Raises:
        DataError: The bytes are no whole picture; says why, in our words.
    """
    with _QUIET:
        return _read(raw, max_pixels)


def _read(raw: bytes, max_pixels: int) -> Picture:
    kind, opener = _recognized(raw)
    try:
        image = opener(io.BytesIO(raw))
    except Exception as error:
        raise _unreadable(f"the header of this {kind} file is damaged") from error
    columns, rows = image.size
    if rows * columns > max_pixels:
        raise _unreadable(
            f"it has {columns:,} x {rows:,} pixels; the limit is {max_pixels:,} in all "
            "(--max-pixels raises it)"
        )
    if min(rows, columns) < 1:
        raise _unreadable("it has no pixels")
    try:
        animated = bool(getattr(image, "is_animated", False))
        image.load()
        _check_whole(kind, raw)
        turn = _TURNS.get(_orientation(image))
        depth, pixels = _deep_values(kind, raw, image)
        flat = _to_rgb(image) if pixels is None else Image.fromarray(pixels)
        if turn is not None:
            flat = flat.transpose(turn)
        array = np.array(flat)
    except errors.ActzooError:
        raise
    except Exception as error:
        raise _unreadable(f"this {kind} file is damaged or ends early") from error
    gray = bool((array[..., :1] == array[..., 1:]).all())
    return Picture(array, animated, depth, gray)


def _unreadable(why: str) -> errors.DataError:
    return errors.DataError(f"Not a readable picture: {why}.", given=why)


def _recognized(raw: bytes) -> tuple[str, Any]:
    """Return the format's name and class."""
    for kind, beginnings, opener in _FORMATS:
        if raw.startswith(beginnings):
            return kind, opener
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "WebP", WebPImagePlugin.WebPImageFile
    brand = raw[8:12] if raw[4:8] == b"ftyp" else b""
    if brand in (b"avif", b"avis") and AvifImagePlugin.SUPPORTED:
        return "AVIF", AvifImagePlugin.AvifImageFile
    if not raw:
        raise _unreadable("the file is empty")
    what = next((name for begin, name in _OTHERS if raw.lstrip()[:4].startswith(begin)), "")
    if brand:
        what = "a HEIC photo or a film; save it as JPEG"
    elif not what and not any(byte < 9 for byte in raw[:512]):
        what = "text"
    raise _unreadable(f"the file holds {what}" if what else "the file is of no format that is read")


def _check_whole(kind: str, raw: bytes) -> None:
    """Refuse what Pillow lets pass: a JPEG without its end, a PNG with wrong checksums."""
    if kind == "JPEG" and raw.rfind(b"\xff\xd9") < raw.rfind(b"\xff\xda"):
        raise _unreadable("this JPEG file ends early")
    if kind != "PNG":
        return
    position, name = len(_PNG), b""
    while name != b"IEND":
        if position + 12 > len(raw):
            raise _unreadable("this PNG file ends early")
        (length,) = struct.unpack(">I", raw[position : position + 4])
        name = raw[position + 4 : position + 8]
        end = position + 8 + length
        if raw[end : end + 4] != struct.pack(">I", zlib.crc32(raw[position + 4 : end])):
            raise _unreadable("this PNG file is damaged (a checksum is wrong)")
        position = end + 4


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
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
    elif kind == "PNG" and raw[24] == 16 and image.mode == "RGB":
        # Pillow keeps the high bytes of 16-bit colors only; 12-bit data would become 0 to 15.
        # Reading the same file as if it were little-endian gives the low bytes.
        again = PngImagePlugin.PngImageFile(io.BytesIO(raw))
        again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]
        values = np.asarray(image).astype("uint16") * 256 + np.asarray(again)
    else:
        return "", None
    if not np.isfinite(values).all():
        raise _unreadable("it holds values that are not numbers")
    low, high = float(values.min()), float(values.max())
    if low < 0:
        scale, offset, depth = 255 / max(high - low, 1e-9), low, "from its own lowest to highest"
    elif values.dtype.kind == "f" and high <= 1:
        scale, offset, depth = 255.0, 0.0, "as shares of 1"
    elif high <= 255:
        scale, offset, depth = 1.0, 0.0, "as 8-bit values"
    elif high <= 4095:
        scale, offset, depth = 255 / 4095, 0.0, "as 12-bit values"
    else:
        scale, offset, depth = 255 / max(high, 65535.0), 0.0, "as 16-bit values"
    scaled = np.rint((values.astype("float64") - offset) * scale).astype("uint8")
    if scaled.ndim == 2:
        scaled = np.repeat(scaled[..., None], 3, axis=2)
    return depth, scaled
