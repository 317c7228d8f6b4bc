"""Grids of voxels and pixels: whether a mask lies on its image's, and how it is brought there."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from actzoo.applications import orientation
from actzoo.applications.medical.files import volumes
from actzoo.applications.medical.files.pictures import Layout
from actzoo.applications.medical.files.volumes import Header, by, numbers, unreadable

TOLERANCE = 1e-3  # of spacings and affines
REACH = 0.25  # of a mask's voxel beyond its outermost ones: grids of 3 x the step end so far apart


def differences(image: Header, mask: Header) -> str | None:
    """Return how a mask's grid differs from its image's, with both values; None if it does not.

    The order and direction in which the same voxels are stored is no difference.
    """
    mask = _along(mask, image)
    if image.shape[:3] != mask.shape[:3]:
        return f"the image has {by(image.shape[:3])} voxels, the mask {by(mask.shape[:3])}"
    finest = min(image.spacing)
    if not np.allclose(image.spacing, mask.spacing, rtol=TOLERANCE, atol=TOLERANCE * finest):
        given, other = _told_apart(image.spacing, mask.spacing)
        return f"the image's spacing is {given} mm, the mask's {other}"
    apart = np.abs(image.affine - mask.affine)
    # Never half a voxel, however far from the origin it is.
    allowed = np.minimum(TOLERANCE * (finest + np.abs(mask.affine)), finest / 2)
    if (apart > allowed).any():
        k, j = np.unravel_index((apart / allowed).argmax(), (4, 4))
        given, other = _told_apart([float(image.affine[k, j])], [float(mask.affine[k, j])])
        return f"the image's affine holds {given} in row {k}, column {j}, the mask's {other}"
    return None


def _along(mask: Header, image: Header) -> Header:
    """Return a mask's header with its axes in the order and direction of the image's."""
    from nibabel import orientations

    turn = orientations.io_orientation(np.linalg.inv(image.affine) @ mask.affine)
    back = orientations.inv_ornt_aff(turn, mask.shape[:3])
    shape = [0] * 3
    for axis, (place, _) in enumerate(turn):
        shape[int(place)] = mask.shape[axis]
    return dataclasses.replace(mask, shape=(*shape, *mask.shape[3:]), affine=mask.affine @ back)


def _told_apart(first: Sequence[float], second: Sequence[float]) -> tuple[str, str]:
    """Return two lists of numbers with as many digits as show that they differ."""
    for digits in range(5, 17):
        shown = numbers(first, digits), numbers(second, digits)
        if shown[0] != shown[1]:
            break
    return shown


def is_turned(header: Header, image: Header) -> bool:
    """Say whether a mask's canonical axes are not its image's.

    Between two axes of the body, either may be taken for the one or the other.
    """
    turn = np.linalg.inv(volumes.canonical_affine(header)) @ volumes.canonical_affine(image)
    return not np.array_equal(np.round(turn[:3, :3]), np.eye(3))


def resampled(mask: np.ndarray, header: Header, image: Header) -> tuple[np.ndarray, float]:
    """Return a canonical mask on the canonical grid of an image, by nearest neighbor.

    A voxel of a mask reaches half a step to either side of its middle, so that what fills the mask
    fills the image. What is outside the mask is background.

    Returns:
        The mask, and the share of the image that is within the mask's grid.

    Raises:
        DataError: No voxel of the image is within the mask's grid.
    """
    to_mask = np.linalg.inv(volumes.canonical_affine(header)) @ volumes.canonical_affine(image)
    moved = np.zeros(image.canonical_shape, mask.dtype)
    rows, columns = np.ogrid[: moved.shape[1], : moved.shape[2]]
    met = 0
    for number, plane in enumerate(moved):  # one plane at a time: coordinates take much memory
        known = np.ones(plane.shape, bool)
        places = []
        for (a, b, c, d), size in zip(to_mask[:3], mask.shape, strict=True):
            along = a * number + b * rows + c * columns + d
            known &= np.abs(along - (size - 1) / 2) <= size / 2 + REACH + TOLERANCE
            # Ties go one way: rounding errors of affines must not choose among neighbors.
            places.append(np.clip(np.floor(along + 0.5 - TOLERANCE), 0, size - 1).astype("int32"))
        plane[known] = mask[tuple(index[known] for index in places)]
        met += int(known.sum())
    if not met:
        raise unreadable(
            f"the mask is elsewhere: its grid is {_extent(header)} mm, the image's {_extent(image)}"
        )
    return moved, met / moved.size


def _extent(header: Header) -> str:
    """Return from where to where the middles of a grid's voxels are, along each axis."""
    last = np.array(header.shape[:3]) - 1
    corners = np.array([*itertools.product(*((0, end) for end in last))]).T
    places = header.affine[:3, :3] @ corners + header.affine[:3, 3:]
    return " x ".join(
        f"{low:.5g} to {high:.5g}" for low, high in zip(places.min(1), places.max(1), strict=True)
    )


def on_picture(
    mask: np.ndarray, own: int, layout: Layout, turn: str, may_resample: bool
) -> np.ndarray:
    """Return a picture's mask on its pixels, turned together with it.

    A mask covers either what is shown or what is stored of a picture that is turned. Where both are
    possible, only the user knows.

    Args:
        mask: As stored.
        own: Orientation that the mask's file gives.
        layout: Of the picture.
        turn: "exif" where the mask covers the picture as it is shown, "ignore" as it is stored and
            is to stay; "" to tell by their sizes.
        may_resample: Bring a mask of another size to the picture's.

    Returns:
        The mask of the picture as it is shown; as it is stored, if `turn` is "ignore".

    Raises:
        DataError: They do not fit together, or in two ways.
    """
    if turn == "ignore":
        return _sized(mask, layout.shape, may_resample)
    shown, stored = orientation.turned(mask, own), orientation.turned(mask, layout.orientation)
    if turn == "exif" or np.array_equal(shown, stored):
        return _sized(shown, layout.shown, may_resample)
    fitting = [reading for reading in (shown, stored) if reading.shape == layout.shown]
    if not fitting:
        fitting = [reading for reading in (shown, stored) if _is_alike(reading.shape, layout.shown)]
    if len(fitting) == 2:
        raise unreadable(
            f"the image is to be turned (orientation {layout.orientation} of its EXIF), the mask "
            f"{'is not' if own == 1 else f'otherwise ({own})'}, and it fits in both ways: does it "
            "cover the image as it is shown (--orientation exif) or as it is stored (--orientation "
            "ignore)?"
        )
    return _sized(fitting[0] if fitting else shown, layout.shown, may_resample)


def _is_alike(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Tell whether two sizes have the same proportions, up to rounding to whole pixels."""
    scales = [((a - 1) / b, (a + 1) / b) for a, b in zip(shape, wanted, strict=True)]
    return max(low for low, _ in scales) < min(high for _, high in scales)


def _sized(mask: np.ndarray, size: tuple[int, int], may_resample: bool) -> np.ndarray:
    """Return a mask at a size, by nearest neighbor; never squashed, and only if that is wanted."""
    if mask.shape == size:
        return mask
    what = f"the image has {size[0]} x {size[1]} pixels, the mask {mask.shape[0]} x {mask.shape[1]}"
    if not _is_alike(mask.shape, size):
        is_turned = _is_alike(mask.shape, size[::-1])
        how = "so one of them lies on its side" if is_turned else "which are other proportions"
        way = "turn it" if is_turned else "cut it to what the other shows"
        raise unreadable(f"{what}, {how}; {way}, and save it")
    if not may_resample:
        raise unreadable(f"{what} (--resample-masks resamples masks to their images' grid)")
    rows = (np.arange(size[0]) + 0.5) * mask.shape[0] / size[0]
    columns = (np.arange(size[1]) + 0.5) * mask.shape[1] / size[1]
    resized: np.ndarray = mask[rows.astype(int)[:, None], columns.astype(int)]
    return resized
