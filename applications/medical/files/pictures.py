"""Pictures as measurements: values as they are in the file, gray or color, up to 16 bits or float.

Nothing is scaled to a screen's 8 bits. A picture is turned as its EXIF says, with what covers it. A
JPEG without its end and a PNG with a wrong checksum are refused: they were cut or damaged.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from actzoo import errors
from actzoo.applications import orientation
from actzoo.applications.deep_pictures import DeepPicture
from actzoo.applications.medical.files.volumes import unreadable
from actzoo.applications.picture_files import PictureReader
from actzoo.applications.picture_kinds import kind_of

Color = tuple[int, int, int]
_READER = PictureReader(
    ("PNG", "JPEG", "TIFF", "BMP", "GIF"), unreadable, "--max-voxels", smallest=2
)
_INDEXED = ("1", "L", "P")  # one number per pixel
TURNS = ("exif", "ignore")


@dataclasses.dataclass(frozen=True)
class Layout:
    """How the pixels of a picture are stored.

    Attributes:
        shape: Height and width as stored.
        orientation: Of EXIF, a TIFF's tags or XMP, 1 to 8; 1 is upright as stored.
    """

    shape: tuple[int, int]
    orientation: int

    @property
    def shown(self) -> tuple[int, int]:
        """Height and width of the picture as it is shown."""
        height, width = self.shape
        return (width, height) if self.orientation > 4 else (height, width)


@dataclasses.dataclass(frozen=True)
class Decoded:
    """A decoded picture.

    Attributes:
        image: What the decoder gives.
        orientation: See `Layout`.
        is_turned: The decoder has turned it already, as Pillow does with most TIFF files.
    """

    image: Image.Image | DeepPicture
    orientation: int
    is_turned: bool

    def shown(self, pixels: np.ndarray) -> np.ndarray:
        """Return its pixels, as decoded, as they are shown."""
        return pixels if self.is_turned else orientation.turned(pixels, self.orientation)

    def stored(self, pixels: np.ndarray) -> np.ndarray:
        """Return its pixels, as decoded, as they are stored."""
        return orientation.turned_back(pixels, self.orientation) if self.is_turned else pixels


def read_layout(raw: bytes, max_pixels: int) -> Layout:
    """Return how a picture is stored, without decoding it where the header says so.

    Raises:
        DataError: It is not a picture, or larger than allowed.
    """
    file = _READER.open(raw, max_pixels)
    turn = file.orientation
    if file.kind == "PNG" and turn == 1 and b"eXIf" in raw:
        turn = decoded(raw, max_pixels).orientation  # it may be behind the pixels
    return Layout((file.height, file.width), turn if turn in orientation.TURNS else 1)


def read_picture(raw: bytes, max_pixels: int, turn: str | None = None) -> np.ndarray:
    """Decode a picture to `(height, width, 1 or 3)`, uint8 or float32, values as in the file.

    Colors whose three channels are equal are gray; transparency is dropped.

    Args:
        raw: Bytes of the file.
        max_pixels: Limit.
        turn: "exif" for the picture as it is shown, "ignore" as it is stored; None, of models of
            before, as it is shown for TIFF and as it is stored for other formats.

    Raises:
        DataError: It is not a whole picture.
    """
    if turn not in (None, *TURNS):
        raise errors.unknown_name("orientation", turn, TURNS)
    read = decoded(raw, max_pixels)
    pixels = _values(read.image)
    return read.shown(pixels) if _is_shown(raw, turn) else read.stored(pixels)


def _is_shown(raw: bytes, turn: str | None) -> bool:
    return turn == "exif" or (turn is None and kind_of(raw) == "TIFF")


def as_stored(mask: np.ndarray, raw: bytes, max_pixels: int, turn: str | None) -> np.ndarray:
    """Return a mask of a picture that was read with `turn` as the picture's pixels are stored."""
    if not _is_shown(raw, turn):
        return mask
    return orientation.turned_back(mask, read_layout(raw, max_pixels).orientation)


def _values(image: Image.Image | DeepPicture) -> np.ndarray:
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


def without_identity(raw: bytes, max_pixels: int, turn: str | None = None) -> bytes:
    """Return a picture without texts, tags and EXIF, which may name a person.

    Its pixels are written again as PNG, as `read_picture` gives them; a file that PNG cannot hold
    stays as it is.
    """
    pixels = read_picture(raw, max_pixels, turn)
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


def decoded(raw: bytes, max_pixels: int) -> Decoded:
    """Decode a picture or a mask.

    Raises:
        DataError: It is not one whole picture.
    """
    file = _READER.open(raw, max_pixels)
    if file.pages > 1:
        raise unreadable(
            f"it holds {file.pages} pages or frames; split it into single pictures, or, where they "
            "are slices of a volume, save it as NIfTI with the size of its voxels"
        )
    before = file.orientation
    image = file.load()
    left = file.orientation  # of a TIFF that Pillow turned, nothing
    turn = next((said for said in (left, before) if said in orientation.TURNS), 1)
    return Decoded(image, turn, file.kind == "TIFF" and left == 1)


def encode_mask(mask: np.ndarray, labels: Sequence[Mapping[str, Any]] = (), turn: int = 1) -> bytes:
    """Return a mask `(height, width)` as PNG, in the form of the masks that its model learned from.

    Args:
        mask: Numbers, uint8 or uint16.
        labels: Of the classes. With colors, they are the PNG's palette; without, it is gray, so
            that any program reads the numbers. Empty for class indices, which get a palette to
            see them by.
        turn: Orientation for EXIF, as its picture has it: viewers then turn both alike.
    """
    image = Image.fromarray(mask)
    colors = dict(enumerate(_palette()))
    if labels:
        colors = {label["value"]: label["color"] for label in labels if "color" in label}
    if colors and mask.dtype == np.uint8:
        every = [colors.get(value, (0, 0, 0)) for value in range(256)]
        image.putpalette([channel for color in every for channel in color])
    tags = Image.Exif()
    if turn != 1:
        tags[ExifTags.Base.Orientation] = turn
    content = io.BytesIO()
    image.save(content, "PNG", exif=tags)
    return content.getvalue()


# Okabe and Ito's colors, distinct for every kind of color vision; the background is black.
COLORS = (
    (0, 0, 0), (213, 94, 0), (0, 114, 178), (240, 228, 66), (0, 158, 115), (204, 121, 167),
    (86, 180, 233), (230, 159, 0),
)  # fmt: skip


def _palette() -> list[tuple[int, int, int]]:
    later = [COLORS[1 + k % (len(COLORS) - 1)] for k in range(len(COLORS) - 1, 255)]
    return [*COLORS, *later]
