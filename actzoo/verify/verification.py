"""Proof that an exported file computes what was trained, without TensorFlow.

Reads only the export folder: the files' hashes, the recorded inputs as a user would send them,
Keras' own outputs on them, and the limits of the card. Numbers are compared even where hashes
agree, so that a change whose hash was brought up to date still shows.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from actzoo import errors, files, run_folder
from actzoo.findings import Finding
from actzoo.verify.collected import Findings
from actzoo.verify.exported import read_exported
from actzoo.verify.file import check_file
from actzoo.verify.folder import check_folder

Folder = str | os.PathLike[str] | run_folder.RunFolder | run_folder.ExportFolder


@dataclasses.dataclass(frozen=True)
class Verification:
    """Outcome of a verification.

    Attributes:
        passed: Nothing was found.
        precisions: Precision -> measures, as in `verify.json`.
        limits: What they were held against.
        findings: What does not hold.
        path: The `verify.json` that was written.
        task: Name of the model's task; None where its card cannot be read.
    """

    passed: bool
    precisions: dict[str, dict[str, Any]]
    limits: dict[str, float]
    findings: tuple[Finding, ...]
    path: Path
    task: str | None


def verify(folder: Folder, *, note: errors.Note | None = None) -> Verification:
    """Verify an export folder, or the one of a run.

    Writes `verify.json` whatever the outcome; a missing or damaged file is a finding.

    Args:
        folder: The export folder or the run folder.
        note: Takes one sentence per finding.

    Returns:
        The outcome; `passed` is False where anything does not hold.

    Raises:
        MissingFileError: There is no export at all.
    """
    target = _target(folder)
    findings = Findings()
    exported = read_exported(target, findings)
    check_folder(exported, findings)
    measures = {name: check_file(exported, name, findings) for name in exported.precisions}
    for precision, measured in measures.items():
        own = findings.of(precision)
        measured.update(passed=not own, limits=exported.limits, findings=own)
    for finding in findings.all:
        if note is not None:
            note(f"verify: {finding.what}")
    files.write_json(target.verification, measures)
    return Verification(
        passed=not findings.all,
        precisions=measures,
        limits=exported.limits,
        findings=tuple(findings.all),
        path=target.verification,
        task=None if exported.card is None else exported.card.task,
    )


def _target(folder: Folder) -> run_folder.ExportFolder:
    if isinstance(folder, run_folder.ExportFolder):
        path = folder.path
    else:
        path = folder.path if isinstance(folder, run_folder.RunFolder) else Path(folder)
        if not (path / "export.json").exists() and (path / "export").is_dir():
            path = path / "export"
    target = run_folder.ExportFolder(path)
    if not target.record.exists() and not target.precisions():
        raise errors.MissingFileError(
            f"There is no export in {errors.shown(path, 200)}.\n"
            "Make one: actzoo export RUN --precision float32,int8",
            given=str(path),
            fix="actzoo export RUN --precision float32,int8",
        )
    return target
