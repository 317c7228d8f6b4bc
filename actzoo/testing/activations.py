"""Contracts of an activation, as small named checks.

A check is a name and a call that raises when the promise does not hold, naming the input and the
output that broke it. With pytest:

    @pytest.mark.parametrize("check", activation_checks("my_activation"), ids=str)
    def test_my_activation(check):
        check()
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from actzoo import activations
from actzoo.testing import layer_checks, value_checks
from actzoo.testing.checks import Check
from actzoo.testing.subject import Oracle, Subject


def activation_checks(spec: Any, *, oracle: Oracle | None = None) -> Iterator[Check]:
    """Yield the contracts of an activation.

    Args:
        spec: A name or spec in the table, or a row of it; register your own first.
        oracle: The right answer: a function from a float64 array to another. Default is the
            row's NumPy reference; without either, values are not checked, everything else is.

    Yields:
        Checks, independent of each other, in a fixed order.

    Raises:
        UnknownNameError: There is no such activation.

    Example:
        >>> [check.name for check in activation_checks("relu")][:2]
        ['shape_and_dtype', 'values_float32']
    """
    name, params = activations.parse(spec)
    subject = Subject(activations.describe(name), params, oracle)
    for title, run in _contracts(subject):
        yield Check(subject.spec, title, run)


def _contracts(subject: Subject) -> Iterator[tuple[str, Callable[[], None]]]:
    row = subject.row
    every = functools.partial
    yield "shape_and_dtype", every(value_checks.check_shape_and_dtype, subject)
    for dtype in value_checks.DTYPES:
        if subject.expected is not None:
            yield f"values_{dtype}", every(value_checks.check_values, subject, dtype)
        yield f"finite_{dtype}", every(value_checks.check_finite, subject, dtype)
        if row.elementwise:
            yield f"limits_{dtype}", every(value_checks.check_limits, subject, dtype)
    yield "gradient", every(value_checks.check_gradient, subject)
    if not row.swallows_nan:
        yield "nan_comes_out", every(value_checks.check_nan_comes_out, subject)
    if row.elementwise and subject.is_default:
        yield "claims", every(value_checks.check_claims, subject)
    yield "training", every(layer_checks.check_training, subject)
    yield "weights_are_fresh", every(layer_checks.check_weights_are_fresh, subject)
    if row.learnable:
        yield "weights_learn", every(layer_checks.check_weights_learn, subject)
    yield "spec_round_trip", every(layer_checks.check_spec_round_trip, subject)
    yield "config_round_trip", every(layer_checks.check_config_round_trip, subject)
    yield "file_round_trip", every(layer_checks.check_file_round_trip, subject)
    yield "clone", every(layer_checks.check_clone, subject)
    yield "as_function", every(layer_checks.check_as_function, subject)
