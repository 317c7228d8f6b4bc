"""Proof that an exported file computes what was trained, without TensorFlow.

Reads only the export folder: the files' hashes, the recorded inputs as the user would send them,
Keras' own outputs on them, and the limits of the card.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import errors, results


@dataclasses.dataclass(frozen=True)
class Finding:
    """One limit that does not hold."""

    code: str
    what: str
    why: str
    fix: str


@dataclasses.dataclass(frozen=True)
class Verification:
    """Outcome of a verification.

    Attributes:
        passed: Every limit holds.
        precisions: Precision -> measures, as in `verify.json`.
        limits: What they were held against.
        findings: What does not hold.
        path: The `verify.json` that was written.
    """

    passed: bool
    precisions: dict[str, dict[str, Any]]
    limits: dict[str, float]
    findings: tuple[Finding, ...]
    path: Path


def verify(
    folder: str | os.PathLike[str] | results.RunFolder,
    *,
    note: Callable[[str], None] | None = None,
) -> Verification:
    """Verify an export folder, or the one of a run. (Being built.)"""
    raise NotImplementedError
