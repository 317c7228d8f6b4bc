"""The stages of a run as rows, their records and the lock they hold.

A stage reads files of earlier ones and writes its own; `stages/<stage>.json` records what it read,
said and took. Order, records and what a resumed run may skip all follow from the rows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from actzoo import errors, files
from actzoo.files import FORMAT, read_json, write_json
from actzoo.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of a run.

    Attributes:
        name: Its command ("train").
        target: Function of `(Session) -> object` that does it; imported when it is its turn.
        reads: Files of the run it depends on, as attributes of `RunFolder`.
        writes: Files it is done with; none for a stage that is done again each time.
    """

    name: str
    target: str
    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()

    def hashes(self, run: RunFolder) -> dict[str, str]:
        """Return what the stage reads: name -> SHA-256, of the files that are there."""
        paths: list[Path] = [getattr(run, name) for name in self.reads]
        return {
            str(path.relative_to(run.path)): files.sha256_file(path)
            for path in paths
            if path.exists()
        }

    def is_done(self, run: RunFolder) -> bool:
        """Say whether the stage's record fits what the folder holds now."""
        written = [getattr(run, name) for name in self.writes]
        record = run.record(self.name)
        if not written or not record.exists() or not all(path.exists() for path in written):
            return False
        recorded = dict(read_json(record, "stage record").get("reads", {}))
        recorded.pop("data", None)
        return bool(recorded == self.hashes(run))


STAGES = {
    stage.name: stage
    for stage in (
        Stage("plan", "actzoo.stages:do_plan", ()),
        Stage("train", "actzoo.stages:do_train", ("plan",), ("model", "card", "history")),
        Stage(
            "evaluate",
            "actzoo.stages:do_evaluate",
            ("plan", "model"),
            ("metrics", "predictions", "panels"),
        ),
        Stage("diagnose", "actzoo.stages:do_diagnose", ("plan", "model"), ("diagnostics",)),
        Stage(
            "export",
            "actzoo.stages:do_export",
            ("plan", "model"),
            ("export_record", "export_reference"),
        ),
        Stage("verify", "actzoo.stages:do_verify", ("export_record", "export_reference")),
        Stage("report", "actzoo.stages:do_report", ()),
    )
}


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
        names = list(STAGES)
        self._said = set(_warnings_of(run, names[: names.index(stage)]))
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
    warnings: list[str] = []
    for stage in stages:
        with contextlib.suppress(errors.ActzooError):
            for text in read_json(run.record(stage), "stage record").get("warnings", []):
                if text not in warnings:
                    warnings.append(text)
    return warnings


@contextlib.contextmanager
def running(run: RunFolder, stage: str) -> Iterator[StageLog]:
    """Hold a run folder's lock while a stage runs, and remove what a killed one left over.

    Args:
        run: The run folder; made if it is not there.
        stage: Name of the stage.

    Yields:
        Where the stage says its warnings; it closes the log when it is done.

    Raises:
        InvalidValueError: Another process uses the folder.
        DiskError: The folder cannot be written.
    """
    lock = run.path / ".lock"
    try:
        run.records.mkdir(parents=True, exist_ok=True)
        _take_lock(lock)
    except OSError as error:
        raise files.disk_error(error, lock) from error
    try:
        for left_over in run.path.rglob(".tmp-*"):
            files.remove(left_over)
        yield StageLog(run, stage)
    finally:
        files.remove(lock)
        with contextlib.suppress(OSError):  # only where a refused plan left them empty
            run.records.rmdir()
            run.path.rmdir()


def _take_lock(lock: Path) -> None:
    for _ in range(2):
        try:
            with open(lock, "x", encoding="utf-8") as file:
                file.write(f"{os.getpid()} {time.strftime('%Y-%m-%d %H:%M:%S')}")
            return
        except FileExistsError:
            pid, _, since = lock.read_text("utf-8").partition(" ")
            if pid.isdigit() and int(pid) != os.getpid() and _is_alive(int(pid)):
                raise errors.InvalidValueError(
                    f"{errors.shown(lock.parent, 200)} is in use by process {pid} since {since}.\n"
                    "Wait for it, or choose another --out.",
                    given=str(lock.parent),
                ) from None
            files.remove(lock)


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":  # there, signal 0 is Ctrl-C
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
