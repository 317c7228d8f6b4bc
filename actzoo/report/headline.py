"""The top of the page: what was trained, how good it is, whether the files are verified."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from actzoo import findings, formatting
from actzoo.formatting import finite
from actzoo.report.run_files import RunFiles, cell
from actzoo.report.values import mapping, sequence
from actzoo.tasks import Measure

DATA_ENDINGS = r"\.(zip|tar\.gz|tgz|(csv|tsv|jsonl?)(\.(gz|bz2|xz))?|parquet|arrow)$"
MOST_FINDINGS = 20
STRIP = (2, 356)  # left edge and width of the bar of the headline
SPLITS = {"train": "to train", "val": "to validate", "test": "to test"}


def notice(run: RunFiles) -> dict[str, Any]:
    """Return what must be said before any number: of this kind of data, and of this data."""
    text = run.panels.data.get("notice")
    about = sequence(run.panels.data.get("about"))
    return {"text": str(text) if text else None, "about": [str(text) for text in about]}


def headline(run: RunFiles) -> dict[str, Any]:
    """Return the variables of the top."""
    plan, card = run.plan.data, run.card.data
    config = mapping(plan.get("model_config")) or mapping(card.get("config"))
    data = str(plan.get("data") or "").replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    does, classes = run.presentation.does, len(run.classes)
    return {
        "title": re.sub(DATA_ENDINGS, "", data) or run.name,
        "model": plan.get("model") or card.get("name"),
        "activation": config.get("activation"),
        "does": does.format(formatting.number(classes)) if does and classes else None,
        "counts": run.counts,
        "noun": run.presentation.noun,
        "start": "scratch" if plan.get("weights") in (None, "none") else "weights",
        **_score(run),
        "seal": _seal(run),
        "findings": [
            {key: finding.get(key) for key in ("what", "why", "suggestion")}
            for finding in findings.result_findings(run.metrics.data)
        ][:MOST_FINDINGS],
        "facts": _facts(run),
    }


def _score(run: RunFiles) -> dict[str, Any]:
    """Return the number that stands for the run, with its interval and what it is held against."""
    shown, test = run.presentation, run.test
    main = shown.headline
    value = None if run.task is None else main.of(test)
    interval = main.interval(test)
    baseline = None if shown.baseline is None else shown.baseline.of(test)
    low, high = interval or (None, None)
    places = {"value": value, "low": low, "high": high, "baseline": baseline}
    beside = [row for key in shown.beside if (row := shown.measure(key)) is not None]
    return {
        "value": None if value is None else main.shown(value),
        "meaning": shown.meaning.format(shown.size(test)),
        "interval": interval and tuple(map(main.shown, interval)),
        "baseline": None if baseline is None else main.shown(baseline),
        "baseline_name": shown.baseline and shown.baseline.name,
        "strip": {name: _place(at) for name, at in places.items()} if main.is_share else None,
        "beside": [(row.title, row.shown(row.of(test))) for row in beside if _known(row, test)],
        "doubt": shown.baseline_answer if _doubtful(main, interval, baseline) else None,
        "gap": _score_gap(run, main, value),
    }


def _place(share: float | None) -> float | None:
    """Return where a share lies on the bar of the headline."""
    left, width = STRIP
    return None if share is None else round(left + width * min(1.0, max(0.0, share)), 1)


def _known(measure: Measure, score: Mapping[str, Any]) -> bool:
    return measure.of(score) is not None


def _doubtful(main: Measure, interval: tuple[float, float] | None, baseline: float | None) -> bool:
    """Tell whether the worse end of the interval is no better than the baseline."""
    if interval is None or baseline is None:
        return False
    worse_end = interval[0] if main.higher_is_better else interval[1]
    return main.worsening(baseline, worse_end) >= 0


def _score_gap(run: RunFiles, main: Measure, value: float | None) -> str | None:
    """Return why there is no headline, if there is none."""
    if run.metrics.gap is not None or value is not None:
        return run.metrics.gap
    if run.task is None:
        named = run.metrics.data.get("task")
        what = f"The task '{named}' is not known" if named else "The run's task is not known"
        return f"{what} here; the scores below are only those that every task has."
    return f"metrics.json holds no {main.name} for the test split."


def _seal(run: RunFiles) -> dict[str, Any]:
    """Return the outcome of the verification: passed, failed, or not done."""
    if run.verification.gap or not run.verified:
        return {"state": "open", "gap": run.verification.gap or "verify.json names no file."}
    failed = [name for name, file in run.verified.items() if file.get("passed") is not True]
    missed = [
        {key: finding.get(key) for key in ("what", "why", "suggestion")}
        for finding in findings.verification_findings(run.verification.data)
    ]
    return {
        "state": "failed" if failed or missed else "passed",
        "total": len(run.verified),
        "failed": failed,
        "findings": missed[:MOST_FINDINGS],
    }


def _facts(run: RunFiles) -> list[tuple[str, str]]:
    counts = ", ".join(f"{count:,} {SPLITS[name]}" for name, count in run.counts.items())
    epochs = len(run.history)
    seconds = sum(max(0.0, cell(row.get("seconds")) or 0.0) for row in run.history)
    facts = (
        (run.presentation.noun.capitalize(), counts),
        ("Input", _inputs(run)),
        ("Training", f"{epochs} epochs in {formatting.duration(seconds)}" if epochs else ""),
        ("Smallest file", _smallest_file(run)),
    )
    return [(name, text) for name, text in facts if text]


def _smallest_file(run: RunFiles) -> str:
    sizes = [
        (size, name, finite(measured.get("latency_ms")))
        for name, measured in run.verified.items()
        if (size := finite(measured.get("size_bytes"))) is not None
    ]
    if not sizes:
        return ""
    size, name, latency = min(sizes)
    speed = "" if latency is None else f", {latency:.3g} ms per inference"
    return f"{name}, {formatting.size(size)}{speed}"


def _inputs(run: RunFiles) -> str:
    """Return what the model reads, inputs of one shape and kind together."""
    named = mapping(run.card.data.get("inputs")) or mapping(run.plan.data.get("inputs"))
    kinds: dict[str, list[str]] = {}
    for name, described in named.items():
        shape = " × ".join(str(size) for size in sequence(mapping(described).get("shape")))
        kinds.setdefault(shape, []).append(str(name))
    texts = []
    for shape, names in kinds.items():
        times = f"{len(names)} × " if len(names) > 1 else ""
        unit = " tokens" if any("token" in name for name in names) else ""
        listed = f" ({', '.join(names)})" if len(named) > 1 else ""
        texts.append(f"{times}{shape}{unit}{listed}")
    return "; ".join(text for text in texts if text)
