"""What a model is asked to do: the contract of a task, and the table of tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from actzoo.registry import Registry

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class Assessment:
    """What whole cases came to.

    Attributes:
        score: As in `metrics.json`.
        rows: One per case, plain values by column name.
        outputs: Per case, what pictures of it are drawn from: probabilities `(classes,)`, or a
            mask of class indices.
    """

    score: dict[str, Any]
    rows: list[dict[str, Any]]
    outputs: list[np.ndarray]


class Task(Protocol):
    """What a model is asked to do."""

    name: ClassVar[str]
    output_activation: ClassVar[str]
    headline: ClassVar[str]  # the score that people look at first; as its key in metrics.json
    monitor: ClassVar[tuple[str, str]]  # which score chooses the best epoch, and its direction
    is_dense: ClassVar[bool]  # an answer for each place of the input

    def encode(self, targets: np.ndarray, num_classes: int) -> np.ndarray:
        """Return training targets of a batch's targets."""
        ...

    def loss(self, *, label_smoothing: float = 0.0) -> keras.losses.Loss:
        """Return the training loss on logits."""
        ...

    def metrics(self) -> list[keras.metrics.Metric]:
        """Return the metrics shown while training; the first is named as the headline."""
        ...

    def assess(
        self,
        cases: Iterable[tuple[Any, np.ndarray, tuple[float, ...] | None]],
        classes: Sequence[str],
        *,
        distances: bool = True,
    ) -> Assessment:
        """Score whole cases, one at a time.

        Args:
            cases: Target, probabilities and spacing of each.
            classes: Names, in the order of the outputs.
            distances: Also measure what takes long, such as distances between surfaces.
        """
        ...

    def score(
        self,
        targets: np.ndarray,
        probabilities: np.ndarray,
        classes: Sequence[str],
        cases: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Score samples that are stacked; `cases` names the case that each belongs to."""
        ...

    def headline_value(self, score: Mapping[str, Any]) -> float:
        """Return the headline's number of a score."""
        ...

    def baseline_score(self, score: Mapping[str, Any]) -> float | None:
        """Return what an answer that ignores the input would reach; None where unknown."""
        ...

    def agreement(
        self,
        reference: np.ndarray,
        candidate: np.ndarray,
        cases: Sequence[str] | None = None,
    ) -> float:
        """Return how far two models' outputs give the same answers, 0 to 1.

        Args:
            reference: Outputs `(n, ..., classes)`.
            candidate: Likewise.
            cases: The case that each belongs to; each its own where left out.
        """
        ...


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """One task."""

    name: str
    target: str
    summary: str
    aliases: tuple[str, ...] = ()


TASKS: Registry[TaskSpec] = Registry("task")
TASKS.add(
    TaskSpec(
        "classification", "actzoo.tasks.classification:Classification", "one class out of several"
    )
)
TASKS.add(
    TaskSpec("segmentation", "actzoo.tasks.segmentation:Segmentation", "a class for each place")
)


def get_task(name: str) -> Task:
    """Return the task of a name.

    Raises:
        UnknownNameError: There is no such task.
    """
    task: Task = TASKS.load(name)()
    return task
