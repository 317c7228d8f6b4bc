"""Picture files: opened by their content, within a limit, whole or refused.

What photos and scans have in common. A file's name is never looked at. Pillow alone is too lenient:
a JPEG without its end and a PNG with a wrong checksum were cut or damaged, and are refused.
"""

from __future__ import annotations

import dataclasses
import io
import logging
import struct
import threading
import warnings
import zlib
from collections.abc import Callable

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

_PNG = b"\x89PNG\r\n\x1a\n"
# Each format by its first bytes. Opened by its own class: `Image.open` would try some forty
# formats, and has a pixel limit that only a process-wide setting changes.
_FORMATS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("JPEG", (b"\xff\xd8\xff",)),
    ("PNG", (_PNG,)),
    ("GIF", (b"GIF87a", b"GIF89a")),
    ("BMP", (b"BM",)),
    ("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
)
_OPENERS: dict[str, Callable[[io.BytesIO], Image.Image]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
_OTHERS = (  # what is often found under a picture's name
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"<", "markup (HTML, XML or SVG)"),
    (b"\x1f\x8b", "a gzip file"),
)


def kind_of(raw: bytes) -> str | None:
    """Return the format of a picture by its first bytes, or None."""
    for kind, beginnings in _FORMATS:
        if raw.startswith(beginnings):
            return kind
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "WebP"
    if _brand(raw) in (b"avif", b"avis") and AvifImagePlugin.SUPPORTED:
        return "AVIF"
    return None


def _brand(raw: bytes) -> bytes:
    return raw[8:12] if raw[4:8] == b"ftyp" else b""


def _what_else(raw: bytes) -> str:
    """Return what a file is that is not a picture of a format that is read."""
    if not raw:
        return "the file is empty"
    what = next((name for begin, name in _OTHERS if raw.lstrip()[:4].startswith(begin)), "")
    if _brand(raw):
        what = "a HEIC photo or a film; save it as JPEG"
    elif not what and not any(byte < 9 for byte in raw[:512]):
        what = "text"
    return f"the file holds {what}" if what else "its format is not known"


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

    def open(self, raw: bytes, max_pixels: int) -> tuple[str, Image.Image]:
        """Return format and header; nothing is decoded.

        Raises:
            DataError: It is not a picture that is read, or larger than allowed.
        """
        kind = kind_of(raw)
        if kind is None:
            raise self.refuse(_what_else(raw))
        if kind not in self.kinds:
            raise self.refuse(f"it is a {kind} file; the formats are {', '.join(self.kinds)}")
        try:
            image = _OPENERS[kind](io.BytesIO(raw))
        except Exception as error:
            raise self.refuse(f"the header of this {kind} file is damaged") from error
        columns, rows = image.size
        if rows * columns > max_pixels:
            raise self.refuse(
                f"it has {columns:,} x {rows:,} pixels; the limit is {max_pixels:,} in all "
                f"({self.option} raises it)"
            )
        if min(rows, columns) < self.smallest:
            raise self.refuse(
                f"it has {columns:,} x {rows:,} pixels; each side needs {self.smallest} or more"
            )
        return kind, image

    def check_whole(self, kind: str, raw: bytes) -> None:
        """Refuse what Pillow lets pass: a JPEG without its end, a PNG with wrong checksums."""
        if kind == "JPEG" and raw.rfind(b"\xff\xd9") < raw.rfind(b"\xff\xda"):
            raise self.refuse("this JPEG file ends early")
        if kind != "PNG":
            return
        position, name = len(_PNG), b""
        while name != b"IEND":
            if position + 12 > len(raw):
                raise self.refuse("this PNG file ends early")
            (length,) = struct.unpack(">I", raw[position : position + 4])
            name = raw[position + 4 : position + 8]
            end = position + 8 + length
            if raw[end : end + 4] != struct.pack(">I", zlib.crc32(raw[position + 4 : end])):
                raise self.refuse("this PNG file is damaged (a checksum is wrong)")
            position = end + 4

    def damaged(self, kind: str) -> errors.DataError:
        """Return the error of a file that cannot be decoded."""
        return self.refuse(f"this {kind} file is damaged or ends early")


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
