"""Labeled pictures as a source: from a folder, or from a prepared TensorFlow Datasets data set.

All problems are detected when pictures are opened, in one inspection, and reported at once: a
picture is set aside with a note, or the data is refused with how to fix it.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from actzoo import errors, folders
from actzoo.applications.vision import folder, groups, images, label_tables
from actzoo.applications.vision.inspection import inspect_files
from actzoo.applications.vision.options import OPTIONS
from actzoo.data import Example, Fingerprint, counts_by_split, notes_on_copies
from actzoo.data_options import read_options
from actzoo.inspection import Inspection


@dataclasses.dataclass(frozen=True)
class Options:
    """How pictures are opened.

    Attributes:
        strict: Refuse what would otherwise be set aside.
        max_pixels: Limit of one picture, height times width.
        white: In pictures of more than 8 bits a value; None finds it from them.
        label_column: Of a table beside the pictures; None finds it.
        data_dir: Where TensorFlow Datasets are.
    """

    strict: bool = False
    max_pixels: int = images.MAX_PIXELS
    white: float | None = None
    label_column: str | None = None
    data_dir: str | None = None


def open_pictures(path: str, options: Mapping[str, Any]) -> Pictures:
    """Open a folder of class folders, or `tfds:NAME[/CONFIG]`.

    Args:
        path: The folder or the name.
        options: See `Options`.

    Raises:
        DataError: The pictures cannot be used; names them.
    """
    chosen = Options(**read_options(OPTIONS, options))
    if path.startswith("tfds:"):
        from actzoo.applications.vision import tfds

        return tfds.open_prepared(path, chosen)
    listing = label_tables.list_labeled(path, chosen.label_column) or folder.list_pictures(path)
    return Pictures(
        ids=listing.paths,
        labels=np.asarray(listing.labels, dtype=np.int64),
        splits=listing.splits,
        classes=folders.class_names(listing.classes),
        read=_FileReader(path, listing.paths),
        inspection=inspect_files(path, listing.paths, chosen.max_pixels),
        options=chosen,
        notes=listing.notes,
        kind=listing.kind,
        set_aside=listing.set_aside,
        why_few=listing.why_few,
        persons=[listing.persons.get(path) for path in listing.paths],
    )


def open_picture(path: str, options: Mapping[str, Any]) -> Pictures:
    """Open one picture, as data of a single example.

    Raises:
        DataError: It cannot be read; says why.
    """
    chosen = Options(**read_options(OPTIONS, options))
    place, name = os.path.split(path)
    inspection = inspect_files(place, [name], chosen.max_pixels)
    if inspection.problems:
        raise errors.DataError(f"{errors.shown(path, 200)}: {inspection.problems[0]}.", given=path)
    return Pictures(
        ids=[name],
        labels=np.zeros(1, np.int64),
        splits=[None],
        classes=("example",),
        read=_FileReader(place, [name]),
        inspection=inspection,
        options=chosen,
    )


class _FileReader:
    """Reads the picture at a position."""

    def __init__(self, root: str, names: list[str]) -> None:
        self._root, self._names = root, names

    def __call__(self, position: int) -> bytes:
        path = os.path.join(self._root, *self._names[position].split("/"))
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            raise errors.DataError(
                f"The picture {errors.shown(path, 200)} cannot be read any more: "
                f"{error.strerror or type(error).__name__}.\n"
                "Restore it and continue with --resume, or make a new plan.",
                given=path,
                fix="--resume",
            ) from error


class Pictures:
    """Labeled pictures, opened one at a time; an `actzoo.data.Source`.

    Args:
        ids: Name of each picture.
        labels: Class of each `(n,)`.
        splits: Split of each, or None.
        classes: Names.
        read: Position -> bytes of the file.
        inspection: Result of inspecting all of them.
        options: How they were opened.
        notes: Warnings met so far.
        kind: What the data was taken for and why.
        set_aside: What was left out before.
        why_few: Why one class is not enough for training; None where there are more.
        persons: Patient, person or case of each picture, None where it is not known; none at all
            by default.

    Raises:
        DataError: A class would lose more than half of its pictures; or, strict, anything is wrong.
    """

    def __init__(
        self,
        *,
        ids: list[str],
        labels: np.ndarray,
        splits: list[str | None],
        classes: tuple[str, ...],
        read: Callable[[int], bytes],
        inspection: Inspection,
        options: Options,
        notes: Sequence[str] = (),
        kind: str = "",
        set_aside: Sequence[str] = (),
        why_few: str | None = None,
        persons: Sequence[str | None] = (),
    ) -> None:
        self.classes = classes
        self._why_few = why_few
        self._kind = kind
        self._options = options
        self._read = read
        faults = _set_aside(ids, labels, classes, inspection, options.strict)
        whole = np.ones(len(ids), bool)
        whole[list(inspection.problems)] = False
        unread = f"{len(inspection.problems):,} pictures that cannot be read"
        self._set_aside = (*set_aside, *([unread] if inspection.problems else []))
        self._positions = np.flatnonzero(whole)
        self._ids = [_printable(ids[i]) for i in self._positions]
        self._labels = labels[self._positions]
        self._splits = [splits[i] for i in self._positions]
        self._rows = inspection.rows[self._positions]
        same = _duplicates(self._ids, self._labels, self._splits, self._rows, options.strict)
        known = persons or [None] * len(ids)
        self._persons = [known[i] for i in map(int, self._positions)]
        divided = groups.note_divided(self._persons, self._splits)
        self._notes = (*notes, *faults, *same, *divided, *_peculiarities(self._ids, self._rows))

    def __len__(self) -> int:
        return len(self._positions)

    def raw(self, index: int) -> bytes:
        """Return a picture's file."""
        return self._read(int(self._positions[index]))

    def load(self, index: int) -> Example:
        """Decode a picture to `{"image": uint8 (height, width, 3)}`.

        One of more than 8 bits a value keeps its own: the first step brings them to 8 bits, by the
        range that the plan found for all pictures.

        Raises:
            DataError: The file is gone or has become unreadable.
        """
        try:
            inputs = images.read_picture(self.raw(index), self._options.max_pixels).inputs
        except errors.DataError as error:
            name = self._ids[index]
            if name in str(error):
                raise
            raise errors.DataError(f"{errors.shown(name, 200)}: {error}", given=name) from error
        return Example(inputs=inputs, target=int(self._labels[index]), id=self._ids[index])

    def labels(self) -> np.ndarray:
        """Return the class of each picture `(n,)`."""
        return self._labels

    def samples_per_example(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """Return None: each picture is one sample."""

    def ids(self) -> list[str]:
        """Return the name of each picture."""
        return self._ids

    def identities(self) -> None:
        """Return None: ids hide nothing."""

    def splits(self) -> list[str | None]:
        """Return the split that the data gives each picture."""
        return self._splits

    def groups(self) -> list[str]:
        """Return the group of each picture: copies of one, or those of one person."""
        return groups.joined([digest.hex() for digest in self.digests()], self._persons)

    def value_ranges(self, train: Sequence[int] | np.ndarray | None) -> dict[str, list[float]]:
        """Return black and white in pictures of more than 8 bits a value, by the form of values.

        Args:
            train: Pictures whose values decide; all of them where it is None, or where none of
                these has such values.
        """
        chosen = self._rows if train is None else self._rows[np.asarray(train, dtype=np.int64)]
        ranges = {}
        for code, form in enumerate(images.FORMS):
            own = self._rows["form"] == code
            if form == images.BYTES or not own.any():
                continue
            rows = chosen[chosen["form"] == code]
            rows = rows if len(rows) else self._rows[own]
            low, high = float(rows["low"].min()), float(rows["high"].max())
            black, white = images.value_range(form, low, high)
            ranges[form] = [black, self._options.white or white]
        return ranges

    def why_few_classes(self) -> str | None:
        """Return why one class is not enough for training; None where there are more."""
        return self._why_few

    def digests(self) -> list[bytes]:
        """Return a digest of each picture's pixels."""
        return [bytes(digest) for digest in self._rows["pixels"]]

    def signatures(self) -> np.ndarray:
        """Return each picture shrunk to `(14, 14)` frequencies, for near-copies."""
        shrunk: np.ndarray = self._rows["shrunk"]
        return shrunk

    def fingerprint(self) -> Fingerprint:
        """Return counts, sizes and the hash of the content."""
        heights, widths = self._rows["height"].astype(float), self._rows["width"].astype(float)
        counts = counts_by_split(self._labels, self._splits, self.classes)
        shorter, longer = np.minimum(heights, widths), np.maximum(heights, widths)
        details = {
            "median_height": int(np.median(heights)),
            "median_width": int(np.median(widths)),
            "median_shorter_side": int(np.median(shorter)),
            "median_crop_loss": round(float(np.median(1 - shorter / longer)), 3),
            "gray_share": round(float(self._rows["gray"].mean()), 3),
            "max_pixels": self._options.max_pixels,
        }
        return Fingerprint(
            domain="vision",
            num_examples=len(self),
            classes=self.classes,
            counts=counts,
            details=details,
            content_hash=self._content_hash(),
            notes=self._notes,
            kind=self._kind,
            sizes=_sizes(self._rows),
            set_aside=self._set_aside,
        )

    def _content_hash(self) -> str:
        digest = hashlib.sha256(repr(self.classes).encode())
        for name, label, split, row in zip(
            self._ids, self._labels, self._splits, self._rows["content"], strict=True
        ):
            digest.update(f"{name}\0{label}\0{split}\0".encode() + bytes(row))
        return digest.hexdigest()


def _printable(name: str) -> str:
    """Return a name that can be written anywhere: bytes that are not UTF-8 appear escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace") if not name.isascii() else name


def _sizes(rows: np.ndarray) -> str:
    """Return sizes, colors and depth in one line."""
    if not len(rows):
        return ""
    widths, heights = rows["width"].astype(int), rows["height"].astype(int)
    order = np.argsort(widths * heights, kind="stable")
    small, middle, large = (order[i] for i in (0, len(order) // 2, -1))

    def shown(index: int) -> str:
        return f"{widths[index]} x {heights[index]}"

    parts = [f"{shown(small)} px"]
    if shown(small) != shown(large):
        parts = [f"{shown(small)} to {shown(large)} px (median {shown(middle)})"]
    gray = float(rows["gray"].mean())
    parts.append({0.0: "color", 1.0: "gray"}.get(gray) or f"{gray:.0%} gray, the rest color")
    deep = rows["form"] != images.FORMS.index(images.BYTES)
    if not deep.all():
        parts.append("8 bits a value")
    if deep.any():
        own = rows[deep]
        low, high = float(own["low"].min()), float(own["high"].max())
        parts.append(f"{deep.sum():,} with more than 8 bits ({low:,.6g} to {high:,.6g})")
    for name, words in (("cmyk", "with inks (CMYK)"), ("animated", "with several frames or pages")):
        if rows[name].any():
            parts.append(f"{rows[name].sum():,} {words}")
    return ", ".join(parts)


# --- what is wrong with them -------------------------------------------------------------------


def _named(items: Sequence[str], most: int = 10) -> str:
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return "; ".join(items[:most]) + more


def _set_aside(
    ids: list[str],
    labels: np.ndarray,
    classes: tuple[str, ...],
    inspection: Inspection,
    strict: bool,
) -> list[str]:
    """Return the note on unreadable pictures; refuse them where a class loses too much."""
    problems = inspection.problems
    if not problems:
        return []
    lost = np.bincount(labels[list(problems)], minlength=len(classes))
    total = np.bincount(labels, minlength=len(classes))
    each = _named([f"{errors.shown(ids[i], 120)} ({why})" for i, why in problems.items()])
    halved = [
        f"'{errors.shown(classes[i])}' would keep {total[i] - lost[i]} of {total[i]}"
        for i in np.flatnonzero(2 * lost > total)
    ]
    by_class = ", ".join(f"{errors.shown(classes[i])} {lost[i]}" for i in np.flatnonzero(lost))
    if halved or strict:
        why = f"class {_named(halved)}" if halved else "--strict refuses any"
        raise errors.DataError(
            f"{len(problems):,} pictures cannot be read ({by_class}), and {why}.\n"
            f"{each}.\nFix or remove these files.",
            given=[ids[i] for i in problems],
        )
    return [f"{len(problems):,} pictures cannot be read and were set aside ({by_class}): {each}."]


def _duplicates(
    ids: list[str],
    labels: np.ndarray,
    splits: list[str | None],
    rows: np.ndarray,
    strict: bool,
) -> list[str]:
    """Return notes on duplicate pictures: across splits, and under two labels."""
    copies: dict[int, list[int]] = collections.defaultdict(list)
    number = np.unique(rows["pixels"], return_inverse=True)[1].reshape(-1)
    repeated = set(np.flatnonzero(np.bincount(number) > 1).tolist())
    for index, picture in enumerate(number.tolist()):
        if picture in repeated:
            copies[picture].append(index)
    return notes_on_copies("pictures", list(copies.values()), ids, labels, splits, strict)


def _peculiarities(ids: list[str], rows: np.ndarray) -> list[str]:
    """Return notes on pictures that are not used in full."""

    def some(chosen: np.ndarray) -> str:
        return _named([errors.shown(ids[i], 120) for i in np.flatnonzero(chosen)], 3)

    notes = []
    if (animated := rows["animated"]).any():
        notes.append(
            f"{animated.sum():,} pictures have several frames or pages; the first was taken: "
            f"{some(animated)}."
        )
    notes += _notes_on_depth(rows, some)
    is_whole = len(rows) and (rows["form"] != images.FORMS.index(images.FLOAT)).all()
    if is_whole and (brightest := rows["high"].max()) * images.DARK < images.WHITES[0]:
        notes.append(
            f"All pictures are nearly black: their highest value is {brightest:,.6g}. If they were "
            "made from pictures of more bits, the tool kept too few of them; if they are masks or "
            "indices, they are no photos."
        )
    heights, widths = rows["height"].astype(float), rows["width"].astype(float)
    long = np.maximum(heights, widths) > images.LONGEST * np.minimum(heights, widths)
    if long.any():
        notes.append(
            f"{long.sum():,} pictures are over {images.LONGEST:g} times as long as wide; most of "
            f"them is lost when they are cropped: {some(long)}."
        )
    return notes


def _notes_on_depth(rows: np.ndarray, some: Callable[[np.ndarray], str]) -> list[str]:
    """Return notes on pictures with more than 8 bits a value."""
    notes = []
    for code, form in enumerate(images.FORMS):
        chosen = rows["form"] == code
        if form == images.BYTES or not chosen.any():
            continue
        low, high = float(rows["low"][chosen].min()), float(rows["high"][chosen].max())
        notes.append(
            f"{chosen.sum():,} pictures with more than 8 bits a value hold {low:,.6g} to "
            f"{high:,.6g} ({images.depth_words(form, low, high)}); one range brings all of them to "
            f"8 bits, as the plan says: {some(chosen)}."
        )
        middle = float(np.median(rows["high"][chosen]))
        if low >= 0 and middle * images.DARK < high:
            notes.append(
                f"Half of the pictures with more than 8 bits a value hold at most {middle:,.6g}, "
                f"one holds {high:,.6g}, beside which they are nearly black: "
                f"{some(chosen & (rows['high'] == high))}. If that is not meant, say what is "
                f"white: --white {images.value_range(form, 0.0, middle)[1]:g}."
            )
    return notes
