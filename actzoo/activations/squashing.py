"""Activations that squash the line into an interval; most are Keras' own."""

from __future__ import annotations

from typing import Any

import keras


def softsign(x: Any) -> Any:
    """Apply softsign.

    Formula: `x / (1 + |x|)`. The clip keeps infinity over infinity from becoming NaN; where it
    acts the result is 1 to the last bit anyway.

    Args:
        x: Float tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Bergstra et al., 2009, "Quadratic Polynomials Learn Better Image Features".
    """
    far = 3e4 if keras.backend.standardize_dtype(x.dtype) == "float16" else 1e15
    near = keras.ops.clip(x, -far, far)
    return near / (1.0 + keras.ops.abs(near))
