"""What a model does: the contract of a task, and the table of tasks."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from actzoo.registry import Registry

if TYPE_CHECKING:
    import keras
    import numpy as np

    from actzoo.tasks.measures import Presentation

    # Target, probabilities, and the size of a step along each axis in mm, if it has one.
    ScoredCase: TypeAlias = tuple[Any, np.ndarray, tuple[float, ...] | None]


@dataclasses.dataclass(frozen=True)
class Assessment:
    """The scores of whole cases.

    Attributes:
        score: As in `metrics.json`.
        rows: One per case, plain values by column name.
        outputs: Per case, what pictures of it are drawn from: probabilities `(classes,)`, or a
            mask of class indices.
    """

    score: dict[str, Any]
    rows: list[dict[str, Any]]
    outputs: list[np.ndarray]


class Task(abc.ABC):
    """What a model does: how it is trained, scored and compared.

    A score is a dict of plain values. It has `n`, how many cases were scored; if that is not 0
    also `loss`, and the headline under its key (a number, or a mapping with a `mean`). It may have
    `per_class`, a dict per class; there `n` is how many cases hold the class, and `predicted` in
    how many the model gave it.
    """

    name: ClassVar[str]
    presentation: ClassVar[Presentation]  # what its scores are called and how they are shown
    output_activation: ClassVar[str] = "softmax"
    monitor: ClassVar[tuple[str, str]] = ("loss", "min")  # what chooses the best epoch: key, mode
    is_dense: ClassVar[bool] = False  # an answer for each place of the input

    @property
    def headline(self) -> str:
        """The key in `metrics.json` of the score that people look at first."""
        return self.presentation.headline.key

    @abc.abstractmethod
    def encode(self, targets: np.ndarray, num_classes: int) -> np.ndarray:
        """Return training targets of a batch's targets."""

    @abc.abstractmethod
    def loss(self, *, label_smoothing: float = 0.0) -> keras.losses.Loss:
        """Return the training loss on logits."""

    @abc.abstractmethod
    def metrics(self) -> list[keras.metrics.Metric]:
        """Return the metrics shown during training; the first is named like the headline."""

    @abc.abstractmethod
    def assess(
        self, cases: Iterable[ScoredCase], classes: Sequence[str], *, distances: bool = True
    ) -> Assessment:
        """Score whole cases, one at a time.

        Args:
            cases: Target, probabilities and spacing of each.
            classes: Names, in the order of the outputs.
            distances: Also measure what takes long, such as distances between surfaces.
        """

    @abc.abstractmethod
    def score(
        self,
        targets: np.ndarray,
        probabilities: np.ndarray,
        classes: Sequence[str],
        cases: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Score stacked samples.

        Args:
            targets: One per sample.
            probabilities: `(n, ..., classes)`.
            classes: Names, in the order of the outputs.
            cases: Name of the case that each sample belongs to; each its own if left out.
        """

    @abc.abstractmethod
    def agreement(
        self, reference: np.ndarray, candidate: np.ndarray, cases: Sequence[str] | None = None
    ) -> float:
        """Return how far two models' outputs give the same answers, 0 to 1.

        Args:
            reference: Outputs `(n, ..., classes)`.
            candidate: The other model's.
            cases: See `score`.
        """

    def headline_value(self, score: Mapping[str, Any]) -> float:
        """Return the headline's number of a score; 0 where the score has none."""
        return self.presentation.headline.of(score) or 0.0

    def baseline_score(self, score: Mapping[str, Any]) -> float | None:
        """Return what an answer that ignores the input would reach; None where unknown."""
        baseline = self.presentation.baseline
        return None if baseline is None else baseline.of(score)

    def score_drop(self, reference: Mapping[str, Any], candidate: Mapping[str, Any]) -> float:
        """Return by how much the headline of one score is worse than that of another."""
        return self.presentation.headline.worsening(
            self.headline_value(reference), self.headline_value(candidate)
        )

    def beats_baseline(self, score: Mapping[str, Any]) -> bool:
        """Tell whether a score is better than that of an answer that ignores the input.

        Also where it is not known what such an answer would reach.
        """
        baseline = self.baseline_score(score)
        headline = self.presentation.headline
        return baseline is None or headline.worsening(baseline, self.headline_value(score)) < 0

    def is_clearly_better(self, score: Mapping[str, Any]) -> bool:
        """Tell whether also the worse end of the headline's interval beats the baseline.

        Where the interval is not known, the headline itself has to.
        """
        baseline, headline = self.baseline_score(score), self.presentation.headline
        ends = headline.interval(score)
        if baseline is None or ends is None:
            return self.beats_baseline(score)
        return max(headline.worsening(baseline, end) for end in ends) < 0


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """A row of the table of tasks.

    Attributes:
        name: Canonical name.
        target: `"module:class"` of the `Task`.
        summary: One line.
        aliases: Other names.
    """

    name: str
    target: str
    summary: str
    aliases: tuple[str, ...] = ()


TASKS: Registry[TaskSpec] = Registry("task", entry_points="actzoo.tasks")
TASKS.add(
    TaskSpec(
        "classification", "actzoo.tasks.classification:Classification", "one class out of several"
    )
)
TASKS.add(
    TaskSpec("segmentation", "actzoo.tasks.segmentation:Segmentation", "a class for each place")
)


def get_task(name: str) -> Task:
    """Return the task with a name.

    Raises:
        UnknownNameError: There is no such task.
    """
    task: Task = TASKS.load(name)()
    return task
