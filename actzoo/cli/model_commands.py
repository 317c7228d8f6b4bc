"""Commands that use a model or a file: predict, benchmark."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Annotated, Any

import typer

from actzoo import errors, formatting, tasks
from actzoo.cli import console, options, summaries
from actzoo.cli.app import app


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
    from actzoo import inference

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
                f"warning: no recorded hash says that {console.path(model)} is the file that was "
                "exported."
            )
    rows = [summaries.answer(answer, top) for answer in answers]
    if as_json:
        console.say_json(rows)
    else:
        console.say(summaries.answer_table(rows))
    for row in rows:
        for sentence in row.get("notes", ()):
            console.tell(f"note: {errors.shown(row['input'], 200)}: {sentence}")
        if "error" in row:
            name, problem = errors.shown(row["input"], 200), row["error"]
            console.tell(problem if name in problem else f"{name}: {problem}")
    if out is not None:
        console.tell(f"Wrote {console.path(summaries.write_answers(out, rows))}")
    if any("error" in row for row in rows):
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
