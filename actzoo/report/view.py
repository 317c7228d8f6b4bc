"""What a report shows, section by section, from the files of a run folder.

A file may be missing, cut or edited by hand: the section then holds a `gap`, one sentence that
names the file and the command that makes it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from actzoo import formatting
from actzoo.report import curves, exports, headline, panels, provenance, results, sites
from actzoo.report.run_files import RunFiles
from actzoo.report.values import mapping
from actzoo.run_folder import RunFolder

MOST_CHARACTERS = 600  # of a line on what the data was taken for
FAULTS = (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError)


def view(folder: RunFolder) -> dict[str, Any]:
    """Return the variables of the template."""
    run = RunFiles.open(folder)
    sections: dict[str, Callable[[RunFiles], dict[str, Any]]] = {
        "notice": headline.notice,
        "top": headline.headline,
        "data": _data,
        "scores": _results,
        "training": curves.training,
        "activations": sites.activations,
        "exports": exports.exports,
        "decisions": provenance.decisions,
        "again": provenance.how_to_repeat,
        "warnings": provenance.warnings,
    }
    return {name: _guarded(name, functools.partial(make, run)) for name, make in sections.items()}


def _guarded(name: str, make: Callable[[], Any]) -> Any:
    """Return a part of the page; one whose files hold something unforeseen becomes a gap."""
    try:
        return make()
    except FAULTS as error:
        return {
            "gap": f"This part ({name}) cannot be shown: a file of the run holds something "
            f"unexpected ({type(error).__name__})."
        }


def _data(run: RunFiles) -> dict[str, Any]:
    shown = _panels(run, "data")
    nothing = None if shown else "panels.json names nothing to show."
    understood = [
        (str(name).capitalize(), formatting.label(text, MOST_CHARACTERS))
        for name, text in mapping(run.plan.data.get("understood")).items()
    ]
    return {"gap": run.panels.gap or nothing, "panels": shown, "understood": understood}


def _results(run: RunFiles) -> dict[str, Any]:
    return {
        **results.scores(run),
        "confusion": _guarded("confusion", functools.partial(results.confusion, run)),
        "predictions": _guarded("predictions", functools.partial(results.single_predictions, run)),
        "panels": _panels(run, "results"),
    }


def _panels(run: RunFiles, section: str) -> list[dict[str, Any]]:
    shown = []
    for panel in panels.of_section(run.panels.data.get("panels"), section):
        title = str(panel.get("title", ""))
        drawn = _guarded(title, functools.partial(panels.shown, panel, run.pictures))
        shown.append({"title": title, **drawn})
    return shown
