"""Device files from the inside: read, checked, edited, run and converted; no Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actzoo import _lazy

if TYPE_CHECKING:
    from actzoo.tflite.edit import inline_weights, pack, with_room_for_biases, with_uint8_io
    from actzoo.tflite.folding import FloatRun, float_runs
    from actzoo.tflite.graph import (
        BINARY,
        IDENTIFIER,
        OUTPUT,
        Graph,
        Operator,
        Tensor,
        broken,
        has_lookup,
        layers_of,
        load,
        read,
    )
    from actzoo.tflite.interpreter import (
        Interpreter,
        Runner,
        TensorSpec,
        dequantize,
        machine,
        quantize,
        quiet_interpreter,
    )
    from actzoo.tflite.sandbox import Child, Sandbox, child_environment, receive, send, send_specs

_TARGETS = {
    "BINARY": "actzoo.tflite.graph:BINARY",
    "Child": "actzoo.tflite.sandbox:Child",
    "FloatRun": "actzoo.tflite.folding:FloatRun",
    "Graph": "actzoo.tflite.graph:Graph",
    "IDENTIFIER": "actzoo.tflite.graph:IDENTIFIER",
    "Interpreter": "actzoo.tflite.interpreter:Interpreter",
    "OUTPUT": "actzoo.tflite.graph:OUTPUT",
    "Operator": "actzoo.tflite.graph:Operator",
    "Runner": "actzoo.tflite.interpreter:Runner",
    "Sandbox": "actzoo.tflite.sandbox:Sandbox",
    "Tensor": "actzoo.tflite.graph:Tensor",
    "TensorSpec": "actzoo.tflite.interpreter:TensorSpec",
    "broken": "actzoo.tflite.graph:broken",
    "child_environment": "actzoo.tflite.sandbox:child_environment",
    "dequantize": "actzoo.tflite.interpreter:dequantize",
    "float_runs": "actzoo.tflite.folding:float_runs",
    "has_lookup": "actzoo.tflite.graph:has_lookup",
    "inline_weights": "actzoo.tflite.edit:inline_weights",
    "layers_of": "actzoo.tflite.graph:layers_of",
    "load": "actzoo.tflite.graph:load",
    "machine": "actzoo.tflite.interpreter:machine",
    "pack": "actzoo.tflite.edit:pack",
    "quantize": "actzoo.tflite.interpreter:quantize",
    "quiet_interpreter": "actzoo.tflite.interpreter:quiet_interpreter",
    "read": "actzoo.tflite.graph:read",
    "receive": "actzoo.tflite.sandbox:receive",
    "send": "actzoo.tflite.sandbox:send",
    "send_specs": "actzoo.tflite.sandbox:send_specs",
    "with_room_for_biases": "actzoo.tflite.edit:with_room_for_biases",
    "with_uint8_io": "actzoo.tflite.edit:with_uint8_io",
}

__all__ = [
    "BINARY",
    "IDENTIFIER",
    "OUTPUT",
    "Child",
    "FloatRun",
    "Graph",
    "Interpreter",
    "Operator",
    "Runner",
    "Sandbox",
    "Tensor",
    "TensorSpec",
    "broken",
    "child_environment",
    "dequantize",
    "float_runs",
    "has_lookup",
    "inline_weights",
    "layers_of",
    "load",
    "machine",
    "pack",
    "quantize",
    "quiet_interpreter",
    "read",
    "receive",
    "send",
    "send_specs",
    "with_room_for_biases",
    "with_uint8_io",
]

__getattr__, __dir__ = _lazy.attach(__name__, _TARGETS)
