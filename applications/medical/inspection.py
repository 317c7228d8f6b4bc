"""Inspection of every image and mask before training: what is broken, what does not fit together.

Both are read in full, since a header says nothing of what follows, and a gzip's checksum is at
its end. `actzoo.inspection` keeps what is learned.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from actzoo import errors
from actzoo.applications.medical import masks, padding, preprocessing
from actzoo.applications.medical.files import containers, grids, mask_pictures, pictures, volumes
from actzoo.applications.medical.files.pictures import TURNS, Color
from actzoo.applications.medical.files.volumes import unreadable
from actzoo.applications.medical.layouts.folder import Pair
from actzoo.data import shrunk
from actzoo.inspection import Store

RULES = 8  # raised whenever the readers give other values than before
EVEN = "have one value everywhere, so they show nothing"
TWO_PLACES = (
    "say two things of where their voxels are (the qform of the header and its sform differ); the "
    "sform was taken, so check that left and right, and the sizes of voxels, are right"
)


@dataclasses.dataclass(frozen=True)
class Reading:
    """How images and masks are read.

    Attributes:
        max_voxels: Limit of one image.
        resample_masks: Resample a mask to its image's grid, by nearest neighbor.
        fill_nan: Takes the place of values that are not numbers.
        volume: Which of a 4-D image.
        channels: A 4-D image of so many volumes holds the channels of one.
        orientation: Of pictures: "exif" for masks of the picture as it is shown, "ignore" for
            picture and mask as they are stored, "" to tell by their sizes.
        binary_masks: Masks hold one class; gray edges and several numbers for it do no harm.
        background: Its number in masks.
    """

    max_voxels: int = volumes.MAX_VOXELS
    resample_masks: bool = False
    fill_nan: float | None = None
    volume: int | None = None
    channels: int | None = None
    orientation: str = ""
    binary_masks: bool = False
    background: int = 0

    def __post_init__(self) -> None:
        if self.orientation not in ("", *TURNS):
            raise errors.unknown_name("orientation", self.orientation, TURNS)

    @property
    def turn(self) -> str:
        """How pictures are turned; see `pictures.read_picture`."""
        return "ignore" if self.orientation == "ignore" else "exif"


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
        low: Lowest value of the image, its padding left out.
        high: Highest.
        padding: Share of the image that is constant padding.
        turn: Orientation that the image's EXIF gives.
        edge: Most frequent value along the mask's outer edge.
        remarks: See `ReadMask`.
        doubts: What is odd about the image; each completes "3 images".
        shrunk: The image's signature, for near-copies; its int8 values in base64.
    """

    image_hash: str
    mask_hash: str
    shape: tuple[int, ...]
    channels: int
    spacing: tuple[float, ...]
    values: dict[int, int]
    colors: dict[int, Color] = dataclasses.field(default_factory=dict)
    low: float = 0.0
    high: float = 0.0
    padding: float = 0.0
    turn: int = 1
    edge: int = 0
    remarks: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    shrunk: str = ""

    @property
    def is_volume(self) -> bool:
        """It has three axes."""
        return len(self.shape) == 3

    @property
    def signature(self) -> np.ndarray:
        """The image, shrunk; see `actzoo.data.shrunk`."""
        values = np.frombuffer(base64.b64decode(self.shrunk), "int8")
        side = round(len(values) ** (1 / len(self.shape)))
        return values.reshape((side,) * len(self.shape))

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
            low=float(stored["low"]),
            high=float(stored["high"]),
            padding=float(stored["padding"]),
            turn=int(stored["turn"]),
            edge=int(stored["edge"]),
            remarks=tuple(map(str, stored["remarks"])),
            doubts=tuple(map(str, stored["doubts"])),
            shrunk=str(stored["shrunk"]),
        )


def read_image(raw: bytes, reading: Reading) -> np.ndarray:
    """Return an image as the step `read_scan` gives it, with as many channels as it has."""
    return preprocessing.read_pixels(
        raw,
        reading.max_voxels,
        reading.fill_nan,
        reading.volume,
        reading.channels,
        reading.turn,
    )


def header_of(image_raw: bytes, reading: Reading) -> volumes.Header:
    """Return the header of an image that is a volume."""
    return volumes.read_header(image_raw, reading.max_voxels, reading.volume, reading.channels)


@dataclasses.dataclass(frozen=True)
class ReadMask:
    """A mask on the grid of its image.

    Attributes:
        values: Whole numbers; 0 is the background.
        colors: Value -> its color, where the file says one.
        remarks: How it was read, where that is unusual; each completes "3 masks".
    """

    values: np.ndarray
    colors: dict[int, Color] = dataclasses.field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def read_mask(raw: bytes | None, image_raw: bytes, reading: Reading) -> ReadMask:
    """Return a mask on the grid of its image.

    Args:
        raw: Of the mask; None for an image without one, which is background everywhere.
        image_raw: Of the image.
        reading: How both are read.

    Raises:
        DataError: It cannot be read, or is on another grid.
    """
    if raw is None:
        return ReadMask(np.zeros(read_image(image_raw, reading).shape[:-1], "uint8"))
    if volumes.is_nifti(image_raw) != volumes.is_nifti(raw):
        kinds = ("a picture", "a volume")
        is_volume = volumes.is_nifti(image_raw)
        raise unreadable(f"the image is {kinds[is_volume]} and the mask {kinds[not is_volume]}")
    if volumes.is_nifti(raw):
        return _volume_mask(raw, image_raw, reading)
    layout = pictures.read_layout(image_raw, reading.max_voxels)
    read = mask_pictures.read_mask(raw, reading.max_voxels, reading.binary_masks)
    values = _numbers(read.values, reading, is_blurred=read.is_blurred)
    values = grids.on_picture(
        values, read.orientation, layout, reading.orientation, reading.resample_masks
    )
    colors = {
        masks.exchanged(value, reading.background): color for value, color in read.colors.items()
    }
    remarks = (read.remark,) if read.remark else ()
    return ReadMask(values, {} if reading.binary_masks else colors, remarks)


def _numbers(
    values: np.ndarray, reading: Reading, *, step: float = 0.0, is_blurred: bool = False
) -> np.ndarray:
    """Return a mask's values as whole numbers, 0 for the background."""
    if reading.binary_masks:
        return masks.foreground(values, is_blurred)
    return masks.with_background(masks.whole_numbers(values, step), reading.background)


def _volume_mask(raw: bytes, image_raw: bytes, reading: Reading) -> ReadMask:
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
    stored = volumes.read_volume(raw, header, volume, may_be_empty=True)
    values = _numbers(stored, reading, step=header.slope if header.dtype.kind in "iu" else 0.0)
    if not differ and not grids.is_turned(header, image):
        return ReadMask(values)
    moved, share = grids.resampled(values, header, image)
    remarks = []
    if share < 1:
        remarks.append("cover a part of their image alone; the rest was taken for background")
    if set(np.unique(values)) - {0} - set(np.unique(moved)):
        remarks.append("lost a label when they were resampled: it is outside, or too small")
    return ReadMask(moved, remarks=tuple(remarks))


def _volume_of_mask(raw: bytes, reading: Reading) -> int | None:
    """Return which volume of a mask to take: of several the image's, of one the only one."""
    shape = volumes.read_header(raw, reading.max_voxels, 0).shape
    return reading.volume if shape[3:] else None


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
    by_reason: dict[str, list[str]] = {}
    for pair, why in problems:
        by_reason.setdefault(why, []).append(errors.shown(pair.image, 120))
    each = [f"{_listed(names)}: {why}" for why, names in by_reason.items()]
    more = f"; and {len(each) - 10} more" if each[10:] else ""
    asks = all("--" in why for why in by_reason)
    return errors.DataError(
        f"{_unusable(len(problems))}: {'; '.join(each[:10])}{more}.\n"
        + ("Give the option that fits, or fix these" if asks else "Fix these")
        + " files; or remove each with its mask.",
        given=[pair.image for pair, _ in problems],
    )


def _unusable(count: int) -> str:
    if count == 1:
        return "1 image cannot be used with its mask"
    return f"{count:,} images cannot be used with their masks"


def _listed(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if names[most:] else "")


def _pair_info(root: str, pair: Pair, reading: Reading) -> PairInfo:
    image_raw = read_image_file(root, pair, reading)
    mask_raw = read_mask_file(root, pair, reading)
    image = read_image(image_raw, reading)
    try:
        mask = read_mask(mask_raw, image_raw, reading)
    except errors.DataError as error:
        why = str(error.given)
        named = why if "mask" in why else f"of the mask: {why}"
        raise errors.DataError(str(error), given=named) from error
    spacing: tuple[float, ...] = ()
    turn, doubts = 1, []
    if image.ndim == 4:
        spacing = header_of(image_raw, reading).canonical_spacing
        doubts += [TWO_PLACES] if volumes.says_two_places(image_raw) else []
    else:
        turn = pictures.read_layout(image_raw, reading.max_voxels).orientation
    values = _counted(mask.values)
    edge = _counted(np.concatenate([side.reshape(-1) for side in _sides(mask.values)]))
    outside = padding.find_padding(image)
    content = image if outside is None else padding.without(image, outside)
    doubts += [EVEN] if content.min() == content.max() else []
    return PairInfo(
        hashlib.sha256(image_raw).hexdigest(),
        "" if mask_raw is None else hashlib.sha256(mask_raw).hexdigest(),
        tuple(mask.values.shape),
        image.shape[-1],
        spacing,
        values,
        {value: mask.colors[value] for value in values if value in mask.colors},
        low=float(content.min()),
        high=float(content.max()),
        padding=0.0 if outside is None else float(outside.mean()),
        turn=turn,
        edge=max(edge, key=lambda value: edge[value]),
        remarks=mask.remarks,
        doubts=tuple(doubts),
        shrunk=_signature(image, outside, float(content.min())),
    )


def _signature(image: np.ndarray, outside: np.ndarray | None, lowest: float) -> str:
    """Return what near-copies of an image have in common, in base64; padding is as its lowest."""
    if outside is not None:
        image = image.copy()
        image[outside] = lowest
    return base64.b64encode(shrunk(image, image.ndim - 1).tobytes()).decode()


def _counted(values: np.ndarray) -> dict[int, int]:
    counts = np.bincount(values.reshape(-1))
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}


def _sides(array: np.ndarray) -> list[np.ndarray]:
    """Return the outermost planes at either end of each axis."""
    return [array.take(place, axis) for axis in range(array.ndim) for place in (0, -1)]


def read_image_file(root: str, pair: Pair, reading: Reading) -> bytes:
    """Return a pair's image as the bytes of one file: that of all its channels."""
    names = pair.channels or (pair.image,)
    raws = [_read_file(root, name, reading) for name in names]
    return containers.stacked(raws, names, reading.max_voxels)


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
