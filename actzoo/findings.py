"""One thing that a user should know: found in a trained model, or in an exported file.

`diagnostics.json` and `verify.json` hold lists of these, and the report and the command line show
both in the same way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that a user should know.

    Attributes:
        code: Stable name of the rule or check.
        site: Layer it is about, "model" for the whole model; None where it is about a file.
        what: What was seen, with the number.
        why: Why it matters.
        suggestion: What to do.
        precision: Exported file it is about; None for the whole folder, or for a model.
    """

    code: str
    site: str | None
    what: str
    why: str
    suggestion: str
    precision: str | None = None


def result_findings(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what the last look at the results found, the weightiest first.

    Args:
        metrics: `metrics.json`, as read.
    """
    listed = metrics.get("findings")
    return [
        finding
        for finding in (listed if isinstance(listed, list | tuple) else ())
        if isinstance(finding, Mapping)
    ]


def verification_findings(verification: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what `verify.json` found wrong, each once, although it is listed with every file.

    Args:
        verification: As read: precision -> measures. Entries of other kinds are passed over.
    """
    unique: dict[str, Mapping[str, Any]] = {}
    for measured in verification.values():
        findings = measured.get("findings") if isinstance(measured, Mapping) else None
        for finding in findings if isinstance(findings, list | tuple) else ():
            if isinstance(finding, Mapping):
                unique.setdefault(str(finding.get("what")), finding)
    return list(unique.values())
