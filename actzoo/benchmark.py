"""Exported files measured side by side: latency, size, operators, peak memory."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import errors, tflite


def _any_values(port: tflite.TensorSpec) -> np.ndarray:
    """Return one sample: pixels for numbers, ones (a token, a place that counts) for integers."""
    shape = (1, *port.shape)
    if port.dtype in ("int32", "int64"):
        return np.ones(shape, port.dtype)
    return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")


def benchmark(
    files: Sequence[str | os.PathLike[str]], threads: int = 1, rounds: int = 50
) -> list[dict[str, Any]]:
    """Measure exported files side by side.

    Rounds are interleaved, so that a busy moment of the machine meets every file alike; trust the
    ratios more than the milliseconds.

    Args:
        files: `.tflite` files.
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
        raise errors.InvalidValueError("Name at least one .tflite file.")
    for name, value, low, high in (("threads", threads, 1, 256), ("rounds", rounds, 1, 100_000)):
        if not low <= value <= high:
            raise errors.InvalidValueError(
                f"{name}={value} is not possible: {low} to {high}.", given=value
            )
    rows: list[dict[str, Any]] = []
    runners: list[Any] = []
    inputs: list[dict[str, np.ndarray]] = []
    for file in map(Path, files):
        data = tflite.load(file)
        # First in a child: it measures memory, and takes the fall for an unsound file.
        with tflite.Sandbox(file, threads=threads) as child:
            one = {name: _any_values(port) for name, port in child.inputs.items()}
            child.run(one)
            peak = child.peak_memory_bytes
        graph = tflite.read(data, file.name)
        runner = tflite.Interpreter(data, threads=threads, name=file.name)
        for _ in range(3):
            runner.run(one)
        runners.append(runner)
        inputs.append(one)
        rows.append(
            {
                "file": str(file),
                "size_bytes": len(data),
                "operators": graph.counts(),
                "custom_operators": graph.custom_operators(),
                "peak_memory_bytes": peak,
                "threads": threads,
            }
        )
    seconds = np.empty((rounds, len(runners)))
    for k in range(rounds):
        for column, runner in enumerate(runners):
            start = time.perf_counter()
            runner.run(inputs[column])
            seconds[k, column] = time.perf_counter() - start
    medians = np.median(seconds, axis=0) * 1e3
    for column, row in enumerate(rows):
        row["latency_ms"] = float(medians[column])
        row["latency_ms_p90"] = float(np.quantile(seconds[:, column], 0.9) * 1e3)
        row["ratio"] = float(medians[column] / medians[0])
    return rows
