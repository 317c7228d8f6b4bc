"""Why a run was done this way, how to repeat it, and what it was made with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actzoo import artifacts, errors, findings, formatting, stage_records
from actzoo.report.run_files import RunFiles
from actzoo.report.values import mapping, objects, sequence

MOST_ENTRIES = 12  # of a setting that is a list
MOST_TEXTS = 50
PHASE = ("name", "trains", "on", "epochs", "learning_rate")


def decisions(run: RunFiles) -> dict[str, Any]:
    """Return the section on the plan's decisions and their reasons."""
    plan = run.plan.data
    recipe = mapping(plan.get("recipe"))
    reasons = sequence(plan.get("reasons"))[:MOST_TEXTS]
    settings = {
        **{f"model: {key}": value for key, value in mapping(plan.get("model_config")).items()},
        **{key: value for key, value in recipe.items() if key != "phases"},
    }
    return {
        "gap": run.plan.gap,
        "reasons": [formatting.sentence(reason) for reason in reasons],
        "phases": [
            {key: phase.get(key) for key in PHASE} for phase in objects(recipe.get("phases"))
        ],
        "settings": [(key.replace("_", " "), _brief(value)) for key, value in settings.items()],
        "steps": [_step(step) for step in objects(plan.get("preprocessing"))],
    }


def how_to_repeat(run: RunFiles) -> dict[str, Any]:
    """Return commands, versions, and the origin of weights and data."""
    card = run.card.data
    data_hash = run.plan.data.get("content_hash")
    hashes = [(name, str(digest)) for name, digest in mapping(card.get("sha256")).items()]
    return {
        "gap": run.card.gap,
        "commands": _commands(run),
        "versions": [(name, str(text)) for name, text in mapping(card.get("versions")).items()],
        "weights": [
            (key.replace("_", " "), _brief(value))
            for key, value in mapping(card.get("weights")).items()
        ],
        "hashes": hashes + ([("data", str(data_hash))] if data_hash else []),
    }


def _commands(run: RunFiles) -> list[tuple[str, str]]:
    precisions = [str(name) for name in sequence(run.export.data.get("precisions"))]
    here = Path(run.run.path.name or "RUN")
    model = here / "export" / artifacts.smallest(precisions).file
    return [
        (
            "Repeat the run; the same data and machine give the same weights, bit for bit",
            errors.command("run", here / "plan.json", "--out", "again"),
        ),
        (
            "Verify again that the exported files compute what was trained",
            errors.command("verify", here),
        ),
        (
            "Predict with the exported file",
            f"{errors.command('predict', model)} {run.presentation.predict_arguments}",
        ),
    ]


def warnings(run: RunFiles) -> dict[str, Any]:
    """Return the warnings of all stages, without findings that the top of the page shows."""
    missed = findings.verification_findings(run.verification.data)
    shown = {f"verify: {finding.get('what')}" for finding in missed}
    texts = [str(text) for text in stage_records.run_warnings(run.run)]
    texts = [text for text in texts if text not in shown]
    return {"texts": texts[:MOST_TEXTS], "more": max(0, len(texts) - MOST_TEXTS)}


def _step(step: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{key} {_brief(value)}" for key, value in step.items() if key != "step")
    name = str(step.get("step", "?")).replace("_", " ")
    return f"{name} ({rest})" if rest else name


def _brief(value: object) -> str:
    """Return a setting in words; of a long one, as a vocabulary, only the number of entries."""
    if isinstance(value, Mapping | list | tuple):
        if len(value) > MOST_ENTRIES:
            return f"{len(value):,} entries"
        parts = (
            [f"{key} {_brief(inner)}" for key, inner in value.items()]
            if isinstance(value, Mapping)
            else [_brief(inner) for inner in value]
        )
        return ", ".join(parts) or "none"
    return formatting.label(formatting.plain(value))
