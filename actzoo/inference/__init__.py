"""Any model we know, asked for predictions: run folder, .keras, .tflite, SavedModel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actzoo import _lazy

if TYPE_CHECKING:
    from actzoo.inference.input_checks import check_inputs
    from actzoo.inference.prediction import Prediction, read_inputs
    from actzoo.inference.predictors import (
        KerasPredictor,
        Predictor,
        SavedModelPredictor,
        TFLitePredictor,
        open_model,
    )

_TARGETS = {
    "KerasPredictor": "actzoo.inference.predictors:KerasPredictor",
    "Prediction": "actzoo.inference.prediction:Prediction",
    "Predictor": "actzoo.inference.predictors:Predictor",
    "SavedModelPredictor": "actzoo.inference.predictors:SavedModelPredictor",
    "TFLitePredictor": "actzoo.inference.predictors:TFLitePredictor",
    "check_inputs": "actzoo.inference.input_checks:check_inputs",
    "open_model": "actzoo.inference.predictors:open_model",
    "read_inputs": "actzoo.inference.prediction:read_inputs",
}

__all__ = [
    "KerasPredictor",
    "Prediction",
    "Predictor",
    "SavedModelPredictor",
    "TFLitePredictor",
    "check_inputs",
    "open_model",
    "read_inputs",
]

__getattr__, __dir__ = _lazy.attach(__name__, _TARGETS)
