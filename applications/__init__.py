"""Ready-made architectures by domain; installed as `actzoo.applications`."""

from __future__ import annotations

from actzoo import _lazy

__all__ = ["medical", "text", "vision"]

__getattr__, __dir__ = _lazy.attach(
    __name__, {name: f"actzoo.applications.{name}" for name in __all__}
)
