"""Sources of examples: what a domain opens, and what is checked once for all domains."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from actzoo import data_options, domains, errors, preprocessing


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """One example, opened but not yet prepared for a model.

    Attributes:
        inputs: Name -> array, as the first preprocessing step gives it.
        target: Index of the class, mask, or None.
        id: Name of the example, for people.
        weight: Of its loss.
        spacing: Size of one step along each axis of the mask, in mm; None where unknown.
    """

    inputs: dict[str, np.ndarray]
    target: Any
    id: str = ""
    weight: float = 1.0
    spacing: tuple[float, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """What a plan is made from: a summary of the data.

    Attributes:
        domain: Kind of data.
        num_examples: How many.
        classes: Names, in the order of the labels.
        counts: Split -> class -> number; what has no split of its own counts as "train".
        details: Numbers that only this kind of data has.
        content_hash: Changes when any example or label does.
        notes: Warnings about the data, one sentence each.
        about: What the data says of itself, one sentence each, for the report.
        kind: What the data was taken for and why, in one line; where it could be read in another
            way, it ends with the option for that.
        sizes: Sizes, lengths or spacings of the examples and the range of values, in one line.
        set_aside: What was left out, each with its count and why.
        labels: For masks, `{"name", "value"}` of each class in order: the number that the user's
            own masks hold; perhaps its "color".
    """

    domain: str
    num_examples: int
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    details: dict[str, Any]
    content_hash: str
    notes: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    kind: str = ""
    sizes: str = ""
    set_aside: tuple[str, ...] = ()
    labels: tuple[dict[str, Any], ...] = ()


@runtime_checkable
class Source(Protocol):
    """Random access to labeled examples; what a domain's `open` returns."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the labels."""
        ...

    def __len__(self) -> int: ...

    def load(self, index: int) -> Example:
        """Open one example."""
        ...

    def raw(self, index: int) -> bytes:
        """Return one example as the user would send it to `predict`."""
        ...

    def labels(self) -> np.ndarray | None:
        """Return the class of every example `(n,)`, without opening any; None for masks."""
        ...

    def samples_per_example(self, steps: preprocessing.Steps) -> Sequence[int] | None:
        """Return how many training samples each example holds by its steps; None for one each."""
        ...

    def ids(self) -> list[str]:
        """Return the name of every example."""
        ...

    def identities(self) -> Sequence[str] | None:
        """Return what each name stands for, where names hide it; None where they do not."""
        ...

    def splits(self) -> list[str | None]:
        """Return the split the data gives each example: train, val, test, or None."""
        ...

    def groups(self) -> Sequence[str] | None:
        """Return what must never be divided between splits, per example; None for nothing."""
        ...

    def fingerprint(self) -> Fingerprint:
        """Return the summary."""
        ...


@runtime_checkable
class HasDigests(Protocol):
    """What a source may add: with it, a model's training examples are known again in other data."""

    def digests(self) -> Sequence[bytes]:
        """Return a digest of what each example shows; equal for copies."""
        ...


@runtime_checkable
class ExplainsFewClasses(Protocol):
    """What a source may add: what to do where training needs more classes than it has.

    A trained model is scored on such data all the same.
    """

    def why_few_classes(self) -> str | None:
        """Return why it has a single class, and how to fix that; None where it has more."""
        ...


@runtime_checkable
class HasPresence(Protocol):
    """What a source with masks may add: with it, splits are drawn by what masks hold."""

    def presence(self) -> np.ndarray | None:
        """Return which classes each example holds, bool `(n, classes)`, without opening any."""
        ...


def rng(seed: int, *words: object) -> np.random.Generator:
    """Return a generator that is a pure function of its arguments.

    Args:
        seed: The run's seed.
        *words: What it is for: `"augment", epoch, index`.
    """
    text = json.dumps([int(seed), *(str(word) for word in words)])
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
    return np.random.Generator(np.random.Philox(key=key))


def open_source(
    path: str,
    domain: str | None = None,
    options: Mapping[str, Any] | None = None,
    note: errors.Note | None = None,
    *,
    fewest: int = 2,
) -> Source:
    """Open a user's data.

    Args:
        path: A folder, an archive of one, a file, or `tfds:NAME`.
        domain: Its kind; None recognizes it.
        options: `allow_rare`, those of data in any form, and what the domain's `open` takes.
        note: Takes each warning; None prints it to stderr.
        fewest: Classes that it must have.

    Returns:
        The source.

    Raises:
        MissingFileError: There is nothing.
        DataError: The data cannot be used.
    """
    given = options or {}
    if domain:
        spec = domains.DOMAINS.get(domain)
    else:
        spec = domains.recognize(path, archive_encoding=given.get("archive_encoding"))
    own = data_options.read_options(spec.options, data_options.of_domain(given))
    place = domains.locate(path, given.get("archive_encoding"))
    try:
        source = domains.get_domain(spec.name).open(place, own)
        _check_enough_classes(source, fewest)
    except errors.DataError as error:  # of an archive, users know the file and not its folder
        if os.path.isfile(path):
            error.message = error.message.replace(place, path)
        raise
    say = note or to_stderr
    for sentence in source.fingerprint().notes:
        say(sentence)
    return source


def _check_enough_classes(source: Source, fewest: int) -> None:
    if len(source.classes) < fewest and isinstance(source, ExplainsFewClasses):
        if why := source.why_few_classes():
            raise errors.DataError(why, given=list(source.classes))
    check_classes(source.classes, fewest)


def to_stderr(sentence: str) -> None:
    """Print a warning."""
    print(f"warning: {sentence}", file=sys.stderr, flush=True)


def check_classes(classes: Sequence[str], fewest: int = 2) -> None:
    """Refuse class names that could be mistaken for one another or break a file.

    Raises:
        DataError: Names them; fewer than two classes are refused, too.
    """
    if len(classes) < fewest:
        have = f"only '{errors.shown(classes[0])}'" if classes else "none"
        raise errors.DataError(
            f"The data has {have} for a class; two or more are needed.\n"
            "Give examples of at least two classes.",
            given=list(classes),
        )
    alike: dict[str, str] = {}
    for name in classes:
        bad = [c for c in name if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
        problem = None
        if bad and "\udc80" <= bad[0] <= "\udcff":
            problem = f"is not UTF-8: it holds the byte {ord(bad[0]) & 0xFF:02X}"
        elif bad:
            problem = f"holds a control character, U+{ord(bad[0]):04X}"
        elif not name.strip() or name != name.strip():
            problem = "begins or ends with a space" if name.strip() else "is empty"
        elif len(name) > 200:
            problem = f"is {len(name)} characters long; at most 200 are taken"
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", name).casefold())
        if folded in alike:
            problem = f"can be mistaken for '{errors.shown(alike[folded])}'"
            if not name.isascii():
                problem += f" ({_code_points(name, alike[folded])})"
        if problem:
            raise errors.DataError(
                f"The class name '{errors.shown(name)}' {problem}.\nRename it.", given=name
            )
        alike[folded] = name


def _code_points(name: str, other: str) -> str:
    """Return the characters in which two names differ that look alike."""
    own, others = (
        [f"U+{ord(c):04X}" for c in text if c not in rest]
        for text, rest in ((name, other), (other, name))
    )
    return f"{' '.join(own) or 'nothing'} here, {' '.join(others) or 'nothing'} there"


def counts_by_split(
    labels: np.ndarray, splits: Sequence[str | None], classes: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return split -> class -> number of examples; what has no split counts as "train"."""
    counts = {}
    for split in dict.fromkeys(splits):
        chosen = labels[[own == split for own in splits]]
        numbers = np.bincount(chosen, minlength=len(classes))
        counts[split or "train"] = {n: int(c) for n, c in zip(classes, numbers, strict=True)}
    return counts


def notes_on_copies(
    noun: str,
    copies: Sequence[Sequence[int]],
    ids: Sequence[str],
    labels: Sequence[Any] | np.ndarray,
    splits: Sequence[str | None],
    strict: bool,
) -> list[str]:
    """Return notes on examples that are there twice: across splits, and under two labels.

    Args:
        noun: What examples are called ("pictures").
        copies: Indices of the examples that are the same, group by group.
        ids: Name of each example.
        labels: Class of each.
        splits: Split of each.
        strict: Refuse both instead.

    Raises:
        DataError: Strict, and there are some.
    """

    def named(groups: Sequence[Sequence[int]], most: int = 10) -> str:
        pairs = [" = ".join(errors.shown(ids[i], 120) for i in group[:3]) for group in groups]
        more = f" and {len(pairs) - most:,} more" if len(pairs) > most else ""
        return "; ".join(pairs[:most]) + more

    def differing(groups: Sequence[Sequence[int]], values: Sequence[Any] | np.ndarray) -> str:
        """Name of each group the first example of each value, so that the difference is seen."""
        return named([sorted({values[i]: i for i in reversed(own)}.values()) for own in groups])

    across = [group for group in copies if len({splits[i] for i in group}) > 1]
    two_labels = [group for group in copies if len({labels[i] for i in group}) > 1]
    notes = []
    if across:
        notes.append(
            f"{len(across):,} {noun} are in more than one split, so held-out scores are too good: "
            f"{differing(across, splits)}."
        )
    if two_labels:
        notes.append(
            f"{len(two_labels):,} {noun} have two labels: {differing(two_labels, labels)}."
        )
    if strict and notes:
        raise errors.DataError(
            f"{' '.join(notes)}\nRemove one of each, or leave --strict out.", given=len(notes)
        )
    extra = sum(len(group) - 1 for group in copies)
    if extra and not across:
        notes.append(f"{extra:,} {noun} occur more than once; copies were kept in the same split.")
    return notes
