"""Commands that use a model or a file: predict, benchmark."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actzoo import errors, formatting, tasks
from actzoo.cli import answers, console, options
from actzoo.cli.app import app

if TYPE_CHECKING:
    from actzoo import models


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
    top: Annotated[int, typer.Option(min=1, help="Classes to name per input, in JSON.")] = 5,
    all_classes: Annotated[
        bool,
        typer.Option(
            "--all", help="Name every class with its probability, in JSON and in predictions.csv."
        ),
    ] = False,
    trust: options.Trust = False,
    threads: options.Threads = 1,
    as_json: options.Json = False,
    *,
    data_options: dict[str, Any],
) -> None:
    """Ask a model. Ends with 2 where an input could not be read; the others are answered."""
    from actzoo import inference

    results, refused, noted = sys.stdout, 0, 0
    with console.working(), contextlib.ExitStack() as stack:
        if out is not None:
            inference.check_output_folder(out)
        predictor = inference.open_model(model, trust=trust, threads=threads)
        stack.enter_context(contextlib.closing(predictor))
        classes = _classes_of_masks(predictor.card, out)
        if not predictor.verified:
            console.tell(
                f"warning: no recorded hash says that {console.path(model)} is the file that was "
                "exported."
            )
        # Before the table, so that a call that is refused leaves that of an earlier one.
        batches = predictor.predict_batches(inputs, out=out, options=data_options, note=_note)
        printed = stack.enter_context(answers.shown(as_json, results))
        table = None
        if out is not None:
            named = predictor.card.classes if all_classes and predictor.card else ()
            table = stack.enter_context(answers.Table(out, classes, () if classes else named))
        for batch in batches:
            rows = [answers.answer(answer, None if all_classes else top) for answer in batch]
            printed.add(rows)
            unread, noted = answers.tell(rows, noted)
            refused += unread
            if table is not None:
                table.add(rows, [answer.probabilities for answer in batch])
    if table is not None:
        console.tell(f"Wrote {console.path(table.path)}")
    if refused:
        raise typer.Exit(2)


def _note(sentence: str) -> None:
    console.tell(f"note: {sentence}")


def _classes_of_masks(card: models.ModelCard | None, out: Path | None) -> Sequence[str] | None:
    """Return the classes of a model that answers with masks; None for another one."""
    if card is None or not tasks.get_task(card.task).is_dense:
        return None
    if out is None:
        raise errors.InvalidValueError(
            "This model answers with masks, which are files.\nName a folder for them: --out FOLDER",
            fix="--out FOLDER",
        )
    return card.classes


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
