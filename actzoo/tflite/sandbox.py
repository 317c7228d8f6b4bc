"""Running an untrusted `.tflite` in a child process.

The interpreter trusts its file: a crafted one can crash it, loop, or ask for all memory. So it runs
in a child with limits, and the parent gets an ordinary error.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from actzoo import errors
from actzoo.tflite.graph import broken, load, read
from actzoo.tflite.interpreter import Interpreter, Runner, TensorSpec

CHILD_SECONDS = 20.0  # per answer of the child that runs an untrusted file
CHILD_BYTES = 2 << 30


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
            specs = self._receive()
            self.inputs = {
                key.removeprefix("in_"): _spec_from(value)
                for key, value in specs.items()
                if key.startswith("in_")
            }
            self.output = _spec_from(specs["out"])
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
    """An untrusted `.tflite`, with a limit on time and memory.

    A crafted file can crash the interpreter, loop, or ask for all memory; then the child ends and
    the caller gets an ordinary error.

    Args:
        path: The file.
        threads: Threads of one inference.
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int = 1) -> None:
        path = Path(path)
        super().__init__("actzoo.tflite.sandbox", [str(path.absolute()), str(threads)], path.name)


def open_file(path: str | os.PathLike[str], *, trusted: bool = False, threads: int = 1) -> Runner:
    """Return a runner of a `.tflite`: in this process for a trusted file, in a child for others.

    Args:
        path: The file.
        trusted: Its hash is the recorded one.
        threads: Threads of one inference.

    Raises:
        MissingFileError: It does not exist.
        InvalidValueError: It is not sound.
    """
    data = load(path)
    if trusted:
        return Interpreter(data, threads=threads, name=Path(path).name)
    return Sandbox(path, threads=threads)


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


def _spec_from(values: np.ndarray) -> TensorSpec:
    name, dtype, scale, zero, *shape = (str(value) for value in values)
    return TensorSpec(name, tuple(int(size) for size in shape), dtype, float(scale), int(zero))


def _spec_to(spec: TensorSpec) -> np.ndarray:
    parts = [spec.name, spec.dtype, repr(spec.scale), str(spec.zero_point), *map(str, spec.shape)]
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
        data = load(path)
        read(data, Path(path).name)
        runner = Interpreter(data, threads=threads, name=Path(path).name)
        send_specs(out, runner.inputs, runner.output)
        for inputs in iter(lambda: receive(sys.stdin.buffer), None):
            outputs = runner.run(inputs)
            send(out, {"outputs": outputs, **({} if before is None else _peak(before))})
    except (errors.ActzooError, MemoryError, RuntimeError, ValueError) as error:
        text = str(error) if isinstance(error, errors.ActzooError) else broken(path, str(error))
        send(out, {"error": np.array(str(text))})


def send_specs(pipe: IO[bytes], inputs: Mapping[str, TensorSpec], output: TensorSpec) -> None:
    """Tell the parent what a model takes and gives; the first answer of a child."""
    specs = {f"in_{name}": _spec_to(spec) for name, spec in inputs.items()}
    send(pipe, {**specs, "out": _spec_to(output)})


def _memory() -> int | None:
    """Return the most memory this process has held, in bytes; None where unknown.

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
    """Let the peak begin again, so that imports do not hide a small model; Linux only."""
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
