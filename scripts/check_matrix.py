"""Check every activation in every model: train, save, load, export in four precisions, verify.

Command: python scripts/check_matrix.py [--table]
Time: about 50 minutes on two cores; goes on where it was interrupted (state in build/matrix/).
Result: docs/matrix.md, one row per activation and model; --table only writes the table anew.
"""

import json
import shutil
import sys
from pathlib import Path

from actzoo import activations, errors, testing
from actzoo.device.converter import Converter

ROOT = Path(__file__).parents[1]
STATE = ROOT / "build" / "matrix"
MODELS = ("simple_net", "mobilenet_v2", "resnet18")
PRECISIONS = ("float32", "float16", "dynamic", "int8")


def check(model: str, activation: str, converter: Converter) -> dict:
    folder = STATE / f"{model}-{activation}"
    try:
        found = testing.check_model(
            model, folder, precisions=PRECISIONS, converter=converter,
            **testing.small_config(model, activation),
        )  # fmt: skip
        return {"passed": True, "files": found}
    except errors.ActzooError as error:
        verified = folder / "export" / "verify.json"
        files = json.loads(verified.read_text()) if verified.exists() else {}
        return {"passed": False, "why": str(error).splitlines()[0].split("}: ")[-1], "files": files}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run() -> None:
    STATE.mkdir(parents=True, exist_ok=True)
    with Converter() as converter:
        for model in MODELS:
            for activation in activations.names():
                done = STATE / f"{model}-{activation}.json"
                if not done.exists():
                    row = check(model, activation, converter)
                    done.write_text(json.dumps(row))
                    print(model, activation, "ok" if row["passed"] else row["why"], flush=True)


def cell(row: dict, precision: str) -> str:
    found = row.get("files", {}).get(precision)
    if found is None:
        return "–"
    if "max_abs_error" not in found:
        return "refused"
    mark = "" if found["passed"] else " ✗"
    return f"{found['max_abs_error']:.1g} / {found['agreement']:.3f}{mark}"


def table() -> str:
    lines = [
        "# Every activation in every model",
        "",
        "Made by `scripts/check_matrix.py`: small configurations at 32 px, trained for some steps,",
        "saved, loaded, exported with builtin operators only, and verified without TensorFlow.",
        "Cells: largest error of a probability against Keras / share of equal first classes;",
        "✗ where `verify` found a limit missed. The nets are tiny and trained for 96 steps: read ✗",
        "as a warning about the activation in that place, which `verify` would give you, too.",
        "",
        "| model | activation | verified | " + " | ".join(PRECISIONS) + " | int8 operators |",
        "|---|---|---|" + "---|" * (len(PRECISIONS) + 1),
    ]
    for model in MODELS:
        for activation in activations.names():
            path = STATE / f"{model}-{activation}.json"
            if not path.exists():
                continue
            row = json.loads(path.read_text())
            int8 = row.get("files", {}).get("int8", {}).get("operators", {})
            cells = " | ".join(cell(row, precision) for precision in PRECISIONS)
            verdict = "yes" if row["passed"] else f"no: {row['why']}"
            lines.append(f"| {model} | {activation} | {verdict} | {cells} | {sum(int8.values())} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--table" not in sys.argv:
        run()
    (ROOT / "docs" / "matrix.md").write_text(table(), "utf-8")
