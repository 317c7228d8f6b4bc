"""A class for each place of a picture or volume, scored per case."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo.tasks.measures import LOSS, Measure, Presentation
from actzoo.tasks.statistics import (
    SMALLEST_PROBABILITY,
    first_classes,
    mean_interval,
    surface_distance,
)
from actzoo.tasks.task import Assessment, Task

if TYPE_CHECKING:
    import keras

    from actzoo.tasks.task import ScoredCase

IGNORE_INDEX = 255  # in masks: neither learned nor scored
_OVERLAPS = (
    Measure("dice", "Dice", "share"),
    Measure("iou", "IoU", "share"),
    Measure("hd95_mm", "HD95", "mm", higher_is_better=False),
)
_CONSTANT = Measure("constant_dice", "always one class everywhere", "share")
_EMPTY = Measure("empty", "without foreground", "count", higher_is_better=False)


class Segmentation(Task):
    """A class for each place of a picture or volume; the first class is the background.

    Dice and intersection over union are computed per case and averaged over cases, never over
    batches. A class that is neither in a case's truth nor in its prediction has no overlap to
    measure there, so that case is left out of its mean; where only one of the two is empty, the
    overlap is 0. Means over classes leave the background out. Places marked `IGNORE_INDEX` belong
    to no class, neither in the truth nor in the prediction, and count in no score.
    """

    name = "segmentation"
    monitor = ("dice", "max")
    is_dense = True
    presentation = Presentation(
        headline=_OVERLAPS[0],
        measures=(*_OVERLAPS, LOSS, _CONSTANT, _EMPTY),
        noun="cases",
        does="tells {} classes apart in every pixel",
        meaning="mean Dice: overlap with the truth, averaged over the classes without background "
        "and over {}",
        about="Dice and IoU: overlap of the marked pixels with the true ones, 1 where they are the "
        "same; IoU penalizes differences more. HD95: the 95th percentile of the distances between "
        "the two outlines; where only one of them exists, the diagonal of the whole case. Every "
        "whole case is scored by itself, then the mean is taken over cases and over the classes "
        "without background.",
        agreement="the mean Dice between its masks and those of the trained model",
        beside=("iou", "hd95_mm"),
        baseline=_CONSTANT,
        baseline_answer="marking every place with one class",
        unscored=_EMPTY,
        scored_when="that hold any foreground",
        class_measures=_OVERLAPS,
        class_about="Means over the cases that hold the class, in the truth or in the prediction; "
        "the bar shows Dice.",
        case_columns="dice_*",
        predict_arguments="FILE --out masks",
    )

    def encode(self, masks: np.ndarray, num_classes: int) -> np.ndarray:
        """Return one-hot masks `(n, ..., classes)`; all zero where a mask is `IGNORE_INDEX`."""
        masks = np.asarray(masks)
        return (masks[..., None] == np.arange(num_classes, dtype=masks.dtype)).astype("float32")

    def loss(self, *, label_smoothing: float = 0.0) -> keras.losses.Loss:
        """Return cross-entropy plus soft Dice loss on logits.

        Soft Dice is taken over the whole batch, so that a sample without foreground is no
        special case. Label smoothing acts on the cross-entropy.

        Reference:
            Milletari et al., 2016, "V-Net", arXiv:1606.04797; the sum of both: Isensee et al.,
            2021, "nnU-Net", arXiv:1809.10486.
        """
        import keras
        from keras import ops

        class DiceCrossentropy(keras.losses.Loss):
            """Cross-entropy plus soft Dice of the classes without background."""

            def call(self, truth: Any, logits: Any) -> Any:
                classes = truth.shape[-1]
                known = ops.sum(truth, axis=-1)
                soft = truth * (1.0 - label_smoothing) + known[..., None] * (
                    label_smoothing / classes
                )
                cross = -ops.sum(soft * ops.log_softmax(logits, axis=-1), axis=-1)
                cross = ops.sum(cross) / ops.maximum(ops.sum(known), 1.0)
                given = (ops.softmax(logits, axis=-1) * known[..., None])[..., 1:]
                wanted = truth[..., 1:]
                axes = tuple(range(len(truth.shape) - 1))
                both = ops.sum(given * wanted, axis=axes)
                each = ops.sum(given, axis=axes) + ops.sum(wanted, axis=axes)
                return cross + 1.0 - ops.mean((2.0 * both + 1.0) / (each + 1.0))

        return DiceCrossentropy(name="dice_crossentropy")

    def metrics(self) -> list[keras.metrics.Metric]:
        """Return the Dice coefficient of the predicted masks of an epoch, over all its places."""
        import keras
        from keras import ops

        class Dice(keras.metrics.Metric):
            """Dice of the classes without background, from counts summed over batches."""

            def __init__(self) -> None:
                super().__init__(name="dice")
                self._both = self.add_weight(shape=(), initializer="zeros", name="both")
                self._each = self.add_weight(shape=(), initializer="zeros", name="each")

            def update_state(self, truth: Any, logits: Any, sample_weight: Any = None) -> None:
                known = ops.sum(truth, axis=-1, keepdims=True)
                classes = logits.shape[-1]
                given = ops.one_hot(ops.argmax(logits, axis=-1), classes) * known
                self._both.assign_add(ops.sum((given * truth)[..., 1:]))
                self._each.assign_add(ops.sum(given[..., 1:]) + ops.sum(truth[..., 1:]))

            def result(self) -> Any:
                return 2.0 * self._both / ops.maximum(self._each, 1.0)

        return [Dice()]

    def assess(
        self, cases: Iterable[ScoredCase], classes: Sequence[str], *, distances: bool = True
    ) -> Assessment:
        """Score cases; see `Task.assess`. Distances are in mm, where a case has a spacing."""
        rows, counts, outputs = [], [], []
        for target, probabilities, spacing in cases:
            mask = probabilities.argmax(axis=-1).astype("uint8")
            counted = _Counts.of(target, probabilities, len(classes))
            row = counted.row(classes)
            if distances and spacing is not None:
                row.update(_distances(np.asarray(target), mask, spacing, classes))
            rows.append(row)
            counts.append(counted)
            outputs.append(mask)
        return Assessment(_segmentation_score(rows, counts, classes), rows, outputs)

    def score(
        self,
        targets: np.ndarray,
        probabilities: np.ndarray,
        classes: Sequence[str],
        cases: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Score stacked samples `(n, ...)`, those of one case together; without distances."""
        counts = _counts_by_case(targets, probabilities, cases, len(classes))
        return _segmentation_score([counted.row(classes) for counted in counts], counts, classes)

    def baseline_score(self, score: Mapping[str, Any]) -> float | None:
        """Return the best that one class everywhere would reach; at least 0, as background does."""
        return _CONSTANT.of(score) or 0.0

    def agreement(
        self, reference: np.ndarray, candidate: np.ndarray, cases: Sequence[str] | None = None
    ) -> float:
        """Return the mean Dice between the masks of two outputs `(n, ..., classes)`.

        Over cases and classes, without the background; 1 where neither has any foreground. Ties of
        the reference count as the same; see `first_classes`.
        """
        if len(reference) == 0:
            return math.nan
        size = candidate.shape[-1]
        settled = first_classes(reference, candidate)[..., None] == np.arange(size)
        counts = _counts_by_case(reference.argmax(axis=-1), settled, cases, size)
        values = [v for counted in counts for v in counted.dice()[1:] if v is not None]
        return float(np.mean(values)) if values else 1.0


def _distances(
    target: np.ndarray, mask: np.ndarray, spacing: Sequence[float], classes: Sequence[str]
) -> dict[str, float | None]:
    """Return the distance between the surfaces of each class but the background.

    What is ignored belongs to no class, and a margin of it does not enlarge the case.
    """
    known = target != IGNORE_INDEX
    if not known.all():
        sides = [np.flatnonzero(known.any(axis=_others(known.ndim, k))) for k in range(known.ndim)]
        part = tuple(slice(*(side[[0, -1]] + (0, 1))) if len(side) else slice(0) for side in sides)
        target, mask, known = target[part], mask[part], known[part]
    return {
        f"hd95_mm_{name}": surface_distance(target == number, (mask == number) & known, spacing)
        for number, name in enumerate(classes[1:], 1)
    }


def _others(count: int, axis: int) -> tuple[int, ...]:
    return tuple(k for k in range(count) if k != axis)


def _counts_by_case(
    targets: np.ndarray, probabilities: np.ndarray, cases: Sequence[str] | None, size: int
) -> list[_Counts]:
    """Return the counts of each case, those of its samples together."""
    names = [str(k) for k in range(len(targets))] if cases is None else list(cases)
    by_case: dict[str, _Counts] = {}
    for name, target, outputs in zip(names, targets, probabilities, strict=True):
        counted = _Counts.of(target, outputs, size)
        by_case[name] = by_case[name] + counted if name in by_case else counted
    return list(by_case.values())


@dataclasses.dataclass(frozen=True)
class _Counts:
    """Places of a case by true and predicted class, and the sum of their log losses."""

    confusion: np.ndarray
    loss: float

    @classmethod
    def of(cls, target: np.ndarray, probabilities: np.ndarray, size: int) -> _Counts:
        known = np.asarray(target) != IGNORE_INDEX
        truth = np.asarray(target)[known].astype("int64")
        values = probabilities[known]
        predicted = values.argmax(axis=-1)
        confusion = np.bincount(truth * size + predicted, minlength=size * size)
        own = np.clip(values[np.arange(len(truth)), truth], SMALLEST_PROBABILITY, 1.0)
        return cls(confusion.reshape(size, size), float(-np.log(own, dtype="float64").sum()))

    def __add__(self, other: _Counts) -> _Counts:
        return _Counts(self.confusion + other.confusion, self.loss + other.loss)

    def _overlap(self, both: float, each: float) -> list[float | None]:
        hits = self.confusion.diagonal()
        sizes = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        return [
            float(both * hit / (size - each * hit)) if size else None
            for hit, size in zip(hits, sizes, strict=True)
        ]

    def dice(self) -> list[float | None]:
        """Return the Dice coefficient of each class; None where it does not occur."""
        return self._overlap(2.0, 0.0)

    def row(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return Dice and intersection over union of each class but the background."""
        union = self._overlap(1.0, 1.0)
        return {
            **{f"dice_{n}": v for n, v in zip(classes[1:], self.dice()[1:], strict=True)},
            **{f"iou_{n}": v for n, v in zip(classes[1:], union[1:], strict=True)},
        }


def _segmentation_score(
    rows: Sequence[Mapping[str, Any]], counts: Sequence[_Counts], classes: Sequence[str]
) -> dict[str, Any]:
    if not rows:
        return {"n": 0}
    names = list(classes[1:])
    means = {key: _means(rows, key, names) for key in ("dice", "iou", "hd95_mm")}
    per_case = [mean_of_known(row[f"dice_{name}"] for name in names) for row in rows]
    places = sum(int(counted.confusion.sum()) for counted in counts)
    return {
        "n": len(rows),
        **means,
        "dice_interval": mean_interval([value for value in per_case if value is not None]),
        "constant_dice": _constant_dice(counts, len(names)),
        "loss": sum(counted.loss for counted in counts) / max(places, 1),
        "empty": sum(value is None for value in per_case),
        "per_class": {
            name: {
                **{key: own[name] if own else None for key, own in means.items()},
                "n": sum(int(counted.confusion[number].sum() > 0) for counted in counts),
                "predicted": sum(int(counted.confusion[:, number].any()) for counted in counts),
            }
            for number, name in enumerate(names, 1)
        },
    }


def _constant_dice(counts: Sequence[_Counts], classes: int) -> float:
    """Return the best mean Dice of answers that are one class in every place."""
    sizes = np.array([counted.confusion.sum(axis=1) for counted in counts], "float64")
    share = sizes[:, 1:] / np.maximum(sizes.sum(axis=1, keepdims=True), 1.0)
    alone = (2 * share / (1 + share)).mean(axis=0)  # Dice of marking all with it
    others = (share.sum(axis=0) > 0).sum() - (share.sum(axis=0) > 0)  # each has Dice 0 then
    return float((alone / (1 + others)).max()) if classes else 0.0


def _means(
    rows: Sequence[Mapping[str, Any]], key: str, names: Sequence[str]
) -> dict[str, float | None] | None:
    """Return the mean of a measure over cases for each class, and the mean of these means.

    None where no case has the measure at all.
    """
    if not any(f"{key}_{name}" in row for row in rows for name in names):
        return None
    means = {name: mean_of_known(row.get(f"{key}_{name}") for row in rows) for name in names}
    return {**means, "mean": mean_of_known(means.values())}


def mean_of_known(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are not None; None where there are none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def renumbering(names: Sequence[str], order: Sequence[str]) -> np.ndarray:
    """Return, for each of 256 or more class indices by `names`, the index by `order`.

    `IGNORE_INDEX` stays what it is.

    Args:
        names: Classes of the data, all of them in `order`.
        order: Classes of the model.
    """
    positions = {name: number for number, name in enumerate(order)}
    table = np.full(max(len(names), IGNORE_INDEX + 1), IGNORE_INDEX, "int64")
    table[: len(names)] = [positions[name] for name in names]
    return table
