"""Activations out of straight pieces, with a jump.

The ones without are Keras' own. The comparison is written so that NaN fails it and passes through:
a number in its place would hide that training has failed.
"""

from __future__ import annotations

from typing import Any

import keras


def threshold(x: Any, *, threshold: float = 0.5, value: float = 0.0) -> Any:
    """Pass what is above a threshold and put a fixed value elsewhere.

    Formula: `x if x > threshold, else value`.

    Args:
        x: Float tensor of any shape.
        threshold: Where the jump is.
        value: Output up to there.

    Returns:
        Tensor of the shape and dtype of `x`.
    """
    return keras.ops.where(x <= threshold, keras.ops.cast(value, x.dtype), x)


def thresholded_relu(x: Any, *, threshold: float = 1.0) -> Any:
    """Pass what is above a threshold, 0 elsewhere.

    Formula: `x if x > threshold, else 0`.

    Args:
        x: Float tensor of any shape.
        threshold: Where the jump is, at least 0.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Konda et al., 2014, "Zero-bias autoencoders and the benefits of co-adapting features",
        arXiv:1402.3337.
    """
    return keras.ops.where(x <= threshold, keras.ops.zeros_like(x), x)
