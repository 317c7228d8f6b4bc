"""Which image a mask belongs to: the one whose path is the same without words for masks."""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Iterable, Sequence

from actzoo import errors
from actzoo.applications.medical.layouts.layout import (
    ASIDE,
    IMAGE,
    MASK,
    UNLISTED,
    ScanFile,
    key_of,
    plain_stem,
    shared,
)
from actzoo.folders import SPLIT_NAMES

Place = tuple[str | None, tuple[str, ...]]
MOSTLY = 0.5  # of the images, or of their folders, have a file of another kind beside them


@dataclasses.dataclass(frozen=True)
class Case:
    """A mask and its image, or the files that are the channels of its image.

    Attributes:
        images: In the order of their channels.
        channels: What the name of each adds to the mask's; empty for a single one.
        mask: The mask.
    """

    images: tuple[ScanFile, ...]
    channels: tuple[str, ...]
    mask: ScanFile


@dataclasses.dataclass
class Matches:
    """What belongs together, and what is left.

    Attributes:
        cases: Masks with images.
        faults: What is wrong, each with the path of a file.
        lone: Files without counterpart in a place where others have one, or that their folder calls
            an image or a mask.
        unlabeled: Images of a split, or of folders, without any mask.
        aside: Masks of another kind than those that were taken.
        unlisted: Files that the data's own list of splits leaves out.
    """

    cases: list[Case] = dataclasses.field(default_factory=list)
    faults: list[str] = dataclasses.field(default_factory=list)
    lone: list[ScanFile] = dataclasses.field(default_factory=list)
    unlabeled: list[ScanFile] = dataclasses.field(default_factory=list)
    aside: list[ScanFile] = dataclasses.field(default_factory=list)
    unlisted: list[ScanFile] = dataclasses.field(default_factory=list)


def with_channels(case: Case, wanted: Sequence[str]) -> Case:
    """Return a case with the channels that are asked for; one without channels as it is.

    Raises:
        DataError: It has no such channel.
    """
    if not wanted or not case.channels:
        return case
    images = dict(zip(case.channels, case.images, strict=True))
    lacking = [name for name in wanted if name not in images]
    if lacking:
        raise errors.DataError(
            f"The image of {errors.shown(case.mask.path, 120)} has no channel "
            f"'{errors.shown(lacking[0], 40)}'; it has {', '.join(case.channels)}.\n"
            f"Name some of these: --channel-files {','.join(case.channels)}",
            given=tuple(lacking),
            allowed=case.channels,
        )
    return Case(tuple(images[name] for name in wanted), tuple(wanted), case.mask)


def match(files: Sequence[ScanFile]) -> Matches:
    """Return which of some files belong together, by what their paths say."""
    by_place: dict[Place, list[ScanFile]] = collections.defaultdict(list)
    for file in files:
        if file.split != UNLISTED:
            by_place[file.split, file.place].append(file)
    result = Matches()
    result.aside = [file for file in files if file.role == ASIDE]
    result.unlisted = [file for file in files if file.split == UNLISTED]
    left: list[ScanFile] = []
    for group in by_place.values():
        left += _match_place(group, result)
    _check_channels(result)
    _sort_lone(files, left, result)
    return result


def _match_place(group: Sequence[ScanFile], result: Matches) -> list[ScanFile]:
    """Add the cases of one place; return the files that belong to none."""
    images = [file for file in group if file.role == IMAGE]
    masks = [file for file in group if file.role == MASK]
    result.faults += [*_doubles(images), *_doubles(masks)]
    index = _Masks(masks)
    members: dict[str, list[tuple[str, ScanFile]]] = collections.defaultdict(list)
    left = []
    for image in images:
        chosen = index.of(image)
        if len(chosen) > 1:
            named = " and ".join(errors.shown(mask.path, 80) for mask in chosen)
            result.faults.append(f"{errors.shown(image.path, 120)} (has masks {named})")
        if chosen:
            members[chosen[0].path].append(("", image))
            index.used.update(mask.path for mask in chosen)
        else:
            left.append(image)
    left = index.add_channels(left, members)
    if not members:
        left = _match_rests(images, masks, members)
        index.used.update(members)
    if not members and group[0].place:
        left = _match_alone(left, masks, members, result)
        index.used.update(members)
    by_path = {mask.path: mask for mask in masks}
    for path, own in members.items():
        _add_case(by_path[path], own, result)
    return [*left, *(mask for mask in masks if mask.path not in index.used)]


def _match_rests(
    images: Sequence[ScanFile],
    masks: Sequence[ScanFile],
    members: dict[str, list[tuple[str, ScanFile]]],
) -> list[ScanFile]:
    """Match by what is left of names without what all of a side share; return the other images.

    The masks of `01_training` and `02_training` are `01_manual1` and `02_manual1`.
    """
    of_images, of_masks = _rests(images), _rests(masks)
    both = of_images.keys() & of_masks.keys()
    if not both or len(both) < len(masks):
        return list(images)
    for rest in both:
        members[of_masks[rest].path] = [("", of_images[rest])]
    matched = {of_images[rest].path for rest in both}
    return [image for image in images if image.path not in matched]


def _rests(files: Sequence[ScanFile]) -> dict[tuple[str, ...], ScanFile]:
    """Return files by the words of their names that not all have; empty where these are alike."""
    names = [
        tuple(word for word in file.key.split("_") if word not in SPLIT_NAMES) for file in files
    ]
    start, end = shared(names), shared([name[::-1] for name in names])
    found = {name[start : len(name) - end]: file for name, file in zip(names, files, strict=True)}
    return {} if () in found or len(found) < len(files) else found


def _match_alone(
    images: Sequence[ScanFile],
    masks: Sequence[ScanFile],
    members: dict[str, list[tuple[str, ScanFile]]],
    result: Matches,
) -> list[ScanFile]:
    """Match the images of a folder with its only mask, whatever their names; return the rest."""
    if len(images) == 1 and len(masks) > 1:
        result.faults.append(
            f"{errors.shown(images[0].path, 120)} (has {len(masks)} masks; one is needed, with a "
            "number for each class)"
        )
    volumes = all(image.is_volume for image in images)
    if len(masks) != 1 or not images or (len(images) > 1 and not volumes):
        return list(images)
    start = f"{images[0].place[-1]}_"
    members[masks[0].path] = [(image.plain.removeprefix(start), image) for image in images]
    if len(images) == 1:
        members[masks[0].path] = [("", images[0])]
    return []


def _doubles(files: Iterable[ScanFile]) -> list[str]:
    """Return what is wrong with files of one name: only one can belong to a counterpart."""
    first: dict[str, ScanFile] = {}
    faults = []
    for file in files:
        other = first.setdefault(file.stem, file)
        if other is not file:
            faults.append(
                f"{errors.shown(other.path, 120)} and {errors.shown(file.path, 120)} have one "
                "name, so nothing says which belongs to the other folder's file"
            )
    return faults


class _Masks:
    """The masks of one place, by name."""

    def __init__(self, masks: Sequence[ScanFile]) -> None:
        self.used: set[str] = set()
        self._by_stem = {mask.stem: mask for mask in masks}
        self._by_key: dict[str, list[ScanFile]] = collections.defaultdict(list)
        self._further: dict[str, list[ScanFile]] = collections.defaultdict(list)
        for mask in masks:
            self._by_key[mask.key].append(mask)
            if (whose := _numbered(mask)) is not None:
                self._further[whose].append(mask)

    def of(self, image: ScanFile) -> list[ScanFile]:
        """Return the masks of an image's own name, else those that differ in a mark only."""
        if own := self._by_stem.get(image.stem):
            return [own, *self._further.get(image.plain, [])]
        marked = self._by_key.get(image.plain, [])
        marked = marked or (self._by_key.get(image.key, []) if image.key else [])
        return [*marked, *self._further.get(image.plain, [])]

    def add_channels(
        self, images: Sequence[ScanFile], members: dict[str, list[tuple[str, ScanFile]]]
    ) -> list[ScanFile]:
        """Add images whose names begin with a mask's: `case_0000`, `case_t1`; return the rest."""
        left = []
        for image in images:
            tokens = image.plain.split("_")
            for length in range(len(tokens) - 1, -1, -1):
                own = self._by_key.get("_".join(tokens[:length]), [])
                if len(own) == 1 and not any(not name for name, _ in members[own[0].path]):
                    members[own[0].path].append(("_".join(tokens[length:]), image))
                    self.used.add(own[0].path)
                    break
            else:
                left.append(image)
        for path in [path for path, own in members.items() if not own]:
            del members[path]
        return left


def _numbered(mask: ScanFile) -> str | None:
    """Return whose mask one of several is, which numbers tell apart: case for case_mask_2."""
    start, _, number = mask.key.rpartition("_")
    word = mask.plain.removeprefix(f"{start}_").removesuffix(f"_{number}")
    told = start and number.isdigit() and mask.plain == f"{start}_{word}_{number}"
    return start if told and not key_of(word) else None


def _add_case(mask: ScanFile, own: Sequence[tuple[str, ScanFile]], result: Matches) -> None:
    own = sorted(own, key=lambda item: (item[0], item[1].path))
    if len(own) > 1 and not own[0][0]:
        named = " and ".join(errors.shown(image.path, 80) for _, image in own)
        result.faults.append(f"{errors.shown(mask.path, 120)} (belongs to {named})")
    images = tuple(image for _, image in own)
    names = tuple(name for name, _ in own) if len(own) > 1 else ()
    result.cases.append(Case(images, names, mask))


def _check_channels(result: Matches) -> None:
    """Add cases that lack a channel which others have to the faults."""
    forms = collections.Counter(case.channels for case in result.cases)
    if len(forms) < 2:
        return
    usual = forms.most_common(1)[0][0]
    for case in result.cases:
        if case.channels != usual:
            has = ", ".join(case.channels) or "a single image"
            wanted = ", ".join(usual) or "a single image"
            result.faults.append(
                f"{errors.shown(case.mask.path, 120)} (has {has}; most have {wanted})"
            )


def _sort_lone(files: Sequence[ScanFile], left: Sequence[ScanFile], result: Matches) -> None:
    """Tell files that lack a counterpart from those of splits and folders without masks."""
    labeled = {file.split for file in files if file.role == MASK}
    places = {(case.mask.split, case.mask.place) for case in result.cases}
    folders = {file.folder for case in result.cases for file in (*case.images, case.mask)}
    others = _of_another_kind(left, result.cases)
    for file in left:
        there = (file.split, file.place) in places or file.folder in folders
        expected = bool(file.folder_role) or there
        is_other = file.path in others
        if file.role == IMAGE and (file.split not in labeled or not expected or is_other):
            result.unlabeled.append(file)
        elif file.role == IMAGE or expected:
            result.lone.append(file)
        else:
            result.aside.append(file)


def _of_another_kind(left: Sequence[ScanFile], cases: Sequence[Case]) -> set[str]:
    """Return the paths of images that come beside most images, or in most of their folders.

    Their names add one word to an image's or its folder's: a_superpixels, patient001_4d.
    """
    images = [image for case in cases for image in case.images]
    owners = {(image.folder, image.plain) for image in images}
    owners |= {(image.folder, plain_stem(os.path.basename(image.folder))) for image in images}
    by_word: dict[str, dict[tuple[str, str], str]] = collections.defaultdict(dict)
    for file in left:
        start, _, word = file.plain.rpartition("_")
        if not word.isdigit() and (file.folder, start) in owners:
            by_word[word][file.folder, start] = file.path
    folders = {image.folder for image in images}
    return {
        path
        for own in by_word.values()
        if len(own) >= max(2, MOSTLY * (len(images) if len(folders) == 1 else len(folders)))
        for path in own.values()
    }
