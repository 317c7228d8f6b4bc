"""Commands that make a run: all of it, or its stages one by one."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from actzoo import errors, files, findings, formatting, run_folder
from actzoo.cli import console, options, summaries
from actzoo.cli.app import app

if TYPE_CHECKING:
    from actzoo.plan import Plan


def say_understood(plan: Plan, file: TextIO | None = None) -> None:
    """Print what a plan's data was taken for, before anything is done with it."""
    for line in summaries.understood(plan.understood):
        console.say(line, file)


def say_findings(metrics: Mapping[str, Any]) -> None:
    """Print what the last look at the results found, each with what to do."""
    listed = findings.result_findings(metrics)
    if not listed:
        return
    console.say("Findings" if listed[1:] else "A finding")
    for finding in listed:
        console.say(f"! {errors.shown(finding.get('what'), 400)}")
        for key in ("why", "suggestion"):
            if finding.get(key):
                console.say(f"  {errors.shown(finding[key], 400)}")
    console.say()


@app.command()
@options.with_data_options
@options.with_run_options
def run(
    data: options.Data,
    out: options.Out,
    *,
    run_options: dict[str, Any],
    resume: options.Resume = False,
    force: options.Force = False,
    data_options: dict[str, Any],
) -> None:
    """Do everything: plan, train, evaluate, diagnose, export, verify, report.

    Ends with 1 if an exported file missed a limit; everything else is done and written.
    """
    from actzoo import stages

    chosen = options.joined(run_options, data_options)
    results = sys.stdout
    with console.working():
        outcome = stages.run(
            data,
            out,
            resume=resume,
            force=force,
            planned=functools.partial(say_understood, file=results),
            **chosen,
        )
    task = outcome.metrics["task"]
    console.say()
    say_findings(outcome.metrics)
    console.say(summaries.score_line("Test", outcome.metrics["test"], task))
    console.say()
    folder = outcome.run
    say_verification(outcome.verification, task)
    console.say()
    exported = run_folder.ExportFolder(folder.export)
    for precision in summaries.measured(outcome.verification):
        console.say(f"Exported  {console.path(exported.file(precision))}")
    console.say(f"Report    {console.path(folder.report)}")
    if not outcome.passed:
        raise typer.Exit(1)


@app.command()
@options.with_data_options
@options.with_run_options
def plan(
    data: options.Data,
    out: options.Out,
    *,
    run_options: dict[str, Any],
    resume: options.Resume = False,
    data_options: dict[str, Any],
) -> None:
    """Look at the data and write plan.json, every decision with its reason; edit it at will."""
    from actzoo import stages

    chosen = options.joined(run_options, data_options)
    with console.working():
        made = stages.plan(data, out, resume=resume, **chosen)
    say_understood(made)
    console.say()
    for reason in made.reasons:
        console.say(f"- {errors.shown(reason, 400)}")
    console.say(f"Plan      {console.path(run_folder.RunFolder(out).plan)}")
    console.say(f"Go on     {errors.command('train', out)}")


@app.command()
def train(run: options.Run, resume: options.Resume = False, force: options.Force = False) -> None:
    """Train the plan of a run folder."""
    from actzoo import stages

    with console.working():
        outcome = stages.train(run, resume=resume, force=force)
    console.say(f"Epochs    {outcome.epochs}, of which number {outcome.best_epoch} is kept")
    console.say(f"Model     {console.path(run_folder.RunFolder(run).model)}")


@app.command()
@options.with_data_options
def evaluate(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, .keras or .tflite file.")
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="Other labeled data; the run's own held-out split if left out.",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(metavar="P", help="Score this exported file.", show_default=False),
    ] = None,
    trust: options.Trust = False,
    as_json: options.Json = False,
    *,
    data_options: dict[str, Any],
) -> None:
    """Score a trained or exported model on its held-out split or on other data."""
    with console.working():
        own = data is None and precision is None and not data_options
        if own and run_folder.RunFolder(run).plan.exists():
            from actzoo import stages

            scored: Mapping[str, Any] = stages.evaluate(run)
        else:
            from actzoo import evaluation

            scored = evaluation.evaluate(run, data, precision, trust=trust, options=data_options)
    if as_json:
        console.say_json(scored)
        return
    for sentence in scored.get("notes", ()):
        console.tell(f"note: {sentence}")
    say_findings(scored)
    for name in ("val", "test"):
        if name in scored:
            title = "Validation" if name == "val" else "Test"
            console.say(summaries.score_line(title, scored[name], scored["task"]))
    if (table := summaries.class_table(scored["test"], scored["task"])) is not None:
        console.say()
        console.say(table)


@app.command()
@options.with_data_options
def diagnose(
    run: Annotated[
        Path, typer.Argument(metavar="RUN|MODEL", help="A run folder; or a model, with DATA.")
    ],
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help="Labeled data.", show_default=False)
    ] = None,
    trust: options.Trust = False,
    as_json: options.Json = False,
    *,
    data_options: dict[str, Any],
) -> None:
    """Look at every activation of a trained model: dead and saturated units, gradient flow."""
    from actzoo import evaluation, stages

    with console.working():
        if data is None:
            evaluation.refuse_options(data_options)
            diagnosis = stages.diagnose(run)
        else:
            diagnosis = stages.diagnose_model(run, data, trust=trust, options=data_options)
    if as_json:
        console.say_json(diagnosis)
        return
    rows = [
        (
            site.path, site.activation, site.role, site.units, site.dead_units,
            site.zero_fraction, site.saturated_fraction, site.gradient_norm,
        )
        for site in diagnosis.sites
    ]  # fmt: skip
    columns = ("site", "activation", "role", "units", "dead", "zeros", "saturated", "gradient")
    if rows:
        console.say(formatting.table(columns, rows))
        console.say()
    for finding in diagnosis.findings:
        console.say(f"{errors.shown(finding.what, 400)}")
        console.say(f"  {errors.shown(finding.why, 400)}")
        console.say(f"  {errors.shown(finding.suggestion, 400)}")
    if not diagnosis.findings:
        console.say("Nothing stands out.")


@app.command()
def export(
    run: options.Run,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="P,P",
            help=f"{options.FORMATS}. The plan's if left out.",
            show_default=False,
        ),
    ] = None,
    io: Annotated[
        str | None,
        typer.Option(
            metavar="DTYPE",
            help="Inputs and outputs as float32, or uint8: bytes of pixels in, probability times "
            "256 out; the plan's if left out.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the device files of a trained model."""
    from actzoo import stages

    precisions = options.precisions(precision)
    with console.working():
        stages.export(run, precisions, io_dtype=io)
    folder = run_folder.ExportFolder(run_folder.RunFolder(run).export)
    for name in precisions or stages.Plan.read(run_folder.RunFolder(run).plan).precisions:
        console.say(f"Exported  {console.path(folder.file(name))}")


@app.command()
def verify(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder, or the export folder of one.")
    ],
    as_json: options.Json = False,
) -> None:
    """Run the exported files without TensorFlow and hold them to their limits.

    Ends with 1 where a limit is missed.
    """
    with console.working():
        if run_folder.RunFolder(run).plan.exists():
            from actzoo import stages

            outcome = stages.verify(run)
        else:
            from actzoo import verify

            outcome = verify.verify(run)
    written = files.read_json(outcome.path, "verification")
    if as_json:
        console.say_json(written)
    else:
        say_verification(written, outcome.task)
    if not outcome.passed:
        raise typer.Exit(1)


@app.command()
def report(run: options.Run) -> None:
    """Write report.html, one page to send to a colleague, from what the run folder holds."""
    from actzoo import stages

    with console.working():
        path = stages.report(run)
    console.say(f"Report    {console.path(path)}")


def say_verification(verification: Mapping[str, Any], task: str | None) -> None:
    """Print what `verify.json` holds; what did not hold goes to stderr."""
    console.say(summaries.verification_table(verification, task))
    for finding in findings.verification_findings(verification):
        console.tell(f"not verified: {finding.get('what')} {finding.get('suggestion')}")
