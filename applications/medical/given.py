"""What a user gives to `predict`: files of any form that is read; several may be one image."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from actzoo import errors
from actzoo.applications.medical.files import containers
from actzoo.applications.medical.layouts import endings, folder, layout
from actzoo.given_inputs import GivenInput


def without_masks(given: Sequence[str]) -> tuple[list[str], list[GivenInput]]:
    """Return what a user gives, of folders of images with masks only the images, and notes.

    Args:
        given: Files and folders.
    """
    scans: list[str] = []
    notes = []
    for place in given:
        images, masks = folder.inputs_of(place)
        scans += images if masks else [place]
        if masks:
            left = f"Masks beside the images were left out: {masks:,}."
            notes.append(GivenInput(place, note=left))
    return scans, notes


def completed(
    items: Iterable[GivenInput], channels: Sequence[str], max_voxels: int
) -> Iterator[GivenInput]:
    """Yield inputs as NIfTI or pictures, those of one image together.

    Args:
        items: Files, one by one.
        channels: What the names of files of one image end in, in the order of its channels; empty
            where each file is an image.
        max_voxels: Limit of one volume.
    """
    waiting: dict[tuple[Path, str], dict[str, GivenInput]] = {}
    for item in items:
        path = Path(item.name)
        if item.content is None or _is_part(path):
            if item.content is None:
                yield item
            continue
        whole = _whole(path, item, max_voxels)
        case, channel = _channel_of(path, channels)
        if channel is None or whole.content is None:
            yield whole
            continue
        own = waiting.setdefault(case, {})
        own[channel] = whole
        if len(own) == len(channels):
            yield _stacked(waiting.pop(case), channels, case, max_voxels)
    for (parent, stem), own in waiting.items():
        lacking = ", ".join(name for name in channels if name not in own)
        name = str(parent / f"{stem}.nii.gz")
        yield GivenInput(
            name, problem=f"{errors.shown(name, 200)} lacks the file of a channel: {lacking}."
        )


def _is_part(path: Path) -> bool:
    """Say whether a file holds the voxels of a header file beside it."""
    if not path.name.lower().endswith(tuple(endings.PARTS)):
        return False
    return endings.is_part(path.name, {file.name.lower() for file in path.parent.iterdir()})


def _whole(path: Path, item: GivenInput, max_voxels: int) -> GivenInput:
    try:
        whole = containers.with_data(path, item.content or b"")
        content = containers.as_nifti(whole, max_voxels)
    except (errors.DataError, OSError) as error:
        return GivenInput(item.name, problem=f"{errors.shown(path, 200)}: {error}")
    return dataclasses.replace(item, content=content)


def _channel_of(path: Path, channels: Sequence[str]) -> tuple[tuple[Path, str], str | None]:
    """Return folder and name of the image of a file, and which of its channels it is, or None.

    The name of the file says so (case_t1), or that of its folder (t1/case).
    """
    stem = endings.split_name(path.name)[0]
    plain = layout.plain_stem(stem)
    for name in sorted(channels, key=len, reverse=True):
        if plain == name:
            return (path.parent, path.parent.name or "scan"), name
        if plain.endswith(f"_{name}"):
            return (path.parent, stem[: -len(name) - 1]), name
        if layout.plain_stem(path.parent.name) == name:
            return (path.parent.parent, stem), name
    return (path.parent, stem), None


def _stacked(
    own: dict[str, GivenInput], channels: Sequence[str], case: tuple[Path, str], max_voxels: int
) -> GivenInput:
    name = str(case[0] / f"{case[1]}.nii.gz")
    try:
        raws = [own[name].content or b"" for name in channels]
        content = containers.stacked(raws, channels, max_voxels)
    except errors.DataError as error:
        return GivenInput(name, problem=f"{errors.shown(name, 200)}: {error}")
    return GivenInput(name, content)
