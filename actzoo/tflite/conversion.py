"""TensorFlow's converter: from a SavedModel to a float `.tflite`; run in the child process."""

from __future__ import annotations

import re
from pathlib import Path

from actzoo import errors


def convert(saved_model: str, out: str, weights: str = "float32") -> None:
    """Convert a SavedModel to a `.tflite` of builtin operators with float values.

    Args:
        saved_model: The folder.
        out: The file to write.
        weights: How they are stored: "float32", "float16" or "int8". Unlike `quantization`, this
            reaches tables that rows are looked up in.

    Raises:
        ExportError: The model needs operators that TFLite does not have.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if weights != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        data = converter.convert()
    except Exception as error:
        raise errors.ExportError(_reason(str(error))) from error
    Path(out).write_bytes(data)


def _reason(text: str) -> str:
    """Return the converter's complaint in one sentence: which operators, of which layers."""
    operators = sorted(set(re.findall(r"\bFlex(\w+)", text)))
    if not operators:
        operators = sorted(set(re.findall(r"tf\.(\w+)' op is neither a custom op", text)))
    layers = sorted(set(re.findall(r'"[^"\s]*?/([^"/\s]+?)(?:_\d+)?/[^"/]*"', text)))
    if operators:
        where = f" in layer {', '.join(layers[:5])}" if layers else ""
        return (
            f"The model needs operators that TFLite does not have: {', '.join(operators)}{where}.\n"
            "Replace that layer or activation; `actzoo list activations` names those that export."
        )
    first = next((line for line in text.splitlines() if line.strip()), "no reason given")
    return f"TensorFlow's converter refuses the model: {errors.shown(first, 300)}"
