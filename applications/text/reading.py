"""Texts that a user gives to `predict`: sentences, lines of files, rows of tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from actzoo import errors
from actzoo.applications.text.tables import cells, columns, gathering, table
from actzoo.applications.text.tables.records import Table
from actzoo.given_inputs import GivenInput, listed

_NO_TABLES = (".xlsx", ".xls", ".ods", ".pdf", ".docx", ".zip", ".sql", ".db", ".sqlite", ".pkl")


def read_given(given: Sequence[str], options: Mapping[str, Any]) -> Iterator[GivenInput]:
    """Yield the texts that a user gives to `predict`.

    Args:
        given: Sentences; files with one sentence a line ("-" is the standard input); tables with
            a column of texts; or folders of such files.
        options: How the data is opened: as in training, or as the user says.

    Yields:
        The text as UTF-8, or what is wrong with it.
    """
    for item in given:
        path = Path("/dev/stdin" if item == "-" else item)
        if not item.strip():
            yield GivenInput(item, item.encode())  # preparing it says that it is empty
        elif _is_there(path):
            for file in listed(path, table.holds_texts):
                if isinstance(file, GivenInput):
                    yield file
                else:
                    yield from _texts_of(file, options)
        elif _names_a_file(item):
            yield GivenInput(item, problem=f"There is no file {errors.shown(item, 200)}.")
        else:
            yield GivenInput(item, item.encode("utf-8", "replace"))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a sentence may be longer than a path can be
        return False


def _names_a_file(item: str) -> bool:
    """Tell whether a text that is not the path of a file was meant as one."""
    path = Path(item)
    is_path = " " not in item or (len(path.parts) > 1 and _is_there(path.parent))
    known = (*table.SUFFIXES, ".txt", *_NO_TABLES)
    return is_path and "://" not in item and table.kind_of(path) in known


def _texts_of(path: Path, options: Mapping[str, Any]) -> Iterator[GivenInput]:
    encoding, kind = options.get("encoding"), table.kind_of(path)
    has_texts = False
    if kind in _NO_TABLES:
        problem = f"{errors.shown(path, 200)} is not a text file; save it as CSV."
        yield GivenInput(str(path), problem=problem)
        return
    try:
        is_table = kind in table.SUFFIXES or table.begins_with_labels(
            path, any(options.get(name) for name in ("columns", "text_column"))
        )
        if not is_table and options.get("whole_files"):
            text = "\n".join(table.lines_of(path, encoding))
            yield GivenInput(str(path), text.encode())
            return
        if not is_table:
            texts: Iterable[tuple[int, str]] = enumerate(table.lines_of(path, encoding), 1)
        else:
            read = table.read(
                path,
                delimiter=options.get("delimiter"),
                encoding=encoding,
                columns=options.get("columns"),
            )
            at = columns.text_alone(read, options.get("text_column"), options.get("label_column"))
            texts = _column_of_texts(read, at, options)
            if options.get("text_column") is None and (note := columns.doubt(read, at)):
                yield GivenInput(str(path), note=note)
        for line, text in texts:
            if text.strip() or is_table:
                has_texts = True
                yield GivenInput(f"{path}:{line}", text.encode())
        if not has_texts:
            yield GivenInput(str(path), problem=f"{errors.shown(path, 200)} holds no texts.")
    except errors.ActzooError as error:
        yield GivenInput(str(path), problem=str(error))


def _column_of_texts(read: Table, at: int, options: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each row; the columns are found as in training.

    One column needs no header: one of several words is the first text, unless it was named.
    """
    text_column = options.get("text_column")
    texts = cells.texts(read, at)[0]
    if text_column is None:
        gathering.check_texts(read, at, texts)
    if columns.is_text_as_name(read) and read.columns[0] != text_column:
        yield 1, read.columns[0]
    yield from zip(read.lines, texts, strict=True)
