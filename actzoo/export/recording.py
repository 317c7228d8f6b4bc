"""Keras' outputs on the recorded cases, and each file's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from actzoo import errors, models
from actzoo.artifacts import ARTIFACTS
from actzoo.export.job import ExportJob
from actzoo.export.reference import Reference, extreme_inputs
from actzoo.export.samples import as_taken
from actzoo.tflite.converter import RECORD

LARGEST_HIDDEN = 1e30  # beyond, float32 sums overflow in one order and not in another


def record_outputs(
    job: ExportJob, made: dict[str, Path], failed: dict[str, str], cases: Reference
) -> dict[str, np.ndarray]:
    """Return Keras' and each file's outputs on the cases, as arrays of `reference.npz`.

    Args:
        job: The export.
        made: Precision -> file; a file that cannot run is taken out.
        failed: Precision -> reason; a file that cannot run is added.
        cases: The cases.
    """
    arrays = _keras_outputs(job, cases)
    inputs = job.scratch / "inputs.npz"
    groups = {f"cases/{name}": value for name, value in cases.inputs.items()}
    np.savez(inputs, **groups)  # type: ignore[arg-type]
    for precision, path in list(made.items()):
        try:
            arrays[f"recorded_{precision}"] = _file_outputs(job, precision, path, inputs)
        except errors.ExportError as error:
            failed[precision] = str(error)
            del made[precision]
    return arrays


def _keras_outputs(job: ExportJob, cases: Reference) -> dict[str, np.ndarray]:
    """Return Keras' outputs on the cases, and on extreme inputs beside these."""
    from actzoo import lowering

    extreme = _finite_extremes(job, cases.inputs, job.card)
    joined = {
        name: np.concatenate([value, extreme.get(name, value[:0])])
        for name, value in as_taken(cases.inputs, job.model).items()
    }
    outputs = lowering.keras_outputs(job.model, job.output, joined)
    count = len(cases.ids)
    arrays = {"probabilities": outputs[:count]}
    if extreme:
        arrays["extreme_probabilities"] = outputs[count:]
        arrays.update({f"extreme_input_{name}": value for name, value in extreme.items()})
    return arrays


def _finite_extremes(
    job: ExportJob, inputs: Mapping[str, np.ndarray], card: models.ModelCard
) -> dict[str, np.ndarray]:
    """Return extreme inputs on which Keras' own hidden values stay in float32."""
    from actzoo import lowering

    extreme = extreme_inputs(inputs, card)
    if not extreme:
        return {}
    finite = lowering.largest_hidden_values(job.model, extreme) < LARGEST_HIDDEN
    return {name: value[finite] for name, value in extreme.items()}


def _file_outputs(job: ExportJob, precision: str, path: Path, inputs: Path) -> np.ndarray:
    out = job.scratch / f"recorded_{precision}.npz"
    job.converter.run(
        RECORD,
        runner=ARTIFACTS.get(precision).runner,
        source=str(path),
        inputs=str(inputs),
        out=str(out),
    )
    with np.load(out, allow_pickle=False) as archive:
        return archive["cases"]
