"""What the rows of all families share."""

from __future__ import annotations

import dataclasses
from typing import Any

from actzoo.activations.spec import ActivationSpec, Parameter

KERAS = "keras.activations:"
LAYERS = "keras.layers:"

NAN_AT_MINUS_INF = (
    "At -inf the formula computes inf * 0, or inf - inf, and gives NaN; the true limit is 0. Kept: "
    "a form without it costs one more pass over memory for inputs that no sound net has."
)
FUSED_RELU = (
    "NaN passes through the layer alone, but TensorFlow on a CPU joins it with the Dense or Conv2D "
    "before it when it predicts, and then NaN becomes 0."
)

SLOPE = Parameter("negative_slope", 0.01, low=0.0, summary="slope for negative inputs")
AXIS = Parameter("axis", -1, low=-8, high=8, kind="int", summary="axis to work along")
AXES = dataclasses.replace(AXIS, several=True, summary="axis, or axes, to work along")
PER = Parameter(
    "per",
    "channel",
    kind="choice",
    choices=("channel", "layer", "element"),
    summary="what has weights of its own: each channel (last axis), the layer, or each element",
)

PER_LAYER = dataclasses.replace(PER, default="layer")


def row(name: str, target: str, **fields: Any) -> ActivationSpec:
    """Return a built-in row, its parameters within float32."""
    fields["parameters"] = tuple(map(_within_float32, fields.get("parameters", ())))
    return ActivationSpec(name=name, target=target, **fields)


def _within_float32(parameter: Parameter) -> Parameter:
    """Keep a number, its square and its reciprocal within float32."""
    if parameter.kind != "float":
        return parameter
    low = -1e6 if parameter.low is None else parameter.low
    high = 1e6 if parameter.high is None else parameter.high
    if parameter.low_open:
        low = max(low, min(1e-6, parameter.default))
    return dataclasses.replace(parameter, low=low, high=high, low_open=False)
