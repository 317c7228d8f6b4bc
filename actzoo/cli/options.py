"""Arguments and options that several commands share, each with its help, in one place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from actzoo import artifacts, data_options, domains, errors

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
Task = Annotated[
    str | None,
    typer.Option(help="The model's task; taken from the data if not given.", show_default=False),
]
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
Resume = Annotated[bool, typer.Option("--resume", help="Continue the run in the folder.")]
Force = Annotated[bool, typer.Option("--force", help="Train even if the memory may not be enough.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Open a model that can run any code, as a SavedModel can."),
]
Threads = Annotated[int, typer.Option(min=1, max=256, help="Of one inference.")]


DATA = "data_options"  # the argument that takes the resulting options of data
RUN = "run_options"


def _run_options(
    task: Task = None,
    model: Model = None,
    activation: Activation = None,
    weights: Weights = "auto",
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    export: Export = None,
    settings: Settings = None,
    allow_rare: AllowRare = False,
) -> None:
    """Lists what `run` and `plan` have in common: the fields of `options.RunOptions`."""


def with_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that `run` and `plan` have in common.

    Args:
        command: Takes `run_options`, a mapping of them by name.
    """
    parameters = inspect.signature(_run_options, eval_str=True).parameters.values()
    return _with_parameters(command, RUN, list(parameters), _read_run_options)


def _read_run_options(given: dict[str, Any]) -> dict[str, Any]:
    allow_rare = given.pop("allow_rare")
    return {
        **given,
        "export": precisions(given["export"]),
        "settings": _settings(given["settings"]),
        "options": {"allow_rare": True} if allow_rare else {},
    }


def joined(run_options: dict[str, Any], data_options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `RunOptions`: what `run` was asked, and how its data is opened."""
    return {**run_options, "options": {**data_options, **run_options["options"]}}


def with_data_options(
    command: Callable[..., None], *, inputs_only: bool = False
) -> Callable[..., None]:
    """Mark a command that takes one option for each way in which data can be opened.

    Which these are is looked up when the command runs (`add_data_options`): kinds of data from
    other packages bring their own, and looking for those takes 0.1 s.

    Args:
        command: Takes `data_options`, a mapping of those that the user gave.
        inputs_only: It reads no labels, so leave out what matters only for those.
    """
    command.inputs_only = inputs_only  # type: ignore[attr-defined]
    return command


def add_data_options(app: typer.Typer, name: str) -> None:
    """Give the command that is about to run its options of data.

    Args:
        app: The application.
        name: Name of the command.
    """
    for row in app.registered_commands:
        command = getattr(row.callback, "plain", row.callback)
        if (row.name or getattr(command, "__name__", "")) != name:
            continue
        if command is None or not hasattr(command, "inputs_only"):
            return
        parameters = [_parameter(option) for option in _data_options(command.inputs_only)]
        row.callback = _with_parameters(command, DATA, parameters, _given)
        row.callback.plain = command  # type: ignore[attr-defined]


def _data_options(inputs_only: bool) -> list[data_options.DataOption]:
    """Return the options of all kinds of data, each name once."""
    options: dict[str, data_options.DataOption] = {}
    rows = [row for spec in domains.DOMAINS for row in spec.options]
    for option in (*rows, *data_options.COMMON):
        if option.inputs or not inputs_only:
            options.setdefault(option.name, option)
    return list(options.values())


def _parameter(option: data_options.DataOption) -> inspect.Parameter:
    flag = f"--{option.name.replace('_', '-')}"
    shown = typer.Option(flag, help=option.help, show_default=False)
    is_flag = option.kind is bool
    kind: Any = bool if is_flag else option.kind | None
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if is_flag else None,
        annotation=Annotated[kind, shown],
    )


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in values.items() if v is not None and v is not False}


def _with_parameters(
    command: Callable[..., None],
    target: str,
    parameters: list[inspect.Parameter],
    collect: Callable[[dict[str, Any]], dict[str, Any]],
) -> Callable[..., None]:
    """Return a command with parameters in place of one argument, which takes them together.

    Args:
        command: The command.
        target: The argument.
        parameters: What stands for it on the command line.
        collect: Values by name -> value of the argument.
    """
    shown: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if parameter.name == target:
            shown += [added.replace(kind=added.KEYWORD_ONLY) for added in parameters]
        else:
            shown.append(parameter)

    @functools.wraps(command)
    def expanded(**given: object) -> None:
        values = {parameter.name: given.pop(parameter.name) for parameter in parameters}
        command(**given, **{target: collect(values)})

    expanded.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    expanded.__annotations__ = {p.name: p.annotation for p in shown}
    return expanded


# --- values of options -------------------------------------------------------------------------


def precisions(text: str | None) -> list[str] | None:
    """Return the precisions that a list with commas names; None where it is left out.

    Raises:
        UnknownNameError: There is no such precision.
    """
    if text is None:
        return None
    from actzoo.plan import check_precision

    names = dict.fromkeys(part.strip() for part in text.split(","))
    return [check_precision(name) for name in names]


def _settings(pairs: Sequence[str] | None) -> dict[str, str]:
    settings: dict[str, str] = {}
    for pair in pairs or ():
        key, sign, value = pair.partition("=")
        if not sign or not key.strip():
            raise errors.InvalidValueError(
                f"--set takes key=value, as --set learning_rate=1e-3; not '{errors.shown(pair)}'.",
                given=pair,
            )
        if key.strip() in settings:
            raise errors.InvalidValueError(
                f"--set {errors.shown(key.strip())} is given twice.\nGive it once.", given=pair
            )
        settings[key.strip()] = value
    return settings
