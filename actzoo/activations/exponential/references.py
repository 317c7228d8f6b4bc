"""Definitions of the exponential activations in NumPy; `reference_math` says what they promise."""

from __future__ import annotations

import numpy as np

from actzoo.activations.reference_math import Array, exp, logistic, times


def elu(x: Array, alpha: float = 1.0) -> Array:
    """X where positive, alpha * (exp(x) - 1) elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def selu(x: Array) -> Array:
    """Scaled ELU with the constants of the paper."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def celu(x: Array, alpha: float = 1.0) -> Array:
    """X where positive, alpha * (exp(x / alpha) - 1) elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0) / alpha))


def exponential(x: Array) -> Array:
    """exp(x)."""
    return exp(x)


def elu_plus_one(x: Array) -> Array:
    """X + 1 where positive, exp(x) elsewhere."""
    return np.where(x > 0, x + 1.0, exp(np.minimum(x, 0.0)))


def elish(x: Array) -> Array:
    """ELU times the sigmoid."""
    return times(elu(x), logistic(x))


def hard_elish(x: Array) -> Array:
    """ELU times clip((x + 1) / 2, 0, 1)."""
    return times(elu(x), np.clip(0.5 * (x + 1.0), 0.0, 1.0))


def symexp(x: Array) -> Array:
    """sign(x) (exp(|x|) - 1)."""
    with np.errstate(over="ignore"):
        return np.sign(x) * np.expm1(np.abs(x))
