"""What actzoo itself writes, told from a user's data wherever both lie together.

Runs, exports and answers of `predict` are never data. What an earlier call of `predict` wrote may
be written over, which a file of the user's may not.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

# What `actzoo predict` writes: the table, that of an earlier call, and the legend of masks.
ANSWERS, ANSWERS_BEFORE, LEGEND = "predictions.csv", ".predictions-before.csv", "labels.json"


def written_by_actzoo(folder: str) -> str | None:
    """Return what a folder is that actzoo wrote, or None: such folders are never data."""

    def has(*names: str) -> bool:
        return all(os.path.exists(os.path.join(folder, name)) for name in names)

    if has("stages") and (has("plan.json") or has(".lock")):
        return "a run of actzoo"
    if has("export.json", "model.json"):
        return "an export of actzoo"
    if has(ANSWERS) and is_table_of_answers(os.path.join(folder, ANSWERS)):
        return "what `actzoo predict` wrote"
    return None


def answers_in(folder: str | os.PathLike[str]) -> set[tuple[str, ...]]:
    """Return what `predict` wrote into a folder: parts of each path, relative to the folder."""
    found: set[tuple[str, ...]] = set()
    own_name = os.path.basename(os.path.abspath(folder))
    for name in (ANSWERS, ANSWERS_BEFORE):
        path = os.path.join(folder, name)
        if not is_table_of_answers(path):
            continue
        found |= {(name,), (LEGEND,)}
        for mask in _masks_in(path):
            parts = Path(mask.removeprefix("'")).parts
            # Masks of one name are in numbered folders; the folder itself may have moved.
            numbered = len(parts) > 1 and parts[-2].isdigit() and parts[-2] != own_name
            found.add(parts[-2:] if numbered else parts[-1:])
    return found - {()}


def _masks_in(path: str) -> Iterator[str]:
    """Yield the masks that a table names, as far as it can be read: programs may save it again."""
    with contextlib.suppress(OSError, csv.Error):
        with open(path, encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield from (row.get("mask") or "" for row in csv.DictReader(file))


def table_of_masks(parts: Iterable[tuple[str, ...]]) -> str:
    """Return the table that keeps what an earlier call wrote, while the next one is under way."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("input", "mask", "error"), *(("", "/".join(p), "") for p in sorted(parts))])
    return text.getvalue()


def is_table_of_answers(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is a table that `actzoo predict` wrote."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            header = next(csv.reader(file), [])
    except (OSError, ValueError, csv.Error):
        return False
    return header[:1] == ["input"] and header[-1:] == ["error"]
