"""The form each activation takes on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actzoo import _lazy

if TYPE_CHECKING:
    from actzoo.activations.device_forms import DeviceForm, device_form
    from actzoo.lowering.endings import gives_probabilities, probability_activation
    from actzoo.lowering.original import FEW, keras_outputs, largest_hidden_values
    from actzoo.lowering.rewrite import (
        INT8_PASSTHROUGH,
        OUTPUT_LAYER,
        DeviceActivation,
        Lowered,
        lower,
        lower_in_detail,
    )

_TARGETS = {
    "DeviceActivation": "actzoo.lowering.rewrite:DeviceActivation",
    "DeviceForm": "actzoo.activations.device_forms:DeviceForm",
    "FEW": "actzoo.lowering.original:FEW",
    "INT8_PASSTHROUGH": "actzoo.lowering.rewrite:INT8_PASSTHROUGH",
    "Lowered": "actzoo.lowering.rewrite:Lowered",
    "OUTPUT_LAYER": "actzoo.lowering.rewrite:OUTPUT_LAYER",
    "device_form": "actzoo.activations.device_forms:device_form",
    "gives_probabilities": "actzoo.lowering.endings:gives_probabilities",
    "keras_outputs": "actzoo.lowering.original:keras_outputs",
    "largest_hidden_values": "actzoo.lowering.original:largest_hidden_values",
    "lower": "actzoo.lowering.rewrite:lower",
    "lower_in_detail": "actzoo.lowering.rewrite:lower_in_detail",
    "probability_activation": "actzoo.lowering.endings:probability_activation",
}

__all__ = [
    "FEW",
    "INT8_PASSTHROUGH",
    "OUTPUT_LAYER",
    "DeviceActivation",
    "DeviceForm",
    "Lowered",
    "device_form",
    "gives_probabilities",
    "keras_outputs",
    "largest_hidden_values",
    "lower",
    "lower_in_detail",
    "probability_activation",
]

__getattr__, __dir__ = _lazy.attach(__name__, _TARGETS)
