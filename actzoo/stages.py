"""The stages of a run and their order: plan, train, evaluate, diagnose, export, verify, report.

A stage reads what earlier ones wrote, writes its own files, and leaves a record of what it read.
`run` does all of them; with `resume` it goes on at the first whose record is missing or whose
inputs have changed.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import domains, errors, evaluation, files, models, run_folder, stage_records, tasks
from actzoo import weights as weights_room
from actzoo.plan import Plan, apply_settings, check_precision
from actzoo.planning import make_plan
from actzoo.run_folder import RunFolder
from actzoo.stage_records import StageLog

if TYPE_CHECKING:
    from actzoo.data import Source

DIAGNOSED = 256  # examples that diagnostics look at

RunLike = str | os.PathLike[str] | RunFolder


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What a whole run gave.

    Attributes:
        run: The folder.
        passed: Whether every exported file is within its limits.
        metrics: As in `metrics.json`.
        verification: As in `verify.json`.
        warnings: Of all stages.
    """

    run: RunFolder
    passed: bool
    metrics: dict[str, Any]
    verification: dict[str, Any]
    warnings: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a domain's panels are drawn from.

    Attributes:
        source: The opened data.
        splits: Split -> indices.
        classes: Names.
        steps: Preprocessing.
        test_indices: Of the held-out examples, in order.
        labels: Their true classes `(n,)`; none `(0,)` where they have masks.
        outputs: What the model gave for each: probabilities `(classes,)`, or a mask of class
            indices.
        cases: Scores of each, by column of `predictions.csv`.
        folder: `evaluation/` of the run; pictures go into `pictures/` below it.
    """

    source: Source
    splits: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    steps: tuple[dict[str, Any], ...]
    test_indices: np.ndarray
    labels: np.ndarray
    outputs: Sequence[np.ndarray]
    cases: tuple[dict[str, Any], ...]
    folder: Path

    @property
    def probabilities(self) -> np.ndarray:
        """The outputs of a classifier, stacked `(n, classes)`."""
        return np.stack(self.outputs)


def as_run(run: RunLike) -> RunFolder:
    """Return a run folder; refuse a path that is none.

    Raises:
        MissingFileError: There is no run at the path.
    """
    folder = run if isinstance(run, RunFolder) else RunFolder(run)
    if not folder.plan.exists():
        raise errors.MissingFileError(
            f"There is no run at {errors.shown(folder.path, 200)}: it has no plan.json.\n"
            "Make one: actzoo plan DATA --out RUN, or actzoo run DATA --out RUN",
            given=str(folder.path),
        )
    return folder


# --- the whole path ----------------------------------------------------------------------------


def run(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    task: str | None = None,
    model: str | None = None,
    activation: str | None = None,
    weights: str | os.PathLike[str] = "auto",
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    export: Sequence[str] | None = None,
    resume: bool = False,
    force: bool = False,
    settings: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> RunResult:
    """Turn data into a trained model, verified device files and a report.

    Args:
        data: A folder, an archive of one, `tfds:NAME`, or a `plan.json`.
        out: The run folder; must not hold another run.
        task: What the model shall do; None takes it from the data.
        model: Architecture; None takes the domain's default.
        activation: Hidden activation; None takes the architecture's own.
        weights: "auto", "none", a run folder or a `.keras` file.
        epochs: None decides from the amount of data.
        batch_size: None decides from the amount of data.
        seed: Of everything random; None is 0, or the plan's.
        export: Precisions: float32, float16, dynamic, int8.
        resume: Go on with the run in `out`.
        force: Train even if the estimated memory is more than is free.
        settings: Fields of the plan to set, as `--set key=value` does.
        options: How the data is opened (`strict`, `allow_rare`, `max_pixels`).

    Returns:
        The result; `passed` is False where `verify` missed a limit.

    Raises:
        ActzooError: The input is wrong, the disk is full, or training went astray.
        KeyboardInterrupt: Stopped from outside; go on with `resume=True`.
    """
    folder = RunFolder(out)
    if resume and folder.plan.exists():
        _check_same(
            Plan.read(folder.plan), data=os.fspath(data), model=model, activation=activation,
            weights=weights, epochs=epochs, batch_size=batch_size, seed=seed, export=export,
            settings=settings, options=dict(options or {}),
        )  # fmt: skip
    else:
        plan(
            data, out, task=task, model=model, activation=activation, weights=weights,
            epochs=epochs, batch_size=batch_size, seed=seed, export=export, resume=resume,
            settings=settings, options=options,
        )  # fmt: skip
    if not (resume and _is_done(folder, "train")):
        train(folder, resume=resume, force=force)
    for name, stage in (("evaluate", evaluate), ("diagnose", diagnose), ("export", _export)):
        if not (resume and _is_done(folder, name)):
            stage(folder)
    verification = verify(folder)
    report(folder)
    return RunResult(
        folder,
        bool(verification.passed),
        files.read_json(folder.metrics, "metrics"),
        files.read_json(folder.verification, "verification"),
        tuple(stage_records.run_warnings(folder)),
    )


def plan(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    task: str | None = None,
    model: str | None = None,
    activation: str | None = None,
    weights: str | os.PathLike[str] = "auto",
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    export: Sequence[str] | None = None,
    resume: bool = False,
    settings: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Plan:
    """Look at the data and write `plan.json`; see `run` for the arguments.

    Returns:
        The plan.
    """
    folder = _free_folder(out, resume=resume and not RunFolder(out).plan.exists())
    for precision in export or ():
        check_precision(precision)
    if model is not None:
        models.MODELS.get(model)
    if activation is not None:
        from actzoo import activations

        activations.parse(activation)
    if task is not None:
        task = tasks.TASKS.get(task).name
    _check_positive("epochs", epochs)
    _check_positive("batch_size", batch_size)
    text = os.fspath(data)
    if text.endswith(".json"):
        with _stage(folder, "plan") as log:
            _refuse_data_options(task, options)
            made = _replanned(text, model=model, activation=activation, epochs=epochs,
                              batch_size=batch_size, export=export, seed=seed,
                              weights=weights)  # fmt: skip
            made = apply_settings(made, settings or {})
            made.write(folder.plan)
            for sentence in made.notes:
                log.note(sentence)
            log.close({"data": made.content_hash})
        return made
    domain = domains.recognize(text, task)
    from actzoo import data as data_room

    with _stage(folder, "plan") as log:
        seed = seed or 0
        source = data_room.open_source(
            text, domain=domain.name, options=dict(options or {}), note=log.note
        )
        split = data_room.split(source, seed=seed, note=log.note, options=dict(options or {}))
        settings = dict(settings or {})
        planned = _planned(settings, domain.planned)
        made = make_plan(
            source,
            data=text,
            domain=domain,
            split=split,
            model=model,
            activation=activation,
            weights_from=os.fspath(weights),
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            precisions=export,
            planned=planned,
            data_options=options,
            notes=log.warnings,
        )
        for sentence in made.notes:
            log.note(sentence)
        made = apply_settings(made, settings)
        made.write(folder.plan)
        log.close({"data": made.content_hash})
    return made


def _planned(settings: dict[str, str], names: Sequence[str]) -> dict[str, Any]:
    """Take the settings out that the preprocessing is planned to fit."""
    found = {}
    for name in names:
        for key in (name, f"model_config.{name}"):
            if key in settings:
                text = settings.pop(key)
                try:
                    value = json.loads(text)
                except ValueError:
                    value = None
                numbers = value if isinstance(value, list) else [value]
                if not numbers or not all(type(number) is int for number in numbers):
                    raise errors.InvalidValueError(
                        f"--set {key}={errors.shown(text)}: it takes a whole number, or a list of "
                        "them as [96, 96, 3].",
                        given=text,
                    )
                found[name] = value
    return found


def _check_positive(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise errors.InvalidValueError(
            f"{name.replace('_', ' ')} must be 1 or more, not {value}.", given=value
        )


def _check_same(made: Plan, **given: Any) -> None:
    """Refuse to go on with a run whose plan is not what the options ask for.

    Options that agree with the plan are fine: people repeat a command and add --resume.
    """
    weights = os.fspath(given["weights"])
    now = {
        "model": made.model,
        "activation": made.model_config.get("activation"),
        "weights": made.weights,
        "epochs": made.recipe.phases[-1].epochs,
        "batch_size": made.recipe.batch_size,
        "seed": made.recipe.seed,
        "export": made.precisions,
    }
    wanted = {
        "model": given["model"] and models.MODELS.get(given["model"]).name,
        "activation": given["activation"],
        "weights": None if weights == "auto" else weights,
        "epochs": given["epochs"],
        "batch_size": given["batch_size"],
        "seed": given["seed"],
        "export": given["export"] and tuple(given["export"]),
    }
    if wanted["weights"] not in (None, "none"):
        wanted["weights"] = str(Path(weights).resolve())
    settings = dict(given["settings"] or {})
    planned = _planned(settings, domains.DOMAINS.get(made.domain).planned)
    for key, value in planned.items():
        now[key], wanted[key] = made.model_config.get(key), value
    if Path(given["data"]).exists() and not given["data"].endswith(".json"):
        now["data"], wanted["data"] = made.data, str(Path(given["data"]).absolute())
    if given["options"]:
        now["data options"], wanted["data options"] = made.data_options, given["options"]
    differing = [
        f"{key}: {errors.shown(now[key])} there, {errors.shown(value)} asked for"
        for key, value in wanted.items()
        if value is not None and value != now[key]
    ]
    if files.plain(apply_settings(made, settings)) != files.plain(made):
        differing.append(f"--set {', '.join(settings)}: other values than in its plan")
    if differing:
        raise errors.InvalidValueError(
            "--resume goes on with the plan of the run, and the options ask for another: "
            f"{'; '.join(differing)}.\nLeave those options out, or start anew with another --out.",
            given=differing,
        )


def _refuse_data_options(task: str | None, options: Mapping[str, Any] | None) -> None:
    given = [key for key, value in (options or {}).items() if value] + ([task] if task else [])
    if given:
        raise errors.InvalidValueError(
            f"A plan fixes how its data is opened, so these have no effect beside it: "
            f"{errors.shown(', '.join(map(str, given)))}.\n"
            "Leave them out, or give the data itself instead of the plan.",
            given=given,
        )


def _replanned(path: str, **changes: Any) -> Plan:
    """Read a plan and apply the options that were given beside it."""
    made = Plan.read(path)
    config = dict(made.model_config)
    if changes["activation"] is not None:
        config["activation"] = changes["activation"]
    recipe = made.recipe
    if changes["seed"] is not None:
        recipe = dataclasses.replace(recipe, seed=changes["seed"])
    if changes["batch_size"] is not None:
        recipe = dataclasses.replace(recipe, batch_size=changes["batch_size"])
    if changes["epochs"] is not None:
        last = dataclasses.replace(recipe.phases[-1], epochs=changes["epochs"])
        recipe = dataclasses.replace(recipe, phases=(*recipe.phases[:-1], last))
    start = made.weights
    if os.fspath(changes["weights"]) != "auto":
        found = weights_room.locate(changes["weights"])
        start = "none" if found is None else str(found.resolve())
    made = dataclasses.replace(
        made,
        weights=start,
        model=changes["model"] or made.model,
        model_config=config,
        recipe=recipe,
        precisions=tuple(changes["export"] or made.precisions),
    )
    made.check()
    return made


def _free_folder(out: str | os.PathLike[str], *, resume: bool) -> RunFolder:
    """Return the run folder; refuse one that holds something else, before any work."""
    folder = RunFolder(out)
    shown = errors.shown(folder.path, 200)
    if folder.path.exists() and not folder.path.is_dir():
        raise errors.InvalidValueError(
            f"{shown} is a file; --out takes a folder.\nChoose another --out.", given=str(out)
        )
    if folder.path.is_dir() and any(folder.path.iterdir()) and not resume:
        what = "holds another run" if folder.plan.exists() else "is not empty"
        raise errors.InvalidValueError(
            f"{shown} {what}.\nGo on with it: add --resume. Or choose another --out.",
            given=str(out),
            fix="--resume, or another --out",
        )
    existed = folder.path.exists()
    files.write_bytes(folder.path / ".writable", b"")
    files.remove(folder.path / ".writable")
    if not existed:
        with contextlib.suppress(OSError):
            folder.path.rmdir()
    return folder


# --- one stage each ----------------------------------------------------------------------------


def train(run: RunLike, *, resume: bool = False, force: bool = False) -> Any:
    """Train the plan of a run folder; see `training.train`."""
    folder = as_run(run)
    made = Plan.read(folder.plan)
    if folder.model.exists() and _is_done(folder, "train"):
        raise errors.InvalidValueError(
            f"{errors.shown(folder.path, 200)} is trained already.\n"
            "To train anew: actzoo run "
            f"{errors.shown(folder.plan, 200)} --out ANOTHER",
            given=str(folder.path),
        )
    from actzoo import training

    with _stage(folder, "train") as log:
        outcome = training.train(made, folder, note=log.note, resume=resume, force=force)
        log.close({"plan.json": files.sha256_file(folder.plan), "data": made.content_hash})
    files.remove(folder.checkpoint)  # only now: until the record stands, resuming needs it
    return outcome


def evaluate(run: RunLike) -> dict[str, Any]:
    """Score the trained model on its held-out split; writes `metrics.json`, `evaluation/`."""
    from actzoo import data as data_room
    from actzoo import graphs

    folder = as_run(run)
    made = Plan.read(folder.plan)
    task = tasks.get_task(made.task)
    with _stage(folder, "evaluate") as log:
        model = graphs.by_input_name(models.load_model(folder.path))
        run_data = data_room.RunData.open(made, log.note)
        source, splits = run_data.source, run_data.splits
        preparation = data_room.Preparation.of(made.domain, made.preprocessing)
        found: dict[str, Any] = {"format": files.FORMAT, "task": made.task}
        assessed = {}
        for name in ("val", "test"):
            cases = data_room.run_cases(
                source, splits[name], preparation, model.predict_on_batch, batch_size=64
            )
            assessed[name] = task.assess(
                ((case.target, tasks.softmax(case.outputs), case.spacing) for case in cases),
                made.classes,
            )
            found[name] = assessed[name].score
        if not task.beats_baseline(found["test"]):
            log.note(
                f"The model is no better than an answer that ignores the input: "
                f"{task.headline} {task.baseline_score(found['test']):.3f}."
            )
        _write_predictions(folder, source, splits, assessed)
        _write_identities(folder, source)
        domain = domains.get_domain(made.domain)
        labels = source.labels()
        shown_data = Evaluation(
            source, splits, made.classes, made.preprocessing, splits["test"],
            np.zeros(0, "int64") if labels is None else labels[splits["test"]],
            assessed["test"].outputs, tuple(assessed["test"].rows), folder.evaluation,
        )  # fmt: skip
        panels = [] if labels is None else [_balance(labels, splits, made.classes)]
        panels += domain.panels(shown_data)
        shown = {
            "format": files.FORMAT,
            "panels": panels,
            "notice": domain.spec.notice,
            "about": source.fingerprint().about,
        }
        files.write_json(folder.panels, shown)
        files.write_json(folder.metrics, found)
        log.close(_reads(folder, "evaluate"))
    return found


def _balance(
    labels: np.ndarray, splits: Mapping[str, np.ndarray], classes: Sequence[str]
) -> domains.Panel:
    """Return the report's panel on the number of examples of each class."""
    return {
        "title": "Examples of each class",
        "kind": "bars",
        "labels": list(classes),
        "series": {
            name: np.bincount(labels[indices], minlength=len(classes)).tolist()
            for name, indices in splits.items()
        },
    }


def _write_predictions(
    folder: RunFolder,
    source: Source,
    splits: Mapping[str, np.ndarray],
    assessed: Mapping[str, tasks.Assessment],
) -> None:
    text = io.StringIO()
    columns = dict.fromkeys(key for found in assessed.values() for row in found.rows for key in row)
    writer = csv.DictWriter(text, ["split", "id", *columns], restval="", lineterminator="\n")
    writer.writeheader()
    ids = source.ids()
    for name, found in assessed.items():
        for index, row in zip(splits[name], found.rows, strict=True):
            cells = {"split": name, "id": ids[index], **row}
            writer.writerow({key: _cell(value) for key, value in cells.items()})
    files.write_text(folder.predictions, text.getvalue())


def _write_identities(folder: RunFolder, source: Source) -> None:
    """Write what the names of examples stand for, where they hide it: for the data's keeper."""
    hidden = source.identities()
    if hidden is None:
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("id", "identity (may name a person: do not pass this file on)"))
    writer.writerows(
        (name, files.csv_cell(identity))
        for name, identity in zip(source.ids(), hidden, strict=True)
    )
    files.write_text(folder.identities, text.getvalue())


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return files.csv_cell(value)
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else value


def diagnose(run: RunLike) -> Any:
    """Look at every activation of the trained model on training examples."""
    from actzoo import data as data_room
    from actzoo import diagnostics

    folder = as_run(run)
    made = Plan.read(folder.plan)
    task = tasks.get_task(made.task)
    with _stage(folder, "diagnose") as log:
        model = models.load_model(folder.path)
        run_data = data_room.RunData.open(made, log.note)
        source, splits = run_data.source, run_data.splits
        order = data_room.rng(made.recipe.seed, "diagnose").permutation(splits["train"])
        chosen = order[:DIAGNOSED]
        inputs, targets = data_room.load_training_samples(
            source,
            chosen,
            data_room.Preparation.of(made.domain, made.preprocessing),
            made.recipe.seed,
        )
        diagnosis = diagnostics.diagnose(
            model, inputs, task.encode(targets, len(made.classes)), loss=task.loss()
        )
        files.write_json(folder.diagnostics, diagnosis)
        log.close(_reads(folder, "diagnose"))
    return diagnosis


def diagnose_model(
    model: str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    trust: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Look at every activation of any saved model on other labeled data; writes nothing.

    Args:
        model: A run folder or a `.keras` file with its `model.json` beside it.
        data: Labeled data of the model's classes.
        trust: Load classes that are neither Keras' nor actzoo's.
        options: How the data is opened, where otherwise than in training.

    Returns:
        A `diagnostics.Diagnosis`.
    """
    from actzoo import data as data_room
    from actzoo import diagnostics

    path = Path(model)
    card = models.ModelCard.read((path if path.is_dir() else path.parent) / "model.json")
    card = evaluation.with_data_options(card, options or {})
    task = tasks.get_task(card.task)
    loaded = models.load_model(path, trust=trust)
    source = data_room.open_source(
        os.fspath(data), card.domain or None, card.data_options, fewest=1
    )
    chosen = data_room.rng(0, "diagnose").permutation(len(source))[:DIAGNOSED]
    preparation = data_room.Preparation.of(card.domain, card.preprocessing)
    inputs, targets = data_room.load_training_samples(source, chosen, preparation, 0)
    order = evaluation.renumbering(source, card)
    return diagnostics.diagnose(
        loaded, inputs, task.encode(order[targets], len(card.classes)), loss=task.loss()
    )


def export(
    run: RunLike, precisions: Sequence[str] | None = None, *, io_dtype: str | None = None
) -> Any:
    """Write the device files of a trained model; see `export.export_run`."""
    from actzoo import export as export_room

    folder = as_run(run)
    made = Plan.read(folder.plan)
    chosen = tuple(check_precision(p) for p in (precisions or made.precisions))
    with _stage(folder, "export") as log:
        outcome = export_room.export_run(
            folder, chosen, note=log.note, io_dtype=io_dtype or made.io_dtype
        )
        log.close(_reads(folder, "export"))
    return outcome


_export = export  # inside `run`, `export` is the argument


def verify(run: RunLike) -> Any:
    """Run the exported files without TensorFlow and hold them to their limits."""
    from actzoo import verify as verify_room

    folder = as_run(run)
    with _stage(folder, "verify") as log:
        outcome = verify_room.verify(folder, note=log.note)
        log.close(_reads(folder, "verify"))
    return outcome


def report(run: RunLike) -> Path:
    """Write `report.html` from what the run folder holds."""
    from actzoo import report as report_room

    folder = as_run(run)
    with _stage(folder, "report") as log:
        path = report_room.render(folder)
        log.close({})
    return path


# --- records and the lock ----------------------------------------------------------------------


def _reads(folder: RunFolder, stage: str) -> dict[str, str]:
    """Return what a stage reads: name -> sha256."""
    exported = run_folder.ExportFolder(folder.export)
    read = {
        "train": (folder.plan,),
        "verify": (exported.record, exported.reference),
    }.get(stage, (folder.plan, folder.model))
    return {
        str(file.relative_to(folder.path)): files.sha256_file(file)
        for file in read
        if file.exists()
    }


_WRITES: dict[str, Callable[[RunFolder], tuple[Path, ...]]] = {
    "train": lambda run: (run.model, run.card, run.history),
    "evaluate": lambda run: (run.metrics, run.predictions, run.panels),
    "diagnose": lambda run: (run.diagnostics,),
    "export": lambda run: (run.export / "export.json", run.export / "reference.npz"),
}


def _is_done(folder: RunFolder, stage: str) -> bool:
    """Say whether a stage's record fits what lies in the folder now."""
    if not folder.record(stage).exists() or not all(p.exists() for p in _WRITES[stage](folder)):
        return False
    recorded = dict(files.read_json(folder.record(stage), "stage record").get("reads", {}))
    recorded.pop("data", None)
    return bool(recorded == _reads(folder, stage))


@contextlib.contextmanager
def _stage(folder: RunFolder, stage: str) -> Iterator[StageLog]:
    """Hold the folder's lock while a stage runs, and remove what a killed one left over."""
    lock = folder.path / ".lock"
    folder.path.mkdir(parents=True, exist_ok=True)
    _take_lock(lock)
    try:
        for left_over in folder.path.rglob(".tmp-*"):
            files.remove(left_over)
        yield StageLog(folder, stage)
    finally:
        files.remove(lock)
        with contextlib.suppress(OSError):
            folder.path.rmdir()  # only where a refused plan left it empty


def _take_lock(lock: Path) -> None:
    for _ in range(2):
        try:
            with open(lock, "x", encoding="utf-8") as file:
                file.write(f"{os.getpid()} {time.strftime('%Y-%m-%d %H:%M:%S')}")
            return
        except FileExistsError:
            pid, _, since = lock.read_text("utf-8").partition(" ")
            if pid.isdigit() and int(pid) != os.getpid() and _is_alive(int(pid)):
                raise errors.InvalidValueError(
                    f"{errors.shown(lock.parent, 200)} is in use by process {pid} since {since}.\n"
                    "Wait for it, or choose another --out.",
                    given=str(lock.parent),
                ) from None
            files.remove(lock)
        except OSError as error:
            raise files.disk_error(error, lock) from error


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":  # there, signal 0 is Ctrl-C
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
