"""How training went: curves of the history, its phases, and the epoch that was kept."""

from __future__ import annotations

from typing import Any

from actzoo.formatting import finite
from actzoo.report import charts
from actzoo.report.run_files import Columns, RunFiles
from actzoo.report.values import mapping
from actzoo.tasks import Measure, Presentation, measures

MOST_CURVES = 8
LAST = ("learning_rate",)

Phases = list[tuple[str, int]]  # name and number of epochs


def training(run: RunFiles) -> dict[str, Any]:
    """Return the section on training."""
    if not run.history:
        what = "is empty" if run.run.history.is_file() else "is missing"
        return {"gap": f"history.csv {what}. `{run.command('train')}` makes it."}
    phases = _phases(run)
    best = None if run.task is None else measures.best_epoch(run.curves, run.task.monitor)
    recipe = mapping(run.plan.data.get("recipe"))
    drawn = _charts(run.curves, run.presentation, phases, best)
    return {
        "gap": None if drawn else "history.csv holds no numbers that can be drawn.",
        "charts": drawn,
        "augmented": bool(recipe.get("augmentation")),
        "smoothed": bool(finite(recipe.get("label_smoothing"))),
        "phases": [{"name": name, "epochs": epochs} for name, epochs in phases],
        "best": best,
        "best_about": _reason_for_best(run),
        "epochs": len(run.history),
        "missing": sum(value is None for values in run.curves.values() for value in values),
    }


def _phases(run: RunFiles) -> Phases:
    phases: Phases = []
    for row in run.history:
        name = str(row.get("phase") or "")
        if phases and phases[-1][0] == name:
            phases[-1] = (name, phases[-1][1] + 1)
        else:
            phases.append((name, 1))
    return phases


def _reason_for_best(run: RunFiles) -> str:
    """Return why an epoch was kept ("the lowest validation loss")."""
    if run.task is None:
        return ""
    key, direction = run.task.monitor
    row = None if key == measures.LOSS.key else run.presentation.measure(key)
    extreme = "highest" if direction == "max" else "lowest"
    return f"the {extreme} validation {key if row is None else row.name}"


def _charts(
    columns: Columns, shown: Presentation, phases: Phases, best: int | None
) -> list[charts.Chart]:
    """Return a chart for each column of the history, `val_<name>` drawn together with `<name>`."""
    names = [
        name
        for name in sorted(columns, key=LAST.__contains__)
        if not (name.startswith("val_") and name.removeprefix("val_") in columns)
    ]
    drawn = [_chart(name, columns, shown, phases, best) for name in names]
    return [chart for chart in drawn if chart is not None][:MOST_CURVES]


def _chart(
    name: str, columns: Columns, shown: Presentation, phases: Phases, best: int | None
) -> charts.Chart | None:
    words = name.replace("_", " ")
    row = shown.measure(name) or Measure(name, words, "number")
    curves = {words: columns[name]}
    if f"val_{name}" in columns:
        curves = {"training": columns[name], "validation": columns[f"val_{name}"]}
    return charts.line_chart(
        words.capitalize() if name == measures.LOSS.key else row.title,  # the loss of training
        curves,
        share=row.is_share,
        percent=row.form == "percent",
        from_zero=name == "learning_rate",
        bands=phases,
        mark=best if len(curves) > 1 else None,
    )
