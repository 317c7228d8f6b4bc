"""Any model we know, asked for predictions: run folder, `.keras`, `.tflite`, SavedModel.

A `.tflite` needs neither TensorFlow nor Keras, and answers in under a second from a cold start.
Files of ours are held against their recorded hash; a stranger's file is run in a child process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from actzoo import errors, files, models, tflite
from actzoo.inference.input_checks import check_inputs
from actzoo.inference.prediction import (
    BATCH,
    Prediction,
    PredictionSession,
    batches_of,
    read_inputs,
    with_data_options,
)

KINDS = "a run folder, a .keras file, a .tflite file, or with --trust a SavedModel"
SAVED_MODEL_SECONDS = 120.0  # TensorFlow's import is in it


class Predictor(Protocol):
    """A model ready to answer; close it, or use it in a `with` block."""

    card: models.ModelCard | None
    verified: bool

    def probabilities(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return `(n, ..., classes)` for named inputs `(n, ...)`."""

    def predict(
        self,
        given: Sequence[str | os.PathLike[str]],
        *,
        out: str | os.PathLike[str] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> list[Prediction]:
        """Return one prediction per input, in order; one that cannot be read has an error."""

    def close(self) -> None:
        """Release what it holds."""


def open_model(path: str | os.PathLike[str], *, trust: bool = False, threads: int = 1) -> Predictor:
    """Open a model for prediction.

    Args:
        path: A run folder, a `.keras` or `.tflite` file, or a SavedModel folder.
        trust: Open what can run any code: a SavedModel, or a `.keras` with classes that are
            neither Keras' nor ours.
        threads: Threads of one inference of a `.tflite`.

    Returns:
        A predictor. Its `card` is the `model.json` beside the file, or None; `verified` says
        whether the file's hash is the recorded one.

    Raises:
        MissingFileError: There is nothing at the path.
        InvalidValueError: It is no model we know, is damaged, differs from its recorded hash, or
            needs `trust`.

    Example:
        >>> open_model("run/export/model_int8.tflite").predict(["photo.jpg"])  # doctest: +SKIP
    """
    path = Path(path)
    if not path.exists():
        raise errors.MissingFileError(
            f"There is no model at {errors.shown(path, 200)}.\nGive {KINDS}.", given=str(path)
        )
    if path.is_dir():
        if (path / "saved_model.pb").exists():
            return _open_saved_model(path, trust=trust)
        if (path / "model.keras").exists():
            return KerasPredictor(path / "model.keras", trust=trust)
        inside = sorted(p.name for p in path.glob("*.tflite"))
        hint = f"\nIt holds {', '.join(inside)}: name one of them." if inside else ""
        raise errors.InvalidValueError(
            f"{errors.shown(path, 200)} holds no model.keras and no saved_model.pb.\n"
            f"Give {KINDS}.{hint}",
            given=str(path),
        )
    if path.suffix == ".keras":
        return KerasPredictor(path, trust=trust)
    if path.suffix == ".tflite":
        return TFLitePredictor(path, threads=threads)
    extra = (
        "\nAn .h5 file or bare JSON must be saved anew as .keras."
        if path.suffix in (".h5", ".hdf5", ".json")
        else ""
    )
    raise errors.InvalidValueError(
        f"{errors.shown(path, 200)} is no model file that actzoo opens.\nGive {KINDS}.{extra}",
        given=str(path),
        allowed=(".keras", ".tflite"),
    )


# --- predictors ----------------------------------------------------------------------------------


class _Predictor:
    """What all predictors share: reading inputs, checking them, naming answers."""

    card: models.ModelCard | None = None
    verified = False
    ports: Mapping[str, tflite.TensorSpec]

    def __enter__(self) -> _Predictor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release what it holds."""

    def _run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        raise NotImplementedError

    def probabilities(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return `(n, ..., classes)` in float32.

        Args:
            inputs: Input name -> `(n, ...)`, in the range that the card names.

        Raises:
            InvalidValueError: An input is missing, or its shape, type or values do not fit.
        """
        checked = check_inputs(inputs, self.ports, self.card)
        return self._run(checked)

    def predict(
        self,
        given: Sequence[str | os.PathLike[str]],
        *,
        out: str | os.PathLike[str] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> list[Prediction]:
        """Return one prediction per input, in the order given.

        Inputs are prepared by the steps of the card; a `.npy` file is the input itself.

        Args:
            given: The user's files, folders of them, or whatever else the model's kind of data
                takes, such as sentences.
            out: Folder for predicted masks, where each place has an answer; None writes none.
            options: How inputs are read, where otherwise than in training; see `with_data_options`.

        Raises:
            InvalidValueError: There is no card, so nothing says how to prepare inputs.
        """
        if self.card is None:
            raise errors.InvalidValueError(
                "There is no model.json beside the model, so its inputs and classes are unknown.\n"
                "Put the model.json of the export beside the file.",
                fix="model.json beside the model",
            )
        card = with_data_options(self.card, options or {})
        asked = PredictionSession(self, card, None if out is None else Path(out))
        found: list[Prediction] = []
        # A whole case may hold many samples: then one at a time.
        size = BATCH if asked.preparation.cutter is None else 1
        for batch in batches_of(read_inputs(given, card), size):
            found += asked.answers(batch)
        return found


class TFLitePredictor(_Predictor):
    """A `.tflite` file, with the `model.json` and `export.json` beside it.

    Args:
        path: The file.
        threads: Threads of one inference.

    Raises:
        InvalidValueError: It differs from its recorded hash, or is not sound.
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int = 1) -> None:
        path = Path(path)
        data = tflite.load(path)
        self.verified = _matches_record(path, data)
        card = path.with_name("model.json")
        self.card = models.ModelCard.read(card) if card.exists() else None
        self._runner: tflite.Runner
        if self.verified:
            self._runner = tflite.Interpreter(data, threads=threads, name=path.name)
        else:
            self._runner = tflite.Sandbox(path, threads=threads)
        self.ports = self._runner.inputs

    def _run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return self._runner.run(inputs)

    def close(self) -> None:
        """Release the interpreter, or end the child that runs it."""
        self._runner.close()


def _matches_record(path: Path, data: bytes) -> bool:
    """Return whether the export record beside a file vouches for it; refuse one that differs."""
    import hashlib

    record = path.with_name("export.json")
    if not record.exists():
        return False
    recorded = files.read_json(record, "export record").get("files")
    if not isinstance(recorded, dict) or path.name not in recorded:
        return False
    for name, found in (
        (path.name, hashlib.sha256(data).hexdigest()),
        ("model.json", None),
    ):
        beside = path.with_name(name)
        if found is None:
            if name not in recorded or not beside.exists():
                continue
            found = files.sha256_file(beside)
        if found != recorded[name]:
            raise errors.InvalidValueError(
                f"{errors.shown(beside, 200)} differs from what was exported: its sha256 is "
                f"{found[:12]}…, export.json says {errors.shown(recorded[name])[:12]}….\n"
                "Copy it anew from where it was exported, or export again: actzoo export RUN",
                given=str(beside),
                fix="actzoo export RUN",
            )
    return True


class KerasPredictor(_Predictor):
    """A `.keras` file, with the `model.json` beside it.

    Args:
        path: The file.
        trust: Load classes that are neither Keras' nor ours.
    """

    def __init__(self, path: str | os.PathLike[str], *, trust: bool = False) -> None:
        path = Path(path)
        card = path.with_name("model.json")
        self.card = models.ModelCard.read(card) if card.exists() else None
        self.verified = self.card is not None and path.name in self.card.sha256
        from actzoo import graphs, sites

        model = models.load_model(path, trust=trust)
        self._model = graphs.plain(model, model.outputs[0])
        self._answers = any(sites.ends_in(self._model, end) for end in ("softmax", "sigmoid"))
        self.ports = {
            tensor.name: tflite.TensorSpec(
                tensor.name, tuple(-1 if n is None else n for n in tensor.shape[1:]), tensor.dtype
            )
            for tensor in self._model.inputs
        }

    def _run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        from actzoo import graphs, tasks

        given = graphs.ordered_inputs(self._model, inputs)
        outputs = np.asarray(self._model.predict(given, batch_size=BATCH, verbose=0), "float32")
        if self._answers:
            return outputs
        ours = self.card is not None and self.card.domain  # which end in logits
        if not ours and tasks.are_probabilities(outputs):
            return outputs
        if outputs.shape[-1] == 1:
            raise errors.InvalidValueError(
                "The model has one output and does not end in a sigmoid, so what it gives is no "
                "probability.\nEnd it in keras.layers.Activation('sigmoid').",
                given=1,
            )
        return tasks.softmax(outputs)


class SavedModelPredictor(_Predictor):
    """A SavedModel, run in a child process: its graph can read and write files.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        card = path.with_name("model.json")
        self.card = models.ModelCard.read(card) if card.exists() else None
        self._child = tflite.Child(
            "actzoo.inference.saved_model",
            [str(path.absolute())],
            path.name,
            seconds=SAVED_MODEL_SECONDS,
        )
        self.ports = self._child.inputs

    def _run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return self._child.run(inputs)

    def close(self) -> None:
        """End the child."""
        self._child.close()


def _open_saved_model(path: Path, *, trust: bool) -> SavedModelPredictor:
    if not trust:
        raise errors.InvalidValueError(
            f"{errors.shown(path, 200)} is a SavedModel, and its graph can read and write files "
            "with your rights.\nIf you made it yourself, or trust its maker, add --trust; a "
            ".tflite needs no trust.",
            given=str(path),
            fix="--trust",
        )
    return SavedModelPredictor(path)
