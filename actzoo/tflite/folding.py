"""Runs of float operators between 8-bit values, and whether the runtime folds them.

XNNPACK replaces such a run by one table of 256 entries if it meets the rules written here (its
pass `fuse_unary_quantized_into_lut`); otherwise every operator of the run costs time.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import os
from collections.abc import Mapping
from pathlib import Path

from actzoo.artifacts import Inspection
from actzoo.tflite.graph import BINARY, Graph, Operator, load, read

# Operators that XNNPACK's pass `fuse_unary_quantized_into_lut` takes into a 256-entry table.
UNARY = frozenset(
    "ABS NEG EXP LOG SQRT RSQRT SQUARE LOGISTIC TANH ELU GELU HARD_SWISH SIN COS CEIL FLOOR ROUND "
    "RELU RELU6 RELU_N1_TO_1 LEAKY_RELU".split()
)
# Elementwise operators that break such a run; between int8 neighbors they cost time, and a chain
# form exists or should be written. Other operators (reductions, splits, PRELU) cannot fold anyway.
BREAK_FOLDING = frozenset(
    "SELECT SELECT_V2 WHERE POW SIGN GREATER GREATER_EQUAL LESS LESS_EQUAL EQUAL NOT_EQUAL "
    "LOGICAL_AND LOGICAL_OR LOGICAL_NOT CAST ZEROS_LIKE FLOOR_DIV FLOOR_MOD".split()
)
MAX_RUN = 10  # nodes between the 8-bit value going in and the one coming out


@dataclasses.dataclass(frozen=True)
class FloatRun:
    """A run of float operators between 8-bit tensors.

    Attributes:
        operators: Names, in order of execution.
        place: Name of the tensor the run ends in.
        folds: It meets the runtime's rule and becomes one table.
        could_fold: It could fold if it were written as a chain; False for operators that cannot be
            one table in any form, such as a softmax.
    """

    operators: tuple[str, ...]
    place: str
    folds: bool
    could_fold: bool


def float_runs(graph: Graph) -> list[FloatRun]:
    """Return the runs of float operators between 8-bit tensors.

    A run that begins at the graph's float input or ends at its float output does not count.

    Args:
        graph: The graph of a file.
    """
    consumers = collections.Counter(i for op in graph.operators for i in op.inputs)
    runs = []
    for members in _components(graph):
        operators = [graph.operators[k] for k in members]
        entries = [op for op in operators if _is_conversion(graph, op, inward=True)]
        exits = [op for op in operators if _is_conversion(graph, op, inward=False)]
        if not entries or not exits or _touches_end(graph, operators):
            continue
        inner = [op for op in operators if op not in entries and op not in exits]
        folds = len(exits) == 1 and _folds(graph, operators, entries, consumers)
        known = UNARY | BINARY | BREAK_FOLDING
        runs.append(
            FloatRun(
                tuple(op.name for op in inner),
                graph.tensors[exits[0].outputs[0]].name,
                folds,
                not folds and all(op.name in known for op in inner) and _single_source(entries),
            )
        )
    return runs


def _single_source(entries: list[Operator]) -> bool:
    """Whether a run is a function of one 8-bit tensor, and so could be one table."""
    return len({op.inputs[0] for op in entries}) == 1


def _is_float(graph: Graph, index: int) -> bool:
    tensor = graph.tensors[index]
    return tensor.dtype in ("float32", "float16", "bool", "int32") and not tensor.constant


def _is_eight_bit(graph: Graph, index: int) -> bool:
    return graph.tensors[index].dtype in ("int8", "uint8")


def _is_conversion(graph: Graph, op: Operator, *, inward: bool) -> bool:
    wanted = "DEQUANTIZE" if inward else "QUANTIZE"
    if op.name != wanted or not op.inputs or graph.tensors[op.inputs[0]].constant:
        return False
    eight, other = (op.inputs, op.outputs) if inward else (op.outputs, op.inputs)
    return _is_eight_bit(graph, eight[0]) and _is_float(graph, other[0])


def _components(graph: Graph) -> list[list[int]]:
    """Return groups of operators that are joined by float values."""
    parent = list(range(len(graph.operators)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    touching: dict[int, list[int]] = collections.defaultdict(list)
    for k, op in enumerate(graph.operators):
        for i in {*op.inputs, *op.outputs}:
            if _is_float(graph, i):
                touching[i].append(k)
    for users in touching.values():
        for k in users[1:]:
            parent[root(k)] = root(users[0])
    groups: dict[int, list[int]] = collections.defaultdict(list)
    for k in sorted({k for users in touching.values() for k in users}):
        groups[root(k)].append(k)
    return list(groups.values())


def _touches_end(graph: Graph, operators: list[Operator]) -> bool:
    ends = {i for i in (*graph.inputs, *graph.outputs) if _is_float(graph, i)}
    return any(i in ends for op in operators for i in (*op.inputs, *op.outputs))


def _folds(
    graph: Graph,
    operators: list[Operator],
    entries: list[Operator],
    consumers: Mapping[int, int],
) -> bool:
    if len(operators) > MAX_RUN or not _single_source(entries):
        return False
    for op in operators:
        if any(consumers[i] > 1 for i in op.outputs if _is_float(graph, i)):
            return False
        if op.name in ("QUANTIZE", "DEQUANTIZE"):
            continue
        moving = [i for i in op.inputs if not graph.tensors[i].constant]
        fixed = [i for i in op.inputs if graph.tensors[i].constant]
        if op.name in UNARY:
            if op.slope == 0.0:
                return False
        elif op.name in BINARY:
            if any(math.prod(graph.tensors[i].shape) != 1 for i in fixed) or not moving:
                return False
        else:
            return False
    return True


def inspect_file(path: str | os.PathLike[str]) -> Inspection:
    """Return the operators of a `.tflite` and its float runs, without running it.

    Raises:
        MissingFileError: It does not exist.
        InvalidValueError: It is not sound.
    """
    graph = read(load(path), Path(path).name)
    custom = tuple(op.name for op in graph.operators if op.custom)
    return Inspection(graph.counts(), custom, tuple(float_runs(graph)))
