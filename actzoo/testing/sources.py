"""The contract of a kind of data: what its source promises, and that its steps fit it.

The author of a domain registers the row, gives a small set of data, and runs the checks. They ask
only what the core asks, so that a domain that passes them goes the whole path of a run.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import data, domains, errors, files, preprocessing, tasks
from actzoo.data.cases import as_numbers, prepared_example
from actzoo.inference import label_numbers
from actzoo.testing.checks import Check, CheckFailedError

LOOKED_AT = 5  # examples that are opened, from the first to the last
HINT = "actzoo.domains.Domain and actzoo.data.Source say what each method promises."


def source_checks(
    domain: str,
    path: str | os.PathLike[str],
    *,
    changed: str | os.PathLike[str] | None = None,
    wrong: Sequence[str | os.PathLike[str]] = (),
    options: Mapping[str, Any] | None = None,
) -> Iterator[Check]:
    """Yield the contracts of a kind of data.

    Args:
        domain: Its name; register your own first.
        path: Some of its data, labeled, with at least six examples of each class.
        changed: The same data with one example or one label changed.
        wrong: Data of its kind that cannot be used, such as a damaged file.
        options: With which the data is opened.

    Yields:
        Checks, independent of each other, in a fixed order.

    Raises:
        UnknownNameError: There is no such domain.
    """
    subject = _Subject(domains.get_domain(domain), os.fspath(path), dict(options or {}))
    for function in _CONTRACTS:
        title = function.__name__.removeprefix("_")
        yield Check(domain, title, functools.partial(function, subject), HINT)
    if changed is not None:
        run = functools.partial(_fingerprint_changes, subject, os.fspath(changed))
        yield Check(domain, "fingerprint_changes", run, HINT)
    for number, place in enumerate(wrong, 1):
        run = functools.partial(_wrong_data_is_refused, subject, os.fspath(place))
        yield Check(domain, f"wrong_data_is_refused_{number}", run, HINT)


@dataclasses.dataclass(frozen=True)
class _Subject:
    """A domain and its data, opened once for all checks."""

    domain: domains.Domain[data.Source]
    path: str
    options: dict[str, Any]

    def open(self, path: str | None = None) -> data.Source:
        name = self.domain.spec.name
        return data.open_source(path or self.path, name, self.options, note=lambda _: None)

    @functools.cached_property
    def source(self) -> data.Source:
        return self.open()

    @functools.cached_property
    def splits(self) -> dict[str, np.ndarray]:
        return data.split(self.source, seed=0, note=lambda _: None)

    @functools.cached_property
    def plan(self) -> domains.InputPlan:
        return self.domain.inputs(self.source, self.splits, {})

    @functools.cached_property
    def preparation(self) -> data.Preparation:
        name = self.domain.spec.name
        return data.Preparation.of(name, self.plan.steps, self.plan.augmentation)

    def indices(self) -> list[int]:
        places = np.linspace(0, len(self.source) - 1, min(LOOKED_AT, len(self.source)))
        return [int(index) for index in places]


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise CheckFailedError(f"{problem}.")


def _same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f")
        and one[name].dtype == other[name].dtype
        for name in one
    )


# --- the row and recognition ---------------------------------------------------------------------


def _row_is_complete(subject: _Subject) -> None:
    spec = subject.domain.spec
    tasks.get_task(spec.task)
    have, named = set(subject.domain.steps()), set(spec.steps)
    _require(
        have == named, f"the row names the steps {sorted(named)}, the class has {sorted(have)}"
    )
    _require(bool(spec.data_forms), "data_forms is empty, so messages cannot say what is accepted")
    for option in spec.options:
        _require(bool(option.help), f"the option {option.name} has no help")


def _data_is_recognized(subject: _Subject) -> None:
    reason = subject.domain.recognize(domains.locate(subject.path))
    _require(bool(reason), f"{subject.path} is not recognized, though it is data of this kind")
    with tempfile.TemporaryDirectory() as empty:
        reason = subject.domain.recognize(empty)
        _require(reason is None, f"an empty folder is taken for this kind of data: {reason}")


def _recognition_is_light(subject: _Subject) -> None:
    """Ask in a fresh process: a user's first command must not wait for Keras."""
    target = subject.domain.spec.target
    code = (
        "import sys; from actzoo._lazy import resolve\n"
        f"resolve({target!r})(None).recognize({domains.locate(subject.path)!r})\n"
        "print(*{'keras', 'tensorflow'} & set(sys.modules))"
    )
    places = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=places, check=False
    )
    last = done.stderr.strip().splitlines()[-1:] or [""]
    _require(done.returncode == 0, f"recognizing data failed in a fresh process: {last[0]}")
    _require(not done.stdout.strip(), f"recognizing data imports {done.stdout.strip()}")


# --- the source ----------------------------------------------------------------------------------


def _every_list_has_the_length(subject: _Subject) -> None:
    source = subject.source
    lists = {
        "ids": source.ids(),
        "labels": source.labels(),
        "identities": source.identities(),
        "splits": source.splits(),
        "groups": source.groups(),
        "presence": source.presence() if isinstance(source, data.HasPresence) else None,
        "digests": source.digests() if isinstance(source, data.HasDigests) else None,
        "signatures": source.signatures() if isinstance(source, data.HasSignatures) else None,
    }
    for name, values in lists.items():
        have = len(source) if values is None else len(values)
        _require(have == len(source), f"{name}() has {have} values for {len(source)} examples")


def _classes_fit_labels(subject: _Subject) -> None:
    source = subject.source
    data.check_classes(source.classes, fewest=1)
    labels, count = source.labels(), len(source.classes)
    if labels is None:
        return
    _require(labels.dtype.kind in "iu", f"labels() are {labels.dtype}, not whole numbers")
    outside = np.flatnonzero((labels < 0) | (labels >= count))
    _require(not len(outside), f"labels() holds {labels[outside[:3]]} for {count} classes")
    for index in subject.indices():
        target = source.load(index).target
        _require(
            target == labels[index],
            f"load({index}) has the target {target}, labels() says {labels[index]}",
        )


def _masks_hold_classes(subject: _Subject) -> None:
    source, count = subject.source, len(subject.source.classes)
    if source.labels() is not None:
        return
    presence = source.presence() if isinstance(source, data.HasPresence) else None
    if presence is not None:
        given = presence.shape, presence.dtype
        fits = given == ((len(source), count), np.dtype(bool))
        _require(fits, f"presence() is {given[1]} {given[0]}, not bool {len(source), count}")
    for index in subject.indices():
        held = set(np.unique(source.load(index).target).tolist()) - {tasks.IGNORE_INDEX}
        strange = sorted(held - {*range(count)})
        _require(not strange, f"the mask of load({index}) holds {strange}")
        said = held if presence is None else set(np.flatnonzero(presence[index]).tolist())
        _require(
            said == held,
            f"the mask of load({index}) holds {sorted(held)}, presence() says {sorted(said)}",
        )


def _ids_are_unique_and_stable(subject: _Subject) -> None:
    ids = subject.source.ids()
    _require(all(isinstance(name, str) and name for name in ids), "ids() holds what is not a text")
    twice = sorted({name for name in ids if ids.count(name) > 1})[:3]
    _require(not twice, f"ids() holds {twice} more than once")
    _require(subject.open().ids() == ids, "opened again, the source has other ids")
    for index in subject.indices():
        own = subject.source.load(index).id
        _require(own in ("", ids[index]), f"load({index}) is called {own!r}, ids() says otherwise")


def _splits_are_known(subject: _Subject) -> None:
    other = {name for name in subject.source.splits()} - {*data.SPLITS, None}
    _require(not other, f"splits() holds {sorted(map(str, other))}; known are {data.SPLITS}")
    _require(all(len(part) for part in subject.splits.values()), "a split is empty")


def _groups_stay_together(subject: _Subject) -> None:
    groups, given = subject.source.groups(), subject.source.splits()
    if groups is None:
        return
    side = {int(i): name for name, part in subject.splits.items() for i in part}
    homes: dict[str, set[str]] = {}
    for index, group in enumerate(groups):
        if given[index] is None:
            homes.setdefault(group, set()).add(side[index])
    torn = [group for group, home in homes.items() if len(home) > 1]
    _require(not torn, f"the split divides the groups {torn[:3]}")


def _loading_is_deterministic(subject: _Subject) -> None:
    again = subject.open()
    for index in subject.indices():
        first, second = subject.source.load(index), again.load(index)
        same = _same(first.inputs, second.inputs) and np.array_equal(first.target, second.target)
        _require(same, f"load({index}) gives something else when it is called again")


def _raw_gives_the_same_inputs(subject: _Subject) -> None:
    """What `predict` is sent must become what training saw."""
    steps = subject.preparation.case_steps
    for index in subject.indices():
        raw = subject.source.raw(index)
        _require(isinstance(raw, bytes), f"raw({index}) is {type(raw).__name__}, not bytes")
        sent = preprocessing.apply(steps, raw)
        seen = preprocessing.apply(steps, subject.source.load(index).inputs)
        _require(_same(sent, seen), f"raw({index}) and load({index}) become different inputs")


def _fingerprint_agrees(subject: _Subject) -> None:
    source = subject.source
    summary, name = source.fingerprint(), subject.domain.spec.name
    _require(summary.domain == name, f"fingerprint().domain is {summary.domain!r}, not {name!r}")
    have = summary.num_examples
    _require(have == len(source), f"fingerprint() counts {have} examples of {len(source)}")
    _require(tuple(summary.classes) == tuple(source.classes), "fingerprint() has other classes")
    files.to_json(summary.details)
    if source.labels() is not None:
        total = sum(sum(own.values()) for own in summary.counts.values())
        _require(total == len(source), f"fingerprint().counts sum to {total} of {len(source)}")
    again = subject.open().fingerprint().content_hash
    _require(again == summary.content_hash, "opened again, the source has another content_hash")


def _fingerprint_changes(subject: _Subject, changed: str) -> None:
    hashes = [s.fingerprint().content_hash for s in (subject.source, subject.open(changed))]
    _require(hashes[0] != hashes[1], f"{changed} has other content and the same content_hash")


def _samples_are_counted(subject: _Subject) -> None:
    counts = subject.source.samples_per_example(subject.plan.steps)
    if counts is None:
        return
    cut = subject.preparation.cutter is not None
    _require(cut, "samples_per_example() counts samples, but the domain has no cutter")
    whole = len(counts) == len(subject.source) and all(int(count) >= 1 for count in counts)
    _require(whole, "samples_per_example() must give each example 1 or more")


# --- inputs --------------------------------------------------------------------------------------


def _plan_is_complete(subject: _Subject) -> None:
    plan = subject.plan
    preprocessing.validate(plan.steps)
    files.to_json([plan.config, plan.inputs, list(plan.steps), plan.augmentation])
    missing = set(subject.domain.spec.planned) - set(plan.config)
    _require(not missing, f"inputs() does not decide {sorted(missing)}, which `planned` names")
    _require(bool(plan.reasons), "inputs() gives no reasons")


def _samples_fit_the_plan(subject: _Subject) -> None:
    inputs = data.load_samples(subject.source, subject.indices(), subject.preparation)
    _check_described({name: as_numbers(value) for name, value in inputs.items()}, subject.plan)


def _check_described(inputs: Mapping[str, np.ndarray], plan: domains.InputPlan) -> None:
    """Hold samples `(n, ...)` against what the plan says of each input."""
    names = sorted(inputs), sorted(plan.inputs)
    _require(names[0] == names[1], f"the steps give the inputs {names[0]}, planned are {names[1]}")
    for name, described in plan.inputs.items():
        values, shape = inputs[name], list(described["shape"])
        given = list(values.shape[1:])
        _require(given == shape, f"the input {name} has the shape {given}, planned is {shape}")
        kind = described["dtype"]
        _require(values.dtype == kind, f"the input {name} is {values.dtype}, planned is {kind}")
        low, high = described.get("range", (-np.inf, np.inf))
        seen = values.min(), values.max()
        within = low <= seen[0] and seen[1] <= high
        _require(within, f"the input {name} goes from {seen[0]} to {seen[1]}, not {low} to {high}")


def _augmenting_keeps_the_form(subject: _Subject) -> None:
    preparation, results = subject.preparation, []
    if preparation.augmenter is None:
        return
    for _ in range(2):
        inputs, target = _training_sample(subject)
        results.append(preparation.augmenter(inputs, target, data.rng(0, "augment")))
    _require(_same(results[0][0], results[1][0]), "the augmenter differs for the same generator")
    batch = {name: as_numbers(value[None]) for name, value in results[0][0].items()}
    _check_described(batch, subject.plan)


def _training_sample(subject: _Subject) -> tuple[dict[str, np.ndarray], Any]:
    """Return one sample of the first example, as the augmenter is given it."""
    preparation = subject.preparation
    example = prepared_example(subject.source, 0, preparation.stored_steps)
    if preparation.cutter is None:
        return example.inputs, example.target
    return preparation.cutter.sample(example.inputs, example.target, 0, data.rng(0, "sample"))


def _cutting_and_joining_fit(subject: _Subject) -> None:
    cutter = subject.preparation.cutter
    if cutter is None:
        return
    example = prepared_example(subject.source, 0, cutter.case_steps)
    samples, masks = cutter.cut(example.inputs, example.target)
    counts = {name: len(value) for name, value in samples.items()}
    _require(set(counts.values()) == {len(masks)}, f"cut() gives {counts} and {len(masks)} masks")
    learned = int((masks != tasks.IGNORE_INDEX).sum())
    there = int((np.asarray(example.target) != tasks.IGNORE_INDEX).sum())
    _require(learned == there, f"{there} places of the truth stand {learned} times in the samples")
    joined = cutter.join(np.zeros((*masks.shape, len(subject.source.classes))), example.inputs)
    shapes = joined.shape[:-1], np.shape(example.target)
    _require(
        shapes[0] == shapes[1], f"join() gives the shape {shapes[0]}, the mask has {shapes[1]}"
    )


def _lengths_are_places(subject: _Subject) -> None:
    example = prepared_example(subject.source, 0, subject.preparation.case_steps)
    length = subject.domain.length(example.inputs)
    if length is not None:
        longest = max(len(value) for value in example.inputs.values())
        _require(0 < length <= longest, f"length() is {length} of {longest} places")


def _masks_are_written(subject: _Subject) -> None:
    if subject.source.labels() is not None:
        return
    mask = np.asarray(subject.source.load(0).target).astype("uint8")
    mask[mask >= len(subject.source.classes)] = 0
    labels = subject.source.fingerprint().labels
    numbers = label_numbers.numbered(mask, labels)
    with tempfile.TemporaryDirectory() as name:
        for content in (subject.source.raw(0), None):
            path = subject.domain.write_mask("input", content, numbers, labels, Path(name))
            inside = path.is_file() and path.parent == Path(name)
            _require(inside, f"write_mask() returns {path}, which is not a file of the folder")


# --- what is refused -----------------------------------------------------------------------------


def _nothing_is_refused(subject: _Subject) -> None:
    with tempfile.TemporaryDirectory() as name:
        _wrong_data_is_refused(subject, name)
        empty = Path(name, Path(subject.path).name)
        empty.touch()
        _wrong_data_is_refused(subject, str(empty))


def _wrong_data_is_refused(subject: _Subject, path: str) -> None:
    try:
        subject.open(path)
    except errors.ActzooError as error:
        _require(bool(str(error).strip()), f"the error on {path} says nothing")
        return
    except Exception as error:
        raise CheckFailedError(
            f"{path} raises {type(error).__name__}: {errors.shown(error, 160)}.\nRaise DataError, "
            "and say which file it is and what to do."
        ) from error
    raise CheckFailedError(f"{path} is opened, though it cannot be used.")


_CONTRACTS: tuple[Callable[[_Subject], None], ...] = (
    _row_is_complete, _data_is_recognized, _recognition_is_light,
    _every_list_has_the_length, _classes_fit_labels, _masks_hold_classes,
    _ids_are_unique_and_stable, _splits_are_known, _groups_stay_together,
    _loading_is_deterministic, _raw_gives_the_same_inputs, _fingerprint_agrees,
    _samples_are_counted,
    _plan_is_complete, _samples_fit_the_plan, _augmenting_keeps_the_form,
    _cutting_and_joining_fit, _lengths_are_places, _masks_are_written,
    _nothing_is_refused,
)  # fmt: skip
