"""Inputs of a model, refused where it would answer with nonsense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from actzoo import errors, models, tflite


def check_inputs(
    inputs: Mapping[str, np.ndarray],
    specs: Mapping[str, tflite.TensorSpec],
    card: models.ModelCard | None = None,
) -> dict[str, np.ndarray]:
    """Return inputs as arrays, or refuse what the model would answer with nonsense.

    Args:
        inputs: Input name -> `(n, ...)`.
        specs: What the model takes.
        card: Says the range of the values.

    Raises:
        InvalidValueError: Names what is expected and what was found.
    """
    checked = {}
    for name, spec in specs.items():
        if name not in inputs:
            raise _missing(name, inputs, specs)
        values = np.asarray(inputs[name])
        _check_shape(values, spec)
        if values.dtype.kind not in "fiub":
            raise errors.InvalidValueError(
                f"'{errors.shown(name)}' takes numbers; found {values.dtype}.",
                given=str(values.dtype),
                allowed=("float32", "uint8"),
            )
        described = card.inputs.get(name, {}) if card is not None else {}
        _check_values(values, name, described.get("range"))
        checked[name] = values
    return checked


def _missing(
    name: str, inputs: Mapping[str, np.ndarray], specs: Mapping[str, tflite.TensorSpec]
) -> errors.InvalidValueError:
    return errors.InvalidValueError(
        f"The input '{errors.shown(name)}' is missing; given are "
        f"{errors.shown(', '.join(map(str, inputs)) or 'none')}.",
        given=tuple(inputs),
        allowed=tuple(specs),
    )


def _check_shape(values: np.ndarray, spec: tflite.TensorSpec) -> None:
    wanted = tuple(spec.shape)
    shape = values.shape[1:]
    if values.ndim == len(wanted) + 1 and all(
        size in (-1, given) for size, given in zip(wanted, shape, strict=True)
    ):
        return
    hint = ""
    if len(wanted) == 3 and shape == (wanted[2], wanted[0], wanted[1]):
        hint = "\nThe channels come last: np.moveaxis(picture, 0, -1)."
    elif values.shape == wanted:
        hint = "\nA first axis counts the samples: picture[None]."
    elif len(wanted) == 3 and len(shape) == 3 and shape[2] == wanted[2]:
        hint = f"\nResize to {wanted[0]}x{wanted[1]} pixels."
    raise errors.InvalidValueError(
        f"'{errors.shown(spec.name)}' takes (n, {', '.join(map(str, wanted))}); found "
        f"{values.shape}.{hint}",
        given=values.shape,
        allowed=(wanted,),
    )


def _check_values(values: np.ndarray, name: str, limits: Sequence[float] | None) -> None:
    if values.size == 0:
        return
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        rows = values.reshape(len(values), -1)
        first = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise errors.InvalidValueError(
            f"'{errors.shown(name)}' holds NaN or infinity, first in sample {first}.",
            given=first,
        )
    if limits is None:
        return
    low, high = float(limits[0]), float(limits[1])
    smallest, largest = float(values.min()), float(values.max())
    slack = 1e-3 * (high - low)
    fits = smallest >= low - slack and largest <= high + slack
    small = (
        low >= 0 and high > 2 and values.dtype.kind == "f" and -1.0 <= smallest and largest <= 1.0
    )
    # Fractions below one, where bytes are expected, were scaled before; whole ones are dark pixels.
    if fits and (not small or np.array_equal(values, np.round(values))):
        return
    hint = "The steps in model.json say how it is made."
    if (low, high) == (0.0, 255.0):
        hint = "The model scales them itself: give pixels as they are in the file."
    raise errors.InvalidValueError(
        f"'{errors.shown(name)}' takes values from {low:g} to {high:g}; found {smallest:.4g} to "
        f"{largest:.4g}.\n{hint}",
        given=(smallest, largest),
        allowed=((low, high),),
    )
