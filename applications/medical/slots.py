"""Images and masks whose names say nothing: told apart by what the files hold.

Three forms: two folders with files of the same names; a folder for each case with the same names in
each; files of one folder that differ in an ending of their names. The side with few values is the
masks'.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Sequence

from actzoo import errors
from actzoo.applications.medical import layout, probing
from actzoo.applications.medical.layout import IMAGE, MASK, ScanFile

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
            if by_folder and all(file.plain.isdigit() for file in files):
                raise _question([*slots], name)
            return [
                dataclasses.replace(
                    file,
                    role=MASK if slot == name else IMAGE,
                    place=(place := layout.place_of("/".join(key[:-1]))),
                    folders=place,
                    stem=key[-1] if slot == name else file.stem,
                    key=key[-1],
                    plain="_".join(filter(None, (key[-1], "" if slot == name else slot))),
                )
                for slot, members in slots.items()
                for key, file in members.items()
            ]
    return None


def _question(folders: Sequence[str], masks: str) -> QuestionError:
    """Return the question whether folders of numbered pictures are classes or a side of pairs."""
    other = next(name for name in folders if name != masks)
    return QuestionError(
        f"The pictures in {errors.shown(other, 80)}/ and {errors.shown(masks, 80)}/ have the same "
        "numbers for names, as those of two classes may have, and those in "
        f"{errors.shown(masks, 80)}/ few values, as masks have. Which are they?\n"
        f"If these are masks, rename the folders to images/ and masks/; if they are classes, add "
        "--task classification.",
        given=tuple(folders),
        fix="--task classification",
    )


def _mask_slot(root: str, slots: _Slots) -> str | None:
    """Return the one side of which all files look like masks, and the others do not."""
    paths = {name: [file.path for file in members.values()] for name, members in slots.items()}
    alike = [name for name, own in paths.items() if probing.look_like_masks(root, own)]
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
    """Yield sides, and whether they are two folders."""
    deepest = max((file.path.count("/") for file in files), default=0)
    for depth in range(min(deepest, DEEPEST)):
        yield from ((slots, True) for slots in _checked(_by_folder(files, depth), 2))
    yield from ((slots, False) for slots in _checked(_by_name(files), MOST_SLOTS))
    yield from ((slots, False) for slots in _checked(_by_mark(files), 2))


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
            slots[parts[depth]][*rest, file.plain] = file
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
