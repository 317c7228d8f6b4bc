"""What keeps numbers in range: half-precision inputs, and pieces that several formulas share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import keras
from keras import ops

Tensor: TypeAlias = keras.KerasTensor  # or what the backend computes with
HALF = ("float16", "bfloat16")


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of a tensor compute in float32 where its input is half as wide.

    Steps on the way overflow float16 from |x| = 256 (a square) or 11 (an exponential), and a sum
    with 1 leaves bfloat16 two digits. The outcome is rounded once, to the input's type.
    """

    @functools.wraps(function)
    def compute(x: Tensor, **parameters: object) -> Tensor:
        dtype = keras.backend.standardize_dtype(x.dtype)
        if dtype not in HALF:
            return function(x, **parameters)
        return ops.cast(function(ops.cast(x, "float32"), **parameters), dtype)

    return compute


def with_gradient(derivative: Callable[..., Any]) -> Callable[..., Any]:
    """Give an elementwise function its derivative in closed form.

    The backward pass then needs the input alone, and not every step on the way: a third to a half
    less memory at the peak of a training step (`scripts/benchmark_activations.py`), at no more
    time. JAX cannot take forward-mode derivatives (`jax.jvp`) through it.

    Args:
        derivative: Takes what the function takes.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def compute(x: Tensor, **parameters: object) -> Tensor:
            @ops.custom_gradient
            def run(x: Tensor) -> tuple[Any, Callable[..., Any]]:
                def gradient(*args: object, upstream: Tensor | None = None) -> Tensor:
                    (given,) = args if upstream is None else (upstream,)
                    return given * derivative(x, **parameters)

                return function(x, **parameters), gradient

            return run(x)

        return compute

    return decorate


@in_float32
def softmax_over(x: Tensor, *, axes: tuple[int, ...]) -> Tensor:
    """Return softmax over several axes; Keras' function fails where the batch size is unknown."""
    powers = ops.exp(below_largest(x, axes))
    return powers / ops.sum(powers, axis=axes, keepdims=True)


@in_float32
def log_softmax_over(x: Tensor, *, axes: tuple[int, ...]) -> Tensor:
    """Return the logarithm of softmax over several axes; see `softmax_over`."""
    z = below_largest(x, axes)
    return z - ops.log(ops.sum(ops.exp(z), axis=axes, keepdims=True))


def below_largest(x: Tensor, axis: int | tuple[int, ...] = -1) -> Tensor:
    """Return scores minus the largest of each distribution, so that exponentials stay finite."""
    return x - ops.stop_gradient(ops.max(x, axis=axis, keepdims=True))


def negative_part(x: Tensor) -> Tensor:
    """Return min(x, 0), of slope 1 at 0 in every backend."""
    return ops.where(x > 0, ops.zeros_like(x), x)


def sign(x: Tensor) -> Tensor:
    """Return 1 for x >= 0, else -1; `sign(x) * x` is |x| with the slope 1 at 0."""
    one = ops.ones_like(x)
    return ops.where(x >= 0, one, -one)
