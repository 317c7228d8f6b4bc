"""A model scored: on the held-out splits of its run, or on other labeled data.

Scores are computed from whole cases by the task, so that Keras, an exported file and a phone are
measured alike. What the report shows of the data is drawn here, too, by the domain.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import checkpoint, domains, errors, files, folders, last_look, models, tasks
from actzoo.data import (
    Preparation,
    RunData,
    Source,
    about_near_copies,
    about_seen,
    find_seen,
    near_copies,
    open_source,
    run_cases,
)
from actzoo.findings import Finding
from actzoo.inference.prediction import BATCH, with_data_options
from actzoo.inference.predictors import open_model
from actzoo.plan import Plan
from actzoo.run_folder import ExportFolder, RunFolder, place_of_data, remember_place

if TYPE_CHECKING:
    import keras

HELD_OUT = ("val", "test")
IDENTITY = "identity (may name a person: do not pass this file on)"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a domain's panels are drawn from.

    Attributes:
        source: The opened data.
        splits: Split -> indices.
        classes: Names.
        steps: Preprocessing.
        test_indices: Of the held-out examples, in order.
        labels: Their true classes `(n,)`; none `(0,)` where they have masks.
        outputs: What the model gave for each: probabilities `(classes,)`, or a mask of class
            indices.
        cases: Scores of each, by column of `predictions.csv`.
        folder: `evaluation/` of the run; pictures go into `pictures/` below it.
    """

    source: Source
    splits: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    steps: tuple[dict[str, Any], ...]
    test_indices: np.ndarray
    labels: np.ndarray
    outputs: Sequence[np.ndarray]
    cases: tuple[dict[str, Any], ...]
    folder: Path

    @property
    def probabilities(self) -> np.ndarray:
        """The outputs of a classifier, stacked `(n, classes)`."""
        return np.stack(self.outputs)


@dataclasses.dataclass(frozen=True)
class ScoredRun:
    """The held-out splits of a run, scored.

    Attributes:
        data: The data of the run.
        assessed: Held-out split -> scores, rows and outputs of its cases.
    """

    data: RunData
    assessed: Mapping[str, tasks.Assessment]

    @property
    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds beside what the last look finds."""
        scores = {name: assessed.score for name, assessed in self.assessed.items()}
        return {"format": files.FORMAT, "task": self.data.plan.task, **scores}

    @property
    def notes(self) -> list[str]:
        """What a reader of the scores must know, one sentence each."""
        task, score = self.data.task, self.assessed["test"].score
        if task.beats_baseline(score):
            return []
        return [
            "The model is no better than an answer that ignores the input: "
            f"{task.headline} {task.baseline_score(score):.3f}."
        ]


def evaluate_run(data: RunData, model: keras.Model) -> ScoredRun:
    """Score a trained model on the held-out splits of its run.

    Args:
        data: The data of the run.
        model: Ends in logits.
    """
    from actzoo import graphs

    network = graphs.by_input_name(model)
    assessed = {}
    for name in HELD_OUT:
        cases = run_cases(
            data.source,
            data.splits[name],
            data.preparation,
            network.predict_on_batch,
            batch_size=64,
        )
        assessed[name] = data.task.assess(
            ((case.target, tasks.softmax(case.outputs), case.spacing) for case in cases),
            data.classes,
        )
    return ScoredRun(data, assessed)


def write(scored: ScoredRun, run: RunFolder) -> dict[str, Any]:
    """Write `metrics.json`, and `evaluation/` with predictions and what the report shows.

    Returns:
        What `metrics.json` holds: the scores, and what the last look at them found.
    """
    data = scored.data
    _write_predictions(scored, run)
    _write_identities(data.source, run)
    domain = domains.get_domain(data.plan.domain)
    labels = data.source.labels()
    panels = [] if labels is None else [_balance(data, labels)]
    panels += domain.panels(_shown(scored, labels, run))
    shown = {
        "format": files.FORMAT,
        "panels": panels,
        "notice": domain.spec.notice,
        "about": data.source.fingerprint().about,
    }
    files.write_json(run.panels, shown)
    metrics = {**scored.metrics, "findings": [dataclasses.asdict(f) for f in _look(scored, run)]}
    files.write_json(run.metrics, metrics)
    return metrics


def _look(scored: ScoredRun, run: RunFolder) -> list[Finding]:
    """Return what speaks against the model of a run."""
    data = scored.data
    copies = near_copies(data.source, data.splits, exact=True) or ()
    labels, ids = data.source.labels(), data.source.ids()
    members: dict[str, list[str]] = {}
    if labels is not None:
        for index in data.splits["test"].tolist():
            members.setdefault(data.classes[labels[index]], []).append(ids[index])
    return last_look.look(
        last_look.Numbers(
            task=data.task,
            classes=data.classes,
            scores={name: assessed.score for name, assessed in scored.assessed.items()},
            history=checkpoint.read_history(run),
            members=members,
            near_copies=about_near_copies(data.source, data.splits, copies),
        )
    )


def _shown(scored: ScoredRun, labels: np.ndarray | None, run: RunFolder) -> Evaluation:
    data, test = scored.data, scored.assessed["test"]
    indices = data.splits["test"]
    return Evaluation(
        source=data.source,
        splits=data.splits,
        classes=data.classes,
        steps=data.plan.preprocessing,
        test_indices=indices,
        labels=np.zeros(0, "int64") if labels is None else labels[indices],
        outputs=test.outputs,
        cases=tuple(test.rows),
        folder=run.evaluation,
    )


def _balance(data: RunData, labels: np.ndarray) -> domains.Panel:
    """Return the report's panel on the number of examples of each class."""
    return {
        "title": "Examples of each class",
        "kind": "bars",
        "labels": list(data.classes),
        "series": {
            name: np.bincount(labels[indices], minlength=len(data.classes)).tolist()
            for name, indices in data.splits.items()
        },
    }


def _write_predictions(scored: ScoredRun, run: RunFolder) -> None:
    text = io.StringIO()
    all_rows = [row for assessed in scored.assessed.values() for row in assessed.rows]
    columns = dict.fromkeys(key for row in all_rows for key in row)
    writer = csv.DictWriter(text, ["split", "id", *columns], restval="", lineterminator="\n")
    writer.writeheader()
    ids = scored.data.source.ids()
    for name, assessed in scored.assessed.items():
        for index, row in zip(scored.data.splits[name], assessed.rows, strict=True):
            cells = {"split": name, "id": ids[index], **row}
            writer.writerow({key: _cell(value) for key, value in cells.items()})
    files.write_text(run.predictions, text.getvalue())


def _write_identities(source: Source, run: RunFolder) -> None:
    """Write what the names of examples stand for, where they hide it: for the owner of the data."""
    hidden = source.identities()
    if hidden is None:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("id", IDENTITY))
    writer.writerows(
        (name, files.csv_cell(identity))
        for name, identity in zip(source.ids(), hidden, strict=True)
    )
    files.write_text(run.identities, text.getvalue())


def _cell(value: object) -> object:
    if isinstance(value, str):
        return files.csv_cell(value)
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else value


# --- other data, and exported files --------------------------------------------------------------


def refuse_options(options: Mapping[str, Any]) -> None:
    """Refuse options of data where a run's own data is opened.

    Raises:
        InvalidValueError: There are some.
    """
    if options:
        raise errors.InvalidValueError(
            f"The run's own data is opened as in its plan, so these have no effect: "
            f"{errors.shown(', '.join(options))}.\n"
            "Leave them out, or name other data after the model.",
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
        data: Labeled data; the held-out split of the run's own data if left out.
        precision: An exported file of the run instead of its Keras model.
        trust: See `open_model`.
        threads: See `open_model`.
        options: How the other data is opened, where otherwise than in training.

    Returns:
        `task`, `model`, `precision`, `data`, and `test` as in `metrics.json`; of other data also
        `seen_in_training`, how many of its examples were (None where it is not known), and
        `notes`, what to know before trusting the score.

    Raises:
        MissingFileError: The model, its data or the exported file is not there.
        DataError: The data has classes that the model does not know.
    """
    path = Path(path)
    run = RunFolder(path) if path.is_dir() and (path / "plan.json").exists() else None
    file = path if precision is None else _exported_file(path, run, precision)
    with contextlib.closing(open_model(file, trust=trust, threads=threads)) as predictor:
        card = predictor.card
        if card is None:
            raise errors.InvalidValueError(
                "There is no model.json beside the model, so its classes are unknown.",
                given=str(path),
            )
        own = None
        if data is None:
            source, indices = _held_out(run, path, options or {})
            numbers = renumbering(source, card)
        else:
            card, source, numbers = open_labeled(card, data, options or {})
            own = _own_test_split(run, source, os.fspath(data))
            indices = np.arange(len(source)) if own is None else own
        if len(indices) == 0:
            raise errors.DataError("There is nothing to score on: the data is empty.")
        preparation = Preparation.of(card.domain, card.preprocessing)
        cases = run_cases(source, indices, preparation, predictor.probabilities, batch_size=BATCH)
        assessed = tasks.get_task(card.task).assess(
            ((numbers[case.target], case.outputs, case.spacing) for case in cases), card.classes
        )
    seen = None if data is None else find_seen(path, source)
    if seen is not None and own is not None:
        seen = np.intersect1d(seen, own)
    known = [about_seen(source, seen, len(indices))] if seen is not None and len(seen) else []
    known += last_look.about_absent_classes(assessed.score)
    notes = [] if data is None else [*_on_own_data(own), *known, *_remarks(source, indices, card)]
    return {
        "format": files.FORMAT,
        "task": card.task,
        "model": str(file),
        "precision": precision,
        "data": None if data is None else str(data),
        "test": assessed.score,
        "seen_in_training": None if seen is None else len(seen),
        "notes": notes,
    }


def _on_own_data(held_out: np.ndarray | None) -> list[str]:
    if held_out is None:
        return []
    return [
        f"This is the run's own data, moved, so the {len(held_out):,} examples of its test split "
        "were scored, and no others."
    ]


def _remarks(source: Source, indices: np.ndarray, card: models.ModelCard) -> list[str]:
    """Return what to know of examples before trusting their scores, each kind counted once."""
    domain = domains.get_domain(card.domain)
    if type(domain).remarks is domains.Domain.remarks:
        return []  # nothing is opened a second time for a domain that says nothing
    kinds: dict[str, tuple[str, int]] = {}
    ids = source.ids()
    for index in indices.tolist():
        remarks = domain.remarks(source.raw(index), card.preprocessing, card.seen)
        for kind, sentence in remarks.items():
            first, count = kinds.get(kind, (f"{errors.shown(ids[index], 120)}: {sentence}", 0))
            kinds[kind] = (first, count + 1)
    return [
        f"{count:,} of {len(indices):,} examples: {kind}. The first is {first}"
        for kind, (first, count) in kinds.items()
    ]


def _exported_file(path: Path, run: RunFolder | None, precision: str) -> Path:
    """Return the exported file of a run."""
    if run is None:
        raise errors.InvalidValueError(
            f"A precision chooses among the files of a run folder; {errors.shown(path, 120)} "
            "is not one.",
            given=precision,
        )
    exported = ExportFolder(run.export)
    file = exported.file(precision)
    if not file.exists():
        # An export replaces what was exported before.
        wanted = ",".join([*exported.precisions(), precision])
        raise errors.MissingFileError(
            f"The run has no {errors.shown(file.name)}.\n"
            f"Export it: {errors.command('export', path, '--precision', wanted)}",
            given=precision,
        )
    return file


def _held_out(
    run: RunFolder | None, path: Path, options: Mapping[str, Any]
) -> tuple[Source, np.ndarray]:
    """Return the data of a run and the indices of its test split."""
    if run is None:
        raise errors.InvalidValueError(
            "Name the data to score on: actzoo evaluate MODEL DATA. Only a run folder knows its "
            "own.",
            given=str(path),
        )
    refuse_options(options)
    plan = Plan.read(run.plan)
    data = RunData.open(plan, place=place_of_data(run, plan.data))
    return data.source, data.splits["test"]


def _own_test_split(run: RunFolder | None, source: Source, place: str) -> np.ndarray | None:
    """Return the test split of a run's own data that has moved to a place; None for other data."""
    if run is None:
        return None
    plan = Plan.read(run.plan)
    is_there = os.path.exists(place_of_data(run, plan.data))
    if is_there or source.fingerprint().content_hash != plan.content_hash:
        return None
    moved = RunData.split_as_planned(plan, source, place=place)
    remember_place(run, place)
    return moved.splits["test"]


def open_labeled(
    card: models.ModelCard, data: str | os.PathLike[str], options: Mapping[str, Any]
) -> tuple[models.ModelCard, Source, np.ndarray]:
    """Open labeled data for a model that was trained on other data.

    Args:
        card: Of the model.
        data: The data, as given.
        options: How it is opened, where otherwise than in training.

    Returns:
        The card with those options; the data; class index of the data -> of the model.

    Raises:
        DataError: The data has classes that the model does not know.
    """
    card = with_data_options(card, options)
    source = open_source(os.fspath(data), card.domain or None, card.data_options, fewest=1)
    return card, source, renumbering(source, card)


def renumbering(source: Source, card: models.ModelCard) -> np.ndarray:
    """Return class index of the data -> class index of the model.

    Raises:
        DataError: The data has classes that the model does not know.
    """
    classes = card.classes
    known = {folders.same_name(name): name for name in classes}
    names = domains.get_domain(card.domain).class_names(source, classes)
    names = [known.get(folders.same_name(name), name) for name in names]
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
