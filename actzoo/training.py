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
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from actzoo import activations, domains, errors, files, memory, models, tasks, weights
from actzoo.checkpoint import Checkpoint
from actzoo.data import RunData, feeding, load_samples, write_seen
from actzoo.phases import PreparedPhase, TrainingData, on_features, on_inputs
from actzoo.plan import Plan
from actzoo.progress import Progress
from actzoo.run_folder import RunFolder

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

    run: RunFolder
    best_epoch: int
    epochs: int
    history: tuple[dict[str, Any], ...]


class Interrupted(KeyboardInterrupt):
    """Training was stopped from outside; what is needed to continue is on disk."""


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

    def __call__(self, step: keras.KerasTensor) -> Any:
        """Return the learning rate of a step, counted from 0."""
        step = ops.cast(step, "float32")
        rise = (step + 1.0) / max(self.warmup_steps, 1)
        share = (step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1)
        fall = 0.505 + 0.495 * ops.cos(math.pi * ops.clip(share, 0.0, 1.0))
        return self.peak * ops.minimum(ops.minimum(rise, 1.0), fall)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"peak": self.peak, "steps": self.steps, "warmup_steps": self.warmup_steps}


# --- the loop ----------------------------------------------------------------------------------


def train(
    data: RunData,
    run: RunFolder,
    *,
    note: errors.Note,
    resume: bool = False,
    force: bool = False,
) -> TrainResult:
    """Train the model of a plan and save its best epoch.

    Args:
        data: The data of the run, and its plan.
        run: Gets `model.keras`, `model.json`, `history.csv`, `tensorboard/`.
        note: Takes warnings.
        resume: Go on from the last whole epoch on disk, exactly.
        force: Train even if the estimated memory is more than is free.

    Returns:
        The result.

    Raises:
        DataError: A file of the data vanished.
        InvalidValueError: Weights do not fit; the memory would not suffice.
        TrainingError: The loss became NaN or infinite; the best finite epoch is saved.
        Interrupted: Ctrl-C; the last whole epoch is on disk.
    """
    plan, examples = data.plan, TrainingData(data)
    model = models.build_model(plan.model, seed=plan.recipe.seed, **plan.model_config)
    report = weights.apply(model, plan.weights)
    if not force:
        memory.check(model, plan.recipe.batch_size)
    _check_inputs(model, data)
    if not resume:
        files.remove(run.checkpoint)  # of an earlier training; its numbers would mix with ours
    monitor = data.task.monitor
    state = Checkpoint.load(run, monitor, note) if resume else Checkpoint(monitor)
    progress = Progress(plan, epochs_done=len(state.history))
    board = keras.callbacks.TensorBoard(log_dir=str(run.tensorboard), write_graph=False)
    try:
        with _repeatable():
            for number, phase in enumerate(plan.recipe.phases):
                if number < state.phase:
                    continue
                state.restore_best(model)
                prepare = on_features if phase.on == "features" else on_inputs
                _run_phase(
                    prepare(phase, model, examples), model, examples, run, state, progress, board
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
    _note_on_choice(state, data.task, note)
    models.save_model(model, run.path, card_of(plan, report.origin))
    write_seen(run.path, data.source, data.splits["train"], plan.content_hash)
    traveling = domains.get_domain(plan.domain).traveling_files(plan.preprocessing)
    for name, content in traveling.items():
        files.write_bytes(run.path / name, content)
    return TrainResult(run, state.best_epoch, len(state.history), tuple(state.history))


def _note_on_choice(state: Checkpoint, task: tasks.Task, note: errors.Note) -> None:
    """Say that the score which should choose an epoch could not: it was the same in all."""
    key = task.monitor[0]
    values = {row[f"val_{key}"] for row in state.history}
    if key == "loss" or len(values) > 1 or len(state.history) < 2:
        return
    measure, value = task.presentation.measure(key) or task.presentation.headline, values.pop()
    loss = "validation loss" if value else "training loss"
    note(
        f"The validation {measure.name} is {measure.figure(value)} in all {len(state.history)} "
        f"epochs, so it could not choose one: epoch {state.best_epoch} was kept, which has the "
        f"lowest {loss}. Look whether validation examples hold what is to be found."
    )


def _check_inputs(model: keras.Model, data: RunData) -> None:
    """Refuse a plan whose preprocessing does not give what its model takes."""
    plan = data.plan
    first = int(data.splits["train"][0])
    one = load_samples(data.source, [first], data.preparation)
    for tensor in model.inputs:
        given = one[tensor.name].shape[1:] if tensor.name in one else None
        takes = tuple(tensor.shape[1:])
        planned = tuple(plan.inputs.get(tensor.name, {}).get("shape", ()))
        fits = given == planned and len(takes) == len(planned)
        if not fits or any(n not in (None, m) for n, m in zip(takes, planned, strict=True)):
            raise errors.InvalidValueError(
                f"The plan's preprocessing gives {tensor.name} of shape {given}, the plan says "
                f"{planned}, its model takes {takes}.\nMake `preprocessing`, `inputs` and "
                "`model_config` in plan.json agree, or plan again, with --set for the size.",
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
        labels=plan.labels,
        seen=plan.seen,
    )


def _run_phase(
    prepared: PreparedPhase,
    model: keras.Model,
    data: TrainingData,
    run: RunFolder,
    state: Checkpoint,
    progress: Progress,
    board: keras.callbacks.TensorBoard,
) -> None:
    phase, recipe = prepared.phase, data.plan.recipe
    steps = len(prepared.batches(0))
    optimizer, schedule = _compile(prepared, data, steps)
    state.restore(prepared.network)
    watch = _Watch(progress, steps)
    board.set_model(prepared.network)
    for epoch in range(state.epoch_of_phase, phase.epochs):
        if state.epochs_without_gain >= recipe.patience:
            break
        started = time.monotonic()
        _seed_dropout(prepared.network, recipe.seed, len(state.history))
        batches = prepared.batches(len(state.history))
        progress.begin_epoch(phase, epoch)
        try:
            with feeding(batches) as fed:
                fitted = prepared.network.fit(
                    fed,
                    initial_epoch=epoch,
                    epochs=epoch + 1,
                    steps_per_epoch=steps,
                    callbacks=[watch],
                    verbose=0,
                    shuffle=False,
                )
        except _BadLoss as bad:
            raise _bad_loss(bad, prepared, model, data, run, state) from None
        score, headline = prepared.validate(), data.task.headline
        state.add(
            {
                "epoch": len(state.history) + 1,
                "phase": phase.name,
                "learning_rate": float(schedule(optimizer.iterations)),
                "loss": float(fitted.history["loss"][-1]),
                headline: float(fitted.history[headline][-1]),
                "val_loss": score["loss"],
                f"val_{headline}": data.task.headline_value(score),
                "seconds": round(max(0.0, time.monotonic() - started), 2),
            },
            model,
        )
        board.on_epoch_end(len(state.history) - 1, dict(_numbers(state.history[-1])))
        state.save(run, prepared.network, model)
        progress.end_epoch(state.history[-1])


def _compile(
    prepared: PreparedPhase, data: TrainingData, steps: int
) -> tuple[keras.optimizers.Optimizer, WarmupCosine]:
    """Compile the network of a phase; return its optimizer and the schedule of the rate."""
    phase, recipe = prepared.phase, data.plan.recipe
    schedule = WarmupCosine(
        phase.learning_rate, steps * phase.epochs, round(recipe.warmup * steps * phase.epochs)
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(_weights_of_activations(prepared.network), NOT_DECAYED)
    prepared.network.compile(
        optimizer=optimizer,
        loss=data.task.loss(label_smoothing=recipe.label_smoothing),
        metrics=data.task.metrics(),
        steps_per_execution=min(STEPS_PER_CALL, steps),
    )
    optimizer.build(prepared.network.trainable_variables)
    return optimizer, schedule


def _weights_of_activations(network: keras.Model) -> list[keras.Variable]:
    """Return what learnable activations learn: slopes and thresholds, which 0 would not suit."""
    return [
        weight
        for layer in network.layers
        if (spec := activations.identify(layer)) and activations.describe(spec[0]).learnable
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
    prepared: PreparedPhase,
    model: keras.Model,
    data: TrainingData,
    run: RunFolder,
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
        models.save_model(model, run.path, card_of(data.plan, {"origin": "trained here"}))
        kept = f"The best epoch so far ({state.best_epoch}) is saved as model.keras."
    rate = float(prepared.network.optimizer.learning_rate)
    return errors.TrainingError(
        f"The loss became {bad.loss} in epoch {len(state.history) + 1}, by step {bad.step}, at "
        f"learning rate {rate:.3g}.\nFirst layer with values that are not finite: {layer}.\n"
        f"Most often the learning rate is too high: try --set learning_rate="
        f"{prepared.phase.learning_rate / 5:.2g}, or another activation.\n{kept}",
        given=rate,
        fix=f"--set learning_rate={prepared.phase.learning_rate / 5:.2g}",
    )
