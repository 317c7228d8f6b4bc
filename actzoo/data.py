"""Data as training sees it: sources, splits and the one input pipeline.

A source loads one example at a time as NumPy arrays; a domain brings it. Everything else happens
here, once for all domains: splitting, order, augmentation, caching, batching. Whatever is random
is a pure function of (seed, epoch, index), so that a run can be repeated and resumed exactly.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from actzoo import archives, domains, errors, preprocessing, results
from actzoo._lazy import resolve

if TYPE_CHECKING:
    import keras

    from actzoo.plan import Plan

FRACTIONS = (0.7, 0.15, 0.15)  # train, val, test, where the data brings no split
SPLITS = ("train", "val", "test")
FEWEST = 3  # examples of a class: one for each split
CACHE_BYTES = 4 << 30  # of stored examples; beyond, each is read anew in every epoch
MIXING_BUFFER = 6  # examples whose parts are mixed, where not all fit into memory
UNBALANCED = 20  # largest class over smallest, from which on it is worth a warning


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
    """

    domain: str
    num_examples: int
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    details: dict[str, Any]
    content_hash: str
    notes: tuple[str, ...] = ()
    about: tuple[str, ...] = ()


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


def rng(seed: int, *words: object) -> np.random.Generator:
    """Return a generator that is a pure function of its arguments.

    Args:
        seed: The run's seed.
        *words: What it is for: `"augment", epoch, index`.
    """
    text = json.dumps([int(seed), *(str(word) for word in words)])
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
    return np.random.Generator(np.random.Philox(key=key))


# --- opening -----------------------------------------------------------------------------------


def open_source(
    path: str,
    domain: str | None = None,
    options: Mapping[str, Any] | None = None,
    note: results.Note | None = None,
    *,
    fewest: int = 2,
) -> Source:
    """Open a user's data.

    Args:
        path: A folder, an archive of one, a file, or `tfds:NAME`.
        domain: Its kind; None recognizes it.
        options: `allow_rare`, and what the domain's `open` takes.
        note: Takes each warning; None prints it to stderr.
        fewest: Classes that it must have.

    Returns:
        The source.

    Raises:
        MissingFileError: There is nothing.
        DataError: The data cannot be used.
    """
    spec = domains.DOMAINS.get(domain) if domain else domains.recognize(path)
    own = {key: value for key, value in (options or {}).items() if key != "allow_rare"}
    domains.check_exists(path)
    place = path if domains.is_scheme(path) else str(archives.folder_of(path))
    source: Source = spec.call("open", place, own)
    check_classes(source.classes, fewest)
    say = note or _to_stderr
    for sentence in source.fingerprint().notes:
        say(sentence)
    return source


def open_planned(plan: Plan, note: results.Note | None = None) -> tuple[Source, dict]:
    """Open the data of a plan and split it as planned.

    Returns:
        The source, and split -> indices.

    Raises:
        DataError: It is not the data the plan was made from.
    """
    source = open_source(plan.data, plan.domain, plan.data_options, note)
    found = source.fingerprint()
    if found.content_hash != plan.content_hash or tuple(source.classes) != tuple(plan.classes):
        raise errors.DataError(
            f"What lies at {errors.shown(plan.data, 200)} is not the data of the plan: "
            f"{found.num_examples} examples of {len(source.classes)} classes now, "
            f"{sum(plan.num_examples.values())} of {len(plan.classes)} then, or other contents.\n"
            "Bring the data back, or make a new plan: actzoo plan DATA --out RUN",
            given=plan.data,
            fix="actzoo plan DATA --out RUN",
        )
    return source, split(source, seed=plan.split_seed, note=note, options=plan.data_options)


def _to_stderr(sentence: str) -> None:
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
        if bad:
            problem = f"holds a control character, U+{ord(bad[0]):04X}"
        elif not name.strip() or name != name.strip():
            problem = "begins or ends with a space" if name.strip() else "is empty"
        elif len(name) > 200:
            problem = f"is {len(name)} characters long; at most 200 are taken"
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", name).casefold())
        if folded in alike:
            problem = f"can be mistaken for '{errors.shown(alike[folded])}'"
        if problem:
            raise errors.DataError(
                f"The class name '{errors.shown(name)}' {problem}.\nRename it.", given=name
            )
        alike[folded] = name


def counts_by_split(
    labels: np.ndarray, splits: Sequence[str | None], classes: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return split -> class -> number of examples; what has no split counts as "train"."""
    found = {}
    for split in dict.fromkeys(splits):
        chosen = labels[[own == split for own in splits]]
        numbers = np.bincount(chosen, minlength=len(classes))
        found[split or "train"] = {n: int(c) for n, c in zip(classes, numbers, strict=True)}
    return found


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

    across = [group for group in copies if len({splits[i] for i in group}) > 1]
    two_labels = [group for group in copies if len({labels[i] for i in group}) > 1]
    notes = []
    if across:
        notes.append(
            f"{len(across):,} {noun} are in more than one split, so held-out scores are too good: "
            f"{named(across)}."
        )
    if two_labels:
        notes.append(f"{len(two_labels):,} {noun} have two labels: {named(two_labels)}.")
    if strict and notes:
        raise errors.DataError(
            f"{' '.join(notes)}\nRemove one of each, or leave --strict out.", given=len(notes)
        )
    extra = sum(len(group) - 1 for group in copies)
    if extra and not across:
        notes.append(
            f"{extra:,} {noun} are there more than once; copies were kept in the same split."
        )
    return notes


# --- splitting ---------------------------------------------------------------------------------


def split(
    source: Source,
    *,
    seed: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    note: results.Note | None = None,
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
    say = note or _to_stderr
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
        say(f"The data brings no splits, so they were drawn{how}: {sizes}.")
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
    told, way = f"{count} in all", "Add examples, or bring a split of your own."
    if whole < min(count, len(SPLITS)):
        told += (
            f", of {whole} group{'s' * (whole > 1)} that may not be divided; at least "
            f"{len(SPLITS)} are needed, one in each split"
        )
        way = "Add examples of other groups; warnings about the data say what makes a group."
    return errors.DataError(
        f"No examples are left for the {name} split ({told}).\n{way}", given=count
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
    classes: Sequence[str], labels: np.ndarray, allowed: bool, say: results.Note
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


# --- reading -----------------------------------------------------------------------------------


def load_samples(
    source: Source, indices: Sequence[int] | np.ndarray, preparation: Preparation
) -> dict[str, np.ndarray]:
    """Return what a model takes of some examples, stacked; nothing is augmented.

    Args:
        source: The data.
        indices: Which, in this order.
        preparation: How they become samples.

    Returns:
        Name -> array `(n, ...)` in the dtype that the steps give.
    """
    rows = [
        samples_of(row.inputs, preparation)
        for row in _read(source, indices, preparation.case_steps)
    ]
    if not rows:
        return {}
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def load_masked_samples(
    source: Source,
    indices: Sequence[int] | np.ndarray,
    preparation: Preparation,
    most: int,
    places: int,
) -> tuple[dict[str, np.ndarray], np.ndarray, list[int]]:
    """Return all samples of whole examples and their masks, until enough are read.

    Args:
        source: The data.
        indices: Which examples, in this order.
        preparation: How they become samples.
        most: Samples, at most; the first example is taken whole.
        places: Places of all masks together, at most; likewise.

    Returns:
        Name -> inputs `(n, ...)`; masks `(n, ...)`; the position in `indices` of each sample.
    """
    rows: list[dict[str, np.ndarray]] = []
    masks: list[np.ndarray] = []
    cases: list[int] = []
    for number, row in enumerate(_read(source, indices, preparation.case_steps)):
        if preparation.cutter is not None:
            samples, mask = preparation.cutter.cut(row.inputs, row.target)
        else:
            samples, mask = samples_of(row.inputs, preparation), np.asarray(row.target)[None]
        count = len(cases) + len(mask)
        if rows and (count > most or count * mask[0].size > places):
            break
        rows.append(samples)
        masks.append(mask)
        cases += [number] * len(mask)
    inputs = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    return inputs, np.concatenate(masks), cases


def load_training_samples(
    source: Source, indices: Sequence[int] | np.ndarray, preparation: Preparation, seed: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return one sample of each example as training sees it, and their targets, stacked.

    Args:
        source: The data.
        indices: Which, in this order.
        preparation: How they become samples; nothing is augmented.
        seed: Of the part that is taken where an example is cut.
    """
    cutter, parts = preparation.cutter, source.samples_per_example(preparation.steps)
    inputs, targets = [], []
    for index, row in zip(indices, _read(source, indices, preparation.case_steps), strict=True):
        one, target = row.inputs, row.target
        if cutter is not None:
            random = rng(seed, "one sample", index)
            part = int(random.integers(1 if parts is None else parts[int(index)]))
            one, target = cutter.sample(one, target, part, random)
        inputs.append(one)
        targets.append(target)
    return _stacked(inputs), np.asarray(targets)


def _read_one(source: Source, index: int, steps: preprocessing.Steps) -> Example:
    example = source.load(int(index))
    return dataclasses.replace(example, inputs=preprocessing.apply(steps, example.inputs))


def _read(
    source: Source, indices: Sequence[int] | np.ndarray, steps: preprocessing.Steps
) -> Iterator[Example]:
    """Read examples in order, a few at once: decoders let go of the interpreter lock."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as threads:
        for start in range(0, len(indices), 64):
            chosen = [int(i) for i in indices[start : start + 64]]
            yield from threads.map(lambda index: _read_one(source, index, steps), chosen)


class Augmenter(Protocol):
    """A stateless change of training samples; what a domain's `augmenter` returns."""

    @property
    def stored_steps(self) -> preprocessing.Steps:
        """Steps whose result is kept in memory and given to each call."""
        ...

    def __call__(
        self, inputs: dict[str, np.ndarray], target: Any, rng: np.random.Generator
    ) -> tuple[dict[str, np.ndarray], Any]:
        """Return changed inputs of the model's shape, and the target that fits them."""
        ...


class Cutter(Protocol):
    """Goes between whole examples and the samples a model takes of them; a domain's `cutter`.

    In masks of samples, `tasks.IGNORE_INDEX` stands where there is nothing to learn or to score.
    """

    @property
    def case_steps(self) -> preprocessing.Steps:
        """Steps that prepare a whole example."""
        ...

    def sample(
        self, inputs: dict[str, np.ndarray], target: Any, part: int, rng: np.random.Generator
    ) -> tuple[dict[str, np.ndarray], Any]:
        """Return one training sample of the model's shape."""
        ...

    def cut(
        self, inputs: dict[str, np.ndarray], target: Any = None
    ) -> tuple[dict[str, np.ndarray], Any]:
        """Return all samples of an example, stacked; each place of the target stands in one."""
        ...

    def join(self, outputs: np.ndarray, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Return the outputs for a whole example from those of its samples."""
        ...


@dataclasses.dataclass(frozen=True)
class Preparation:
    """How the examples of one plan or model become samples.

    Attributes:
        steps: Preprocessing, from the opened example to the model's input.
        cutter: Where a model takes parts of an example.
        augmenter: Changes training samples.
        length: Places of the first axis that a prepared example fills.
    """

    steps: preprocessing.Steps
    cutter: Cutter | None = None
    augmenter: Augmenter | None = None
    length: Callable[[dict[str, np.ndarray]], int] | None = None

    @classmethod
    def of(
        cls,
        domain: str,
        steps: preprocessing.Steps,
        augmentation: Mapping[str, Any] | None = None,
    ) -> Preparation:
        """Return the preparation that a domain's row describes.

        Args:
            domain: Its name; empty for a model that belongs to none.
            steps: Of a plan or a model's card.
            augmentation: Settings of the augmenter; empty for none.
        """
        if not domain:
            return cls(steps)
        spec = domains.DOMAINS.get(domain)
        return cls(
            steps,
            spec.call("cutter", steps) if spec.cutter else None,
            spec.call("augmenter", steps, augmentation)
            if augmentation and spec.augmenter
            else None,
            resolve(spec.length) if spec.length else None,
        )

    @property
    def case_steps(self) -> preprocessing.Steps:
        """Steps that prepare a whole example."""
        return self.steps if self.cutter is None else self.cutter.case_steps

    @property
    def stored_steps(self) -> preprocessing.Steps:
        """Steps whose result training keeps in memory."""
        if self.cutter is None and self.augmenter is not None:
            return self.augmenter.stored_steps
        return self.case_steps


def traveling_files(domain: str, steps: preprocessing.Steps) -> dict[str, bytes]:
    """Return the files that stand beside a model for those who prepare its inputs themselves.

    Args:
        domain: Name of the model's domain; empty for none.
        steps: Of its card.
    """
    spec = domains.DOMAINS.get(domain) if domain else None
    found: dict[str, bytes] = spec.call("files", steps) if spec and spec.files else {}
    return found


def pipeline(
    source: Source,
    indices: Sequence[int] | np.ndarray,
    preparation: Preparation,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    encode: Callable[[np.ndarray], np.ndarray] | None = None,
    class_weights: np.ndarray | None = None,
    cache: MutableMapping[str, Any] | None = None,
) -> keras.utils.PyDataset:
    """Return the training batches of one epoch.

    A batch is `(inputs, targets, sample weights)`; bytes become float32. The order is a
    permutation by (seed, epoch), each sample is drawn and augmented by (seed, epoch, index, part),
    and an incomplete last batch is left out.

    Args:
        source: The data.
        indices: Which examples.
        preparation: How they become samples.
        batch_size: Samples of a batch.
        seed: The run's.
        epoch: Counted from the start of the run.
        encode: Targets of a batch -> what the loss takes.
        class_weights: Weight of each class `(classes,)`, multiplied into the examples' own.
        cache: Keeps prepared examples from one epoch to the next; give the same mapping again.

    Returns:
        A `keras.utils.PyDataset` of known length. An error met while a batch is made is kept in
        its `failure`; see `feeding`.
    """
    indices = np.asarray(indices, dtype=np.int64)
    stored = preparation.stored_steps
    cutter, augment = preparation.cutter, preparation.augmenter
    rows = _cached(source, indices, stored, cache)
    parts = source.samples_per_example(preparation.steps) if cutter is not None else None
    counts = np.ones(len(indices), int) if parts is None else np.asarray(parts)[indices]
    samples = np.stack(
        [
            np.repeat(np.arange(len(indices)), counts),
            np.concatenate([np.arange(count) for count in counts]),
        ],
        axis=1,
    )
    order = rng(seed, "order", epoch).permutation(len(samples))
    read: Callable[[int], Example] = functools.partial(_read_one, source, steps=stored)
    if rows is None and parts is not None:
        order = _by_example(order, samples[:, 0], rng(seed, "examples", epoch))
        read = functools.lru_cache(2 * MIXING_BUFFER)(read)
    if len(order) >= batch_size:
        order = order[: len(order) // batch_size * batch_size]
    lengths = None
    if preparation.length is not None and rows is not None:
        lengths = _lengths(rows, preparation.length, cache)
        order = _by_length(order, lengths, batch_size, rng(seed, "lengths", epoch))

    def one(position: int, part: int) -> Example:
        index = int(indices[position])
        example = rows[position] if rows else read(index)
        inputs, target = example.inputs, example.target
        if cutter is not None:
            inputs, target = cutter.sample(
                inputs, target, part, rng(seed, "sample", epoch, index, part)
            )
        if augment is not None:
            inputs, target = augment(inputs, target, rng(seed, "augment", epoch, index, part))
        return Example(inputs, target, weight=example.weight)

    def batch(number: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        chosen = order[number * batch_size : (number + 1) * batch_size]
        examples = [one(int(position), int(part)) for position, part in samples[chosen]]
        inputs = _stacked([example.inputs for example in examples])
        if lengths is not None:
            inputs = _shortened(inputs, int(lengths[chosen].max()))
        targets = np.asarray([example.target for example in examples])
        weights = np.asarray([example.weight for example in examples], dtype="float32")
        if class_weights is not None:
            weights = weights * np.asarray(class_weights, dtype="float32")[targets]
        return inputs, encode(targets) if encode else targets, weights

    return _dataset_class()(batch, -(-len(order) // batch_size))


def _stacked(rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: _as_numbers(np.stack([row[name] for row in rows])) for name in rows[0]}


def _as_numbers(array: np.ndarray) -> np.ndarray:
    return array.astype("float32") if array.dtype == np.uint8 else array


def _lengths(
    rows: Sequence[Example],
    length: Callable[[dict[str, np.ndarray]], int],
    cache: MutableMapping[str, Any] | None,
) -> np.ndarray:
    """Return the length of each prepared example, rounded up to a multiple of 8."""
    found = (cache or {}).get("lengths")
    if found is None or len(found) != len(rows):
        found = np.array([-(-int(length(row.inputs)) // 8) * 8 for row in rows])
        if cache is not None:
            cache["lengths"] = found
    return found


def _by_length(
    order: np.ndarray, lengths: np.ndarray, batch_size: int, random: np.random.Generator
) -> np.ndarray:
    """Return the order with examples of like length in one batch, batches in random order.

    Sorted within stretches of the order, so that batches differ from epoch to epoch. The shortest
    batch comes first and the longest second: `feeding` takes the shapes of an epoch from these two.
    """
    stretch = 50 * batch_size
    parts = [order[start : start + stretch] for start in range(0, len(order), stretch)]
    ordered = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])
    if len(ordered) % batch_size:
        return ordered
    batches = ordered.reshape(-1, batch_size)
    batches = batches[random.permutation(len(batches))]
    longest = lengths[batches].max(axis=1)
    first = int(longest.argmin())
    batches[[0, first]] = batches[[first, 0]]
    if len(batches) > 1:
        second = 1 + int(lengths[batches[1:]].max(axis=1).argmax())
        batches[[1, second]] = batches[[second, 1]]
    flat: np.ndarray = batches.reshape(-1)
    return flat


def _by_example(order: np.ndarray, examples: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the order with the parts of a few examples after one another, mixed.

    For examples that do not all fit into memory: each is read about once in an epoch, and not for
    each of its parts.

    Args:
        order: A random order of samples.
        examples: Example that each sample belongs to.
        random: Decides which examples come together.
    """
    rank = random.permutation(int(examples.max()) + 1) // MIXING_BUFFER
    found: np.ndarray = order[np.argsort(rank[examples[order]], kind="stable")]
    return found


def _shortened(inputs: Mapping[str, np.ndarray], length: int) -> dict[str, np.ndarray]:
    return {name: array[:, :length] for name, array in inputs.items()}


@dataclasses.dataclass(frozen=True)
class Case:
    """One whole example and what a model gave for it.

    Attributes:
        index: In the source.
        target: The truth.
        outputs: The model's, without batch; joined where it was cut.
        spacing: See `Example`.
    """

    index: int
    target: Any
    outputs: np.ndarray
    spacing: tuple[float, ...] | None


def run_cases(
    source: Source,
    indices: Sequence[int] | np.ndarray,
    preparation: Preparation,
    run: Callable[[dict[str, np.ndarray]], np.ndarray],
    *,
    batch_size: int = 32,
    cache: MutableMapping[str, Any] | None = None,
) -> Iterator[Case]:
    """Ask a model about whole examples, one after another.

    Args:
        source: The data.
        indices: Which examples, in this order.
        preparation: How they become samples; nothing is augmented.
        run: Inputs `(n, ...)` by name -> outputs `(n, ...)`.
        batch_size: Samples given to `run` at once.
        cache: As in `pipeline`.
    """
    indices = np.asarray(indices, dtype=np.int64)
    kept = _cached(source, indices, preparation.case_steps, cache)
    rows = _read(source, indices, preparation.case_steps) if kept is None else iter(kept)
    waiting: list[tuple[int, Example, dict[str, np.ndarray]]] = []
    for index, example in zip(indices, rows, strict=True):
        waiting.append((int(index), example, samples_of(example.inputs, preparation)))
        if sum(_count(samples) for _, _, samples in waiting) >= batch_size:
            yield from _run_waiting(waiting, preparation, run, batch_size)
            waiting = []
    if waiting:
        yield from _run_waiting(waiting, preparation, run, batch_size)


def samples_of(inputs: dict[str, np.ndarray], preparation: Preparation) -> dict[str, np.ndarray]:
    """Return what a model takes of one prepared example, stacked `(samples, ...)`."""
    if preparation.cutter is not None:
        return dict(preparation.cutter.cut(inputs)[0])
    return {name: np.asarray(value)[None] for name, value in inputs.items()}


def _count(samples: Mapping[str, np.ndarray]) -> int:
    return len(next(iter(samples.values())))


def _run_waiting(
    waiting: Sequence[tuple[int, Example, dict[str, np.ndarray]]],
    preparation: Preparation,
    run: Callable[[dict[str, np.ndarray]], np.ndarray],
    batch_size: int,
) -> Iterator[Case]:
    names = waiting[0][2]
    joined = {
        name: _as_numbers(np.concatenate([samples[name] for _, _, samples in waiting]))
        for name in names
    }
    outputs = run_in_batches(joined, run, batch_size)
    start = 0
    for index, example, samples in waiting:
        own = outputs[start : start + _count(samples)]
        start += len(own)
        cutter = preparation.cutter
        whole = own[0] if cutter is None else cutter.join(own, example.inputs)
        yield Case(index, example.target, whole, example.spacing)


def run_in_batches(
    inputs: Mapping[str, np.ndarray],
    run: Callable[[dict[str, np.ndarray]], np.ndarray],
    batch_size: int,
) -> np.ndarray:
    """Return a model's outputs for many samples, asked a batch at a time."""
    return np.concatenate(
        [
            np.asarray(run({name: value[k : k + batch_size] for name, value in inputs.items()}))
            for k in range(0, _count(inputs), batch_size)
        ]
    )


def _cached(
    source: Source,
    indices: np.ndarray,
    steps: preprocessing.Steps,
    cache: MutableMapping[str, Any] | None,
) -> list[Example] | None:
    """Return all prepared examples, or None where memory is too small for them."""
    if cache is None or not len(indices):
        return None
    key = hashlib.sha256(indices.tobytes() + results.to_json(list(steps)).encode()).hexdigest()
    if key not in cache:
        cache[key] = _read_while_they_fit(source, indices, steps)
    found: list[Example] | None = cache[key]
    return found


def _read_while_they_fit(
    source: Source, indices: np.ndarray, steps: preprocessing.Steps
) -> list[Example] | None:
    """Return prepared examples, or None once their size shows that all would not fit."""
    kept: list[Example] = []
    size = 0
    for example in _read(source, indices, steps):
        size += sum(array.nbytes for array in example.inputs.values())
        if size * len(indices) / (len(kept) + 1) > CACHE_BYTES and len(kept) >= 16:
            return None
        kept.append(example)
    return kept if size <= CACHE_BYTES else None


def _dataset_class() -> Any:
    """Return the dataset class; Keras is imported here and not with the module."""
    import keras

    class Batches(keras.utils.PyDataset):
        """Batches made by a function of their number.

        One worker: with more, Keras starts and joins threads of its own in each epoch, which
        costs small data a second an epoch and stands in the way of Ctrl-C.
        """

        def __init__(self, make: Callable[[int], Any], count: int) -> None:
            super().__init__(workers=1, use_multiprocessing=False)
            self._make, self._count = make, count
            self._first: dict[int, Any] = {}
            self.failure: Exception | None = None

        def __len__(self) -> int:
            return self._count

        def __getitem__(self, number: int) -> Any:
            # The first two batches are looked at for their shapes and then asked for again.
            if number in self._first:
                return self._first.pop(number)
            try:
                made = self._make(number)
            except Exception as error:
                self.failure = error
                raise
            if number < 2:
                self._first[number] = made
            return made

    return Batches


@contextlib.contextmanager
def feeding(batches: Any) -> Iterator[Any]:
    """Give batches the form that `fit` takes, and raise what went wrong in making one.

    Under TensorFlow they come from a `tf.data.Dataset` that makes them one ahead, in a thread of
    its own. Keras would wrap them likewise, but with tf.data's tuner, whose thread sleeps on for up
    to 41 s after the end of an epoch before it lets go.

    Args:
        batches: A `keras.utils.PyDataset`, such as `pipeline` returns.

    Raises:
        Exception: What the making of a batch raised, and not what Keras' backend says about it.
    """
    import keras

    tensorflow = keras.backend.backend() == "tensorflow"
    try:
        yield _as_tensorflow(batches) if tensorflow else batches
    except Exception as error:
        failure = getattr(batches, "failure", None)
        if failure is None or failure is error:
            raise
        raise failure from None


def _as_tensorflow(batches: Any) -> Any:
    import keras
    import tensorflow as tf

    count = len(batches)
    seen = [batches[number] for number in range(min(count, 2))]

    def spec(*arrays: np.ndarray) -> tf.TensorSpec:
        """Return the shape that fits all of them, with any number of samples."""
        sizes = zip(*(array.shape[1:] for array in arrays), strict=True)
        shape = [size[0] if len(set(size)) == 1 else None for size in sizes]
        return tf.TensorSpec([None, *shape], arrays[0].dtype)

    options = tf.data.Options()
    options.autotune.enabled = False
    return (
        tf.data.Dataset.from_generator(
            lambda: (batches[number] for number in range(count)),
            output_signature=keras.tree.map_structure(spec, *seen),
        )
        .apply(tf.data.experimental.assert_cardinality(count))
        .prefetch(2)
        .with_options(options)
    )
