"""The figures of a report, made from plain values out of JSON that may hold anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actzoo.report import charts, embedded
from actzoo.wording import finite

MOST_ROWS = 1000  # of any table
MOST_CELLS = 20  # classes up to which a confusion matrix shows numbers
MOST_BARS = 40
MOST_HEADING = 3  # characters of a column's name
ROLES = ("hidden", "gate", "output")


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object out of JSON, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: Any) -> Sequence[Any]:
    """Return a list out of JSON, or an empty one."""
    return value if isinstance(value, list | tuple) else ()


def whole(value: Any) -> int | None:
    """Return a whole number out of JSON, or None."""
    found = charts.finite(value)
    return None if found is None else int(found)


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list out of JSON."""
    return [item for item in sequence(value) if isinstance(item, Mapping)]


def site_charts(rows: Sequence[Mapping[str, Any]]) -> list[charts.Chart]:
    """Return a chart for each measure of the activation sites, in the order of the graph."""
    kinds = [ROLES.index(row["role"]) if row["role"] in ROLES else 0 for row in rows]
    wanted = (
        ("zero_fraction", "Zero outputs", True, False,
         "Share of outputs that are exactly 0: sparsity, free of charge up to a point."),
        ("dead_share", "Units that never moved", True, False,
         "Share of units with one and the same output for every input; they take part in nothing."),
        ("saturated_fraction", "Saturated inputs", True, False,
         "Share of inputs at which the derivative is almost 0, so that little gradient passes."),
        ("gradient_norm", "Gradient that arrives", False, True,
         "Norm of the loss's gradient at each site; level is good, a slope of decades is not."),
        ("outlier_ratio", "Largest input against the usual", False, False,
         "Over the 99.9th percentile; a large one costs int8 accuracy."),
    )  # fmt: skip
    found = []
    for key, title, share, log, about in wanted:
        hints = [f"{row['number']} {row['path']}: {_short(row[key])}" for row in rows]
        chart = charts.column_chart(
            title, [row[key] for row in rows], about=about, share=share, log=log, kinds=kinds,
            hints=hints, x_label="site, from input to output",
        )  # fmt: skip
        if chart is not None:
            found.append(chart)
    return found


def _short(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3g}"


def balance(panel: Mapping[str, Any]) -> dict[str, Any]:
    """Return counts per label: bars for some tens of labels, columns by size for more."""
    labels = [str(label) for label in sequence(panel.get("labels"))]
    series = {
        str(name): [finite(value) or 0.0 for value in sequence(values)]
        for name, values in mapping(panel.get("series")).items()
    }
    rows: list[dict[str, Any]] = []
    for i, label in enumerate(labels):
        parts = [max(0.0, values[i]) if i < len(values) else 0.0 for values in series.values()]
        rows.append({"label": label, "parts": parts, "total": sum(parts)})
    largest = max((row["total"] for row in rows), default=0.0) or 1.0
    chart = None
    if len(rows) > MOST_BARS:
        ordered = sorted(rows, key=lambda row: -row["total"])
        chart = charts.column_chart(
            "From the largest class to the smallest",
            [row["total"] for row in ordered],
            hints=[f"{row['label']}: {row['total']:g}" for row in ordered],
            x_label=f"{len(rows)} classes",
        )
    return {
        "series": list(series),
        "rows": rows[:MOST_ROWS],
        "more": max(0, len(rows) - MOST_ROWS),
        "largest": largest,
        "chart": chart,
    }


def histogram(panel: Mapping[str, Any]) -> charts.Chart | None:
    """Return how values are spread."""
    values = [v for value in sequence(panel.get("values")) if (v := finite(value)) is not None]
    if not values:
        return None
    low, high = min(values), max(values)
    bins = min(30, max(1, len(set(values))))
    width = (high - low) / bins or 1.0
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / width))] += 1
    return charts.column_chart(
        "",
        counts,
        x_label=str(panel.get("xlabel", "")),
        x_ticks=[(0, f"{low:.3g}"), (bins / 2, f"{(low + high) / 2:.3g}"), (bins, f"{high:.3g}")],
    )


def confusion(matrix: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return a confusion matrix: numbers for a few classes, a map for many, and the top pairs."""
    rows = [[max(0, whole(value) or 0) for value in sequence(row)] for row in sequence(matrix)]
    size = len(rows)
    if not size or any(len(row) != size for row in rows):
        return {"gap": "metrics.json holds no confusion matrix of the test split."}
    names = [names[i] if i < len(names) else f"class {i + 1}" for i in range(size)]
    totals = [sum(row) for row in rows]
    pairs = sorted(
        (-n, i, j) for i, row in enumerate(rows) for j, n in enumerate(row) if n and i != j
    )
    most = 8 if size <= MOST_CELLS else 25
    return {
        "gap": None,
        "size": size,
        "numbered": numbered(names),
        "cells": [
            {
                "name": names[i],
                "number": i + 1,
                "values": [(n, _level(n, totals[i]), i == j) for j, n in enumerate(row)],
            }
            for i, row in enumerate(rows)
        ]
        if size <= MOST_CELLS
        else None,
        "map": None if size <= MOST_CELLS else embedded.confusion_map(rows),
        "pairs": [
            {"true": names[i], "said": names[j], "n": -count, "share": -count / totals[i]}
            for count, i, j in pairs[:most]
        ],
        "wrong": -sum(count for count, _, _ in pairs),
    }  # fmt: skip


def numbered(names: Sequence[str]) -> bool:
    """Say whether classes need a number, because their names are no headings of columns."""
    return any(len(name) > MOST_HEADING for name in names)


def _level(count: int, total: int) -> int:
    """Return the depth of colour of a cell, 0 to 9."""
    return 0 if not count or not total else max(1, round(9 * count / total))
