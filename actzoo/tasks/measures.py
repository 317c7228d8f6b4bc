"""What scores are called and how they are told, on the page and on the console.

What a run is about shows in the numbers it left: a class per example has an accuracy, a mask per
case a Dice. Whatever differs between the two is a value in a row here, so that no reader of a
score asks for the task.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from actzoo import formatting


@dataclasses.dataclass(frozen=True)
class Measure:
    """One number of a score.

    Attributes:
        key: Its name in `metrics.json`; a mapping there holds one number per class and a `mean`.
        name: As it stands within a sentence ("macro F1").
        form: "per cent" and "share" of values in `[0, 1]`, "mm", "number" or "count".
    """

    key: str
    name: str
    form: str

    @property
    def title(self) -> str:
        """The name at the beginning of a line."""
        return self.name[:1].upper() + self.name[1:]

    @property
    def heading(self) -> str:
        """The name at the top of a column of bare numbers."""
        return f"{self.name} mm" if self.form == "mm" else self.name

    def of(self, score: Mapping[str, Any]) -> float | None:
        """Return its value in a split's score: the mean where there is one number per class."""
        found = score.get(self.key)
        return formatting.finite(found.get("mean") if isinstance(found, Mapping) else found)

    def interval(self, score: Mapping[str, Any]) -> tuple[float, float] | None:
        """Return its 95 % interval, or None where it is not known."""
        found = score.get(f"{self.key}_interval")
        ends = [formatting.finite(end) for end in found] if isinstance(found, list | tuple) else []
        if len(ends) != 2 or ends[0] is None or ends[1] is None:
            return None
        return ends[0], ends[1]

    def shown(self, value: float | None, digits: int = 1) -> str:
        """Return a value for a page.

        Args:
            value: None is a dash.
            digits: Behind the point of per cent.
        """
        if self.form == "per cent":
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
        if self.form == "per cent":
            return f"{formatting.number(difference * 100)} points"
        return formatting.number(difference)


MEASURES = (
    Measure("accuracy", "accuracy", "per cent"),
    Measure("macro_recall", "macro recall", "per cent"),
    Measure("macro_f1", "macro F1", "per cent"),
    Measure("dice", "Dice", "share"),
    Measure("iou", "IoU", "share"),
    Measure("hd95_mm", "HD95", "mm"),
    Measure("loss", "log loss", "number"),
    Measure("constant_accuracy", "always the most frequent class", "per cent"),
    Measure("empty", "without foreground", "count"),
)
CLASS_MEASURES = (
    Measure("precision", "precision", "per cent"),
    Measure("recall", "recall", "per cent"),
    Measure("f1", "F1", "per cent"),
    *(row for row in MEASURES if row.key in ("dice", "iou", "hd95_mm")),
)


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a run is about, as its main number tells.

    Attributes:
        main: The number that stands for the run.
        of_class: The number that stands for one class.
        noun: What is counted ("examples").
        does: What the model does; `{}` is the number of classes.
        meaning: What stands behind the main number; `{}` is how many were scored.
        beside: Keys of what is shown beside it.
        about: How to read the table of scores.
        class_about: How to read the table of classes.
        agreement: What it means that a file agrees with the trained model.
        monitor: Column of the history that chose the epoch to keep.
        highest: The largest value of that column was chosen, else the smallest.
        best_about: The same in words.
        has_pairs: Every example has one class, so one class can be taken for another.
        question: Arguments of `actzoo predict MODEL`.
    """

    main: Measure
    of_class: Measure
    noun: str
    does: str
    meaning: str
    about: str
    class_about: str
    agreement: str
    monitor: str
    highest: bool
    best_about: str
    has_pairs: bool
    question: str
    beside: tuple[str, ...] = ()

    def counted(self, count: Any) -> str:
        """Return how many there are, in words ("1 case")."""
        noun = self.noun.removesuffix("s") if count == 1 else self.noun
        return f"{formatting.number(count)} {noun}"

    def size(self, score: Mapping[str, Any]) -> str:
        """Return how many were scored, in words."""
        count, empty = formatting.finite(score.get("n")), formatting.finite(score.get("empty"))
        if not count or not empty:
            return f"{formatting.number(count)} held-out {self.noun}"
        return (
            f"those {formatting.number(count - empty)} of {formatting.number(count)} held-out "
            f"{self.noun} that hold any foreground"
        )

    def best_epoch(self, columns: Mapping[str, Sequence[float | None]]) -> int | None:
        """Return the epoch that was kept, counted from 1, or None where it is not known.

        Args:
            columns: Of the history, one value per epoch.
        """
        sign = -1.0 if self.highest else 1.0
        values = enumerate(columns.get(self.monitor, ()), 1)
        known = [(sign * value, at) for at, value in values if value is not None]
        return min(known)[1] if known else None


_MEASURE = {row.key: row for row in (*MEASURES, *CLASS_MEASURES)}
SUBJECTS = (
    Subject(
        main=_MEASURE["dice"],
        of_class=_MEASURE["dice"],
        noun="cases",
        does="tells {} classes apart in every pixel",
        meaning="mean Dice: overlap with the truth, averaged over the classes without background "
        "and over {}",
        about="Dice and IoU: overlap of the marked pixels with the true ones, 1 where they are the "
        "same; IoU counts what differs more severely. HD95: but for the farthest 5%, no point of "
        "one outline lies farther than this from the other; where one of both is missing, the "
        "diagonal of the whole case counts. Every whole case is scored by itself, "
        "then the mean is taken over cases and over the classes without background.",
        class_about="Means over the cases that hold the class, in truth or in the prediction; the "
        "bar shows Dice.",
        agreement="the mean Dice between its masks and those of the trained model",
        monitor="val_dice",
        highest=True,
        best_about="the highest validation Dice",
        has_pairs=False,
        question="FILE --out masks",
        beside=("iou", "hd95_mm"),
    ),
    Subject(
        main=_MEASURE["accuracy"],
        of_class=_MEASURE["f1"],
        noun="examples",
        does="tells {} classes apart",
        meaning="of {} are recognized (test accuracy)",
        about="Macro means: every class counts the same, however many examples it has.",
        class_about="Precision: of those called so, how many are. Recall: of those that are, how "
        "many are found. F1 joins both; the bar shows it.",
        agreement="the share of examples that get the same class",
        monitor="val_loss",
        highest=False,
        best_about="the lowest validation loss",
        has_pairs=True,
        question="FILE --json",
    ),
)


def subject(names: Iterable[str]) -> Subject:
    """Return what a run is about.

    Args:
        names: Of its scores, or of the columns of its history; the last subject is taken where
            they tell nothing.
    """
    known = set(names)
    return next((row for row in SUBJECTS if row.main.key in known), SUBJECTS[-1])


def class_measures(per_class: Mapping[str, Any]) -> list[Measure]:
    """Return the measures that any class has."""
    found = [value for value in per_class.values() if isinstance(value, Mapping)]
    return [row for row in CLASS_MEASURES if any(row.of(value) is not None for value in found)]
