"""The application that commands register with, and the options of all of them."""

from __future__ import annotations

from typing import Annotated

import typer

from actzoo.cli import console

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
