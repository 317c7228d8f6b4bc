"""Whether files look like masks by what they hold: few values, as classes have.

Names are mostly enough; where they are not, some files are opened. A photo, a drawing or a scan has
hundreds of values; a mask a few, even one that was drawn with soft edges or saved as a JPEG.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from actzoo import errors
from actzoo.applications.medical import containers, masks, preprocessing
from actzoo.applications.medical.endings import is_volume

SAMPLED = 5  # files of a kind that are opened, until that many say something
OPENED = 20  # at most
MOST_PIXELS = 1 << 27
SMALLEST = 16  # pixels for each value: in a tiny picture, a few values are no sign
COVERED = 0.97  # of the places, by the most frequent values
SOFT, BLURRED = 4, 24  # so many of these values: of soft edges, of a JPEG


def look_like_masks(root: str, paths: Sequence[str]) -> bool | None:
    """Return whether all of some files look like masks; None where nothing can be said.

    Args:
        root: The folder.
        paths: Relative to it, with `/`. A few of them are opened, spread over all.
    """
    answers: list[bool] = []
    for path in _spread(paths):
        answer = looks_like_mask(root, path)
        if answer is False:
            return False
        if answer:
            answers.append(True)
        if len(answers) == SAMPLED:
            break
    return True if answers else None


def any_unlike_mask(root: str, paths: Sequence[str]) -> bool:
    """Return whether one of a few files is surely not a mask."""
    return any(looks_like_mask(root, path) is False for path in _spread(paths)[:SAMPLED])


def _spread(paths: Sequence[str]) -> list[str]:
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), OPENED)).astype(int)
    # From both ends inward, since what is alike is often side by side.
    order = sorted(chosen.tolist(), key=lambda k: (min(k, len(paths) - 1 - k) % 7, k))
    return [paths[k] for k in order]


def looks_like_mask(root: str, path: str) -> bool | None:
    """Return whether a file holds few values; None where it is empty or cannot be read."""
    place = os.path.join(root, *path.split("/"))
    try:
        raw = containers.read_file(place, MOST_PIXELS)
        values = preprocessing.read_pixels(raw, MOST_PIXELS, 0.0, 0)
    except (OSError, errors.DataError):
        return None
    if values.dtype.kind == "f" and not np.array_equal(values, np.round(values)):
        return False
    if values.shape[-1] == 3:  # colors, as one number each
        values = values.astype("int64") @ np.array([1 << 32, 1 << 16, 1])
    counts = np.sort(np.unique(values, return_counts=True)[1])[::-1]
    return _few(counts, raw[:2] == b"\xff\xd8", is_volume(path))


def _few(counts: np.ndarray, is_jpeg: bool, of_volume: bool) -> bool | None:
    """Return whether the counts of values, the largest first, are those of a mask."""
    if len(counts) == 1:
        return None
    total = int(counts.sum())
    if len(counts) <= min(masks.MOST_CLASSES + 1, max(2, total // SMALLEST)):
        return True
    most = BLURRED if is_jpeg else SOFT
    return not of_volume and bool(counts[:most].sum() >= COVERED * total)
