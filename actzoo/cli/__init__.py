"""The command line: reads arguments, calls one function, prints what it returns.

Results go to stdout, progress and warnings to stderr. Exit codes: 0 done, 1 a check did not hold,
2 the input is wrong, 3 a defect of ours, 130 interrupted. Nothing heavy is imported before a
command needs it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from actzoo import errors, files

# Commands in the order in which help lists them.
from actzoo.cli import run_commands  # isort: skip  # noqa: F401
from actzoo.cli import model_commands  # isort: skip  # noqa: F401
from actzoo.cli import table_commands  # isort: skip  # noqa: F401
from actzoo.cli import console, options
from actzoo.cli.app import app

__all__ = ["app", "main", "run_command"]

RESUMABLE = ("run", "train")
# Click's ClickException, which newer versions of Typer bring along under another path.
UsageError: Any = typer.BadParameter.__mro__[2]


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: What follows `actzoo`.

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
    options.add_data_options(app, next((word for word in words if not word.startswith("-")), ""))
    command = typer.main.get_command(app)
    try:
        with command.make_context("actzoo", words or ["--help"]) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    return 0


def _usage(error: typer.BadParameter, words: Sequence[str]) -> str:
    """Return what is wrong with a command: what was given, and the nearest spelling."""
    context: Any = getattr(error, "ctx", None)
    given = getattr(error, "option_name", None)
    message = error.format_message()
    if context is not None and given is not None and hasattr(error, "possibilities"):
        names = [name for p in context.command.params for name in (*p.opts, *p.secondary_opts)]
        known = [name for name in names if name.startswith("--")]
        message = str(errors.unknown_name("option", given, [*known, "--help"]))
        file = next((word for word in words if word.startswith("-") and os.path.exists(word)), None)
        if file is not None:
            message += f"\nTo name the file, write {errors.quoted(Path(file))}"
    elif context is not None and message.startswith("No such command") and "mean" not in message:
        message += f" Commands: {', '.join(context.command.commands)}."
    elif message.startswith("Invalid value"):
        value = _given(getattr(error, "param", None), words)
        message += f" (given: '{errors.shown(value)}')" if value is not None else ""
    command = context.command_path if context is not None else "actzoo"
    return f"{message}\nRun: {command} --help"


def _given(parameter: object, words: Sequence[str]) -> str | None:
    """Return what follows an option on the command line."""
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
        console.tell(errors.command(*again))
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
        console.tell(str(disk) if known else f"{console.path(file)}: {error.strerror}.")
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
