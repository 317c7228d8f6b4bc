"""The files of a run, read once; any of them may be missing, cut or edited by hand."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from actzoo import errors, files, tasks
from actzoo.artifacts import ARTIFACTS
from actzoo.formatting import finite
from actzoo.report.panels import Pictures
from actzoo.report.values import mapping, sequence, whole
from actzoo.run_folder import RunFolder
from actzoo.tasks import measures

Columns = Mapping[str, Sequence[float | None]]

NOT_NUMBERS = ("epoch", "phase", "seconds")  # columns of the history that have no curve


@dataclasses.dataclass(frozen=True)
class JsonFile:
    """A JSON file of the run: its content, and what is wrong with it in one sentence."""

    data: Mapping[str, Any]
    gap: str | None


@dataclasses.dataclass(frozen=True)
class RunFiles:
    """What the files of a run hold.

    Attributes:
        run: The run folder.
        name: Of the folder, as written in commands.
        plan: `plan.json`.
        card: `model.json`.
        metrics: `metrics.json`.
        panels: `evaluation/panels.json`.
        diagnostics: `diagnostics.json`.
        verification: `export/verify.json`.
        export: `export/export.json`.
        history: Rows of `history.csv`.
        pictures: Picture files that the panels name.
    """

    run: RunFolder
    name: str
    plan: JsonFile
    card: JsonFile
    metrics: JsonFile
    panels: JsonFile
    diagnostics: JsonFile
    verification: JsonFile
    export: JsonFile
    history: list[dict[str, str]]
    pictures: Pictures

    @classmethod
    def open(cls, run: RunFolder) -> RunFiles:
        """Read the files of a run folder."""
        place = Path(run.path.name or "RUN")
        read = functools.partial(read_json, run)
        return cls(
            run,
            errors.shown(place),
            plan=read(run.plan, "plan", errors.command("plan", "DATA", "--out", place)),
            card=read(run.card, "model card", errors.command("train", place)),
            metrics=read(run.metrics, "metrics", errors.command("evaluate", place)),
            panels=read(run.panels, "panels", errors.command("evaluate", place)),
            diagnostics=read(run.diagnostics, "diagnostics", errors.command("diagnose", place)),
            verification=read(run.verification, "verification", errors.command("verify", place)),
            export=read(run.export_record, "export record", errors.command("export", place)),
            history=list(rows(run.history)),
            pictures=Pictures(run.evaluation),
        )

    def command(self, name: str) -> str:
        """Return a command for this run, as it is typed beside its folder."""
        return errors.command(name, Path(self.run.path.name or "RUN"))

    @functools.cached_property
    def task(self) -> tasks.Task | None:
        """The task that the files name; None where it is not known here."""
        for file in (self.metrics, self.card, self.plan):
            name = file.data.get("task")
            if isinstance(name, str) and name in tasks.TASKS:
                return tasks.get_task(name)
        return None

    @property
    def presentation(self) -> tasks.Presentation:
        """How the run's scores are named and shown."""
        return measures.UNKNOWN if self.task is None else self.task.presentation

    @property
    def test(self) -> Mapping[str, Any]:
        """The score of the test split."""
        return mapping(self.metrics.data.get("test"))

    @property
    def classes(self) -> list[str]:
        """Names of the classes, as planned."""
        names = sequence(self.plan.data.get("classes")) or sequence(self.card.data.get("classes"))
        return [str(name) for name in names]

    @property
    def scored_classes(self) -> list[str]:
        """Names of the classes, as scored."""
        return [str(name) for name in mapping(self.test.get("per_class"))] or self.classes

    @property
    def counts(self) -> dict[str, int]:
        """Number of examples of each split."""
        given = mapping(self.plan.data.get("num_examples"))
        counts = {name: whole(given.get(name)) for name in ("train", "val", "test")}
        return {name: count for name, count in counts.items() if count is not None}

    @functools.cached_property
    def curves(self) -> Columns:
        """Columns of the history that hold numbers, one value per epoch."""
        return {
            name: [cell(row.get(name)) for row in self.history]
            for name in column_names(self.run.history)
            if name not in NOT_NUMBERS
        }

    @functools.cached_property
    def verified(self) -> dict[str, Mapping[str, Any]]:
        """Precision -> what the verification measured, known precisions first."""
        measured = {
            name: value
            for name, value in self.verification.data.items()
            if isinstance(value, Mapping)
            and (name in ARTIFACTS or "custom_operators" in value or "size_bytes" in value)
        }
        order = {name: at for at, name in enumerate(ARTIFACTS.names())}
        return dict(sorted(measured.items(), key=lambda item: order.get(item[0], len(order))))


def read_json(run: RunFolder, path: Path, what: str, command: str) -> JsonFile:
    """Read a JSON file of a run.

    Args:
        run: The run.
        path: The file, within the run.
        what: What it is ("plan"), for messages.
        command: The command that makes it.
    """
    name = path.relative_to(run.path).as_posix()
    if not path.is_file():
        return JsonFile({}, f"{name} is missing. `{command}` makes it.")
    try:
        data = files.read_json(path, what)
        empty = not set(data) - {"format"}
        return JsonFile(data, f"{name} is empty. `{command}` makes it again." if empty else None)
    except (errors.ActzooError, OSError) as error:
        first = str(error).splitlines()[0].replace(f"{run.path}{os.sep}", "")
        return JsonFile({}, f"{name} cannot be used: {first} `{command}` makes it again.")


def column_names(path: Path) -> list[str]:
    """Return the headings of a CSV file; none where it is missing or broken."""
    with contextlib.suppress(OSError, csv.Error), _opened(path) as reader:
        return list(reader.fieldnames or ())
    return []


def rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file; stops without an error where the file is cut."""
    with contextlib.suppress(OSError, csv.Error), _opened(path) as reader:
        yield from reader


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[csv.DictReader[str]]:
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        yield csv.DictReader(line.replace("\0", "") for line in file)


def cell(text: str | None) -> float | None:
    """Return the number in a cell; None where there is none."""
    try:
        return finite(float(text)) if text else None
    except ValueError:
        return None
