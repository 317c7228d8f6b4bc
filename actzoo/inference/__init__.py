"""Any model we know, asked for predictions: run folder, .keras, exported file, SavedModel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actzoo import _lazy

if TYPE_CHECKING:
    from actzoo.inference.input_checks import check_inputs
    from actzoo.inference.output_folder import check as check_output_folder
    from actzoo.inference.prediction import Prediction, read_inputs
    from actzoo.inference.predictors import (
        FilePredictor,
        KerasPredictor,
        Predictor,
        SavedModelPredictor,
        open_model,
    )

_TARGETS = {
    "FilePredictor": "actzoo.inference.predictors:FilePredictor",
    "KerasPredictor": "actzoo.inference.predictors:KerasPredictor",
    "Prediction": "actzoo.inference.prediction:Prediction",
    "Predictor": "actzoo.inference.predictors:Predictor",
    "SavedModelPredictor": "actzoo.inference.predictors:SavedModelPredictor",
    "check_inputs": "actzoo.inference.input_checks:check_inputs",
    "check_output_folder": "actzoo.inference.output_folder:check",
    "open_model": "actzoo.inference.predictors:open_model",
    "read_inputs": "actzoo.inference.prediction:read_inputs",
}

__all__ = [
    "FilePredictor",
    "KerasPredictor",
    "Prediction",
    "Predictor",
    "SavedModelPredictor",
    "check_inputs",
    "check_output_folder",
    "open_model",
    "read_inputs",
]

__getattr__, __dir__ = _lazy.attach(__name__, _TARGETS)
