"""What a model's outputs mean: how they are trained, decoded, scored and compared.

Scores are computed with NumPy and scikit-learn from probabilities over whole cases, so that Keras,
an exported file and a phone are measured alike.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from actzoo.registry import Registry

if TYPE_CHECKING:
    import keras

SMALLEST_PROBABILITY = 1e-7  # so that one sure mistake does not make the loss infinite


class Classification:
    """One class out of several per example."""

    name = "classification"
    output_activation = "softmax"
    monitor: ClassVar[tuple[str, str]] = ("loss", "min")
    headline: ClassVar[str] = "accuracy"

    def encode(self, labels: np.ndarray, num_classes: int) -> np.ndarray:
        """Return training targets `(n, classes)`, one-hot, of labels `(n,)`."""
        return np.eye(num_classes, dtype="float32")[np.asarray(labels, dtype="int64")]

    def loss(self, *, label_smoothing: float = 0.0) -> keras.losses.Loss:
        """Return the training loss on logits."""
        import keras

        return keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=label_smoothing
        )

    def metrics(self) -> list[keras.metrics.Metric]:
        """Return the metrics shown while training."""
        import keras

        return [keras.metrics.CategoricalAccuracy(name="accuracy")]

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the softmax of logits `(n, classes)`, in float64 inside."""
        shifted = np.asarray(logits, "float64")
        shifted = shifted - shifted.max(axis=-1, keepdims=True)
        exponent = np.exp(shifted)
        return (exponent / exponent.sum(axis=-1, keepdims=True)).astype("float32")

    def class_weights(self, labels: np.ndarray, num_classes: int) -> np.ndarray:
        """Return a loss weight per class that lifts rare ones: 1 / sqrt(frequency), mean 1.

        The square root, because full balancing lets a handful of examples rule the gradient.
        """
        counts = np.bincount(np.asarray(labels, "int64"), minlength=num_classes).astype("float64")
        weights = 1.0 / np.sqrt(np.maximum(counts, 1.0))
        return (weights * counts.sum() / max((weights * counts).sum(), 1e-12)).astype("float32")

    def score(
        self, labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
    ) -> dict[str, Any]:
        """Score probabilities against true labels.

        Args:
            labels: Class indices `(n,)`.
            probabilities: `(n, classes)`.
            classes: Names, in the order of the columns.

        Returns:
            `n`, `accuracy` and its 95 % Wilson interval, `macro_f1`, `macro_recall` (over classes
            that occur), `loss` (log loss), `constant_accuracy` (always the most frequent class),
            `per_class`, `confusion` (rows are true classes).
        """
        labels = np.asarray(labels, "int64")
        probabilities = np.asarray(probabilities, "float64")
        count = len(labels)
        if count == 0:
            return {"n": 0}
        predicted = probabilities.argmax(axis=-1)
        size = len(classes)
        confusion = np.zeros((size, size), "int64")
        np.add.at(confusion, (labels, predicted), 1)
        hits = confusion.diagonal()
        support, guesses = confusion.sum(axis=1), confusion.sum(axis=0)
        recall = hits / np.maximum(support, 1)
        precision = hits / np.maximum(guesses, 1)
        f1 = 2 * hits / np.maximum(support + guesses, 1)
        present = support > 0
        chosen = np.clip(probabilities[np.arange(count), labels], SMALLEST_PROBABILITY, 1.0)
        return {
            "n": count,
            "accuracy": float(hits.sum() / count),
            "accuracy_interval": wilson_interval(int(hits.sum()), count),
            "macro_f1": float(f1[present].mean()),
            "macro_recall": float(recall[present].mean()),
            "loss": float(-np.log(chosen).mean()),
            "constant_accuracy": float(support.max() / count),
            "per_class": {
                name: {
                    "precision": float(precision[i]),
                    "recall": float(recall[i]),
                    "f1": float(f1[i]),
                    "n": int(support[i]),
                }
                for i, name in enumerate(classes)
            },
            "confusion": confusion.tolist(),
        }

    def agreement(self, reference: np.ndarray, candidate: np.ndarray) -> float:
        """Return the share of cases in which both give the same first class."""
        if len(reference) == 0:
            return math.nan
        return float(np.mean(reference.argmax(axis=-1) == candidate.argmax(axis=-1)))


def wilson_interval(hits: int, count: int, z: float = 1.96) -> list[float]:
    """Return the Wilson score interval of a proportion.

    Reference:
        Wilson, 1927, "Probable inference, the law of succession, and statistical inference".
    """
    share = hits / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = (
        z
        / (1 + z * z / count)
        * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    )
    return [max(0.0, centre - half), min(1.0, centre + half)]


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """One task."""

    name: str
    target: str
    summary: str
    aliases: tuple[str, ...] = ()


TASKS: Registry[TaskSpec] = Registry("task")
TASKS.add(TaskSpec("classification", "actzoo.tasks:Classification", "one class out of several"))


def get_task(name: str) -> Classification:
    """Return the task of a name.

    Raises:
        UnknownNameError: There is no such task.
    """
    return TASKS.load(name)()
