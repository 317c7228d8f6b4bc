"""From a trained model to the files a phone runs.

One call writes the SavedModel, a `.tflite` for each precision and all that is needed to use and to
check them elsewhere: labels, card, recorded inputs and outputs. Everything is made in a temporary
folder first; then each file is put in place whole, `export.json` with the hashes of all others
last, so that a folder with that file is complete.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors, models, results, tasks
from actzoo.device import islands, runtime, tflite
from actzoo.device.converter import Converter, NonFiniteError
from actzoo.device.samples import (
    Reference,
    as_reference,
    calibration_of_run,
    check_calibration,
    extreme_inputs,
    range_of,
    reference_arrays,
    reference_of_run,
)
from actzoo.results import PRECISIONS

if TYPE_CHECKING:
    import keras

    from actzoo import lowering

IO_DTYPES = ("float32", "uint8")
LARGEST_HIDDEN = 1e30  # beyond, float32 sums overflow in one order and not in another
SIGNATURE = "serving_default"
_INPUT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]*[A-Za-z0-9]")  # of a file in the folder


@dataclasses.dataclass(frozen=True)
class ExportResult:
    """What an export wrote.

    Attributes:
        folder: The export folder.
        files: Precision -> file.
        notes: Warnings, one sentence each.
    """

    folder: results.ExportFolder
    files: dict[str, Path]
    notes: tuple[str, ...]


def export_model(
    model: keras.Model,
    folder: str | os.PathLike[str],
    *,
    precision: str | Sequence[str] = "float32",
    calibration: Any = None,
    task: str = "classification",
    classes: Sequence[str] | None = None,
    card: models.ModelCard | Mapping[str, Any] | None = None,
    reference: Reference | Mapping[str, np.ndarray] | np.ndarray | None = None,
    lower: bool = True,
    io_dtype: str = "float32",
    note: Callable[[str], None] | None = None,
    converter: Converter | None = None,
) -> ExportResult:
    """Write a model for the device.

    Writes `saved_model/`, `model_<precision>.tflite`, `labels.txt`, `model.json`, `reference.npz`
    and `export.json`; files of an earlier export in the folder are replaced.

    Args:
        model: Any functional or sequential Keras model with one output, `(batch, ..., classes)`.
        folder: Where the files go.
        precision: One or several of float32, float16, dynamic, int8.
        calibration: Samples `(n, ...)`, or a mapping from input name to them; int8 needs them.
        task: What the output means.
        classes: Names of the outputs; counted where neither these nor a card are given.
        card: What stands beside the model; made from the model where left out.
        reference: Cases to record; the calibration samples, or random ones, where left out.
        lower: Write activations in their device form. Off only to see what the converter makes of
            Keras' own.
        io_dtype: "float32", or "uint8": pixels `[0, 255]` as bytes in, probability times 256 as a
            byte out.
        note: Takes each warning.
        converter: A running `Converter`, to export many models without starting one for each.

    Returns:
        What was written.

    Raises:
        UnknownNameError: No such precision or io_dtype.
        InvalidTypeError: The model is not functional.
        InvalidValueError: Its output or an input cannot stand in such a file: one logit alone, no
            axis of classes, texts; or classes and outputs differ in number.
        DataError: Calibration samples are missing, empty, all zero or not finite.
        ExportError: A precision could not be made; the others are written.
        DiskError: The disk is full or not writable; nothing half-written remains.

    Example:
        >>> from actzoo import build_model
        >>> net = build_model("simple_net", input_shape=(8, 8, 3), num_classes=3)
        >>> export_model(net, folder).files["float32"].name  # doctest: +SKIP
        'model_float32.tflite'
    """
    precisions = _check_names(precision, io_dtype)
    said = _Notes(note)
    names = _input_names(model)
    card = _as_card(model, card, classes, task, names)
    if io_dtype == "uint8":
        card = _of_pixels(card, model)
    samples = None
    if "int8" in precisions:
        samples = check_calibration(calibration, model, names, said)
    fallback = calibration if samples is None else samples
    cases = as_reference(reference, fallback, model, card)
    with tempfile.TemporaryDirectory(prefix="actzoo-export-") as scratch:
        owned = converter is None
        worker = converter or Converter()
        try:
            worker.start()
            output = missing_output_activation(model, card, cases, said)
            card = dataclasses.replace(_sized(card, model, cases), output=output or card.output)
            _check_one_size(card, samples or {})
            work = ExportJob(model, card, output, Path(scratch), worker, lower, io_dtype, said)
            made, failed = work.make(precisions, samples)
            recorded = work.record(made, failed, cases)
            if not made:
                raise _failure(failed, ())
            target = results.ExportFolder(folder)
            _put(work, made, recorded, cases, target)
        except errors.ActzooError:
            raise
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise _scratch_error(error, scratch) from error
        finally:
            if owned:
                worker.close()
    if failed:
        raise _failure(failed, tuple(made))
    return ExportResult(target, {p: target.tflite(p) for p in made}, tuple(said.all))


def export_run(
    run: results.RunFolder | str | os.PathLike[str],
    precisions: Sequence[str] | None = None,
    *,
    note: Callable[[str], None] | None = None,
    io_dtype: str = "float32",
) -> ExportResult:
    """Export the model of a run folder, calibrated and checked on its own data.

    Calibration samples come from training examples, reference cases from held-out ones.

    Args:
        run: The run folder.
        precisions: Which; those of the plan where left out.
        note: Takes each warning.
        io_dtype: See `export_model`.

    Returns:
        What was written into `export/`.

    Raises:
        MissingFileError: The run has no model or plan, or its data is gone.
        ExportError: See `export_model`.
    """
    from actzoo import data
    from actzoo.plan import Plan

    run = run if isinstance(run, results.RunFolder) else results.RunFolder(run)
    with Converter() as worker:  # imports TensorFlow while the data is read
        plan = Plan.read(run.plan)
        model = models.load_model(run.path)
        card = models.ModelCard.read(run.card)
        source, splits = data.open_planned(plan, note=note or _say_nothing)
        return export_model(
            model,
            run.export,
            precision=precisions or plan.precisions,
            calibration=calibration_of_run(source, plan, splits["train"], data),
            task=plan.task,
            card=card,
            reference=reference_of_run(source, splits["test"], plan, data),
            io_dtype=io_dtype,
            note=note,
            converter=worker,
        )


def _say_nothing(_: str) -> None:
    return None


# --- what was asked for --------------------------------------------------------------------------


class _Notes:
    def __init__(self, note: Callable[[str], None] | None) -> None:
        self.all: list[str] = []
        self._note = note or (lambda text: print(f"warning: {text}", file=sys.stderr))

    def __call__(self, text: str) -> None:
        if text not in self.all:
            self.all.append(text)
            self._note(text)


def _check_names(precision: str | Sequence[str], io_dtype: str) -> tuple[str, ...]:
    given = (precision,) if isinstance(precision, str) else tuple(precision)
    if not given:
        raise errors.InvalidValueError(
            f"No precision is given; take some of {', '.join(PRECISIONS)}.", allowed=PRECISIONS
        )
    for name in given:
        if name not in PRECISIONS:
            raise errors.unknown_name("precision", name, PRECISIONS)
    if io_dtype not in IO_DTYPES:
        raise errors.unknown_name("io_dtype", io_dtype, IO_DTYPES)
    return tuple(name for name in PRECISIONS if name in given)


def _input_names(model: keras.Model) -> tuple[str, ...]:
    outputs = getattr(model, "outputs", None) or ()
    if len(outputs) != 1:
        raise errors.InvalidTypeError(
            f"{type(model).__name__} has {len(outputs)} outputs known before a call; export needs "
            "a functional model with one.\nBuild it with keras.Model(inputs, output).",
            given=type(model).__name__,
        )
    for tensor in model.inputs:
        if not _INPUT_NAME.fullmatch(tensor.name):
            raise errors.InvalidValueError(
                f"The input '{errors.shown(tensor.name)}' has a name that a SavedModel cannot "
                "have.\nBegin it with a letter, and go on with letters, digits and underscores: "
                "keras.Input(..., name='x')",
                given=tensor.name,
            )
        if not str(tensor.dtype).startswith(("float", "bfloat", "int", "uint", "bool")):
            raise errors.InvalidValueError(
                f"The input '{tensor.name}' takes {tensor.dtype}; a device's file takes numbers.\n"
                "Turn texts into token ids before the model.",
                given=str(tensor.dtype),
            )
    return tuple(tensor.name for tensor in model.inputs)


def _as_card(
    model: keras.Model,
    card: models.ModelCard | Mapping[str, Any] | None,
    classes: Sequence[str] | None,
    task: str,
    names: tuple[str, ...],
) -> models.ModelCard:
    size = _output_size(model)
    given = card if isinstance(card, Mapping) else {}
    if card is None or isinstance(card, Mapping):
        card = models.ModelCard(
            name=model.name,
            config={},
            domain="",
            task=task,
            classes=tuple(f"class_{i}" for i in range(size)),
            preprocessing=(),
            inputs={
                name: {
                    "shape": list(tensor.shape[1:]),
                    "dtype": str(tensor.dtype),
                    **({"range": [0, 255]} if _scales_pixels(model) else {}),
                }
                for name, tensor in zip(names, model.inputs, strict=True)
            },
            output=tasks.get_task(task).output_activation,
            versions=models.versions(),
        )
    fields = {field.name for field in dataclasses.fields(models.ModelCard)}
    card = dataclasses.replace(card, **{key: given[key] for key in given if key in fields})
    if classes is not None:
        card = dataclasses.replace(card, classes=tuple(map(str, classes)))
    if len(card.classes) != size:
        raise errors.InvalidValueError(
            f"The model has {size} outputs, but {len(card.classes)} classes are given.\n"
            "Give one name for each output, in order.",
            given=len(card.classes),
            allowed=(size,),
        )
    for name in card.classes:
        if "\n" in str(name) or "\r" in str(name):
            raise errors.InvalidValueError(
                f"The class name '{errors.shown(name)}' holds a line break, and labels.txt has "
                "one name per line.\nRename the class.",
                given=name,
            )
    return card


def _of_pixels(card: models.ModelCard, model: keras.Model) -> models.ModelCard:
    """Return a card whose inputs are pixels where it does not say otherwise."""
    for tensor in model.inputs:
        if "float" not in str(tensor.dtype):
            raise errors.InvalidValueError(
                f"The input '{tensor.name}' takes whole numbers ({tensor.dtype}) and cannot be "
                "uint8 pixels.\nLeave io_dtype out.",
                given="uint8",
            )
    inputs = {
        name: {**found, "range": found.get("range") or [0, 255]}
        for name, found in card.inputs.items()
    }
    return dataclasses.replace(card, inputs=inputs)


def _output_size(model: keras.Model) -> int:
    shape = tuple(model.outputs[0].shape)
    if len(shape) < 2 or shape[-1] is None:
        raise errors.InvalidValueError(
            f"The model's output has the shape {shape}; export takes (batch, ..., classes).\n"
            "Leave the last axis in place, with one value for each class.",
            given=shape,
        )
    return int(shape[-1])


def _sized(card: models.ModelCard, model: keras.Model, cases: Reference) -> models.ModelCard:
    """Return a card whose inputs have the sizes that the model leaves open, as the cases have."""
    inputs = dict(card.inputs)
    for tensor in model.inputs:
        shape = list(inputs.get(tensor.name, {}).get("shape") or tensor.shape[1:])
        if None in shape:
            sizes = cases.inputs[tensor.name].shape[1:]
            filled = [size or given for size, given in zip(shape, sizes, strict=True)]
            inputs[tensor.name] = {**inputs.get(tensor.name, {}), "shape": filled}
    return dataclasses.replace(card, inputs=inputs)


def _check_one_size(card: models.ModelCard, samples: Mapping[str, np.ndarray]) -> None:
    """Refuse calibration samples of another size than the file will take."""
    for name, values in samples.items():
        wanted = tuple(card.inputs.get(name, {}).get("shape") or values.shape[1:])
        if values.shape[1:] != wanted:
            raise errors.DataError(
                f"The calibration samples of '{name}' have the shape {values.shape[1:]}, the file "
                f"takes {wanted}.\nBring calibration and reference samples to one size.",
                given=values.shape[1:],
                allowed=(wanted,),
            )


def missing_output_activation(
    model: keras.Model, card: models.ModelCard, cases: Reference, note: Callable[[str], None]
) -> str | None:
    """Return the output activation to put behind a model; None where it gives probabilities.

    Its graph tells, unless the activation hides in a function of the user's: then its outputs do.
    """
    from actzoo import lowering

    if card.output != "softmax" or lowering.ends_in(model, card.output):
        return card.output
    if lowering.ends_in(model, "sigmoid"):
        return "sigmoid"
    if _output_size(model) == 1:
        raise errors.InvalidValueError(
            "The model has one output, behind which a softmax gives 1 for any input.\nEnd it in a "
            "sigmoid (keras.layers.Activation('sigmoid')), or give it one output for each class.",
            given=1,
        )
    few = {name: value[: lowering.FEW] for name, value in cases.inputs.items()}
    outputs = lowering.keras_outputs(model, None, few)
    if not tasks.are_probabilities(outputs):
        if np.all((outputs >= 0) & (outputs <= 1)):
            note(
                "A softmax was put behind the model, whose outputs all lie between 0 and 1. If "
                "each is a probability by itself, end it in keras.layers.Activation('sigmoid')."
            )
        return card.output
    note(
        "The model's outputs are probabilities already (they sum to 1), so no softmax was put "
        "behind it."
    )
    return None


def _scales_pixels(model: keras.Model) -> bool:
    """Whether a model with one input begins by scaling `[0, 255]` itself."""
    first = next((layer for layer in model.layers if type(layer).__name__ != "InputLayer"), None)
    scale = getattr(first, "scale", None)
    return (
        len(model.inputs) == 1
        and type(first).__name__ == "Rescaling"
        and isinstance(scale, int | float)
        and 1 / 256 <= scale <= 1 / 127
    )


# --- making the files ----------------------------------------------------------------------------


class ExportJob:
    """One export under way, in a temporary folder."""

    def __init__(
        self,
        model: keras.Model,
        card: models.ModelCard,
        output: str | None,
        scratch: Path,
        converter: Converter,
        lower: bool,
        io_dtype: str,
        note: Callable[[str], None],
    ) -> None:
        self.model = model
        self.card = card
        self.output = output
        self.scratch = scratch
        self.converter = converter
        self.lower = lower
        self.io_dtype = io_dtype
        self.note = note
        self.float_layers: dict[str, str] = {}
        self._floats: dict[str, Path] = {}
        self._models: dict[tuple[str, tuple[str, ...]], lowering.Lowered] = {}

    @property
    def saved_model(self) -> Path:
        """The SavedModel of the float form, which is put beside the files."""
        return self.scratch / "saved_model_float32"

    def make(
        self, precisions: Sequence[str], samples: Mapping[str, np.ndarray] | None
    ) -> tuple[dict[str, Path], dict[str, str]]:
        """Make each precision; return the files, and why others could not be made."""
        made: dict[str, Path] = {}
        failed: dict[str, str] = {}
        self._save("float32", ())
        for precision in precisions:
            try:
                made[precision] = self._finish(precision, self._make(precision, samples))
            except (errors.ExportError, errors.InvalidValueError) as error:
                failed[precision] = str(error)
        return made, failed

    def _make(self, precision: str, samples: Mapping[str, np.ndarray] | None) -> Path:
        if precision == "float32":
            return self._float("float32")
        out = self.scratch / f"{precision}.tflite"
        if precision != "int8":
            source = self._float("float32")
            if tflite.has_lookup(tflite.read(source.read_bytes())):
                saved = str(self._save("float32", ()))
                self.converter.run("convert", saved_model=saved, out=str(out), stored=precision)
            else:
                self.converter.run(
                    "quantize", source=str(source), out=str(out), precision=precision
                )
            return out
        calibration = self.scratch / "calibration.npz"
        arrays = self._as_taken(samples or {})
        np.savez(calibration, **arrays)  # type: ignore[arg-type]
        try:
            return self._int8(out, calibration, ())
        except NonFiniteError as error:
            # Some chains are finite over a smaller range than the stable forms.
            lowered = self._lowered("int8", ())
            names = {n for t in error.tensors for n in tflite.layers_of(t, lowered.names)}
            stable = tuple(sorted(lowered.names[n] for n in names))
            if not stable:
                raise
            return self._int8(out, calibration, stable)

    def _int8(self, out: Path, calibration: Path, stable: tuple[str, ...]) -> Path:
        lowered = self._lowered("int8", stable)
        source = self._float("int8", stable)
        if "WHILE" in tflite.read(source.read_bytes()).counts():
            raise errors.ExportError(
                "The model has a loop (LSTM, GRU and the like), which the quantizer cannot give "
                "int8 values. Take dynamic: its weights are 8-bit, too."
            )
        self.converter.run(
            "quantize",
            source=str(source),
            out=str(out),
            precision="int8",
            operators=lowered.int8_operators,
            calibration=str(calibration),
        )
        self.float_layers.update(lowered.float_layers)
        self._tell_float_layers(lowered)
        return out

    def _tell_float_layers(self, lowered: lowering.Lowered) -> None:
        """Note layers that stay float in int8, one sentence per reason."""
        by_reason: dict[str, list[str]] = {}
        last = self.model.outputs[0]._keras_history.operation.name
        for layer, reason in lowered.float_layers.items():
            if lowered.names[layer] == last:
                continue  # the outputs are float in any case
            by_reason.setdefault(reason, []).append(errors.shown(lowered.names[layer], 40))
        for reason, layers in by_reason.items():
            more = f" and {len(layers) - 3} more" if len(layers) > 3 else ""
            self.note(
                f"int8: {reason}, so it stays float in {', '.join(layers[:3])}{more}; that costs "
                "time, not accuracy."
            )

    def _float(self, form: str, stable: tuple[str, ...] = ()) -> Path:
        """Return the float file of a form, converted when first asked for."""
        if form == "int8" and not stable and not self._lowered("int8", ()).chains:
            form = "float32"  # every activation is written alike for both
        key = form + "".join(f"+{name}" for name in stable)
        if key not in self._floats:
            out = self.scratch / f"float_{len(self._floats)}.tflite"
            saved = self._save(form, stable)
            self.converter.run("convert", saved_model=str(saved), out=str(out))
            self._floats[key] = out
        return self._floats[key]

    def _lowered(self, form: str, stable: tuple[str, ...]) -> lowering.Lowered:
        from actzoo import lowering

        if (form, stable) not in self._models:
            self._models[form, stable] = lowering.lower_in_detail(
                self.model,
                form,
                output_activation=self.output,
                replace=self.lower,
                stable=stable,
            )
        return self._models[form, stable]

    def _save(self, form: str, stable: tuple[str, ...]) -> Path:
        target = self.scratch / f"saved_model_{form}{len(stable) or ''}"
        if not target.exists():
            shapes = {name: found["shape"] for name, found in self.card.inputs.items()}
            save_model(self._lowered(form, stable).model, target, shapes)
        return target

    def _as_taken(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return inputs in the dtypes that the model takes."""
        dtypes = {tensor.name: tensor.dtype for tensor in self.model.inputs}
        return {name: np.asarray(v).astype(dtypes[name]) for name, v in inputs.items()}

    def _finish(self, precision: str, path: Path) -> Path:
        data = path.read_bytes()
        if self.io_dtype == "uint8":
            ranges = {name: range_of(self.card, name) or (0.0, 255.0) for name in self.card.inputs}
            data = tflite.with_uint8_io(data, ranges)
        graph = tflite.read(data, path.name)
        if precision == "int8":
            self._tell_float_runs(graph)
        finished = self.scratch / f"model_{precision}.tflite"
        finished.write_bytes(data)
        return finished

    def _tell_float_runs(self, graph: tflite.Graph) -> None:
        found = [
            run
            for run in islands.float_runs(graph)
            if run.could_fold and not any(tflite.layers_of(run.place, self.float_layers))
        ]
        if found:
            first = found[0]
            self.note(
                f"int8: {len(found)} runs of operators stay float and will not fold, first "
                f"{' '.join(first.operators)} before '{errors.shown(first.place)}'."
            )

    def record(
        self, made: dict[str, Path], failed: dict[str, str], cases: Reference
    ) -> dict[str, np.ndarray]:
        """Return Keras' and each file's outputs on the cases; a file that cannot run has failed."""
        from actzoo import lowering

        extreme = extreme_inputs(cases.inputs, self.card)
        if extreme:
            fits = lowering.largest_hidden_values(self.model, extreme) < LARGEST_HIDDEN
            extreme = {name: value[fits] for name, value in extreme.items()}
        joined = {
            name: np.concatenate([value, extreme.get(name, value[:0])])
            for name, value in self._as_taken(cases.inputs).items()
        }
        outputs = lowering.keras_outputs(self.model, self.output, joined)
        count = len(cases.ids)
        found = {"probabilities": outputs[:count]}
        groups = {f"cases/{name}": value for name, value in cases.inputs.items()}
        if extreme:
            found["extreme_probabilities"] = outputs[count:]
            found.update({f"extreme_input_{name}": value for name, value in extreme.items()})
        inputs = self.scratch / "inputs.npz"
        np.savez(inputs, **groups)  # type: ignore[arg-type]
        for precision, path in list(made.items()):
            out = self.scratch / f"recorded_{precision}.npz"
            try:
                self.converter.run("record", source=str(path), inputs=str(inputs), out=str(out))
            except errors.ExportError as error:
                failed[precision] = str(error)
                del made[precision]
                continue
            with np.load(out, allow_pickle=False) as archive:
                found[f"recorded_{precision}"] = archive["cases"]
        return found


def save_model(
    model: keras.Model, folder: Path, shapes: Mapping[str, Sequence[int]] | None = None
) -> None:
    """Write a SavedModel with batch 1, named inputs and the one output `probabilities`.

    Args:
        model: A model that ends in probabilities.
        folder: Where; must not exist.
        shapes: Input name -> shape of one sample, for sizes that the model leaves open.
    """
    import keras
    import tensorflow as tf

    names = [tensor.name for tensor in model.inputs]

    def call(*tensors: Any) -> dict[str, Any]:
        inputs = tensors[0] if len(tensors) == 1 else list(tensors)
        return {tflite.OUTPUT: model(inputs, training=False)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        SIGNATURE,
        call,
        input_signature=[
            tf.TensorSpec(
                (1, *_closed(tensor.shape[1:], (shapes or {}).get(name))), tensor.dtype, name=name
            )
            for name, tensor in zip(names, model.inputs, strict=True)
        ],
    )
    try:
        archive.write_out(str(folder), verbose=False)
    except (tf.errors.OutOfRangeError, tf.errors.ResourceExhaustedError) as error:
        # TensorFlow's words for a full disk.
        raise _scratch_error(OSError(errno.ENOSPC, str(error)), str(folder.parent)) from error


def _scratch_error(error: OSError, folder: str) -> errors.DiskError:
    reason = errors.shown(error.strerror or error, 120)
    return errors.DiskError(
        f"Cannot write to the temporary folder {errors.shown(folder, 200)}: {reason}.\n"
        "Make space there, or name another folder: TMPDIR=/path actzoo export ...",
        given=folder,
        fix="TMPDIR=/path",
    )


def _closed(shape: Sequence[int | None], wanted: Sequence[int] | None) -> list[int]:
    """Return a shape with its open sizes filled in."""
    filled = wanted if wanted is not None and len(wanted) == len(shape) else [1] * len(shape)
    return [
        int(given or 1) if size is None else size for size, given in zip(shape, filled, strict=True)
    ]


# --- putting them in place -----------------------------------------------------------------------


def _put(
    work: ExportJob,
    made: Mapping[str, Path],
    recorded: Mapping[str, np.ndarray],
    cases: Reference,
    target: results.ExportFolder,
) -> None:
    """Put every file in place, the record of all hashes last."""
    import shutil

    before = _traveled(target.record)
    results.remove(target.record)  # from here until its end the folder is known as incomplete
    results.remove(target.verification)
    stale = [name for name in target.precisions() if name not in made]
    for precision in stale:
        results.remove(target.tflite(precision))
    if stale:
        work.note(
            f"Files of an earlier export were removed ({', '.join(stale)}), since one record and "
            "one set of test vectors prove all files of the folder. To have all: "
            "actzoo export RUN --precision "
            + ",".join(p for p in PRECISIONS if p in stale or p in made)
        )
    with results.atomic_path(target.saved_model) as temporary:
        shutil.copytree(work.saved_model, temporary)
    for precision, path in made.items():
        results.write_bytes(target.tflite(precision), path.read_bytes())
    traveling = _traveling_files(work.card)
    for name, content in traveling.items():
        results.write_bytes(target.path / name, content)
    results.write_text(target.labels, "".join(f"{name}\n" for name in work.card.classes))
    work.card.write(target.card)
    with results.atomic_path(target.reference) as temporary:
        with open(temporary, "wb") as file:
            arrays = reference_arrays(cases, recorded, work.card)
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    files = [target.tflite(precision) for precision in made]
    files += [target.labels, target.card, target.reference]
    files += [target.path / name for name in traveling]
    files += [path for path in target.saved_model.rglob("*") if path.is_file()]
    written = {path.relative_to(target.path).as_posix() for path in files}
    for name in set(before) - written:  # what an earlier model brought along, such as a tokenizer
        (target.path / name).unlink(missing_ok=True)
    results.write_json(
        target.record,
        {
            "format": results.FORMAT,
            "precisions": list(made),
            "io_dtype": work.io_dtype,
            "traveling": sorted(traveling),
            "files": {name: results.sha256_file(target.path / name) for name in sorted(written)},
            "machine": runtime.machine(),
            "float_layers": work.float_layers,
            "notes": work.note.all,  # type: ignore[attr-defined]
        },
    )


def _traveling_files(card: models.ModelCard) -> dict[str, bytes]:
    from actzoo import data

    return data.traveling_files(card.domain, card.preprocessing)


def _traveled(record: Path) -> tuple[str, ...]:
    """Return the names of the files that the model of an earlier export brought along."""
    try:
        found = results.read_json(record, "export record")
    except errors.ActzooError:
        return ()
    names, files = found.get("traveling"), found.get("files")
    if not isinstance(names, list) or not isinstance(files, dict):
        return ()
    return tuple(name for name in names if name in files and _PLAIN_NAME.fullmatch(str(name)))


def _failure(failed: Mapping[str, str], written: tuple[str, ...]) -> errors.ExportError:
    lines = [f"{name}: {reason.splitlines()[0]}" for name, reason in failed.items()]
    rest = f"\nWritten: {', '.join(written)}." if written else ""
    return errors.ExportError(
        f"Could not export {' and '.join(failed)}.\n" + "\n".join(lines) + rest,
        given=tuple(failed),
    )
