"""What a report shows of scans: truth and prediction side by side, and the cases one by one.

Cases are called by number and digest, never by file or patient.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from actzoo import files
from actzoo.applications.medical.files.pictures import COLORS
from actzoo.data import SPLITS
from actzoo.tasks import IGNORE_INDEX

if TYPE_CHECKING:
    from pathlib import Path

    from actzoo.evaluation import Evaluation
    from actzoo.panels import Panel

SIDE = 220  # of one picture, in pixels, at least the longer side
SAMPLES = 6  # of the training data
BEST, MEDIAN, WORST = 2, 2, 4  # so many cases
ROWS = 200


def panels(evaluation: Evaluation) -> list[Panel]:
    """Return the report's panels on the data, writing PNG files for the galleries.

    Args:
        evaluation: The held-out split, scored.

    Returns:
        Samples of the training data, how often each class occurs, the best, median and worst held-
        out cases, a table of all.
    """
    order = _by_dice(evaluation)
    return [
        _samples(evaluation),
        _balance(evaluation),
        _overlays(evaluation, order),
        _table(evaluation, order),
    ]


def _dice(evaluation: Evaluation, position: int) -> float | None:
    """Return the mean Dice of a case over the classes that occur in it."""
    row = evaluation.cases[position]
    values = [row.get(f"dice_{name}") for name in evaluation.classes[1:]]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _by_dice(evaluation: Evaluation) -> list[tuple[float, int]]:
    """Return mean Dice and position of the held-out cases that have one, the worst first."""
    scored = [(_dice(evaluation, k), k) for k in range(len(evaluation.cases))]
    return sorted((value, k) for value, k in scored if value is not None)


def _samples(evaluation: Evaluation) -> Panel:
    train = np.asarray(evaluation.splits["train"])
    items = []
    for index in train[np.linspace(0, len(train) - 1, min(len(train), SAMPLES)).astype(int)]:
        example = evaluation.source.load(int(index))
        picture, truth = _shown(
            _axis(evaluation), example.inputs["image"], np.asarray(example.target)
        )
        pair = [_gray(picture), _outlined(picture, [(truth, COLORS[4])])]
        items.append(
            {
                "picture": _written(evaluation.folder, f"train_{index}", pair),
                "caption": evaluation.source.ids()[int(index)],
                "detail": "",
            }
        )
    return {
        "title": "Samples of the training data",
        "kind": "gallery",
        "about": "Beside each scan, the outline of its mask; of a volume, its fullest slice.",
        "items": items,
    }


def _balance(evaluation: Evaluation) -> Panel:
    counts = evaluation.source.fingerprint().counts
    names = list(evaluation.classes[1:])
    return {
        "title": "Cases in which each class occurs",
        "kind": "bars",
        "labels": names,
        "series": {
            split: [counts[split][name] for name in names] for split in SPLITS if split in counts
        },
    }


def _overlays(evaluation: Evaluation, order: Sequence[tuple[float, int]]) -> Panel:
    middle = max(0, len(order) // 2 - 1)
    chosen = {
        "Best": order[::-1][:BEST],
        "Median": order[middle : middle + MEDIAN],
        "Worst": order[:WORST],
    }
    items, seen = [], set()
    for place, cases in chosen.items():
        for value, position in cases:
            if position in seen:
                continue
            seen.add(position)
            items.append(_overlay(evaluation, place, value, position))
    return {
        "title": "Truth and prediction, best to worst",
        "kind": "gallery",
        "section": "results",
        "about": (
            "The scan; beside it the outline of the truth (green) and of the prediction (orange). "
            "Of a volume, the slice with most of both."
        ),
        "items": items,
    }


def _overlay(evaluation: Evaluation, place: str, value: float, position: int) -> dict[str, str]:
    index = int(evaluation.test_indices[position])
    example = evaluation.source.load(index)
    picture, truth, predicted = _shown(
        _axis(evaluation),
        example.inputs["image"],
        np.asarray(example.target),
        evaluation.outputs[position],
    )
    both = _outlined(picture, [(truth, COLORS[4]), (predicted, COLORS[1])])
    return {
        "picture": _written(evaluation.folder, f"test_{index}", [_gray(picture), both]),
        "caption": f"{place}: Dice {value:.3f}",
        "detail": evaluation.source.ids()[index],
    }


def _table(evaluation: Evaluation, order: Sequence[tuple[float, int]]) -> Panel:
    keys = list(dict.fromkeys(key for row in evaluation.cases for key in row))
    ids = evaluation.source.ids()
    rows = [
        [ids[int(evaluation.test_indices[k])], *(evaluation.cases[k].get(key) for key in keys)]
        for _, k in order[:ROWS]
    ]
    title = "Held-out cases, worst first"
    if len(order) > ROWS:
        title += f" ({ROWS} of {len(order)})"
    names = [key.replace("hd95_mm_", "HD95 mm ").replace("dice_", "Dice ") for key in keys]
    names = [name.replace("iou_", "IoU ") for name in names]
    return {
        "title": title,
        "kind": "table",
        "section": "results",
        "columns": ["case", *names],
        "rows": rows,
    }


def _axis(evaluation: Evaluation) -> int:
    """Return the axis along which the model takes slices of a volume."""
    return int(evaluation.steps[-1].get("axis", 2)) if evaluation.steps else 2


def _shown(axis: int, image: np.ndarray, *masks: np.ndarray) -> list[np.ndarray]:
    """Return a picture `(height, width, channels)` and its masks; of a volume, its fullest slice.

    Up in a slice is the head, or the nose where it is cut from feet to head. Of a volume's channels
    the first is shown, since they are not colors.
    """
    if image.ndim == 3:
        return [image, *masks]
    image = image[..., :1]
    filled = sum(((mask > 0) & (mask != IGNORE_INDEX)).astype("int64") for mask in masks)
    number = int(np.sum(filled, axis=tuple(k for k in range(3) if k != axis)).argmax())
    return [np.rot90(np.take(array, number, axis)) for array in (image, *masks)]


def _gray(picture: np.ndarray) -> np.ndarray:
    """Return a picture `(height, width, 3)` of bytes, enlarged, from its darkest to brightest."""
    values = picture.astype("float64")
    low, high = np.percentile(values, (0.5, 99.5))
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * 255
    pixels = np.repeat(scaled, 3, axis=2) if picture.shape[2] == 1 else scaled
    return _enlarged(pixels.astype("uint8"))


def _enlarged(values: np.ndarray) -> np.ndarray:
    times = max(1, round(SIDE / max(values.shape[:2])))
    return values.repeat(times, axis=0).repeat(times, axis=1)


def _outlined(
    picture: np.ndarray, outlines: Sequence[tuple[np.ndarray, tuple[int, int, int]]]
) -> np.ndarray:
    """Return the picture with the borders of all classes of some masks drawn in."""
    pixels = _gray(picture).copy()
    for mask, color in outlines:
        large = _enlarged(mask)
        edge = np.zeros(large.shape, bool)
        edge[:-1] |= large[:-1] != large[1:]
        edge[:, :-1] |= large[:, :-1] != large[:, 1:]
        pixels[edge] = color
    return pixels


def _written(folder: Path, name: str, pictures: Sequence[np.ndarray]) -> str:
    """Write pictures beside one another as a PNG; return its path below the folder."""
    gap = np.full((pictures[0].shape[0], 4, 3), 255, "uint8")
    content = io.BytesIO()
    Image.fromarray(np.concatenate([pictures[0], gap, *pictures[1:]], axis=1)).save(content, "PNG")
    relative = f"pictures/{name}.png"
    files.write_bytes(folder / relative, content.getvalue())
    return relative
