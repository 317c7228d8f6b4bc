"""Why a path holds no table of texts although it seems to, and how to fix it."""

from __future__ import annotations

from pathlib import Path

from actzoo import errors
from actzoo.applications.text.tables import columns, decoding, json_tables, table
from actzoo.folders import entries

_SHEETS = (".xlsx", ".xls", ".xlsm", ".ods")
_OTHER_TABLES = {
    **dict.fromkeys(_SHEETS, "is a workbook. Save its sheet as CSV UTF-8 and give that file"),
    ".sql": "holds commands. Run them, and write the table as CSV",
    **dict.fromkeys(
        (".db", ".sqlite", ".sqlite3"),
        'is a database. Write its table as CSV: sqlite3 -header -csv FILE "select * from TABLE"',
    ),
    **dict.fromkeys((".pkl", ".pickle"), "is a pickle, which may run code. Write it as Parquet"),
    **dict.fromkeys(
        (".orc", ".avro", ".dta", ".sav", ".rds"), "is read elsewhere. Write it as CSV"
    ),
    ".zst": "is compressed with zstd. Unpack it: zstd -d FILE",
    ".xml": "is XML. Write the texts and their labels as CSV",
}
_NAMED = 6  # files and folders in a message


def near_miss(path: str) -> str | None:
    """Return what is wrong with a path that was not recognized, and what to do.

    Args:
        path: Of the user's data.
    """
    place = Path(path)
    return _file(place) if place.is_file() else _folder(place) if place.is_dir() else None


def _file(file: Path) -> str | None:
    name = errors.shown(file.name, 120)
    kind = file.suffix.lower()
    if kind in _OTHER_TABLES:
        return f"{name} {_OTHER_TABLES[kind]}."
    if table.kind_of(file) == ".json":
        try:
            json_tables.read_document(file.name, decoding.decoded(file))
        except errors.ActzooError as error:
            return str(error)
    if table.kind_of(file) == ".txt":
        return (
            f"{name} holds lines without labels. Give a table with a column of texts and one of "
            "labels, or begin each line with its label: __label__NAME TEXT."
        )
    return None


def _folder(place: Path) -> str | None:
    folders, names = entries(str(place))
    files = [place / name for name in names]
    tables = [file for file in files if table.kind_of(file) in table.SUFFIXES]
    sheets = [file for file in files if file.suffix.lower() in _SHEETS]
    if len(tables) == 1 and len(files) > 1:
        return (
            f"It holds the table {errors.shown(tables[0].name, 120)} beside {len(files) - 1:,} "
            "other files. If the table is the data, give the file itself."
        )
    if tables and folders and len(tables) == 1:
        return (
            f"It holds the table {errors.shown(tables[0].name, 120)} beside folders. If the table "
            "is the data, give the file itself."
        )
    if tables and not any(map(_is_complete, tables)):
        return (
            f"It holds the tables {_some(tables)}, none of which has texts and labels. Make one "
            "table with a column of each; if each file holds a class, its name is the label of its "
            "rows."
        )
    if tables:
        return (
            f"It holds the tables {_some(tables)}, of which none is train.*. Give one of them, "
            "join those that belong together, or name them train.csv, val.csv and test.csv."
        )
    if sheets:
        return _file(sheets[0])
    inside = [folder for folder in folders if table.find(str(place / folder))]
    if inside:
        return f"Several folders hold tables: {', '.join(inside[:_NAMED])}. Give one of them."
    return _folders_of_texts(place, folders)


def _folders_of_texts(place: Path, folders: list[str]) -> str | None:
    """Return what to do about a folder of text files for each class."""
    filled = [
        folder
        for folder in folders
        if any(Path(name).suffix.lower() == ".txt" for name in entries(str(place / folder))[1])
    ]
    if not filled:
        return None
    return (
        f"Its folders {errors.shown(', '.join(filled[:_NAMED]), 120)} hold text files. "
        "Put the texts into a table with the columns text and label, or those of each of two or "
        "more classes into a folder with little else."
    )


def _is_complete(file: Path) -> bool:
    """Say whether a table may have a column of texts and one of labels; other problems are told."""
    try:
        read = table.read(file)
    except errors.ActzooError:
        return True
    return len(read.columns) > 1 and columns.has_labels(read, None)


def _some(files: list[Path]) -> str:
    more = f" and {len(files) - _NAMED:,} more" if len(files) > _NAMED else ""
    return errors.shown(", ".join(file.name for file in files[:_NAMED]), 200) + more
