"""Smooth stand-ins for ReLU, written so that no half-precision value on the way overflows."""

from __future__ import annotations

from typing import Any

import keras


def gelu_tanh(x: Any) -> Any:
    """Apply GELU by the tanh approximation of its paper.

    Formula: `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`.

    Args:
        x: Float tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Hendrycks & Gimpel, 2016, "Gaussian Error Linear Units (GELUs)", arXiv:1606.08415.
    """
    if keras.backend.standardize_dtype(x.dtype) != "float16":
        return keras.ops.gelu(x, approximate=True)  # one fused operator on devices
    # The cube overflows from x = 41 and makes the gradient NaN. Beyond 10 the gate is 0 or 1 to
    # the last bit, so the clip changes nothing else. 1 + tanh(u) = 2 sigmoid(2 u).
    near = keras.ops.clip(x, -10.0, 10.0)
    return x * keras.ops.sigmoid(near * (1.5957691 + 0.071354816 * keras.ops.square(near)))


def squareplus(x: Any, *, b: float = 4.0) -> Any:
    """Apply squareplus, a hyperbola that approaches ReLU on both sides.

    Formula: `(x + sqrt(x^2 + b)) / 2`.

    Args:
        x: Float tensor of any shape.
        b: Width of the bend, above 0; the value at 0 is half its root.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Barron, 2021, "Squareplus: A Softplus-Like Algebraic Rectifier", arXiv:2112.11687.
    """
    dtype = keras.backend.standardize_dtype(x.dtype)
    if dtype in ("float16", "bfloat16"):  # the square overflows, or the sum has no digits left
        return keras.ops.cast(squareplus(keras.ops.cast(x, "float32"), b=b), dtype)
    return 0.5 * (x + keras.ops.sqrt(keras.ops.square(x) + b))


def sparse_plus(x: Any) -> Any:
    """Apply sparse plus: a parabola between two straight lines.

    Formula: `0 if x <= -1, (x + 1)^2 / 4 if -1 < x < 1, x if x >= 1`.

    Args:
        x: Float tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Blondel et al., 2019, "Learning with Fenchel-Young Losses", arXiv:1901.02324.
    """
    middle = keras.ops.clip(x, -1.0, 1.0)
    return 0.25 * keras.ops.square(middle + 1.0) + keras.ops.relu(x - 1.0)
