"""Earlier names of fields, steps and options, still read wherever a file or a row has them.

Files of ours and rows of plugins outlive a renaming. Each old name is in this one table;
`files.read_json` and the rows' constructors ask it, and nothing else knows that there was one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from actzoo import errors

Kind = TypeVar("Kind", bound=type)

# Object that a key stands in -> old key -> new key; "" is the whole file.
KEYS: dict[str, dict[str, str]] = {
    "": {"travelling": "traveling"},
    "augmentation": {"colour": "color"},
    "preprocessing": {"neighbours": "neighbors"},
    "weights": {"licence": "license"},
    "float32": {"float_islands": "float_runs"},
    "float16": {"float_islands": "float_runs"},
    "dynamic": {"float_islands": "float_runs"},
    "int8": {"float_islands": "float_runs"},
    "findings": {"fix": "suggestion"},
}
# Key -> old value -> new value.
VALUES: dict[str, dict[str, str]] = {
    "step": {"normalise_scan": "normalize_scan"},
    "code": {"float_island": "float_run"},
}
# Class of a row -> old argument -> new argument.
ARGUMENTS: dict[str, dict[str, str]] = {
    "ActivationSpec": {"gain_centred": "gain_centered"},
    "ModelSpec": {"small": "low_data_options", "tiny": "test_options"},
    "WeightsSpec": {"licence": "license"},
}
# Arguments of a domain's row that named a function each -> the method of its class instead.
DOMAIN_METHODS: dict[str, str] = {
    "sniff": "recognize",
    "open": "open",
    "inputs": "inputs",
    "rename": "class_names",
    "augmenter": "augmenter",
    "cutter": "cutter",
    "length": "length",
    "read": "read",
    "write": "write_mask",
    "files": "traveling_files",
    "panels": "panels",
}


def modern(data: object, owner: str = "") -> Any:
    """Return JSON data with every old name replaced.

    Args:
        data: As read from a file of ours.
        owner: Key of the data; "" for a whole file.
    """
    if isinstance(data, list):
        return [modern(item, owner) for item in data]
    if not isinstance(data, Mapping):
        return VALUES.get(owner, {}).get(data, data) if isinstance(data, str) else data
    names = KEYS.get(owner, {})
    renamed: dict[str, Any] = {}
    for key, value in data.items():
        new: str = names.get(key) or key
        if new in data:  # where both are there, the new one counts
            new = key
        renamed[new] = modern(value, new)
    return renamed


def modern_path(path: str) -> str:
    """Return the path of a setting (`recipe.augmentation.colour`) with every old name replaced."""
    *owners, last = path.split(".")
    tables = [KEYS.get(owners[-1], {})] if owners else list(KEYS.values())
    return ".".join([*owners, next((names[last] for names in tables if last in names), last)])


def accepts_old_arguments(kind: Kind) -> Kind:
    """Let the constructor of a row take the names its arguments had before.

    Args:
        kind: A dataclass with an entry in `ARGUMENTS`.
    """
    names = ARGUMENTS[kind.__name__]
    plain: Callable[..., None] = kind.__init__  # type: ignore[misc]

    @functools.wraps(plain)
    def init(self: object, *args: object, **given: object) -> None:
        plain(self, *args, **{names.get(key, key): value for key, value in given.items()})

    kind.__init__ = init  # type: ignore[misc]
    return kind


def refuses_functions(kind: Kind) -> Kind:
    """Let the constructor of a domain's row say what replaces the functions it named before.

    Args:
        kind: The dataclass of the row, whose class is its `target` now.
    """
    plain: Callable[..., None] = kind.__init__  # type: ignore[misc]

    @functools.wraps(plain)
    def init(self: object, *args: object, **given: object) -> None:
        old = [name for name in given if name in DOMAIN_METHODS]
        if old:
            raise errors.InvalidTypeError(
                f'A {kind.__name__} names one class now: target="module:Class", a subclass of '
                "actzoo.domains.Domain.\nGive it methods for the functions: "
                + ", ".join(f"{name} -> {DOMAIN_METHODS[name]}" for name in old)
                + ". In steps are names alone; the method steps returns their functions.",
                given=old,
            )
        plain(self, *args, **given)

    kind.__init__ = init  # type: ignore[misc]
    return kind
