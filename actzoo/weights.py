"""Weights to start from: located, checked, and put into a model with a report of every layer."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actzoo import errors, files, saving, spellings
from actzoo.model_card import ModelCard
from actzoo.registry import Registry

if TYPE_CHECKING:
    import keras

HEAD = "head_"  # layers that depend on the classes; the only ones that may be left out


@spellings.accepts_old_arguments
@dataclasses.dataclass(frozen=True)
class WeightsSpec:
    """Published weights of one architecture.

    Attributes:
        name: `<model>.<tag>`.
        model: Architecture.
        source: Where they come from.
        license: Of the weights.
        paper: Source.
        sha256: Of the file.
        summary: One line.
    """

    name: str
    model: str
    source: str
    license: str
    sha256: str
    paper: str = ""
    summary: str = ""
    aliases: tuple[str, ...] = ()


WEIGHTS: Registry[WeightsSpec] = Registry("weights entry", command="actzoo list weights")


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What became of each layer with weights.

    Attributes:
        loaded: Names of layers that got the given weights.
        skipped: Name -> reason, of those that kept their own.
        origin: Where the weights came from, and their license.
    """

    loaded: tuple[str, ...]
    skipped: dict[str, str]
    origin: dict[str, Any]


def list_weights(pattern: str = "*") -> tuple[str, ...]:
    """Return the names of the published weights that match.

    Args:
        pattern: Wildcards `*` and `?`.
    """
    return WEIGHTS.names(pattern)


def locate(given: str | os.PathLike[str]) -> Path | None:
    """Return the path that `--weights` names, or None for fresh weights.

    Args:
        given: "none", "auto", a run folder or a `.keras` file.

    Raises:
        MissingFileError: It is none of these.
    """
    text = os.fspath(given)
    if text in ("none", "auto"):
        return None  # `auto` has nothing to find while no weights are published
    path = Path(text)
    if (path / "model.keras").exists() or (path.is_file() and path.suffix == ".keras"):
        return path
    raise errors.MissingFileError(
        f"There are no weights at {errors.shown(text, 200)}.\n"
        "--weights takes: none, auto, a run folder that holds model.keras, or a .keras file.",
        given=text,
        allowed=("none", "auto", "a run folder", "a .keras file"),
    )


def apply(model: keras.Model, given: str | os.PathLike[str] | keras.Model) -> LoadReport:
    """Put the weights of a saved model into another of the same architecture.

    Layers are matched by name. Only the head may differ (it belongs to the classes); it keeps
    its fresh weights and the report says so.

    Args:
        model: Gets the weights.
        given: A run folder, a `.keras` file, or a model.

    Returns:
        The report; loaded and skipped together are all layers with weights.

    Raises:
        MissingFileError: There is no such file.
        InvalidValueError: Layers other than the head do not fit; lists layer, expected, found.
    """
    if isinstance(given, str | os.PathLike):
        path = locate(given)
        if path is None:
            return LoadReport((), {}, {"origin": "none"})
        source, origin = saving.load_model(path), _origin(path)
    else:
        source, origin = given, {"origin": given.name}
    report, wrong = _transfer(source, model, origin)
    if wrong:
        layers = len(wrong) + len(report.loaded) + len(report.skipped)
        raise errors.InvalidValueError(
            f"The weights do not fit {model.name}: {len(wrong)} of {layers} layers differ, among "
            "them\n  "
            + "\n  ".join(wrong[:3])
            + "\nBuild the model with the options of the one that was saved (see its model.json).",
            given=str(given),
        )
    return report


def _transfer(
    source: keras.Model, model: keras.Model, origin: dict[str, Any]
) -> tuple[LoadReport, list[str]]:
    """Copy the weights of layers of one name and shape; return the report, and what differs."""
    theirs = {layer.name: layer for layer in source.layers if layer.weights}
    loaded: list[str] = []
    skipped: dict[str, str] = {}
    wrong: list[str] = []
    for layer in model.layers:
        if not layer.weights:
            continue
        expected = [tuple(weight.shape) for weight in layer.weights]
        other = theirs.get(layer.name)
        shapes = None if other is None else [tuple(weight.shape) for weight in other.weights]
        if other is not None and shapes == expected:
            layer.set_weights(other.get_weights())
            loaded.append(layer.name)
        elif layer.name.startswith(HEAD):
            skipped[layer.name] = f"belongs to other classes: {shapes} there, {expected} here"
        else:
            wrong.append(f"{layer.name}: expected {expected}, found {shapes}")
    return LoadReport(tuple(loaded), skipped, origin), wrong


def _origin(path: Path) -> dict[str, Any]:
    file = path / "model.keras" if path.is_dir() else path
    origin: dict[str, Any] = {
        "origin": "trained here",
        "file": file.name,
        "sha256": files.sha256_file(file),
    }
    card = file.with_name("model.json")
    if card.exists():
        earlier = ModelCard.read(card)
        origin["model"] = earlier.name
        origin["license"] = earlier.weights.get("license", "as the data it was trained on")
        origin["parent_classes"] = list(earlier.classes)
    return origin
