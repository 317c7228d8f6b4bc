"""Inspection of every image and mask before training: what is broken, what does not fit together.

Both are read in full, since a header says nothing of what follows, and a gzip's checksum is at
its end. `actzoo.inspection` keeps what is learned.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from actzoo import errors
from actzoo.applications.medical import containers, grids, masks, pictures, preprocessing, volumes
from actzoo.applications.medical.folder import Pair
from actzoo.applications.medical.pictures import Color
from actzoo.applications.medical.volumes import unreadable
from actzoo.inspection import Store

RULES = 2  # raised whenever the readers give other values than before


@dataclasses.dataclass(frozen=True)
class Reading:
    """How images and masks are read.

    Attributes:
        max_voxels: Limit of one image.
        resample_masks: Resample a mask to its image's grid, by nearest neighbor.
        fill_nan: Takes the place of values that are not numbers.
        volume: Which of a 4-D image.
        channels: A 4-D image of so many volumes holds the channels of one.
    """

    max_voxels: int = volumes.MAX_VOXELS
    resample_masks: bool = False
    fill_nan: float | None = None
    volume: int | None = None
    channels: int | None = None


@dataclasses.dataclass(frozen=True)
class PairInfo:
    """What is known of a pair.

    Attributes:
        image_hash: sha256 of the image's file.
        mask_hash: Of the mask's.
        shape: Of the grid: two axes of a picture, three of a volume.
        channels: 1, 3 of a colored picture, or those of a volume.
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
    return preprocessing.read_pixels(
        raw, reading.max_voxels, reading.fill_nan, reading.volume, reading.channels
    )


def read_mask(
    raw: bytes | None, image_raw: bytes, reading: Reading
) -> tuple[np.ndarray, list[Color]]:
    """Return a mask's values on the grid of its image, and the colors of its palette.

    Args:
        raw: Of the mask; None for an image without one, which is background everywhere.
        image_raw: Of the image.
        reading: How both are read.

    Raises:
        DataError: It cannot be read, or is on another grid.
    """
    if raw is None:
        return np.zeros(read_image(image_raw, reading).shape[:-1], "uint8"), []
    if not volumes.is_nifti(image_raw):
        size = pictures.read_size(image_raw, reading.max_voxels)
        if volumes.is_nifti(raw):
            raise unreadable("the image is a picture and the mask a volume")
        values, palette = pictures.read_mask(raw, reading.max_voxels)
        return _fitted(masks.whole_numbers(values), size, reading), palette
    if not volumes.is_nifti(raw):
        raise unreadable("the image is a volume and the mask a picture")
    image = header_of(image_raw, reading)
    volume = _volume_of_mask(raw, reading)
    header = volumes.read_header(raw, reading.max_voxels, volume)
    if header.channels > 1:
        raise unreadable(
            f"the mask holds {header.channels} values for a voxel; a mask holds one (save layers "
            "that overlap as one mask, with a number of its own for what is in two)"
        )
    differ = grids.differences(image, header)
    if differ and not reading.resample_masks:
        raise unreadable(f"{differ} (--resample-masks resamples masks to their images' grid)")
    mask = masks.whole_numbers(volumes.read_volume(raw, header, volume, may_be_empty=True))
    if differ or grids.is_turned(header, image):
        mask = grids.resampled(mask, header, image)
    return mask, []


def header_of(image_raw: bytes, reading: Reading) -> volumes.Header:
    """Return the header of an image that is a volume."""
    return volumes.read_header(image_raw, reading.max_voxels, reading.volume, reading.channels)


def _volume_of_mask(raw: bytes, reading: Reading) -> int | None:
    """Return which volume of a mask to take: of several the image's, of one the only one."""
    shape = volumes.read_header(raw, reading.max_voxels, 0).shape
    return reading.volume if shape[3:] else None


def _fitted(mask: np.ndarray, size: tuple[int, int], reading: Reading) -> np.ndarray:
    """Return a picture's mask at the picture's size."""
    if mask.shape == size:
        return mask
    if not reading.resample_masks:
        raise unreadable(
            f"the image has {size[0]} x {size[1]} pixels, the mask {mask.shape[0]} x "
            f"{mask.shape[1]} (--resample-masks resamples masks to their images' grid)"
        )
    rows = (np.arange(size[0]) + 0.5) * mask.shape[0] / size[0]
    columns = (np.arange(size[1]) + 0.5) * mask.shape[1] / size[1]
    resized: np.ndarray = mask[rows.astype(int)[:, None], columns.astype(int)]
    return resized


def look(root: str, pairs: Sequence[Pair], reading: Reading) -> list[PairInfo]:
    """Read every image and mask once.

    Raises:
        DataError: Some cannot be used; names up to ten.
    """
    version = f"{RULES}/{dataclasses.astuple(reading)}"
    store = Store(root, "masks", version, np.dtype("S"))

    def row(position: int) -> bytes:
        known = _pair_info(root, pairs[position], reading)
        return json.dumps(dataclasses.asdict(known)).encode()

    # One after another: several volumes at once may be more than the memory holds.
    seen = store.inspect([_files_of(root, pair) for pair in pairs], row, "scans", threads=1)
    if seen.problems:
        raise _refusal([(pairs[position], why) for position, why in seen.problems.items()])
    return [PairInfo.read(json.loads(stored)) for stored in seen.rows]


def _files_of(root: str, pair: Pair) -> tuple[str, ...]:
    """Return the files that a pair is read from."""
    names = (*(pair.channels or (pair.image,)), pair.mask)
    parts = [containers.data_file_of(os.path.join(root, *name.split("/"))) for name in names]
    beside = zip(names, parts, strict=True)
    return (*names, *(f"{name.rpartition('/')[0]}/{part}" for name, part in beside if part))


def _refusal(problems: Sequence[tuple[Pair, str]]) -> errors.DataError:
    each = [f"{errors.shown(pair.image, 120)}: {why}" for pair, why in problems]
    more = f"; and {len(each) - 10} more" if each[10:] else ""
    return errors.DataError(
        f"{len(each):,} images cannot be used with their masks: {'; '.join(each[:10])}{more}.\n"
        "Fix these files, or remove each with its mask.",
        given=[pair.image for pair, _ in problems],
    )


def _pair_info(root: str, pair: Pair, reading: Reading) -> PairInfo:
    image_raw = read_image_file(root, pair, reading)
    mask_raw = read_mask_file(root, pair, reading)
    image = read_image(image_raw, reading)
    try:
        mask, palette = read_mask(mask_raw, image_raw, reading)
    except errors.DataError as error:
        why = str(error.given)
        named = why if "mask" in why else f"of the mask: {why}"
        raise errors.DataError(str(error), given=named) from error
    spacing: tuple[float, ...] = ()
    if image.ndim == 4:
        spacing = header_of(image_raw, reading).canonical_spacing
    counts = np.bincount(mask.reshape(-1))
    values = {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
    return PairInfo(
        hashlib.sha256(image_raw).hexdigest(),
        "" if mask_raw is None else hashlib.sha256(mask_raw).hexdigest(),
        tuple(mask.shape),
        image.shape[-1],
        spacing,
        values,
        {value: palette[value] for value in values if value < len(palette)},
    )


def read_image_file(root: str, pair: Pair, reading: Reading) -> bytes:
    """Return a pair's image as the bytes of one file: that of all its channels."""
    names = pair.channels or (pair.image,)
    return containers.stacked([_read_file(root, name, reading) for name in names], names)


def read_mask_file(root: str, pair: Pair, reading: Reading) -> bytes | None:
    """Return the bytes of a pair's mask; None where it has none."""
    return _read_file(root, pair.mask, reading) if pair.mask else None


def _read_file(root: str, name: str, reading: Reading) -> bytes:
    """Return the bytes of a file of the data, a volume's as NIfTI.

    Raises:
        DataError: It cannot be read any more, or is not a usable volume.
    """
    path = os.path.join(root, *name.split("/"))
    try:
        return containers.read_file(path, reading.max_voxels)
    except OSError as error:
        why = f"it cannot be opened ({error.strerror or type(error).__name__})"
        raise errors.DataError(
            f"The file {errors.shown(path, 200)} cannot be read: "
            f"{error.strerror or type(error).__name__}.\n"
            "Restore it and continue with --resume, or make a new plan.",
            given=why,
            fix="--resume",
        ) from error
