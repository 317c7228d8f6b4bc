"""Results in a few lines: scores, verified files, predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actzoo import artifacts, errors, formatting, tasks
from actzoo.report.values import mapping


def understood(lines: Mapping[str, str]) -> list[str]:
    """Return what data was taken for, a line each; see `overview.understood`."""
    width = max(map(len, lines), default=0)
    return [f"{name.capitalize():{width}}  {errors.shown(text, 600)}"
            for name, text in lines.items()]  # fmt: skip


def score_line(title: str, score: Mapping[str, Any], task: str) -> str:
    """Return a split's score in one line.

    Args:
        title: Of the split.
        score: As in `metrics.json`.
        task: Name of the task.
    """
    shown = tasks.get_task(task).presentation
    main = shown.headline
    value, interval = main.of(score), main.interval(score)
    if value is None:
        return f"{title}: nothing to score on"
    size = shown.counted(score.get("n"))
    if interval:
        size = f"95 % interval {interval[0]:.3f} to {interval[1]:.3f}, {size}"
    others = [
        f"{measure.name} {measure.figure(other)}"
        for measure in shown.measures
        if measure != main
        and (other := measure.of(score)) is not None
        and (other or measure.form != "count")
    ]
    return "; ".join([f"{title} {main.name} {main.figure(value)} ({size})", *others])


def class_table(score: Mapping[str, Any], task: str) -> str | None:
    """Return one line per class of a split's score; None where it has none."""
    per_class = mapping(score.get("per_class"))
    if not per_class:
        return None
    shown = tasks.get_task(task).presentation
    measures = shown.measures_of_classes(per_class)
    rows = [
        (name, mapping(own).get("n"), *(measure.of(mapping(own)) for measure in measures))
        for name, own in per_class.items()
    ]
    columns = ("class", shown.noun, *(measure.heading for measure in measures))
    return formatting.table(columns, rows)


def measured(verification: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return precision -> what a verification measured."""
    return {
        name: value
        for name, value in verification.items()
        if isinstance(value, Mapping) and "custom_operators" in value
    }


def verification_table(verification: Mapping[str, Any], task: str | None) -> str:
    """Return one line per exported file.

    Args:
        verification: As in `verify.json`.
        task: Name of the task; without one, there is no column of scores.
    """
    main = None if task is None else tasks.get_task(task).presentation.headline
    rows = [
        (
            _file_name(name),
            "yes" if file.get("passed") else "NO",
            formatting.size(file.get("size_bytes")),
            file.get("latency_ms"),
            file.get("agreement"),
            *([main.of(mapping(file.get("test")))] if main else []),
            file.get("max_abs_error"),
        )
        for name, file in measured(verification).items()
    ]
    score = [main.name] if main else []
    columns = ("file", "verified", "size", "latency ms", "agreement", *score, "largest error")
    return formatting.table(columns, rows)


def _file_name(precision: str) -> str:
    """Return the name of the file of a precision, which another machine may know better."""
    known = precision in artifacts.ARTIFACTS
    return artifacts.ARTIFACTS.get(precision).file if known else precision
