"""What a user gives to `predict`, one input after another: files, and folders of them.

A folder is read as training reads one (`folders`): what is no input is counted and not answered.
What the user names is always answered, be it with the reason why it cannot be read.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from actzoo import errors, files, folders


@dataclasses.dataclass(frozen=True)
class GivenInput:
    """One input that a user gives to `predict`; one of content, array, problem and note is there.

    Attributes:
        name: What the user calls it.
        content: Bytes, as the first preprocessing step takes them.
        array: A `.npy` file that holds the model's input itself.
        problem: Why it cannot be read.
        note: What to say of a folder of inputs; it gets no answer.
    """

    name: str
    content: bytes | None = None
    array: Path | None = None
    problem: str | None = None
    note: str | None = None


def of_files(
    given: Sequence[str | os.PathLike[str]], takes: Callable[[str], bool]
) -> Iterator[GivenInput]:
    """Yield files as inputs.

    Args:
        given: Files, and folders of them.
        takes: Whether a file in a folder is an input, by its name; a `.npy` always is.
    """
    for path in map(Path, given):
        for file in listed(path, lambda name: name.endswith(".npy") or takes(name)):
            yield file if isinstance(file, GivenInput) else _of_file(file)


def listed(path: Path, takes: Callable[[str], bool]) -> Iterator[Path | GivenInput]:
    """Yield the files that a path stands for, and what there is to say of a folder.

    Args:
        path: A file, or a folder of files.
        takes: Whether a file in a folder is an input, by its name.
    """
    left_out = folders.LeftOut(str(path))
    try:
        for file in folders.files_of([path], takes, left_out):
            why = left_out.unlisted.get(str(file))
            yield file if why is None else GivenInput(str(file), problem=why)
    except errors.ActzooError as error:
        yield GivenInput(str(path), problem=str(error))
    for sentence in (*_unread(left_out), *left_out.notes(takes, "inputs")):
        yield GivenInput(str(path), note=sentence)


def _unread(left_out: folders.LeftOut) -> list[str]:
    if not left_out.unread:
        return []
    counts = sorted(left_out.unread.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{count:,} {ending or 'without ending'}" for ending, count in counts[:8])
    return [f"Files that are not inputs of this model were set aside: {errors.shown(named, 200)}."]


def _of_file(path: Path) -> GivenInput:
    name = str(path)
    try:
        if folders.is_named_as_archive(path.name) and path.is_file():
            problem = f"{errors.shown(path, 200)} is an archive.\nUnpack it and give the folder."
            return GivenInput(name, problem=problem)
        if path.suffix == ".npy":
            files.refuse_special(path)
            return GivenInput(name, array=path)
        return GivenInput(name, files.read_bytes(path))
    except FileNotFoundError:
        problem = f"There is no file {errors.shown(path, 200)}."
    except errors.ActzooError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{errors.shown(path, 200)} cannot be read: {error.strerror}."
    return GivenInput(name, problem=problem)
