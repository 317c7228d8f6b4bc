"""Proof that an exported file computes what was trained, without TensorFlow.

Reads only the export folder: the files' hashes, the recorded inputs as a user would send them,
Keras' own outputs on them, and the limits of the card. Numbers are compared even where hashes
agree, so that a change that was hashed anew still shows.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import errors, files, models, run_folder, tasks, tflite
from actzoo.findings import Finding

# Held unless the card says otherwise. Errors are absolute differences of probabilities.
DEFAULT_LIMITS: dict[str, float] = {
    "agreement": 0.97,
    "score_drop": 0.015,
    "max_abs_error_float32": 1e-4,
    "max_abs_error_float16": 2e-2,
    # Far outside of the trained range logits reach thousands, where float32 itself is coarse.
    "max_abs_error_extreme_float32": 1e-2,
    # Against the file's own outputs at export, on another machine; on the same one: not a bit.
    "drift_float32": 1e-4,
    "drift_float16": 1e-3,
    "drift_dynamic": 0.05,
    "drift_int8": 0.05,
}
BYTE_ROUNDING = 1 / 256  # of a probability that is handed out as a byte: 1 becomes 255 / 256
# What reading a damaged archive of arrays may raise.
_DAMAGED = (
    OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError,
    RuntimeError, TypeError, MemoryError,
)  # fmt: skip
# Mean difference of an input prepared by another decoder version, as a share of its range: one
# step of 255 for pixels. Whole numbers such as token ids are compared exactly.
PREPARED_TOLERANCE = 1 / 255
CONSTANT = 1e-6  # outputs that vary less over all cases are constant
LATENCY_ROUNDS = 30


@dataclasses.dataclass(frozen=True)
class Verification:
    """Outcome of a verification.

    Attributes:
        passed: Nothing was found.
        precisions: Precision -> measures, as in `verify.json`.
        limits: What they were held against.
        findings: What does not hold.
        path: The `verify.json` that was written.
        task: Name of the model's task; None where its card cannot be read.
    """

    passed: bool
    precisions: dict[str, dict[str, Any]]
    limits: dict[str, float]
    findings: tuple[Finding, ...]
    path: Path
    task: str | None


def verify(
    folder: str | os.PathLike[str] | run_folder.RunFolder | run_folder.ExportFolder,
    *,
    note: Callable[[str], None] | None = None,
) -> Verification:
    """Verify an export folder, or the one of a run.

    Writes `verify.json` whatever the outcome; a missing or damaged file is a finding.

    Args:
        folder: The export folder or the run folder.
        note: Takes one sentence per finding.

    Returns:
        The outcome; `passed` is False where anything does not hold.

    Raises:
        MissingFileError: There is no export at all.
    """
    target = _target(folder)
    work = _Verifier(target)
    work.check_folder()
    for precision in work.precisions:
        work.check_file(precision)
    findings = tuple(work.findings)
    for found in findings:
        if note is not None:
            note(f"verify: {found.what}")
    passed = not findings
    for precision, measured in work.measures.items():
        own = [found for found in findings if found.precision in (None, precision)]
        measured.update(passed=not own, limits=work.limits, findings=own)
    files.write_json(target.verification, work.measures)
    task = work.card.task if work.card else None
    return Verification(passed, work.measures, work.limits, findings, target.verification, task)


def _target(folder: Any) -> run_folder.ExportFolder:
    if isinstance(folder, run_folder.ExportFolder):
        path = folder.path
    else:
        path = folder.path if isinstance(folder, run_folder.RunFolder) else Path(folder)
        if not (path / "export.json").exists() and (path / "export").is_dir():
            path = path / "export"
    target = run_folder.ExportFolder(path)
    if not target.record.exists() and not list(path.glob("model_*.tflite")):
        raise errors.MissingFileError(
            f"There is no export in {errors.shown(path, 200)}.\n"
            "Make one: actzoo export RUN --precision float32,int8",
            given=str(path),
            fix="actzoo export RUN --precision float32,int8",
        )
    return target


@dataclasses.dataclass(frozen=True)
class _Reference:
    """The arrays of `reference.npz`."""

    arrays: Mapping[str, np.ndarray]

    def inputs(self, prefix: str = "input_") -> dict[str, np.ndarray]:
        return {
            key.removeprefix(prefix): value
            for key, value in self.arrays.items()
            if key.startswith(prefix)
        }

    def names(self, key: str) -> list[str]:
        return [str(value) for value in self.arrays.get(key, ())]

    @property
    def probabilities(self) -> np.ndarray:
        return self.arrays["probabilities"]

    @property
    def targets(self) -> np.ndarray:
        return self.arrays["targets"]

    @property
    def cases(self) -> np.ndarray:
        """Number of the case that each sample belongs to."""
        return self.arrays["cases"]

    @property
    def case_names(self) -> list[str]:
        """The same, as names."""
        return [str(case) for case in self.cases]

    def raw(self) -> list[bytes]:
        offsets = self.arrays["raw_offsets"]
        data = self.arrays["raw_bytes"].tobytes()
        return [data[a:b] for a, b in itertools.pairwise(offsets)]


class _Verifier:
    """One verification under way."""

    def __init__(self, target: run_folder.ExportFolder) -> None:
        self.target = target
        self.findings: list[Finding] = []
        self.measures: dict[str, dict[str, Any]] = {}
        self.limits = dict(DEFAULT_LIMITS)
        self.record: dict[str, Any] = {}
        self.card: models.ModelCard | None = None
        self.reference: _Reference | None = None
        self.labels: list[str] = []
        self.changed: set[str] = set()

    def add(
        self, code: str, what: str, why: str, suggestion: str = "", precision: str | None = None
    ) -> None:
        """Note a finding."""
        suggestion = suggestion or "Export again: actzoo export RUN"
        self.findings.append(Finding(code, None, what, why, suggestion, precision))

    @property
    def precisions(self) -> list[str]:
        """Precisions to look at: recorded ones, or those that lie there."""
        recorded = self.record.get("precisions")
        if isinstance(recorded, list) and recorded:
            return [str(name) for name in recorded]
        found = sorted(self.target.path.glob("model_*.tflite"))
        return [path.stem.removeprefix("model_") for path in found]

    @property
    def same_machine(self) -> bool:
        return bool(self.record.get("machine") == tflite.machine())

    # --- the folder ----------------------------------------------------------------------------

    def check_folder(self) -> None:
        """Check what all precisions share."""
        self._check_record()
        self._check_card()
        self._read_labels()
        self._read_reference()
        self._check_classes()
        self._check_traveling_files()
        self._check_preprocessing()

    def _check_record(self) -> None:
        try:
            self.record = files.read_json(self.target.record, "export record")
        except errors.ActzooError as error:
            self.add("record", _first(error), "Without export.json nothing says which files belong")
            return
        recorded = self.record.get("files")
        for name, expected in (recorded if isinstance(recorded, dict) else {}).items():
            path = self.target.path / name
            if not path.is_file():
                self.changed.add(name)
                self.add(
                    "missing_file",
                    f"{errors.shown(name, 120)} is missing.",
                    "It was there when the export was made.",
                    precision=self._precision_of(name),
                )
            elif files.sha256_file(path) != expected:
                self.changed.add(name)
                self.add(
                    "changed_file",
                    f"{errors.shown(name, 120)} differs from what was exported (sha256).",
                    "The file was edited, or damaged on its way.",
                    "Copy it anew from where it was exported, or export again.",
                    self._precision_of(name),
                )

    def _precision_of(self, name: str) -> str | None:
        """Return the precision a file belongs to; None for what all share."""
        return next((p for p in self.precisions if self.target.tflite(p).name == name), None)

    def _check_card(self) -> None:
        try:
            self.card = models.ModelCard.read(self.target.card)
        except errors.ActzooError as error:
            self.add("card", _first(error), "Without model.json inputs cannot be prepared.")
            return
        for key, value in self.card.limits.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                self.limits[str(key)] = float(value)

    def _read_labels(self) -> None:
        try:
            text = self.target.labels.read_text(encoding="utf-8")
            self.labels = text.removesuffix("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            self.add(
                "labels",
                f"labels.txt cannot be read: {errors.shown(error, 120)}.",
                "An app would show wrong names or none.",
            )

    def _read_reference(self) -> None:
        try:
            with np.load(self.target.reference, allow_pickle=False) as archive:
                reference = _Reference({key: archive[key] for key in archive.files})
            count = len(reference.probabilities)
            lengths = {len(value) for value in reference.inputs().values()}
            if count == 0 or lengths != {count}:
                raise ValueError("its arrays differ in length")
            reference.raw()
            if len(reference.targets) not in (0, count) or len(reference.cases) != count:
                raise ValueError("its labels are not as many as its cases")
        except _DAMAGED as error:
            self.add(
                "reference",
                f"reference.npz cannot be used: {errors.shown(error, 120)}.",
                "It holds the inputs and Keras' outputs that the files are compared with.",
            )
            return
        self.reference = reference

    def _check_classes(self) -> None:
        if self.card is None or self.reference is None:
            return
        lists = {
            "labels.txt": self.labels,
            "model.json": list(map(str, self.card.classes)),
            "reference.npz": self.reference.names("classes"),
        }
        expected = lists["reference.npz"]
        for name in ("labels.txt", "model.json"):
            if lists[name] == expected:
                continue
            pairs = zip(lists[name], expected, strict=False)
            at = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
            detail = (
                f"{len(lists[name])} names instead of {len(expected)}"
                if at is None
                else f"number {at + 1} is '{errors.shown(lists[name][at])}' instead of "
                f"'{errors.shown(expected[at])}'"
            )
            self.add(
                "classes",
                f"The classes of {name} differ from those of the export: {detail}.",
                "An answer would carry the wrong name.",
            )

    def _check_preprocessing(self) -> None:
        """Prepare the recorded files anew and compare with the recorded tensors."""
        if self.card is None or self.reference is None or not self.card.preprocessing:
            return
        raw = self.reference.raw()
        if not raw:
            return
        from actzoo import data, preprocessing

        recorded, cases = self.reference.inputs(), self.reference.cases
        ids = self.reference.names("ids")
        for case, content in enumerate(raw):
            own = np.flatnonzero(cases == case)
            if not len(own):
                continue
            try:
                preparation = data.Preparation.of(self.card.domain, self.card.preprocessing)
                whole = preprocessing.apply(preparation.case_steps, content)
                made = data.samples_of(whole, preparation)
                found = _compared(
                    made, {k: v[own] for k, v in recorded.items()}, exact=self.same_machine
                )
            except (errors.ActzooError, ValueError, TypeError, KeyError) as error:
                found = _first(error)
            if found:
                self.add(
                    "preprocessing",
                    f"Prepared by the steps of model.json, '{errors.shown(_at(ids, own[0]))}' is "
                    f"not what the model was given at export ({errors.shown(found, 120)}).",
                    "The steps were changed, applied twice or left out; phone and training would "
                    "see different numbers.",
                    "Take the model.json of the export.",
                )
                return

    def _check_traveling_files(self) -> None:
        """Compare the files that others prepare inputs with (a tokenizer) with the card's steps."""
        if self.card is None:
            return
        from actzoo import domains

        try:
            expected = domains.get_domain(self.card.domain).traveling_files(self.card.preprocessing)
        except errors.ActzooError as error:
            self.add("preprocessing", _first(error), "Inputs cannot be prepared on this machine.")
            return
        for name, content in expected.items():
            path = self.target.path / name
            if not path.is_file():
                if name not in self.changed:
                    self.add("missing_file", f"{name} is missing.", "An app needs it.")
            elif path.read_bytes() != content:
                self.add(
                    "preprocessing",
                    f"{name} is not what the steps of model.json make.",
                    "An app that reads it would give the model other inputs than in training.",
                    "Take the files of the export.",
                )

    # --- one file ------------------------------------------------------------------------------

    def check_file(self, precision: str) -> None:
        """Measure one file and hold it to its limits."""
        path = self.target.tflite(precision)
        measured: dict[str, Any] = {"passed": False, "custom_operators": 0}
        self.measures[precision] = measured
        if path.is_file():
            measured["size_bytes"] = path.stat().st_size
            self._measure(precision, path, measured)
        elif path.name not in self.changed:
            self.add("missing_file", f"{path.name} is missing.", "It is listed.", "", precision)

    def _measure(self, precision: str, path: Path, measured: dict[str, Any]) -> None:
        try:
            data = tflite.load(path)
            graph = tflite.read(data, path.name)
            self._check_operators(precision, graph, measured)
            # Bytes that were changed may crash the interpreter: a child takes the fall.
            known = path.name in self.record.get("files", {}) and path.name not in self.changed
            runner: Any = (
                tflite.Interpreter(data, name=path.name) if known else tflite.Sandbox(path)
            )
        except errors.ActzooError as error:
            self.add("file", _first(error), "The file cannot run.", "", precision)
            return
        try:
            if self.reference is not None:
                measured["latency_ms"] = _latency(runner, self.reference.inputs())
                self._check_cases(precision, runner, measured)
                self._check_extremes(precision, runner, measured)
        except (errors.ActzooError, ValueError, KeyError, RuntimeError) as error:
            self.add(
                "file",
                f"{path.name} does not run on the recorded inputs: {_first(error)}",
                "Its inputs are not those of the export, or the runtime refuses it.",
                "",
                precision,
            )
        finally:
            runner.close()

    def _check_operators(
        self, precision: str, graph: tflite.Graph, measured: dict[str, Any]
    ) -> None:
        measured["operators"] = graph.counts()
        measured["custom_operators"] = graph.custom_operators()
        if graph.custom_operators():
            names = sorted({op.name for op in graph.operators if op.custom})
            self.add(
                "custom_operators",
                f"{precision}: {graph.custom_operators()} operators are not TFLite's own: "
                f"{errors.shown(', '.join(names), 160)}.",
                "A phone's runtime does not have them.",
                "",
                precision,
            )
        runs = tflite.float_runs(graph)
        measured["float_runs"] = [
            {"operators": run.operators, "place": run.place, "could_fold": run.could_fold}
            for run in runs
            if not run.folds
        ]
        if precision != "int8":
            return
        expected = self.record.get("float_layers")
        float_layers = expected if isinstance(expected, dict) else {}
        for run in runs:
            if run.could_fold and not any(tflite.layers_of(run.place, float_layers)):
                self.add(
                    "float_run",
                    f"{precision}: {' '.join(run.operators)} before '{errors.shown(run.place)}' "
                    "runs in float between int8 values.",
                    "The runtime cannot fold it into a table, so it costs time at every use.",
                    "Use an activation that has an int8 form, or give yours one (int8_form).",
                    precision,
                )

    def _check_cases(self, precision: str, runner: Any, measured: dict[str, Any]) -> None:
        reference = self.reference
        if reference is None:
            return
        expected = reference.probabilities
        outputs = runner.run(reference.inputs())
        if outputs.shape != expected.shape:
            raise errors.InvalidValueError(
                f"its output has the shape {outputs.shape[1:]}, Keras' {expected.shape[1:]}"
            )
        if not self._check_finite(precision, outputs, expected, "recorded inputs"):
            return
        error = np.abs(outputs - expected)
        flat = error.reshape(len(error), -1)
        worst = int(flat.max(axis=1).argmax())
        measured["max_abs_error"] = float(flat.max())
        measured["mean_abs_error"] = float(flat.mean())
        measured["worst_case"] = _at(reference.names("ids"), worst)
        self._hold(
            precision, f"max_abs_error_{precision}", measured["max_abs_error"],
            f"the largest error, at '{errors.shown(measured['worst_case'])}',",
        )  # fmt: skip
        if len(outputs) > 1 and _spread(outputs) < CONSTANT and _spread(expected) > 1e-3:
            self.add(
                "constant_output",
                f"{precision}: the output is the same for all {len(outputs)} cases.",
                "The input does not reach the output.",
                "",
                precision,
            )
        if self.card is not None:
            task = tasks.get_task(self.card.task)
            self._check_agreement(precision, task, outputs, measured)
            self._check_score(precision, task, outputs, measured)
        self._check_drift(precision, outputs, measured)

    def _check_agreement(
        self, precision: str, task: tasks.Task, outputs: np.ndarray, measured: dict[str, Any]
    ) -> None:
        reference = self.reference
        if reference is None:
            return
        agreement = task.agreement(reference.probabilities, outputs, reference.case_names)
        measured["agreement"] = agreement
        if agreement < self.limits["agreement"]:
            self.add(
                "agreement",
                f"{precision}: it agrees with Keras in {agreement:.1%} of {len(outputs)} cases; "
                f"the limit is {self.limits['agreement']:.1%}.",
                f"The file does not compute what was trained; worst: "
                f"'{errors.shown(measured['worst_case'])}', off by "
                f"{measured['max_abs_error']:.3f}.",
                "For int8: more calibration samples, or another activation.",
                precision,
            )

    def _check_finite(
        self, precision: str, outputs: np.ndarray, expected: np.ndarray, where: str
    ) -> bool:
        bad = ~np.isfinite(outputs) & np.isfinite(expected)
        if bad.any():
            count = int(bad.reshape(len(bad), -1).any(axis=1).sum())
            self.add(
                "non_finite",
                f"{precision}: {count} of {len(outputs)} outputs are NaN or infinite on {where}, "
                "where Keras' are finite.",
                "An activation overflows in the form it has in the file.",
                "Export with lowering on (the default), or use another activation.",
                precision,
            )
        return not bad.any()

    def _hold(self, precision: str, limit: str, value: float, what: str) -> None:
        if limit not in self.limits:
            return
        most = self.limits[limit]
        if limit.startswith("max_abs_error") and self.record.get("io_dtype") == "uint8":
            most += BYTE_ROUNDING
        if not value <= most:
            self.add(
                limit.removesuffix(f"_{precision}"),
                f"{precision}: {what} is {value:.3g}; the limit is {most:.3g}.",
                "The file does not compute what was trained.",
                "",
                precision,
            )

    def _check_score(
        self, precision: str, task: tasks.Task, outputs: np.ndarray, measured: dict[str, Any]
    ) -> None:
        """Score by names: true names of the cases against names in labels.txt."""
        reference = self.reference
        if reference is None or not len(reference.targets):
            return
        classes = reference.names("classes")
        true_names = {*reference.names("labels"), *reference.names("target_classes")}
        unknown = sorted(true_names - set(self.labels))
        if unknown or len(self.labels) != outputs.shape[-1]:
            what = (
                f"labels.txt lacks the class '{errors.shown(unknown[0])}' of the recorded cases."
                if unknown
                else f"labels.txt has {len(self.labels)} names for {outputs.shape[-1]} outputs."
            )
            self.add("labels", what, "The file cannot be scored.", "", precision)
            return
        cases = reference.case_names
        named = reference.names("labels")
        if named:
            renamed = np.array([self.labels.index(name) for name in named])
        else:
            truth = reference.names("target_classes")
            renamed = tasks.renumbering(truth, self.labels)[reference.targets]
        scored = task.score(renamed, outputs, self.labels, cases)
        keras = task.score(reference.targets, reference.probabilities, classes, cases)
        measured["test"] = scored
        best, own = task.headline_value(keras), task.headline_value(scored)
        drop = task.score_drop(keras, scored)
        measured["score_drop"] = drop
        if drop > self.limits["score_drop"]:
            worse = "below" if own < best else "above"
            self.add(
                "score_drop",
                f"{precision}: {task.headline} {own:.3f} is {drop:.3f} {worse} Keras' {best:.3f}; "
                f"the limit is {self.limits['score_drop']:g}.",
                "The file answers worse than the model, or its labels are not in the order of its "
                "outputs.",
                "Compare labels.txt; for int8: more calibration samples, or another activation.",
                precision,
            )

    def _check_drift(self, precision: str, outputs: np.ndarray, measured: dict[str, Any]) -> None:
        """Compare with what the file itself gave at export."""
        recorded = None
        if self.reference is not None:
            recorded = self.reference.arrays.get(f"recorded_{precision}")
        if recorded is None or recorded.shape != outputs.shape:
            self.add(
                "drift",
                f"{precision}: reference.npz holds no outputs of this file.",
                "It cannot be told whether the file is the one that was exported.",
                "",
                precision,
            )
            return
        drift = float(np.abs(outputs - recorded).max())
        measured["drift"] = drift
        limit = 0.0 if self.same_machine else self.limits.get(f"drift_{precision}", 0.05)
        if not drift <= limit:
            self.add(
                "drift",
                f"{precision}: outputs differ by up to {drift:.3g} from those of this file at "
                f"export{' on this very kind of machine' if self.same_machine else ''}.",
                "A weight or an operator in the file is not what was exported.",
                "Copy the file anew from where it was exported, or export again.",
                precision,
            )

    def _check_extremes(self, precision: str, runner: Any, measured: dict[str, Any]) -> None:
        """Run inputs far out of range, where hidden values pass 100."""
        if self.reference is None:
            return
        inputs = self.reference.inputs("extreme_input_")
        if not inputs:
            return
        expected = self.reference.arrays["extreme_probabilities"]
        outputs = runner.run(inputs)
        if not self._check_finite(precision, outputs, expected, "extreme inputs"):
            return
        # Byte inputs cannot leave their range, so there is nothing to compare with.
        reaches = all(port.dtype == "float32" for port in runner.inputs.values())
        finite = np.isfinite(expected) & np.isfinite(outputs)
        if reaches and finite.any():
            error = np.abs(outputs - expected) / np.maximum(1.0, np.abs(expected))
            worst = float(error[finite].max())
            measured["max_abs_error_extreme"] = worst
            self._hold(
                precision, f"max_abs_error_extreme_{precision}", worst,
                "the largest error on extreme inputs",
            )  # fmt: skip


def _latency(runner: Any, inputs: Mapping[str, np.ndarray]) -> float:
    one = {name: value[:1] for name, value in inputs.items()}
    for _ in range(3):
        runner.run(one)
    seconds = []
    for _ in range(LATENCY_ROUNDS):
        start = time.perf_counter()
        runner.run(one)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds) * 1e3)


def _compared(
    made: Mapping[str, np.ndarray], recorded: Mapping[str, np.ndarray], *, exact: bool
) -> str:
    """Return how prepared inputs differ from the recorded samples of their case; "" if not."""
    for name, expected in recorded.items():
        if name not in made:
            return f"the input '{name}' is not made"
        value = made[name]
        if value.shape != expected.shape:
            return f"shape {value.shape} instead of {expected.shape}"
        mean = float(np.abs(value.astype("float64") - expected.astype("float64")).mean())
        whole = expected.dtype.kind in "iu" and expected.dtype != np.uint8
        span = 255.0 if expected.dtype == np.uint8 else float(np.ptp(expected))
        if not mean <= (0.0 if exact or whole else PREPARED_TOLERANCE * span):
            return f"mean difference {mean:.3g} in '{name}'"
    return ""


def _spread(outputs: np.ndarray) -> float:
    return float(np.ptp(outputs, axis=0).max())


def _at(names: Sequence[str], index: Any) -> str:
    return names[index] if index < len(names) else str(index)


def _first(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
