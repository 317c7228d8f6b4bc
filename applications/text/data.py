"""Labeled texts as a source: the rows of tables, checked once when they are opened.

Whatever is wrong is found then and reported at once: set aside with its number and first lines, or
refused with how to fix it. Rules on labels are few and stated: spaces around them are taken off,
rows without one are set aside, spellings that mean the same are refused.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import itertools
import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import errors
from actzoo.applications.text import table, tokenizer
from actzoo.data import Example, Fingerprint, counts_by_split, notes_on_copies
from actzoo.domains import GivenInput
from actzoo.folders import files_of

TEXT_NAMES = ("text", "sentence", "review", "content", "document", "comment", "message", "question")
LABEL_NAMES = ("label", "class", "category", "target", "sentiment", "intent", "topic", "labels")
MISSING = {"nan", "na", "n/a", "none", "null"}  # how programs write a missing value
FEW = 3  # a missing value's spelling with fewer rows is not a class
WORDLESS_SHARE = 0.01  # of texts without letter or digit; more are refused
DISTINCT = 0.5  # share of distinct numbers among labels from which on they are measurements
_NO_TABLES = (".xlsx", ".xls", ".ods", ".json", ".pdf", ".docx", ".zip", ".gz")
# Letters of other scripts that look like Latin ones.
_TWINS = str.maketrans(
    "АаВЕеКМНОоРрСсТуХхІіЈјЅѕԁԛԝΑΒΕΖΗΙΚΜΝΟοΡΤΥΧνıоӏ",
    "AaBEeKMHOoPpCcTyXxIiJjSsdqwABEZHIKMNOoPTYXvıol",
)


@dataclasses.dataclass(frozen=True)
class Options:
    """How texts are opened.

    Attributes:
        text_column: Name of the column with the texts; None finds it by its name.
        label_column: Name of the column with the labels; likewise.
        delimiter: Between the fields of a CSV.
        encoding: Of the file.
        strict: Refuse what would else be set aside.
    """

    text_column: str | None = None
    label_column: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    strict: bool = False


@dataclasses.dataclass
class _Rows:
    """Rows of all tables, one list per field."""

    ids: list[str] = dataclasses.field(default_factory=list)
    texts: list[str] = dataclasses.field(default_factory=list)
    labels: list[str] = dataclasses.field(default_factory=list)
    splits: list[str | None] = dataclasses.field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def without(self, dropped: Iterable[int]) -> _Rows:
        """Return the rows but some."""
        gone = set(dropped)
        kept = [i for i in range(len(self)) if i not in gone]
        return _Rows(
            [self.ids[i] for i in kept],
            [self.texts[i] for i in kept],
            [self.labels[i] for i in kept],
            [self.splits[i] for i in kept],
        )

    def named(self, indices: Sequence[int], most: int = 5) -> str:
        """Return where some rows are, for a message."""
        more = f" and {len(indices) - most:,} more" if len(indices) > most else ""
        return ", ".join(errors.shown(self.ids[i], 80) for i in indices[:most]) + more


def open_texts(path: str, options: Mapping[str, Any]) -> Texts:
    """Open a table of texts, or a folder with `train.*` and `test.*`.

    Args:
        path: Which.
        options: See `Options`.

    Raises:
        MissingExtraError: A library is missing.
        DataError: The texts cannot be used; names file and line.
    """
    tokenizer.check_installed()
    chosen = Options(**options)
    files = table.find(path)
    if not files:
        raise errors.DataError(
            f"{errors.shown(path, 200)} holds no table of texts: train.csv, .tsv, .jsonl or "
            ".parquet, and perhaps test.csv.",
            given=path,
        )
    rows = _Rows()
    for split, file in files:
        found = table.read(file, delimiter=chosen.delimiter, encoding=chosen.encoding)
        text_at, label_at = _columns(found, chosen)
        rows.ids += [f"{file.name}:{line}" for line in found.lines]
        rows.texts += [row[text_at] for row in found.rows]
        rows.labels += [row[label_at] for row in found.rows]
        rows.splits += [split or None] * len(found.rows)
    notes: list[str] = []
    _strip_labels(rows, notes)
    rows = _without_labels(rows, notes)
    rows = _without_words(rows, notes)
    if notes and chosen.strict:
        raise errors.DataError(
            f"{' '.join(notes)}\nFix these rows, or leave --strict out.", given=path
        )
    classes = _classes(rows, notes)
    notes += notes_on_copies(
        "texts", _copies(rows), rows.ids, rows.labels, rows.splits, chosen.strict
    )
    return Texts(rows, classes, notes, (found.columns[text_at], found.columns[label_at]))


# --- columns -----------------------------------------------------------------------------------


def _columns(found: table.Table, options: Options) -> tuple[int, int]:
    """Return the positions of texts and labels."""
    label = _column(found, options.label_column, LABEL_NAMES, "label")
    text = _column(found, options.text_column, TEXT_NAMES, "text")
    if label is None:
        raise _no_column(found, "label")
    if text is None:
        text = _only_other(found, label)
    if text == label:
        raise errors.InvalidValueError(
            f"Text and label are the same column, '{errors.shown(found.columns[text])}'.\n"
            "Name two: --text-column and --label-column.",
            given=found.columns[text],
        )
    return text, label


def _only_other(found: table.Table, label: int | None) -> int:
    """Return the position of the one column that is not the labels."""
    others = [i for i in range(len(found.columns)) if i != label]
    if len(others) != 1:
        raise _no_column(found, "text")
    return others[0]


def _column(found: table.Table, wanted: str | None, known: Sequence[str], role: str) -> int | None:
    if wanted is not None:
        if wanted not in found.columns:
            error = errors.unknown_name(f"column of {found.name}", wanted, found.columns)
            raise errors.DataError(
                f"{error.message}\nName the {role} column: --{role}-column NAME",
                given=wanted,
                allowed=found.columns,
                nearest=error.nearest,
            )
        return found.columns.index(wanted)
    folded = [column.casefold() for column in found.columns]
    return next((folded.index(name) for name in known if name in folded), None)


def _no_column(found: table.Table, role: str) -> errors.DataError:
    seen = errors.shown(", ".join(found.columns), 160)
    near = errors.unknown_name("column", role, found.columns).nearest
    hint = f"\nNearest is '{errors.shown(near[0])}'." if near else ""
    if len(found.columns) == 1 and (delimiter := table.other_delimiter(found.columns[0])):
        hint = f"\nIts fields seem to be divided by another character: {delimiter}"
    fix = f"--{role}-column NAME"
    return errors.DataError(
        f"{errors.shown(found.name, 120)} has no column '{role}'; its columns are: {seen}.{hint}\n"
        f"Name the column: {fix}. A file without a header needs one, as in: text,label",
        given=found.columns,
        allowed=found.columns,
        fix=fix,
    )


# --- rows --------------------------------------------------------------------------------------


def _strip_labels(rows: _Rows, notes: list[str]) -> None:
    """Take spaces off around labels, and note where that joined some."""
    spaced = [i for i, label in enumerate(rows.labels) if label != label.strip()]
    plain = set(rows.labels)
    joined = [i for i in spaced if rows.labels[i].strip() in plain]
    if joined:
        notes.append(
            f"{len(joined):,} labels have spaces around them, which were taken off: "
            f"{rows.named(joined)}."
        )
    rows.labels = [label.strip() for label in rows.labels]


def _without_labels(rows: _Rows, notes: list[str]) -> _Rows:
    """Set rows without a label aside."""
    by_label = collections.defaultdict(list)
    for index, label in enumerate(rows.labels):
        by_label[label].append(index)
    dropped: list[int] = []
    for label, indices in by_label.items():
        if label == "":
            notes.append(
                f"{len(indices):,} rows have no label and were set aside: {rows.named(indices)}."
            )
            dropped += indices
        elif label.casefold() in MISSING:
            shown = f"'{errors.shown(label)}'"
            if len(indices) < FEW or len(indices) < WORDLESS_SHARE * len(rows):
                notes.append(
                    f"{len(indices):,} rows have the label {shown}, taken as missing, and were set "
                    f"aside: {rows.named(indices)}."
                )
                dropped += indices
            else:
                notes.append(
                    f"{len(indices):,} rows have the label {shown}; it is taken as a class, since "
                    "it has so many."
                )
    return rows.without(dropped) if dropped else rows


def _without_words(rows: _Rows, notes: list[str]) -> _Rows:
    """Set empty texts aside, and note those without letter or digit; refuse many."""
    empty = [i for i, text in enumerate(rows.texts) if not _visible(text)]
    blank = set(empty)
    wordless = [
        i
        for i, text in enumerate(rows.texts)
        if i not in blank and not any(character.isalnum() for character in text)
    ]
    share = (len(empty) + len(wordless)) / max(1, len(rows))
    if share > WORDLESS_SHARE:
        raise errors.DataError(
            f"{len(empty):,} texts are empty and {len(wordless):,} hold no letter or digit, "
            f"{share:.0%} of {len(rows):,}: {rows.named(empty + wordless, 10)}.\n"
            "Remove these rows, or name another column: --text-column NAME",
            given=len(empty) + len(wordless),
            fix="--text-column NAME",
        )
    if empty:
        notes.append(f"{len(empty):,} texts are empty and were set aside: {rows.named(empty)}.")
    if wordless:
        notes.append(f"{len(wordless):,} texts hold no letter or digit: {rows.named(wordless)}.")
    return rows.without(empty) if empty else rows


def _visible(text: str) -> bool:
    """Say whether anything of a text is left when the tokenizer has cleaned it."""
    return any(
        not character.isspace() and unicodedata.category(character)[0] != "C" for character in text
    )


def _classes(rows: _Rows, notes: list[str]) -> tuple[str, ...]:
    """Return the classes: numbers in their order, else by name."""
    counts = collections.Counter(rows.labels)
    _refuse_measurements(rows, counts)
    _refuse_spellings(counts)
    _note_twins(counts, notes)
    if counts and all(_number(label) is not None for label in counts):
        classes = tuple(sorted(counts, key=lambda label: (_number(label), label)))
        if list(classes) != [str(number) for number in range(len(classes))]:
            shown = ", ".join(f"{label} is {i}" for i, label in enumerate(classes[:10]))
            more = ", ..." if len(classes) > 10 else ""
            notes.append(f"The labels are numbers; as outputs of the model {shown}{more}.")
        return classes
    return tuple(sorted(counts))


def _number(label: str) -> float | None:
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in label else None


def _refuse_measurements(rows: _Rows, counts: Mapping[str, int]) -> None:
    numbers = [label for label in counts if _number(label) is not None]
    if len(numbers) < 10 or len(counts) <= DISTINCT * len(rows):
        return
    if len(numbers) >= 0.9 * len(counts):
        raise errors.DataError(
            f"The labels are {len(counts):,} different numbers in {len(rows):,} rows, such as "
            f"{', '.join(map(errors.shown, numbers[:3]))}: measurements, not classes.\n"
            "Give a column of classes: --label-column NAME, or divide the numbers into classes.",
            given=len(counts),
            fix="--label-column NAME",
        )


def _refuse_spellings(counts: Mapping[str, int]) -> None:
    """Refuse labels that are the same but for capitals, inner spaces or the form of a number."""
    alike = collections.defaultdict(list)
    for label in counts:
        number = _number(label)
        folded = unicodedata.normalize("NFKC", " ".join(label.split())).casefold()
        alike[folded if number is None else number].append(label)
    groups = [sorted(group) for group in alike.values() if len(group) > 1]
    if groups:
        shown = "; ".join(
            " and ".join(f"'{errors.shown(label)}' ({counts[label]:,})" for label in group)
            for group in groups[:10]
        )
        raise errors.DataError(
            f"Labels in several spellings, with their rows: {shown}.\nWrite each in one way.",
            given=groups,
        )


def _note_twins(counts: Mapping[str, int], notes: list[str]) -> None:
    """Note labels that look alike but are written with other characters."""
    alike = collections.defaultdict(list)
    for label in counts:
        alike[unicodedata.normalize("NFKC", label).translate(_TWINS)].append(label)
    for group in alike.values():
        for one, other in itertools.pairwise(group):
            pairs = [(a, b) for a, b in zip(one, other, strict=False) if a != b]
            points = ", ".join(f"U+{ord(a):04X} and U+{ord(b):04X}" for a, b in pairs[:3])
            notes.append(
                f"The labels '{errors.shown(one)}' and '{errors.shown(other)}' look alike but "
                f"differ: {points or 'in their length'}."
            )


def _copies(rows: _Rows) -> list[list[int]]:
    """Return the groups of texts that are there more than once."""
    found = collections.defaultdict(list)
    for index, text in enumerate(rows.texts):
        found[_key(text)].append(index)
    return [group for group in found.values() if len(group) > 1]


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


# --- the source --------------------------------------------------------------------------------


class Texts:
    """Labeled texts; an `actzoo.data.Source`.

    Args:
        rows: Their fields, without what was set aside.
        classes: Names.
        notes: Warnings met so far.
        columns: Names of the columns of texts and labels.
    """

    def __init__(
        self,
        rows: _Rows,
        classes: tuple[str, ...],
        notes: Sequence[str],
        columns: tuple[str, str],
    ) -> None:
        self.classes = classes
        self.columns = columns
        self._rows = rows
        numbers = {name: number for number, name in enumerate(classes)}
        self._labels = np.array([numbers[label] for label in rows.labels], dtype=np.int64)
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
        return [hashlib.sha256(_key(text).encode()).hexdigest()
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
            for file in files_of([path]):
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
    return is_path and "://" not in item and path.suffix.lower() in known


def _texts_of(path: Path, options: Mapping[str, Any]) -> Iterator[GivenInput]:
    encoding = options.get("encoding")
    found = False
    if path.suffix.lower() in _NO_TABLES:
        problem = f"{errors.shown(path, 200)} is not a text file; save it as CSV."
        yield GivenInput(str(path), problem=problem)
        return
    try:
        if path.suffix.lower() not in table.SUFFIXES:
            texts: Iterable[tuple[int, str]] = enumerate(table.lines_of(path, encoding), 1)
        else:
            read = table.read(path, delimiter=options.get("delimiter"), encoding=encoding)
            texts = _column_of_texts(read, options)
        for line, text in texts:
            if text.strip() or path.suffix.lower() in table.SUFFIXES:
                found = True
                yield GivenInput(f"{path}:{line}", text.encode())
        if not found:
            yield GivenInput(str(path), problem=f"{errors.shown(path, 200)} holds no texts.")
    except errors.ActzooError as error:
        yield GivenInput(str(path), problem=str(error))


def _column_of_texts(found: table.Table, options: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each row; the columns are found as in training.

    One column needs no header: one of several words is the first text, unless it was named.
    """
    alone = len(found.columns) == 1
    by_rows = Path(found.name).suffix.lower() in (".csv", ".tsv")
    if alone and by_rows and " " in (first := found.columns[0]):
        if first != options.get("text_column"):
            yield 1, first
    at = 0 if alone else _column(found, options.get("text_column"), TEXT_NAMES, "text")
    if at is None:
        label = options.get("label_column")
        label = label if label in found.columns else None  # there need not be labels
        at = _only_other(found, _column(found, label, LABEL_NAMES, "label"))
    for line, row in zip(found.lines, found.rows, strict=True):
        yield line, row[at]
