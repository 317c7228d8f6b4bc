"""Any model we know, asked for predictions: run folder, `.keras`, `.tflite`, SavedModel.

A `.tflite` needs neither TensorFlow nor Keras, and answers in under a second from a cold start.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from actzoo import errors, results


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model says about one input.

    Attributes:
        id: The input as the user named it.
        label: Most probable class; None where the input could not be read.
        probability: Its probability.
        probabilities: Class -> probability.
        error: Why there is no prediction.
    """

    id: str
    label: str | None
    probability: float | None
    probabilities: dict[str, float]
    error: str | None = None


class Predictor(Protocol):
    """A model ready to answer."""

    card: Any

    def probabilities(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return `(n, classes)` for named inputs `(n, ...)`."""

    def predict(self, paths: Sequence[str]) -> list[Prediction]:
        """Return one prediction per file."""


def open_model(
    path: str | os.PathLike[str], *, trust: bool = False, threads: int = 1
) -> Predictor:
    """Open a model for prediction. (Being built.)"""
    raise NotImplementedError


def evaluate(
    path: str | os.PathLike[str], data: str | None = None, precision: str | None = None
) -> dict[str, Any]:
    """Score a model on its held-out split or on other labelled data. (Being built.)"""
    raise NotImplementedError


def benchmark(
    files: Sequence[str | os.PathLike[str]], threads: int = 1, rounds: int = 50
) -> list[dict[str, Any]]:
    """Measure exported files side by side. (Being built.)"""
    raise NotImplementedError
