"""What a phase trains on: all layers on the inputs, or the head on features computed once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np

from actzoo import graphs, tasks, weights
from actzoo.data import Case, RunData, rng, run_cases, training_batches
from actzoo.plan import Phase


@dataclasses.dataclass
class PreparedPhase:
    """One phase made ready: the network that trains, its batches, and what validates it."""

    phase: Phase
    network: keras.Model
    batches: Callable[[int], Any]  # epoch -> PyDataset
    validate: Callable[[], dict[str, Any]]  # -> scores of the validation split


def _head_layers(model: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if layer.name.startswith(weights.HEAD)]


def split_at_head(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Return backbone and head of a model as two that share its layers.

    Args:
        model: Its head layers are named `head_*` and follow one after another.

    Returns:
        Model from the inputs by name to features, and model from features to logits.
    """
    head = _head_layers(model)
    features = keras.Input(head[0].input.shape[1:], name="features")
    x = features
    for layer in head:
        x = layer(x)
    return (
        graphs.by_input_name(model, head[0].input),
        keras.Model(features, x, name="head"),
    )


class _Arrays(keras.utils.PyDataset):
    """Shuffled batches of arrays that fit in memory; a pure function of (seed, epoch)."""

    def __init__(
        self,
        features: np.ndarray,
        targets: np.ndarray,
        sample_weights: np.ndarray,
        batch_size: int,
        order: np.ndarray,
    ) -> None:
        super().__init__()
        self._arrays = (features, targets, sample_weights)
        self._batch_size = min(batch_size, len(order))
        self._order = order

    def __len__(self) -> int:
        return len(self._order) // self._batch_size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        features, targets, sample_weights = self._arrays
        return features[chosen], targets[chosen], sample_weights[chosen]


class TrainingData:
    """The data of a run as training needs it: encoded, weighted, kept from epoch to epoch.

    Args:
        data: The data of the run.
    """

    def __init__(self, data: RunData) -> None:
        self.data = data
        self.plan = data.plan
        self.task = data.task
        self.preparation = data.training_preparation()
        self.class_weights: np.ndarray | None = None
        labels = data.source.labels()
        if self.plan.recipe.class_weights and labels is not None:
            self.class_weights = tasks.class_weights(
                labels[data.splits["train"]], len(data.classes)
            )
        self._train_cache: dict[str, Any] = {}
        self._val_cache: dict[str, Any] = {}

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Return what the loss takes of a batch's targets."""
        return self.task.encode(np.asarray(targets), len(self.data.classes))

    def training_batches(self, epoch: int) -> keras.utils.PyDataset:
        """Return the batches of an epoch, counted from the start of the run."""
        return training_batches(
            self.data.source,
            self.data.splits["train"],
            self.preparation,
            batch_size=self.plan.recipe.batch_size,
            seed=self.plan.recipe.seed,
            epoch=epoch,
            encode=self.encode,
            class_weights=self.class_weights,
            cache=self._train_cache,
        )

    def cases(self, name: str, network: keras.Model) -> Iterator[Case]:
        """Yield what a network gives for the cases of a split, in order, not augmented."""
        return run_cases(
            self.data.source,
            self.data.splits[name],
            self.preparation,
            network.predict_on_batch,
            cache=self._val_cache if name == "val" else None,  # others are read once
        )

    def assess(self, cases: Iterable[tuple[Any, np.ndarray]]) -> dict[str, Any]:
        """Return the validation scores of targets and logits."""
        return self.task.assess(
            ((target, tasks.softmax(logits), None) for target, logits in cases),
            self.data.classes,
            distances=False,
        ).score


def on_inputs(phase: Phase, model: keras.Model, data: TrainingData) -> PreparedPhase:
    """Train on the inputs, with the layers that the phase names."""
    network = graphs.by_input_name(model)
    for layer in model.layers:
        layer.trainable = phase.trains == "all" or layer.name.startswith(weights.HEAD)

    def validate() -> dict[str, Any]:
        return data.assess((case.target, case.outputs) for case in data.cases("val", network))

    return PreparedPhase(phase, network, data.training_batches, validate)


def on_features(phase: Phase, model: keras.Model, data: TrainingData) -> PreparedPhase:
    """Compute features once; then only the head runs, thousands of times a second."""
    backbone, head = split_at_head(model)
    for layer in model.layers:
        layer.trainable = layer.name.startswith(weights.HEAD)
    features, labels = {}, {}
    for name in ("train", "val"):
        cases = list(data.cases(name, backbone))
        features[name] = np.stack([case.outputs for case in cases])
        labels[name] = np.array([case.target for case in cases])
    targets = data.encode(labels["train"])
    sample_weights = (
        np.ones(len(targets), "float32")
        if data.class_weights is None
        else data.class_weights[labels["train"]]
    )
    recipe = data.plan.recipe

    def batches(epoch: int) -> _Arrays:
        order = rng(recipe.seed, "features", epoch).permutation(len(targets))
        return _Arrays(features["train"], targets, sample_weights, recipe.batch_size, order)

    def validate() -> dict[str, Any]:
        logits = head.predict(features["val"], verbose=0)
        return data.assess(zip(labels["val"], logits, strict=True))

    return PreparedPhase(phase, head, batches, validate)
