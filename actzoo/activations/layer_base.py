"""What the layers of all families share: a constructor that takes the parameters of its row.

The row says which arguments there are and where training starts. A layer names its row and says
what it computes; it repeats neither defaults nor config.
"""

from __future__ import annotations

import fractions
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from actzoo import errors
from actzoo.activations.numerics import HALF, Tensor
from actzoo.activations.spec import ActivationSpec

Shape = tuple[int | None, ...]


class ActivationLayer(keras.layers.Layer):
    """A layer whose arguments, by position or name, are the parameters of its row.

    Each argument becomes an attribute of its name, and all of them the config. Further arguments
    are those of every Keras layer, such as `name` and `dtype`.

    Attributes:
        row: Row of the activation, in a subclass that is not a base itself.
        passes_masks: Whether a mask of the input holds for the output, too.
    """

    row: ClassVar[ActivationSpec]
    passes_masks: ClassVar[bool] = True
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "row" in vars(cls):
            both = inspect.Parameter.POSITIONAL_OR_KEYWORD
            own = [
                inspect.Parameter(name, both, default=default)
                for name, default in cls.row.defaults.items()
            ]
            rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
            cls.__signature__ = inspect.Signature([*own, rest])

    def __init__(self, *args: object, **kwargs: object) -> None:
        given = inspect.signature(type(self)).bind(*args, **kwargs)
        given.apply_defaults()
        super().__init__(**given.arguments.pop("kwargs"))
        for name, value in given.arguments.items():
            setattr(self, name, value)
        self.supports_masking = self.passes_masks

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in self.row.defaults},
        }


def check_axis(name: str, axis: int | Sequence[int], shape: Sequence[int | None]) -> None:
    """Refuse an axis that an input lacks, and that of the batch: samples are not channels.

    Args:
        name: Of the activation, for the message.
        axis: Which it works along; one or several.
        shape: Of the input, batch included.

    Raises:
        InvalidValueError: It does not fit.
    """
    if not isinstance(axis, int):
        for each in axis:
            check_axis(name, each, shape)
        if len({each % len(shape) for each in axis}) < len(axis):
            raise errors.InvalidValueError(
                f"{name} works along the axes {list(axis)}, two of which are one in the shape "
                f"{tuple(shape)}.\nGive each axis once.",
                given=axis,
            )
        return
    rank = len(shape)
    if not -rank < axis < rank or axis == 0:
        raise errors.InvalidValueError(
            f"{name} works along axis {axis}, which is "
            f"{'the batch' if axis in (0, -rank) else 'none'} of the shape {tuple(shape)}.\n"
            f"Give an axis from {1 - rank} to {rank - 1} other than 0; -1 is the last, the "
            "channels.",
            given=axis,
            fix="axis=-1",
        )


class AlongAxis(ActivationLayer):
    """What the layers share that take the channels in groups, or change how many there are.

    Args:
        axis: Axis of the channels.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Attributes:
        group: The number of channels must be a multiple of it.
        channel_factor: Channels after it per channel before it.
    """

    group: int = 1
    channel_factor: fractions.Fraction = fractions.Fraction(1)

    def build(self, input_shape: Shape) -> None:
        """Check the shape; there are no weights."""
        self.compute_output_shape(input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with another length of the axis.

        Raises:
            InvalidValueError: There is no such axis, or the number of channels is not a multiple
                of `group`.
        """
        shape = list(input_shape)
        check_axis(self.row.name, self.axis, input_shape)
        length = shape[self.axis]
        if length is not None:
            if length % self.group:
                wanted = "even" if self.group == 2 else f"a multiple of {self.group}"
                unfit = "odd" if self.group == 2 else f"no multiple of {self.group}"
                more = -(-length // self.group) * self.group
                raise errors.InvalidValueError(
                    f"{self.row.name} takes the channels in groups of {self.group}: the length "
                    f"{length} of axis {self.axis} of the shape {tuple(input_shape)} is {unfit}.\n"
                    f"Give the layer before it a number of channels that is {wanted}, such as "
                    f"{more}.",
                    given=tuple(input_shape),
                )
            shape[self.axis] = int(length * self.channel_factor)
        return tuple(shape)


class Learned(ActivationLayer):
    """An elementwise function with weights.

    A subclass computes from its weights, in float32 where the input is half as wide. Its row has
    the parameter `per`, which says what has weights of its own: each "channel" (last axis), the
    whole "layer", or each "element", which ties a model to the size of its input.

    Attributes:
        one_per_layer: Weights of which `per` makes one only.
        limits: Weight -> range that training keeps it in. A cut in `compute` alone would leave it
            without a gradient, for good, once a step has carried it out.
        starts: Weight -> value that training starts from.
    """

    one_per_layer: ClassVar[frozenset[str]] = frozenset()
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {}

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if self.per not in ("channel", "layer", "element"):
            raise errors.unknown_name("kind of weights", self.per, ("channel", "layer", "element"))
        starts = self.first_values()
        self.starts = {name: np.asarray(start, "float32") for name, start in starts.items()}

    def first_values(self) -> Mapping[str, Any]:
        """Return weight -> value that training starts from.

        By default these are the arguments of `compute`, with the values that the layer's own
        arguments of the same names have. A value is a number, or an array whose axes come before
        the ones that `per` asks for.
        """
        _, *names = inspect.signature(self.compute).parameters
        return {name: getattr(self, name) for name in names}

    def build(self, input_shape: Shape) -> None:
        """Create the weights.

        Raises:
            InvalidValueError: The input has an axis of unknown length that the weights need.
        """
        shape = {"channel": input_shape[-1:], "layer": (1,), "element": input_shape[1:]}[self.per]
        if None in shape:
            instead = "per='layer'" if self.per == "channel" else "per='channel'"
            raise errors.InvalidValueError(
                f"{type(self).__name__} with weights per {self.per} needs to know the shape of "
                f"its input, which is {tuple(input_shape)}.\nFix the size, or give {instead}.",
                given=tuple(input_shape),
                fix=instead,
            )
        for name, start in self.starts.items():
            rest = (1,) if name in self.one_per_layer else tuple(shape)
            own = start.reshape(start.shape + (1,) * len(rest))
            full = np.broadcast_to(own, start.shape + rest)
            weight = self.add_weight(
                shape=full.shape,
                initializer=lambda _, dtype=None, full=full: ops.convert_to_tensor(full, dtype),
                constraint=_Within(*self.limits[name]) if name in self.limits else None,
                name=name,
                autocast=False,
            )
            setattr(self, f"{name}_weight", weight)

    def values(self) -> dict[str, np.ndarray]:
        """Return each weight's value by its name."""
        return {name: ops.convert_to_numpy(getattr(self, f"{name}_weight")) for name in self.starts}

    def call(self, x: Tensor) -> Tensor:
        """Return the activation of `x`."""
        dtype = keras.backend.standardize_dtype(x.dtype)
        if not keras.backend.is_float_dtype(dtype):  # whole numbers would round the weights
            dtype = self.compute_dtype
        wide = "float32" if dtype in HALF else dtype
        weights = {name: ops.cast(getattr(self, f"{name}_weight"), wide) for name in self.starts}
        return ops.cast(self.compute(ops.cast(x, wide), **weights), dtype)

    def compute(self, *args: Any, **weights: Any) -> Tensor:
        """Return the activation of one tensor for given weights."""
        raise NotImplementedError


class _Within(keras.constraints.Constraint):
    """Keeps a weight in a range after each step."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __call__(self, w: Tensor) -> Tensor:
        return ops.clip(w, self.low, self.high)
