"""Statistics of activations against hand-made networks, and each rule where it must fire."""

import keras
import numpy as np
import pytest

import actzoo
from actzoo import diagnostics, errors, tasks


def net(activation, scale=1.0, bias=0.0, depth=1, head=False):
    """Identity layers `(4,)`, scaled and shifted, each with its activation; maybe a head."""
    x = inputs = keras.Input((4,), name="image")
    for number in range(depth):
        dense = keras.layers.Dense(4, name=f"dense{number}")
        x = dense(x)
        dense.set_weights([scale * np.eye(4), np.full(4, bias)])
        x = actzoo.activations.get(activation, name=f"dense{number}_act")(x)
    return keras.Model(inputs, keras.layers.Dense(2)(x) if head else x)


def hidden(activation, **options):
    """Diagnose a net with a head: rules look at hidden sites, not at outputs."""
    return diagnostics.diagnose(net(activation, head=True, **options), values())


def values(count=64, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 4)).astype("float32")


def codes(diagnosis):
    return {finding.code for finding in diagnosis.findings}


def test_one_site_is_measured_by_hand():
    x = values()
    diagnosis = actzoo.diagnostics.diagnose(net("relu"), x)
    (site,) = diagnosis.sites
    assert site.path == "dense0_act" and site.activation == "relu" and site.units == 4
    assert site.zero_fraction == pytest.approx((x <= 0).mean(), abs=1e-6)
    assert site.saturated_fraction == pytest.approx((x < 0).mean(), abs=0.02)
    assert site.dead_units == 0
    assert site.input_range == (pytest.approx(x.min()), pytest.approx(x.max()))


def test_gradient_norm_is_that_of_a_shift_of_the_output():
    x, loss = values(32), keras.losses.MeanSquaredError()
    model = net("tanh")
    target = np.zeros_like(x)
    (site,) = diagnostics.diagnose(model, x, target, loss=loss).sites
    # d/ds mean((tanh(x) + s)^2) at s = 0, per unit: 2 tanh(x), averaged over cases and outputs.
    expected = np.linalg.norm((2 * np.tanh(x)).mean(axis=0) / 4)
    assert site.gradient_norm == pytest.approx(expected, rel=1e-4)


def test_dead_units_are_found():
    assert "dead_units" in codes(hidden("relu", bias=-100.0, depth=2))
    assert "dead_units" not in codes(hidden("leaky_relu", bias=-100.0, depth=2))


def test_saturation_is_found():
    assert "saturated" in codes(hidden("tanh", scale=50.0, depth=2))
    assert "saturated" not in codes(hidden("tanh", scale=0.5, depth=2))


def test_outliers_are_found():
    x = values(256)
    x[0, 0] = 1000.0
    assert "outliers" in codes(diagnostics.diagnose(net("relu", depth=2), x))
    assert "outliers" not in codes(diagnostics.diagnose(net("relu", depth=2), values(256)))


@pytest.mark.parametrize(("scale", "fires"), [(0.05, True), (1.0, False)])
def test_a_vanishing_gradient_is_found(scale, fires):
    x = values(32)
    diagnosis = diagnostics.diagnose(
        net("tanh", scale=scale, depth=6), x, np.ones_like(x), loss=keras.losses.MeanSquaredError()
    )
    assert ("gradient_vanishes" in codes(diagnosis)) == fires


def test_batch_norm_and_dropout_do_not_disturb_gradients():
    model = actzoo.build_model(
        "mobilenet_v2", input_shape=(32, 32, 3), num_classes=3, width=0.25,
        blocks=(1, 1, 1, 1, 1, 1, 1), seed=0,
    )  # fmt: skip
    before = [weight.copy() for weight in model.get_weights()]
    x = np.random.default_rng(0).uniform(0, 255, (16, 32, 32, 3))
    task = tasks.Classification()
    first, second = (
        diagnostics.diagnose(model, x, task.encode(np.arange(16) % 3, 3), loss=task.loss())
        for _ in range(2)
    )
    assert [s.gradient_norm for s in first.sites] == [s.gradient_norm for s in second.sites]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_without_activation_layers_is_reported():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    assert codes(diagnostics.diagnose(model, values())) == {"no_activation_layers"}


def test_a_subclassed_model_is_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(errors.InvalidTypeError, match=r"keras.Model\(inputs, outputs\)"):
        diagnostics.diagnose(Own(), values())


def test_fused_nested_and_shared_activations_are_measured():
    x, loss = values(32), keras.losses.MeanSquaredError()
    inner_input = keras.Input((4,))
    fused = keras.layers.Dense(4, activation="tanh", name="fused")
    inner = keras.Model(inner_input, fused(inner_input), name="inner")
    inputs = keras.Input((4,), name="image")
    shared = keras.layers.ReLU(name="shared")
    hidden = shared(inner(shared(inputs)))
    model = keras.Model(inputs, keras.layers.Dense(4, name="head")(hidden))
    diagnosis = diagnostics.diagnose(model, x, np.zeros_like(x), loss=loss)
    first, middle, last = diagnosis.sites
    assert [s.path for s in diagnosis.sites] == ["shared", "inner/fused", "shared#2"]
    kernel, bias = fused.get_weights()
    before = np.maximum(x, 0) @ kernel + bias
    assert first.zero_fraction == pytest.approx((x <= 0).mean(), abs=1e-6)
    assert middle.input_range == pytest.approx((before.min(), before.max()), rel=1e-5)
    assert last.zero_fraction == pytest.approx((np.tanh(before) <= 0).mean(), abs=1e-6)
    outputs = np.asarray(model(x))
    kernel, _ = model.get_layer("head").get_weights()
    assert last.gradient_norm == pytest.approx(
        np.linalg.norm((2 * outputs / 4 @ kernel.T).mean(axis=0)), rel=1e-3
    )


def test_a_layer_that_cannot_be_copied_leaves_out_the_gradients_only():
    class Own(keras.layers.Layer):
        def __init__(self, factor):
            super().__init__(name="own")
            self.factor = np.asarray(factor)

        def call(self, x):
            return x * self.factor

        def get_config(self):
            raise NotImplementedError

    inputs = keras.Input((4,), name="image")
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.ReLU()(Own(2.0)(inputs))))
    x = values(8)
    diagnosis = diagnostics.diagnose(
        model, x, np.zeros((8, 2)), loss=keras.losses.MeanSquaredError()
    )
    assert [site.gradient_norm for site in diagnosis.sites] == [None]
