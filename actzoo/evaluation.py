"""A model scored: on the held-out split of its run, or on other labeled data."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors, files, models, run_folder
from actzoo.inference.prediction import BATCH, with_data_options
from actzoo.inference.predictors import open_model

if TYPE_CHECKING:
    from actzoo.plan import Plan


def refuse_options(options: Mapping[str, Any]) -> None:
    """Refuse options of data where a run's own data is opened.

    Raises:
        InvalidValueError: There are some.
    """
    if options:
        raise errors.InvalidValueError(
            f"The run's own data is opened as in its plan, so these have no effect: "
            f"{errors.shown(', '.join(options))}.\n"
            "Leave them out, or name other data behind the model.",
            given=tuple(options),
        )


def evaluate(
    path: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    precision: str | None = None,
    *,
    trust: bool = False,
    threads: int = 1,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Score a model on its held-out split, or on other labeled data.

    Args:
        path: A run folder, or any model that `open_model` takes.
        data: Labeled data; the held-out split of the run's own data where left out.
        precision: An exported file of the run instead of its Keras model.
        trust: See `open_model`.
        threads: See `open_model`.
        options: How the other data is opened, where otherwise than in training.

    Returns:
        `task`, `model`, `precision`, `data`, and `test` as in `metrics.json`.

    Raises:
        MissingFileError: The model, its data or the exported file is not there.
        DataError: The data has classes that the model does not know.
    """
    from actzoo import data as data_room
    from actzoo import tasks

    path = Path(path)
    run = run_folder.RunFolder(path) if path.is_dir() and (path / "plan.json").exists() else None
    file = path
    if precision is not None:
        if run is None:
            raise errors.InvalidValueError(
                f"A precision chooses among the files of a run folder; {errors.shown(path, 120)} "
                "is none.",
                given=precision,
            )
        exported = run_folder.ExportFolder(run.export)
        file = exported.tflite(precision)
        if not file.exists():
            # An export replaces what was exported before.
            wanted = ",".join([*exported.precisions(), precision])
            raise errors.MissingFileError(
                f"The run has no {errors.shown(file.name)}.\n"
                f"Export it: actzoo export {errors.shown(path, 120)} --precision "
                f"{errors.shown(wanted)}",
                given=precision,
            )
    predictor = open_model(file, trust=trust, threads=threads)
    try:
        card = predictor.card
        if card is None:
            raise errors.InvalidValueError(
                "There is no model.json beside the model, so its classes are unknown.",
                given=str(path),
            )
        if data is None:
            if run is None:
                raise errors.InvalidValueError(
                    "Name the data to score on: actzoo evaluate MODEL DATA. Only a run folder "
                    "knows its own.",
                    given=str(path),
                )
            refuse_options(options or {})
            source, indices = _held_out(run, data_room)
        else:
            card = with_data_options(card, options or {})
            source = data_room.open_source(
                str(data), card.domain or None, card.data_options, fewest=1
            )
            indices = np.arange(len(source))
        if len(indices) == 0:
            raise errors.DataError("There is nothing to score on: the data is empty.")
        order = renumbering(source, card)
        cases = data_room.run_cases(
            source,
            indices,
            data_room.Preparation.of(card.domain, card.preprocessing),
            predictor.probabilities,
            batch_size=BATCH,
        )
        scored = (
            tasks.get_task(card.task)
            .assess(
                ((order[case.target], case.outputs, case.spacing) for case in cases),
                card.classes,
            )
            .score
        )
        return {
            "format": files.FORMAT,
            "task": card.task,
            "model": str(file),
            "precision": precision,
            "data": None if data is None else str(data),
            "test": scored,
        }
    finally:
        predictor.close()


def _held_out(run: run_folder.RunFolder, data_room: Any) -> tuple[Any, np.ndarray]:
    from actzoo.plan import Plan

    plan: Plan = Plan.read(run.plan)
    run_data = data_room.RunData.open(plan)
    return run_data.source, np.asarray(run_data.splits["test"])


def renumbering(source: Any, card: models.ModelCard) -> np.ndarray:
    """Return class index of the data -> class index of the model.

    Raises:
        DataError: The data has classes that the model does not know.
    """
    from actzoo import domains, tasks

    classes = card.classes
    names = domains.get_domain(card.domain).class_names(source, classes)
    unknown = [name for name in names if name not in classes]
    if unknown:
        listed = ", ".join(errors.shown(name) for name in unknown[:10])
        raise errors.DataError(
            f"The data has {len(unknown)} classes that the model does not know: {listed}.\n"
            f"It knows {errors.shown(', '.join(map(str, classes)), 200)}.",
            given=tuple(unknown),
            allowed=tuple(classes),
        )
    return tasks.renumbering(names, classes)
