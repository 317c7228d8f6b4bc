"""What each activation is, in NumPy and float64.

These are the definitions that everything else is held against: Keras' functions, our own, the
device forms and the exported files. They are written for being right over the whole range, not
for speed, and share no code with what they judge. Each takes an array of any shape.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray


def _exp(x: Array) -> Array:
    with np.errstate(over="ignore", under="ignore"):
        return np.exp(x)


def _sigmoid(x: Array) -> Array:
    small = _exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _times(x: Array, gate: Array) -> Array:
    """Multiply, where a gate of 0 wins over an infinite x, as in the limit."""
    with np.errstate(invalid="ignore"):
        return np.where((gate == 0) & ~np.isnan(x), 0.0, x * gate)


def linear(x: Array) -> Array:
    """The input itself."""
    return x + 0.0


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0.0)


def relu6(x: Array) -> Array:
    """min(max(x, 0), 6)."""
    return np.clip(x, 0.0, 6.0)


def relu_n(x: Array, max_value: float = 1.0) -> Array:
    """min(max(x, 0), max_value)."""
    return np.clip(x, 0.0, max_value)


def thresholded_relu(x: Array, threshold: float = 1.0) -> Array:
    """X above the threshold, 0 elsewhere."""
    return np.where(x <= threshold, 0.0, x)


def threshold(x: Array, threshold: float = 0.5, value: float = 0.0) -> Array:
    """X above the threshold, `value` elsewhere."""
    return np.where(x <= threshold, value, x)


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """X where positive, negative_slope * x elsewhere."""
    return np.where(x >= 0, x, _times(x, np.full_like(x, negative_slope)))


def prelu(x: Array, negative_slope: float = 0.25, **_: Any) -> Array:
    """Leaky ReLU with the slope that training starts from."""
    return leaky_relu(x, negative_slope)


def rrelu(x: Array, lower: float = 1 / 8, upper: float = 1 / 3, seed: Any = None) -> Array:
    """Leaky ReLU with the mean slope, as at inference."""
    return leaky_relu(x, (lower + upper) / 2)


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
    return _exp(x)


def gelu(x: Array) -> Array:
    """X times the normal distribution function, x / 2 * erfc(-x / sqrt(2))."""
    tail = np.vectorize(math.erfc, otypes=[float])
    return _times(x, 0.5 * tail(-x / math.sqrt(2.0)))


def gelu_tanh(x: Array) -> Array:
    """Half of x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))."""
    near = np.clip(x, -1e3, 1e3)  # far beyond where tanh is 1
    inner = math.sqrt(2.0 / math.pi) * (near + 0.044715 * near**3)
    return _times(x, _sigmoid(2.0 * inner))


def silu(x: Array) -> Array:
    """X * sigmoid(x)."""
    return _times(x, _sigmoid(x))


def hard_silu(x: Array) -> Array:
    """X * clip(x + 3, 0, 6) / 6."""
    return _times(x, np.clip(x + 3.0, 0.0, 6.0) / 6.0)


def mish(x: Array) -> Array:
    """X * tanh(softplus(x))."""
    return _times(x, np.tanh(softplus(x)))


def softplus(x: Array) -> Array:
    """ln(1 + exp(x))."""
    return np.logaddexp(0.0, x)


def squareplus(x: Array, b: float = 4.0) -> Array:
    """(x + sqrt(x^2 + b)) / 2."""
    size = np.abs(x)
    with np.errstate(invalid="ignore", over="ignore"):
        rest = 0.5 * b / (size + np.hypot(x, math.sqrt(b))) if b > 0 else np.zeros_like(x)
    return np.where(np.isnan(x), x, np.maximum(x, 0.0) + rest)


def softsign(x: Array) -> Array:
    """X / (1 + |x|)."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(x), np.sign(x), x / (1.0 + np.abs(x)))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return _sigmoid(x)


def hard_sigmoid(x: Array) -> Array:
    """clip(x / 6 + 1 / 2, 0, 1)."""
    return np.clip(x / 6.0 + 0.5, 0.0, 1.0)


def log_sigmoid(x: Array) -> Array:
    """-ln(1 + exp(-x))."""
    return -np.logaddexp(0.0, -x)


def tanh(x: Array) -> Array:
    """Hyperbolic tangent."""
    return np.tanh(x)


def hard_tanh(x: Array) -> Array:
    """clip(x, -1, 1)."""
    return np.clip(x, -1.0, 1.0)


def tanh_shrink(x: Array) -> Array:
    """X - tanh(x)."""
    return x - np.tanh(x)


def soft_shrink(x: Array, threshold: float = 0.5) -> Array:
    """sign(x) * max(|x| - threshold, 0)."""
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0)


def hard_shrink(x: Array, threshold: float = 0.5) -> Array:
    """X where |x| is above the threshold, 0 elsewhere."""
    return np.where(np.abs(x) <= threshold, 0.0, x)


def sparse_plus(x: Array) -> Array:
    """0 up to -1, (x + 1)^2 / 4 up to 1, x above."""
    with np.errstate(over="ignore"):
        middle = 0.25 * (np.clip(x, -1.0, 1.0) + 1.0) ** 2
    return np.where(x >= 1.0, x, middle)


def sparse_sigmoid(x: Array) -> Array:
    """clip((x + 1) / 2, 0, 1)."""
    return np.clip(0.5 * (x + 1.0), 0.0, 1.0)


def plu(x: Array, alpha: float = 0.1, c: float = 1.0) -> Array:
    """max(alpha (x + c) - c, min(alpha (x - c) + c, x))."""
    return np.maximum(alpha * (x + c) - c, np.minimum(alpha * (x - c) + c, x))


def relu_squared(x: Array) -> Array:
    """max(x, 0)^2."""
    return np.maximum(x, 0.0) ** 2


def relu_absolute(x: Array) -> Array:
    """|x|."""
    return np.abs(x)


def nlrelu(x: Array, beta: float = 1.0) -> Array:
    """ln(1 + beta max(x, 0))."""
    return np.log1p(beta * np.maximum(x, 0.0))


def sine_relu(x: Array, epsilon: float = 0.0025) -> Array:
    """X where positive, epsilon (sin x - cos x) elsewhere."""
    with np.errstate(invalid="ignore"):
        return np.where(x > 0, x, epsilon * (np.sin(x) - np.cos(x)))


def srelu(
    x: Array,
    left: float = 0.0,
    left_slope: float = 0.2,
    right: float = 1.0,
    right_slope: float = 0.5,
    **_: Any,
) -> Array:
    """Three straight pieces."""
    middle = np.clip(x, left, right)
    return middle + left_slope * np.minimum(x - left, 0.0) + right_slope * np.maximum(x - right, 0)


def apl(x: Array, slope: float = 0.2, hinge: float = 0.5, pieces: int = 1, **_: Any) -> Array:
    """ReLU plus hinges at equal distances."""
    hinges = (np.maximum(hinge * number - x, 0.0) for number in range(1, pieces + 1))
    return np.maximum(x, 0.0) + slope * sum(hinges)


def pact(x: Array, alpha: float = 6.0, **_: Any) -> Array:
    """clip(x, 0, alpha)."""
    return np.clip(x, 0.0, alpha)


def flexible_relu(x: Array, bias: float = -0.398, **_: Any) -> Array:
    """max(x, 0) + bias."""
    return np.maximum(x, 0.0) + bias


def tlu(x: Array, tau: float = 0.0, **_: Any) -> Array:
    """max(x, tau)."""
    return np.maximum(x, tau)


def tlu_affine(x: Array, alpha: float = 0.0, tau: float = 0.0, **_: Any) -> Array:
    """max(x, alpha x + tau)."""
    return np.maximum(x, _times(x, np.full_like(x, alpha)) + tau)


def star_relu(x: Array, scale: float = 0.8944, bias: float = -0.4472, **_: Any) -> Array:
    """Scaled and moved max(x, 0)^2."""
    return scale * np.maximum(x, 0.0) ** 2 + bias


def poly_relu(
    x: Array, a0: float = 0.0, a1: float = 1 / 3, a2: float = 1 / 3, a3: float = 1 / 3, **_: Any
) -> Array:
    """Polynomial of max(x, 0)."""
    r = np.maximum(x, 0.0)
    return a0 + a1 * r + a2 * r**2 + a3 * r**3


def elu_plus_one(x: Array) -> Array:
    """X + 1 where positive, exp(x) elsewhere."""
    return np.where(x > 0, x + 1.0, _exp(np.minimum(x, 0.0)))


def elish(x: Array) -> Array:
    """ELU times the sigmoid."""
    return _times(elu(x), _sigmoid(x))


def hard_elish(x: Array) -> Array:
    """ELU times clip((x + 1) / 2, 0, 1)."""
    return _times(elu(x), np.clip(0.5 * (x + 1.0), 0.0, 1.0))


def symexp(x: Array) -> Array:
    """sign(x) (exp(|x|) - 1)."""
    with np.errstate(over="ignore"):
        return np.sign(x) * np.expm1(np.abs(x))


def pelu(x: Array, alpha: float = 1.0, beta: float = 1.0, **_: Any) -> Array:
    """Line of slope alpha / beta, and an exponential below."""
    return np.where(x >= 0, alpha / beta * x, alpha * np.expm1(np.minimum(x, 0.0) / beta))


def mpelu(x: Array, alpha: float = 0.25, beta: float = 1.0, **_: Any) -> Array:
    """X where positive, alpha (exp(beta x) - 1) elsewhere."""
    return np.where(x > 0, x, alpha * np.expm1(beta * np.minimum(x, 0.0)))


def soft_exponential(x: Array, alpha: float = 0.0, **_: Any) -> Array:
    """Logarithm, identity or exponential, by the sign of alpha."""
    if alpha == 0:
        return x + 0.0
    with np.errstate(over="ignore"):
        if alpha > 0:
            return np.expm1(alpha * x) / alpha + alpha
        return -np.log(np.maximum(1.0 - alpha * (x + alpha), 1e-7)) / alpha


def xielu(
    x: Array, alpha_p: float = 0.8, alpha_n: float = 0.8, beta: float = 0.5, **_: Any
) -> Array:
    """Parabola where positive, alpha_n (exp(x) - 1 - x) elsewhere, plus beta x."""
    low = np.minimum(x, 0.0)
    return np.where(x > 0, alpha_p * x**2, alpha_n * (np.expm1(low) - low)) + beta * x


def smelu(x: Array, beta: float = 2.0) -> Array:
    """0 up to -beta, (x + beta)^2 / (4 beta) up to beta, x above."""
    middle = (np.clip(x, -beta, beta) + beta) ** 2 / (4.0 * beta)
    return np.where(x >= beta, x, middle)


def quick_gelu(x: Array) -> Array:
    """X * sigmoid(1.702 x)."""
    return _times(x, _sigmoid(1.702 * x))


def gelu_linear(x: Array) -> Array:
    """X times half of one plus the polynomial error function of I-BERT."""
    z = x / math.sqrt(2.0)
    near = np.minimum(np.abs(z), 1.769)
    return _times(x, 0.5 * (1.0 + np.sign(z) * (1.0 - 0.2888 * (near - 1.769) ** 2)))


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
    return _times(x, 0.5 * np.clip(x + 2.0, 0.0, 2.0))


def tanh_exp(x: Array) -> Array:
    """X * tanh(exp(x))."""
    return _times(x, np.tanh(_exp(x)))


def serf(x: Array) -> Array:
    """X * erf(softplus(x))."""
    return _times(x, erf(softplus(x)))


def phish(x: Array) -> Array:
    """X * tanh(gelu(x))."""
    return _times(x, np.tanh(gelu(x)))


def logish(x: Array) -> Array:
    """X * ln(1 + sigmoid(x))."""
    return _times(x, np.log1p(_sigmoid(x)))


def smish(x: Array) -> Array:
    """X * tanh(ln(1 + sigmoid(x)))."""
    return _times(x, np.tanh(np.log1p(_sigmoid(x))))


def gish(x: Array) -> Array:
    """X * ln(2 - exp(-exp(x)))."""
    return _times(x, np.log1p(-np.expm1(-_exp(x))))


def loglogish(x: Array) -> Array:
    """X * (1 - exp(-exp(x)))."""
    return _times(x, -np.expm1(-_exp(x)))


def golu(x: Array) -> Array:
    """X * exp(-exp(-x))."""
    return _times(x, gompertz(x))


def lisht(x: Array) -> Array:
    """X * tanh(x)."""
    return x * np.tanh(x)


def colu(x: Array) -> Array:
    """X / (1 - x exp(-(x + exp(x)))), multiplied out where the power would overflow."""
    power = x + _exp(x)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        right = x / (1.0 - _times(x, _exp(-np.maximum(power, 0.0))))
        left = _times(x, _exp(np.minimum(power, 0.0))) / (_exp(np.minimum(power, 0.0)) - x)
    inf = np.where(x > 0, x, 0.0)
    return np.where(np.isinf(x), inf, np.where(power >= 0, right, left))


def suish(x: Array) -> Array:
    """max(x, x exp(-|x|))."""
    return np.maximum(x, _times(x, _exp(-np.abs(x))))


def isru(x: Array, alpha: float = 1.0) -> Array:
    """X / sqrt(1 + alpha x^2)."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(x), np.sign(x) / math.sqrt(alpha), x / np.sqrt(1 + alpha * x**2))


def isrlu(x: Array, alpha: float = 1.0) -> Array:
    """X where positive, x / sqrt(1 + alpha x^2) elsewhere."""
    return np.where(x >= 0, x, isru(x, alpha))


def med_relu(x: Array) -> Array:
    """X where positive, softsign elsewhere."""
    return np.where(x >= 0, x, softsign(x))


def atlu(x: Array) -> Array:
    """X times (arctan(x) + pi / 2) / pi; arctan of the reciprocal keeps its digits below 0."""
    return _gated_arctan(x, 0.0)


def xatlu(x: Array, alpha: float = 0.0, **_: Any) -> Array:
    """ATLU whose gate reaches from -alpha to 1 + alpha."""
    return _gated_arctan(x, alpha)


def _gated_arctan(x: Array, alpha: float) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.arctan(-1.0 / np.minimum(x, 0.0)) / math.pi
        gate = np.where(x < 0, low, np.arctan(x) / math.pi + 0.5)
        y = x * (gate * (1.0 + 2.0 * alpha) - alpha)
    return np.where(np.isneginf(x) & (alpha == 0), -1.0 / math.pi, y)


def trainable_swish(x: Array, beta: float = 1.0, **_: Any) -> Array:
    """X * sigmoid(beta x)."""
    return _times(x, _sigmoid(beta * x))


def sinlu(x: Array, alpha: float = 1.0, beta: float = 1.0, **_: Any) -> Array:
    """(x + alpha sin(beta x)) * sigmoid(x)."""
    with np.errstate(invalid="ignore"):
        return _times(x + alpha * np.sin(beta * x), _sigmoid(x))


def aria2(x: Array, alpha: float = 1.5, beta: float = 1.0, **_: Any) -> Array:
    """X (1 + exp(-beta x))^(-alpha)."""
    return _times(x, _sigmoid(beta * x) ** alpha)


def acon_b(x: Array, p: float = 0.25, beta: float = 1.0, **_: Any) -> Array:
    """A switch between x and p x."""
    return acon_c(x, 1.0, p, beta)


def acon_c(x: Array, p1: float = 1.0, p2: float = 0.0, beta: float = 1.0, **_: Any) -> Array:
    """A switch between p1 x and p2 x."""
    gate = _sigmoid(beta * (p1 - p2) * x)
    return _times(x, (p1 - p2) * gate + p2)


def smu(x: Array, negative_slope: float = 0.25, mu: float = 2.5, **_: Any) -> Array:
    """Smooth maximum of x and a x by the error function."""
    a = negative_slope
    return 0.5 * x * ((1.0 + a) + (1.0 - a) * erf(mu * (1.0 - a) * x))


def smu1(x: Array, negative_slope: float = 0.25, mu: float = 1.0, **_: Any) -> Array:
    """Smooth maximum of x and a x by a square root."""
    a = negative_slope
    with np.errstate(invalid="ignore"):
        return 0.5 * ((1.0 + a) * x + np.hypot((1.0 - a) * x, mu))


def pau(x: Array, **_: Any) -> Array:
    """The rational function with the published coefficients close to ReLU."""
    above = np.polyval([0.25281987, 1.52474449, 3.06608078, 2.37539147, 0.61690165, 0.02996348], x)
    below = np.polyval([0.34885983, 0.91111034, 4.40811795, 1.19160814, 0.0], x)
    return above / (1.0 + np.abs(below))


def blu(x: Array, beta: float = 0.5, **_: Any) -> Array:
    """Beta (sqrt(x^2 + 1) - 1) + x."""
    with np.errstate(invalid="ignore"):
        return beta * (np.hypot(x, 1.0) - 1.0) + x


def bent_identity(x: Array) -> Array:
    """(sqrt(x^2 + 1) - 1) / 2 + x."""
    return blu(x, 0.5)


def dyt(x: Array, alpha: float = 0.5, **_: Any) -> Array:
    """tanh(alpha x), as gamma is 1 and beta 0."""
    return np.tanh(alpha * x)


def arelu(x: Array, alpha: float = 0.9, beta: float = 2.0, **_: Any) -> Array:
    """(1 + sigmoid(beta)) x where positive, alpha x elsewhere."""
    right = 1.0 + 1.0 / (1.0 + math.exp(-beta))
    return np.where(x >= 0, right * x, min(max(alpha, 0.01), 0.99) * x)


def prob_act(x: Array, **_: Any) -> Array:
    """ReLU: the noise has mean 0 and is there in training only."""
    return np.maximum(x, 0.0)


def sqrt_softplus(x: Array) -> Array:
    """sqrt(softplus(x))."""
    return np.sqrt(softplus(x))


def logcosh(x: Array) -> Array:
    """ln(cosh(x))."""
    return np.logaddexp(x, -x) - math.log(2.0)


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


def hard_sigmoid_keras2(x: Array) -> Array:
    """clip(0.2 x + 0.5, 0, 1)."""
    return np.clip(0.2 * x + 0.5, 0.0, 1.0)


def lecun_tanh(x: Array) -> Array:
    """1.7159 tanh(2 x / 3)."""
    return 1.7159 * np.tanh(2.0 * x / 3.0)


def penalized_tanh(x: Array, alpha: float = 0.25) -> Array:
    """Tanh, times alpha where negative."""
    return np.where(x > 0, 1.0, alpha) * np.tanh(x)


def elliott_sigmoid(x: Array) -> Array:
    """(1 + softsign(x)) / 2."""
    return 0.5 * softsign(x) + 0.5


def arctan(x: Array) -> Array:
    """Arcus tangent."""
    return np.arctan(x)


def sigmoid_algebraic(x: Array, alpha: float = 0.5) -> Array:
    """Sigmoid of x (1 + alpha |x|) / (1 + |x| (1 + alpha |x|))."""
    size = np.abs(x) * (1.0 + alpha * np.abs(x))
    with np.errstate(invalid="ignore"):
        return _sigmoid(np.where(np.isinf(x), np.sign(x), np.sign(x) * size / (1.0 + size)))


def sqnl(x: Array) -> Array:
    """X - sign(x) x^2 / 4 up to |x| = 2, the sign beyond."""
    near = np.clip(x, -2.0, 2.0)
    return near - np.sign(near) * near**2 / 4.0


def symlog(x: Array) -> Array:
    """sign(x) ln(1 + |x|)."""
    return np.sign(x) * np.log1p(np.abs(x))


def soft_clipping(x: Array, alpha: float = 0.5) -> Array:
    """ln((1 + exp(alpha x)) / (1 + exp(alpha (x - 1)))) / alpha, from the nearer end."""
    low = np.minimum(x, 1.0 - x)
    part = (np.logaddexp(0, alpha * low) - np.logaddexp(0, alpha * (low - 1.0))) / alpha
    return np.where(x > 0.5, 1.0 - part, part)


def laplace(x: Array, mu: float = 0.707107, sigma: float = 0.282095) -> Array:
    """Normal distribution function of mean mu and deviation sigma."""
    tail = np.vectorize(math.erfc, otypes=[float])
    return 0.5 * tail((mu - x) / (sigma * math.sqrt(2.0)))


def gompertz(x: Array) -> Array:
    """exp(-exp(-x))."""
    return _exp(-_exp(-x))


def erf(x: Array) -> Array:
    """Error function."""
    return np.vectorize(math.erf, otypes=[float])(x)


def gaussian(x: Array) -> Array:
    """exp(-x^2)."""
    return _exp(-(x**2))


def sine(x: Array, w0: float = 1.0) -> Array:
    """sin(w0 x)."""
    with np.errstate(invalid="ignore"):
        return np.sin(w0 * x)


def snake(x: Array, alpha: float = 1.0) -> Array:
    """X + sin(alpha x)^2 / alpha."""
    with np.errstate(invalid="ignore"):
        return x + np.sin(alpha * x) ** 2 / alpha


def gcu(x: Array) -> Array:
    """X cos(x)."""
    with np.errstate(invalid="ignore"):
        return x * np.cos(x)


def asu(x: Array) -> Array:
    """X sin(x)."""
    with np.errstate(invalid="ignore"):
        return x * np.sin(x)
