"""Which columns of a table hold the texts and the labels: named by the user, or by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from actzoo import errors
from actzoo.applications.text.labels import DATE
from actzoo.applications.text.tables import cells
from actzoo.applications.text.tables.records import Table
from actzoo.applications.text.tables.separated import other_delimiter

# In the order in which they are preferred, where a table has several.
TEXT_NAMES = (
    "text", "sentence", "review", "content", "document", "comment", "message", "question",
    "tweet", "post", "body", "utterance", "article", "sms", "email", "query", "phrase",
)  # fmt: skip
LABEL_NAMES = (
    "label", "class", "category", "target", "sentiment", "intent", "topic", "labels",
    "emotion", "polarity",
)  # fmt: skip
# Where no other column is named by one of those, also as its last word.
_WEAK = {
    "text": ("abstract", "description", "headline", "title", "v2"),
    "label": ("rating", "stars", "score", "tag", "spam", "type", "v1"),
}
_CODES = ("code", "id", "idx", "index", "name")  # after the word for a label
KNOWN = frozenset((*TEXT_NAMES, *LABEL_NAMES, *_WEAK["text"], *_WEAK["label"]))
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_FLAGS = {"0", "1", "true", "false", ""}
_LOOKED_AT = 2000  # rows, where a column is looked at to explain what is wrong
_WORDY = 2.5  # words of a cell on average, from which on a column holds texts
_FEW = 0.5  # distinct cells to a row, up to which a column may hold labels
_MOST_CLASSES, _LONGEST_CLASS = 100, 60  # of a column that is not named as one, and in letters
_HEADER_WITHIN = 10  # rows, where the header is looked for that is not in the first line


def text_and_label(
    read: Table, text_column: str | None, label_column: str | None
) -> tuple[int, int]:
    """Return the positions of texts and labels.

    Args:
        read: The table.
        text_column: Name of the column with the texts; None finds it by its name.
        label_column: Likewise.

    Raises:
        DataError: There is no such column, or nothing says which it is.
        InvalidValueError: Both are the same.
    """
    label = _column(read, label_column, LABEL_NAMES, "label")
    text = _column(read, text_column, TEXT_NAMES, "text")
    if label is None:
        raise _no_label(read, text)
    if text is None:
        text = _only_other(read, label)
    if text == label:
        raise errors.InvalidValueError(
            f"Text and label are the same column, '{errors.shown(read.columns[text])}'.\n"
            "Name two: --text-column and --label-column.",
            given=read.columns[text],
        )
    is_named = read.columns[text].casefold() in KNOWN or text_column or label_column
    if not is_named and _comes_again(read, label):
        raise _no_header(read, label)
    return text, label


def text_alone(read: Table, text_column: str | None, label_column: str | None) -> int:
    """Return the position of the texts in a table that need not have labels.

    Args:
        read: The table.
        text_column: See `text_and_label`.
        label_column: Likewise; one that the table lacks is no mistake.

    Raises:
        DataError: Nothing says which column it is.
    """
    if len(read.columns) == 1:
        return 0
    at = _column(read, text_column, TEXT_NAMES, "text")
    if at is None:
        label = label_column if label_column in read.columns else None
        at = _only_other(read, _column(read, label, LABEL_NAMES, "label"))
    return at


def is_text_as_name(read: Table) -> bool:
    """Say whether the name of a table's one column is a text: the file has no header."""
    return len(read.columns) == 1 and read.named_by_line and " " in read.columns[0]


def doubt(read: Table, at: int) -> str | None:
    """Return what to say of a column of texts that could have been another; None if it is clear.

    Args:
        read: The table.
        at: Position of the column that was found.
    """
    name, column = errors.shown(read.name, 120), errors.shown(read.columns[at])
    if len(read.columns) == 1:
        is_clear = not read.named_by_line or column.casefold() in KNOWN or is_text_as_name(read)
        return None if is_clear else (
            f"the first line of {name}, '{column}', is taken for the name of its column. If it is "
            "a text, give the file the ending .txt."
        )  # fmt: skip
    others = [other for other in _likely(read, "text") if other != read.columns[at]]
    return None if not others else (
        f"texts of {name} are read from the column '{column}'; not used: "
        f"{errors.shown(', '.join(others), 120)}. For another: --text-column NAME"
    )  # fmt: skip


def has_labels(read: Table, label_column: str | None) -> bool:
    """Say whether a table seems to have a column of labels."""
    if label_column is not None:
        return label_column in read.columns
    return _column(read, None, LABEL_NAMES, "label") is not None


def _only_other(read: Table, label: int | None) -> int:
    """Return the position of the one column that is neither labels nor numbers of the rows."""
    others = [i for i in range(len(read.columns)) if i != label]
    if len(others) > 1:
        others = [i for i in others if not _counts_rows(read, i)]
    if len(others) != 1:
        raise _no_column(read, "text")
    return others[0]


def _holds_classes(read: Table, at: int) -> bool:
    """Say whether a few values come again and again in a column."""
    values = [cells.shown(cell).strip() for cell in read.column(at)[:_LOOKED_AT]]
    distinct = set(filter(None, values))
    most = min(_FEW * len(values), _MOST_CLASSES)
    is_short = all(len(value) <= _LONGEST_CLASS for value in distinct)
    return 1 < len(distinct) <= most and is_short and not all(map(DATE.fullmatch, distinct))


def _counts_rows(read: Table, at: int) -> bool:
    """Say whether a column holds the numbers of the rows, as pandas writes its index."""
    if not (read.columns[at].startswith("Unnamed: ") or read.columns[at].casefold() == "index"):
        return False
    return all(cells.shown(cell).isdigit() for cell in read.column(at)[:_LOOKED_AT])


def _column(read: Table, wanted: str | None, known: Sequence[str], role: str) -> int | None:
    if wanted is not None:
        if wanted not in read.columns:
            error = errors.unknown_name(f"column of {read.name}", wanted, read.columns)
            raise errors.DataError(
                f"{error.message}\nName the {role} column: --{role}-column NAME",
                given=wanted,
                allowed=read.columns,
                nearest=error.nearest,
            )
        return read.columns.index(wanted)
    folded = [column.casefold() for column in read.columns]
    exact = next((folded.index(name) for name in known if name in folded), None)
    if exact is not None:
        return exact
    ending = [at for at, column in enumerate(read.columns) if _last_word(column, role) in known]
    if ending:
        return ending[0] if len(ending) == 1 else None
    return next((folded.index(name) for name in _WEAK[role] if name in folded), None)


def _last_word(column: str, role: str) -> str:
    """Return what a name such as `airline_sentiment`, `reviewText` or `Class Index` ends in."""
    words = [word.casefold() for word in _WORD.findall(column)]
    is_code = role == "label" and len(words) > 1 and words[-1] in _CODES
    return words[-2] if is_code else words[-1] if len(words) > 1 else ""


def _no_label(read: Table, text: int | None) -> errors.DataError:
    """Return the error about a table without a column of labels, with what it has instead."""
    flags = [at for at in _flags(read) if at != text]
    if len(flags) > 1:
        named = [read.columns[at] for at in flags]
        fix = f"--label-column {named[0]}"
        return errors.DataError(
            f"{errors.shown(read.name, 120)} has no column of labels; its columns "
            f"{errors.shown(', '.join(named), 160)} hold 0 and 1, one for each label.\n"
            "One class per text can be learned, several labels (multi-label) cannot yet: make one "
            f"column of classes, or learn one of these: {fix}",
            given=named,
            fix=fix,
        )
    again = [at for at in range(len(read.columns)) if _comes_again(read, at)]
    if len(read.columns) > 1 and again:
        return _no_header(read, min(again, key=lambda at: _distinct(read, at)))
    return _no_column(read, "label", is_text=text is not None)


def _flags(read: Table) -> list[int]:
    """Return the columns that hold nothing but 0 and 1."""
    found = []
    for at in range(len(read.columns)):
        seen = {cells.shown(cell).strip().casefold() for cell in read.column(at)[:_LOOKED_AT]}
        if seen and seen <= _FLAGS and len(seen - {""}) > 0 and not _counts_rows(read, at):
            found.append(at)
    return found if len(found) > 1 else []


def _comes_again(read: Table, at: int) -> bool:
    """Say whether a column's name is also one of its values: its first line seems to be data."""
    if not read.named_by_line:
        return False
    values = [cells.shown(cell).strip() for cell in read.column(at)[:_LOOKED_AT]]
    return read.columns[at] in values and 1 < len(set(values)) <= _FEW * len(values)


def _distinct(read: Table, at: int) -> int:
    return len({cells.shown(cell).strip() for cell in read.column(at)[:_LOOKED_AT]})


def _no_header(read: Table, label: int) -> errors.DataError:
    """Return the error about a table whose first line is a row."""
    words = [_words(read, at) if at != label else -1.0 for at in range(len(read.columns))]
    text = words.index(max(words))
    named = {label: "label", text: "text"}
    fix = "--columns " + ",".join(
        named.get(at, f"column{at + 1}") for at in range(len(read.columns))
    )
    return errors.DataError(
        f"{errors.shown(read.name, 120)} seems to be a table without a header: "
        f"'{errors.shown(read.columns[label])}' of its first line comes again below it.\n"
        f"Name its columns: {fix}",
        given=read.columns,
        fix=fix,
    )


def _words(read: Table, at: int) -> float:
    """Return how many words a cell of a column has on average."""
    column = read.column(at)[:_LOOKED_AT]
    return sum(len(cells.shown(cell).split()) for cell in column) / max(1, len(column))


def _no_column(read: Table, role: str, is_text: bool = False) -> errors.DataError:
    """Return the error about a table without a column of a role, and what to do about it."""
    seen = errors.shown(", ".join(read.columns), 160)
    near = errors.unknown_name("column", role, read.columns).nearest
    fix = f"--{role}-column NAME"
    says = [f"Nearest is '{errors.shown(near[0])}'."] if near else []
    likely = _likely(read, role)
    if is_text and not likely:
        says.append("Texts without labels get answers, not scores: actzoo predict RUN FILE")
    header = "A file without a header needs one, as in: text,label"
    objects = [read.columns[at] for at in range(len(read.columns)) if _is_nested(read, at)]
    if len(read.columns) == 1 and (delimiter := other_delimiter(read.columns[0])):
        fix = delimiter
        says = [f"Its fields seem to be divided by another character: {delimiter}"]
    elif line := _header_below(read):
        says = [f"Line {line:,} seems to be the header: remove the lines above it."]
    elif len(read.columns) == 1 and not objects:
        says += ["It has one column; texts and their labels are needed.", header]
    elif objects and not likely:
        says.append(
            f"There are lists and objects in {errors.shown(', '.join(objects), 120)}: write what "
            "is inside them as a column of texts and one of labels."
        )
    else:
        if likely:
            fix = f"--{role}-column {errors.quoted(likely[0])}"
            says.append(_said_of(likely, role))
        says.append(f"Name the column: {fix}" + ("" if likely else f". {header}"))
    return errors.DataError(
        f"{errors.shown(read.name, 120)} has no column '{role}'; its columns are: {seen}.\n"
        + "\n".join(says),
        given=read.columns,
        allowed=read.columns,
        fix=fix,
    )


def _likely(read: Table, role: str) -> list[str]:
    """Return the columns that seem to hold texts, or classes."""
    found = range(len(read.columns))
    if role == "text":
        return [read.columns[at] for at in found if _words(read, at) >= _WORDY]
    return [read.columns[at] for at in found if _holds_classes(read, at)]


def _said_of(likely: Sequence[str], role: str) -> str:
    named = errors.shown(" and ".join(likely), 120)
    if role == "label" or len(likely) == 1:
        return f"{role.capitalize()}s seem to be in {named}."
    return (
        f"Texts seem to be in {named}; a model here reads one text: choose one, or join them in a "
        "column of their own."
    )


def _is_nested(read: Table, at: int) -> bool:
    """Say whether a column holds lists of several values, or objects."""
    return any(isinstance(cell, (list, dict)) for cell in read.column(at)[:_LOOKED_AT])


def _header_below(read: Table) -> int | None:
    """Return the line of a row that names a column of texts and one of labels, as headers do."""
    for line, row in zip(read.lines, read.rows[:_HEADER_WITHIN], strict=False):
        names = {cells.shown(cell).strip().casefold() for cell in row}
        if names & {*TEXT_NAMES, *_WEAK["text"]} and names & {*LABEL_NAMES, *_WEAK["label"]}:
            return line
    return None
