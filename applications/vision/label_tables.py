"""Pictures whose classes are in a table beside them, such as `train/` and `train.csv`.

Which column names the pictures is read from what it holds; which one holds the labels, from its
name, or because no other is left. What could be read in two ways is refused with the options. The
table itself is read as tables of texts are.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from actzoo import errors
from actzoo.applications.text.labels import classes_of
from actzoo.applications.text.rows import Rows
from actzoo.applications.text.tables import cells, table
from actzoo.applications.text.tables.records import Table
from actzoo.applications.vision.class_folders import pictures_below, some
from actzoo.applications.vision.folder import Listing
from actzoo.applications.vision.names import by_split
from actzoo.folders import SPLIT_NAMES, entries

ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
NAMED = 0.5  # share of a column's cells, or of the pictures, that must belong together
LOOKED_AT = 200  # rows
_NOT_LABELS = re.compile(r"submission|predictions", re.IGNORECASE)
_LABELS = (
    "label", "labels", "class", "classes", "class_name", "classname", "class_label", "label_name",
    "category", "category_name", "target", "y", "breed", "species", "diagnosis", "dx", "has_cactus",
)  # fmt: skip
_SPLITS = ("split", "set", "subset", "usage", "fold_name", "partition", "data_set")
_COUNTS = re.compile(r"|index|idx|row|unnamed:? ?\d*", re.IGNORECASE)  # columns that number rows
_BOXES = frozenset((
    "xmin", "ymin", "xmax", "ymax", "x1", "y1", "x2", "y2", "bbox", "x_min", "y_min", "x_max",
    "y_max", "box", "boxes", "bbox_x", "encodedpixels", "rle", "polygon", "x_center", "y_center",
))  # fmt: skip
_PERSONS = re.compile(r"(patient|subject|person|lesion|case|donor|study)(_?id)?", re.IGNORECASE)


# Folders that pictures lie in without being classes: images, train, HAM10000_images_part_1.
_PLACES = re.compile(
    r"(?:.*[-_ ])?(?:train|training|val|valid|validation|dev|test|testing|images?|imgs?|pictures|"
    r"photos|data|files|jpe?g|png|all)(?:[-_ ]?(?:part)?[-_ ]?\d+)?|(?:part|batch|chunk)[-_ ]?\d+",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True)
class _NamingTable:
    """A table that names pictures.

    Attributes:
        table: As read.
        split: That its own name says, or None.
        at: Position of the column that names pictures.
        paths: Of the picture that each row names, or None where there is none.
    """

    table: Table
    split: str | None
    at: int
    paths: list[str | None]


def names_pictures(root: str) -> str | None:
    """Return why a folder seems to hold pictures with a table of their labels, or None."""
    tables = _naming_tables(root) if os.path.isdir(root) else []
    return f"pictures named in {tables[0].table.name}" if tables else None


def list_labeled(root: str, label_column: str | None) -> Listing | None:
    """List pictures with the labels of a table; None where no table names them.

    Args:
        root: The folder.
        label_column: As the user gave it.

    Raises:
        DataError: Labels cannot be told, or folders of pictures may be classes as well.
    """
    tables = _naming_tables(root)
    if not tables:
        return None
    notes: list[str] = []
    rows, used, without = Rows(), [], []
    for found in tables:
        labels = _labels_of(found, label_column, notes)
        if labels is None:
            without.append(found)
            continue
        used.append(found)
        _add(rows, found, labels, notes)
    if not used:
        raise _no_labels(without)
    if _are_folders_classes(root, rows, label_column):
        return None
    rows = _once(rows)
    classes = classes_of(rows, notes)
    names = ", ".join(errors.shown(found.table.name, 80) for found in used)
    aside = _set_aside(root, tables, rows, notes)
    return Listing(
        classes,
        rows.texts,
        [classes.index(label) for label in rows.labels],
        rows.splits if len({*rows.splits}) > 1 else [None] * len(rows),
        notes,
        f"photos whose classes {names} names",
        aside,
    )


# --- tables and the pictures that they name ----------------------------------------------------


def _naming_tables(root: str) -> list[_NamingTable]:
    """Return the tables of a folder that name pictures below it."""
    inner, _ = entries(root)
    places = [".", *(name for names in by_split(inner).values() for name in names)]
    files = [
        os.path.normpath(os.path.join(place, name))
        for place in places
        for name in entries(os.path.join(root, place))[1]
        if name.lower().endswith(ENDINGS) and not _NOT_LABELS.search(name)
    ]
    pictures = pictures_below(root, root) if files else []
    if not pictures:
        return []
    index: dict[str, list[str]] = collections.defaultdict(list)
    for path in pictures:
        parts = path.split("/")
        for at in range(len(parts)):
            end = "/".join(parts[at:])
            index[end].append(path)
            index[os.path.splitext(end)[0]].append(path)
    made = (_naming_table(root, name, index) for name in files)
    return [found for found in made if found is not None]


def _naming_table(root: str, name: str, index: Mapping[str, Sequence[str]]) -> _NamingTable | None:
    try:
        read = dataclasses.replace(table.read(Path(root, name)), name=name.replace(os.sep, "/"))
    except errors.ActzooError:
        return None  # whatever it holds, it says nothing of pictures
    splits = _splits_of(os.path.splitext(name)[0] + "/")
    split = splits.pop() if len(splits) == 1 else None
    shares = {}
    for at in range(len(read.columns)):
        named = (_picture(row[at], split, index) for row in read.rows[:LOOKED_AT])
        shares[at] = sum(path is not None for path in named)
    at = max(shares, key=lambda column: shares[column], default=0)
    if not read.rows or shares[at] < NAMED * min(len(read.rows), LOOKED_AT):
        return None
    paths = [_picture(row[at], split, index) for row in read.rows]
    return _NamingTable(read, split, at, paths)


def _picture(cell: object, split: str | None, index: Mapping[str, Sequence[str]]) -> str | None:
    """Return the one picture that a cell names: by its path, its name, or without ending."""
    name = str(cell).strip().replace("\\", "/").removeprefix("./").lstrip("/")
    found = index.get(name, ())
    while not found and "/" in name:  # a path on the machine where the table was made
        name = name.partition("/")[2]
        found = index.get(name, ())
    found = found or index.get(os.path.splitext(name)[0], ())  # with another ending
    if len(found) > 1:
        found = [path for path in found if split in _splits_of(path)]
    return found[0] if len(found) == 1 else None


def _splits_of(path: str) -> set[str | None]:
    words = re.split(r"[^a-z]+", os.path.dirname(path).lower())
    return {SPLIT_NAMES.get(word) for word in words} - {None}


# --- labels ------------------------------------------------------------------------------------


def _labels_of(found: _NamingTable, label_column: str | None, notes: list[str]) -> list[str] | None:
    """Return the label of each row; None where a table has none."""
    read = found.table
    others = [at for at in range(len(read.columns)) if at != found.at and not _is_count(read, at)]
    boxes = [read.columns[at] for at in others if read.columns[at].casefold() in _BOXES]
    if boxes:
        raise errors.DataError(
            f"{errors.shown(read.name, 120)} holds places in pictures (columns "
            f"{some(boxes)}): detection, which actzoo does not learn.\nTo classify whole pictures, "
            "give one row with one label for each.",
            given=boxes,
        )
    if label_column is not None:
        if label_column not in read.columns:
            return None
        at = read.columns.index(label_column)
    else:
        chosen = _label_column(read, [at for at in others if not _is_split(read, at)])
        if isinstance(chosen, list):
            return chosen
        if chosen is None:
            return None
        at = chosen
    persons = [read.columns[i] for i in others if i != at and _PERSONS.fullmatch(read.columns[i])]
    if persons:
        notes.append(
            f"The column {some(persons)} of {errors.shown(read.name)} is not used: where several "
            "pictures show one person or case, they may be divided between splits. Give splits of "
            "your own, in folders train/, val/, test/ or in a column 'split'."
        )
    labels, said = cells.labels(read, at)
    notes += said
    return [label.strip() for label in labels]


def _label_column(read: Table, others: Sequence[int]) -> int | list[str] | None:
    """Return the column of labels, or the labels where each class has a column; None for none."""
    if not others:
        return None
    if len(others) == 1:
        return others[0]
    known = [at for at in others if read.columns[at].casefold() in _LABELS]
    if len(known) == 1:
        return known[0]
    if not known and all(_is_flag(row[at]) for row in read.rows for at in others):
        chosen = [[at for at in others if float(str(row[at])) == 1] for row in read.rows]
        if any(len(own) > 1 for own in chosen):
            raise errors.DataError(
                f"{errors.shown(read.name, 120)} has a column for each class, and several are 1 in "
                f"a row.\n{cells.MULTI_LABEL}",
                given=read.name,
            )
        return [read.columns[own[0]] if own else "" for own in chosen]
    names = [read.columns[at] for at in known or others]
    raise errors.DataError(
        f"{errors.shown(read.name, 120)} names the pictures; its labels may be in {some(names)}.\n"
        "Say which: --label-column NAME",
        given=names,
        allowed=tuple(names),
        fix="--label-column NAME",
    )


def _is_flag(cell: object) -> bool:
    return str(cell).strip() in ("0", "1", "0.0", "1.0")


def _is_count(read: Table, at: int) -> bool:
    if not _COUNTS.fullmatch(read.columns[at].strip()):
        return False
    return all(str(row[at]).isdigit() for row in read.rows[:LOOKED_AT])


def _is_split(read: Table, at: int) -> bool:
    if read.columns[at].casefold() not in _SPLITS:
        return False
    return all(str(row[at]).strip().casefold() in SPLIT_NAMES for row in read.rows)


def _add(rows: Rows, found: _NamingTable, labels: Sequence[str], notes: list[str]) -> None:
    """Add a table's rows; count those without a picture or a label."""
    read = found.table
    split_at = next((at for at in range(len(read.columns)) if _is_split(read, at)), None)
    missing: list[int] = []
    blank: list[int] = []
    for number, (path, label) in enumerate(zip(found.paths, labels, strict=True)):
        if path is None or not label:
            (missing if path is None else blank).append(number)
            continue
        split = found.split
        if split_at is not None:
            split = SPLIT_NAMES[str(read.rows[number][split_at]).strip().casefold()]
        elif split is None and len(own := _splits_of(path)) == 1:
            split = next(iter(own))
        rows.ids.append(f"{read.name}:{read.lines[number]}")
        rows.texts.append(path)
        rows.labels.append(label)
        rows.splits.append(split)
    if missing:
        notes.append(
            f"{len(missing):,} rows name pictures that are not there: {read.places(missing)}."
        )
    if blank:
        notes.append(f"{len(blank):,} rows have no label: {read.places(blank)}.")


def _once(rows: Rows) -> Rows:
    """Return each picture once; refuse those with several labels."""
    first: dict[str, int] = {}
    again, other = [], []
    for number, path in enumerate(rows.texts):
        if path in first:
            again.append(number)
            if rows.labels[first[path]] != rows.labels[number]:
                other.append(number)
        first.setdefault(path, number)
    if other:
        named = some([rows.texts[number] for number in other], 3)
        raise errors.DataError(
            f"{len(other):,} rows give a picture another label than a row before: {named} "
            f"({rows.named(other)}).\n{cells.MULTI_LABEL}",
            given=[rows.texts[number] for number in other[:10]],
        )
    return rows.without(again)


def _no_labels(tables: Sequence[_NamingTable]) -> errors.DataError:
    named = "; ".join(
        f"{found.table.name} (columns: {some(found.table.columns)})" for found in tables
    )
    return errors.DataError(
        f"Tables name the pictures but no labels: {named}.\n"
        "Give a table with a column of labels, or name it: --label-column NAME",
        given=[found.table.name for found in tables],
    )


def _are_folders_classes(root: str, rows: Rows, label_column: str | None) -> bool:
    """Say whether the folders say the same as the table; refuse where they say something else."""
    folders = [os.path.basename(os.path.dirname(path)) for path in rows.texts]
    distinct = {name for name in folders if name and not _PLACES.fullmatch(name)}
    if len(distinct) < 2 or label_column is not None:
        return False
    same = sum(
        name.casefold() == label.casefold()
        for name, label in zip(folders, rows.labels, strict=True)
    )
    if same == len(rows):
        return True
    raise errors.DataError(
        f"The pictures of {errors.shown(root, 120)} lie in folders ({some(sorted(distinct), 4)}) "
        f"and have labels in a table ({some(sorted(set(rows.labels)), 4)}), which differ.\n"
        "Take the table: --label-column NAME. Take the folders: move the table away.",
        given=root,
        fix="--label-column NAME",
    )


def _set_aside(
    root: str, tables: Sequence[_NamingTable], rows: Rows, notes: list[str]
) -> tuple[str, ...]:
    """Return what has no label, and note it."""
    named = set(rows.texts)
    unlabeled = [path for path in pictures_below(root, root) if path not in named]
    if not unlabeled:
        return ()
    notes.append(
        f"{len(unlabeled):,} pictures have no label in {some([t.table.name for t in tables])} and "
        f"were set aside: {some(unlabeled, 3)}. `actzoo predict` reads them."
    )
    return (f"{len(unlabeled):,} pictures without a label",)
