"""Labels of texts as classes: measurements and two spellings of one label are refused."""

from __future__ import annotations

import collections
import decimal
import itertools
import math
import re
import unicodedata
from collections.abc import Mapping

from actzoo import errors
from actzoo.applications.text.rows import Rows
from actzoo.applications.text.tables.cells import MULTI_LABEL

DISTINCT = 0.5  # share of distinct labels from which on they are measurements or identifiers
MOST_DECIMALS = 20  # distinct numbers, some with decimals, up to which they may be classes
SEPARATORS = ("|", ";", ",")  # between several labels in one field
DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[ T].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}(?: .*)?")
_DECIMAL = re.compile(r"-?\d+(?:,\d+)?")  # with the comma of many countries
# Letters of other scripts that look like Latin ones.
_TWINS = str.maketrans(
    "АаВЕеКМНОоРрСсТуХхІіЈјЅѕԁԛԝΑΒΕΖΗΙΚΜΝΟοΡΤΥΧνıоӏ",
    "AaBEeKMHOoPpCcTyXxIiJjSsdqwABEZHIKMNOoPTYXvıol",
)


def classes_of(rows: Rows, notes: list[str]) -> tuple[str, ...]:
    """Return the classes: numbers in their order, else by name."""
    counts = collections.Counter(rows.labels)
    _refuse_measurements(rows, counts)
    _refuse_identifiers(rows, counts)
    _refuse_dates(counts)
    _refuse_several(rows, counts)
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
    is_decimal = len(counts) > MOST_DECIMALS and not all(n.lstrip("-").isdigit() for n in numbers)
    if len(numbers) < 10 or not (is_decimal or len(counts) > DISTINCT * len(rows)):
        return
    if len(numbers) >= 0.9 * len(counts):
        raise errors.DataError(
            f"The labels are {len(counts):,} different numbers in {len(rows):,} rows, such as "
            f"{', '.join(map(errors.shown, numbers[:3]))}: measurements, not classes.\n"
            "Give a column of classes: --label-column NAME, or divide the numbers into classes.",
            given=len(counts),
            fix="--label-column NAME",
        )


def _refuse_identifiers(rows: Rows, counts: Mapping[str, int]) -> None:
    """Refuse labels of which nearly each is another."""
    once = [label for label, count in counts.items() if count == 1]
    is_few = len(rows) < 10 and len(once) < max(4, len(rows))
    if is_few or len(once) <= DISTINCT * len(rows):
        return
    raise errors.DataError(
        f"The labels are {len(counts):,} different ones in {len(rows):,} rows, {len(once):,} of "
        f"them there once, such as {', '.join(map(errors.shown, once[:3]))}: identifiers or texts, "
        "not classes.\nGive a column of classes: --label-column NAME",
        given=len(counts),
        fix="--label-column NAME",
    )


def _refuse_dates(counts: Mapping[str, int]) -> None:
    if counts and all(map(DATE.fullmatch, counts)):
        raise errors.DataError(
            f"The labels are dates, such as {errors.shown(min(counts))}, not classes.\n"
            "Give a column of classes: --label-column NAME",
            given=len(counts),
            fix="--label-column NAME",
        )


def _refuse_several(rows: Rows, counts: Mapping[str, int]) -> None:
    """Refuse labels that are several in one field: most parts occur in other labels, too."""
    for separator in SEPARATORS:
        parts = {label: [p.strip() for p in label.split(separator)] for label in counts}
        joined = [label for label, own in parts.items() if len(own) > 1 and all(own)]
        if len(joined) < 2 or all(map(_DECIMAL.fullmatch, counts)):
            continue
        uses = collections.Counter(part for own in parts.values() for part in set(own))
        inside = {part for label in joined for part in parts[label]}
        if 2 * sum(uses[part] > 1 for part in inside) <= len(inside):
            continue
        several = [i for i, label in enumerate(rows.labels) if label in set(joined)]
        shown = ", ".join(f"'{errors.shown(label, 40)}'" for label in joined[:3])
        raise errors.DataError(
            f"{len(several):,} of {len(rows):,} rows seem to have several labels, divided by "
            f"'{separator}': {shown} ({rows.named(several)}).\n{MULTI_LABEL}\n"
            f"If each is one class, write its name without the '{separator}'.",
            given=joined[:10],
        )


def _refuse_spellings(counts: Mapping[str, int]) -> None:
    """Refuse labels that are the same but for capitals, inner spaces or the form of a number."""
    alike = collections.defaultdict(list)
    for label in counts:
        folded = unicodedata.normalize("NFKC", " ".join(label.split())).casefold()
        # Exact: long identifiers that end in another digit are the same as floats.
        alike[folded if _number(label) is None else decimal.Decimal(label)].append(label)
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
