"""Tables of texts as users have them: CSV, TSV, JSONL and Parquet, read whole or refused.

What is read is exactly what is written there: nothing is guessed about broken rows. A message names
the file, the line and, where bytes are wrong, the byte.
"""

from __future__ import annotations

import codecs
import collections
import csv
import dataclasses
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NoReturn

from actzoo import errors
from actzoo.folders import SPLIT_NAMES, entries

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
FIELD_BYTES = 1 << 30  # the csv module's own limit of 131,072 refuses long texts
_LINE_END = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_WRITTEN = {"\\t": "\t", "\\x09": "\t", "tab": "\t"}  # how a tab can be typed in a shell
_BOMS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclasses.dataclass(frozen=True)
class Table:
    """The rows of one file.

    Attributes:
        name: Of the file.
        columns: Names, in order.
        rows: Cells as text, one list per row, in the order of `columns`.
        lines: Line of the file that each row begins at, counted from 1.
    """

    name: str
    columns: list[str]
    rows: list[list[str]]
    lines: list[int]


def find(path: str) -> list[tuple[str, Path]]:
    """Return the tables of a file or folder, each with its split; "" where it has none.

    A folder holds `train.*` and perhaps `val.*` and `test.*`, or a single table, or only a folder
    that does.

    Raises:
        DataError: Two files claim the same split, or the folder cannot be listed.
    """
    place = Path(path)
    if place.is_file():
        return [("", place)] if place.suffix.lower() in SUFFIXES else []
    if not place.is_dir():
        return []
    folders, files = entries(path)
    if not files and len(folders) == 1:  # as archives are packed
        return find(str(place / folders[0]))
    tables = [place / name for name in files if Path(name).suffix.lower() in SUFFIXES]
    by_split: dict[str, Path] = {}
    for file in tables:
        split = SPLIT_NAMES.get(file.stem.lower())
        if split is None:
            continue
        if split in by_split:
            raise errors.DataError(
                f"{errors.shown(place, 160)} holds two tables for {split}: "
                f"{errors.shown(by_split[split].name)} and {errors.shown(file.name)}.\nKeep one.",
                given=str(place),
            )
        by_split[split] = file
    if "train" in by_split:
        order = ("train", "val", "test")
        return [(split, by_split[split]) for split in order if split in by_split]
    # A table beside folders is mostly a list of what is in them.
    alone = len(tables) == 1 and not by_split and not folders
    return [("", tables[0])] if alone else []


def read(path: Path, *, delimiter: str | None = None, encoding: str | None = None) -> Table:
    """Read a table.

    Args:
        path: A file with one of `SUFFIXES`.
        delimiter: Between the fields of a CSV; None is a comma, or a tab in a `.tsv`.
        encoding: Of its text; None is UTF-8, or what its byte order mark says.

    Raises:
        DataError: It cannot be read as it is; names the line.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _parquet(path)
    text = _decoded(path, encoding)
    if suffix == ".jsonl":
        return _json_lines(path.name, text)
    return _separated(path.name, text, delimiter or ("\t" if suffix == ".tsv" else ","))


def lines_of(path: Path, encoding: str | None = None) -> list[str]:
    """Return the lines of a text file, decoded like a table."""
    return split_lines(_decoded(path, encoding))


def split_lines(text: str) -> list[str]:
    """Return lines as editors count them; a form feed, for example, does not end one."""
    return _LINE_END.split(text)


def refuse(name: str, line: int | None, what: str, fix: str) -> errors.DataError:
    """Return the error about a line of a table."""
    where = errors.shown(name, 120) + (f", line {line:,}" if line is not None else "")
    return errors.DataError(f"{where}: {what}\n{fix}", given=name, fix=fix)


def _decoded(path: Path, encoding: str | None) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise errors.DataError(
            f"{errors.shown(path, 200)} cannot be read: {error.strerror}.", given=str(path)
        ) from error
    marked = next((name for mark, name in _BOMS if raw.startswith(mark)), None)
    chosen = marked or encoding or "utf-8"
    try:
        text = raw.decode(chosen)
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        raise refuse(
            path.name,
            raw.count(b"\n", 0, at) + 1,
            f"byte {at:,} of the file is not {chosen} text.",
            "Save the file as UTF-8, or name its encoding: --encoding cp1252",
        ) from error
    except LookupError as error:  # also for what does not encode texts, such as base64
        raise errors.InvalidValueError(
            f"There is no encoding of texts '{errors.shown(chosen)}'.\nUse a name of Python's, "
            "such as utf-8, cp1252, latin-1 or utf-16-le.",
            given=chosen,
        ) from error
    _check_nul(path.name, raw, text)
    return text


def _check_nul(name: str, raw: bytes, text: str) -> None:
    """Refuse a NUL byte; many of them mean UTF-16."""
    at = text.find("\0")
    if at < 0:
        return
    guess = "utf-16-be" if raw[:1] == b"\0" else "utf-16-le"
    many = raw[:4000].count(0) * 4 > len(raw[:4000])
    raise refuse(
        name,
        text.count("\n", 0, at) + 1,
        f"there is a NUL byte at byte {len(text[:at].encode()):,} of the file.",
        f"It seems to be UTF-16: --encoding {guess}"
        if many
        else "Remove it; a text file holds none.",
    )


# --- separated values --------------------------------------------------------------------------


def _separated(name: str, text: str, delimiter: str) -> Table:
    delimiter = _WRITTEN.get(delimiter, delimiter)
    if len(delimiter) != 1:
        raise errors.InvalidValueError(
            f"The delimiter is {errors.shown(repr(delimiter))}; it is one character.",
            given=delimiter,
        )
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
    if delimiter == "\t" and _is_unquoted(text):
        quoting = csv.QUOTE_NONE
    table = _table_of(name, list(_rows(name, text, delimiter, quoting)))
    _check_swallowed(table, delimiter)
    return table


def _is_unquoted(text: str) -> bool:
    """Say whether a tab-separated text is written without quoting: quotes are ordinary characters.

    All lines then have the same number of tabs, and a quote that opens a field does not close it.
    """
    lines = [line.split("\t") for line in split_lines(text) if line]
    even = len(set(map(len, lines))) == 1 and len(lines[0]) > 1
    opening = (cell for line in lines for cell in line if cell.startswith('"'))
    return even and not all(map(_QUOTED.fullmatch, opening))


def _rows(
    name: str, text: str, delimiter: str, quoting: Literal[0, 3]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the fields of each row that is not blank."""
    before = csv.field_size_limit(FIELD_BYTES)
    try:
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True
        )
        line = 1
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
            line = reader.line_num + 1
    finally:
        csv.field_size_limit(before)


def _table_of(name: str, rows: Sequence[tuple[int, list[str]]]) -> Table:
    if not rows:
        raise refuse(name, None, "the file is empty.", "Give a table with a header and rows.")
    columns = _checked_columns(name, rows[0][1])
    for line, row in rows[1:]:
        if len(row) != len(columns):
            raise refuse(
                name,
                line,
                f"{len(row)} fields where the header has {len(columns)} "
                f"({errors.shown(', '.join(columns), 120)}).",
                "A field that holds the delimiter or a line break must be in quotes."
                + _other_delimiter(columns[0]),
            )
    return Table(name, columns, [row for _, row in rows[1:]], [line for line, _ in rows[1:]])


def _other_delimiter(header: str) -> str:
    """Return the hint that a header seems to be divided by another character; "" if not."""
    option = other_delimiter(header)
    return f" Or is another character the delimiter: {option}?" if option else ""


def other_delimiter(header: str) -> str | None:
    """Return the option for the character that seems to divide a header."""
    written = next((w for c, w in ((";", ";"), ("\t", "\\t"), ("|", "|")) if c in header), None)
    return None if written is None else f'--delimiter "{written}"'


def _checked_columns(name: str, columns: Sequence[str]) -> list[str]:
    stripped = [column.strip() for column in columns]
    twice = {column for column in stripped if stripped.count(column) > 1}
    if twice:
        raise refuse(
            name,
            1,
            f"the column '{errors.shown(min(twice))}' occurs twice.",
            "Rename one of them.",
        )
    return stripped


def _check_swallowed(table: Table, delimiter: str) -> None:
    """Refuse a field that seems to have swallowed rows, because a quote was left open."""
    # Cells that come again in their column, such as labels: lines that hold one may be rows.
    often = [
        {value for value, count in collections.Counter(column).items() if value and count > 1}
        for column in zip(*table.rows, strict=True)
    ]

    def is_row(cells: Sequence[str]) -> bool:
        return len(cells) == len(often) and any(c in o for c, o in zip(cells, often, strict=True))

    for row, line in zip(table.rows, table.lines, strict=True):
        for at, cell in enumerate(row):
            if "\n" not in cell:
                continue
            # The lines of the file, were the quotes not there.
            inside = [part.split(delimiter) for part in split_lines(cell)]
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


# --- JSON and Parquet --------------------------------------------------------------------------


def _json_lines(name: str, text: str) -> Table:
    columns: list[str] = []
    rows, lines = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        fields = _json_object(name, number, line)
        if not columns:
            columns = list(fields)
        _check_keys(name, number, columns, fields)
        rows.append([_cell(fields[column]) for column in columns])
        lines.append(number)
    if not rows:
        raise refuse(name, None, "the file is empty.", "Give one JSON object per line.")
    return Table(name, columns, rows, lines)


def _check_keys(name: str, line: int, columns: Sequence[str], fields: Mapping[str, object]) -> None:
    """Refuse a line that has other keys than the first."""
    missing = [column for column in columns if column not in fields]
    new = [column for column in fields if column not in columns]
    if not missing and not new:
        return
    key, what = (missing[0], "is missing") if missing else (new[0], "is new")
    raise refuse(
        name,
        line,
        f"the key '{errors.shown(key)}' {what}; the first line has "
        f"{errors.shown(', '.join(columns), 120)}.",
        "Give every line the same keys.",
    )


def _json_object(name: str, number: int, line: str) -> dict[str, object]:
    problem = None
    try:
        fields = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        problem = f"it is not JSON: {error.msg} at character {error.pos + 1}."
    except RecursionError:
        problem = "it is nested too deeply."
    except ValueError as error:
        problem = f"{error}."
    else:
        if isinstance(fields, dict):
            return fields
        problem = f"it holds {type(fields).__name__}, not an object."
    raise refuse(name, number, problem, 'Each line is one object: {"text": "...", "label": "..."}')


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        twice = next(key for key in fields if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"the key '{errors.shown(twice)}' occurs twice")
    return fields


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _cell(value: object) -> str:
    """Return a value as a table shows it; what is missing is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text.encode("utf-8", "replace").decode()  # JSON may hold half of a surrogate pair


def _parquet(path: Path) -> Table:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise errors.missing_extra("pyarrow", "text", "Reading .parquet tables") from None
    try:
        content = parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise refuse(
            path.name,
            None,
            f"it is not a Parquet table: {errors.shown(error, 120)}.",
            "Write it again.",
        ) from error
    columns = _checked_columns(path.name, content.column_names)
    cells = [[_cell(value) for value in column.to_pylist()] for column in content.columns]
    rows = [list(row) for row in zip(*cells, strict=True)]
    return Table(path.name, columns, rows, list(range(1, len(rows) + 1)))
