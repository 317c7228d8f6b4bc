"""A run and its stages: plan, train, evaluate, diagnose, export, verify, report.

Each function here opens what a stage needs, hands it to the room that does the work, and leaves a
record. `run` does all of them in one session, which opens the data once and loads the trained model
once; a command does one of them in a session of its own. With `resume` a run goes on at the first
stage whose record is missing or whose inputs have changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actzoo import domains, errors, files, folders, models, run_folder, stage_records
from actzoo._lazy import resolve
from actzoo.data import (
    Preparation,
    RunData,
    load_training_samples,
    note_near_copies,
    open_source,
    rng,
    split,
    to_stderr,
)
from actzoo.options import RunOptions, is_plan
from actzoo.plan import Plan, apply_settings, check_precision
from actzoo.planning import make_plan
from actzoo.run_folder import RunFolder
from actzoo.stage_records import STAGES, StageLog

if TYPE_CHECKING:
    import keras

    from actzoo.diagnostics import Diagnosis
    from actzoo.export import ExportResult
    from actzoo.training import TrainResult
    from actzoo.verify import Verification

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


class Session:
    """One run in this process: its folder, and what its stages opened, each once.

    Args:
        run: The run folder.
        place: Where the user's data is, or a `plan.json`; for planning only.
        options: What the user asked for; likewise.
        resume: Go on with what is there.
        force: Train even if the estimated memory is more than is free.
        precisions: To export, where others than the plan's.
        io_dtype: Of the exported files, where another than the plan's.
    """

    def __init__(
        self,
        run: RunLike,
        *,
        place: str | os.PathLike[str] = "",
        options: RunOptions | None = None,
        resume: bool = False,
        force: bool = False,
        precisions: tuple[str, ...] | None = None,
        io_dtype: str | None = None,
    ) -> None:
        self.folder = run if isinstance(run, RunFolder) else RunFolder(run)
        self.place = os.fspath(place)
        self.options = options or RunOptions()
        self.resume = resume
        self.force = force
        self.precisions = precisions
        self.io_dtype = io_dtype
        self._log: StageLog | None = None

    @functools.cached_property
    def plan(self) -> Plan:
        """Every decision of the run."""
        return Plan.read(run_folder.existing(self.folder).plan)

    @functools.cached_property
    def data(self) -> RunData:
        """The data of the plan, opened and split."""
        return RunData.open(
            self.plan, self.note, run_folder.place_of_data(self.folder, self.plan.data)
        )

    @functools.cached_property
    def model(self) -> keras.Model:
        """The trained model, as saved in the folder."""
        return models.load_model(self.folder.path)

    def note(self, text: str) -> None:
        """Say a warning in the log of the stage that is running."""
        if self._log is not None:
            self._log.note(text)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[StageLog]:
        """Run a stage: hold the folder's lock, and take its warnings."""
        with stage_records.running(self.folder, name) as log:
            self._log = log
            yield log

    def do(self, name: str) -> Any:
        """Do one stage and return its result."""
        return resolve(STAGES[name].target)(self)


# --- the whole path ----------------------------------------------------------------------------


def run(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    resume: bool = False,
    force: bool = False,
    planned: Callable[[Plan], None] | None = None,
    **given: object,
) -> RunResult:
    """Turn data into a trained model, verified device files and a report.

    Args:
        data: A folder, an archive of one, `tfds:NAME`, or a `plan.json`.
        out: The run folder; must not hold another run.
        resume: Go on with the run in `out`.
        force: Train even if the estimated memory is more than is free.
        planned: Called with the plan before anything is trained.
        **given: Fields of `RunOptions`: `task`, `model`, `activation`, `weights`, `epochs`,
            `batch_size`, `seed`, `export`, `settings`, `options`.

    Returns:
        The result; `passed` is False where `verify` missed a limit.

    Raises:
        ActzooError: The input is wrong, the disk is full, or training went astray.
        KeyboardInterrupt: Stopped from outside; go on with `resume=True`.
    """
    session = Session(out, place=data, options=RunOptions.of(given), resume=resume, force=force)
    if resume and session.folder.plan.exists():
        session.options.refuse_other_plan(session.plan)
        _follow_data(session)
    else:
        session.do("plan")
    if planned is not None:
        planned(session.plan)
    folder, results = session.folder, {}
    for name in list(STAGES)[1:]:
        if not (resume and STAGES[name].is_done(folder)):
            results[name] = session.do(name)
    return RunResult(
        folder,
        bool(results["verify"].passed),
        files.read_json(folder.metrics, "metrics"),
        files.read_json(folder.verification, "verification"),
        tuple(stage_records.run_warnings(folder)),
    )


def plan(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    resume: bool = False,
    **given: object,
) -> Plan:
    """Look at the data and write `plan.json`; see `run` for the arguments.

    Returns:
        The plan.
    """
    session = Session(out, place=data, options=RunOptions.of(given), resume=resume)
    made: Plan = session.do("plan")
    return made


def do_plan(session: Session) -> Plan:
    """Plan, and keep the data open for the stages that follow in this session."""
    folder, place = session.folder, session.place
    follows = is_plan(place)
    if not follows:
        run_folder.check_apart(folder, place)
    run_folder.check_free(folder, resume=session.resume and not folder.plan.exists())
    options = session.options.checked()
    if follows:
        with session.stage("plan") as log:
            options.refuse_data_options()
            made = options.applied_to(Plan.read(place))
            _finish_plan(made, log)
        return made
    encoding = options.options.get("archive_encoding")
    domain = domains.recognize(place, options.task, archive_encoding=encoding)
    with session.stage("plan") as log:
        source = open_source(place, domain.name, options.options, log.note)
        seed = options.seed or 0
        drawn: list[str] = []

        def note_drawn(sentence: str) -> None:
            drawn.append(sentence)
            log.note(sentence)

        splits = split(source, seed=seed, note=log.note, how=note_drawn, options=options.options)
        note_near_copies(source, splits, log.note)
        options, planned = options.without_planned(domain.planned)
        made = make_plan(
            source,
            splits,
            domain,
            data=place,
            options=options,
            planned=planned,
            notes=log.warnings,
            drawn=drawn,
        )
        made = apply_settings(made, options.settings)
        _finish_plan(made, log)
    if made.split_seed == seed:
        session.data = RunData.of(made, source, splits)
    return made


def _follow_data(session: Session) -> None:
    """Take the data of a plan from a place that is given again, if it is the same data."""
    place, plan = session.place, session.plan
    if folders.is_scheme(place) or is_plan(place):
        return
    if not os.path.exists(place):
        to_stderr(f"There is nothing at {errors.shown(place, 200)}; the data of the plan is used.")
        return
    if run_folder.is_same(place, run_folder.place_of_data(session.folder, plan.data)):
        return
    session.data = RunData.open(plan, session.note, place)
    run_folder.remember_place(session.folder, place)


def _finish_plan(made: Plan, log: StageLog) -> None:
    made.write(log.run.plan)
    for sentence in made.notes:
        log.note(sentence)
    log.close({"data": made.content_hash})


# --- one stage each ----------------------------------------------------------------------------


def train(run: RunLike, *, resume: bool = False, force: bool = False) -> TrainResult:
    """Train the plan of a run folder; see `training.train`.

    Raises:
        InvalidValueError: The run is trained already.
    """
    session = Session(run_folder.existing(run), resume=resume, force=force)
    folder = session.folder
    if folder.model.exists() and STAGES["train"].is_done(folder):
        raise errors.InvalidValueError(
            f"{errors.shown(folder.path, 200)} is trained already.\n"
            f"To train again: {errors.command('run', folder.plan, '--out', 'ANOTHER')}",
            given=str(folder.path),
        )
    trained: TrainResult = session.do("train")
    return trained


def evaluate(run: RunLike) -> dict[str, Any]:
    """Score the trained model on its held-out split; writes `metrics.json`, `evaluation/`."""
    metrics: dict[str, Any] = Session(run_folder.existing(run)).do("evaluate")
    return metrics


def diagnose(run: RunLike) -> Diagnosis:
    """Look at every activation of the trained model on training examples."""
    diagnosis: Diagnosis = Session(run_folder.existing(run)).do("diagnose")
    return diagnosis


def export(
    run: RunLike, precisions: Sequence[str] | None = None, *, io_dtype: str | None = None
) -> ExportResult:
    """Write the device files of a trained model; see `export.export_run`."""
    chosen = tuple(check_precision(name) for name in precisions or ()) or None
    session = Session(run_folder.existing(run), precisions=chosen, io_dtype=io_dtype)
    exported: ExportResult = session.do("export")
    return exported


def verify(run: RunLike) -> Verification:
    """Run the exported files without TensorFlow and hold them to their limits."""
    verification: Verification = Session(run_folder.existing(run)).do("verify")
    return verification


def report(run: RunLike) -> Path:
    """Write `report.html` from what the run folder holds."""
    page: Path = Session(run_folder.existing(run)).do("report")
    return page


def do_train(session: Session) -> TrainResult:
    """Train, and write the model."""
    from actzoo import training

    with session.stage("train") as log:
        trained = training.train(
            session.data,
            session.folder,
            note=log.note,
            resume=session.resume,
            force=session.force,
        )
        log.close({**STAGES["train"].hashes(session.folder), "data": session.plan.content_hash})
    files.remove(
        session.folder.checkpoint
    )  # only now: until the record is there, resuming needs it
    return trained


def do_evaluate(session: Session) -> dict[str, Any]:
    """Score the model on its held-out splits, and write what the report shows of them."""
    from actzoo import evaluation

    with session.stage("evaluate") as log:
        model = session.model  # before the data, which is not opened for a missing model
        scored = evaluation.evaluate_run(session.data, model)
        for sentence in scored.notes:
            log.note(sentence)
        metrics = evaluation.write(scored, session.folder)
        log.close(STAGES["evaluate"].hashes(session.folder))
    return metrics


def do_diagnose(session: Session) -> Diagnosis:
    """Look at the activations, and write what they did."""
    from actzoo import diagnostics

    with session.stage("diagnose") as log:
        model, run_data, plan = session.model, session.data, session.plan
        order = rng(plan.recipe.seed, "diagnose").permutation(run_data.splits["train"])
        inputs, targets = load_training_samples(
            run_data.source, order[:DIAGNOSED], run_data.preparation, plan.recipe.seed
        )
        task = run_data.task
        diagnosis = diagnostics.diagnose(
            model, inputs, task.encode(targets, len(plan.classes)), loss=task.loss()
        )
        files.write_json(session.folder.diagnostics, diagnosis)
        log.close(STAGES["diagnose"].hashes(session.folder))
    return diagnosis


def do_export(session: Session) -> ExportResult:
    """Write the device files."""
    from actzoo import export
    from actzoo.tflite.converter import Converter

    # Its child imports TensorFlow while the data and the model are opened here.
    with session.stage("export") as log, Converter() as converter:
        model, card = session.model, models.ModelCard.read(session.folder.card)
        exported = export.export_run(
            session.data,
            model,
            card,
            session.folder.export,
            session.precisions or session.plan.precisions,
            note=log.note,
            io_dtype=session.io_dtype or session.plan.io_dtype,
            converter=converter,
        )
        log.close(STAGES["export"].hashes(session.folder))
    return exported


def do_verify(session: Session) -> Verification:
    """Hold the exported files to their limits."""
    from actzoo import verify

    with session.stage("verify") as log:
        verification = verify.verify(session.folder, note=log.note)
        log.close(STAGES["verify"].hashes(session.folder))
    return verification


def do_report(session: Session) -> Path:
    """Write the page."""
    from actzoo import report

    with session.stage("report") as log:
        page = report.render(session.folder)
        log.close({})
    return page


def diagnose_model(
    model: str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    trust: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Diagnosis:
    """Look at every activation of any saved model on other labeled data; writes nothing.

    Args:
        model: A run folder or a `.keras` file with its `model.json` beside it.
        data: Labeled data of the model's classes.
        trust: Load classes that are neither Keras' nor actzoo's.
        options: How the data is opened, where otherwise than in training.
    """
    from actzoo import diagnostics, evaluation, tasks

    path = Path(model)
    card = models.ModelCard.read((path if path.is_dir() else path.parent) / "model.json")
    loaded = models.load_model(path, trust=trust)
    card, source, numbers = evaluation.open_labeled(card, data, options or {})
    chosen = rng(0, "diagnose").permutation(len(source))[:DIAGNOSED]
    preparation = Preparation.of(card.domain, card.preprocessing)
    inputs, targets = load_training_samples(source, chosen, preparation, 0)
    task = tasks.get_task(card.task)
    return diagnostics.diagnose(
        loaded, inputs, task.encode(numbers[targets], len(card.classes)), loss=task.loss()
    )
