"""Examples divided into train, val and test: by class and group, the same for each seed.

Classes are those of labels, or what masks hold. What a split lacks is said; what would be tested
and was never learned is refused, whether the splits are drawn or given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors
from actzoo.data.drawing import Pool
from actzoo.data.source import HasPresence, Source, to_stderr

if TYPE_CHECKING:
    from scipy import sparse

FRACTIONS = (0.7, 0.15, 0.15)  # train, val, test, where the data brings no split
SPLITS = ("train", "val", "test")
NAMES = {"train": "training (train)", "val": "validation (val)", "test": "test"}
FEWEST = 3  # examples of a class: one for each split
UNBALANCED = 20  # largest class over smallest, from which on it is worth a warning
OFF = 2  # examples by which a split may differ from what is wanted before it is said
OFF_SHARE = 0.01  # of the examples; likewise

TOO_FEW = (
    "Too few groups of examples (patients, or copies) hold them for each split to have one; add "
    "examples of others."
)
GIVEN = "The data brings that split; add examples to it, or give all examples without splits."


def split(
    source: Source,
    *,
    seed: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    note: errors.Note | None = None,
    how: errors.Note | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, np.ndarray]:
    """Divide a source into train, val and test.

    Splits that the data brings are kept; a missing one is taken from train. Each class, by labels
    or by what masks hold, reaches train first, then the other splits, as far as its groups go; what
    is in one group stays on one side. Where a split lacks a class, or groups are so large that the
    shares cannot be kept, it is said.

    Args:
        source: The data.
        seed: Of the shares drawn.
        fractions: Shares of train, val and test.
        note: Takes each warning; None prints it to stderr.
        how: Takes the sentence on how missing splits were drawn; None gives it to `note`.
        options: `allow_rare` puts classes of fewer than 3 examples into train only.

    Returns:
        Split -> sorted indices `(n,)`.

    Raises:
        DataError: A class has too few examples, or none to learn from.
    """
    say = note or to_stderr
    labels, given = source.labels(), source.splits()
    holds = _classes_held(source, labels)
    rare = np.zeros(len(source.classes), bool)
    if labels is not None:
        rare = _check_rare(source, labels, bool((options or {}).get("allow_rare")), say)
    present = [name for name in SPLITS if name in given]
    missing = [name for name in ("test", "val") if name not in present]
    side = np.asarray([name or "train" for name in given], dtype="U5")
    groups = _group_numbers(source)
    if missing:
        pool = np.flatnonzero(side == "train")
        shares = {name: fractions[SPLITS.index(name)] for name in missing}
        _draw(side, pool, holds, groups, shares, rare, seed)
        sizes = {name: int((side == name).sum()) for name in SPLITS}
        if present:
            _say_what_was_taken(missing, sizes, how or say)
        else:
            counts = ", ".join(f"{size} {name}" for name, size in sizes.items())
            by_class = "" if labels is None else ", class by class"
            (how or say)(f"The data has no splits, so they were drawn{by_class}: {counts}.")
        _say_how_far_off(side[pool], shares, groups[pool], say)
    parts = {name: np.flatnonzero(side == name) for name in SPLITS}
    for name, indices in parts.items():
        if not len(indices):
            raise _nothing_left(name, groups)
    _check_classes_held(source.classes, holds, parts, rare, missing, say)
    return parts


def split_digest(parts: Mapping[str, np.ndarray]) -> str:
    """Return a digest of which examples are in which split, for a plan to know its split by."""
    content = hashlib.sha256()
    for name in SPLITS:
        content.update(name.encode() + np.asarray(parts[name], "<i8").tobytes())
    return content.hexdigest()[:16]


def may_differ(source: Source) -> bool:
    """Tell whether versions before `Plan.split_digest` drew this data's splits otherwise."""
    groups, given = source.groups(), source.splits()
    drawn = not set(SPLITS) <= set(given)
    return drawn and (source.labels() is None or len(set(groups or ())) < len(groups or ()))


def _classes_held(source: Source, labels: np.ndarray | None) -> sparse.csc_array:
    """Return which classes each example holds, `(n, classes)`; none where that is not known."""
    from scipy import sparse

    shape = (len(source), len(source.classes))
    if labels is not None:
        return sparse.csc_array((np.ones(shape[0], bool), (np.arange(shape[0]), labels)), shape)
    presence = source.presence() if isinstance(source, HasPresence) else None
    return sparse.csc_array(np.zeros(shape, bool) if presence is None else presence)


def _group_numbers(source: Source) -> np.ndarray:
    groups = source.groups()
    if groups is None:
        return np.arange(len(source))
    return np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)


def _draw(
    side: np.ndarray,
    pool: np.ndarray,
    holds: sparse.csc_array,
    groups: np.ndarray,
    shares: Mapping[str, float],
    rare: np.ndarray,
    seed: int,
) -> None:
    """Move whole groups of the pool from train to other sides, in place."""
    own = np.unique(groups[pool], return_inverse=True)[1].reshape(-1)
    drawn = Pool(own, holds[pool], list(range(holds.shape[1])), shares, rare).draw(seed)
    side[pool] = np.asarray(["train", *shares])[drawn[own]]


def _say_what_was_taken(missing: Sequence[str], sizes: Mapping[str, int], say: errors.Note) -> None:
    taken = " and ".join(f"{sizes[name]} for {NAMES[name]}" for name in reversed(missing))
    say(
        f"The data brings no {' and no '.join(reversed(missing))} split, so examples were taken "
        f"from train: {taken}."
    )


def _say_how_far_off(
    side: np.ndarray, shares: Mapping[str, float], groups: np.ndarray, say: errors.Note
) -> None:
    """Say where groups, or the classes, do not let the drawn shares be as they should."""
    total = len(side)
    wanted = {"train": 1 - sum(shares.values()), **shares}
    have = {name: int((side == name).sum()) for name in SPLITS if name in wanted}
    off = max(abs(size - wanted[name] * total) for name, size in have.items())
    if off <= max(OFF + 0.5, OFF_SHARE * total):
        return
    largest = int(np.bincount(groups).max())
    why = "shares are rounded class by class, so that each class reaches every split"
    if largest > 1:
        why = (
            "examples that belong together (copies, or one patient's) are not divided, and the "
            f"largest such group has {largest:,} of {total:,}"
        )
    shown = " : ".join(f"{100 * size / total:.0f}" for size in have.values())
    planned = " : ".join(f"{100 * wanted[name]:.0f}" for name in have)
    say(f"The splits drawn are {shown} for {' : '.join(have)} instead of {planned}, since {why}.")


def _nothing_left(name: str, groups: np.ndarray) -> errors.DataError:
    """Return the error of a split without examples; of few groups no split can be made at all."""
    count, whole = len(groups), len(np.unique(groups))
    counted, fix = f"{count} in all", "Add examples, or bring a split of your own."
    if whole < count:
        needs = f"at least {len(SPLITS)} are needed, one in each split"
        if whole >= len(SPLITS):
            needs = "train takes one of each class first, and no class is in enough of them"
        counted += f", of {whole} group{'s' * (whole > 1)} that may not be divided; {needs}"
        fix = "Add examples of other groups; warnings about the data say what makes a group."
    return errors.DataError(
        f"No examples are left for the {name} split ({counted}).\n{fix}", given=count
    )


def _check_classes_held(
    classes: Sequence[str],
    holds: sparse.csc_array,
    parts: Mapping[str, np.ndarray],
    rare: np.ndarray,
    drawn: Sequence[str],
    say: errors.Note,
) -> None:
    """Refuse classes that are tested and never learned; say what a split lacks.

    Args:
        classes: Names.
        holds: Which classes each example holds.
        parts: Split -> indices.
        rare: Classes of which it is known that they are in train only.
        drawn: Splits that were drawn.
        say: Takes each warning.
    """
    counts = {name: np.asarray(holds[own].sum(axis=0)).reshape(-1) for name, own in parts.items()}
    held = np.sum(list(counts.values()), axis=0) > 0
    if not held.any():
        return  # a source that says nothing of what its masks hold

    def named(chosen: np.ndarray) -> str:
        names = [f"'{errors.shown(classes[i])}'" for i in map(int, np.flatnonzero(chosen))]
        return ", ".join(names[:10]) + (f" and {len(names) - 10:,} more" if names[10:] else "")

    absent = held & (counts["train"] == 0)
    if absent.any():
        raise errors.DataError(
            f"Classes without a training example: {named(absent)}.\nAdd some to the training "
            "split, or remove the classes from the others.",
            given=[classes[int(i)] for i in np.flatnonzero(absent)],
        )
    if not held.all():
        say(f"Classes that no example holds, so they are never learned: {named(~held)}.")
    for name, means in (
        ("test", "how well they are recognized is not measured"),
        ("val", "they have no say in which epoch is kept"),
    ):
        lacks = held & (counts[name] == 0) & ~rare
        if lacks.any():
            why = TOO_FEW if name in drawn else GIVEN
            say(f"Classes that the {NAMES[name]} split lacks, so {means}: {named(lacks)}. {why}")


def _check_rare(source: Source, labels: np.ndarray, allowed: bool, say: errors.Note) -> np.ndarray:
    """Refuse classes with too few examples, or return which are in train only."""
    classes = source.classes
    counts = np.bincount(labels, minlength=len(classes))
    rare = [
        f"'{errors.shown(classes[i])}' ({counts[i]})"
        for i in map(int, np.flatnonzero(counts < FEWEST))
    ]
    if rare:
        named = ", ".join(rare[:10]) + (f" and {len(rare) - 10} more" if rare[10:] else "")
        if not allowed:
            raise errors.DataError(
                f"Classes with fewer than {FEWEST} examples: {named}.\n"
                "Training, validation and test need one each. Add examples, remove the class, or "
                "use --allow-rare to put such classes into train only.",
                given=rare,
                fix="--allow-rare",
            )
        say(f"Classes with fewer than {FEWEST} examples are in train only, never tested: {named}.")
    if counts.max() > UNBALANCED * max(1, counts.min()):
        most, fewest = int(counts.argmax()), int(counts.argmin())
        say(
            f"The classes are unbalanced: '{errors.shown(classes[most])}' has {counts[most]:,} "
            f"examples, '{errors.shown(classes[fewest])}' {counts[fewest]:,}. Look at the macro "
            "scores, and compare accuracy with always answering the largest class."
        )
    few: np.ndarray = counts < FEWEST
    return few
