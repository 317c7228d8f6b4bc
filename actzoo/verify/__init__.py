"""Proof that an exported file computes what was trained, without TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actzoo import _lazy

if TYPE_CHECKING:
    from actzoo.findings import Finding
    from actzoo.verify.verification import Verification, verify

_TARGETS = {
    "Finding": "actzoo.findings:Finding",
    "Verification": "actzoo.verify.verification:Verification",
    "verify": "actzoo.verify.verification:verify",
}

__all__ = ["Finding", "Verification", "verify"]

__getattr__, __dir__ = _lazy.attach(__name__, _TARGETS)
