"""The rows of all tables of a user's data, read by one choice of columns."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from actzoo import errors
from actzoo.applications.text import rows
from actzoo.applications.text.labels import DATE
from actzoo.applications.text.tables import cells, columns, table
from actzoo.applications.text.tables.records import Table, written
from actzoo.folders import SPLIT_NAMES

NOT_TEXTS = 0.9  # share of texts that are numbers or names of files, from which on they are refused
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")
_FILE = re.compile(r"[^\s:]*[^\s:.]\.[A-Za-z][A-Za-z0-9]{1,4}")
_NOT_TEXTS = (("numbers", _NUMBER), ("dates", DATE), ("names of files", _FILE))
_SPLIT_COLUMNS = ("split", "set", "subset", "partition", "fold")


@dataclasses.dataclass(frozen=True)
class Options:
    """How texts are opened.

    Attributes:
        text_column: Name of the column with the texts; None finds it by its name.
        label_column: Name of the column with the labels; None finds it by its name.
        columns: Names of the columns, by commas, of a table without a header.
        delimiter: Between the fields of a CSV.
        encoding: Of the file.
        whole_files: A text file that is given to `predict` holds one text, not one per line.
        strict: Refuse what would otherwise be set aside.
    """

    text_column: str | None = None
    label_column: str | None = None
    columns: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    whole_files: bool = False
    strict: bool = False


@dataclasses.dataclass
class Gathered:
    """What the tables hold.

    Attributes:
        rows: Of all tables.
        columns: Names of the columns of texts and labels.
        kind: What the data was taken for, in one line.
        notes: What looks wrong.
        set_aside: What was left out.
        whole_files: Each file is one text, not a table.
    """

    rows: rows.Rows = dataclasses.field(default_factory=rows.Rows)
    columns: tuple[str, str] = ("", "")
    kind: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)
    set_aside: list[str] = dataclasses.field(default_factory=list)
    whole_files: bool = False


def gather(path: str, tables: Sequence[tuple[str, Path]], options: Options) -> Gathered:
    """Return the rows of all tables, with the columns that were chosen.

    Args:
        path: Of the data.
        tables: Split and file of each; see `table.find`.
        options: How they are read.

    Raises:
        DataError: A table cannot be used; names file and line.
    """
    made = Gathered()
    unused: dict[str, None] = {}
    used: dict[str, Path] = {}
    for split, file in tables:
        read = table.read(
            file,
            delimiter=options.delimiter,
            encoding=options.encoding,
            columns=options.columns,
        )
        made.notes += read.notes
        wanted = options.label_column
        known = made.columns[1] in read.columns or columns.has_labels(read, wanted)
        if split in ("val", "test") and not known:
            _set_aside(made, read, file)
            continue
        chosen = _choose(read, options, made)
        name = _name(file, tables)
        _add(made, split, read, chosen, name, options.text_column is not None)
        unused.update(dict.fromkeys(c for at, c in enumerate(read.columns) if at not in chosen))
        used[name] = file
    beside = table.left_out(path, list(tables))
    made.notes += table.missing_parts(list(used.values()))
    made.set_aside += beside
    made.kind = _kind(list(used), made.columns, list(unused))
    return made


def _set_aside(made: Gathered, read: Table, file: Path) -> None:
    name = errors.shown(read.name, 120)
    has = errors.shown(", ".join(read.columns), 120)
    made.notes.append(
        f"{name} has no column of labels ({has}) and was set aside. For its answers: "
        f"actzoo predict RUN {errors.quoted(file)}"
    )
    made.set_aside.append(f"{name}: {len(read.rows):,} texts without labels")


def _choose(read: Table, options: Options, made: Gathered) -> tuple[int, int]:
    """Return the columns of texts and labels: those of the first table, where all have them."""
    if made.columns[0] in read.columns and made.columns[1] in read.columns:
        return read.columns.index(made.columns[0]), read.columns.index(made.columns[1])
    text, label = columns.text_and_label(read, options.text_column, options.label_column)
    names = (read.columns[text], read.columns[label])
    if made.columns == ("", ""):
        made.columns = names
    else:
        made.notes.append(
            f"{errors.shown(read.name, 120)} has other columns than the table before: its texts "
            f"are read from '{errors.shown(names[0])}', its labels from '{errors.shown(names[1])}'."
        )
    return text, label


def _name(file: Path, tables: Sequence[tuple[str, Path]]) -> str:
    """Return what a file is called: its name, with the folder where several have the same."""
    names = collections.Counter(other.name for _, other in tables)
    return written(file.name if names[file.name] == 1 else f"{file.parent.name}/{file.name}")


def _add(
    made: Gathered, split: str, read: Table, chosen: tuple[int, int], name: str, asked: bool
) -> None:
    texts, text_notes = cells.texts(read, chosen[0])
    labels, label_notes = cells.labels(read, chosen[1])
    if not asked:
        check_texts(read, chosen[0], texts)
    notes = (*text_notes, *label_notes, *_notes_on_splits(read), *_notes_on_answers(read))
    made.notes += [note for note in notes if note not in made.notes]
    made.rows.ids += [f"{name}:{line}" for line in read.lines]
    made.rows.texts += texts
    made.rows.labels += labels
    made.rows.splits += [split or None] * len(read.rows)


def check_texts(read: Table, at: int, texts: Sequence[str]) -> None:
    """Refuse a column of numbers, dates or names of files, which the user did not name.

    Args:
        read: The table.
        at: Position of the column.
        texts: Its cells.

    Raises:
        DataError: Nearly all are; says how to name another column, or this one.
    """
    filled = [text.strip() for text in texts if text.strip()]
    for what, form in _NOT_TEXTS:
        count = sum(form.fullmatch(text) is not None for text in filled)
        if not filled or count < NOT_TEXTS * len(filled):
            continue
        fix = "--text-column NAME"
        column = errors.shown(read.columns[at])
        raise errors.DataError(
            f"The column '{column}' of {errors.shown(read.name, 120)} would be the texts, but it "
            f"holds {what}, such as {errors.shown(filled[0])}.\nName the column of texts: {fix} "
            f'(or --text-column "{column}", if these are the texts).',
            given=count,
            fix=fix,
        )


def _notes_on_splits(read: Table) -> list[str]:
    """Return a note on a column that says which split each row belongs to."""
    notes = []
    for at, column in enumerate(read.columns):
        if column.casefold() not in _SPLIT_COLUMNS:
            continue
        values = {cells.shown(cell).strip() for cell in read.column(at)}
        if len(values) > 1 and all(value.casefold() in SPLIT_NAMES for value in values):
            notes.append(
                f"The column '{errors.shown(column)}' of {errors.shown(read.name)} holds "
                f"{' and '.join(sorted(values))} and is not used. To keep these splits, write a "
                "table of each (train.csv, test.csv) into one folder."
            )
    return notes


def _notes_on_answers(read: Table) -> list[str]:
    """Return a note on rows whose label an annotator rejected, as Prodigy writes it."""
    for at, column in enumerate(read.columns):
        answers = collections.Counter(cells.shown(cell).strip() for cell in read.column(at))
        rejected = answers["reject"] + answers["ignore"]
        if rejected and set(answers) <= {"accept", "reject", "ignore", ""}:
            return [
                f"The column '{errors.shown(column)}' of {errors.shown(read.name)} says reject or "
                f"ignore in {rejected:,} rows, which are used all the same. Their labels seem to "
                "be wrong there: remove these rows."
            ]
    return []


def _kind(used: Sequence[str], chosen: tuple[str, str], unused: Sequence[str]) -> str:
    text, label = map(errors.shown, chosen)
    names = ", ".join(errors.shown(name, 60) for name in used[:3])
    more = f" and {len(used) - 3:,} more" if used[3:] else ""
    sentence = f"texts with labels: {names}{more}, text column '{text}', label column '{label}'"
    if not unused:
        return sentence
    others = errors.shown(", ".join(unused), 120)
    return f"{sentence} (not used: {others}); for another: --text-column NAME, --label-column NAME"
