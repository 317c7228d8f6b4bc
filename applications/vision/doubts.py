"""Folders of pictures that may not be classes: what must be asked before names become classes.

A folder for each patient, for each split or for each step of processing looks like a folder for
each class. Names are looked at, and a few pictures where names leave doubt; ordinary class names
(cat, 0 to 9, n01440764) raise none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import numpy as np

from actzoo import errors
from actzoo.applications.vision import images
from actzoo.applications.vision.class_folders import pictures_below, relative, some
from actzoo.applications.vision.names import (
    MOSTLY,
    are_ids,
    beginnings,
    by_split,
    is_person,
    is_split,
    mostly,
)
from actzoo.data import shrunk
from actzoo.folders import entries

FEWEST_IDS = 2  # folders, before their names are taken for numbers of persons or cases
FEW_PICTURES = 60  # in most folders: classes that are told by numbers alone have more
LOOKED_AT = 200  # folders

# What forms of pictures are called, in small letters: those that are never classes, and those that
# may be, where the pictures say it.
_NO_CLASSES = frozenset((
    "images", "image", "imgs", "img", "pictures", "photos", "frames", "input", "inputs", "output",
    "outputs", "originals", "thumbnails", "thumbs", "thumbnail", "overlay", "overlays", "masks",
    "mask", "labels", "label", "gt", "annotations", "segmentation", "segmentations",
))  # fmt: skip
_FORMS = _NO_CLASSES | {
    "x", "y", "a", "b", "source", "target", "targets", "original", "raw", "resized", "processed",
    "preprocessed", "augmented", "aug", "cropped", "crops", "hr", "lr", "high", "low", "depth",
    "rgb", "nir", "gray", "grayscale", "color", "segmented", "before", "after",
}  # fmt: skip
ALIKE = 0.8  # correlation of two forms of one picture
COMPARED = 5  # pairs of pictures
_BOXES = re.compile(
    r"(?:.*/)?(?:annotations/.+|(?:instances|keypoints|captions)_.+|_?annotations(?:\.coco)?)\.json",
    re.IGNORECASE,
)
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
    if _splits(found) and (boxes := _boxes(root, places)):
        return boxes
    if said := _splits_without_train(found):
        return said
    said = _splits(found) or _patients(found) or _forms(root, found) or _marked(found)
    if said is None:
        return None
    return (
        f"{said}\nIf the folders are the classes, say so: --task classification "
        '(domain="vision" in Python). Otherwise put the pictures of each class into a folder of '
        "their own; images with masks are read from images/ and masks/ (--task segmentation)."
    )


def _places(root: str) -> list[str]:
    """Return the folders whose folders would be classes."""
    named = by_split(entries(root)[0])
    inside = [os.path.join(root, name) for names in named.values() for name in names]
    deep = [place for place in inside if entries(place)[0]]
    return deep if "train" in named and deep else [root]


def _by_folder(root: str, places: Sequence[str]) -> dict[str, list[str]]:
    """Return the pictures below each folder that would be a class."""
    found: dict[str, list[str]] = {}
    for place in places:
        for name in entries(place)[0][:LOOKED_AT]:
            folder = os.path.join(place, name)
            found.setdefault(name, []).extend(pictures_below(folder, root))
    return found


def _boxes(root: str, places: Sequence[str]) -> str | None:
    """Return what to say of pictures with a file of places of objects (COCO)."""
    beside = [os.path.join(root, name) for name in entries(root)[0]]
    for place in (root, *places, *beside):
        for name in entries(place)[1]:
            path = os.path.join(place, name)
            if _BOXES.fullmatch(relative(root, path)):
                return (
                    f"{errors.shown(relative(root, path), 120)} holds places of objects in the "
                    "pictures (COCO): detection, which actzoo does not learn.\nTo classify whole "
                    "pictures (--task classification), put those of each class into a folder of "
                    "their own, or give a table with a row for each picture and its class."
                )
    return None


def _splits_without_train(found: dict[str, list[str]]) -> str | None:
    """Return what to say of splits that hold class folders, where none is called train."""
    inside = [
        {path.split("/")[1] for path in paths if path.count("/") > 1} for paths in found.values()
    ]
    if not all(map(is_split, found)) or min(map(len, inside)) < 2:
        return None
    return (
        f"The folders {_named(found)} are called like splits and hold class folders, but none is "
        "called train.\nRename the folder to learn from to train/."
    )


def _splits(found: dict[str, list[str]]) -> str | None:
    if not all(map(is_split, found)):
        return None
    words = beginnings(next(iter(found.values())))
    hint = f" The names of the pictures begin with {some(words)}." if words else ""
    return (
        f"The folders {_named(found)} are called like splits and hold pictures, but no class "
        f"folders, so nothing says which class a picture has.{hint}"
    )


def _patients(found: dict[str, list[str]]) -> str | None:
    names = list(found)
    if mostly(names, is_person):
        what = "of patients, persons or cases"
    elif len(names) >= FEWEST_IDS and _are_few(found) and are_ids(names):
        what = "that number persons, cases or days"
    else:
        return None
    sizes = sorted(len(pictures) for pictures in found.values())
    each = f"{sizes[0]:,}" if sizes[0] == sizes[-1] else f"{sizes[0]:,} to {sizes[-1]:,}"
    return (
        f"The {len(names):,} folders have names {what}: {_named(found)} ({each} pictures each). "
        "Each name would become a class."
    )


def _are_few(found: dict[str, list[str]]) -> bool:
    sizes = sorted(len(pictures) for pictures in found.values())
    return sizes[len(sizes) // 2] <= FEW_PICTURES


def _forms(root: str, found: dict[str, list[str]]) -> str | None:
    """Return a question where the same pictures are there in several forms."""
    if not all(name.casefold() in _FORMS for name in found):
        return None
    first, second = ({_stem(path): path for path in paths} for paths in list(found.values())[:2])
    both = sorted(first.keys() & second.keys())
    if len(both) < MOSTLY * max(len(first), len(second)):
        return None
    pairs = [(first[stem], second[stem]) for stem in both[:: -(-len(both) // COMPARED)]]
    if not any(name.casefold() in _NO_CLASSES for name in found) and not _are_alike(root, pairs):
        return None
    return (
        f"The folders {_named(found)} hold pictures of the same names, as two forms of each "
        "picture do: originals and copies, or images and masks."
    )


def _are_alike(root: str, pairs: Sequence[tuple[str, str]]) -> bool:
    """Say whether most pairs of pictures show the same."""
    alike = 0
    for pair in pairs:
        try:
            one, other = (_signature(os.path.join(root, path)) for path in pair)
        except (OSError, errors.DataError):
            continue
        length = np.linalg.norm(one) * np.linalg.norm(other)
        alike += int(length > 0 and float(one @ other) > ALIKE * length)
    return 2 * alike > len(pairs)


def _signature(path: str) -> np.ndarray:
    with open(path, "rb") as file:
        picture = images.read_picture(file.read())
    return shrunk(picture.colors).astype("float64").reshape(-1)


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
