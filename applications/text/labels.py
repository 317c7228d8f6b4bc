"""Labels of texts as classes: measurements and two spellings of one label are refused."""

from __future__ import annotations

import collections
import itertools
import math
import unicodedata
from collections.abc import Mapping

from actzoo import errors
from actzoo.applications.text.rows import Rows

DISTINCT = 0.5  # share of distinct numbers among labels from which on they are measurements
# Letters of other scripts that look like Latin ones.
_TWINS = str.maketrans(
    "АаВЕеКМНОоРрСсТуХхІіЈјЅѕԁԛԝΑΒΕΖΗΙΚΜΝΟοΡΤΥΧνıоӏ",
    "AaBEeKMHOoPpCcTyXxIiJjSsdqwABEZHIKMNOoPTYXvıol",
)


def classes_of(rows: Rows, notes: list[str]) -> tuple[str, ...]:
    """Return the classes: numbers in their order, else by name."""
    counts = collections.Counter(rows.labels)
    _refuse_measurements(rows, counts)
    _refuse_spellings(counts)
    _note_twins(counts, notes)
    if counts and all(_number(label) is not None for label in counts):
        classes = tuple(sorted(counts, key=lambda label: (_number(label), label)))
        if list(classes) != [str(number) for number in range(len(classes))]:
            shown = ", ".join(f"{label} is {i}" for i, label in enumerate(classes[:10]))
            more = ", ..." if len(classes) > 10 else ""
            notes.append(f"The labels are numbers; as outputs of the model {shown}{more}.")
        return classes
    return tuple(sorted(counts))


def _number(label: str) -> float | None:
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in label else None


def _refuse_measurements(rows: Rows, counts: Mapping[str, int]) -> None:
    numbers = [label for label in counts if _number(label) is not None]
    if len(numbers) < 10 or len(counts) <= DISTINCT * len(rows):
        return
    if len(numbers) >= 0.9 * len(counts):
        raise errors.DataError(
            f"The labels are {len(counts):,} different numbers in {len(rows):,} rows, such as "
            f"{', '.join(map(errors.shown, numbers[:3]))}: measurements, not classes.\n"
            "Give a column of classes: --label-column NAME, or divide the numbers into classes.",
            given=len(counts),
            fix="--label-column NAME",
        )


def _refuse_spellings(counts: Mapping[str, int]) -> None:
    """Refuse labels that are the same but for capitals, inner spaces or the form of a number."""
    alike = collections.defaultdict(list)
    for label in counts:
        number = _number(label)
        folded = unicodedata.normalize("NFKC", " ".join(label.split())).casefold()
        alike[folded if number is None else number].append(label)
    groups = [sorted(group) for group in alike.values() if len(group) > 1]
    if groups:
        shown = "; ".join(
            " and ".join(f"'{errors.shown(label)}' ({counts[label]:,})" for label in group)
            for group in groups[:10]
        )
        raise errors.DataError(
            f"Labels in several spellings, with their rows: {shown}.\nWrite each in one way.",
            given=groups,
        )


def _note_twins(counts: Mapping[str, int], notes: list[str]) -> None:
    """Note labels that look alike but are written with other characters."""
    alike = collections.defaultdict(list)
    for label in counts:
        alike[unicodedata.normalize("NFKC", label).translate(_TWINS)].append(label)
    for group in alike.values():
        for one, other in itertools.pairwise(group):
            pairs = [(a, b) for a, b in zip(one, other, strict=False) if a != b]
            points = ", ".join(f"U+{ord(a):04X} and U+{ord(b):04X}" for a, b in pairs[:3])
            notes.append(
                f"The labels '{errors.shown(one)}' and '{errors.shown(other)}' look alike but "
                f"differ: {points or 'in their length'}."
            )
