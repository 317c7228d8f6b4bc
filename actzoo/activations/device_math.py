"""What the device forms of several families share: stable pieces out of TFLite's builtin operators.

A float form is stable and made of builtin operators; it takes `x` of any float shape and the
activation's parameters, learned ones as arrays that broadcast against `x`. An int8 form is a chain
that the runtime folds into one table of 256 values: it takes `x` once, or twice where its last
operator is int8 too (branches by SELECT break it), and learned parameters as numbers, because what
differs from channel to channel cannot be one table. Chains with odd constants are fitted: within
two int8 steps of the function over the usual ranges. Both ignore parameters they do not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from actzoo.activations.numerics import Tensor


def leaky(x: Tensor, slope: float) -> Tensor:
    """LEAKY_RELU; the runtime's folding refuses the slope 0."""
    slope = float(slope)
    if slope == 1.0:
        return x
    return ops.relu(x) if slope == 0.0 else ops.leaky_relu(x, negative_slope=slope)


def softplus(x: Tensor, **_: object) -> Tensor:
    """Return ln(1 + exp(x)) without the overflow that TFLite has near 100."""
    return ops.relu(x) - ops.log(ops.sigmoid(ops.abs(x)))


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


def erf(x: Tensor, **_: object) -> Tensor:
    """Return the error function, which TFLite has not."""
    near = ops.minimum(ops.maximum(x, -4.0), 4.0)
    square = ops.square(near)
    return near * (_polynomial(square, _ERF_ABOVE) / _polynomial(square, _ERF_BELOW))


def _polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """Return the sum of coefficients[k] x^k."""
    y = x * coefficients[-1] + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        y = y * x + coefficient
    return y


def in_pairs(x: Tensor, axis: int, function: Callable[[Any, Any], tuple[Any, Any]]) -> Tensor:
    """Apply a function of two neighboring channels to each pair of them."""
    z = ops.moveaxis(x, axis, -1)
    pairs = ops.stack(function(z[..., 0::2], z[..., 1::2]), axis=-1)
    return ops.moveaxis(ops.reshape(pairs, ops.shape(z)), -1, axis)


def bent_line(x: Tensor, *, beta: float, **_: object) -> Tensor:
    """A hyperbola and the input."""
    bend = min(max(beta, -1.0), 1.0)
    return x if bend == 0 else x + (bend * ops.sqrt(ops.square(x) + 1.0) - bend)
