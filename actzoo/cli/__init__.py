"""The command line: reads arguments, calls one function, prints what it returns.

Results go to stdout, progress and warnings to stderr. Exit codes: 0 done, 1 a check did not hold,
2 the input is wrong, 3 a defect of ours, 130 interrupted. Nothing heavy is imported before a
command needs it.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from actzoo import errors, files, formatting, run_folder, stage_records
from actzoo.cli import console, describe, options, summaries

RESUMABLE = ("run", "train")
# Click's ClickException, which newer versions of Typer bring along under another path.
UsageError: Any = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="actzoo",
    help="From your own data to a verified file on the phone, with an activation of your choice.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        import actzoo

        console.say(f"actzoo {actzoo.__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and the libraries' own messages.")
    ] = False,
) -> None:
    """Options of every command; what is given here was read by `run_command` already."""


# --- the whole path ----------------------------------------------------------------------------


@app.command()
@options.with_data_options
def run(
    data: options.Data,
    out: options.Out,
    task: options.Task = None,
    model: options.Model = None,
    activation: options.Activation = None,
    weights: options.Weights = "auto",
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    seed: options.Seed = None,
    export: options.Export = None,
    resume: options.Resume = False,
    settings: options.Settings = None,
    allow_rare: options.AllowRare = False,
    force: options.Force = False,
    *,
    data_options: dict[str, Any],
) -> None:
    """Do everything: plan, train, evaluate, diagnose, export, verify, report.

    Ends with 1 where an exported file missed a limit; all else is done and written.
    """
    from actzoo import stages

    with console.working():
        outcome = stages.run(
            data, out, task=task, model=model, activation=activation, weights=weights,
            epochs=epochs, batch_size=batch_size, seed=seed, export=_precisions(export),
            resume=resume, force=force, settings=_settings(settings),
            options={**data_options, **({"allow_rare": True} if allow_rare else {})},
        )  # fmt: skip
    task = outcome.metrics["task"]
    console.say(summaries.score_line("Test", outcome.metrics["test"], task))
    console.say()
    folder = outcome.run
    _say_verification(outcome.verification, task)
    console.say()
    exported = run_folder.ExportFolder(folder.export)
    for precision in summaries.measured(outcome.verification):
        console.say(f"Exported  {_path(exported.file(precision))}")
    console.say(f"Report    {_path(folder.report)}")
    if not outcome.passed:
        raise typer.Exit(1)


@app.command()
@options.with_data_options
def plan(
    data: options.Data,
    out: options.Out,
    task: options.Task = None,
    model: options.Model = None,
    activation: options.Activation = None,
    weights: options.Weights = "auto",
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    seed: options.Seed = None,
    export: options.Export = None,
    resume: options.Resume = False,
    settings: options.Settings = None,
    allow_rare: options.AllowRare = False,
    *,
    data_options: dict[str, Any],
) -> None:
    """Look at the data and write plan.json, every decision with its reason; edit it at will."""
    from actzoo import stages

    with console.working():
        made = stages.plan(
            data, out, task=task, model=model, activation=activation, weights=weights,
            epochs=epochs, batch_size=batch_size, seed=seed, export=_precisions(export),
            resume=resume, settings=_settings(settings),
            options={**data_options, **({"allow_rare": True} if allow_rare else {})},
        )  # fmt: skip
    for reason in made.reasons:
        console.say(f"- {errors.shown(reason, 400)}")
    console.say(f"Plan      {_path(run_folder.RunFolder(out).plan)}")
    console.say(f"Go on     {console.command_line(['train', str(out)])}")


@app.command()
def train(run: options.Run, resume: options.Resume = False, force: options.Force = False) -> None:
    """Train the plan of a run folder."""
    from actzoo import stages

    with console.working():
        outcome = stages.train(run, resume=resume, force=force)
    console.say(f"Epochs    {outcome.epochs}, of which number {outcome.best_epoch} is kept")
    console.say(f"Model     {_path(run_folder.RunFolder(run).model)}")


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
            help="Other labeled data; the run's own held-out split where left out.",
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
            found = stages.diagnose(run)
        else:
            found = stages.diagnose_model(run, data, trust=trust, options=data_options)
    if as_json:
        console.say_json(found)
        return
    rows = [
        (
            site.path, site.activation, site.role, site.units, site.dead_units,
            site.zero_fraction, site.saturated_fraction, site.gradient_norm,
        )
        for site in found.sites
    ]  # fmt: skip
    columns = ("site", "activation", "role", "units", "dead", "zeros", "saturated", "gradient")
    if rows:
        console.say(formatting.table(columns, rows))
        console.say()
    for finding in found.findings:
        console.say(f"{errors.shown(finding.what, 400)}")
        console.say(f"  {errors.shown(finding.why, 400)}")
        console.say(f"  {errors.shown(finding.suggestion, 400)}")
    if not found.findings:
        console.say("Nothing stands out.")


@app.command()
def export(
    run: options.Run,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="P,P",
            help=f"{options.FORMATS}. The plan's where left out.",
            show_default=False,
        ),
    ] = None,
    io: Annotated[
        str | None,
        typer.Option(
            metavar="DTYPE",
            help="Inputs and outputs as float32, or uint8: bytes of pixels in, probability times "
            "256 out; the plan's where left out.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the device files of a trained model."""
    from actzoo import stages

    precisions = _precisions(precision)
    with console.working():
        stages.export(run, precisions, io_dtype=io)
    folder = run_folder.ExportFolder(run_folder.RunFolder(run).export)
    for name in precisions or stages.Plan.read(run_folder.RunFolder(run).plan).precisions:
        console.say(f"Exported  {_path(folder.file(name))}")


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
            from actzoo import verify as verify_room

            outcome = verify_room.verify(run)
    written = files.read_json(outcome.path, "verification")
    if as_json:
        console.say_json(written)
    else:
        _say_verification(written, outcome.task)
    if not outcome.passed:
        raise typer.Exit(1)


@app.command()
def report(run: options.Run) -> None:
    """Write report.html, one page to send to a colleague, from what the run folder holds."""
    from actzoo import stages

    with console.working():
        path = stages.report(run)
    console.say(f"Report    {_path(path)}")


# --- using a model -----------------------------------------------------------------------------


@app.command()
@functools.partial(options.with_data_options, inputs_only=True)
def predict(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A run folder, a .keras, a .tflite, or with --trust a SavedModel.",
            show_default=False,
        ),
    ],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Files, or folders of them; for a text model sentences, too, and - for lines "
            "of the standard input.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write predictions.csv, and predicted masks, into this folder.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Classes to name per input.")] = 5,
    trust: options.Trust = False,
    threads: options.Threads = 1,
    as_json: options.Json = False,
    *,
    data_options: dict[str, Any],
) -> None:
    """Ask a model. Ends with 2 where an input could not be read; the others are answered."""
    from actzoo import inference, tasks

    with (
        console.working(),
        contextlib.closing(inference.open_model(model, trust=trust, threads=threads)) as predictor,
    ):
        if predictor.card is not None and tasks.get_task(predictor.card.task).is_dense and not out:
            raise errors.InvalidValueError(
                "This model answers with masks, which are files.\n"
                "Name a folder for them: --out FOLDER",
                fix="--out FOLDER",
            )
        answers = predictor.predict(inputs, out=out, options=data_options)
        if not predictor.verified:
            console.tell(
                f"warning: no recorded hash says that {_path(model)} is the file that was exported."
            )
    found = [summaries.answer(answer, top) for answer in answers]
    if as_json:
        console.say_json(found)
    else:
        console.say(summaries.answer_table(found))
    for row in found:
        if "error" in row:
            console.tell(f"{errors.shown(row['input'], 200)}: {row['error']}")
    if out is not None:
        console.tell(f"Wrote {_path(summaries.write_answers(out, found))}")
    if any("error" in row for row in found):
        raise typer.Exit(2)


@app.command("benchmark")
def benchmark_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", show_default=False, help="Exported files."),
    ],
    threads: options.Threads = 1,
    rounds: Annotated[int, typer.Option(min=1, max=100_000, help="Inferences per file.")] = 50,
    as_json: options.Json = False,
) -> None:
    """Measure latency, size, operators and peak memory; several files are interleaved."""
    from actzoo import benchmark

    with console.working():
        rows = benchmark.benchmark(files, threads=threads, rounds=rounds)
    if as_json:
        console.say_json(rows)
        return
    shown = [
        (
            row["file"],
            row["latency_ms"],
            row["ratio"],
            formatting.size(row["size_bytes"]),
            sum(row["operators"].values()),
            row["custom_operators"],
            formatting.size(row["peak_memory_bytes"]),
        )
        for row in rows
    ]
    columns = ("file", "latency ms", "ratio", "size", "operators", "custom", "peak memory")
    console.say(formatting.table(columns, shown))


# --- tables ------------------------------------------------------------------------------------


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(metavar="activations|models|weights", show_default=False)],
    pattern: Annotated[
        str, typer.Argument(metavar="[PATTERN]", help="Wildcards * and ?.", show_default=False)
    ] = "*",
    as_json: options.Json = False,
) -> None:
    """List the activations, models or weights; "torch:*" lists PyTorch's names of activations."""
    if what == "activations" and ":" in pattern:
        _list_peers(pattern, as_json)
        return
    registry = describe.registry(what)
    rows = registry.rows(pattern)
    if not rows and not set(pattern) & set("*?["):
        raise errors.unknown_name(
            registry.kind, pattern, [row.name for row in registry], command=f"actzoo list {what}"
        )
    if as_json:
        console.say_json([describe.listed(row) for row in rows])
    elif not rows:
        console.tell(_nothing_listed(what, pattern))
    elif what == "activations":
        cells = [(row.name, row.formula, row.summary) for row in rows]
        console.say(formatting.table(("name", "formula", "what it is"), cells))
    else:
        console.say(formatting.table(("name", "what it is"), [(r.name, r.summary) for r in rows]))


def _list_peers(pattern: str, as_json: bool) -> None:
    names = describe.peer_names(pattern)
    if as_json:
        console.say_json(names)
    elif not names:
        console.tell(_nothing_listed("activations", pattern))
    else:
        cells = [tuple(row.values()) for row in names]
        console.say(formatting.table(("name", "stands for", "formula"), cells))


def _nothing_listed(what: str, pattern: str) -> str:
    if what == "weights" and pattern == "*":
        return "No weights are published yet; --weights takes a run folder or a .keras file."
    return f"No {what} match {errors.shown(pattern)}."


@app.command("describe")
def describe_(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    as_json: options.Json = False,
) -> None:
    """Tell all about one activation, model or weights entry."""
    found = describe.described(name)
    if as_json:
        console.say_json(found)
        return
    shown = {key: describe.lines(value) for key, value in describe.for_people(found).items()}
    width = max(map(len, shown))
    for key, lines in shown.items():
        for index, line in enumerate(lines):
            heading = "" if index else key.replace("_", " ")
            console.say(f"{heading:<{width}}  {errors.shown(line, 1000)}")
    if found["kind"] == "activation":
        console.say()
        _draw_curve(name)


def _draw_curve(spec: str) -> None:
    from actzoo.activations import curves
    from actzoo.cli import plots

    reason = curves.no_curve(spec)
    if reason is not None:
        console.say(f"No curve to draw: {reason}.")
        return
    columns = shutil.get_terminal_size((72, 24)).columns
    plain = not console.can_show(plots.SAMPLE)
    console.paint(plots.activation(spec, columns, plain=plain), plots.STYLES)


def _say_verification(verification: Mapping[str, Any], task: str | None) -> None:
    console.say(summaries.verification_table(verification, task))
    for finding in stage_records.verification_findings(verification):
        console.tell(f"not verified: {finding.get('what')} {finding.get('suggestion')}")


# --- arguments ---------------------------------------------------------------------------------


def _path(path: os.PathLike[str] | str) -> str:
    return errors.shown(os.fspath(path), 400)


def _precisions(text: str | None) -> list[str] | None:
    if text is None:
        return None
    found = list(dict.fromkeys(part.strip() for part in text.split(",")))
    from actzoo.plan import check_precision

    return [check_precision(part) for part in found]


def _settings(pairs: Sequence[str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs or ():
        key, sign, value = pair.partition("=")
        if not sign or not key.strip():
            raise errors.InvalidValueError(
                f"--set takes key=value, as --set learning_rate=1e-3; not '{errors.shown(pair)}'.",
                given=pair,
            )
        if key.strip() in found:
            raise errors.InvalidValueError(
                f"--set {errors.shown(key.strip())} is given twice.\nGive it once.", given=pair
            )
        found[key.strip()] = value
    return found


# --- entry -------------------------------------------------------------------------------------


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: What stands behind `actzoo`.

    Returns:
        The exit code.
    """
    words = list(arguments)
    plain = words[: words.index("--")] if "--" in words else words
    debug = "--debug" in plain
    if debug:  # accepted before and behind the command
        words = [word for word in plain if word != "--debug"] + words[len(plain) :]
        quiet: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    else:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        quiet = console.quiet_start()
    with console.safe_streams(), console.terminable(), quiet:
        try:
            code = _invoke(words)
            sys.stdout.flush()  # a full disk behind stdout shows here
            return code
        except BaseException as error:
            if debug and not isinstance(error, UsageError):
                import traceback

                traceback.print_exception(error)
            return _refused(error, words)


def _invoke(words: list[str]) -> int:
    command = typer.main.get_command(app)
    try:
        with command.make_context("actzoo", words or ["--help"]) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    return 0


def _usage(error: Any, words: Sequence[str]) -> str:
    """Return what is wrong with a command: what was given, and the nearest spelling."""
    context: Any = getattr(error, "ctx", None)
    given = getattr(error, "option_name", None)
    message = error.format_message()
    if context is not None and given is not None and hasattr(error, "possibilities"):
        names = [name for p in context.command.params for name in (*p.opts, *p.secondary_opts)]
        known = [name for name in names if name.startswith("--")]
        message = str(errors.unknown_name("option", given, [*known, "--help"]))
    elif context is not None and message.startswith("No such command") and "mean" not in message:
        message += f" Commands: {', '.join(context.command.commands)}."
    elif message.startswith("Invalid value"):
        value = _given(getattr(error, "param", None), words)
        message += f" (given: '{errors.shown(value)}')" if value is not None else ""
    command = context.command_path if context is not None else "actzoo"
    return f"{message}\nRun: {command} --help"


def _given(parameter: Any, words: Sequence[str]) -> str | None:
    """Return what stands behind an option on the command line."""
    for option in getattr(parameter, "opts", ()):
        for index, word in enumerate(words):
            if word.startswith(f"{option}="):
                return word.partition("=")[2]
            if word == option and index + 1 < len(words):
                return words[index + 1]
    return None


def _refused(error: BaseException, words: Sequence[str]) -> int:
    """Say what went wrong in as few lines as help, and return the exit code."""
    command = next((word for word in words if not word.startswith("-")), "")
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        again = [*words, "--resume"] if command in RESUMABLE and "--resume" not in words else words
        console.tell(f"{str(error) or 'Interrupted.'} To go on:")
        console.tell(console.command_line(again))
        return 130
    if isinstance(error, UsageError):
        console.tell(_usage(error, words))
        return 2
    if isinstance(error, errors.ActzooError):
        console.tell(str(error))
        return error.exit_code
    if isinstance(error, MemoryError):
        console.tell("There is not enough memory. Try a smaller --batch-size, or smaller inputs.")
        return 2
    if isinstance(error, OSError) and error.filename is not None:
        file = os.fsdecode(error.filename)
        disk = files.disk_error(error, Path(file))
        known = isinstance(disk, errors.ActzooError)
        console.tell(str(disk) if known else f"{_path(file)}: {error.strerror}.")
        return 2
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        console.tell(f"The results could not be written: {error.strerror}.")
        return 2
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    from actzoo import models

    log = console.log_defect(
        error, command, lambda: ", ".join(f"{k} {v}" for k, v in models.versions().items())
    )
    console.tell(f"This is a defect of actzoo, not of your input: {type(error).__name__}.")
    console.tell(f"Please report it with the log {log} (--debug shows the whole message).")
    return 3
