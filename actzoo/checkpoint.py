"""The state of training, on disk after each epoch, so that a killed run continues exactly.

Weights and optimizer of an epoch are written first, the small state file that names them last;
the epoch before is kept until then. A broken file is found by its hash and the earlier epoch taken.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors, files, run_folder
from actzoo.tasks.measures import rank_of_epoch

if TYPE_CHECKING:
    import keras


class Checkpoint:
    """The state of a run between two epochs."""

    def __init__(self, monitor: tuple[str, str] = ("loss", "min")) -> None:
        self._monitor = monitor
        self.phase = 0  # index of the phase that runs
        self.epoch_of_phase = 0  # whole epochs of it
        self.history: list[dict[str, Any]] = []
        self.best_epoch = 0
        self.best_value = np.inf
        self.best_weights: list[np.ndarray] | None = None
        self.epochs_without_gain = 0
        self._weights_file: Path | None = None  # of network and optimizer, while not restored
        self._best_file: Path | None = None

    def add(self, row: dict[str, Any], model: keras.Model) -> None:
        """Take in a whole epoch; remember its weights if it is the best so far.

        Which is better is said by `measures.rank_of_epoch`.

        Args:
            row: Its numbers, by column of `history.csv`.
            model: The whole model.
        """
        rank = rank_of_epoch(row, self._monitor)
        best = (math.inf, math.inf)
        if self.best_epoch:
            best = rank_of_epoch(self.history[self.best_epoch - 1], self._monitor)
        self.history.append(row)
        self.epoch_of_phase += 1
        self.epochs_without_gain += 1
        if self.best_weights is None or rank < best:
            self.best_value = rank[0]
            self.best_epoch = row["epoch"]
            self.best_weights = model.get_weights()
            self.epochs_without_gain = 0

    def start_phase(self, number: int) -> None:
        """Continue with the next phase, from the best weights so far."""
        self.phase, self.epoch_of_phase, self.epochs_without_gain = number, 0, 0

    def save(self, run: run_folder.RunFolder, network: keras.Model, model: keras.Model) -> None:
        """Write the state after an epoch, and `history.csv`.

        Args:
            run: The run folder.
            network: What trains, with its optimizer.
            model: The whole model.
        """
        folder = run.checkpoint
        number = len(self.history)
        weights_file = folder / f"epoch{number:05d}.npz"
        _write_arrays(weights_file, [np.asarray(v) for v in _variables(network)])
        best_file = folder / f"best{self.best_epoch:05d}.npz"
        if self.best_weights is not None and (number == self.best_epoch or not best_file.exists()):
            _write_arrays(best_file, self.best_weights)
        files.write_json(
            folder / f"state{number:05d}.json",
            {
                "format": files.FORMAT,
                "plan": files.sha256_file(run.plan),
                "phase": self.phase,
                "epoch_of_phase": self.epoch_of_phase,
                "history": self.history,
                "best_epoch": self.best_epoch,
                "best_value": float(self.best_value),
                "epochs_without_gain": self.epochs_without_gain,
                "files": {file.name: files.sha256_file(file) for file in (weights_file, best_file)},
            },
        )
        write_history(run, self.history)
        self._forget(folder)

    def _forget(self, folder: Path) -> None:
        """Remove all but the last two states and the files they name."""
        states = sorted(folder.glob("state*.json"))
        for old in states[:-2]:
            files.remove(old)
        kept = set()
        for state in states[-2:]:
            with contextlib.suppress(ValueError, KeyError):  # a damaged one keeps nothing
                kept |= set(json.loads(state.read_text("utf-8"))["files"])
        for file in [*folder.glob("epoch*.npz"), *folder.glob("best*.npz")]:
            if file.name not in kept:
                files.remove(file)

    @classmethod
    def load(
        cls, run: run_folder.RunFolder, monitor: tuple[str, str], note: errors.Note
    ) -> Checkpoint:
        """Read the last whole state of a run; a fresh one if there is none.

        Args:
            run: The run folder.
            monitor: Score that chooses the best epoch, and its direction.
            note: Takes warnings.

        Raises:
            InvalidValueError: The plan was changed since.
        """
        for path in sorted(run.checkpoint.glob("state*.json"), reverse=True):
            try:
                state = files.read_json(path, "checkpoint")
            except errors.InvalidValueError as error:
                if path.stat().st_size and "format" in str(error):
                    raise
                note(f"{path.name} is damaged; the epoch before is taken.")
                continue
            if state["plan"] != files.sha256_file(run.plan):
                raise errors.InvalidValueError(
                    f"plan.json was changed since {errors.shown(run.path, 120)} was interrupted, "
                    "so its training cannot continue.\n"
                    "Put the old plan.json back, or start again: actzoo run PLAN --out ANOTHER.",
                    given=str(run.plan),
                )
            broken = [
                name
                for name, digest in state["files"].items()
                if not (run.checkpoint / name).exists()
                or files.sha256_file(run.checkpoint / name) != digest
            ]
            if broken:
                note(f"{path.name}: {broken[0]} is damaged; the epoch before is taken.")
                continue
            return cls(monitor)._take(state, run.checkpoint)
        if run.checkpoint.exists():
            note("No whole checkpoint was found; training starts from the beginning.")
        return cls(monitor)

    def _take(self, state: dict[str, Any], folder: Path) -> Checkpoint:
        self.phase = state["phase"]
        self.epoch_of_phase = state["epoch_of_phase"]
        self.history = state["history"]
        self.best_epoch = state["best_epoch"]
        self.best_value = np.inf if state["best_value"] is None else state["best_value"]
        self.epochs_without_gain = state["epochs_without_gain"]
        names = sorted(state["files"])
        self._best_file, self._weights_file = folder / names[0], folder / names[1]
        return self

    def restore_best(self, model: keras.Model) -> None:
        """Put the best weights of a loaded state into the model, once, before a phase is made."""
        if self._best_file is not None:
            self.best_weights = _read_arrays(self._best_file)
            self._best_file = None
            model.set_weights(self.best_weights)

    def restore(self, network: keras.Model) -> None:
        """Put weights and optimizer of the loaded state into a compiled network, once."""
        if self._weights_file is not None:
            stored = _read_arrays(self._weights_file)
            for variable, value in zip(_variables(network), stored, strict=True):
                variable.assign(value)
            self._weights_file = None


def _variables(network: keras.Model) -> list[keras.Variable]:
    """Return weights and optimizer state, in an order that a rebuilt network has, too."""
    return [*network.weights, *network.optimizer.variables]


def _write_arrays(path: Path, arrays: list[np.ndarray]) -> None:
    # Not Keras' own .weights.h5: on a full disk, HDF5 goes on to complain long after the error.
    with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, *arrays)


def _read_arrays(path: Path) -> list[np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        return [stored[name] for name in stored.files]


def write_history(run: run_folder.RunFolder, history: list[dict[str, Any]]) -> None:
    """Write `history.csv`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    files.write_text(run.history, text.getvalue())


def read_history(run: run_folder.RunFolder) -> dict[str, list[float | None]]:
    """Return the columns of `history.csv` that hold numbers; none where there is no such file."""
    columns: dict[str, list[float | None]] = {}
    with contextlib.suppress(OSError, csv.Error, UnicodeDecodeError):
        for row in csv.DictReader(io.StringIO(run.history.read_text("utf-8"))):
            for name, text in row.items():
                with contextlib.suppress(ValueError, TypeError):
                    value = float(text)
                    columns.setdefault(name, []).append(value if math.isfinite(value) else None)
    return columns
