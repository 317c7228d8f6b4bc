"""The child process that converts.

TensorFlow's converter ends the process on some models, prints pages, and takes seconds to import.
So it lives in a child: the parent starts it early, sends one job after the other, learns in which
job it died or that it takes too long, and goes on with the next in a fresh child.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from typing import IO

from actzoo import errors
from actzoo._lazy import resolve
from actzoo.tflite.quantization import NonFiniteError
from actzoo.tflite.sandbox import child_environment

SECONDS_VARIABLE = "ACTZOO_CONVERTER_SECONDS"  # of a user who knows that a job takes longer


@dataclasses.dataclass(frozen=True)
class Job:
    """One kind of work for the child.

    Attributes:
        target: Function that does it; takes plain values by name, and writes files.
        does: What it does, for messages: "convert the model to TFLite".
        seconds: After this time it is taken to hang, and is stopped.
    """

    target: str
    does: str
    seconds: float


CONVERT = Job("actzoo.tflite.conversion:convert", "convert the model to TFLite", 1800.0)
STORE_AS_FLOAT16 = Job(
    "actzoo.tflite.quantization:store_as_float16", "store the weights in float16", 900.0
)
QUANTIZE_WEIGHTS = Job(
    "actzoo.tflite.quantization:quantize_weights", "quantize the weights of the TFLite file", 900.0
)
QUANTIZE = Job("actzoo.tflite.quantization:quantize", "quantize the TFLite file", 3600.0)
RECORD = Job("actzoo.tflite.recording:record", "run the exported file", 1800.0)


class Converter:
    """The child, seen from the parent; a context manager.

    The child starts with the block and imports TensorFlow while the parent prepares its first job.
    One that died or was stopped is replaced at the next job.

    Args:
        seconds: Limit of every job; None takes the job's own, or that of the environment variable
            `ACTZOO_CONVERTER_SECONDS`.
    """

    def __init__(self, *, seconds: float | None = None) -> None:
        self._seconds = seconds
        self._child: subprocess.Popen[str] | None = None
        self._log: IO[bytes] | None = None

    def __enter__(self) -> Converter:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the child if none is running."""
        self._running()

    def _running(self) -> subprocess.Popen[str]:
        if self._child is not None and self._child.poll() is None:
            return self._child
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
        return self._child

    def run(self, job: Job, **arguments: object) -> None:
        """Let the child do one job.

        Args:
            job: What to do.
            **arguments: Arguments of its function, plain values.

        Raises:
            ExportError: The job failed, took too long, or ended the child; says which and why.
            InvalidValueError: The environment variable for the limit is not a number of seconds.
        """
        seconds = self._limit_of(job)
        child = self._running()
        request = json.dumps({"target": job.target, "arguments": arguments})
        expired = threading.Event()

        def stop() -> None:
            expired.set()
            child.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            answer = _asked(child, request)
        finally:
            timer.cancel()
        if not answer:
            code = child.wait()
            self.close()
            raise _too_slow(job, seconds) if expired.is_set() else _died(job, code)
        result = json.loads(answer)
        if result.get("tensors"):
            raise NonFiniteError(result["error"], tuple(result["tensors"]))
        if "error" in result:
            raise errors.ExportError(result["error"], given=job.does)

    def _limit_of(self, job: Job) -> float:
        if self._seconds is not None:
            return self._seconds
        given = os.environ.get(SECONDS_VARIABLE, "").strip()
        if not given:
            return job.seconds
        try:
            seconds = float(given)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= threading.TIMEOUT_MAX:
            raise errors.InvalidValueError(
                f"{SECONDS_VARIABLE} is '{errors.shown(given)}'; it takes a number of seconds "
                "above 0.",
                given=given,
            )
        return seconds

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


def _asked(child: subprocess.Popen[str], request: str) -> str:
    """Return the child's answer to one line; empty where it died."""
    if child.stdin is None or child.stdout is None:
        return ""
    try:
        child.stdin.write(request + "\n")
        child.stdin.flush()
        return child.stdout.readline()
    except BrokenPipeError:
        return ""


def _too_slow(job: Job, seconds: float) -> errors.ExportError:
    return errors.ExportError(
        f"The converter tried to {job.does} for more than {seconds:,.0f} s and was stopped.\n"
        f"Give it more time: {SECONDS_VARIABLE}={max(60, 4 * seconds):.0f} actzoo export ... Other "
        "precisions may be faster: export them with --precision.",
        given=job.does,
        fix=f"{SECONDS_VARIABLE}={max(60, 4 * seconds):.0f}",
    )


def _died(job: Job, code: int) -> errors.ExportError:
    return errors.ExportError(
        f"The converter ended the process while it tried to {job.does} ({_ending(code)}).\n"
        "This is a defect of the converter for this model; other precisions may work: export them "
        "with --precision.",
        given=job.does,
    )


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


# --- the child -----------------------------------------------------------------------------------


def main() -> None:
    """Do jobs that arrive as lines on stdin; answer each with one line."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever libraries print goes to the log
    import tensorflow  # noqa: F401 - seconds of work, done while the parent prepares the first job

    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, object] = {}
        try:
            resolve(request["target"])(**request["arguments"])
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
