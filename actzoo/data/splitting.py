"""Examples divided into train, val and test: by class and group, the same for each seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from actzoo import errors
from actzoo.data.source import Source, rng, to_stderr

FRACTIONS = (0.7, 0.15, 0.15)  # train, val, test, where the data brings no split
SPLITS = ("train", "val", "test")
FEWEST = 3  # examples of a class: one for each split
UNBALANCED = 20  # largest class over smallest, from which on it is worth a warning


def split(
    source: Source,
    *,
    seed: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    note: errors.Note | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, np.ndarray]:
    """Divide a source into train, val and test.

    Splits that the data brings are kept; a missing one is taken from train, class by class. What
    is in one group stays on one side, and every class is in train, for every seed.

    scikit-learn's splitters are not used: they refuse data with fewer held-out examples than
    classes, and none promises all three at once.

    Args:
        source: The data.
        seed: Of the shares drawn.
        fractions: Shares of train, val and test.
        note: Takes each warning; None prints it to stderr.
        options: `allow_rare` puts classes of fewer than 3 examples into train only.

    Returns:
        Split -> sorted indices `(n,)`.

    Raises:
        DataError: A class has too few examples.
    """
    say = note or to_stderr
    labels, given = source.labels(), source.splits()
    by_class = labels is not None
    if labels is None:
        labels = np.zeros(len(source), np.int64)
    else:
        _check_rare(source.classes, labels, bool((options or {}).get("allow_rare")), say)
    present = [name for name in SPLITS if name in given]
    missing = [name for name in ("test", "val") if name not in present]
    side = np.asarray([name or "train" for name in given], dtype="U5")
    if missing:
        pool = np.flatnonzero(side == "train")
        shares = {name: fractions[SPLITS.index(name)] for name in missing}
        _draw(side, pool, labels, _group_numbers(source, len(labels)), shares, seed)
    if missing and present:
        names = {"val": "validation (val)", "test": "test"}
        taken = " and ".join(f"{(side == n).sum()} for {names[n]}" for n in reversed(missing))
        say(
            f"The data brings no {' and no '.join(reversed(missing))} split, so examples were "
            f"taken from train: {taken}."
        )
    elif missing:
        sizes = ", ".join(f"{(side == name).sum()} {name}" for name in SPLITS)
        how = ", class by class" if by_class else ""
        say(f"The data has no splits, so they were drawn{how}: {sizes}.")
    parts = {name: np.flatnonzero(side == name) for name in SPLITS}
    for name, indices in parts.items():
        if not len(indices):
            raise _nothing_left(name, _group_numbers(source, len(labels)))
    if by_class:
        _check_taught(source.classes, labels, parts)
    return parts


def _nothing_left(name: str, groups: np.ndarray) -> errors.DataError:
    """Return the error of a split without examples; of few groups no split can be made at all."""
    count, whole = len(groups), len(np.unique(groups))
    counted, fix = f"{count} in all", "Add examples, or bring a split of your own."
    if whole < min(count, len(SPLITS)):
        counted += (
            f", of {whole} group{'s' * (whole > 1)} that may not be divided; at least "
            f"{len(SPLITS)} are needed, one in each split"
        )
        fix = "Add examples of other groups; warnings about the data say what makes a group."
    return errors.DataError(
        f"No examples are left for the {name} split ({counted}).\n{fix}", given=count
    )


def _check_taught(
    classes: Sequence[str], labels: np.ndarray, parts: Mapping[str, np.ndarray]
) -> None:
    """Refuse classes that are tested and never trained on."""
    taught = set(labels[parts["train"]].tolist())
    absent = sorted(set(labels.tolist()) - taught)
    if absent:
        named = ", ".join(f"'{errors.shown(classes[i])}'" for i in absent[:10])
        raise errors.DataError(
            f"Classes without a training example: {named}.\nAdd some to the training split, or "
            "remove the classes from the others.",
            given=[classes[i] for i in absent],
        )


def _check_rare(
    classes: Sequence[str], labels: np.ndarray, allowed: bool, say: errors.Note
) -> None:
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


def _group_numbers(source: Source, count: int) -> np.ndarray:
    groups = source.groups()
    if groups is None:
        return np.arange(count)
    return np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)


def _draw(
    side: np.ndarray,
    pool: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    shares: Mapping[str, float],
    seed: int,
) -> None:
    """Move whole groups of the pool from train to other sides, in place.

    The rarest class draws first, since it has the least choice. One group of each class is
    reserved for train before anything is drawn, also where groups hold several classes.
    """
    members: dict[int, list[int]] = {}
    for index in pool:
        members.setdefault(int(groups[index]), []).append(int(index))
    counts = np.bincount(labels[pool])
    order = sorted(np.flatnonzero(counts), key=lambda label: (counts[label], label))
    queues = {}
    kept: set[int] = set()
    for label in order:
        own = np.unique(groups[pool][labels[pool] == label])
        queues[label] = [int(g) for g in rng(seed, "split", label).permutation(own)]
        if not kept.intersection(queues[label]):
            kept.add(queues[label][0])
    placed: dict[int, str] = dict.fromkeys(kept, "train")
    for label in order:
        if counts[label] < FEWEST:
            placed.update((group, "train") for group in queues[label] if group not in placed)
        free = [group for group in queues[label] if group not in placed]
        for name, share in shares.items():
            wanted = max(1, round(share * counts[label]))
            have = sum(
                int(labels[i] == label)
                for group, where in placed.items()
                if where == name
                for i in members[group]
            )
            while have < wanted and free:
                group = free.pop()
                placed[group] = name
                have += sum(int(labels[i] == label) for i in members[group])
        placed.update((group, "train") for group in free)
    for group, name in placed.items():
        side[members[group]] = name
