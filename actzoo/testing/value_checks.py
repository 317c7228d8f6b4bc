"""Checks of what an activation computes: values, gradients, and the claims of its row."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from actzoo.testing import gradients
from actzoo.testing.subject import GRID, Subject, fail_at_first, to_numpy, to_tensor

DTYPES = ("float32", "float16", "bfloat16")
# (absolute, relative), a few units in the last place of each type; the relative one also covers
# that exp and pow of a tensor library lose a little more than that far out.
TOLERANCE = {"float32": (2e-6, 2e-6), "float16": (2e-3, 4e-3), "bfloat16": (2e-2, 3e-2)}
LARGEST = {"float32": 3.4e38, "float16": 65504.0, "bfloat16": 3.3e38}
EPSILON = {"float32": 1.2e-7, "float16": 9.8e-4, "bfloat16": 7.9e-3}
EXTREMES = np.array([0.0, -1e4, 1e4, -1e-40, 1e-40, -6e-8, 6e-8])


def check_shape_and_dtype(subject: Subject) -> None:
    """Check that shape and dtype are kept, in tensors of several ranks."""
    import keras
    from keras import ops

    for shape in ((4, 6), (2, 3, 6), (2, 3, 3, 6)):
        if subject.row.ranks and len(shape) not in subject.row.ranks:
            continue
        wanted = (*shape[:-1], round(shape[-1] * subject.row.channel_factor))
        for dtype in DTYPES:
            x = np.linspace(-2, 2, math.prod(shape)).reshape(shape)
            y = subject.layer(dtype)(to_tensor(x, dtype))
            if not ops.is_tensor(y):
                subject.fail(f"it gives a {type(y).__name__}, not a tensor: write it in keras.ops")
            if tuple(y.shape) != wanted:
                subject.fail("the shape changes", f"of shape {shape}", tuple(y.shape), wanted)
            given = keras.backend.standardize_dtype(y.dtype)
            if given != dtype:
                subject.fail("the dtype changes", f"of dtype {dtype}", given, dtype)
        symbolic = subject.layer()(keras.Input(shape[1:])).shape
        if tuple(symbolic) != (None, *wanted[1:]):
            subject.fail("the symbolic shape is wrong", (None, *shape[1:]), symbolic, wanted)


def check_values(subject: Subject, dtype: str) -> None:
    """Compare with the right answer."""
    absolute, relative = TOLERANCE[dtype]
    x = subject.inputs()
    wanted = _representable(subject.expected(x), dtype)
    slack = absolute + relative * np.abs(np.where(np.isfinite(wanted), wanted, 0.0))
    subject.compare(f"values in {dtype}", x, subject.run(x, dtype), wanted, slack)


def _representable(wanted: np.ndarray, dtype: str) -> np.ndarray:
    """Return the right answer in a type: infinity where it is too large for it."""
    return np.where(np.abs(wanted) <= LARGEST[dtype], wanted, np.copysign(np.inf, wanted))


def check_finite(subject: Subject, dtype: str) -> None:
    """Check values and gradients at 0, ±1e4 and subnormal numbers."""
    x = subject.points(to_numpy(to_tensor(EXTREMES, dtype)))
    y, gradient = _value_and_gradient(subject, x, dtype)
    fits = np.ones(y.shape, bool)
    if subject.expected is not None:
        wanted = _representable(subject.expected(x), dtype)
        fits = np.isfinite(wanted)
        absolute, relative = TOLERANCE[dtype]
        size = np.abs(x) if subject.row.elementwise else np.abs(x).max(axis=-1, keepdims=True)
        # A value on the way may be as large as the input, and is rounded as such.
        slack = absolute + relative * np.abs(np.where(fits, wanted, 0.0)) + EPSILON[dtype] * size
        subject.compare(f"extreme values in {dtype}", x, y, wanted, slack)
    elif not np.isfinite(y).all():
        fail_at_first(subject, f"a value in {dtype} is not finite", x, y, ~np.isfinite(y))
    bad = ~np.isfinite(gradient)
    if subject.row.elementwise:
        bad &= fits
    if bad.any():
        fail_at_first(subject, f"the gradient in {dtype} is not finite", x, gradient, bad)


def check_limits(subject: Subject, dtype: str) -> None:
    """Check what comes out for -inf and +inf."""
    x = subject.points(np.array([-np.inf, np.inf]))
    y, gradient = _value_and_gradient(subject, x, dtype)
    given = subject.row.limits
    wanted = y if given is None else np.array([[_limit(subject, text) for text in given]])
    if given is None and np.isnan(y).any():
        fail_at_first(
            subject,
            "NaN comes out at infinity; fix it, or say so in the row, as in limits=('nan', 'inf')",
            x,
            y,
            np.isnan(y),
        )
    slack = 4 * EPSILON[dtype] * np.where(np.isfinite(wanted), np.abs(wanted), 0.0)
    subject.compare(f"limits in {dtype}", x, y, wanted, slack)
    bad = np.isnan(gradient)
    if bad.any() and not np.isnan(wanted).any():
        fail_at_first(subject, f"the gradient in {dtype} is NaN", x, gradient, bad)


def _limit(subject: Subject, text: str) -> float:
    sign, name = (-1.0, text[1:]) if text.startswith("-") else (1.0, text)
    full = {**subject.row.defaults, **subject.params}
    return sign * float(full.get(name, name))


def check_nan_comes_out(subject: Subject) -> None:
    """Check NaN alone, and in `predict` after a layer with which it may be fused."""
    import keras

    x = subject.points(np.array([np.nan]))
    y = subject.run(x)
    if not np.isnan(y).any():
        subject.fail("NaN is swallowed; fix it, or say swallows_nan=True", x[0], y[0])
    if subject.row.ranks and 2 not in subject.row.ranks:
        return  # it cannot follow Dense
    inputs = keras.Input((4,))
    outputs = subject.layer()(keras.layers.Dense(4)(inputs))
    y = keras.Model(inputs, outputs).predict(np.full((1, 4), np.nan, "float32"), verbose=0)
    if not np.isnan(y).all():
        subject.fail("NaN is swallowed in predict, after Dense", "of NaN", y[0])


def check_gradient(subject: Subject) -> None:
    """Compare with finite differences; at a kink, the gradient is between its two sides."""
    x = subject.inputs()
    _, gradient = _value_and_gradient(subject, x, "float32")
    left, right = _slopes(subject, x)
    size = np.maximum(1.0, np.maximum(np.abs(left), np.abs(right)))
    knee = np.abs(left - right) > 1e-2 * size
    if subject.row.smooth and subject.is_default and knee.any():
        fail_at_first(
            subject, "it says smooth and is not: its slopes differ", x, right - left, knee
        )
    wanted = 0.5 * (left + right)
    wanted = np.where(
        knee, np.clip(gradient, np.minimum(left, right), np.maximum(left, right)), wanted
    )
    subject.compare("gradient", x, gradient, wanted, 2e-4 * size)


def _slopes(subject: Subject, x: np.ndarray, step: float = 1e-4) -> tuple[np.ndarray, np.ndarray]:
    """Return the one-sided slopes of sum(weights * f(x)), in float64."""
    f = subject.expected or functools.partial(subject.run, dtype="float64")
    weights = _weights(f(x).shape, subject)
    if subject.row.elementwise:
        here, up, down = f(x), f(x + step), f(x - step)
        return weights * (here - down) / step, weights * (up - here) / step
    left, right = np.empty_like(x), np.empty_like(x)
    here = (weights * f(x)).sum(axis=-1)
    for channel in range(x.shape[1]):
        shift = np.zeros_like(x)
        shift[:, channel] = step
        right[:, channel] = ((weights * f(x + shift)).sum(axis=-1) - here) / step
        left[:, channel] = (here - (weights * f(x - shift)).sum(axis=-1)) / step
    return left, right


def _weights(shape: tuple[int, ...], subject: Subject) -> np.ndarray:
    """Return what each output is weighted with before the gradient of the sum is taken."""
    if subject.row.elementwise:
        return np.ones(shape)
    # All positive: at a kink of several outputs, the slopes chosen then add up to one in between.
    return np.broadcast_to(np.linspace(0.25, 1.75, shape[-1]), shape)


def _value_and_gradient(
    subject: Subject, x: np.ndarray, dtype: str
) -> tuple[np.ndarray, np.ndarray]:
    from keras import ops

    def weights(output: Any) -> Any:
        own = _weights(subject.rows(output).shape, subject).reshape(output.shape)
        return ops.cast(ops.convert_to_tensor(own), output.dtype)

    layer, tensor = subject.layer(dtype), subject.tensor(x, dtype)
    output, gradient = gradients.by_input(layer, tensor, weights)
    return subject.rows(output), subject.rows(gradient)


def check_claims(subject: Subject) -> None:
    """Check what the row says about the shape of the curve."""
    x = GRID.reshape(1, -1)
    y, gradient = _value_and_gradient(subject, x, "float32")
    _check_monotone(subject, x, y)
    _check_bounds(subject)
    at_zero = y[0, GRID == 0.0][0]
    if subject.row.zero_at_zero is not None and subject.row.zero_at_zero != (at_zero == 0.0):
        subject.fail(f"zero_at_zero={subject.row.zero_at_zero}", 0.0, at_zero)
    _check_scaling(subject, x, y)
    _check_dead_region(subject, gradient)


def _check_monotone(subject: Subject, x: np.ndarray, y: np.ndarray) -> None:
    claim = subject.row.monotone
    falls = np.diff(y[0]) < -2e-6 * np.maximum(1.0, np.abs(y[0, 1:]))
    if claim is not None and claim == falls.any():
        at = int(falls.argmax())
        word = "falls" if claim else "never falls"
        subject.fail(f"monotone={claim}, yet it {word}", x[0, at : at + 2], y[0, at : at + 2])


def _check_bounds(subject: Subject) -> None:
    claim = subject.row.bounded
    if claim is None:
        return
    wave = np.arange(0.0, 6.3, 0.35)  # of a period, for those that swing
    near, far = (
        subject.run(np.stack([-size - wave, size + wave]).reshape(1, -1)) for size in (1e3, 1e4)
    )
    above, below = _settles(near.max(), far.max()), _settles(-near.min(), -far.min())
    seen = {(1, 1): "both", (1, 0): "above", (0, 1): "below", (0, 0): "none"}[above, below]
    if claim != seen:
        subject.fail(f"bounded={claim!r}, yet it looks {seen!r}", [-1e4, 1e4], far)


def _check_scaling(subject: Subject, x: np.ndarray, y: np.ndarray) -> None:
    scaled, slack = subject.run(4 * x), 1e-5 * (1 + np.abs(4 * y))
    if subject.row.homogeneous:
        subject.compare("homogeneous", x, scaled, 4 * y, slack)
    elif not subject.row.learnable and (np.abs(scaled - 4 * y) <= slack).all():
        subject.fail("homogeneous=False, yet scaling the input scales the output")


def _check_dead_region(subject: Subject, gradient: np.ndarray) -> None:
    claim = subject.row.dead_region
    # An analytic tail underflows to 0 far out, without being flat by definition.
    reach = 2.0 if claim is None else 20.0
    flat = (gradient[0] == 0.0) & (np.abs(GRID) <= reach)
    dead = bool((flat[1:] & flat[:-1]).any())
    if subject.row.zero_at_zero is not None and dead != (claim is not None):
        word = "a stretch has" if dead else "no stretch within [-20, 20] has"
        subject.fail(f"dead_region={claim!r}, yet {word} the gradient 0")


def _settles(near: float, far: float) -> bool:
    """Tell whether a curve no longer grows from |x| = 1e3 to 1e4; a logarithm still does."""
    return math.isfinite(far) and far <= near + 1.0
