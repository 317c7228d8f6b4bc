"""Pictures inside a page: checked by their first bytes, written as data URIs."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

BLUE, ORANGE = (0, 114, 178), (213, 94, 0)  # distinct for every kind of color vision
LARGEST_MAP = 250  # pixels


def kind_of(content: bytes) -> str | None:
    """Return the kind of a picture by its first bytes; None for anything else."""
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def size_of(content: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG or PNG by its header; None where it does not tell."""
    try:
        if content.startswith(b"\x89PNG"):
            width, height = struct.unpack(">II", content[16:24])
            return width, height
        at = 2
        while content[at] == 0xFF:
            marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
                height, width = struct.unpack(">HH", content[at + 5 : at + 9])
                return width, height
            at += 2 + length
    except (struct.error, IndexError):
        pass
    return None


def data_uri(kind: str, content: bytes) -> Markup:
    """Return a picture as the value of a `src` attribute."""
    from markupsafe import Markup

    return Markup(f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}")


def confusion_map(rows: Sequence[Sequence[int]]) -> Markup:
    """Return a confusion matrix as a small PNG: blue where right, orange where wrong.

    Opacity stands for the share of the true class, so that the map fits light and dark. Classes
    are joined where there are more of them than pixels.

    Args:
        rows: Counts; rows are true classes.
    """
    size = min(len(rows), LARGEST_MAP)
    shares: dict[tuple[int, int, bool], float] = {}
    for i, row in enumerate(rows):
        total = sum(row)
        for j, count in enumerate(row):
            if count:
                place = (i * size // len(rows), j * size // len(rows), i == j)
                shares[place] = max(shares.get(place, 0.0), count / total)
    pixels = bytearray(size * size * 4)
    for (y, x, right), share in sorted(shares.items()):  # where both fall on a pixel, right wins
        start = (y * size + x) * 4
        color = BLUE if right else ORANGE
        pixels[start : start + 4] = bytes((*color, round(255 * (0.25 + 0.75 * share))))
    return data_uri("png", _png(size, size, bytes(pixels)))


def _png(width: int, height: int, rgba: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    lines = b"".join(b"\0" + rgba[y * width * 4 : (y + 1) * width * 4] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines, 9))
        + chunk(b"IEND", b"")
    )
