"""Which way up a picture is shown: pixels turned as EXIF says, and back."""

from __future__ import annotations

import numpy as np

TURNS = range(2, 9)  # of EXIF: 3 is upside down, 6 and 8 lie on a side, the others are mirrored


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return stored pixels as they are shown.

    Args:
        pixels: `(height, width, ...)`.
        orientation: Of EXIF; what is none of `TURNS` is upright as it is stored.
    """
    if orientation not in TURNS:
        return pixels
    if orientation > 4:
        pixels = pixels.swapaxes(0, 1)
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return np.ascontiguousarray(pixels[rows, columns])


def turned_back(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return pixels as they are shown as they are stored; see `turned`."""
    return turned(pixels, {6: 8, 8: 6}.get(orientation, orientation))
