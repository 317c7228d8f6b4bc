"""Smooth stand-ins for ReLU, written so that no half-precision value on the way overflows."""

from __future__ import annotations

from typing import Any

import keras


def gelu_tanh(x: Any) -> Any:
    """Apply GELU by the tanh approximation of its paper.

    Formula: `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`, here by
    `1 + tanh(u) = 2 * sigmoid(2 u)`. Beyond |x| = 10 the gate is 0 or 1 to the last bit, so the
    clip changes nothing but keeps the cube (float16 overflows from x = 41) and -inf finite.

    Args:
        x: Float tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Hendrycks & Gimpel, 2016, "Gaussian Error Linear Units (GELUs)", arXiv:1606.08415.
    """
    near = keras.ops.clip(x, -10.0, 10.0)
    gate = keras.ops.sigmoid(near * (1.5957691216057308 + 0.07135481627 * near * near))
    return keras.ops.maximum(x, -10.0) * gate


def squareplus(x: Any, *, b: float = 4.0) -> Any:
    """Apply squareplus, a hyperbola that approaches ReLU on both sides.

    Formula: `(x + sqrt(x^2 + b)) / 2`, here as `max(x, 0) + b / 2 / (|x| + sqrt(x^2 + b))`, which
    keeps its digits for large negative x.

    Args:
        x: Float tensor of any shape.
        b: Width of the bend, above 0; 4 touches 1 at 0.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference:
        Barron, 2021, "Squareplus: A Softplus-Like Algebraic Rectifier", arXiv:2112.11687.
    """
    # The square of the largest float16 that may be squared, minus room for b; nothing is lost:
    # far out, the root only divides a small number.
    far = 230.0 if keras.backend.standardize_dtype(x.dtype) == "float16" else 1e15
    root = keras.ops.sqrt(keras.ops.square(keras.ops.clip(x, -far, far)) + b)
    above = keras.ops.maximum(x, -far)
    # Half and half: the gradient at 0 is 1/2, which neither relu nor maximum gives.
    rectified = 0.5 * above + 0.5 * keras.ops.abs(above)
    return rectified + (0.5 * b) / (keras.ops.abs(x) + root)


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
