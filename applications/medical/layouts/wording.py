"""What is said of a folder of images and masks: what it was taken for, and what is wrong.

Names of files are in errors alone, since a user must find them; names of folders only where they
say image, mask or split, as others may be patients'.
"""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Sequence

from actzoo import errors
from actzoo.applications.medical.layouts import endings, layout, pairing
from actzoo.applications.medical.layouts.layout import ScanFile
from actzoo.folders import LeftOut

MOST_NAMED = 10
_CLASSES = "to learn the folders as classes of photos instead: --task classification"
_CLASSES_OF_BOTH = "to learn the folders as classes of photos, move the masks away first"


@dataclasses.dataclass(frozen=True)
class Told:
    """How a folder was understood.

    Attributes:
        matches: What belongs together.
        by_names: Names say so, not content.
        is_sure: No other reading is possible.
        patients: Where patients are told from; empty where nothing says whose an image is.
    """

    matches: pairing.Matches
    by_names: bool
    is_sure: bool
    patients: str


def kind(told: Told, channels: Sequence[str]) -> str:
    """Return what a folder was taken for and why, in one line.

    Args:
        told: How it was understood.
        channels: Names of channels that dataset.json gives.
    """
    cases = sorted(
        told.matches.cases, key=lambda case: case.mask.split not in (None, "train", "tr")
    )
    is_volume = cases[0].mask.is_volume
    parts = [
        f"{'volumes' if is_volume else 'pictures'} with masks: {_sides(cases[0], told.by_names)}"
    ]
    if not told.by_names:
        parts.append("masks are those with few values")
    if cases[0].channels:
        names = channels if len(channels) == len(cases[0].channels) else cases[0].channels
        parts.append(f"{len(names)} channels: {', '.join(names)}")
    whose = f"patients {told.patients}" if told.patients else "each image a patient of its own"
    parts.append(whose)
    if not told.is_sure and not is_volume:
        parts += _other_reading(told)
    return "; ".join(parts)


def _other_reading(told: Told) -> list[str]:
    """Return how to have folders learned as classes, where they may be some."""
    case = told.matches.cases[0]
    if case.images[0].folder != case.mask.folder:
        return [_CLASSES]
    folders = {case.mask.folder for case in told.matches.cases}
    return [_CLASSES_OF_BOTH] if len(folders) > 1 and "folders" not in told.patients else []


def _sides(case: pairing.Case, by_names: bool) -> str:
    """Return how images and masks are told apart, by the names of folders or a mark."""
    image, mask = case.images[0], case.mask
    own, other = image.folder.split("/"), mask.folder.split("/")
    if image.folder != mask.folder:
        differ = [
            (a, b)
            for a, b in zip(own, other, strict=False)
            if a != b and (not by_names or layout.says_role(a) or layout.says_role(b))
        ]
        if differ and (not by_names or layout.says_role(differ[0][1])):
            form = " (nnU-Net and the medical decathlon)" if image.split in ("tr", "ts") else ""
            return f"{differ[0][0]}/ beside {differ[0][1]}/{form}"
        told = next(filter(layout.says_role, reversed(other)), "")
        return f"masks in {told}/" if told else "masks in folders of their own"
    mark = layout.mark_of(mask.stem)
    if mask.path.lower().endswith(endings.LABELS_ONLY):
        mark = "seg.nrrd"
    told = f", told by '{mark}' in their names" if mark else ""
    return f"masks beside their images in one folder{told}"


def left_aside(matches: pairing.Matches) -> list[str]:
    """Return what does not take part, with counts."""
    sentences = []
    for files, what in (
        (matches.unlabeled, "images without masks"),
        (matches.unlisted, "files that no list of splits names"),
        (matches.aside, "masks of another kind, or without an image"),
    ):
        counts = collections.Counter(_shown_folder(file) for file in files)
        sentences += [f"{count:,} {what}{where}" for where, count in sorted(counts.items())]
    return sentences


def _shown_folder(file: ScanFile) -> str:
    """Return the folder of a file by its name, where that says a split or what is in it."""
    for name in file.folder.split("/"):
        if layout.says_role(name):
            return f" in {errors.shown(name, 60)}/"
    return " in other folders"


def left_out(listed: LeftOut) -> list[str]:
    """Return what is not data by any name; hidden files by their number alone."""
    hidden = len(set(listed.hidden))
    count = [f"{hidden:,} hidden files and folders"] if hidden else []
    return [*dataclasses.replace(listed, hidden=[]).summary(), *count]


def no_counterpart(faults: Sequence[str], unread: Sequence[str]) -> errors.DataError:
    """Return the error about files that do not belong to one another."""
    more = f"; and {len(faults) - MOST_NAMED} more" if faults[MOST_NAMED:] else ""
    also = f"\n{' '.join(unread)}" if unread else ""
    return errors.DataError(
        f"{_counted(faults)} no counterpart: {'; '.join(faults[:MOST_NAMED])}{more}.{also}\n"
        "An image and its one mask have the same name, but for words such as mask or seg. Add what "
        "is missing, make one mask of several (with a number for each class), or move the rest out "
        "of the folder.",
        given=list(faults),
    )


def told_left_out(without: Sequence[str]) -> list[str]:
    """Return a sentence on what was left out; see `left_out`."""
    return [f"Left out were {'; '.join(without)}"] if without else []


def _counted(faults: Sequence[str]) -> str:
    return f"{len(faults):,} files have" if faults[1:] else "1 file has"


def nothing_to_read(
    root: str,
    files: Sequence[ScanFile],
    others: Sequence[str],
    boxes: Sequence[str],
    without: Sequence[str],
) -> errors.DataError:
    """Return the error about a folder without images and masks: what it holds, and what to do."""
    place = errors.shown(root, 200)
    if boxes:
        kinds = collections.Counter(os.path.splitext(path)[1].lower() for path in boxes)
        counts = ", ".join(f"{count:,} {ending} files" for ending, count in kinds.items())
        return errors.DataError(
            f"{place} holds images and {counts} in the place of masks: boxes or outlines of "
            "objects (YOLO, VOC or COCO), for detection, which actzoo does not train.\n"
            "For segmentation, draw each as a mask: a PNG with one number per class, of the same "
            "name as its image. For classification, put the images of each class into a folder.",
            given=root,
        )
    counted = collections.Counter(endings.split_name(file.path)[1] for file in files)
    counted.update(endings.told_ending(root, path) for path in others)
    holds = ", ".join(f"{count:,} {ending}" for ending, count in counted.most_common(MOST_NAMED))
    ways = [f"{e}: {endings.CONVERT[e]}" for e in counted if e in endings.CONVERT]
    advice = "".join(f"\n{way}." for way in [*ways, *told_left_out(without)])
    return errors.DataError(
        f"{place} holds no images with masks that can be read; it holds: {holds or 'no files'}.\n"
        f"Read are {', '.join((*endings.PICTURES, *endings.VOLUMES))}, in images/ and masks/, or "
        f"with masks marked in their names (case_mask.png).{advice}",
        given=root,
    )
