"""Picture files: opened by their content, within a limit, whole or refused.

What photos and scans have in common. A file's name is never looked at. Pillow alone is too lenient:
a JPEG without its end and a PNG with a wrong checksum were cut or damaged, and are refused. What
lies behind a picture's end (a film, a second picture) is none of its business.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import struct
import threading
import warnings
from collections.abc import Callable, Iterator

import PIL
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
from actzoo.applications import deep_pictures, picture_ends
from actzoo.applications.deep_pictures import DeepPicture
from actzoo.applications.picture_kinds import kind_of, what_else

# Each format is opened by its own class: `Image.open` would try some forty formats, and has a
# pixel limit that only a process-wide setting changes.
_OPENERS: dict[str, Callable[[io.BytesIO], Image.Image]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
_ORIENTATION = 0x0112  # the tag of TIFF and EXIF
_WHOLE_NUMBERS = {3: "H", 4: "I"}  # kinds of an EXIF entry
_SAID_IN = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")  # of a header's info


@dataclasses.dataclass(frozen=True)
class PictureFile:
    """A picture file whose header was read; nothing of it is decoded yet.

    Attributes:
        kind: Format.
        width: In pixels, as stored: before any turn.
        height: Likewise.
    """

    kind: str
    width: int
    height: int
    _reader: PictureReader = dataclasses.field(repr=False)
    _raw: bytes = dataclasses.field(repr=False)
    _header: Image.Image | deep_pictures.TiffHeader = dataclasses.field(repr=False)

    def load(self) -> Image.Image | DeepPicture:
        """Decode it; a picture of more than 8 bits a value keeps all of them.

        Raises:
            DataError: It is damaged or ends early, or its colors are of a kind that is not read.
        """
        if fault := picture_ends.why_not_whole(self.kind, self._raw):
            raise self._reader.refuse(fault)
        with self._refusing():
            loaded = self._loaded()
            size = loaded.size if isinstance(loaded, Image.Image) else loaded.colors.shape[1::-1]
            if sorted(size) != sorted((self.width, self.height)):  # Pillow turns some TIFFs itself
                raise ValueError("what was decoded has another size than the header says")
            return loaded

    def _loaded(self) -> Image.Image | DeepPicture:
        header = self._header if isinstance(self._header, Image.Image) else None
        deep = deep_pictures.is_deep(self.kind, self._raw, header)
        if header is not None and not (deep and self.kind == "TIFF"):
            header.load()  # a deep PNG, too: it may say behind its pixels how to turn it
        if header is not None and header.mode == "LAB":
            raise deep_pictures.NotReadError("its colors are CIELAB; save it as RGB")
        if header is None or deep:
            return deep_pictures.decode(self.kind, self._raw)
        return deep_pictures.brightened(header)

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn what decoders raise into the reader's own errors."""
        try:
            with QUIET:
                yield
        except deep_pictures.NotReadError as error:
            raise self._reader.refuse(str(error)) from error
        except Exception as error:
            raise self._reader.damaged(self.kind) from error

    @property
    def pages(self) -> int:
        """How many frames or pages it has."""
        if isinstance(self._header, deep_pictures.TiffHeader):
            return self._header.pages
        with self._refusing():
            return int(getattr(self._header, "n_frames", 1))

    @property
    def has_more_pages(self) -> bool:
        """Whether it is animated or has several pages; does not count them."""
        if isinstance(self._header, deep_pictures.TiffHeader):
            return self._header.pages > 1
        with self._refusing():
            return bool(getattr(self._header, "is_animated", False))

    @property
    def orientation(self) -> int:
        """How it is to be turned, 1 to 8 as in EXIF; 1 where nothing is said.

        Complete after `load`: a PNG may say it behind its pixels.
        """
        if isinstance(self._header, deep_pictures.TiffHeader):
            return self._header.orientation
        with QUIET:
            return _orientation(self._header)


@dataclasses.dataclass(frozen=True)
class PictureReader:
    """Opens picture files.

    Attributes:
        kinds: The formats that are read.
        refuse: Makes the error of a reason, in the words of the data it is for.
        option: That raises the limit of pixels.
        smallest: Pixels of the shorter side, at least.
    """

    kinds: tuple[str, ...]
    refuse: Callable[[str], errors.DataError]
    option: str
    smallest: int = 1

    def open(self, raw: bytes, max_pixels: int) -> PictureFile:
        """Read the header; nothing is decoded.

        Raises:
            DataError: It is not a picture that is read, or larger than allowed.
        """
        kind = kind_of(raw)
        if kind is None:
            raise self.refuse(what_else(raw))
        if kind not in self.kinds:
            raise self.refuse(f"it is a {kind} file; the formats are {', '.join(self.kinds)}")
        header = self._header(kind, raw)
        columns, rows = header.width, header.height
        if rows * columns > max_pixels:
            raise self.refuse(
                f"it has {columns:,} x {rows:,} pixels; the limit is {max_pixels:,} in all "
                f"({self.option} raises it)"
            )
        if min(rows, columns) < self.smallest:
            raise self.refuse(
                f"it has {columns:,} x {rows:,} pixels; each side needs {self.smallest} or more"
            )
        if isinstance(header, TiffImagePlugin.TiffImageFile) and _orientation(header) > 4:
            columns, rows = rows, columns  # Pillow says the size after the turn
        return PictureFile(kind, columns, rows, self, raw, header)

    def _header(self, kind: str, raw: bytes) -> Image.Image | deep_pictures.TiffHeader:
        try:
            with QUIET:
                return _OPENERS[kind](io.BytesIO(raw))
        except Exception as error:
            if kind == "TIFF":
                with contextlib.suppress(Exception):
                    return deep_pictures.read_tiff_header(raw)
            if kind in ("AVIF", "WebP"):  # whose decoders want the whole file at once
                raise self.damaged(kind) from error
            rare = "damaged, or its kind is not read; save it as PNG"
            why = (
                picture_ends.why_not_whole(kind, raw) or f"the header of this {kind} file is {rare}"
            )
            raise self.refuse(why) from error

    def damaged(self, kind: str) -> errors.DataError:
        """Return the error of a file that cannot be decoded."""
        if kind == "AVIF":
            return self.refuse(
                f"this AVIF file is damaged, or Pillow {PIL.__version__} cannot read its kind; "
                "save it as PNG"
            )
        return self.refuse(f"this {kind} file is damaged or ends early")


def _orientation(header: Image.Image) -> int:
    """Return the orientation by EXIF, else by what Pillow finds elsewhere, else 1.

    EXIF is read by hand first: Pillow gives up on a whole block for one broken entry.
    """
    if isinstance(header, TiffImagePlugin.TiffImageFile) and _ORIENTATION in header.tag_v2:
        return int(header.tag_v2[_ORIENTATION])
    if found := _exif_orientation(header.info.get("exif", b"")):
        return found
    if not any(place in header.info for place in _SAID_IN):
        return 1
    try:
        return int(header.getexif().get(_ORIENTATION, 1))
    except Exception:  # a broken block says nothing
        return 1


def _exif_orientation(block: bytes) -> int | None:
    block = block[6:] if block[:6] == b"Exif\0\0" else block
    order = {b"II": "<", b"MM": ">"}.get(bytes(block[:2]))
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, start)
        for entry in range(count):
            place = start + 2 + 12 * entry
            tag, kind = struct.unpack_from(f"{order}HH", block, place)
            if tag == _ORIENTATION and kind in _WHOLE_NUMBERS:
                (turn,) = struct.unpack_from(order + _WHOLE_NUMBERS[kind], block, place + 8)
                return int(turn)
    except struct.error:
        pass
    return None


# Our messages say what is wrong with a file; Pillow's own go to those who configure logging.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class _Quiet:
    """Keeps Pillow's warnings off the console while any thread decodes.

    Python's warning filters belong to the process, so the first thread to enter changes them and
    the last one to leave restores them.
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


QUIET = _Quiet()
