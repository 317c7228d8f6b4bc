"""What accompanies a model file: enough to use the model without its data or its plan."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Any

from actzoo import errors, files


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What accompanies a model file, enough to use it without the data or the plan.

    Attributes:
        name: Architecture.
        config: Options it was built with.
        domain: Kind of data.
        task: What it does.
        classes: Names of the outputs, in order.
        preprocessing: Steps from the user's file to the input tensor.
        inputs: Input name -> `{"shape", "dtype", "range"}`, shape without batch.
        output: Activation appended at export ("softmax").
        weights: Origin and license of the weights.
        limits: Limits that `verify` holds exported files to.
        data_options: How its data was opened; other data is opened the same way.
        labels: Of masks: `{"name", "value"}` of each class, as in the user's own files; empty for
            models without masks, and those of before.
        seen: What the training examples were like; see `domains.InputPlan`.
        versions: Of the libraries that made it.
        sha256: File name -> hash of the files it describes.
        notes: What those who open the folder must know.
    """

    name: str
    config: dict[str, Any]
    domain: str
    task: str
    classes: tuple[str, ...]
    preprocessing: tuple[dict[str, Any], ...]
    inputs: dict[str, dict[str, Any]]
    output: str = "softmax"
    weights: dict[str, Any] = dataclasses.field(default_factory=dict)
    limits: dict[str, Any] = dataclasses.field(default_factory=dict)
    data_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    labels: tuple[dict[str, Any], ...] = ()
    seen: dict[str, Any] = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    sha256: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: str = "Load with actzoo.load_model, or call actzoo.register() before Keras' own loader."
    format: int = files.FORMAT

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ModelCard:
        """Read a card.

        Raises:
            MissingFileError: There is none.
            InvalidValueError: It is broken, or of a newer format.
        """
        data = files.read_json(path, "model card")
        missing = {"name", "classes", "preprocessing", "inputs", "task"} - set(data)
        if missing:
            raise errors.InvalidValueError(
                f"The model card {errors.shown(path, 200)} lacks: {', '.join(sorted(missing))}.\n"
                "Take the model.json that was saved with the model.",
                given=str(path),
            )
        known: dict[str, Any] = {
            field.name: _checked(field, data[field.name], path)
            for field in dataclasses.fields(cls)
            if field.name in data
        }
        return cls(**{"config": {}, "domain": "", **known})

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the card."""
        return files.write_json(path, self)


def _checked(field: dataclasses.Field[Any], value: object, path: str | os.PathLike[str]) -> object:
    """Return a field's value as read from JSON; refuse another kind than the field has."""
    is_list = field.name in ("classes", "preprocessing", "labels")
    is_object = str(field.type).startswith("dict")
    kind: type = list if is_list else dict if is_object else object
    if not isinstance(value, kind):
        raise errors.InvalidValueError(
            f"`{field.name}` in the model card {errors.shown(path, 200)} must be "
            f"{'a list' if is_list else 'an object'}.",
            given=value,
        )
    return tuple(value) if is_list and isinstance(value, list) else value


def versions() -> dict[str, str]:
    """Return the versions of the libraries that make a model."""
    from importlib import metadata

    import actzoo

    installed = {"actzoo": actzoo.__version__}
    for package in ("keras", "tensorflow", "numpy", "ai-edge-litert", "litert-quantizer"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            installed[package] = metadata.version(package)
    return installed
