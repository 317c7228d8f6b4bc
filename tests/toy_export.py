"""One small trained model and its export, made once for all tests that look at exported files."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np

from actzoo import artifacts, files

CLASSES = ("blue", "green", "red")
SIZE = 16
STEPS = (
    {"step": "decode_image"},
    {"step": "resize_image", "height": SIZE, "width": SIZE, "fit": "crop"},
)


def pictures(count: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """Return noisy pictures whose strongest color is their class, and the classes."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    images = random.integers(0, 140, (count, SIZE, SIZE, 3))
    for image, label in zip(images, labels, strict=True):
        image[..., 2 - label] += random.integers(20, 110)
    return images.astype("uint8"), [CLASSES[label] for label in labels]


def encode(picture: np.ndarray) -> bytes:
    """Return a picture as a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def network(activation: str = "mish", *, size: int = SIZE, classes: int = 3):
    """Return a small net with a residual sum, depthwise and pooling layers."""
    import keras

    from actzoo import activations

    layers = keras.layers
    keras.utils.set_random_seed(0)
    image = keras.Input((size, size, 3), name="image")
    x = layers.Rescaling(1 / 127.5, -1.0, name="pixel_scaling")(image)
    x = layers.Conv2D(8, 3, 2, padding="same", use_bias=False, name="stem_conv")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = skip = activations.get(activation, name="stem_act")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="block_conv")(x)
    x = layers.Add(name="block_add")([x, skip])
    x = activations.get(activation, name="block_act")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.GlobalAveragePooling2D(name="head_pool")(x)
    x = layers.Dense(classes, name="head_logits")(x)
    return keras.Model(image, x, name="toy")


@functools.cache
def trained(activation: str = "mish"):
    """Return the net, fitted to the colors."""
    import keras

    model = network(activation)
    images, labels = pictures(256, seed=1)
    targets = np.array([CLASSES.index(label) for label in labels])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.03), loss)
    model.fit(images.astype("float32"), targets, epochs=6, batch_size=64, verbose=0)
    return model


def card(**changes):
    """Return the card of the toy model."""
    from actzoo import models

    fields = {
        "name": "toy",
        "config": {},
        "domain": "vision",
        "task": "classification",
        "classes": CLASSES,
        "preprocessing": STEPS,
        "inputs": {"image": {"shape": [SIZE, SIZE, 3], "dtype": "float32", "range": [0, 255]}},
    }
    return models.ModelCard(**{**fields, **changes})


def reference():
    """Return held-out cases as `export_run` would."""
    from actzoo import export

    images, labels = pictures(90, seed=2)
    return export.Reference(
        inputs={"image": images},
        ids=tuple(f"case_{i}.png" for i in range(len(images))),
        labels=tuple(labels),
        raw=tuple(encode(picture) for picture in images[:6]),
    )


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="actzoo-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def converter():
    """Return one child for all exports of a test process; it starts with the first."""
    from actzoo.tflite.converter import Converter

    worker = Converter()
    atexit.register(worker.close)
    return worker


@contextlib.contextmanager
def one_converter():
    """Let runs export with that child instead of one of their own."""
    from actzoo.export import export

    def lent(given):
        return contextlib.nullcontext(given or converter())

    converter().start()
    with mock.patch.object(export, "_running", lent):
        yield


def export_to(folder: Path, model, **options):
    """Export a model with calibration samples and held-out cases."""
    from actzoo import export

    images, _ = pictures(64, seed=3)
    defaults = {
        "precision": artifacts.names(),
        "calibration": images,
        "card": card(),
        "reference": reference(),
        "note": lambda text: None,
        "converter": converter(),
    }
    return export.export_model(model, folder, **{**defaults, **options})


@functools.cache
def exported() -> Path:
    """Return the folder of the toy model's export in all precisions; do not change it."""
    return export_to(_folder() / "all", trained()).folder.path


def copy(target: Path) -> Path:
    """Return a copy of the export that a test may change."""
    return Path(shutil.copytree(exported(), target))


def rehash(folder):
    """Bring the recorded hashes up to date, as one would to hide a change."""
    record = json.loads(folder.record.read_text())
    record["files"] = {name: files.sha256_file(folder.path / name) for name in record["files"]}
    folder.record.write_text(json.dumps(record))
