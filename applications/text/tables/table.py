"""Tables of texts as users have them: found in files and folders, read whole or refused.

What is read is exactly what is written there: nothing is guessed about broken rows. A message names
the file, the line and, where bytes are wrong, the byte.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from actzoo import errors
from actzoo.applications.text.tables import (
    columnar,
    decoding,
    json_tables,
    labeled_lines,
    separated,
)
from actzoo.applications.text.tables.decoding import split_lines
from actzoo.applications.text.tables.records import Table, written
from actzoo.folders import SPLIT_NAMES, LeftOut, entries

SUFFIXES = (
    ".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".feather"
)  # fmt: skip
# Endings of texts whose lines may begin with labels, which their content decides.
_LINES = (".txt", ".label", ".ft", ".train", ".test", ".valid", ".data", "")
# What may lie beside a table that is the data.
_COMPANIONS = (
    "", ".md", ".rst", ".txt", ".pdf", ".html", ".htm", ".json", ".yaml", ".yml", ".toml", ".bib",
    ".py", ".ipynb", ".r", ".sh", ".log", ".license", ".sha256", ".md5", ".docx", ".xlsx", ".ods",
)  # fmt: skip
_FEW = 20  # files in a folder, up to which each is looked at for lines with labels
_SHARD = re.compile(r"(.+?)-(\d{5})-of-(\d{5})(?:-[0-9a-f]{8,})?")
_ABOUT_DATA = ("dataset_info", "dataset_infos", "dataset_dict", "state", "package", "metadata")


def kind_of(path: Path) -> str:
    """Return the ending of a table, without that of its compression; "" where it has none."""
    return Path(_unpacked_name(path)).suffix.lower()


def _unpacked_name(path: Path) -> str:
    return path.stem if path.suffix.lower() in decoding.PACKED else path.name


def _stem(path: Path) -> str:
    """Return the name of a table without endings and without the number of its part."""
    stem = Path(_unpacked_name(path)).stem.lower()
    if stem.endswith(".ft"):  # as in train.ft.txt
        stem = stem.removesuffix(".ft")
    part = _SHARD.fullmatch(stem)
    return part[1] if part else stem


def holds_texts(name: str) -> bool:
    """Say whether a file in a folder of inputs holds texts, by its name."""
    path = Path(name)
    return kind_of(path) in (*SUFFIXES, ".txt") and _stem(path) not in _ABOUT_DATA


def is_table(path: Path) -> bool:
    """Say whether a file may hold a table of texts, by its ending, or by how it begins."""
    kind = kind_of(path)
    if kind == ".json":
        return _stem(path) not in _ABOUT_DATA and _is_json_table(path)
    return kind in SUFFIXES or (kind in _LINES and labeled_lines.form_of(path) is not None)


def begins_with_labels(path: Path, is_named: bool = False) -> bool:
    """Say whether the lines of a file hold labels beside texts, not texts alone.

    Args:
        path: A file without the ending of a table.
        is_named: The user named columns, so that fields are meant.
    """
    if not path.is_file() or kind_of(path) not in _LINES:  # a pipe can be read only once
        return False
    form = labeled_lines.form_of(path)
    delimiter = labeled_lines.DIVIDED.get(form or "")
    if delimiter is not None:
        return is_named or labeled_lines.has_header(path, delimiter)
    return form is not None


def _is_json_table(path: Path) -> bool:
    try:
        return json_tables.seems_table(decoding.decoded(path))
    except errors.ActzooError:
        return False


def find(path: str) -> list[tuple[str, Path]]:
    """Return the tables of a file or folder, each with its split; "" where it has none.

    A folder holds `train.*` and perhaps `val.*` and `test.*`, each one table or several parts
    (`train-00000-of-00002.parquet`), or folders of these names; or a single table; or only a
    folder that does.

    Raises:
        DataError: Two files claim the same split, or the folder cannot be listed.
    """
    place = Path(path)
    if place.is_file():
        return [("", place)] if is_table(place) else []
    if not place.is_dir():
        return []
    folders, files = entries(path)
    paths = [place / name for name in files]
    by_split = _by_split(place, paths)
    if "train" in by_split:
        return _in_order(by_split)
    if nested := _in_folders(place, folders):
        return _in_order(nested)
    tables = [file for file in paths if kind_of(file) in SUFFIXES and is_table(file)]
    others = [file for file in paths if kind_of(file) not in (*SUFFIXES, *_COMPANIONS)]
    if not (tables or others) and len(folders) == 1:  # as archives are packed
        return find(str(place / folders[0]))
    # A table beside folders is mostly a list of what is in them, and so beside other files.
    plain = [file for file in tables if kind_of(file) != ".json"] or tables
    if not plain and len(paths) <= _FEW:
        plain = [file for file in paths if kind_of(file) in _LINES and is_table(file)]
    alone = len(plain) == 1 and not by_split and not folders and not others
    return [("", plain[0])] if alone else []


def _in_order(by_split: dict[str, list[Path]]) -> list[tuple[str, Path]]:
    order = ("train", "val", "test")
    return [(split, file) for split in order for file in by_split.get(split, ())]


def _by_split(place: Path, files: list[Path]) -> dict[str, list[Path]]:
    """Return split -> its table, or the parts of it."""
    found: dict[str, list[Path]] = {}
    for file in files:
        split = SPLIT_NAMES.get(_stem(file))
        if split is None or not is_table(file):
            continue
        own = found.setdefault(split, [])
        if own and not _are_parts(own[0], file):
            raise errors.DataError(
                f"{errors.shown(place, 160)} holds two tables for {split}: "
                f"{errors.shown(own[0].name)} and {errors.shown(file.name)}.\nKeep one.",
                given=str(place),
            )
        own.append(file)
    return found or _by_words(files)


def _are_parts(one: Path, other: Path) -> bool:
    """Say whether two files are parts of one table, `...-00000-of-00002` and the next."""
    names = [_SHARD.fullmatch(Path(_unpacked_name(file)).stem) for file in (one, other)]
    first, second = names
    return bool(first and second and first.group(1, 3) == second.group(1, 3))


def _by_words(files: list[Path]) -> dict[str, list[Path]]:
    """Return split -> the table whose name holds the split's, such as `tweets_train.csv`."""
    found: dict[str, list[Path]] = {}
    for file in files:
        words = {SPLIT_NAMES.get(word) for word in re.split(r"[^a-z]+", _stem(file))} - {None}
        if len(words) == 1 and (kind_of(file) in SUFFIXES or begins_with_labels(file)):
            found.setdefault(str(words.pop()), []).append(file)
    return found if all(len(own) == 1 for own in found.values()) else {}


def _in_folders(place: Path, folders: list[str]) -> dict[str, list[Path]]:
    """Return split -> the tables in the folder of its name; empty where there are none."""
    found: dict[str, list[Path]] = {}
    for name in folders:
        split = SPLIT_NAMES.get(name.lower())
        if split is None:
            continue
        inner, files = entries(str(place / name))
        paths = [place / name / file for file in files]
        tables = [p for p in paths if kind_of(p) in (*SUFFIXES, ".txt") and is_table(p)]
        others = [p for p in paths if kind_of(p) not in (*SUFFIXES, *_COMPANIONS)]
        if inner or others or not tables or split in found:
            return {}
        found[split] = tables
    return found if "train" in found else {}


def left_out(path: str, tables: list[tuple[str, Path]]) -> list[str]:
    """Return what lies beside tables and is not read, by name.

    Args:
        path: Of the data, as it was searched.
        tables: As `find` returned them.
    """
    used = {file for _, file in tables}
    place = Path(path)
    said = []
    if place.is_file():
        try:
            beside = [f for f in _tables_in(place.parent) if f not in used]
        except errors.DataError:  # a folder that may not be listed, with a file that may be read
            return []
        tests = [f.name for f in beside if SPLIT_NAMES.get(_stem(f)) in ("val", "test")]
        if SPLIT_NAMES.get(_stem(place)) == "train" and tests:
            said.append(f"{', '.join(tests)} beside it; to use it, give the folder")
        return said
    folders = sorted({file.parent for file in used})
    names = [f.name for folder in folders for f in _tables_in(folder) if f not in used]
    if names:
        more = f" and {len(names) - 10:,} more" if names[10:] else ""
        said.append(f"tables of no split: {', '.join(names[:10])}{more}")
    left = LeftOut(path)
    entries(path, left)
    return [*said, *left.summary()]


def _tables_in(folder: Path) -> list[Path]:
    _, files = entries(str(folder))
    paths = [folder / name for name in files if _stem(Path(name)) not in _ABOUT_DATA]
    few = len(paths) <= _FEW
    return [p for p in paths if kind_of(p) in SUFFIXES or (few and begins_with_labels(p))]


def missing_parts(used: Sequence[Path]) -> list[str]:
    """Return a warning about each table of several parts that are not all there.

    Args:
        used: Files that are read.
    """
    said = []
    parts: dict[tuple[str, str], set[int]] = {}
    for file in used:
        if part := _SHARD.fullmatch(Path(_unpacked_name(file)).stem):
            parts.setdefault((part[1], part[3]), set()).add(int(part[2]))
    for (stem, count), numbers in sorted(parts.items()):
        missing = [n for n in range(int(count)) if n not in numbers]
        if missing:
            named = ", ".join(f"{stem}-{number:05d}-of-{count}" for number in missing[:5])
            said.append(
                f"{len(missing)} of {int(count)} parts of {errors.shown(stem)} are missing: "
                f"{named}. Download them, or give the folder, if they are beside the others."
            )
    return said


def read(
    path: Path,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    columns: str | None = None,
) -> Table:
    """Read a table.

    Args:
        path: A file that `is_table`.
        delimiter: Between the fields of a CSV; None is a comma, or a tab in a `.tsv`.
        encoding: Of its text; None is UTF-8, or what its byte order mark says.
        columns: Names of the columns, by commas, of a table without a header.

    Raises:
        DataError: It cannot be read as it is; names the line.
    """
    kind = kind_of(path)
    if kind in (".parquet", ".arrow", ".feather"):
        return columnar.read(path)
    text, name = decoding.decoded(path, encoding), written(path.name)
    if kind in (".jsonl", ".ndjson"):
        return json_tables.read_lines(name, text)
    if kind == ".json":
        return json_tables.read_document(name, text, columns)
    if labeled_lines.is_fasttext(text):
        return labeled_lines.read_fasttext(name, text)
    default = "\t" if kind in (".tsv", ".tab") else ","
    if kind in _LINES:
        form = labeled_lines.form_of(path)
        if form == "trec":
            return labeled_lines.read_trec(name, text)
        default = labeled_lines.DIVIDED.get(form or "", ",")
    return separated.read_separated(name, text, default, delimiter, columns)


def lines_of(path: Path, encoding: str | None = None) -> list[str]:
    """Return the lines of a text file, decoded like a table."""
    return split_lines(decoding.decoded(path, encoding))
