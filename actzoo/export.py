"""From a trained model to the files a phone runs.

One call writes the SavedModel, a `.tflite` for each precision and all that is needed to use and to
check them elsewhere: labels, card, recorded inputs and outputs. Every file is written whole or not
at all, `export.json` with the hashes of all others last.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors, results

if TYPE_CHECKING:
    import keras

PRECISIONS = ("float32", "float16", "dynamic", "int8")


@dataclasses.dataclass(frozen=True)
class ExportResult:
    """What an export wrote.

    Attributes:
        folder: The export folder.
        files: Precision -> file.
        failed: Precision -> why it could not be made.
        notes: Warnings, one sentence each.
    """

    folder: results.ExportFolder
    files: dict[str, Path]
    failed: dict[str, str]
    notes: tuple[str, ...]


def export_model(
    model: keras.Model,
    folder: str | os.PathLike[str],
    *,
    precision: str | Sequence[str] = "float32",
    calibration: Any = None,
    task: str = "classification",
    classes: Sequence[str] | None = None,
    card: Any = None,
    reference: Any = None,
    lower: bool = True,
    io_dtype: str = "float32",
    note: Callable[[str], None] | None = None,
) -> ExportResult:
    """Write a model for the device. (Being built.)"""
    raise NotImplementedError


def export_run(
    run: results.RunFolder, precisions: Sequence[str] | None = None, *, note: Callable[[str], None]
) -> ExportResult:
    """Export the model of a run folder. (Being built.)"""
    raise NotImplementedError
