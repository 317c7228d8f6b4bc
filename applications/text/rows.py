"""Rows of texts with their labels, as read from tables: what is set aside, what is noted.

Spaces around labels are stripped, rows without a label or a text are set aside. Each is reported
with the numbers of the first lines.
"""

from __future__ import annotations

import collections
import dataclasses
import unicodedata
from collections.abc import Iterable, Sequence

from actzoo import errors
from actzoo.applications.text.tables import decoding
from actzoo.applications.text.tables.records import trimmed

# How programs write a missing value; and how spreadsheets write an error, which is no class.
MISSING = {"nan", "na", "n/a", "none", "null", "\\n", "<na>", "nat"}
SHEET_ERRORS = {"#n/a", "#name?", "#value!", "#ref!", "#div/0!", "#null!", "#num!", "#spill!"}
NO_TEXTS = {"nan", "<na>", "nat", "null", "\\n", *SHEET_ERRORS}  # "none" may be an answer
UNKNOWN = ("-1", "-1.0", "?")  # labels that held-out splits have where they are kept secret
FEW = 3  # a missing value's spelling with fewer rows is not a class
APOSTROPHES = "'\u2019\u02bc\u00ad\u200b\u200c\u200d\ufeff"  # and what is invisible within words
WORDLESS_SHARE = 0.01  # of texts without letter or digit; more are refused


@dataclasses.dataclass
class Rows:
    """Rows of all tables, one list per field.

    Attributes:
        ids: File and line of each.
        texts: As the table has them.
        labels: Likewise.
        splits: Split that the data gives each, or None.
    """

    ids: list[str] = dataclasses.field(default_factory=list)
    texts: list[str] = dataclasses.field(default_factory=list)
    labels: list[str] = dataclasses.field(default_factory=list)
    splits: list[str | None] = dataclasses.field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def without(self, dropped: Iterable[int]) -> Rows:
        """Return all rows except some."""
        gone = set(dropped)
        kept = [i for i in range(len(self)) if i not in gone]
        return Rows(
            [self.ids[i] for i in kept],
            [self.texts[i] for i in kept],
            [self.labels[i] for i in kept],
            [self.splits[i] for i in kept],
        )

    def named(self, indices: Sequence[int], most: int = 5) -> str:
        """Return where some rows are, for a message."""
        more = f" and {len(indices) - most:,} more" if len(indices) > most else ""
        return ", ".join(errors.shown(self.ids[i], 80) for i in indices[:most]) + more


def strip_labels(rows: Rows, notes: list[str]) -> None:
    """Strip spaces and what is invisible around labels, and note where that made labels equal."""
    stripped = [trimmed(label) for label in rows.labels]
    plain = set(rows.labels)
    joined = [i for i, label in enumerate(rows.labels) if label != stripped[i] in plain]
    if joined:
        odd = any(rows.labels[i].strip() != stripped[i] for i in joined)
        notes.append(
            f"{len(joined):,} labels have spaces{' or invisible characters' if odd else ''} around "
            f"them, which were taken off: {rows.named(joined)}."
        )
    rows.labels = stripped


def without_labels(rows: Rows, notes: list[str], set_aside: list[str]) -> Rows:
    """Set rows without a label aside, and held-out ones whose label is kept secret."""
    by_label = collections.defaultdict(list)
    for index, label in enumerate(rows.labels):
        by_label[label].append(index)
    dropped: list[int] = []
    for label, indices in by_label.items():
        why = _why_missing(rows, label, indices)
        if why is not None:
            notes.append(f"{len(indices):,} rows have {why}set aside: {rows.named(indices)}.")
            dropped += indices
        elif label.casefold() in MISSING:
            notes.append(
                f"{len(indices):,} rows have the label '{errors.shown(label)}'; it is taken as a "
                "class, since it has so many."
            )
    if dropped:
        set_aside.append(f"{len(dropped):,} rows without a label")
    return rows.without(dropped) if dropped else rows


def _why_missing(rows: Rows, label: str, indices: Sequence[int]) -> str | None:
    """Return in which way the rows of a label have none; None where it is a class."""
    shown = f"the label '{errors.shown(label)}'"
    if label == "":
        return "no label and were "
    if label in UNKNOWN and all(rows.splits[i] in ("val", "test") for i in indices):
        return f"{shown}, which no training text has: unknown, and were "
    if label.casefold() in SHEET_ERRORS:
        return f"{shown}, which spreadsheets write where they have no value, and were "
    if label.casefold() not in MISSING:
        return None
    few = len(indices) < FEW or len(indices) < WORDLESS_SHARE * len(rows)
    return f"{shown}, taken as missing, and were " if few else None


def note_wrong_letters(rows: Rows, encoding: str | None, notes: list[str]) -> None:
    """Note texts that are UTF-8 read in another encoding, here or by who wrote the table.

    Args:
        rows: The rows.
        encoding: That the user named.
        notes: Takes the note.
    """
    meant = {i: decoding.read_wrongly(text, encoding) for i, text in enumerate(rows.texts)}
    wrong = [i for i, text in meant.items() if text is not None]
    if not wrong:
        return
    had, has = _difference(rows.texts[wrong[0]], str(meant[wrong[0]]))
    fix = "Leave --encoding out" if encoding else "Write the table again from its source"
    notes.append(
        f"{len(wrong):,} texts seem to be UTF-8 that was read in another encoding, such as "
        f"'{errors.shown(had, 40)}' for '{errors.shown(has, 40)}': {rows.named(wrong)}. {fix}, or "
        "the model learns letters that nobody writes."
    )


def _difference(one: str, other: str) -> tuple[str, str]:
    """Return the first word in which two texts differ."""
    words = zip(one.split(" "), other.split(" "), strict=False)
    return next(((a, b) for a, b in words if a != b), (one, other))


def without_words(
    rows: Rows, notes: list[str], set_aside: list[str], whole_files: bool = False
) -> Rows:
    """Set empty texts aside, and note those without letter or digit; refuse many."""
    empty = [i for i, text in enumerate(rows.texts) if not _visible(text)]
    missing = [i for i, text in enumerate(rows.texts) if trimmed(text).casefold() in NO_TEXTS]
    kind = "empty"
    if missing:
        values = sorted({trimmed(rows.texts[i]) for i in missing})[:5]
        shown = " or ".join(f"'{errors.shown(value)}'" for value in values)
        kind = f"empty (or {shown}, as programs write a missing value)"
        empty = sorted({*empty, *missing})
    blank = set(empty)
    wordless = [
        i
        for i, text in enumerate(rows.texts)
        if i not in blank and not any(character.isalnum() for character in text)
    ]
    share = (len(empty) + len(wordless)) / max(1, len(rows))
    if share > WORDLESS_SHARE:
        counts = [f"{len(empty):,} texts are {kind}"] if empty else []
        counts += [f"{len(wordless):,} texts hold no letter or digit"] if wordless else []
        raise errors.DataError(
            f"{' and '.join(counts)}, {share:.0%} of {len(rows):,}: "
            f"{rows.named(empty + wordless, 10)}.\n"
            + (
                "Remove these files."
                if whole_files
                else "Remove these rows, or name another column: --text-column NAME"
            ),
            given=len(empty) + len(wordless),
            fix=None if whole_files else "--text-column NAME",
        )
    if empty:
        set_aside.append(f"{len(empty):,} empty texts")
        notes.append(f"{len(empty):,} texts are {kind} and were set aside: {rows.named(empty)}.")
    if wordless:
        notes.append(f"{len(wordless):,} texts hold no letter or digit: {rows.named(wordless)}.")
    return rows.without(empty) if empty else rows


def _visible(text: str) -> bool:
    """Say whether anything of a text is left when the tokenizer has cleaned it."""
    return any(
        not character.isspace() and unicodedata.category(character)[0] != "C" for character in text
    )


def copies(rows: Rows) -> list[list[int]]:
    """Return the groups of texts that occur more than once."""
    groups = collections.defaultdict(list)
    for index, text in enumerate(rows.texts):
        groups[key_of(text)].append(index)
    return [group for group in groups.values() if len(group) > 1]


def key_of(text: str) -> str:
    """Return what two texts share that are copies of one another: capitals and spaces aside."""
    return " ".join(text.casefold().split())


def letters_of(text: str) -> str:
    """Return what near-copies of a text share: its letters, digits and symbols, in one form.

    Apart from capitals, spaces, punctuation and how Unicode writes a letter. A text of nothing else
    stays as it is.
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    marks: dict[str, str | int | None] = {
        c: "" if c in APOSTROPHES else " " for c in plain if unicodedata.category(c)[0] in "PZC"
    }
    words = plain.translate(str.maketrans(marks)).split()
    return " ".join(words) or key_of(text)
