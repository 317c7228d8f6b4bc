"""What a report shows of pictures: samples of each class, the worst mistakes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from actzoo import errors, files, preprocessing
from actzoo.data import rng

if TYPE_CHECKING:
    from pathlib import Path

    from actzoo.evaluation import Evaluation
    from actzoo.panels import Panel

SIDE = 160  # longest, in pixels
SAMPLES = 4  # of each class
CLASSES_SHOWN = 12
MISTAKES = 16


def panels(evaluation: Evaluation) -> list[Panel]:
    """Return the report's panels on the data, writing small JPEG files for the galleries.

    Args:
        evaluation: The held-out split, scored.

    Returns:
        A gallery of samples, and one of the most confident mistakes.
    """
    shown = [_samples(evaluation)]
    mistakes = _mistakes(evaluation)
    return [*shown, mistakes] if mistakes["items"] else shown


def _samples(evaluation: Evaluation) -> Panel:
    labels = np.asarray(evaluation.source.labels())
    train = np.asarray(evaluation.splits["train"])
    shown = _spread(len(evaluation.classes), CLASSES_SHOWN)
    items = []
    for label in shown:
        own = train[labels[train] == label]
        for index in rng(0, "samples", label).permutation(own)[:SAMPLES]:
            items.append(
                {
                    "picture": _thumbnail(evaluation, int(index)),
                    "caption": evaluation.classes[label],
                    "detail": _name(evaluation, int(index)),
                }
            )
    title = "Samples of the training data"
    if len(shown) < len(evaluation.classes):
        title += f" ({len(shown)} of {len(evaluation.classes)} classes)"
    return {"title": title, "kind": "gallery", "items": items}


def _mistakes(evaluation: Evaluation) -> Panel:
    labels, probabilities = evaluation.labels, evaluation.probabilities
    guesses = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(guesses != labels)
    worst = wrong[np.argsort(-probabilities[wrong, guesses[wrong]], kind="stable")][:MISTAKES]
    items = []
    for row in worst:
        truth, guess = int(labels[row]), int(guesses[row])
        index = int(evaluation.test_indices[row])
        items.append(
            {
                "picture": _thumbnail(evaluation, index),
                "caption": f"{evaluation.classes[guess]} {probabilities[row, guess]:.0%}",
                "detail": (
                    f"is {evaluation.classes[truth]} ({probabilities[row, truth]:.0%}); "
                    f"{_name(evaluation, index)}"
                ),
            }
        )
    return {
        "title": "Most confident mistakes",
        "kind": "gallery",
        "section": "results",
        "items": items,
    }


def _spread(count: int, most: int) -> list[int]:
    """Return at most so many of `range(count)`, evenly spread."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})


def _name(evaluation: Evaluation, index: int) -> str:
    return errors.shown(evaluation.source.ids()[index], 100)


def _thumbnail(evaluation: Evaluation, index: int) -> str:
    """Write a small JPEG, named by its number since names of files may hold anything."""
    decoded = preprocessing.apply(evaluation.steps[:1], evaluation.source.load(index).inputs)
    image = Image.fromarray(decoded["image"])
    image.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=80)
    relative = f"pictures/{index}.jpg"
    path: Path = evaluation.folder / relative
    files.write_bytes(path, content.getvalue())
    return relative
