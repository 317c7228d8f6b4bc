"""A model zoo with exchangeable activations, from your own data to a verified file on the phone.

Public names are imported when first used; `import actzoo` needs no Keras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actzoo import _lazy

__version__ = "0.1.0"

if TYPE_CHECKING:
    from actzoo import (
        activations,
        applications,
        data,
        diagnostics,
        export,
        inference,
        testing,
        verify,
    )
    from actzoo.errors import ActzooError
    from actzoo.models import build_model, list_models
    from actzoo.saving import load_model, register, save_model
    from actzoo.stages import run
    from actzoo.weights import list_weights

_TARGETS = {
    "ActzooError": "actzoo.errors:ActzooError",
    "activations": "actzoo.activations",
    "applications": "actzoo.applications",
    "build_model": "actzoo.models:build_model",
    "data": "actzoo.data",
    "diagnostics": "actzoo.diagnostics",
    "export": "actzoo.export",
    "inference": "actzoo.inference",
    "list_models": "actzoo.models:list_models",
    "list_weights": "actzoo.weights:list_weights",
    "load_model": "actzoo.saving:load_model",
    "register": "actzoo.saving:register",
    "run": "actzoo.stages:run",
    "save_model": "actzoo.saving:save_model",
    "testing": "actzoo.testing",
    "verify": "actzoo.verify",
}

__all__ = [
    "ActzooError",
    "__version__",
    "activations",
    "applications",
    "build_model",
    "data",
    "diagnostics",
    "export",
    "inference",
    "list_models",
    "list_weights",
    "load_model",
    "register",
    "run",
    "save_model",
    "testing",
    "verify",
]

__getattr__, __dir__ = _lazy.attach(__name__, _TARGETS)
