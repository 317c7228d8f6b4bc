"""Reading the files of a run that may be missing, cut or edited by hand."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from actzoo import errors, files
from actzoo.formatting import finite
from actzoo.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class JsonFile:
    """A JSON file of the run: what it holds, and what is wrong with it in one sentence."""

    data: Mapping[str, Any]
    gap: str | None


def read_json(run: RunFolder, path: Path, what: str, command: str) -> JsonFile:
    """Read a JSON file of a run.

    Args:
        run: The run.
        path: The file, within the run.
        what: What it is ("plan"), for messages.
        command: The command that makes it.
    """
    name = path.relative_to(run.path).as_posix()
    if not path.is_file():
        return JsonFile({}, f"{name} is missing. `{command}` makes it.")
    try:
        data = files.read_json(path, what)
        empty = not set(data) - {"format"}
        return JsonFile(data, f"{name} is empty. `{command}` makes it anew." if empty else None)
    except (errors.ActzooError, OSError) as error:
        first = str(error).splitlines()[0].replace(f"{run.path}{os.sep}", "")
        return JsonFile({}, f"{name} cannot be used: {first} `{command}` makes it anew.")


def columns(path: Path) -> list[str]:
    """Return the headings of a CSV file; none where it is missing or broken."""
    with contextlib.suppress(OSError, csv.Error), _opened(path) as reader:
        return list(reader.fieldnames or ())
    return []


def rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file; stops quietly where the file is cut."""
    with contextlib.suppress(OSError, csv.Error), _opened(path) as reader:
        yield from reader


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[csv.DictReader[str]]:
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        yield csv.DictReader(line.replace("\0", "") for line in file)


def cell(text: str | None) -> float | None:
    """Return the number in a cell; None where there is none."""
    try:
        return finite(float(text)) if text else None
    except ValueError:
        return None
