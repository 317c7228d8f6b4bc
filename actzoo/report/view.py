"""What a report shows, section by section, from the files of a run folder.

A file may be missing, cut or edited by hand: the section then holds a `gap`, one sentence that
names it and the command that makes it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from actzoo import errors, formatting, run_folder, stage_records
from actzoo.formatting import finite
from actzoo.report import charts, figures, panels, predictions, run_files, scores
from actzoo.report.figures import MOST_ROWS, mapping, objects, sequence, whole
from actzoo.run_folder import PRECISIONS, RunFolder

SITE_NUMBERS = ("zero_fraction", "saturated_fraction", "gradient_norm", "outlier_ratio")
FILE_NUMBERS = ("size_bytes", "latency_ms", "agreement", "max_abs_error", "mean_abs_error",
                "custom_operators")  # fmt: skip
MOST_CLASSES = 30  # of the table of classes, before only the lowest are shown at once
LOWEST = 15
MOST_CURVES = 8
CURVES_LAST = ("learning_rate",)
MOST_ENTRIES = 12  # of a setting that is a list
DATA_ENDINGS = r"\.(zip|tar\.gz|tgz|csv|tsv|jsonl?|parquet)$"
FAULTS = (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError)


# --- the page ----------------------------------------------------------------------------------


class ReportView:
    """Turns the files of a run into what the template shows, section by section."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        here = errors.shown(run.path.name or "RUN")
        exported = run_folder.ExportFolder(run.export).record
        read = functools.partial(run_files.read_json, run)
        self.plan = read(run.plan, "plan", f"actzoo plan DATA --out {here}")
        self.card = read(run.card, "model card", f"actzoo train {here}")
        self.metrics = read(run.metrics, "metrics", f"actzoo evaluate {here}")
        self.panels = read(run.panels, "panels", f"actzoo evaluate {here}")
        self.diagnostics = read(run.diagnostics, "diagnostics", f"actzoo diagnose {here}")
        self.verification = read(run.verification, "verification", f"actzoo verify {here}")
        self.export = read(exported, "export record", f"actzoo export {here}")
        self.test = mapping(self.metrics.data.get("test"))
        validation = mapping(self.metrics.data.get("val"))
        self.subject = scores.subject([*self.test, *validation, *run_files.columns(run.history)])
        self.here = here
        self.pictures = panels.Pictures(run.evaluation)

    def view(self) -> dict[str, Any]:
        """Return the variables of the template."""
        return {
            name: self._guarded(name, make)
            for name, make in (
                ("notice", self._notice),
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
        main, test = self.subject.main, self.test
        value, interval = main.of(test), main.interval(test)
        constant = finite(test.get(f"constant_{main.key}"))
        name = str(plan.get("data") or "").replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        classes = len(self._classes())
        return {
            "title": re.sub(DATA_ENDINGS, "", name) or self.here,
            "model": plan.get("model") or card.get("name"),
            "activation": config.get("activation"),
            "does": self.subject.does.format(formatting.number(classes)) if classes else None,
            "counts": self._counts(),
            "noun": self.subject.noun,
            "start": "scratch" if plan.get("weights") in (None, "none") else "weights",
            "value": None if value is None else main.shown(value),
            "meaning": self.subject.meaning.format(self.subject.size(test)),
            "interval": interval and tuple(map(main.shown, interval)),
            "constant": None if constant is None else main.shown(constant),
            "strip": {
                name: None if at is None else round(2 + 356 * min(1.0, max(0.0, at)), 1)
                for name, at in (
                    ("value", value), ("low", interval and interval[0]),
                    ("high", interval and interval[1]), ("constant", constant),
                )
            },
            "beside": [
                (row.title, row.shown(found))
                for row in scores.MEASURES
                if row.key in self.subject.beside and (found := row.of(test)) is not None
            ],
            "doubt": bool(interval and constant is not None and interval[0] <= constant),
            "gap": self.metrics.gap or (None if value is not None else
                   f"metrics.json holds no {main.name} for the test split."),
            "seal": self._seal(),
            "facts": self._facts(),
        }  # fmt: skip

    def _notice(self) -> dict[str, Any]:
        """Return what must be said before any number: of this kind of data, and of this data."""
        notice = self.panels.data.get("notice")
        about = sequence(self.panels.data.get("about"))
        return {"text": str(notice) if notice else None, "about": [str(text) for text in about]}

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
            {key: finding.get(key) for key in ("what", "why", "suggestion")}
            for finding in stage_records.verification_findings(self.verification.data)
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
                (
                    self.subject.noun.capitalize(),
                    ", ".join(f"{counts[name]:,} {words[name]}" for name in counts),
                )
            )
        given = self._inputs()
        if given:
            facts.append(("Input", given))
        epochs, seconds = self._time()
        if epochs:
            facts.append(("Training", f"{epochs} epochs in {formatting.duration(seconds)}"))
        sizes = [
            (size, name, finite(found.get("latency_ms")))
            for name, found in self._measures().items()
            if (size := finite(found.get("size_bytes"))) is not None
        ]
        if sizes:
            size, name, latency = min(sizes)
            speed = "" if latency is None else f", {latency:.3g} ms an inference"
            facts.append(("Smallest file", f"{name}, {formatting.size(size)}{speed}"))
        return facts

    def _inputs(self) -> str:
        """Return what the model reads, inputs of one shape and kind together."""
        named = mapping(self.card.data.get("inputs")) or mapping(self.plan.data.get("inputs"))
        kinds: dict[str, list[str]] = {}
        for name, described in named.items():
            shape = " × ".join(str(size) for size in sequence(mapping(described).get("shape")))
            kinds.setdefault(shape, []).append(str(name))
        found = []
        for shape, names in kinds.items():
            times = f"{len(names)} × " if len(names) > 1 else ""
            unit = " tokens" if any("token" in name for name in names) else ""
            listed = f" ({', '.join(names)})" if len(named) > 1 else ""
            found.append(f"{times}{shape}{unit}{listed}")
        return "; ".join(text for text in found if text)

    # --- the data ------------------------------------------------------------------------------

    def _about_data(self) -> dict[str, Any]:
        found = self._panels("data")
        nothing = "panels.json names nothing to show." if not found else None
        return {"gap": self.panels.gap or nothing, "panels": found}

    def _panels(self, section: str) -> list[dict[str, Any]]:
        found = []
        for panel in panels.of_section(self.panels.data.get("panels"), section):
            title = str(panel.get("title", ""))
            made = self._guarded(title, functools.partial(panels.shown, panel, self.pictures))
            found.append({"title": title, **made})
        return found

    # --- the scores ----------------------------------------------------------------------------

    def _about_scores(self) -> dict[str, Any]:
        splits = {
            split: mapping(self.metrics.data.get(split))
            for split in ("test", "val")
            if self.metrics.data.get(split)
        }
        pairs = self.subject.has_pairs
        return {
            "gap": self.metrics.gap,
            "splits": list(splits),
            "rows": self._score_rows(list(splits.values())),
            "about": self.subject.about,
            **self._about_classes(),
            "confusion": self._guarded("confusion", self._confusion) if pairs else None,
            "predictions": self._guarded("predictions", self._about_predictions),
            "panels": self._panels("results"),
        }

    def _score_rows(self, splits: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
        count = scores.Measure("n", self.subject.noun, "count")
        found = [(row, [row.of(score) for score in splits]) for row in (*scores.MEASURES, count)]
        return [
            (row.title, [row.shown(value) for value in values])
            for row, values in found
            if any(value is not None for value in values)
        ]

    def _names(self) -> list[str]:
        return [str(name) for name in mapping(self.test.get("per_class"))] or self._classes()

    def _about_classes(self) -> dict[str, Any]:
        per_class = mapping(self.test.get("per_class"))
        measures = scores.class_measures(per_class)
        ground = self.subject.of_class
        rows: list[dict[str, Any]] = [
            {
                "number": number,
                "name": str(name),
                "n": finite(mapping(found).get("n")),
                "values": [row.shown(row.of(mapping(found)), digits=0) for row in measures],
                "bar": ground.of(mapping(found)),
            }
            for number, (name, found) in enumerate(per_class.items(), start=1)
        ]
        known = [row for row in rows if row["bar"] is not None]
        lowest = sorted(known, key=lambda row: row["bar"])[:LOWEST]
        return {
            "classes": rows[:MOST_ROWS],
            "lowest": lowest if len(rows) > MOST_CLASSES else [],
            "more_classes": max(0, len(rows) - MOST_ROWS),
            "numbered": self.subject.has_pairs and figures.numbered(self._names()),
            "columns": [row.title for row in measures],
            "noun": self.subject.noun,
            "bar": ground.name,
            "class_about": self.subject.class_about,
        }

    def _confusion(self) -> dict[str, Any]:
        return figures.confusion(self.test.get("confusion"), self._names())

    def _about_predictions(self) -> dict[str, Any]:
        """Return what single predictions tell, by the columns they have."""
        path, main = self.run.predictions, self.subject.main
        if not path.is_file():
            return {"gap": f"evaluation/{path.name} is missing. "
                    f"`actzoo evaluate {self.here}` makes it."}  # fmt: skip
        columns = run_files.columns(path)
        if "probability" in columns and (levels := predictions.trust(run_files.rows(path))):
            return {"levels": levels}
        own = [name for name in columns if name.startswith(f"{main.key}_")]
        if cases := predictions.case_scores(run_files.rows(path), own):
            return {"cases": predictions.case_spread(cases, main)}
        return {"gap": f"{path.name} holds no test rows."}

    # --- training ------------------------------------------------------------------------------

    def _history(self) -> list[dict[str, str]]:
        return list(run_files.rows(self.run.history))

    def _time(self) -> tuple[int, float]:
        rows = self._history()
        return len(rows), sum(max(0.0, run_files.cell(row.get("seconds")) or 0.0) for row in rows)

    def _about_training(self) -> dict[str, Any]:
        rows = self._history()
        if not rows:
            what = "is empty" if self.run.history.is_file() else "is missing"
            return {"gap": f"history.csv {what}. `actzoo train {self.here}` makes it."}
        columns = {
            name: [run_files.cell(row.get(name)) for row in rows]
            for name in run_files.columns(self.run.history)
            if name not in ("epoch", "phase", "seconds")
        }
        bands: list[tuple[str, int]] = []
        for row in rows:
            phase = str(row.get("phase") or "")
            if bands and bands[-1][0] == phase:
                bands[-1] = (phase, bands[-1][1] + 1)
            else:
                bands.append((phase, 1))
        best = self.subject.best_epoch(columns)
        recipe = mapping(self.plan.data.get("recipe"))
        drawn = _curves(columns, bands, best)
        return {
            "gap": None if drawn else "history.csv holds no numbers that can be drawn.",
            "charts": drawn,
            "augmented": bool(recipe.get("augmentation")),
            "smoothed": bool(finite(recipe.get("label_smoothing"))),
            "phases": [{"name": name, "epochs": length} for name, length in bands],
            "best": best,
            "best_about": self.subject.best_about,
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
        main = self.subject.main
        rows: list[dict[str, Any]] = []
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
                    "score": main.of(mapping(found.get("test"))),
                    "num_operators": sum(operators.values()) or None,
                    "operators": sorted(operators.items(), key=lambda item: (-item[1], item[0])),
                    "worst_case": found.get("worst_case"),
                    **{key: finite(found.get(key)) for key in FILE_NUMBERS},
                }
            )
        digests = mapping(self.export.data.get("files"))
        limits = [mapping(found.get("limits")) for found in self._measures().values()]
        agreement, drop = (
            finite(next((found.get(key) for found in limits), None))
            for key in ("agreement", "score_drop")
        )
        return {
            "gap": self.verification.gap or (None if rows else "verify.json names no file."),
            "record_gap": self.export.gap,
            "rows": [{**row, "score": main.shown(row["score"])} for row in rows],
            "score": main.title,
            "agreement": self.subject.agreement,
            "limits": {
                "agreement": agreement,
                "drop": None if drop is None else f"{main.name} at most {main.step(drop)} lower",
            },
            "gain": _gain(rows, main),
            "files": [(name, str(digest)) for name, digest in sorted(digests.items())][:100],
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
            "reasons": [formatting.sentence(reason) for reason in sequence(plan.get("reasons"))][
                :50
            ],
            "phases": phases,
            "settings": [(key.replace("_", " "), _brief(value)) for key, value in settings.items()],
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
                 f"actzoo predict {here}/export/model_{best}.tflite {self.subject.question}"),
            ],
            "versions": [(k, str(v)) for k, v in mapping(card.get("versions")).items()],
            "weights": [
                (key.replace("_", " "), _brief(value))
                for key, value in mapping(card.get("weights")).items()
            ],
            "hashes": [
                *((name, str(v)) for name, v in mapping(card.get("sha256")).items()),
                *([("data", str(self.plan.data["content_hash"]))]
                  if self.plan.data.get("content_hash") else []),
            ],
        }  # fmt: skip

    def _about_warnings(self) -> dict[str, Any]:
        texts = [str(text) for text in stage_records.run_warnings(self.run)]
        return {"texts": texts[:50], "more": max(0, len(texts) - 50)}


def _curves(
    columns: Mapping[str, Sequence[float | None]],
    bands: Sequence[tuple[str, int]],
    best: int | None,
) -> list[charts.Chart]:
    """Return a chart for each column of the history, beside it what validation gave.

    Args:
        columns: Name -> one value per epoch; `val_<name>` is drawn with `<name>`.
        bands: Phases and their epochs.
        best: Epoch to mark, counted from 1.
    """
    measures = {row.key: row for row in scores.MEASURES}
    found = []
    for name in sorted(columns, key=CURVES_LAST.__contains__):
        if name.startswith("val_") and name.removeprefix("val_") in columns:
            continue
        words = name.replace("_", " ")
        measure = measures.get(name, scores.Measure(name, words, "number"))
        curves = {words: columns[name]}
        if f"val_{name}" in columns:
            curves = {"training": columns[name], "validation": columns[f"val_{name}"]}
        found.append(
            charts.line_chart(
                words.capitalize() if measure.form == "number" else measure.title,
                curves,
                share=measure.form in ("per cent", "share"),
                per_cent=measure.form == "per cent",
                from_zero=name == "learning_rate",
                bands=bands,
                mark=best if len(curves) > 1 else None,
            )
        )
    return [chart for chart in found if chart is not None][:MOST_CURVES]


def _gain(rows: Sequence[Mapping[str, Any]], main: scores.Measure) -> str | None:
    """Say what the smallest file gains over float32, and what it costs."""
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
    if base["score"] is not None and other["score"] is not None:
        text += (
            f"; its {main.name} is {main.shown(other['score'])}, that of float32 "
            f"{main.shown(base['score'])}"
        )
    return text + "."


def _step(step: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{key} {_brief(value)}" for key, value in step.items() if key != "step")
    name = str(step.get("step", "?")).replace("_", " ")
    return f"{name} ({rest})" if rest else name


def _brief(value: Any) -> str:
    """Return a setting in words; of what is long, as a vocabulary, only how much there is."""
    if isinstance(value, Mapping):
        if len(value) > MOST_ENTRIES:
            return f"{len(value):,} entries"
        return ", ".join(f"{key} {_brief(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        if len(value) > MOST_ENTRIES:
            return f"{len(value):,} entries"
        return ", ".join(_brief(inner) for inner in value) or "none"
    return formatting.label(formatting.plain(value))


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[\w.+-]+", name) else f'"{name}"'
