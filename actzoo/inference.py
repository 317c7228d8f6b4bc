"""Any model we know, asked for predictions: run folder, `.keras`, `.tflite`, SavedModel.

A `.tflite` needs neither TensorFlow nor Keras, and answers in under a second from a cold start.
Files of ours are held against their recorded hash; a stranger's file is run in a child process.
"""

from __future__ import annotations

import csv
import dataclasses
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from actzoo import errors, models, results
from actzoo.device import runtime, tflite

if TYPE_CHECKING:
    from actzoo.domains import DomainSpec
    from actzoo.plan import Plan

KINDS = "a run folder, a .keras file, a .tflite file, or with --trust a SavedModel"
BATCH = 32
SAVED_MODEL_SECONDS = 120.0  # TensorFlow's import is in it


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model says about one input.

    Attributes:
        id: The input as the user named it.
        label: Most probable class; None where the input could not be read.
        probability: Its probability.
        probabilities: Class -> probability.
        error: Why there is no prediction.
        mask: The file that the predicted mask was written to.
        shares: Class -> share of the places, where each place has an answer.
    """

    id: str
    label: str | None
    probability: float | None
    probabilities: dict[str, float]
    error: str | None = None
    mask: str | None = None
    shares: dict[str, float] = dataclasses.field(default_factory=dict)


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
    ports: Mapping[str, runtime.TensorSpec]

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
        for batch in _batches(read_inputs(given, card), size):
            found += asked.answers(batch)
        return found


class PredictionSession:
    """One call of `predict`."""

    def __init__(self, predictor: _Predictor, card: models.ModelCard, out: Path | None) -> None:
        from actzoo import data, domains, tasks

        self.predictor = predictor
        self.card = card
        self.out = out
        self.preparation = data.Preparation.of(card.domain, card.preprocessing)
        self.domain = domains.DOMAINS.get(card.domain) if card.domain else None
        self.is_dense = tasks.get_task(card.task).is_dense
        self._samples_of, self._in_batches = data.samples_of, data.run_in_batches
        self._written: set[Path] = set()
        # What an earlier call left may be written over, files of the user may not.
        self._earlier = set() if out is None else _masks_before(out)

    def answers(self, items: Sequence[tuple[str, bytes | Path | str]]) -> list[Prediction]:
        """Return the answers for some inputs: id, and bytes, an array's file or what is wrong."""
        prepared: list[Any] = []
        for name, raw in items:
            try:
                case = self._prepare(name, raw)
                samples = self._samples(case, raw)
                check_inputs(samples, self.predictor.ports, self.card)
                prepared.append((case, samples))
            except errors.ActzooError as error:
                prepared.append(str(error))
        good = [item for item in prepared if not isinstance(item, str)]
        outputs: Any = iter(())
        if good:
            names = self.predictor.ports
            stacked = {n: np.concatenate([samples[n] for _, samples in good]) for n in names}
            outputs = iter(self._in_batches(stacked, self.predictor._run, BATCH))
        found = []
        for (name, raw), item in zip(items, prepared, strict=True):
            if isinstance(item, str):
                found.append(Prediction(name, None, None, {}, item))
                continue
            case, samples = item
            own = np.stack(list(itertools.islice(outputs, len(next(iter(samples.values()))))))
            try:
                found.append(self._answer(name, raw, case, own))
            except errors.DataError as error:
                found.append(Prediction(name, None, None, {}, str(error)))
        return found

    def _prepare(self, name: str, raw: bytes | Path | str) -> dict[str, np.ndarray]:
        if isinstance(raw, str):
            raise errors.DataError(raw, given=name)
        if isinstance(raw, Path):
            return {next(iter(self.predictor.ports)): _read_array(raw)}
        if not self.card.preprocessing:
            raise errors.DataError(
                f"The model has no preprocessing steps, so {errors.shown(name, 120)} cannot be "
                "prepared.\nGive its input as a .npy file.",
                given=name,
            )
        from actzoo import preprocessing

        try:
            return preprocessing.apply(self.preparation.case_steps, raw)
        except errors.ActzooError as error:
            raise errors.DataError(f"{errors.shown(name, 200)}: {error}", given=name) from error

    def _samples(self, case: dict[str, np.ndarray], raw: Any) -> dict[str, np.ndarray]:
        if isinstance(raw, Path):
            return {name: value[None] for name, value in case.items()}
        return self._samples_of(case, self.preparation)

    def _answer(
        self, name: str, raw: Any, case: dict[str, np.ndarray], outputs: np.ndarray
    ) -> Prediction:
        classes = self.card.classes
        if outputs.shape[-1] != len(classes):
            raise errors.InvalidValueError(
                f"The model has {outputs.shape[-1]} outputs and model.json {len(classes)} classes; "
                "they do not belong together.",
                given=outputs.shape[-1],
                allowed=(len(classes),),
            )
        if not self.is_dense:
            return _named(name, outputs[0], classes)
        cutter = self.preparation.cutter
        joined = cutter.join(outputs, case) if cutter and isinstance(raw, bytes) else outputs[0]
        mask = joined.argmax(axis=-1).astype("uint8")
        counts = np.bincount(mask.reshape(-1), minlength=len(classes))
        shares = {str(c): float(n / mask.size) for c, n in zip(classes, counts, strict=True)}
        written = None
        if self.out is not None and self.domain and self.domain.write and isinstance(raw, bytes):
            written = str(self._write(self.domain, self.out, name, raw, mask))
        return Prediction(name, None, None, {}, mask=written, shares=shares)

    def _write(
        self, domain: DomainSpec, out: Path, name: str, raw: bytes, mask: np.ndarray
    ) -> Path:
        """Write a mask; files of one name go into folders of their own."""
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".") as scratch:
            made = Path(domain.call("write", name, raw, mask, self.card.classes, Path(scratch)))
            target = out / made.name
            for number in itertools.count(2):
                if target not in self._written:
                    break
                target = out / str(number) / made.name
            own = target.relative_to(out).parts
            ours = any(parts[-len(own) :] == own for parts in self._earlier)
            if target.exists() and not ours:
                raise errors.DataError(
                    f"{errors.shown(target, 200)} exists already and is not overwritten.\n"
                    "Name another folder: --out FOLDER",
                    given=str(target),
                    fix="--out FOLDER",
                )
            target.parent.mkdir(exist_ok=True)
            os.replace(made, target)
        self._written.add(target)
        return target


def refuse_options(options: Mapping[str, Any]) -> None:
    """Refuse options of data where a run's own data is opened.

    Raises:
        InvalidValueError: There are some.
    """
    if options:
        raise errors.InvalidValueError(
            f"The run's own data is opened as in its plan, so these have no effect: "
            f"{errors.shown(', '.join(options))}.\n"
            "Leave them out, or name other data behind the model.",
            given=tuple(options),
        )


def with_data_options(card: models.ModelCard, options: Mapping[str, Any]) -> models.ModelCard:
    """Return the card of a model for data that is opened otherwise than that it was trained on.

    Args:
        card: Of the model.
        options: Of its domain, such as the encoding of a file; "data options" in the plan.

    Raises:
        UnknownNameError: The domain has no such option.
        InvalidValueError: A value is of the wrong kind.
    """
    if not options:
        return card
    from actzoo import domains, preprocessing

    if not card.domain:
        raise errors.InvalidValueError(
            "The model belongs to no kind of data that actzoo opens, so these have no effect: "
            f"{errors.shown(', '.join(options))}.",
            given=tuple(options),
        )
    given = domains.read_options(domains.DOMAINS.get(card.domain), options)
    return dataclasses.replace(
        card,
        data_options={**card.data_options, **given},
        preprocessing=preprocessing.with_settings(card.preprocessing, given),
    )


def _masks_before(out: Path) -> set[tuple[str, ...]]:
    """Return the parts of the paths of the masks that an earlier call wrote into a folder.

    Raises:
        InvalidValueError: A predictions.csv of the user's is there.
    """
    table = out / results.ANSWERS
    if not table.exists():
        return set()
    try:
        with open(table, encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
    except (OSError, ValueError, csv.Error):
        header, rows = [], []
    if header[:1] != ["input"] or header[-1:] != ["error"]:
        raise errors.InvalidValueError(
            f"{errors.shown(table, 200)} is no table of `actzoo predict` and is not overwritten.\n"
            "Name another folder: --out FOLDER",
            given=str(table),
            fix="--out FOLDER",
        )
    if "mask" not in header:
        return set()
    at = header.index("mask")
    return {
        Path(row[at].removeprefix("'")).parts for row in rows if len(row) == len(header) and row[at]
    }


def read_inputs(
    given: Sequence[str | os.PathLike[str]], card: models.ModelCard
) -> Iterator[tuple[str, bytes | Path | str]]:
    """Yield what a user gives to `predict`, one input after another.

    Args:
        given: Files, folders of them, or what the domain's `read` takes.
        card: Of the model: its domain, and how its data is opened.

    Yields:
        Name, and the bytes; for a `.npy` file its path; for a file that cannot be read, why.
    """
    from actzoo import domains

    spec = domains.DOMAINS.get(card.domain) if card.domain else None
    if spec is not None and spec.read:
        yield from spec.call("read", [os.fspath(item) for item in given], card.data_options)
        return
    for path in domains.files_of(given):
        try:
            yield str(path), path if path.suffix == ".npy" else path.read_bytes()
        except FileNotFoundError:
            yield str(path), f"There is no file {errors.shown(path, 200)}."
        except OSError as error:
            yield str(path), f"{errors.shown(path, 200)} cannot be read: {error.strerror}."


def _batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while batch := list(itertools.islice(items, size)):
        yield batch


def _read_array(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except FileNotFoundError as error:
        raise errors.MissingFileError(
            f"There is no file {errors.shown(path, 200)}.", given=str(path)
        ) from error
    except (ValueError, OSError, EOFError) as error:
        raise errors.DataError(
            f"{errors.shown(path, 200)} is no .npy array of numbers.", given=str(path)
        ) from error


def _named(name: str, row: np.ndarray, classes: Sequence[str]) -> Prediction:
    best = int(np.argmax(row))
    values = {str(label): float(value) for label, value in zip(classes, row, strict=True)}
    return Prediction(name, str(classes[best]), float(row[best]), values)


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
        self._runner: runtime.Runner
        if self.verified:
            self._runner = runtime.Interpreter(data, threads=threads, name=path.name)
        else:
            self._runner = runtime.Sandbox(path, threads=threads)
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
    files = results.read_json(record, "export record").get("files")
    if not isinstance(files, dict) or path.name not in files:
        return False
    for name, found in (
        (path.name, hashlib.sha256(data).hexdigest()),
        ("model.json", None),
    ):
        beside = path.with_name(name)
        if found is None:
            if name not in files or not beside.exists():
                continue
            found = results.sha256_file(beside)
        if found != files[name]:
            raise errors.InvalidValueError(
                f"{errors.shown(beside, 200)} differs from what was exported: its sha256 is "
                f"{found[:12]}…, export.json says {errors.shown(files[name])[:12]}….\n"
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
        from actzoo import lowering

        self._model = _plain_inputs(models.load_model(path, trust=trust))
        self._answers = any(lowering.ends_in(self._model, end) for end in ("softmax", "sigmoid"))
        self.ports = {
            tensor.name: runtime.TensorSpec(
                tensor.name, tuple(-1 if n is None else n for n in tensor.shape[1:]), tensor.dtype
            )
            for tensor in self._model.inputs
        }

    def _run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        from actzoo import tasks

        ordered = [np.asarray(inputs[t.name]).astype(t.dtype) for t in self._model.inputs]
        given = ordered[0] if len(ordered) == 1 else ordered
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


def _plain_inputs(model: Any) -> Any:
    """Return a model over the same layers whose inputs are one tensor or a flat list."""
    import keras

    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    return keras.Model(inputs, model.outputs[0], name=model.name)


class SavedModelPredictor(_Predictor):
    """A SavedModel, run in a child process: its graph can read and write files.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        card = path.with_name("model.json")
        self.card = models.ModelCard.read(card) if card.exists() else None
        self._child = runtime.Child(
            "actzoo.device.saved_model",
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


# --- inputs --------------------------------------------------------------------------------------


def check_inputs(
    inputs: Mapping[str, np.ndarray],
    ports: Mapping[str, runtime.TensorSpec],
    card: models.ModelCard | None = None,
) -> dict[str, np.ndarray]:
    """Return inputs as arrays, or refuse what the model would answer with nonsense.

    Args:
        inputs: Input name -> `(n, ...)`.
        ports: What the model takes.
        card: Says the range of the values.

    Raises:
        InvalidValueError: Names what is expected and what was found.
    """
    found = {}
    for name, port in ports.items():
        if name not in inputs:
            raise errors.InvalidValueError(
                f"The input '{errors.shown(name)}' is missing; given are "
                f"{errors.shown(', '.join(map(str, inputs)) or 'none')}.",
                given=tuple(inputs),
                allowed=tuple(ports),
            )
        values = np.asarray(inputs[name])
        _check_shape(values, port)
        if values.dtype.kind not in "fiub":
            raise errors.InvalidValueError(
                f"'{errors.shown(name)}' takes numbers; found {values.dtype}.",
                given=str(values.dtype),
                allowed=("float32", "uint8"),
            )
        described = card.inputs.get(name, {}) if card is not None else {}
        _check_values(values, name, described.get("range"))
        found[name] = values
    return found


def _check_shape(values: np.ndarray, port: runtime.TensorSpec) -> None:
    wanted = tuple(port.shape)
    shape = values.shape[1:]
    if values.ndim == len(wanted) + 1 and all(
        size in (-1, given) for size, given in zip(wanted, shape, strict=True)
    ):
        return
    hint = ""
    if len(wanted) == 3 and shape == (wanted[2], wanted[0], wanted[1]):
        hint = "\nThe channels come last: np.moveaxis(picture, 0, -1)."
    elif values.shape == wanted:
        hint = "\nA first axis counts the samples: picture[None]."
    elif len(wanted) == 3 and len(shape) == 3 and shape[2] == wanted[2]:
        hint = f"\nResize to {wanted[0]}x{wanted[1]} pixels."
    raise errors.InvalidValueError(
        f"'{errors.shown(port.name)}' takes (n, {', '.join(map(str, wanted))}); found "
        f"{values.shape}.{hint}",
        given=values.shape,
        allowed=(wanted,),
    )


def _check_values(values: np.ndarray, name: str, limits: Sequence[float] | None) -> None:
    if values.size == 0:
        return
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        rows = values.reshape(len(values), -1)
        first = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise errors.InvalidValueError(
            f"'{errors.shown(name)}' holds NaN or infinity, first in sample {first}.",
            given=first,
        )
    if limits is None:
        return
    low, high = float(limits[0]), float(limits[1])
    smallest, largest = float(values.min()), float(values.max())
    slack = 1e-3 * (high - low)
    scaled = (
        low >= 0 and high > 2 and values.dtype.kind == "f" and -1.0 <= smallest and largest <= 1.0
    )
    # Fractions below one, where bytes are expected, were scaled before; whole ones are dark pixels.
    if scaled and not np.array_equal(values, np.round(values)):
        pass
    elif smallest >= low - slack and largest <= high + slack:
        return
    hint = "The steps in model.json say how it is made."
    if (low, high) == (0.0, 255.0):
        hint = "The model scales them itself: give pixels as they are in the file."
    raise errors.InvalidValueError(
        f"'{errors.shown(name)}' takes values from {low:g} to {high:g}; found {smallest:.4g} to "
        f"{largest:.4g}.\n{hint}",
        given=(smallest, largest),
        allowed=((low, high),),
    )


# --- scoring -------------------------------------------------------------------------------------


def evaluate(
    path: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    precision: str | None = None,
    *,
    trust: bool = False,
    threads: int = 1,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Score a model on its held-out split, or on other labeled data.

    Args:
        path: A run folder, or any model that `open_model` takes.
        data: Labeled data; the held-out split of the run's own data where left out.
        precision: An exported file of the run instead of its Keras model.
        trust: See `open_model`.
        threads: See `open_model`.
        options: How the other data is opened, where otherwise than in training.

    Returns:
        `task`, `model`, `precision`, `data`, and `test` as in `metrics.json`.

    Raises:
        MissingFileError: The model, its data or the exported file is not there.
        DataError: The data has classes that the model does not know.
    """
    from actzoo import data as data_room
    from actzoo import tasks

    path = Path(path)
    run = results.RunFolder(path) if path.is_dir() and (path / "plan.json").exists() else None
    file = path
    if precision is not None:
        if run is None:
            raise errors.InvalidValueError(
                f"A precision chooses among the files of a run folder; {errors.shown(path, 120)} "
                "is none.",
                given=precision,
            )
        exported = results.ExportFolder(run.export)
        file = exported.tflite(precision)
        if not file.exists():
            # An export replaces what was exported before.
            wanted = ",".join([*exported.precisions(), precision])
            raise errors.MissingFileError(
                f"The run has no {errors.shown(file.name)}.\n"
                f"Export it: actzoo export {errors.shown(path, 120)} --precision "
                f"{errors.shown(wanted)}",
                given=precision,
            )
    predictor = open_model(file, trust=trust, threads=threads)
    try:
        card = predictor.card
        if card is None:
            raise errors.InvalidValueError(
                "There is no model.json beside the model, so its classes are unknown.",
                given=str(path),
            )
        if data is None:
            if run is None:
                raise errors.InvalidValueError(
                    "Name the data to score on: actzoo evaluate MODEL DATA. Only a run folder "
                    "knows its own.",
                    given=str(path),
                )
            refuse_options(options or {})
            source, indices = _held_out(run, data_room)
        else:
            card = with_data_options(card, options or {})
            source = data_room.open_source(
                str(data), card.domain or None, card.data_options, fewest=1
            )
            indices = np.arange(len(source))
        if len(indices) == 0:
            raise errors.DataError("There is nothing to score on: the data is empty.")
        order = renumbering(source, card)
        cases = data_room.run_cases(
            source,
            indices,
            data_room.Preparation.of(card.domain, card.preprocessing),
            predictor.probabilities,
            batch_size=BATCH,
        )
        scored = (
            tasks.get_task(card.task)
            .assess(
                ((order[case.target], case.outputs, case.spacing) for case in cases),
                card.classes,
            )
            .score
        )
        return {
            "format": results.FORMAT,
            "task": card.task,
            "model": str(file),
            "precision": precision,
            "data": None if data is None else str(data),
            "test": scored,
        }
    finally:
        predictor.close()


def _held_out(run: results.RunFolder, data_room: Any) -> tuple[Any, np.ndarray]:
    from actzoo.plan import Plan

    plan: Plan = Plan.read(run.plan)
    source, splits = data_room.open_planned(
        plan, note=lambda text: print(f"warning: {text}", file=sys.stderr)
    )
    return source, np.asarray(splits["test"])


def renumbering(source: Any, card: models.ModelCard) -> np.ndarray:
    """Return class index of the data -> class index of the model.

    Raises:
        DataError: The data has classes that the model does not know.
    """
    from actzoo import domains, tasks

    names, classes = source.classes, card.classes
    spec = domains.DOMAINS.get(card.domain) if card.domain else None
    if spec is not None and spec.rename:
        names = spec.call("rename", source, classes)
    unknown = [name for name in names if name not in classes]
    if unknown:
        listed = ", ".join(errors.shown(name) for name in unknown[:10])
        raise errors.DataError(
            f"The data has {len(unknown)} classes that the model does not know: {listed}.\n"
            f"It knows {errors.shown(', '.join(map(str, classes)), 200)}.",
            given=tuple(unknown),
            allowed=tuple(classes),
        )
    return tasks.renumbering(names, classes)


# --- benchmark -----------------------------------------------------------------------------------


def _any_values(port: runtime.TensorSpec) -> np.ndarray:
    """Return one sample: pixels for numbers, ones (a token, a place that counts) for integers."""
    shape = (1, *port.shape)
    if port.dtype in ("int32", "int64"):
        return np.ones(shape, port.dtype)
    return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")


def benchmark(
    files: Sequence[str | os.PathLike[str]], threads: int = 1, rounds: int = 50
) -> list[dict[str, Any]]:
    """Measure exported files side by side.

    Rounds are interleaved, so that a busy moment of the machine meets every file alike; trust the
    ratios more than the milliseconds.

    Args:
        files: `.tflite` files.
        threads: Threads of one inference.
        rounds: Inferences per file, at least 1.

    Returns:
        One row per file: `file`, `latency_ms` (median), `latency_ms_p90`, `ratio` to the first
        file, `size_bytes`, `operators`, `custom_operators`, `peak_memory_bytes` (what a process
        needs on top of the runtime; None where the system does not tell), `threads`.

    Raises:
        MissingFileError: A file does not exist.
        InvalidValueError: A file is not sound, or a number is out of range.
    """
    if not files:
        raise errors.InvalidValueError("Name at least one .tflite file.")
    for name, value, low, high in (("threads", threads, 1, 256), ("rounds", rounds, 1, 100_000)):
        if not low <= value <= high:
            raise errors.InvalidValueError(
                f"{name}={value} is not possible: {low} to {high}.", given=value
            )
    rows: list[dict[str, Any]] = []
    runners: list[Any] = []
    inputs: list[dict[str, np.ndarray]] = []
    for file in map(Path, files):
        data = tflite.load(file)
        # First in a child: it measures memory, and takes the fall for an unsound file.
        with runtime.Sandbox(file, threads=threads) as child:
            one = {name: _any_values(port) for name, port in child.inputs.items()}
            child.run(one)
            peak = child.peak_memory_bytes
        graph = tflite.read(data, file.name)
        runner = runtime.Interpreter(data, threads=threads, name=file.name)
        for _ in range(3):
            runner.run(one)
        runners.append(runner)
        inputs.append(one)
        rows.append(
            {
                "file": str(file),
                "size_bytes": len(data),
                "operators": graph.counts(),
                "custom_operators": graph.custom_operators(),
                "peak_memory_bytes": peak,
                "threads": threads,
            }
        )
    seconds = np.empty((rounds, len(runners)))
    for k in range(rounds):
        for column, runner in enumerate(runners):
            start = time.perf_counter()
            runner.run(inputs[column])
            seconds[k, column] = time.perf_counter() - start
    medians = np.median(seconds, axis=0) * 1e3
    for column, row in enumerate(rows):
        row["latency_ms"] = float(medians[column])
        row["latency_ms_p90"] = float(np.quantile(seconds[:, column], 0.9) * 1e3)
        row["ratio"] = float(medians[column] / medians[0])
    return rows
