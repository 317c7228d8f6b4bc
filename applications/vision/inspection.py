"""Inspection of every picture before training: what cannot be read, what occurs twice.

Every file is decoded once, in full; `actzoo.inspection` keeps what is learned.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence

import numpy as np
import PIL

from actzoo.applications.vision import images
from actzoo.inspection import Inspection, Store, inspect

RULES = 1  # raised whenever the decoder gives other pixels than before

# One row per picture; a table of 200,000 takes 12 MB.
ROW = np.dtype(
    [
        ("content", "V16"),  # digest of the bytes
        ("pixels", "V16"),  # digest of the decoded picture
        ("height", "<u4"),
        ("width", "<u4"),
        ("gray", "?"),
        ("animated", "?"),
        ("depth", "<u1"),  # index into DEPTHS
    ]
)
DEPTHS = (
    "",
    "from its own lowest to highest",
    "as shares of 1",
    "as 8-bit values",
    "as 12-bit values",
    "as 16-bit values",
)


def inspect_pictures(count: int, raw: Callable[[int], bytes], max_pixels: int) -> Inspection:
    """Decode every picture; rows are of dtype `ROW`.

    Args:
        count: How many there are.
        raw: Position -> bytes of the file.
        max_pixels: Limit for one picture.
    """
    return inspect(count, lambda position: _row(raw(position), max_pixels), ROW, "pictures")


def inspect_files(root: str, names: Sequence[str], max_pixels: int) -> Inspection:
    """Decode every file, or take the stored result of one that has not changed since.

    Args:
        root: The folder.
        names: Of its files, with `/`.
        max_pixels: Limit for one picture.
    """
    version = f"{RULES}/{PIL.__version__}/{max_pixels}"

    def row(position: int) -> tuple:
        with open(os.path.join(root, *names[position].split("/")), "rb") as file:
            return _row(file.read(), max_pixels)

    return Store(root, "scans", version, ROW).inspect([(name,) for name in names], row, "pictures")


def _row(raw: bytes, max_pixels: int) -> tuple:
    picture = images.read_picture(raw, max_pixels)
    height, width = picture.pixels.shape[:2]
    pixels = hashlib.blake2b(
        picture.pixels.data, digest_size=16, salt=f"{height}x{width}".encode()[:16]
    )
    return (
        hashlib.blake2b(raw, digest_size=16).digest(),
        pixels.digest(),
        height,
        width,
        picture.is_gray,
        picture.is_animated,
        DEPTHS.index(picture.depth),
    )
