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
from actzoo.data import shrunk
from actzoo.inspection import Inspection, Store, inspect

RULES = 5  # raised whenever the decoder gives other pixels than before

# One row per picture; a table of 200,000 takes 52 MB.
ROW = np.dtype(
    [
        ("content", "V16"),  # digest of the bytes
        ("pixels", "V16"),  # digest of the decoded picture
        ("height", "<u4"),
        ("width", "<u4"),
        ("gray", "?"),
        ("animated", "?"),
        ("cmyk", "?"),
        ("form", "<u1"),  # of the values: index into images.FORMS
        ("low", "<f8"),  # lowest value and highest one, without opacity
        ("high", "<f8"),
        ("shrunk", "i1", (14, 14)),  # what near-copies are known by
    ]
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
        picture.is_cmyk,
        images.FORMS.index(picture.form),
        float(picture.colors.min()),
        float(picture.colors.max()),
        _signature(picture),
    )


def _signature(picture: images.Picture) -> np.ndarray:
    """Return what near-copies of a picture have in common."""
    small = shrunk(picture.colors)
    return -small if picture.white_is_zero else small
