"""Texts: classification with small transformer encoders."""

from __future__ import annotations

from actzoo import _lazy

__all__ = ["build_bert"]

__getattr__, __dir__ = _lazy.attach(
    __name__, {"build_bert": "actzoo.applications.text.models:build_bert"}
)
