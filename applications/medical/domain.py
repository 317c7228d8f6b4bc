"""Scans as a domain: how they are recognized, which tile and network suit them."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actzoo import errors
from actzoo.applications.medical.options import OPTIONS
from actzoo.domains import Domain, DomainSpec, InputPlan

if TYPE_CHECKING:
    import numpy as np

    from actzoo.applications.medical.augmentation import TileAugmenter
    from actzoo.applications.medical.data import Scans
    from actzoo.applications.medical.tiling import TileCutter
    from actzoo.domains import GivenInput, Step
    from actzoo.evaluation import Evaluation
    from actzoo.panels import Panel
    from actzoo.preprocessing import Steps

DOMAIN = DomainSpec(
    name="medical",
    summary="Scans and microscopy: a class for each pixel or voxel.",
    task="segmentation",
    default_model="unet",
    default_precisions=("float32", "int8"),
    target="actzoo.applications.medical.domain:Medical",
    steps=("read_scan", "normalize_scan", "tile_scan"),
    planned=("input_shape", "widths"),
    notice="For research only, not a medical device.",
    options=OPTIONS,
    data_forms=(
        "images/ and masks/ with files of the same names (NIfTI, PNG, TIFF), or train/, val/, "
        "test/ above or below them",
        "folders with images and masks side by side (case.png, case_mask.png)",
        "imagesTr/ and labelsTr/ of the medical decathlon and of nnU-Net",
    ),
    aliases=("scans", "segmentation"),
)

SMALLEST_MAP = 4  # pixels of the coarsest level's shorter side, at least
RARE = 0.1  # foreground below this share: some tiles of large pictures are centered on it
# By pixels of a tile: channels of the first level, pixels to show in all from scratch (some quarter
# of an hour on two cores), tiles of a batch. Measured there at 256 x 256, million pixels a second:
# 0.8 from 8 channels on, 0.6 from 12, 0.5 from 16. On nuclei, 12 channels did no better than 8.
CAPACITY = ((128 * 128 - 1, 16, 130_000_000, 8), (10**12, 8, 710_000_000, 4))
LEVELS = 5
FEWEST_SHOWN, MOST_SHOWN = 2_000, 200_000
LIMIT = 5.0


class Medical(Domain["Scans"]):
    """Scans and microscopy, a mask each."""

    def recognize(self, path: str) -> str | None:
        """Return why a folder seems to hold images with masks, or None."""
        from actzoo.applications.medical.layouts import folder

        return folder.looks_like_pairs(path)

    def open(self, path: str, options: Mapping[str, Any]) -> Scans:
        """Open a folder of images and masks."""
        from actzoo.applications.medical import data

        return data.open_scans(path, options)

    def recognize_example(self, path: str, mask: str | None) -> str | None:
        """Return that a path is a volume, or has a mask, or None."""
        from actzoo.applications.medical.layouts import endings

        if not os.path.isfile(path):
            return None
        if mask is not None:
            return "an image with its mask"
        return "a volume" if endings.is_volume(path) else None

    def open_example(self, path: str, mask: str | None, options: Mapping[str, Any]) -> Scans:
        """Open one scan, and its mask if it has one."""
        from actzoo.applications.medical import data

        return data.open_scan(path, mask, options)

    def inputs(
        self, source: Scans, split: Mapping[str, np.ndarray], overrides: Mapping[str, Any]
    ) -> InputPlan:
        """Choose tile, depth of the network, steps and augmentation from the data.

        Args:
            source: The scans.
            split: Split -> indices; the number of channels is that of the training scans.
            overrides: `input_shape` or `widths` where the model is given already, and
                `preprocessing` of its weights.
        """
        details = source.fingerprint().details
        steps = _given_steps(details, overrides)
        steps = steps or _steps(details, source.channels(split["train"]))
        shape, why_tile = _fit_tile(details, steps, overrides)
        widths, why_widths = _chosen_widths(shape, overrides)
        augmentation, why_augmentation = _augmentation(details["kind"] == "volume")
        _, shown, batch_size = _capacity(shape)
        limit = _limit(steps)
        return InputPlan(
            config={"input_shape": shape, "widths": widths},
            inputs={"image": {"shape": shape, "dtype": "float32", "range": [-limit, limit]}},
            steps=tuple(steps),
            augmentation=augmentation,
            reasons=(
                why_tile,
                _why_these_channels(details, steps),
                "each scan is normalized by itself, since its values have no known unit",
                *why_widths,
                why_augmentation,
            ),
            options=_options(details),
            examples=min(MOST_SHOWN, max(FEWEST_SHOWN, shown // (shape[0] * shape[1]))),
            batch_size=batch_size,
            seen=source.seen(split["train"]),
        )

    def steps(self) -> dict[str, Step]:
        """Return reading, normalization and the mark of tiling."""
        from actzoo.applications.medical import preprocessing

        return {
            "read_scan": preprocessing.read_scan,
            "normalize_scan": preprocessing.normalize_scan,
            "tile_scan": preprocessing.tile_scan,
        }

    def remarks(self, content: bytes, steps: Steps, seen: Mapping[str, Any]) -> Mapping[str, str]:
        """Return a remark on a volume whose spacing is outside what was seen in training."""
        from actzoo.applications.medical import summary
        from actzoo.applications.medical.files import volumes

        if not seen or not volumes.is_nifti(content):
            return {}
        read = steps[0] if steps else {}
        limit = int(read.get("max_voxels", volumes.MAX_VOXELS))
        header = volumes.read_header(content, limit, read.get("volume"), read.get("channels"))
        return summary.remarks(header.canonical_spacing, seen)

    def class_names(self, source: Scans, known: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the classes as a model of the known ones has them."""
        return source.classes_among(known)

    def augmenter(self, steps: Steps, settings: Mapping[str, Any]) -> TileAugmenter:
        """Return what changes training tiles."""
        from actzoo.applications.medical import augmentation

        return augmentation.augmenter(steps, settings)

    def cutter(self, steps: Steps) -> TileCutter:
        """Return what cuts scans into tiles and joins the outputs."""
        from actzoo.applications.medical import tiling

        return tiling.TileCutter(steps)

    def read(self, given: Sequence[str], options: Mapping[str, Any]) -> Iterator[GivenInput]:
        """Yield scans, each with the files that belong to it: voxels of a header, channels."""
        from actzoo.applications.medical import given as inputs
        from actzoo.applications.medical.files.volumes import MAX_VOXELS

        channels = str(options.get("channel_files") or "").split(",")
        scans, notes = inputs.without_masks(given)
        files = itertools.chain(notes, super().read(scans, options))
        limit = int(options.get("max_voxels", MAX_VOXELS))
        return inputs.completed(files, [name for name in channels if name], limit)

    def takes(self, name: str) -> bool:
        """Say whether a file in a folder is a scan, or belongs to one, by its name."""
        from actzoo.applications.medical.layouts import endings

        return endings.is_read(name)

    def as_stored(self, mask: np.ndarray, content: bytes, steps: Steps) -> np.ndarray:
        """Return a mask of a picture that was turned by its EXIF as the picture is stored."""
        from actzoo.applications.medical import writing

        return writing.as_stored(mask, content, steps)

    def write_mask(
        self,
        name: str,
        content: bytes | None,
        mask: np.ndarray,
        labels: Sequence[Mapping[str, Any]],
        folder: Path,
    ) -> Path:
        """Write a mask in the form of its scan; that of an array as an array."""
        if content is None:
            return super().write_mask(name, content, mask, labels, folder)
        from actzoo.applications.medical import writing

        return writing.write_mask(name, content, mask, labels, folder)

    def panels(self, evaluation: Evaluation) -> list[Panel]:
        """Return examples, the worst cases and scores by class."""
        from actzoo.applications.medical import panels

        return panels.panels(evaluation)


def _options(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that other scans are read with as these are."""
    files, background = details.get("channel_files"), details.get("background")
    options: dict[str, Any] = {"channel_files": ",".join(files)} if files else {}
    return {**options, "background": background} if background else options


def _steps(details: Mapping[str, Any], channels: int) -> list[dict[str, Any]]:
    read: dict[str, Any] = {"step": "read_scan", "channels": channels, **_reading(details)}
    tile: dict[str, Any] = {
        "step": "tile_scan",
        "height": details["tile_height"],
        "width": details["tile_width"],
        "overlap": 0.5,
    }
    if details["kind"] == "volume":
        tile.update(axis=details["axis"], neighbors=1)
    if details["foreground_share"] < RARE:
        tile["foreground"] = 0.5
    normalize: dict[str, Any] = {"step": "normalize_scan", "low": 0.5, "high": 99.5, "limit": LIMIT}
    if channels > 1 and details["kind"] == "volume":  # sequences, not the colors of a picture
        normalize["per_channel"] = True
    return [read, {**normalize, "skip_padding": True}, tile]


def _given_steps(details: Mapping[str, Any], overrides: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of given weights, set to read as the data is opened; empty for none."""
    steps = [dict(step) for step in overrides.get("preprocessing", ())]
    if steps:
        _check_kind(details["kind"] == "volume", steps[-1])
        steps[0].update(_reading(details))
    return steps


def _fit_tile(
    details: Mapping[str, Any], steps: list[dict[str, Any]], overrides: Mapping[str, Any]
) -> tuple[list[int], str]:
    """Return the shape of a sample and why, and set the tile to a shape that is asked for."""
    tile, channels = steps[-1], _channels(steps)
    if "input_shape" not in overrides:
        shape = [tile["height"], tile["width"], channels]
        return shape, _why_this_tile(details, shape)
    shape = [int(size) for size in overrides["input_shape"]]
    _check_shape(shape, channels)
    tile.update(height=shape[0], width=shape[1])
    return shape, f"tiles of {shape[0]} x {shape[1]} px, as the model asks"


def _chosen_widths(
    shape: list[int], overrides: Mapping[str, Any]
) -> tuple[list[int], tuple[str, ...]]:
    """Return the channels of each level, and why where they are not given."""
    widths = [int(width) for width in overrides.get("widths", _widths(shape))]
    if "widths" in overrides:
        return widths, ()
    return widths, (
        f"{len(widths)} levels of {widths[0]} to {widths[-1]} channels: the coarsest map has "
        f"{shape[0] >> (len(widths) - 1)} x {shape[1] >> (len(widths) - 1)} places",
    )


def _why_these_channels(details: Mapping[str, Any], steps: list[dict[str, Any]]) -> str:
    if details["kind"] == "volume":
        own = int(steps[0].get("channels", 1))
        of_each = f"; {own} channels of each, normalized by themselves" if own > 1 else ""
        return f"{_why_these_slices(details, steps[-1])}{of_each}"
    if _channels(steps) == 3:
        return "three channels: some training pictures are in color"
    return "one channel: all training pictures are gray"


def _reading(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of `read_scan` with which the data is opened, where they are unusual."""
    from actzoo.applications.medical.files.volumes import MAX_VOXELS

    usual = {"max_voxels": MAX_VOXELS, "fill_nan": None, "volume": None, "orientation": None}
    return {name: details[name] for name, value in usual.items() if details[name] != value}


def _check_kind(is_volume: bool, tile: Mapping[str, Any]) -> None:
    """Refuse weights of slices for pictures, and the other way round."""
    if is_volume != ("axis" in tile):
        kinds = ("pictures", "slices of volumes")
        raise errors.InvalidValueError(
            f"The weights are for {kinds['axis' in tile]}, and the data holds "
            f"{('pictures', 'volumes')[is_volume]}.\nTake other weights, or --weights none.",
            given=dict(tile),
            fix="--weights none",
        )


def _channels(steps: list[dict[str, Any]]) -> int:
    return int(steps[0].get("channels", 1)) * (2 * int(steps[-1].get("neighbors", 0)) + 1)


def _limit(steps: list[dict[str, Any]]) -> float:
    return next((float(s.get("limit", LIMIT)) for s in steps if s["step"] == "normalize_scan"), 0.0)


def _check_shape(shape: list[int], channels: int) -> None:
    if len(shape) != 3 or shape[2] != channels or min(shape) < 1:
        raise errors.InvalidValueError(
            f"input_shape={shape} does not fit these scans: it takes height, width and {channels} "
            f"channels, as in [256, 256, {channels}].",
            given=tuple(shape),
        )


def _why_this_tile(details: Mapping[str, Any], shape: list[int]) -> str:
    what = "slices" if details["kind"] == "volume" else "pictures"
    tile = f"tiles of {shape[0]} x {shape[1]} px"
    if details["largest_height"] <= shape[0] and details["largest_width"] <= shape[1]:
        return f"{tile}: each holds one of the {what} whole"
    size = f"{details['median_height']} x {details['median_width']} px"
    return f"{tile}: {what} of mostly {size} are cut where they do not fit, and joined again"


def _why_these_slices(details: Mapping[str, Any], tile: Mapping[str, Any]) -> str:
    spacing = details["median_spacing_mm"]
    along = ("left to right", "back to front", "feet to head")[int(tile.get("axis", 2))]
    coarse = max(spacing) > min(spacing) * 1.5
    why = "where voxels are coarsest" if coarse else "voxels are alike in all directions"
    return (
        f"slices from {along} ({why}), each with {tile.get('neighbors', 0)} neighbor on either "
        "side as further channels"
    )


def _capacity(shape: list[int]) -> tuple[int, int, int]:
    """Return the channels of the first level, the pixels to show in all, tiles of a batch."""
    pixels = shape[0] * shape[1]
    return next(row[1:] for row in CAPACITY if pixels <= row[0])


def _widths(shape: list[int]) -> tuple[int, ...]:
    """Return the widths of as many levels as keep the coarsest map large enough."""
    levels = LEVELS
    while levels > 2 and (
        min(shape[:2]) >> (levels - 1) < SMALLEST_MAP
        or any(size % (1 << (levels - 1)) for size in shape[:2])
    ):
        levels -= 1
    first = _capacity(shape)[0]
    return tuple(first << level for level in range(levels))


def _augmentation(is_volume: bool) -> tuple[dict[str, Any], str]:
    """Return all settings, so that the plan holds what was done even where defaults change."""
    from actzoo.applications.medical.augmentation import Settings

    if is_volume:
        chosen = Settings(flip=False, turn=False, rotate=15.0, scale=0.15)
        why = "slices are turned and scaled a little in training; sides of the body are kept"
    else:
        chosen = Settings()
        why = "pictures are mirrored, turned and scaled in training (--set turn=false if upright)"
    return dataclasses.asdict(chosen), why
