"""What a `.tflite` file holds, read, checked and run without TensorFlow.

Operators are listed from the file itself, so that "builtin operators only" and "every float run
folds" are facts about the file and not about the way it was made. A stranger's file is checked and
run in a child process, because a wrong index in it can end the process that opens it.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import io
import math
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from actzoo import errors

IDENTIFIER = b"TFL3"
OUTPUT = "probabilities"  # name of the one output of our files

MAX_TENSOR_BYTES = 1 << 31
CHILD_SECONDS = 20.0  # per answer of the child that runs a stranger's file
CHILD_BYTES = 2 << 30

# Operators that XNNPACK's pass `fuse_unary_quantized_into_lut` takes into a 256-entry table.
UNARY = frozenset(
    "ABS NEG EXP LOG SQRT RSQRT SQUARE LOGISTIC TANH ELU GELU HARD_SWISH SIN COS CEIL FLOOR ROUND "
    "RELU RELU6 RELU_N1_TO_1 LEAKY_RELU".split()
)
BINARY = frozenset("ADD SUB MUL DIV MINIMUM MAXIMUM SQUARED_DIFFERENCE".split())
# Elementwise operators that break such a run; between int8 neighbours they cost time, and a chain
# form exists or should be written. Other operators (reductions, splits, PRELU) cannot fold anyway.
BREAKS = frozenset(
    "SELECT SELECT_V2 WHERE POW SIGN GREATER GREATER_EQUAL LESS LESS_EQUAL EQUAL NOT_EQUAL "
    "LOGICAL_AND LOGICAL_OR LOGICAL_NOT CAST ZEROS_LIKE FLOOR_DIV FLOOR_MOD".split()
)
MAX_RUN = 10  # nodes between the 8-bit value going in and the one coming out

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
        InvalidValueError: It is no such file.
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
    """Return the error for a file that is no sound `.tflite`."""
    return errors.InvalidValueError(
        f"{errors.shown(name, 120)} is not a sound .tflite file: {why}.\n"
        "Export the model again, or take the file anew from its source.",
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


def _graph(schema: Any, model: Any, part: Any, data: bytes, name: str) -> Graph:
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    tensors = tuple(_tensor(model, tensor, data, name) for tensor in part.tensors)
    operators = []
    for op in [] if part.operators is None else part.operators:
        if not 0 <= op.opcodeIndex < len(model.operatorCodes):
            raise broken(name, "an operator has no code")
        code = model.operatorCodes[op.opcodeIndex]
        # Old files carry the code in a byte, new ones in an int; the larger one counts.
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        if number not in names:
            raise broken(name, f"it holds the unknown operator {number}")
        custom = names[number] == "CUSTOM"
        shown = f"CUSTOM:{_text(code.customCode)}" if custom else names[number]
        indices = [list(() if found is None else found) for found in (op.inputs, op.outputs)]
        if any(not -1 <= int(i) < len(tensors) for i in indices[0]) or any(
            not 0 <= int(i) < len(tensors) for i in indices[1]
        ):
            raise broken(name, f"{shown} reads or writes a tensor that does not exist")
        options = op.builtinOptions
        slope = float(options.alpha) if names[number] == "LEAKY_RELU" and options else None
        operators.append(
            Operator(
                shown,
                tuple(int(i) for i in indices[0] if i >= 0),
                tuple(int(i) for i in indices[1]),
                custom,
                slope,
            )
        )
    ends = [tuple(int(i) for i in found) for found in (part.inputs, part.outputs)]
    if any(not 0 <= i < len(tensors) for i in (*ends[0], *ends[1])):
        raise broken(name, "an input or output of the graph does not exist")
    return Graph(tensors, tuple(operators), *ends)


def _tensor(model: Any, tensor: Any, data: bytes, name: str) -> Tensor:
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
            raise broken(name, "a buffer lies beyond the end of the file")
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


def _check_flow(model: Any, part: Any, graph: Graph, name: str) -> None:
    """Refuse a graph that reads what nobody has written: an unmade output, a cycle."""
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
    for i in graph.outputs:
        if i not in made:
            raise broken(
                name, f"no operator makes the output '{errors.shown(graph.tensors[i].name)}'"
            )


def _text(value: bytes | str | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""


def layers_of(tensor: str, layers: Mapping[str, Any]) -> Iterator[str]:
    """Yield those of some layers that a tensor's name mentions.

    Keras' scopes are `model/layer_1/operator`; a name that the converter joined holds several,
    separated by semicolons. Layer names given here never end in `_<number>` (see
    `lowering.scoped_name`), so that cutting the scope's number is safe.
    """
    for part in tensor.split(";"):
        for scope in part.split("/"):
            name = re.sub(r"_\d+$", "", scope)
            if name in layers:
                yield name


# --- float runs between 8-bit values -------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Island:
    """A run of float operators between 8-bit tensors.

    Attributes:
        operators: Names, in order of execution.
        place: Name of the tensor the run ends in.
        folds: It meets the runtime's rule and becomes one table.
        breaks: It could fold if it were written as a chain; False for operators that cannot be
            one table in any form, such as a softmax.
    """

    operators: tuple[str, ...]
    place: str
    folds: bool
    breaks: bool


def float_runs(graph: Graph) -> list[Island]:
    """Return the runs of float operators that lie between 8-bit tensors.

    A run that begins at the graph's float input or ends at its float output is none.

    Args:
        graph: The graph of a file.
    """
    consumers = collections.Counter(i for op in graph.operators for i in op.inputs)
    found = []
    for members in _components(graph):
        operators = [graph.operators[k] for k in members]
        entries = [op for op in operators if _is_conversion(graph, op, inward=True)]
        exits = [op for op in operators if _is_conversion(graph, op, inward=False)]
        if not entries or not exits or _touches_end(graph, operators):
            continue
        inner = [op for op in operators if op not in entries and op not in exits]
        folds = len(exits) == 1 and _folds(graph, operators, entries, consumers)
        known = UNARY | BINARY | BREAKS
        found.append(
            Island(
                tuple(op.name for op in inner),
                graph.tensors[exits[0].outputs[0]].name,
                folds,
                not folds and all(op.name in known for op in inner) and _single_source(entries),
            )
        )
    return found


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


# --- editing -------------------------------------------------------------------------------------


def pack(model: Any) -> bytes:
    """Return the bytes of a model object, weights inside of the flatbuffer.

    litert-quantizer stores weights behind the flatbuffer, at an offset; tools that write metadata
    (MediaPipe) repack the file and lose them. A file is ours only after this.
    """
    import flatbuffers

    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def inline_weights(data: bytes) -> bytes:
    """Move buffers that lie behind the flatbuffer into it; see `pack`."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    if all(buffer.offset <= 1 for buffer in model.buffers):
        return data
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(data, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return pack(model)


def with_uint8_io(data: bytes, ranges: Mapping[str, tuple[float, float]]) -> bytes:
    """Give a file with float inputs and output uint8 ones.

    Inputs take pixels `[0, 255]` as they are (scale 1 where the range is that); the output is
    probability times 256, the scale a phone's libraries expect of a softmax.

    Args:
        data: The file.
        ranges: Input name -> lowest and highest value.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    before, after = [], []
    for entry in signature.inputs:
        low, high = ranges.get(_text(entry.name), (0.0, 255.0))
        scale = (high - low) / 255.0
        old = entry.tensorIndex
        new = _eight_bit_copy(schema, graph, old, scale, round(-low / scale))
        before.append(_operator(schema, model, "DEQUANTIZE", new, old))
        graph.inputs = [new if i == old else i for i in graph.inputs]
        entry.tensorIndex = new
    for entry in signature.outputs:
        old = entry.tensorIndex
        new = _eight_bit_copy(schema, graph, old, 1 / 256.0, 0)
        after.append(_operator(schema, model, "QUANTIZE", old, new))
        graph.outputs = [new if i == old else i for i in graph.outputs]
        entry.tensorIndex = new
    graph.operators = [*before, *graph.operators, *after]
    return pack(model)


def _eight_bit_copy(schema: Any, graph: Any, index: int, scale: float, zero: int) -> int:
    tensor = schema.TensorT()
    old = graph.tensors[index]
    tensor.name = _text(old.name).split(":")[0].encode() + b"_uint8"
    tensor.shape, tensor.shapeSignature = old.shape, old.shapeSignature
    tensor.hasRank, tensor.buffer, tensor.type = True, 0, schema.TensorType.UINT8
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero]
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _operator(schema: Any, model: Any, name: str, source: int, target: int) -> Any:
    number = getattr(schema.BuiltinOperator, name)
    numbers = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    if number in numbers:
        position = numbers.index(number)
    else:
        code = schema.OperatorCodeT()
        code.builtinCode = number
        code.deprecatedBuiltinCode = min(number, 127)
        code.version = 1
        model.operatorCodes.append(code)
        position = len(model.operatorCodes) - 1
    op = schema.OperatorT()
    op.opcodeIndex, op.inputs, op.outputs = position, [source], [target]
    return op


# --- running -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Port:
    """An input or output of a file, without the batch axis of size 1."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0


class Runner(Protocol):
    """A file ready to run."""

    inputs: dict[str, Port]
    output: Port

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return float32 outputs `(n, ...)` for inputs `(n, ...)`."""

    def close(self) -> None:
        """Release what the runner holds."""


class Interpreter:
    """A file in this process; for files whose hash we know.

    Args:
        data: The whole file.
        threads: Threads of one inference.
        name: How messages call the file.
    """

    def __init__(self, data: bytes, *, threads: int = 1, name: str = "the file") -> None:
        interpreter = quiet_interpreter(data, threads)
        try:
            self._runner = interpreter
            with _silence():
                interpreter.allocate_tensors()
            signatures = interpreter.get_signature_list()
            if len(signatures) != 1:
                raise broken(name, f"it has {len(signatures)} signatures instead of one")
            names = next(iter(signatures.values()))
        except (RuntimeError, ValueError) as error:
            if isinstance(error, errors.ActzooError):
                raise
            first = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
            raise broken(name, f"the runtime refuses it ({errors.shown(first, 160)})") from error
        if len(names["outputs"]) != 1:
            raise broken(name, f"it has {len(names['outputs'])} outputs instead of one")
        key = next(iter(signatures))
        call = interpreter.get_signature_runner(key)
        self.inputs = {n: _port(n, d) for n, d in call.get_input_details().items()}
        self._indices = {n: d["index"] for n, d in call.get_input_details().items()}
        ((output, detail),) = call.get_output_details().items()
        self.output = _port(output, detail)
        self._output_index = detail["index"]

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return float32 outputs `(n, ...)` for inputs `(n, ...)`."""
        count = len(next(iter(inputs.values())))
        out = np.empty((count, *self.output.shape), "float32")
        for k in range(count):
            for name, port in self.inputs.items():
                value = quantize(inputs[name][k : k + 1], port)
                self._runner.set_tensor(self._indices[name], value)
            self._runner.invoke()
            out[k] = dequantize(self._runner.get_tensor(self._output_index), self.output)[0]
        return out

    def close(self) -> None:
        """Release the interpreter."""
        self.__dict__.pop("_runner", None)


def quiet_interpreter(data: bytes, threads: int = 1, **kwargs: Any) -> Any:
    """Return LiteRT's interpreter of a file, without its lines on stderr."""
    from ai_edge_litert.interpreter import Interpreter as LiteRT

    with _silence():
        return LiteRT(model_content=data, num_threads=threads, **kwargs)


class _silence:
    """Send the process's stderr to nowhere for the time of a block; C++ writes there directly."""

    def __enter__(self) -> None:
        self._saved = None
        try:
            sys.stderr.flush()
            self._saved = os.dup(2)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 2)
            os.close(null)
        except (OSError, ValueError, AttributeError):
            pass

    def __exit__(self, *_: object) -> None:
        if self._saved is not None:
            os.dup2(self._saved, 2)
            os.close(self._saved)


def _port(name: str, detail: Mapping[str, Any]) -> Port:
    scale, zero = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"][1:])
    return Port(name, shape, np.dtype(detail["dtype"]).name, float(scale), int(zero))


def quantize(values: np.ndarray, port: Port) -> np.ndarray:
    """Return values as an input takes them."""
    if port.dtype in ("int8", "uint8") and port.scale:
        limits = np.iinfo(port.dtype)
        scaled = np.round(np.asarray(values, "float32") / port.scale) + port.zero_point
        return np.clip(scaled, limits.min, limits.max).astype(port.dtype)
    return np.ascontiguousarray(values, port.dtype)


def dequantize(values: np.ndarray, port: Port) -> np.ndarray:
    """Return an output as float32."""
    if port.scale and port.dtype in ("int8", "uint8", "int16"):
        return (values.astype("float32") - port.zero_point) * np.float32(port.scale)
    return values.astype("float32")


def machine() -> str:
    """Return a mark of what decides the last bits of a result: processor and runtime.

    Two runs of one file on machines of the same mark give the same bits.
    """
    import hashlib
    import platform
    from importlib import metadata

    parts = [platform.machine(), platform.system(), metadata.version("ai-edge-litert")]
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        wanted = ("model name", "flags", "Features", "CPU part")
        parts += sorted({line.strip() for line in lines if line.startswith(wanted)})
    except OSError:
        parts.append(platform.processor())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


# --- strangers' files ----------------------------------------------------------------------------


class Child:
    """A model run in a child process that speaks our small protocol.

    Args:
        module: What the child runs, `python -m module`.
        arguments: Its arguments.
        name: How messages call the model.
        seconds: Limit of one answer.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], name: str, *, seconds: float = CHILD_SECONDS
    ) -> None:
        self._name = name
        self._seconds = seconds
        self.peak_memory_bytes: int | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
        )
        try:
            ports = self._receive()
            self.inputs = {
                key.removeprefix("in_"): _port_from(value)
                for key, value in ports.items()
                if key.startswith("in_")
            }
            self.output = _port_from(ports["out"])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return float32 outputs `(n, ...)` for inputs `(n, ...)`."""
        pipe = self._process.stdin
        try:
            if pipe is None:
                raise BrokenPipeError
            send(pipe, inputs)
        except OSError as error:
            raise broken(self._name, "running it ended the process that did so") from error
        answer = self._receive(len(next(iter(inputs.values()))))
        if "peak" in answer:
            self.peak_memory_bytes = int(answer["peak"])
        return answer["outputs"]

    def _receive(self, count: int = 1) -> dict[str, np.ndarray]:
        # A second for ten samples on top, so that a long list is not taken for a hanging file.
        timer = threading.Timer(self._seconds + 0.1 * count, self._process.kill)
        timer.start()
        try:
            answer = receive(self._process.stdout) if self._process.stdout else None
        finally:
            timer.cancel()
        if answer is None:
            raise broken(
                self._name,
                "running it ended the process that did so, or took more than "
                f"{self._seconds:.0f} s or {CHILD_BYTES >> 30} GB",
            )
        if "error" in answer:
            raise errors.InvalidValueError(str(answer["error"]), given=self._name)
        return answer

    def close(self) -> None:
        """End the child."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class Sandbox(Child):
    """A stranger's `.tflite`, with a limit on time and memory.

    A crafted file can crash the interpreter, loop, or ask for all memory; then the child ends and
    the caller gets an ordinary error.

    Args:
        path: The file.
        threads: Threads of one inference.
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int = 1) -> None:
        path = Path(path)
        super().__init__("actzoo.tflite", [str(path.absolute()), str(threads)], path.name)


def child_environment() -> dict[str, str]:
    """Return the environment of a child that imports this very package, quietly."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }


def _port_from(values: np.ndarray) -> Port:
    name, dtype, scale, zero, *shape = (str(value) for value in values)
    return Port(name, tuple(int(size) for size in shape), dtype, float(scale), int(zero))


def _port_to(port: Port) -> np.ndarray:
    parts = [port.name, port.dtype, repr(port.scale), str(port.zero_point), *map(str, port.shape)]
    return np.array(parts)


def send(pipe: BinaryIO, arrays: Mapping[str, Any]) -> None:
    """Write named arrays to a pipe, their length first."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    data = buffer.getvalue()
    pipe.write(len(data).to_bytes(8, "little"))
    pipe.write(data)
    pipe.flush()


def receive(pipe: BinaryIO) -> dict[str, np.ndarray] | None:
    """Read what `send` wrote; None at the end of the pipe."""
    head = pipe.read(8)
    if len(head) < 8:
        return None
    length = int.from_bytes(head, "little")
    data = pipe.read(length)
    if len(data) < length:
        return None
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def serve(path: str, threads: int) -> None:
    """Run a file for the parent process, which sends inputs and takes outputs.

    Args:
        path: The file.
        threads: Threads of one inference.
    """
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing but answers may reach the parent's pipe
    try:
        _limit_memory()
        import ai_edge_litert.interpreter  # noqa: F401 - the runtime itself is not the model's

        _forget_peak()
        before = _memory()
        data = load(path)
        read(data, Path(path).name)
        runner = Interpreter(data, threads=threads, name=Path(path).name)
        send_ports(out, runner.inputs, runner.output)
        for inputs in iter(lambda: receive(sys.stdin.buffer), None):
            outputs = runner.run(inputs)
            send(out, {"outputs": outputs, **({} if before is None else _peak(before))})
    except (errors.ActzooError, MemoryError, RuntimeError, ValueError) as error:
        text = str(error) if isinstance(error, errors.ActzooError) else broken(path, str(error))
        send(out, {"error": np.array(str(text))})


def send_ports(pipe: BinaryIO, inputs: Mapping[str, Port], output: Port) -> None:
    """Tell the parent what a model takes and gives; the first answer of a child."""
    ports = {f"in_{name}": _port_to(port) for name, port in inputs.items()}
    send(pipe, {**ports, "out": _port_to(output)})


def _memory() -> int | None:
    """Return the most memory this process has held, in bytes, or None where nobody tells.

    On Linux from /proc: the peak that `getrusage` gives there is inherited from the parent.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration, ValueError):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def _forget_peak() -> None:
    """Let the peak begin anew, so that imports do not hide a small model; Linux only."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak(before: int) -> dict[str, np.ndarray]:
    return {"peak": np.array(max(0, (_memory() or before) - before))}


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    resource.setrlimit(resource.RLIMIT_AS, (CHILD_BYTES, CHILD_BYTES))


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
