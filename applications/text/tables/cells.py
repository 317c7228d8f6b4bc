"""Cells as texts and labels: decoded where that is certain, else refused with rows and reason.

A CSV holds text only; JSON and Parquet hold what programs put there: bytes, lists, objects, numbers
of several kinds, dates. `str()` of these would make classes like "b'neg'" that nobody wrote.
"""

from __future__ import annotations

import ast
import collections
import dataclasses
import decimal
import json
import math
import re
import unicodedata
from collections.abc import Sequence

from actzoo import errors
from actzoo.applications.text.tables.records import Table

MULTI_LABEL = (
    "One class per example can be learned, several labels (multi-label) cannot yet: keep one label "
    "per row, or give a column that holds one: --label-column NAME"
)
_WRITTEN = re.compile(r"""\s*(?:\[.*\]|\(.*\)|\{.*\}|[bB]'.*'|[bB]".*")\s*""", re.DOTALL)
_WHOLE = re.compile(r"-?\d+\.0+")  # as pandas writes whole numbers where some are missing
_LONGEST_LITERAL = 10_000  # characters of a label that is looked at as a written list


@dataclasses.dataclass(frozen=True)
class Moment:
    """A date or a time, which is neither a text nor a class.

    Attributes:
        shown: As text.
    """

    shown: str


class _Unusable(Exception):
    """A cell that stands for no text and no label."""

    def __init__(self, what: str, shown: object) -> None:
        super().__init__(what)
        self.what, self.shown = what, errors.shown(shown, 40)


def texts(table: Table, at: int) -> tuple[list[str], list[str]]:
    """Return the texts of a column, and notes on how they were read.

    Args:
        table: The table.
        at: Position of the column.

    Raises:
        DataError: Cells are not texts; names the rows.
    """
    cells = table.column(at)
    notes: list[str] = []
    if cells and all(isinstance(cell, str) and _WRITTEN.fullmatch(cell) for cell in cells):
        values = [_literal(str(cell)) for cell in cells]
        if not any(isinstance(value, str) for value in values):
            cells = values
            notes.append(
                f"The texts of the column '{errors.shown(table.columns[at])}' are written as "
                f"Python or JSON writes them, such as {errors.shown(table.column(at)[0], 40)}, and "
                "were decoded."
            )
    return _read(table, at, cells, "texts", notes), notes


def labels(table: Table, at: int) -> tuple[list[str], list[str]]:
    """Return the labels of a column in Unicode form NFC, and notes on how they were read.

    Args:
        table: The table.
        at: Position of the column.

    Raises:
        DataError: Cells are not labels, or several labels; names the rows.
    """
    cells = [_literal(cell) if isinstance(cell, str) else cell for cell in table.column(at)]
    notes: list[str] = []
    written = sum(one is not other for one, other in zip(cells, table.column(at), strict=True))
    values = _read(table, at, cells, "labels", notes)
    plain = [unicodedata.normalize("NFC", value) for value in values]
    changed = [row for row, value in enumerate(values) if value != plain[row]]
    if changed:
        notes.append(
            f"{len(changed):,} labels of {errors.shown(table.name)} are written with letters and "
            "accents apart (Unicode form NFD, as macOS does) and are taken as the same with them "
            f"together (NFC): {table.places(changed)}."
        )
    filled = [label.strip() for label in plain if label.strip()]
    if filled and all(map(_WHOLE.fullmatch, filled)):
        plain = [label.strip().partition(".")[0] for label in plain]
        notes.append(
            f"The labels of {errors.shown(table.name)} are whole numbers with decimals, such as "
            f"{filled[0]}, and are taken as {filled[0].partition('.')[0]}."
        )
    if written:
        notes.append(
            f"{written:,} labels of {errors.shown(table.name)} are written as lists of one or as "
            "bytes, and were taken out of them."
        )
    return plain, notes


def shown(cell: object) -> str:
    """Return a cell as text for looking at a column; nothing is refused."""
    try:
        return _plain(cell)
    except _Unusable as error:
        return error.shown


def _literal(cell: str) -> object:
    """Return the list or bytes that a text spells in Python or JSON, or the text."""
    if len(cell) > _LONGEST_LITERAL or not _WRITTEN.fullmatch(cell):
        return cell
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(cell.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        return value if isinstance(value, (list, tuple, set, dict, bytes)) else cell
    return cell


def _read(table: Table, at: int, cells: Sequence[object], role: str, notes: list[str]) -> list[str]:
    values: list[str] = []
    problems: dict[str, list[tuple[int, str]]] = collections.defaultdict(list)
    for row, cell in enumerate(cells):
        try:
            values.append(_plain(cell))
        except _Unusable as error:
            problems[error.what].append((row, error.shown))
    if problems:
        raise _refused(table, at, role, problems)
    decoded = sum(isinstance(cell, (bytes, bytearray, memoryview)) for cell in table.column(at))
    if decoded:
        notes.append(f"{decoded:,} {role} of {errors.shown(table.name)} are bytes, read as UTF-8.")
    return values


def _plain(cell: object) -> str:
    """Return a cell as text; what is missing is empty.

    Raises:
        _Unusable: It is neither text nor a number.
    """
    if isinstance(cell, str):
        return cell.encode("utf-8", "replace").decode()  # JSON may hold half of a surrogate pair
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return _from_bytes(bytes(cell))
    if isinstance(cell, (int, float, decimal.Decimal)):
        return _from_number(cell)
    if isinstance(cell, (list, tuple, set, frozenset)):
        inside = list(cell)
        if len(inside) <= 1:
            return _plain(inside[0]) if inside else ""
        raise _Unusable("several values", ", ".join(map(shown, inside)))
    if isinstance(cell, dict):
        raise _Unusable("an object with keys", ", ".join(map(str, cell)))
    if isinstance(cell, Moment):
        raise _Unusable("a date or time", cell.shown)
    raise _Unusable(f"a value of type {type(cell).__name__}", cell)


def _from_bytes(cell: bytes) -> str:
    try:
        return cell.rstrip(b"\0").decode("utf-8")  # NumPy pads bytes with zeros
    except UnicodeDecodeError as error:
        raise _Unusable("bytes that are not UTF-8", cell[:40]) from error


def _from_number(cell: float | decimal.Decimal) -> str:
    """Return a number as it is counted: 1.0 is 1, as in a column that misses some."""
    if not math.isfinite(cell):
        return "" if math.isnan(cell) else str(cell)
    return str(int(cell)) if cell == int(cell) and abs(float(cell)) < 1e15 else str(cell)


def _refused(
    table: Table, at: int, role: str, problems: dict[str, list[tuple[int, str]]]
) -> errors.DataError:
    what, found = max(problems.items(), key=lambda item: len(item[1]))
    rows = ", ".join(f"{table.name}:{table.lines[row]} ({cell})" for row, cell in found[:5])
    more = f" and {len(found) - 5:,} more" if len(found) > 5 else ""
    option = f"--{role[:-1]}-column NAME"
    fix = f"Give a column of {role}: {option}"
    if found[0][1] == "bytes, path":  # as Hugging Face keeps pictures and sounds
        fix = "These are files, not texts: save each into the folder of its class."
    elif what == "several values" and role == "labels":
        fix = MULTI_LABEL
    elif what == "several values":
        fix = f"A text is one string: join the values, or give another column: {option}"
    elif what == "bytes that are not UTF-8":
        fix = f"Write them as UTF-8 text, or give another column: {option}"
    return errors.DataError(
        f"The column '{errors.shown(table.columns[at])}' of {errors.shown(table.name)} is read as "
        f"{role}, but {len(found):,} of {len(table.rows):,} rows hold {what}: {rows}{more}.\n{fix}",
        given=[row for row, _ in found[:10]],
        fix=option,
    )
