"""The table of activations: one row each, data only, in a file per family.

A row points at Keras' own function or layer wherever that passes our checks, so that a model
built with it loads where actzoo is not installed. Where Keras' numbers fail (the notes say how),
the row points at a function of ours. One default per name; `peers` has those of other packages.

To add one, see CONTRIBUTING: its function, definition and device form stand beside its row.
"""

from __future__ import annotations

import dataclasses
import importlib

from actzoo.activations.figures import FIGURES
from actzoo.activations.spec import ActivationSpec
from actzoo.registry import Registry

FAMILIES = (
    "rectified",
    "learnable",
    "exponential",
    "smooth",
    "squashing",
    "shrinking",
    "periodic",
    "channelwise",
    "gated",
    "contextual",
)
"""The folders beside this file, in the table's order."""


def rows_of(family: str) -> tuple[ActivationSpec, ...]:
    """Return the rows of a family, without the figures that a script has computed.

    Args:
        family: One of `FAMILIES`.
    """
    return importlib.import_module(f"actzoo.activations.{family}.rows").ROWS


def is_builtin(name: str) -> bool:
    """Tell whether a canonical name is of this table, and not of a plugin."""
    return any(row.name == name for family in FAMILIES for row in rows_of(family))


def _add_rows() -> None:
    for family in FAMILIES:
        for row in rows_of(family):
            ACTIVATIONS.add(dataclasses.replace(row, **FIGURES.get(row.name, {})))


def _check(row: object) -> None:
    from actzoo.activations import lookup  # which reads this table

    lookup.check_names(row)


ACTIVATIONS: Registry[ActivationSpec] = Registry(
    "activation",
    command="actzoo list activations",
    entry_points="actzoo.activations",
    load_builtins=_add_rows,
    check=_check,
)
