"""The child process that runs a SavedModel, for the parent that must not.

A SavedModel's graph can read and write files; it is opened only where the user says `--trust`, and
then here, with TensorFlow kept out of the parent.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from actzoo import errors, tflite

if TYPE_CHECKING:
    import tensorflow as tf


def serve(path: str) -> None:
    """Run a SavedModel's default signature for the parent process.

    Args:
        path: The folder.
    """
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing but answers may reach the parent's pipe
    try:
        import tensorflow as tf

        loaded = tf.saved_model.load(path)
        call = loaded.signatures["serving_default"]
        inputs = {
            name: tflite.TensorSpec(name, _shape(spec), spec.dtype.name)
            for name, spec in call.structured_input_signature[1].items()
        }
        ((name, spec),) = call.structured_outputs.items()
        output = tflite.TensorSpec(name, _shape(spec), spec.dtype.name)
        tflite.send_specs(out, inputs, output)
        for values in iter(lambda: tflite.receive(sys.stdin.buffer), None):
            tflite.send(out, {"outputs": _run(call, inputs, name, values)})
    except Exception as error:
        text = f"The SavedModel cannot be run: {errors.shown(str(error), 200)}"
        tflite.send(out, {"error": np.array(text)})


def _shape(spec: tf.TensorSpec) -> tuple[int, ...]:
    return tuple(1 if size is None else int(size) for size in spec.shape[1:])


def _run(
    call: Callable[..., Mapping[str, tf.Tensor]],
    specs: Mapping[str, tflite.TensorSpec],
    output: str,
    values: Mapping[str, np.ndarray],
) -> np.ndarray:
    import tensorflow as tf

    count = len(next(iter(values.values())))
    rows = []
    for k in range(count):  # the signature takes one sample
        one = {
            name: tf.constant(values[name][k : k + 1].astype(spec.dtype))
            for name, spec in specs.items()
        }
        rows.append(call(**one)[output].numpy())
    return np.concatenate(rows).astype("float32")


if __name__ == "__main__":
    serve(sys.argv[1])
