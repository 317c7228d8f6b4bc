"""Results in a few lines: scores, verified files, predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from actzoo import files, formatting, run_folder
from actzoo.report import scores


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object out of JSON, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def score_line(title: str, score: Mapping[str, Any]) -> str:
    """Return a split's score in one line."""
    subject = scores.subject(score)
    main = subject.main
    value, interval = main.of(score), main.interval(score)
    if value is None:
        return f"{title}: nothing to score on"
    size = subject.counted(score.get("n"))
    if interval:
        size = f"95 % interval {interval[0]:.3f} to {interval[1]:.3f}, {size}"
    others = [
        f"{measure.name} {measure.figure(found)}"
        for measure in scores.MEASURES
        if measure.key != main.key
        and (found := measure.of(score)) is not None
        and (found or measure.form != "count")
    ]
    return "; ".join([f"{title} {main.name} {main.figure(value)} ({size})", *others])


def class_table(score: Mapping[str, Any]) -> str | None:
    """Return one line per class of a split's score; None where it has none."""
    per_class = mapping(score.get("per_class"))
    if not per_class:
        return None
    found = scores.class_measures(per_class)
    rows = [
        (name, mapping(own).get("n"), *(measure.of(mapping(own)) for measure in found))
        for name, own in per_class.items()
    ]
    columns = ("class", scores.subject(score).noun, *(measure.heading for measure in found))
    return formatting.table(columns, rows)


def measures(verification: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return precision -> measures of a verification."""
    return {
        name: value
        for name, value in verification.items()
        if isinstance(value, Mapping) and "custom_operators" in value
    }


def verification_table(verification: Mapping[str, Any]) -> str:
    """Return one line per exported file."""
    files = measures(verification)
    tests = [mapping(found.get("test")) for found in files.values()]
    main = scores.subject(key for test in tests for key in test).main
    rows = [
        (
            f"model_{name}.tflite",
            "yes" if found.get("passed") else "NO",
            formatting.size(found.get("size_bytes")),
            found.get("latency_ms"),
            found.get("agreement"),
            main.of(test),
            found.get("max_abs_error"),
        )
        for (name, found), test in zip(files.items(), tests, strict=True)
    ]
    columns = (
        "file", "verified", "size", "latency ms", "agreement", main.name, "largest error",
    )  # fmt: skip
    return formatting.table(columns, rows)


def answer(answer: Any, top: int) -> dict[str, Any]:
    """Return a prediction as the plain data that `predict --json` prints."""
    ranked = sorted(answer.probabilities.items(), key=lambda item: -item[1])[:top]
    found: dict[str, Any] = {
        "input": answer.id,
        "label": answer.label,
        "probability": answer.probability,
        "top": [{"label": name, "probability": value} for name, value in ranked],
    }
    if answer.shares:
        found.update(mask=answer.mask, shares=dict(answer.shares))
    return found if answer.error is None else {**found, "error": answer.error}


def answer_table(answers: Sequence[Mapping[str, Any]]) -> str:
    """Return predictions for people, one line each."""
    if not any("shares" in row for row in answers):
        rows = [(row["input"], row["label"] or "-", row["probability"]) for row in answers]
        return formatting.table(("input", "class", "probability"), rows)
    rows = [(row["input"], row.get("mask") or "-", _shares(row)) for row in answers]
    return formatting.table(("input", "mask", "shares"), rows)


def _shares(row: Mapping[str, Any]) -> str:
    parts = [
        f"{name} {formatting.share(value)}" for name, value in mapping(row.get("shares")).items()
    ]
    return ", ".join(parts) or "-"


def write_answers(folder: Path, answers: Sequence[Mapping[str, Any]]) -> Path:
    """Write predictions as a table that spreadsheets open."""
    import csv
    import io

    classes = list(dict.fromkeys(name for row in answers for name in mapping(row.get("shares"))))
    shares_of = {name: f"share of {name}" for name in classes}
    own = ["mask", *shares_of.values()] if classes else ["label", "probability"]
    columns = ["input", *own, "error"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([files.csv_cell(name) for name in columns])
    for row in answers:
        shares = mapping(row.get("shares"))
        told = {**row, **{column: shares.get(name) for name, column in shares_of.items()}}
        writer.writerow([_cell(told.get(name)) for name in columns])
    return files.write_text(folder / run_folder.ANSWERS, text.getvalue())


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6f}"
    return "" if value is None else files.csv_cell(str(value))
