"""What single predictions tell: how far to trust a probability, how the scores of cases spread."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from actzoo.report import figures
from actzoo.report.run_files import cell
from actzoo.report.scores import Measure

Rows = Iterable[Mapping[str, str]]


def trust(rows: Rows) -> list[dict[str, Any]]:
    """Return how often the model is right at each level of its own probability.

    Args:
        rows: Of `predictions.csv`, with `split`, `probability` and `correct`.
    """
    counts, hits = [0] * 10, [0] * 10
    for row in rows:
        probability = cell(row.get("probability"))
        if row.get("split") != "test" or probability is None:
            continue
        level = min(9, max(0, int(probability * 10)))
        counts[level] += 1
        hits[level] += row.get("correct") == "1"
    found = [
        {"from": level / 10, "to": (level + 1) / 10, "n": n, "right": hits[level] / n}
        for level, n in enumerate(counts)
        if n
    ]
    return found[::-1]


def case_scores(rows: Rows, columns: Sequence[str]) -> list[tuple[float, str]]:
    """Return the mean of some columns in each case of the test split, and the case's id.

    Args:
        rows: Of `predictions.csv`.
        columns: Numbers in `[0, 1]`, one column per class; a case with none of them is left out.
    """
    found = []
    for row in rows:
        known = [value for name in columns if (value := cell(row.get(name))) is not None]
        if row.get("split") == "test" and known:
            found.append((math.fsum(known) / len(known), str(row.get("id") or "")))
    return sorted(found)


def case_spread(scores: Sequence[tuple[float, str]], measure: Measure) -> dict[str, Any]:
    """Return how the scores of cases are spread, in words and as a chart.

    Args:
        scores: As from `case_scores`, at least one.
        measure: What they are.
    """
    values = [value for value, _ in scores]
    ends = statistics.quantiles(values, n=4)[::2] if len(values) >= 4 else ()
    lowest, name = scores[0]
    bounds = (0.0, 1.0) if lowest < 0.5 else (0.5, 1.0)
    return {
        "n": len(values),
        "name": measure.name,
        "median": measure.shown(statistics.median(values)),
        "quarters": [measure.shown(end) for end in ends],
        "lowest": measure.shown(lowest),
        "lowest_id": name,
        "chart": figures.spread(values, x_label=f"{measure.name} of a case", bounds=bounds),
    }
