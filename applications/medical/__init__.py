"""Scans and microscopy: a mask for every picture or volume, with a U-Net."""

from __future__ import annotations

from actzoo import _lazy

__all__ = ["build_unet"]

__getattr__, __dir__ = _lazy.attach(
    __name__, {"build_unet": "actzoo.applications.medical.models:build_unet"}
)
