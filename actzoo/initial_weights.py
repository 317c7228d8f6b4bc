"""Initial weights as a pure function of the seed and of the place of each weight.

Keras takes the seed of an initializer from Python's `random` when a layer is made, so what a layer
starts from would depend on which layers were made before it. Here each weight is drawn again with
a seed of its own, from the run's seed, the layer's name and the weight's name.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

LARGEST = 2**31 - 1  # of a seed, on every backend


def key(seed: int, *words: object) -> int:
    """Return a number that is a pure function of a seed and of words, such as names."""
    text = "/".join(map(str, (seed, *words)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") % LARGEST


@contextlib.contextmanager
def unchanged_random_state() -> Iterator[None]:
    """Put Python's random state back after the block, in which Keras draws from it."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def assign(model: keras.Model, seed: int) -> None:
    """Draw the weights of a new model again, each with a seed of its own.

    Left as they are: weights that are not what the layer's initializer gave (a builder may have
    loaded or set them), and those whose initializer or random state has a seed from its builder.

    Args:
        model: Just built.
        seed: The run's seed.
    """
    for path, layer in _named_layers(model):
        for number, part in enumerate(layer._flatten_layers()):
            _assign_random_state(part, key(seed, path, number, "random state"))
            for weight in _own_weights(part):
                initializer = _initializer_of(weight, part)
                if initializer is not None:
                    own = {**initializer.get_config(), "seed": key(seed, path, number, weight.name)}
                    again = type(initializer).from_config(own)
                    weight.assign(again(weight.shape, dtype=weight.dtype))


def _named_layers(model: keras.Model, prefix: str = "") -> Iterator[tuple[str, keras.layers.Layer]]:
    """Yield the layers of a model and of the models in it, each with its path.

    A name that Keras made up ("dense_7") counts what the process made before; such a layer is
    named by its place among those of its class.
    """
    import keras

    counts: dict[str, int] = {}
    for layer in model.layers:
        name, kind = layer.name, type(layer).__name__
        if re.sub(r"_\d+$", "", name).replace("_", "") == kind.lower():
            counts[kind] = counts.get(kind, 0) + 1
            name = f"{kind}#{counts[kind]}"
        if isinstance(layer, keras.Model):
            yield from _named_layers(layer, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", layer


def _own_weights(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Return the weights of a layer without those of the layers in it."""
    inner = {
        id(weight) for part in layer._flatten_layers(include_self=False) for weight in part.weights
    }
    return [weight for weight in layer.weights if id(weight) not in inner]


def _initializer_of(
    weight: keras.Variable, layer: keras.layers.Layer
) -> keras.initializers.Initializer | None:
    """Return the unseeded random initializer of a layer that gave a weight its value.

    Which one it was is told by drawing again: an initializer gives the same value each time.
    """
    import numpy as np
    from keras import ops

    for initializer in _unseeded_initializers(layer):
        try:
            drawn = initializer(weight.shape, dtype=weight.dtype)
        except (ValueError, IndexError):  # it is not for weights of this shape
            continue
        if np.array_equal(ops.convert_to_numpy(drawn), ops.convert_to_numpy(weight)):
            return initializer
    return None


def _unseeded_initializers(
    layer: keras.layers.Layer,
) -> Iterator[keras.initializers.Initializer]:
    """Yield the initializers of a layer that were given no seed and drew one."""
    import keras

    for initializer in vars(layer).values():
        if not isinstance(initializer, keras.initializers.Initializer):
            continue
        config = initializer.get_config()
        if config.get("seed", "not random") is not None:
            continue
        if isinstance(layer, keras.layers.EinsumDense) and "input_axes" in config:
            axes = _axes_of_kernel(layer.equation)  # Keras tells them to a copy only
            yield type(initializer).from_config({**config, **axes, "seed": initializer.seed})
        else:
            yield initializer


def _axes_of_kernel(equation: str) -> dict[str, list[int]]:
    """Return which axes of the kernel of an einsum are inputs, and which are outputs."""
    _, kernel, output = re.split(",|->", equation)
    axes = list(enumerate(kernel))
    return {
        "input_axes": [axis for axis, letter in axes if letter not in output],
        "output_axes": [axis for axis, letter in axes if letter in output],
    }


def _assign_random_state(layer: keras.layers.Layer, state: int) -> None:
    """Set the random state of a layer that draws numbers, such as dropout."""
    import keras

    if getattr(layer, "seed", None) is not None:
        return
    for generator in vars(layer).values():
        if isinstance(generator, keras.random.SeedGenerator):
            generator.state.assign([state, 0])
