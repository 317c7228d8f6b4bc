"""What the tables hold, as plain data for programs and as lines for people; needs no Keras."""

from __future__ import annotations

import dataclasses
import math
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
    """Return the plain fields of a row; what is infinite as the text "inf", as JSON has none."""
    fields = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    return {
        name: "inf" if value == math.inf else value
        for name, value in fields.items()
        if not isinstance(value, type)
    }


def described(name: str) -> dict[str, Any]:
    """Return what is known under a name, in the order to show it.

    Raises:
        UnknownNameError: No table has it.
    """
    registries = {what: registry(what) for what in TABLES}
    if _is_activation(name):
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


def _is_activation(spec: str) -> bool:
    """Tell whether a text names an activation; a peer's or an ambiguous name raises why not."""
    from actzoo.activations import lookup

    bare = spec.partition("(")[0].strip()
    try:
        lookup.find(bare)
    except errors.UnknownNameError:
        if ":" in bare:
            raise
        return False
    return True


# What a row says of its default arguments and need not hold for others.
CLAIMS = (
    "monotone", "bounded", "smooth", "zero_at_zero", "homogeneous", "dead_region", "limits",
    "kinks", "lipschitz", "float16_overflow", "keeps_variance", "depth_notes",
)  # fmt: skip


def _described_activation(spec: str) -> dict[str, Any]:
    from actzoo import activations

    name, given = activations.parse(spec)
    row = activations.describe(name)
    entry: dict[str, Any] = {"kind": "activation"}
    if given or ":" in spec:
        entry["stands_for"] = activations.format(name, given)
    entry.update({**listed(row), "export": _export_words(row)})
    if {**row.defaults, **given} != row.defaults:
        entry.update(_figures_of(spec))
        if row.int8_table:
            entry["export"] += "; a note of export says where other parameters prevent that"
    defaults = {**row.defaults, **given}
    entry["parameters"] = [
        {"name": p.name, "default": defaults[p.name], "allowed": p.allowed, "summary": p.summary}
        for p in row.parameters
    ]
    return entry


def _figures_of(spec: str) -> dict[str, Any]:
    """Return what is known of an activation with arguments."""
    from actzoo import activations

    return {
        **{name: None for name in CLAIMS},
        "gain": activations.gain(spec),
        "gain_centered": activations.gain(spec, centered=True),
    }


def peer_names(pattern: str) -> list[dict[str, Any]]:
    """Return what other packages call activations, for a pattern such as `"torch:*"`.

    Raises:
        UnknownNameError: The pattern has no wildcards, and there is no such name or peer.
    """
    from actzoo import activations

    names = activations.peer_names(pattern)
    if not names and not set(pattern) & set("*?["):
        activations.describe(pattern)
    return [
        {"name": name, "stands_for": spec, "formula": activations.describe(name).formula}
        for name, spec in names.items()
    ]


def _export_words(row: Any) -> str:
    """Say what becomes of an activation in a device file."""
    if row.float_form or row.int8_form:
        return "by the forms it brings (float_form, int8_form)"
    if row.device and row.int8_table is None:
        return "by the device form it brings (device)"
    if row.int8_table is None:
        return "as its layer converts; nothing is known about it"
    if not row.int8_table:
        return "builtin operators; in int8 several of them in place of a table, which costs time"
    if not row.elementwise:
        return "builtin operators, also in int8"
    words = "builtin operators; in int8 one table of 256 values, or fused into the layer before it"
    own = row.defaults.get("per") == "channel"
    return f"{words}, while its weights are the same for all channels" if own else words


def for_people(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is worth reading: the yes-or-no properties in one line, nothing empty."""
    entry = dict(entry)
    if entry["kind"] == "activation":
        entry["kinks"] = [
            f"at {place:g}" + ("" if chosen is None else f", where the gradient is {chosen:g}")
            for place, chosen in entry["kinks"] or ()
        ]
        if entry["limits"]:
            entry["limits"] = "{} at -inf, {} at inf".format(*entry["limits"])
        for name, usual in (("channel_factor", 1.0), ("float16_overflow", "inf")):
            entry[name] = None if entry[name] == usual else entry[name]
    flags = [key.replace("_", " ") for key, value in entry.items() if value is True]
    kept = {
        key: value
        for key, value in entry.items()
        if not isinstance(value, bool) and value not in (None, "", (), [], {})
    }
    return {**kept, "properties": ", ".join(flags)} if flags else kept


def lines(value: object) -> list[str]:
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
