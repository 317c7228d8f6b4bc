"""Folders and files as users give them: what is there, without what systems put beside it.

The names of splits are here, too, since every kind of data may come in folders or files of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from actzoo import errors

# What folders and files of a split are called, in small letters.
SPLIT_NAMES = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test",
}  # fmt: skip
_SYSTEM = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx"))


def entries(folder: str) -> tuple[list[str], list[str]]:
    """Return the names of a folder's folders and files, sorted, without hidden and system ones.

    Raises:
        DataError: The folder cannot be listed.
    """
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as listed:
            for entry in listed:
                if entry.name.startswith(".") or entry.name.lower() in _SYSTEM:
                    continue
                (folders if _is_folder(entry) else files).append(entry.name)
    except OSError as error:
        raise errors.DataError(
            f"The folder {errors.shown(folder, 200)} cannot be listed: {error.strerror}.\n"
            "Change its permissions, or remove it.",
            given=folder,
        ) from error
    return sorted(folders), sorted(files)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def files_of(given: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Return files; a folder stands for all files below it that are not hidden.

    Raises:
        MissingFileError: A folder holds none.
    """
    files: list[Path] = []
    for path in map(Path, given):
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted(
            file
            for file in path.rglob("*")
            if file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        )
        if not inside:
            raise errors.MissingFileError(
                f"The folder {errors.shown(path, 200)} holds no files.", given=str(path)
            )
        files += inside
    return files


def is_scheme(path: str) -> bool:
    """Say whether a user's DATA is a name like `tfds:NAME` and not a place on disk."""
    scheme, colon, _ = path.partition(":")
    return bool(colon) and scheme.isalnum() and len(scheme) > 1 and not Path(path).exists()


def check_exists(path: str) -> None:
    """Refuse a place on disk where there is nothing.

    Raises:
        MissingFileError: There is nothing at the path.
    """
    if not is_scheme(path) and not Path(path).exists():
        raise errors.MissingFileError(
            f"There is nothing at {errors.shown(path, 200)}.\n"
            "DATA is a folder, an archive of one, a file, or `tfds:NAME`.",
            given=path,
        )
