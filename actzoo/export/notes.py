"""Warnings of an export."""

from __future__ import annotations

import sys

from actzoo import errors


class Notes:
    """Warnings, each said once and kept.

    Args:
        note: Takes each; None prints them to stderr.
    """

    def __init__(self, note: errors.Note | None) -> None:
        self.all: list[str] = []
        self._note = note or (lambda text: print(f"warning: {text}", file=sys.stderr))

    def __call__(self, text: str) -> None:
        """Say a warning that was not said before."""
        if text not in self.all:
            self.all.append(text)
            self._note(text)
