"""The cases that travel with an export, recorded for verification.

`reference.npz` holds held-out cases as a user would send them and as the model got them, extreme
inputs, Keras' outputs on both, and each file's own outputs at export. Plain arrays, no objects.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from actzoo import data, errors, models
from actzoo.export.samples import Samples, by_name, check_shapes, range_of

if TYPE_CHECKING:
    import keras

REFERENCE_CASES = 1000
REFERENCE_VALUES = 8_000_000  # of Keras' outputs; a mask has many, and each precision as many
RAW_CASES = 64
RAW_BYTES = 20 << 20
# Factors that carry hidden values past |x| = 100, where unstable forms overflow.
EXTREME_FACTORS = (4.0, 32.0, 256.0, 2048.0)


@dataclasses.dataclass(frozen=True)
class Reference:
    """Cases an export is held against.

    Attributes:
        inputs: Input name -> `(n, ...)`.
        ids: Names of the samples; counted if left out.
        labels: True classes by name; empty where unknown, or where targets are masks.
        raw: The first cases as a user would send them, encoded; may be empty.
        masks: True masks `(n, ...)` of class indices; None where each sample has one class.
        cases: Number of the case that each sample belongs to; each its own if left out.
    """

    inputs: Mapping[str, np.ndarray]
    ids: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    raw: tuple[bytes, ...] = ()
    masks: np.ndarray | None = None
    cases: tuple[int, ...] = ()


def as_reference(
    reference: Reference | Samples | None,
    fallback: Samples | None,
    model: keras.Model,
    card: models.ModelCard,
) -> Reference:
    """Return the cases to record, from whatever the caller gave.

    Args:
        reference: A `Reference`, samples, or a mapping from input name to them; None for none.
        fallback: Samples to take instead, such as those for calibration.
        model: The model they are for.
        card: Names the classes, and the ranges for random cases where nothing is given.

    Raises:
        DataError: There are no cases, or their classes are not the model's.
    """
    names = tuple(tensor.name for tensor in model.inputs)
    cases = _given_cases(reference, fallback, names) or Reference(_random_inputs(model, card))
    count = min(_most_cases(model), len(next(iter(cases.inputs.values()))))
    if count == 0:
        raise errors.DataError("The reference set is empty; give at least one case.")
    check_shapes(cases.inputs, model, "reference")
    _check_classes(cases, card)
    floats = {tensor.name: "float" in str(tensor.dtype) for tensor in model.inputs}
    numbers = cases.cases or tuple(range(count))
    return Reference(
        {
            name: _compact(value[:count]) if floats[name] else value[:count].astype("int32")
            for name, value in cases.inputs.items()
        },
        (cases.ids or tuple(str(i) for i in range(count)))[:count],
        cases.labels[:count],
        cases.raw[: 1 + max(numbers[:count])],
        None if cases.masks is None else cases.masks[:count],
        numbers[:count],
    )


def _given_cases(
    reference: Reference | Samples | None, fallback: Samples | None, names: tuple[str, ...]
) -> Reference | None:
    if isinstance(reference, Reference):
        inputs = by_name(reference.inputs, names, "reference")
        return dataclasses.replace(reference, inputs=inputs)
    given = fallback if reference is None else reference
    return None if given is None else Reference(by_name(given, names, "reference"))


def _most_cases(model: keras.Model) -> int:
    """Return how many cases are recorded: a mask has many outputs."""
    outputs = math.prod(size or 1 for size in model.outputs[0].shape[1:])
    return min(REFERENCE_CASES, max(16, REFERENCE_VALUES // outputs))


def _check_classes(cases: Reference, card: models.ModelCard) -> None:
    unknown = sorted(set(cases.labels) - set(map(str, card.classes)))
    if unknown:
        raise errors.DataError(
            f"The reference cases have the class '{errors.shown(unknown[0])}', which the model "
            "does not.",
            given=unknown[0],
            allowed=card.classes,
        )


def _compact(values: np.ndarray) -> np.ndarray:
    """Return pixels as bytes where that loses nothing: a quarter of the file."""
    if values.dtype == np.uint8:
        return values
    if np.all((values >= 0) & (values <= 255)) and np.array_equal(values, np.round(values)):
        return values.astype("uint8")
    return values.astype("float32") if values.dtype.kind == "f" else values


def _random_inputs(model: keras.Model, card: models.ModelCard) -> dict[str, np.ndarray]:
    """Return cases where nothing is known: pixels, rows of tables, or numbers around 0."""
    import keras

    random = np.random.default_rng(0)
    tables = [x.input_dim for x in model._flatten_layers() if isinstance(x, keras.layers.Embedding)]
    rows = min(tables, default=10)  # whole numbers look up rows of them
    inputs = {}
    for tensor in model.inputs:
        shape = (16, *_size_of(tensor, card))
        whole = "float" not in str(tensor.dtype)
        low, high = range_of(card, tensor.name) or ((0, rows - 1) if whole else (-1.0, 1.0))
        if whole:  # not 0, which often stands for padding
            least, most = int(low), int(high)
            inputs[tensor.name] = random.integers(min(least + 1, most), most + 1, shape)
        elif (low, high) == (0, 255):  # pixels
            inputs[tensor.name] = random.integers(0, 256, shape)
        else:
            inputs[tensor.name] = random.uniform(low, high, shape).astype("float32")
    return inputs


def _size_of(tensor: keras.KerasTensor, card: models.ModelCard) -> tuple[int, ...]:
    declared = card.inputs.get(tensor.name, {}).get("shape")
    shape = tuple(tensor.shape[1:]) if declared is None else tuple(declared)
    if None in shape:
        raise errors.DataError(
            f"The input '{tensor.name}' has no fixed size: {tuple(tensor.shape[1:])}.\n"
            "Give samples of the size that the file is to take: "
            "export_model(..., reference=samples).",
            given=tuple(tensor.shape[1:]),
        )
    return shape


def extreme_inputs(
    inputs: Mapping[str, np.ndarray], card: models.ModelCard
) -> dict[str, np.ndarray]:
    """Return inputs at and far beyond the edge of their range: black, white, blown up.

    Inputs that are whole numbers (token ids) have no beyond; then there are no cases.
    """
    extreme = {}
    for name, values in inputs.items():
        declared = card.inputs.get(name, {}).get("dtype", "float32")
        if not str(declared).startswith("float"):
            return {}
        one = values[:1].astype("float32")
        low, high = range_of(card, name) or (float(one.min()), float(one.max()))
        middle = (low + high) / 2
        rows = [np.full_like(one, low), np.full_like(one, high)]
        for factor in EXTREME_FACTORS:
            rows += [middle + factor * (one - middle), middle - factor * (one - middle)]
            rows += [np.full_like(one, middle + factor * (high - middle))]
        extreme[name] = np.concatenate(rows)
    return extreme


def reference_of_run(run: data.RunData) -> Reference:
    """Return held-out cases, an equal share of each class where there are too many."""
    source, classes, seed = run.source, run.classes, run.plan.recipe.seed
    held_out = np.asarray(run.splits["test"])
    labels = source.labels()
    if labels is None:
        chosen = data.rng(seed, "reference").permutation(held_out)[:REFERENCE_CASES]
    else:
        chosen = _shares(np.asarray(labels), held_out, seed)
    ids = source.ids()
    names = [str(ids[int(index)]) for index in chosen]
    raw = _encoded(source, chosen)
    if labels is not None:
        return Reference(
            inputs=data.load_samples(source, chosen, run.preparation),
            ids=tuple(names),
            labels=tuple(str(classes[labels[int(index)]]) for index in chosen),
            raw=raw,
        )
    inputs, masks, cases = data.load_masked_samples(
        source, chosen, run.preparation, REFERENCE_CASES, REFERENCE_VALUES // len(classes)
    )
    return Reference(
        inputs=inputs,
        ids=tuple(names[case] for case in cases),
        raw=raw,
        masks=masks,
        cases=tuple(cases),
    )


def _encoded(source: data.Source, chosen: np.ndarray) -> tuple[bytes, ...]:
    """Return the first examples as a user would send them."""
    raw: list[bytes] = []
    for index in chosen[:RAW_CASES]:
        content = source.raw(int(index))
        if sum(map(len, raw)) + len(content) > RAW_BYTES:
            break
        raw.append(content)
    return tuple(raw)


def _shares(labels: np.ndarray, held_out: np.ndarray, seed: int) -> np.ndarray:
    """Return at most `REFERENCE_CASES` examples, the shares of classes kept, all classes first."""
    chosen = held_out
    if len(chosen) > REFERENCE_CASES:
        shuffled = data.rng(seed, "reference").permutation(chosen)
        by_class = np.argsort(labels[shuffled], kind="stable")
        # Every k-th of the cases ordered by class keeps the shares.
        picks = np.linspace(0, len(chosen) - 1, REFERENCE_CASES).astype(int)
        chosen = np.sort(shuffled[by_class[picks]])
    return chosen[_spread(labels[chosen])]


def _spread(labels: np.ndarray) -> np.ndarray:
    """Return an order that deals the classes out in turn."""
    rank = np.empty(len(labels), int)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    return np.lexsort((labels, rank))


def reference_arrays(
    cases: Reference, recorded: Mapping[str, np.ndarray], card: models.ModelCard
) -> dict[str, np.ndarray]:
    """Return the arrays of `reference.npz`.

    Args:
        cases: Inputs, names and encoded files.
        recorded: Keras' outputs and each file's.
        card: Names the classes.
    """
    lengths = [len(item) for item in cases.raw]
    joined = b"".join(cases.raw)
    positions = {str(name): index for index, name in enumerate(card.classes)}
    targets = np.array([positions[name] for name in cases.labels], "int64")
    if cases.masks is not None:
        targets = cases.masks.astype("uint8")
    return {
        "ids": np.array(cases.ids, dtype=np.str_),
        "labels": np.array(cases.labels, dtype=np.str_),
        "targets": targets,
        "cases": np.array(cases.cases, "int64"),
        "classes": np.array(card.classes, dtype=np.str_),
        # In the order of masks' numbers: the truth keeps its own names, whatever becomes of others.
        "target_classes": np.array(() if cases.masks is None else card.classes, dtype=np.str_),
        "raw_bytes": np.frombuffer(joined, np.uint8),
        "raw_offsets": np.cumsum([0, *lengths]).astype("int64"),
        **{f"input_{name}": value for name, value in cases.inputs.items()},
        **recorded,
    }
