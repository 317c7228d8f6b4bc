"""The makers of the `.tflite` formats: from the products of an export to a finished file."""

from __future__ import annotations

from pathlib import Path

from actzoo import errors, lowering, tflite
from actzoo.artifacts import CHAINS
from actzoo.export.job import ExportJob, Form
from actzoo.export.samples import range_of
from actzoo.tflite.converter import CONVERT, QUANTIZE, QUANTIZE_WEIGHTS, STORE_AS_FLOAT16, Job
from actzoo.tflite.quantization import NonFiniteError


def make_float32(job: ExportJob, out: Path) -> None:
    """Write the float file."""
    _finish(job, job.float_file(), out)


def make_float16(job: ExportJob, out: Path) -> None:
    """Write the float file with weights of 16 bits."""
    _store_small(job, STORE_AS_FLOAT16, "float16", out)


def make_dynamic(job: ExportJob, out: Path) -> None:
    """Write the float file with weights of 8 bits."""
    _store_small(job, QUANTIZE_WEIGHTS, "int8", out)


def make_int8(job: ExportJob, out: Path) -> None:
    """Write a file with weights and activations of 8 bits, calibrated with samples."""
    try:
        form = Form(CHAINS)
        made = _quantize(job, form)
    except NonFiniteError as error:
        # Some chains are finite over a smaller range than the stable forms.
        names = job.lowered(form).names
        layers = {layer for tensor in error.tensors for layer in tflite.layers_of(tensor, names)}
        form = Form(CHAINS, tuple(sorted(names[layer] for layer in layers)))
        if not form.stable:
            raise
        made = _quantize(job, form)
    lowered = job.lowered(form)
    job.float_layers.update(lowered.float_layers)
    _note_float_layers(job, lowered)
    _finish(job, made, out)
    _note_float_runs(job, out)


def _store_small(job: ExportJob, quantizer: Job, weights: str, out: Path) -> None:
    """Store the float file's weights in fewer bits; tables of embeddings by the converter."""
    source = job.float_file()
    made = job.scratch / f"weights_{weights}.tflite"
    if tflite.has_lookup(tflite.read(source.read_bytes())):
        saved = str(job.saved_model())
        job.converter.run(CONVERT, saved_model=saved, out=str(made), weights=weights)
    else:
        job.converter.run(quantizer, source=str(source), out=str(made))
    _finish(job, made, out)


def _quantize(job: ExportJob, form: Form) -> Path:
    source = job.float_file(form)
    if "WHILE" in tflite.read(source.read_bytes()).counts():
        raise errors.ExportError(
            "The model has a loop (LSTM, GRU and the like), which the quantizer cannot give "
            "int8 values. Take dynamic: its weights are 8-bit, too."
        )
    made = job.scratch / f"quantized_{form.name}.tflite"
    job.converter.run(
        QUANTIZE,
        source=str(source),
        out=str(made),
        operators=job.lowered(form).int8_operators,
        calibration=str(job.calibration_file()),
    )
    return made


def _finish(job: ExportJob, made: Path, out: Path) -> None:
    """Give a file the inputs and outputs that were asked for, and check its structure."""
    content = made.read_bytes()
    if job.io_dtype == "uint8":
        inputs = job.card.inputs
        ranges = {name: range_of(job.card, name) or (0.0, 255.0) for name in inputs}
        content = tflite.with_uint8_io(content, ranges)
    tflite.read(content, made.name)
    out.write_bytes(content)


def _note_float_layers(job: ExportJob, lowered: lowering.Lowered) -> None:
    """Note layers that stay float in int8, one sentence per reason."""
    by_reason: dict[str, list[str]] = {}
    last = job.model.outputs[0]._keras_history.operation.name
    for layer, reason in lowered.float_layers.items():
        if lowered.names[layer] == last:
            continue  # the outputs are float in any case
        by_reason.setdefault(reason, []).append(errors.shown(lowered.names[layer], 40))
    for reason, layers in by_reason.items():
        more = f" and {len(layers) - 3} more" if len(layers) > 3 else ""
        job.note(
            f"int8: {reason}, so it stays float in {', '.join(layers[:3])}{more}; that costs "
            "time, not accuracy."
        )


def _note_float_runs(job: ExportJob, file: Path) -> None:
    """Note operators that stay float although their layer has an int8 form."""
    runs = [
        run
        for run in tflite.float_runs(tflite.read(file.read_bytes(), file.name))
        if run.could_fold and not any(tflite.layers_of(run.place, job.float_layers))
    ]
    if runs:
        job.note(
            f"int8: {len(runs)} runs of operators stay float and will not fold, first "
            f"{' '.join(runs[0].operators)} before '{errors.shown(runs[0].place)}'."
        )
