"""Float forms: stable where TFLite's operators are not, out of builtin operators only.

Each takes `x` of any float shape and the activation's parameters; unknown ones are ignored.
Learned ones are arrays that broadcast against `x`.
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops as K


def softplus(x: Any, **_: Any) -> Any:
    """Return ln(1 + exp(x)) without the overflow that TFLite has near 100."""
    return K.relu(x) - K.log(K.sigmoid(K.abs(x)))


def sqrt_softplus(x: Any, **_: Any) -> Any:
    """Return sqrt(softplus(x)); far below 0 by the series of softplus, which keeps its digits."""
    low = K.minimum(x, -5.0)
    power = K.exp(low)
    tail = K.exp(0.5 * low) * K.sqrt(1.0 - power * (0.5 - power * (1.0 / 3.0)))
    return K.where(x < -5.0, tail, K.sqrt(softplus(K.maximum(x, -5.0))))


def logcosh(x: Any, **_: Any) -> Any:
    """Return ln(cosh(x))."""
    size = K.abs(x)
    return size - K.log(K.sigmoid(2.0 * size)) - math.log(2.0)


def swoosh_l(x: Any, **_: Any) -> Any:
    """Return ln(1 + exp(x - 4)) - 0.08 x - 0.035."""
    return softplus(x - 4.0) - 0.08 * x - 0.035


def swoosh_r(x: Any, **_: Any) -> Any:
    """Return ln(1 + exp(x - 1)) - 0.08 x - 0.313261687."""
    return softplus(x - 1.0) - 0.08 * x - 0.313261687


def soft_clipping(x: Any, *, alpha: float = 0.5, **_: Any) -> Any:
    """Return soft clipping from the nearer of its two ends, where no power overflows."""
    low = K.minimum(x, 1.0 - x)
    part = K.log(K.exp(alpha * low) + 1.0) - K.log(K.exp(alpha * (low - 1.0)) + 1.0)
    part = (1.0 / alpha) * part
    return K.where(x > 0.5, 1.0 - part, part)


def aria2(x: Any, *, alpha: Any = 1.5, beta: Any = 1.0, **_: Any) -> Any:
    """Return x sigmoid(beta x)^alpha."""
    return x * K.exp(alpha * K.log(K.sigmoid(beta * x)))


# erf(x) = x P(x^2) / Q(x^2) up to |x| = 4, beyond which float32 has 1; a least-maximum fit whose
# largest error is 2e-8, 4e-7 when computed in float32.
_ERF_ABOVE = (
    1.128378976,
    0.1962495692,
    0.05346756018,
    0.004003673538,
    0.0002880424515,
    1.974829912e-06,
)
_ERF_BELOW = (1.0, 0.5072528107, 0.1164766751, 0.01544447514, 0.001216367488, 3.748091664e-05)


def erf(x: Any, **_: Any) -> Any:
    """Return the error function, which TFLite has not."""
    near = K.minimum(K.maximum(x, -4.0), 4.0)
    square = K.square(near)
    return near * (_polynomial(square, _ERF_ABOVE) / _polynomial(square, _ERF_BELOW))


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    """Return the sum of coefficients[k] x^k."""
    y = x * coefficients[-1] + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        y = y * x + coefficient
    return y


def serf(x: Any, **_: Any) -> Any:
    """Return x erf(softplus(x))."""
    return x * erf(softplus(x))


def laplace(x: Any, *, mu: float = 0.707107, sigma: float = 0.282095, **_: Any) -> Any:
    """Return the normal distribution function of mean mu and deviation sigma."""
    return 0.5 + 0.5 * erf((x - mu) * (math.sqrt(0.5) / sigma))


def smu(x: Any, *, negative_slope: float = 0.25, mu: Any = 2.5, **_: Any) -> Any:
    """Return the smooth maximum of x and negative_slope * x."""
    a = negative_slope
    return 0.5 * ((1.0 + a) * x + (1.0 - a) * x * erf(mu * (1.0 - a) * x))


def arctan(x: Any, **_: Any) -> Any:
    """Return the arcus tangent."""
    return K.arctan2(x, K.ones_like(x))


def atlu(x: Any, **_: Any) -> Any:
    """Return x (arctan(x) + pi / 2) / pi."""
    return x * (K.arctan2(K.ones_like(x), -x) * (1.0 / math.pi))


def xatlu(x: Any, *, alpha: Any = 0.0, **_: Any) -> Any:
    """Return ATLU with its gate stretched by alpha on both sides."""
    gate = K.arctan2(K.ones_like(x), -x) * (1.0 / math.pi)
    return x * (gate * (1.0 + 2.0 * alpha) - alpha)
