"""Checks of an activation as a layer: its weights, its config, and models that hold it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import activations, errors
from actzoo.testing import gradients
from actzoo.testing.subject import Subject, to_numpy, to_tensor


def check_weights_are_fresh(subject: Subject) -> None:
    """Check that every layer has weights of its own, and some only where the row says so."""
    one, other = subject.layer(), subject.layer()
    x = subject.tensor(subject.inputs())
    one(x), other(x)
    if one is other or {id(w) for w in one.variables} & {id(w) for w in other.variables}:
        subject.fail("two layers from get() share weights")
    if bool(one.trainable_weights) != subject.row.learnable:
        subject.fail(f"learnable={subject.row.learnable}, yet {len(one.weights)} weights are there")


def check_weights_learn(subject: Subject) -> None:
    """Check that each weight, moved a little, has a gradient that is finite and not all 0.

    At the very start a weight may wait for another one that is 0.
    """
    layer, x = subject.layer(), subject.tensor(subject.inputs())
    layer(x)
    nudge(layer)
    # What makes noise has a gradient in training only.
    slopes = gradients.by_weights(layer, x, training=subject.row.random)
    for weight, gradient in zip(layer.trainable_variables, slopes, strict=True):
        if not np.isfinite(gradient).all() or not gradient.any():
            subject.fail(f"the weight '{weight.name}' does not learn: its gradient is", x, gradient)


def check_training(subject: Subject) -> None:
    """Check that only random activations differ from call to call in training."""
    layer, x = subject.layer(), subject.tensor(subject.inputs())
    one, other = (to_numpy(layer(x, training=True)) for _ in range(2))
    if (one != other).any() != subject.row.random:
        word = "differ" if not subject.row.random else "agree"
        subject.fail(f"random={subject.row.random}, yet two calls in training {word}")


def check_spec_round_trip(subject: Subject) -> None:
    """Check that a spec can be read, written and found again from the layer."""
    name, params = activations.parse(subject.spec)
    if activations.parse(activations.format(name, params)) != (name, params):
        subject.fail("the spec changes when read and written again")
    layer = activations.get(subject.spec)
    identified = activations.identify(layer)
    if identified is None:
        subject.fail("identify(get(spec)) does not know it", subject.spec, None)
    # Another name may come back, as relu6 for relu_n(max_value=6), if it is the same function.
    x = subject.tensor(subject.inputs())
    again, wanted = subject.rows(activations.get(identified)(x)), subject.rows(layer(x))
    subject.compare("get(identify(layer))", subject.inputs(), again, wanted, 0.0)


def check_config_round_trip(subject: Subject) -> None:
    """Check that name, config and output survive `get_config` and `from_config`."""
    layer = activations.get(subject.spec, name="probe_act")
    if layer.name != "probe_act":
        subject.fail("the layer's name is lost", "'probe_act'", layer.name)
    again = type(layer).from_config(layer.get_config())
    if again.get_config() != layer.get_config():
        subject.fail("the config changes", layer.get_config(), again.get_config())
    if subject.row.elementwise and not layer.supports_masking:
        subject.fail("it works element by element but does not pass masks on")
    x = subject.tensor(subject.inputs())
    restored, wanted = subject.rows(again(x)), subject.rows(layer(x))
    subject.compare("after from_config", subject.inputs(), restored, wanted, 0.0)


def _model(subject: Subject) -> Any:
    """Return a model of the activation alone, its weights moved off their start."""
    import keras

    inputs = keras.Input(subject.tensor(subject.inputs()).shape[1:])
    model = keras.Model(inputs, activations.get(subject.spec, name="probe_act")(inputs))
    nudge(model)
    return model


def nudge(layer: Any) -> None:
    """Move the weights away from the values that training starts from."""
    from keras import ops

    for weight in layer.trainable_weights:
        weight.assign(ops.convert_to_numpy(weight) + 0.0625)


def check_file_round_trip(subject: Subject) -> None:
    """Check that name, config and output survive a `.keras` file."""
    import keras

    activations.register_layers()
    model = _model(subject)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        again = keras.saving.load_model(path)
    if [layer.name for layer in again.layers] != [layer.name for layer in model.layers]:
        subject.fail("the layer's name changes in the file")
    if again.get_layer("probe_act").get_config() != model.get_layer("probe_act").get_config():
        subject.fail("the layer's config changes in the file")
    _same_output(subject, "after save and load", model, again)


def check_clone(subject: Subject) -> None:
    """Check that `clone_model` gives a new layer with the same output."""
    import keras

    model = _model(subject)
    again = keras.models.clone_model(model)
    again.set_weights(model.get_weights())
    if again.get_layer("probe_act") is model.get_layer("probe_act"):
        subject.fail("clone_model gives the same layer")
    _same_output(subject, "after clone_model", model, again)


def _same_output(subject: Subject, what: str, model: Any, again: Any) -> None:
    x = subject.inputs()
    restored, wanted = (subject.rows(m(subject.tensor(x))) for m in (again, model))
    subject.compare(what, x, restored, wanted, 0.0)


def check_as_function(subject: Subject) -> None:
    """Check `Dense(activation=function(spec))`, or that it is refused with a reason."""
    import keras

    row = subject.row
    stateless = not (row.learnable or row.random or row.channel_factor != 1)
    try:
        function = activations.function(subject.spec)
    except errors.InvalidValueError as error:
        if stateless and not isinstance(subject.layer(), keras.layers.Activation):
            return  # a layer of another package, without a function beside it
        if stateless or "function" not in str(error):
            raise
        return
    if not stateless:
        subject.fail("function() gives something that cannot be one")
    channels = subject.inputs().shape[-1]
    dense = keras.layers.Dense(channels, kernel_initializer="identity", activation=function)
    dense = keras.layers.Dense.from_config(dense.get_config())
    y = to_numpy(dense(to_tensor(subject.inputs(), "float32")))
    subject.compare("in Dense", subject.inputs(), y, subject.run(subject.inputs()), 1e-6)
