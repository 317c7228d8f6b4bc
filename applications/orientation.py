"""Which way up a picture is shown: pixels turned as EXIF says, and back."""

from __future__ import annotations

import numpy as np


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return stored pixels as they are shown.

    Args:
        pixels: `(height, width, ...)`.
        orientation: Of EXIF: 1 is upright, 3 upside down, 6 and 8 lie on a side; 2, 4, 5 and 7 are
            mirrored as well. Any other number says nothing.
    """
    if orientation not in range(2, 9):
        return pixels
    if orientation > 4:
        pixels = pixels.swapaxes(0, 1)
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return np.ascontiguousarray(pixels[rows, columns])


def turned_back(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return pixels as they are shown as they are stored; see `turned`."""
    return turned(pixels, {6: 8, 8: 6}.get(orientation, orientation))
