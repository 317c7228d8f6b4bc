"""The contract of a model: it trains, survives saving, and computes the same on a device."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import activations, export, models, tasks, verify
from actzoo.testing.activations import CheckFailedError

SIDE = 32  # pixels of the pictures that model checks train on
EPOCHS = 16  # enough for outputs that are not tied; those of an untrained net nearly are

SMALL: dict[str, dict[str, Any]] = {  # configurations for 32 px that train in seconds
    "simple_net": {"units": (16, 8)},
    "mobilenet_v2": {"width": 0.25, "blocks": (1, 1, 2, 1, 1, 1, 1)},
    "resnet18": {"widths": (8, 8, 16, 16)},
}


def small_config(name: str, activation: str) -> dict[str, Any]:
    """Return options that make an architecture small, with an activation.

    Args:
        name: "simple_net", "mobilenet_v2" or "resnet18".
        activation: Canonical name. Two exponentials in a row span more than 8 bits can, so it
            gets one layer.
    """
    config = {**SMALL[name], "activation": activation}
    if activation == "exponential" and name == "simple_net":
        config["units"] = (16,)
    return config


def coloured_pictures(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy pictures whose class is their strongest colour, easy for any sound network.

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


def check_model(
    name: str,
    folder: str | os.PathLike[str],
    *,
    precisions: Sequence[str] = ("float32", "int8"),
    converter: Any = None,
    **overrides: Any,
) -> dict[str, Any]:
    """Build an architecture, train it a little, save, load, export and verify it.

    Args:
        name: Architecture of the table, for pictures of 32 px.
        folder: Gets `model.keras`, `model.json`, its outputs on `coloured_pictures(200, seed=1)` as
            `outputs.npy`, and `export/`.
        precisions: Exported.
        converter: A running `converter.Converter`, to check many models with one.
        **overrides: Options of the architecture.

    Returns:
        Precision -> measures, as in `verify.json`.

    Raises:
        CheckFailedError: Says which promise does not hold, and how.
    """
    import keras

    def require(holds: bool, problem: str) -> None:
        if not holds:
            raise CheckFailedError(f"{name} with {overrides}: {problem}.", given=name)

    task = tasks.Classification()
    pictures, labels = coloured_pictures(192)
    model = models.build_model(
        name, seed=0, num_classes=3, input_shape=(SIDE, SIDE, 3), **overrides
    )
    trainer = keras.Model(model.inputs, model.outputs)  # what is saved stays uncompiled
    # What makes no good hidden layer (exponential) blows up at a usual rate, and learns little.
    hidden = _makes_hidden_layers(overrides.get("activation"))
    trainer.compile(
        keras.optimizers.Adam(2e-3 if hidden else 1e-4, clipnorm=1.0),
        loss=task.loss(),
        steps_per_execution=6,
    )
    losses = trainer.fit(
        pictures, task.encode(labels, 3), batch_size=32, epochs=EPOCHS, shuffle=False, verbose=0
    ).history["loss"]
    require(bool(np.isfinite(losses).all()), f"the loss became {losses[-1]}")
    require(losses[-1] < losses[0], f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f}")
    held_out, truth = coloured_pictures(200, seed=1)
    card = models.ModelCard(
        name=name,
        config=dict(overrides),
        domain="",
        task=task.name,
        classes=("red", "green", "blue"),
        preprocessing=(),
        inputs={"image": {"shape": [SIDE, SIDE, 3], "dtype": "float32", "range": [0, 255]}},
    )
    models.save_model(model, folder, card)
    loaded = models.load_model(folder)
    before, after = (m.predict(held_out, verbose=0) for m in (model, loaded))
    require(bool(np.array_equal(before, after)), "the loaded model gives other outputs")
    np.save(Path(folder, "outputs.npy"), before, allow_pickle=False)
    exported = Path(folder, "export")
    export.export_model(
        loaded,
        exported,
        precision=precisions,
        calibration=pictures,
        card=card,
        reference=export.Reference(
            inputs={"image": held_out}, labels=tuple(card.classes[i] for i in truth)
        ),
        converter=converter,
        note=lambda _: None,
    )
    found = verify.verify(exported)
    require(found.passed, "; ".join(finding.what for finding in found.findings))
    score = min(measures["test"]["accuracy"] for measures in found.precisions.values())
    require(
        score > 0.9 or not hidden, f"it has not learned to tell three colours apart ({score:.3f})"
    )
    return dict(found.precisions)


def _makes_hidden_layers(activation: Any) -> bool:
    if activation is None:
        return True
    found = activations.identify(activations.get(activation))
    return found is None or activations.describe(found[0]).hidden
