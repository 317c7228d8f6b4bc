"""Whether a model ends in probabilities, asked in one way by export and prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from actzoo import errors, tasks

if TYPE_CHECKING:
    import keras

PROBABILITY_ACTIVATIONS = ("softmax", "sigmoid")


def probability_activation(model: keras.Model) -> str | None:
    """Return the activation that a model's graph ends in, where it gives probabilities."""
    from actzoo import sites

    return next((name for name in PROBABILITY_ACTIVATIONS if sites.ends_in(model, name)), None)


def gives_probabilities(model: keras.Model, outputs: Callable[[], np.ndarray] | None) -> bool:
    """Tell whether a model gives probabilities although its graph does not end in them.

    The activation may hide in a user's function: then the outputs show it.

    Args:
        model: One whose `probability_activation` is None, with one output.
        outputs: Returns what it gives for some inputs; None for a model that is known to end in
            logits.

    Raises:
        InvalidValueError: It has one output per place and does not end in a sigmoid, so neither
            this output nor a softmax of it is a probability.
    """
    if model.outputs[0].shape[-1] == 1:
        raise errors.InvalidValueError(
            "The model has one output and does not end in a sigmoid: the output is not a "
            "probability, and a softmax after it gives 1 for any input.\nEnd it in a sigmoid "
            "(keras.layers.Activation('sigmoid')), or give it one output for each class.",
            given=1,
        )
    return outputs is not None and tasks.are_probabilities(outputs())
