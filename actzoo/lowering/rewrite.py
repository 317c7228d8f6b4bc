"""The form each activation takes on a device.

The same algebra written differently trains alike but converts differently: `log(1 + exp(x))`
overflows in TFLite where Keras stays finite, and a branch by SELECT breaks the run of operators
that the runtime would fold into one 256-entry table. So export replaces every activation by a form
made for the target: a stable one for float files, a chain for int8 files (see `docs/design.md`).
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from actzoo import activations, errors, models
from actzoo.activations import catalog
from actzoo.activations.device_forms import DeviceForm, Form, device_form
from actzoo.activations.learnable.layers import Learned
from actzoo.run_folder import PRECISIONS


def _held(form: Form, x: Any) -> Any:
    """Apply a form and end it in a minimum that changes nothing but keeps the end in place."""
    return ops.minimum(form(x), 3e38)


# --- rebuilding a model ------------------------------------------------------------------------

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
FEW = 8  # cases that are sooner computed than a graph for them is traced
HALF_PRECISION = 0.1  # relative; what rounding to 8 or 11 bits in every layer may add up to


@keras.saving.register_keras_serializable(package="actzoo", name="DeviceActivation")
class DeviceActivation(keras.layers.Layer):
    """A layer that applies a form; lives only between a model and its exported file.

    Args:
        form: Takes the input and returns the output.
    """

    def __init__(self, form: Callable[[Any], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.form = form

    def call(self, x: Any, mask: Any = None, training: Any = None) -> Any:
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
        precision: "float32", "float16", "dynamic" (stable forms) or "int8" (chains).
        output_activation: Activation appended behind the logits ("softmax"); none if the model
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
        precision,
        output_activation=output_activation,
        replace=replace,
        stable=stable,
    ).model


def lower_in_detail(
    model: keras.Model,
    precision: str = "float32",
    *,
    output_activation: str | None = None,
    replace: bool = True,
    stable: Iterable[str] = (),
) -> Lowered:
    """Return the lowered model and what conversion must know of it; see `lower`."""
    if precision not in PRECISIONS:
        raise errors.unknown_name("precision", precision, PRECISIONS)
    if not isinstance(model, keras.Sequential) and not models.is_functional(model):
        raise errors.InvalidTypeError(
            f"{type(model).__name__} is not a functional model, so its layers cannot be "
            "rebuilt for a device.\nBuild it with keras.Model(inputs, outputs), or give "
            "model.export() a try for a plain SavedModel.",
            given=type(model).__name__,
        )
    work = _Lowering(model, precision, replace=replace, stable=frozenset(stable))
    clone = keras.models.clone_model(_view(model), clone_function=work.clone)
    work.copy_weights()
    if output_activation and not ends_in(model, output_activation):
        clone = _append(clone, output_activation)
    return Lowered(clone, work.int8_operators, work.float_layers, work.names, work.chains)


def keras_outputs(
    model: keras.Model, output_activation: str | None, inputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Return what Keras computes in float32, with the output activation applied.

    Args:
        model: A functional or sequential model.
        output_activation: As in `lower`.
        inputs: Input name -> `(n, ...)`.
    """
    few = {name: value[:FEW] for name, value in inputs.items()}
    if any(layer.compute_dtype != "float32" for layer in model._flatten_layers()):
        plain = lower(model, replace=False)
        _check_copy(model, plain, few)
    else:
        plain = _view(model)
    if len(next(iter(inputs.values()))) <= FEW:
        outputs = _outputs(plain, few)
    else:
        given = _ordered(plain, inputs)
        outputs = np.asarray(plain.predict(given, batch_size=64, verbose=0), "float32")
    if output_activation and not ends_in(model, output_activation):
        outputs = np.asarray(_output_form(output_activation)(ops.convert_to_tensor(outputs)))
    return outputs


def _outputs(model: keras.Model, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what a model gives out, computed without tracing a graph."""
    return ops.convert_to_numpy(model(_ordered(model, inputs), training=False)).astype("float32")


def _check_copy(model: keras.Model, copy: keras.Model, inputs: Mapping[str, np.ndarray]) -> None:
    """Refuse a copy in float32 that answers otherwise than half a precision explains."""
    expected, found = _outputs(_view(model), inputs), _outputs(copy, inputs)
    error = np.abs(found - expected).max() / max(1.0, float(np.abs(expected).max()))
    if not error < HALF_PRECISION:
        raise errors.ExportError(
            f"Rebuilt in float32, {model.name} gives other answers than it does itself (the "
            f"largest difference is {error:.2g}): a layer or function of it does not come back "
            "from its own config.\nBuild the model in float32 and load its weights, then export.",
            given=model.name,
        )


def largest_hidden_values(model: keras.Model, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return, per case `(n,)`, the largest size of a value that an activation gives out.

    Infinite where an activation itself leaves float32, as an exponential of 89 does: beyond that,
    no two runtimes owe each other the same answer.

    Args:
        model: A functional or sequential model.
        inputs: Input name -> `(n, ...)`.
    """
    view = _view(model)
    sites = [
        node.outputs[0]
        for nodes in view._nodes_by_depth.values()
        for node in nodes
        if isinstance(node.operation, keras.layers.Layer)
        and activations.identify(node.operation) is not None
    ]
    count = len(next(iter(inputs.values())))
    if not sites:
        return np.zeros(count)
    probe = keras.Model(view.inputs, sites)
    values = probe.predict_on_batch(_ordered(view, inputs))
    values = values if isinstance(values, list) else [values]
    sizes = [np.abs(np.asarray(v, "float64")).reshape(count, -1).max(axis=1) for v in values]
    return np.nan_to_num(np.max(sizes, axis=0), nan=np.inf)


def _ordered(model: keras.Model, inputs: Mapping[str, np.ndarray]) -> Any:
    """Return inputs as a model takes them: one array, or a list in its order."""
    ordered = [np.asarray(inputs[tensor.name]).astype(tensor.dtype) for tensor in model.inputs]
    return ordered[0] if len(ordered) == 1 else ordered


def _append(model: keras.Model, activation: str) -> keras.Model:
    if len(model.outputs) > 1:
        raise errors.InvalidValueError(
            f"{model.name} has {len(model.outputs)} outputs, and {activation} can be put behind "
            "one only.\nTake keras.Model(inputs, output) with one of them.",
            given=len(model.outputs),
        )
    final = DeviceActivation(_output_form(activation), name=OUTPUT_LAYER)(model.outputs[0])
    return keras.Model(model.input, final, name=model.name)


def _view(model: keras.Model) -> keras.Model:
    """Return the same layers as a functional model, uncompiled, its inputs one or a list."""
    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    outputs = model.outputs[0] if len(model.outputs) == 1 else model.outputs
    return keras.Model(inputs, outputs, name=model.name)


def _output_form(activation: str) -> Form:
    form = device_form(activation) if activation in activations.ACTIVATIONS else None
    if form is None or form.float is None:
        raise errors.unknown_name("output activation", activation, activations.names())
    return form.float


# What may stand behind an output activation without changing what the values are.
_PASSING = ("Identity", "Reshape", "Flatten", "Dropout", "Cast")


def ends_in(model: keras.Model, name: str) -> bool:
    """Tell whether a model's first output is what an activation gave, perhaps cast or reshaped.

    Args:
        model: A functional or sequential model.
        name: Canonical name of the activation.
    """
    tensor = model.outputs[0]
    while True:
        layer, node, position = tensor._keras_history
        if isinstance(layer, keras.Model) and models.is_functional(layer):
            return ends_in(keras.Model(layer.inputs, layer.outputs[position]), name)
        if type(layer).__name__ not in _PASSING and not _is_linear(layer):
            return _gives(layer, name, len(tensor.shape))
        tensor = layer._inbound_nodes[node].input_tensors[0]


def _is_linear(layer: Any) -> bool:
    kind = type(layer)
    return kind is keras.layers.Activation and layer.activation is keras.activations.linear


def _gives(layer: Any, name: str, axes: int) -> bool:
    """Tell whether a layer or operation ends in an activation, over the last axis."""
    while isinstance(layer, keras.layers.Wrapper) and not hasattr(layer, "return_sequences"):
        layer = layer.layer
    found = _activation_of(layer)
    if found is not None:
        return found[0] == name and found[1].get("axis", -1) in (-1, axes - 1)
    if type(layer) is keras.layers.Lambda:
        return _function_name(layer.function) == name
    ends = type(layer) is keras.layers.Activation or _has_fused(layer)
    return ends and _function_name(layer.activation) == name


def _function_name(function: Any) -> str:
    """Return the name of a function of TensorFlow's or Keras' own; "" for others."""
    package = (getattr(function, "__module__", None) or "").partition(".")[0]
    if package not in ("keras", "tensorflow"):
        return ""
    return str(getattr(function, "__name__", "")).removesuffix("_v2")


class _Lowering:
    """One pass over the layers of a model."""

    def __init__(
        self, model: keras.Model, precision: str, *, replace: bool, stable: frozenset[str]
    ) -> None:
        self.taken = {layer.name for layer in model._flatten_layers()}
        self.precision = precision
        self.replace = replace
        self.stable = stable
        self.int8_operators: dict[str, list[str]] = {}
        self.float_layers: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.chains = False
        self._clones: dict[int, tuple[Any, Any]] = {}

    def clone(self, layer: Any) -> Any:
        """Return the device's version of a layer or operation; the same one for the same one."""
        if id(layer) not in self._clones:
            self._clones[id(layer)] = (layer, self._clone(layer))
        return self._clones[id(layer)][1]

    def _clone(self, layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            if not models.is_functional(layer) and not isinstance(layer, keras.Sequential):
                return self._keep(layer, "it is a subclass of keras.Model")
            return self._clone_nested(layer)
        if getattr(layer, "quantization_mode", None):
            raise errors.ExportError(
                f"The layer '{errors.shown(layer.name)}' was quantized in Keras "
                f"({layer.quantization_mode}); its weights are no longer those that export can "
                "quantize.\nExport the model as it was before model.quantize(...).",
                given=layer.name,
            )
        name = self._scoped_name(layer.name)
        self.names[name] = layer.name
        replace = self.replace and not _has_own_mask(layer)
        found = _activation_of(layer) if replace else None
        fused = isinstance(layer, keras.layers.Layer) and _has_fused(layer)
        form = self._form(layer, name, *found) if found is not None else None
        if form is not None and not fused:
            return DeviceActivation(form, name=name, dtype="float32")
        if not isinstance(layer, keras.layers.Layer):
            return layer  # an operation of keras.ops: no weights, no dtype of its own
        try:
            config = {**_in_float32(layer.get_config()), "name": name, "trainable": False}
            copy = type(layer).from_config(config)
        except (TypeError, ValueError, NotImplementedError) as error:
            for noted in (self.names, self.float_layers, self.int8_operators):
                noted.pop(name, None)  # type: ignore[attr-defined]
            return self._keep(layer, str(error))
        if form is not None:
            copy.activation = form
        elif found is None and (fused or type(layer) is keras.layers.Activation):
            # By its config, a function of the user's may come back as Keras' of the same name.
            if not isinstance(layer.activation, keras.layers.Layer):
                copy.activation = layer.activation
        if type(layer).__name__ in INT8_PASSTHROUGH:
            self.int8_operators[name] = list(INT8_PASSTHROUGH[type(layer).__name__])
        return copy

    def _scoped_name(self, name: str) -> str:
        """Return a layer name that can be told from its scope in the converted graph.

        Keras numbers scopes: layer `a` may appear as `a_1`, just as a layer of that name.
        """
        if not _NUMBERED.search(name):
            return name
        found = f"{name}_d"
        while found in self.taken:
            found += "d"
        self.taken.add(found)
        return found

    def _keep(self, layer: Any, why: str) -> Any:
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

    def _clone_nested(self, model: keras.Model) -> keras.Model:
        if isinstance(model, keras.Sequential):
            view = _view(model)
        else:  # keeps the names of its inputs, by which it may be called
            view = keras.Model(model.input, model.output, name=model.name)
        return keras.models.clone_model(view, clone_function=self.clone)

    def _form(
        self, layer: Any, name: str, activation: str, params: Mapping[str, Any]
    ) -> Callable[[Any], Any] | None:
        """Return the form of an activation with its parameters set, and note what it means."""
        row = device_form(activation)
        if row is None:
            return None
        params = _plain_parameters(params)
        stable = row.float or _own_form(_site(layer))
        if self.precision != "int8":
            return None if stable is None else functools.partial(stable, **params)
        reason = _why_float(activation, row, params)
        if layer.name in self.stable:
            reason = f"{activation} meets values beyond the reach of its int8 form"
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
                _build_site(copy, layer)
                copy.set_weights([_plain(value) for value in layer.get_weights()])
                for inner in copy._flatten_layers():
                    if isinstance(inner, keras.layers.Normalization):
                        inner.finalize_state()  # takes over the weights it was given


def _plain(value: Any) -> np.ndarray:
    """Return a weight in float32 (from bfloat16 or float16), whole numbers as they are."""
    array = np.asarray(value)
    return array if array.dtype.kind in "iub" else array.astype("float32")


def _own_form(layer: Any) -> Form | None:
    """Return what a learned activation computes, its weights as constants.

    Weights of shape (1,) lose that axis: the converter folds an array of one value into the dense
    layer behind and refuses what comes of it.
    """
    if not isinstance(layer, Learned):
        return None
    constants = {}
    for name, value in layer.values().items():
        plain = _plain(value)
        single = plain.shape[layer.starts[name].ndim :] == (1,)
        constants[name] = plain[..., 0] if single else plain

    def form(x: Any, **_: Any) -> Any:
        weights = {name: ops.convert_to_tensor(value) for name, value in constants.items()}
        return layer.compute(x, **weights)

    return form


def _plain_parameters(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with each array of one value all over as that number."""
    plain = dict(params)
    for name, value in params.items():
        if isinstance(value, np.ndarray) and np.all(value == value.flat[0]):
            plain[name] = float(value.flat[0])
    return plain


def _why_float(activation: str, row: DeviceForm, params: Mapping[str, Any]) -> str | None:
    if not row.folds:
        return f"{activation} {row.why}"
    if any(isinstance(value, np.ndarray) for value in params.values()):
        return f"{activation} has weights that differ from value to value"
    if row.supports is not None and not row.supports(**params):
        return f"no chain is known for {activation} with these parameters"
    return None


def _has_fused(layer: Any) -> bool:
    """Whether a layer with weights ends in a function that may be set; that of an LSTM may not."""
    kind = getattr(type(layer), "activation", None)
    if not hasattr(layer, "activation") or (isinstance(kind, property) and kind.fset is None):
        return False
    return bool(layer.weights) and (layer.activation is None or callable(layer.activation))


def _site(layer: Any) -> Any:
    """Return the activation layer that stands in a layer with weights; else the layer itself."""
    inner = layer.activation if _has_fused(layer) else None
    return inner if isinstance(inner, keras.layers.Layer) else layer


def _build_site(layer: Any, like: Any) -> None:
    """Create the weights of an activation layer within a layer; Keras waits for the first call."""
    site = _site(layer)
    if not site.built:
        site.build(like.output.shape)


def _has_own_mask(layer: Any) -> bool:
    """Whether a layer is given a mask by hand, as Softmax may be; no form takes one."""
    return any(
        node.arguments.kwargs.get("mask") is not None or len(node.arguments.args) > 1
        for node in layer._inbound_nodes
        if isinstance(layer, keras.layers.Softmax)
    )


def _in_float32(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a layer's config, and those of the layers in it, in float32."""

    def changed(value: Any) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping):
            return {**value, "config": _in_float32(value["config"])}
        return [changed(item) for item in value] if isinstance(value, list) else value

    return {key: "float32" if key == "dtype" else changed(v) for key, v in config.items()}


def _activation_of(layer: Any) -> tuple[str, dict[str, Any]] | None:
    """Return registry name and parameters of the activation that a layer applies.

    Knows activation layers, those fused into a layer with weights, and operations of `keras.ops`.
    """
    if not isinstance(layer, keras.layers.Layer):
        return _operation(layer)
    if _has_fused(layer):
        function = layer.activation
        if function is None or function is keras.activations.linear:
            return None
        if isinstance(function, keras.layers.Layer):
            _build_site(layer, layer)
            return _activation_of(function)
        return activations.identify(keras.layers.Activation(function))
    found = activations.identify(layer)
    if found is None:
        return None
    name, params = found
    weights = layer.get_weights()
    if isinstance(layer, Learned):
        params = {**params, **{key: _plain(value) for key, value in layer.values().items()}}
    elif isinstance(layer, keras.layers.PReLU):
        params = {**params, "alpha": _plain(weights[0])}
    elif weights and not _is_kept(name):
        return None  # learnable, and no form of ours reads its weights
    return name, dict(params)


def _is_kept(name: str) -> bool:
    """Say whether an activation's own layer, with its weights, is what a device gets."""
    row = device_form(name)
    return row is not None and row.float is None and row.int8 is None


def _operation(operation: Any) -> tuple[str, dict[str, Any]] | None:
    """Return the activation of a bare operation such as `keras.ops.softplus(x)`."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(operation).__name__).lower()
    if name == "gelu" and getattr(operation, "approximate", False):
        name = "gelu_tanh"
    if type(operation).__module__.split(".")[0] != "keras" or not catalog.is_builtin(name):
        return None
    keys = ("alpha", "negative_slope", "threshold", "b", "axis", "default_value")
    params = {key: getattr(operation, key) for key in keys if hasattr(operation, key)}
    if "default_value" in params:  # of Threshold
        params["value"] = params.pop("default_value")
    return name, params
