"""Answers of `predict` as they come: on the screen, as one JSON document, in a table.

Nothing is kept but what is on its way, so that a folder of any size takes the memory of a batch,
and a call that is stopped leaves the answers it had.
"""

from __future__ import annotations

import contextlib
import csv
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from actzoo import errors, files, formatting, own_files
from actzoo.cli import console
from actzoo.report.values import mapping

if TYPE_CHECKING:
    from actzoo.inference import Prediction

MOST_NOTES = 20  # printed of all answers of a call
Rows = Sequence[Mapping[str, Any]]


def answer(answer: Prediction, top: int | None) -> dict[str, Any]:
    """Return a prediction as the plain data that `predict --json` prints.

    Args:
        answer: The prediction.
        top: Classes to name, the most probable first; None names all.
    """
    ranked = sorted(answer.probabilities.items(), key=lambda item: -item[1])[:top]
    plain: dict[str, Any] = {
        "input": files.readable(answer.id),
        "label": answer.label,
        "probability": answer.probability,
        "top": [{"label": name, "probability": value} for name, value in ranked],
    }
    if answer.shares:
        mask = None if answer.mask is None else files.readable(answer.mask)
        plain.update(mask=mask, shares=dict(answer.shares), labels=list(answer.labels))
    if answer.notes:
        plain["notes"] = list(answer.notes)
    return plain if answer.error is None else {**plain, "error": answer.error}


class Screen:
    """Prints answers for people, one line each; columns are as wide as the first batch needs."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self._widths: Sequence[int] | None = None

    def add(self, rows: Rows) -> None:
        """Print some answers."""
        columns, cells = _for_people(rows)
        lines, widths = formatting.table_lines(columns, cells, self._widths)
        console.say("\n".join(lines if self._widths is None else lines[1:]), self._file)
        self._widths = widths

    def close(self) -> None:
        """Print the headings where there was no answer."""
        if self._widths is None:
            self.add(())


def _for_people(rows: Rows) -> tuple[tuple[str, ...], list[Sequence[object]]]:
    if not any("shares" in row for row in rows):
        columns = ("input", "class", "probability")
        return columns, [(row["input"], row["label"] or "-", row["probability"]) for row in rows]
    columns = ("input", "mask", "shares")
    return columns, [(row["input"], row.get("mask") or "-", _shares(row)) for row in rows]


def _shares(row: Mapping[str, Any]) -> str:
    parts = [
        f"{name} {formatting.share(value)}" for name, value in mapping(row.get("shares")).items()
    ]
    return ", ".join(parts) or "-"


class JsonDocument:
    """Prints answers as one JSON list; it is whole also where a call is stopped."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self.is_begun = False

    def add(self, rows: Rows) -> None:
        """Print some answers."""
        for row in rows:
            text = textwrap.indent(console.json_text(row, self._file), "  ")
            console.say(f"{',' if self.is_begun else '['}\n{text}", self._file, end="")
            self.is_begun = True

    def close(self) -> None:
        """Print the end of the list."""
        console.say("\n]" if self.is_begun else "[]", self._file)


class Table:
    """Writes answers as a table that spreadsheets open, row by row.

    The masks that an earlier call wrote into the folder remain known until this one has ended, so
    that a call that is stopped does not leave files which nothing knows.

    Args:
        folder: Made where it is missing.
        classes: Of the masks, whose shares are written; None for answers that are a class.
        probabilities: Classes whose probabilities are written, too.
    """

    def __init__(
        self, folder: Path, classes: Sequence[str] | None, probabilities: Sequence[str] = ()
    ) -> None:
        self.path = folder / own_files.ANSWERS
        self._before = folder / own_files.ANSWERS_BEFORE
        self._shares = {f"share of {name}": name for name in classes or ()}
        self._probabilities = {f"probability of {name}": name for name in probabilities}
        own = ["label", "probability"] if classes is None else ["mask", "labels"]
        self._columns = ["input", *own, *self._shares, *self._probabilities, "error"]
        folder.mkdir(parents=True, exist_ok=True)
        if earlier := own_files.answers_in(folder):
            files.write_text(self._before, own_files.table_of_masks(earlier))
        try:
            self._file = open(self.path, "w", encoding="utf-8", newline="")
        except OSError as error:
            raise files.disk_error(error, self.path) from error
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow([files.csv_cell(name) for name in self._columns])
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.close()
        if kind is None:
            files.remove(self._before)

    def add(self, rows: Rows, probabilities: Sequence[Mapping[str, float]] = ()) -> None:
        """Write some answers.

        Args:
            rows: As `answer` returns them.
            probabilities: Class -> probability of each, where the table has them.
        """
        for index, row in enumerate(rows):
            cells: dict[str, Any] = {**row, "labels": _legend(row)}
            shares = mapping(row.get("shares"))
            cells |= {column: shares.get(name) for column, name in self._shares.items()}
            own = probabilities[index] if probabilities else {}
            cells |= {column: own.get(name) for column, name in self._probabilities.items()}
            self._writer.writerow([_cell(cells.get(name)) for name in self._columns])
        self._file.flush()


def _legend(row: Mapping[str, Any]) -> str:
    """Return what the numbers in a mask mean, as in "0 background, 2 liver"."""
    return ", ".join(f"{label['value']} {label['name']}" for label in row.get("labels", ()))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6f}"
    return "" if value is None else files.csv_cell(str(value))


@contextlib.contextmanager
def shown(as_json: bool, file: TextIO | None) -> Iterator[Screen | JsonDocument]:
    """Print answers as they come, and the end of a document also where an error ends the call."""
    printed = JsonDocument(file) if as_json else Screen(file)
    try:
        yield printed
    except BaseException:
        if isinstance(printed, JsonDocument) and printed.is_begun:
            printed.close()
        raise
    printed.close()


def tell(rows: Rows, noted: int = 0) -> tuple[int, int]:
    """Print what there is to say of some answers.

    Args:
        rows: The answers.
        noted: How many notes there were before; after `MOST_NOTES` no more are printed.

    Returns:
        How many inputs could not be read, and how many notes there were so far.
    """
    for row in rows:
        for sentence in row.get("notes", ()):
            if noted < MOST_NOTES:
                console.tell(f"note: {errors.shown(row['input'], 200)}: {sentence}")
            elif noted == MOST_NOTES:
                console.tell("note: there are notes on more inputs; --json names them all.")
            noted += 1
        if "error" in row:
            name, problem = errors.shown(row["input"], 200), row["error"]
            console.tell(problem if name in problem else f"{name}: {problem}")
    return sum("error" in row for row in rows), noted
