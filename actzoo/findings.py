"""One thing that a user should know: found in a trained model, or in an exported file.

`metrics.json`, `diagnostics.json` and `verify.json` hold lists of these, and the report and the
command line show all in the same way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

# Of the last look at a model (`last_look`), the weightiest first.
WEIGHTIEST = (
    "predicts_nothing",
    "no_better_than_constant",
    "near_copies_between_splits",
    "class_never_predicted",
    "class_never_right",
    "class_never_scored",
    "training_never_fell",
    "validation_never_moves",
    "test_above_validation",
    "test_below_validation",
    "not_clearly_better",
)


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


def weightiest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order of their weight; those of other rules come last, as given."""
    places = {code: place for place, code in enumerate(WEIGHTIEST)}
    return sorted(findings, key=lambda finding: places.get(finding.code, len(places)))
