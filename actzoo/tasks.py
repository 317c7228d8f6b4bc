"""What a model's outputs mean: how they are trained, decoded, scored and compared.

Scores are computed with NumPy and scikit-learn from probabilities over whole cases, so that Keras,
an exported file and a phone are measured alike.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from actzoo.registry import Registry

if TYPE_CHECKING:
    import keras

SMALLEST_PROBABILITY = 1e-7  # so that one sure mistake does not make the loss infinite
IGNORE_INDEX = 255  # in masks: neither learned nor scored


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


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the softmax over the last axis, in float64 inside."""
    shifted = np.asarray(logits, "float64")
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    exponent = np.exp(shifted)
    return (exponent / exponent.sum(axis=-1, keepdims=True)).astype("float32")


def are_probabilities(outputs: np.ndarray) -> bool:
    """Tell whether a model's outputs sum to 1 over the last axis, none of them negative."""
    sums = outputs.sum(axis=-1)
    return bool(np.all(outputs >= 0) and np.allclose(sums, 1.0, rtol=0, atol=5e-3))


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


class Segmentation:
    """A class for each place of a picture or volume; the first class is the background.

    Dice and intersection over union are computed per case and averaged over cases, never over
    batches. A class that is neither in a case's truth nor in its prediction has no overlap to
    measure there, so that case is left out of its mean; where only one of the two is empty, the
    overlap is 0. Means over classes leave the background out.
    """

    name: ClassVar[str] = "segmentation"
    output_activation: ClassVar[str] = "softmax"
    monitor: ClassVar[tuple[str, str]] = ("dice", "max")
    headline: ClassVar[str] = "dice"
    is_dense: ClassVar[bool] = True

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
        self,
        cases: Iterable[tuple[Any, np.ndarray, tuple[float, ...] | None]],
        classes: Sequence[str],
        *,
        distances: bool = True,
    ) -> Assessment:
        """Score cases; see `Task.assess`. Distances are in mm, where a case has a spacing."""
        rows, counts, outputs = [], [], []
        for target, probabilities, spacing in cases:
            mask = probabilities.argmax(axis=-1).astype("uint8")
            counted = _Counts.of(target, probabilities, len(classes))
            row = counted.row(classes)
            if distances and spacing is not None:
                for number, name in enumerate(classes[1:], 1):
                    row[f"hd95_mm_{name}"] = surface_distance(
                        target == number, mask == number, spacing
                    )
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
        found = _counts_by_case(targets, probabilities, cases, len(classes))
        return _segmentation_score([counted.row(classes) for counted in found], found, classes)

    def headline_value(self, score: Mapping[str, Any]) -> float:
        """Return the mean Dice of a score; 0 where there was no foreground at all."""
        return float(score["dice"]["mean"] or 0.0)

    def baseline_score(self, score: Mapping[str, Any]) -> float | None:
        """Return 0: all background overlaps with nothing."""
        return 0.0

    def agreement(
        self,
        reference: np.ndarray,
        candidate: np.ndarray,
        cases: Sequence[str] | None = None,
    ) -> float:
        """Return the mean Dice between the masks of two outputs `(n, ..., classes)`.

        Over cases and classes, without the background; 1 where neither has any foreground.
        """
        if len(reference) == 0:
            return math.nan
        found = _counts_by_case(reference.argmax(axis=-1), candidate, cases, candidate.shape[-1])
        values = [v for counted in found for v in counted.dice()[1:] if v is not None]
        return float(np.mean(values)) if values else 1.0


def _counts_by_case(
    targets: np.ndarray, probabilities: np.ndarray, cases: Sequence[str] | None, size: int
) -> list[_Counts]:
    """Return the counts of each case, those of its samples together."""
    names = [str(k) for k in range(len(targets))] if cases is None else list(cases)
    found: dict[str, _Counts] = {}
    for name, target, outputs in zip(names, targets, probabilities, strict=True):
        counted = _Counts.of(target, outputs, size)
        found[name] = found[name] + counted if name in found else counted
    return list(found.values())


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
    found: dict[str, Any] = {"n": len(rows)}
    for measure in ("dice", "iou", "hd95_mm"):
        means = {name: _mean(row.get(f"{measure}_{name}") for row in rows) for name in names}
        known = any(f"{measure}_{name}" in row for row in rows for name in names)
        found[measure] = {**means, "mean": _mean(means.values())} if known else None
    per_case = [_mean(row[f"dice_{name}"] for name in names) for row in rows]
    places = sum(int(counted.confusion.sum()) for counted in counts)
    found["dice_interval"] = mean_interval([value for value in per_case if value is not None])
    found["loss"] = sum(counted.loss for counted in counts) / max(places, 1)
    found["empty"] = sum(value is None for value in per_case)
    found["per_class"] = {
        name: {
            "dice": found["dice"][name],
            "iou": found["iou"][name],
            "hd95_mm": found["hd95_mm"][name] if found["hd95_mm"] else None,
            "n": sum(int(c.confusion[number].sum() > 0) for c in counts),
        }
        for number, name in enumerate(names, 1)
    }
    return found


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def mean_interval(values: Sequence[float], draws: int = 2000) -> list[float] | None:
    """Return the 95 % bootstrap interval of a mean over cases; None for fewer than two.

    Reference:
        Efron, 1979, "Bootstrap methods: another look at the jackknife".
    """
    if len(values) < 2:
        return None
    random = np.random.default_rng(0)
    chosen = random.integers(0, len(values), (draws, len(values)))
    low, high = np.quantile(np.asarray(values)[chosen].mean(axis=1), (0.025, 0.975))
    return [float(low), float(high)]


def surface_distance(
    truth: np.ndarray, predicted: np.ndarray, spacing: Sequence[float], share: float = 0.95
) -> float | None:
    """Return the 95th percentile of the distances between two surfaces, both ways, in mm.

    Args:
        truth: Boolean, any number of axes.
        predicted: Boolean, same shape.
        spacing: Size of a step along each axis, in mm.
        share: Which percentile.

    Returns:
        The distance; None where neither has a surface, the diagonal of the whole array where
        only one has.

    Reference:
        Huttenlocher et al., 1993, "Comparing images using the Hausdorff distance"; as in the
        medical decathlon, over the distances of both surfaces together.
    """
    from scipy import ndimage

    if not truth.any() and not predicted.any():
        return None
    if not truth.any() or not predicted.any():
        return float(np.linalg.norm(np.multiply(truth.shape, spacing)))
    place = ndimage.find_objects((truth | predicted).astype("uint8"))[0]
    grown = tuple(
        slice(max(0, part.start - 1), part.stop + 1) for part in place
    )  # a rim, so that the surface at the edge of the box is one
    surfaces, distances = [], []
    for mask in (truth[grown], predicted[grown]):
        edge = mask & ~ndimage.binary_erosion(mask, border_value=0)
        surfaces.append(edge)
        distances.append(ndimage.distance_transform_edt(~edge, sampling=spacing))
    both = np.concatenate([distances[1][surfaces[0]], distances[0][surfaces[1]]])
    return float(np.quantile(both, share))


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Return a loss weight per class that lifts rare ones: 1 / sqrt(frequency), mean 1.

    The square root, because full balancing lets a handful of examples rule the gradient.
    """
    counts = np.bincount(np.asarray(labels, "int64"), minlength=num_classes).astype("float64")
    weights = 1.0 / np.sqrt(np.maximum(counts, 1.0))
    return (weights * counts.sum() / max((weights * counts).sum(), 1e-12)).astype("float32")


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


def wilson_interval(hits: int, count: int, z: float = 1.96) -> list[float]:
    """Return the Wilson score interval of a proportion.

    Reference:
        Wilson, 1927, "Probable inference, the law of succession, and statistical inference".
    """
    share = hits / count
    center = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = (
        z
        / (1 + z * z / count)
        * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    )
    return [max(0.0, center - half), min(1.0, center + half)]


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """One task."""

    name: str
    target: str
    summary: str
    aliases: tuple[str, ...] = ()


TASKS: Registry[TaskSpec] = Registry("task")
TASKS.add(TaskSpec("classification", "actzoo.tasks:Classification", "one class out of several"))
TASKS.add(TaskSpec("segmentation", "actzoo.tasks:Segmentation", "a class for each place"))


def get_task(name: str) -> Task:
    """Return the task of a name.

    Raises:
        UnknownNameError: There is no such task.
    """
    task: Task = TASKS.load(name)()
    return task
