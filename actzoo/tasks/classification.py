"""One class out of several for each example."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from actzoo.tasks.measures import SMALLEST_PROBABILITY, wilson_interval
from actzoo.tasks.task import Assessment

if TYPE_CHECKING:
    import keras


class Classification:
    """One class out of several per example."""

    name: ClassVar[str] = "classification"
    output_activation: ClassVar[str] = "softmax"
    monitor: ClassVar[tuple[str, str]] = ("loss", "min")
    headline: ClassVar[str] = "accuracy"
    is_dense: ClassVar[bool] = False

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

    def assess(
        self,
        cases: Iterable[tuple[Any, np.ndarray, tuple[float, ...] | None]],
        classes: Sequence[str],
        *,
        distances: bool = True,
    ) -> Assessment:
        """Score cases; see `Task.assess`. Their rows hold label, prediction and probability."""
        found = [(int(target), outputs) for target, outputs, _ in cases]
        outputs = [row for _, row in found]
        labels = np.array([label for label, _ in found], "int64")
        rows = [
            {
                "label": classes[label],
                "predicted": classes[int(row.argmax())],
                "probability": round(float(row.max()), 4),
                "correct": int(label == row.argmax()),
            }
            for label, row in found
        ]
        stacked = np.stack(outputs) if outputs else np.zeros((0, len(classes)), "float32")
        return Assessment(self.score(labels, stacked, classes), rows, outputs)

    def headline_value(self, score: Mapping[str, Any]) -> float:
        """Return the accuracy of a score."""
        return float(score["accuracy"])

    def baseline_score(self, score: Mapping[str, Any]) -> float | None:
        """Return the accuracy of always answering the most frequent class."""
        return float(score["constant_accuracy"])

    def score(
        self,
        labels: np.ndarray,
        probabilities: np.ndarray,
        classes: Sequence[str],
        cases: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Score probabilities against true labels.

        Args:
            labels: Class indices `(n,)`.
            probabilities: `(n, classes)`.
            classes: Names, in the order of the columns.
            cases: Not used: each sample is a case.

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

    def agreement(
        self,
        reference: np.ndarray,
        candidate: np.ndarray,
        cases: Sequence[str] | None = None,
    ) -> float:
        """Return the share of samples in which both give the same first class.

        Of a single output, which is the probability of a class against its absence, the side of
        one half on which it lies counts.
        """
        if len(reference) == 0:
            return math.nan
        if reference.shape[-1] == 1:
            return float(np.mean((reference > 0.5) == (candidate > 0.5)))
        return float(np.mean(reference.argmax(axis=-1) == candidate.argmax(axis=-1)))
