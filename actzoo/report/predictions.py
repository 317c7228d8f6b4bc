"""What single predictions show: how far to trust a probability, how scores of cases spread."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from actzoo.report import figures
from actzoo.report.run_files import cell
from actzoo.tasks import Measure

Rows = Iterable[Mapping[str, str]]


def confidence_levels(rows: Rows, column: str) -> list[dict[str, Any]]:
    """Return how often the model is right at each level of its own probability.

    Args:
        rows: Of `predictions.csv`, with `split` and `correct`.
        column: The one with the probability.
    """
    counts, hits = [0] * 10, [0] * 10
    for row in rows:
        probability = cell(row.get(column))
        if row.get("split") != "test" or probability is None:
            continue
        level = min(9, max(0, int(probability * 10)))
        counts[level] += 1
        hits[level] += row.get("correct") == "1"
    levels = [
        {"from": level / 10, "to": (level + 1) / 10, "n": n, "right": hits[level] / n}
        for level, n in enumerate(counts)
        if n
    ]
    return levels[::-1]


def case_scores(rows: Rows, columns: Sequence[str]) -> list[tuple[float, str]]:
    """Return the mean of some columns in each case of the test split, and the case's id.

    Args:
        rows: Of `predictions.csv`.
        columns: With numbers; a case with none of them is left out.
    """
    scores = []
    for row in rows:
        known = [value for name in columns if (value := cell(row.get(name))) is not None]
        if row.get("split") == "test" and known:
            scores.append((math.fsum(known) / len(known), str(row.get("id") or "")))
    return sorted(scores)


def case_spread(scores: Sequence[tuple[float, str]], measure: Measure) -> dict[str, Any]:
    """Return how the scores of cases are spread, in words and as a chart.

    Args:
        scores: As from `case_scores`, at least one.
        measure: What they are.
    """
    values = [value for value, _ in scores]
    ends = statistics.quantiles(values, n=4)[::2] if len(values) >= 4 else ()
    worst, name = scores[0] if measure.higher_is_better else scores[-1]
    bounds = (0.0 if values[0] < 0.5 else 0.5, 1.0) if measure.is_share else None
    return {
        "n": len(values),
        "name": measure.title,
        "median": measure.shown(statistics.median(values)),
        "quarters": [measure.shown(end) for end in ends],
        "worst": measure.shown(worst),
        "worst_is": "lowest" if measure.higher_is_better else "highest",
        "worst_id": name,
        "chart": figures.spread(values, x_label=f"{measure.name} of a case", bounds=bounds),
    }
