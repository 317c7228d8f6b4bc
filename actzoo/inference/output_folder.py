"""The folder into which answers are written: looked at before any work, careful with what is there.

What an earlier call left may be written over; a file of the user's may not.
"""

from __future__ import annotations

import itertools
from collections.abc import Set
from pathlib import Path

from actzoo import errors, files, own_files


def check(out: Path) -> None:
    """Refuse a folder that cannot take answers.

    Raises:
        InvalidValueError: It is a file, or holds a predictions.csv of the user's.
        DiskError: It cannot be written.
    """
    table = out / own_files.ANSWERS
    if out.exists() and not out.is_dir():
        raise _refused(f"{errors.shown(out, 200)} is a file; --out takes a folder.", out)
    if table.exists() and not own_files.is_table_of_answers(table):
        raise _refused(
            f"{errors.shown(table, 200)} is not a table of `actzoo predict` and is not "
            "overwritten.",
            table,
        )
    files.check_writable(out)


def free_place(out: Path, name: str, written: Set[Path], earlier: Set[tuple[str, ...]]) -> Path:
    """Return where a file goes; files of one name go into folders of their own.

    Args:
        out: The folder.
        name: Of the file.
        written: What this call has written.
        earlier: What an earlier call wrote; see `own_files.answers_in`.

    Raises:
        DataError: A file of the user's is there.
    """
    places = itertools.chain([out], (out / str(number) for number in itertools.count(2)))
    target = next(place / name for place in places if place / name not in written)
    own = tuple(files.readable(part) for part in target.relative_to(out).parts)
    if target.exists() and own not in earlier:
        raise errors.DataError(
            f"{errors.shown(target, 200)} exists already and is not overwritten.\n"
            "Name another folder: --out FOLDER",
            given=str(target),
            fix="--out FOLDER",
        )
    return target


def _refused(why: str, path: Path) -> errors.InvalidValueError:
    return errors.InvalidValueError(
        f"{why}\nName another folder: --out FOLDER", given=str(path), fix="--out FOLDER"
    )
