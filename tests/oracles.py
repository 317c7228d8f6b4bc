"""The right answers, from libraries that share nothing with ours: mpmath at 50 digits, scipy.

One line per activation, for its default parameters unless others are given. Scalar functions take
and return mpmath numbers; those over channels take and return arrays.
"""

import functools

import mpmath
import numpy as np
import scipy.optimize
import scipy.special
from mpmath import mpf

mpmath.mp.dps = 50

SCALAR = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, mpf(0)),
    "relu6": lambda x: min(max(x, mpf(0)), mpf(6)),
    "relu_n": lambda x, max_value=1.0: min(max(x, mpf(0)), mpf(max_value)),
    "thresholded_relu": lambda x, threshold=1.0: x if x > threshold else mpf(0),
    "threshold": lambda x, threshold=0.5, value=0.0: x if x > threshold else mpf(value),
    "leaky_relu": lambda x, negative_slope=0.01: x if x >= 0 else mpf(negative_slope) * x,
    "prelu": lambda x, negative_slope=0.25: x if x >= 0 else mpf(negative_slope) * x,
    "rrelu": lambda x, lower=1 / 8, upper=1 / 3: x if x >= 0 else (mpf(lower) + upper) / 2 * x,
    "elu": lambda x, alpha=1.0: x if x > 0 else alpha * mpmath.expm1(x),
    "selu": lambda x: (
        mpf("1.0507009873554804934193349852946")
        * (x if x > 0 else mpf("1.6732632423543772848170429916717") * mpmath.expm1(x))
    ),
    "celu": lambda x, alpha=1.0: x if x > 0 else alpha * mpmath.expm1(x / alpha),
    "exponential": mpmath.exp,
    "gelu": lambda x: x * mpmath.ncdf(x),
    "gelu_tanh": lambda x: (
        x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpf("0.044715") * x**3)))
    ),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "hard_silu": lambda x: x * min(max(x + 3, mpf(0)), mpf(6)) / 6,
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "squareplus": lambda x, b=4.0: (x + mpmath.sqrt(x**2 + b)) / 2,
    "sparse_plus": lambda x: mpf(0) if x <= -1 else (x if x >= 1 else (x + 1) ** 2 / 4),
    "softsign": lambda x: x / (1 + abs(x)),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "hard_sigmoid": lambda x: min(max(x / 6 + mpf(1) / 2, mpf(0)), mpf(1)),
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "hard_tanh": lambda x: min(max(x, mpf(-1)), mpf(1)),
    "sparse_sigmoid": lambda x: min(max((x + 1) / 2, mpf(0)), mpf(1)),
    "tanh_shrink": lambda x: x - mpmath.tanh(x),
    "soft_shrink": lambda x, threshold=0.5: mpmath.sign(x) * max(abs(x) - threshold, mpf(0)),
    "hard_shrink": lambda x, threshold=0.5: x if abs(x) > threshold else mpf(0),
}


def _simplex(row: np.ndarray) -> np.ndarray:
    """The tau with sum(max(x - tau, 0)) = 1 by Brent's root finder."""
    excess = lambda tau: np.maximum(row - tau, 0).sum() - 1  # noqa: E731
    tau = scipy.optimize.brentq(excess, row.max() - 1, row.max(), xtol=1e-15, rtol=1e-15)
    return np.maximum(row - tau, 0)


CHANNELS = {
    "glu": lambda x: x[..., : x.shape[-1] // 2] * scipy.special.expit(x[..., x.shape[-1] // 2 :]),
    "softmax": lambda x: scipy.special.softmax(x, axis=-1),
    "log_softmax": lambda x: scipy.special.log_softmax(x, axis=-1),
    "sparsemax": lambda x: np.apply_along_axis(_simplex, -1, x),
}


def oracle(name: str, **params):
    """Return the right answer as a function from a float64 array to another."""
    if name in CHANNELS:
        return CHANNELS[name]
    exact = functools.lru_cache(None)(lambda value: float(SCALAR[name](mpf(value), **params)))

    def compute(x):
        flat = [exact(float(value)) for value in np.asarray(x, "float64").flat]
        return np.array(flat).reshape(np.shape(x))

    return compute
