"""From a spec to a Keras layer or function, and back."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import keras

from actzoo import errors
from actzoo.activations import lookup, peer_arguments
from actzoo.activations.catalog import ACTIVATIONS
from actzoo.activations.spec import ActivationSpec
from actzoo.activations.stateless import Function, load, stateless_target

ActivationLike: TypeAlias = (
    str | tuple[str, Mapping[str, Any]] | ActivationSpec | Callable[..., Any] | keras.layers.Layer
)


def get(spec: ActivationLike, *, name: str | None = None) -> keras.layers.Layer:
    """Return an activation as a fresh Keras layer.

    Where Keras has the activation, the layer is Keras' own, and the model loads without actzoo.

    Args:
        spec: `"relu"`, `"leaky_relu(negative_slope=0.1)"`, `("leaky_relu", {...})`, a row of the
            table, a function of Keras or one that is registered, or a Keras layer (a copy of
            which is returned, with weights of its own).
        name: Name of the layer; automatic if None.

    Returns:
        A new layer, never one handed out before.

    Raises:
        InvalidTypeError: The spec is of another kind.
        InvalidValueError: The text cannot be read, a value is out of range, or a function cannot
            be saved with a model.
        UnknownNameError: There is no such activation or parameter.

    Example:
        >>> get("swish", name="stem_act").name
        'stem_act'
    """
    if isinstance(spec, keras.layers.Layer):
        return _copy(spec, name)
    if callable(spec) and not isinstance(spec, type):
        return keras.layers.Activation(_saveable(spec), name=name)
    canonical, params = lookup.parse(spec)
    row = ACTIVATIONS.get(canonical)
    target = load(row.target, row.name)
    if not isinstance(target, type):
        return keras.layers.Activation(_bind(row, params), name=name)
    layer = target(**{**row.defaults, **params}, name=name)
    if row.function is not None and identify(layer) is None:  # several arguments of Keras' ReLU
        return keras.layers.Activation(_bind(row, params), name=name)
    return layer


def function(spec: ActivationLike) -> Callable[[Any], Any]:
    """Return an activation as a function, for `Dense(activation=...)` and the like.

    An activation of its own layer (`get`) is what surgery, diagnostics and export look at; a
    function is for code that takes nothing else.

    Args:
        spec: As for `get`.

    Returns:
        Keras' own function where there is one with these arguments, else an object that Keras
        saves by its spec.

    Raises:
        InvalidValueError: It has weights, draws random numbers or changes the number of channels.

    Example:
        >>> keras.layers.Dense(8, activation=function("mish")).activation.__name__
        'mish'
    """
    if isinstance(spec, keras.layers.Layer):
        pair = identify(spec)
        if pair is None:
            raise lookup.refusal(spec)
        spec = pair
    if callable(spec) and not isinstance(spec, type):
        return _saveable(spec)
    name, params = lookup.parse(spec)
    return _bind(ACTIVATIONS.get(name), params)


def identify(layer: keras.layers.Layer) -> tuple[str, dict[str, Any]] | None:
    """Tell which activation a layer is: the inverse of `get`.

    Args:
        layer: Any Keras layer; those of Keras itself and of models made elsewhere too.

    Returns:
        Canonical name and all parameters (without those that are None by default and are not set),
        or None if it is not an activation of the table. `get` takes the pair.
    """
    kind = type(layer)
    if kind is keras.layers.Activation:
        return _identify_function(layer.activation)
    if kind is keras.layers.ReLU:
        return _identify_relu(layer)
    if kind is keras.layers.PReLU:
        initial = getattr(layer.alpha_initializer, "value", 0.0)
        per = _per_of(layer)
        return _checked("prelu", {"negative_slope": initial, "per": per}) if per else None
    if kind is keras.layers.Softmax:
        axes = (layer.axis,) if isinstance(layer.axis, int) else tuple(layer.axis)
        return _checked("softmax", {"axis": axes[0]}) if len(axes) == 1 else None
    for row in ACTIVATIONS:
        if _points_at(row.target, kind):
            return _checked_config(row, layer)
    return None


def register_layers() -> None:
    """Make Keras know the layers of every row, so that its own loader reads our models.

    A row of another package that cannot be imported is named once and left out; models without it
    load as before.
    """
    for row in ACTIVATIONS:
        module = row.target.partition(":")[0]
        try:
            importlib.import_module(module)
            load(row.target, row.name)
        except Exception as error:
            note = (
                f"activation '{row.name}' was left out: importing {module} failed with "
                f"{type(error).__name__}: {errors.shown(error, 200)}"
            )
            if note not in ACTIVATIONS.notes:
                ACTIVATIONS.notes.append(note)
                print(f"warning: {note}", file=sys.stderr)


def _bind(row: ActivationSpec, params: dict[str, Any]) -> Callable[[Any], Any]:
    """Return the bare Keras function if it means the same by default, else a `Function`."""
    for target in dict.fromkeys((stateless_target(row), row.target)):
        if target.startswith("keras."):
            bare = load(target, row.name)
            if isinstance(bare, type):
                continue
            if {**row.defaults, **_keras_defaults(bare, row)} == {**row.defaults, **params}:
                return bare
    return Function.of(row, params)


def _keras_defaults(bare: Callable[..., Any], row: ActivationSpec) -> dict[str, Any]:
    signature = inspect.signature(bare).parameters
    return {name: signature[name].default for name in row.defaults if name in signature}


def _saveable(given: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that a saved model can name, for one the user holds in hand."""
    if isinstance(given, Function):
        return Function.of(ACTIVATIONS.get(given.name), given.params)
    known = _identify_function(given)
    if known is not None:
        return _bind(ACTIVATIONS.get(known[0]), known[1])
    if hasattr(given, "__name__"):  # functools.partial has none
        registered = keras.saving.get_registered_object(keras.saving.get_registered_name(given))
        if given in (registered, getattr(keras.activations, given.__name__, None)):
            return given
    raise errors.InvalidValueError(
        f"The function {errors.shown(repr(given))} is not registered, so a model with it could "
        "not be saved and loaded.\nRegister it: actzoo.activations.register('my_name', "
        "function), or decorate it with @keras.saving.register_keras_serializable().",
        given=given,
        fix="actzoo.activations.register('my_name', function)",
    )


def _copy(layer: keras.layers.Layer, name: str | None) -> keras.layers.Layer:
    of_keras = type(layer).__module__.startswith("keras.")
    if isinstance(layer, keras.Model) or (
        of_keras and ".layers.activations." not in type(layer).__module__
    ):
        raise lookup.refusal(layer)
    if type(layer) is keras.layers.Activation:
        return keras.layers.Activation(
            _saveable(layer.activation), name=name, dtype=layer.dtype_policy
        )
    config = layer.get_config()
    config.pop("name", None)  # a model cannot have two layers of one name
    return type(layer).from_config({**config, **({"name": name} if name else {})})


def _identify_function(given: Any) -> tuple[str, dict[str, Any]] | None:
    if isinstance(given, Function):
        return _checked(given.name, given.params)
    if isinstance(given, keras.layers.Layer):
        return identify(given)
    module = getattr(given, "__module__", "") or ""
    for row in ACTIVATIONS:
        if any(_points_at(target, given) for target in (row.target, row.function)):
            # Keras' function may mean another default, such as leaky_relu's slope.
            of_keras = module.startswith("keras.")
            return _checked(row.name, _keras_defaults(given, row) if of_keras else row.defaults)
    return None


def _per_of(layer: keras.layers.PReLU) -> str | None:
    """Tell what has slopes of its own in Keras' PReLU; None for some axes and not others."""
    if not layer.shared_axes:
        return "element"
    if layer.input_spec is None:  # not built, so that the number of axes is unknown
        return "channel"
    shared = {axis % layer.input_spec.ndim for axis in layer.shared_axes}
    axes = range(1, layer.input_spec.ndim)
    return {tuple(axes): "layer", tuple(axes[:-1]): "channel"}.get(tuple(sorted(shared)))


def _identify_relu(layer: keras.layers.ReLU) -> tuple[str, dict[str, Any]] | None:
    given = {name: getattr(layer, name) for name in ("negative_slope", "max_value", "threshold")}
    try:
        name, params = peer_arguments.relu(given)
    except errors.ActzooError:
        return None
    # Several at once: what `get` makes of such a spec is the function, not this layer.
    return None if len(params) > 1 else _checked(name, params)


def _checked(name: str, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the pair with all parameters that are set; None for values that no row allows."""
    row = ACTIVATIONS.get(name)
    try:
        checked = row.check({**row.defaults, **params})
    except errors.ActzooError:
        return None
    # None may be set, too: without `max_value`, relu_n would have the limit of its default.
    unset = {key for key, value in row.defaults.items() if value is None}
    return name, {k: v for k, v in checked.items() if v is not None or k not in unset}


def _checked_config(
    row: ActivationSpec, layer: keras.layers.Layer
) -> tuple[str, dict[str, Any]] | None:
    """Return the pair of a layer of a row by its config, which a constructor takes back."""
    config = layer.get_config()
    if not set(row.defaults) <= set(config):
        return None
    return _checked(row.name, {name: config[name] for name in row.defaults})


def _points_at(target: str | None, thing: object) -> bool:
    """Tell whether a target is this very thing, without importing anything for it."""
    module, _, attribute = (target or "").partition(":")
    return module in sys.modules and getattr(sys.modules[module], attribute, None) is thing
