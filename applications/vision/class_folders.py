"""Class folders and the pictures in them: which are used, and what is left out by name."""

from __future__ import annotations

import collections
import os
from collections.abc import Iterator

from actzoo import errors
from actzoo.applications.vision.names import are_ids, beginnings, is_person
from actzoo.folders import LeftOut, entries, leads_up, same_name

READ = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".mpo", ".png", ".apng", ".gif", ".bmp", ".dib",
    ".webp", ".tif", ".tiff", ".avif", ".avifs",
))  # fmt: skip
OUTLINES = (".json", ".xml", ".txt")  # of objects in the picture of the same name
# Pictures that are not read: what to do with them.
CONVERT = {
    ".heic": "save them as JPEG (macOS: sips -s format jpeg FILE --out FILE.jpg)",
    ".heif": "save them as JPEG",
    ".svg": "draw them as PNG",
    ".psd": "export them as PNG",
    ".jp2": "save them as PNG",
    ".j2k": "save them as PNG",
    ".jxl": "save them as PNG",
    ".ppm": "save them as PNG",
    ".pgm": "save them as PNG",
    ".ico": "save them as PNG",
    ".dng": "develop them to JPEG",
    ".cr2": "develop them to JPEG",
    ".nef": "develop them to JPEG",
    ".arw": "develop them to JPEG",
}
# Folders of pictures that nobody labeled, in small letters: set aside wherever they are.
UNLABELED = frozenset(
    ("unlabeled", "unlabelled", "no_label", "no_labels", "unsup", "unsupervised", "unannotated")
)
_JUST_PICTURES = frozenset(("images", "image", "imgs", "img", "pictures", "photos", "jpg", "png"))
# The one folder of a held-out split that tools want where there are no classes.
_NOT_A_CLASS = UNLABELED | {
    "unknown", "images", "image", "imgs", "img", "pictures", "photos", "data", "all", "none",
    "test", "test_images", "val", "unclassified",
}  # fmt: skip


def is_picture(name: str) -> bool:
    """Say whether a file is a picture, read or not, by its ending."""
    extension = extension_of(name)
    return extension in READ or extension in CONVERT


def extension_of(name: str) -> str:
    """Return the ending of a name, in small letters."""
    return os.path.splitext(name)[1].lower()


class ClassFolders:
    """Walks class folders and remembers what is worth saying.

    Args:
        root: The user's folder.

    Attributes:
        left_out: What listing them left out.
        persons: Path of a picture -> the folder of its patient, person or case in its class folder.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self.left_out = LeftOut(root)
        self._unlabeled: list[str] = []
        self._renamed: list[str] = []
        self._loose: list[str] = []
        self._outside: list[str] = []
        self._not_followed: list[str] = []
        self._unread: collections.Counter[str] = collections.Counter()
        self._unread_classes: dict[str, str] = {}
        self._empty: list[str] = []
        self._odd_names: list[str] = []
        self.persons: dict[str, str] = {}

    def class_folders(self, place: str) -> list[str]:
        """Return the class folders of a place; pictures beside them are remembered."""
        inner, files = entries(place, self.left_out)
        self._loose += [relative(self._root, place, f) for f in files if is_picture(f)]
        chosen = []
        for name in inner:
            folder = os.path.join(place, name)
            if self._leads_up(folder):
                continue
            if name.casefold() in UNLABELED and len(inner) > 1:
                self.add_unlabeled(folder)
            else:
                chosen.append(name)
        return chosen

    def add_unlabeled(self, folder: str) -> None:
        """Set aside a folder of pictures that nobody labeled."""
        self._unlabeled += pictures_below(folder, self._root)

    def is_unlabeled(self, place: str, own: list[str], train: list[str]) -> bool:
        """Set aside a held-out split whose pictures have no classes; say whether it is one.

        They are loose, or in a single folder that training does not have.
        """
        known = {same_class(name) for name in train}
        if len(own) > 1 or any(name.casefold() not in _NOT_A_CLASS for name in own):
            return False
        if any(same_class(name) in known for name in own):
            return False
        pictures = pictures_below(place, self._root)
        inside = set(pictures)
        self._loose = [name for name in self._loose if name not in inside]
        self._unlabeled += pictures
        return bool(pictures)

    def matched(self, place: str, own: list[str], train: list[str]) -> dict[str, str]:
        """Return class -> folder of a split, whose names may differ in case or composition."""
        by_form = {same_class(name): name for name in train}
        alike = len(by_form) == len(train) and len({same_class(name) for name in own}) == len(own)
        folder_of = {}
        for folder in own:
            name = by_form.get(same_class(folder), folder) if alike else folder
            folder_of[name] = folder
            if name != folder:
                shown = errors.shown(relative(self._root, place, folder), 120)
                self._renamed.append(f"{shown}/ is {errors.shown(name)}")
        return folder_of

    def _leads_up(self, folder: str) -> bool:
        if not os.path.islink(folder):
            return False
        if leads_up(folder, self._root):
            self._not_followed.append(relative(self._root, folder))
            return True
        self._look_outside(folder)
        return False

    def _look_outside(self, path: str) -> None:
        if not os.path.realpath(path).startswith(self._real_root + os.sep):
            self._outside.append(relative(self._root, path))

    def pictures(self, folder: str) -> list[str]:
        """Return the names of the pictures of a class folder.

        They lie in it, or all of them in a folder that says only that they are pictures, or in a
        folder for each patient, person or case.
        """
        inner, files = entries(folder, self.left_out)
        names, unread = [], collections.Counter[str]()
        if len(inner) == 1 and inner[0].casefold() in _JUST_PICTURES and not _any_picture(files):
            self._unread.update(extension_of(name) or "no ending" for name in files)
            below = self.pictures(os.path.join(folder, inner[0]))
            return [f"{inner[0]}/{name}" for name in below]
        for name in files:
            if extension_of(name) not in READ:
                unread[extension_of(name) or "no ending"] += 1
                continue
            names.append(name)
            if os.path.islink(os.path.join(folder, name)):
                self._look_outside(os.path.join(folder, name))
            if not name.isascii() and errors.shown(name, 999) != name:
                self._odd_names.append(relative(self._root, folder, name))
        if not names and are_persons(inner):
            names = [picture for name in inner for picture in self._of_person(folder, name)]
        else:
            for name in inner:
                self._check_depth(os.path.join(folder, name))
        self._unread += unread
        if not names:
            self._empty.append(relative(self._root, folder))
            if unread:
                kinds = ", ".join(f"{n} {e}" for e, n in unread.most_common(3))
                self._unread_classes[relative(self._root, folder)] = kinds
        return names

    def _of_person(self, folder: str, person: str) -> list[str]:
        """Return the pictures of one patient, person or case, as seen from the class folder."""
        place = os.path.join(folder, person)
        if self._leads_up(place):
            return []
        names = [f"{person}/{name}" for name in self.pictures(place)]
        for name in names:
            self.persons[relative(self._root, folder, name)] = same_class(person)
        return names

    def _check_depth(self, place: str) -> None:
        """Refuse pictures in a folder inside a class folder; links are not followed."""
        if os.path.islink(place):
            self._not_followed.append(relative(self._root, place))
        elif holds_pictures(place):
            deeper = (
                f"Pictures are deeper than the class folders: in "
                f"{errors.shown(relative(self._root, place), 120)}/."
            )
            if is_person(os.path.basename(place)):
                raise errors.DataError(
                    f"{deeper}\nThat is the name of a patient, a person or a case, whose pictures "
                    "belong into one split. Other pictures of the class are in no such folder: put "
                    "each of them into the folder of its patient, too: CLASS/PATIENT/PICTURE.",
                    given=place,
                )
            raise errors.DataError(
                f"{deeper}\n"
                f"The folders of {errors.shown(self._root, 120)} are the classes (below "
                "train/, val/, test/ if it has these). If these are pictures of that class, move "
                f"them up{_numbered(place)}; if not, move their folder away. If it is a class "
                f"itself, give the folder that holds it: {errors.quoted(os.path.dirname(place))}",
                given=place,
            )

    def check_classes(self, root: str, every: list[str], classes: tuple[str, ...]) -> str | None:
        """Refuse data without a class, or with a class of nothing but unread files.

        Returns:
            Why one class is not enough for training; None where there are more.
        """
        self._check_unread(classes)
        if len(classes) >= 2:
            return None
        if self._loose and not classes:
            self._check_outlined(root)
            words = beginnings(self._loose)
            hint = f" Their names begin with {some(words)}." if words else ""
            raise errors.DataError(
                f"The {len(self._loose)} pictures in {errors.shown(root, 120)} are loose, without "
                f"class folders.{hint}\nPut them into one folder per class: FOLDER/CLASS/PICTURE. "
                "Or give a table beside them, labels.csv with the columns 'picture' and 'label'.",
                given=root,
            )
        have = "no class folders"
        if classes:
            have = f"one class folder with pictures, {errors.shown(classes[0])}/"
        elif every:
            have = f"{len(every)} folders, all of them without pictures"
        why = (
            f"{errors.shown(root, 200)} has {have}; classification needs two or more.\n"
            "Put the pictures of each class into a folder of their own: FOLDER/CLASS/PICTURE."
        )
        why = "\n".join((why, *self.notes()))
        if not classes:
            raise errors.DataError(why, given=root)
        return why

    def _check_outlined(self, root: str) -> None:
        """Refuse loose pictures most of which have a file of outlines or boxes beside them."""
        stems = [os.path.splitext(os.path.join(root, name))[0] for name in self._loose]
        told = collections.Counter(
            ending for stem in stems for ending in OUTLINES if os.path.isfile(stem + ending)
        )
        ending, count = next(iter(told.most_common(1)), ("", 0))
        if 2 * count <= len(stems):
            return
        raise errors.DataError(
            f"{errors.shown(root, 120)} holds pictures, {count:,} of them with a {ending} file of "
            "the same name: outlines or boxes of objects (LabelMe, VOC or YOLO)?\n"
            "For segmentation, draw each as a mask: a PNG with one number per class, of the same "
            "name as its picture, in images/ and masks/. For classification, put the pictures of "
            "each class into a folder.",
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

    def set_aside(self) -> tuple[str, ...]:
        """Return what was left out, each with its count."""
        aside = []
        if self._unread:
            kinds = ", ".join(f"{count:,} {ending}" for ending, count in self._unread.most_common())
            aside.append(f"{self._unread.total():,} files that are not pictures: {kinds}")
        if self._unlabeled:
            aside.append(f"{len(self._unlabeled):,} pictures without a label")
        if self._loose:
            aside.append(f"{len(self._loose):,} pictures beside the class folders")
        if self._not_followed:
            aside.append(f"{len(self._not_followed):,} links to folders")
        return (*aside, *self.left_out.summary())

    def notes(self) -> list[str]:
        """Return what is worth saying."""
        notes = self.left_out.notes(is_picture, "pictures")
        if self._renamed:
            notes.append(
                f"Class folders whose names differ between splits were matched: "
                f"{some(self._renamed)}."
            )
        if self._unlabeled:
            notes.append(
                f"{len(self._unlabeled):,} pictures have no label and were set aside: "
                f"{some(self._unlabeled, 3)}. `actzoo predict` reads them."
            )
        for extension, count in sorted(self._unread.items()):
            way = f"; {CONVERT[extension]}" if extension in CONVERT else ""
            ending = f"{extension} files"
            if not extension.startswith("."):
                ending = "files without ending"
                way = "; if they are pictures, give them the ending of their format, as .jpg"
            notes.append(f"{count:,} {ending} in class folders were not read{way}.")
        if self._empty:
            notes.append(f"Class folders without pictures: {some(self._empty)}.")
        if self._loose:
            notes.append(
                f"{len(self._loose):,} pictures beside the class folders were not used: "
                f"{some(self._loose)}."
            )
        if self._not_followed:
            notes.append(
                f"Links to folders that were not followed: {some(sorted(self._not_followed))}."
            )
        if self._outside:
            notes.append(
                f"{len(self._outside):,} links lead to pictures outside the folder and were "
                f"followed: {some(self._outside)}."
            )
        if self._odd_names:
            notes.append(
                f"{len(self._odd_names):,} file names hold characters that cannot be shown; they "
                f"appear escaped: {some(self._odd_names)}."
            )
        return notes


def same_class(name: str) -> str:
    """Return a name in the form in which splits are compared: composed, in small letters."""
    return same_name(same_name(name).casefold())


def are_persons(folders: list[str]) -> bool:
    """Say whether folders have the names of patients, persons or cases."""
    return bool(folders) and (all(map(is_person, folders)) or are_ids(folders))


def _numbered(folder: str) -> str:
    """Return what to do instead where numbers name folders inside a class folder."""
    name = os.path.basename(folder)
    if not name.isdecimal():
        return ""
    return f" (if they number patients, rename them: patient{name}/ stays in one split)"


def _any_picture(files: list[str]) -> bool:
    return any(map(is_picture, files))


def holds_pictures(folder: str) -> bool:
    """Say whether pictures are below a folder; links to folders are not followed."""
    return next(_walk(folder), None) is not None


def pictures_below(folder: str, root: str) -> list[str]:
    """Return the pictures below a folder, relative to the root."""
    return [relative(root, path) for path in _walk(folder)]


def _walk(folder: str) -> Iterator[str]:
    """Yield the pictures below a folder; links to folders are not followed."""
    inner, files = entries(folder)
    yield from (os.path.join(folder, name) for name in files if is_picture(name))
    for name in inner:
        place = os.path.join(folder, name)
        if not os.path.islink(place):
            yield from _walk(place)


def relative(root: str, *parts: str) -> str:
    """Return a path relative to the root, with `/`."""
    return os.path.relpath(os.path.join(*parts), root).replace(os.sep, "/")


def some(names: list[str], most: int = 10) -> str:
    """Return names for a message, the first of many."""
    shown = ", ".join(errors.shown(name, 120) for name in names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")
