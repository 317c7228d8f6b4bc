"""The only fit loop: a plan's phases, from the data to `model.keras`.

Everything random is a pure function of (seed, epoch, index or layer): initial weights, order,
augmentation, dropout. So the same plan gives the same weights, and a run that was killed goes on
from its last epoch as if nothing had happened.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from actzoo import (
    activations,
    data,
    domains,
    errors,
    files,
    graphs,
    memory,
    models,
    run_folder,
    tasks,
    weights,
)
from actzoo.checkpoint import Checkpoint
from actzoo.plan import Phase, Plan
from actzoo.progress import Progress

STEPS_PER_CALL = 8  # optimizer steps per Python call; 1.5 times the speed of 1 on two cores
NOT_DECAYED = ["bias", "gamma", "beta", "alpha"]


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What training left.

    Attributes:
        run: The run folder, with `model.keras`, `model.json` and `history.csv`.
        best_epoch: Epoch whose weights were kept, counted from 1 over all phases.
        epochs: Epochs trained.
        history: One mapping per epoch, as in `history.csv`.
    """

    run: run_folder.RunFolder
    best_epoch: int
    epochs: int
    history: tuple[dict[str, Any], ...]


class Interrupted(KeyboardInterrupt):
    """Training was stopped from outside; what is needed to go on is on disk."""


class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Rise linearly, then fall along a half cosine to a hundredth.

    Args:
        peak: Highest learning rate.
        steps: All steps of the phase.
        warmup_steps: Steps of the rise.

    Reference:
        Loshchilov & Hutter, 2016, "SGDR", arXiv:1608.03983.
    """

    def __init__(self, peak: float, steps: int, warmup_steps: int) -> None:
        self.peak, self.steps, self.warmup_steps = peak, steps, warmup_steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step, counted from 0."""
        step = ops.cast(step, "float32")
        rise = (step + 1.0) / max(self.warmup_steps, 1)
        share = (step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1)
        fall = 0.505 + 0.495 * ops.cos(math.pi * ops.clip(share, 0.0, 1.0))
        return self.peak * ops.minimum(ops.minimum(rise, 1.0), fall)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"peak": self.peak, "steps": self.steps, "warmup_steps": self.warmup_steps}


# --- what a phase trains on --------------------------------------------------------------------


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


class _Material:
    """The data of a run as training needs it: split, encoded, weighted, cached."""

    def __init__(self, plan: Plan, note: errors.Note) -> None:
        self.plan = plan
        self.task = tasks.get_task(plan.task)
        opened = data.RunData.open(plan, note)
        self.source, self.split = opened.source, opened.splits
        self.preparation = data.Preparation.of(
            plan.domain, plan.preprocessing, plan.recipe.augmentation
        )
        labels = self.source.labels()
        self.class_weights = None
        if plan.recipe.class_weights and labels is not None:
            self.class_weights = tasks.class_weights(labels[self.split["train"]], len(plan.classes))
        self._train_cache: dict[str, Any] = {}
        self._val_cache: dict[str, Any] = {}

    def encode(self, targets: Any) -> np.ndarray:
        return self.task.encode(np.asarray(targets), len(self.plan.classes))

    def training_batches(self, epoch: int) -> Any:
        return data.training_batches(
            self.source,
            self.split["train"],
            self.preparation,
            batch_size=self.plan.recipe.batch_size,
            seed=self.plan.recipe.seed,
            epoch=epoch,
            encode=self.encode,
            class_weights=self.class_weights,
            cache=self._train_cache,
        )

    def cases(self, name: str, network: keras.Model) -> Iterator[data.Case]:
        """Yield what a network gives for the cases of a split, in order, not augmented."""
        return data.run_cases(
            self.source,
            self.split[name],
            self.preparation,
            network.predict_on_batch,
            cache=self._val_cache if name == "val" else None,  # others are read once
        )

    def assess(self, cases: Iterable[tuple[Any, np.ndarray]]) -> dict[str, Any]:
        """Return the validation scores of targets and logits."""
        return self.task.assess(
            ((target, tasks.softmax(logits), None) for target, logits in cases),
            self.plan.classes,
            distances=False,
        ).score


def _on_inputs(phase: Phase, model: keras.Model, material: _Material) -> PreparedPhase:
    network = graphs.by_input_name(model)
    for layer in model.layers:
        layer.trainable = phase.trains == "all" or layer.name.startswith(weights.HEAD)

    def validate() -> dict[str, Any]:
        return material.assess(
            (case.target, case.outputs) for case in material.cases("val", network)
        )

    return PreparedPhase(phase, network, material.training_batches, validate)


def _on_features(phase: Phase, model: keras.Model, material: _Material) -> PreparedPhase:
    """Compute features once; then only the head runs, thousands of times a second."""
    backbone, head = split_at_head(model)
    for layer in model.layers:
        layer.trainable = layer.name.startswith(weights.HEAD)
    features, labels = {}, {}
    for name in ("train", "val"):
        cases = list(material.cases(name, backbone))
        features[name] = np.stack([case.outputs for case in cases])
        labels[name] = np.array([case.target for case in cases])
    targets = material.encode(labels["train"])
    sample_weights = (
        np.ones(len(targets), "float32")
        if material.class_weights is None
        else material.class_weights[labels["train"]]
    )
    recipe = material.plan.recipe

    def batches(epoch: int) -> _Arrays:
        order = data.rng(recipe.seed, "features", epoch).permutation(len(targets))
        return _Arrays(features["train"], targets, sample_weights, recipe.batch_size, order)

    def validate() -> dict[str, Any]:
        logits = head.predict(features["val"], verbose=0)
        return material.assess(zip(labels["val"], logits, strict=True))

    return PreparedPhase(phase, head, batches, validate)


# --- the loop ----------------------------------------------------------------------------------


def train(
    plan: Plan,
    run: run_folder.RunFolder,
    *,
    note: errors.Note,
    resume: bool = False,
    force: bool = False,
) -> TrainResult:
    """Train a plan's model and save the best epoch.

    Args:
        plan: Every decision.
        run: Gets `model.keras`, `model.json`, `history.csv`, `tensorboard/`.
        note: Takes warnings.
        resume: Go on from the last whole epoch on disk, exactly.
        force: Train even if the estimated memory is more than is free.

    Returns:
        The result.

    Raises:
        DataError: The data is not the one of the plan, or a file vanished.
        InvalidValueError: Weights do not fit; the memory would not suffice.
        TrainingError: The loss became NaN or infinite; the best finite epoch is saved.
        Interrupted: Ctrl-C; the last whole epoch is on disk.
    """
    material = _Material(plan, note)
    model = models.build_model(plan.model, seed=plan.recipe.seed, **plan.model_config)
    report = weights.apply(model, plan.weights)
    if not force:
        memory.check(model, plan.recipe.batch_size)
    _check_inputs(model, material)
    if not resume:
        files.remove(run.checkpoint)  # of an earlier training; its numbers would mix with ours
    monitor = material.task.monitor
    state = Checkpoint.load(run, monitor, note) if resume else Checkpoint(monitor)
    progress = Progress(plan, epochs_done=len(state.history))
    board = keras.callbacks.TensorBoard(log_dir=str(run.tensorboard), write_graph=False)
    try:
        with _repeatable():
            for number, phase in enumerate(plan.recipe.phases):
                if number < state.phase:
                    continue
                state.restore_best(model)
                prepare = _on_features if phase.on == "features" else _on_inputs
                _run_phase(
                    prepare(phase, model, material), model, material, run, state, progress, board
                )
                model.set_weights(state.best_weights)
                state.start_phase(number + 1)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"Interrupted after {len(state.history)} whole epochs; they are kept."
        ) from error
    finally:
        progress.close()
        with contextlib.suppress(AttributeError):
            board.on_train_end()
    for layer in model.layers:
        layer.trainable = True
    models.save_model(model, run.path, card_of(plan, report.origin))
    traveling = domains.get_domain(plan.domain).traveling_files(plan.preprocessing)
    for name, content in traveling.items():
        files.write_bytes(run.path / name, content)
    return TrainResult(run, state.best_epoch, len(state.history), tuple(state.history))


def _check_inputs(model: keras.Model, material: _Material) -> None:
    """Refuse a plan whose preprocessing does not give what its model takes."""
    plan = material.plan
    first = int(material.split["train"][0])
    one = data.load_samples(material.source, [first], material.preparation)
    for tensor in model.inputs:
        given = one[tensor.name].shape[1:] if tensor.name in one else None
        takes = tuple(tensor.shape[1:])
        planned = tuple(plan.inputs.get(tensor.name, {}).get("shape", ()))
        fits = given == planned and len(takes) == len(planned)
        if not fits or any(n not in (None, m) for n, m in zip(takes, planned, strict=True)):
            raise errors.InvalidValueError(
                f"The plan's preprocessing gives {tensor.name} of shape {given}, the plan says "
                f"{planned}, its model takes {takes}.\nMake `preprocessing`, `inputs` and "
                "`model_config` in plan.json agree, or plan anew, with --set for the size.",
                given=given,
            )


def card_of(plan: Plan, origin: dict[str, Any]) -> models.ModelCard:
    """Return the card of the model that a plan trains."""
    task = tasks.get_task(plan.task)
    return models.ModelCard(
        name=plan.model,
        config=plan.model_config,
        domain=plan.domain,
        task=plan.task,
        classes=plan.classes,
        preprocessing=plan.preprocessing,
        inputs=plan.inputs,
        output=task.output_activation,
        weights={"license": "as the data it was trained on", **origin},
        limits=plan.limits,
        data_options=plan.data_options,
    )


def _run_phase(
    stretch: PreparedPhase,
    model: keras.Model,
    material: _Material,
    run: run_folder.RunFolder,
    state: Checkpoint,
    progress: Progress,
    board: keras.callbacks.TensorBoard,
) -> None:
    phase, recipe = stretch.phase, material.plan.recipe
    steps = len(stretch.batches(0))
    schedule = WarmupCosine(
        phase.learning_rate, steps * phase.epochs, round(recipe.warmup * steps * phase.epochs)
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(_weights_of_activations(stretch.network), NOT_DECAYED)
    stretch.network.compile(
        optimizer=optimizer,
        loss=material.task.loss(label_smoothing=recipe.label_smoothing),
        metrics=material.task.metrics(),
        steps_per_execution=min(STEPS_PER_CALL, steps),
    )
    optimizer.build(stretch.network.trainable_variables)
    state.restore(stretch.network)
    watch = _Watch(progress, steps)
    board.set_model(stretch.network)
    for epoch in range(state.epoch_of_phase, phase.epochs):
        if state.epochs_without_gain >= recipe.patience:
            break
        started = time.monotonic()
        _seed_dropout(stretch.network, recipe.seed, len(state.history))
        batches = stretch.batches(len(state.history))
        progress.begin_epoch(phase, epoch)
        try:
            with data.feeding(batches) as fed:
                fitted = stretch.network.fit(
                    fed,
                    initial_epoch=epoch,
                    epochs=epoch + 1,
                    steps_per_epoch=steps,
                    callbacks=[watch],
                    verbose=0,
                    shuffle=False,
                )
        except _BadLoss as bad:
            raise _bad_loss(bad, stretch, model, material, run, state) from None
        score, headline = stretch.validate(), material.task.headline
        state.add(
            {
                "epoch": len(state.history) + 1,
                "phase": phase.name,
                "learning_rate": float(schedule(optimizer.iterations)),
                "loss": float(fitted.history["loss"][-1]),
                headline: float(fitted.history[headline][-1]),
                "val_loss": score["loss"],
                f"val_{headline}": material.task.headline_value(score),
                "seconds": round(max(0.0, time.monotonic() - started), 2),
            },
            model,
        )
        board.on_epoch_end(len(state.history) - 1, dict(_numbers(state.history[-1])))
        state.save(run, stretch.network, model)
        progress.end_epoch(state.history[-1])


def _weights_of_activations(network: keras.Model) -> list[keras.Variable]:
    """Return what learnable activations learn: slopes and thresholds, which 0 would not suit."""
    return [
        weight
        for layer in network.layers
        if (found := activations.identify(layer)) and activations.describe(found[0]).learnable
        for weight in layer.trainable_variables
    ]


def _numbers(row: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield loss and scores of an epoch, for a board of curves."""
    others = ("epoch", "phase", "learning_rate", "seconds")
    return ((key, value) for key, value in row.items() if key not in others)


@contextlib.contextmanager
def _repeatable() -> Iterator[None]:
    """Ask the backend for operations that give the same bits each time."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    from tensorflow.python.framework import config  # the public switch cannot be turned off again

    before = config.is_op_determinism_enabled()
    config.enable_op_determinism()
    try:
        yield
    finally:
        if not before:
            config.disable_op_determinism()


def _seed_dropout(network: keras.Model, seed: int, epoch: int) -> None:
    """Set every layer's random state to a function of (seed, layer, epoch)."""
    for layer in network.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            word = f"{seed}/{layer.name}/{epoch}".encode()
            state = int.from_bytes(hashlib.sha256(word).digest()[:4], "little")
            generator.state.assign(np.asarray([state, 0], "uint32"))


class _BadLoss(Exception):
    """Ends a fit at once when its loss is not finite."""

    def __init__(self, step: int, loss: float) -> None:
        super().__init__(step, loss)
        self.step, self.loss = step, loss


class _Watch(keras.callbacks.Callback):
    """Looks at the loss after each call, and moves the bar."""

    def __init__(self, progress: Progress, steps: int) -> None:
        super().__init__()
        self._progress = progress
        self._steps = steps

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            raise _BadLoss(batch + 1, loss)
        self._progress.step(batch + 1, self._steps, loss)


def _bad_loss(
    bad: _BadLoss,
    stretch: PreparedPhase,
    model: keras.Model,
    material: _Material,
    run: run_folder.RunFolder,
    state: Checkpoint,
) -> errors.TrainingError:
    """Keep the best finite epoch and say where the numbers broke."""
    layer = next(
        (
            layer.name
            for layer in model.layers
            if any(not np.isfinite(weight).all() for weight in layer.get_weights())
        ),
        "none: the weights are still finite, so the loss or an input is not",
    )
    kept = "No epoch was finished, so no model was saved."
    if state.best_weights is not None:
        model.set_weights(state.best_weights)
        models.save_model(model, run.path, card_of(material.plan, {"origin": "trained here"}))
        kept = f"The best epoch so far ({state.best_epoch}) is saved as model.keras."
    rate = float(stretch.network.optimizer.learning_rate)
    return errors.TrainingError(
        f"The loss became {bad.loss} in epoch {len(state.history) + 1}, by step {bad.step}, at "
        f"learning rate {rate:.3g}.\nFirst layer with values that are not finite: {layer}.\n"
        f"Most often the learning rate is too high: try --set learning_rate="
        f"{stretch.phase.learning_rate / 5:.2g}, or another activation.\n{kept}",
        given=rate,
        fix=f"--set learning_rate={stretch.phase.learning_rate / 5:.2g}",
    )
