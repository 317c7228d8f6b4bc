"""Exported files measured side by side: latency, size, operators, peak memory."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import artifacts, errors, tflite


def _any_values(spec: tflite.TensorSpec) -> np.ndarray:
    """Return one sample: pixels for numbers, ones (a token, a place that counts) for integers."""
    shape = (1, *spec.shape)
    if spec.dtype in ("int32", "int64"):
        return np.ones(shape, spec.dtype)
    return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")


def benchmark(
    files: Sequence[str | os.PathLike[str]], threads: int = 1, rounds: int = 50
) -> list[dict[str, Any]]:
    """Measure exported files side by side.

    Rounds are interleaved, so that a busy moment affects every file equally; trust the
    ratios more than the milliseconds.

    Args:
        files: Exported files.
        threads: Threads of one inference.
        rounds: Inferences per file, at least 1.

    Returns:
        One row per file: `file`, `latency_ms` (median), `latency_ms_p90`, `ratio` to the first
        file, `size_bytes`, `operators`, `custom_operators`, `peak_memory_bytes` (what a process
        needs on top of the runtime; None where the system does not tell), `threads`.

    Raises:
        MissingFileError: A file does not exist.
        InvalidValueError: A file is not sound, or a number is out of range.
    """
    if not files:
        raise errors.InvalidValueError("Name at least one exported file.")
    for name, value, low, high in (("threads", threads, 1, 256), ("rounds", rounds, 1, 100_000)):
        if not low <= value <= high:
            raise errors.InvalidValueError(
                f"{name}={value} is not possible: {low} to {high}.", given=value
            )
    with contextlib.ExitStack() as opened:
        contestants = []
        for file in files:
            contestants.append(_Contestant.open(Path(file), threads))
            opened.callback(contestants[-1].runner.close)
        return _race(contestants, threads, rounds)


@dataclasses.dataclass(frozen=True)
class _Contestant:
    """A file ready to be measured."""

    path: Path
    inspection: artifacts.Inspection
    runner: tflite.Runner
    inputs: dict[str, np.ndarray]
    peak_memory_bytes: int | None

    @classmethod
    def open(cls, path: Path, threads: int) -> _Contestant:
        # The first format's runner says what is wrong with a file of no known ending.
        artifact = artifacts.of_file(path) or artifacts.BUILTIN[0]
        # First as an untrusted file, in a process of its own: that measures memory, and ends in
        # place of this one where the file is not sound.
        guarded = artifact.open(path, trusted=False, threads=threads)
        try:
            inputs = {name: _any_values(spec) for name, spec in guarded.inputs.items()}
            guarded.run(inputs)
            peak = guarded.peak_memory_bytes
        finally:
            guarded.close()
        inspection = artifact.inspect(path)
        runner = artifact.open(path, trusted=True, threads=threads)
        return cls(path, inspection, runner, inputs, peak)

    def warm_up(self) -> None:
        """Run a few times, so that what is done once is not measured."""
        for _ in range(3):
            self.runner.run(self.inputs)


def _race(contestants: Sequence[_Contestant], threads: int, rounds: int) -> list[dict[str, Any]]:
    for contestant in contestants:
        contestant.warm_up()
    seconds = np.empty((rounds, len(contestants)))
    for k in range(rounds):
        for column, contestant in enumerate(contestants):
            start = time.perf_counter()
            contestant.runner.run(contestant.inputs)
            seconds[k, column] = time.perf_counter() - start
    medians = np.median(seconds, axis=0) * 1e3
    return [
        {
            "file": str(contestant.path),
            "size_bytes": contestant.path.stat().st_size,
            "operators": dict(contestant.inspection.operators),
            "custom_operators": len(contestant.inspection.custom),
            "peak_memory_bytes": contestant.peak_memory_bytes,
            "threads": threads,
            "latency_ms": float(medians[column]),
            "latency_ms_p90": float(np.quantile(seconds[:, column], 0.9) * 1e3),
            "ratio": float(medians[column] / medians[0]),
        }
        for column, contestant in enumerate(contestants)
    ]
