"""Labeled texts as a source: the rows of tables, checked once when they are opened.

Whatever is wrong is reported at once: set aside with its number and first lines (`rows`), or
refused with how to fix it (`labels`, `columns`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import errors
from actzoo.applications.text import labels, rows, tokenizer
from actzoo.applications.text.options import OPTIONS
from actzoo.applications.text.tables import class_folders, gathering, table
from actzoo.data import Example, Fingerprint, counts_by_split, notes_on_copies
from actzoo.data_options import read_options


def open_texts(
    path: str,
    options: Mapping[str, Any],
    tables: Sequence[tuple[str, Path]] | None = None,
) -> Texts:
    """Open a table of texts, a folder with `train.*` and `test.*`, or class folders of text files.

    Args:
        path: The table or folder.
        options: See `gathering.Options`.
        tables: What `table.find` says of the path; None asks it.

    Raises:
        MissingExtraError: A library is missing.
        DataError: The texts cannot be used; names file and line.
    """
    tokenizer.check_installed()
    chosen = gathering.Options(**read_options(OPTIONS, options))
    files = table.find(path) if tables is None else tables
    folders = None if files else class_folders.find(path)
    if not (files or folders):
        raise errors.DataError(
            f"{errors.shown(path, 200)} holds no table of texts (train.csv, .tsv, .jsonl or "
            ".parquet, and perhaps test.csv), and no folder of text files for each class.",
            given=path,
        )
    if folders is None:
        made = gathering.gather(path, files, chosen)
    else:
        made = class_folders.gather(folders, chosen)
    read, notes, set_aside = made.rows, made.notes, made.set_aside
    rows.strip_labels(read, notes)
    rows.note_wrong_letters(read, chosen.encoding, notes)
    read = rows.without_labels(read, notes, set_aside)
    read = rows.without_words(read, notes, set_aside, made.whole_files)
    if notes and chosen.strict:
        raise errors.DataError(
            f"{' '.join(notes)}\nFix these rows, or leave --strict out.", given=path
        )
    if not len(read):
        fix = "Name other columns: --text-column NAME, --label-column NAME"
        why = " ".join(notes)
        if not made.rows:
            why, fix = "There is no row below the header.", "Give rows of texts and labels."
        raise errors.DataError(
            f"{errors.shown(path, 200)} holds no text with a label. {why}\n{fix}",
            given=path,
            fix=fix,
        )
    classes = labels.classes_of(read, notes)
    notes += notes_on_copies(
        "texts", rows.copies(read), read.ids, read.labels, read.splits, chosen.strict
    )
    return Texts(made, read, classes)


def open_text(text: str, options: Mapping[str, Any]) -> Texts:
    """Open one text, as data of a single example.

    Args:
        text: The text itself, or the path of a file that holds nothing else.
        options: See `gathering.Options`.

    Raises:
        MissingExtraError: A library is missing.
        DataError: The file is not text, or holds more than one.
    """
    tokenizer.check_installed()
    chosen = gathering.Options(**read_options(OPTIONS, options))
    place = Path(text)
    if os.path.isdir(text) or (os.path.isfile(text) and table.kind_of(place) in table.SUFFIXES):
        raise errors.DataError(
            f"{errors.shown(text, 200)} is a {'folder' if os.path.isdir(text) else 'table'}, not "
            "one text.\nGive a sentence, or a .txt file that holds one text.",
            given=text,
        )
    if os.path.isfile(text):
        text = "\n".join(table.lines_of(place, chosen.encoding))
    one = rows.Rows([place.name], [text], ["example"], [None])
    return Texts(gathering.Gathered(kind="one text"), one, ("example",))


class Texts:
    """Labeled texts; an `actzoo.data.Source`.

    Args:
        made: How they were read.
        read: Their fields, without what was set aside.
        classes: Names.
    """

    def __init__(self, made: gathering.Gathered, read: rows.Rows, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self.columns = made.columns
        self.whole_files = made.whole_files
        self._made = made
        self._rows = read
        numbers = {name: number for number, name in enumerate(classes)}
        self._labels = np.array([numbers[label] for label in read.labels], dtype=np.int64)

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

    def digests(self) -> list[bytes]:
        """Return a digest of each text, capitals and spaces aside."""
        return [_digest(rows.key_of(text)) for text in self._rows.texts]

    def signatures(self) -> np.ndarray:
        """Return a digest of each text's letters, digits and symbols: near-copies share it."""
        return np.array([_digest(rows.letters_of(text)) for text in self._rows.texts], "V16")

    def why_few_classes(self) -> str | None:
        """Return what was set aside, where that left a single class."""
        if len(self.classes) > 1 or not self._made.set_aside:
            return None
        return (
            f"The data has only '{errors.shown(self.classes[0])}' for a class; two or more are "
            f"needed. Set aside: {'; '.join(self._made.set_aside)}.\n"
            "If these are a class, give them its name as their label."
        )

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
            notes=tuple(self._made.notes),
            kind=self._made.kind,
            sizes=self._sizes(words),
            set_aside=tuple(self._made.set_aside),
        )

    def _sizes(self, words: Sequence[int]) -> str:
        letters = [len(text) for text in self._rows.texts]
        sizes = _span(letters, "characters")
        if np.median(words) <= 1:
            return f"{sizes}; most are written without spaces"
        return f"{sizes}; {_span(words, 'words')}"

    def _content_hash(self) -> str:
        digest = hashlib.sha256(repr(self.classes).encode())
        for text, label, split in zip(
            self._rows.texts, self._labels, self._rows.splits, strict=True
        ):
            content = text.encode()
            digest.update(f"{label}\0{split}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()


def _span(counts: Sequence[int], noun: str) -> str:
    low, high = min(counts), max(counts)
    if low == high:
        return f"{low:,} {noun} each"
    return f"{low:,} to {high:,} {noun}, median {np.median(counts):,.0f}"


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
