"""Examples read and prepared without augmentation: samples, and whole cases asked of a model."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from actzoo import files, preprocessing
from actzoo.data.preparation import Preparation, samples_of
from actzoo.data.source import Example, Source, rng

CACHE_BYTES = 4 << 30  # of stored examples; beyond that, each is read again in every epoch


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
        for row in read_examples(source, indices, preparation.case_steps)
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
    for number, row in enumerate(read_examples(source, indices, preparation.case_steps)):
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
    for index, row in zip(
        indices, read_examples(source, indices, preparation.case_steps), strict=True
    ):
        one, target = row.inputs, row.target
        if cutter is not None:
            random = rng(seed, "one sample", index)
            part = int(random.integers(1 if parts is None else parts[int(index)]))
            one, target = cutter.sample(one, target, part, random)
        inputs.append(one)
        targets.append(target)
    return stacked(inputs), np.asarray(targets)


def prepared_example(source: Source, index: int, steps: preprocessing.Steps) -> Example:
    """Open and prepare one example."""
    example = source.load(int(index))
    return dataclasses.replace(example, inputs=preprocessing.apply(steps, example.inputs))


def read_examples(
    source: Source, indices: Sequence[int] | np.ndarray, steps: preprocessing.Steps
) -> Iterator[Example]:
    """Read examples in order, a few at once: decoders release the interpreter lock."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as threads:
        for start in range(0, len(indices), 64):
            chosen = [int(i) for i in indices[start : start + 64]]
            yield from threads.map(lambda index: prepared_example(source, index, steps), chosen)


def stacked(rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return rows of arrays as one batch; bytes become float32."""
    return {name: as_numbers(np.stack([row[name] for row in rows])) for name in rows[0]}


def as_numbers(array: np.ndarray) -> np.ndarray:
    """Return bytes as float32, other arrays as they are."""
    return array.astype("float32") if array.dtype == np.uint8 else array


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
        cache: As in `training_batches`.
    """
    indices = np.asarray(indices, dtype=np.int64)
    kept = cached_examples(source, indices, preparation.case_steps, cache)
    rows = read_examples(source, indices, preparation.case_steps) if kept is None else iter(kept)
    waiting: list[tuple[int, Example, dict[str, np.ndarray]]] = []
    for index, example in zip(indices, rows, strict=True):
        waiting.append((int(index), example, samples_of(example.inputs, preparation)))
        if sum(_count(samples) for _, _, samples in waiting) >= batch_size:
            yield from _run_waiting(waiting, preparation, run, batch_size)
            waiting = []
    if waiting:
        yield from _run_waiting(waiting, preparation, run, batch_size)


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
        name: as_numbers(np.concatenate([samples[name] for _, _, samples in waiting]))
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


def cached_examples(
    source: Source,
    indices: np.ndarray,
    steps: preprocessing.Steps,
    cache: MutableMapping[str, Any] | None,
) -> list[Example] | None:
    """Return all prepared examples, or None where memory is too small for them."""
    if cache is None or not len(indices):
        return None
    key = hashlib.sha256(indices.tobytes() + files.to_json(list(steps)).encode()).hexdigest()
    if key not in cache:
        cache[key] = _read_while_they_fit(source, indices, steps)
    examples: list[Example] | None = cache[key]
    return examples


def _read_while_they_fit(
    source: Source, indices: np.ndarray, steps: preprocessing.Steps
) -> list[Example] | None:
    """Return prepared examples, or None once their size shows that all would not fit."""
    kept: list[Example] = []
    size = 0
    for example in read_examples(source, indices, steps):
        size += sum(array.nbytes for array in example.inputs.values())
        if size * len(indices) / (len(kept) + 1) > CACHE_BYTES and len(kept) >= 16:
            return None
        kept.append(example)
    return kept if size <= CACHE_BYTES else None
