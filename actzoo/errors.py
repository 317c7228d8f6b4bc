"""The errors a user can meet, in one form.

Every message says what was given, what is allowed, the nearest match and how to fix it. Each class
is both an `ActzooError` and the built-in kind, so that a caller can catch all of ours with one
name, or just `ValueError` as usual. The parts are also attributes of the error.
"""

from __future__ import annotations

import difflib
import heapq
import itertools
import operator
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping

Note = Callable[[str], None]  # takes one warning sentence; it reaches stderr, record and report


class ActzooError(Exception):
    """Base of every error that actzoo raises on purpose.

    Args:
        message: The whole text, at most five lines.
        given: What the user gave.
        allowed: What would have been accepted.
        nearest: The closest accepted values.
        fix: How to fix it: a command or an edit.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        given: object = None,
        allowed: Iterable[object] = (),
        nearest: Iterable[str] = (),
        fix: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.given = given
        self.allowed = tuple(allowed)
        self.nearest = tuple(nearest)
        self.fix = fix

    def __str__(self) -> str:
        return self.message


class InvalidValueError(ActzooError, ValueError):
    """A value that is not allowed."""


class InvalidTypeError(ActzooError, TypeError):
    """A value of a type that is not accepted."""


class UnknownNameError(InvalidValueError, KeyError):
    """A name that is in no table."""


class MissingFileError(ActzooError, FileNotFoundError):
    """A path that does not exist."""


class MissingExtraError(ActzooError, ImportError):
    """An optional library is not installed."""


class DataError(InvalidValueError):
    """The user's data cannot be used as it is."""


class DiskError(ActzooError, OSError):
    """A file could not be written."""


class TrainingError(ActzooError, RuntimeError):
    """Training stopped because its numbers cannot be trusted."""


class ExportError(ActzooError, RuntimeError):
    """A model could not be exported."""


def shown(text: object, limit: int = 60) -> str:
    """Return `text` on one line, escaped and cut, for a message.

    Control, bidirectional and other unprintable characters appear as escapes, so that no name
    out of a file can steer the terminal.

    Args:
        text: Anything; `str()` of it is shown.
        limit: Longest result, in characters.
    """
    whole = str(text)
    safe = "".join(c if c.isprintable() else _escape(c) for c in whole[: limit + 1])
    return safe if len(safe) <= limit else safe[: limit - 3] + "..."


def _escape(character: str) -> str:
    code = ord(character)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def command(*words: str | os.PathLike[str]) -> str:
    """Return a command of actzoo as it can be pasted into a shell.

    Args:
        *words: What follows `actzoo`; see `quoted`.
    """
    return " ".join(["actzoo", *map(quoted, words)])


def quoted(word: str | os.PathLike[str]) -> str:
    """Return a word of a command as a shell reads it.

    Args:
        word: A path that is given as one, not as a text, is never taken for an option. What
            cannot be shown appears as the bytes that it stands for.
    """
    text = os.fspath(word)
    if isinstance(word, os.PathLike) and text.startswith("-"):
        text = os.path.join(os.curdir, text)
    if sys.platform == "win32":
        import subprocess

        return subprocess.list2cmdline([text])
    if text.isprintable():
        return shlex.quote(text)
    shown_as = {c: "".join(f"\\x{byte:02x}" for byte in os.fsencode(c)) for c in set(text)}
    safe = "".join(c if c.isprintable() and c not in "'\\" else shown_as[c] for c in text)
    return f"$'{safe}'"


def unknown_name(
    kind: str,
    given: object,
    allowed: Iterable[str],
    *,
    aliases: Mapping[str, str] | None = None,
    command: str | None = None,
) -> UnknownNameError:
    """Return the error for a name that is not in a table.

    Args:
        kind: What the name stands for, in the singular ("activation").
        given: The name as the user wrote it.
        allowed: The canonical names.
        aliases: Other spellings, each with the canonical name it leads to.
        command: The command that lists all names.

    Returns:
        An `UnknownNameError`, not yet raised.
    """
    names = tuple(sorted(allowed))
    aliases = dict(aliases or {})
    text = str(given)
    odd = [f"U+{ord(c):04X}" for c in text[:200] if not c.isascii() or not c.isprintable()]
    nearest: list[str] = []
    for name in _closest(text[:64].strip().lower(), [*names, *aliases]):
        name = aliases.get(name, name)
        if name not in nearest:
            nearest.append(name)
    nearest = nearest[:3]
    lines = [f"Unknown {kind} '{shown(text)}'."]
    if odd:
        lines.append(
            f"It holds characters that only look like plain letters: {', '.join(odd[:5])}."
        )
    if nearest:
        lines.append(f"Did you mean {' or '.join(repr(name) for name in nearest)}?")
    listed = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    more = f"; run `{command}`" if command else ""
    lines.append(f"Available: {listed} ({len(names)} in all{more}).")
    return UnknownNameError(
        "\n".join(lines), given=given, allowed=names, nearest=nearest, fix=command
    )


MEASURED = 12  # names that are compared in full with an unknown one


def _closest(text: str, names: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Return names like `text`, the closest first; of equals, those that begin alike."""
    matcher = difflib.SequenceMatcher(b=text)
    likely = []
    for name in names:
        if 2 * min(len(name), len(text)) >= cutoff * (len(name) + len(text)):
            matcher.set_seq1(name)
            likely.append((matcher.quick_ratio(), name))  # a cheap upper bound
    ranked = []
    for bound, name in heapq.nlargest(MEASURED, likely):
        matcher.set_seq1(name)
        ratio = matcher.ratio() if bound >= cutoff else 0.0
        if ratio >= cutoff:
            alike = itertools.takewhile(operator.truth, map(operator.eq, text, name))
            ranked.append((-ratio, -sum(alike), name))
    return [name for *_, name in sorted(ranked)]


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtraError:
    """Return the error for an optional library that is not installed.

    Args:
        package: Name of the missing package.
        extra: Name of actzoo's extra that brings it.
        purpose: What it is needed for.
    """
    fix = f'pip install "actzoo[{extra}]"'
    return MissingExtraError(
        f"{purpose} needs the package '{package}', which is not installed.\nRun: {fix}",
        given=package,
        fix=fix,
    )
