"""A SavedModel of the float form, and sizes that a model leaves open."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from actzoo import errors, tflite

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


def save_model(
    model: keras.Model, folder: Path, shapes: Mapping[str, Sequence[int]] | None = None
) -> None:
    """Write a SavedModel with batch 1, named inputs and the one output `probabilities`.

    Args:
        model: A model that ends in probabilities.
        folder: Where; must not exist.
        shapes: Input name -> shape of one sample, for sizes that the model leaves open.
    """
    import keras
    import tensorflow as tf

    names = [tensor.name for tensor in model.inputs]

    def call(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = tensors[0] if len(tensors) == 1 else list(tensors)
        return {tflite.OUTPUT: model(inputs, training=False)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        call,
        input_signature=[
            tf.TensorSpec(
                (1, *closed_shape(tensor.shape[1:], (shapes or {}).get(name))),
                tensor.dtype,
                name=name,
            )
            for name, tensor in zip(names, model.inputs, strict=True)
        ],
    )
    try:
        archive.write_out(str(folder), verbose=False)
    except (tf.errors.OutOfRangeError, tf.errors.ResourceExhaustedError) as error:
        # TensorFlow's words for a full disk.
        raise scratch_error(OSError(errno.ENOSPC, str(error)), str(folder.parent)) from error


def scratch_error(error: OSError, folder: str) -> errors.DiskError:
    """Return the error for a temporary folder that cannot be written."""
    reason = errors.shown(error.strerror or error, 120)
    return errors.DiskError(
        f"Cannot write to the temporary folder {errors.shown(folder, 200)}: {reason}.\n"
        "Make space there, or name another folder: TMPDIR=/path actzoo export ...",
        given=folder,
        fix="TMPDIR=/path",
    )


def closed_shape(shape: Sequence[int | None], wanted: Sequence[int] | None) -> list[int]:
    """Return a shape with its open sizes filled in."""
    filled = wanted if wanted is not None and len(wanted) == len(shape) else [1] * len(shape)
    return [
        int(given or 1) if size is None else size for size, given in zip(shape, filled, strict=True)
    ]
