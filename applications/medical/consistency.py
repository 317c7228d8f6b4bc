"""What all scans of a data set have in common: their kind, their channels, the colors of masks."""

from __future__ import annotations

from collections.abc import Sequence

from actzoo import errors
from actzoo.applications.medical.files.pictures import Color
from actzoo.applications.medical.inspection import PairInfo
from actzoo.applications.medical.layouts.folder import Pair


def check_one_kind(pairs: Sequence[Pair], facts: Sequence[PairInfo]) -> None:
    """Refuse volumes and pictures together."""
    given_volumes = [pair.image for pair, row in zip(pairs, facts, strict=True) if row.is_volume]
    if 0 < len(given_volumes) < len(pairs):
        first = next(p.image for p, row in zip(pairs, facts, strict=True) if not row.is_volume)
        raise errors.DataError(
            f"{len(given_volumes)} volumes ({errors.shown(given_volumes[0], 80)}, …) and "
            f"{len(pairs) - len(given_volumes)} pictures ({errors.shown(first, 80)}, …) are "
            "mixed; a model takes one kind.\nPut them into folders of their own.",
            given=(len(given_volumes), len(pairs)),
        )


def check_channels(pairs: Sequence[Pair], facts: Sequence[PairInfo]) -> None:
    """Refuse volumes of different numbers of channels."""
    first: dict[int, str] = {}
    for pair, row in zip(pairs, facts, strict=True):
        first.setdefault(row.channels, pair.image)
    if facts[0].is_volume and len(first) > 1:
        named = ", ".join(f"{errors.shown(name, 80)} has {n}" for n, name in sorted(first.items()))
        raise errors.DataError(
            f"The volumes differ in the number of their channels: {named}.\n"
            "Give all of them the same channels, in the same order.",
            given=sorted(first),
        )


def check_named_channels(channels: Sequence[str], facts: Sequence[PairInfo]) -> None:
    """Refuse volumes of another number of channels than dataset.json names."""
    named, have = len(channels), facts[0].channels
    if facts[0].is_volume and named > 1 and named != have:
        raise errors.DataError(
            f"dataset.json names {named} channels ({errors.shown(', '.join(channels), 80)}), and "
            f"the images have {have}.\nAdd the files of all channels (case_0000, case_0001), or "
            "correct channel_names.",
            given=have,
            allowed=(named,),
        )


def check_palettes(pairs: Sequence[Pair], facts: Sequence[PairInfo]) -> None:
    """Refuse a number that has two colors: its masks were numbered each by itself."""
    first: dict[int, tuple[str, Color]] = {}
    for pair, row in zip(pairs, facts, strict=True):
        for value, color in row.colors.items():
            name, seen = first.setdefault(value, (pair.mask, color))
            if seen != color:
                raise errors.DataError(
                    f"The palettes of masks differ: {value} is the color {seen} in "
                    f"{errors.shown(name, 120)} and {color} in {errors.shown(pair.mask, 120)}, so "
                    "one number means two classes.\nSave all masks with one palette, or as "
                    "gray pictures of class numbers.",
                    given=(name, pair.mask),
                )
