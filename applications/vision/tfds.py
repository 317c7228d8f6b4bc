"""Pictures from a data set that TensorFlow Datasets has prepared on disk.

Read from its files alone: nothing is downloaded and no data set's own code runs. Pictures come
encoded and go through our decoder, so that they are the same in training and in `predict`. With
ArrayRecord files access is random and TensorFlow is not imported; older formats are read into
memory once.
"""

from __future__ import annotations

import collections
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors
from actzoo.applications.vision.inspection import inspect_pictures
from actzoo.folders import SPLIT_NAMES

if TYPE_CHECKING:
    from tensorflow_datasets.core import DatasetBuilder

    from actzoo.applications.vision.data import Options, Pictures


def looks_like_pictures(path: str) -> str | None:
    """Return why `tfds:NAME` may hold labeled pictures; None where it is known not to."""
    try:
        builder = _builder(path, None)
    except errors.ActzooError:
        return "a data set by its name"  # opening it says what is wrong
    kinds = [type(feature).__name__ for feature in builder.info.features.values()]
    return "a data set of pictures" if "Image" in kinds else None


def open_prepared(path: str, options: Options) -> Pictures:
    """Open `tfds:NAME[/CONFIG]`.

    Args:
        path: As given.
        options: `data_dir` says where; else `$TFDS_DATA_DIR`, else TensorFlow Datasets' own place.

    Raises:
        DataError: It is not there, or holds no labeled pictures.
    """
    from actzoo.applications.vision.data import Pictures

    builder = _builder(path, options.data_dir)
    image, label = _keys(path, builder)
    classes = tuple(str(name) for name in builder.info.features[label].names)
    known, notes = _known_splits(path, builder)
    parts = {name: _examples(builder, name, image) for name in known}
    where = [(name, row) for name in known for row in range(len(parts[name]))]

    def read(position: int) -> bytes:
        name, row = where[position]
        return bytes(parts[name][row][image])

    labels = np.asarray([int(parts[name][row][label]) for name, row in where], dtype=np.int64)
    labeled = (labels >= 0) & (labels < len(classes))
    if not labeled.all():
        notes.append(_set_aside(path, labels, labeled, where))
    where = [place for place, is_labeled in zip(where, labeled, strict=True) if is_labeled]
    unlabeled = f"{(~labeled).sum():,} pictures without a label"
    return Pictures(
        ids=[f"{name}/{row}" for name, row in where],
        labels=labels[labeled],
        splits=[known[name] for name, _ in where],
        classes=classes,
        read=read,
        inspection=inspect_pictures(len(where), read, options.max_pixels),
        options=options,
        notes=notes,
        kind=f"photos of the prepared data set {builder.info.full_name}",
        set_aside=() if labeled.all() else (unlabeled,),
    )


def _set_aside(
    path: str, labels: np.ndarray, labeled: np.ndarray, where: Sequence[tuple[str, int]]
) -> str:
    """Return the note on pictures without a label; refuse data whose training has none.

    Test splits of published data often hold -1 in place of the labels.
    """
    missing = [where[int(i)] for i in np.flatnonzero(~labeled)]
    counts = collections.Counter(name for name, _ in missing)
    each = ", ".join(f"{errors.shown(name)} {count:,}" for name, count in counts.items())
    values = ", ".join(str(value) for value in np.unique(labels[~labeled])[:5])
    said = (
        f"{len(missing):,} pictures of {errors.shown(path)} have no label (their labels are "
        f"{values}) and were set aside: {each}."
    )
    if not labeled.any():
        raise errors.DataError(f"{said}\nNone are left.", given=path)
    return said


def _builder(path: str, data_dir: str | None) -> DatasetBuilder:
    """Return the reader of a data set's files."""
    import tensorflow_datasets as tfds

    place = data_dir or os.environ.get("TFDS_DATA_DIR")
    name = path.removeprefix("tfds:")
    try:
        return tfds.core.read_only_builder.builder_from_files(
            name, **({"data_dir": place} if place else {})
        )
    except Exception as error:
        shown = errors.shown(place or "~/tensorflow_datasets", 160)
        raise errors.DataError(
            f"There is no prepared data set '{errors.shown(name)}' in {shown}.\n"
            f"Prepare it: tfds build {errors.shown(name)} --file_format=array_record. If it is "
            "elsewhere, set TFDS_DATA_DIR.",
            given=path,
            fix=f"tfds build {errors.shown(name)} --file_format=array_record",
        ) from error


def _known_splits(path: str, builder: DatasetBuilder) -> tuple[dict[str, str], list[str]]:
    """Return the data set's name of a split -> ours, and a note on splits that are not used."""
    names = list(builder.info.splits)
    known = {n: SPLIT_NAMES[n.casefold()] for n in names if n.casefold() in SPLIT_NAMES}
    if "train" not in known.values():
        raise errors.DataError(
            f"{errors.shown(path)} has no train split, only {', '.join(names)}.", given=path
        )
    unused = [name for name in names if name not in known]
    if not unused:
        return known, []
    return known, [f"Splits of {errors.shown(path)} that were not used: {', '.join(unused)}."]


def _keys(path: str, builder: DatasetBuilder) -> tuple[str, str]:
    """Return the names of the picture and of the label."""
    kinds: dict[str, list[str]] = {"Image": [], "ClassLabel": []}
    for name, feature in builder.info.features.items():
        if type(feature).__name__ in kinds:
            kinds[type(feature).__name__].append(name)
    chosen = []
    for kind, usual in (("Image", "image"), ("ClassLabel", "label")):
        names = kinds[kind]
        if len(names) != 1 and usual not in names:
            raise errors.DataError(
                f"{errors.shown(path)} has {len(names)} features of kind {kind}"
                f"{': ' + ', '.join(names) if names else ''}; one is needed, or one called "
                f"'{usual}'.",
                given=path,
            )
        chosen.append(names[0] if len(names) == 1 else usual)
    return chosen[0], chosen[1]


def _examples(builder: DatasetBuilder, split: str, image: str) -> Sequence[Mapping[str, Any]]:
    """Return a sequence of examples whose picture is still encoded."""
    import tensorflow_datasets as tfds

    decoders = {image: tfds.decode.SkipDecoding()}
    try:
        return builder.as_data_source(split=split, decoders=decoders)
    except NotImplementedError:
        return list(tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders)))
