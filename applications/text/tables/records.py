"""What every reader of tables returns, and how a table that cannot be read is refused."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence

from actzoo import errors

# Around a name or label: spaces, and what is invisible (zero width, direction of writing).
_AROUND = r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+"
_EDGES = re.compile(rf"\A{_AROUND}|{_AROUND}\Z")


@dataclasses.dataclass(frozen=True)
class Table:
    """The rows of one file.

    Attributes:
        name: Of the file.
        columns: Names, in order.
        rows: Cells, one list per row, in the order of `columns`: text where the file holds nothing
            else, otherwise the file's own values.
        lines: Line of the file that each row begins at, counted from 1.
        notes: What was read in another way than it is written, one sentence each.
        named_by_line: Whether a line of the file gave the names, so that it may be data.
    """

    name: str
    columns: list[str]
    rows: list[list[object]]
    lines: list[int]
    notes: tuple[str, ...] = ()
    named_by_line: bool = False

    def column(self, at: int) -> list[object]:
        """Return the cells of a column."""
        return [row[at] for row in self.rows]

    def places(self, rows: Sequence[int], most: int = 5) -> str:
        """Return where some rows are, for a message."""
        more = f" and {len(rows) - most:,} more" if len(rows) > most else ""
        return ", ".join(f"{self.name}:{self.lines[i]}" for i in rows[:most]) + more


def written(name: str) -> str:
    """Return the name of a file as it can be written in UTF-8, other bytes as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def refuse(name: str, line: int | None, what: str, fix: str) -> errors.DataError:
    """Return the error about a line of a table."""
    where = errors.shown(name, 120) + (f", line {line:,}" if line is not None else "")
    return errors.DataError(f"{where}: {what}\n{fix}", given=name, fix=fix)


def checked_columns(name: str, columns: Sequence[str]) -> list[str]:
    """Return names of columns without what is invisible around them; of those that have none, too.

    Args:
        name: Of the file.
        columns: As they are written.

    Raises:
        DataError: Two columns have the same name.
    """
    stripped = [trimmed(column) for column in columns]
    twice = {column for column in stripped if column and stripped.count(column) > 1}
    if twice:
        raise refuse(
            name,
            1,
            f"the column '{errors.shown(min(twice))}' occurs twice.",
            "Rename one of them.",
        )
    return [column or unnamed(at) for at, column in enumerate(stripped)]


def trimmed(text: str) -> str:
    """Return a name or label without spaces and invisible characters around it."""
    return _EDGES.sub("", text)


def unnamed(at: int) -> str:
    """Return what a column without a name is called, as pandas does."""
    return f"Unnamed: {at}"


def is_blank(cell: object) -> bool:
    """Say whether a cell holds nothing."""
    return cell is None or (isinstance(cell, str) and not cell.strip())
