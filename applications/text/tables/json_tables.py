"""Tables in JSON: one object per line, or one document as pandas, SQL and Hugging Face write it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn, cast

from actzoo import errors
from actzoo.applications.text.tables.columns import KNOWN
from actzoo.applications.text.tables.records import Table, checked_columns, refuse
from actzoo.folders import SPLIT_NAMES

_ROWS_KEYS = ("data", "rows", "examples", "records")  # of a document that says more than its rows
_FORMS = (
    'Accepted: [{"text": "...", "label": "..."}, ...], {"text": [...], "label": [...]}, what '
    "pandas' to_json writes, or one object per line."
)
Record = Mapping[str, object]


def read_lines(name: str, text: str) -> Table:
    """Return the table of a file with one JSON object per line.

    Raises:
        DataError: A line is not an object, or has other keys than the first.
    """
    if _is_array(text):
        return read_document(name, text)
    columns: list[str] = []
    rows: list[list[object]] = []
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        fields = _object(name, number, line)
        if not columns:
            columns = list(fields)
        _check_keys(name, number, columns, fields)
        rows.append([fields[column] for column in columns])
        lines.append(number)
    if not rows:
        raise refuse(name, None, "the file is empty.", "Give one JSON object per line.")
    return Table(name, columns, rows, lines)


def _is_array(text: str) -> bool:
    """Say whether a text is one array of objects, not one object per line."""
    if not re.match(r"\s*\[\s*\{", text):
        return False
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def _check_keys(name: str, line: int, columns: Sequence[str], fields: Record) -> None:
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


def _object(name: str, number: int, line: str) -> dict[str, object]:
    fields = _parsed(name, number, line)
    if isinstance(fields, dict):
        return fields
    problem = f"it holds {type(fields).__name__}, not an object."
    raise refuse(name, number, problem, 'Each line is one object: {"text": "...", "label": "..."}')


def _parsed(name: str, number: int | None, text: str) -> object:
    problem, fix = None, 'Each line is one object: {"text": "...", "label": "..."}'
    if number is None:
        fix = _FORMS
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        problem = f"it is not JSON: {error.msg} at character {error.pos + 1}."
    except RecursionError:
        problem = "it is nested too deeply."
    except ValueError as error:
        problem = f"{error}."
    raise refuse(name, number, problem, fix)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        twice = next(key for key in fields if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"the key '{errors.shown(twice)}' occurs twice")
    return fields


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def seems_table(text: str) -> bool:
    """Say whether a JSON document seems to be a table: rows or columns, and nothing else."""
    if text.lstrip("\ufeff \t\r\n").startswith("["):
        return True
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        return error.msg == "Extra data"  # one object per line
    except RecursionError:
        return False
    return isinstance(content, dict) and _rows_or_columns(content) is not None


def read_document(name: str, text: str, columns: str | None = None) -> Table:
    """Return the table of one JSON document, or of one object per line.

    Args:
        name: Of the file.
        text: Its content.
        columns: Names of the columns, by commas, where rows are lists.

    Raises:
        DataError: It is not a table.
    """
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and "\n" in text.strip():
            return read_lines(name, text)
    except RecursionError:
        pass
    content = _parsed(name, None, text)
    if isinstance(content, dict):
        _refuse_splits(name, content)
        content = _rows_or_columns(content)
    if isinstance(content, dict):  # of columns
        return _of_columns(name, content)
    if isinstance(content, list) and content:
        return _of_rows(name, content, columns)
    raise refuse(name, None, "its JSON is not a table of texts.", _FORMS)


def _refuse_splits(name: str, content: Record) -> None:
    """Refuse a document that holds several splits."""
    splits = [key for key in content if key.lower() in SPLIT_NAMES]
    if len(splits) > 1:
        named = ", ".join(f"{split}.json" for split in splits)
        raise refuse(
            name,
            None,
            f"it holds the splits {', '.join(splits)}.",
            f"Write each into a file of its own in one folder: {named}.",
        )


def _rows_or_columns(content: Record) -> list[object] | dict[str, list[object]] | None:
    """Return the rows of a document as a list, or its columns by name; None if it has neither."""
    values = list(content.values())
    if isinstance(content.get("columns"), list) and isinstance(content.get("data"), list):
        return _of_split(content)
    if values and all(isinstance(value, list) for value in values):
        columns = {key: cast("list[object]", value) for key, value in content.items()}
        first = next((cells[0] for cells in columns.values() if cells), None)
        if _has_known_name(content) or not isinstance(first, dict):
            return columns
    if values and all(isinstance(value, dict) for value in values):
        return _of_index(cast("Mapping[str, dict[str, object]]", content))
    for key in _ROWS_KEYS:
        rows = content.get(key)
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            return [row["row"] if isinstance(row.get("row"), dict) else row for row in rows]
    return None


def _of_split(content: Record) -> list[object] | None:
    """Return the rows of pandas' `orient="split"` as objects."""
    names = [str(name) for name in cast("list[object]", content["columns"])]
    rows = cast("list[object]", content["data"])
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    return [dict(zip(names, cast("list[object]", row), strict=True)) for row in rows]


def _of_index(content: Mapping[str, dict[str, object]]) -> list[object] | dict[str, list[object]]:
    """Return what pandas' `orient="index"` or `orient="columns"` holds."""
    inner = next(iter(content.values()))
    if not _has_known_name(content) and (_has_known_name(inner) or len(inner) < len(content)):
        return list(content.values())
    keys = list(inner)
    return {name: [values.get(key) for key in keys] for name, values in content.items()}


def _has_known_name(names: Mapping[str, object]) -> bool:
    return any(name.strip().casefold() in KNOWN for name in names)


def _of_columns(name: str, content: Mapping[str, list[object]]) -> Table:
    lengths = {len(values) for values in content.values()}
    if len(lengths) != 1:
        shown = ", ".join(f"'{errors.shown(n)}' {len(v):,}" for n, v in content.items())
        raise refuse(name, None, f"its columns have different lengths: {shown}.", _FORMS)
    rows = [list(row) for row in zip(*content.values(), strict=True)]
    return Table(name, checked_columns(name, list(content)), rows, list(range(1, len(rows) + 1)))


def _of_rows(name: str, content: Sequence[object], columns: str | None) -> Table:
    """Return the table of a list of objects, or of lists whose first names the columns."""
    numbers = list(range(1, len(content) + 1))
    if all(isinstance(row, dict) for row in content):
        records = cast("Sequence[Record]", content)
        names = list(dict.fromkeys(key for record in records for key in record))
        rows = [[record.get(key) for key in names] for record in records]
        return Table(name, checked_columns(name, names), rows, numbers)
    lists = [cast("list[object]", row) for row in content if isinstance(row, list)]
    if len(lists) < len(content) or len(set(map(len, lists))) != 1:
        kinds = ", ".join(sorted({type(row).__name__ for row in content}))
        raise refuse(name, None, f"its list holds {kinds}, not objects of one row each.", _FORMS)
    if columns is not None:
        return Table(name, checked_columns(name, columns.split(",")), lists, numbers)
    header = [str(cell) for cell in lists[0]]
    return Table(name, checked_columns(name, header), lists[1:], numbers[1:], named_by_line=True)
