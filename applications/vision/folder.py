"""A folder of class folders with pictures, or of splits that hold such folders.

Says which files are pictures of which class, from names alone, and refuses what could be read in
two ways. Nothing is opened here.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterable, Mapping

from actzoo import errors
from actzoo.applications.vision.class_folders import (
    UNLABELED,
    ClassFolders,
    are_persons,
    holds_pictures,
    is_picture,
    relative,
    some,
)
from actzoo.applications.vision.names import by_split, is_split
from actzoo.folders import SPLIT_NAMES, entries


@dataclasses.dataclass(frozen=True)
class Listing:
    """The pictures of a folder.

    Attributes:
        classes: Names of the class folders that hold pictures, sorted.
        paths: Of each picture, relative to the folder, with `/`.
        labels: Class of each picture.
        splits: Split of each picture, None where the folder has no splits.
        notes: Warnings, one sentence each.
        kind: What the folder was taken for and why.
        set_aside: What was left out.
        why_few: Why its one class is not enough for training; None where it has more.
        persons: Path of a picture -> its patient, person or case, where folders say it.
    """

    classes: tuple[str, ...]
    paths: list[str]
    labels: list[int]
    splits: list[str | None]
    notes: list[str]
    kind: str
    set_aside: tuple[str, ...]
    why_few: str | None = None
    persons: Mapping[str, str] = dataclasses.field(default_factory=dict)


def looks_like_classes(root: str) -> str | None:
    """Return why a folder seems to hold pictures by class, or None.

    Looks at names only, and at few of them. Pairs of images and masks look alike; the domain that
    reads them is asked first.
    """
    if not os.path.isdir(root):
        return None
    folders, files = entries(root)
    holding = (reason for name in folders if (reason := _holds(os.path.join(root, name))))
    reasons = list(itertools.islice(holding, 2))
    if len(reasons) < 2 and any(_is_table(name) for name in files):
        return None  # a table of texts, perhaps with a folder of figures
    if reasons:
        return reasons[0]
    return "pictures" if any(is_picture(name) for name in files) else None


def _holds(folder: str) -> str | None:
    """Return what a folder seems to be, if pictures are in it or in a folder in it."""
    inner, files = entries(folder)
    if any(is_picture(file) for file in files):
        return "class folders with pictures"
    levels = 1 + (is_split(os.path.basename(folder)) or are_persons(inner))
    if any(_is_reached(os.path.join(folder, name), levels) for name in inner[:50]):
        return "folders of class folders with pictures"
    return None


def _is_reached(folder: str, levels: int) -> bool:
    """Say whether pictures are in a folder, or in the folders of so many levels from it."""
    inner, files = entries(folder)
    if any(is_picture(file) for file in files):
        return True
    deeper = (os.path.join(folder, name) for name in inner[:50])
    return levels > 1 and any(_is_reached(place, levels - 1) for place in deeper)


def _is_table(name: str) -> bool:
    stem, extension = os.path.splitext(name.lower())
    return extension in (".csv", ".tsv", ".jsonl", ".parquet") and stem in SPLIT_NAMES


def list_pictures(root: str) -> Listing:
    """List a folder's pictures.

    Raises:
        DataError: There are no class folders; pictures are at two depths; splits have different
            classes; a class holds only files that are not read.
    """
    listed = ClassFolders(root)
    sections = _sections(root, listed)
    names = {split: listed.class_folders(place) for split, place in sections.items()}
    for held_out in [split for split in sections if split in ("val", "test")]:
        if listed.is_unlabeled(sections[held_out], names[held_out], names["train"]):
            del sections[held_out], names[held_out]
    folders_of = {
        split: listed.matched(sections[split], own, names["train"]) if split else _by_name(own)
        for split, own in names.items()
    }
    files_of = {
        split: {
            name: listed.pictures(os.path.join(sections[split], folder))
            for name, folder in folders.items()
        }
        for split, folders in folders_of.items()
    }
    every = sorted(next(iter(folders_of.values())))
    filled = {name for own in files_of.values() for name, files in own.items() if files}
    _check_same_classes(
        root, sections, {split: filled & set(own) for split, own in files_of.items()}
    )
    classes = tuple(name for name in every if name in filled)
    why_few = listed.check_classes(root, every, classes)
    below = ", ".join(f"{relative(root, place)}/" for split, place in sections.items() if split)
    kind = f"photos in {len(classes)} class folders" + (f", below {below}" if below else "")
    if listed.persons:
        count = len(set(listed.persons.values()))
        kind += f", in folders of {count:,} patients, persons or cases"
        kind += ", each kept in one split" * (None in sections)
    result = Listing(
        classes, [], [], [], listed.notes(), kind, listed.set_aside(), why_few, listed.persons
    )
    for split, place in sections.items():
        _add_split(result, root, split, place, folders_of[split], files_of[split])
    return result


def _by_name(names: Iterable[str]) -> dict[str, str]:
    return {name: name for name in names}


def _add_split(
    listing: Listing,
    root: str,
    split: str | None,
    place: str,
    folder_of: dict[str, str],
    files_of: dict[str, list[str]],
) -> None:
    """Add a split's pictures to a listing; refuse a class without training pictures."""
    for label, name in enumerate(listing.classes):
        folder = relative(root, place, folder_of[name])
        listing.paths.extend(f"{folder}/{file}" for file in files_of[name])
        listing.labels.extend([label] * len(files_of[name]))
        listing.splits.extend([split] * len(files_of[name]))
    lacking = [name for name in listing.classes if split is not None and not files_of[name]]
    if lacking and split == "train":
        raise errors.DataError(
            f"Classes without a picture in {relative(root, place)}/: {some(lacking)}.\n"
            "Each class needs training pictures. Add some, or remove the class.",
            given=lacking,
        )
    if lacking:
        listing.notes.append(f"Classes without a picture in {split}: {some(lacking)}.")


def _sections(root: str, listed: ClassFolders) -> dict[str | None, str]:
    """Return split -> folder of class folders; the key None where there are no splits."""
    inner, _ = entries(root)
    folder_of = _folders_by_split(root, inner)
    if "train" not in folder_of:
        return {None: root}
    train = os.path.join(root, folder_of["train"])
    if not any(holds_pictures(os.path.join(train, name)) for name in entries(train)[0]):
        return {None: root}  # classes that happen to be called like this: trains, tests
    for name in inner:
        place = os.path.join(root, name)
        if name in folder_of.values() or not holds_pictures(place):
            continue
        if name.casefold() in UNLABELED:
            listed.add_unlabeled(place)
            continue
        raise errors.DataError(
            f"{errors.shown(root, 120)} has {folder_of['train']}/, so its folders are splits; "
            f"'{errors.shown(name)}/' holds pictures, too, but is not one.\n"
            "Move it away, or call it train, val or test.",
            given=name,
        )
    entries(root, listed.left_out)
    return {
        split: os.path.join(root, folder_of[split])
        for split in ("train", "val", "test")
        if split in folder_of
    }


def _folders_by_split(root: str, folders: Iterable[str]) -> dict[str, str]:
    """Return split -> its folder; where there is a train folder, each split has one folder."""
    named = by_split(folders)
    twice = [split for split, names in named.items() if len(names) > 1]
    if twice and "train" in named:
        names = named[twice[0]]
        raise errors.DataError(
            f"Two folders of {errors.shown(root, 120)} mean {twice[0]}: {some(names)}.\n"
            "Keep one, or put the pictures of both into it.",
            given=names,
        )
    return {split: names[0] for split, names in named.items()}


def _check_same_classes(
    root: str, sections: dict[str | None, str], names: Mapping[str | None, set[str]]
) -> None:
    for split, place in sections.items():
        if split in (None, "train"):
            continue
        train = relative(root, sections["train"])
        here = relative(root, place)
        for missing, has, lacks in (
            (names[split] - names["train"], here, train),
            (names["train"] - names[split], train, here),
        ):
            if missing:
                raise errors.DataError(
                    f"Classes in {has}/ that are not in {lacks}/: {some(sorted(missing))}.\n"
                    f"Every split needs the same class folders. Add them to {lacks}/ (they may be "
                    f"empty in val and test), or remove them from {has}/.",
                    given=sorted(missing),
                )
