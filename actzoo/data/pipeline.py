"""The one input pipeline: training batches of an epoch, from examples on disk or in memory.

Whatever is random is a pure function of (seed, epoch, index), so that a run can be repeated and
resumed exactly.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo.data.cases import cached_examples, prepared_example, stacked
from actzoo.data.preparation import Preparation
from actzoo.data.source import Example, Source, rng

if TYPE_CHECKING:
    import keras

MIXING_BUFFER = 6  # examples whose parts are mixed, where not all fit into memory


def training_batches(
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
    rows = cached_examples(source, indices, stored, cache)
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
    read: Callable[[int], Example] = functools.partial(prepared_example, source, steps=stored)
    if rows is None and parts is not None:
        order = _by_example(order, samples[:, 0], rng(seed, "examples", epoch))
        read = functools.lru_cache(2 * MIXING_BUFFER)(read)
    if len(order) >= batch_size:
        order = order[: len(order) // batch_size * batch_size]
    lengths = None
    if preparation.length is not None and rows is not None:
        lengths = _lengths(rows, preparation.length, cache)
    if lengths is not None:
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
        inputs = stacked([example.inputs for example in examples])
        if lengths is not None:
            inputs = _shortened(inputs, int(lengths[chosen].max()))
        targets = np.asarray([example.target for example in examples])
        weights = np.asarray([example.weight for example in examples], dtype="float32")
        if class_weights is not None:
            weights = weights * np.asarray(class_weights, dtype="float32")[targets]
        return inputs, encode(targets) if encode else targets, weights

    return _dataset_class()(batch, -(-len(order) // batch_size))


def _lengths(
    rows: Sequence[Example],
    length: Callable[[dict[str, np.ndarray]], int | None],
    cache: MutableMapping[str, Any] | None,
) -> np.ndarray | None:
    """Return the length of each prepared example, rounded up to a multiple of 8; None for all."""
    kept: np.ndarray | None = (cache or {}).get("lengths")
    if kept is not None and len(kept) == len(rows):
        return kept
    lengths = [length(row.inputs) for row in rows]
    known = [-(-size // 8) * 8 for size in lengths if size is not None]
    if len(known) < len(rows):
        return None
    if cache is not None:
        cache["lengths"] = np.array(known)
    return np.array(known)


def _by_length(
    order: np.ndarray, lengths: np.ndarray, batch_size: int, random: np.random.Generator
) -> np.ndarray:
    """Return the order with examples of similar length in one batch, batches in random order.

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
    by_rank: np.ndarray = order[np.argsort(rank[examples[order]], kind="stable")]
    return by_rank


def _shortened(inputs: Mapping[str, np.ndarray], length: int) -> dict[str, np.ndarray]:
    return {name: array[:, :length] for name, array in inputs.items()}


def _dataset_class() -> Any:
    """Return the dataset class; Keras is imported here and not with the module."""
    import keras

    class Batches(keras.utils.PyDataset):
        """Batches made by a function of their number.

        One worker: with more, Keras starts and joins threads of its own in each epoch, which
        costs small data a second per epoch and delays Ctrl-C.
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
def feeding(batches: keras.utils.PyDataset) -> Iterator[Any]:
    """Give batches the form that `fit` takes, and raise what went wrong in making one.

    Under TensorFlow they come from a `tf.data.Dataset` that makes them one ahead, in a thread of
    its own. Keras would wrap them likewise, but with tf.data's tuner, whose thread sleeps on for up
    to 41 s after the end of an epoch before it lets go.

    Args:
        batches: A `keras.utils.PyDataset`, such as `training_batches` returns.

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


def _as_tensorflow(batches: keras.utils.PyDataset) -> Any:
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
