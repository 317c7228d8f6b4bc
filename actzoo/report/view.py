"""What a report shows, section by section, from the files of a run folder.

A file may be missing, cut or edited by hand: the section then holds a `gap`, one sentence that
names it and the command that makes it.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from actzoo import errors, results, wording
from actzoo.report import charts, embedded, figures
from actzoo.report.figures import MOST_ROWS, mapping, objects, sequence, whole
from actzoo.results import RunFolder
from actzoo.wording import finite

PICTURE_BUDGET = 2_500_000  # bytes of all pictures; base64 adds a third
PICTURE_LIMIT = 150_000
PRECISIONS = ("float32", "float16", "dynamic", "int8")
SITE_NUMBERS = ("zero_fraction", "saturated_fraction", "gradient_norm", "outlier_ratio")
FILE_NUMBERS = ("size_bytes", "latency_ms", "agreement", "max_abs_error", "mean_abs_error",
                "custom_operators")  # fmt: skip
SCORES = (
    ("accuracy", "Accuracy"),
    ("macro_recall", "Macro recall"),
    ("macro_f1", "Macro F1"),
    ("loss", "Log loss"),
    ("constant_accuracy", "Always the most frequent class"),
    ("n", "Examples"),
)
FAULTS = (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError)

# --- reading what may be broken ----------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _File:
    """A JSON file of the run: what it holds, and what is wrong with it."""

    data: Mapping[str, Any]
    gap: str | None


def _read(run: RunFolder, path: Path, what: str, command: str) -> _File:
    name = path.relative_to(run.path).as_posix()
    if not path.is_file():
        return _File({}, f"{name} is missing. `{command}` makes it.")
    try:
        data = results.read_json(path, what)
        empty = not set(data) - {"format"}
        return _File(data, f"{name} is empty. `{command}` makes it anew." if empty else None)
    except (errors.ActzooError, OSError) as error:
        first = str(error).splitlines()[0].replace(f"{run.path}{os.sep}", "")
        return _File({}, f"{name} cannot be used: {first} `{command}` makes it anew.")


def _read_rows(path: Path) -> Iterable[dict[str, str]]:
    """Yield the rows of a CSV file; stops quietly where the file is cut."""
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        with contextlib.suppress(csv.Error):
            yield from csv.DictReader(line.replace("\0", "") for line in file)


def _cell(text: str | None) -> float | None:
    try:
        return charts.finite(float(text)) if text else None
    except ValueError:
        return None


# --- the page ----------------------------------------------------------------------------------


class ReportView:
    """Turns the files of a run into what the template shows, section by section."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        here = errors.shown(run.path.name or "RUN")
        self.plan = _read(run, run.plan, "plan", f"actzoo plan DATA --out {here}")
        self.card = _read(run, run.card, "model card", f"actzoo train {here}")
        self.metrics = _read(run, run.metrics, "metrics", f"actzoo evaluate {here}")
        self.panels = _read(run, run.panels, "panels", f"actzoo evaluate {here}")
        self.diagnostics = _read(run, run.diagnostics, "diagnostics", f"actzoo diagnose {here}")
        self.verification = _read(run, run.verification, "verification", f"actzoo verify {here}")
        exported = results.ExportFolder(run.export).record
        self.export = _read(run, exported, "export record", f"actzoo export {here}")
        self.here = here
        self.budget = PICTURE_BUDGET

    def view(self) -> dict[str, Any]:
        """Return the variables of the template."""
        return {
            name: self._guarded(name, make)
            for name, make in (
                ("top", self._headline),
                ("data", self._about_data),
                ("scores", self._about_scores),
                ("training", self._about_training),
                ("activations", self._about_activations),
                ("exports", self._about_exports),
                ("decisions", self._about_decisions),
                ("again", self._how_to_repeat),
                ("warnings", self._about_warnings),
            )
        }

    def _guarded(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return a section; one whose files hold something unforeseen becomes a gap."""
        try:
            return make()
        except FAULTS as error:
            return {
                "gap": f"This part ({name}) cannot be shown: a file of the run holds something "
                f"unexpected ({type(error).__name__})."
            }

    # --- what the top says ---------------------------------------------------------------------

    def _headline(self) -> dict[str, Any]:
        plan, card = self.plan.data, self.card.data
        config = mapping(plan.get("model_config")) or mapping(card.get("config"))
        test = mapping(self.metrics.data.get("test"))
        accuracy = finite(test.get("accuracy"))
        interval = [finite(value) for value in sequence(test.get("accuracy_interval"))]
        low, high = interval if len(interval) == 2 else (None, None)
        constant = finite(test.get("constant_accuracy"))
        name = str(plan.get("data") or "").replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        return {
            "title": re.sub(r"\.(zip|tar\.gz|tgz|csv|json)$", "", name) or self.here,
            "model": plan.get("model") or card.get("name"),
            "activation": config.get("activation"),
            "classes": len(self._classes()) or None,
            "counts": self._counts(),
            "start": "scratch" if plan.get("weights") in (None, "none") else "weights",
            "accuracy": accuracy,
            "interval": None if low is None or high is None else (low, high),
            "constant": constant,
            "strip": {
                name: None if value is None else round(2 + 356 * min(1.0, max(0.0, value)), 1)
                for name, value in (
                    ("accuracy", accuracy), ("low", low if high is not None else None),
                    ("high", high), ("constant", constant),
                )
            },
            "n": whole(test.get("n")),
            "doubt": low is not None and constant is not None and low <= constant,
            "gap": self.metrics.gap or (None if accuracy is not None else
                   "metrics.json holds no accuracy for the test split."),
            "seal": self._seal(),
            "facts": self._facts(),
        }  # fmt: skip

    def _classes(self) -> list[str]:
        found = sequence(self.plan.data.get("classes")) or sequence(self.card.data.get("classes"))
        return [str(name) for name in found]

    def _counts(self) -> dict[str, int]:
        found = mapping(self.plan.data.get("num_examples"))
        counts = {name: whole(found.get(name)) for name in ("train", "val", "test")}
        return {name: count for name, count in counts.items() if count is not None}

    def _seal(self) -> dict[str, Any]:
        """Return what the verification came to: passed, failed, or not done."""
        measures = self._measures()
        if self.verification.gap or not measures:
            return {"state": "open", "gap": self.verification.gap or "verify.json names no file."}
        failed = [name for name, found in measures.items() if found.get("passed") is not True]
        findings = [
            {key: finding.get(key) for key in ("what", "why", "fix")}
            for finding in results.verification_findings(self.verification.data)
        ]
        good = not failed and not findings
        return {
            "state": "passed" if good else "failed",
            "total": len(measures),
            "failed": failed,
            "findings": findings[:20],
        }

    def _facts(self) -> list[tuple[str, str]]:
        counts = self._counts()
        facts = []
        if counts:
            words = {"train": "to train", "val": "to validate", "test": "to test"}
            facts.append(
                ("Examples", ", ".join(f"{counts[name]:,} {words[name]}" for name in counts))
            )
        shape = [
            size
            for name in mapping(self.card.data.get("inputs")).values()
            for size in sequence(mapping(name).get("shape"))
        ]
        if shape:
            facts.append(("Input", " × ".join(map(str, shape))))
        epochs, seconds = self._time()
        if epochs:
            facts.append(("Training", f"{epochs} epochs in {wording.duration(seconds)}"))
        sizes = [
            (size, name, finite(found.get("latency_ms")))
            for name, found in self._measures().items()
            if (size := finite(found.get("size_bytes"))) is not None
        ]
        if sizes:
            size, name, latency = min(sizes)
            speed = "" if latency is None else f", {latency:.3g} ms an example"
            facts.append(("Smallest file", f"{name}, {wording.size(size)}{speed}"))
        return facts

    # --- the data ------------------------------------------------------------------------------

    def _about_data(self) -> dict[str, Any]:
        found = self._panels(of_results=False)
        nothing = "panels.json names nothing to show." if not found else None
        return {"gap": self.panels.gap or nothing, "panels": found}

    def _panels(self, *, of_results: bool) -> list[dict[str, Any]]:
        found = []
        for panel in objects(self.panels.data.get("panels")):
            title = str(panel.get("title", ""))
            section = panel.get("section", "results" if "mistake" in title.lower() else "data")
            if (section == "results") == of_results:
                made = self._guarded(title, functools.partial(self._panel, panel))
                found.append({"title": title, **made})
        return found

    def _panel(self, panel: Mapping[str, Any]) -> dict[str, Any]:
        kind = panel.get("kind")
        if kind == "gallery":
            groups = self._gallery(objects(panel.get("items")))
            single = all(len(group["pictures"]) == 1 for group in groups)
            return {"kind": kind, "groups": groups, "single": single}
        if kind == "bars":
            return {"kind": kind, **figures.balance(panel)}
        if kind == "table":
            rows = [sequence(row) for row in sequence(panel.get("rows"))]
            return {"kind": kind, "columns": sequence(panel.get("columns")),
                    "rows": rows[:MOST_ROWS]}  # fmt: skip
        if kind == "histogram":
            return {"kind": kind, "chart": figures.histogram(panel)}
        return {"kind": None, "gap": "This version of actzoo cannot draw this panel."}

    def _gallery(self, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return pictures, neighbours with the same caption in one group."""
        groups: list[dict[str, Any]] = []
        for item in items:
            picture = self._picture(str(item.get("picture", "")))
            caption = str(item.get("caption", ""))
            detail = str(item.get("detail", ""))
            if groups and groups[-1]["caption"] == caption:
                groups[-1]["pictures"].append(picture)
                groups[-1]["detail"] = ""
            else:
                groups.append({"caption": caption, "detail": detail, "pictures": [picture]})
        return groups

    def _picture(self, name: str) -> Any:
        """Return a picture of the evaluation as a data URI; None where it cannot be shown."""
        home = self.run.evaluation.resolve()
        try:
            path = (home / name).resolve()
            if not path.is_relative_to(home) or path.stat().st_size > PICTURE_LIMIT:
                return None
            content = path.read_bytes()
        except (OSError, ValueError):
            return None
        kind = embedded.kind_of(content)
        if kind is None or len(content) > self.budget:
            return None
        self.budget -= len(content)
        return embedded.data_uri(kind, content)

    # --- the scores ----------------------------------------------------------------------------

    def _about_scores(self) -> dict[str, Any]:
        splits = {
            split: mapping(self.metrics.data.get(split))
            for split in ("test", "val")
            if self.metrics.data.get(split)
        }
        rows = [
            (words, key, [finite(score.get(key)) for score in splits.values()])
            for key, words in SCORES
            if any(finite(score.get(key)) is not None for score in splits.values())
        ]
        test = splits.get("test", {})
        classes = self._class_rows(mapping(test.get("per_class")))
        return {
            "gap": self.metrics.gap,
            "splits": list(splits),
            "rows": rows,
            "classes": classes[:MOST_ROWS],
            "numbered": figures.numbered(self._names(test)),
            "more_classes": max(0, len(classes) - MOST_ROWS),
            "confusion": self._guarded(
                "confusion", lambda: figures.confusion(test.get("confusion"), self._names(test))
            ),
            "trust": self._guarded("predictions", self._trust),
            "panels": self._panels(of_results=True),
        }

    def _names(self, test: Mapping[str, Any]) -> list[str]:
        return [str(name) for name in mapping(test.get("per_class"))] or self._classes()

    def _class_rows(self, per_class: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "number": number,
                "name": str(name),
                **{
                    key: finite(mapping(found).get(key))
                    for key in ("n", "precision", "recall", "f1")
                },
            }
            for number, (name, found) in enumerate(per_class.items(), start=1)
        ]

    def _trust(self) -> dict[str, Any]:
        """Return how often the model is right at each level of its own probability."""
        path = self.run.predictions
        if not path.is_file():
            return {"gap": f"evaluation/{path.name} is missing. "
                    f"`actzoo evaluate {self.here}` makes it."}  # fmt: skip
        counts, hits = [0] * 10, [0] * 10
        for row in _read_rows(path):
            probability = _cell(row.get("probability"))
            if row.get("split") != "test" or probability is None:
                continue
            level = min(9, max(0, int(probability * 10)))
            counts[level] += 1
            hits[level] += row.get("correct") == "1"
        rows = [
            {"from": level / 10, "to": (level + 1) / 10, "n": n, "right": hits[level] / n}
            for level, n in enumerate(counts)
            if n
        ]
        return {"rows": rows[::-1], "gap": None if rows else "predictions.csv holds no test rows."}

    # --- training ------------------------------------------------------------------------------

    def _history(self) -> list[dict[str, str]]:
        return list(_read_rows(self.run.history)) if self.run.history.is_file() else []

    def _time(self) -> tuple[int, float]:
        rows = self._history()
        return len(rows), sum(max(0.0, _cell(row.get("seconds")) or 0.0) for row in rows)

    def _about_training(self) -> dict[str, Any]:
        rows = self._history()
        if not rows:
            what = "is empty" if self.run.history.is_file() else "is missing"
            return {"gap": f"history.csv {what}. `actzoo train {self.here}` makes it."}
        columns = {key: [_cell(row.get(key)) for row in rows] for key in (
            "loss", "val_loss", "accuracy", "val_accuracy", "learning_rate")}  # fmt: skip
        bands: list[tuple[str, int]] = []
        for row in rows:
            phase = str(row.get("phase") or "")
            if bands and bands[-1][0] == phase:
                bands[-1] = (phase, bands[-1][1] + 1)
            else:
                bands.append((phase, 1))
        known = [(loss, at) for at, loss in enumerate(columns["val_loss"], 1) if loss is not None]
        best = min(known)[1] if known else None
        drawn = [
            charts.line_chart(
                "Loss", {"training": columns["loss"], "validation": columns["val_loss"]},
                bands=bands, mark=best,
            ),
            charts.line_chart(
                "Accuracy",
                {"training": columns["accuracy"], "validation": columns["val_accuracy"]},
                share=True,
                bands=bands,
                mark=best,
            ),
            charts.line_chart(
                "Learning rate", {"learning rate": columns["learning_rate"]}, bands=bands,
                from_zero=True,
            ),
        ]  # fmt: skip
        return {
            "gap": None if any(drawn) else "history.csv holds no numbers that can be drawn.",
            "charts": [chart for chart in drawn if chart is not None],
            "phases": [{"name": name, "epochs": length} for name, length in bands],
            "best": best,
            "epochs": len(rows),
            "missing": sum(value is None for values in columns.values() for value in values),
        }

    # --- activations ---------------------------------------------------------------------------

    def _about_activations(self) -> dict[str, Any]:
        sites = objects(self.diagnostics.data.get("sites"))[:MOST_ROWS]
        rows = []
        for number, site in enumerate(sites, start=1):
            units, dead = finite(site.get("units")), finite(site.get("dead_units"))
            rows.append(
                {
                    "number": number,
                    "path": site.get("path"),
                    "activation": site.get("activation"),
                    "role": site.get("role"),
                    "units": units,
                    "dead_units": dead,
                    "dead_share": dead / units if units and dead is not None else None,
                    **{key: finite(site.get(key)) for key in SITE_NUMBERS},
                }
            )
        findings = [
            {key: finding.get(key) for key in ("what", "why", "suggestion", "code")}
            for finding in objects(self.diagnostics.data.get("findings"))
        ]
        return {
            "gap": self.diagnostics.gap
            or (None if rows or findings else "diagnostics.json names no activation."),
            "rows": rows,
            "charts": figures.site_charts(rows),
            "roles": [role for role in figures.ROLES if any(row["role"] == role for row in rows)],
            "findings": findings[:50],
            "num_inputs": whole(self.diagnostics.data.get("num_inputs")),
        }

    # --- exported files ------------------------------------------------------------------------

    def _measures(self) -> dict[str, Mapping[str, Any]]:
        """Return precision -> measures, known precisions first."""
        found = {
            name: value
            for name, value in self.verification.data.items()
            if isinstance(value, Mapping)
            and (name in PRECISIONS or "custom_operators" in value or "size_bytes" in value)
        }
        order = {name: at for at, name in enumerate(PRECISIONS)}
        return dict(sorted(found.items(), key=lambda item: order.get(item[0], len(order))))

    def _about_exports(self) -> dict[str, Any]:
        rows = []
        for name, found in self._measures().items():
            operators = {
                str(key): count
                for key, value in mapping(found.get("operators")).items()
                if (count := whole(value)) is not None
            }
            rows.append(
                {
                    "precision": name,
                    "passed": found.get("passed") is True,
                    "accuracy": finite(mapping(found.get("test")).get("accuracy")),
                    "num_operators": sum(operators.values()) or None,
                    "operators": sorted(operators.items(), key=lambda item: (-item[1], item[0])),
                    "worst_case": found.get("worst_case"),
                    **{key: finite(found.get(key)) for key in FILE_NUMBERS},
                }
            )
        files = mapping(self.export.data.get("files"))
        limits = [mapping(found.get("limits")) for found in self._measures().values()]
        return {
            "gap": self.verification.gap or (None if rows else "verify.json names no file."),
            "record_gap": self.export.gap,
            "rows": rows,
            "limits": {
                key: finite(next((found.get(key) for found in limits), None))
                for key in ("agreement", "score_drop")
            },
            "gain": _gain(rows),
            "files": [(name, str(digest)) for name, digest in sorted(files.items())][:100],
            "notes": [str(note) for note in sequence(self.export.data.get("notes"))][:50],
        }

    # --- why, how, with what -------------------------------------------------------------------

    def _about_decisions(self) -> dict[str, Any]:
        plan = self.plan.data
        recipe = mapping(plan.get("recipe"))
        phases = [
            {key: phase.get(key) for key in ("name", "trains", "on", "epochs", "learning_rate")}
            for phase in objects(recipe.get("phases"))
        ]
        settings = {
            **{f"model: {key}": value for key, value in mapping(plan.get("model_config")).items()},
            **{key: value for key, value in recipe.items() if key != "phases"},
        }
        return {
            "gap": self.plan.gap,
            "reasons": [wording.sentence(reason) for reason in sequence(plan.get("reasons"))][:50],
            "phases": phases,
            "settings": [
                (key.replace("_", " "), wording.plain(value)) for key, value in settings.items()
            ],
            "steps": [_step(step) for step in objects(plan.get("preprocessing"))],
        }

    def _how_to_repeat(self) -> dict[str, Any]:
        card = self.card.data
        precisions = [str(name) for name in sequence(self.export.data.get("precisions"))]
        best = next((p for p in reversed(PRECISIONS) if p in precisions), "int8")
        here = _quoted(self.run.path.name or "RUN")
        return {
            "gap": self.card.gap,
            "commands": [
                ("The same run again; same data and machine give the same weights, bit for bit",
                 f"actzoo run {here}/plan.json --out again"),
                ("Prove once more that the exported files compute what was trained",
                 f"actzoo verify {here}"),
                ("Ask the exported file",
                 f"actzoo predict {here}/export/model_{best}.tflite FILE --json"),
            ],
            "versions": [(k, str(v)) for k, v in mapping(card.get("versions")).items()],
            "weights": [
                (key.replace("_", " "), wording.plain(value))
                for key, value in mapping(card.get("weights")).items()
            ],
            "hashes": [
                *((name, str(v)) for name, v in mapping(card.get("sha256")).items()),
                *([("data", str(self.plan.data["content_hash"]))]
                  if self.plan.data.get("content_hash") else []),
            ],
        }  # fmt: skip

    def _about_warnings(self) -> dict[str, Any]:
        texts = [str(text) for text in results.run_warnings(self.run)]
        return {"texts": texts[:50], "more": max(0, len(texts) - 50)}


def _gain(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Say what the smallest file gains over float32."""
    by_name = {row["precision"]: row for row in rows}
    base = by_name.get("float32")
    other = by_name.get("int8") or by_name.get("dynamic")
    if base is None or other is None or not base["size_bytes"] or not other["size_bytes"]:
        return None
    text = (
        f"The {other['precision']} file is {base['size_bytes'] / other['size_bytes']:.1f} times "
        "smaller than float32"
    )
    if base["latency_ms"] and other["latency_ms"]:
        ratio = base["latency_ms"] / other["latency_ms"]
        speed = f"{ratio:.1f} times faster" if ratio >= 1 else f"{1 / ratio:.1f} times slower"
        text += f" and {speed} on the machine that measured it"
    return text + "."


def _step(step: Mapping[str, Any]) -> str:
    rest = ", ".join(
        f"{key} {wording.plain(value)}" for key, value in step.items() if key != "step"
    )
    name = str(step.get("step", "?")).replace("_", " ")
    return f"{name} ({rest})" if rest else name


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[\w.+-]+", name) else f'"{name}"'
