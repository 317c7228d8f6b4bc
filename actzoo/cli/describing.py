"""What the tables hold, as plain data for programs and as lines for people; needs no Keras."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from actzoo import errors

TABLES = ("activations", "models", "weights")


def registry(what: str) -> Any:
    """Return the table of a kind of things.

    Raises:
        UnknownNameError: There is no such table.
    """
    if what == "activations":
        from actzoo.activations import ACTIVATIONS

        return ACTIVATIONS
    if what == "models":
        from actzoo.models import MODELS

        return MODELS
    if what == "weights":
        from actzoo.weights import WEIGHTS

        return WEIGHTS
    raise errors.unknown_name("table", what, TABLES)


def listed(row: Any) -> dict[str, Any]:
    """Return the plain fields of a row."""
    return {
        field.name: getattr(row, field.name)
        for field in dataclasses.fields(row)
        if not isinstance(getattr(row, field.name), type)
    }


def described(name: str) -> dict[str, Any]:
    """Return what is known under a name, in the order to show it.

    Raises:
        UnknownNameError: No table has it.
    """
    registries = {what: registry(what) for what in TABLES}
    bare = name.partition("(")[0].strip()
    if bare in registries["activations"]:
        return _described_activation(name)
    if name in registries["models"]:
        from actzoo import models

        row = registries["models"].get(name)
        return {"kind": "model", **models.describe_model(name), "aliases": row.aliases}
    if name in registries["weights"]:
        return {"kind": "weights", **listed(registries["weights"].get(name))}
    names = [row.name for registry in registries.values() for row in registry]
    aliases = {a: row.name for registry in registries.values() for row in registry
               for a in row.aliases}  # fmt: skip
    raise errors.unknown_name(
        "activation, model or weights entry", name, names, aliases=aliases,
        command="actzoo list activations",
    )  # fmt: skip


def _described_activation(spec: str) -> dict[str, Any]:
    from actzoo import activations

    name, _ = activations.parse(spec)
    row = activations.describe(name)
    found = {"kind": "activation", **listed(row), "export": _export_words(row)}
    found["parameters"] = [
        {"name": p.name, "default": p.default, "allowed": p.allowed, "summary": p.summary}
        for p in row.parameters
    ]
    return found


def _export_words(row: Any) -> str:
    """Say what becomes of an activation in a device file."""
    if row.float_form or row.int8_form:
        return "by the forms it brings (float_form, int8_form)"
    if row.elementwise or row.gated:
        return (
            "builtin operators; in int8 one table of 256 values, or melted into the layer before it"
        )
    return "builtin operators; it looks at several channels, so int8 makes no table of it"


def for_people(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is worth reading: the yes-or-no properties in one line, nothing empty."""
    flags = [key.replace("_", " ") for key, value in found.items() if value is True]
    kept = {
        key: value
        for key, value in found.items()
        if not isinstance(value, bool) and value not in (None, "", (), [], {})
    }
    return {**kept, "properties": ", ".join(flags)} if flags else kept


def lines(value: Any) -> list[str]:
    """Return a value as lines for people."""
    if isinstance(value, Mapping):
        return [f"{key} = {inner}" for key, inner in value.items()]
    if isinstance(value, list | tuple):
        if value and isinstance(value[0], Mapping):  # parameters
            return [
                f"{p['name']} = {p['default']} ({p['allowed']})"
                + (f": {p['summary']}" if p["summary"] else "")
                for p in value
            ]
        return [", ".join(map(str, value))]
    return str(value).splitlines()
