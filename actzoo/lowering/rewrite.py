"""The form each activation takes on a device.

The same algebra written differently trains the same way but converts differently: `log(1 + exp(x))`
overflows in TFLite where Keras stays finite, and a branch by SELECT breaks the run of operators
that the runtime would fold into one 256-entry table. So export replaces every activation by a form
made for the target: a stable one for float files, a chain for int8 files (see `docs/design.md`).
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from actzoo import activations, errors, graphs, sites
from actzoo.activations.device_forms import DeviceForm, Form, device_form
from actzoo.activations.layer_base import Learned
from actzoo.artifacts import ARTIFACTS, CHAINS, MODEL_FORMS, STABLE
from actzoo.graphs import Operation

# Layers between weights whose TFLite operators have exact or fast int8 kernels. In int8 they hand
# 8-bit values on, so that no float run breaks off at a residual sum or at pooling.
INT8_PASSTHROUGH: dict[str, tuple[str, ...]] = {
    "Add": ("ADD",),
    "Subtract": ("SUB",),
    "Multiply": ("MUL",),
    "Concatenate": ("CONCATENATION",),
    "GlobalAveragePooling2D": ("MEAN",),
    "AveragePooling2D": ("AVERAGE_POOL_2D",),
    "MaxPooling2D": ("MAX_POOL_2D",),
    "ZeroPadding2D": ("PAD", "PADV2"),
    "Flatten": ("RESHAPE",),
    "Reshape": ("RESHAPE",),
    "UpSampling2D": ("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"),
}
_NUMBERED = re.compile(r"_\d+$")
OUTPUT_LAYER = "probabilities"


@keras.saving.register_keras_serializable(package="actzoo", name="DeviceActivation")
class DeviceActivation(keras.layers.Layer):
    """A layer that applies a form; lives only between a model and its exported file.

    Args:
        form: Takes the input and returns the output.
    """

    def __init__(self, form: Form, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.form = form

    def call(
        self,
        x: keras.KerasTensor,
        mask: keras.KerasTensor | None = None,
        training: bool | None = None,
    ) -> keras.KerasTensor:
        """Return the form of `x`; takes what a call of the replaced layer may have carried."""
        return self.form(x)


@dataclasses.dataclass(frozen=True)
class Lowered:
    """A model made for a device.

    Attributes:
        model: Same inputs, ends in the output activation, float32 throughout.
        int8_operators: Layer -> TFLite operators of it that become int8 beside those with weights.
        float_layers: Layers (of `model`) whose activation cannot be one table in int8, with the
            reason.
        names: Layer in `model` -> layer in the original.
        chains: Whether any activation takes another form than in a float file.
    """

    model: keras.Model
    int8_operators: dict[str, list[str]]
    float_layers: dict[str, str]
    names: dict[str, str]
    chains: bool


def lower(
    model: keras.Model,
    precision: str = "float32",
    *,
    output_activation: str | None = None,
    replace: bool = True,
    stable: Iterable[str] = (),
) -> keras.Model:
    """Return a model that computes the same in operators made for a device.

    Args:
        model: A functional or sequential model.
        precision: A format of `artifacts`; its row names the form that activations take.
        output_activation: Activation appended to the logits ("softmax"); none if the model
            ends in it already.
        replace: Write activations in their device form; off, only dtype and output change.
        stable: Layers that take the stable form even for int8.

    Returns:
        A new model with its own copies of the weights, in float32.

    Raises:
        InvalidTypeError: The model is neither functional nor sequential.
        InvalidValueError: An output activation is asked for and there are several outputs.
        UnknownNameError: There is no such precision.
    """
    return lower_in_detail(
        model,
        ARTIFACTS.get(precision).form,
        output_activation=output_activation,
        replace=replace,
        stable=stable,
    ).model


def lower_in_detail(
    model: keras.Model,
    form: str = STABLE,
    *,
    output_activation: str | None = None,
    replace: bool = True,
    stable: Iterable[str] = (),
) -> Lowered:
    """Return the lowered model and what conversion must know of it; see `lower`.

    Args:
        model: As for `lower`.
        form: Which form activations take, "stable" or "chains".
        output_activation: As for `lower`.
        replace: As for `lower`.
        stable: As for `lower`.
    """
    if form not in MODEL_FORMS:
        raise errors.unknown_name("form", form, MODEL_FORMS)
    if not graphs.is_functional(model):
        raise errors.InvalidTypeError(
            f"{type(model).__name__} is not a functional model, so its layers cannot be "
            "rebuilt for a device.\nBuild it with keras.Model(inputs, outputs), or give "
            "model.export() a try for a plain SavedModel.",
            given=type(model).__name__,
        )
    work = _Lowering(model, form, replace=replace, stable=frozenset(stable))
    clone = keras.models.clone_model(graphs.plain(model), clone_function=work.clone)
    work.copy_weights()
    if output_activation and not sites.ends_in(model, output_activation):
        clone = _with_output(clone, output_activation)
    return Lowered(clone, work.int8_operators, work.float_layers, work.names, work.chains)


def _with_output(model: keras.Model, activation: str) -> keras.Model:
    if len(model.outputs) > 1:
        raise errors.InvalidValueError(
            f"{model.name} has {len(model.outputs)} outputs, and {activation} can be appended "
            "to one only.\nTake keras.Model(inputs, output) with one of them.",
            given=len(model.outputs),
        )
    final = DeviceActivation(output_form(activation), name=OUTPUT_LAYER)(model.outputs[0])
    return keras.Model(model.input, final, name=model.name)


def output_form(activation: str) -> Form:
    """Return the stable form of an output activation.

    Args:
        activation: Its canonical name.

    Raises:
        UnknownNameError: There is none.
    """
    form = device_form(activation) if activation in activations.ACTIVATIONS else None
    if form is None or form.float is None:
        raise errors.unknown_name("output activation", activation, activations.names())
    return form.float


class _Lowering:
    """One pass over the layers of a model; what is special to a kind of layer is below it."""

    def __init__(
        self, model: keras.Model, form: str, *, replace: bool, stable: frozenset[str]
    ) -> None:
        self.taken = {layer.name for layer in model._flatten_layers()}
        self.form = form
        self.replace = replace
        self.stable = stable
        self.int8_operators: dict[str, list[str]] = {}
        self.float_layers: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.chains = False
        self._clones: dict[int, tuple[Operation, Operation]] = {}

    def clone(self, layer: Operation) -> Operation:
        """Return the device's version of a layer or operation; the same one for the same one."""
        if id(layer) not in self._clones:
            self._clones[id(layer)] = (layer, self._clone(layer))
        return self._clones[id(layer)][1]

    def _clone(self, layer: Operation) -> Operation:
        if isinstance(layer, keras.Model):
            return self._clone_model(layer)
        _refuse_quantized(layer)
        name = self._scoped_name(layer.name)
        activation = _learned_activation(layer) if self.replace else None
        form = None if activation is None else self._form(layer, name, activation)
        self.names[name] = layer.name
        if activation is not None and form is not None and not activation.attribute:
            return DeviceActivation(form, name=name, dtype="float32")
        if not isinstance(layer, keras.layers.Layer):
            return layer  # an operation of keras.ops: no weights, no dtype of its own
        try:
            config = {**_in_float32(layer.get_config()), "name": name, "trainable": False}
            copy = type(layer).from_config(config)
        except (TypeError, ValueError, NotImplementedError) as error:
            self._forget(name)
            return self._keep(layer, str(error))
        if form is not None:
            copy.activation = form
        elif activation is None:
            _keep_own_function(layer, copy)
        if type(layer).__name__ in INT8_PASSTHROUGH:
            self.int8_operators[name] = list(INT8_PASSTHROUGH[type(layer).__name__])
        return copy

    def _clone_model(self, model: keras.Model) -> keras.Model:
        """Return the version of a nested model; a subclassed one is taken as it is."""
        if not graphs.is_functional(model):
            return self._keep(model, "it is a subclass of keras.Model")
        if isinstance(model, keras.Sequential):
            view = graphs.plain(model)
        else:  # keeps the names of its inputs, by which it may be called
            view = keras.Model(model.input, model.output, name=model.name)
        return keras.models.clone_model(view, clone_function=self.clone)

    def _scoped_name(self, name: str) -> str:
        """Return a layer name that can be told from its scope in the converted graph.

        Keras numbers scopes: layer `a` may appear as `a_1`, just as a layer of that name.
        """
        if not _NUMBERED.search(name):
            return name
        scoped = f"{name}_d"
        while scoped in self.taken:
            scoped += "d"
        self.taken.add(scoped)
        return scoped

    def _keep(self, layer: keras.layers.Layer, why: str) -> keras.layers.Layer:
        """Return a layer that cannot be rebuilt from its config, such as one with a function."""
        if layer.compute_dtype == "float32":
            self.names[layer.name] = layer.name
            return layer
        raise errors.ExportError(
            f"The layer '{errors.shown(layer.name)}' ({type(layer).__name__}) computes in "
            f"{layer.compute_dtype} and cannot be rebuilt in float32: "
            f"{errors.shown(why.strip().partition(chr(10))[0], 120)}.\n"
            "Register its class or function: @keras.saving.register_keras_serializable().",
            given=layer.name,
        )

    def _forget(self, name: str) -> None:
        """Take back what was noted of a layer under its new name."""
        self.names.pop(name, None)
        self.float_layers.pop(name, None)
        self.int8_operators.pop(name, None)

    def _form(self, layer: Operation, name: str, activation: sites.Activation) -> Form | None:
        """Return the form of an activation with its parameters set, and note what it means."""
        row = device_form(activation.name)
        if row is None:
            return None
        params = _plain_parameters(activation.params)
        stable = row.float or _own_form(sites.holder(layer))
        if self.form != CHAINS:
            return None if stable is None else functools.partial(stable, **params)
        reason = _why_float(activation.name, row, params)
        if layer.name in self.stable:
            reason = f"{activation.name} meets values beyond the reach of its int8 form"
        form = stable if reason else row.int8 or stable
        if reason:
            self.float_layers[name] = reason
        elif row.int8_operators:
            self.int8_operators[name] = list(row.int8_operators)
        if form is None:
            return None
        bound = functools.partial(form, **params)
        ends_in_scalar = (
            row.ends_in_scalar(**params) if callable(row.ends_in_scalar) else row.ends_in_scalar
        )
        held = ends_in_scalar and len(layer._outbound_nodes) > 1
        self.chains |= held or form is not stable
        return functools.partial(_held, bound) if held else bound

    def copy_weights(self) -> None:
        """Give the copies the weights of the originals, in float32."""
        for layer, copy in self._clones.values():
            if isinstance(layer, keras.Model) or not isinstance(copy, keras.layers.Layer):
                continue
            if copy is not layer and copy.weights and not isinstance(copy, DeviceActivation):
                _build_holder(copy, layer)
                graphs.copy_weights(layer, copy)


def _held(form: Form, x: keras.KerasTensor) -> keras.KerasTensor:
    """Apply a form and end it in a minimum that changes nothing but keeps the end in place."""
    return ops.minimum(form(x), 3e38)


# --- activations with weights, and their parameters --------------------------------------------


def _learned_activation(layer: Operation) -> sites.Activation | None:
    """Return the activation of a layer, its parameters as training left them.

    None where it has none, or one that no form may take the place of.
    """
    if _has_own_mask(layer):
        return None
    if not isinstance(layer, keras.layers.Layer):
        return sites.activation_of(layer)
    holder = sites.holder(layer)
    if holder is not layer:
        _build_holder(layer, layer)
    activation = sites.activation_of(layer)
    if activation is None or (activation.attribute and holder is layer):
        return activation
    weights = holder.get_weights()
    learned: dict[str, np.ndarray] = {}
    if isinstance(holder, Learned):
        learned = {key: graphs.as_float32(value) for key, value in holder.values().items()}
    elif isinstance(holder, keras.layers.PReLU):
        learned = {"alpha": graphs.as_float32(weights[0])}
    elif weights and not _is_kept(activation.name):
        return None  # learnable, and no form of ours reads its weights
    return dataclasses.replace(activation, params={**activation.params, **learned})


def _is_kept(name: str) -> bool:
    """Say whether an activation's own layer, with its weights, is what a device gets."""
    row = device_form(name)
    return row is not None and row.float is None and row.int8 is None


def _own_form(layer: Operation) -> Form | None:
    """Return what a learned activation computes, its weights as constants.

    Weights of shape (1,) lose that axis: the converter folds an array of one value into the next
    dense layer and refuses the result.
    """
    if not isinstance(layer, Learned):
        return None
    constants = {}
    for name, value in layer.values().items():
        plain = graphs.as_float32(value)
        single = plain.shape[layer.starts[name].ndim :] == (1,)
        constants[name] = plain[..., 0] if single else plain

    def form(x: keras.KerasTensor, **_: object) -> keras.KerasTensor:
        weights = {name: ops.convert_to_tensor(value) for name, value in constants.items()}
        return layer.compute(x, **weights)

    return form


def _plain_parameters(params: Mapping[str, object]) -> dict[str, object]:
    """Return parameters with each array of one value all over as that number."""
    plain = dict(params)
    for name, value in params.items():
        if isinstance(value, np.ndarray) and np.all(value == value.flat[0]):
            plain[name] = float(value.flat[0])
    return plain


def _why_float(activation: str, row: DeviceForm, params: Mapping[str, object]) -> str | None:
    if not row.folds:
        return f"{activation} {row.why}"
    if any(isinstance(value, np.ndarray) for value in params.values()):
        return f"{activation} has weights that differ from value to value"
    if row.supports is not None and not row.supports(**params):
        return f"no chain is known for {activation} with these parameters"
    return None


# --- rules for single kinds of layers; that of Normalization is in graphs.copy_weights -------


def _refuse_quantized(layer: Operation) -> None:
    """Refuse a layer that Keras quantized: its weights are whole numbers by now."""
    mode = getattr(layer, "quantization_mode", None)
    if mode:
        raise errors.ExportError(
            f"The layer '{errors.shown(layer.name)}' was quantized in Keras ({mode}); its weights "
            "are no longer those that export can quantize.\n"
            "Export the model as it was before model.quantize(...).",
            given=layer.name,
        )


def _keep_own_function(layer: keras.layers.Layer, copy: keras.layers.Layer) -> None:
    """Give a copy the function of the user's that its config may have lost.

    By its config, such a function may come back as Keras' of the same name.
    """
    has_function = sites.has_settable_activation(layer) or type(layer) is keras.layers.Activation
    if has_function and not isinstance(layer.activation, keras.layers.Layer):
        copy.activation = layer.activation


def _build_holder(layer: keras.layers.Layer, like: keras.layers.Layer) -> None:
    """Create the weights of an activation layer within a layer; Keras waits for the first call."""
    holder = sites.holder(layer)
    if not holder.built:
        holder.build(like.output.shape)


def _has_own_mask(layer: Operation) -> bool:
    """Whether a layer is given a mask by hand, as Softmax may be; no form takes one."""
    return any(
        node.arguments.kwargs.get("mask") is not None or len(node.arguments.args) > 1
        for node in layer._inbound_nodes
        if isinstance(layer, keras.layers.Softmax)
    )


def _in_float32(config: Mapping[str, object]) -> dict[str, object]:
    """Return a layer's config, and those of the layers in it, in float32."""

    def changed(value: object) -> object:
        if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping):
            return {**value, "config": _in_float32(value["config"])}
        return [changed(item) for item in value] if isinstance(value, list) else value

    return {key: "float32" if key == "dtype" else changed(v) for key, v in config.items()}
