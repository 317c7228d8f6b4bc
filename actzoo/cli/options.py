"""Arguments and options that several commands share, each with its help, in one place."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from actzoo import artifacts, domains

PRECISIONS = ", ".join(row.name for row in artifacts.BUILTIN)
FORMATS = "; ".join(f"{row.name}: {row.summary}" for row in artifacts.BUILTIN)
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]
Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A folder, an archive of one, tfds:NAME, or a plan.json.",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option(help="The run folder to make.", show_default=False)]
Task = Annotated[str | None, typer.Option(help="What the model shall do.", show_default=False)]
Model = Annotated[str | None, typer.Option(help="See `actzoo list models`.", show_default=False)]
Activation = Annotated[
    str | None,
    typer.Option(
        help="Hidden activation, as 'leaky_relu(negative_slope=0.1)'; "
        "see `actzoo list activations`.",
        show_default=False,
    ),
]
Weights = Annotated[
    str, typer.Option(help="Where to start from: auto, none, a run folder or a .keras file.")
]
Epochs = Annotated[
    int | None,
    typer.Option(
        min=1, help="Passes over the training data; planned if not given.", show_default=False
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(min=1, help="Examples per step; planned if not given.", show_default=False),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, help="Of everything random; 0, or the plan's.", show_default=False),
]
Export = Annotated[
    str | None,
    typer.Option(
        metavar="P,P",
        help=f"Precisions: {PRECISIONS}.",
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any field of the plan, as --set learning_rate=1e-3; may be repeated.",
        show_default=False,
    ),
]
AllowRare = Annotated[
    bool, typer.Option("--allow-rare", help="Accept classes with fewer than three examples.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")]
Force = Annotated[bool, typer.Option("--force", help="Train even if the memory may not be enough.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Open a model that can run any code, as a SavedModel can."),
]
Threads = Annotated[int, typer.Option(min=1, max=256, help="Of one inference.")]


def _domains() -> list[domains.DomainSpec]:
    """Return the kinds of data whose options are shown.

    Those of other packages are looked for only where data is opened: looking takes 0.1 s.
    """
    opens = {"run", "plan", "evaluate", "diagnose", "predict"}
    return list(domains.DOMAINS) if opens & set(sys.argv[1:2]) else domains.builtin()


def with_data_options(
    command: Callable[..., None], *, inputs_only: bool = False
) -> Callable[..., None]:
    """Give a command one option for each way in which our kinds of data can be opened.

    Args:
        command: Takes `data_options`, a mapping of those that the user gave.
        inputs_only: It reads no labels, so leave out what matters only for those.
    """
    options: dict[str, domains.DataOption] = {}
    for spec in _domains():
        for option in spec.options:
            if option.inputs or not inputs_only:
                options.setdefault(option.name, option)
    plain = inspect.signature(command, eval_str=True).parameters.values()
    parameters = [parameter for parameter in plain if parameter.name != "data_options"]
    for name, option in options.items():
        flag = f"--{name.replace('_', '-')}"
        shown = typer.Option(flag, help=option.help, show_default=False)
        is_flag = option.kind is bool
        kind: Any = bool if is_flag else option.kind | None
        parameters.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if is_flag else None,
                annotation=Annotated[kind, shown],
            )
        )

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        found = {name: given.pop(name) for name in options}
        chosen = {name: v for name, v in found.items() if v is not None and v is not False}
        command(**given, data_options=chosen)

    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_options
