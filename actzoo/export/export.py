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
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors, models, run_folder
from actzoo.export.artifacts import ExportJob, scratch_error
from actzoo.export.folder import put_in_place
from actzoo.export.metadata import (
    card_for,
    check_one_size,
    input_names,
    missing_output_activation,
    with_pixel_inputs,
    with_sizes,
)
from actzoo.export.reference import (
    Reference,
    as_reference,
    calibration_of_run,
    check_calibration,
    reference_of_run,
)
from actzoo.run_folder import PRECISIONS
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
    said = Notes(note)
    names = input_names(model)
    card = card_for(model, card, classes, task, names)
    if io_dtype == "uint8":
        card = with_pixel_inputs(card, model)
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
            card = dataclasses.replace(with_sizes(card, model, cases), output=output or card.output)
            check_one_size(card, samples or {})
            work = ExportJob(model, card, output, Path(scratch), worker, lower, io_dtype, said)
            made, failed = work.make(precisions, samples)
            recorded = work.record(made, failed, cases)
            if not made:
                raise failure(failed, ())
            target = run_folder.ExportFolder(folder)
            put_in_place(work, made, recorded, cases, target)
        except errors.ActzooError:
            raise
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise scratch_error(error, scratch) from error
        finally:
            if owned:
                worker.close()
    if failed:
        raise failure(failed, tuple(made))
    return ExportResult(target, {p: target.tflite(p) for p in made}, tuple(said.all))


def export_run(
    data: RunData,
    model: keras.Model,
    card: models.ModelCard,
    folder: str | os.PathLike[str],
    precisions: Sequence[str] | None = None,
    *,
    io_dtype: str = "float32",
    note: Callable[[str], None] | None = None,
) -> ExportResult:
    """Export the trained model of a run, calibrated and checked on the run's own data.

    Calibration samples come from training examples, reference cases from held-out ones.

    Args:
        data: The data of the run.
        model: The trained model.
        card: What the run says of it.
        folder: Where the files go.
        precisions: Which; those of the plan where left out.
        io_dtype: See `export_model`.
        note: Takes each warning.

    Returns:
        What was written.

    Raises:
        ExportError: See `export_model`.
    """
    with Converter() as worker:  # imports TensorFlow while the samples are read
        return export_model(
            model,
            folder,
            precision=precisions or data.plan.precisions,
            calibration=calibration_of_run(data),
            task=data.plan.task,
            card=card,
            reference=reference_of_run(data),
            io_dtype=io_dtype,
            note=note,
            converter=worker,
        )


# --- what was asked for --------------------------------------------------------------------------


class Notes:
    """Warnings of an export, each said once and kept."""

    def __init__(self, note: Callable[[str], None] | None) -> None:
        self.all: list[str] = []
        self._note = note or (lambda text: print(f"warning: {text}", file=sys.stderr))

    def __call__(self, text: str) -> None:
        """Say a warning that was not said before."""
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


def failure(failed: Mapping[str, str], written: tuple[str, ...]) -> errors.ExportError:
    """Return the error for precisions that could not be made."""
    lines = [f"{name}: {reason.splitlines()[0]}" for name, reason in failed.items()]
    rest = f"\nWritten: {', '.join(written)}." if written else ""
    return errors.ExportError(
        f"Could not export {' and '.join(failed)}.\n" + "\n".join(lines) + rest,
        given=tuple(failed),
    )
