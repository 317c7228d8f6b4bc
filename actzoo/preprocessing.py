"""The steps from a user's file to a model's input.

A list of steps is stored in `plan.json` and in the model's card, as plain data. Training, `predict`
and `verify` all bring their input through `apply`, so that a phone's test vectors and the training
data are the same numbers. What each step does is the business of the domain that brings it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from actzoo import domains, errors

Steps = Sequence[Mapping[str, Any]]
Inputs = dict[str, np.ndarray]


def apply(steps: Steps, raw: object) -> Inputs:
    """Turn one example into the model's inputs.

    Args:
        steps: Each `{"step": name, **settings}`, in order.
        raw: The example as the user has it (bytes of a file, a text), or already opened: an
            array or a mapping of arrays, as `Source.load` gives.

    Returns:
        Input name -> array of one sample, without batch.

    Raises:
        DataError: The example cannot be read.
        UnknownNameError: There is no such step.
        InvalidValueError: A step's settings are wrong.
    """
    value = raw
    for number, step in enumerate(steps, 1):
        name, function, settings = _checked(number, step)
        try:
            value = function(value, **settings)
        except errors.ActzooError:
            raise
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise errors.InvalidValueError(
                f"Step {number} of the preprocessing, {name}, failed: "
                f"{errors.shown(error, 160)}.\nIts settings: {errors.shown(settings, 160)}.",
                given=dict(step),
            ) from error
    if isinstance(value, Mapping) and all(isinstance(v, np.ndarray) for v in value.values()):
        return dict(value)
    raise errors.InvalidValueError(
        f"The {len(steps)} steps of the preprocessing end in {type(value).__name__}, not in named "
        "arrays.\nThe list must begin with the step that reads the file.",
        given=[dict(step) for step in steps],
    )


def validate(steps: Steps) -> None:
    """Check the names of steps and of their settings, without running any.

    Raises:
        UnknownNameError: There is no such step.
        InvalidValueError: A step has no such setting, or lacks one.
    """
    for number, step in enumerate(steps, 1):
        _checked(number, step)


def with_settings(steps: Steps, given: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return steps with other settings; each takes those that it knows by name."""
    changed = []
    for number, step in enumerate(steps, 1):
        name, _, _ = _checked(number, step)
        _, _, allowed = _step(name)
        changed.append({**step, **{k: v for k, v in given.items() if k in (allowed or ())}})
    return tuple(changed)


def _checked(number: int, step: Mapping[str, Any]) -> tuple[str, domains.Step, dict[str, Any]]:
    if not isinstance(step, Mapping) or not isinstance(step.get("step"), str):
        raise errors.InvalidValueError(
            f"Step {number} of the preprocessing is {errors.shown(step, 80)}; it must be an object "
            'like {"step": "NAME"}.',
            given=step,
        )
    settings = {key: value for key, value in step.items() if key != "step"}
    name = step["step"]
    function, required, allowed = _step(name)
    for key in settings:
        if allowed is not None and key not in allowed:
            raise errors.InvalidValueError(
                f"Step {number} of the preprocessing, {name}, has no setting "
                f"'{errors.shown(key)}'; it takes {', '.join(allowed) or 'none'}.",
                given=key,
                allowed=allowed,
            )
    if missing := [key for key in required if key not in settings]:
        raise errors.InvalidValueError(
            f"Step {number} of the preprocessing, {name}, lacks {', '.join(missing)}.",
            given=dict(step),
            allowed=required,
        )
    return name, function, settings


@functools.cache
def _step(name: str) -> tuple[domains.Step, tuple[str, ...], tuple[str, ...] | None]:
    """Return a step's function, the settings it needs, and those it takes (None: any)."""
    owners = {step: spec.name for spec in domains.DOMAINS for step in spec.steps}
    if name not in owners:
        raise errors.unknown_name("preprocessing step", name, owners)
    function = domains.get_domain(owners[name]).steps()[name]
    takes = list(inspect.signature(function).parameters.values())[1:]
    if any(p.kind is p.VAR_KEYWORD for p in takes):
        return function, (), None
    required = tuple(p.name for p in takes if p.default is p.empty)
    return function, required, tuple(p.name for p in takes)
