"""Tables of named things: activations, models, weights, domains.

A row is a frozen dataclass of plain data. What it points to is imported when asked for, so that
listing hundreds of rows costs milliseconds and no Keras. Plugins add rows through entry points;
one that fails is named once and affects nothing else.
"""

from __future__ import annotations

import fnmatch
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any, Generic, Protocol, TypeVar

from actzoo import errors
from actzoo._lazy import resolve

PLUGIN_SECONDS = 5.0  # a plugin that takes longer to import than this is left out


class Named(Protocol):
    """What every row has."""

    @property
    def name(self) -> str:
        """Canonical name."""
        ...

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other spellings."""
        ...


Row = TypeVar("Row", bound=Named)


class Registry(Generic[Row]):
    """An ordered table of rows, found by name or alias.

    Args:
        kind: What a row is, in the singular ("activation"); used in messages.
        command: The command that lists the table.
        entry_points: Group of entry points whose objects are rows, or functions returning rows.
        load_builtins: Called once, before the first look-up; adds the built-in rows.
        check: Called with each row of a plugin before it is added; raises where it is unfit.
    """

    def __init__(
        self,
        kind: str,
        *,
        command: str | None = None,
        entry_points: str | None = None,
        load_builtins: Callable[[], None] | None = None,
        check: Callable[[Any], None] | None = None,
    ) -> None:
        self.kind = kind
        self.command = command
        self._group = entry_points
        self._load_builtins = load_builtins
        self._check = check
        self._rows: dict[str, Row] = {}
        self._aliases: dict[str, str] = {}
        self._origins: dict[str, str] = {}
        self._filled = False
        self.notes: list[str] = []  # plugins that failed, in words

    def add(self, row: Row, *, origin: str = "actzoo") -> Row:
        """Add a row.

        Args:
            row: The row; its name and aliases must be new.
            origin: Who brings it; named when two collide.

        Returns:
            The row.

        Raises:
            InvalidValueError: A name or alias is taken; the first row stays.
        """
        for name in (row.name, *row.aliases):
            taken = self._aliases.get(name, name if name in self._rows else None)
            if taken is not None:
                raise errors.InvalidValueError(
                    f"The {self.kind} name '{errors.shown(name)}' is taken: '{taken}' from "
                    f"{self._origins[taken]} has it, {origin} wants it too.\n"
                    "Choose another name; the first one stays.",
                    given=name,
                )
        self._rows[row.name] = row
        self._origins[row.name] = origin
        for alias in row.aliases:
            self._aliases[alias] = row.name
        return row

    def get(self, name: str) -> Row:
        """Return the row of a name or alias.

        Raises:
            UnknownNameError: No row has it; the nearest names are listed.
        """
        self._fill()
        row = self._rows.get(self._aliases.get(name, name)) if isinstance(name, str) else None
        if row is None:
            raise errors.unknown_name(
                self.kind, name, self._rows, aliases=self._aliases, command=self.command
            )
        return row

    def names(self, pattern: str = "*", **tags: object) -> tuple[str, ...]:
        """Return the canonical names that match.

        Args:
            pattern: Wildcards `*` and `?`; an alias that matches counts for its row.
            **tags: Fields of the row and the value each must have.

        Raises:
            InvalidTypeError: The pattern is not a text.
            UnknownNameError: There is no such field, or it never has that word.
        """
        return tuple(row.name for row in self.rows(pattern, **tags))

    def rows(self, pattern: str = "*", **tags: object) -> tuple[Row, ...]:
        """Return the rows that match, in the table's order; see `names`."""
        check_pattern(pattern)
        self._fill()
        for key in tags:
            for row in self._rows.values():
                if not hasattr(row, key):
                    fields = getattr(row, "__dataclass_fields__", {})
                    raise errors.unknown_name(f"property of {self.kind}s", key, fields)
                break
            self._check_word(key, tags[key])
        return tuple(
            row
            for row in self._rows.values()
            if any(fnmatch.fnmatchcase(name, pattern) for name in (row.name, *row.aliases))
            and all(getattr(row, key) == value for key, value in tags.items())
        )

    def _check_word(self, key: str, wanted: object) -> None:
        """Refuse a word that a property never is: a slip would match nothing in silence."""
        known = {
            value for row in self._rows.values() if isinstance(value := getattr(row, key), str)
        }
        truths = any(isinstance(getattr(row, key), bool) for row in self._rows.values())
        if isinstance(wanted, str) and wanted not in known and (truths or 0 < len(known) <= 20):
            allowed = ("True", "False") if truths else sorted(known)
            raise errors.unknown_name(f"value of {key}", wanted, allowed)

    def load(self, name: str) -> Any:
        """Import and return what the row of `name` points to."""
        return resolve(self.get(name).target)  # type: ignore[attr-defined]

    def __contains__(self, name: object) -> bool:
        self._fill()
        return name in self._rows or name in self._aliases

    def __iter__(self) -> Iterator[Row]:
        self._fill()
        return iter(tuple(self._rows.values()))

    def __len__(self) -> int:
        self._fill()
        return len(self._rows)

    def _fill(self) -> None:
        if self._filled:
            return
        self._filled = True
        if self._load_builtins is not None:
            self._load_builtins()
        if self._group is not None:
            for point in metadata.entry_points(group=self._group):
                self._add_plugin(point)

    def _add_plugin(self, point: metadata.EntryPoint) -> None:
        origin = f"plugin '{point.name}' ({point.value})"
        before = self._rows.copy(), self._aliases.copy(), self._origins.copy()
        try:
            loaded = _within(point.load, PLUGIN_SECONDS)
            rows = loaded() if callable(loaded) else loaded
            for row in rows if isinstance(rows, list | tuple) else [rows]:
                if self._check is not None:
                    self._check(row)
                self.add(row, origin=origin)
        except Exception as error:
            self._rows, self._aliases, self._origins = before
            first = str(error).splitlines()[0] if str(error) else ""
            note = f"{origin} was left out: {type(error).__name__}: {errors.shown(first, 200)}"
            self.notes.append(note)
            print(f"warning: {note}", file=sys.stderr)


def check_pattern(pattern: object) -> None:
    """Refuse a pattern of names that is not a text.

    Raises:
        InvalidTypeError: It is none.
    """
    if not isinstance(pattern, str):
        raise errors.InvalidTypeError(
            f"{errors.shown(repr(pattern))} is not a pattern of names.\n"
            "Give a text with the wildcards * and ?, such as '*relu*'.",
            given=pattern,
            fix="*",
        )


def _within(function: Callable[[], Any], seconds: float) -> Any:
    """Call a function in a thread; raise `TimeoutError` when it takes longer than `seconds`."""
    outcome: dict[str, Any] = {}

    def call() -> None:
        try:
            outcome["value"] = function()
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"its import took longer than {seconds:g} s")
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]
