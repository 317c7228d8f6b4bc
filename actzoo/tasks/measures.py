"""What the scores of a task are called and how they are shown, on the page and on the console.

Every task has a `Presentation`: its measures, what it counts, and the sentences around them. Those
who read scores ask the task that a run's files name; none of them knows a score by its key.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import math
from collections.abc import Mapping, Sequence
from typing import Literal

from actzoo import formatting

Form = Literal["percent", "share", "mm", "number", "count"]


@dataclasses.dataclass(frozen=True)
class Measure:
    """One number of a score.

    Attributes:
        key: Its name in `metrics.json`; a mapping there holds one number per class and a `mean`.
        name: As written within a sentence ("macro F1").
        form: "percent" and "share" for values in `[0, 1]`, "mm", "number" or "count".
        higher_is_better: Its direction.
    """

    key: str
    name: str
    form: Form
    higher_is_better: bool = True

    @property
    def title(self) -> str:
        """The name at the beginning of a line."""
        return self.name[:1].upper() + self.name[1:]

    @property
    def heading(self) -> str:
        """The name at the top of a column of bare numbers."""
        return f"{self.name} mm" if self.form == "mm" else self.name

    @property
    def is_share(self) -> bool:
        """Whether values lie in `[0, 1]`."""
        return self.form in ("percent", "share")

    def of(self, score: Mapping[str, object]) -> float | None:
        """Return its value in a split's score: the mean where there is one number per class."""
        value = score.get(self.key)
        return formatting.finite(value.get("mean") if isinstance(value, Mapping) else value)

    def interval(self, score: Mapping[str, object]) -> tuple[float, float] | None:
        """Return its 95 % interval, or None where it is not known."""
        value = score.get(f"{self.key}_interval")
        ends = [formatting.finite(end) for end in value] if isinstance(value, list | tuple) else []
        if len(ends) != 2 or ends[0] is None or ends[1] is None:
            return None
        return ends[0], ends[1]

    def worsening(self, before: float, after: float) -> float:
        """Return by how much a value is worse than another; negative where it is better."""
        return before - after if self.higher_is_better else after - before

    def shown(self, value: float | None, digits: int = 1) -> str:
        """Return a value for a page.

        Args:
            value: None is shown as a dash.
            digits: Decimals of percent.
        """
        if self.form == "percent":
            return formatting.share(value, digits)
        if value is None or self.form in ("number", "count"):
            return formatting.number(value)
        return self.figure(value)

    def figure(self, value: float) -> str:
        """Return a value for a line of text: shares as they are, lengths with their unit."""
        if self.form == "mm":
            return f"{value:.2f} mm"
        return f"{value:.0f}" if self.form == "count" else f"{value:.3f}"

    def step(self, difference: float) -> str:
        """Return a difference of two values ("1.5 points")."""
        if self.form == "percent":
            return f"{formatting.number(difference * 100)} points"
        return formatting.number(difference)


LOSS = Measure("loss", "log loss", "number", higher_is_better=False)


@dataclasses.dataclass(frozen=True)
class Presentation:
    """How the scores of a task are named and shown.

    Attributes:
        headline: The measure that stands for the run.
        measures: All measures, the headline among them, in the order of the table.
        noun: What is counted ("examples").
        does: What the model does; `{}` is replaced by the number of classes.
        meaning: What the headline measures; `{}` is replaced by how many were scored.
        about: How to read the table of scores.
        agreement: What it means that a file agrees with the trained model.
        beside: Keys of the measures that the report shows next to the headline.
        baseline: The measure of an answer that ignores the input, if the score holds it.
        baseline_answer: What that answer is ("always answering the most frequent class").
        unscored: The number of cases that the headline leaves out, if the score holds it.
        scored_when: What the other cases have in common ("that hold any foreground").
        class_headline: The measure that stands for one class; the headline if left out.
        class_measures: Measures of one class, in the order of the table of classes.
        class_about: How to read the table of classes.
        has_confusion: The score holds a confusion matrix: each example has exactly one class.
        confidence: Column of `predictions.csv` with the probability of the answer; there is also a
            column `correct`, 0 or 1. Empty if the task has none.
        case_columns: Wildcard for the columns of `predictions.csv` whose mean is a case's
            headline score. Empty if there are none.
        predict_arguments: Arguments of `actzoo predict MODEL`.
    """

    headline: Measure
    measures: tuple[Measure, ...]
    noun: str = "examples"
    does: str = "tells {} classes apart"
    meaning: str = "over {}"
    about: str = ""
    agreement: str = "the share of examples that get the same answer"
    beside: tuple[str, ...] = ()
    baseline: Measure | None = None
    baseline_answer: str = ""
    unscored: Measure | None = None
    scored_when: str = ""
    class_headline: Measure | None = None
    class_measures: tuple[Measure, ...] = ()
    class_about: str = ""
    has_confusion: bool = False
    confidence: str = ""
    case_columns: str = ""
    predict_arguments: str = "FILE --json"

    def counted(self, count: object) -> str:
        """Return how many there are, in words ("1 case")."""
        noun = self.noun.removesuffix("s") if count == 1 else self.noun
        return f"{formatting.number(count)} {noun}"

    def size(self, score: Mapping[str, object]) -> str:
        """Return how many were scored, in words."""
        count = formatting.finite(score.get("n"))
        left_out = None if self.unscored is None else self.unscored.of(score)
        if not count or not left_out:
            return f"{formatting.number(count)} held-out {self.noun}"
        return (
            f"those {formatting.number(count - left_out)} of {formatting.number(count)} held-out "
            f"{self.noun} {self.scored_when}"
        )

    def measure(self, key: str) -> Measure | None:
        """Return the measure with a key, or None where there is none."""
        return next((row for row in self.measures if row.key == key), None)

    def measures_of_classes(self, per_class: Mapping[str, object]) -> list[Measure]:
        """Return those measures of one class that any class has."""
        scores = [score for score in per_class.values() if isinstance(score, Mapping)]
        return [
            row for row in self.class_measures if any(row.of(score) is not None for score in scores)
        ]

    def columns_of_cases(self, columns: Sequence[str]) -> list[str]:
        """Return those columns of `predictions.csv` whose mean is a case's headline score."""
        return [name for name in columns if fnmatch.fnmatchcase(name, self.case_columns)]


# For runs whose task is not known here, such as that of a plugin that is not installed. What is
# written for every task is shown; each task's training has a loss.
UNKNOWN = Presentation(headline=LOSS, measures=(LOSS,), does="")


def rank_of_epoch(row: Mapping[str, object], monitor: tuple[str, str]) -> tuple[float, float]:
    """Return what the epochs of a training are compared by: the lowest is the best.

    Of epochs with the same score, the one with the lowest validation loss is better. A score of 0
    that should be high says nothing, as where validation has nothing to find; then the validation
    loss says little, too, and the training loss decides.

    Args:
        row: Numbers of an epoch, by column of `history.csv`.
        monitor: See `Task`.
    """
    key, direction = monitor
    value = formatting.finite(row.get(f"val_{key}"))
    if value is None:
        return (math.inf, math.inf)
    says_nothing = direction == "max" and value == 0
    losses = (row.get("loss") if says_nothing else None, row.get("val_loss"))
    known = [loss for loss in map(formatting.finite, losses) if loss is not None]
    return (-value if direction == "max" else value, known[0] if known else math.inf)


def best_epoch(
    columns: Mapping[str, Sequence[float | None]], monitor: tuple[str, str]
) -> int | None:
    """Return the epoch that was kept, counted from 1, or None where it is not known.

    Args:
        columns: Of the history, one value per epoch.
        monitor: See `Task`.
    """
    names = (f"val_{monitor[0]}", "loss", "val_loss")
    given = {name: columns[name] for name in names if name in columns}
    rows = [
        {name: values[epoch] for name, values in given.items() if epoch < len(values)}
        for epoch in range(len(given.get(names[0], ())))
    ]
    ranked = [(rank_of_epoch(row, monitor), epoch) for epoch, row in enumerate(rows, 1)]
    known = [entry for entry in ranked if math.isfinite(entry[0][0])]
    return min(known)[1] if known else None
