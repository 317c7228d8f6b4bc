"""Folders of pictures that may not be classes: what must be asked before names become classes.

A folder for each patient, for each split or for each step of processing looks like a folder for
each class. Only names are looked at; ordinary class names (cat, 0 to 9, n01440764) raise no doubt.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from actzoo.applications.vision.class_folders import pictures_below, some
from actzoo.folders import SPLIT_NAMES, entries

MOSTLY = 0.8  # share of the names that must look alike
FEWEST_IDS = 3  # folders, before their names are taken for numbers of persons or cases
FEW_PICTURES = 60  # in most folders: classes that are told by numbers alone have more
LOOKED_AT = 200  # folders

# "p1" alone may be a grade.
_PERSON = re.compile(
    r"(?:patient|pat|pt|subject|subj|sub|case|person|participant|volunteer|donor|study|series|exam"
    r"|session|visit|animal|mouse)[-_ ]*\d+(?:[-_ ].*)?|p[-_ ]?\d{2,}|sub-[a-z]*\d[a-z0-9]*",
    re.IGNORECASE,
)
_WORDNET = re.compile(r"n\d{8}")
_IDS = (
    re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE),  # UUID
    re.compile(r"(?=.*\d)(?=.*[a-f])[0-9a-f]{8,}", re.IGNORECASE),  # a hash
    re.compile(r"[a-z]{2,}-[a-z0-9]{2}-[a-z0-9]{4}", re.IGNORECASE),  # TCGA-02-0001
    re.compile(r"\d{4}[-_.]\d{2}[-_.]\d{2}.*"),  # a date
)
# One word with numbers of a register (LIDC-IDRI-0001), unless the word says that they are classes.
_REGISTER = re.compile(r"([a-z]{2,}(?:[-_][a-z]{2,})*)[-_ ]?\d{4,}", re.IGNORECASE)
_CLASS_WORDS = frozenset((
    "class", "cls", "category", "cat", "type", "label", "kind", "group", "sign", "char", "letter",
    "character", "digit", "style", "species", "breed", "grade", "level", "stage", "font", "item",
    "sku", "product", "model", "logo",
))  # fmt: skip
_NUMBER = re.compile(r"\d{4,}")
SPREAD = 3  # numbers of classes leave no such gaps: 0 to 42, not 1004, 2817, 9311
_SPLIT = re.compile(
    r"(?:train|training|val|valid|validation|dev|test|testing|eval|holdout)"
    r"(?:[-_ ]*(?:set|data|images|imgs|img|pictures|\d{1,4}))?",
    re.IGNORECASE,
)
# What a step of processing or a side of a pair is called, in small letters.
_ROLES = frozenset((
    "images", "image", "imgs", "img", "pictures", "photos", "frames", "x", "y", "a", "b", "input",
    "inputs", "output", "outputs", "source", "target", "targets", "original", "originals", "raw",
    "resized", "processed", "preprocessed", "augmented", "aug", "cropped", "crops", "thumbnails",
    "thumbs", "thumbnail", "hr", "lr", "high", "low", "depth", "rgb", "nir", "gray", "grayscale",
    "color", "segmented", "overlay", "overlays", "masks", "mask", "labels", "label", "gt",
    "annotations", "segmentation", "segmentations", "before", "after",
))  # fmt: skip
_MARK = re.compile(r"[-_ ](?:masks?|seg|segm|segmentation|labels?|gt|annotation|roi)(?:[-_ ]?\d+)?")


def question(root: str) -> str | None:
    """Return what must be asked of a folder of pictures, and how to answer; None where nothing.

    Args:
        root: A folder that `folder.looks_like_classes` takes.
    """
    places = _places(root)
    found = {name: pictures for name, pictures in _by_folder(root, places).items() if pictures}
    if len(found) < 2:
        return None
    for asked in (_splits, _patients, _roles, _marked):
        if said := asked(found):
            return (
                f"{said}\nIf the folders are the classes, say so: --task classification "
                '(domain="vision" in Python). Otherwise put the pictures of each class into a '
                "folder of their own; images with masks are read from images/ and masks/ "
                "(--task segmentation)."
            )
    return None


def _places(root: str) -> list[str]:
    """Return the folders whose folders would be classes."""
    by_split = [name for name in entries(root)[0] if name.casefold() in SPLIT_NAMES]
    inside = [os.path.join(root, name) for name in by_split]
    has_train = any(SPLIT_NAMES[name.casefold()] == "train" for name in by_split)
    deep = [place for place in inside if entries(place)[0]]
    return deep if has_train and deep else [root]


def _by_folder(root: str, places: Sequence[str]) -> dict[str, list[str]]:
    """Return the pictures below each folder that would be a class."""
    found: dict[str, list[str]] = {}
    for place in places:
        for name in entries(place)[0][:LOOKED_AT]:
            folder = os.path.join(place, name)
            found.setdefault(name, []).extend(pictures_below(folder, root))
    return found


def _splits(found: dict[str, list[str]]) -> str | None:
    if not all(_SPLIT.fullmatch(name) for name in found):
        return None
    words = _beginnings(next(iter(found.values())))
    hint = f" The names of the pictures begin with {some(words)}." if words else ""
    return (
        f"The folders {_named(found)} are called like splits and hold pictures, but no class "
        f"folders, so nothing says which class a picture has.{hint}"
    )


def _beginnings(pictures: Sequence[str]) -> list[str]:
    """Return the words that the names of pictures begin with, where these are few (cat.0.jpg)."""
    words = [re.match(r"[^\W\d_]{2,}", os.path.basename(path)) for path in pictures]
    each = sorted({word.group() for word in words if word})
    return each if all(words) and 2 <= len(each) <= len(words) / 2 else []


def _patients(found: dict[str, list[str]]) -> str | None:
    names = list(found)
    if _mostly(names, _is_person):
        what = "of patients, persons or cases"
    elif len(names) >= FEWEST_IDS and _are_few(found) and _are_ids(names):
        what = "that number persons, cases or days"
    else:
        return None
    sizes = sorted(len(pictures) for pictures in found.values())
    return (
        f"The {len(names):,} folders have names {what}: {_named(found)} ({sizes[0]:,} to "
        f"{sizes[-1]:,} pictures each). Each name would become a class."
    )


def _is_person(name: str) -> bool:
    return _PERSON.fullmatch(name) is not None


def _are_few(found: dict[str, list[str]]) -> bool:
    sizes = sorted(len(pictures) for pictures in found.values())
    return sizes[len(sizes) // 2] <= FEW_PICTURES


def _are_ids(names: Sequence[str]) -> bool:
    """Say whether names are those of a register; numbers without gaps are those of classes."""
    if _mostly(names, lambda name: _WORDNET.fullmatch(name) is not None):
        return False
    numbers = sorted(int(name) for name in names if _NUMBER.fullmatch(name))
    if len(numbers) >= MOSTLY * len(names):
        return numbers[-1] - numbers[0] + 1 > SPREAD * len(numbers)
    words = {match.group(1).casefold() for name in names if (match := _REGISTER.fullmatch(name))}
    if len(words) == 1 and not words & _CLASS_WORDS:
        return _mostly(names, lambda name: _REGISTER.fullmatch(name) is not None)
    return _mostly(names, lambda name: any(pattern.fullmatch(name) for pattern in _IDS))


def _mostly(names: Sequence[str], holds: Callable[[str], bool]) -> bool:
    return sum(map(holds, names)) >= MOSTLY * len(names)


def _roles(found: dict[str, list[str]]) -> str | None:
    """Return a question where the same pictures are there in several forms."""
    if not all(name.casefold() in _ROLES for name in found):
        return None
    first, second = ({_stem(path) for path in pictures} for pictures in list(found.values())[:2])
    if len(first & second) < MOSTLY * max(len(first), len(second)):
        return None
    return (
        f"The folders {_named(found)} hold pictures of the same names, as two forms of each "
        "picture do: originals and copies, or images and masks."
    )


def _marked(found: dict[str, list[str]]) -> str | None:
    """Return a question where pictures have another beside them that is called their mask."""
    for pictures in found.values():
        stems = {os.path.splitext(path)[0] for path in pictures}
        masks = [stem for stem in stems if _unmarked(stem) in stems]
        if len(masks) >= 2 and len(masks) * 3 >= len(stems):
            return (
                f"Pictures have another beside them that is called their mask: "
                f"{some(sorted(masks), 3)}. They would be learned as photos."
            )
    return None


def _unmarked(stem: str) -> str:
    return _MARK.sub("", stem) if _MARK.search(stem) else "?"


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _named(found: dict[str, list[str]]) -> str:
    return some([f"{name}/" for name in found], 4)
