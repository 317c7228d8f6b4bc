"""Lists of what belongs to each split, beside images and masks: train.txt, val.txt, test.txt."""

from __future__ import annotations

import collections
import dataclasses
import os
import re
from collections.abc import Mapping, Sequence

from actzoo import errors
from actzoo.applications.medical.layouts import endings, label_names, layout, slots
from actzoo.applications.medical.layouts.layout import ScanFile
from actzoo.folders import SPLIT_NAMES

VOC_LISTS = "ImageSets/Segmentation"
MOSTLY = 0.9  # of the lines of a list name a file, and of the masks are named by some list
_NAME = re.compile(r"([a-z]+)(?:[-_ ]?(?:list|ids?|files?|names?|split|set|images?))?\.(?:txt|lst)")
_WHOLE = "trainval"  # train and val together: what trains where no other list says so
_Lists = dict[str, dict[str, str]]  # path of a list -> name in it -> split


def applied(
    root: str, files: Sequence[ScanFile], others: Sequence[str]
) -> tuple[list[ScanFile], list[str]]:
    """Return files with the splits that lists say, and the paths of the lists.

    What no list names is set aside by its split where one list is of training; else it trains.
    Lists count where no folder is a split.

    Args:
        root: The folder.
        files: Images and masks.
        others: Paths of other files.

    Raises:
        QuestionError: Two lists of different splits name one file.
    """
    every = list(files)
    if any(file.split for file in files) or all(file.role == layout.IMAGE for file in files):
        return every, []
    lists = _chosen(_read(root, files, others))
    splits = _splits(lists)
    rest = layout.UNLISTED if "train" in splits.values() else "train"
    found = [splits.get(file.plain) or splits.get(file.key) for file in files]
    masks = [split for file, split in zip(files, found, strict=True) if file.role == layout.MASK]
    if not lists or not any(masks):
        return every, []
    placed = [
        file if file.role == layout.ASIDE else dataclasses.replace(file, split=split or rest)
        for file, split in zip(files, found, strict=True)
    ]
    return placed, list(lists)


def _read(root: str, files: Sequence[ScanFile], others: Sequence[str]) -> _Lists:
    """Return the lists that name files, each with the split of its own name."""
    known = {file.plain for file in files}
    lists: _Lists = {}
    for path in others:
        match = _NAME.fullmatch(path.rpartition("/")[2].casefold())
        split = SPLIT_NAMES.get(match[1], "train" if match[1] == _WHOLE else "") if match else ""
        if not split:
            continue
        lines = label_names.text(os.path.join(root, path)).split("\n")
        named = [_named(line, known) for line in lines if line.strip()]
        names = [name for name in named if name]
        if names and len(names) >= MOSTLY * len(named):
            lists[path] = dict.fromkeys(names, split)
    return lists


def _named(line: str, known: set[str]) -> str:
    """Return the name in a line that is a file's; a line may hold paths and further fields."""
    for field in re.split(r"[\s,;]+", line.strip()):
        name = layout.plain_stem(endings.split_name(re.split(r"[/\\]", field)[-1])[0])
        if name in known:
            return name
    return ""


def _chosen(lists: _Lists) -> _Lists:
    """Return the lists of one folder, VOC's of masks first; none where several folders have some.

    The list of train and val together is left out where train has its own.
    """
    by_folder: dict[str, _Lists] = collections.defaultdict(dict)
    for path, names in lists.items():
        by_folder[path.rpartition("/")[0]][path] = names
    of_masks = [folder for folder in by_folder if folder.endswith(VOC_LISTS)]
    folders = of_masks or list(by_folder)
    own = by_folder[folders[0]] if len(folders) == 1 else {}
    whole = {path for path in own if os.path.basename(path).casefold().startswith(_WHOLE)}
    has_own = any("train" in names.values() for path, names in own.items() if path not in whole)
    return {path: names for path, names in own.items() if not (has_own and path in whole)}


def _splits(lists: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    splits: dict[str, str] = {}
    owners: dict[str, str] = {}
    for path, names in lists.items():
        for name, split in names.items():
            if splits.setdefault(name, split) != split:
                raise slots.QuestionError(
                    f"{errors.shown(owners[name], 120)} and {errors.shown(path, 120)} both name "
                    f"{errors.shown(name, 80)}, so it is in two splits.\n"
                    "Remove it from one, or take the lists away to have splits drawn.",
                    given=(owners[name], path),
                )
            owners[name] = path
    return splits
