"""Contracts of an activation, as small named checks.

A check is a name and a call that raises when the promise does not hold, naming the input and the
output that broke it. With pytest:

    @pytest.mark.parametrize("check", activation_checks("my_activation"), ids=str)
    def test_my_activation(check):
        check()
"""

from __future__ import annotations

import dataclasses
import functools
import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import activations, errors
from actzoo.activations import ActivationSpec
from actzoo.testing import gradients

Oracle = Callable[[np.ndarray], np.ndarray]

DTYPES = ("float32", "float16", "bfloat16")
# (absolute, relative), a few units in the last place of each type; the relative one also covers
# that exp and pow of a tensor library lose a little more than that far out.
TOLERANCE = {"float32": (2e-6, 2e-6), "float16": (2e-3, 4e-3), "bfloat16": (2e-2, 3e-2)}
LARGEST = {"float32": 3.4e38, "float16": 65504.0, "bfloat16": 3.3e38}
EPSILON = {"float32": 1.2e-7, "float16": 9.8e-4, "bfloat16": 7.9e-3}
# Multiples of 1/8 are exact in all three types, and hit every knee that formulas are made of.
GRID = np.linspace(-20.0, 20.0, 321)
EXTREMES = np.array([0.0, -1e4, 1e4, -1e-40, 1e-40, -6e-8, 6e-8])


class CheckFailedError(errors.ActzooError, AssertionError):
    """A contract does not hold."""


@dataclasses.dataclass(frozen=True)
class Check:
    """One contract of one subject.

    Attributes:
        subject: What is checked, such as an activation's name.
        name: What is promised.
        run: Raises `CheckFailedError` when it does not hold.
        hint: Where to look when it fails with an error of another kind.
    """

    subject: str
    name: str
    run: Callable[[], None]
    hint: str = "Is it written in keras.ops, for tensors of any shape?"

    def __call__(self) -> None:
        """Run the check.

        Raises:
            CheckFailedError: The promise does not hold, or the subject fails on the way.
        """
        try:
            self.run()
        except errors.ActzooError:
            raise
        except Exception as error:
            first = next((line for line in str(error).splitlines() if line.strip()), "")
            raise CheckFailedError(
                f"{self}: {type(error).__name__}: {errors.shown(first, 300)}\n{self.hint}",
                given=self.subject,
            ) from error

    def __str__(self) -> str:
        return f"{self.subject}-{self.name}"


def activation_checks(spec: Any, *, oracle: Oracle | None = None) -> Iterator[Check]:
    """Yield the contracts of an activation.

    Args:
        spec: A name or spec in the table, or a row of it; register your own first.
        oracle: The right answer: a function from a float64 array to another. Default is the
            row's NumPy reference; without either, values are not judged, all else is.

    Yields:
        Checks, independent of each other, in a fixed order.

    Raises:
        UnknownNameError: There is no such activation.

    Example:
        >>> [check.name for check in activation_checks("relu")][:2]
        ['shape_and_dtype', 'values_float32']
    """
    name, params = activations.parse(spec)
    subject = _Subject(activations.describe(name), params, oracle)
    for title, run in _contracts(subject):
        yield Check(subject.spec, title, run)


def _contracts(subject: _Subject) -> Iterator[tuple[str, Callable[[], None]]]:
    row = subject.row
    every = functools.partial
    yield "shape_and_dtype", every(_shape_and_dtype, subject)
    for dtype in DTYPES:
        if subject.expected is not None:
            yield f"values_{dtype}", every(_values, subject, dtype)
        yield f"finite_{dtype}", every(_finite, subject, dtype)
        if row.elementwise:
            yield f"limits_{dtype}", every(_limits, subject, dtype)
    yield "gradient", every(_gradient_agrees, subject)
    if not row.swallows_nan:
        yield "nan_comes_out", every(_nan_comes_out, subject)
    if row.elementwise and subject.is_default:
        yield "claims", every(_claims, subject)
    yield "training", every(_training, subject)
    yield "weights_are_fresh", every(_weights_are_fresh, subject)
    if row.learnable:
        yield "weights_learn", every(_weights_learn, subject)
    yield "spec_round_trip", every(_spec_round_trip, subject)
    yield "config_round_trip", every(_config_round_trip, subject)
    yield "file_round_trip", every(_file_round_trip, subject)
    yield "clone", every(_clone, subject)
    yield "as_function", every(_as_function, subject)


class _Subject:
    """An activation under test: how to build, run and judge it."""

    def __init__(self, row: ActivationSpec, params: dict[str, Any], oracle: Oracle | None) -> None:
        self.row = row
        self.params = params
        self.spec = activations.format(row.name, params)
        self.is_default = {**row.defaults, **params} == row.defaults
        self.expected: Any = oracle
        if oracle is None and row.reference is not None:
            self.expected = activations.reference(row.name, **params)
        # What looks at places is given pictures of 3 x 3 pixels, handled as rows of values.
        self.sample: tuple[int, ...] = (3, 3, 2) if row.ranks else (8,)
        if row.ranks and self.expected is not None:
            self.expected = self._of_rows(self.expected)

    def layer(self, dtype: str = "float32", name: str | None = None) -> Any:
        """Return a fresh layer that computes in `dtype`."""
        layer = activations.get(self.spec, name=name)
        return type(layer).from_config({**layer.get_config(), "dtype": dtype})

    def run(self, x: np.ndarray, dtype: str = "float32") -> np.ndarray:
        """Return what the layer makes of `x`, as float64."""
        return self.rows(self.layer(dtype)(self.tensor(x, dtype)))

    def tensor(self, x: np.ndarray, dtype: str = "float32") -> Any:
        """Return rows of values in the shape that the activation takes."""
        return _tensor(x.reshape(-1, *self.sample) if self.row.ranks else x, dtype)

    def rows(self, y: Any) -> np.ndarray:
        """Return outputs as rows of values, in float64."""
        values = _numpy(y)
        return values.reshape(len(values), -1) if self.row.ranks else values

    def _of_rows(self, oracle: Oracle) -> Oracle:
        return lambda x: oracle(x.reshape(-1, *self.sample)).reshape(len(x), -1)

    def inputs(self) -> np.ndarray:
        """Return inputs fit for every activation: `(rows, values)`, exact in every type."""
        if self.row.elementwise:
            return GRID.reshape(1, -1)
        scores = np.random.default_rng(0).normal(0.0, 4.0, (10, math.prod(self.sample)))
        scores[0] = 0.0
        scores[1] = -20.0
        scores[1, 0] = 20.0
        return np.round(scores * 8) / 8

    def points(self, values: np.ndarray) -> np.ndarray:
        """Return `(rows, values)` that put each value among ordinary ones."""
        if self.row.elementwise:
            return values.reshape(1, -1)
        ordinary = [0.5, -1.0, 0.25, 0.0, 1.0, 0.125, -0.5, 0.75]
        rows = np.tile(np.resize(ordinary, math.prod(self.sample)), (len(values), 1))
        rows[:, 2] = values
        return rows

    def fail(self, what: str, x: Any = None, y: Any = None, wanted: Any = None) -> Any:
        """Raise, naming the input and the output."""
        text = f"{self.spec}: {what}."
        if x is not None:
            text += f"\nInput {_shown(x)} gave {_shown(y)}"
            text += "." if wanted is None else f", expected {_shown(wanted)}."
        raise CheckFailedError(text, given=x, allowed=() if wanted is None else (wanted,))

    def compare(
        self, what: str, x: np.ndarray, y: np.ndarray, wanted: np.ndarray, slack: Any
    ) -> None:
        """Raise for the worst place where `y` and `wanted` differ by more than `slack`."""
        if y.shape != wanted.shape:
            self.fail(f"{what}: the shape is {y.shape} instead of {wanted.shape}")
        with np.errstate(invalid="ignore"):
            off = np.abs(y - wanted) - slack
        off = np.where((y == wanted) | (np.isnan(y) & np.isnan(wanted)), -np.inf, off)
        off = np.where(np.isnan(off), np.inf, off)
        if off.size and off.max() > 0:
            at = np.unravel_index(int(off.argmax()), off.shape)
            given = x[at] if x.shape == y.shape and self.row.elementwise else x[at[0]]
            shown = (y[at], wanted[at]) if self.row.elementwise else (y[at[0]], wanted[at[0]])
            self.fail(what, given, *shown)


# --- values ------------------------------------------------------------------------------------


def _shape_and_dtype(subject: _Subject) -> None:
    import keras
    from keras import ops

    for shape in ((4, 6), (2, 3, 6), (2, 3, 3, 6)):
        if subject.row.ranks and len(shape) not in subject.row.ranks:
            continue
        wanted = (*shape[:-1], round(shape[-1] * subject.row.channel_factor))
        for dtype in DTYPES:
            x = np.linspace(-2, 2, math.prod(shape)).reshape(shape)
            y = subject.layer(dtype)(_tensor(x, dtype))
            if not ops.is_tensor(y):
                subject.fail(f"a {type(y).__name__} comes out, no tensor: write it in keras.ops")
            if tuple(y.shape) != wanted:
                subject.fail("the shape changes", f"of shape {shape}", tuple(y.shape), wanted)
            given = keras.backend.standardize_dtype(y.dtype)
            if given != dtype:
                subject.fail("the dtype changes", f"of dtype {dtype}", given, dtype)
        symbolic = subject.layer()(keras.Input(shape[1:])).shape
        if tuple(symbolic) != (None, *wanted[1:]):
            subject.fail("the symbolic shape is wrong", (None, *shape[1:]), symbolic, wanted)


def _values(subject: _Subject, dtype: str) -> None:
    absolute, relative = TOLERANCE[dtype]
    x = subject.inputs()
    wanted = _representable(subject.expected(x), dtype)
    slack = absolute + relative * np.abs(np.where(np.isfinite(wanted), wanted, 0.0))
    subject.compare(f"values in {dtype}", x, subject.run(x, dtype), wanted, slack)


def _representable(wanted: np.ndarray, dtype: str) -> np.ndarray:
    """Return the right answer in a type: infinity where it is too large for it."""
    return np.where(np.abs(wanted) <= LARGEST[dtype], wanted, np.copysign(np.inf, wanted))


def _finite(subject: _Subject, dtype: str) -> None:
    """Check values and gradients at 0, ±1e4 and subnormal numbers."""
    x = subject.points(_numpy(_tensor(EXTREMES, dtype)))
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
        _first(subject, f"a value in {dtype} is not finite", x, y, ~np.isfinite(y))
    bad = ~np.isfinite(gradient)
    if subject.row.elementwise:
        bad &= fits
    if bad.any():
        _first(subject, f"the gradient in {dtype} is not finite", x, gradient, bad)


def _limits(subject: _Subject, dtype: str) -> None:
    """Check what comes out for -inf and +inf."""
    x = subject.points(np.array([-np.inf, np.inf]))
    y, gradient = _value_and_gradient(subject, x, dtype)
    given = subject.row.limits
    wanted = y if given is None else np.array([[_limit(subject, text) for text in given]])
    if given is None and np.isnan(y).any():
        _first(
            subject,
            "NaN comes out at infinity; mend it, or say so in the row, as in limits=('nan', 'inf')",
            x,
            y,
            np.isnan(y),
        )
    slack = 4 * EPSILON[dtype] * np.where(np.isfinite(wanted), np.abs(wanted), 0.0)
    subject.compare(f"limits in {dtype}", x, y, wanted, slack)
    bad = np.isnan(gradient)
    if bad.any() and not np.isnan(wanted).any():
        _first(subject, f"the gradient in {dtype} is NaN", x, gradient, bad)


def _limit(subject: _Subject, text: str) -> float:
    sign, name = (-1.0, text[1:]) if text.startswith("-") else (1.0, text)
    full = {**subject.row.defaults, **subject.params}
    return sign * float(full.get(name, name))


def _nan_comes_out(subject: _Subject) -> None:
    """Check NaN alone, and in `predict` behind a layer with which it may be fused."""
    import keras

    x = subject.points(np.array([np.nan]))
    y = subject.run(x)
    if not np.isnan(y).any():
        subject.fail("NaN is swallowed; mend it, or say swallows_nan=True", x[0], y[0])
    if subject.row.ranks and 2 not in subject.row.ranks:
        return  # it cannot stand behind Dense
    inputs = keras.Input((4,))
    outputs = subject.layer()(keras.layers.Dense(4)(inputs))
    y = keras.Model(inputs, outputs).predict(np.full((1, 4), np.nan, "float32"), verbose=0)
    if not np.isnan(y).all():
        subject.fail("NaN is swallowed in predict, behind Dense", "of NaN", y[0])


# --- gradients ---------------------------------------------------------------------------------


def _gradient_agrees(subject: _Subject) -> None:
    """Compare with finite differences; at a knee, the gradient lies between its two sides."""
    x = subject.inputs()
    _, gradient = _value_and_gradient(subject, x, "float32")
    left, right = _slopes(subject, x)
    size = np.maximum(1.0, np.maximum(np.abs(left), np.abs(right)))
    knee = np.abs(left - right) > 1e-2 * size
    if subject.row.smooth and subject.is_default and knee.any():
        _first(subject, "it says smooth and is not: its slopes differ", x, right - left, knee)
    wanted = 0.5 * (left + right)
    wanted = np.where(
        knee, np.clip(gradient, np.minimum(left, right), np.maximum(left, right)), wanted
    )
    subject.compare("gradient", x, gradient, wanted, 2e-4 * size)


def _slopes(subject: _Subject, x: np.ndarray, step: float = 1e-4) -> tuple[np.ndarray, np.ndarray]:
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


def _weights(shape: tuple[int, ...], subject: _Subject) -> np.ndarray:
    """Return what each output is weighted with before the gradient of the sum is taken."""
    if subject.row.elementwise:
        return np.ones(shape)
    # All positive: at a kink of several outputs, the slopes chosen then add up to one in between.
    return np.broadcast_to(np.linspace(0.25, 1.75, shape[-1]), shape)


def _value_and_gradient(
    subject: _Subject, x: np.ndarray, dtype: str
) -> tuple[np.ndarray, np.ndarray]:
    from keras import ops

    def weights(output: Any) -> Any:
        own = _weights(subject.rows(output).shape, subject).reshape(output.shape)
        return ops.cast(ops.convert_to_tensor(own), output.dtype)

    layer, tensor = subject.layer(dtype), subject.tensor(x, dtype)
    output, gradient = gradients.by_input(layer, tensor, weights)
    return subject.rows(output), subject.rows(gradient)


# --- claims ------------------------------------------------------------------------------------


def _claims(subject: _Subject) -> None:
    """Check what the row says about the shape of the curve."""
    row, x = subject.row, GRID.reshape(1, -1)
    y, gradient = _value_and_gradient(subject, x, "float32")
    falls = np.diff(y[0]) < -2e-6 * np.maximum(1.0, np.abs(y[0, 1:]))
    if row.monotone is not None and row.monotone == falls.any():
        at = int(falls.argmax())
        word = "falls" if row.monotone else "never falls"
        subject.fail(
            f"monotone={row.monotone}, yet it {word}", x[0, at : at + 2], y[0, at : at + 2]
        )
    if row.bounded is not None:
        wave = np.arange(0.0, 6.3, 0.35)  # of a period, for those that swing
        near, far = (
            subject.run(np.stack([-size - wave, size + wave]).reshape(1, -1)) for size in (1e3, 1e4)
        )
        above, below = _settles(near.max(), far.max()), _settles(-near.min(), -far.min())
        found = {(1, 1): "both", (1, 0): "above", (0, 1): "below", (0, 0): "none"}[above, below]
        if row.bounded != found:
            subject.fail(f"bounded={row.bounded!r}, yet it looks {found!r}", [-1e4, 1e4], far)
    at_zero = y[0, GRID == 0.0][0]
    if row.zero_at_zero is not None and row.zero_at_zero != (at_zero == 0.0):
        subject.fail(f"zero_at_zero={row.zero_at_zero}", 0.0, at_zero)
    scaled, slack = subject.run(4 * x), 1e-5 * (1 + np.abs(4 * y))
    if row.homogeneous:
        subject.compare("homogeneous", x, scaled, 4 * y, slack)
    elif not row.learnable and (np.abs(scaled - 4 * y) <= slack).all():
        subject.fail("homogeneous=False, yet scales go through it")
    # An analytic tail underflows to 0 far out, without being flat by definition.
    reach = 2.0 if row.dead_region is None else 20.0
    flat = (gradient[0] == 0.0) & (np.abs(GRID) <= reach)
    dead = bool((flat[1:] & flat[:-1]).any())
    if row.zero_at_zero is not None and dead != (row.dead_region is not None):
        word = "a stretch has" if dead else "no stretch within [-20, 20] has"
        subject.fail(f"dead_region={row.dead_region!r}, yet {word} the gradient 0")


def _settles(near: float, far: float) -> bool:
    """Tell whether a curve no longer grows from |x| = 1e3 to 1e4; a logarithm still does."""
    return math.isfinite(far) and far <= near + 1.0


# --- life as a layer ---------------------------------------------------------------------------


def _weights_are_fresh(subject: _Subject) -> None:
    one, other = subject.layer(), subject.layer()
    x = subject.tensor(subject.inputs())
    one(x), other(x)
    if one is other or {id(w) for w in one.variables} & {id(w) for w in other.variables}:
        subject.fail("two layers from get() share weights")
    if bool(one.trainable_weights) != subject.row.learnable:
        subject.fail(f"learnable={subject.row.learnable}, yet {len(one.weights)} weights are there")


def _weights_learn(subject: _Subject) -> None:
    """Check that each weight, a little off its start, has a gradient: finite, not 0 everywhere.

    At the very start a weight may wait for another one that is 0.
    """
    layer, x = subject.layer(), subject.tensor(subject.inputs())
    layer(x)
    _nudge(layer)
    # What makes noise has a gradient in training only.
    found = gradients.by_weights(layer, x, training=subject.row.random)
    for weight, gradient in zip(layer.trainable_variables, found, strict=True):
        if not np.isfinite(gradient).all() or not gradient.any():
            subject.fail(f"the weight '{weight.name}' does not learn: its gradient is", x, gradient)


def _training(subject: _Subject) -> None:
    """Check that only random activations differ from call to call in training."""
    layer, x = subject.layer(), subject.tensor(subject.inputs())
    one, other = (_numpy(layer(x, training=True)) for _ in range(2))
    if (one != other).any() != subject.row.random:
        word = "differ" if not subject.row.random else "agree"
        subject.fail(f"random={subject.row.random}, yet two calls in training {word}")


def _spec_round_trip(subject: _Subject) -> None:
    name, params = activations.parse(subject.spec)
    if activations.parse(activations.format(name, params)) != (name, params):
        subject.fail("the spec changes when read and written again")
    layer = activations.get(subject.spec)
    found = activations.identify(layer)
    if found is None:
        subject.fail("identify(get(spec)) knows it no more", subject.spec, None)
    # Another name may come back, as relu6 for relu_n(max_value=6), if it is the same function.
    x = subject.tensor(subject.inputs())
    again, wanted = subject.rows(activations.get(found)(x)), subject.rows(layer(x))
    subject.compare("get(identify(layer))", subject.inputs(), again, wanted, 0.0)


def _config_round_trip(subject: _Subject) -> None:
    layer = activations.get(subject.spec, name="probe_act")
    if layer.name != "probe_act":
        subject.fail("the layer's name is lost", "'probe_act'", layer.name)
    again = type(layer).from_config(layer.get_config())
    if again.get_config() != layer.get_config():
        subject.fail("the config changes", layer.get_config(), again.get_config())
    if subject.row.elementwise and not layer.supports_masking:
        subject.fail("it works element by element but does not pass masks on")
    x = subject.tensor(subject.inputs())
    found, wanted = subject.rows(again(x)), subject.rows(layer(x))
    subject.compare("after from_config", subject.inputs(), found, wanted, 0.0)


def _model(subject: _Subject) -> Any:
    """Return a model of the activation alone, its weights moved off their start."""
    import keras

    inputs = keras.Input(subject.tensor(subject.inputs()).shape[1:])
    model = keras.Model(inputs, activations.get(subject.spec, name="probe_act")(inputs))
    _nudge(model)
    return model


def _nudge(layer: Any) -> None:
    """Move the weights off the values that training starts from."""
    from keras import ops

    for weight in layer.trainable_weights:
        weight.assign(ops.convert_to_numpy(weight) + 0.0625)


def _file_round_trip(subject: _Subject) -> None:
    import keras

    activations.register_layers()
    model = _model(subject)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        again = keras.saving.load_model(path)
    if [layer.name for layer in again.layers] != [layer.name for layer in model.layers]:
        subject.fail("the layer's name changes in the file")
    if again.get_layer("probe_act").get_config() != model.get_layer("probe_act").get_config():
        subject.fail("the layer's config changes in the file")
    _same_output(subject, "after save and load", model, again)


def _clone(subject: _Subject) -> None:
    import keras

    model = _model(subject)
    again = keras.models.clone_model(model)
    again.set_weights(model.get_weights())
    if again.get_layer("probe_act") is model.get_layer("probe_act"):
        subject.fail("clone_model gives the same layer")
    _same_output(subject, "after clone_model", model, again)


def _same_output(subject: _Subject, what: str, model: Any, again: Any) -> None:
    x = subject.inputs()
    found, wanted = (subject.rows(m(subject.tensor(x))) for m in (again, model))
    subject.compare(what, x, found, wanted, 0.0)


def _as_function(subject: _Subject) -> None:
    """Check `Dense(activation=function(spec))`, or that it is refused with a reason."""
    import keras

    row = subject.row
    stateless = not (row.learnable or row.random or row.channel_factor != 1)
    try:
        function = activations.function(subject.spec)
    except errors.InvalidValueError as error:
        if stateless and not isinstance(subject.layer(), keras.layers.Activation):
            return  # a layer of another package, without a function beside it
        if stateless or "function" not in str(error):
            raise
        return
    if not stateless:
        subject.fail("function() gives something that cannot be one")
    channels = subject.inputs().shape[-1]
    dense = keras.layers.Dense(channels, kernel_initializer="identity", activation=function)
    dense = keras.layers.Dense.from_config(dense.get_config())
    y = _numpy(dense(_tensor(subject.inputs(), "float32")))
    subject.compare("in Dense", subject.inputs(), y, subject.run(subject.inputs()), 1e-6)


# --- small things ------------------------------------------------------------------------------


def _tensor(x: np.ndarray, dtype: str) -> Any:
    from keras import ops

    return ops.cast(ops.convert_to_tensor(np.asarray(x, "float64")), dtype)


def _numpy(tensor: Any) -> np.ndarray:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float64")), "float64")


def _first(subject: _Subject, what: str, x: np.ndarray, y: np.ndarray, bad: np.ndarray) -> None:
    at = np.unravel_index(int(bad.argmax()), bad.shape)
    subject.fail(what, x[at] if x.shape == y.shape else x[at[0]], y[at])


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray | list | float | np.floating):
        return np.array2string(np.asarray(value), precision=8, threshold=16)
    return errors.shown(value, 200)
