"""Records of stages: what each read, said and took, in `stages/<stage>.json`."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

from actzoo import errors
from actzoo.files import FORMAT, read_json, write_json
from actzoo.run_folder import RunFolder

STAGES = ("plan", "train", "evaluate", "diagnose", "export", "verify", "report")


def verification_findings(verification: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what `verify.json` found wrong, each once, although it stands with every file.

    Args:
        verification: As read: precision -> measures. Entries of other kinds are passed over.
    """
    unique: dict[str, Mapping[str, Any]] = {}
    for measured in verification.values():
        found = measured.get("findings") if isinstance(measured, Mapping) else None
        for finding in found if isinstance(found, list | tuple) else ():
            if isinstance(finding, Mapping):
                unique.setdefault(str(finding.get("what")), finding)
    return list(unique.values())


class StageLog:
    """What a running stage has to say; becomes `stages/<stage>.json`.

    Args:
        run: The run folder.
        stage: Its name.
    """

    def __init__(self, run: RunFolder, stage: str) -> None:
        self.run = run
        self.stage = stage
        self.warnings: list[str] = []
        earlier = STAGES[: STAGES.index(stage)] if stage in STAGES else ()
        self._said = set(_warnings_of(run, earlier))
        self._started = time.monotonic()

    def note(self, text: str) -> None:
        """Say one warning: on stderr now, in the record and the report later.

        What an earlier stage of the run has said, as on opening the same data, is not said again.
        """
        if text not in self.warnings and text not in self._said:
            self.warnings.append(text)
            print(f"warning: {text}", file=sys.stderr, flush=True)

    def close(self, reads: Mapping[str, str]) -> None:
        """Write the record.

        Args:
            reads: What the stage read: name -> sha256.
        """
        write_json(
            self.run.record(self.stage),
            {
                "format": FORMAT,
                "stage": self.stage,
                "reads": dict(reads),
                "seconds": round(max(0.0, time.monotonic() - self._started), 3),
                "warnings": self.warnings,
            },
        )


def run_warnings(run: RunFolder) -> list[str]:
    """Return the warnings of all stages of a run, in order, each once."""
    return _warnings_of(run, STAGES)


def _warnings_of(run: RunFolder, stages: Iterable[str]) -> list[str]:
    found: list[str] = []
    for stage in stages:
        with contextlib.suppress(errors.ActzooError):
            for text in read_json(run.record(stage), "stage record").get("warnings", []):
                if text not in found:
                    found.append(text)
    return found
