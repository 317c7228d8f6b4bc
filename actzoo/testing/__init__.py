"""Contracts of activations, models and kinds of data: of our rows and of other packages' rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actzoo import _lazy

if TYPE_CHECKING:
    from actzoo.testing.activations import activation_checks
    from actzoo.testing.checks import Check, CheckFailedError
    from actzoo.testing.models import ToyTask, check_model, lesson_for, small_config
    from actzoo.testing.sources import source_checks

__all__ = [
    "Check",
    "CheckFailedError",
    "ToyTask",
    "activation_checks",
    "check_model",
    "lesson_for",
    "small_config",
    "source_checks",
]

_CHECKS, _MODELS = "actzoo.testing.checks", "actzoo.testing.models"
__getattr__, __dir__ = _lazy.attach(
    __name__,
    {
        "Check": f"{_CHECKS}:Check",
        "CheckFailedError": f"{_CHECKS}:CheckFailedError",
        "activation_checks": "actzoo.testing.activations:activation_checks",
        "check_model": f"{_MODELS}:check_model",
        "ToyTask": f"{_MODELS}:ToyTask",
        "lesson_for": f"{_MODELS}:lesson_for",
        "small_config": f"{_MODELS}:small_config",
        "source_checks": "actzoo.testing.sources:source_checks",
    },
)
