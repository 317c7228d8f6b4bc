"""The results: scores of the splits, class by class, and what single predictions show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actzoo.formatting import finite
from actzoo.report import figures, predictions, run_files
from actzoo.report.run_files import RunFiles
from actzoo.report.values import mapping
from actzoo.tasks import Measure

MOST_CLASSES = 30  # of the table of classes, before only the worst are shown at once
WORST = 15


def scores(run: RunFiles) -> dict[str, Any]:
    """Return the table of scores and the table of classes."""
    splits = {
        split: mapping(run.metrics.data.get(split))
        for split in ("test", "val")
        if run.metrics.data.get(split)
    }
    return {
        "gap": run.metrics.gap,
        "splits": list(splits),
        "rows": _score_rows(run, list(splits.values())),
        "about": run.presentation.about,
        **_classes(run),
    }


def _score_rows(run: RunFiles, splits: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    count = Measure("n", run.presentation.noun, "count")
    rows = [
        (row, [row.of(score) for score in splits]) for row in (*run.presentation.measures, count)
    ]
    return [
        (row.title, [row.shown(value) for value in values])
        for row, values in rows
        if any(value is not None for value in values)
    ]


def _classes(run: RunFiles) -> dict[str, Any]:
    shown = run.presentation
    per_class = mapping(run.test.get("per_class"))
    columns = shown.measures_of_classes(per_class)
    main = shown.class_headline or shown.headline
    rows: list[dict[str, Any]] = [
        {
            "number": number,
            "name": str(name),
            "n": finite(mapping(score).get("n")),
            "values": [row.shown(row.of(mapping(score)), digits=0) for row in columns],
            "value": main.of(mapping(score)),
        }
        for number, (name, score) in enumerate(per_class.items(), start=1)
    ]
    known = [row for row in rows if row["value"] is not None]
    worst = sorted(known, key=lambda row: row["value"], reverse=not main.higher_is_better)
    return {
        "classes": rows[: figures.MOST_ROWS],
        "worst": worst[:WORST] if len(rows) > MOST_CLASSES else [],
        "worst_is": "lowest" if main.higher_is_better else "highest",
        "more_classes": max(0, len(rows) - figures.MOST_ROWS),
        "numbered": shown.has_confusion and figures.numbered(run.scored_classes),
        "columns": [row.title for row in columns],
        "noun": shown.noun,
        "main": main.name,
        "has_bars": main.is_share,
        "class_about": shown.class_about,
    }


def confusion(run: RunFiles) -> dict[str, Any] | None:
    """Return the confusion matrix of the test split; None where the task has none."""
    if not run.presentation.has_confusion:
        return None
    return figures.confusion(run.test.get("confusion"), run.scored_classes)


def single_predictions(run: RunFiles) -> dict[str, Any]:
    """Return what single predictions show, by the columns that the task names."""
    path, shown = run.run.predictions, run.presentation
    if not path.is_file():
        command = run.command("evaluate")
        return {"gap": f"evaluation/{path.name} is missing. `{command}` makes it."}
    if shown.confidence and (
        levels := predictions.confidence_levels(run_files.rows(path), shown.confidence)
    ):
        return {"levels": levels}
    columns = shown.columns_of_cases(run_files.column_names(path))
    if columns and (cases := predictions.case_scores(run_files.rows(path), columns)):
        return {"cases": predictions.case_spread(cases, shown.headline)}
    return {"gap": f"{path.name} holds no test rows."}
