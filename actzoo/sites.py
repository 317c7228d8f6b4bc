"""Where the activations of a model are, and the role of each.

Everything that looks at activations asks here: diagnostics, export, surgery. An activation may be a
layer of its own, the `activation=` of a layer with weights, part of an attention or a recurrent
layer, or a bare operation of `keras.ops`. What it is for is read from the graph: a gate multiplies
another branch, an output is what the model gives out. The layer's name (`…_gate`) is only a hint.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeAlias

import keras

from actzoo import activations
from actzoo.activations import catalog
from actzoo.graphs import Call, Graph, Operation

Role = Literal["hidden", "gate", "output"]
Tensor: TypeAlias = keras.KerasTensor  # or what the backend computes with


@dataclasses.dataclass(frozen=True)
class Activation:
    """An activation that a layer applies.

    Attributes:
        name: Canonical name.
        params: Its parameters.
        attribute: Attribute of the layer that holds it, such as "activation"; "" where the layer
            or operation is the activation itself.
        is_last: What the layer gives out is what the activation gave.
        role: Role it has by construction, such as "gate" in an LSTM; None where the graph says.
    """

    name: str
    params: Mapping[str, object]
    attribute: str = ""
    is_last: bool = True
    role: Role | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is the layer itself, or its `activation=`, and gives what the layer gives."""
        return self.attribute in ("", "activation") and self.is_last


@dataclasses.dataclass(frozen=True, eq=False)
class Site:
    """One activation in a graph.

    Attributes:
        path: Of the call (see `graphs.Call`), and the attribute that holds the activation where
            that is not the plain `activation=` of a layer: "encoder/lstm.recurrent_activation".
        activation: What is applied.
        role: "hidden", "gate" or "output".
        call: The call whose layer applies it.
        consumers: Paths of the calls that use what it gives, seen through layers that only move
            or scale values.
    """

    path: str
    activation: Activation
    role: Role
    call: Call
    consumers: tuple[str, ...]

    @property
    def layer(self) -> Operation:
        """The layer or operation that applies it."""
        return self.call.operation

    @property
    def spec(self) -> str:
        """Name and parameters, as `activations.get` takes them."""
        return activations.format(self.activation.name, self.activation.params)

    @property
    def is_fused(self) -> bool:
        """Whether it is part of a layer that does something else, too."""
        return bool(self.activation.attribute)

    @property
    def is_observable(self) -> bool:
        """Whether what goes into it and comes out of it can be seen from outside the layer."""
        return self.activation.is_plain

    @property
    def function(self) -> Callable[[Tensor], Tensor]:
        """The activation alone, as a function of one tensor."""
        return self.layer.activation if self.is_fused else self.layer


def find(model: keras.Model) -> tuple[Site, ...]:
    """Return every activation of a model, those of nested models and shared layers included.

    Args:
        model: A functional or sequential model.

    Returns:
        In the order of the graph; a layer that is used twice is two sites.

    Example:
        >>> inputs = keras.Input((4,))
        >>> model = keras.Model(inputs, keras.layers.Dense(2, activation="relu", name="a")(inputs))
        >>> [(site.path, site.spec, site.role) for site in find(model)]
        [('a', 'relu', 'output')]
    """
    return find_in(Graph(model))


def find_in(graph: Graph) -> tuple[Site, ...]:
    """Return the sites of a graph that was read before; see `find`."""
    roles = _Roles(graph)
    return tuple(
        Site(
            path=call.path if activation.is_plain else f"{call.path}.{activation.attribute}",
            activation=activation,
            role=roles.role(call, activation),
            call=call,
            consumers=tuple(user.path for user, _ in roles.followers(call.outputs[0])),
        )
        for call in graph.calls
        for activation in activations_in(call.operation)
    )


# --- what a layer applies ----------------------------------------------------------------------


def activations_in(operation: Operation) -> Iterator[Activation]:
    """Yield the activations of one layer or operation, in the order they are applied.

    A wrapper such as `TimeDistributed` has those of the layer in it.
    """
    own = activation_of(operation)
    if own is not None:
        yield own
    elif isinstance(operation, keras.layers.Wrapper | keras.layers.Bidirectional):
        for attribute in ("layer", "forward_layer", "backward_layer"):
            inner = getattr(operation, attribute, None)
            for own in activations_in(inner) if isinstance(inner, keras.layers.Layer) else ():
                yield _within(own, attribute, ends=not hasattr(operation, "forward_layer"))
    elif hasattr(operation, "recurrent_activation") or isinstance(operation, keras.layers.RNN):
        yield from _of_recurrent(operation)
    else:
        softmax = getattr(operation, "_softmax", None)  # of MultiHeadAttention and its like
        if isinstance(softmax, keras.layers.Softmax):
            name, params = activations.identify(softmax) or ("softmax", {})
            yield Activation(name, params, attribute="_softmax", is_last=False, role="gate")


def _within(inner: Activation, attribute: str, *, ends: bool) -> Activation:
    path = f"{attribute}.{inner.attribute}" if inner.attribute else attribute
    return dataclasses.replace(inner, attribute=path, is_last=inner.is_last and ends)


def _of_recurrent(layer: keras.layers.Layer) -> Iterator[Activation]:
    """Yield the two activations of a recurrent layer: that of its gates, and that of its values."""
    roles: dict[str, Role] = {"recurrent_activation": "gate", "activation": "hidden"}
    for attribute, role in roles.items():
        for owner, prefix in ((layer, ""), (getattr(layer, "cell", None), "cell.")):
            function = getattr(owner, attribute, None)
            if callable(function):
                identified = _of_function(function)
                if identified is not None:
                    yield Activation(*identified, f"{prefix}{attribute}", is_last=False, role=role)
                break


def activation_of(operation: Operation) -> Activation | None:
    """Return the activation that gives what a layer or operation gives out; None if none does.

    Knows activation layers, those fused into a layer with weights, and operations of `keras.ops`.
    """
    if not isinstance(operation, keras.layers.Layer):
        identified, attribute = _of_operation(operation), ""
    elif has_settable_activation(operation):
        identified, attribute = _of_function(operation.activation), "activation"
    else:
        identified, attribute = activations.identify(operation), ""
    return None if identified is None else Activation(*identified, attribute)


def has_settable_activation(layer: keras.layers.Layer) -> bool:
    """Say whether a layer with weights ends in a function that may be set; an LSTM's may not."""
    kind = getattr(type(layer), "activation", None)
    if not hasattr(layer, "activation") or (isinstance(kind, property) and kind.fset is None):
        return False
    return bool(layer.weights) and (layer.activation is None or callable(layer.activation))


def holder(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Return the activation layer inside a layer with weights; else the layer itself."""
    inner = layer.activation if has_settable_activation(layer) else None
    return inner if isinstance(inner, keras.layers.Layer) else layer


def _of_function(
    function: Callable[[Tensor], Tensor] | keras.layers.Layer | None,
) -> tuple[str, dict[str, object]] | None:
    if function is None or function is keras.activations.linear:
        return None
    if isinstance(function, keras.layers.Layer):
        inner = activation_of(function)
        return None if inner is None else (inner.name, dict(inner.params))
    return activations.identify(keras.layers.Activation(function))


# Attributes of Keras' operations that are parameters of rows.
_PARAMETERS = ("alpha", "negative_slope", "threshold", "b", "axis", "default_value")


def _of_operation(operation: keras.Operation) -> tuple[str, dict[str, object]] | None:
    """Return the activation of a bare operation such as `keras.ops.softplus(x)`."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(operation).__name__).lower()
    if name == "gelu" and getattr(operation, "approximate", False):
        name = "gelu_tanh"
    of_keras = type(operation).__module__.split(".")[0] == "keras"
    if not of_keras or not catalog.is_builtin(name):
        return None
    params = {key: getattr(operation, key) for key in _PARAMETERS if hasattr(operation, key)}
    if "default_value" in params:  # of Threshold
        params["value"] = params.pop("default_value")
    return name, params


@contextlib.contextmanager
def without_activation(layer: keras.layers.Layer) -> Iterator[None]:
    """Let a layer give out, in the block, what its settable activation would be given."""
    kept = layer.activation
    layer.activation = keras.activations.linear
    try:
        yield
    finally:
        layer.activation = kept


# --- roles -------------------------------------------------------------------------------------

# What may follow an activation without changing what the values are.
_PASSES = ("Identity", "Reshape", "Flatten", "Dropout", "Cast")
# What moves, repeats or scales values (where the other operand is a constant).
_MOVES = (
    *_PASSES, "Permute", "Transpose", "Squeeze", "ExpandDims", "RepeatVector", "Repeat",
    "BroadcastTo", "UpSampling1D", "UpSampling2D", "SpatialDropout1D", "SpatialDropout2D",
)  # fmt: skip
_SCALES = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide")
_PRODUCTS = ("Multiply", "Matmul", "Einsum", "Dot", "Tensordot")
_PARTS = ("Split", "GetItem")


def _kind(call: Call) -> str:
    return type(call.operation).__name__


def _is_linear(operation: Operation) -> bool:
    is_activation = type(operation) is keras.layers.Activation
    return is_activation and operation.activation is keras.activations.linear


def _passes(call: Call) -> bool:
    return _kind(call) in _PASSES or _is_linear(call.operation)


def _moves(call: Call) -> bool:
    scales = _kind(call) in _SCALES and len(call.inputs) == 1
    return scales or _kind(call) in _MOVES or _passes(call)


class _Roles:
    """What the values of a graph are for."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def role(self, call: Call, activation: Activation) -> Role:
        """Return the role of an activation in one call of its layer."""
        value = call.outputs[0]
        if activation.role is not None:
            return activation.role
        if self._is_given_out(value) and not self._is_worked_on(value):
            return "output"
        named = call.operation.name.endswith("_gate")
        return "gate" if named or self._is_gate(call, activation) else "hidden"

    def followers(self, value: int) -> list[tuple[Call, int]]:
        """Return the calls that use a value, and as which value, after layers that move it."""
        users, waiting = [], [value]
        while waiting:
            value = waiting.pop(0)
            for user in self.graph.users(value):
                if _moves(user):
                    waiting += user.outputs
                else:
                    users.append((user, value))
        return users

    def _is_given_out(self, value: int) -> bool:
        if value in self.graph.outputs:
            return True
        return any(
            self._is_given_out(user.outputs[0]) for user in self.graph.users(value) if _passes(user)
        )

    def _is_worked_on(self, value: int) -> bool:
        """Say whether a layer with weights follows: a pyramid gives out hidden values too."""
        waiting, seen = [value], {value}
        while waiting:
            for user in self.graph.users(waiting.pop()):
                if getattr(user.operation, "weights", None):
                    return True
                waiting += [made for made in user.outputs if made not in seen]
                seen.update(user.outputs)
        return False

    def _is_gate(self, call: Call, activation: Activation) -> bool:
        """Say whether all that is done with an activation is to weigh another branch with it."""
        followers = self.followers(call.outputs[0])
        mine = _selectivity(activation)
        return bool(followers) and all(
            any(self._weighs(user, value, other, mine) for other in user.inputs if other != value)
            for user, value in followers
        )

    def _weighs(self, user: Call, value: int, other: int, mine: int) -> bool:
        if _kind(user) not in _PRODUCTS or not self._only_multiplies(value):
            return False
        theirs = self._selectivity_of(other)
        if mine == 0:  # of GLU's kind: any activation of one projection, times another
            projected = self._projected(other)
            return theirs is None and projected is not None and projected == self._projected(value)
        return theirs is None or mine >= theirs

    def _only_multiplies(self, value: int) -> bool:
        followers = self.followers(value)
        return bool(followers) and all(_kind(user) in _PRODUCTS for user, _ in followers)

    def _source(self, value: int, passing: Callable[[Call], bool] = _moves) -> Call | None:
        """Return the call that gave a value, after layers that only move or scale it."""
        call = self.graph.source(value)
        while call is not None and passing(call) and call.inputs:
            call = self.graph.source(call.inputs[0])
        return call

    def _selectivity_of(self, value: int) -> int | None:
        """Return how much of a gate what gave a value is; None where no activation gave it."""
        call = self._source(value)
        activation = None if call is None else activation_of(call.operation)
        if call is None or activation is None or not self._only_multiplies(call.outputs[0]):
            return None
        return _selectivity(activation)

    def _projected(self, value: int) -> int | None:
        """Return the value that a layer with weights made this one of; None if none did."""
        call = self._source(value, _leads_to_projection)
        if call is None or not getattr(call.operation, "weights", None):
            return None
        return call.inputs[0]


def _leads_to_projection(call: Call) -> bool:
    """Say whether a projection is looked for after a call."""
    if _moves(call) or _kind(call) in _PARTS or _kind(call).endswith("Normalization"):
        return True
    activation = activation_of(call.operation)
    return activation is not None and not activation.attribute


def _selectivity(activation: Activation) -> int:
    """Return 2 for what gives [0, 1] as a sigmoid does, 1 for other [0, c], 0 for the rest."""
    row = activations.describe(activation.name)
    if not row.elementwise:
        return 2 if activation.name.endswith(("softmax", "sparsemax", "entmax15")) else 0
    if row.bounded != "both" or row.limits is None or row.limits[0] != "0":
        return 0
    return 2 if row.limits[1] == "1" else 1


# --- what a model ends in ----------------------------------------------------------------------


def ends_in(model: keras.Model, name: str) -> bool:
    """Tell whether a model's first output is what an activation gave, perhaps cast or reshaped.

    Args:
        model: A functional or sequential model.
        name: Canonical name of the activation.
    """
    graph = Graph(model)
    call = graph.source(graph.outputs[0])
    while call is not None and _passes(call):
        call = graph.source(call.inputs[0])
    return call is not None and _gives(call.operation, name, len(call.node.outputs[0].shape))


def _gives(operation: Operation, name: str, axes: int) -> bool:
    """Tell whether a layer or operation ends in an activation, over the last axis."""
    while isinstance(operation, keras.layers.Wrapper) and not hasattr(
        operation, "return_sequences"
    ):
        operation = operation.layer
    activation = activation_of(operation)
    if activation is not None:
        return activation.name == name and activation.params.get("axis", -1) in (-1, axes - 1)
    if type(operation) is keras.layers.Lambda:
        return _function_name(operation.function) == name
    is_layer = isinstance(operation, keras.layers.Layer)
    ends = is_layer and (
        type(operation) is keras.layers.Activation or has_settable_activation(operation)
    )
    return ends and _function_name(operation.activation) == name


def _function_name(function: object) -> str:
    """Return the name of a function of TensorFlow's or Keras' own; "" for others."""
    package = (getattr(function, "__module__", None) or "").partition(".")[0]
    if package not in ("keras", "tensorflow"):
        return ""
    return str(getattr(function, "__name__", "")).removesuffix("_v2")
