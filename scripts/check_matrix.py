"""Check every activation in every model: train, save, load, export, verify.

Command: python scripts/check_matrix.py [--share 1/2] [--table] [MODEL ...]
Time: about two hours on two cores, with `--share 1/2` and `--share 2/2` side by side; it continues
where it was interrupted (state in docs/matrix.json, written after each pair).
Result: docs/matrix.md, one row per activation and model; --table only writes the table again.
"""

import fcntl
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import keras

from actzoo import activations, domains, errors, files, models, testing
from actzoo.artifacts import ARTIFACTS
from actzoo.tflite.converter import Converter

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "matrix"
STATE = ROOT / "docs" / "matrix.json"
MODELS = ("simple_net", "unet", "bert_tiny", "resnet18", "mobilenet_v2")


def precisions_of(model: str) -> tuple[str, ...]:
    """Return what is exported: int8 where the domain exports it by default."""
    usual = domains.DOMAINS.get(models.MODELS.get(model).domain).default_precisions
    rows = (row for row in ARTIFACTS if not row.needs_calibration or row.name in usual)
    return tuple(row.name for row in rows)


def check(model: str, activation: str, converter: Converter) -> dict:
    folder = WORK / f"{model}-{activation}"
    try:
        figures = testing.check_model(
            model, folder, precisions=precisions_of(model), converter=converter,
            **testing.small_config(model, activation),
        )  # fmt: skip
        return {"passed": True, "files": kept(figures)}
    except errors.ActzooError as error:
        verified = folder / "export" / "verify.json"
        files = json.loads(verified.read_text()) if verified.exists() else {}
        lines = str(error).splitlines()
        first = " ".join(lines[:2]) if isinstance(error, errors.ExportError) else lines[0]
        why = first.split("}: ")[-1].rstrip(".").replace(".; ", "; ")
        return {"passed": False, "why": why, "files": kept(files)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        keras.utils.clear_session()  # else a hundred models fill the memory


def kept(files: dict) -> dict:
    """Return what the table shows of the measures."""
    return {
        precision: {
            "passed": measures.get("passed"),
            "max_abs_error": measures.get("max_abs_error"),
            "agreement": measures.get("agreement"),
            "operators": sum(measures.get("operators", {}).values()),
        }
        for precision, measures in files.items()
        if precision in ARTIFACTS
    }


def load() -> dict[str, dict]:
    return json.loads(STATE.read_text("utf-8")) if STATE.exists() else {}


def keep(pair: str, row: dict) -> None:
    """Add a row to the state; others may be writing, too."""
    with (WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = sorted({**load(), pair: row}.items())
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rows)
        files.write_text(STATE, f"{{\n{lines}\n}}\n")


def run(chosen: Sequence[str], share: tuple[int, int]) -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    pairs = [(model, name) for model in chosen for name in activations.names()]
    with Converter() as converter:
        for model, activation in pairs[share[0] - 1 :: share[1]]:
            wanted = set(precisions_of(model))
            known = load().get(f"{model}-{activation}")
            if known is None or (known["files"] and not wanted <= known["files"].keys()):
                row = check(model, activation, converter)
                keep(f"{model}-{activation}", row)
                print(model, activation, "ok" if row["passed"] else row["why"], flush=True)


def cell(row: dict, precision: str) -> str:
    figures = row["files"].get(precision)
    if figures is None:
        return "–"
    if figures["max_abs_error"] is None:
        return "refused"
    mark = "" if figures["passed"] else " ✗"
    return f"{figures['max_abs_error']:.1g} / {figures['agreement']:.3f}{mark}"


def counts(rows: dict[str, dict], models_: Sequence[str]) -> list[str]:
    """Return the lines of a table of how many pairs passed, per model and precision."""
    lines = ["| model | " + " | ".join(["all held", *ARTIFACTS.names()]) + " |"]
    lines.append("|---|" + "---|" * (len(ARTIFACTS.names()) + 1))
    for model in models_:
        own = [row for pair, row in rows.items() if pair.rpartition("-")[0] == model]
        cells = [f"{sum(row['passed'] for row in own)} of {len(own)}"]
        for precision in ARTIFACTS.names():
            made = [row["files"][precision] for row in own if precision in row["files"]]
            held = sum(bool(figures["passed"]) for figures in made)
            cells.append(f"{held} of {len(made)}" if made else "–")
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return lines


def shortened(why: str) -> str:
    """Return the first of several reasons and how many more there are; the cells show them."""
    first, *others = re.split(rf"; (?=(?:{'|'.join(ARTIFACTS.names())}): )", why)
    return first.rstrip(".") + (f" (and {len(others)} more)" if others else "")


def table() -> str:
    rows = load()
    passed = sum(row["passed"] for row in rows.values())
    lines = [
        "# Every activation in every model",
        "",
        "Made by `scripts/check_matrix.py`: small configurations, trained for 96 steps (`unet`:",
        "192), saved, loaded, exported with builtin operators only, verified without TensorFlow.",
        f"{len(rows)} of {len(MODELS) * len(activations.names())} pairs were checked, {passed} "
        "passed.",
        "",
        "Cells: largest error of a probability against Keras / share of equal answers; ✗ where",
        "`verify` found a limit missed. The nets are tiny and hardly trained: read ✗ as a warning",
        "about the activation in that place, which `verify` would give you, too.",
        "",
        *counts(rows, MODELS),
    ]
    for model in MODELS:
        lines += ["", f"## {model}", "", *lines_of(model, rows)]
    return "\n".join(lines) + "\n"


def lines_of(model: str, rows: dict[str, dict]) -> list[str]:
    """Return the lines of a model's table, one per activation that was checked."""
    columns = [*precisions_of(model)]
    lines = ["| activation | verified | " + " | ".join(columns) + " | operators |"]
    lines.append("|---|---|" + "---|" * (len(columns) + 1))
    for activation in activations.names():
        row = rows.get(f"{model}-{activation}")
        if row is None:
            continue
        cells = " | ".join(cell(row, precision) for precision in columns)
        verdict = "yes" if row["passed"] else f"no: {shortened(row['why'])}"
        count = row["files"].get(columns[-1], {}).get("operators", "–")
        lines.append(f"| {activation} | {verdict} | {cells} | {count} |")
    return lines


def main(arguments: list[str]) -> None:
    share = (1, 1)
    if "--share" in arguments:
        at = arguments.index("--share")
        first, _, of = arguments[at + 1].partition("/")
        share = (int(first), int(of))
        del arguments[at : at + 2]
    if "--table" not in arguments:
        run([name for name in arguments if name != "--table"] or MODELS, share)
    (ROOT / "docs" / "matrix.md").write_text(table(), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
