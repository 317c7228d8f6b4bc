"""Walking and rebuilding functional Keras models, in one place.

Keras keeps a graph as nodes on its layers, a graph of its own for each nested model. `Graph` reads
it once into plain calls: nested models are opened, a layer that is used twice has two calls, and
each value has a number, so that "what gave this" and "who uses this" are look-ups.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar

import keras
import numpy as np
from keras import ops

Operation: TypeAlias = keras.layers.Layer | keras.Operation
Inputs: TypeAlias = np.ndarray | list[np.ndarray]
T = TypeVar("T")


# --- models over the same layers ---------------------------------------------------------------


def is_functional(model: keras.Model) -> bool:
    """Say whether a model's inputs and outputs are known, so that its graph can be walked."""
    try:
        return bool(model.inputs and model.outputs)
    except (AttributeError, ValueError):
        return False


def plain(model: keras.Model, outputs: keras.KerasTensor | None = None) -> keras.Model:
    """Return the same layers as a functional model, uncompiled, its inputs one or a list.

    Args:
        model: A functional or sequential model.
        outputs: A tensor of it; None takes its own outputs.
    """
    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    if outputs is None:
        outputs = model.outputs[0] if len(model.outputs) == 1 else model.outputs
    return keras.Model(inputs, outputs, name=model.name)


def by_input_name(model: keras.Model, outputs: keras.KerasTensor | None = None) -> keras.Model:
    """Return a model over the same layers that takes its inputs as a mapping by name.

    Args:
        model: A functional model.
        outputs: A tensor of it; None takes its own outputs.
    """
    inputs = {tensor.name: tensor for tensor in model.inputs}
    return keras.Model(inputs, model.output if outputs is None else outputs, name=model.name)


def ordered_inputs(model: keras.Model, inputs: Mapping[str, np.ndarray]) -> Inputs:
    """Return inputs as a plain model takes them: one array, or a list in its order.

    Args:
        model: Says the order, and the type of each.
        inputs: Input name -> `(n, ...)`.
    """
    ordered = [np.asarray(inputs[tensor.name]).astype(tensor.dtype) for tensor in model.inputs]
    return ordered[0] if len(ordered) == 1 else ordered


# --- reading a graph ---------------------------------------------------------------------------


class _Arguments(Protocol):
    def fill_in(self, tensors: Mapping[int, T]) -> tuple[tuple[T, ...], dict[str, T]]:
        """Return the arguments with each symbolic tensor replaced by what its id leads to."""


class Node(Protocol):
    """What Keras keeps of a call."""

    operation: Operation
    arguments: _Arguments
    input_tensors: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]
    is_input: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One use of a layer, or of an operation of `keras.ops`, in a graph.

    Attributes:
        path: Names of the nested models around it and its own, joined by "/"; the second use of a
            layer ends in "#2".
        operation: The layer or operation.
        node: What Keras keeps of the call: the other arguments, and the symbolic tensors.
        inputs: Numbers of the values it takes.
        outputs: Numbers of the values it gives.
    """

    path: str
    operation: Operation
    node: Node
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Graph:
    """The calls of a functional or sequential model, from its inputs to its outputs.

    A nested model that is functional or sequential is opened; a subclassed one is a single call.

    Args:
        model: The model; it stays as it is.

    Attributes:
        calls: In the order of `model.layers`, each after those whose values it takes.
        inputs: Numbers of the values that go in.
        outputs: Numbers of the values that come out.
    """

    def __init__(self, model: keras.Model) -> None:
        self.calls: list[Call] = []
        self._model = model
        self._tensors: dict[int, keras.KerasTensor] = {}  # of the outer model
        self._numbers = itertools.count()
        self._uses: dict[str, int] = {}
        self.inputs = [next(self._numbers) for _ in model.inputs]
        self._tensors.update(zip(self.inputs, model.inputs, strict=True))
        self.outputs = self._open(model, self.inputs, "")
        self._sources = {value: call for call in self.calls for value in call.outputs}
        self._users: dict[int, list[Call]] = {}
        for call in self.calls:
            for value in dict.fromkeys(call.inputs):
                self._users.setdefault(value, []).append(call)

    def source(self, value: int) -> Call | None:
        """Return the call that gave a value; None for an input of the model."""
        return self._sources.get(value)

    def users(self, value: int) -> Sequence[Call]:
        """Return the calls that take a value."""
        return self._users.get(value, ())

    def run(
        self, inputs: Sequence[T], apply: Callable[[Call, tuple[T, ...], dict[str, T]], T]
    ) -> dict[int, T]:
        """Compute every value again, with other tensors or other layers.

        Args:
            inputs: One tensor or array for each input of the model.
            apply: Gets a call, its positional and its named arguments, and gives its outputs.

        Returns:
            Number of the value -> what it is now.
        """
        values = dict(zip(self.inputs, inputs, strict=True))
        for call in self.calls:
            known = {
                id(tensor): values[number]
                for tensor, number in zip(call.node.input_tensors, call.inputs, strict=True)
            }
            outputs = apply(call, *call.node.arguments.fill_in(known))
            values.update(zip(call.outputs, keras.tree.flatten(outputs), strict=True))
        return values

    def observer(self, wanted: Sequence[int]) -> Callable[[Inputs], list[np.ndarray]]:
        """Return a function from the model's inputs to some of its values.

        Args:
            wanted: Numbers of the values.
        """
        if not set(wanted) <= set(self._tensors):  # within a nested model, which no other reaches
            return lambda inputs: self._computed(inputs, wanted)
        probe = keras.Model(self._model.inputs, [self._tensors[value] for value in wanted])

        def observe(inputs: Inputs) -> list[np.ndarray]:
            return [
                np.asarray(value) for value in keras.tree.flatten(probe.predict_on_batch(inputs))
            ]

        return observe

    def _computed(self, inputs: Inputs, wanted: Sequence[int]) -> list[np.ndarray]:
        values = self.run(
            self.as_tensors(inputs), lambda call, args, named: call.operation(*args, **named)
        )
        return [ops.convert_to_numpy(values[value]) for value in wanted]

    def as_tensors(self, inputs: Inputs) -> list[keras.KerasTensor]:
        """Return arrays as tensors of the backend, in the types that the model takes."""
        arrays = inputs if isinstance(inputs, list) else [inputs]
        return [
            ops.convert_to_tensor(array, dtype=tensor.dtype)
            for array, tensor in zip(arrays, self._model.inputs, strict=True)
        ]

    def _open(self, model: keras.Model, inputs: Sequence[int], prefix: str) -> list[int]:
        """Add the calls of a model; return the numbers of its outputs."""
        view = plain(model)
        values = dict(zip(map(id, view.inputs), inputs, strict=True))
        for node in _nodes(view):
            operation = node.operation
            given = tuple(values[id(tensor)] for tensor in node.input_tensors)
            if _opens(operation, given):
                made = self._open(operation, given, f"{prefix}{operation.name}/")
            else:
                made = [next(self._numbers) for _ in node.outputs]
                path = self._path(f"{prefix}{operation.name}")
                self.calls.append(Call(path, operation, node, given, tuple(made)))
            values.update(zip(map(id, node.outputs), made, strict=True))
            if not prefix:
                self._tensors.update(zip(made, node.outputs, strict=True))
        return [values[id(tensor)] for tensor in view.outputs]

    def _path(self, path: str) -> str:
        use = self._uses[path] = self._uses.get(path, 0) + 1
        return path if use == 1 else f"{path}#{use}"


def _nodes(view: keras.Model) -> Iterator[Node]:
    """Yield the nodes of a functional model, inputs left out, in the order of its layers."""
    order = {id(operation): number for number, operation in enumerate(view.operations)}
    for depth in sorted(view._nodes_by_depth, reverse=True):
        nodes = [node for node in view._nodes_by_depth[depth] if not node.is_input]
        yield from sorted(nodes, key=lambda node: order[id(node.operation)])


def _opens(operation: Operation, inputs: Sequence[int]) -> bool:
    """Say whether a nested model can be opened: it is known what goes in where."""
    if not isinstance(operation, keras.Model) or not is_functional(operation):
        return False
    return len(operation.inputs) == len(inputs)


# --- copying layers ----------------------------------------------------------------------------


def copy_weights(layer: keras.layers.Layer, copy: keras.layers.Layer) -> None:
    """Give a copy the weights of a layer, floats in float32.

    Args:
        layer: Has the weights.
        copy: A built layer of the same config.
    """
    copy.set_weights([as_float32(value) for value in layer.get_weights()])
    for inner in copy._flatten_layers():
        if isinstance(inner, keras.layers.Normalization):
            inner.finalize_state()  # takes over the weights it was given


def as_float32(value: np.ndarray) -> np.ndarray:
    """Return a weight in float32 (from bfloat16 or float16), whole numbers as they are."""
    array = np.asarray(value)
    return array if array.dtype.kind in "iub" else array.astype("float32")
