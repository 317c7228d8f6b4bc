"""The look at every image and mask before training: what is broken, what does not fit together.

Both are read in full, since a header says nothing of what follows, and a gzip's checksum stands at
its end. What was found is kept in the user's cache by path, size and time of change, so that later
stages only look at what is new.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from actzoo import cache, errors, files
from actzoo.applications.medical import masks, pictures, preprocessing, volumes
from actzoo.applications.medical.folder import Pair
from actzoo.applications.medical.volumes import unreadable

RULES = 2  # raised whenever the readers give other values than before
SETTLED_SECONDS = 2.0  # a file changed just now may change again without a new time stamp
PROGRESS_SECONDS = 5.0
Color = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Reading:
    """How images and masks are read.

    Attributes:
        max_voxels: Limit of one image.
        resample_masks: Bring a mask to its image's grid, by nearest neighbor.
        fill_nan: Takes the place of values that are no numbers.
        volume: Which of a 4-D image.
    """

    max_voxels: int = volumes.MAX_VOXELS
    resample_masks: bool = False
    fill_nan: float | None = None
    volume: int | None = None


@dataclasses.dataclass(frozen=True)
class PairInfo:
    """What is known of a pair.

    Attributes:
        image_hash: sha256 of the image's file.
        mask_hash: Of the mask's.
        shape: Of the grid: two axes of a picture, three of a volume.
        channels: 1 or 3.
        spacing: In mm along each axis; empty for a picture.
        values: Value in the mask -> number of places.
        colors: Value in the mask -> its color, where the mask has a palette.
    """

    image_hash: str
    mask_hash: str
    shape: tuple[int, ...]
    channels: int
    spacing: tuple[float, ...]
    values: dict[int, int]
    colors: dict[int, Color] = dataclasses.field(default_factory=dict)

    @property
    def is_volume(self) -> bool:
        """It has three axes."""
        return len(self.shape) == 3

    @property
    def foreground(self) -> float:
        """Share of places that are not 0."""
        return 1.0 - self.values.get(0, 0) / max(1, sum(self.values.values()))

    @classmethod
    def read(cls, stored: dict[str, Any]) -> PairInfo:
        """Return what `dataclasses.asdict` wrote to JSON."""
        return cls(
            str(stored["image_hash"]),
            str(stored["mask_hash"]),
            tuple(int(n) for n in stored["shape"]),
            int(stored["channels"]),
            tuple(float(n) for n in stored["spacing"]),
            {int(value): int(count) for value, count in stored["values"].items()},
            {int(value): (int(r), int(g), int(b)) for value, (r, g, b) in stored["colors"].items()},
        )


def read_image(raw: bytes, reading: Reading) -> np.ndarray:
    """Return an image as the step `read_scan` gives it, with as many channels as it has."""
    if volumes.is_nifti(raw):
        channels = 1
    else:
        channels = pictures.read_picture(raw, reading.max_voxels).shape[2]
    found: np.ndarray = preprocessing.read_scan(
        raw, channels, reading.max_voxels, reading.fill_nan, reading.volume
    )["image"]
    return found


def read_mask(raw: bytes, image_raw: bytes, reading: Reading) -> np.ndarray:
    """Return a mask's values on the grid of its image.

    Raises:
        DataError: It cannot be read, or lies on another grid.
    """
    if not volumes.is_nifti(image_raw):
        size = pictures.read_size(image_raw, reading.max_voxels)
        if volumes.is_nifti(raw):
            raise unreadable("the image is a picture and the mask a volume")
        mask = masks.whole_numbers(pictures.read_mask(raw, reading.max_voxels))
        return _fitted(mask, size, reading)
    if not volumes.is_nifti(raw):
        raise unreadable("the image is a volume and the mask a picture")
    image = volumes.read_header(image_raw, reading.max_voxels, reading.volume)
    volume = _volume_of_mask(raw, reading)
    header = volumes.read_header(raw, reading.max_voxels, volume)
    differ = volumes.differences(image, header)
    if differ and not reading.resample_masks:
        raise unreadable(f"{differ} (--resample-masks brings masks to their images' grid)")
    mask = masks.whole_numbers(volumes.read_volume(raw, header, volume, may_be_empty=True))
    return volumes.resampled(mask, header, image) if differ else mask


def _volume_of_mask(raw: bytes, reading: Reading) -> int | None:
    """Return which volume of a mask to take: of several the image's, of one the only one."""
    shape = volumes.read_header(raw, reading.max_voxels, 0).shape
    return 0 if shape[3:] == (1,) else reading.volume


def _fitted(mask: np.ndarray, size: tuple[int, int], reading: Reading) -> np.ndarray:
    """Return a picture's mask at the picture's size."""
    if mask.shape == size:
        return mask
    if not reading.resample_masks:
        raise unreadable(
            f"the image has {size[0]} x {size[1]} pixels, the mask {mask.shape[0]} x "
            f"{mask.shape[1]} (--resample-masks brings masks to their images' grid)"
        )
    rows = (np.arange(size[0]) + 0.5) * mask.shape[0] / size[0]
    columns = (np.arange(size[1]) + 0.5) * mask.shape[1] / size[1]
    found: np.ndarray = mask[rows.astype(int)[:, None], columns.astype(int)]
    return found


def look(root: str, pairs: Sequence[Pair], reading: Reading) -> list[PairInfo]:
    """Read every image and mask once.

    Raises:
        DataError: Some cannot be used; names up to ten.
    """
    store = os.path.join(
        cache.folder("masks", hashlib.sha256(os.path.realpath(root).encode()).hexdigest()[:32]),
        "facts.json",
    )
    version = f"{RULES}/{dataclasses.astuple(reading)}"
    known = _read_store(store, version)
    found: list[PairInfo | None] = []
    keys, problems = [], []
    progress = _Progress(len(pairs))
    for number, pair in enumerate(pairs):
        key = _key(root, pair)
        keys.append(key)
        progress.at(number)
        if key in known:
            found.append(known[key])
            continue
        try:
            found.append(_facts(root, pair, reading))
        except errors.DataError as error:
            problems.append((pair, str(error.given)))
            found.append(None)
    if problems:
        raise _refusal(problems)
    whole = [facts for facts in found if facts is not None]
    if any(key not in known for key in keys):
        _write_store(store, version, keys, whole)
    return whole


def _refusal(problems: Sequence[tuple[Pair, str]]) -> errors.DataError:
    each = [f"{errors.shown(pair.image, 120)}: {why}" for pair, why in problems]
    more = f"; and {len(each) - 10} more" if each[10:] else ""
    return errors.DataError(
        f"{len(each):,} images cannot be used with their masks: {'; '.join(each[:10])}{more}.\n"
        "Mend these files, or remove each with its mask.",
        given=[pair.image for pair, _ in problems],
    )


def _facts(root: str, pair: Pair, reading: Reading) -> PairInfo:
    image_raw, mask_raw = (read_file(root, name) for name in (pair.image, pair.mask))
    image = read_image(image_raw, reading)
    try:
        mask = read_mask(mask_raw, image_raw, reading)
    except errors.DataError as error:
        why = str(error.given)
        named = why if "mask" in why else f"of the mask: {why}"
        raise errors.DataError(str(error), given=named) from error
    spacing: tuple[float, ...] = ()
    palette: list[Color] = []
    if image.ndim == 4:
        spacing = volumes.read_header(
            image_raw, reading.max_voxels, reading.volume
        ).canonical_spacing
    else:
        palette = pictures.read_palette(mask_raw, reading.max_voxels)
    counts = np.bincount(mask.reshape(-1))
    values = {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
    return PairInfo(
        hashlib.sha256(image_raw).hexdigest(),
        hashlib.sha256(mask_raw).hexdigest(),
        tuple(mask.shape),
        image.shape[-1],
        spacing,
        values,
        {value: palette[value] for value in values if value < len(palette)},
    )


def read_file(root: str, name: str) -> bytes:
    """Return the bytes of a file of the data.

    Raises:
        DataError: It cannot be read any more.
    """
    path = os.path.join(root, *name.split("/"))
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        why = f"it cannot be opened ({error.strerror or type(error).__name__})"
        raise errors.DataError(
            f"The file {errors.shown(path, 200)} cannot be read: "
            f"{error.strerror or type(error).__name__}.\n"
            "Bring it back and go on with --resume, or make a new plan.",
            given=why,
            fix="--resume",
        ) from error


def _key(root: str, pair: Pair) -> str:
    """Return a digest of paths, sizes and times of change; empty for a file changed just now."""
    digest = hashlib.sha256()
    for name in (pair.image, pair.mask):
        path = os.path.join(root, *name.split("/"))
        try:
            state = os.stat(path)
        except OSError:
            return ""
        if abs(time.time() - state.st_mtime) < SETTLED_SECONDS:
            return ""
        digest.update(f"{state.st_size}/{state.st_mtime_ns}/".encode() + os.fsencode(path))
    return digest.hexdigest()


def _read_store(path: str, version: str) -> dict[str, PairInfo]:
    try:
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
        if stored["version"] != version:
            return {}
        return {key: PairInfo.read(row) for key, row in stored["rows"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_store(path: str, version: str, keys: Sequence[str], facts: Sequence[PairInfo]) -> None:
    rows = {k: dataclasses.asdict(row) for k, row in zip(keys, facts, strict=True) if k}
    with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
        files.write_text(path, json.dumps({"version": version, "rows": rows}))


class _Progress:
    """Says how far a long look is."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._next = time.monotonic() + PROGRESS_SECONDS

    def at(self, done: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + PROGRESS_SECONDS
            print(f"looking at scans: {done:,} of {self._count:,}", file=sys.stderr, flush=True)
