"""What is known about how an activation is written for a device.

The same algebra written differently trains the same way but converts differently: `log(1 + exp(x))`
overflows in TFLite where Keras stays finite, and a branch by SELECT breaks the run of operators
that the runtime would fold into one table (see `docs/design.md`). A row names its form, which
is in its family's `device.py`; a plugin's row names one of its own package.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from actzoo import errors
from actzoo.activations import lookup

Form = Callable[..., Any]  # (x, **params) -> tensor


@dataclasses.dataclass(frozen=True)
class DeviceForm:
    """How one activation is written for a device.

    Attributes:
        float: Stable form out of builtin operators, equal to Keras; None keeps the layer.
        int8: Chain that the runtime folds into one table; None takes the float form.
        supports: Whether that chain holds for some parameters; None for all.
        int8_operators: TFLite operators of the int8 form with two computed operands. They must be
            int8 too for the run before them to fold (the int8 input of a run may be used more than
            once, a float value inside it may not).
        ends_in_scalar: The int8 form ends in scalar arithmetic, such as a factor or a change of
            sign. The converter may move it into the next layer, which is fine; where several
            layers follow, it would be moved into some only and leave a second run, so it is
            then held in place by one more operator. A function of the parameters where it depends
            on them.
        folds: Whether no float operator is left in the int8 form: it becomes tables and int8
            operators, or is fused into a layer next to it.
        several: It becomes several operators all the same, not one table.
        why: Why it does not fold.
    """

    float: Form | None = None
    int8: Form | None = None
    supports: Callable[..., bool] | None = None
    int8_operators: tuple[str, ...] = ()
    ends_in_scalar: bool | Callable[..., bool] = False
    folds: bool = True
    several: bool = False
    why: str = "looks at more than one value"

    @property
    def one_table(self) -> bool:
        """Whether it costs no more than one table."""
        return self.folds and not self.several


def device_form(name: str) -> DeviceForm | None:
    """Return the device form of an activation, or None where its row names none.

    Args:
        name: Canonical name of the activation.

    Raises:
        InvalidValueError: What the row names cannot be imported, or is not a `DeviceForm`.
    """
    row = lookup.describe(name)
    if row.device is not None:
        form = lookup.imported(row.device, row.name)
        if not isinstance(form, DeviceForm):
            raise errors.InvalidValueError(
                f"The activation '{row.name}' names '{row.device}' as its device form, which is "
                f"{errors.shown(repr(form), 80)}.\nMake it an actzoo.lowering.DeviceForm.",
                given=row.device,
            )
        return form
    if row.float_form is None and row.int8_form is None:
        return None
    return DeviceForm(
        float=lookup.imported(row.float_form, row.name) if row.float_form else None,
        int8=lookup.imported(row.int8_form, row.name) if row.int8_form else None,
    )
