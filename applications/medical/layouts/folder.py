"""A folder of images and masks: which belong together, and what is left out.

No fixed names are needed: words in the names of folders and files say what is a mask (`layout`),
equal names say what belongs together (`pairing`), and where names say nothing, a look into some
files does (`slots`). What could be read in two ways, or lacks a counterpart, is refused.
"""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Collection, Sequence

from actzoo import errors
from actzoo.applications.medical.layouts import (
    endings,
    label_names,
    layout,
    pairing,
    patients,
    probing,
    slots,
    split_lists,
    wording,
)
from actzoo.applications.medical.layouts.layout import IMAGE, MASK, ScanFile
from actzoo.folders import SPLIT_NAMES, LeftOut, files_of

MOST_ASKED = 20  # files of unknown kind that are opened to tell whether they are DICOM
MOSTLY = 0.9  # share of the files that belong together where their names alone decide
VOC_FOLDER, VOC_VOID = "segmentationclass", (255,)  # VOC's outlines of objects have no truth
META = ("dataset.json", "labels.json", "classes.txt")


@dataclasses.dataclass(frozen=True)
class Pair:
    """An image and its mask.

    Attributes:
        image: Path relative to the folder, with `/`; of several channels the first.
        mask: Likewise; empty where a single image is opened without one.
        split: Of its folder, or None.
        patient: What the name says about whose it is.
        channels: Paths of all channels, where an image has one file for each.
    """

    image: str
    mask: str
    split: str | None
    patient: str
    channels: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Listing:
    """The pairs of a folder.

    Attributes:
        pairs: Sorted.
        names: Value in the masks -> name of the class, where the folder says so.
        notes: Warnings, one sentence each.
        about: What dataset.json says of the data.
        void: Values of places that are neither learned nor scored, where the folder says so.
        kind: What the folder was taken for and why.
        set_aside: What was left out, with counts.
        channel_files: What the files of one image's channels end in, in order; empty where an image
            is one file.
        channels: Names of the channels, where the folder says so.
    """

    pairs: tuple[Pair, ...]
    names: dict[int, str]
    notes: tuple[str, ...]
    about: tuple[str, ...] = ()
    void: tuple[int, ...] = ()
    kind: str = ""
    set_aside: tuple[str, ...] = ()
    channel_files: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Contents:
    """What a folder holds.

    Attributes:
        root: The folder.
        files: Files that may be images or masks.
        others: Paths of the rest.
        left_out: What is not data by any name.
        matches: What belongs together.
        by_names: Names say so, not content.
        are_pairs: There are images with masks, right or wrong ones.
    """

    root: str
    files: list[ScanFile]
    others: list[str]
    left_out: LeftOut
    matches: pairing.Matches
    by_names: bool
    are_pairs: bool

    def boxes(self) -> list[str]:
        """Return files beside images that hold boxes or outlines, where there are no masks."""
        given = [name for name in self.others if name.lower().endswith(endings.BOXES)]
        if not given:
            return []
        places = {(file.split, file.place) for file in self.files if file.role == IMAGE}
        named = layout.read_paths([*(file.path for file in self.files), *given])[len(self.files) :]
        return [
            file.path
            for file in named
            if file.folder_role == MASK and (file.split, file.place) in places
        ]

    def unread(self) -> collections.Counter[str]:
        """Return ending -> number of files among images and masks that are not read."""
        folders = {file.folder for file in self.files}
        unread: collections.Counter[str] = collections.Counter()
        for path in self.others:
            folder, _, name = path.rpartition("/")
            told = folder in folders or any(map(layout.says_role, folder.split("/")))
            if (told or not self.files) and name.lower() not in META:
                unread[endings.told_ending(self.root, path)] += 1
        return unread


def looks_like_pairs(root: str) -> str | None:
    """Return why a folder seems to hold images with masks, or None.

    Looks at names; where these do not decide, into a few files.
    """
    if not os.path.isdir(root):
        return None
    try:
        contents = _contents(root)
    except slots.QuestionError:
        return "images with masks, or two classes"
    if contents.are_pairs:
        return "images with masks"
    if 2 * sum(file.is_volume for file in contents.files) > len(contents.files):
        return "volumes"
    if contents.boxes():
        return "images with boxes"
    convertible = [
        path for path in contents.others if endings.known_ending(path) in endings.CONVERT
    ]
    paths = [*(file.path for file in contents.files), *convertible]
    if convertible and _has_sure_folders(layout.read_paths(paths)):
        return "images with masks"
    if contents.files:
        return None
    is_dicom = any(
        endings.CONVERT.get(endings.told_ending(root, path)) == endings.CONVERT["DICOM"]
        for path in contents.others[:MOST_ASKED]
    )
    return "DICOM files" if is_dicom else None


def inputs_of(root: str) -> tuple[list[str], int]:
    """Return the paths of a folder's images and the number of their masks; 0 without masks."""
    try:
        contents = _contents(root) if os.path.isdir(root) else None
    except slots.QuestionError:
        contents = None
    if contents is None or not contents.are_pairs:
        return [], 0
    images = [file.path for file in contents.files if file.role == IMAGE]
    paths = [os.path.join(root, *path.split("/")) for path in images]
    return paths, len(contents.files) - len(images)


def list_pairs(root: str, channel_files: Sequence[str] = ()) -> Listing:
    """List a folder's images and masks.

    Args:
        root: The folder.
        channel_files: Which of several files of an image are its channels, in order, by what their
            names end in; empty takes all, by their names.

    Raises:
        DataError: An image has no mask or a mask no image, a name occurs twice, there is
            nothing to read, or two folders mean one split.
    """
    contents = _contents(root)
    contents.matches.cases = [
        pairing.with_channels(case, channel_files) for case in contents.matches.cases
    ]
    matches, unread = contents.matches, endings.unread_sentences(contents.unread())
    faults = _faults(contents)
    without = wording.left_out(contents.left_out)
    if faults:
        raise wording.no_counterpart(faults, [*unread, *wording.told_left_out(without)])
    if not matches.cases:
        raise wording.nothing_to_read(
            root, contents.files, contents.others, contents.boxes(), without
        )
    _check_splits(root, matches.cases)
    pairs = _pairs(matches.cases)
    said = label_names.read(root, *_places_of_names(contents))
    unnamed, whose = _whose(matches.cases)
    told = wording.Told(matches, contents.by_names, _are_sure(matches.cases), whose)
    return Listing(
        pairs,
        said.names,
        (*unread, *patients.notes_on(pairs, unnamed)),
        said.about,
        said.void or (VOC_VOID if _is_voc(matches.cases) and not said.names else ()),
        wording.kind(told, said.channels),
        (*wording.left_aside(matches), *without),
        matches.cases[0].channels,
        said.channels,
    )


def _contents(root: str) -> _Contents:
    """Return what a folder holds, and what of it belongs together."""
    left_out = LeftOut(root)
    try:
        listed = files_of([root], left_out=left_out)
    except errors.MissingFileError:
        listed = []
    paths = [os.path.relpath(path, root).replace(os.sep, "/") for path in listed]
    scans, others = _sorted_by_use(paths)
    files, lists = split_lists.applied(root, layout.read_paths(scans), others)
    others = [path for path in others if path not in lists]
    has_masks = any(file.role != IMAGE for file in files)
    matches = pairing.match(files) if has_masks else pairing.Matches()
    are_pairs = _are_pairs(root, files, matches)
    if not matches.cases and (flat := _wherever(root, files)) is not None:
        return _Contents(root, flat, others, left_out, pairing.match(flat), True, True)
    if not are_pairs and (told := slots.told_by_content(root, files)) is not None:
        return _Contents(root, told, others, left_out, pairing.match(told), False, True)
    return _Contents(root, files, others, left_out, matches, True, are_pairs)


def _wherever(root: str, files: Sequence[ScanFile]) -> list[ScanFile] | None:
    """Return files with other places than their folders', where they belong together by these.

    Names of files alone may say what does, whatever the folders; or masks lie above their images.
    """
    if all(file.role == IMAGE for file in files):
        return None
    flat = [dataclasses.replace(file, place=()) for file in files]
    whole = [dataclasses.replace(file, split=None) for file in flat]
    places = {file.place for file in files if file.role == MASK}
    above = [dataclasses.replace(file, place=_first_in(places, file.place)) for file in files]
    ways = (flat, whole, above)
    return next((found for moved in ways if (found := _kept(root, files, moved))), None)


def _first_in(places: Collection[tuple[str, ...]], place: tuple[str, ...]) -> tuple[str, ...]:
    """Return the nearest of some places that one is below; itself where there is none."""
    above = (place[:depth] for depth in range(len(place), 0, -1))
    return next((own for own in above if own in places), place)


def _kept(root: str, files: Sequence[ScanFile], moved: Sequence[ScanFile]) -> list[ScanFile] | None:
    """Return moved files with the splits of their folders; None where few belong together."""
    found = pairing.match(moved)
    count = sum(1 + len(case.images) for case in found.cases)
    needed = len(files) - len(found.aside) - len(found.unlabeled)
    if found.faults or count < max(2, MOSTLY * needed):
        return None
    if not probing.look_like_masks(root, [case.mask.path for case in found.cases]):
        return None
    own = {file.path: file.split for file in files}
    split_of = {
        file.path: own[case.mask.path] or own[case.images[0].path]
        for case in found.cases
        for file in (*case.images, case.mask)
    }
    return [dataclasses.replace(file, split=split_of.get(file.path)) for file in moved]


def _sorted_by_use(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the files that may be images or masks, and the rest without parts of these."""
    beside: dict[str, set[str]] = collections.defaultdict(set)
    for path in paths:
        folder, _, name = path.rpartition("/")
        beside[folder].add(name.lower())
    scans, others = [], []
    for path in paths:
        folder, _, name = path.rpartition("/")
        if endings.split_name(name)[1]:
            scans.append(path)
        elif not endings.is_part(name, beside[folder]):
            others.append(path)
    return scans, others


def _are_pairs(root: str, files: Sequence[ScanFile], matches: pairing.Matches) -> bool:
    """Say whether files are images and masks: by their names, else by what the masks hold."""
    cases = matches.cases
    if not cases:
        return _has_sure_folders(files) or _are_sides(root, files)
    if _are_sure(cases) or any(case.mask.is_volume for case in cases):
        return True
    known = 1 + len(cases[0].images)
    is_all = len(cases) * known >= MOSTLY * len(files) - len(matches.unlabeled)
    marked = all(
        layout.is_marked(case.mask.stem) and not layout.is_marked(case.images[0].stem)
        for case in cases
    )
    if is_all and len(cases) > 1 and marked:
        return True
    look = probing.look_like_masks(root, [case.mask.path for case in cases])
    return bool(look) or (look is None and is_all)


def _are_sure(cases: Sequence[pairing.Case]) -> bool:
    """Say whether folders call images and masks what they are, by words without other meaning."""
    files = [file for case in cases for file in (*case.images, case.mask)]
    return bool(files) and all(file.is_sure and file.folder_role == file.role for file in files)


def _has_sure_folders(files: Sequence[ScanFile]) -> bool:
    """Say whether folders of images and of masks lie side by side."""
    places: dict[str, set[pairing.Place]] = {IMAGE: set(), MASK: set()}
    for file in files:
        if file.is_sure and file.folder_role in places:
            places[file.folder_role].add((file.split, file.place))
    return bool(places[IMAGE] & places[MASK])


def _are_sides(root: str, files: Sequence[ScanFile]) -> bool:
    """Say whether all folders are of images or of masks, of which the latter hold masks."""
    sides = {role: [f.path for f in files if f.folder_role == role] for role in (IMAGE, MASK)}
    if not all(sides.values()) or not all(file.folder_role for file in files):
        return False
    return bool(probing.look_like_masks(root, sides[MASK]))


def _faults(contents: _Contents) -> list[str]:
    """Return what is wrong with files that should belong together."""
    if not contents.are_pairs:
        return contents.matches.faults
    lone = [
        f"{errors.shown(file.path, 120)} (has no {'mask' if file.role == IMAGE else 'image'})"
        for file in contents.matches.lone
    ]
    few = contents.matches.faults + lone
    several = [case for case in contents.matches.cases if case.channels and not _volumes(case)]
    return few + [
        f"{errors.shown(case.mask.path, 120)} (belongs to {len(case.images)} pictures: "
        f"{errors.shown(', '.join(case.channels), 80)}; save channels as one picture)"
        for case in several
    ]


def _volumes(case: pairing.Case) -> bool:
    return all(image.is_volume for image in case.images)


def _places_of_names(contents: _Contents) -> tuple[list[str], list[str]]:
    """Return the folders above all images, from the root down, and those of masks.

    Raises:
        DataError: There are several dataset.json, so these are several data sets.
    """
    cases = contents.matches.cases
    described = [path for path in contents.others if path.rpartition("/")[2] == "dataset.json"]
    if len(described) > 1:
        raise errors.DataError(
            f"{errors.shown(contents.root, 120)} holds {len(described)} data sets, each with a "
            f"dataset.json: {errors.shown(', '.join(described), 300)}.\n"
            "The same number may mean another class in each. Give the folder of one.",
            given=tuple(described),
        )
    held = [file.folder for case in cases for file in (*case.images, case.mask)]
    shared = [name for name in os.path.commonpath(held).split(os.sep) if name]
    above = ["/".join(shared[:count]) for count in range(1, len(shared) + 1)]
    return above, sorted({case.mask.folder for case in cases} - {"", *above})


def _is_voc(cases: Sequence[pairing.Case]) -> bool:
    return all(VOC_FOLDER in case.mask.folder.casefold().split("/") for case in cases)


def without_idle_void(listing: Listing, values: Sequence[Collection[int]]) -> Listing:
    """Return a listing without VOC's void where the masks hold nothing else but 0: it is a class.

    Args:
        listing: Of a folder.
        values: The numbers in each mask.
    """
    is_alone = set().union(*values) <= {0, *VOC_VOID}
    is_voc = listing.void == VOC_VOID and not listing.names
    return dataclasses.replace(listing, void=()) if is_voc and is_alone else listing


def _check_splits(root: str, cases: Sequence[pairing.Case]) -> None:
    """Refuse two folders that mean one split."""
    names: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for case in cases:
        for name in case.images[0].folder.split("/"):
            if split := SPLIT_NAMES.get(name.casefold()):
                names[split][name.casefold()] = name
    for split, own in names.items():
        if len(own) > 1:
            named = ", ".join(f"{errors.shown(name)}/" for name in own.values())
            raise errors.DataError(
                f"Two folders of {errors.shown(root, 120)} mean {split}: {named}.\n"
                "Keep one, or put the files of both into it.",
                given=tuple(own.values()),
            )


def _pairs(cases: Sequence[pairing.Case]) -> tuple[Pair, ...]:
    has_others = any(case.mask.split not in (None, "tr") for case in cases)
    final = {"tr": "train" if has_others else None, "ts": "test"}
    alone = _alone(cases)
    pairs = []
    for case in cases:
        paths = tuple(image.path for image in case.images)
        split = case.mask.split
        split = final.get(split, split) if split else None
        patient = patients.patient_of(_stem_of(case), split, case.images[0].folders, alone)
        pairs.append(Pair(paths[0], case.mask.path, split, patient, paths[1:] and paths))
    return tuple(sorted(pairs, key=lambda pair: pair.image))


def _stem_of(case: pairing.Case) -> str:
    return case.mask.key if case.channels else case.images[0].stem


def _alone(cases: Sequence[pairing.Case]) -> int:
    return patients.folders_of_patients([case.images[0].folders for case in cases])


def _whose(cases: Sequence[pairing.Case]) -> tuple[int, str]:
    """Return for how many images nothing tells a patient, and what tells it for the others."""
    alone = _alone(cases)
    named = [case for case in cases if patients.named_patient(_stem_of(case))]
    told = [
        case for case in cases if patients.told_by(_stem_of(case), case.images[0].folders, alone)
    ]
    by = {"file names": bool(named), "folders": len(told) > len(named)}
    where = " and ".join(name for name, does in by.items() if does)
    return len(cases) - len(told), f"from {where}" if where else ""
