"""From a trained model to the files a phone runs.

One call writes the SavedModel, a file for each precision and all that is needed to use and to check
them elsewhere: labels, card, recorded inputs and outputs. Everything is made in a temporary folder
first; then each file is put in place whole, `export.json` with the hashes of all others last, so
that a folder with that file is complete.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actzoo import errors, models, run_folder
from actzoo.artifacts import ARTIFACTS, Artifact
from actzoo.export import metadata
from actzoo.export.calibration import calibration_of_run, check_calibration
from actzoo.export.folder import put_in_place
from actzoo.export.job import ExportJob
from actzoo.export.notes import Notes
from actzoo.export.recording import record_outputs
from actzoo.export.reference import Reference, as_reference, reference_of_run
from actzoo.export.samples import Samples
from actzoo.export.saving import scratch_error
from actzoo.tflite.converter import Converter

if TYPE_CHECKING:
    import keras

    from actzoo.data import RunData

IO_DTYPES = ("float32", "uint8")


@dataclasses.dataclass(frozen=True)
class ExportResult:
    """What an export wrote.

    Attributes:
        folder: The export folder.
        files: Precision -> file.
        notes: Warnings, one sentence each.
    """

    folder: run_folder.ExportFolder
    files: dict[str, Path]
    notes: tuple[str, ...]


def export_model(
    model: keras.Model,
    folder: str | os.PathLike[str],
    *,
    precision: str | Sequence[str] = "float32",
    calibration: Samples | None = None,
    task: str = "classification",
    classes: Sequence[str] | None = None,
    card: models.ModelCard | Mapping[str, Any] | None = None,
    reference: Reference | Samples | None = None,
    lower: bool = True,
    io_dtype: str = "float32",
    note: errors.Note | None = None,
    converter: Converter | None = None,
) -> ExportResult:
    """Write a model for the device.

    Writes `saved_model/`, a file of each precision, `labels.txt`, `model.json`, `reference.npz`
    and `export.json`; files of an earlier export in the folder are replaced.

    Args:
        model: Any functional or sequential Keras model with one output, `(batch, ..., classes)`.
        folder: Where the files go.
        precision: One or several formats of `artifacts`: float32, float16, dynamic, int8.
        calibration: Samples `(n, ...)`, or a mapping from input name to them; int8 needs them.
        task: What the output means.
        classes: Names of the outputs; counted where neither these nor a card are given.
        card: What accompanies the model; made from the model if left out.
        reference: Cases to record; the calibration samples, or random ones, if left out.
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
        InvalidValueError: Its output or an input is impossible in such a file: one logit alone, no
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
    rows = _rows_of(precision, io_dtype)
    said = Notes(note)
    metadata.check_inputs(model)
    card = metadata.card_for(model, card, classes, task)
    if io_dtype == "uint8":
        card = metadata.with_pixel_inputs(card, model)
    needs = next((row.name for row in rows if row.needs_calibration), None)
    samples = {}
    if needs is not None:
        samples = check_calibration(calibration, model, needs, said)
    cases = as_reference(reference, samples or calibration, model, card)
    with _scratch_folder() as scratch, _running(converter) as worker:
        output = metadata.missing_output_activation(model, card, cases, said)
        card = metadata.with_sizes(card, model, cases)
        card = dataclasses.replace(card, output=output or card.output)
        metadata.check_one_size(card, samples)
        job = ExportJob(
            model, card, output, scratch=scratch, converter=worker, samples=samples,
            lower=lower, io_dtype=io_dtype, note=said,
        )  # fmt: skip
        made, failed = job.make([row.name for row in rows])
        recorded = record_outputs(job, made, failed, cases)
        if not made:
            raise _failure(failed, ())
        target = run_folder.ExportFolder(folder)
        put_in_place(job, made, recorded, cases, target)
    if failed:
        raise _failure(failed, tuple(made))
    return ExportResult(target, {name: target.file(name) for name in made}, tuple(said.all))


def export_run(
    data: RunData,
    model: keras.Model,
    card: models.ModelCard,
    folder: str | os.PathLike[str],
    precisions: Sequence[str] | None = None,
    *,
    io_dtype: str | None = None,
    note: errors.Note | None = None,
    converter: Converter | None = None,
) -> ExportResult:
    """Export the model of a run, calibrated and checked on its own data.

    Calibration samples come from training examples, reference cases from held-out ones.

    Args:
        data: The run's data.
        model: Its trained model.
        card: That of the model.
        folder: Where the files go.
        precisions: Which; those of the plan if left out.
        io_dtype: See `export_model`; that of the plan if left out.
        note: Takes each warning.
        converter: See `export_model`.

    Returns:
        What was written.

    Raises:
        ExportError: See `export_model`.
    """
    with _running(converter) as worker:  # imports TensorFlow while samples are read
        return export_model(
            model,
            folder,
            precision=precisions or data.plan.precisions,
            calibration=calibration_of_run(data),
            task=data.plan.task,
            card=card,
            reference=reference_of_run(data),
            io_dtype=io_dtype or data.plan.io_dtype,
            note=note,
            converter=worker,
        )


@contextlib.contextmanager
def _scratch_folder() -> Iterator[Path]:
    """Yield a temporary folder; a full disk there is an error of its own."""
    with tempfile.TemporaryDirectory(prefix="actzoo-export-") as scratch:
        try:
            yield Path(scratch)
        except errors.ActzooError:
            raise
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise scratch_error(error, scratch) from error


@contextlib.contextmanager
def _running(converter: Converter | None) -> Iterator[Converter]:
    """Yield a converter that runs: the given one, or one that ends with the block."""
    worker = converter or Converter()
    try:
        worker.start()
        yield worker
    finally:
        if converter is None:
            worker.close()


def _rows_of(precision: str | Sequence[str], io_dtype: str) -> tuple[Artifact, ...]:
    """Return the formats that are asked for, in the order of every table."""
    given = (precision,) if isinstance(precision, str) else tuple(precision)
    if not given:
        names = ARTIFACTS.names()
        raise errors.InvalidValueError(
            f"No precision is given; take some of {', '.join(names)}.", allowed=names
        )
    asked = {ARTIFACTS.get(name).name for name in given}
    if io_dtype not in IO_DTYPES:
        raise errors.unknown_name("io_dtype", io_dtype, IO_DTYPES)
    rows = tuple(row for row in ARTIFACTS if row.name in asked)
    for row in rows:
        if io_dtype not in row.io_dtypes:
            raise errors.InvalidValueError(
                f"{row.name} files cannot have {io_dtype} inputs and outputs; they take "
                f"{', '.join(row.io_dtypes)}.\nLeave io_dtype out, or that precision.",
                given=io_dtype,
                allowed=row.io_dtypes,
            )
    return rows


def _failure(failed: Mapping[str, str], written: tuple[str, ...]) -> errors.ExportError:
    """Return the error for precisions that could not be made."""
    lines = [f"{name}: {reason.splitlines()[0]}" for name, reason in failed.items()]
    rest = f"\nWritten: {', '.join(written)}." if written else ""
    return errors.ExportError(
        f"Could not export {' and '.join(failed)}.\n" + "\n".join(lines) + rest,
        given=tuple(failed),
    )
