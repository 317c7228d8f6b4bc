"""A task that actzoo does not know, as another package's: classes in an order, scored by distance.

Its headline is better the lower it is, and no other task has it. A domain and a model row that
name it stand beside it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import toy_domain

from actzoo import domains, models, tasks

RANK_ERROR = tasks.Measure("rank_error", "rank error", "number", higher_is_better=False)
MIDDLE = tasks.Measure("middle_rank_error", "always the middle class", "number", False)
LOSS = tasks.Measure("loss", "log loss", "number", higher_is_better=False)


class Ordinal(tasks.Task):
    """One of several classes in an order; the error is how many places lie in between."""

    name = "ordinal"
    monitor = ("rank_error", "min")
    presentation = tasks.Presentation(
        headline=RANK_ERROR,
        measures=(RANK_ERROR, LOSS, MIDDLE),
        does="places examples on a scale of {}",
        meaning="ranks off on average, over {}",
        baseline=MIDDLE,
        baseline_answer="always answering the middle class",
        class_measures=(RANK_ERROR,),
        class_about="How far off the examples of each class are.",
        case_columns="rank_error",
    )

    def encode(self, targets: np.ndarray, num_classes: int) -> np.ndarray:
        """Return one-hot targets."""
        return np.eye(num_classes, dtype="float32")[np.asarray(targets, "int64")]

    def loss(self, *, label_smoothing: float = 0.0) -> Any:
        """Return cross-entropy."""
        import keras

        return keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=label_smoothing
        )

    def metrics(self) -> list[Any]:
        """Return the distance of the likeliest class from the true one."""
        import keras
        from keras import ops

        def distance(truth: Any, logits: Any) -> Any:
            off = ops.argmax(truth, axis=-1) - ops.argmax(logits, axis=-1)
            return ops.cast(ops.abs(off), "float32")

        return [keras.metrics.MeanMetricWrapper(distance, name="rank_error")]

    def assess(
        self, cases: Iterable[Any], classes: Sequence[str], *, distances: bool = True
    ) -> tasks.Assessment:
        """Score cases; a row holds the answer and how far it is off."""
        pairs = [(int(target), outputs) for target, outputs, _ in cases]
        rows = [
            {"predicted": classes[int(p.argmax())], "rank_error": abs(int(p.argmax()) - target)}
            for target, p in pairs
        ]
        outputs = [p for _, p in pairs]
        score = self.score(np.array([target for target, _ in pairs]), np.array(outputs), classes)
        return tasks.Assessment(score, rows, outputs)

    def score(
        self,
        targets: np.ndarray,
        probabilities: np.ndarray,
        classes: Sequence[str],
        cases: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Return the mean distance, overall and of each class."""
        targets = np.asarray(targets, "int64")
        if len(targets) == 0:
            return {"n": 0}
        off = np.abs(probabilities.argmax(axis=-1) - targets)
        own = probabilities[np.arange(len(targets)), targets]
        return {
            "n": len(targets),
            "rank_error": float(off.mean()),
            "loss": float(-np.log(np.maximum(own, 1e-7)).mean()),
            "middle_rank_error": float(np.abs(len(classes) // 2 - targets).mean()),
            "per_class": {
                name: {
                    "rank_error": float(off[targets == k].mean()),
                    "n": int((targets == k).sum()),
                }
                for k, name in enumerate(classes)
                if (targets == k).any()
            },
        }

    def agreement(
        self, reference: np.ndarray, candidate: np.ndarray, cases: Sequence[str] | None = None
    ) -> float:
        """Return the share of equal answers."""
        return float(np.mean(reference.argmax(axis=-1) == candidate.argmax(axis=-1)))


class Ordered(toy_domain.Toy):
    """The grids of the toy domain under another ending."""

    def recognize(self, path: str) -> str | None:
        """Return the reason."""
        return "a file of ordered grids" if path.endswith(".ordered.npz") else None


TASK = tasks.TaskSpec("ordinal", "ordinal_task:Ordinal", "one class of several in an order")


def domain_and_model() -> tuple[domains.DomainSpec, models.ModelSpec]:
    """Return the rows of a domain and of a model that have the task."""
    model = dataclasses.replace(models.MODELS.get("simple_net"), name="ordinal_net", task=TASK.name)
    domain = dataclasses.replace(
        toy_domain.DOMAIN, name="ordered", task=TASK.name, default_model=model.name,
        target="ordinal_task:Ordered",
    )  # fmt: skip
    return domain, model
