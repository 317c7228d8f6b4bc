"""Run folders: the place of every file of a run, each named in this one place."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path

from actzoo import errors, files, folders, own_files
from actzoo.artifacts import ARTIFACTS

ANSWERS = own_files.ANSWERS


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The files of one run, each named in this one place.

    Args:
        path: The folder.
    """

    path: Path

    def __init__(self, path: str | os.PathLike[str]) -> None:
        object.__setattr__(self, "path", Path(path))

    @property
    def plan(self) -> Path:
        """Every decision, `plan.json`."""
        return self.path / "plan.json"

    @property
    def model(self) -> Path:
        """The trained model, `model.keras`."""
        return self.path / "model.keras"

    @property
    def card(self) -> Path:
        """How to use the model, `model.json`."""
        return self.path / "model.json"

    @property
    def history(self) -> Path:
        """One row per epoch, `history.csv`."""
        return self.path / "history.csv"

    @property
    def metrics(self) -> Path:
        """Scores of the held-out splits, `metrics.json`."""
        return self.path / "metrics.json"

    @property
    def diagnostics(self) -> Path:
        """What the activations did, `diagnostics.json`."""
        return self.path / "diagnostics.json"

    @property
    def report(self) -> Path:
        """The page for people, `report.html`."""
        return self.path / "report.html"

    @property
    def tensorboard(self) -> Path:
        """Logs for TensorBoard."""
        return self.path / "tensorboard"

    @property
    def checkpoint(self) -> Path:
        """The state of an unfinished training."""
        return self.path / "checkpoint"

    @property
    def evaluation(self) -> Path:
        """Held-out predictions and what the report shows."""
        return self.path / "evaluation"

    @property
    def predictions(self) -> Path:
        """One row per held-out example."""
        return self.evaluation / "predictions.csv"

    @property
    def identities(self) -> Path:
        """Return the table of what the names of examples stand for, where they hide it."""
        return self.evaluation / "identities.csv"

    @property
    def panels(self) -> Path:
        """What the domain shows of the data, `panels.json`."""
        return self.evaluation / "panels.json"

    @property
    def export(self) -> Path:
        """The exported files; an `ExportFolder`."""
        return self.path / "export"

    @property
    def verification(self) -> Path:
        """The proof, `verify.json`."""
        return self.export / "verify.json"

    @property
    def export_record(self) -> Path:
        """Hashes of all exported files, `export.json`."""
        return ExportFolder(self.export).record

    @property
    def export_reference(self) -> Path:
        """Recorded inputs and outputs, `reference.npz`."""
        return ExportFolder(self.export).reference

    @property
    def records(self) -> Path:
        """What each stage read and said; its presence marks a folder as a run."""
        return self.path / "stages"

    @property
    def moved_data(self) -> Path:
        """Where the data of the plan is now, if it has moved."""
        return self.records / "data.json"

    def record(self, stage: str) -> Path:
        """Return the path of a stage's record."""
        return self.records / f"{stage}.json"


@dataclasses.dataclass(frozen=True)
class ExportFolder:
    """The files of one export; complete in itself, so that it can travel.

    Args:
        path: The folder.
    """

    path: Path

    def __init__(self, path: str | os.PathLike[str]) -> None:
        object.__setattr__(self, "path", Path(path))

    @property
    def saved_model(self) -> Path:
        """The SavedModel."""
        return self.path / "saved_model"

    @property
    def labels(self) -> Path:
        """Class names, one per line."""
        return self.path / "labels.txt"

    @property
    def reference(self) -> Path:
        """Recorded inputs and outputs."""
        return self.path / "reference.npz"

    @property
    def card(self) -> Path:
        """How to use the model, `model.json`."""
        return self.path / "model.json"

    @property
    def record(self) -> Path:
        """Hashes of all exported files, `export.json`."""
        return self.path / "export.json"

    @property
    def verification(self) -> Path:
        """The proof, `verify.json`."""
        return self.path / "verify.json"

    def file(self, precision: str) -> Path:
        """Return the path of the file of a precision.

        Raises:
            UnknownNameError: There is no such precision.
        """
        return self.path / ARTIFACTS.get(precision).file

    def precisions(self) -> list[str]:
        """Return the precisions whose files are there."""
        return [row.name for row in ARTIFACTS if (self.path / row.file).exists()]


def existing(run: str | os.PathLike[str] | RunFolder) -> RunFolder:
    """Return a run folder; refuse a path that is not one.

    Raises:
        MissingFileError: There is no run at the path.
    """
    folder = run if isinstance(run, RunFolder) else RunFolder(run)
    if not folder.plan.exists():
        why = "it has no plan.json"
        fix = "Make one: actzoo plan DATA --out RUN, or actzoo run DATA --out RUN"
        if folder.path.is_file():
            why = "it is a file, and a run is a folder"
        if folder.path.name == folder.plan.name and folder.path.is_file():
            fix = f"Give the folder that it is in: {errors.quoted(folder.path.parent)}"
        raise errors.MissingFileError(
            f"There is no run at {errors.shown(folder.path, 200)}: {why}.\n{fix}",
            given=str(folder.path),
        )
    return folder


def check_free(folder: RunFolder, *, resume: bool) -> None:
    """Refuse a run folder that holds something else, or cannot be written, before any work.

    Raises:
        InvalidValueError: It is a file, or not empty.
        DiskError: It cannot be written.
    """
    shown = errors.shown(folder.path, 200)
    if folder.path.exists() and not folder.path.is_dir():
        raise errors.InvalidValueError(
            f"{shown} is a file; --out takes a folder.\nChoose another --out.",
            given=str(folder.path),
        )
    if folder.plan.exists() and not resume:
        raise errors.InvalidValueError(
            f"{shown} holds another run.\n"
            "Continue it: actzoo run with --resume. Or choose another --out.",
            given=str(folder.path),
            fix="--resume, or another --out",
        )
    inside = list(folder.path.iterdir()) if folder.path.is_dir() else []
    begun = (folder.records.name, ".lock")  # left by a plan that was stopped, and parts of files
    is_begun = all(p.name in begun or p.name.startswith((".tmp-", ".writable")) for p in inside)
    if not is_begun or (inside and not resume):
        way = "Continue it: add --resume. Or choose" if folder.records.is_dir() else "Choose"
        raise errors.InvalidValueError(
            f"{shown} is not empty.\n{way} another --out.",
            given=str(folder.path),
            fix="another --out",
        )
    files.check_writable(folder.path)


def check_apart(folder: RunFolder, data: str) -> None:
    """Refuse a run folder that is the data, or holds it: its files would mix with the user's.

    A run folder inside the data is fine, since it is left out of the data wherever that is read.

    Args:
        folder: The run folder.
        data: What the user gave as DATA.

    Raises:
        InvalidValueError: It is.
    """
    if folders.is_scheme(data) or not os.path.exists(data):
        return
    out, place = os.path.realpath(folder.path), os.path.realpath(data)
    if not any(is_same(out, parent) for parent in (place, *map(str, Path(place).parents))):
        return
    where = "are one folder" if is_same(out, place) else "cannot be: DATA lies inside --out"
    beside = Path(place).parent / f"{Path(place).stem or 'data'}_run"
    raise errors.InvalidValueError(
        f"DATA, {errors.shown(data, 160)}, and --out, {errors.shown(folder.path, 160)}, {where}, "
        "so that files of the run would mix with it.\n"
        f"Choose another --out, such as {errors.quoted(beside)}",
        given=str(folder.path),
        fix=f"--out {errors.quoted(beside)}",
    )


def place_of_data(folder: RunFolder, planned: str) -> str:
    """Return where the data of a run is: where it was found after it moved, or as planned."""
    if not folder.moved_data.is_file():
        return planned
    place = str(files.read_json(folder.moved_data, "record of moved data").get("data", planned))
    return place if os.path.exists(place) else planned


def remember_place(folder: RunFolder, place: str) -> None:
    """Remember where the data of a run was found, if the run can be written; its plan stays."""
    record = {"format": files.FORMAT, "data": str(Path(place).absolute())}
    with contextlib.suppress(errors.DiskError):
        files.write_json(folder.moved_data, record)


def is_same(one: str, other: str) -> bool:
    """Say whether two paths are one file or folder, however they are written."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return one == other
