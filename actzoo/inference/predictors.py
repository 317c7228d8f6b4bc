"""Any model we know, asked for predictions: run folder, `.keras`, exported file, SavedModel.

An exported file needs neither TensorFlow nor Keras, and answers in under a second from a cold
start. Files of ours are held against their recorded hash; an untrusted file is run in a child
process.
"""

from __future__ import annotations

import abc
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from actzoo import artifacts, errors, files, models, tflite
from actzoo.inference.input_checks import check_inputs
from actzoo.inference.prediction import (
    BATCH,
    Prediction,
    PredictionSession,
    batches_of,
    read_inputs,
    with_data_options,
)

SAVED_MODEL_SECONDS = 120.0  # TensorFlow's import is in it


class Predictor(abc.ABC):
    """A model ready to answer; close it, or use it in a `with` block.

    Attributes:
        card: The `model.json` beside it; None where there is none.
        verified: Whether its hash is the recorded one.
        inputs: Input name -> what it takes; a size of -1 is open.
    """

    card: models.ModelCard | None = None
    verified: bool = False
    inputs: Mapping[str, tflite.TensorSpec]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027 - a model of Keras holds nothing to release
        """Release what it holds."""

    @abc.abstractmethod
    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return `(n, ..., classes)` in float32 for inputs that were checked."""

    def probabilities(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return `(n, ..., classes)` in float32.

        Args:
            inputs: Input name -> `(n, ...)`, in the range that the card names.

        Raises:
            InvalidValueError: An input is missing, or its shape, type or values do not fit.
        """
        return self.run(check_inputs(inputs, self.inputs, self.card))

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
                takes, such as sentences. What a folder holds beside inputs is left out, and said.
            out: Folder for predicted masks, where each place has an answer; None writes none.
            options: How inputs are read, where otherwise than in training; see `with_data_options`.

        Raises:
            InvalidValueError: There is no card, so nothing says how to prepare inputs.
        """
        batches = self.predict_batches(given, out=out, options=options)
        return [answer for batch in batches for answer in batch]

    def predict_batches(
        self,
        given: Sequence[str | os.PathLike[str]],
        *,
        out: str | os.PathLike[str] | None = None,
        options: Mapping[str, Any] | None = None,
        note: errors.Note | None = None,
    ) -> Iterator[list[Prediction]]:
        """Return predictions as they are made, some at a time; nothing is kept.

        What is refused as a whole is refused here, before the first of them.

        Args:
            given: See `predict`.
            out: See `predict`.
            options: See `predict`.
            note: Takes what there is to say of a folder of inputs; None prints it to stderr.

        Raises:
            InvalidValueError: There is no card, so nothing says how to prepare inputs; or an
                option, or the card's labels, cannot be used.
        """
        if self.card is None:
            raise errors.InvalidValueError(
                "There is no model.json beside the model, so its inputs and classes are unknown.\n"
                "Put the model.json of the export beside the file.",
                fix="model.json beside the model",
            )
        card = with_data_options(self.card, options or {})
        session = PredictionSession(self, card, None if out is None else Path(out))
        # A whole case may hold many samples: then one at a time.
        size = BATCH if session.preparation.cutter is None else 1
        return map(session.answers, batches_of(read_inputs(given, card, note), size))


class FilePredictor(Predictor):
    """An exported file, with the `model.json` and `export.json` beside it.

    Args:
        path: The file.
        threads: Threads of one inference.
        artifact: Its format; by the file's name if left out.

    Raises:
        InvalidValueError: It is of no known format, differs from its recorded hash, or is not
            sound.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        threads: int = 1,
        artifact: artifacts.Artifact | None = None,
    ) -> None:
        path = Path(path)
        artifact = artifact or artifacts.of_file(path)
        if artifact is None:
            raise _unknown_kind(path)
        self.verified = _matches_record(path)
        self.card = _card_beside(path)
        self._runner = artifact.open(path, trusted=self.verified, threads=threads)
        self.inputs = self._runner.inputs

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return `(n, ..., classes)` in float32 for inputs that were checked."""
        return self._runner.run(inputs)

    def close(self) -> None:
        """Release the runtime, or end the child that runs the file."""
        self._runner.close()


def _card_beside(path: Path) -> models.ModelCard | None:
    card = path.with_name("model.json")
    return models.ModelCard.read(card) if card.exists() else None


def _matches_record(path: Path) -> bool:
    """Return whether the export record beside a file vouches for it; refuse one that differs."""
    record = path.with_name("export.json")
    if not record.exists():
        return False
    recorded = files.read_json(record, "export record").get("files")
    if not isinstance(recorded, dict) or path.name not in recorded:
        return False
    card = path.with_name("model.json")
    beside = [card] if card.name in recorded and card.exists() else []
    for file in (path, *beside):
        digest = files.sha256_file(file)
        if digest != recorded[file.name]:
            raise errors.InvalidValueError(
                f"{errors.shown(file, 200)} differs from what was exported: its sha256 is "
                f"{digest[:12]}…, export.json says {errors.shown(recorded[file.name])[:12]}….\n"
                "Copy it again from where it was exported, or export again: actzoo export RUN",
                given=str(file),
                fix="actzoo export RUN",
            )
    return True


class KerasPredictor(Predictor):
    """A `.keras` file, with the `model.json` beside it.

    Args:
        path: The file.
        trust: Load classes that are neither Keras' nor ours.
    """

    def __init__(self, path: str | os.PathLike[str], *, trust: bool = False) -> None:
        path = Path(path)
        self.card = _card_beside(path)
        self.verified = self.card is not None and path.name in self.card.sha256
        from actzoo import graphs, lowering

        model = models.load_model(path, trust=trust)
        self._model = graphs.plain(model, model.outputs[0])
        self._ending = lowering.probability_activation(self._model)
        self.inputs = {
            tensor.name: tflite.TensorSpec(
                tensor.name, tuple(-1 if n is None else n for n in tensor.shape[1:]), tensor.dtype
            )
            for tensor in self._model.inputs
        }

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return `(n, ..., classes)` in float32 for inputs that were checked."""
        from actzoo import graphs, lowering, tasks

        given = graphs.ordered_inputs(self._model, inputs)
        outputs = np.asarray(self._model.predict(given, batch_size=BATCH, verbose=0), "float32")
        if self._ending is not None:
            return outputs
        ours = self.card is not None and bool(self.card.domain)  # these end in logits
        if lowering.gives_probabilities(self._model, None if ours else lambda: outputs):
            return outputs
        return tasks.softmax(outputs)


class SavedModelPredictor(Predictor):
    """A SavedModel, run in a child process: its graph can read and write files.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.card = _card_beside(path)
        self._child = tflite.Child(
            "actzoo.inference.saved_model",
            [str(path.absolute())],
            path.name,
            seconds=SAVED_MODEL_SECONDS,
        )
        self.inputs = self._child.inputs

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return `(n, ..., classes)` in float32 for inputs that were checked."""
        return self._child.run(inputs)

    def close(self) -> None:
        """End the child."""
        self._child.close()


# --- opening -------------------------------------------------------------------------------------


def open_model(path: str | os.PathLike[str], *, trust: bool = False, threads: int = 1) -> Predictor:
    """Open a model for prediction.

    Args:
        path: A run folder, a `.keras` or an exported file, or a SavedModel folder.
        trust: Open what can run any code: a SavedModel, or a `.keras` with classes that are
            neither Keras' nor ours.
        threads: Threads of one inference of an exported file.

    Returns:
        A predictor. Its `card` is the `model.json` beside the file, or None; `verified` says
        whether the file's hash is the recorded one.

    Raises:
        MissingFileError: There is nothing at the path.
        InvalidValueError: It is not a model we know, is damaged, differs from its recorded hash, or
            needs `trust`.

    Example:
        >>> open_model("run/export/model_int8.tflite").predict(["photo.jpg"])  # doctest: +SKIP
    """
    path = Path(path)
    if not path.exists():
        raise errors.MissingFileError(
            f"There is no model at {errors.shown(path, 200)}.\nGive {_kinds()}.", given=str(path)
        )
    if path.is_dir():
        return _open_folder(path, trust=trust)
    if path.suffix == ".keras":
        return KerasPredictor(path, trust=trust)
    return FilePredictor(path, threads=threads)


def _open_folder(path: Path, *, trust: bool) -> Predictor:
    if (path / "saved_model.pb").exists():
        return _open_saved_model(path, trust=trust)
    if (path / "model.keras").exists():
        return KerasPredictor(path / "model.keras", trust=trust)
    suffixes = _suffixes()
    inside = sorted(file.name for file in path.iterdir() if file.suffix in suffixes)
    hint = f"\nIt holds {', '.join(inside)}: name one of them." if inside else ""
    raise errors.InvalidValueError(
        f"{errors.shown(path, 200)} holds no model.keras and no saved_model.pb.\n"
        f"Give {_kinds()}.{hint}",
        given=str(path),
    )


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


def _unknown_kind(path: Path) -> errors.InvalidValueError:
    extra = (
        "\nAn .h5 file or bare JSON must be saved again as .keras."
        if path.suffix in (".h5", ".hdf5", ".json")
        else ""
    )
    return errors.InvalidValueError(
        f"{errors.shown(path, 200)} is not a model file that actzoo opens.\n"
        f"Give {_kinds()}.{extra}",
        given=str(path),
        allowed=(".keras", *_suffixes()),
    )


def _suffixes() -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.suffix for row in artifacts.ARTIFACTS))


def _kinds() -> str:
    exported = ", ".join(f"a {suffix} file" for suffix in _suffixes())
    return f"a run folder, a .keras file, {exported}, or with --trust a SavedModel"
