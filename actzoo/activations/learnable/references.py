"""Definitions of the learnable activations in NumPy; `reference_math` says what they promise."""

from __future__ import annotations

import math

import numpy as np

from actzoo.activations.rectified.references import leaky_relu
from actzoo.activations.reference_math import Array, gated_arctan, logistic, times
from actzoo.activations.squashing.references import erf


def prelu(x: Array, negative_slope: float, **_: object) -> Array:
    """Leaky ReLU with the slope that training starts from."""
    return leaky_relu(x, negative_slope)


def rrelu(x: Array, lower: float, upper: float, **_: object) -> Array:
    """Leaky ReLU with the mean slope, as at inference."""
    return leaky_relu(x, (lower + upper) / 2)


def srelu(
    x: Array,
    left: float,
    left_slope: float,
    right: float,
    right_slope: float,
    **_: object,
) -> Array:
    """Three straight pieces."""
    middle = np.clip(x, left, right)
    return middle + left_slope * np.minimum(x - left, 0.0) + right_slope * np.maximum(x - right, 0)


def apl(x: Array, slope: float, hinge: float, pieces: int, **_: object) -> Array:
    """ReLU plus hinges at equal distances."""
    hinges = (np.maximum(hinge * number - x, 0.0) for number in range(1, pieces + 1))
    return np.maximum(x, 0.0) + slope * sum(hinges)


def pact(x: Array, alpha: float, **_: object) -> Array:
    """clip(x, 0, alpha)."""
    return np.clip(x, 0.0, alpha)


def flexible_relu(x: Array, bias: float, **_: object) -> Array:
    """max(x, 0) + bias."""
    return np.maximum(x, 0.0) + bias


def tlu(x: Array, tau: float, **_: object) -> Array:
    """max(x, tau)."""
    return np.maximum(x, tau)


def tlu_affine(x: Array, alpha: float, tau: float, **_: object) -> Array:
    """max(x, alpha x + tau)."""
    return np.maximum(x, times(x, np.full_like(x, alpha)) + tau)


def star_relu(x: Array, scale: float, bias: float, **_: object) -> Array:
    """Scaled and moved max(x, 0)^2."""
    return scale * np.maximum(x, 0.0) ** 2 + bias


def poly_relu(x: Array, a0: float, a1: float, a2: float, a3: float, **_: object) -> Array:
    """Polynomial of max(x, 0)."""
    r = np.maximum(x, 0.0)
    return a0 + a1 * r + a2 * r**2 + a3 * r**3


def pelu(x: Array, alpha: float, beta: float, **_: object) -> Array:
    """Line of slope alpha / beta, and an exponential below."""
    return np.where(x >= 0, alpha / beta * x, alpha * np.expm1(np.minimum(x, 0.0) / beta))


def mpelu(x: Array, alpha: float, beta: float, **_: object) -> Array:
    """X where positive, alpha (exp(beta x) - 1) elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(beta * np.minimum(x, 0.0)))


def soft_exponential(x: Array, alpha: float, **_: object) -> Array:
    """Logarithm, identity or exponential, by the sign of alpha."""
    if alpha == 0:
        return x + 0.0
    with np.errstate(over="ignore"):
        if alpha > 0:
            return np.expm1(alpha * x) / alpha + alpha
        return -np.log(np.maximum(1.0 - alpha * (x + alpha), 1e-7)) / alpha


def xielu(x: Array, alpha_p: float, alpha_n: float, beta: float, **_: object) -> Array:
    """Parabola where positive, alpha_n (exp(x) - 1 - x) elsewhere, plus beta x."""
    low = np.minimum(x, 0.0)
    return np.where(x > 0, alpha_p * x**2, alpha_n * (np.expm1(low) - low)) + beta * x


def trainable_swish(x: Array, beta: float, **_: object) -> Array:
    """X * sigmoid(beta x)."""
    return times(x, logistic(beta * x))


def sinlu(x: Array, alpha: float, beta: float, **_: object) -> Array:
    """(x + alpha sin(beta x)) * sigmoid(x)."""
    with np.errstate(invalid="ignore"):
        return times(x + alpha * np.sin(beta * x), logistic(x))


def aria2(x: Array, alpha: float, beta: float, **_: object) -> Array:
    """X (1 + exp(-beta x))^(-alpha)."""
    return times(x, logistic(beta * x) ** alpha)


def acon_b(x: Array, p: float, beta: float, **_: object) -> Array:
    """A switch between x and p x."""
    return acon_c(x, 1.0, p, beta)


def acon_c(x: Array, p1: float, p2: float, beta: float, **_: object) -> Array:
    """A switch between p1 x and p2 x."""
    gate = logistic(beta * (p1 - p2) * x)
    return times(x, (p1 - p2) * gate + p2)


def smu(x: Array, negative_slope: float, mu: float, **_: object) -> Array:
    """Smooth maximum of x and a x by the error function."""
    a = negative_slope
    return 0.5 * x * ((1.0 + a) + (1.0 - a) * erf(mu * (1.0 - a) * x))


def smu1(x: Array, negative_slope: float, mu: float, **_: object) -> Array:
    """Smooth maximum of x and a x by a square root."""
    a = negative_slope
    with np.errstate(invalid="ignore"):
        return 0.5 * ((1.0 + a) * x + np.hypot((1.0 - a) * x, mu))


def pau(x: Array, **_: object) -> Array:
    """The rational function with the published coefficients close to ReLU."""
    above = np.polyval([0.25281987, 1.52474449, 3.06608078, 2.37539147, 0.61690165, 0.02996348], x)
    below = np.polyval([0.34885983, 0.91111034, 4.40811795, 1.19160814, 0.0], x)
    return above / (1.0 + np.abs(below))


def blu(x: Array, beta: float, **_: object) -> Array:
    """Beta (sqrt(x^2 + 1) - 1) + x."""
    with np.errstate(invalid="ignore"):
        return beta * (np.hypot(x, 1.0) - 1.0) + x


def xatlu(x: Array, alpha: float, **_: object) -> Array:
    """ATLU whose gate reaches from -alpha to 1 + alpha."""
    return gated_arctan(x, alpha)


def dyt(x: Array, alpha: float, **_: object) -> Array:
    """tanh(alpha x), as gamma is 1 and beta 0."""
    return np.tanh(alpha * x)


def arelu(x: Array, alpha: float, beta: float, **_: object) -> Array:
    """(1 + sigmoid(beta)) x where positive, alpha x elsewhere."""
    right = 1.0 + 1.0 / (1.0 + math.exp(-beta))
    return np.where(x >= 0, right * x, min(max(alpha, 0.01), 0.99) * x)


def prob_act(x: Array, **_: object) -> Array:
    """ReLU: the noise has mean 0 and is there in training only."""
    return np.maximum(x, 0.0)
