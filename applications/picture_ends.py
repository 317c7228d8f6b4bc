"""Where the picture of a file ends, and whether it does: what lies behind is not looked at.

Many files go on behind their picture: phones append a film or a second picture, tools a text or
zeros. So the end is found by walking through the file's parts, never by searching for its bytes,
which occur within previews and films, too.
"""

from __future__ import annotations

import re
import struct
import zlib

_PNG_SIGNATURE = 8  # bytes
_END, _SCAN, _START = 0xD9, 0xDA, 0xD8  # markers of JPEG
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
# What may follow a scan: tables, the next scan, texts. Anything else shows that bytes are lost.
_AFTER_A_SCAN = frozenset((0xC4, _SCAN, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)))
# Within a scan: a marker that is neither a stuffed zero, nor a restart, nor a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def why_not_whole(kind: str, raw: bytes) -> str | None:
    """Return what shows that a picture was cut or damaged where its decoder may not notice.

    Args:
        kind: Format.
        raw: The file.
    """
    if kind == "JPEG":
        return None if _jpeg_has_its_end(raw) else "this JPEG file ends early"
    return _fault_of_png(raw) if kind == "PNG" else None


def _jpeg_has_its_end(raw: bytes) -> bool:
    """Walk through the segments to the end of the picture that begins the file."""
    position, scanned = 2, False
    while (position := raw.find(b"\xff", position)) >= 0:
        while raw[position : position + 1] == b"\xff":  # any number of fill bytes
            position += 1
        if position >= len(raw) or raw[position] == _START:
            return False
        marker, position = raw[position], position + 1
        if marker == _END:
            return True
        if marker in _ALONE:
            continue
        if scanned and marker not in _AFTER_A_SCAN:
            return False
        position += int.from_bytes(raw[position : position + 2], "big")
        if marker == _SCAN:
            scanned = True
            found = _MARKER.search(raw, position)
            position = len(raw) if found is None else found.start()
    return False


def _fault_of_png(raw: bytes) -> str | None:
    """Check each part's length and checksum, to the one that ends the picture."""
    position, name = _PNG_SIGNATURE, b""
    while name != b"IEND":
        length = int.from_bytes(raw[position : position + 4], "big")
        name = raw[position + 4 : position + 8]
        end = position + 8 + length
        if end + 4 > len(raw):
            return "this PNG file ends early"
        if raw[end : end + 4] != struct.pack(">I", zlib.crc32(raw[position + 4 : end])):
            return "this PNG file is damaged (a checksum is wrong)"
        position = end + 4
    return None
