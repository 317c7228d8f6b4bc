"""The files of an export, each made from the one before in a temporary folder."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors, models, tflite
from actzoo.export.reference import (
    Reference,
    extreme_inputs,
    range_of,
)
from actzoo.tflite.converter import Converter, NonFiniteError

if TYPE_CHECKING:
    import keras

    from actzoo import lowering
LARGEST_HIDDEN = 1e30  # beyond, float32 sums overflow in one order and not in another
SIGNATURE = "serving_default"


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
            for run in tflite.float_runs(graph)
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
                (1, *closed_shape(tensor.shape[1:], (shapes or {}).get(name))),
                tensor.dtype,
                name=name,
            )
            for name, tensor in zip(names, model.inputs, strict=True)
        ],
    )
    try:
        archive.write_out(str(folder), verbose=False)
    except (tf.errors.OutOfRangeError, tf.errors.ResourceExhaustedError) as error:
        # TensorFlow's words for a full disk.
        raise scratch_error(OSError(errno.ENOSPC, str(error)), str(folder.parent)) from error


def scratch_error(error: OSError, folder: str) -> errors.DiskError:
    """Return the error for a temporary folder that cannot be written."""
    reason = errors.shown(error.strerror or error, 120)
    return errors.DiskError(
        f"Cannot write to the temporary folder {errors.shown(folder, 200)}: {reason}.\n"
        "Make space there, or name another folder: TMPDIR=/path actzoo export ...",
        given=folder,
        fix="TMPDIR=/path",
    )


def closed_shape(shape: Sequence[int | None], wanted: Sequence[int] | None) -> list[int]:
    """Return a shape with its open sizes filled in."""
    filled = wanted if wanted is not None and len(wanted) == len(shape) else [1] * len(shape)
    return [
        int(given or 1) if size is None else size for size, given in zip(shape, filled, strict=True)
    ]
