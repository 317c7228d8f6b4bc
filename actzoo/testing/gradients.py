"""Gradients of a layer under whichever backend Keras runs on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def by_input(layer: Any, tensor: Any, weights: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Return a layer's output, and the gradient of its weighted sum with respect to its input.

    Args:
        layer: A Keras layer.
        tensor: Its input.
        weights: Output -> weights of the sum, of its shape and dtype.
    """
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        output, pull_back = jax.vjp(layer, tensor)
        return output, pull_back(weights(output))[0]
    if backend == "torch":
        point = tensor.detach().clone().requires_grad_(True)
        output = layer(point)
        output.backward(gradient=weights(output))
        return output.detach(), point.grad
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensor)
        output = layer(tensor)
    return output, tape.gradient(output, tensor, output_gradients=weights(output))


def by_weights(layer: Any, tensor: Any, *, training: bool) -> list[np.ndarray]:
    """Return the gradient of the sum of squares of a layer's output for each trainable weight.

    Args:
        layer: A built Keras layer.
        tensor: Its input.
        training: As in its call.
    """
    import keras
    from keras import ops

    backend = keras.backend.backend()
    mode = {"training": True} if training else {}  # not every layer takes it
    values = [weight.value for weight in layer.trainable_variables]
    slopes: Any
    if backend == "jax":
        import jax

        others = [weight.value for weight in layer.non_trainable_variables]

        def loss(trained: Any) -> Any:
            output, _ = layer.stateless_call(trained, others, tensor, **mode)
            return ops.sum(ops.square(output))

        slopes = jax.grad(loss)(values)
    elif backend == "torch":
        import torch

        square = ops.sum(ops.square(layer(tensor, **mode)))
        slopes = torch.autograd.grad(square, values, allow_unused=True)
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            square = tf.reduce_sum(tf.square(layer(tensor, **mode)))
        slopes = tape.gradient(square, values)
    return [
        np.zeros(1) if gradient is None else ops.convert_to_numpy(gradient) for gradient in slopes
    ]
