"""A folder of images and masks: which belong together, from names alone.

Two forms are read: `images/` beside `masks/`, also below train/, val/ and test/, and the medical
decathlon's `imagesTr/` beside `labelsTr/`. What could be read in two ways is refused.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence

from actzoo import errors
from actzoo.folders import SPLIT_NAMES, entries

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
VOLUMES = (".nii.gz", ".nii")
OTHERS = (".txt", ".csv", ".json", ".dcm", ".gz", ".zip", ".npy", ".xml", ".md", ".gif", ".mha")
FOLDERS = (("images", "masks"), ("imagestr", "labelstr"))  # in small letters
MARKS = ("_mask", "_seg", "_segmentation", "_label", "-mask", "-seg")  # at the end of a mask's stem
_NUMBERED = re.compile(r"(?:image|img|scan|slice|picture|frame|tile)?[-_ ]?\d+", re.IGNORECASE)
# Of BIDS, which takes letters, too; without a number it is not a subject (sub-cortical).
_SUBJECT = re.compile(r"(?:^|[_/])(sub-(?=[a-z]*\d)[a-z0-9]+)", re.IGNORECASE)
# Within a name, "p53" alone may be a stain as well as a patient.
_PATIENT = re.compile(
    r"(?:^|[^a-z])((?:patient|case|subject|sub|pat)[-_]?\d+|p[-_]\d+)|^(p\d+)(?=[-_]|$)",
    re.IGNORECASE,
)
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
FEWEST_PATIENTS = 3  # one for each split
RENAMING = (
    "Whose an image is, is read from patient, case, subject, sub, pat or p_ with a number in its "
    "name; where that misleads, rename the files."
)


@dataclasses.dataclass(frozen=True)
class Pair:
    """An image and its mask.

    Attributes:
        image: Path relative to the folder, with `/`.
        mask: Likewise; empty where a single image is opened without one.
        split: Of its folder, or None.
        patient: What the name says about whose it is.
    """

    image: str
    mask: str
    split: str | None
    patient: str


@dataclasses.dataclass(frozen=True)
class Listing:
    """The pairs of a folder.

    Attributes:
        pairs: Sorted.
        names: Value in the masks -> name of the class, where the folder says so.
        notes: Warnings, one sentence each.
        about: What dataset.json says of the data.
    """

    pairs: tuple[Pair, ...]
    names: dict[int, str]
    notes: tuple[str, ...]
    about: tuple[str, ...] = ()


def looks_like_pairs(root: str) -> str | None:
    """Return why a folder seems to hold images with masks, or None; looks at names only."""
    if not os.path.isdir(root):
        return None
    for place in _places(root).values():
        for inside in place:
            if _image_and_mask_folders(inside) is not None:
                return "images with masks"
    return None


def list_pairs(root: str) -> Listing:
    """List a folder's images and masks.

    Raises:
        DataError: An image has no mask or a mask no image, a name occurs twice, there is
            nothing to read, or two folders mean one split.
    """
    pairs: list[Pair] = []
    faults: list[str] = []
    unread: collections.Counter[str] = collections.Counter()
    for split, place in _places_of_pairs(root):
        pairs += _paired(root, place, split, faults, unread)
    if faults:
        more = f"; and {len(faults) - 10} more" if faults[10:] else ""
        raise errors.DataError(
            f"{len(faults)} files have no counterpart: {'; '.join(faults[:10])}{more}.\n"
            "An image and its mask have the same name. Add what is missing, or remove the rest.",
            given=faults,
        )
    if not pairs:
        raise errors.DataError(
            f"{errors.shown(root, 200)} holds no images with masks that can be read.\n"
            f"Read are {', '.join((*PICTURES, *VOLUMES))}, in images/ and masks/.",
            given=root,
        )
    notes = [
        f"{count:,} {ending} files among images and masks were not read."
        for ending, count in sorted(unread.items())
    ]
    ordered = tuple(sorted(pairs, key=lambda pair: pair.image))
    notes += _notes_on_patients(ordered)
    return Listing(ordered, _names(root), tuple(notes), _about(root))


def _notes_on_patients(pairs: Sequence[Pair]) -> list[str]:
    """Return notes on names that do not identify patients, or identify too few to split."""
    notes = []
    unnamed = sum(_named_patient(os.path.basename(pair.image)) is None for pair in pairs)
    if unnamed:
        notes.append(
            f"{unnamed:,} of {len(pairs):,} file names say nothing of a patient, so each of these "
            "images counts as a patient of its own. If several are one's, begin their names with "
            "patient01_, patient02_, …"
        )
    if few := few_patients(pairs):
        notes.append(f"{few} {RENAMING}")
    return notes


def few_patients(pairs: Sequence[Pair]) -> str | None:
    """Return a sentence on names of fewer patients than there are splits, or None."""
    patients = len({pair.patient for pair in pairs})
    if patients >= min(len(pairs), FEWEST_PATIENTS):
        return None
    return (
        f"By their file names, the {len(pairs):,} images are those of {patients} "
        f"patient{'s' * (patients > 1)}; to train, {FEWEST_PATIENTS} are needed, one in each split."
    )


def is_volume(name: str) -> bool:
    """Say whether a file is a volume, by its name."""
    return name.lower().endswith(VOLUMES)


def patient_of(stem: str, split: str | None = None) -> str:
    """Return whose image it is: what follows "patient", "case", "subject", …; else the stem.

    Not more is guessed: where names say nothing, each image counts as a patient of its own. A
    bare number in train/ and the same number in test/ need not be one patient.
    """
    if named := _named_patient(stem):
        return named
    return f"{split}/{stem}" if _NUMBERED.fullmatch(stem) else stem


def _named_patient(stem: str) -> str | None:
    """Return the patient that a name names, or None; equal numbers are equal patients."""
    match = _SUBJECT.search(stem) or _PATIENT.search(stem)
    if match is None:
        return None
    named = next(filter(None, match.groups()))
    return _ZEROS.sub("", re.sub(r"[-_]", "", named).lower())


def _places(root: str) -> dict[str | None, list[str]]:
    """Return split -> folders that may hold its images."""
    if _image_and_mask_folders(root) is not None:
        return {None: [root]}
    by_split: dict[str | None, list[str]] = {}
    for name in entries(root)[0]:
        if split := SPLIT_NAMES.get(name.casefold()):
            by_split.setdefault(split, []).append(os.path.join(root, name))
    return by_split


def _places_of_pairs(root: str) -> Iterator[tuple[str | None, str]]:
    """Yield each split and its folder with images and masks; refuse a split with two of them."""
    for split, places in _places(root).items():
        holding = [place for place in places if _image_and_mask_folders(place) is not None]
        if len(holding) > 1:
            named = ", ".join(errors.shown(os.path.basename(place)) + "/" for place in holding)
            raise errors.DataError(
                f"Two folders of {errors.shown(root, 120)} mean {split}: {named}.\n"
                "Keep one, or put the files of both into it.",
                given=holding,
            )
        yield from ((split, place) for place in holding)


def _image_and_mask_folders(place: str) -> tuple[str, str] | None:
    by_name = {name.casefold(): name for name in entries(place)[0]}
    for images, masks in FOLDERS:
        if images in by_name and masks in by_name:
            return os.path.join(place, by_name[images]), os.path.join(place, by_name[masks])
    return None


def _paired(
    root: str,
    place: str,
    split: str | None,
    faults: list[str],
    unread: collections.Counter[str],
) -> list[Pair]:
    """Return the pairs of one place; what has no counterpart is added to the faults."""
    folders = _image_and_mask_folders(place)
    if folders is None:
        return []
    images, masks = (_by_stem(root, folder, unread) for folder in folders)
    mask_of = {}
    for stem in images:
        candidates = _masks_of(stem, masks)
        if candidates:
            mask_of[stem] = candidates[0]
        if len(candidates) != 1:
            named = " and ".join(errors.shown(masks[name], 80) for name in candidates)
            has = f"masks {named}" if candidates else "no mask"
            faults.append(f"{errors.shown(images[stem], 120)} (has {has})")
    used = set(mask_of.values())
    faults += [
        f"{errors.shown(path, 120)} (has no image)"
        for stem, path in masks.items()
        if stem not in used
    ]
    return [
        Pair(images[stem], masks[mask], split, patient_of(stem, split))
        for stem, mask in mask_of.items()
    ]


def _masks_of(stem: str, masks: Mapping[str, str]) -> list[str]:
    """Return the stems of the masks that may belong to an image: its own, else marked ones."""
    return [stem] if stem in masks else [stem + mark for mark in MARKS if stem + mark in masks]


def _by_stem(root: str, folder: str, unread: collections.Counter[str]) -> dict[str, str]:
    """Return the stem of each file that is read -> its path relative to the root."""
    paths: dict[str, str] = {}
    for name in entries(folder)[1]:
        ending = next((e for e in (*VOLUMES, *PICTURES) if name.lower().endswith(e)), None)
        if ending is None:
            # Names stay out of messages, and what follows the last dot may be part of one.
            ending = os.path.splitext(name)[1].lower()
            unread[ending if ending in OTHERS else "other"] += 1
            continue
        path = os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
        stem = name[: -len(ending)]
        if stem in paths:
            raise errors.DataError(
                f"{errors.shown(paths[stem], 120)} and {errors.shown(path, 120)} have one name, so "
                "nothing says which belongs to the other folder's file.\nKeep one of them.",
                given=path,
            )
        paths[stem] = path
    return paths


def _names(root: str) -> dict[int, str]:
    """Return the names of classes that dataset.json, labels.json or classes.txt gives.

    dataset.json holds `"labels": {"0": "background", "1": "liver"}`, or the other way round as
    nnU-Net writes it; labels.json holds that mapping alone; classes.txt one name per line, the
    background first.
    """
    for name in ("dataset.json", "labels.json"):
        path = os.path.join(root, name)
        if os.path.isfile(path):
            return _names_of_json(path)
    path = os.path.join(root, "classes.txt")
    if not os.path.isfile(path):
        return {}
    lines = _text(path).split("\n")
    return {value: name.strip() for value, name in enumerate(lines) if name.strip()}


def _about(root: str) -> tuple[str, ...]:
    """Return what dataset.json says of the data: its description and its license."""
    path = os.path.join(root, "dataset.json")
    if not os.path.isfile(path):
        return ()
    content = json.loads(_text(path))  # that it is an object, reading the names has checked
    texts = [("", content.get("description"))]
    texts.append(("License: ", content.get("license") or content.get("licence")))
    return tuple(
        errors.shown(f"{before}{text}", 400)
        for before, text in texts
        if isinstance(text, str) and text.strip()
    )


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.DataError(
            f"{errors.shown(path, 200)} cannot be read as text: {errors.shown(error, 120)}.\n"
            "Fix or remove it.",
            given=path,
        ) from error


def _names_of_json(path: str) -> dict[int, str]:
    try:
        content = json.loads(_text(path))
        labels = content.get("labels", {} if path.endswith("dataset.json") else content)
        pairs = labels.items()
        if pairs and all(isinstance(value, int) for _, value in pairs):
            return {int(value): str(name) for name, value in pairs}
        return {int(value): str(name) for value, name in pairs}
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise errors.DataError(
            f"The labels in {errors.shown(path, 200)} cannot be read.\n"
            'Expected: "labels": {"0": "background", "1": "NAME"}.',
            given=path,
        ) from error
