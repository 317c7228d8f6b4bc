"""The samples that travel with an export: for calibration, and recorded for verification.

`reference.npz` holds held-out cases as a user would send them and as the model got them, extreme
inputs, Keras' outputs on both, and each file's own outputs at export. Plain arrays, no objects.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors, models
from actzoo.data import load_masked_samples, load_samples, load_training_samples, rng

if TYPE_CHECKING:
    import keras

    from actzoo.data import RunData, Source

FEW_SAMPLES = 32  # below, calibration is noted as thin
CALIBRATION_SAMPLES = 256  # more moves the extremes of a trained net by less than an int8 step
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
        ids: Names of the samples; counted where left out.
        labels: True classes by name; empty where unknown, or where targets are masks.
        raw: The first cases as a user would send them, encoded; may be empty.
        masks: True masks `(n, ...)` of class indices; None where each sample has one class.
        cases: Number of the case that each sample belongs to; each its own where left out.
    """

    inputs: Mapping[str, np.ndarray]
    ids: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    raw: tuple[bytes, ...] = ()
    masks: np.ndarray | None = None
    cases: tuple[int, ...] = ()


def _by_name(values: Any, names: tuple[str, ...], what: str) -> dict[str, np.ndarray]:
    """Return samples as a mapping from input name."""
    if isinstance(values, Mapping):
        missing = [name for name in names if name not in values]
        if missing:
            raise errors.DataError(
                f"The {what} samples lack the input '{errors.shown(missing[0])}'; given are "
                f"{errors.shown(', '.join(map(str, values)))}.",
                given=tuple(values),
                allowed=names,
            )
        found = {name: np.asarray(values[name]) for name in names}
    elif len(names) == 1:
        found = {names[0]: np.asarray(values)}
    else:
        raise errors.DataError(
            f"The model has the inputs {', '.join(names)}: give {what} samples as a mapping from "
            "name to array.",
            allowed=names,
        )
    if len({len(value) if value.ndim else -1 for value in found.values()}) != 1:
        raise errors.DataError(f"The {what} samples differ in number between inputs.")
    return found


def check_calibration(
    calibration: Any, model: keras.Model, names: tuple[str, ...], note: Callable[[str], None]
) -> dict[str, np.ndarray]:
    """Return calibration samples that int8 ranges can be taken from."""
    way_out = (
        "Give some hundred samples as they reach the model in use, for instance training "
        "pictures in [0, 255]: export_model(..., calibration=pictures)."
    )
    if calibration is None:
        raise errors.DataError(f"int8 needs calibration samples, and none are given.\n{way_out}")
    found = _by_name(calibration, names, "calibration")
    if any(value.ndim == 0 or len(value) == 0 for value in found.values()):
        raise errors.DataError(f"The calibration set is empty.\n{way_out}")
    _check_shapes(found, model, "calibration")
    for tensor in model.inputs:
        values = found[tensor.name]
        bad = ~np.isfinite(values.astype("float64", copy=False).reshape(len(values), -1))
        if bad.any():
            row = int(np.flatnonzero(bad.any(axis=1))[0])
            raise errors.DataError(
                f"{int(bad.any(axis=1).sum())} calibration samples hold NaN or infinity, the "
                f"first is number {row}.\n{way_out}",
                given=row,
            )
    if all(not value.any() for value in found.values()):
        raise errors.DataError(f"The calibration samples are all zero.\n{way_out}")
    count = len(next(iter(found.values())))
    if count < FEW_SAMPLES:
        note(
            f"int8 is calibrated on {count} samples only; {FEW_SAMPLES} or more give ranges to "
            "rely on."
        )
    return found


def _check_shapes(found: Mapping[str, np.ndarray], model: keras.Model, what: str) -> None:
    """Refuse samples that the model's inputs cannot take."""
    for tensor in model.inputs:
        values = found[tensor.name]
        wanted = tuple(tensor.shape[1:])
        fits = values.ndim == len(wanted) + 1 and all(
            size in (None, given) for size, given in zip(wanted, values.shape[1:], strict=True)
        )
        if not fits:
            raise errors.DataError(
                f"The {what} samples have the shape {values.shape}; the input "
                f"'{tensor.name}' takes (n, {', '.join(map(str, wanted))}).",
                given=values.shape,
                allowed=(wanted,),
            )
        if values.dtype.kind not in "fiub":
            raise errors.DataError(
                f"The {what} samples are {values.dtype}; numbers are needed.",
                given=str(values.dtype),
            )


def as_reference(
    reference: Any, fallback: Any, model: keras.Model, card: models.ModelCard
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
    if isinstance(reference, Reference):
        found = dataclasses.replace(
            reference, inputs=_by_name(reference.inputs, names, "reference")
        )
    elif reference is not None:
        found = Reference(_by_name(reference, names, "reference"))
    elif fallback is not None:
        found = Reference(_by_name(fallback, names, "reference"))
    else:
        found = Reference(_random_inputs(model, card))
    outputs = math.prod(size or 1 for size in model.outputs[0].shape[1:])
    most = min(REFERENCE_CASES, max(16, REFERENCE_VALUES // outputs))
    count = min(most, len(next(iter(found.inputs.values()))))
    if count == 0:
        raise errors.DataError("The reference set is empty; give at least one case.")
    _check_shapes(found.inputs, model, "reference")
    unknown = sorted(set(found.labels) - set(map(str, card.classes)))
    if unknown:
        raise errors.DataError(
            f"The reference cases have the class '{errors.shown(unknown[0])}', which the model "
            "does not.",
            given=unknown[0],
            allowed=card.classes,
        )
    ids = found.ids or tuple(str(i) for i in range(count))
    cases = found.cases or tuple(range(count))
    floats = {tensor.name: "float" in str(tensor.dtype) for tensor in model.inputs}
    return Reference(
        {
            name: _compact(value[:count]) if floats[name] else value[:count].astype("int32")
            for name, value in found.inputs.items()
        },
        ids[:count],
        found.labels[:count],
        found.raw[: 1 + max(cases[:count])],
        None if found.masks is None else found.masks[:count],
        cases[:count],
    )


def _compact(values: np.ndarray) -> np.ndarray:
    """Return pixels as bytes where that loses nothing: a quarter of the file."""
    if values.dtype == np.uint8:
        return values
    if np.all((values >= 0) & (values <= 255)) and np.array_equal(values, np.round(values)):
        return values.astype("uint8")
    return values.astype("float32") if values.dtype.kind == "f" else values


def _random_inputs(model: keras.Model, card: models.ModelCard) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    import keras

    tables = [x.input_dim for x in model._flatten_layers() if isinstance(x, keras.layers.Embedding)]
    rows = min(tables, default=10)  # whole numbers look up rows of them
    found = {}
    for tensor in model.inputs:
        declared = card.inputs.get(tensor.name, {}).get("shape")
        shape = tuple(tensor.shape[1:]) if declared is None else tuple(declared)
        if None in shape:
            raise errors.DataError(
                f"The input '{tensor.name}' has no fixed size: {tuple(tensor.shape[1:])}.\n"
                "Give samples of the size that the file shall take: "
                "export_model(..., reference=samples).",
                given=tuple(tensor.shape[1:]),
            )
        shape = (16, *shape)
        whole = "float" not in str(tensor.dtype)
        low, high = range_of(card, tensor.name) or ((0, rows - 1) if whole else (-1.0, 1.0))
        if whole:  # not 0, which often stands for padding
            least, most = int(low), int(high)
            found[tensor.name] = random.integers(min(least + 1, most), most + 1, shape)
        elif (low, high) == (0, 255):  # pixels
            found[tensor.name] = random.integers(0, 256, shape)
        else:
            found[tensor.name] = random.uniform(low, high, shape).astype("float32")
    return found


def range_of(card: models.ModelCard, name: str) -> tuple[float, float] | None:
    """Return lowest and highest value of an input, or None where the card does not say."""
    limits = card.inputs.get(name, {}).get("range")
    return None if limits is None else (float(limits[0]), float(limits[1]))


def extreme_inputs(
    inputs: Mapping[str, np.ndarray], card: models.ModelCard
) -> dict[str, np.ndarray]:
    """Return inputs at and far beyond the edge of their range: black, white, blown up.

    Inputs that are whole numbers (token ids) have no beyond; then there are no cases.
    """
    found = {}
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
        found[name] = np.concatenate(rows)
    return found


def calibration_of_run(run: RunData) -> dict[str, np.ndarray]:
    """Return training samples to calibrate with, by input name."""
    preparation, seed = run.preparation, run.plan.recipe.seed
    order = rng(seed, "calibration").permutation(run.splits["train"])
    chosen = np.sort(order[:CALIBRATION_SAMPLES])
    if preparation.cutter is None:
        return load_samples(run.source, chosen, preparation)
    # Of few cases, several parts each.
    has_parts = run.source.samples_per_example(run.plan.preprocessing) is not None
    times = min(8, -(-CALIBRATION_SAMPLES // len(chosen))) if has_parts else 1
    drawn = [
        load_training_samples(run.source, chosen, preparation, seed + k)[0] for k in range(times)
    ]
    return {
        name: np.concatenate([one[name] for one in drawn])[:CALIBRATION_SAMPLES]
        for name in drawn[0]
    }


def reference_of_run(run: RunData) -> Reference:
    """Return held-out cases, an equal share of each class where there are too many."""
    seed, chosen = run.plan.recipe.seed, np.asarray(run.splits["test"])
    labels = run.source.labels()
    if labels is None:
        chosen = rng(seed, "reference").permutation(chosen)[:REFERENCE_CASES]
    else:
        chosen = _shares(np.asarray(labels), chosen, seed)
    ids = run.source.ids()
    names = [str(ids[int(index)]) for index in chosen]
    if labels is not None:
        return Reference(
            inputs=load_samples(run.source, chosen, run.preparation),
            ids=tuple(names),
            labels=tuple(str(run.classes[labels[int(index)]]) for index in chosen),
            raw=_raw_cases(run.source, chosen),
        )
    inputs, masks, cases = load_masked_samples(
        run.source, chosen, run.preparation, REFERENCE_CASES, REFERENCE_VALUES // len(run.classes)
    )
    return Reference(
        inputs=inputs,
        ids=tuple(names[case] for case in cases),
        raw=_raw_cases(run.source, chosen),
        masks=masks,
        cases=tuple(cases),
    )


def _raw_cases(source: Source, chosen: np.ndarray) -> tuple[bytes, ...]:
    """Return the first cases as a user would send them, as far as they fit into the file."""
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
        shuffled = rng(seed, "reference").permutation(chosen)
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
