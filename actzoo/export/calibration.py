"""Samples that the ranges of a quantized file are taken from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from actzoo import data, errors
from actzoo.export.samples import Samples, by_name, check_shapes

if TYPE_CHECKING:
    import keras

FEW_SAMPLES = 32  # below, calibration is noted as thin
SUGGESTION = (
    "Give some hundred samples as they reach the model in use, for instance training pictures in "
    "[0, 255]: export_model(..., calibration=pictures)."
)
CALIBRATION_SAMPLES = 256  # more moves the extremes of a trained net by less than an int8 step


def check_calibration(
    calibration: Samples | None, model: keras.Model, precision: str, note: errors.Note
) -> dict[str, np.ndarray]:
    """Return calibration samples that the ranges of values can be taken from.

    Args:
        calibration: Samples `(n, ...)`, or a mapping from input name to them.
        model: The model they are for.
        precision: The format that needs them, for messages.
        note: Takes a warning where they are few.

    Raises:
        DataError: There are none, or no range can be taken from them.
    """
    if calibration is None:
        raise errors.DataError(
            f"{precision} needs calibration samples, and none are given.\n{SUGGESTION}"
        )
    names = tuple(tensor.name for tensor in model.inputs)
    samples = by_name(calibration, names, "calibration")
    if any(value.ndim == 0 or len(value) == 0 for value in samples.values()):
        raise errors.DataError(f"The calibration set is empty.\n{SUGGESTION}")
    check_shapes(samples, model, "calibration")
    _check_finite(samples)
    if all(not value.any() for value in samples.values()):
        raise errors.DataError(f"The calibration samples are all zero.\n{SUGGESTION}")
    count = len(next(iter(samples.values())))
    if count < FEW_SAMPLES:
        note(
            f"{precision} is calibrated on {count} samples only; {FEW_SAMPLES} or more give ranges "
            "to rely on."
        )
    return samples


def _check_finite(samples: dict[str, np.ndarray]) -> None:
    for values in samples.values():
        bad = ~np.isfinite(values.astype("float64", copy=False).reshape(len(values), -1))
        if bad.any():
            row = int(np.flatnonzero(bad.any(axis=1))[0])
            raise errors.DataError(
                f"{int(bad.any(axis=1).sum())} calibration samples hold NaN or infinity, the "
                f"first is number {row}.\n{SUGGESTION}",
                given=row,
            )


def calibration_of_run(run: data.RunData) -> dict[str, np.ndarray]:
    """Return training samples to calibrate with, by input name."""
    source, plan, preparation = run.source, run.plan, run.preparation
    order = data.rng(plan.recipe.seed, "calibration").permutation(run.splits["train"])
    chosen = np.sort(order[:CALIBRATION_SAMPLES])
    if preparation.cutter is None:
        return data.load_samples(source, chosen, preparation)
    # Of few cases, several parts each.
    has_parts = source.samples_per_example(plan.preprocessing) is not None
    times = min(8, -(-CALIBRATION_SAMPLES // len(chosen))) if has_parts else 1
    drawn = [
        data.load_training_samples(source, chosen, preparation, plan.recipe.seed + k)[0]
        for k in range(times)
    ]
    return {
        name: np.concatenate([one[name] for one in drawn])[:CALIBRATION_SAMPLES]
        for name in drawn[0]
    }
