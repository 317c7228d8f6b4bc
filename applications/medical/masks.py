"""What numbers in masks mean: whole numbers, counted from 0 by a table that is written down.

A mask is never interpolated and never guessed at: 0.5 and -1 are refused, 1.00002 is rounded,
{0, 255} and {0, 1, 3} are renumbered by one table for the whole data set, which is among its notes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from actzoo import errors
from actzoo.applications.medical.files.volumes import unreadable
from actzoo.tasks import IGNORE_INDEX

MOST_CLASSES = 64
WHITES = (1, 255, 65535)  # the one class of a mask of one bit, of 8 and of 16
ROUNDING = 0.01  # of a value in masks, as of scaled 8 bits; more was interpolated
ROUNDING_OF_0 = 1e-3  # less, since 1/255 is a 1 that was scaled
LEAST_OF_0 = 1e-6  # nor is 1/65535, where nothing else is there
MOST_ROUNDING = 0.25  # however coarse a file's steps are
BLACK, WHITE = 50, 0.2  # of a JPEG: what is still black; how far below its end white may be
MOST_GRAY = 0.2  # of a mask of one class, where its edges are
BACKGROUND = "background"
FOREGROUND = "foreground"
ALL_EMPTY = (
    "All masks are empty: nothing but 0 occurs in them, so there is nothing to learn.\n"
    "Check that the right files are in masks/."
)


def whole_numbers(mask: np.ndarray, step: float = 0.0) -> np.ndarray:
    """Return a mask as whole numbers; values within rounding of one are that number.

    Args:
        mask: Values as read.
        step: Between neighboring values that the file can hold, where its header scales them.

    Raises:
        DataError: A value is not whole, negative, or not a number.
    """
    if mask.dtype.kind == "f":
        mask = _rounded(mask, min(abs(step) / 2, MOST_ROUNDING))
    if mask.dtype.kind not in "iufb":
        raise unreadable(f"the mask's values are {mask.dtype}, not numbers")
    lowest = mask.min()
    if lowest < 0:
        raise unreadable(f"the mask holds {int(lowest)}; values are 0 and above")
    if mask.max() > 65535:
        raise unreadable(f"the mask holds {int(mask.max())}; values are at most 65535")
    return mask.astype("uint8" if mask.max() <= 255 else "uint16")


def _rounded(mask: np.ndarray, half_step: float) -> np.ndarray:
    """Return whole numbers in place of values within rounding of them."""
    rounded = np.round(mask)
    differ = (mask != rounded) | ~np.isfinite(mask)
    if not differ.any():
        return mask
    places = np.flatnonzero(differ)
    with np.errstate(invalid="ignore"):
        apart = np.abs(mask.reshape(-1)[places] - rounded.reshape(-1)[places])
    allowed = np.where(rounded.reshape(-1)[places] == 0, ROUNDING_OF_0, ROUNDING) + half_step
    broken = places[~(apart <= allowed)]
    if not len(broken) and not rounded.any() and apart.max() > half_step + LEAST_OF_0:
        broken = places[apart.argmax() :]  # all would be background
    if len(broken):
        place = tuple(int(k) for k in np.unravel_index(broken[0], mask.shape))
        raise unreadable(
            f"the mask holds {np.format_float_positional(mask[place], trim='-')} at {place}; masks "
            "hold whole numbers, one per class (was it interpolated, smoothed or scaled?)"
        )
    return rounded


def foreground(mask: np.ndarray, is_blurred: bool = False) -> np.ndarray:
    """Return a mask of one class: the brighter half of what lies between black and white.

    Args:
        mask: Values, perhaps with gray edges.
        is_blurred: Of a JPEG, so that its background may hold small numbers.

    Returns:
        255 and 0, uint8.

    Raises:
        DataError: It does not end in white, or is gray in many places.
    """
    highest = float(mask.max())
    if not is_blurred and mask.min() == 0 and len(np.unique(mask)) <= 2:
        return np.where(mask > 0, 255, 0).astype("uint8")
    if is_blurred and highest < BLACK:
        return np.zeros(mask.shape, "uint8")
    white = next((end for end in WHITES if (1 - WHITE) * end <= highest <= end), None)
    if white is None:
        raise unreadable(
            f"the brightest value of the mask is {highest:g}, not 1, 255 or 65535, so it is no "
            "mask of black and white"
        )
    if ((mask > white / 4) & (mask < white * 3 / 4)).mean() > MOST_GRAY:
        raise unreadable(
            f"more than {MOST_GRAY:.0%} of the mask is gray, so it is no mask of black and white"
        )
    return np.where(mask > white / 2, 255, 0).astype("uint8")


def exchanged(value: int, background: int) -> int:
    """Return a mask's number with that of the background and 0 exchanged."""
    return {0: background, background: 0}.get(value, value)


def with_background(mask: np.ndarray, number: int) -> np.ndarray:
    """Return a mask in which 0 and the number of the background have changed places."""
    if not number:
        return mask
    changed = mask.astype("uint16") if number > 255 else mask.copy()
    changed[mask == number] = 0
    changed[mask == 0] = number
    return changed


def table_of(
    values: Iterable[int], names: Mapping[int, str], void: Collection[int] = ()
) -> tuple[dict[int, int], tuple[str, ...], list[str]]:
    """Return how the values of all masks are numbered, the classes' names, and notes.

    Args:
        values: Every value that occurs in any mask.
        names: Value -> name, where the data says so; its values are classes even if they do not
            occur.
        void: Values of places that are neither learned nor scored, where the data says so.

    Returns:
        Value -> class index; names of the classes; notes.

    Raises:
        DataError: A value has no name, or there are too many.
    """
    present = sorted({0, *values} - set(void))
    unknown = [value for value in present if value not in names and value != 0] if names else []
    ignored = unknown == [IGNORE_INDEX] and (len(names) != 2 or 1 in present)
    if ignored:
        unknown = []
    _check_named(unknown, names)
    known = sorted({0, *names}) if names and not unknown else present
    _check_count(known)
    table = {value: number for number, value in enumerate(known)}
    if ignored:
        table[IGNORE_INDEX] = IGNORE_INDEX
    table.update(dict.fromkeys(void, IGNORE_INDEX))
    return table, _class_names(known, names, unknown), _notes_on(table, void)


def _notes_on(table: Mapping[int, int], void: Collection[int]) -> list[str]:
    """Return notes on values that are ignored, and on those that get another number."""
    notes = []
    for value in [value for value, number in table.items() if number == IGNORE_INDEX]:
        why = "is void" if value in void else "has no name"
        notes.append(f"{value} in masks {why}: such places are neither learned nor scored.")
    table = {value: number for value, number in table.items() if number != IGNORE_INDEX}
    if any(value != number for value, number in table.items()):
        written = ", ".join(f"{value} is {number}" for value, number in table.items())
        notes.append(
            f"The model counts the values of the masks from 0: {written}. Predicted masks hold "
            "the values of yours."
        )
    return notes


def _check_named(unknown: Sequence[int], names: Mapping[int, str]) -> None:
    """Refuse values without a name; 255 may mean the one class that is named."""
    if unknown and (unknown != [255] or len(names) != 2):
        raise errors.DataError(
            f"Masks hold values without a name: {', '.join(map(str, unknown[:10]))}; named are "
            f"{', '.join(f'{v} ({errors.shown(n)})' for v, n in sorted(names.items())[:10])}.\n"
            "Add them to the list of labels, or fix the masks.",
            given=unknown,
            allowed=sorted(names),
        )


def _check_count(known: Sequence[int]) -> None:
    """Refuse masks of more values than there are classes."""
    if len(known) > MOST_CLASSES:
        raise errors.DataError(
            f"Masks hold {len(known)} different values, {known[0]} to {known[-1]}; at most "
            f"{MOST_CLASSES} classes are taken.\nA mask holds one number per class, not gray "
            "values, and not a number for each object.",
            given=len(known),
        )


def _class_names(
    known: Sequence[int], names: Mapping[int, str], unknown: Sequence[int]
) -> tuple[str, ...]:
    """Return the name of each class: the data's own, else by the value in the masks."""
    if unknown:  # 255 for the one class that is named
        name = next(name for value, name in sorted(names.items()) if value != 0)
        return (names.get(0, BACKGROUND), name)
    alone = len(known) == 2 and known[1] in WHITES
    given = {0: BACKGROUND, **({known[1]: FOREGROUND} if alone else {}), **names}
    # By the value itself, so that other data with fewer classes names them alike.
    return tuple(given.get(value, label_of(value)) for value in known)


def labels_of(
    classes: Sequence[str], table: Mapping[int, int], colors: Mapping[int, Sequence[int]]
) -> tuple[dict[str, Any], ...]:
    """Return name, value and, where masks have a palette, color of each class, in order.

    Args:
        classes: Names.
        table: Value -> class index; see `table_of`. Of several values of one class the first is
            taken; a class of none, as the background where 0 is void, gets its index.
        colors: Value -> color.
    """
    values: dict[int, int] = {}
    for value, index in table.items():
        values.setdefault(index, value)
    labels = []
    for index, name in enumerate(classes):
        label: dict[str, Any] = {"name": name, "value": values.get(index, index)}
        if label["value"] in colors:
            label["color"] = list(colors[label["value"]])
        labels.append(label)
    return tuple(labels)


def label_of(value: int) -> str:
    """Return the name of a value that the data gives none."""
    return f"label {value}"


def names_among(
    known: Sequence[str], classes: Sequence[str], table: Mapping[int, int]
) -> tuple[str, ...]:
    """Return the names of some data's classes as a model has them.

    A class that is alone in its data is called "foreground"; to a model that learned it beside
    others it is "label 1".

    Args:
        known: Classes of the model.
        classes: Those of the data.
        table: Value -> class index; see `table_of`.
    """
    names = []
    for number, name in enumerate(classes):
        if name == FOREGROUND and name not in known:
            value = next(value for value, index in table.items() if index == number)
            name = label_of(value) if label_of(value) in known else name
        names.append(name)
    return tuple(names)


def renumbered(mask: np.ndarray, table: Mapping[int, int]) -> np.ndarray:
    """Return class indices uint8 of a mask's values; see `table_of`."""
    lookup = np.full(max(int(mask.max()), *table) + 1, IGNORE_INDEX, "uint8")
    for value, number in table.items():
        lookup[value] = number
    indices: np.ndarray = lookup[mask]
    return indices
