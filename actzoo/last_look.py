"""The last look at a trained model: faults that show in its numbers, before it is called verified.

Everything may have run, and the files agree with the model, and still the model is of no use: it
never gives one of the classes, is at chance, or was tested on what it had learned. Each such fault
is a `Finding` with its number and with what to do. What is measured is the task's; nothing here
knows a score by its key.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from actzoo import errors, formatting
from actzoo.findings import Finding, weightiest_first

if TYPE_CHECKING:
    from actzoo.tasks import Task

FEWEST_EPOCHS = 3  # from which on it says something that a curve does not move
FALL = 0.02  # share of its first value by which a loss has to fall
GAP = 0.05  # of a share, from which on test and validation are far apart
FEWEST_CASES = 3  # of a split, to compare its score with another's
SHOWN = 10  # names in a sentence


@dataclasses.dataclass(frozen=True)
class Numbers:
    """What is looked at.

    Attributes:
        task: What the model does.
        classes: Names, in the order of the outputs.
        scores: Split ("val", "test") -> score as in `metrics.json`.
        history: Column of `history.csv` -> one number per epoch, None where there is none.
        members: Class -> ids of its test examples.
        near_copies: What `actzoo.data.about_near_copies` says of the run's splits; None for none.
    """

    task: Task
    classes: Sequence[str]
    scores: Mapping[str, Mapping[str, Any]]
    history: Mapping[str, Sequence[float | None]]
    members: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    near_copies: str | None = None

    @property
    def test(self) -> Mapping[str, Any]:
        """The score of the test split."""
        return self.scores.get("test", {})


def look(numbers: Numbers) -> list[Finding]:
    """Return what speaks against a model, the weightiest first.

    Args:
        numbers: Its scores, its history and what is known of its data.
    """
    if not numbers.test.get("n"):
        return []
    found = [
        *_about_the_baseline(numbers),
        *_about_near_copies(numbers),
        *_about_classes(numbers),
        *_about_training(numbers),
        *_about_splits(numbers),
    ]
    return [
        dataclasses.replace(finding, what=errors.shown(finding.what, 2000))
        for finding in weightiest_first(found)
    ]


def about_absent_classes(score: Mapping[str, Any]) -> list[str]:
    """Return a note on classes that no scored example holds; their scores are of false alarms.

    Args:
        score: Of a split, as in `metrics.json`.
    """
    absent = [name for name, row in _per_class(score).items() if row.get("n") == 0]
    if not absent:
        return []
    return [
        f"No scored example holds {_some(absent)}: what is scored there is false alarms alone, and "
        "a mean over classes may count them as 0."
    ]


def _finding(code: str, what: str, why: str, suggestion: str) -> Finding:
    return Finding(code, "model", what, why, suggestion)


def _some(names: Sequence[str], most: int = SHOWN) -> str:
    shown = [f"'{errors.shown(name)}'" for name in names[:most]]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(shown) + more


# --- against an answer that ignores the input ----------------------------------------------------


def _about_the_baseline(numbers: Numbers) -> list[Finding]:
    task, test = numbers.task, numbers.test
    shown = task.presentation
    headline = shown.headline
    baseline = task.baseline_score(test)
    scored = f"{headline.name} {headline.figure(task.headline_value(test))} on the "
    scored += f"{shown.counted(test['n'])} of the test split"
    answer = shown.baseline_answer or "an answer that ignores the input"
    if _predicted(test) and not any(_predicted(test).values()):
        return [
            _finding(
                "predicts_nothing",
                f"The model finds nothing: in none of the {shown.counted(test['n'])} of the test "
                f"split does it give {_some(list(_predicted(test)))}; {scored}.",
                "An empty answer is right in most places and of no use.",
                "Train longer (--epochs), on more examples that hold the classes, or on larger "
                "tiles; look at the pictures in the report whether images and masks fit together.",
            )
        ]
    if baseline is None or task.is_clearly_better(test):
        return []
    reached = f"{answer} reaches {headline.figure(baseline)}"
    if task.beats_baseline(test):
        low, high = headline.interval(test) or (0.0, 0.0)
        return [
            _finding(
                "not_clearly_better",
                f"It is not shown that the model is better than {answer}: {scored} (95 % interval "
                f"{headline.figure(low)} to {headline.figure(high)}), where {reached}.",
                "With so many test examples and no more, a difference like that can be luck.",
                "Train longer, or judge the model by more data: actzoo evaluate RUN DATA.",
            )
        ]
    return [
        _finding(
            "no_better_than_constant",
            f"The model is at chance, no better than {answer}: {scored}, where {reached}.",
            "It has learned nothing that tells the classes apart.",
            "Look at the training curve: train longer (--epochs), change the learning rate (--set "
            "learning_rate=…), or check that labels belong to their examples.",
        )
    ]


def _about_near_copies(numbers: Numbers) -> list[Finding]:
    if numbers.near_copies is None:
        return []
    return [
        _finding(
            "near_copies_between_splits",
            numbers.near_copies,
            "What was seen in training is known by heart: the scores are better than on new "
            "examples. Such pairs are copies, saved or written in another way, or of one patient, "
            "place or author.",
            "Remove one of each pair, or put both into one split, and train again.",
        )
    ]


# --- by class ------------------------------------------------------------------------------------


def _per_class(score: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    rows = score.get("per_class")
    if not isinstance(rows, Mapping):
        return {}
    return {str(name): row for name, row in rows.items() if isinstance(row, Mapping)}


def _predicted(score: Mapping[str, Any]) -> dict[str, int]:
    """Return in how many cases the model gave each class, where the score says so."""
    rows = _per_class(score)
    return {name: int(row["predicted"]) for name, row in rows.items() if "predicted" in row}


def _about_classes(numbers: Numbers) -> list[Finding]:
    """Return what classes are never given, and which are never scored."""
    test, val = numbers.test, numbers.scores.get("val", {})
    rows = _per_class(test)
    if not rows:
        return []
    found = []
    predicted, before = _predicted(test), _predicted(val)
    cases = {name: int(row.get("n", 0)) for name, row in rows.items()}
    never = [name for name, count in predicted.items() if not count and not before.get(name)]
    never = [name for name in never if cases[name]] if any(predicted.values()) else []
    if never:
        found.append(
            _finding(
                "class_never_predicted",
                f"{len(never):,} of {len(numbers.classes):,} classes are never predicted on "
                "validation and test examples, although they occur: "
                f"{_with_cases(numbers, never, cases)}.",
                "Each example of such a class is answered wrongly, however good the overall score.",
                "Add training examples of these classes, check their labels, or train longer.",
            )
        )
    wrong = [name for name in _never_right(numbers, test) if name in _never_right(numbers, val)]
    wrong = [name for name in wrong if name not in never]
    if wrong and any(predicted.values()):
        found.append(
            _finding(
                "class_never_right",
                f"{len(wrong):,} of {len(numbers.classes):,} classes are never right where they "
                "are predicted, on validation and test examples: "
                f"{_with_cases(numbers, wrong, cases)}.",
                "Such an answer is always wrong, however good the overall score.",
                "Add training examples of these classes, check their labels, or train longer.",
            )
        )
    # The first class of a dense task is the background, which has no row.
    scored = numbers.classes[1:] if numbers.task.is_dense else numbers.classes
    unseen = [name for name in scored if not cases.get(name)]
    if unseen:
        found.append(
            _finding(
                "class_never_scored",
                f"{len(unseen):,} of {len(numbers.classes):,} classes occur in no test example, so "
                f"they have no score: {_some(unseen)}.",
                "The scores say nothing of these classes; on the device they may all be wrong.",
                "Add examples of these classes to the test split.",
            )
        )
    return found


def _never_right(numbers: Numbers, score: Mapping[str, Any]) -> list[str]:
    """Return the classes that are predicted and occur, and of which nothing is right."""
    shown = numbers.task.presentation
    measure = shown.class_headline or shown.headline
    predicted = _predicted(score)
    return [
        name
        for name, row in _per_class(score).items()
        if row.get("n") and predicted.get(name) and measure.of(row) == 0
    ]


def _with_cases(numbers: Numbers, names: Sequence[str], cases: Mapping[str, int]) -> str:
    listed = "; ".join(_class_with_cases(numbers, name, cases[name]) for name in names[:SHOWN])
    return listed + (f" and {len(names) - SHOWN:,} more" if names[SHOWN:] else "")


def _class_with_cases(numbers: Numbers, name: str, count: int) -> str:
    """Return a class with the number of its test examples, and the first of them."""
    ids = [errors.shown(own, 80) for own in numbers.members.get(name, ())[:3]]
    more = ", …" if count > len(ids) and ids else ""
    return f"'{errors.shown(name)}' ({count:,} in test{': ' if ids else ''}{', '.join(ids)}{more})"


# --- by epoch ------------------------------------------------------------------------------------


def _about_training(numbers: Numbers) -> list[Finding]:
    """Return curves that never moved; where the model is good all the same, that is no fault."""
    task = numbers.task
    if task.is_clearly_better(numbers.test):
        return []
    found = []
    headline = task.presentation.headline
    scores = _known(numbers.history.get(f"val_{headline.key}", ()))
    losses = _known(numbers.history.get("loss", ()))
    if len(scores) >= FEWEST_EPOCHS and len(set(scores)) == 1:
        found.append(
            _finding(
                "validation_never_moves",
                f"The validation {headline.name} is {headline.figure(scores[0])} in all "
                f"{len(scores)} epochs.",
                "The answers never changed in a way that the score sees, so it could not choose an "
                "epoch.",
                "Look whether the validation split holds what is to be found, and whether the "
                "model gives the same answer to everything.",
            )
        )
    if len(losses) >= FEWEST_EPOCHS and min(losses[1:]) > (1 - FALL) * losses[0]:
        found.append(
            _finding(
                "training_never_fell",
                f"The training loss never fell: {formatting.number(losses[0])} in the first of "
                f"{len(losses)} epochs, {formatting.number(min(losses[1:]))} at best after.",
                "The model did not learn even the training examples.",
                "Change the learning rate (--set learning_rate=…), train longer (--epochs), or use "
                "another activation; check that labels belong to their examples.",
            )
        )
    return found


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


# --- between splits ------------------------------------------------------------------------------


def _about_splits(numbers: Numbers) -> list[Finding]:
    """Return that test and validation scores are further apart than chance puts them."""
    task, test, val = numbers.task, numbers.test, numbers.scores.get("val", {})
    headline = task.presentation.headline
    ends = [headline.interval(score) for score in (test, val)]
    if ends[0] is None or ends[1] is None:
        return []
    if min(int(score.get("n", 0)) for score in (test, val)) < FEWEST_CASES:
        return []
    values = [task.headline_value(score) for score in (test, val)]
    apart = ends[0][0] > ends[1][1] or ends[1][0] > ends[0][1]
    if not apart or abs(values[0] - values[1]) < (GAP if headline.is_share else 0.0):
        return []
    shown = " and ".join(
        f"{headline.figure(value)} on {task.presentation.counted(score['n'])} of the {name} split"
        for value, score, name in zip(values, (test, val), ("test", "validation"), strict=True)
    )
    what = f"The {headline.name} is {shown}."
    if headline.worsening(values[1], values[0]) < 0:
        return [
            _finding(
                "test_above_validation",
                f"Test is far better than validation. {what}",
                "The test split may hold easier examples, or ones that the model has seen.",
                "Check how the splits were made; let actzoo draw them from all examples.",
            )
        ]
    return [
        _finding(
            "test_below_validation",
            f"Test is far worse than validation. {what}",
            "The test split seems to be of another kind, or validation holds examples that the "
            "model has seen.",
            "Check how the splits were made; add training examples like those of the test split.",
        )
    ]
