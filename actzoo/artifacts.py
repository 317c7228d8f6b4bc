"""The formats that a model is exported in, one row each.

A row says all that the rest of the package must know of a format: how its file is called, what it
is made from, which functions make and run it, and what `verify` holds it to. Planning, export,
verification, prediction, benchmarks, the report and the command line ask the rows, so a new format
is a row, a maker and a runner. One from another package arrives by the entry point
`actzoo.artifacts`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from actzoo import errors
from actzoo._lazy import resolve
from actzoo.registry import Registry

if TYPE_CHECKING:
    from actzoo.export.job import ExportJob
    from actzoo.tflite import FloatRun, Runner

    Maker = Callable[[ExportJob, Path], None]

STABLE = "stable"  # every activation in the float form that its converter keeps finite
CHAINS = "chains"  # every activation as operators that an int8 runtime folds into one table
MODEL_FORMS = (STABLE, CHAINS)

# Held by every format unless the card says otherwise: share of cases with the same answer, and
# how much worse the score may be.
SHARED_LIMITS: Mapping[str, float] = {"agreement": 0.97, "score_drop": 0.015}
DENSE_AGREEMENT = 0.95  # mean Dice between two models' masks, where each place has an answer


@dataclasses.dataclass(frozen=True)
class Limits:
    """What `verify` holds the file of a format to, unless the card says otherwise.

    Attributes:
        max_abs_error: Largest difference of a probability from Keras'; None for no limit.
        max_abs_error_extreme: The same on inputs far out of range, where logits reach thousands
            and float32 itself is coarse; relative where an output is above 1.
        drift: Largest difference from the file's own outputs at export, on another machine. On
            the machine of the export not a bit may differ.
    """

    max_abs_error: float | None = None
    max_abs_error_extreme: float | None = None
    drift: float = 0.05


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What a file holds, read without running it.

    Attributes:
        operators: Kind of operator -> how often it occurs.
        custom: Kinds of those that the runtime does not bring along, one entry per occurrence.
        float_runs: Float operators between quantized ones.
    """

    operators: Mapping[str, int]
    custom: tuple[str, ...] = ()
    float_runs: tuple[FloatRun, ...] = ()


@dataclasses.dataclass(frozen=True)
class Artifact:
    """One format that a model is exported in.

    Attributes:
        name: Precision, as `--precision` takes it.
        file: Name of the file in the export folder; its ending opens the format.
        summary: What it is for, in a few words.
        maker: Target `(job: ExportJob, out: Path) -> None`; writes the file from the products of
            the job: lowered model, SavedModel, float file.
        runner: Target `(path, *, trusted: bool, threads: int) -> Runner`; opens the file. One that
            is not trusted must not be able to harm this process.
        inspector: Target `(path) -> Inspection`; empty where a file has no operators to list.
        form: Which form activations take in the model it is made from, "stable" or "chains".
        needs_calibration: It is made with samples that show the range of every value.
        io_dtypes: What its inputs and outputs can be.
        weight_bits: Bits of a weight, as most are stored.
        limits: What `verify` holds it to.
        aliases: Other names.
    """

    name: str
    file: str
    summary: str
    maker: str
    runner: str
    inspector: str = ""
    form: str = STABLE
    needs_calibration: bool = False
    io_dtypes: tuple[str, ...] = ("float32",)
    weight_bits: int = 32
    limits: Limits = Limits()
    aliases: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """Ending of the file's name, with its dot."""
        return Path(self.file).suffix

    def make(self, job: ExportJob, out: Path) -> None:
        """Write the file."""
        maker: Maker = resolve(self.maker)
        maker(job, out)

    def open(
        self, path: str | os.PathLike[str], *, trusted: bool = False, threads: int = 1
    ) -> Runner:
        """Return a runner of a file of this format.

        Args:
            path: The file.
            trusted: Its hash is the recorded one.
            threads: Threads of one inference.

        Raises:
            InvalidValueError: The file is damaged, or of another format.
        """
        runner: Runner = resolve(self.runner)(path, trusted=trusted, threads=threads)
        return runner

    def inspect(self, path: str | os.PathLike[str]) -> Inspection:
        """Return what a file holds.

        Raises:
            InvalidValueError: The file is damaged, or of another format.
        """
        if not self.inspector:
            return Inspection({})
        inspection: Inspection = resolve(self.inspector)(path)
        return inspection


_RUN_TFLITE = "actzoo.tflite.sandbox:open_file"
_INSPECT_TFLITE = "actzoo.tflite.folding:inspect_file"
BUILTIN = (
    Artifact(
        name="float32",
        file="model_float32.tflite",
        summary="the numbers of training",
        maker="actzoo.export.makers:make_float32",
        runner=_RUN_TFLITE,
        inspector=_INSPECT_TFLITE,
        io_dtypes=("float32", "uint8"),
        limits=Limits(max_abs_error=1e-4, max_abs_error_extreme=1e-2, drift=1e-4),
    ),
    Artifact(
        name="float16",
        file="model_float16.tflite",
        summary="half the size, computed in float",
        maker="actzoo.export.makers:make_float16",
        runner=_RUN_TFLITE,
        inspector=_INSPECT_TFLITE,
        io_dtypes=("float32", "uint8"),
        weight_bits=16,
        limits=Limits(max_abs_error=2e-2, drift=1e-3),
    ),
    Artifact(
        name="dynamic",
        file="model_dynamic.tflite",
        summary="weights of 8 bits, activations float",
        maker="actzoo.export.makers:make_dynamic",
        runner=_RUN_TFLITE,
        inspector=_INSPECT_TFLITE,
        io_dtypes=("float32", "uint8"),
        weight_bits=8,
    ),
    Artifact(
        name="int8",
        file="model_int8.tflite",
        summary="weights and activations of 8 bits",
        maker="actzoo.export.makers:make_int8",
        runner=_RUN_TFLITE,
        inspector=_INSPECT_TFLITE,
        form=CHAINS,
        needs_calibration=True,
        io_dtypes=("float32", "uint8"),
        weight_bits=8,
    ),
)


def _load_builtins() -> None:
    for row in BUILTIN:
        ARTIFACTS.add(row)


def _check_row(row: object) -> None:
    """Refuse a plugin's row that the package cannot work with."""
    if not isinstance(row, Artifact):
        raise errors.InvalidTypeError(
            f"{type(row).__name__} is not an Artifact.", given=type(row).__name__
        )
    plain = Path(row.file).name == row.file and bool(row.suffix)
    if not plain or row.file in [other.file for other in ARTIFACTS]:
        raise errors.InvalidValueError(
            f"The format '{errors.shown(row.name)}' names its file '{errors.shown(row.file)}'; it "
            "takes a plain name with an ending, which no other format has.",
            given=row.file,
        )
    if row.form not in MODEL_FORMS:
        raise errors.unknown_name("form", row.form, MODEL_FORMS)


ARTIFACTS: Registry[Artifact] = Registry(
    "precision",
    entry_points="actzoo.artifacts",
    load_builtins=_load_builtins,
    check=_check_row,
)


def register(row: Artifact, *, origin: str = "your code") -> Artifact:
    """Add a format; see `Registry.add`."""
    _check_row(row)
    return ARTIFACTS.add(row, origin=origin)


def names() -> tuple[str, ...]:
    """Return the precisions, in the order of every table."""
    return ARTIFACTS.names()


def of_file(path: str | os.PathLike[str]) -> Artifact | None:
    """Return the format of a file by its name, or else by its ending; None for none."""
    path = Path(path)
    rows = tuple(ARTIFACTS)
    by_name = (row for row in rows if row.file == path.name)
    return next(by_name, next((row for row in rows if row.suffix == path.suffix), None))


def smallest(precisions: Iterable[str]) -> Artifact:
    """Return the format with the fewest bits per weight, the last of equal ones.

    Args:
        precisions: To choose from; all built-in ones where none of them is known.
    """
    given = set(precisions)
    rows = [row for row in ARTIFACTS if row.name in given] or list(BUILTIN)
    return min(reversed(rows), key=lambda row: row.weight_bits)


def default_limits() -> dict[str, float]:
    """Return every limit of `verify`, the formats' own as `<limit>_<precision>`."""
    limits = dict(SHARED_LIMITS)
    for field in dataclasses.fields(Limits):
        for row in ARTIFACTS:
            value = getattr(row.limits, field.name)
            if value is not None:
                limits[f"{field.name}_{row.name}"] = value
    return limits
