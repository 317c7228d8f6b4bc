"""What the activations do: numbers and findings of the diagnosis, site by site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actzoo.formatting import finite
from actzoo.report import charts
from actzoo.report.run_files import RunFiles
from actzoo.report.values import objects, whole

MOST_SITES = 1000
MOST_FINDINGS = 50
NUMBERS = ("zero_fraction", "saturated_fraction", "gradient_norm", "outlier_ratio")
ROLES = ("hidden", "gate", "output")
# Key, title, whether a share, whether on a logarithmic axis, explanation.
CHARTS = (
    ("zero_fraction", "Zero outputs", True, False,
     "Share of outputs that are exactly 0: sparsity, which is harmless up to a point."),
    ("dead_share", "Units with constant output", True, False,
     "Share of units with the same output for every input; they contribute nothing."),
    ("saturated_fraction", "Saturated inputs", True, False,
     "Share of inputs at which the derivative is almost 0, so that little gradient passes."),
    ("gradient_norm", "Gradient norm", False, True,
     "Norm of the loss's gradient at each site; it should be level, not change by decades."),
    ("outlier_ratio", "Outlier ratio", False, False,
     "Largest input over the 99.9th percentile; a large ratio costs int8 accuracy."),
)  # fmt: skip


def activations(run: RunFiles) -> dict[str, Any]:
    """Return the section on activations."""
    sites = objects(run.diagnostics.data.get("sites"))[:MOST_SITES]
    rows = [_row(number, site) for number, site in enumerate(sites, start=1)]
    findings = [
        {key: finding.get(key) for key in ("what", "why", "suggestion", "code")}
        for finding in objects(run.diagnostics.data.get("findings"))
    ]
    nothing = None if rows or findings else "diagnostics.json names no activation."
    return {
        "gap": run.diagnostics.gap or nothing,
        "rows": rows,
        "charts": site_charts(rows),
        "roles": [role for role in ROLES if any(row["role"] == role for row in rows)],
        "findings": findings[:MOST_FINDINGS],
        "num_inputs": whole(run.diagnostics.data.get("num_inputs")),
    }


def _row(number: int, site: Mapping[str, Any]) -> dict[str, Any]:
    units, dead = finite(site.get("units")), finite(site.get("dead_units"))
    return {
        "number": number,
        "path": site.get("path"),
        "activation": site.get("activation"),
        "role": site.get("role"),
        "units": units,
        "dead_units": dead,
        "dead_share": dead / units if units and dead is not None else None,
        **{key: finite(site.get(key)) for key in NUMBERS},
    }


def site_charts(rows: Sequence[Mapping[str, Any]]) -> list[charts.Chart]:
    """Return a chart for each measure of the activation sites, in the order of the graph."""
    kinds = [ROLES.index(row["role"]) if row["role"] in ROLES else 0 for row in rows]
    drawn = [
        charts.column_chart(
            title,
            [row[key] for row in rows],
            about=about,
            share=share,
            log=log,
            kinds=kinds,
            hints=[f"{row['number']} {row['path']}: {_short(row[key])}" for row in rows],
            x_label="site, from input to output",
        )
        for key, title, share, log, about in CHARTS
    ]
    return [chart for chart in drawn if chart is not None]


def _short(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3g}"
