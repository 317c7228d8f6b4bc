"""The child process that converts.

TensorFlow's converter ends the process on some models, prints pages, and takes seconds to import.
So it lives in a child: the parent starts it early, sends one job after the other, learns in which
stage it died, and goes on with the next precision in a fresh child.

Only the float file comes from the converter. Every other precision is made from it by
litert-quantizer, operator by operator, which keeps activations float between int8 neighbors; the
runtime folds such a run into one table.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import errors
from actzoo.tflite.edit import inline_weights, with_room_for_biases
from actzoo.tflite.graph import BINARY, Graph, Operator, layers_of, read
from actzoo.tflite.interpreter import Interpreter, quiet_interpreter
from actzoo.tflite.sandbox import child_environment

# Carry weights; all of them have fast int8 kernels.
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "CONV_2D_TRANSPOSE")
# The delegate has no depthwise kernel for float activations and int8 weights: on MobileNetV2 it
# makes the whole net five times slower. So these weights are stored in int8 and computed in float.
DYNAMIC = ("CONV_2D", "FULLY_CONNECTED")
STORED = ("DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE")
ANSWER_SECONDS = 1800.0


class NonFiniteError(errors.ExportError):
    """Calibration met values that are not finite.

    Attributes:
        tensors: Names of the tensors.
    """

    def __init__(self, message: str, tensors: tuple[str, ...]) -> None:
        super().__init__(message)
        self.tensors = tensors


class Converter:
    """The child, seen from the parent; a context manager.

    The child starts with the block and imports TensorFlow while the parent prepares its first job.
    One that died is replaced at the next job.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None
        self._log: Any = None

    def __enter__(self) -> Converter:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the child if none is running."""
        if self._child is not None and self._child.poll() is None:
            return
        self.close()
        self._log = tempfile.TemporaryFile()
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "actzoo.tflite.converter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=child_environment(),
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C reaches the parent, which ends the child in order
        )

    def run(self, job: str, **arguments: Any) -> dict[str, Any]:
        """Let the child do one job.

        Args:
            job: Name of one of `JOBS`.
            **arguments: Its arguments, plain values.

        Raises:
            ExportError: The job failed, or the child died; says in which stage and why.
        """
        self.start()
        child = self._child
        answer = ""
        if child is not None and child.stdin is not None and child.stdout is not None:
            try:
                child.stdin.write(json.dumps({"job": job, **arguments}) + "\n")
                child.stdin.flush()
                answer = child.stdout.readline()
            except BrokenPipeError:
                pass
        if not answer:
            code = child.wait() if child is not None else None
            self.close()
            raise errors.ExportError(
                f"The converter ended the process while it tried to {STAGES[job]} "
                f"({_ending(code)}).\nThis is a defect of the converter for this model; other "
                "precisions may work: export them with --precision.",
                given=job,
            )
        result = json.loads(answer)
        if "error" in result:
            if result.get("tensors"):
                raise NonFiniteError(result["error"], tuple(result["tensors"]))
            raise errors.ExportError(result["error"], given=job)
        return result

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except OSError:
                        pass
            try:
                child.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self._log is not None:
            self._log.close()
            self._log = None


def _ending(code: int | None) -> str:
    import signal

    if code is None:
        return "no reason known"
    if code < 0:
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"


# --- jobs, run in the child ----------------------------------------------------------------------


def convert(saved_model: str, out: str, stored: str = "float32") -> dict[str, Any]:
    """Convert a SavedModel to a `.tflite` of builtin operators with float values.

    Args:
        saved_model: The folder.
        out: The file to write.
        stored: How weights are stored: "float32", "float16", or "dynamic" for 8 bits. Unlike
            `quantize`, this reaches tables that rows are looked up in.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if stored != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if stored == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        data = converter.convert()
    except Exception as error:
        raise errors.ExportError(_reason(str(error))) from error
    Path(out).write_bytes(data)
    return {"bytes": len(data)}


def _reason(text: str) -> str:
    """Return the converter's complaint in one sentence: which operators, of which layers."""
    operators = sorted(set(re.findall(r"\bFlex(\w+)", text)))
    if not operators:
        operators = sorted(set(re.findall(r"tf\.(\w+)' op is neither a custom op", text)))
    layers = sorted(set(re.findall(r'"[^"\s]*?/([^"/\s]+?)(?:_\d+)?/[^"/]*"', text)))
    if operators:
        where = f" in layer {', '.join(layers[:5])}" if layers else ""
        return (
            f"The model needs operators that TFLite does not have: {', '.join(operators)}{where}.\n"
            "Replace that layer or activation; `actzoo list activations` names those that export."
        )
    first = next((line for line in text.splitlines() if line.strip()), "no reason given")
    return f"TensorFlow's converter refuses the model: {errors.shown(first, 300)}"


def quantize(
    source: str,
    out: str,
    precision: str,
    operators: Mapping[str, list[str]] | None = None,
    calibration: str | None = None,
) -> dict[str, Any]:
    """Make another precision out of a float file.

    Args:
        source: The float file.
        out: The file to write.
        precision: "float16", "dynamic" or "int8".
        operators: For int8: layer -> operators of it that are int8 beside those with weights.
        calibration: For int8: `.npz` with samples of each input, `(n, ...)`.
    """
    from litert_quantizer import quantizer

    data = Path(source).read_bytes()
    statistics = None
    if precision == "int8":
        graph = read(data)
        recipe, chosen = _static_recipe(graph, operators or {})
        with np.load(str(calibration), allow_pickle=False) as samples:
            statistics = _calibrate(data, graph, {key: samples[key] for key in samples.files})
        _check_finite(graph, chosen, statistics)
    else:
        recipe = _weight_recipe(precision)

    def quantized(data: bytes) -> bytes:
        made = quantizer.Quantizer(data, recipe).quantize(
            statistics, enable_progress_bar=False, enable_progress_report=False
        )
        return inline_weights(bytes(made.quantized_model))

    finished = quantized(data)
    if precision == "int8" and (roomy := with_room_for_biases(data, finished)):
        finished = quantized(roomy)
    Path(out).write_bytes(finished)
    return {"bytes": len(finished)}


def _weight_recipe(precision: str) -> list[dict[str, Any]]:
    from litert_quantizer import recipe_manager

    manager = recipe_manager.RecipeManager()
    if precision == "float16":
        for name in WEIGHTED:
            manager.add_weight_only_config(".*", name, 16, algorithm_key="float_casting")
    else:
        for name in DYNAMIC:
            manager.add_dynamic_config(".*", name, 8)
        for name in STORED:
            manager.add_weight_only_config(".*", name, 8)
    return manager.get_quantization_recipe()


def _static_recipe(
    graph: Graph, operators: Mapping[str, list[str]]
) -> tuple[list[dict[str, Any]], list[Operator]]:
    """Return the int8 recipe and the operators it takes."""
    from litert_quantizer import recipe_manager

    manager = recipe_manager.RecipeManager()
    chosen = [op for op in graph.operators if op.name in WEIGHTED]
    for name in WEIGHTED:
        manager.add_static_config(".*", name, 8, 8)
    by_kind: dict[str, list[str]] = {}
    for op in graph.operators:
        place = "".join(f"{graph.tensors[i].name};" for i in op.outputs)
        if any(op.name in operators[layer] for layer in layers_of(place, operators)):
            moving = [i for i in op.inputs if not graph.tensors[i].constant]
            if len(moving) > 1 or op.name not in BINARY:
                chosen.append(op)
                by_kind.setdefault(op.name, []).append(place)
    for kind, places in by_kind.items():
        # By the whole names of their outputs, the quantizer's scope of an operator: a form may
        # hold several operators of one kind.
        pattern = "|".join(re.escape(place) for place in places)
        manager.add_static_config(f"^(?:{pattern})$", kind, 8, 8)
    return manager.get_quantization_recipe(), chosen


def _calibrate(
    data: bytes, graph: Graph, samples: Mapping[str, np.ndarray]
) -> dict[str, dict[str, np.ndarray]]:
    """Return the smallest and largest value of each float tensor over all samples.

    The quantizer's own calibration smooths over samples, which clips: four times the error.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "intended for debugging": this is such a use
        interpreter = quiet_interpreter(
            data, threads=os.cpu_count() or 1, experimental_preserve_all_tensors=True
        )
    interpreter.allocate_tensors()
    made = {i for op in graph.operators for i in op.outputs} | set(graph.inputs)
    wanted = [i for i in sorted(made) if graph.tensors[i].dtype == "float32"]
    details = interpreter.get_signature_runner().get_input_details()
    taken = {name: (detail["index"], detail["dtype"]) for name, detail in details.items()}
    low = dict.fromkeys(wanted, np.inf)
    high = dict.fromkeys(wanted, -np.inf)
    with np.errstate(invalid="ignore"):
        for k in range(len(next(iter(samples.values())))):
            for name, (index, dtype) in taken.items():
                value = samples[name][k : k + 1]
                interpreter.set_tensor(index, np.ascontiguousarray(value, dtype))
            interpreter.invoke()
            for i in wanted:
                try:
                    value = interpreter.get_tensor(i)
                except ValueError:  # folded away by the delegate
                    continue
                # NaN must stay: fmin and Python's min would lose it.
                low[i] = float(np.minimum(low[i], value.min()))
                high[i] = float(np.maximum(high[i], value.max()))
    return {
        graph.tensors[i].name: {
            "min": np.full((1,) * max(1, len(graph.tensors[i].shape)), low[i], "float32"),
            "max": np.full((1,) * max(1, len(graph.tensors[i].shape)), high[i], "float32"),
        }
        for i in wanted
        if low[i] <= high[i] or np.isnan(low[i])
    }


def _check_finite(graph: Graph, chosen: list[Operator], statistics: Mapping[str, Any]) -> None:
    """Refuse statistics that would crash the runtime, for the tensors that become int8."""
    names = {graph.tensors[i].name for op in chosen for i in (*op.inputs, *op.outputs)}
    found = sorted(
        name
        for name in names & set(statistics)
        if not all(np.isfinite(value).all() for value in statistics[name].values())
    )
    if found:
        listed = ", ".join(errors.shown(name, 80) for name in found[:3])
        raise NonFiniteError(
            f"In calibration {len(found)} tensors became infinite or not a number, first: "
            f"{listed}.\nLook for pictures out of range, or train with a smaller learning rate; "
            "float32 can be exported.",
            tuple(found),
        )


def record(source: str, inputs: str, out: str) -> dict[str, Any]:
    """Run a file on recorded inputs and write its outputs.

    Args:
        source: The file.
        inputs: `.npz` whose arrays are named `<group>/<input>`, each `(n, ...)`.
        out: `.npz` to write: one array of outputs per group.
    """
    runner = Interpreter(Path(source).read_bytes(), threads=1, name=Path(source).name)
    groups: dict[str, dict[str, np.ndarray]] = {}
    with np.load(inputs, allow_pickle=False) as archive:
        for key in archive.files:
            group, _, name = key.partition("/")
            groups.setdefault(group, {})[name] = archive[key]
    outputs = {group: runner.run(values) for group, values in groups.items()}
    np.savez(out, **outputs)  # type: ignore[arg-type]
    return {}


JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "convert": convert,
    "quantize": quantize,
    "record": record,
}
STAGES = {
    "convert": "convert the model to TFLite",
    "quantize": "quantize the TFLite file",
    "record": "run the exported file",
}


def main() -> None:
    """Do jobs that arrive as lines on stdin; answer each with one line."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever libraries print goes to the log
    import tensorflow  # noqa: F401 - seconds of work, done while the parent prepares the first job

    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = JOBS[request.pop("job")](**request)
        except Exception as error:
            text = str(error) if isinstance(error, errors.ActzooError) else _first(error)
            answer = {"error": text, "tensors": getattr(error, "tensors", ())}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _first(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {errors.shown(lines[0] if lines else '', 300)}"


if __name__ == "__main__":
    main()
