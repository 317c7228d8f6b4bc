"""What a folder says of its labels and itself: dataset.json, labels.json or classes.txt."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence

from actzoo import errors

VOID = ("ignore", "void")  # names of what is neither learned nor scored; nnU-Net's and VOC's


@dataclasses.dataclass(frozen=True)
class LabelNames:
    """What a folder says.

    Attributes:
        names: Value in masks -> name of the class.
        void: Values of places that are neither learned nor scored.
        channels: Names of an image's channels, in order.
        about: Description and license.
    """

    names: dict[int, str] = dataclasses.field(default_factory=dict)
    void: tuple[int, ...] = ()
    channels: tuple[str, ...] = ()
    about: tuple[str, ...] = ()


def read(root: str, above: Iterable[str] = (), mask_folders: Iterable[str] = ()) -> LabelNames:
    """Return what a folder says of its labels.

    dataset.json holds `"labels": {"0": "background", "1": "liver"}`, or the other way round as
    nnU-Net writes it; labels.json holds that mapping alone, or is the legend that `predict` writes
    beside masks; classes.txt has one name per line, the background first.

    Args:
        root: The folder.
        above: Folders that all images are below, relative to it.
        mask_folders: Those that hold masks, relative to it: their labels.json counts, too.

    Raises:
        DataError: Such a file cannot be read, or says what no masks can hold.
    """
    shared = ["", *above]
    places = [os.path.join(root, folder, "dataset.json") for folder in shared]
    places += [os.path.join(root, folder, "labels.json") for folder in (*shared, *mask_folders)]
    content: Mapping[str, object] = {}
    labels: dict[int, str] = {}
    for path in filter(os.path.isfile, places):
        content = _content(path)
        labels = _labels(path, content)
        break
    else:
        lists = [os.path.join(root, folder, "classes.txt") for folder in shared]
        labels = _lines(next(filter(os.path.isfile, lists), lists[0]))
    void = tuple(v for v, name in sorted(labels.items()) if _is_void(name))
    names = {value: name for value, name in labels.items() if value not in void}
    return LabelNames(names, void, _channels(content), _about(content))


def _lines(path: str) -> dict[int, str]:
    if not os.path.isfile(path):
        return {}
    lines = text(path).split("\n")
    return {value: name.strip() for value, name in enumerate(lines) if name.strip()}


def _content(path: str) -> Mapping[str, object]:
    try:
        content = json.loads(text(path))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path) from error
    if not isinstance(content, dict):
        raise _unreadable(path)
    return content


def _labels(path: str, content: Mapping[str, object]) -> dict[int, str]:
    labels = content.get("labels", {} if path.endswith("dataset.json") else content)
    if isinstance(labels, list):  # the legend of predicted masks
        labels = {row.get("value"): row.get("name") for row in labels if isinstance(row, dict)}
    if not isinstance(labels, dict):
        raise _unreadable(path)
    regions = [str(name) for name, value in labels.items() if isinstance(value, list)]
    if regions:
        raise errors.DataError(
            f"{errors.shown(path, 200)} names regions, which share values of the masks: "
            f"{errors.shown(', '.join(regions), 200)}. A model here gives each place one class.\n"
            'Give each value of the masks a name of its own: "labels": {"background": 0, '
            '"edema": 1, "core": 2}.',
            given=regions,
        )
    if labels and all(type(value) is int for value in labels.values()):
        named: dict[int, list[str]] = collections.defaultdict(list)
        for name, value in labels.items():
            named[value].append(str(name))
        return {value: _one_name(path, value, names) for value, names in named.items()}
    try:
        return {int(value): str(name) for value, name in labels.items()}
    except (ValueError, TypeError) as error:
        raise _unreadable(path) from error


def _one_name(path: str, value: int, names: Sequence[str]) -> str:
    """Return what a value is called that has one name or several: liver or tumor."""
    void = [name for name in names if _is_void(name)]
    if void and len(void) < len(names):
        raise errors.DataError(
            f"{errors.shown(path, 200)} calls {value} {errors.shown(' and '.join(names), 120)}, so "
            "nothing says whether it is learned.\nLeave out the names that it does not have.",
            given=tuple(names),
        )
    return void[0] if void else " or ".join(names)


def _is_void(name: str) -> bool:
    return name.strip().casefold() in VOID


def _unreadable(path: str) -> errors.DataError:
    return errors.DataError(
        f"The labels in {errors.shown(path, 200)} cannot be read.\n"
        'Expected: "labels": {"0": "background", "1": "NAME"}.',
        given=path,
    )


def _channels(content: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of channels, by nnU-Net's word or the decathlon's."""
    named = content.get("channel_names", content.get("modality"))
    return tuple(map(str, named.values())) if isinstance(named, dict) else ()


def _about(content: Mapping[str, object]) -> tuple[str, ...]:
    """Return what dataset.json says of the data: its description and its license."""
    texts = [("", content.get("description"))]
    texts.append(("License: ", content.get("license") or content.get("licence")))
    return tuple(
        errors.shown(f"{before}{text}", 400)
        for before, text in texts
        if isinstance(text, str) and text.strip()
    )


def text(path: str) -> str:
    """Return a file's text.

    Raises:
        DataError: It is not text, or cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.DataError(
            f"{errors.shown(path, 200)} cannot be read as text: {errors.shown(error, 120)}.\n"
            "Fix or remove it.",
            given=path,
        ) from error
