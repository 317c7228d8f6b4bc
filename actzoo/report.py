"""One page about a run, complete in itself, fit to be sent to a colleague.

Reads the run folder only, and takes what it finds: where a file is missing or broken, the page
names the gap in place of the figure. Whatever comes from data (names, captions, warnings) reaches
the page as text and never as an element or an attribute.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import dataclasses
import hashlib
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actzoo import charts, errors, results
from actzoo.results import RunFolder

if TYPE_CHECKING:
    import jinja2
    import markupsafe

PICTURE_BUDGET = 2_500_000  # bytes of all pictures; base64 adds a third
PICTURE_LIMIT = 150_000
MOST_ROWS = 1000  # of any table
MOST_CELLS = 20  # classes up to which a confusion matrix shows numbers
MOST_TEXT = 600  # characters of any single text
PRECISIONS = ("float32", "float16", "dynamic", "int8")
FAULTS = (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError)


def render(run: RunFolder | str | os.PathLike[str]) -> Path:
    """Write `report.html` from what a run folder holds.

    Args:
        run: The run folder; any of its files may be missing or broken.

    Returns:
        The page.

    Raises:
        DiskError: It could not be written; an older page stays.
    """
    folder = run if isinstance(run, RunFolder) else RunFolder(run)
    environment = _environment(folder)
    style = _source(environment, "report.css.j2")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    page = environment.get_template("report.html.j2").render(
        _Report(folder).view(), style=_markup(style), digest=_markup(digest)
    )
    return results.write_text(folder.report, page)


# --- reading what may be broken ----------------------------------------------------------------


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _number(value: Any) -> float | None:
    return charts.finite(value)


def _count(value: Any) -> int | None:
    number = charts.finite(value)
    return None if number is None else int(number)


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in _sequence(value) if isinstance(item, Mapping)]


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
        return _File(results.read_json(path, what), None)
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


class _Report:
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
                ("top", self.headline),
                ("data", self.about_data),
                ("scores", self.about_scores),
                ("training", self.about_training),
                ("activations", self.about_activations),
                ("exports", self.about_exports),
                ("decisions", self.about_decisions),
                ("again", self.how_to_repeat),
                ("warnings", self.about_warnings),
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

    def headline(self) -> dict[str, Any]:
        plan, card = self.plan.data, self.card.data
        config = _mapping(plan.get("model_config")) or _mapping(card.get("config"))
        test = _mapping(self.metrics.data.get("test"))
        accuracy = _number(test.get("accuracy"))
        interval = [_number(value) for value in _sequence(test.get("accuracy_interval"))]
        low, high = interval if len(interval) == 2 else (None, None)
        constant = _number(test.get("constant_accuracy"))
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
            "n": _count(test.get("n")),
            "doubt": low is not None and constant is not None and low <= constant,
            "gap": self.metrics.gap or (None if accuracy is not None else
                   "metrics.json holds no accuracy for the test split."),
            "seal": self._seal(),
            "facts": self._facts(),
        }  # fmt: skip

    def _classes(self) -> list[str]:
        found = _sequence(self.plan.data.get("classes")) or _sequence(self.card.data.get("classes"))
        return [str(name) for name in found]

    def _counts(self) -> dict[str, int]:
        found = _mapping(self.plan.data.get("num_examples"))
        counts = {name: _count(found.get(name)) for name in ("train", "val", "test")}
        return {name: count for name, count in counts.items() if count is not None}

    def _seal(self) -> dict[str, Any]:
        """Return what the verification came to: passed, failed, or not done."""
        measures = self._measures()
        if self.verification.gap or not measures:
            return {"state": "open", "gap": self.verification.gap or "verify.json names no file."}
        failed = [name for name, found in measures.items() if found.get("passed") is not True]
        findings = [
            {key: finding.get(key) for key in ("what", "why", "fix")}
            for finding in _objects(self.verification.data.get("findings"))
        ]
        good = not failed and self.verification.data.get("passed", True) is True and not findings
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
            for name in _mapping(self.card.data.get("inputs")).values()
            for size in _sequence(_mapping(name).get("shape"))
        ]
        if shape:
            facts.append(("Input", " × ".join(map(str, shape))))
        epochs, seconds = self._time()
        if epochs:
            facts.append(("Training", f"{epochs} epochs in {duration(seconds)}"))
        sizes = [
            (size, name, _number(found.get("latency_ms")))
            for name, found in self._measures().items()
            if (size := _number(found.get("size_bytes"))) is not None
        ]
        if sizes:
            size, name, latency = min(sizes)
            speed = "" if latency is None else f", {latency:.3g} ms an example"
            facts.append(("Smallest file", f"{name}, {size_words(size)}{speed}"))
        return facts

    # --- the data ------------------------------------------------------------------------------

    def about_data(self) -> dict[str, Any]:
        return {"gap": self.panels.gap, "panels": self._panels(of_results=False)}

    def _panels(self, *, of_results: bool) -> list[dict[str, Any]]:
        found = []
        for panel in _objects(self.panels.data.get("panels")):
            title = str(panel.get("title", ""))
            about = panel.get("section", "results" if "mistake" in title.lower() else "data")
            if (about == "results") == of_results:
                found.append(
                    {"title": title, **self._guarded(title, lambda p=panel: self._panel(p))}
                )  # type: ignore[misc]
        return found

    def _panel(self, panel: Mapping[str, Any]) -> dict[str, Any]:
        kind = panel.get("kind")
        if kind == "gallery":
            groups = self._gallery(_objects(panel.get("items")))
            single = all(len(group["pictures"]) == 1 for group in groups)
            return {"kind": kind, "groups": groups, "single": single}
        if kind == "bars":
            return {"kind": kind, **_balance(panel)}
        if kind == "table":
            rows = [_sequence(row) for row in _sequence(panel.get("rows"))]
            return {"kind": kind, "columns": _sequence(panel.get("columns")),
                    "rows": rows[:MOST_ROWS]}  # fmt: skip
        if kind == "histogram":
            return {"kind": kind, "chart": _histogram(panel)}
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
        kind = _kind_of_picture(content)
        if kind is None or len(content) > self.budget:
            return None
        self.budget -= len(content)
        return _data_uri(kind, content)

    # --- the scores ----------------------------------------------------------------------------

    def about_scores(self) -> dict[str, Any]:
        names = (
            ("accuracy", "Accuracy"),
            ("macro_recall", "Macro recall"),
            ("macro_f1", "Macro F1"),
            ("loss", "Log loss"),
            ("constant_accuracy", "Always the most frequent class"),
            ("n", "Examples"),
        )
        splits = {
            split: _mapping(self.metrics.data.get(split))
            for split in ("test", "val")
            if self.metrics.data.get(split)
        }
        rows = [
            (words, key, [_number(score.get(key)) for score in splits.values()])
            for key, words in names
            if any(_number(score.get(key)) is not None for score in splits.values())
        ]
        test = splits.get("test", {})
        classes = self._class_rows(_mapping(test.get("per_class")))
        return {
            "gap": self.metrics.gap,
            "splits": list(splits),
            "rows": rows,
            "classes": classes[:MOST_ROWS],
            "more_classes": max(0, len(classes) - MOST_ROWS),
            "confusion": self._guarded(
                "confusion", lambda: _confusion(test.get("confusion"), self._names(test))
            ),
            "trust": self._guarded("predictions", self._trust),
            "panels": self._panels(of_results=True),
        }

    def _names(self, test: Mapping[str, Any]) -> list[str]:
        return [str(name) for name in _mapping(test.get("per_class"))] or self._classes()

    def _class_rows(self, per_class: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "number": number,
                "name": str(name),
                **{
                    key: _number(_mapping(found).get(key))
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

    def about_training(self) -> dict[str, Any]:
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
                "Accuracy", {"training": columns["accuracy"], "validation": columns["val_accuracy"]},
                share=True, bands=bands, mark=best,
            ),
            charts.line_chart(
                "Learning rate", {"learning rate": columns["learning_rate"]}, bands=bands
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

    def about_activations(self) -> dict[str, Any]:
        sites = _objects(self.diagnostics.data.get("sites"))[:MOST_ROWS]
        rows = []
        for number, site in enumerate(sites, start=1):
            units, dead = _number(site.get("units")), _number(site.get("dead_units"))
            rows.append(
                {
                    "number": number,
                    "path": site.get("path"),
                    "activation": site.get("activation"),
                    "role": site.get("role"),
                    "units": units,
                    "dead_units": dead,
                    "dead_share": dead / units if units and dead is not None else None,
                    **{
                        key: _number(site.get(key))
                        for key in (
                            "zero_fraction",
                            "saturated_fraction",
                            "gradient_norm",
                            "outlier_ratio",
                        )  # fmt: skip
                    },
                }
            )
        findings = [
            {key: finding.get(key) for key in ("what", "why", "suggestion", "code")}
            for finding in _objects(self.diagnostics.data.get("findings"))
        ]
        return {
            "gap": self.diagnostics.gap
            or (None if rows or findings else "diagnostics.json names no activation."),
            "rows": rows,
            "charts": _site_charts(rows),
            "roles": [role for role in ROLES if any(row["role"] == role for row in rows)],
            "findings": findings[:50],
            "num_inputs": _count(self.diagnostics.data.get("num_inputs")),
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

    def about_exports(self) -> dict[str, Any]:
        rows = []
        for name, found in self._measures().items():
            operators = {
                str(key): count
                for key, value in _mapping(found.get("operators")).items()
                if (count := _count(value)) is not None
            }
            rows.append(
                {
                    "precision": name,
                    "passed": found.get("passed") is True,
                    "accuracy": _number(_mapping(found.get("test")).get("accuracy")),
                    "num_operators": sum(operators.values()) or None,
                    "operators": sorted(operators.items(), key=lambda item: (-item[1], item[0])),
                    "worst_case": found.get("worst_case"),
                    **{
                        key: _number(found.get(key))
                        for key in (
                            "size_bytes",
                            "latency_ms",
                            "agreement",
                            "max_abs_error",
                            "mean_abs_error",
                            "max_abs_error_extreme",
                            "custom_operators",
                        )  # fmt: skip
                    },
                }
            )
        files = _mapping(self.export.data.get("files"))
        return {
            "gap": self.verification.gap or (None if rows else "verify.json names no file."),
            "record_gap": self.export.gap,
            "rows": rows,
            "limits": {
                key: _number(_mapping(self.verification.data.get("limits")).get(key))
                for key in ("agreement", "score_drop")
            },
            "gain": _gain(rows),
            "files": [(name, str(digest)) for name, digest in sorted(files.items())][:100],
            "notes": [str(note) for note in _sequence(self.export.data.get("notes"))][:50],
        }

    # --- why, how, with what -------------------------------------------------------------------

    def about_decisions(self) -> dict[str, Any]:
        plan = self.plan.data
        recipe = _mapping(plan.get("recipe"))
        phases = [
            {key: phase.get(key) for key in ("name", "trains", "on", "epochs", "learning_rate")}
            for phase in _objects(recipe.get("phases"))
        ]
        settings = {
            **{f"model: {key}": value for key, value in _mapping(plan.get("model_config")).items()},
            **{key: value for key, value in recipe.items() if key != "phases"},
        }
        return {
            "gap": self.plan.gap,
            "reasons": [_sentence(reason) for reason in _sequence(plan.get("reasons"))][:50],
            "phases": phases,
            "settings": [(key.replace("_", " "), _words(value)) for key, value in settings.items()],
            "steps": [_step(step) for step in _objects(plan.get("preprocessing"))],
        }

    def how_to_repeat(self) -> dict[str, Any]:
        card = self.card.data
        precisions = [str(name) for name in _sequence(self.export.data.get("precisions"))]
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
            "versions": [(k, str(v)) for k, v in _mapping(card.get("versions")).items()],
            "weights": [
                (key.replace("_", " "), _words(value))
                for key, value in _mapping(card.get("weights")).items()
            ],
            "hashes": [
                *((name, str(v)) for name, v in _mapping(card.get("sha256")).items()),
                *([("data", str(self.plan.data["content_hash"]))]
                  if self.plan.data.get("content_hash") else []),
            ],
        }  # fmt: skip

    def about_warnings(self) -> dict[str, Any]:
        texts = [str(text) for text in results.run_warnings(self.run)]
        return {"texts": texts[:50], "more": max(0, len(texts) - 50)}


# --- charts of the sections --------------------------------------------------------------------

ROLES = ("hidden", "gate", "output")


def _site_charts(rows: Sequence[Mapping[str, Any]]) -> list[charts.Chart]:
    kinds = [ROLES.index(row["role"]) if row["role"] in ROLES else 0 for row in rows]
    wanted = (
        ("zero_fraction", "Zero outputs", True, False,
         "Share of outputs that are exactly 0: sparsity, free of charge up to a point."),
        ("dead_share", "Units that never moved", True, False,
         "Share of units with one and the same output for every input; they take part in nothing."),
        ("saturated_fraction", "Saturated inputs", True, False,
         "Share of inputs at which the derivative is almost 0, so that little gradient passes."),
        ("gradient_norm", "Gradient that arrives", False, True,
         "Norm of the loss's gradient at each site; level is good, a slope of decades is not."),
        ("outlier_ratio", "Largest input against the usual", False, False,
         "Over the 99.9th percentile; a large one costs int8 accuracy."),
    )  # fmt: skip
    found = []
    for key, title, share, log, about in wanted:
        hints = [f"{row['number']} {row['path']}: {_short(row[key])}" for row in rows]
        chart = charts.column_chart(
            title, [row[key] for row in rows], about=about, share=share, log=log, kinds=kinds,
            hints=hints, x_label="site, from input to output",
        )  # fmt: skip
        if chart is not None:
            found.append(chart)
    return found


def _short(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3g}"


def _balance(panel: Mapping[str, Any]) -> dict[str, Any]:
    """Return counts per label: bars for some tens of labels, columns by size for more."""
    labels = [str(label) for label in _sequence(panel.get("labels"))]
    series = {
        str(name): [_number(value) or 0.0 for value in _sequence(values)]
        for name, values in _mapping(panel.get("series")).items()
    }
    rows = [
        {"label": label, "parts": [max(0.0, v[i]) if i < len(v) else 0.0 for v in series.values()]}
        for i, label in enumerate(labels)
    ]
    for row in rows:
        row["total"] = sum(row["parts"])  # type: ignore[arg-type]
    largest = max((row["total"] for row in rows), default=0.0) or 1.0  # type: ignore[type-var]
    chart = None
    if len(rows) > 40:
        ordered = sorted(rows, key=lambda row: -row["total"])  # type: ignore[operator]
        chart = charts.column_chart(
            "From the largest class to the smallest",
            [row["total"] for row in ordered],
            hints=[f"{row['label']}: {row['total']:g}" for row in ordered],
            x_label=f"{len(rows)} classes",
        )
    return {
        "series": list(series),
        "rows": rows[:MOST_ROWS],
        "more": max(0, len(rows) - MOST_ROWS),
        "largest": largest,
        "chart": chart,
    }


def _histogram(panel: Mapping[str, Any]) -> charts.Chart | None:
    values = [v for value in _sequence(panel.get("values")) if (v := _number(value)) is not None]
    if not values:
        return None
    low, high = min(values), max(values)
    bins = min(30, max(1, len(set(values))))
    width = (high - low) / bins or 1.0
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / width))] += 1
    return charts.column_chart(
        "",
        counts,
        x_label=str(panel.get("xlabel", "")),
        x_ticks=[(0, f"{low:.3g}"), (bins / 2, f"{(low + high) / 2:.3g}"), (bins, f"{high:.3g}")],
    )


def _confusion(matrix: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return a confusion matrix: numbers for a few classes, a map for many, and the top pairs."""
    rows = [[max(0, _count(value) or 0) for value in _sequence(row)] for row in _sequence(matrix)]
    size = len(rows)
    if not size or any(len(row) != size for row in rows):
        return {"gap": "metrics.json holds no confusion matrix of the test split."}
    names = [names[i] if i < len(names) else f"class {i + 1}" for i in range(size)]
    totals = [sum(row) for row in rows]
    pairs = sorted(
        (-count, i, j)
        for i, row in enumerate(rows)
        for j, count in enumerate(row)
        if count and i != j
    )
    most = 8 if size <= MOST_CELLS else 25
    return {
        "gap": None,
        "size": size,
        "cells": [
            {
                "name": names[i],
                "number": i + 1,
                "values": [(count, _level(count, totals[i]), i == j) for j, count in enumerate(row)],
            }
            for i, row in enumerate(rows)
        ]
        if size <= MOST_CELLS
        else None,
        "map": None if size <= MOST_CELLS else _heat_map(rows, totals),
        "pairs": [
            {"true": names[i], "said": names[j], "n": -count, "share": -count / totals[i]}
            for count, i, j in pairs[:most]
        ],
        "wrong": -sum(count for count, _, _ in pairs),
    }  # fmt: skip


def _level(count: int, total: int) -> int:
    """Return the depth of colour of a cell, 0 to 9."""
    return 0 if not count or not total else max(1, round(9 * count / total))


def _heat_map(rows: Sequence[Sequence[int]], totals: Sequence[int]) -> Any:
    """Return a confusion matrix as a small PNG: blue where right, orange where wrong.

    Opacity stands for the share of the true class, so that the map fits light and dark. Classes
    are binned where there are more than pixels.
    """
    size = min(len(rows), 250)
    sums: dict[tuple[int, int], float] = {}
    for i, row in enumerate(rows):
        for j, count in enumerate(row):
            if count:
                place = (i * size // len(rows), j * size // len(rows), i == j)
                sums[place] = max(sums.get(place, 0.0), count / totals[i])  # type: ignore[index, arg-type, call-overload]
    pixels = bytearray(size * size * 4)
    for (y, x, right), share in sorted(sums.items()):  # type: ignore[misc]
        colour = (0, 114, 178) if right else (213, 94, 0)  # type: ignore[has-type]
        start = (y * size + x) * 4
        pixels[start : start + 4] = bytes((*colour, round(255 * (0.25 + 0.75 * share))))
    return _data_uri("png", _png(size, size, bytes(pixels)))


def _png(width: int, height: int, rgba: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    lines = b"".join(b"\0" + rgba[y * width * 4 : (y + 1) * width * 4] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines, 9))
        + chunk(b"IEND", b"")
    )


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


# --- words -------------------------------------------------------------------------------------


def size_words(count: Any) -> str:
    """Return a number of bytes in words."""
    number = _number(count)
    if number is None:
        return "–"
    for unit in ("B", "kB", "MB"):
        if abs(number) < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"


def duration(seconds: Any) -> str:
    """Return a time in words."""
    number = _number(seconds)
    if number is None:
        return "–"
    if number < 90:
        return f"{number:.0f} s"
    return f"{number / 60:.0f} min" if number < 5400 else f"{number / 3600:.1f} h"


def share_words(value: Any, digits: int = 1) -> str:
    """Return a share as per cent."""
    number = _number(value)
    return "–" if number is None else f"{number * 100:.{digits}f}%" if abs(number) < 1e6 else "–"


def number_words(value: Any, digits: int = 3) -> str:
    """Return a number: whole ones in full, others to some digits."""
    number = _number(value)
    if number is None:
        return "–"
    if number == int(number) and abs(number) < 1e9:
        return f"{int(number):,}"
    return f"{number:.{digits}g}"


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_words(inner) for inner in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _sentence(value: Any) -> str:
    text = str(value).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _step(step: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{key} {_words(value)}" for key, value in step.items() if key != "step")
    name = str(step.get("step", "?")).replace("_", " ")
    return f"{name} ({rest})" if rest else name


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[\w.+-]+", name) else f'"{name}"'


# --- from text to page -------------------------------------------------------------------------


def _environment(run: RunFolder) -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("actzoo", "templates"),
        autoescape=True,  # by value: a guess by the name's ending fails for .html.j2
        undefined=jinja2.StrictUndefined,
        finalize=_Shown(),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        share=share_words, number=number_words, size=size_words, duration=duration
    )
    return environment


class _Shown:
    """Makes every value fit to stand in a page: printable, not endless, without a home folder."""

    def __init__(self) -> None:
        home = os.path.expanduser("~")
        self._home = home if len(home) > 3 else None

    def __call__(self, value: Any) -> Any:
        if value is None:
            return "–"
        if not isinstance(value, str) or hasattr(value, "__html__"):
            return value
        if self._home is not None:
            value = value.replace(self._home, "~")
        if len(value) > MOST_TEXT:
            value = value[: MOST_TEXT - 1] + "…"
        # Joiners belong to scripts and emoji; other invisible characters could mislead a reader.
        return "".join(
            c if c.isprintable() or c in "\u200c\u200d" else errors.shown(c) for c in value
        )


def _source(environment: jinja2.Environment, name: str) -> str:
    if environment.loader is None:
        raise errors.MissingFileError("The report's templates are missing; install actzoo again.")
    return environment.loader.get_source(environment, name)[0]


def _markup(text: str) -> markupsafe.Markup:
    """Return a text of our own that needs no escaping."""
    import markupsafe

    return markupsafe.Markup(text)


def _data_uri(kind: str, content: bytes) -> markupsafe.Markup:
    return _markup(f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}")


def _kind_of_picture(content: bytes) -> str | None:
    """Return the kind of a picture by its first bytes; None for anything else."""
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None
