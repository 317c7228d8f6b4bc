"""Whether files look like masks by what they hold: few values, as classes have.

Names are mostly enough; where they are not, some files are opened. A photo, a drawing or a scan has
hundreds of values; a mask a few, even one that was drawn with soft edges or saved as a JPEG.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from actzoo import errors
from actzoo.applications.medical import masks, preprocessing
from actzoo.applications.medical.files import containers
from actzoo.applications.medical.layouts.endings import is_volume

SAMPLED = 5  # files of a kind that are opened, until that many say something
OPENED = 20  # at most
MOST_PIXELS = 1 << 27
JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
MOST_COUNTED = 1_000_000  # places of one file
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


def may_be_masks(root: str, paths: Sequence[str]) -> bool:
    """Return whether all of some files look like masks, or are readable and empty as some are."""
    look = look_like_masks(root, paths)
    return bool(look) or (look is None and _values(root, paths[0]) is not None)


def any_unlike_mask(root: str, paths: Sequence[str]) -> bool:
    """Return whether one of a few files is surely not a mask."""
    return any(looks_like_mask(root, path) is False for path in _spread(paths)[:SAMPLED])


def same_sizes(root: str, images: Sequence[str], masks: Sequence[str]) -> bool:
    """Return whether a few images have the sizes of their masks, as far as they can be read."""
    few = _spread([str(number) for number in range(len(images))])[:SAMPLED]
    sizes = [(_size(root, images[int(k)]), _size(root, masks[int(k)])) for k in few]
    return all(None in pair or pair[0] == pair[1] for pair in sizes)


def _size(root: str, path: str) -> tuple[int, ...] | None:
    values = _values(root, path)
    return None if values is None else values.shape[:-1]


def _values(root: str, path: str) -> np.ndarray | None:
    """Return the values of a file; None where it cannot be read."""
    try:
        raw = containers.read_file(os.path.join(root, *path.split("/")), MOST_PIXELS)
        return preprocessing.read_pixels(raw, MOST_PIXELS, 0.0, 0)
    except (OSError, errors.DataError):
        return None


def _spread(paths: Sequence[str]) -> list[str]:
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), OPENED)).astype(int)
    # From both ends inward, since what is alike is often side by side.
    order = sorted(chosen.tolist(), key=lambda k: (min(k, len(paths) - 1 - k) % 7, k))
    return [paths[k] for k in order]


def looks_like_mask(root: str, path: str) -> bool | None:
    """Return whether a file holds few values; None where it is empty or cannot be read."""
    values = _values(root, path)
    if values is None:
        return None
    flat = values.reshape(-1, values.shape[-1])
    values = flat[:: max(1, len(flat) // MOST_COUNTED)]
    if values.dtype.kind == "f" and not np.array_equal(values, np.round(values)):
        return False
    if values.shape[-1] == 3:  # colors, as one number each
        values = values.astype("int64") @ np.array([1 << 32, 1 << 16, 1])
    counts = np.sort(np.unique(values, return_counts=True)[1])[::-1]
    return _few(counts, path.lower().endswith(JPEG), is_volume(path))


def _few(counts: np.ndarray, is_jpeg: bool, of_volume: bool) -> bool | None:
    """Return whether the counts of values, the largest first, are those of a mask."""
    if len(counts) == 1:
        return None
    total = int(counts.sum())
    if len(counts) <= min(masks.MOST_CLASSES + 1, max(2, total // SMALLEST)):
        return True
    most = BLURRED if is_jpeg else SOFT
    return not of_volume and bool(counts[:most].sum() >= COVERED * total)
