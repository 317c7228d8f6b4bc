"""litert-quantizer: from a float `.tflite` to one with smaller numbers; run in the child process.

It works operator by operator and keeps activations float between int8 neighbors; the runtime folds
such a run into one table.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors
from actzoo.tflite.edit import inline_weights, with_room_for_biases
from actzoo.tflite.graph import BINARY, Graph, Operator, layers_of, read
from actzoo.tflite.interpreter import quiet_interpreter

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter as LiteRT

# Carry weights; all of them have fast int8 kernels.
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "CONV_2D_TRANSPOSE")
# The delegate has no depthwise kernel for float activations and int8 weights: on MobileNetV2 it
# makes the whole net five times slower. So these weights are stored in int8 and computed in float.
DYNAMIC = ("CONV_2D", "FULLY_CONNECTED")
STORED = ("DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE")

Recipe = list[dict[str, Any]]  # as the quantizer takes it
Statistics = dict[str, dict[str, np.ndarray]]  # tensor -> "min" and "max"


class NonFiniteError(errors.ExportError):
    """Calibration met values that are not finite.

    Attributes:
        tensors: Names of the tensors.
    """

    def __init__(self, message: str, tensors: tuple[str, ...]) -> None:
        super().__init__(message)
        self.tensors = tensors


def store_as_float16(source: str, out: str) -> None:
    """Write a float file with weights of 16 bits.

    Args:
        source: The float file.
        out: The file to write.
    """
    from litert_quantizer import recipe_manager

    manager = recipe_manager.RecipeManager()
    for name in WEIGHTED:
        manager.add_weight_only_config(".*", name, 16, algorithm_key="float_casting")
    data = Path(source).read_bytes()
    Path(out).write_bytes(_quantized(data, manager.get_quantization_recipe()))


def quantize_weights(source: str, out: str) -> None:
    """Write a float file with weights of 8 bits; activations get their range at every call.

    Args:
        source: The float file.
        out: The file to write.
    """
    from litert_quantizer import recipe_manager

    manager = recipe_manager.RecipeManager()
    for name in DYNAMIC:
        manager.add_dynamic_config(".*", name, 8)
    for name in STORED:
        manager.add_weight_only_config(".*", name, 8)
    data = Path(source).read_bytes()
    Path(out).write_bytes(_quantized(data, manager.get_quantization_recipe()))


def quantize(
    source: str, out: str, operators: Mapping[str, Sequence[str]], calibration: str
) -> None:
    """Write a float file with weights and activations of 8 bits.

    Args:
        source: The float file.
        out: The file to write.
        operators: Layer -> operators of it that are int8 beside those with weights.
        calibration: `.npz` with samples of each input, `(n, ...)`.

    Raises:
        NonFiniteError: Values of a tensor that becomes int8 are not finite.
    """
    data = Path(source).read_bytes()
    graph = read(data)
    recipe, chosen = _static_recipe(graph, operators)
    with np.load(calibration, allow_pickle=False) as samples:
        statistics = _calibrate(data, graph, {key: samples[key] for key in samples.files})
    _check_finite(graph, chosen, statistics)
    finished = _quantized(data, recipe, statistics)
    if roomy := with_room_for_biases(data, finished):
        finished = _quantized(roomy, recipe, statistics)
    Path(out).write_bytes(finished)


def _quantized(data: bytes, recipe: Recipe, statistics: Statistics | None = None) -> bytes:
    from litert_quantizer import quantizer

    made = quantizer.Quantizer(data, recipe).quantize(
        statistics, enable_progress_bar=False, enable_progress_report=False
    )
    return inline_weights(bytes(made.quantized_model))


def _static_recipe(
    graph: Graph, operators: Mapping[str, Sequence[str]]
) -> tuple[Recipe, list[Operator]]:
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


def _calibrate(data: bytes, graph: Graph, samples: Mapping[str, np.ndarray]) -> Statistics:
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
    low, high = _extremes(interpreter, wanted, samples)
    return {
        graph.tensors[i].name: {
            "min": np.full((1,) * max(1, len(graph.tensors[i].shape)), low[i], "float32"),
            "max": np.full((1,) * max(1, len(graph.tensors[i].shape)), high[i], "float32"),
        }
        for i in wanted
        if low[i] <= high[i] or np.isnan(low[i])
    }


def _extremes(
    interpreter: LiteRT, wanted: Sequence[int], samples: Mapping[str, np.ndarray]
) -> tuple[dict[int, float], dict[int, float]]:
    """Run the samples one by one; return the smallest and largest value of some tensors."""
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
    return low, high


def _check_finite(graph: Graph, chosen: list[Operator], statistics: Statistics) -> None:
    """Refuse statistics that would crash the runtime, for the tensors that become int8."""
    names = {graph.tensors[i].name for op in chosen for i in (*op.inputs, *op.outputs)}
    broken = sorted(
        name
        for name in names & set(statistics)
        if not all(np.isfinite(value).all() for value in statistics[name].values())
    )
    if broken:
        listed = ", ".join(errors.shown(name, 80) for name in broken[:3])
        raise NonFiniteError(
            f"In calibration {len(broken)} tensors became infinite or not a number, first: "
            f"{listed}.\nLook for pictures out of range, or train with a smaller learning rate; "
            "float32 can be exported.",
            tuple(broken),
        )
