"""Pictures: the one decoder and the one resizer, for training, `predict` and `verify`.

The decoder looks at a file's content, never at its name, and converts every color mode to RGB as
a photo viewer shows it. It is stricter than Pillow: a JPEG without its end and a PNG with a
wrong checksum are refused, since they are files that were cut or damaged.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from actzoo import errors
from actzoo.applications import orientation
from actzoo.applications.deep_pictures import DeepPicture
from actzoo.applications.picture_files import QUIET, PictureReader

MAX_PIXELS = 100_000_000
LARGEST_SIDE = 8192  # of a resized picture, in pixels
BACKGROUND = (255, 255, 255)  # shows through where a picture is transparent: paper is white
FITS = ("crop", "stretch", "pad")

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WebP", "AVIF")
# Of a data set whose pictures have more than 8 bits a value, what is white: the least of these
# that its pictures stay below. Shares of 1 may overshoot a little where a tool resized them.
WHITES = (255, 1023, 4095, 16383, 65535)
OVERSHOOT = 1.05
LONGEST = 10.0  # times its width: cropping such a picture loses more than 90 % of it
DARK = 8  # a white that is so many times the highest value would make pictures black
AT_ONCE = 1 << 18  # pixels of more than 8 bits a value that are brought to 8 bits together
FORMS = BYTES, INTEGER, FLOAT = ("8 bits", "integer", "float")  # of a picture's values


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture and what is worth saying about its file.

    Attributes:
        pixels: uint8 `(height, width, 3)`; of more than 8 bits a value, `(height, width, 1 or 3)`
            as in the file, and a last channel where it is transparent.
        is_animated: There are more frames; only the first was read.
        is_gray: All channels are equal.
        is_cmyk: Its file holds inks.
        white_is_zero: Values of more than 8 bits count from white to black.
    """

    pixels: np.ndarray
    is_animated: bool = False
    is_gray: bool = False
    is_cmyk: bool = False
    white_is_zero: bool = False

    @property
    def form(self) -> str:
        """What the values are: one of `FORMS`."""
        if self.pixels.dtype == np.uint8:
            return BYTES
        return FLOAT if self.pixels.dtype.kind == "f" else INTEGER

    @property
    def colors(self) -> np.ndarray:
        """The pixels without opacity."""
        count = self.pixels.shape[2]
        return self.pixels[..., : count - (count in (2, 4))]

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        """What `decode_image` takes of a picture that is decoded already."""
        said = {"white_is_zero": np.array(True)} if self.white_is_zero else {}
        return {"image": self.pixels, **said}


# --- the steps ---------------------------------------------------------------------------------


def decode_image(
    value: object,
    max_pixels: int = MAX_PIXELS,
    ranges: Mapping[str, Sequence[float]] | None = None,
) -> dict[str, np.ndarray]:
    """Decode a picture file; the first preprocessing step of every vision model.

    - The orientation of EXIF is applied.
    - Of an animation or a document of many pages, the first is taken.
    - Gray, palette and 1-bit pictures get three channels; CMYK becomes RGB.
    - Transparency is laid over white.
    - More than 8 bits a value become 8 by one range for all pictures, so that equal values stay
      equal. Where none is known, the picture's own values decide, see `value_range`.

    Args:
        value: Bytes of a file, or a picture that is decoded already: an array
            `(height, width, 3)`, or a mapping that holds it as "image"; passed on. One of more
            than 8 bits a value as `Pictures.load` gives it.
        max_pixels: Limit of height times width, read from the header before any memory is used.
        ranges: Black and white in pictures of more than 8 bits a value, of "integer" and of
            "float" ones; what is outside is cut off.

    Returns:
        `{"image": uint8 (height, width, 3)}`.

    Raises:
        DataError: The bytes are not a whole picture; says why.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        picture = read_picture(bytes(value), max_pixels)
    elif (known := _deep_inputs(value)) is not None:
        picture = known
    else:
        return {"image": _opened(value)}
    if picture.form == BYTES:
        return {"image": picture.pixels}
    black, white = (ranges or {}).get(picture.form) or value_range(
        picture.form, float(picture.colors.min()), float(picture.colors.max())
    )
    return {"image": _as_bytes(picture, float(black), float(white))}


def value_range(form: str, low: float, high: float) -> tuple[float, float]:
    """Return black and white of pictures with more than 8 bits a value.

    Args:
        form: Of the values, "integer" or "float".
        low: Lowest value of all pictures.
        high: Highest.
    """
    if low < 0:
        return low, high
    whites = (1, *WHITES) if form == FLOAT else WHITES
    room = OVERSHOOT if form == FLOAT else 1.0
    white = next((white for white in whites if high <= room * white), high)
    return 0.0, float(white if high * DARK >= white else high or 1.0)


def depth_words(form: str, low: float, high: float) -> str:
    """Return what `value_range` takes values for, in words."""
    _, white = value_range(form, low, high)
    if low < 0 or white not in (1, *WHITES):
        return "from lowest to highest"
    return "shares of 1" if white == 1 else f"{int(white).bit_length()}-bit values"


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


_READER = PictureReader(FORMATS, _unreadable, "--max-pixels")


def read_size(raw: bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return height and width of a picture file, as stored; nothing is decoded.

    Raises:
        DataError: It is not a picture that is read, or larger than allowed.
    """
    with QUIET:
        file = _READER.open(raw, max_pixels)
    return file.height, file.width


def read_picture(raw: bytes, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture file; see `decode_image` for the rules.

    Raises:
        DataError: The bytes are not a whole picture; says why, in our words.
    """
    with QUIET:  # here once, since each first entry changes the process's filters
        file = _READER.open(raw, max_pixels)
        loaded = file.load()
    if isinstance(loaded, DeepPicture):
        picture = Picture(_stacked(loaded), white_is_zero=loaded.white_is_zero)
    else:
        picture = Picture(np.array(_to_rgb(loaded)), is_cmyk=loaded.mode == "CMYK")
    return dataclasses.replace(
        picture,
        pixels=orientation.turned(picture.pixels, file.orientation),
        is_animated=file.has_more_pages,
        is_gray=_is_gray(picture.colors[::8, ::8]) and _is_gray(picture.colors),  # mostly decided
    )


def _is_gray(colors: np.ndarray) -> bool:
    return bool((colors[..., :1] == colors[..., 1:]).all())


def _stacked(picture: DeepPicture) -> np.ndarray:
    """Return colors and opacity as one array `(height, width, 1 to 4)`."""
    channels = [picture.colors]
    if picture.opacity is not None:
        channels.append(picture.opacity[..., None])
    pixels = np.concatenate(channels, axis=2)
    if not np.isfinite(pixels).all():
        raise _unreadable("it holds values that are not numbers")
    return pixels


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return an 8-bit picture of any mode as RGB, transparency laid over white."""
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        colors = image.convert("RGBA")
        flat = Image.new("RGB", image.size, BACKGROUND)
        flat.paste(colors, mask=colors.getchannel("A"))
        return flat
    return image if image.mode == "RGB" else image.convert("RGB")


def _deep_inputs(value: object) -> Picture | None:
    """Return a picture of more than 8 bits a value that is decoded already, else None."""
    if not isinstance(value, Mapping):
        return None
    pixels = value.get("image")
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 3 or pixels.dtype == np.uint8:
        return None
    return Picture(pixels, white_is_zero="white_is_zero" in value)


def _as_bytes(picture: Picture, black: float, white: float) -> np.ndarray:
    """Return a picture of more than 8 bits a value as uint8 `(height, width, 3)`."""
    colors, count = picture.colors, picture.pixels.shape[2]
    opacity = picture.pixels[..., -1:] if count != colors.shape[2] else None
    opaque = 1.0 if opacity is None else _opaque(picture, float(opacity.max()), white)
    rows, columns = colors.shape[:2]
    made = np.empty((rows, columns, 3), np.uint8)
    step = max(1, AT_ONCE // columns)
    for part in (slice(start, start + step) for start in range(0, rows, step)):
        values = np.clip(colors[part].astype("float64"), black, white)
        shown = np.rint((values - black) * (255 / max(white - black, 1e-9)))
        if picture.white_is_zero:
            shown = 255 - shown
        if opacity is not None:
            share = np.clip(opacity[part].astype("float64") / opaque, 0, 1)
            shown = np.rint(255 - (255 - shown) * share)
        made[part] = shown
    return made


def _opaque(picture: Picture, highest: float, white: float) -> float:
    """Return full opacity, which may be on the depth of the colors or on that of the file."""
    if picture.form == FLOAT:
        return 1.0 if highest <= OVERSHOOT else white
    return white if highest <= white else float(np.iinfo(picture.pixels.dtype).max)
