"""One class out of several for each example."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo.tasks.measures import LOSS, Measure, Presentation
from actzoo.tasks.statistics import (
    SMALLEST_PROBABILITY,
    TIE,
    first_classes,
    wilson_interval,
)
from actzoo.tasks.task import Assessment, Task

if TYPE_CHECKING:
    import keras

    from actzoo.tasks.task import ScoredCase

_ACCURACY = Measure("accuracy", "accuracy", "percent")
_CONSTANT = Measure("constant_accuracy", "always the most frequent class", "percent")
_F1 = Measure("f1", "F1", "percent")


class Classification(Task):
    """One class out of several per example."""

    name = "classification"
    presentation = Presentation(
        headline=_ACCURACY,
        measures=(
            _ACCURACY,
            Measure("macro_recall", "macro recall", "percent"),
            Measure("macro_f1", "macro F1", "percent"),
            LOSS,
            _CONSTANT,
        ),
        meaning="of {} are classified correctly (test accuracy)",
        about="Macro means: every class counts the same, however many examples it has.",
        agreement="the share of examples that get the same class",
        baseline=_CONSTANT,
        baseline_answer="always answering the most frequent class",
        class_headline=_F1,
        class_measures=(
            Measure("precision", "precision", "percent"),
            Measure("recall", "recall", "percent"),
            _F1,
        ),
        class_about="Precision: how many of the examples that get this class belong to it. Recall: "
        "how many of the examples that belong to it get it. F1 is the harmonic mean of both; the "
        "bar shows it.",
        has_confusion=True,
        confidence="probability",
    )

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
        self, cases: Iterable[ScoredCase], classes: Sequence[str], *, distances: bool = True
    ) -> Assessment:
        """Score cases; see `Task.assess`. Their rows hold label, prediction and probability."""
        pairs = [(int(target), probabilities) for target, probabilities, _ in cases]
        outputs = [probabilities for _, probabilities in pairs]
        labels = np.array([label for label, _ in pairs], "int64")
        rows = [
            {
                "label": classes[label],
                "predicted": classes[int(row.argmax())],
                "probability": round(float(row.max()), 4),
                "correct": int(label == row.argmax()),
            }
            for label, row in pairs
        ]
        stacked = np.stack(outputs) if outputs else np.zeros((0, len(classes)), "float32")
        return Assessment(self.score(labels, stacked, classes), rows, outputs)

    def score(
        self,
        targets: np.ndarray,
        probabilities: np.ndarray,
        classes: Sequence[str],
        cases: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Score probabilities against true labels.

        Args:
            targets: Class indices `(n,)`.
            probabilities: `(n, classes)`.
            classes: Names, in the order of the columns.
            cases: Not used: each sample is a case.

        Returns:
            `n`, `accuracy` and its 95 % Wilson interval, `macro_f1`, `macro_recall` (over classes
            that occur), `loss` (log loss), `constant_accuracy` (always the most frequent class),
            `per_class`, `confusion` (rows are true classes).
        """
        labels = np.asarray(targets, "int64")
        probabilities = np.asarray(probabilities, "float64")
        count = len(labels)
        if count == 0:
            return {"n": 0}
        confusion = np.zeros((len(classes), len(classes)), "int64")
        np.add.at(confusion, (labels, probabilities.argmax(axis=-1)), 1)
        hits = confusion.diagonal()
        support, guesses = confusion.sum(axis=1), confusion.sum(axis=0)
        recall = hits / np.maximum(support, 1)
        precision = hits / np.maximum(guesses, 1)
        f1 = 2 * hits / np.maximum(support + guesses, 1)
        occurs = support > 0
        chosen = np.clip(probabilities[np.arange(count), labels], SMALLEST_PROBABILITY, 1.0)
        columns = (precision, recall, f1, support, guesses)
        return {
            "n": count,
            "accuracy": float(hits.sum() / count),
            "accuracy_interval": wilson_interval(int(hits.sum()), count),
            "macro_f1": float(f1[occurs].mean()),
            "macro_recall": float(recall[occurs].mean()),
            "loss": float(-np.log(chosen).mean()),
            "constant_accuracy": float(support.max() / count),
            "per_class": {
                name: {
                    "precision": float(p),
                    "recall": float(r),
                    "f1": float(f),
                    "n": int(n),
                    "predicted": int(g),
                }
                for name, p, r, f, n, g in zip(classes, *columns, strict=True)
            },
            "confusion": confusion.tolist(),
        }

    def agreement(
        self, reference: np.ndarray, candidate: np.ndarray, cases: Sequence[str] | None = None
    ) -> float:
        """Return the share of samples in which both give the same first class.

        Of a single output, which is the probability of a class against its absence, the side of
        one half on which it is counts. Ties of the reference count as the same; see
        `first_classes`.
        """
        if len(reference) == 0:
            return math.nan
        if reference.shape[-1] == 1:
            same = (reference > 0.5) == (candidate > 0.5)
            return float(np.mean(same | (np.abs(reference - 0.5) <= TIE / 2)))
        return float(np.mean(reference.argmax(axis=-1) == first_classes(reference, candidate)))
