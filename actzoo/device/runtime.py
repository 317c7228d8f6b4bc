"""Running a `.tflite`: in this process, or in a child for files of strangers.

The interpreter trusts its file: a crafted one can crash it, loop, or ask for all memory. A file
whose hash we know runs here; any other runs in a child with limits, and the parent gets an
ordinary error.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from actzoo import errors
from actzoo.device import tflite
from actzoo.device.tflite import broken

CHILD_SECONDS = 20.0  # per answer of the child that runs a stranger's file
CHILD_BYTES = 2 << 30


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """An input or output of a file, without the batch axis of size 1."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0


class Runner(Protocol):
    """A file ready to run."""

    inputs: dict[str, TensorSpec]
    output: TensorSpec

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


def _port(name: str, detail: Mapping[str, Any]) -> TensorSpec:
    scale, zero = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"][1:])
    return TensorSpec(name, shape, np.dtype(detail["dtype"]).name, float(scale), int(zero))


def quantize(values: np.ndarray, port: TensorSpec) -> np.ndarray:
    """Return values as an input takes them."""
    if port.dtype in ("int8", "uint8") and port.scale:
        limits = np.iinfo(port.dtype)
        scaled = np.round(np.asarray(values, "float32") / port.scale) + port.zero_point
        return np.clip(scaled, limits.min, limits.max).astype(port.dtype)
    return np.ascontiguousarray(values, port.dtype)


def dequantize(values: np.ndarray, port: TensorSpec) -> np.ndarray:
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
        super().__init__("actzoo.device.runtime", [str(path.absolute()), str(threads)], path.name)


def child_environment() -> dict[str, str]:
    """Return the environment of a child that imports this very package, quietly."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }


def _port_from(values: np.ndarray) -> TensorSpec:
    name, dtype, scale, zero, *shape = (str(value) for value in values)
    return TensorSpec(name, tuple(int(size) for size in shape), dtype, float(scale), int(zero))


def _port_to(port: TensorSpec) -> np.ndarray:
    parts = [port.name, port.dtype, repr(port.scale), str(port.zero_point), *map(str, port.shape)]
    return np.array(parts)


def send(pipe: IO[bytes], arrays: Mapping[str, Any]) -> None:
    """Write named arrays to a pipe, their length first."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    data = buffer.getvalue()
    pipe.write(len(data).to_bytes(8, "little"))
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> dict[str, np.ndarray] | None:
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
        data = tflite.load(path)
        tflite.read(data, Path(path).name)
        runner = Interpreter(data, threads=threads, name=Path(path).name)
        send_ports(out, runner.inputs, runner.output)
        for inputs in iter(lambda: receive(sys.stdin.buffer), None):
            outputs = runner.run(inputs)
            send(out, {"outputs": outputs, **({} if before is None else _peak(before))})
    except (errors.ActzooError, MemoryError, RuntimeError, ValueError) as error:
        text = str(error) if isinstance(error, errors.ActzooError) else broken(path, str(error))
        send(out, {"error": np.array(str(text))})


def send_ports(pipe: IO[bytes], inputs: Mapping[str, TensorSpec], output: TensorSpec) -> None:
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
