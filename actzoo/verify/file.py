"""Checks of one exported file: what it holds, what it answers, and how fast."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import artifacts, errors, tasks, tflite
from actzoo.artifacts import CHAINS, Artifact, Inspection
from actzoo.verify.collected import EXPORT_AGAIN, Findings, first_line
from actzoo.verify.exported import Exported, Recorded

BYTE_ROUNDING = 1 / 256  # of a probability that is handed out as a byte: 1 becomes 255 / 256
CONSTANT = 1e-6  # outputs that vary less over all cases are constant
VARYING = 1e-3  # Keras' outputs that vary more are not
LATENCY_ROUNDS = 30
_OTHER_ACTIVATION = "For int8: more calibration samples, or another activation."


def check_file(exported: Exported, precision: str, findings: Findings) -> dict[str, Any]:
    """Measure a file and hold it to its limits.

    Args:
        exported: The folder.
        precision: Which file.
        findings: Takes what does not hold.

    Returns:
        The measures, as in `verify.json`.
    """
    if precision not in artifacts.ARTIFACTS:
        findings.add(
            "file",
            f"{errors.shown(precision, 80)} is not a format that actzoo knows here, so its file "
            "cannot be checked.",
            "It was exported with a package that is not installed.",
            "Install that package, or export again without the format.",
            precision=precision,
        )
        return {"passed": False, "custom_operators": 0}
    check = _FileCheck(exported, artifacts.ARTIFACTS.get(precision), findings)
    check.run()
    return check.measured


class _FileCheck:
    """The checks of one file; each adds its measures and findings."""

    def __init__(self, exported: Exported, artifact: Artifact, findings: Findings) -> None:
        self.exported = exported
        self.artifact = artifact
        self.name = artifact.name
        self.path: Path = exported.target.path / artifact.file
        self.limits = exported.limits
        self.measured: dict[str, Any] = {"passed": False, "custom_operators": 0}
        self._findings = findings

    def add(self, code: str, what: str, why: str, suggestion: str = EXPORT_AGAIN) -> None:
        """Note a finding about this file."""
        self._findings.add(code, what, why, suggestion, precision=self.name)

    def run(self) -> None:
        """Do all checks."""
        if not self.path.is_file():
            if self.path.name not in self.exported.changed:
                self.add("missing_file", f"{self.path.name} is missing.", "It is listed.")
            return
        self.measured["size_bytes"] = self.path.stat().st_size
        try:
            self._check_operators(self.artifact.inspect(self.path))
            # Bytes that were changed may crash a runtime: such a file is not trusted.
            runner = self.artifact.open(
                self.path, trusted=self.exported.is_vouched_for(self.path.name)
            )
        except errors.ActzooError as error:
            self.add("file", first_line(error), "The file cannot run.")
            return
        try:
            if self.exported.recorded is not None:
                self._check_answers(runner, self.exported.recorded)
        except (errors.ActzooError, ValueError, KeyError, RuntimeError) as error:
            self.add(
                "file",
                f"{self.path.name} does not run on the recorded inputs: {first_line(error)}",
                "Its inputs are not those of the export, or the runtime refuses it.",
            )
        finally:
            runner.close()

    # --- what it holds -------------------------------------------------------------------------

    def _check_operators(self, inspection: Inspection) -> None:
        self.measured["operators"] = dict(inspection.operators)
        self.measured["custom_operators"] = len(inspection.custom)
        if inspection.custom:
            kinds = ", ".join(sorted(set(inspection.custom)))
            self.add(
                "custom_operators",
                f"{self.name}: {len(inspection.custom)} operators are not TFLite's own: "
                f"{errors.shown(kinds, 160)}.",
                "A phone's runtime does not have them.",
            )
        self.measured["float_runs"] = [
            {"operators": run.operators, "place": run.place, "could_fold": run.could_fold}
            for run in inspection.float_runs
            if not run.folds
        ]
        if self.artifact.form == CHAINS:
            self._check_float_runs(inspection)

    def _check_float_runs(self, inspection: Inspection) -> None:
        """Look for activations that were written to fold into a table and did not."""
        expected = self.exported.record.get("float_layers")
        float_layers = expected if isinstance(expected, dict) else {}
        for run in inspection.float_runs:
            if run.could_fold and not any(tflite.layers_of(run.place, float_layers)):
                self.add(
                    "float_run",
                    f"{self.name}: {' '.join(run.operators)} before '{errors.shown(run.place)}' "
                    "runs in float between int8 values.",
                    "The runtime cannot fold it into a table, so it costs time at every use.",
                    "Use an activation that has an int8 form, or give yours one (int8_form).",
                )

    # --- what it answers -----------------------------------------------------------------------

    def _check_answers(self, runner: tflite.Runner, recorded: Recorded) -> None:
        inputs = recorded.inputs()
        self.measured["latency_ms"] = _latency(runner, inputs)
        outputs = runner.run(inputs)
        expected = recorded.probabilities
        if outputs.shape != expected.shape:
            raise errors.InvalidValueError(
                f"its output has the shape {outputs.shape[1:]}, Keras' {expected.shape[1:]}"
            )
        if self._are_finite(outputs, expected, "recorded inputs"):
            self._check_errors(outputs, recorded)
            if self.exported.card is not None:
                task = tasks.get_task(self.exported.card.task)
                self._check_agreement(outputs, recorded, task)
                self._check_score(outputs, recorded, task)
            self._check_drift(outputs, recorded)
        self._check_extremes(runner, recorded)

    def _check_errors(self, outputs: np.ndarray, recorded: Recorded) -> None:
        error = np.abs(outputs - recorded.probabilities)
        flat = error.reshape(len(error), -1)
        worst = recorded.sample_name(int(flat.max(axis=1).argmax()))
        self.measured["max_abs_error"] = float(flat.max())
        self.measured["mean_abs_error"] = float(flat.mean())
        self.measured["worst_case"] = worst
        what = f"the largest error, at '{errors.shown(worst)}',"
        self._hold("max_abs_error", self.measured["max_abs_error"], what)
        spread = _spread(recorded.probabilities)
        if len(outputs) > 1 and _spread(outputs) < CONSTANT and spread > VARYING:
            self.add(
                "constant_output",
                f"{self.name}: the output is the same for all {len(outputs)} cases.",
                "The input does not reach the output.",
            )

    def _check_agreement(self, outputs: np.ndarray, recorded: Recorded, task: tasks.Task) -> None:
        agreement = task.agreement(recorded.probabilities, outputs, recorded.case_names)
        self.measured["agreement"] = agreement
        if agreement < self.limits["agreement"]:
            self.add(
                "agreement",
                f"{self.name}: its answers agree with those of Keras by {agreement:.1%}, over "
                f"{len(outputs)} cases; the limit is {self.limits['agreement']:.1%}.",
                "The file does not compute what was trained; worst: "
                f"'{errors.shown(self.measured['worst_case'])}', off by "
                f"{self.measured['max_abs_error']:.3f}.",
                _OTHER_ACTIVATION,
            )

    def _are_finite(self, outputs: np.ndarray, expected: np.ndarray, where: str) -> bool:
        bad = ~np.isfinite(outputs) & np.isfinite(expected)
        if bad.any():
            count = int(bad.reshape(len(bad), -1).any(axis=1).sum())
            self.add(
                "non_finite",
                f"{self.name}: {count} of {len(outputs)} outputs are NaN or infinite on {where}, "
                "where Keras' are finite.",
                "An activation overflows in the form it has in the file.",
                "Export with lowering on (the default), or use another activation.",
            )
        return not bad.any()

    def _hold(self, limit: str, value: float, what: str) -> None:
        """Hold an error to its limit, where the format or the card has one."""
        most = self.limits.get(f"{limit}_{self.name}")
        if most is None:
            return
        if self.exported.record.get("io_dtype") == "uint8":
            most += BYTE_ROUNDING
        if not value <= most:
            self.add(
                limit,
                f"{self.name}: {what} is {value:.3g}; the limit is {most:.3g}.",
                "The file does not compute what was trained.",
            )

    def _check_score(self, outputs: np.ndarray, recorded: Recorded, task: tasks.Task) -> None:
        """Score by names: true names of the cases against names in labels.txt."""
        labels = list(self.exported.labels)
        if not len(recorded.targets) or not self._fit_labels(labels, outputs, recorded):
            return
        cases = recorded.case_names
        scored = task.score(_renamed_targets(recorded, labels), outputs, labels, cases)
        classes = recorded.names("classes")
        keras = task.score(recorded.targets, recorded.probabilities, classes, cases)
        self.measured["test"] = scored
        best, own = task.headline_value(keras), task.headline_value(scored)
        drop = task.score_drop(keras, scored)
        self.measured["score_drop"] = drop
        if drop > self.limits["score_drop"]:
            worse = "below" if own < best else "above"
            self.add(
                "score_drop",
                f"{self.name}: {task.headline} {own:.3f} is {drop:.3f} {worse} Keras' {best:.3f}; "
                f"the limit is {self.limits['score_drop']:g}.",
                "The file answers worse than the model, or its labels are not in the order of its "
                "outputs.",
                "Compare labels.txt; for int8: more calibration samples, or another activation.",
            )

    def _fit_labels(self, labels: list[str], outputs: np.ndarray, recorded: Recorded) -> bool:
        """Tell whether labels.txt names all outputs and all classes of the recorded cases."""
        true_names = {*recorded.names("labels"), *recorded.names("target_classes")}
        unknown = sorted(true_names - set(labels))
        if unknown:
            what = f"labels.txt lacks the class '{errors.shown(unknown[0])}' of the recorded cases."
        elif len(labels) != outputs.shape[-1]:
            what = f"labels.txt has {len(labels)} names for {outputs.shape[-1]} outputs."
        else:
            return True
        self.add("labels", what, "The file cannot be scored.")
        return False

    def _check_drift(self, outputs: np.ndarray, recorded: Recorded) -> None:
        """Compare with what the file itself gave at export."""
        earlier = recorded.arrays.get(f"recorded_{self.name}")
        if earlier is None or earlier.shape != outputs.shape:
            self.add(
                "drift",
                f"{self.name}: reference.npz holds no outputs of this file.",
                "It is not known whether the file is the one that was exported.",
            )
            return
        drift = float(np.abs(outputs - earlier).max())
        self.measured["drift"] = drift
        same = self.exported.same_machine
        if not drift <= (0.0 if same else self.limits[f"drift_{self.name}"]):
            self.add(
                "drift",
                f"{self.name}: outputs differ by up to {drift:.3g} from those of this file at "
                f"export{' on this very kind of machine' if same else ''}.",
                "A weight or an operator in the file is not what was exported.",
                "Copy the file again from where it was exported, or export again.",
            )

    def _check_extremes(self, runner: tflite.Runner, recorded: Recorded) -> None:
        """Run inputs far out of range, where hidden values pass 100."""
        inputs = recorded.inputs("extreme_input_")
        if not inputs:
            return
        expected = recorded.arrays["extreme_probabilities"]
        outputs = runner.run(inputs)
        if not self._are_finite(outputs, expected, "extreme inputs"):
            return
        # Byte inputs cannot leave their range, so there is nothing to compare with.
        reaches = all(spec.dtype == "float32" for spec in runner.inputs.values())
        finite = np.isfinite(expected) & np.isfinite(outputs)
        if reaches and finite.any():
            error = np.abs(outputs - expected) / np.maximum(1.0, np.abs(expected))
            worst = float(error[finite].max())
            self.measured["max_abs_error_extreme"] = worst
            self._hold("max_abs_error_extreme", worst, "the largest error on extreme inputs")


def _renamed_targets(recorded: Recorded, labels: list[str]) -> np.ndarray:
    """Return the true classes as positions in labels.txt, found by name."""
    named = recorded.names("labels")
    if named:
        return np.array([labels.index(name) for name in named])
    return tasks.renumbering(recorded.names("target_classes"), labels)[recorded.targets]


def _latency(runner: tflite.Runner, inputs: Mapping[str, np.ndarray]) -> float:
    """Return the median milliseconds of one inference."""
    one = {name: value[:1] for name, value in inputs.items()}
    for _ in range(3):
        runner.run(one)
    seconds = []
    for _ in range(LATENCY_ROUNDS):
        start = time.perf_counter()
        runner.run(one)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds) * 1e3)


def _spread(outputs: np.ndarray) -> float:
    return float(np.ptp(outputs, axis=0).max())
