"""Between whole scans and the tiles that a network takes of them. NumPy only.

A picture is covered by overlapping tiles, a volume slice by slice; what is smaller than a tile is
padded by mirroring, since a border of zeros would look like tissue of its own. Joined outputs are
weighted by their distance from the tile's border, where a network sees least.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from actzoo import errors
from actzoo.tasks import IGNORE_INDEX

MULTIPLE = 16  # of a tile's sides: four levels below the first
SMALL = 256  # up to this side, one tile holds a whole picture
LARGE_TILE = 256  # of pictures that are larger


def tile_side(sides: Sequence[int]) -> int:
    """Return a tile's side for pictures or slices of these sides.

    Nearly all fit into one tile where that is small; larger pictures are cut.
    """
    usual = int(np.ceil(np.percentile(sides, 95)))
    side = min(usual, SMALL if usual <= SMALL else LARGE_TILE)
    return max(32, -(-side // MULTIPLE) * MULTIPLE)


def starts(size: int, tile: int, overlap: float) -> list[int]:
    """Return where the tiles along an axis begin; below 0 where the axis is shorter than one."""
    if size <= tile:
        return [-((tile - size) // 2)]
    step = max(1, math.floor(tile * (1 - overlap)))
    count = math.ceil((size - tile) / step) + 1
    return [round(k * (size - tile) / (count - 1)) for k in range(count)]


def count_tiles(shape: Sequence[int], tile: Sequence[int], overlap: float) -> int:
    """Return how many tiles cover a picture."""
    return math.prod(
        len(starts(size, side, overlap)) for size, side in zip(shape, tile, strict=True)
    )


# Of a tile: its slice, its corner, and the part of each axis that no other tile covers better.
_Place = tuple[int, list[int], tuple[tuple[int, int], ...]]


class TileCutter:
    """Cuts scans into tiles and joins what a network gave for them; see `actzoo.data.Cutter`.

    Args:
        steps: Preprocessing, ending in `tile_scan`.

    Raises:
        InvalidValueError: The steps do not end in it, or its settings are impossible.
    """

    def __init__(self, steps: Sequence[Mapping[str, Any]]) -> None:
        if not steps or steps[-1].get("step") != "tile_scan":
            raise errors.InvalidValueError(
                "Scans are cut into tiles, so their preprocessing must end in tile_scan.\n"
                "Add the step with a height and a width.",
                given=[dict(step) for step in steps],
            )
        self.case_steps = tuple(dict(step) for step in steps[:-1])
        last = dict(steps[-1])
        self._tile = (int(last.get("height", 0)), int(last.get("width", 0)))
        self._overlap = float(last.get("overlap", 0.5))
        self._of_volumes = "axis" in last
        self._axis = int(last.get("axis", 2))
        self._neighbors = int(last.get("neighbors", 0))
        self._foreground = float(last.get("foreground", 0.0))
        sound = (
            min(self._tile) >= 1
            and 0 <= self._overlap < 1
            and self._axis in (0, 1, 2)
            and 0 <= self._neighbors <= 8
            and 0 <= self._foreground <= 1
        )
        if not sound:
            raise errors.InvalidValueError(
                f"The settings of tile_scan are not possible: {errors.shown(last, 160)}.\n"
                "height and width are 1 and above, overlap is 0 to below 1, axis 0, 1 or 2, "
                "neighbors 0 to 8, foreground 0 to 1.",
                given=last,
            )

    def sample(
        self, inputs: dict[str, np.ndarray], target: object, part: int, rng: np.random.Generator
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return one training tile: of a volume, slice `part`; of a large picture, any window.

        Raises:
            DataError: A volume was given to a model of pictures, or vice versa.
        """
        image, mask = self._of_its_kind(inputs["image"]), np.asarray(target)
        number = 0
        if image.ndim == 4:
            number = part % image.shape[self._axis]
            mask = np.take(mask, number, self._axis)
        center = None
        cut = any(size > side for size, side in zip(mask.shape, self._tile, strict=True))
        if cut and rng.random() < self._foreground:
            places = np.flatnonzero((mask > 0) & (mask != IGNORE_INDEX))
            if len(places):
                center = np.unravel_index(places[rng.integers(len(places))], mask.shape)
        corner = [
            _window(size, side, None if center is None else int(center[k]), rng)
            for k, (size, side) in enumerate(zip(mask.shape, self._tile, strict=True))
        ]
        pixels = self._pixels(image, number)
        return {"image": self._cut(pixels, corner)}, self._cut_mask(mask, corner)

    def cut(
        self, inputs: dict[str, np.ndarray], target: object = None
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """Return all tiles `(n, height, width, channels)` and their masks.

        In the masks each place of the truth is in one tile, the one it is most central in.

        Raises:
            DataError: A volume was given to a model of pictures, or vice versa.
        """
        image = self._of_its_kind(inputs["image"])
        tiles, masks = [], []
        for number, corner, own in self._places(image.shape[:-1]):
            tiles.append(self._cut(self._pixels(image, number), corner))
            if target is not None:
                mask = np.asarray(target)
                if image.ndim == 4:
                    mask = np.take(mask, number, self._axis)
                masks.append(self._cut_mask(mask, corner, own))
        return {"image": np.stack(tiles)}, np.stack(masks) if target is not None else None

    def join(self, outputs: np.ndarray, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Return the outputs on the grid of the scan, `(height, width, classes)` or of a volume."""
        shape = inputs["image"].shape[:-1]
        places = list(self._places(shape))
        plane = shape if len(shape) == 2 else self._plane(shape)
        weights = self._weights()
        slices = []
        for _, group in itertools.groupby(
            zip(places, outputs, strict=True), key=lambda item: item[0][0]
        ):
            slices.append(self._joined(list(group), plane, weights))
        if len(shape) == 2:
            return slices[0]
        return np.stack(slices, axis=self._axis)

    def _of_its_kind(self, image: np.ndarray) -> np.ndarray:
        if (image.ndim == 4) == self._of_volumes:
            return image
        sides = " x ".join(f"{size:,}" for size in image.shape[:-1])
        wanted, given = ("volumes", "picture") if self._of_volumes else ("pictures", "volume")
        raise errors.DataError(
            f"The model is for {wanted}, and this is a {given} of {sides}.\n"
            f"Give it {wanted}, or take a model that was trained on {given}s.",
            given=image.shape,
            allowed=(wanted,),
        )

    def _joined(
        self, group: Sequence[tuple[_Place, np.ndarray]],
        plane: Sequence[int], weights: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        if len(group) == 1:
            (_, corner, _), output = group[0]
            _, out_of = self._overlapping(corner, plane)
            return np.asarray(output[out_of])
        total = np.zeros((*plane, group[0][1].shape[-1]), "float32")
        weight = np.zeros((*plane, 1), "float32")
        for (_, corner, _), output in group:
            into, out_of = self._overlapping(corner, plane)
            total[into] += output[out_of] * weights[out_of]
            weight[into] += weights[out_of]
        total /= weight
        return total

    def _plane(self, shape: Sequence[int]) -> tuple[int, ...]:
        return tuple(size for axis, size in enumerate(shape) if axis != self._axis)

    def _places(self, shape: Sequence[int]) -> Iterator[_Place]:
        """Yield slice, corner and own place of each tile."""
        plane = tuple(shape) if len(shape) == 2 else self._plane(shape)
        along = [
            _owned(size, side, self._overlap) for size, side in zip(plane, self._tile, strict=True)
        ]
        for number in range(1 if len(shape) == 2 else shape[self._axis]):
            for row, column in itertools.product(*along):
                yield number, [row[0], column[0]], (row[1], column[1])

    def _pixels(self, image: np.ndarray, number: int) -> np.ndarray:
        """Return a picture, or a slice of a volume with its neighbors as channels."""
        if image.ndim == 3:
            return image
        last = image.shape[self._axis] - 1
        numbers = np.clip(
            np.arange(number - self._neighbors, number + self._neighbors + 1), 0, last
        )
        return np.concatenate([np.take(image, k, self._axis) for k in numbers], axis=-1)

    def _cut(self, pixels: np.ndarray, corner: Sequence[int]) -> np.ndarray:
        for axis, (start, side) in enumerate(zip(corner, self._tile, strict=True)):
            size = pixels.shape[axis]
            if start < 0 or start + side > size:
                pixels = pixels.take(_mirrored(start, side, size), axis=axis)
            else:
                pixels = pixels[start : start + side] if axis == 0 else (
                    pixels[:, start : start + side]
                )  # fmt: skip
        return np.ascontiguousarray(pixels)

    def _cut_mask(
        self,
        mask: np.ndarray,
        corner: Sequence[int],
        own: Sequence[tuple[int, int]] | None = None,
    ) -> np.ndarray:
        tile = np.full(self._tile, IGNORE_INDEX, "uint8")
        limits = own or [(0, size) for size in mask.shape]
        into, out_of = [], []
        for start, side, (low, high) in zip(corner, self._tile, limits, strict=True):
            first, last = max(low, start), min(high, start + side)
            into.append(slice(first - start, last - start))
            out_of.append(slice(first, last))
        tile[tuple(into)] = mask[tuple(out_of)]
        return tile

    def _overlapping(
        self, corner: Sequence[int], plane: Sequence[int]
    ) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Return where a tile is in the plane, and which part of the tile that is."""
        into, out_of = [], []
        for start, side, size in zip(corner, self._tile, plane, strict=True):
            first, last = max(0, start), min(size, start + side)
            into.append(slice(first, last))
            out_of.append(slice(first - start, last - start))
        return tuple(into), tuple(out_of)

    def _weights(self) -> np.ndarray:
        """Return `(height, width, 1)` weights that fall linearly toward the border."""
        rows, columns = (
            1.0 - np.abs((np.arange(side) + 0.5) / side * 2 - 1) + 1e-3 for side in self._tile
        )
        weights: np.ndarray = np.multiply.outer(rows, columns)[..., None].astype("float32")
        return weights


def _window(size: int, side: int, center: int | None, rng: np.random.Generator) -> int:
    """Return where a training tile begins along an axis."""
    if size <= side:
        return -((side - size) // 2)
    if center is None:
        return int(rng.integers(size - side + 1))
    shift = int(rng.integers(-(side // 4), side // 4 + 1))
    return min(max(0, center + shift - side // 2), size - side)


def _owned(size: int, side: int, overlap: float) -> list[tuple[int, tuple[int, int]]]:
    """Return the start of each tile along an axis and the places that count in it."""
    begins = starts(size, side, overlap)
    # Halfway between the middles of neighbors; together they are the whole axis, once.
    borders = [0, *((a + b + side) // 2 for a, b in itertools.pairwise(begins)), size]
    return list(zip(begins, itertools.pairwise(borders), strict=True))


def _mirrored(start: int, side: int, size: int) -> np.ndarray:
    """Return the indices of a tile along an axis that is mirrored at both ends, again and again."""
    places = np.arange(start, start + side) % (2 * size)
    return np.where(places < size, places, 2 * size - 1 - places)
