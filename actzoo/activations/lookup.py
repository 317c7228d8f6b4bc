"""Finding activations by name, and reading and checking specs. Needs no Keras."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from actzoo import errors
from actzoo._lazy import resolve
from actzoo.activations import spec as specs
from actzoo.activations.catalog import ACTIVATIONS
from actzoo.activations.spec import ActivationSpec

if TYPE_CHECKING:
    import numpy as np


def names(pattern: str = "*", **tags: Any) -> tuple[str, ...]:
    """Return the names of the activations that match.

    Args:
        pattern: Wildcards `*` and `?`; an alias that matches counts for its activation.
        **tags: Fields of `ActivationSpec` and the value each must have, such as `learnable=True`.

    Returns:
        Canonical names, in the table's order.

    Raises:
        UnknownNameError: There is no such field.

    Example:
        >>> names("hard_*")
        ('hard_silu', 'hard_sigmoid', 'hard_tanh', 'hard_shrink')
    """
    return ACTIVATIONS.names(pattern, **tags)


def describe(name: str) -> ActivationSpec:
    """Return the row of a name or alias.

    Raises:
        UnknownNameError: There is none; the nearest names are listed.
    """
    return ACTIVATIONS.get(name)


def parse(spec: Any) -> tuple[str, dict[str, Any]]:
    """Read a spec and check it against the table, without building anything.

    Args:
        spec: `"name"`, `"name(argument=1)"`, `(name, {argument: value})`, or a row.

    Returns:
        Canonical name, and the given arguments in their plain types.

    Raises:
        InvalidTypeError: The spec is of another kind, or a value is no number.
        InvalidValueError: The text has no such form, or a value is out of range.
        UnknownNameError: There is no such activation, or it has no such parameter.

    Example:
        >>> parse("lrelu(negative_slope=0.2)")
        ('leaky_relu', {'negative_slope': 0.2})
    """
    if isinstance(spec, str):
        name, params = specs.read(spec)
    elif isinstance(spec, ActivationSpec):
        name, params = spec.name, {}
    elif (
        isinstance(spec, tuple)
        and len(spec) == 2
        and isinstance(spec[0], str)
        and isinstance(spec[1], Mapping)
    ):
        # The name passes the same reading, so that no odd character slips by.
        (name, inner), params = specs.read(spec[0]), dict(spec[1])
        if inner:
            raise refusal(spec)
    else:
        raise refusal(spec)
    row = ACTIVATIONS.get(name)
    return row.name, row.check(params)


def refusal(spec: Any) -> errors.InvalidTypeError:
    """Return the error for something that is no activation."""
    none = " None does not mean linear; write 'linear'." if spec is None else ""
    return errors.InvalidTypeError(
        f"{errors.shown(repr(spec))} ({type(spec).__name__}) is no activation.{none}\n"
        f"Give {specs.FORMS}.\nRun `actzoo list activations` for the names.",
        given=spec,
        allowed=(specs.FORMS,),
        fix="actzoo list activations",
    )


def format(name: str, params: Mapping[str, Any] | None = None) -> str:
    """Write a name and its arguments as a spec; `parse` gives them back.

    Example:
        >>> format("leaky_relu", {"negative_slope": 0.2})
        'leaky_relu(negative_slope=0.2)'
    """
    return specs.write(name, params or {})


def reference(name: str, **params: Any) -> Callable[[Any], np.ndarray]:
    """Return an activation as a NumPy function in float64, independent of Keras.

    Learnable ones have the values that training starts from, random ones their mean.

    Args:
        name: Name, alias or spec.
        **params: Arguments, in place of the defaults.

    Returns:
        Function from an array to a float64 array.

    Raises:
        UnknownNameError: There is no such activation or parameter.
        InvalidValueError: A value is out of range, or the row has no reference.

    Example:
        >>> float(reference("relu")(-2.0))
        0.0
    """
    canonical, given = parse(name)
    row = ACTIVATIONS.get(canonical)
    if row.reference is None:
        raise errors.InvalidValueError(
            f"{row.name} brings no NumPy reference.\n"
            'Register it with reference="module:function", a function of float64 arrays.',
            given=name,
        )
    import numpy as np

    function = resolve(row.reference)
    full = {**row.defaults, **given, **row.check(params)}

    @functools.wraps(function)
    def compute(x: Any) -> np.ndarray:
        return np.asarray(function(np.asarray(x, "float64"), **full), "float64")

    return compute


def register(
    row: ActivationSpec | str, function: Callable[..., Any] | None = None, **fields: Any
) -> ActivationSpec:
    """Add an activation of your own to the table.

    Args:
        row: The row, or just a name; the other arguments then fill the row.
        function: The function `f(x, **parameters)` or Keras layer class, at the top of a module,
            so that a saved model finds it again.
        **fields: Of `ActivationSpec`. `reference` may be a function too.

    Returns:
        The row.

    Raises:
        InvalidValueError: The name or an alias is taken (the first one stays), it is no plain
            name, or the function cannot be found by its module and name.

    Example:
        register("cube", cube, reference=cube_numpy, formula="x^3")
    """
    if isinstance(row, str):
        if function is None:
            raise errors.InvalidTypeError(
                f"register('{errors.shown(row)}') needs the function.\n"
                "Write register(name, function), or register(ActivationSpec(...)).",
                given=row,
            )
        if callable(fields.get("reference")):
            fields["reference"] = _target(fields["reference"])
        row = ActivationSpec(name=row, target=_target(function), **fields)
    elif not isinstance(row, ActivationSpec) or function is not None or fields:
        raise errors.InvalidTypeError(
            "register takes one ActivationSpec, or a name, a function and fields.",
            given=row,
        )
    for name in (row.name, *row.aliases):
        read, params = specs.read(name)
        if params or read != name:
            raise errors.InvalidValueError(
                f"'{errors.shown(name)}' is no plain name: use letters, digits and _.",
                given=name,
            )
    len(ACTIVATIONS)  # the built-in rows come first, so that theirs are the names that stay
    return ACTIVATIONS.add(row, origin=f"register() for {row.target}")


def _target(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", None)
    path = getattr(function, "__qualname__", "")
    owner = inspect.getmodule(function)
    if owner is None or getattr(owner, path, None) is not function:
        raise errors.InvalidValueError(
            f"{errors.shown(repr(function))} cannot be found again by its module and name, so a "
            "saved model could not be loaded.\nDefine it with `def` at the top of a module.",
            given=function,
        )
    return f"{module}:{path}"
