"""Which columns of a table hold the texts and the labels: named by the user, or by their names."""

from __future__ import annotations

from collections.abc import Sequence

from actzoo import errors
from actzoo.applications.text import table

TEXT_NAMES = ("text", "sentence", "review", "content", "document", "comment", "message", "question")
LABEL_NAMES = ("label", "class", "category", "target", "sentiment", "intent", "topic", "labels")


def text_and_label(
    read: table.Table, text_column: str | None, label_column: str | None
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
        raise _no_column(read, "label")
    if text is None:
        text = _only_other(read, label)
    if text == label:
        raise errors.InvalidValueError(
            f"Text and label are the same column, '{errors.shown(read.columns[text])}'.\n"
            "Name two: --text-column and --label-column.",
            given=read.columns[text],
        )
    return text, label


def text_alone(read: table.Table, text_column: str | None, label_column: str | None) -> int:
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


def _only_other(read: table.Table, label: int | None) -> int:
    """Return the position of the one column that is not the labels."""
    others = [i for i in range(len(read.columns)) if i != label]
    if len(others) != 1:
        raise _no_column(read, "text")
    return others[0]


def _column(read: table.Table, wanted: str | None, known: Sequence[str], role: str) -> int | None:
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
    return next((folded.index(name) for name in known if name in folded), None)


def _no_column(read: table.Table, role: str) -> errors.DataError:
    seen = errors.shown(", ".join(read.columns), 160)
    near = errors.unknown_name("column", role, read.columns).nearest
    hint = f"\nNearest is '{errors.shown(near[0])}'." if near else ""
    if len(read.columns) == 1 and (delimiter := table.other_delimiter(read.columns[0])):
        hint = f"\nIts fields seem to be divided by another character: {delimiter}"
    fix = f"--{role}-column NAME"
    return errors.DataError(
        f"{errors.shown(read.name, 120)} has no column '{role}'; its columns are: {seen}.{hint}\n"
        f"Name the column: {fix}. A file without a header needs one, as in: text,label",
        given=read.columns,
        allowed=read.columns,
        fix=fix,
    )
