"""Images with masks as a source: pictures or volumes, one case each.

No names of patients or files and no dates are written: a case is identified by its number and a
salted digest of its content. Only errors about a file name it, since the user must
find it.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from actzoo import errors
from actzoo.applications.medical import (
    consistency,
    inspection,
    label_values,
    masks,
    summary,
    tiling,
)
from actzoo.applications.medical.files import pictures, volumes
from actzoo.applications.medical.inspection import PairInfo, Reading
from actzoo.applications.medical.label_values import MaskValues
from actzoo.applications.medical.layouts import folder, patients
from actzoo.applications.medical.options import OPTIONS
from actzoo.data import Example, Fingerprint
from actzoo.data_options import read_options
from actzoo.tasks import IGNORE_INDEX

SALT = b"actzoo case "  # before an image's digest, so that no table of known digests finds it


@dataclasses.dataclass(frozen=True)
class Options(Reading):
    """How scans are opened.

    Attributes:
        strict: Refuse empty masks and duplicate images.
        channel_files: What the files of one image's channels end in, in order, with commas between.
    """

    strict: bool = False
    channel_files: str | None = None


def open_scans(path: str, options: Mapping[str, Any]) -> Scans:
    """Open a folder of images and masks.

    Args:
        path: The folder.
        options: See `Options`.

    Raises:
        DataError: The data cannot be used; names the files.
    """
    chosen = Options(**read_options(OPTIONS, options))
    listing = folder.list_pairs(path, _words(chosen.channel_files))
    if len(listing.channels) > 1 and not listing.channel_files and chosen.volume is None:
        chosen = dataclasses.replace(chosen, channels=len(listing.channels))
    chosen, names = _with_background(chosen, listing.names)
    listing = dataclasses.replace(listing, names=names)
    reading = Reading(*(getattr(chosen, field.name) for field in dataclasses.fields(Reading)))
    facts = inspection.look(path, listing.pairs, reading)
    if chosen.channel_files is None and chosen.volume is None:
        consistency.check_named_channels(listing.channels, facts)
    return Scans(path, listing, facts, chosen)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (word.strip().casefold() for word in (text or "").split(","))))


def _with_background(options: Options, names: Mapping[int, str]) -> tuple[Options, dict[int, str]]:
    """Return options and names by which the background is 0.

    Where the data names it at another number, no option is needed.
    """
    named = [value for value, name in names.items() if name.casefold() == masks.BACKGROUND]
    if not options.background and 0 not in names and len(named) == 1:
        options = dataclasses.replace(options, background=named[0])
    number = options.background
    return options, {masks.exchanged(value, number): name for value, name in names.items()}


def open_scan(path: str, mask: str | None, options: Mapping[str, Any]) -> Scans:
    """Open one image with its mask, as data of a single case.

    Args:
        path: The image.
        mask: Its mask; None for an image without.
        options: See `Options`.

    Raises:
        DataError: They cannot be used; says why.
    """
    chosen = Options(**read_options(OPTIONS, options))
    paths = [os.path.abspath(place) for place in (path, mask) if place is not None]
    root = os.path.commonpath([os.path.dirname(place) for place in paths])
    names = [os.path.relpath(place, root).replace(os.sep, "/") for place in paths]
    pair = folder.Pair(names[0], names[1] if mask is not None else "", None, names[0])
    facts = inspection.look(root, [pair], chosen)
    values = {value for row in facts for value in row.values} - {0} or {1}
    # Named, so that a mask of nothing but background is an example like another.
    names_of = {0: masks.BACKGROUND, **{value: masks.label_of(value) for value in values}}
    return Scans(root, folder.Listing((pair,), names_of, ()), facts, chosen)


class Scans:
    """Images with masks, opened one at a time; an `actzoo.data.Source`.

    Args:
        root: The folder.
        listing: Its pairs.
        facts: Result of inspecting each pair.
        options: How they were opened.

    Raises:
        DataError: One patient is in two splits, pictures and volumes are mixed, masks make no
            sense or differ in their palettes; or, strict, masks are empty or images occur twice.
    """

    def __init__(
        self, root: str, listing: folder.Listing, facts: Sequence[PairInfo], options: Options
    ) -> None:
        self._root, self._pairs, self._facts = root, listing.pairs, list(facts)
        self._options = options
        digits = max(3, len(str(len(facts))))
        self._ids = [
            f"case {number:0{digits}d} ({_salted(row.image_hash)})"
            for number, row in enumerate(facts, 1)
        ]
        consistency.check_one_kind(listing.pairs, facts)
        consistency.check_channels(listing.pairs, facts)
        consistency.check_palettes(listing.pairs, facts)
        listing = folder.without_idle_void(listing, [row.values for row in facts])
        values = [
            MaskValues(pair.mask, row.values, row.edge, row.remarks).without(listing.void)
            for pair, row in zip(listing.pairs, facts, strict=True)
        ]
        aliases = label_values.aliases(values, listing.names)
        present = {value for row in facts for value in row.values} - set(aliases)
        self._table, self.classes, renumbering = masks.table_of(
            present, listing.names, listing.void
        )
        self._table |= {value: self._table[other] for value, other in aliases.items()}
        self._groups = _groups(listing.pairs, facts)
        self._check_patients()
        self._notes = (
            *listing.notes,
            *renumbering,
            *label_values.notes(values, self._ids, aliases, bool(listing.names)),
            *self._notes_on_cases(),
            *_resampled(options),
            *summary.notes(facts, self._ids),
        )
        self._listing = listing
        self._axis = _slice_axis(facts)
        self._tile = self._planned_tile()

    def __len__(self) -> int:
        return len(self._pairs)

    def why_few_classes(self) -> str | None:
        """Return that there is nothing but background, and what to check; None where there is."""
        return None if len(self.classes) > 1 else masks.ALL_EMPTY

    def classes_among(self, known: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the classes as a model of the known ones has them."""
        return masks.names_among(known, self.classes, self._table)

    def raw(self, index: int) -> bytes:
        """Return an image's file, without texts beside its pixels that may name a person."""
        content = self._file(index)
        if self._facts[index].is_volume:
            return volumes.without_identity(content)
        return pictures.without_identity(content, self._options.max_voxels, self._options.turn)

    def _file(self, index: int) -> bytes:
        return inspection.read_image_file(self._root, self._pairs[index], self._options)

    def load(self, index: int) -> Example:
        """Read an image, as `read_scan` gives it, and its mask of class indices.

        Raises:
            DataError: A file is gone or has become unreadable.
        """
        pair, facts = self._pairs[index], self._facts[index]
        raw = self._file(index)
        try:
            image = inspection.read_image(raw, self._options)
            mask_raw = inspection.read_mask_file(self._root, pair, self._options)
            mask = inspection.read_mask(mask_raw, raw, self._options).values
        except errors.DataError as error:
            if pair.image in str(error) or pair.mask in str(error):
                raise
            raise errors.DataError(
                f"{errors.shown(pair.image, 200)}: {error}", given=pair.image
            ) from error
        return Example(
            inputs={"image": image},
            target=masks.renumbered(mask, self._table),
            id=self._ids[index],
            spacing=facts.spacing or None,
        )

    def labels(self) -> None:
        """Return None: each image has a mask."""

    def presence(self) -> np.ndarray:
        """Return which classes each mask holds, bool `(n, classes)`."""
        held = np.zeros((len(self), len(self.classes)), bool)
        for index, row in enumerate(self._facts):
            numbers = {self._table[value] for value in row.values} - {IGNORE_INDEX}
            held[index, sorted(numbers)] = True
        return held

    def samples_per_example(self, steps: Sequence[Mapping[str, Any]]) -> list[int] | None:
        """Return how many training samples each image holds: its slices, or its tiles."""
        tile = steps[-1] if steps else {}
        if self._facts[0].is_volume:
            axis = int(tile.get("axis", self._axis))
            return [row.shape[axis] for row in self._facts]
        sides = [int(tile.get(n, s)) for n, s in zip(("height", "width"), self._tile, strict=True)]
        counts = [tiling.count_tiles(row.shape, sides, 0.0) for row in self._facts]
        return counts if max(counts) > 1 else None

    def ids(self) -> list[str]:
        """Return the number and digest of each case."""
        return list(self._ids)

    def identities(self) -> list[str]:
        """Return the path of the image behind each case; for those who hold the data."""
        return [pair.image for pair in self._pairs]

    def splits(self) -> list[str | None]:
        """Return the split that the data gives each case."""
        return [pair.split for pair in self._pairs]

    def groups(self) -> list[str]:
        """Return whose each image is; copies of an image count as one patient's."""
        return [str(group) for group in self._groups]

    def digests(self) -> list[bytes]:
        """Return a digest of what each image shows, however its file holds it."""
        return [_shown(row) for row in self._facts]

    def signatures(self) -> np.ndarray:
        """Return each image, shrunk, for near-copies."""
        return np.stack([row.signature for row in self._facts])

    def fingerprint(self) -> Fingerprint:
        """Return counts, sizes and the hash of the content."""
        counts: dict[str, dict[str, int]] = {}
        for pair, row in zip(self._pairs, self._facts, strict=True):
            own = counts.setdefault(pair.split or "train", dict.fromkeys(self.classes, 0))
            for value in row.values:
                if self._table[value] != IGNORE_INDEX:
                    own[self.classes[self._table[value]]] += 1
        digest = hashlib.sha256(repr((self.classes, sorted(self._table.items()))).encode())
        for pair, row, group in zip(self._pairs, self._facts, self._groups, strict=True):
            turned = "" if row.turn == 1 else f"/{self._options.turn} {row.turn}"
            content = f"{pair.split}/{group}/{row.image_hash}/{row.mask_hash}{turned}\n"
            digest.update(content.encode())
        return Fingerprint(
            domain="medical",
            num_examples=len(self),
            classes=self.classes,
            counts=counts,
            details=self._details(),
            content_hash=digest.hexdigest(),
            notes=self._notes,
            about=self._listing.about,
            kind=self._listing.kind,
            sizes=summary.sizes(self._facts),
            set_aside=self._listing.set_aside,
            labels=self._labels(),
        )

    def _labels(self) -> tuple[dict[str, Any], ...]:
        """Return name, number and perhaps color of each class, as in the user's own masks."""
        colors = {value: color for row in self._facts for value, color in row.colors.items()}
        own = masks.labels_of(self.classes, self._table, colors)
        background = self._options.background
        return tuple(
            {**label, "value": masks.exchanged(label["value"], background)} for label in own
        )

    def seen(self, indices: Sequence[int] | np.ndarray) -> dict[str, Any]:
        """Return what a model that trains on some cases will have seen, as plain values."""
        return summary.seen([self._facts[int(index)] for index in indices])

    def _foreground(self, row: PairInfo) -> float:
        """Return the share of the places with a truth that are not background."""
        places = {value: n for value, n in row.values.items() if self._table[value] != IGNORE_INDEX}
        return 1.0 - places.get(0, 0) / max(1, sum(places.values()))

    def _details(self) -> dict[str, Any]:
        facts = self._facts
        plane = np.array([self._plane(row.shape) for row in facts])
        details: dict[str, Any] = {
            "kind": "volume" if facts[0].is_volume else "picture",
            "median_height": int(np.median(plane[:, 0])),
            "median_width": int(np.median(plane[:, 1])),
            "largest_height": int(plane[:, 0].max()),
            "largest_width": int(plane[:, 1].max()),
            "tile_height": self._tile[0],
            "tile_width": self._tile[1],
            "gray_share": round(float(np.mean([row.channels == 1 for row in facts])), 4),
            "foreground_share": round(float(np.mean([self._foreground(row) for row in facts])), 4),
            "max_voxels": self._options.max_voxels,
            "fill_nan": self._options.fill_nan,
            "volume": self._options.volume,
            "channel_files": self._listing.channel_files,
            "orientation": None if facts[0].is_volume else self._options.turn,
            "background": self._options.background,
        }
        if facts[0].is_volume:
            spacing = np.median([row.spacing for row in facts], axis=0)
            details["axis"] = self._axis
            details["median_slices"] = int(np.median([row.shape[self._axis] for row in facts]))
            details["median_spacing_mm"] = [float(f"{size:.5g}") for size in spacing]
        return details

    def channels(self, indices: Sequence[int] | np.ndarray) -> int:
        """Return 1 where all of some pictures are gray, else 3; of volumes, how many all have."""
        return max(self._facts[int(index)].channels for index in indices)

    def _plane(self, shape: Sequence[int]) -> tuple[int, ...]:
        if len(shape) == 2:
            return tuple(shape)
        return tuple(size for axis, size in enumerate(shape) if axis != self._axis)

    def _planned_tile(self) -> tuple[int, int]:
        planes = [self._plane(row.shape) for row in self._facts]
        return tuple(  # type: ignore[return-value]
            tiling.tile_side([plane[k] for plane in planes]) for k in range(2)
        )

    def _check_patients(self) -> None:
        """Refuse one patient in two splits; says numbers, since names identify people."""
        members = collections.defaultdict(list)
        for index, group in enumerate(self._groups):
            members[group].append(index)
        divided = []
        for own in members.values():
            by_split = {self._pairs[index].split: index for index in reversed(own)}
            if len(by_split) > 1:
                divided.append(
                    " = ".join(
                        f"{self._ids[index]} in {split}" for split, index in by_split.items()
                    )
                )
        if divided:
            more = f"; and {len(divided) - 10} more" if divided[10:] else ""
            many = f"{len(divided)} patients are" if divided[1:] else "One patient is"
            way = patients.few_patients(self._pairs) or (
                "Move all images of a patient into one split, or let actzoo split: give images/ "
                "and masks/ alone."
            )
            raise errors.DataError(
                f"{many} in more than one split, so held-out scores would be too good: "
                f"{'; '.join(divided[:10])}{more}.\n"
                f"Cases are numbered in the order of their images' paths. {way}\n"
                f"{patients.RENAMING}",
                given=divided,
            )

    def _notes_on_cases(self) -> list[str]:
        """Return notes on empty masks and on images that occur twice."""
        notes = []
        empty = [
            self._ids[index]
            for index, row in enumerate(self._facts)
            if {self._table[value] for value in row.values} <= {0, IGNORE_INDEX}
        ]
        if empty:
            notes.append(
                f"{len(empty):,} of {len(self):,} masks are empty (all background): "
                f"{_some(empty)}. Where the prediction is empty, too, such a case has no Dice and "
                "is left out of the mean; else its Dice is 0."
            )
        copies = collections.defaultdict(list)
        for index, row in enumerate(self._facts):
            copies[row.image_hash].append(index)
        twice = [group for group in copies.values() if len(group) > 1]
        if twice:
            named = _some([" = ".join(self._ids[i] for i in group[:3]) for group in twice])
            notes.append(f"{len(twice):,} images occur more than once: {named}.")
        if notes and self._options.strict:
            raise errors.DataError(
                f"{' '.join(notes)}\nRemove these, or leave --strict out.", given=tuple(notes)
            )
        return notes


def _shown(row: PairInfo) -> bytes:
    """Return a digest of an image by its shrunk form and size; of a blank one, of its file."""
    content = row.shrunk if row.signature.any() else row.image_hash
    return hashlib.sha256(f"{row.shape} {content}".encode()).digest()


def _salted(image_hash: str) -> str:
    return hashlib.sha256(SALT + image_hash.encode()).hexdigest()[:8]


def _some(names: Sequence[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if names[most:] else "")


def _groups(pairs: Sequence[folder.Pair], facts: Sequence[PairInfo]) -> list[int]:
    """Return a number per image: the same for one patient's, and for copies of an image."""
    parent = list(range(len(pairs)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[str, int] = {}
    for index, (pair, row) in enumerate(zip(pairs, facts, strict=True)):
        for key in (f"patient {pair.patient}", f"content {row.image_hash}"):
            parent[root(index)] = root(first.setdefault(key, index))
    return [root(index) for index in range(len(pairs))]


def _slice_axis(facts: Sequence[PairInfo]) -> int:
    """Return the axis along which volumes are coarsest; the last where they are so along none."""
    if not facts[0].is_volume:
        return 2
    spacing = np.median([row.spacing for row in facts], axis=0)
    coarse = spacing.max() > volumes.ISOTROPIC * spacing.min()
    return int(spacing.argmax()) if coarse else 2


def _resampled(options: Options) -> list[str]:
    if not options.resample_masks:
        return []
    return ["Masks on another grid than their image were resampled, by nearest neighbor."]
