"""Commands that show tables: list, describe."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from actzoo import errors, formatting
from actzoo.cli import console, describe, options
from actzoo.cli.app import app


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
    """Describe one activation, model or weights entry."""
    entry = describe.described(name)
    if as_json:
        console.say_json(entry)
        return
    shown = {key: describe.lines(value) for key, value in describe.for_people(entry).items()}
    width = max(map(len, shown))
    for key, lines in shown.items():
        for index, line in enumerate(lines):
            heading = "" if index else key.replace("_", " ")
            console.say(f"{heading:<{width}}  {errors.shown(line, 1000)}")
    if entry["kind"] == "activation":
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
