"""What a set of scans is like: sizes, spacings and values in one line, and what a model saw."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from actzoo.applications.medical.files.mask_pictures import ONE_BIT
from actzoo.applications.medical.files.volumes import numbers
from actzoo.applications.medical.inspection import PairInfo

SPACING = "spacing outside what was seen in training"
TOLERANCE = 0.1  # of a spacing: so much beyond the range of training is an ordinary difference
UNITS_APART = 100.0  # times the usual spacing: mm and m, or um
FEWEST_ENDS, MANY_OBJECTS = 3, 8  # by which numbers of objects are told from those of classes
LEAST_PADDING = 0.01  # of a scan, that is worth a word


def sizes(facts: Sequence[PairInfo]) -> str:
    """Return sizes, spacings and values of scans in one line."""
    shapes = np.array([row.shape for row in facts])
    unit = "voxels" if facts[0].is_volume else "pixels (height x width)"
    parts = [f"{_range(shapes.min(axis=0), shapes.max(axis=0))} {unit}"]
    if facts[0].is_volume:
        spacings = np.array([row.spacing for row in facts])
        parts.append(f"{_range(spacings.min(axis=0), spacings.max(axis=0))} mm apart")
    low, high = min(row.low for row in facts), max(row.high for row in facts)
    parts.append(f"values {low:.6g} to {high:.6g}")
    colored = sum(row.channels > 1 for row in facts)
    if colored and facts[0].is_volume:
        parts.append(f"{facts[0].channels} channels")
    elif colored:
        parts.append(
            "in color" if colored == len(facts) else f"{colored:,} in color, the rest gray"
        )
    padded = [row.padding for row in facts if row.padding >= LEAST_PADDING]
    if padded:
        of = f"{len(padded):,} of {len(facts):,}" if len(padded) < len(facts) else "all"
        parts.append(
            f"{of} with constant padding (up to {max(padded):.0%} of a scan), left out of what "
            "values are scaled by"
        )
    turned = sum(row.turn != 1 for row in facts)
    if turned:
        parts.append(f"{turned:,} turned by their EXIF")
    return "; ".join(parts)


def _range(low: Sequence[float] | np.ndarray, high: Sequence[float] | np.ndarray) -> str:
    if np.allclose(low, high, rtol=1e-4):
        return numbers(low)
    return f"{numbers(low)} to {numbers(high)}"


def seen(facts: Sequence[PairInfo]) -> dict[str, Any]:
    """Return what a model that trains on some scans will have seen, as plain values."""
    if not facts[0].is_volume:
        return {}
    spacings = np.array([row.spacing for row in facts])
    return {
        "spacing_mm": {
            name: [float(f"{size:.5g}") for size in end]
            for name, end in (("low", spacings.min(axis=0)), ("high", spacings.max(axis=0)))
        }
    }


def remarks(spacing: Sequence[float], known: Mapping[str, Any]) -> dict[str, str]:
    """Return what to know of a volume of some spacing before trusting a model's answer.

    Args:
        spacing: In mm, along the canonical axes.
        known: See `seen`; of earlier models, nothing.
    """
    ends = known.get("spacing_mm", {})
    low, high = ends.get("low", ()), ends.get("high", ())
    if len(low) != len(spacing) or len(high) != len(spacing):
        return {}
    outside = any(
        not first * (1 - TOLERANCE) <= own <= last * (1 + TOLERANCE)
        for own, first, last in zip(spacing, low, high, strict=True)
    )
    if not outside:
        return {}
    return {
        SPACING: f"its voxels are {numbers(spacing)} mm apart; the model was trained on "
        f"{_range(low, high)} mm, and nothing is resampled, so its answer may be wrong."
    }


def notes(facts: Sequence[PairInfo], ids: Sequence[str]) -> list[str]:
    """Return notes on images that look wrong, and on masks that were read in an unusual way."""
    return [
        *_counted("images", [row.doubts for row in facts], ids),
        *_spacings_apart(facts, ids),
        *_counted("masks", [set(row.remarks) - {ONE_BIT} for row in facts], ids),
        *_numbers_of_objects(facts),
    ]


def _counted(what: str, said: Sequence[Iterable[str]], ids: Sequence[str]) -> list[str]:
    by_remark = collections.defaultdict(list)
    for name, remarks in zip(ids, said, strict=True):
        for remark in remarks:
            by_remark[remark].append(name)
    return [
        f"{len(names):,} of {len(ids):,} {what} {remark}: {', '.join(names[:3])}"
        + (f" and {len(names) - 3:,} more." if names[3:] else ".")
        for remark, names in by_remark.items()
    ]


def _spacings_apart(facts: Sequence[PairInfo], ids: Sequence[str]) -> list[str]:
    """Return a note on voxels so much larger or smaller than most that a unit is wrong."""
    if not facts[0].is_volume:
        return []
    spacings = np.array([row.spacing for row in facts])
    usual = np.median(spacings, axis=0)
    ratio = np.maximum(spacings / usual, usual / spacings).max(axis=1)
    odd = int(ratio.argmax())
    if ratio[odd] < UNITS_APART:
        return []
    return [
        f"The voxels of {ids[odd]} are {numbers(spacings[odd])} mm apart, those of most "
        f"{numbers(usual)}. If its header has the wrong unit, correct it."
    ]


def _numbers_of_objects(facts: Sequence[PairInfo]) -> list[str]:
    """Return a note on masks that count 1, 2, 3, … to another end in each: objects, no classes."""
    held = [sorted(set(row.values) - {0}) for row in facts]
    ends = sorted({len(own) for own in held if own})
    counted = all(own == [*range(1, len(own) + 1)] for own in held)
    if not counted or len(ends) < FEWEST_ENDS or ends[-1] < MANY_OBJECTS:
        return []
    return [
        f"Each mask counts from 1 without a gap, to {ends[0]} in one and {ends[-1]} in another, as "
        "numbers of objects do; here each number is a class. If all objects are of one class, "
        "write 1 for each."
    ]
