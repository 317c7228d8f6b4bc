"""What the original model computes, which the files made from it are held against."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from actzoo import errors, graphs, sites
from actzoo.lowering.rewrite import lower, output_form

FEW = 8  # cases that are sooner computed than a graph for them is traced
HALF_PRECISION = 0.1  # relative; what rounding to 8 or 11 bits in every layer may add up to


def keras_outputs(
    model: keras.Model, output_activation: str | None, inputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Return what Keras computes in float32, with the output activation applied.

    Args:
        model: A functional or sequential model.
        output_activation: As in `lower`.
        inputs: Input name -> `(n, ...)`.
    """
    few = {name: value[:FEW] for name, value in inputs.items()}
    if any(layer.compute_dtype != "float32" for layer in model._flatten_layers()):
        plain = lower(model, replace=False)
        _check_copy(model, plain, few)
    else:
        plain = graphs.plain(model)
    if len(next(iter(inputs.values()))) <= FEW:
        outputs = _outputs(plain, few)
    else:
        given = graphs.ordered_inputs(plain, inputs)
        outputs = np.asarray(plain.predict(given, batch_size=64, verbose=0), "float32")
    if output_activation and not sites.ends_in(model, output_activation):
        outputs = np.asarray(output_form(output_activation)(ops.convert_to_tensor(outputs)))
    return outputs


def _outputs(model: keras.Model, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what a model gives out, computed without tracing a graph."""
    outputs = model(graphs.ordered_inputs(model, inputs), training=False)
    return ops.convert_to_numpy(outputs).astype("float32")


def _check_copy(model: keras.Model, copy: keras.Model, inputs: Mapping[str, np.ndarray]) -> None:
    """Refuse a copy in float32 that answers otherwise than half a precision explains."""
    expected, computed = _outputs(graphs.plain(model), inputs), _outputs(copy, inputs)
    error = np.abs(computed - expected).max() / max(1.0, float(np.abs(expected).max()))
    if not error < HALF_PRECISION:
        raise errors.ExportError(
            f"Rebuilt in float32, {model.name} gives other answers than it does itself (the "
            f"largest difference is {error:.2g}): a layer or function of it does not come back "
            "from its own config.\nBuild the model in float32 and load its weights, then export.",
            given=model.name,
        )


def largest_hidden_values(model: keras.Model, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return, per case `(n,)`, the largest size of a value that an activation gives out.

    Infinite where an activation itself leaves float32, as an exponential of 89 does: beyond that,
    no two runtimes owe each other the same answer.

    Args:
        model: A functional or sequential model.
        inputs: Input name -> `(n, ...)`.
    """
    graph = graphs.Graph(model)
    outputs = [site.call.outputs[0] for site in sites.find_in(graph) if site.is_observable]
    count = len(next(iter(inputs.values())))
    if not outputs:
        return np.zeros(count)
    values = graph.observer(outputs)(graphs.ordered_inputs(model, inputs))
    sizes = [np.abs(np.asarray(v, "float64")).reshape(count, -1).max(axis=1) for v in values]
    return np.nan_to_num(np.max(sizes, axis=0), nan=np.inf)
