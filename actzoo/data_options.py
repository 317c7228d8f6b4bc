"""Options of how a kind of data is opened: what they take, and the check of those given."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from actzoo import errors


@dataclasses.dataclass(frozen=True)
class DataOption:
    """One option of how a domain's data is opened; on the command line `--text-column`.

    Attributes:
        name: As `open` takes it ("text_column").
        kind: bool, int, float or str.
        help: One line.
        least: Lowest number it takes.
        inputs: Whether it matters for inputs alone, where `predict` reads no labels.
    """

    name: str
    kind: type
    help: str
    least: float = -math.inf
    inputs: bool = True


# Of data in any form, beside those of its kind.
COMMON = (
    DataOption(
        "archive_encoding",
        str,
        "Of names in a .zip or .tar that are not UTF-8, as cp932.",
        inputs=False,
    ),
)


def of_domain(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a domain's `open` takes, without those of data in any form."""
    others = {"allow_rare", *(row.name for row in COMMON)}
    return {name: value for name, value in given.items() if name not in others}


def read_options(options: Sequence[DataOption], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with which data is opened, checked.

    Args:
        options: Of a domain's row.
        given: Name -> value.

    Raises:
        UnknownNameError: There is no such option.
        InvalidValueError: A value is of the wrong kind, or too low.
    """
    rows = {row.name: row for row in (*options, *COMMON)}
    for name, value in given.items():
        if name not in rows:
            raise errors.unknown_name("data option", name, [*rows, "allow_rare"])
        row = rows[name]
        takes = {
            bool: (bool, "true or false"),
            int: (int, "a whole number"),
            float: (int | float, "a number"),
            str: (str | os.PathLike, "text"),
        }
        kind, allowed = takes[row.kind]
        fits = isinstance(value, kind) and (row.kind is bool or not isinstance(value, bool))
        if fits and row.kind in (int, float):
            fits = math.isfinite(value) and value >= row.least
            allowed += "" if math.isinf(row.least) else f" from {row.least:g}"
        if not fits:
            raise errors.InvalidValueError(
                f"The data option {name} is {errors.shown(repr(value))}; it takes {allowed}.",
                given=value,
                allowed=(allowed,),
            )
    return dict(given)
