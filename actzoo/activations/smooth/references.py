"""Definitions of the smooth activations in NumPy; `reference_math` says what they promise."""

from __future__ import annotations

import math

import numpy as np

from actzoo.activations.learnable.references import blu
from actzoo.activations.reference_math import Array, exp, gated_arctan, logistic, times
from actzoo.activations.squashing.references import erf, gompertz, isru, softsign


def gelu(x: Array) -> Array:
    """X times the normal distribution function, x / 2 * erfc(-x / sqrt(2))."""
    tail = np.vectorize(math.erfc, otypes=[float])
    return times(x, 0.5 * tail(-x / math.sqrt(2.0)))


def gelu_tanh(x: Array) -> Array:
    """Half of x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))."""
    near = np.clip(x, -1e3, 1e3)  # far beyond where tanh is 1
    inner = math.sqrt(2.0 / math.pi) * (near + 0.044715 * near**3)
    return times(x, logistic(2.0 * inner))


def silu(x: Array) -> Array:
    """X * sigmoid(x)."""
    return times(x, logistic(x))


def hard_silu(x: Array) -> Array:
    """X * clip(x + 3, 0, 6) / 6."""
    return times(x, np.clip(x + 3.0, 0.0, 6.0) / 6.0)


def mish(x: Array) -> Array:
    """X * tanh(softplus(x))."""
    return times(x, np.tanh(softplus(x)))


def softplus(x: Array, beta: float = 1.0, linear_above: float | None = None) -> Array:
    """ln(1 + exp(beta x)) / beta; x where beta x is above `linear_above`."""
    y = np.logaddexp(0.0, beta * x) / beta
    return y if linear_above is None else np.where(beta * x > linear_above, x, y)


def squareplus(x: Array, b: float = 4.0) -> Array:
    """(x + sqrt(x^2 + b)) / 2."""
    size = np.abs(x)
    with np.errstate(invalid="ignore", over="ignore"):
        rest = 0.5 * b / (size + np.hypot(x, math.sqrt(b))) if b > 0 else np.zeros_like(x)
    return np.where(np.isnan(x), x, np.maximum(x, 0.0) + rest)


def sparse_plus(x: Array) -> Array:
    """0 up to -1, (x + 1)^2 / 4 up to 1, x above."""
    with np.errstate(over="ignore"):
        middle = 0.25 * (np.clip(x, -1.0, 1.0) + 1.0) ** 2
    return np.where(x >= 1.0, x, middle)


def smelu(x: Array, beta: float = 2.0) -> Array:
    """0 up to -beta, (x + beta)^2 / (4 beta) up to beta, x above."""
    middle = (np.clip(x, -beta, beta) + beta) ** 2 / (4.0 * beta)
    return np.where(x >= beta, x, middle)


def quick_gelu(x: Array) -> Array:
    """X * sigmoid(1.702 x)."""
    return times(x, logistic(1.702 * x))


def gelu_linear(x: Array) -> Array:
    """X times half of one plus the polynomial error function of I-BERT."""
    z = x / math.sqrt(2.0)
    near = np.minimum(np.abs(z), 1.769)
    return times(x, 0.5 * (1.0 + np.sign(z) * (1.0 - 0.2888 * (near - 1.769) ** 2)))


def gelu_clipped(x: Array, min_value: float = -10.0, max_value: float = 10.0) -> Array:
    """clip(gelu(x), min_value, max_value)."""
    return np.clip(gelu(x), min_value, max_value)


def e_swish(x: Array, beta: float = 1.5) -> Array:
    """Beta x sigmoid(x)."""
    return beta * silu(x)


def flatten_t_swish(x: Array, threshold: float = -0.2) -> Array:
    """X sigmoid(x) + threshold where positive, threshold elsewhere."""
    return silu(np.maximum(x, 0.0)) + threshold


def hard_mish(x: Array) -> Array:
    """X * clip(x + 2, 0, 2) / 2."""
    return times(x, 0.5 * np.clip(x + 2.0, 0.0, 2.0))


def tanh_exp(x: Array) -> Array:
    """X * tanh(exp(x))."""
    return times(x, np.tanh(exp(x)))


def serf(x: Array) -> Array:
    """X * erf(softplus(x))."""
    return times(x, erf(softplus(x)))


def phish(x: Array) -> Array:
    """X * tanh(gelu(x))."""
    return times(x, np.tanh(gelu(x)))


def logish(x: Array) -> Array:
    """X * ln(1 + sigmoid(x))."""
    return times(x, np.log1p(logistic(x)))


def smish(x: Array) -> Array:
    """X * tanh(ln(1 + sigmoid(x)))."""
    return times(x, np.tanh(np.log1p(logistic(x))))


def gish(x: Array) -> Array:
    """X * ln(2 - exp(-exp(x)))."""
    return times(x, np.log1p(-np.expm1(-exp(x))))


def loglogish(x: Array) -> Array:
    """X * (1 - exp(-exp(x)))."""
    return times(x, -np.expm1(-exp(x)))


def golu(x: Array) -> Array:
    """X * exp(-exp(-x))."""
    return times(x, gompertz(x))


def lisht(x: Array) -> Array:
    """X * tanh(x)."""
    return x * np.tanh(x)


def colu(x: Array) -> Array:
    """X / (1 - x exp(-(x + exp(x)))), multiplied out where the power would overflow."""
    power = x + exp(x)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        right = x / (1.0 - times(x, exp(-np.maximum(power, 0.0))))
        left = times(x, exp(np.minimum(power, 0.0))) / (exp(np.minimum(power, 0.0)) - x)
    inf = np.where(x > 0, x, 0.0)
    return np.where(np.isinf(x), inf, np.where(power >= 0, right, left))


def suish(x: Array) -> Array:
    """max(x, x exp(-|x|))."""
    return np.maximum(x, times(x, exp(-np.abs(x))))


def isrlu(x: Array, alpha: float = 1.0) -> Array:
    """X where positive, x / sqrt(1 + alpha x^2) elsewhere."""
    return np.where(x >= 0, x, isru(x, alpha))


def med_relu(x: Array) -> Array:
    """X where positive, softsign elsewhere."""
    return np.where(x >= 0, x, softsign(x))


def atlu(x: Array) -> Array:
    """X times (arctan(x) + pi / 2) / pi."""
    return gated_arctan(x, 0.0)


def sqrt_softplus(x: Array) -> Array:
    """sqrt(softplus(x))."""
    return np.sqrt(softplus(x))


def logcosh(x: Array) -> Array:
    """ln(cosh(x))."""
    return np.logaddexp(x, -x) - math.log(2.0)


def bent_identity(x: Array) -> Array:
    """(sqrt(x^2 + 1) - 1) / 2 + x."""
    return blu(x, 0.5)


def seagull(x: Array) -> Array:
    """ln(1 + x^2)."""
    return np.log1p(x**2)


def swoosh_l(x: Array) -> Array:
    """ln(1 + exp(x - 4)) - 0.08 x - 0.035."""
    with np.errstate(invalid="ignore"):
        return np.logaddexp(0.0, x - 4.0) - 0.08 * x - 0.035


def swoosh_r(x: Array) -> Array:
    """ln(1 + exp(x - 1)) - 0.08 x - 0.313261687."""
    with np.errstate(invalid="ignore"):
        return np.logaddexp(0.0, x - 1.0) - 0.08 * x - 0.313261687
