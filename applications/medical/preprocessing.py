"""Scans as a model reads them: one reading and one normalization for training, predict and verify.

A picture is `(height, width, channels)`; a volume `(x, y, z, 1)`, whatever orientation it was
stored in: axes run from left to right, from back to front and from feet to head (RAS). Values are
in no known unit, so each scan is normalized by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from actzoo import errors
from actzoo.applications.medical import padding
from actzoo.applications.medical.files import containers, pictures, volumes
from actzoo.applications.medical.files.volumes import MAX_VOXELS, unreadable

LIMIT = 5.0  # standard deviations; values beyond are cut, so that 8 bits resolve the rest
MOST_CHANNELS = 64
MOST_SAMPLED = 1_000_000  # voxels that percentiles are taken from
_LUMA = np.array([0.299, 0.587, 0.114], "float32")


def read_scan(
    value: object,
    channels: int = 1,
    max_voxels: int = MAX_VOXELS,
    fill_nan: float | None = None,
    volume: int | None = None,
    orientation: str | None = None,
) -> dict[str, np.ndarray]:
    """Read a picture or a volume; the first preprocessing step of every medical model.

    Args:
        value: Bytes of a PNG, TIFF, BMP, JPEG or NIfTI file, recognized by content; or a scan that
            is read already, as this step returns it.
        channels: 1 turns colors gray, 3 repeats gray values; else as many as the scan has, which
            in a 4-D file are its volumes.
        max_voxels: Limit of voxels or pixels, checked against the header.
        fill_nan: Takes the place of values that are NaN or infinite; None refuses them, but for
            NaN that is padding around the scan, which becomes its lowest value.
        volume: Which of a 4-D file.
        orientation: Of pictures: "exif" turns them as they are shown, "ignore" takes them as they
            are stored. None, of models saved before there was this setting, turns TIFF alone.

    Returns:
        `{"image": (height, width, channels) or (x, y, z, channels)}`, uint8 or float32.

    Raises:
        DataError: The bytes are not a usable scan; says why.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        pixels = read_pixels(bytes(value), max_voxels, fill_nan, volume, channels, orientation)
    else:
        pixels = _opened(value)
    return {"image": _with_channels(pixels, channels)}


def read_pixels(
    raw: bytes,
    max_voxels: int,
    fill_nan: float | None,
    volume: int | None,
    channels: int | None = None,
    orientation: str | None = None,
) -> np.ndarray:
    """Return a scan as `read_scan` gives it, with as many channels as its file has."""
    raw = containers.as_nifti(raw, max_voxels)
    if volumes.is_nifti(raw):
        header = volumes.read_header(raw, max_voxels, volume, channels)
        pixels = volumes.read_volume(raw, header, volume)
        pixels = pixels if header.channels > 1 else pixels[..., None]
    else:
        pixels = pictures.read_picture(raw, max_voxels, orientation)
    return _finite(pixels, fill_nan)


def normalize_scan(
    value: object,
    low: float = 0.5,
    high: float = 99.5,
    limit: float = LIMIT,
    per_channel: bool = False,
    skip_padding: bool = False,
) -> dict[str, np.ndarray]:
    """Scale a scan to mean 0 and standard deviation 1.

    Values are first cut at two percentiles, so that a few bright specks do not compress the rest.
    A scan of one value becomes 0.

    Args:
        value: As `read_scan` returns it.
        low: Percentile.
        high: Percentile.
        limit: Cut at so many standard deviations.
        per_channel: Each channel by itself, where they are measurements of their own, and not the
            colors of one.
        skip_padding: Take percentiles, mean and deviation without constant padding; see `padding`.
            What is padded is scaled with the rest and cut at the limit alone. Models saved before
            there was this setting count it.

    Returns:
        `{"image": float32}` of the same shape, within `[-limit, limit]`.
    """
    if not (0 <= low < high <= 100 and limit > 0):
        raise errors.InvalidValueError(
            f"normalize_scan takes percentiles from 0 to 100 in order and a limit above 0, not "
            f"low={low}, high={high}, limit={limit}.",
            given=(low, high, limit),
        )
    values = _opened(value).astype("float32")
    if not per_channel:
        return {"image": _normalized(values, low, high, limit, skip_padding)}
    each = [
        _normalized(values[..., [k]], low, high, limit, skip_padding)
        for k in range(values.shape[-1])
    ]
    return {"image": np.concatenate(each, axis=-1)}


def _normalized(
    values: np.ndarray, low: float, high: float, limit: float, skip_padding: bool
) -> np.ndarray:
    outside = padding.find_padding(values) if skip_padding else None
    measured = values if outside is None else padding.without(values, outside)
    lowest, highest = _range(measured.reshape(-1), low, high)
    cut = np.clip(values, lowest, highest)
    measured = cut if outside is None else padding.without(cut, outside)
    mean, spread = measured.mean(dtype="float64"), measured.std(dtype="float64")
    if spread <= 1e-6 * max(abs(float(mean)), 1e-6):
        return np.zeros_like(values)
    if outside is not None:
        np.copyto(cut, values, where=outside[..., None])  # apart from the darkest of the rest
    cut -= np.float32(mean)
    cut /= np.float32(spread)
    return np.clip(cut, -limit, limit, out=cut)


def _range(values: np.ndarray, low: float, high: float) -> tuple[np.float32, np.float32]:
    """Return two percentiles of values `(n,)`; the ends where the percentiles are one value."""
    sample = values[:: max(1, values.size // MOST_SAMPLED)]
    lowest, highest = np.percentile(sample, (low, high))
    if highest <= lowest:  # less than the percentiles' share is not the background
        lowest, highest = float(values.min()), float(values.max())
    return np.float32(lowest), np.float32(highest)


def tile_scan(
    value: object,
    height: int,
    width: int,
    overlap: float = 0.5,
    axis: int = 2,
    neighbors: int = 0,
    foreground: float = 0.0,
) -> dict[str, np.ndarray]:
    """Return the scan as it is: the cutter reads these settings; see `tiling`.

    Args:
        value: A prepared scan.
        height: Of a tile.
        width: Of a tile.
        overlap: Share of a tile that the next one covers again.
        axis: Of a volume, along which slices follow one another.
        neighbors: Slices on either side that are given as further channels.
        foreground: Share of training tiles centered on a pixel of the foreground.
    """
    return {"image": _opened(value)}


def _opened(value: object) -> np.ndarray:
    """Return the array of a scan that is read, checked."""
    if isinstance(value, Mapping):
        value = value.get("image")
    pixels = np.asarray(value)
    if pixels.ndim not in (3, 4) or not pixels.size or pixels.dtype.kind not in "iuf":
        raise errors.InvalidValueError(
            f"A scan is an array (height, width, channels) or (x, y, z, channels) of numbers, not "
            f"{pixels.shape} of {pixels.dtype}.\nBegin the preprocessing with read_scan.",
            given=pixels.shape,
        )
    return pixels


def _finite(pixels: np.ndarray, fill: float | None) -> np.ndarray:
    if pixels.dtype.kind in "iu":
        return pixels if pixels.dtype == np.uint8 else pixels.astype("float32")
    with np.errstate(over="ignore"):  # beyond float32 is infinite
        pixels = pixels.astype("float32")
    bad = ~np.isfinite(pixels)
    if not bad.any():
        return pixels
    if bad.all():
        raise unreadable("no value is a number within 3e38: all are NaN, infinite or larger")
    if fill is None:
        fill = _fill_of_padding(pixels, bad)
    if fill is None:
        first = tuple(int(k) for k in np.argwhere(bad)[0][:-1])
        raise unreadable(
            f"{int(bad.sum()):,} values are NaN or infinite, the first at {first} "
            "(--fill-nan VALUE replaces them)"
        )
    pixels[bad] = fill
    return pixels


def _fill_of_padding(pixels: np.ndarray, bad: np.ndarray) -> float | None:
    """Return the lowest value of a scan whose bad values are all NaN around it; else None."""
    if not np.isnan(pixels[bad]).all():
        return None
    lowest, highest = float(pixels[~bad].min()), float(pixels[~bad].max())
    outside = padding.find_padding(np.where(bad, lowest - 1 - 2 * (highest - lowest), pixels))
    return None if outside is None or (bad & ~outside[..., None]).any() else lowest


def _with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    have = pixels.shape[-1]
    if type(channels) is not int or not 1 <= channels <= MOST_CHANNELS:
        raise errors.InvalidValueError(
            f"A scan has 1 to {MOST_CHANNELS} channels, not {errors.shown(channels)}.",
            given=channels,
        )
    if have == channels:
        return pixels
    if channels == 3 and have == 1:
        return np.repeat(pixels, 3, axis=-1)
    if channels == 1 and have == 3:
        return (pixels @ _LUMA)[..., None]
    raise unreadable(
        f"it has {have} channel{'s' * (have > 1)}, and the model takes {channels} (give all "
        "channels of a scan, as in training: the folder of their files, or one file)"
    )
