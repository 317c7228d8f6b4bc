"""Tables of separated values as programs write them, with commas, tabs or other delimiters."""

from __future__ import annotations

import collections
import csv
import dataclasses
import io
import re
from collections.abc import Iterator, Sequence
from typing import Literal

from actzoo import errors
from actzoo.applications.text.tables.decoding import after_lines, split_lines
from actzoo.applications.text.tables.records import (
    Table,
    checked_columns,
    is_blank,
    refuse,
    unnamed,
)

FIELD_BYTES = 1 << 30  # the csv module's own limit of 131,072 refuses long texts
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_DELIMITERS, _SHOWN = ";\t|^~", {"\t": "\\t"}  # that are looked for where a comma divides nothing
_WRITTEN = {"\\t": "\t", "\\x09": "\t", "tab": "\t"}  # how a tab can be typed in a shell
_SEP = re.compile(r'"?sep=(.)"?[,;\t]*', re.IGNORECASE)  # first line that Excel writes and reads
Row = tuple[int, list[str]]


def read_separated(
    name: str, text: str, default: str, delimiter: str | None, columns: str | None
) -> Table:
    """Return the table that separated values are.

    Args:
        name: Of the file.
        text: Its content.
        default: Delimiter, where neither the user nor the file names one.
        delimiter: As the user gave it.
        columns: Names of the columns, by commas, of a table without a header.

    Raises:
        DataError: It cannot be read as it is; names the line.
        InvalidValueError: The delimiter is not one character.
    """
    skipped, written = _preamble(text)
    chosen = delimiter or written or default
    chosen = _WRITTEN.get(chosen, chosen)
    if len(chosen) != 1:
        raise errors.InvalidValueError(
            f"The delimiter is {errors.shown(repr(chosen))}; it is one character.", given=chosen
        )
    notes = []
    comments = 0 if written else _comments(text, chosen)
    if comments:
        notes.append(
            f"{errors.shown(name, 120)} begins with {comments} lines of comments, left out."
        )
    skipped += comments
    body = after_lines(text, skipped)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
    if chosen == "\t" and _is_unquoted(body):
        quoting = csv.QUOTE_NONE
    rows = list(_rows(name, body, chosen, quoting, skipped + 1, _is_spaced(body, chosen)))
    table = _table_of(name, rows, columns, notes)
    _check_swallowed(table, chosen)
    return table


def _preamble(text: str) -> tuple[int, str | None]:
    """Return how many lines come before the table, and the delimiter that they name."""
    first = split_lines(text[:40])[0]
    named = _SEP.fullmatch(first)
    return (1, named[1]) if named else (0, None)


def _comments(text: str, delimiter: str) -> int:
    """Return how many lines of comments a text begins with, which have no field of a table."""
    lines = split_lines(text[:20_000])
    count = 0
    while count < len(lines) and lines[count].startswith("#") and delimiter not in lines[count]:
        count += 1
    return count if count < len(lines) and delimiter in lines[count] else 0


def _is_unquoted(text: str) -> bool:
    """Say whether a tab-separated text is written without quoting: quotes are ordinary characters.

    All lines then have the same number of tabs, and a quote that opens a field does not close it.
    """
    lines = [line.split("\t") for line in split_lines(text) if line]
    even = len(set(map(len, lines))) == 1 and len(lines[0]) > 1
    opening = (cell for line in lines for cell in line if cell.startswith('"'))
    return even and not all(map(_QUOTED.fullmatch, opening))


def _is_spaced(text: str, delimiter: str) -> bool:
    """Say whether quoted fields follow a delimiter and a space: `"a film", "good"`."""
    if delimiter.isspace():
        return False
    lines = [line for line in split_lines(text[:20_000])[:-1] if line.strip()][1:]
    spaced = re.compile(rf'{re.escape(delimiter)} +"[^"]*"(?={re.escape(delimiter)}|$)')
    return bool(lines) and all(map(spaced.search, lines))


def _rows(
    name: str, text: str, delimiter: str, quoting: Literal[0, 3], first: int, spaced: bool
) -> Iterator[Row]:
    """Yield the line and the fields of each row that is not blank."""
    before = csv.field_size_limit(FIELD_BYTES)
    try:
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=delimiter,
            quoting=quoting,
            skipinitialspace=spaced,
            strict=True,
        )
        line = first
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise refuse(
                    name,
                    line,
                    f"a quote is not closed, or is inside a quoted field ({error}).",
                    'Write a quote inside a quoted field twice, as in "he said ""yes""".'
                    + _other_delimiter(split_lines(text)[0].partition(delimiter)[0]),
                ) from error
            if row:
                yield line, row
            line = reader.line_num + first
    finally:
        csv.field_size_limit(before)


def _table_of(name: str, rows: Sequence[Row], given: str | None, notes: list[str]) -> Table:
    if not rows:
        raise refuse(name, None, "the file is empty.", "Give a table with a header and rows.")
    header = rows[0][1] if given is None else given.split(",")
    columns = checked_columns(name, header)
    unused = {at for at, column in enumerate(header) if not column.strip()}
    body: list[list[object]] = []
    lines = []
    for line, row in rows if given is not None else rows[1:]:
        cells = _fitted(row, len(columns), unused)
        if cells is None:
            raise _ragged(name, line, row, rows, columns, given is not None)
        if len(columns) > 1 and all(map(is_blank, cells)):
            continue
        body.append([*cells])
        lines.append(line)
    again = [at for at, row in enumerate(body) if given is None and row == header[: len(columns)]]
    table = Table(name, columns, body, lines, named_by_line=given is None)
    if again and len(columns) > 1:
        notes.append(f"The header occurs again as a row, left out: {table.places(again)}.")
        table = _without_rows(table, set(again))
    return _without_unnamed(table, unused, notes)


def _fitted(row: list[str], width: int, unused: set[int]) -> list[str] | None:
    """Return a row with as many cells as columns, if what is too much or too little is blank."""
    if len(row) > width and all(map(is_blank, row[width:])):
        return row[:width]
    if len(row) < width and (
        (len(row) == 1 and is_blank(row[0])) or _trails(len(row), width, unused)
    ):
        return row + [""] * (width - len(row))
    return row if len(row) == width else None


def _trails(count: int, width: int, unused: set[int]) -> bool:
    return all(at in unused for at in range(count, width))


def _without_rows(table: Table, dropped: set[int]) -> Table:
    kept = [at for at in range(len(table.rows)) if at not in dropped]
    rows, lines = [table.rows[at] for at in kept], [table.lines[at] for at in kept]
    return dataclasses.replace(table, rows=rows, lines=lines)


def _without_unnamed(table: Table, unused: set[int], notes: list[str]) -> Table:
    """Leave out columns that have neither a name nor a cell; say what is in other nameless ones."""
    if not unused:
        return dataclasses.replace(table, notes=tuple(notes))
    filled = {at: [i for i, row in enumerate(table.rows) if not is_blank(row[at])] for at in unused}
    trailing = [at for at in sorted(unused) if filled[at] and at > 0]
    if trailing:
        rows = sorted({i for at in trailing for i in filled[at]})
        named = ", ".join(f"'{unnamed(at)}'" for at in trailing)
        notes.append(
            f"Columns without a name are not read: {named}; {len(rows):,} rows hold something "
            f"there: {table.places(rows)}."
        )
    kept = [at for at in range(len(table.columns)) if at not in unused or filled[at]]
    columns = [table.columns[at] for at in kept]
    rows_kept = [[row[at] for at in kept] for row in table.rows]
    return dataclasses.replace(table, columns=columns, rows=rows_kept, notes=tuple(notes))


def _ragged(
    name: str,
    line: int,
    row: Sequence[str],
    rows: Sequence[Row],
    columns: Sequence[str],
    is_given: bool,
) -> errors.DataError:
    """Return the error about a row with another number of fields than there are columns."""
    whose = "--columns names" if is_given else "the header has"
    fix = "A field that holds the delimiter or a line break must be in quotes."
    wider = all(len(cells) == len(columns) + 1 for _, cells in rows[1:])
    option = other_delimiter(columns[0]) if len(columns) == 1 else None
    if option is not None:
        fix = f"Its fields seem to be divided by another character: {option}"
    elif is_given:
        fix = f"Name as many columns as the rows have: --columns {errors.quoted(_names(len(row)))}"
    elif len(columns) == 1 and len({len(cells) for _, cells in rows[1:]}) == 1:
        fix = "If the first line is a title and not the header, remove it."
    elif wider and len(columns) > 1 and len(rows) > 2:
        fix = "Every row has one field more: name the column that the header leaves out."
    elif row[0].startswith("#"):
        fix = "If it is a comment, remove the line."
    elif line == rows[-1][0] and len(row) < len(columns):
        fix = "It is the last line; if it is no row of the table, remove it."
    return refuse(
        name,
        line,
        f"{len(row)} fields where {whose} {len(columns)} "
        f"({errors.shown(', '.join(columns), 120)}).",
        fix if option else fix + _other_delimiter(columns[0]),
    )


def _names(count: int) -> str:
    return ",".join(
        ["text", "label", *(f"column{number}" for number in range(3, count + 1))][:count]
    )


def _other_delimiter(header: str) -> str:
    """Return the hint that a header seems to be divided by another character; "" if not."""
    option = other_delimiter(header)
    return f" Or is another character the delimiter: {option}?" if option else ""


def other_delimiter(header: str) -> str | None:
    """Return the option for the character that seems to divide a header."""
    written = next((_SHOWN.get(mark, mark) for mark in _DELIMITERS if mark in header), None)
    return None if written is None else f'--delimiter "{written}"'


def _check_swallowed(table: Table, delimiter: str) -> None:
    """Refuse a field that seems to have swallowed rows, because a quote was left open."""
    # Cells that come again in their column, such as labels: lines that hold one may be rows.
    often = [
        {value for value, count in collections.Counter(column).items() if value and count > 1}
        for column in zip(*table.rows, strict=True)
    ]

    def is_row(cells: Sequence[object]) -> bool:
        return len(cells) == len(often) and any(c in o for c, o in zip(cells, often, strict=True))

    for row, line in zip(table.rows, table.lines, strict=True):
        for at, cell in enumerate(row):
            if "\n" not in str(cell):
                continue
            # The lines of the file, were the quotes not there.
            inside: list[list[object]] = [[*p.split(delimiter)] for p in split_lines(str(cell))]
            inside[0] = [*row[:at], *inside[0]]
            inside[-1] = [*inside[-1], *row[at + 1 :]]
            rows = [is_row(cells) for cells in inside]
            if rows[0] and rows[-1] and 2 * sum(rows) >= len(rows):
                raise refuse(
                    table.name,
                    line,
                    f"a field holds {len(rows):,} lines, {sum(rows):,} of which look like rows of "
                    f"{len(table.columns)} columns.",
                    "A quote seems to be left open there: close it, or remove it.",
                )
