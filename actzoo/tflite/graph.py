"""What a `.tflite` file holds, read, checked and run without TensorFlow.

Operators are listed from the file itself, so that "builtin operators only" and "every float run
folds" are facts about the file and not about the way it was made. An untrusted file is checked
and run in a child process, because a wrong index in it can end the process that opens it.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from actzoo import errors

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import ModelT, OperatorT, SubGraphT, TensorT

IDENTIFIER = b"TFL3"
OUTPUT = "probabilities"  # name of the one output of our files

MAX_TENSOR_BYTES = 1 << 31

# Elementwise operators with two operands; a form may hold several, only some with computed ones.
BINARY = frozenset("ADD SUB MUL DIV MINIMUM MAXIMUM SQUARED_DIFFERENCE".split())

_NUMPY = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16",
    8: "complex64", 9: "int8", 10: "float64", 12: "uint64", 15: "uint32", 16: "uint16",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A tensor of a file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    constant: bool


@dataclasses.dataclass(frozen=True)
class Operator:
    """An operator of a file; inputs that are left out (-1) are not listed."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    custom: bool = False
    slope: float | None = None  # of LEAKY_RELU


@dataclasses.dataclass(frozen=True)
class Graph:
    """The main graph of a file."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def counts(self) -> dict[str, int]:
        """Return how often each operator occurs."""
        return dict(sorted(collections.Counter(op.name for op in self.operators).items()))

    def custom_operators(self) -> int:
        """Return how many operators are not TFLite's own."""
        return sum(op.custom for op in self.operators)


# --- reading and checking ----------------------------------------------------------------------


def load(path: str | os.PathLike[str]) -> bytes:
    """Read a `.tflite` file whole.

    Raises:
        MissingFileError: It does not exist.
        InvalidValueError: It is not such a file.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise errors.MissingFileError(
            f"There is no file {errors.shown(path, 200)}.", given=str(path)
        ) from error
    except OSError as error:
        raise errors.InvalidValueError(
            f"{errors.shown(path, 200)} cannot be read: {error.strerror}.", given=str(path)
        ) from error
    if data[4:8] != IDENTIFIER:
        raise broken(path.name, _looks_like(data))
    return data


def _looks_like(data: bytes) -> str:
    head = data[:200].lstrip().lower()
    if not data:
        return "it is empty"
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer; run `git lfs pull`"
    if head.startswith((b"<!doctype", b"<html")):
        return "it is an HTML page, not the file behind it"
    return "it does not begin like one"


def broken(name: str, why: str) -> errors.InvalidValueError:
    """Return the error for a file that is not a sound `.tflite`."""
    return errors.InvalidValueError(
        f"{errors.shown(name, 120)} is not a sound .tflite file: {why}.\n"
        "Export the model again, or fetch the file again from its source.",
        given=name,
    )


def read(data: bytes, name: str = "the file") -> Graph:
    """Check the structure of a file and return its main graph.

    Args:
        data: The whole file.
        name: How messages call it.

    Raises:
        InvalidValueError: An index points nowhere, an operator is unknown, an output is made by
            no operator, a buffer has the wrong length.
    """
    from ai_edge_litert import schema_py_generated as schema

    try:
        model = schema.ModelT.InitFromPackedBuf(data, 0)
        graphs = [_graph(schema, model, part, data, name) for part in model.subgraphs]
        if not graphs:
            raise broken(name, "it holds no graph")
        for part, graph in zip(model.subgraphs, graphs, strict=True):
            _check_flow(model, part, graph, name)
        for signature in model.signatureDefs or []:
            if not 0 <= signature.subgraphIndex < len(graphs):
                raise broken(name, "a signature points to no graph")
            count = len(graphs[signature.subgraphIndex].tensors)
            for entry in [*(signature.inputs or []), *(signature.outputs or [])]:
                if not 0 <= entry.tensorIndex < count:
                    raise broken(name, "a signature points to no tensor")
    except errors.ActzooError:
        raise
    except Exception as error:  # the generated reader raises whatever the bytes lead it to
        raise broken(name, f"its structure cannot be read ({type(error).__name__})") from error
    return graphs[0]


def _graph(schema: ModuleType, model: ModelT, part: SubGraphT, data: bytes, name: str) -> Graph:
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    tensors = tuple(_tensor(model, tensor, data, name) for tensor in part.tensors)
    operators = tuple(
        _operator(model, op, names, len(tensors), name)
        for op in ([] if part.operators is None else part.operators)
    )
    ends = [tuple(int(i) for i in given) for given in (part.inputs, part.outputs)]
    if any(not 0 <= i < len(tensors) for i in (*ends[0], *ends[1])):
        raise broken(name, "an input or output of the graph does not exist")
    return Graph(tensors, operators, *ends)


def _operator(
    model: ModelT, op: OperatorT, names: Mapping[int, str], count: int, name: str
) -> Operator:
    """Return an operator of a graph with `count` tensors; `names` has the builtin ones."""
    if not 0 <= op.opcodeIndex < len(model.operatorCodes):
        raise broken(name, "an operator has no code")
    code = model.operatorCodes[op.opcodeIndex]
    # Old files carry the code in a byte, new ones in an int; the larger one counts.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number not in names:
        raise broken(name, f"it holds the unknown operator {number}")
    custom = names[number] == "CUSTOM"
    shown = f"CUSTOM:{_text(code.customCode)}" if custom else names[number]
    indices = [list(() if given is None else given) for given in (op.inputs, op.outputs)]
    if any(not -1 <= int(i) < count for i in indices[0]) or any(
        not 0 <= int(i) < count for i in indices[1]
    ):
        raise broken(name, f"{shown} reads or writes a tensor that does not exist")
    options = op.builtinOptions
    slope = float(options.alpha) if names[number] == "LEAKY_RELU" and options else None
    return Operator(
        shown,
        tuple(int(i) for i in indices[0] if i >= 0),
        tuple(int(i) for i in indices[1]),
        custom,
        slope,
    )


def _tensor(model: ModelT, tensor: TensorT, data: bytes, name: str) -> Tensor:
    shape = tuple(int(size) for size in (() if tensor.shape is None else tensor.shape))
    shown = _text(tensor.name)
    if any(size < 0 for size in shape) or math.prod(shape) * 8 > MAX_TENSOR_BYTES * 8:
        raise broken(name, f"the tensor '{errors.shown(shown)}' has an impossible shape")
    if not 0 <= tensor.buffer < len(model.buffers):
        raise broken(name, f"the tensor '{errors.shown(shown)}' has no buffer")
    buffer = model.buffers[tensor.buffer]
    length = 0 if buffer.data is None else len(buffer.data)
    if buffer.offset > 1:
        length = buffer.size
        if buffer.offset + length > len(data):
            raise broken(name, "a buffer is beyond the end of the file")
    dtype = _NUMPY.get(tensor.type, f"type {tensor.type}")
    if length and tensor.type in _NUMPY and tensor.sparsity is None:
        expected = math.prod(shape) * np.dtype(dtype).itemsize
        if length != expected:
            raise broken(
                name,
                f"the tensor '{errors.shown(shown)}' has {length:,} bytes instead of {expected:,}",
            )
    quantization = tensor.quantization
    if quantization is not None and quantization.scale is not None and len(quantization.scale) > 1:
        axis = quantization.quantizedDimension
        if not 0 <= axis < len(shape) or len(quantization.scale) != shape[axis]:
            raise broken(name, f"the scales of '{errors.shown(shown)}' do not fit its shape")
    return Tensor(shown, dtype, shape, constant=bool(length))


def _check_flow(model: ModelT, part: SubGraphT, graph: Graph, name: str) -> None:
    """Refuse a graph that reads what no operator has written: an unmade output, a cycle."""
    known = {i for i, tensor in enumerate(graph.tensors) if tensor.constant}
    known |= set(graph.inputs)
    known |= {i for i, tensor in enumerate(part.tensors) if tensor.isVariable}
    # A tensor without elements needs no writer.
    known |= {i for i, tensor in enumerate(graph.tensors) if 0 in tensor.shape}
    made: set[int] = set()
    for op in graph.operators:
        for i in op.inputs:
            if i not in known:
                raise broken(
                    name,
                    f"{op.name} reads '{errors.shown(graph.tensors[i].name)}' before it is made",
                )
        for i in op.outputs:
            if i in known:
                raise broken(name, f"{op.name} writes a tensor that is already there")
        known |= set(op.outputs)
        made |= set(op.outputs)
    if part is not model.subgraphs[0]:  # the body of a loop may hand values through
        made |= known
    for i in graph.outputs:
        if i not in made:
            raise broken(
                name, f"no operator makes the output '{errors.shown(graph.tensors[i].name)}'"
            )


def _text(value: bytes | str | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""


def has_lookup(graph: Graph) -> bool:
    """Say whether rows of a table of weights are looked up, as those of an embedding are."""
    return any(
        op.name == "GATHER" and graph.tensors[op.inputs[0]].constant for op in graph.operators
    )


def layers_of(tensor: str, layers: Mapping[str, object]) -> Iterator[str]:
    """Yield those of some layers that a tensor's name mentions.

    Keras' scopes are `model/layer_1/operator`; a name that the converter joined holds several,
    separated by semicolons. Layer names given here never end in `_<number>`: `lowering` sees to
    that, so that cutting the scope's number is safe.
    """
    for part in tensor.split(";"):
        for scope in part.split("/"):
            name = re.sub(r"_\d+$", "", scope)
            if name in layers:
                yield name
