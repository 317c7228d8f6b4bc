"""Images and masks whose names say nothing: told apart by what the files hold.

Four forms: two folders with files of the same names; a folder for each case with the same names in
each; files of one folder that differ in a word at the end of their names, or in their kind of file.
The side with few values is the masks'.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Sequence

from actzoo import errors
from actzoo.applications.medical.layouts import endings, layout, probing
from actzoo.applications.medical.layouts.layout import ASIDE, IMAGE, MASK, ScanFile

ALIKE = 0.9  # share of the smallest side's names that the others have, too
DEEPEST = 4  # folder whose name may be what differs
MOST_SLOTS = 6
_Slots = dict[str, dict[tuple[str, ...], ScanFile]]  # name of a side -> case -> file


class QuestionError(errors.DataError):
    """Two readings of a folder are possible, and only its owner can tell."""


def told_by_content(root: str, files: Sequence[ScanFile]) -> list[ScanFile] | None:
    """Return files with their roles, where some hold masks; None where nothing says so.

    Args:
        root: The folder.
        files: Those that may be images or masks.

    Raises:
        QuestionError: They may as well be classes.
    """
    for slots, by_folder in _readings(files):
        name = _mask_slot(root, slots)
        if name is not None:
            is_picture = not any(file.is_volume for file in files)
            numbered = all(file.plain.isdigit() for file in files)
            unnamed = not any(file.folder_role for file in files)
            if by_folder and is_picture and ((numbered and unnamed) or len(slots) > 2):
                raise _question([*slots], name)
            told = [
                _with_role(file, slot, key, slot == name, len(slots))
                for slot, members in slots.items()
                for key, file in members.items()
            ]
            used = {file.path for file in told}
            rest = [file for file in files if file.path not in used]
            return [*told, *(dataclasses.replace(file, role=ASIDE) for file in rest)]
    return None


def _with_role(
    file: ScanFile, slot: str, key: Sequence[str], is_mask: bool, count: int
) -> ScanFile:
    """Return a file as an image or a mask of its case, whose name it has.

    Args:
        file: Any.
        slot: The side that it is on.
        key: Folders and name of the case.
        is_mask: It is on the side of the masks.
        count: How many sides there are.
    """
    place = layout.place_of("/".join(key[:-1]))
    plain = key[-1] if is_mask else f"{key[-1]}_{slot}".strip("_")
    stem = file.stem if count == 2 else f"{file.stem}_{slot}"
    return dataclasses.replace(
        file,
        role=MASK if is_mask else IMAGE,
        place=place,
        folders=place,
        stem=key[-1] if is_mask else stem,
        key=plain,
        plain=plain,
    )


def _question(folders: Sequence[str], masks: str) -> QuestionError:
    """Return the question whether folders are classes, or hold images and their masks."""
    named = ", ".join(f"{errors.shown(name, 60)}/" for name in folders)
    own = errors.shown(masks, 60)
    rename = "rename the folder of their images to images/ "
    if own != "masks":
        rename = "rename it to masks/, the folder of their images to images/, "
    return QuestionError(
        f"The pictures in {named} have the same names, as classes may have that are numbered, and "
        f"those in {own}/ few values, as masks have. Which are they?\n"
        f"If {own}/ holds masks, {rename}and move other folders away. If these are classes, add "
        "--task classification.",
        given=tuple(folders),
        fix="--task classification",
    )


def _mask_slot(root: str, slots: _Slots) -> str | None:
    """Return the one side of which all files look like masks, and the others do not."""
    paths = {name: [file.path for file in members.values()] for name, members in slots.items()}
    alike = [name for name, own in paths.items() if probing.may_be_masks(root, own)]
    if len(alike) != 1:
        return None
    mask = alike[0]
    both = sorted(set(slots[mask]).intersection(*slots.values()))
    masks = [slots[mask][key].path for key in both]
    for name in slots:
        own = [slots[name][key].path for key in both]
        if name != mask and not (
            probing.any_unlike_mask(root, own) and probing.same_sizes(root, own, masks)
        ):
            return None
    return mask


def _readings(files: Sequence[ScanFile]) -> Iterator[tuple[_Slots, bool]]:
    """Yield sides, and whether they are folders."""
    deepest = max((file.path.count("/") for file in files), default=0)
    for depth in range(min(deepest, DEEPEST)):
        yield from ((slots, True) for slots in _checked(_by_folder(files, depth), MOST_SLOTS))
    yield from ((slots, False) for slots in _checked(_by_name(files), MOST_SLOTS))
    yield from ((slots, False) for slots in _checked(_by_mark(files), 2))
    yield from ((slots, False) for slots in _checked(_by_ending(files), 2))


def _checked(slots: _Slots, most: int) -> Iterator[_Slots]:
    """Yield sides of which nearly all cases are on the others, too, and two cases or more."""
    if not 2 <= len(slots) <= most:
        return
    both = set(next(iter(slots.values()))).intersection(*slots.values())
    if len(both) >= max(2, ALIKE * min(map(len, slots.values()))):
        yield slots


def _by_folder(files: Sequence[ScanFile], depth: int) -> _Slots:
    """Return the files by the folder at one depth: foo/a.png, bar/a.png."""
    slots: _Slots = collections.defaultdict(dict)
    for file in files:
        parts = file.path.split("/")[:-1]
        if len(parts) > depth:
            rest = (*parts[:depth], *parts[depth + 1 :])
            split, name = layout.without_split(parts[depth])
            slots[layout.plain_stem(name)][*filter(None, (split,)), *rest, file.plain] = file
    return slots


def _by_name(files: Sequence[ScanFile]) -> _Slots:
    """Return the files by their names, the same in a folder for each case."""
    slots: _Slots = collections.defaultdict(dict)
    for file in files:
        if file.folder:
            slots[file.plain][file.folder, ""] = file
    return slots


def _by_mark(files: Sequence[ScanFile]) -> _Slots:
    """Return the files by what one's name adds to the other's: a.png, a_lesion.png."""
    there = {(file.folder, file.plain): file for file in files}
    marks: dict[str, dict[tuple[str, ...], ScanFile]] = collections.defaultdict(dict)
    for file in files:
        tokens = file.plain.split("_")
        for length in range(len(tokens) - 1, 0, -1):
            plain = "_".join(tokens[:length])
            if (file.folder, plain) in there:
                marks["_".join(tokens[length:])][file.folder, plain] = file
                break
    if not marks:
        return {}
    mark, marked = max(marks.items(), key=lambda item: len(item[1]))
    paths = {file.path for own in marks.values() for file in own.values()}
    images: dict[tuple[str, ...], ScanFile] = {
        (file.folder, file.plain): file for file in files if file.path not in paths
    }
    return {"": images, mark: marked}


def _by_ending(files: Sequence[ScanFile]) -> _Slots:
    """Return the files by the endings of their names, the same files in each: a.jpg, a.png."""
    slots: _Slots = collections.defaultdict(dict)
    for file in files:
        slots[endings.split_name(file.path)[1]][file.folder, file.plain] = file
    return slots
