"""A stateless row with its arguments, as a function that Keras can save.

Keras saves its own functions by name and ours not at all. This object is what is stored in an
`Activation` or `Dense` layer instead; a model file holds only its spec, which is looked up in the
table when the file is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from actzoo import errors
from actzoo.activations import lookup
from actzoo.activations.catalog import ACTIVATIONS
from actzoo.activations.grammar import write
from actzoo.activations.numerics import Tensor
from actzoo.activations.spec import ActivationSpec


@keras.saving.register_keras_serializable(package="actzoo")
class Function:
    """A stateless activation with its arguments.

    Args:
        activation: Spec, such as `"celu(alpha=0.5)"`.

    Raises:
        UnknownNameError: The table has no such activation.
        InvalidValueError: It has weights or draws random numbers.
    """

    def __init__(self, activation: str) -> None:
        name, params = lookup.parse(activation)
        self._set(ACTIVATIONS.get(name), params)

    @classmethod
    def of(cls, row: ActivationSpec, params: Mapping[str, object]) -> Function:
        """Return the function of a row with checked arguments, without reading a spec again."""
        function = cls.__new__(cls)
        function._set(row, params)
        return function

    def _set(self, row: ActivationSpec, params: Mapping[str, object]) -> None:
        self.name = row.name
        self.params: dict[str, Any] = {**row.defaults, **params}
        self._function = load(stateless_target(row), row.name)
        self.__name__ = row.name

    def __call__(self, x: Tensor) -> Tensor:
        """Return the activation of `x`."""
        return self._function(ops.convert_to_tensor(x), **self.params)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Function) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"activations.function({str(self)!r})"

    def __str__(self) -> str:
        return write(self.name, self.params)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"activation": str(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Function:
        """Return the function of a config."""
        return cls(**config)


def stateless_target(row: ActivationSpec) -> str:
    """Return the target string of a row's function.

    Raises:
        InvalidValueError: The row has none; the message says why.
    """
    if row.function is not None:
        return row.function
    why = None
    if row.learnable:
        why = "it has weights to learn"
    elif row.random:
        why = "it draws random numbers while training"
    elif row.channel_factor != 1:
        why = "it changes the number of channels"
    elif isinstance(load(row.target, row.name), type):
        why = "it is written as a layer"
    if why is None:
        return row.target
    raise errors.InvalidValueError(
        f"{row.name} cannot be a plain function: {why}.\n"
        f'Put it after the layer instead: x = actzoo.activations.get("{row.name}")(x).',
        given=row.name,
        fix=f'actzoo.activations.get("{row.name}")',
    )


def load(target: str, owner: str) -> Any:
    """Import what a row points at, and let Keras know a layer class, so that models load with it.

    Args:
        target: `"module:attribute"`.
        owner: Name of the row, for the message.

    Raises:
        InvalidValueError: There is no such module or attribute.
    """
    loaded = lookup.imported(target, owner)
    if isinstance(loaded, type) and not target.startswith("keras."):
        known = keras.saving.get_registered_object(keras.saving.get_registered_name(loaded))
        if known is not loaded:
            # The whole module, since two may have classes of one name.
            keras.saving.register_keras_serializable(package=target.partition(":")[0])(loaded)
    return loaded
