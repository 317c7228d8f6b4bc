"""The contract of a model: it trains, survives saving, and computes the same on a device."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import activations, export, models, tasks, verify
from actzoo.testing.checks import CheckFailedError

if TYPE_CHECKING:
    import keras

    from actzoo.tflite.converter import Converter

SIDE = 32  # pixels of the pictures that model checks train on
TOKENS, VOCABULARY = 16, 40  # of the texts
EPOCHS = 16  # enough for outputs that are not tied; those of an untrained net nearly are
DENSE_EPOCHS = 32  # outlines take longer: with sigmoid, Dice is 0.55 after 16 and 0.96 after 32
CLASSES = ("red", "green", "blue")
LEARNED = 0.9  # of the headline's score
TRAINED_ON = (192, 0)  # number of examples, and their seed


@dataclasses.dataclass(frozen=True)
class ToyTask:
    """Something small that any sound network learns at once.

    Attributes:
        config: Options of the model that follow from it.
        described: Inputs as a model's card describes them.
        examples: `(count, seed) -> (inputs by name, targets)`.
        epochs: Over 192 of them.
    """

    config: dict[str, Any]
    described: dict[str, dict[str, Any]]
    examples: Callable[[int, int], tuple[dict[str, np.ndarray], np.ndarray]]
    epochs: int = EPOCHS


def small_config(name: str, activation: str) -> dict[str, Any]:
    """Return options that make an architecture small, with an activation.

    Args:
        name: An architecture whose row has `test_options`.
        activation: Canonical name. Two exponentials in a row span more than 8 bits can, so of
            several dense layers it gets one.
    """
    config = {**models.MODELS.get(name).test_options, "activation": activation}
    if activation == "exponential" and "units" in config:
        config["units"] = config["units"][:1]
    return config


def colored_pictures(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy pictures whose class is their strongest color, easy for any sound network.

    Args:
        count: How many.
        seed: Of the noise.

    Returns:
        Pictures `(n, 32, 32, 3)` in `[0, 255]` and labels `(n,)` in 0 to 2.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    pictures = rng.uniform(10, 110, (count, SIDE, SIDE, 3)) + 120 * np.eye(3)[labels][:, None, None]
    return np.clip(pictures, 0, 255).round().astype("float32"), labels


def colored_patches(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return noise with a patch of each of two colors in it, and where these are.

    Returns:
        Pictures `(n, 32, 32, 3)` in `[-3, 3]`, and masks `(n, 32, 32)`: 1 and 2 in the patches.
    """
    rng = np.random.default_rng(seed)
    pictures = rng.normal(0, 0.5, (count, SIDE, SIDE, 3))
    masks = np.zeros((count, SIDE, SIDE), "uint8")
    for number in range(count):
        for label, (low, high) in enumerate(((0, 16), (16, SIDE)), 1):
            top, height = rng.integers(0, 16), rng.integers(8, 16)
            left, width = rng.integers(low, high - 8), rng.integers(6, 9)
            place = np.s_[number, top : top + height, left : left + width]
            masks[place] = label
            pictures[(*place, label)] += 2.0
    return np.clip(pictures, -3, 3).astype("float32"), masks


def marked_texts(count: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return token ids of which two tell the class, padded to different lengths.

    Returns:
        `input_ids`, `token_type_ids`, `attention_mask`, int32 `(n, 16)` each; labels `(n,)`.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    ids = rng.integers(8, VOCABULARY, (count, TOKENS))
    for number, label in enumerate(labels):
        ids[number, rng.choice(np.arange(1, 8), 2, replace=False)] = 5 + label
    mask = np.arange(TOKENS) < rng.integers(8, TOKENS + 1, (count, 1))
    inputs = {"input_ids": ids * mask, "token_type_ids": 0 * ids, "attention_mask": mask}
    return {name: value.astype("int32") for name, value in inputs.items()}, labels


def lesson_for(name: str) -> ToyTask:
    """Return what an architecture of the table can be taught in seconds."""
    spec = models.MODELS.get(name)
    if "vocabulary_size" in spec.defaults():
        tokens = {"shape": [TOKENS], "dtype": "int32"}
        described = {
            "input_ids": {**tokens, "range": [0, VOCABULARY - 1]},
            "token_type_ids": {**tokens, "range": [0, 1]},
            "attention_mask": {**tokens, "range": [0, 1]},
        }
        config = {"vocabulary_size": VOCABULARY, "max_length": TOKENS}
        return ToyTask(config, described, marked_texts)
    shape = (SIDE, SIDE, 3)
    dense = tasks.get_task(spec.task).is_dense
    make, limits = (colored_patches, [-3, 3]) if dense else (colored_pictures, [0, 255])

    def examples(count: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        pictures, targets = make(count, seed)
        return {"image": pictures}, targets

    described = {"image": {"shape": list(shape), "dtype": "float32", "range": limits}}
    epochs = DENSE_EPOCHS if dense else EPOCHS
    return ToyTask({"input_shape": shape}, described, examples, epochs)


def check_model(
    name: str,
    folder: str | os.PathLike[str],
    *,
    precisions: Sequence[str] = ("float32", "int8"),
    converter: Converter | None = None,
    **overrides: object,
) -> dict[str, Any]:
    """Build an architecture, train it a little, save, load, export and verify it.

    Args:
        name: Architecture of the table.
        folder: Gets `model.keras`, `model.json`, its outputs on `lesson_for(name).examples(200, 1)`
            as `outputs.npy`, and `export/`.
        precisions: Exported.
        converter: A running converter, to check many models with one.
        **overrides: Options of the architecture.

    Returns:
        Precision -> measures, as in `verify.json`.

    Raises:
        CheckFailedError: Says which promise does not hold, and how.
    """
    task = tasks.get_task(models.MODELS.get(name).task)
    lesson = lesson_for(name)
    require = functools.partial(_require, name, overrides)
    config = {"num_classes": len(CLASSES), **lesson.config, **overrides}
    model = models.build_model(name, seed=0, **config)
    # An unsuitable hidden activation (exponential) blows up at a usual rate, and learns little.
    hidden = _makes_hidden_layers(overrides.get("activation"))
    losses = _train(model, task, lesson, rate=2e-3 if hidden else 1e-4)
    require(bool(np.isfinite(losses).all()), f"the loss became {losses[-1]}")
    require(losses[-1] < losses[0], f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f}")
    card = models.ModelCard(
        name=name, config=config, domain="", task=task.name, classes=CLASSES, preprocessing=(),
        inputs=lesson.described,
    )  # fmt: skip
    models.save_model(model, folder, card)
    loaded = models.load_model(folder)
    held_out, truth = lesson.examples(200, 1)
    before, after = (_predict(each, held_out) for each in (model, loaded))
    require(bool(np.isfinite(before).all()), "outputs for held-out examples are not finite")
    require(bool(np.array_equal(before, after)), "the loaded model gives other outputs")
    np.save(Path(folder, "outputs.npy"), before, allow_pickle=False)
    export.export_model(
        loaded,
        Path(folder, "export"),
        precision=precisions,
        calibration=lesson.examples(*TRAINED_ON)[0],
        card=card,
        reference=export.Reference(
            inputs=held_out,
            labels=() if task.is_dense else tuple(CLASSES[i] for i in truth),
            masks=truth if task.is_dense else None,
        ),
        converter=converter,
        note=lambda _: None,
    )
    verified = verify.verify(Path(folder, "export"))
    require(verified.passed, "; ".join(finding.what for finding in verified.findings))
    score = min(task.headline_value(found["test"]) for found in verified.precisions.values())
    require(
        score > LEARNED or not hidden,
        f"it has not learned to tell its classes apart ({task.headline} {score:.3f})",
    )
    return dict(verified.precisions)


def _require(name: str, overrides: Mapping[str, object], holds: bool, problem: str) -> None:
    if not holds:
        raise CheckFailedError(f"{name} with {overrides}: {problem}.", given=name)


def _train(model: keras.Model, task: tasks.Task, lesson: ToyTask, rate: float) -> list[float]:
    """Train a model a little; return the loss of each epoch."""
    import keras

    from actzoo import graphs

    inputs, targets = lesson.examples(*TRAINED_ON)
    trainer = graphs.by_input_name(model)  # what is saved stays uncompiled
    trainer.compile(
        keras.optimizers.Adam(rate, clipnorm=1.0), loss=task.loss(), steps_per_execution=6
    )
    history = trainer.fit(
        inputs,
        task.encode(targets, len(CLASSES)),
        batch_size=32,
        epochs=lesson.epochs,
        shuffle=False,
        verbose=0,
    )
    return list(history.history["loss"])


def _predict(model: keras.Model, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    from actzoo import graphs

    outputs: np.ndarray = graphs.by_input_name(model).predict(inputs, verbose=0)
    return outputs


def _makes_hidden_layers(activation: object) -> bool:
    if activation is None:
        return True
    identified = activations.identify(activations.get(activation))
    return identified is None or activations.describe(identified[0]).hidden
