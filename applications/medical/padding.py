"""Constant padding around what was scanned: found, so that it counts in no statistics.

Scanners and programs fill what lies outside the field of view with one value: -1024, -2000, -3024,
-32768, 0, 255. It is told from a real background by being exactly one value, in whole planes or in
an area with a smooth border that reaches the outer edge. Air and noise are neither, and a black
object inside stays an object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

SAMPLED = 10_000  # places that are looked at first
LIKE_OTHERS = 3  # times as wide, and as far from the next, is a step of a ramp at most
MOST_VALUES = 4  # that padding beside whole planes is looked for in
LEAST_OF_EDGE = 0.01  # share of the outer edge that such a value has
SOLID = 0.75  # share of their neighbors along the edge that have the value, too; less in noise
LEAST = 0.01  # share of the scan that an area fills, unless it is padding beyond doubt
# Border of an area over that of one square or cube of its size, at most: around a round field of
# view it is 2.2 (2.8 where that is long), of what a dark background has of one value 3.4 or more.
ROUGH = {2: 2.5, 3: 3.0}
SURELY_ROUGH = 2.5  # times as rough may be what is padding beyond doubt, such as thin wedges
SIDE = 0.9  # share of two sides or more that has the value: beyond doubt
FAR = 0.25  # of the range of all other values: so far beyond them no value is measured


def find_padding(pixels: np.ndarray) -> np.ndarray | None:
    """Return where a scan is padding, or None where it is not.

    Args:
        pixels: `(height, width, channels)` or `(x, y, z, channels)`; finite.

    Returns:
        Boolean, of the shape without channels; never so much that one value or none is left.
    """
    areas = _areas_by_value(pixels)
    while areas:
        found = np.logical_or.reduce(list(areas.values()))
        if _has_contrast(without(pixels, found), areas):
            return found
        del areas[_beside_content(areas, ~found)]
    return None


def _has_contrast(content: np.ndarray, values: Iterable[tuple[float, ...]]) -> bool:
    """Tell whether content `(n, channels)` has two values or more beside those of the padding."""
    for part in (content[:: 1 + len(content) // SAMPLED], content):  # mostly, the first suffices
        others = part
        for value in values:
            others = others[(others != value).any(axis=-1)]
        if len(others) and (others != others[0]).any():
            return True
    return False


def _beside_content(
    areas: Mapping[tuple[float, ...], np.ndarray], content: np.ndarray
) -> tuple[float, ...]:
    """Return the value next to what is left: the other one of a picture of two values."""
    from scipy import ndimage

    if not content.any():
        return list(areas)[-1]
    around = ndimage.binary_dilation(content)
    return max(areas, key=lambda value: int((areas[value] & around).sum()))


def _areas_by_value(pixels: np.ndarray) -> dict[tuple[float, ...], np.ndarray]:
    """Return where padding of each value is, from outside to inside."""
    areas: dict[tuple[float, ...], np.ndarray] = {}

    def area_of(value: np.ndarray) -> np.ndarray:
        return areas.setdefault(tuple(value.tolist()), np.zeros(pixels.shape[:-1], bool))

    box = tuple(slice(0, size) for size in pixels.shape[:-1])
    for value, planes, smaller in _planes_at_edge(pixels):
        area_of(value)[planes] = True
        box = smaller
    inner = pixels[box]
    for value in _values_of_edge(inner):
        equal = inner[..., 0] == value[0]
        for channel in range(1, inner.shape[-1]):
            equal &= inner[..., channel] == value[channel]
        if _is_solid(equal):
            area = _reached(equal)
            if _is_padding(area, equal, inner):
                area_of(value)[box] |= area & _is_inside(area)
    return areas


def without(pixels: np.ndarray, padding: np.ndarray) -> np.ndarray:
    """Return the places of a scan that are not padding, `(n, channels)`."""
    if pixels.shape[-1] == 1:  # much faster than the last line
        return pixels[..., 0][~padding][:, None]
    return pixels[~padding]


_Box = tuple[slice, ...]


def _planes_at_edge(pixels: np.ndarray) -> Iterator[tuple[np.ndarray, _Box, _Box]]:
    """Yield planes at the edge that are of one value throughout, from outside to inside.

    The end of a ramp, whose next planes are of other values throughout, is not among them.

    Yields:
        Their value, where they are, and the box that is left within them.
    """
    box = [slice(0, size) for size in pixels.shape[:-1]]
    changed = True
    while changed:
        changed = False
        for axis in range(len(box)):
            for order in (1, -1):
                planes = np.moveaxis(pixels[tuple(box)], axis, 0)[::order]
                count = _same_planes(planes)
                if not count:
                    continue
                start, stop = box[axis].start, box[axis].stop
                cut, left = (
                    (slice(start, start + count), slice(start + count, stop))
                    if order > 0
                    else (slice(stop - count, stop), slice(start, stop - count))
                )
                taken = (*box[:axis], cut, *box[axis + 1 :])
                box[axis] = left
                yield planes[0].reshape(-1, pixels.shape[-1])[0], taken, tuple(box)
                changed = True


def _same_planes(planes: np.ndarray) -> int:
    """Return how many of the first planes `(n, ..., channels)` are of one value; 0 in a ramp."""
    runs: list[tuple[int, np.ndarray]] = []  # places and value of each
    for plane in planes:
        value = plane.reshape(-1, planes.shape[-1])[0]
        if (plane != value).any():
            break
        if runs and (value == runs[-1][1]).all():
            runs[-1] = (runs[-1][0] + 1, value)
        elif len(runs) == 3:
            break
        else:
            runs.append((1, value))
    if not runs or runs[0][0] == len(planes):
        return 0
    return 0 if len(runs) == 3 and _is_ramp(runs) else runs[0][0]


def _is_ramp(runs: list[tuple[int, np.ndarray]]) -> bool:
    """Tell whether three runs of planes rise or fall in steps that are alike."""
    (first, own), (second, next_one), (_, last) = runs
    jump = next_one.astype("float64") - own
    step = last.astype("float64") - next_one
    is_alike = first <= LIKE_OTHERS * second and np.abs(jump).sum() <= (
        LIKE_OTHERS * np.abs(step).sum()
    )
    return bool((jump * step >= 0).all() and is_alike)


def _values_of_edge(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the values `(channels,)` that are most frequent along the outer edge."""
    edge = np.concatenate([side.reshape(-1, pixels.shape[-1]) for side in _sides(pixels)])
    rows = edge.reshape(-1) if edge.shape[1] == 1 else edge  # much faster for numbers
    values, counts = np.unique(rows, axis=0, return_counts=True)
    for place in np.argsort(-counts, kind="stable")[:MOST_VALUES]:
        if counts[place] >= LEAST_OF_EDGE * len(edge):
            yield np.atleast_1d(values[place])


def _sides(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the outermost planes at either end of each axis but the last, that of channels."""
    for axis in range(array.ndim - 1):
        for place in (0, -1):
            yield array.take(place, axis)


def _is_solid(equal: np.ndarray) -> bool:
    """Tell whether a value fills areas of the edge: no single places of noise, no end of a ramp."""
    places = pairs = 0
    for side in _sides(equal[..., None]):
        plane = side[..., 0]
        if plane.all():
            return False
        for axis in range(plane.ndim):
            along = np.moveaxis(plane, axis, 0)
            places += int(along[:-1].sum())
            pairs += int((along[:-1] & along[1:]).sum())
    return pairs > SOLID * places


def _reached(equal: np.ndarray) -> np.ndarray:
    """Return the places of a value that hang together with the outer edge."""
    from scipy import ndimage

    labels, count = ndimage.label(equal)
    at_edge = np.zeros(count + 1, bool)
    for side in _sides(labels[..., None]):
        at_edge[side.reshape(-1)] = True
    at_edge[0] = False
    area: np.ndarray = at_edge[labels]
    return area


def _is_padding(area: np.ndarray, equal: np.ndarray, pixels: np.ndarray) -> bool:
    """Tell whether an area of one value that reaches the outer edge is padding, by its border.

    Args:
        area: The area.
        equal: Where the value is.
        pixels: All values.
    """
    rough = _roughness(area) / ROUGH[area.ndim]
    if rough > SURELY_ROUGH:
        return False
    if rough <= 1 and area.mean() >= LEAST:
        return True
    sides = sum(side.mean() >= SIDE for side in _sides(area[..., None]))
    return sides >= 2 or _is_far(pixels[area][0], without(pixels, equal))


def _roughness(area: np.ndarray) -> float:
    """Return the border of an area over that of one square or cube of the same size."""
    border, axes = 0, area.ndim
    for axis in range(axes):
        along = np.moveaxis(area, axis, 0)
        border += int((along[1:] != along[:-1]).sum())
    return border / (2 * axes * max(1, int(area.sum())) ** ((axes - 1) / axes))


def _is_far(value: np.ndarray, others: np.ndarray) -> bool:
    """Tell whether a value is far beyond all others `(n, channels)`."""
    if not len(others):
        return False
    gray, own = others.mean(axis=-1), float(value.mean())
    low, high = float(gray.min()), float(gray.max())
    return not low - FAR * (high - low) <= own <= high + FAR * (high - low)


def _is_inside(area: np.ndarray) -> np.ndarray:
    """Return the places most of whose neighbors are in an area; those beyond the edge count, too.

    Others are measured values that are the same by chance, beside it.
    """
    counts = np.pad(area, 1, constant_values=True).astype("int8")
    for axis in range(area.ndim):
        along = np.moveaxis(counts, axis, 0)
        counts = np.moveaxis(along[:-2] + along[1:-1] + along[2:], 0, axis)
    inside: np.ndarray = counts > 0.45 * 3**area.ndim
    return inside
