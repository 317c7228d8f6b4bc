"""The numbers in predicted masks: those of the user's own masks, with a legend.

A model answers with class indices, which count from 0. Its card says which number each class has
in the masks it learned from; here is the only place where one becomes the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import errors, files, models, own_files

Labels = Sequence[Mapping[str, Any]]


def check(card: models.ModelCard) -> None:
    """Refuse a card whose labels are not one number for each class.

    Raises:
        InvalidValueError: They are not.
    """
    names = tuple(label.get("name") for label in card.labels)
    values = [label.get("value") for label in card.labels]
    whole = all(type(value) is int and 0 <= value <= 65535 for value in values)
    if card.labels and (names != tuple(card.classes) or not whole):
        raise errors.InvalidValueError(
            f"The labels in model.json ({errors.shown(values, 120)} of "
            f"{errors.shown(', '.join(map(str, names)), 120)}) do not belong to its classes, "
            f"{errors.shown(', '.join(map(str, card.classes)), 120)}.\n"
            "Each class needs one label, in order: its name, and a value from 0 to 65535.",
            given=values,
        )


def legend(card: models.ModelCard) -> tuple[dict[str, Any], ...]:
    """Return what the numbers in a model's masks mean: its labels, else its class indices."""
    if card.labels:
        return tuple(dict(label) for label in card.labels)
    return tuple({"name": name, "value": index} for index, name in enumerate(card.classes))


def numbered(mask: np.ndarray, labels: Labels) -> np.ndarray:
    """Return a mask of class indices in the user's own numbers, uint8 or uint16.

    Args:
        mask: Class indices.
        labels: Of the classes, in order; empty keeps the indices.
    """
    if not labels:
        return mask.astype("uint8")
    values = [int(label["value"]) for label in labels]
    table = np.asarray(values, "uint8" if max(values) <= 255 else "uint16")
    numbers: np.ndarray = table[mask]
    return numbers


def write_legend(folder: Path, card: models.ModelCard) -> Path:
    """Write the legend of masks beside them; it is read where they are data again.

    Raises:
        DataError: A labels.json of the user is there that says something else.
    """
    path = folder / own_files.LEGEND
    content = {"format": files.FORMAT, "labels": legend(card)}
    if path.exists() and not _is_legend(path):
        raise errors.DataError(
            f"{errors.shown(path, 200)} exists already and is not overwritten.\n"
            "Name another folder: --out FOLDER",
            given=str(path),
            fix="--out FOLDER",
        )
    return files.write_json(path, content)


def _is_legend(path: Path) -> bool:
    with contextlib.suppress(errors.ActzooError):
        return {"format", "labels"} == set(files.read_json(path, "legend"))
    return False
