"""Running a `.tflite` in this process, for files whose hash we know."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from actzoo import errors
from actzoo.tflite.graph import broken


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """An input or output of a file, without the batch axis of size 1."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0


class Runner(Protocol):
    """A file ready to run.

    Attributes:
        inputs: Input name -> what it takes.
        output: What the file gives.
        peak_memory_bytes: What the file's process has needed on top of the runtime; None where
            that is not known.
    """

    inputs: dict[str, TensorSpec]
    output: TensorSpec
    peak_memory_bytes: int | None

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

    peak_memory_bytes: int | None = None  # this process holds other things, too

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
        self.inputs = {n: _spec_of(n, d) for n, d in call.get_input_details().items()}
        self._indices = {n: d["index"] for n, d in call.get_input_details().items()}
        ((output, detail),) = call.get_output_details().items()
        self.output = _spec_of(output, detail)
        self._output_index = detail["index"]

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return float32 outputs `(n, ...)` for inputs `(n, ...)`."""
        count = len(next(iter(inputs.values())))
        out = np.empty((count, *self.output.shape), "float32")
        for k in range(count):
            for name, spec in self.inputs.items():
                value = quantize(inputs[name][k : k + 1], spec)
                self._runner.set_tensor(self._indices[name], value)
            self._runner.invoke()
            out[k] = dequantize(self._runner.get_tensor(self._output_index), self.output)[0]
        return out

    def close(self) -> None:
        """Release the interpreter."""
        self.__dict__.pop("_runner", None)


def quiet_interpreter(data: bytes, threads: int = 1, **kwargs: object) -> Any:
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


def _spec_of(name: str, detail: Mapping[str, Any]) -> TensorSpec:
    scale, zero = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"][1:])
    return TensorSpec(name, shape, np.dtype(detail["dtype"]).name, float(scale), int(zero))


def quantize(values: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Return values as an input takes them."""
    if spec.dtype in ("int8", "uint8") and spec.scale:
        limits = np.iinfo(spec.dtype)
        scaled = np.round(np.asarray(values, "float32") / spec.scale) + spec.zero_point
        return np.clip(scaled, limits.min, limits.max).astype(spec.dtype)
    return np.ascontiguousarray(values, spec.dtype)


def dequantize(values: np.ndarray, spec: TensorSpec) -> np.ndarray:
    """Return an output as float32."""
    if spec.scale and spec.dtype in ("int8", "uint8", "int16"):
        return (values.astype("float32") - spec.zero_point) * np.float32(spec.scale)
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
