"""What the numbers of all masks mean together: certain, or a question before any work.

One thing is often saved in two ways: 1 in some masks and 255 in others, gray pixels along edges,
255 for places without truth. Where the numbers do not say, the data is refused with what would.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Collection, Mapping, Sequence

from actzoo import errors
from actzoo.applications.medical.files.mask_pictures import ONE_BIT
from actzoo.applications.medical.masks import WHITES

MOST_LEVELS = 16  # gray levels at equal distances that are taken for classes
LEAST_LEVEL = 0.01  # of the labeled places that each of these fills, at least
LARGEST_NUMBER = 64  # numbers up to here beside 255 are numbers of classes
MOST_GRAY = 1.0  # times as many places as are white may be the gray edges of one class
LEAST_EDGES = 8  # values that gray edges have, at least, where nothing is white
FEW_PLACES = 10  # of all masks: fewer may be a slip of the brush


@dataclasses.dataclass(frozen=True)
class MaskValues:
    """The numbers in one mask.

    Attributes:
        name: Of its file.
        counts: Value -> number of places.
        edge: Most frequent value along the outer edge.
        remarks: How it was read; see `mask_pictures.MaskPicture`.
    """

    name: str
    counts: Mapping[int, int]
    edge: int = 0
    remarks: Sequence[str] = ()

    def without(self, void: Collection[int]) -> MaskValues:
        """Return the numbers but those of places that are neither learned nor scored."""
        counts = {value: n for value, n in self.counts.items() if value not in void}
        return dataclasses.replace(self, counts=counts, edge=0 if self.edge in void else self.edge)

    @property
    def foreground(self) -> float:
        """Share of places that are not 0."""
        return 1.0 - self.counts.get(0, 0) / max(1, sum(self.counts.values()))


def aliases(files: Sequence[MaskValues], names: Mapping[int, str]) -> dict[int, int]:
    """Return which values mean the same as another: value -> the other.

    Args:
        files: The numbers of each mask.
        names: Value -> name, where the data says so.

    Raises:
        DataError: Two readings are possible; names the files and what decides.
    """
    present = {value for file in files for value in file.counts}
    named = {*names, 0}
    if 0 not in present and len(present) > 1 and not (names and present <= named):
        _refuse_without_background(files, present)
    if not names or present - named == {255}:
        found = _ends(files, present)
        if len(found) > 1:
            return _one_end(files, found)
    if not names:
        _check_unexplained(files, present)
    return {}


def _ends(files: Sequence[MaskValues], present: Collection[int]) -> list[int]:
    """Return the ends of scales that masks of black and white hold, each one of them."""
    found = [end for end in WHITES if end in present]
    alone = all(sum(end in file.counts for end in found) <= 1 for file in files)
    return found if alone and set(present) <= {0, *WHITES} else []


def _one_end(files: Sequence[MaskValues], found: Sequence[int]) -> dict[int, int]:
    """Return the aliases of black and white masks whose white has several numbers.

    A file of one bit can hold no other white than 1, so there it is the white of the others.
    """
    ones = [file for file in files if 1 in file.counts]
    if len(found) == 2 and ones and all(ONE_BIT in file.remarks for file in ones):
        return {1: found[1]}
    each = [
        f"{end} in {_named([file.name for file in files if end in file.counts])}" for end in found
    ]
    raise errors.DataError(
        f"Some masks hold one number beside 0, others another: {'; '.join(each)}.\n"
        "If these mean the same: --binary-masks. If they are several classes, name them in "
        f"{_naming(found)}.",
        given=list(found),
        fix="--binary-masks",
    )


def _check_unexplained(files: Sequence[MaskValues], present: Collection[int]) -> None:
    """Refuse white beside other values that no name explains, and what looks like gray edges."""
    end = max(present, default=0)
    others = sorted(set(present) - {0, end})
    places = {value: sum(file.counts.get(value, 0) for file in files) for value in (*others, end)}
    are_edges = sum(places[value] for value in others) <= MOST_GRAY * places.get(end, 0)
    is_white = end in WHITES[1:]
    numbered = [*others, end] == [*range(1, len(others) + 2)]
    many = len(others) >= LEAST_EDGES and are_edges and not numbered
    if not others or not (is_white or many) or _are_levels(places, end):
        return
    shown = [
        f"{value} ({places[value]:,} place{'s' * (places[value] != 1)}, in "
        f"{_named([file.name for file in files if value in file.counts], 1)})"
        for value in others[:5]
    ]
    more = f" and {len(others) - 5} more" if others[5:] else ""
    ways = [f"If all of them are classes, name them in {_naming([*others, end])}."]
    if others[-1] <= LARGEST_NUMBER and end == 255:
        ways.insert(
            0,
            "If 255 marks places without truth, which are neither learned nor scored, name the "
            f"others alone in {_naming(others)}.",
        )
    if are_edges:
        how = "--binary-masks" if is_white else "write the masks again, without smoothing"
        ways.append(f"If they are the gray edges of one class: {how}")
    raise errors.DataError(
        f"Masks hold {end} beside other numbers without names: {', '.join(shown)}{more}.\n"
        + "\n".join(ways),
        given=others,
        fix="--binary-masks" if are_edges and is_white else None,
    )


def _are_levels(places: Mapping[int, int], end: int) -> bool:
    """Tell whether values are gray levels at equal distances, each of many places.

    Args:
        places: Of each value but 0, in order.
        end: The last value.
    """
    if len(places) + 1 > MOST_LEVELS:
        return False
    step = end / len(places)
    even = all(abs(value - step * k) <= 1 for k, value in enumerate(places, 1))
    return even and min(places.values()) >= LEAST_LEVEL * sum(places.values())


def _refuse_without_background(files: Sequence[MaskValues], present: Collection[int]) -> None:
    values = sorted(present)
    edge = collections.Counter(file.edge for file in files if file.edge).most_common(1)
    likely = edge[0][0] if edge else values[0]
    named = ", ".join(map(str, values[:10])) + ", …" * (len(values) > 10)
    raise errors.DataError(
        f"No mask holds 0, the background; they hold {named} (the first is "
        f"{errors.shown(files[0].name, 120)}).\n"
        f"If one of them is the background: --background {likely}. If there is none, name all "
        f"in {_naming(values)}.",
        given=values,
        fix=f"--background {likely}",
    )


def _naming(values: Sequence[int]) -> str:
    """Return how classes are named: a file's content that can be pasted."""
    names = [f'"{value}": "NAME {value}"' for value in values[:5]]
    return f'labels.json beside the folders: {{"0": "background", {", ".join(names)}}}'


def _named(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most:,} more" if names[most:] else ""
    return ", ".join(errors.shown(name, 80) for name in names[:most]) + more


def notes(
    files: Sequence[MaskValues], ids: Sequence[str], aliases: Mapping[int, int], is_named: bool
) -> list[str]:
    """Return notes on numbers that look wrong, but could be meant.

    Args:
        files: The numbers of each mask.
        ids: Name of each case.
        aliases: Values that mean the same as another; see `aliases`.
        is_named: The data names its classes.
    """
    found = []
    for value, other in aliases.items():
        own = [k for k, file in enumerate(files) if value in file.counts]
        what = f"one bit a pixel, so {value} in them was taken for the {other} of the others"
        found.append(_counted(own, ids, len(files), what))
    present = sorted({value for file in files for value in file.counts} - set(aliases))
    if 0 not in present:
        found.append(
            "No mask holds 0, so the class of that number, the background, is not learned."
        )
    full = [k for k, file in enumerate(files) if 0 not in file.counts]
    turned = [k for k, file in enumerate(files) if file.edge and file.foreground > 0.5]
    if full:
        found.append(_counted(full, ids, len(files), "no background at all"))
    if len(present) == 2 and present[0] == 0 and set(turned) - set(full):
        found.append(
            _counted(turned, ids, len(files), "foreground along the edge and in most places")
            + f" If {present[1]} is the background: --background {present[1]}"
        )
    if not is_named:
        found += _rare(files, ids, present)
    return found


def _counted(own: Sequence[int], ids: Sequence[str], total: int, what: str) -> str:
    more = f" and {len(own) - 3:,} more" if own[3:] else ""
    named = ", ".join(ids[k] for k in own[:3])
    return f"{len(own):,} of {total:,} masks have {what}: {named}{more}."


def _rare(files: Sequence[MaskValues], ids: Sequence[str], present: Sequence[int]) -> list[str]:
    """Return notes on values of very few places."""
    found = []
    for value in present:
        own = [k for k, file in enumerate(files) if value in file.counts]
        places = sum(files[k].counts[value] for k in own)
        if value and places < FEW_PLACES and len(present) > 2:
            found.append(
                f"The value {value} is at {places} places only, in {ids[own[0]]}; if it is not a "
                "class, correct that mask."
            )
    return found
