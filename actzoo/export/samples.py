"""Samples given to an export, by input name, held against the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from actzoo import errors, models

if TYPE_CHECKING:
    import keras

Samples = Mapping[str, ArrayLike] | ArrayLike  # by input name, or of the one input


def by_name(samples: Samples, names: tuple[str, ...], what: str) -> dict[str, np.ndarray]:
    """Return samples as a mapping from input name.

    Args:
        samples: `(n, ...)`, or a mapping from input name to them.
        names: Of the model's inputs.
        what: What they are for, in messages ("calibration").

    Raises:
        DataError: An input lacks samples, or inputs have different numbers of them.
    """
    if isinstance(samples, Mapping):
        missing = [name for name in names if name not in samples]
        if missing:
            raise errors.DataError(
                f"The {what} samples lack the input '{errors.shown(missing[0])}'; given are "
                f"{errors.shown(', '.join(map(str, samples)))}.",
                given=tuple(samples),
                allowed=names,
            )
        arrays = {name: np.asarray(samples[name]) for name in names}
    elif len(names) == 1:
        arrays = {names[0]: np.asarray(samples)}
    else:
        raise errors.DataError(
            f"The model has the inputs {', '.join(names)}: give {what} samples as a mapping from "
            "name to array.",
            allowed=names,
        )
    if len({len(value) if value.ndim else -1 for value in arrays.values()}) != 1:
        raise errors.DataError(f"The {what} samples differ in number between inputs.")
    return arrays


def check_shapes(arrays: Mapping[str, np.ndarray], model: keras.Model, what: str) -> None:
    """Refuse samples that the model's inputs cannot take.

    Raises:
        DataError: Their shape is not that of the input, or they are not numbers.
    """
    for tensor in model.inputs:
        values = arrays[tensor.name]
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


def as_taken(arrays: Mapping[str, np.ndarray], model: keras.Model) -> dict[str, np.ndarray]:
    """Return samples in the dtypes that the model's inputs take."""
    dtypes = {tensor.name: tensor.dtype for tensor in model.inputs}
    return {name: np.asarray(value).astype(dtypes[name]) for name, value in arrays.items()}


def range_of(card: models.ModelCard, name: str) -> tuple[float, float] | None:
    """Return lowest and highest value of an input, or None where the card does not say."""
    limits = card.inputs.get(name, {}).get("range")
    return None if limits is None else (float(limits[0]), float(limits[1]))
