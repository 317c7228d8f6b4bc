"""A folder of class folders with pictures, or of splits that hold such folders.

Says which files are pictures of which class, from names alone, and refuses what could be read in
two ways. Nothing is opened here.
"""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Iterable, Iterator

from actzoo import errors
from actzoo.folders import SPLIT_NAMES, entries

READ = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif")
)
# Pictures that are not read: what to do with them.
CONVERT = {
    ".heic": "save them as JPEG (macOS: sips -s format jpeg FILE --out FILE.jpg)",
    ".heif": "save them as JPEG",
    ".svg": "draw them as PNG",
    ".psd": "export them as PNG",
    ".jp2": "save them as PNG",
    ".ppm": "save them as PNG",
    ".pgm": "save them as PNG",
    ".ico": "save them as PNG",
    ".dng": "develop them to JPEG",
    ".cr2": "develop them to JPEG",
    ".nef": "develop them to JPEG",
    ".arw": "develop them to JPEG",
}


@dataclasses.dataclass(frozen=True)
class Listing:
    """The pictures of a folder.

    Attributes:
        classes: Names of the class folders that hold pictures, sorted.
        paths: Of each picture, relative to the folder, with `/`.
        labels: Class of each picture.
        splits: Split of each picture, None where the folder has no splits.
        notes: Warnings, one sentence each.
    """

    classes: tuple[str, ...]
    paths: list[str]
    labels: list[int]
    splits: list[str | None]
    notes: list[str]


def looks_like_classes(root: str) -> str | None:
    """Return why a folder seems to hold pictures by class, or None.

    Looks at names only, and at few of them. Pairs of images and masks look alike; the domain that
    reads them is asked first.
    """
    if not os.path.isdir(root):
        return None
    folders, files = entries(root)
    if any(_is_table(name) for name in files):
        return None
    for name in folders:
        inner, pictures = entries(os.path.join(root, name))
        if any(_is_picture(file) for file in pictures):
            return "class folders with pictures"
        for second in inner[:50]:
            if any(_is_picture(file) for file in entries(os.path.join(root, name, second))[1]):
                return "folders of class folders with pictures"
    return "pictures" if any(_is_picture(name) for name in files) else None


def _is_table(name: str) -> bool:
    stem, extension = os.path.splitext(name.lower())
    return extension in (".csv", ".tsv", ".jsonl", ".parquet") and stem in SPLIT_NAMES


def _is_picture(name: str) -> bool:
    extension = _extension(name)
    return extension in READ or extension in CONVERT


def _extension(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def list_pictures(root: str) -> Listing:
    """List a folder's pictures.

    Raises:
        DataError: There are no class folders; pictures are at two depths; splits have different
            classes; a class holds only files that are not read.
    """
    listed = _Lister(root)
    sections = _sections(root)
    names = {split: listed.class_folders(place) for split, place in sections.items()}
    _check_same_classes(root, sections, names)
    files_of = {
        split: {name: listed.pictures(os.path.join(place, name)) for name in names[split]}
        for split, place in sections.items()
    }
    every = sorted(next(iter(names.values()))) if names else []
    classes = tuple(name for name in every if any(files_of[split][name] for split in files_of))
    listed.check_classes(root, every, classes)
    result = Listing(classes, [], [], [], listed.notes())
    for split, place in sections.items():
        _add_split(result, root, split, place, files_of[split])
    return result


def _add_split(
    listing: Listing, root: str, split: str | None, place: str, files_of: dict[str, list[str]]
) -> None:
    """Add a split's pictures to a listing; refuse a class without training pictures."""
    for label, name in enumerate(listing.classes):
        folder = _relative(root, place, name)
        listing.paths.extend(f"{folder}/{file}" for file in files_of[name])
        listing.labels.extend([label] * len(files_of[name]))
        listing.splits.extend([split] * len(files_of[name]))
    lacking = [name for name in listing.classes if split is not None and not files_of[name]]
    if lacking and split == "train":
        raise errors.DataError(
            f"Classes without a picture in {_relative(root, place)}/: {_some(lacking)}.\n"
            "Each class needs training pictures. Add some, or remove the class.",
            given=lacking,
        )
    if lacking:
        listing.notes.append(f"Classes without a picture in {split}: {_some(lacking)}.")


def _sections(root: str) -> dict[str | None, str]:
    """Return split -> folder of class folders; the key None where there are no splits."""
    folders, _ = entries(root)
    by_split = _folders_by_split(root, folders)
    if "train" not in by_split:
        return {None: root}
    inner, files = entries(os.path.join(root, by_split["train"]))
    if not inner or any(_is_picture(name) for name in files):
        return {None: root}  # classes that happen to be called like this: trains, tests
    for name in folders:
        if name.casefold() not in SPLIT_NAMES and _holds_pictures(os.path.join(root, name)):
            raise errors.DataError(
                f"{errors.shown(root, 120)} has {by_split['train']}/, so its folders are splits; "
                f"'{errors.shown(name)}/' holds pictures, too, but is not one.\n"
                "Move it away, or call it train, val or test.",
                given=name,
            )
    return {
        split: os.path.join(root, by_split[split])
        for split in ("train", "val", "test")
        if split in by_split
    }


def _folders_by_split(root: str, folders: Iterable[str]) -> dict[str, str]:
    """Return split -> its folder; where there is a train folder, each split has one folder."""
    by_split: dict[str, list[str]] = collections.defaultdict(list)
    for name in folders:
        if split := SPLIT_NAMES.get(name.casefold()):
            by_split[split].append(name)
    twice = [split for split, names in by_split.items() if len(names) > 1]
    if twice and "train" in by_split:
        names = by_split[twice[0]]
        raise errors.DataError(
            f"Two folders of {errors.shown(root, 120)} mean {twice[0]}: {_some(names)}.\n"
            "Keep one, or put the pictures of both into it.",
            given=names,
        )
    return {split: names[0] for split, names in by_split.items()}


def _check_same_classes(
    root: str, sections: dict[str | None, str], names: dict[str | None, list[str]]
) -> None:
    for split, place in sections.items():
        if split in (None, "train"):
            continue
        train = _relative(root, sections["train"])
        here = _relative(root, place)
        for missing, has, lacks in (
            (set(names[split]) - set(names["train"]), here, train),
            (set(names["train"]) - set(names[split]), train, here),
        ):
            if missing:
                raise errors.DataError(
                    f"Classes in {has}/ that are not in {lacks}/: {_some(sorted(missing))}.\n"
                    f"Every split needs the same class folders. Add them to {lacks}/ (they may be "
                    f"empty in val and test), or remove them from {has}/.",
                    given=sorted(missing),
                )


class _Lister:
    """Walks class folders and remembers what is worth saying."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._loose: list[str] = []
        self._outside: list[str] = []
        self._not_followed: list[str] = []
        self._unread: collections.Counter[str] = collections.Counter()
        self._unread_classes: dict[str, str] = {}
        self._empty: list[str] = []
        self._odd_names: list[str] = []

    def class_folders(self, place: str) -> list[str]:
        folders, files = entries(place)
        self._loose += [_relative(self._root, place, f) for f in files if _is_picture(f)]
        return [name for name in folders if not self._leads_up(os.path.join(place, name))]

    def _leads_up(self, folder: str) -> bool:
        if not os.path.islink(folder):
            return False
        real = os.path.realpath(folder)
        if self._real_root == real or self._real_root.startswith(real + os.sep):
            self._not_followed.append(_relative(self._root, folder))
            return True
        self._look_outside(folder)
        return False

    def _look_outside(self, path: str) -> None:
        if not os.path.realpath(path).startswith(self._real_root + os.sep):
            self._outside.append(_relative(self._root, path))

    def pictures(self, folder: str) -> list[str]:
        """Return the names of the pictures directly in a class folder."""
        folders, files = entries(folder)
        names, unread = [], collections.Counter[str]()
        for name in files:
            if _extension(name) not in READ:
                unread[_extension(name) or "no ending"] += 1
                continue
            names.append(name)
            if os.path.islink(os.path.join(folder, name)):
                self._look_outside(os.path.join(folder, name))
            if not name.isascii() and errors.shown(name, 999) != name:
                self._odd_names.append(_relative(self._root, folder, name))
        for name in folders:
            self._check_depth(os.path.join(folder, name))
        self._unread += unread
        if not names:
            self._empty.append(_relative(self._root, folder))
            if unread:
                kinds = ", ".join(f"{n} {e}" for e, n in unread.most_common(3))
                self._unread_classes[_relative(self._root, folder)] = kinds
        return names

    def _check_depth(self, place: str) -> None:
        """Refuse pictures in a folder inside a class folder; links are not followed."""
        if os.path.islink(place):
            self._not_followed.append(_relative(self._root, place))
        elif _holds_pictures(place):
            raise errors.DataError(
                f"Pictures are deeper than the class folders: in "
                f"{errors.shown(_relative(self._root, place), 120)}/.\n"
                f"The folders of {errors.shown(self._root, 120)} are the classes (below "
                "train/, val/, test/ if it has these). Move the pictures up, or give the "
                "folder whose folders are the classes.",
                given=place,
            )

    def check_classes(self, root: str, every: list[str], classes: tuple[str, ...]) -> None:
        """Refuse data without two classes, or with a class of nothing but unread files."""
        self._check_unread(classes)
        if len(classes) >= 2:
            return
        if self._loose and not classes:
            raise errors.DataError(
                f"The {len(self._loose)} pictures in {errors.shown(root, 120)} are loose, without "
                "class folders.\nPut them into one folder per class: FOLDER/CLASS/PICTURE.",
                given=root,
            )
        have = "no class folders"
        if classes:
            have = f"one class folder with pictures, {errors.shown(classes[0])}/"
        elif every:
            have = f"{len(every)} folders, all of them without pictures"
        raise errors.DataError(
            f"{errors.shown(root, 200)} has {have}; classification needs two or more.\n"
            "Put the pictures of each class into a folder of their own: FOLDER/CLASS/PICTURE.",
            given=root,
        )

    def _check_unread(self, classes: tuple[str, ...]) -> None:
        unread = {
            path: kinds
            for path, kinds in self._unread_classes.items()
            if path.rsplit("/", 1)[-1] not in classes
        }
        if unread:
            named = [f"{errors.shown(path)}/ ({kinds})" for path, kinds in unread.items()]
            raise errors.DataError(
                f"Class folders without a picture that can be read: {'; '.join(named[:10])}.\n"
                f"The formats are {', '.join(sorted(READ))}. Convert the files, or remove the "
                "folders.",
                given=list(unread),
            )

    def notes(self) -> list[str]:
        """Return what is worth saying."""
        notes = []
        for extension, count in sorted(self._unread.items()):
            way = f"; {CONVERT[extension]}" if extension in CONVERT else ""
            ending = f"{extension} files" if extension.startswith(".") else "files without ending"
            notes.append(f"{count:,} {ending} in class folders were not read{way}.")
        if self._empty:
            notes.append(f"Class folders without pictures: {_some(self._empty)}.")
        if self._loose:
            notes.append(
                f"{len(self._loose):,} pictures beside the class folders were not used: "
                f"{_some(self._loose)}."
            )
        if self._not_followed:
            notes.append(
                f"Links to folders that were not followed: {_some(sorted(self._not_followed))}."
            )
        if self._outside:
            notes.append(
                f"{len(self._outside):,} links lead to pictures outside the folder and were "
                f"followed: {_some(self._outside)}."
            )
        if self._odd_names:
            notes.append(
                f"{len(self._odd_names):,} file names hold characters that cannot be shown; they "
                f"appear escaped: {_some(self._odd_names)}."
            )
        return notes


def _holds_pictures(folder: str) -> bool:
    return any(_is_picture(name) for _, _, files in _walk(folder) for name in files)


def _walk(folder: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield place, folders, [name for name in files if not name.startswith(".")]


def _relative(root: str, *parts: str) -> str:
    return os.path.relpath(os.path.join(*parts), root).replace(os.sep, "/")


def _some(names: list[str], most: int = 10) -> str:
    shown = ", ".join(errors.shown(name, 120) for name in names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")
