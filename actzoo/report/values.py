"""Plain values out of JSON that may hold anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actzoo.formatting import finite


def mapping(value: object) -> Mapping[str, Any]:
    """Return an object out of JSON, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[Any]:
    """Return a list out of JSON, or an empty one."""
    return value if isinstance(value, list | tuple) else ()


def objects(value: object) -> list[Mapping[str, Any]]:
    """Return the objects of a list out of JSON."""
    return [item for item in sequence(value) if isinstance(item, Mapping)]


def whole(value: object) -> int | None:
    """Return a whole number out of JSON, or None."""
    number = finite(value)
    return None if number is None else int(number)
