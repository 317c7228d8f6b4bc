"""Labeled texts as a source: the rows of tables, checked once when they are opened.

Whatever is wrong is reported at once: set aside with its number and first lines (`rows`), or
refused with how to fix it (`labels`, `columns`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import errors
from actzoo.applications.text import columns, labels, rows, table, tokenizer
from actzoo.applications.text.options import OPTIONS
from actzoo.data import Example, Fingerprint, counts_by_split, notes_on_copies
from actzoo.data_options import read_options


@dataclasses.dataclass(frozen=True)
class Options:
    """How texts are opened.

    Attributes:
        text_column: Name of the column with the texts; None finds it by its name.
        label_column: Name of the column with the labels; None finds it by its name.
        delimiter: Between the fields of a CSV.
        encoding: Of the file.
        strict: Refuse what would otherwise be set aside.
    """

    text_column: str | None = None
    label_column: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    strict: bool = False


def open_texts(
    path: str,
    options: Mapping[str, Any],
    tables: Sequence[tuple[str, Path]] | None = None,
) -> Texts:
    """Open a table of texts, or a folder with `train.*` and `test.*`.

    Args:
        path: The table or folder.
        options: See `Options`.
        tables: What `table.find` says of the path; None asks it.

    Raises:
        MissingExtraError: A library is missing.
        DataError: The texts cannot be used; names file and line.
    """
    tokenizer.check_installed()
    chosen = Options(**read_options(OPTIONS, options))
    files = table.find(path) if tables is None else tables
    if not files:
        raise errors.DataError(
            f"{errors.shown(path, 200)} holds no table of texts: train.csv, .tsv, .jsonl or "
            ".parquet, and perhaps test.csv.",
            given=path,
        )
    read, names = _read_rows(files, chosen)
    notes: list[str] = []
    rows.strip_labels(read, notes)
    read = rows.without_labels(read, notes)
    read = rows.without_words(read, notes)
    if notes and chosen.strict:
        raise errors.DataError(
            f"{' '.join(notes)}\nFix these rows, or leave --strict out.", given=path
        )
    classes = labels.classes_of(read, notes)
    notes += notes_on_copies(
        "texts", rows.copies(read), read.ids, read.labels, read.splits, chosen.strict
    )
    return Texts(read, classes, notes, names)


def open_text(text: str, options: Mapping[str, Any]) -> Texts:
    """Open one text, as data of a single example.

    Args:
        text: The text itself, or the path of a file that holds nothing else.
        options: See `Options`.

    Raises:
        MissingExtraError: A library is missing.
        DataError: The file is not text.
    """
    tokenizer.check_installed()
    chosen = Options(**read_options(OPTIONS, options))
    place = Path(text)
    if os.path.isfile(text):
        text = "\n".join(table.lines_of(place, chosen.encoding))
    one = rows.Rows([place.name], [text], ["example"], [None])
    return Texts(one, ("example",), (), ("", ""))


def _read_rows(
    tables: Sequence[tuple[str, Path]], options: Options
) -> tuple[rows.Rows, tuple[str, str]]:
    """Return the rows of all tables, and the names of the columns of texts and labels."""
    every, names = rows.Rows(), ("", "")
    for split, file in tables:
        read = table.read(file, delimiter=options.delimiter, encoding=options.encoding)
        text, label = columns.text_and_label(read, options.text_column, options.label_column)
        names = (read.columns[text], read.columns[label])
        every.ids += [f"{file.name}:{line}" for line in read.lines]
        every.texts += [row[text] for row in read.rows]
        every.labels += [row[label] for row in read.rows]
        every.splits += [split or None] * len(read.rows)
    return every, names


class Texts:
    """Labeled texts; an `actzoo.data.Source`.

    Args:
        read: Their fields, without what was set aside.
        classes: Names.
        notes: Warnings met so far.
        columns: Names of the columns of texts and labels.
    """

    def __init__(
        self,
        read: rows.Rows,
        classes: tuple[str, ...],
        notes: Sequence[str],
        columns: tuple[str, str],
    ) -> None:
        self.classes = classes
        self.columns = columns
        self._rows = read
        numbers = {name: number for number, name in enumerate(classes)}
        self._labels = np.array([numbers[label] for label in read.labels], dtype=np.int64)
        self._notes = tuple(notes)

    def __len__(self) -> int:
        return len(self._rows)

    def text(self, index: int) -> str:
        """Return a text."""
        return self._rows.texts[index]

    def raw(self, index: int) -> bytes:
        """Return a text in UTF-8."""
        return self.text(index).encode()

    def load(self, index: int) -> Example:
        """Return a text as `{"text": array of one string ()}`."""
        return Example(
            inputs={"text": np.array(self.text(index))},
            target=int(self._labels[index]),
            id=self._rows.ids[index],
        )

    def labels(self) -> np.ndarray:
        """Return the class of each text `(n,)`."""
        return self._labels

    def samples_per_example(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """Return None: each text is one sample."""

    def ids(self) -> list[str]:
        """Return file and line of each text."""
        return self._rows.ids

    def identities(self) -> None:
        """Return None: ids hide nothing."""

    def splits(self) -> list[str | None]:
        """Return the split that the data gives each text."""
        return self._rows.splits

    def groups(self) -> list[str]:
        """Return each text, capitals and spaces aside: copies of one are never divided."""
        return [hashlib.sha256(rows.key_of(text).encode()).hexdigest()
                for text in self._rows.texts]  # fmt: skip

    def fingerprint(self) -> Fingerprint:
        """Return counts, lengths and the hash of the content."""
        counts = counts_by_split(self._labels, self._rows.splits, self.classes)
        words = [len(text.split()) for text in self._rows.texts]
        return Fingerprint(
            domain="text",
            num_examples=len(self),
            classes=self.classes,
            counts=counts,
            details={
                "median_words": int(np.median(words)),
                "longest_words": int(max(words)),
            },
            content_hash=self._content_hash(),
            notes=self._notes,
        )

    def _content_hash(self) -> str:
        digest = hashlib.sha256(repr(self.classes).encode())
        for text, label, split in zip(
            self._rows.texts, self._labels, self._rows.splits, strict=True
        ):
            content = text.encode()
            digest.update(f"{label}\0{split}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()
