"""What accompanies an exported model: the card, and what its outputs mean."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors, models, tasks
from actzoo.export.reference import Reference

if TYPE_CHECKING:
    import keras

_INPUT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def check_inputs(model: keras.Model) -> None:
    """Refuse a model whose inputs and outputs no device file can have.

    Raises:
        InvalidTypeError: It is not functional, or has several outputs.
        InvalidValueError: An input has a name that a SavedModel cannot have, or takes texts.
    """
    outputs = getattr(model, "outputs", None) or ()
    if len(outputs) != 1:
        raise errors.InvalidTypeError(
            f"{type(model).__name__} has {len(outputs)} outputs known before a call; export needs "
            "a functional model with one.\nBuild it with keras.Model(inputs, output).",
            given=type(model).__name__,
        )
    for tensor in model.inputs:
        if not _INPUT_NAME.fullmatch(tensor.name):
            raise errors.InvalidValueError(
                f"The input '{errors.shown(tensor.name)}' has a name that a SavedModel cannot "
                "have.\nBegin it with a letter, then letters, digits and underscores: "
                "keras.Input(..., name='x')",
                given=tensor.name,
            )
        if not str(tensor.dtype).startswith(("float", "bfloat", "int", "uint", "bool")):
            raise errors.InvalidValueError(
                f"The input '{tensor.name}' takes {tensor.dtype}; a device's file takes numbers.\n"
                "Turn texts into token ids before the model.",
                given=str(tensor.dtype),
            )


def card_for(
    model: keras.Model,
    card: models.ModelCard | Mapping[str, Any] | None,
    classes: Sequence[str] | None,
    task: str,
) -> models.ModelCard:
    """Return the card that travels with a model, completed from the model itself.

    Args:
        model: The model.
        card: Given by the user: whole, some of its fields, or none.
        classes: Names of the outputs, in order; those of the card where None.
        task: What the output means, where there is no card.

    Raises:
        InvalidValueError: Classes and outputs differ in number, or a name holds a line break.
    """
    whole = card if isinstance(card, models.ModelCard) else _card_of(model, task)
    if isinstance(card, Mapping):
        fields = {field.name for field in dataclasses.fields(models.ModelCard)}
        given = {key: value for key, value in card.items() if key in fields}
        whole = dataclasses.replace(whole, **given)
    if classes is not None:
        whole = dataclasses.replace(whole, classes=tuple(map(str, classes)))
    _check_classes(whole.classes, output_size(model))
    return whole


def _card_of(model: keras.Model, task: str) -> models.ModelCard:
    pixels = {"range": [0, 255]} if _scales_pixels(model) else {}
    return models.ModelCard(
        name=model.name,
        config={},
        domain="",
        task=task,
        classes=tuple(f"class_{i}" for i in range(output_size(model))),
        preprocessing=(),
        inputs={
            tensor.name: {
                "shape": list(tensor.shape[1:]),
                "dtype": str(tensor.dtype),
                **pixels,
            }
            for tensor in model.inputs
        },
        output=tasks.get_task(task).output_activation,
        versions=models.versions(),
    )


def _check_classes(classes: Sequence[str], size: int) -> None:
    if len(classes) != size:
        raise errors.InvalidValueError(
            f"The model has {size} outputs, but {len(classes)} classes are given.\n"
            "Give one name for each output, in order.",
            given=len(classes),
            allowed=(size,),
        )
    for name in classes:
        if "\n" in str(name) or "\r" in str(name):
            raise errors.InvalidValueError(
                f"The class name '{errors.shown(name)}' holds a line break, and labels.txt has "
                "one name per line.\nRename the class.",
                given=name,
            )


def with_pixel_inputs(card: models.ModelCard, model: keras.Model) -> models.ModelCard:
    """Return a card whose inputs are pixels where it does not say otherwise."""
    for tensor in model.inputs:
        if "float" not in str(tensor.dtype):
            raise errors.InvalidValueError(
                f"The input '{tensor.name}' takes whole numbers ({tensor.dtype}) and cannot be "
                "uint8 pixels.\nLeave io_dtype out.",
                given="uint8",
            )
    inputs = {
        name: {**described, "range": described.get("range") or [0, 255]}
        for name, described in card.inputs.items()
    }
    return dataclasses.replace(card, inputs=inputs)


def output_size(model: keras.Model) -> int:
    """Return the number of a model's outputs per place."""
    shape = tuple(model.outputs[0].shape)
    if len(shape) < 2 or shape[-1] is None:
        raise errors.InvalidValueError(
            f"The model's output has the shape {shape}; export takes (batch, ..., classes).\n"
            "Leave the last axis in place, with one value for each class.",
            given=shape,
        )
    return int(shape[-1])


def with_sizes(card: models.ModelCard, model: keras.Model, cases: Reference) -> models.ModelCard:
    """Return a card whose inputs have the sizes that the model leaves open, as the cases have."""
    inputs = dict(card.inputs)
    for tensor in model.inputs:
        shape = list(inputs.get(tensor.name, {}).get("shape") or tensor.shape[1:])
        if None in shape:
            sizes = cases.inputs[tensor.name].shape[1:]
            filled = [size or given for size, given in zip(shape, sizes, strict=True)]
            inputs[tensor.name] = {**inputs.get(tensor.name, {}), "shape": filled}
    return dataclasses.replace(card, inputs=inputs)


def check_one_size(card: models.ModelCard, samples: Mapping[str, np.ndarray]) -> None:
    """Refuse calibration samples of another size than the file will take."""
    for name, values in samples.items():
        wanted = tuple(card.inputs.get(name, {}).get("shape") or values.shape[1:])
        if values.shape[1:] != wanted:
            raise errors.DataError(
                f"The calibration samples of '{name}' have the shape {values.shape[1:]}, the file "
                f"takes {wanted}.\nGive calibration and reference samples the same size.",
                given=values.shape[1:],
                allowed=(wanted,),
            )


def missing_output_activation(
    model: keras.Model, card: models.ModelCard, cases: Reference, note: errors.Note
) -> str | None:
    """Return the output activation to append to a model; None where it gives probabilities.

    Raises:
        InvalidValueError: Its one output is not a probability and cannot become one.
    """
    from actzoo import lowering

    if card.output != "softmax":
        return card.output
    ending = lowering.probability_activation(model)
    if ending is not None:
        return ending
    few = {name: value[: lowering.FEW] for name, value in cases.inputs.items()}
    outputs = functools.cache(lambda: lowering.keras_outputs(model, None, few))
    if lowering.gives_probabilities(model, outputs):
        note(
            "The model's outputs are probabilities already (they sum to 1), so no softmax was "
            "appended."
        )
        return None
    if np.all((outputs() >= 0) & (outputs() <= 1)):
        note(
            "A softmax was appended to the model, whose outputs are all between 0 and 1. If "
            "each is a probability by itself, end it in keras.layers.Activation('sigmoid')."
        )
    return card.output


def _scales_pixels(model: keras.Model) -> bool:
    """Whether a model with one input begins by scaling `[0, 255]` itself."""
    first = next((layer for layer in model.layers if type(layer).__name__ != "InputLayer"), None)
    scale = getattr(first, "scale", None)
    return (
        len(model.inputs) == 1
        and type(first).__name__ == "Rescaling"
        and isinstance(scale, int | float)
        and 1 / 256 <= scale <= 1 / 127
    )
