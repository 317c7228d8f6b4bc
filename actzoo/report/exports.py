"""The exported files: what the verification measured of each, and what each gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actzoo import artifacts
from actzoo.formatting import finite
from actzoo.report.run_files import RunFiles
from actzoo.report.values import mapping, sequence, whole
from actzoo.tasks import Measure

NUMBERS = ("size_bytes", "latency_ms", "agreement", "max_abs_error", "mean_abs_error",
           "custom_operators")  # fmt: skip
MOST_FILES = 100
EIGHT_BITS = 8  # of a weight; a file with more gains too little to say
MOST_NOTES = 50


def exports(run: RunFiles) -> dict[str, Any]:
    """Return the section on exported files."""
    main = run.presentation.headline
    rows = [_row(name, measured, main) for name, measured in run.verified.items()]
    digests = mapping(run.export.data.get("files"))
    return {
        "gap": run.verification.gap or (None if rows else "verify.json names no file."),
        "record_gap": run.export.gap,
        "rows": [{**row, "score": main.shown(row["score"])} for row in rows],
        "score": main.title,
        "agreement": run.presentation.agreement,
        "limits": _limits(run, main),
        "gain": _gain(rows, main),
        "files": [(name, str(digest)) for name, digest in sorted(digests.items())][:MOST_FILES],
        "notes": [str(note) for note in sequence(run.export.data.get("notes"))][:MOST_NOTES],
    }


def _row(name: str, measured: Mapping[str, Any], main: Measure) -> dict[str, Any]:
    operators = {
        str(key): count
        for key, value in mapping(measured.get("operators")).items()
        if (count := whole(value)) is not None
    }
    return {
        "precision": name,
        "passed": measured.get("passed") is True,
        "score": main.of(mapping(measured.get("test"))),
        "num_operators": sum(operators.values()) or None,
        "operators": sorted(operators.items(), key=lambda item: (-item[1], item[0])),
        **{key: finite(measured.get(key)) for key in NUMBERS},
    }


def _limits(run: RunFiles, main: Measure) -> dict[str, Any]:
    """Return what the files were held against."""
    limits = [mapping(measured.get("limits")) for measured in run.verified.values()]
    agreement, drop = (
        finite(next((given.get(key) for given in limits), None))
        for key in ("agreement", "score_drop")
    )
    worse = "lower" if main.higher_is_better else "higher"
    return {
        "agreement": agreement,
        "drop": None if drop is None else f"{main.name} at most {main.step(drop)} {worse}",
    }


def _gain(rows: Sequence[Mapping[str, Any]], main: Measure) -> str | None:
    """Return what the smallest file gains over that of the first format, and what it costs."""
    by_name = {str(row["precision"]): row for row in rows}
    smallest = artifacts.smallest(by_name)
    base, other = by_name.get(artifacts.BUILTIN[0].name), by_name.get(smallest.name)
    if base is None or other is None or smallest.weight_bits > EIGHT_BITS:
        return None
    if not base["size_bytes"] or not other["size_bytes"]:
        return None
    text = (
        f"The {other['precision']} file is {base['size_bytes'] / other['size_bytes']:.1f} times "
        f"smaller than {base['precision']}"
    )
    if base["latency_ms"] and other["latency_ms"]:
        ratio = base["latency_ms"] / other["latency_ms"]
        speed = f"{ratio:.1f} times faster" if ratio >= 1 else f"{1 / ratio:.1f} times slower"
        text += f" and {speed} on the machine that measured it"
    if base["score"] is not None and other["score"] is not None:
        text += (
            f"; its {main.name} is {main.shown(other['score'])}, that of {base['precision']} "
            f"{main.shown(base['score'])}"
        )
    return text + "."
