"""The figures of a report, made from plain values out of JSON that may hold anything."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

from actzoo import formatting
from actzoo.formatting import finite
from actzoo.report import charts, embedded
from actzoo.report.values import mapping, sequence, whole

MOST_ROWS = 1000  # of any table
MOST_CELLS = 20  # classes up to which a confusion matrix shows numbers
MOST_BARS = 40
MOST_HEADING = 3  # characters of a column's name
MOST_BINS = 25  # of a histogram
BRIEF = 12  # characters up to which labels of bars need little room
LONG = 40  # characters beyond which a cell of a table needs room
UNKNOWN = "–"
_FIGURE = re.compile(r"[-+−]?\d[\d.,]*(e[-+]?\d+)?( ?(%|mm|ms|s|px))?")


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
            "",
            [row["total"] for row in ordered],
            about="From the largest class to the smallest.",
            hints=[f"{row['label']}: {row['total']:g}" for row in ordered],
            x_label=f"{len(rows)} classes",
        )
    return {
        "series": list(series),
        "rows": [{**row, "bars": _bars(row["parts"], largest)} for row in rows[:MOST_ROWS]],
        "more": max(0, len(rows) - MOST_ROWS),
        "brief": all(len(label) <= BRIEF for label in labels),
        "chart": chart,
    }


def _bars(parts: Sequence[float], largest: float) -> list[tuple[float, float]]:
    """Return left edge and width of the parts of a row, in hundredths of the longest row."""
    ends = [0.0, *(100 * end / largest for end in accumulate(parts))]
    return [(round(left, 2), round(right - left, 2)) for left, right in pairwise(ends)]


def histogram(panel: Mapping[str, Any]) -> charts.Chart | None:
    """Return how the values of a panel are spread, with its mark."""
    values = [v for value in sequence(panel.get("values")) if (v := finite(value)) is not None]
    mark = finite(panel.get("mark"))
    label = str(panel.get("mark_label") or "") or f"{mark:,.6g}" if mark is not None else ""
    return spread(values, x_label=str(panel.get("xlabel", "")), mark=mark, mark_label=label)


def spread(
    values: Sequence[float],
    *,
    x_label: str,
    bounds: tuple[float, float] | None = None,
    mark: float | None = None,
    mark_label: str = "",
) -> charts.Chart | None:
    """Return a histogram with edges at round numbers.

    A few values far above all others would press the rest into one column; they are joined in the
    last one, in another color.

    Args:
        values: Finite numbers.
        x_label: What they are.
        bounds: Ends of the axis; the values' own if left out.
        mark: A value to mark; the axis reaches it.
        mark_label: What it is.

    Returns:
        The chart, or None where there are no values.
    """
    if not values:
        return None
    reached = () if mark is None else (mark,)
    low, high = bounds or (min([*values, *reached]), max([_usual(values), *reached]))
    bins = _Bins.between(
        low, high, counting=bounds is None and all(value == int(value) for value in values)
    )
    places = [max(0, int(bins.place(value) + 1e-9)) for value in values]
    far = [v for v, at in zip(values, places, strict=True) if at >= bins.count and v > high]
    counts = [0] * (bins.count + bool(far))
    for at in places:
        counts[min(len(counts) - 1, at)] += 1
    edges = bins.edges()
    hints = [f"{a:.4g} to {b:.4g}: {n}" for (a, b), n in zip(pairwise(edges), counts, strict=False)]
    about = ""
    if far:
        about = f"The last column joins all from {edges[-1]:,.6g} to {max(far):,.6g}."
        hints.append(about)
    every = next(n for n in (1, 2, 4, 5, 10) if bins.count <= 6 * n)
    last = bins.count if bins.middle else bins.count + 1
    return charts.column_chart(
        "",
        counts,
        about=about,
        x_label=x_label,
        x_ticks=[(i + bins.middle, f"{edges[i]:.4g}") for i in range(0, last, every)],
        hints=hints,
        kinds=[0] * bins.count + [1] * bool(far),
        mark=None if mark is None else bins.place(mark) + bins.middle,
        mark_label=mark_label,
    )


@dataclasses.dataclass(frozen=True)
class _Bins:
    """Columns of a histogram; `middle` is where in a column its number is shown."""

    start: float
    width: float
    count: int
    middle: float

    @classmethod
    def between(cls, low: float, high: float, *, counting: bool) -> _Bins:
        """Return columns from a round number at or below `low` to one at or above `high`.

        Args:
            low: Smallest value.
            high: Largest value.
            counting: The values are whole numbers, so that no column is narrower than 1.
        """
        width = charts.above((high - low) / MOST_BINS) if high > low else 1.0
        width = max(1.0, width) if counting else width
        start = math.floor(low / width + 1e-9) * width
        count = min(MOST_BINS + 2, max(1, math.ceil((high - start) / width - 1e-9)))
        count += counting and start + count * width <= high
        return cls(start, width, count, 0.5 if counting and width == 1 else 0.0)

    def place(self, value: float) -> float:
        """Return a value's place in columns from the left edge."""
        return (value - self.start) / self.width

    def edges(self) -> list[float]:
        """Return the ends of all columns."""
        return [self.start + i * self.width for i in range(self.count + 1)]


def _usual(values: Sequence[float]) -> float:
    """Return the largest value, or the 99th percentile where the largest lies far above it."""
    ordered = sorted(values)
    usual = ordered[math.ceil(0.99 * len(ordered)) - 1]
    far = ordered[-1] - ordered[0] > 3 * (usual - ordered[0]) > 0
    return usual if far else ordered[-1]


def table(panel: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table: numbers to the right; texts that need room are marked."""
    names = [_words(name) for name in sequence(panel.get("columns"))]
    rows = [sequence(row) for row in sequence(panel.get("rows"))][:MOST_ROWS]
    count = max([len(names), *map(len, rows)])
    columns, cells = [], []
    for i in range(count):
        own = _column([row[i] if i < len(row) else None for row in rows])
        columns.append(
            {
                "name": names[i] if i < len(names) else "",
                "figure": all(_FIGURE.fullmatch(text) or text == UNKNOWN for text in own),
                "long": any(len(text) > LONG for text in own),
            }
        )
        cells.append(own)
    return {
        "columns": columns,
        "rows": list(zip(*cells, strict=True)),
        "long": any(column["long"] for column in columns),
    }


def _column(values: Sequence[Any]) -> list[str]:
    """Return the cells of a column, its numbers with the same number of decimals."""
    numbers = [number for value in values if (number := finite(value)) is not None]
    largest = max(map(abs, numbers), default=0.0)
    digits = 3 if largest <= 1 else 2 if largest < 100 else 1
    if all(number == int(number) for number in numbers):
        digits = 0
    return [_words(value, digits) for value in values]


def _words(value: object, digits: int = 0) -> str:
    """Return a cell on one line."""
    if isinstance(value, str):
        return " ".join(value.split())
    number = finite(value)
    if number is None:
        return UNKNOWN if value is None or isinstance(value, float) else formatting.plain(value)
    return f"{number:.3g}" if abs(number) >= 1e9 else f"{number:,.{digits}f}"


def confusion(matrix: object, names: Sequence[str]) -> dict[str, Any]:
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
    """Say whether classes need a number, because their names are too long for columns."""
    return any(len(name) > MOST_HEADING for name in names)


def _level(count: int, total: int) -> int:
    """Return the depth of color of a cell, 0 to 9."""
    return 0 if not count or not total else max(1, round(9 * count / total))
