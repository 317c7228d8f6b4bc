"""The findings of a verification, as they come."""

from __future__ import annotations

from actzoo.findings import Finding

EXPORT_AGAIN = "Export again: actzoo export RUN"


class Findings:
    """What does not hold, in the order it was seen."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def add(
        self,
        code: str,
        what: str,
        why: str,
        suggestion: str = EXPORT_AGAIN,
        *,
        precision: str | None = None,
    ) -> None:
        """Note a finding.

        Args:
            code: Stable name of the check.
            what: What was seen, with the file, value and limit.
            why: What it means.
            suggestion: What to do.
            precision: The file it is about; None for the whole folder.
        """
        self.all.append(Finding(code, None, what, why, suggestion, precision))

    def of(self, precision: str) -> list[Finding]:
        """Return what is about one file or about all."""
        return [finding for finding in self.all if finding.precision in (None, precision)]


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its kind where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
