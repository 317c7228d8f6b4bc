"""Compute the figures of the activations that are numbers rather than claims.

Command: python scripts/make_figures.py
Time: about two minutes.
Result: actzoo/activations/figures.py: gains for initialization, largest slope, where
float16 overflows, and what happens to a signal in a plain net of 30 layers. All from the NumPy
references; tests compare them with results of other libraries and with real layers.
"""

import math
import pprint
from pathlib import Path

from actzoo import activations
from actzoo.activations import analysis
from actzoo.activations.device_forms import device_form

TARGET = Path(__file__).parents[1] / "actzoo" / "activations" / "figures.py"


def gains_of(row: activations.ActivationSpec, function: analysis.Function) -> dict[str, float]:
    mean, square = analysis.moments(row, function)
    digits = 8 if row.elementwise else 3
    return {
        "gain": float(f"{1.0 / math.sqrt(square):.{digits}g}"),
        "gain_centered": float(f"{1.0 / math.sqrt(square - mean**2):.{digits}g}"),
    }


def main() -> None:
    rows = [row for row in activations.ACTIVATIONS if row.hidden or row.elementwise]
    functions = {row.name: activations.reference(row.name) for row in rows}
    figures: dict[str, dict] = {}
    for row in rows:
        figures[row.name] = gains_of(row, functions[row.name])
        if row.elementwise:
            figures[row.name] |= {
                "lipschitz": analysis.largest_slope(functions[row.name]),
                "float16_overflow": analysis.float16_overflow(functions[row.name]),
            }
    single = {row.name: functions[row.name] for row in rows if row.elementwise}
    gains = {name: figures[name]["gain"] for name in single}
    low, high = analysis.VARIANCE_KEPT
    for name, least, most, correlation in analysis.plain_nets(single, gains):
        kept = low <= least and most <= high
        row = activations.describe(name)
        notes = analysis.depth_notes(row, single[name], gains[name], kept, correlation)
        figures[name] |= {"keeps_variance": kept, "depth_notes": notes}
        print(f"{name:22} variance {least:.3g} to {most:.3g}, correlation {correlation:.4f}")
    for row in activations.ACTIVATIONS:
        figures.setdefault(row.name, {})["int8_table"] = device_form(row.name).one_table
    body = pprint.pformat(figures, sort_dicts=False, width=98).replace(": inf", ": INF")
    TARGET.write_text(
        '"""Figures of the activations, made by scripts/make_figures.py."""\n\n'
        "from __future__ import annotations\n\n"
        "import math\nfrom typing import Any\n\n"
        f"INF = math.inf\n\nFIGURES: dict[str, dict[str, Any]] = {body}\n",
        "utf-8",
    )


if __name__ == "__main__":
    main()
