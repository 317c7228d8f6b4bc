"""Results in a few lines: scores, verified files, predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from actzoo import results, wording


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object out of JSON, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def score_line(title: str, score: Mapping[str, Any]) -> str:
    """Return a split's score in one line."""
    if score.get("accuracy") is None:
        return f"{title}: nothing to score on"
    text = f"{title} accuracy {score['accuracy']:.3f}"
    interval = score.get("accuracy_interval")
    if interval:
        text += f" (95 % interval {interval[0]:.3f} to {interval[1]:.3f}, {score['n']} examples)"
    parts = [
        f"{words} {score[key]:.3f}"
        for key, words in (
            ("macro_recall", "macro recall"),
            ("macro_f1", "macro F1"),
            ("loss", "log loss"),
            ("constant_accuracy", "always the most frequent class"),
        )
        if score.get(key) is not None
    ]
    return "; ".join([text, *parts])


def measures(verification: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return precision -> measures of a verification."""
    return {
        name: value
        for name, value in verification.items()
        if isinstance(value, Mapping) and "custom_operators" in value
    }


def verification_table(verification: Mapping[str, Any]) -> str:
    """Return one line per exported file."""
    rows = [
        (
            f"model_{name}.tflite",
            "yes" if found.get("passed") else "NO",
            wording.size(found.get("size_bytes")),
            found.get("latency_ms"),
            found.get("agreement"),
            mapping(found.get("test")).get("accuracy"),
            found.get("max_abs_error"),
        )
        for name, found in measures(verification).items()
    ]
    columns = (
        "file", "verified", "size", "latency ms", "agreement", "accuracy", "largest error",
    )  # fmt: skip
    return wording.table(columns, rows)


def answer(answer: Any, top: int) -> dict[str, Any]:
    """Return a prediction as the plain data that `predict --json` prints."""
    ranked = sorted(answer.probabilities.items(), key=lambda item: -item[1])[:top]
    found = {
        "input": answer.id,
        "label": answer.label,
        "probability": answer.probability,
        "top": [{"label": name, "probability": value} for name, value in ranked],
    }
    return found if answer.error is None else {**found, "error": answer.error}


def write_answers(folder: Path, answers: Sequence[Mapping[str, Any]]) -> Path:
    """Write predictions as a table that spreadsheets open."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["input", "label", "probability", "error"])
    for row in answers:
        writer.writerow(
            [
                results.csv_cell(row["input"]),
                results.csv_cell(row["label"] or ""),
                "" if row["probability"] is None else f"{row['probability']:.6f}",
                results.csv_cell(row.get("error", "")),
            ]
        )
    return results.write_text(folder / "predictions.csv", text.getvalue())
