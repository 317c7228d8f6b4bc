"""How the command line talks: results to stdout, the rest to stderr, nothing that breaks a pipe.

Names out of files are shown as plain text, so that none of them steers the terminal; JSON is one
document of plain ASCII where the terminal cannot show more.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.abc
import importlib.util
import json
import logging
import os
import platform
import re
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from actzoo import errors, files

SECRET = re.compile(r"(?i)token|secret|passw|credential|auth|api_?key|access_?key|private_?key")
CLOSED = {errno.EPIPE, errno.EBADF} | ({errno.EINVAL} if sys.platform == "win32" else set())


# --- streams -----------------------------------------------------------------------------------


class _Stream:
    """A text stream that goes quiet when its reader is gone, as in `actzoo list | head`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._closed = False

    def write(self, text: str) -> int:
        if not self._closed:
            try:
                self._stream.write(text)
            except OSError as error:
                self._close(error)
        return len(text)

    def flush(self) -> None:
        if not self._closed:
            try:
                self._stream.flush()
            except OSError as error:
                self._close(error)

    def _close(self, error: OSError) -> None:
        self._closed = True
        with contextlib.suppress(OSError, ValueError):  # so that the flush at exit works too
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        if error.errno not in CLOSED:  # a full disk: the results are lost, and that is said
            raise error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def safe_streams() -> Iterator[None]:
    """Make stdout and stderr survive a closed reader, a closed descriptor and a narrow encoding."""
    before = sys.stdout, sys.stderr
    null = None
    try:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is None:  # the descriptor was closed; print(file=None) would take stdout
                null = null or open(os.devnull, "w", encoding="utf-8")
                stream = null
            elif hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, _Stream(stream))
        yield
    finally:
        sys.stdout, sys.stderr = before
        if null is not None:
            null.close()


@contextlib.contextmanager
def working() -> Iterator[None]:
    """Send what libraries print while they work to stderr; stdout is for results."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


class _QuietStart(importlib.abc.MetaPathFinder):
    """Imports TensorFlow with the process' stderr closed.

    Its C++ code writes there before any setting of its own is read. Python's own messages, and an
    error of the import, come through.
    """

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_quietly(module: Any) -> None:
            with _muted():
                load(module)
            # Its hints on retracing speak to whoever writes the loop, not to whoever runs it.
            logging.getLogger("tensorflow").setLevel(logging.ERROR)

        spec.loader.exec_module = load_quietly  # type: ignore[method-assign]
        return spec


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """Point the descriptor 2 to nothing for a while."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Keep TensorFlow's start-up chatter off the screen should it be imported in the block."""
    finder = _QuietStart()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(finder)


def say(text: str = "", file: TextIO | None = None, end: str = "\n") -> None:
    """Print a result, to stdout or where that was before `working`."""
    print(text, file=file, end=end, flush=file is not None)


def can_show(text: str, file: TextIO | None = None) -> bool:
    """Whether stdout, or another stream, has all characters of a text."""
    try:
        text.encode(getattr(file or sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def paint(lines: Sequence[Sequence[tuple[str, str]]], styles: Mapping[str, str]) -> None:
    """Print lines made of texts and the names of their styles; with colors on a terminal only.

    Args:
        lines: What to print.
        styles: Rich style by name, such as `{"axis": "dim"}`.
    """
    if not sys.stdout.isatty():
        for line in lines:
            say("".join(text for text, _ in line).rstrip())
        return
    from rich.console import Console
    from rich.text import Text

    terminal = Console(file=sys.stdout, highlight=False)  # type: ignore[arg-type]
    for line in lines:
        pieces = [(text, styles.get(style, "")) for text, style in line]
        terminal.print(Text.assemble(*pieces), soft_wrap=True)


def tell(text: str) -> None:
    """Print a message for people on stderr; control characters in it are escaped."""
    lines = text.splitlines() or [""]
    print("\n".join(errors.shown(line, 4000) for line in lines), file=sys.stderr, flush=True)


def path(place: os.PathLike[str] | str) -> str:
    """Return a path as it is shown to people."""
    return errors.shown(os.fspath(place), 400)


def say_json(data: object) -> None:
    """Print one JSON document; a number that is not finite becomes null."""
    print(json_text(data))


def json_text(data: object, file: TextIO | None = None) -> str:
    """Return data as JSON that stdout, or another stream, can show."""
    text = files.to_json(data)
    return text if can_show(text, file) else json.dumps(json.loads(text), indent=2)


# --- interruption ------------------------------------------------------------------------------


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Treat being terminated like Ctrl-C, so that both leave what is needed to continue."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            before[number] = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


# --- defects -----------------------------------------------------------------------------------


def log_defect(error: BaseException, command: str, versions: Callable[[], str]) -> Path:
    """Write where a defect happened into a file that can be sent to us.

    It holds places in the code and kinds of errors. Messages, arguments, the environment and the
    values of variables stay out, since they may hold data and secrets.

    Args:
        error: What was not foreseen.
        command: The sub-command, without its arguments.
        versions: Returns the versions of the libraries.
    """
    parts: list[str] = []
    link: BaseException | None = error
    while link is not None and len(parts) < 20:
        kind = f"{type(link).__module__}.{type(link).__qualname__}"
        parts.append("".join(traceback.format_tb(link.__traceback__)) + kind)
        link = link.__cause__ or link.__context__
    trace = "\n\nwhich came from\n\n".join(parts)
    text = (
        f"actzoo {errors.shown(command)}, {time.strftime('%Y-%m-%d %H:%M:%S')}\n"
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}\n"
        f"{versions()}\n\n{trace}\n"
    )
    handle, name = tempfile.mkstemp(prefix="actzoo-defect-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(without_secrets(text))
    return Path(name)


def without_secrets(text: str) -> str:
    """Return a text in which the home folder and secrets of the environment are masked."""
    for name, value in os.environ.items():
        if SECRET.search(name) and len(value) >= 4:
            text = text.replace(value, f"<{name}>")
    home = os.path.expanduser("~")
    return text.replace(home, "~") if len(home) > 3 else text
