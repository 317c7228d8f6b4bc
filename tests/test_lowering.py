"""Every activation's device form: equal to Keras where it must be, foldable where it says so."""

import functools

import keras
import numpy as np
import pytest
import toy_export

from actzoo import activations, errors, export, lowering, sites, tflite
from actzoo.activations import lookup
from actzoo.activations.layer_base import Learned
from actzoo.tflite import converter

NAMES = tuple(row.name for row in activations.ACTIVATIONS if row.device)
FLAT = [name for name in NAMES if not activations.describe(name).ranks]  # takes (n, channels)
ELEMENTWISE = activations.names(elementwise=True)
# Sums of thousands do not agree with Keras' to 1e-5 absolutely; relative to the value they do.
# Chains that come close to a function that none gives exactly.
FITTED = set(
    """sparse_plus smelu poly_relu sine_relu xielu elish hard_elish isru gelu_linear serf colu
    softsign elliott_sigmoid arctan sigmoid_algebraic laplace atlu xatlu erf symexp logcosh
    thresholded_relu threshold soft_shrink flatten_t_swish""".split()
)
EXPONENTIAL = ("exponential", "symexp")
POINTS = np.concatenate(
    [np.linspace(-12, 12, 97), [-1e4, -100.0, -30.0, 30.0, 88.0, 89.0, 100.0, 1e4]]
).astype("float32")


@pytest.fixture(scope="module")
def child():
    return toy_export.converter()


def grid(name):
    """Return inputs `(n, 4)` for an activation; exp has nothing finite beyond 88."""
    points = np.clip(POINTS, -80, 80) if name in EXPONENTIAL else POINTS
    return np.stack([points, points[::-1], points / 3, -points], axis=1)


def one_layer(name):
    x = keras.Input((4,), name="x")
    return keras.Model(x, activations.get(name, name="site_act")(x))


def test_every_activation_of_the_table_has_a_form():
    assert set(NAMES) == set(activations.names())


@pytest.mark.parametrize("name", FLAT)
def test_float_form_equals_keras(name):
    model = one_layer(name)
    lowered = lowering.lower(model, "float32")
    x = grid(name)
    expected, values = np.asarray(model(x)), np.asarray(lowered(x))
    if activations.describe(name).elementwise:  # Keras' own squareplus loses its digits at -1e4
        expected = activations.reference(name)(x)
    assert np.isfinite(values).all()
    scale = np.maximum(1.0, np.abs(expected))
    assert np.abs((values - expected) / scale).max() < 1e-5
    replaced = isinstance(lowered.get_layer("site_act"), lowering.DeviceActivation)
    learned = isinstance(model.get_layer("site_act"), Learned)
    assert replaced == (learned or lowering.device_form(name).float is not None)


@pytest.mark.parametrize(
    ("spec", "steps"),
    [(name, 3 if name in FITTED else 0.02) for name in ELEMENTWISE]
    + [
        ("relu_n(max_value=2.5)", 2),
        ("relu_n(negative_slope=0.1, max_value=6)", 1),
        ("hard_tanh(min_value=-2, max_value=0.5)", 1),
        ("softplus(beta=2.5)", 1),
        ("leaky_relu(negative_slope=0.3)", 1),
        ("leaky_relu(negative_slope=0)", 1),
        ("elu(alpha=0.7)", 1),
        ("celu(alpha=2)", 1),
        ("threshold(threshold=-1,value=0.5)", 2),
        ("soft_shrink(threshold=1.2)", 2),
        ("soft_shrink(threshold=0)", 1),
        ("hard_shrink(threshold=0)", 1),
        ("squareplus(b=1)", 3),
    ],
)
def test_int8_form_is_within_steps_of_the_reference(spec, steps):
    """The form on rounded inputs, rounded once, against the ideal table."""
    name, params = activations.parse(spec)
    params = {**activations.describe(name).defaults, **params}
    lowered = lowering.lower(one_layer(spec), "int8")
    for low, high in ((-3.0, 3.0), (-6.0, 6.0), (-1.0, 8.0)):
        x = np.linspace(low, high, 256).astype("float32")
        values = np.asarray(lowered(x.reshape(-1, 4))).reshape(-1)
        expected = activations.reference(spec)(x)
        step = (max(expected.max(), 0) - min(expected.min(), 0)) / 255
        jump = np.isclose(x, params.get("threshold", np.inf), atol=1e-6)
        assert np.abs(values - expected)[~jump].max() <= steps * step


class Shift(keras.layers.Layer):
    """Adds a small random weight."""

    def build(self, shape):
        self.shift = self.add_weight(
            shape=(4,), initializer=keras.initializers.RandomNormal(0, 1e-3)
        )

    def call(self, x):
        return x + self.shift


def branches(names, *, dense):
    """Return a model that applies each activation to the input, or between two dense layers."""
    keras.utils.set_random_seed(1)
    x = keras.Input((4,), name="x")
    outs = []
    for spec in names:
        name, _ = activations.parse(spec)
        # Without dense layers, a small shift keeps branches from sharing subexpressions: the
        # converter knows GELU only as long as nobody else uses its parts.
        y = keras.layers.Dense(4, name=f"{name}_before")(x) if dense else Shift(name=name)(x)
        y = activations.get(spec, name=f"{name}_act")(y)
        outs.append(keras.layers.Dense(4, name=f"{name}_after")(y) if dense else y)
    model = keras.Model(x, keras.layers.Concatenate(name="joined")(outs))
    for layer in model.layers:
        if hasattr(layer, "excite"):
            # Two kernels of zeros are stored once, which the quantizer gets wrong for two shapes.
            kernel = layer.excite.kernel
            kernel.assign(np.random.default_rng(0).normal(0, 0.1, kernel.shape))
    return model


def convert(child, lowered, tmp_path):
    export.save_model(lowered, tmp_path / "saved")
    child.run(
        converter.CONVERT, saved_model=str(tmp_path / "saved"), out=str(tmp_path / "f.tflite")
    )
    return tmp_path / "f.tflite"


def test_float_forms_convert_to_builtins_and_stay_finite(child, tmp_path):
    names = [name for name in ELEMENTWISE if name not in EXPONENTIAL]
    model = lowering.lower(branches(names, dense=False), "float32")
    data = convert(child, model, tmp_path).read_bytes()
    assert tflite.read(data).custom_operators() == 0
    x = grid("relu")
    expected, outputs = model.predict(x, verbose=0), tflite.Interpreter(data).run({"x": x})
    error = np.abs(outputs - expected) / np.maximum(1.0, np.abs(expected))
    worst = {name: error[:, 4 * i : 4 * i + 4].max() for i, name in enumerate(names)}
    assert {name: value for name, value in worst.items() if not value < 1e-5} == {}


def test_what_looks_at_more_than_one_value_converts_to_builtins(child, tmp_path):
    names = [*activations.names(elementwise=False), "gumbel_softmax(hard=True)", "maxout(axis=2)"]
    names += ["k_winners(across='channels')", "bipolar_relu(axis=1)", "dy_relu(per='layer')"]
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    x = keras.Input((4, 4, 4), name="x")
    outs = [keras.layers.Flatten()(activations.get(name)(x)) for name in names]
    model = keras.Model(x, keras.layers.Concatenate()(outs))
    for weight in model.trainable_weights:
        weight.assign(np.asarray(weight) + rng.normal(0, 0.2, weight.shape))
    data = convert(child, lowering.lower(model, "float32"), tmp_path).read_bytes()
    assert tflite.read(data).custom_operators() == 0
    scale = rng.choice([0.1, 1.0, 10.0], (40, 1, 1, 1))
    pictures = rng.normal(0, scale, (40, 4, 4, 4)).astype("float32")
    expected = model.predict(pictures, verbose=0)
    error = tflite.Interpreter(data).run({"x": pictures}) - expected
    error = np.abs(error) / np.maximum(1.0, np.abs(expected))
    parts = np.split(error, np.cumsum([out.shape[-1] for out in outs])[:-1], axis=1)
    worst = {n: part.max() for n, part in zip(names, parts, strict=True)}
    assert {name: value for name, value in worst.items() if not value < 1e-5} == {}


@pytest.mark.parametrize("per", ["layer", "channel"])
def test_learned_weights_convert_between_dense_layers(child, tmp_path, per):
    """The converter folds sums and factors into the layers beside; not all shapes survive that."""
    names = [n for n in ELEMENTWISE if "per" in activations.describe(n).defaults]
    model = branches([f"{name}(per='{per}')" for name in names], dense=True)
    random = np.random.default_rng(0)
    for weight in model.trainable_weights:
        shift = random.normal(0, 0.2, weight.shape)
        weight.assign(keras.ops.convert_to_numpy(weight) + shift.astype("float32"))
    x = random.normal(0, 1, (50, 4)).astype("float32")
    data = convert(child, lowering.lower(model, "float32"), tmp_path).read_bytes()
    assert tflite.read(data).custom_operators() == 0
    expected, outputs = model.predict(x, verbose=0), tflite.Interpreter(data).run({"x": x})
    error = np.abs(outputs - expected) / np.maximum(1.0, np.abs(expected))
    worst = {name: error[:, 4 * i : 4 * i + 4].max() for i, name in enumerate(names)}
    # (exp(a x) - 1) / a for a small a: TFLite has no expm1.
    assert worst.pop("soft_exponential") < 1e-4
    assert {name: value for name, value in worst.items() if not value < 1e-5} == {}


def test_keras_softplus_overflows_in_tflite(child, tmp_path):
    """The reason for stable forms; when this fails, TFLite has mended it."""
    model = branches(["softplus"], dense=False)
    lowered = lowering.lower(model, "float32", replace=False)
    data = convert(child, lowered, tmp_path).read_bytes()
    outputs = tflite.Interpreter(data).run({"x": np.full((1, 4), 100, "float32")})
    assert not np.isfinite(outputs).all()


def test_int8_forms_fold(child, tmp_path):
    names = FLAT
    lowered = lowering.lower_in_detail(branches(names, dense=True), "chains")
    source = convert(child, lowered.model, tmp_path)
    samples = np.random.default_rng(0).normal(0, 2, (64, 4)).astype("float32")
    np.savez(tmp_path / "c.npz", x=samples)
    out = tmp_path / "int8.tflite"
    child.run(
        converter.QUANTIZE, source=str(source), out=str(out),
        operators=lowered.int8_operators, calibration=str(tmp_path / "c.npz"),
    )  # fmt: skip
    runs = tflite.float_runs(tflite.read(out.read_bytes()))
    slow = {
        name for name in names for run in runs
        if not run.folds and f"/{name}_act" in run.place
    }  # fmt: skip
    assert slow == {name for name in names if not lowering.device_form(name).folds}
    assert {layer.removesuffix("_act") for layer in lowered.float_layers} == slow
    # What is slow is said; nothing else could be one table and is none.
    broken = {
        name for name in names for run in runs if run.could_fold and f"/{name}_act" in run.place
    }
    assert broken <= slow


def test_prelu_keeps_its_slopes():
    model = one_layer("prelu")
    model.layers[-1].set_weights([np.array([0.1, -0.2, 0.3, 1.5], "float32")])
    x = grid("prelu")
    for form in ("stable", "chains"):
        lowered = lowering.lower_in_detail(model, form)
        np.testing.assert_allclose(lowered.model(x), model(x), rtol=1e-6)
    assert "weights that differ" in lowered.float_layers["site_act"]
    model.layers[-1].set_weights([np.full(4, 0.1, "float32")])
    assert lowering.lower_in_detail(model, "chains").float_layers == {}


def test_prelu_with_a_slope_per_channel_is_one_operator(child, tmp_path):
    x = keras.Input((6, 6, 3), name="x")
    y = activations.get("prelu", name="site_act")(keras.layers.Conv2D(4, 3)(x))
    model = keras.Model(x, keras.layers.Conv2D(2, 3)(y))
    model.get_layer("site_act").set_weights([np.array([0.1, 0.2, 0.3, 0.4])])
    data = convert(child, lowering.lower(model, "int8"), tmp_path).read_bytes()
    assert tflite.read(data).counts() == {"CONV_2D": 2, "PRELU": 1}


def test_forms_fold_where_several_layers_follow(child, tmp_path):
    """The converter moves a factor into one of several followers and would leave it for another."""
    keras.utils.set_random_seed(0)
    x = keras.Input((4, 4, 3), name="x")
    outs = []
    rows = {name: lowering.device_form(name) for name in ELEMENTWISE}
    chains = [name for name, row in rows.items() if row.folds and (row.int8 or row.ends_in_scalar)]
    for spec in (*chains, "celu(alpha=2)"):  # a single operator has no part that could be moved
        name = spec.replace("(alpha=2)", "2")
        y = keras.layers.Conv2D(4, 3, padding="same", name=f"{name}_before")(x)
        y = activations.get(spec, name=f"{name}_act")(y)
        z = keras.layers.DepthwiseConv2D(3, padding="same", name=f"{name}_after")(y)
        z = keras.layers.Add(name=f"{name}_sum")([y, z])
        outs += [
            keras.layers.Conv2D(2, 1, name=f"{name}_out")(y),
            keras.layers.Conv2D(2, 1, name=f"{name}_sum_out")(z),
        ]
    joined = keras.layers.Concatenate(name="joined")(outs)
    lowered = lowering.lower_in_detail(keras.Model(x, joined), "chains")
    source = convert(child, lowered.model, tmp_path)
    np.savez(tmp_path / "c.npz", x=np.random.default_rng(0).normal(0, 2, (10, 4, 4, 3)))
    child.run(
        converter.QUANTIZE, source=str(source), out=str(tmp_path / "q"),
        operators=lowered.int8_operators, calibration=str(tmp_path / "c.npz"),
    )  # fmt: skip
    runs = tflite.float_runs(tflite.read((tmp_path / "q").read_bytes()))
    assert len(runs) > 50
    assert [run for run in runs if not run.folds] == []


def test_foreign_activations_are_found_wherever_they_are():
    x = keras.Input((4,), name="x")
    y = keras.layers.Dense(4, activation="softplus", name="fused")(x)
    y = keras.ops.softplus(y)
    y = keras.layers.Softmax()(y)
    model = keras.Model(x, y)
    lowered = lowering.lower_in_detail(model, "chains", output_activation="softmax")
    values = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    np.testing.assert_allclose(lowered.model(values), model(values), atol=1e-6)
    kinds = [type(layer).__name__ for layer in lowered.model.layers]
    assert kinds.count("DeviceActivation") == 2
    assert isinstance(lowered.model.get_layer("fused").activation, functools.partial)


def test_output_activation_is_appended_once():
    model = one_layer("softmax")
    assert len(lowering.lower(model, output_activation="softmax").layers) == len(model.layers)
    model = one_layer("relu")
    assert lowering.lower(model, output_activation="softmax").layers[-1].name == "probabilities"


def test_mixed_precision_is_rebuilt_in_float32():
    x = keras.Input((4,), name="x")
    y = keras.layers.Dense(4, dtype="mixed_float16")(x)
    y = keras.layers.Activation("mish", dtype="mixed_float16")(y)
    model = keras.Model(x, keras.layers.Dense(2, dtype="mixed_bfloat16")(y))
    lowered = lowering.lower(model)
    assert {layer.compute_dtype for layer in lowered.layers} == {"float32"}
    for old, new in zip(model.weights, lowered.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(old), np.asarray(new))


def test_shared_and_nested_layers_survive():
    shared = keras.layers.Dense(4, name="shared_1")
    inner_in = keras.Input((4,))
    inner = keras.Model(inner_in, keras.layers.Activation("mish")(shared(inner_in)), name="inner")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, inner(inner(shared(x))))
    values = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    lowered = lowering.lower(model, "int8")
    np.testing.assert_allclose(lowered(values), model(values), atol=1e-6)


def test_sequential_works_and_subclassed_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="selu")])
    values = np.ones((1, 4), "float32")
    np.testing.assert_allclose(lowering.lower(model)(values), model(values), atol=1e-6)

    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(errors.InvalidTypeError, match="not a functional model"):
        lowering.lower(Own())


def test_unknown_precision_is_refused():
    with pytest.raises(errors.UnknownNameError, match="int8"):
        lowering.lower(one_layer("relu"), "int9")


def test_third_party_row_brings_its_own_form(monkeypatch):
    row = activations.ActivationSpec(
        name="test_cube", target="keras.ops:square", float_form=f"{__name__}:cube_form"
    )
    monkeypatch.setattr(lookup, "describe", lambda name: row)
    assert lowering.device_form("test_cube").float is cube_form
    assert lowering.device_form("test_cube").int8 is None


def cube_form(x, **_):
    return x * x * x


CUBE = lowering.DeviceForm(cube_form, folds=False, why="is a test")


def test_third_party_row_names_a_whole_device_form(monkeypatch):
    row = activations.ActivationSpec(
        name="test_cube", target="keras.ops:square", device=f"{__name__}:CUBE"
    )
    monkeypatch.setattr(lookup, "describe", lambda name: row)
    assert lowering.device_form("test_cube") is CUBE


def test_what_is_not_a_device_form_is_refused_by_name(monkeypatch):
    row = activations.ActivationSpec(
        name="test_cube", target="keras.ops:square", device=f"{__name__}:cube_form"
    )
    monkeypatch.setattr(lookup, "describe", lambda name: row)
    with pytest.raises(errors.InvalidValueError, match=r"'test_cube' names .*:cube_form") as caught:
        lowering.device_form("test_cube")
    assert "actzoo.lowering.DeviceForm" in str(caught.value)


def largest_difference(model, lowered, *inputs):
    given = [np.asarray(value) for value in inputs]
    given = given[0] if len(given) == 1 else given
    return np.abs(np.asarray(model(given)) - np.asarray(lowered(given))).max()


def probabilities_of(count):
    return keras.layers.Dense(count, activation="softmax")


def probabilities(kind):
    """Return a model that ends in softmax, written in one of the ways that users have."""
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    x = keras.Input((4,), name="x")
    dense = keras.layers.Dense(3)
    if kind == "tf.nn":
        return keras.Model(x, keras.layers.Dense(3, activation=tf.nn.softmax)(x))
    if kind == "keras.ops":
        return keras.Model(x, keras.layers.Dense(3, activation=keras.ops.softmax)(x))
    if kind == "nested":
        head = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
        return keras.Model(x, head(x))
    if kind == "sequential":
        inner = keras.Sequential([keras.layers.Dense(4, activation="relu"), dense])
        return keras.Sequential([keras.Input((4,), name="x"), inner, keras.layers.Softmax()])
    if kind == "second of two":
        z = keras.Input((4,))
        two = keras.Model(z, [dense(z), keras.layers.Softmax()(keras.layers.Dense(3)(z))])
        return keras.Model(x, two(x)[1])
    if kind == "distributed":
        y = keras.layers.Reshape((2, 2))(x)
        return keras.Model(x, keras.layers.TimeDistributed(probabilities_of(3))(y))
    if kind == "cast":
        y = keras.layers.Dense(3, activation="softmax")(x)
        return keras.Model(x, keras.layers.Activation("linear", dtype="float32")(y))
    if kind == "reshaped":
        return keras.Model(x, keras.layers.Reshape((3, 1))(keras.layers.Softmax()(dense(x))))
    return keras.Model(x, keras.ops.softmax(dense(x)))


@pytest.mark.parametrize(
    "kind",
    [
        "tf.nn", "keras.ops", "nested", "sequential", "second of two", "distributed", "cast",
        "reshaped", "operation",
    ],
)  # fmt: skip
def test_an_output_activation_is_not_applied_twice(kind):
    model = probabilities(kind)
    assert sites.ends_in(model, "softmax")
    x = np.random.default_rng(0).normal(0, 2, (6, 4)).astype("float32")
    lowered = lowering.lower(model, output_activation="softmax")
    assert largest_difference(model, lowered, x) < 1e-6
    outputs = lowering.keras_outputs(model, "softmax", {"x": x})
    np.testing.assert_allclose(outputs, np.asarray(model(x)), atol=1e-6)


def test_logits_are_not_taken_for_probabilities():
    x = keras.Input((4,), name="x")
    rows = keras.layers.Reshape((2, 2))(x)
    for y in (
        keras.layers.Dense(3)(x),
        keras.layers.Dense(3)(keras.layers.Softmax()(x)),
        keras.layers.LSTM(3, activation="softmax")(rows),
        keras.layers.Softmax(axis=1)(rows),
    ):
        assert not sites.ends_in(keras.Model(x, y), "softmax")
    several = keras.Model(x, [keras.layers.Dense(3)(x), keras.layers.Dense(2)(x)])
    assert not sites.ends_in(several, "softmax")
    with pytest.raises(errors.InvalidValueError, match="2 outputs"):
        lowering.lower(several, output_activation="softmax")


def test_a_mask_given_by_hand_is_kept():
    x, mask = keras.Input((4,), name="x"), keras.Input((4,), dtype="bool", name="mask")
    model = keras.Model([x, mask], keras.layers.Softmax()(x, mask=mask))
    shown = np.array([[1, 1, 0, 1]], bool)
    values = np.array([[1, 2, 3, 4]], "float32")
    assert largest_difference(model, lowering.lower(model), values, shown) < 1e-6


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("spec", ["keras_prelu", "prelu", "xielu", "dy_relu"])
def test_what_an_activation_inside_a_layer_learned_is_kept(spec, precision):
    """Keras takes a layer as the activation of a Dense or a convolution."""
    inner = keras.layers.PReLU() if spec == "keras_prelu" else activations.get(spec)
    x = keras.Input((6, 6, 3), name="x")
    model = keras.Model(x, keras.layers.Conv2D(4, 3, activation=inner, name="site")(x))
    rng = np.random.default_rng(0)
    unbuilt = largest_difference(model, lowering.lower(model, precision), np.ones((1, 6, 6, 3)))
    assert unbuilt < 0.05 and inner.weights  # a fitted chain may be off a little
    for weight in inner.weights:
        weight.assign(weight + rng.uniform(0.01, 0.05, weight.shape))
    lowered = lowering.lower(model, precision)
    assert largest_difference(model, lowered, rng.normal(0, 2, (5, 6, 6, 3))) < 1e-5


@pytest.mark.parametrize("spec", ["tlu", "flexible_relu", "prelu", "apl"])
def test_weights_per_element_of_one_channel_keep_their_axes(spec):
    x = keras.Input((6, 5, 1), name="x")
    layer = activations.get(f"{spec}(per='element')")
    model = keras.Model(x, layer(x))
    values = np.random.default_rng(0).normal(0, 2, (8, 6, 5, 1))
    for weight in layer.weights:
        weight.assign(weight + np.random.default_rng(1).uniform(0.1, 0.3, weight.shape))
    lowered = lowering.lower(model)
    assert lowered.output_shape == model.output_shape
    assert largest_difference(model, lowered, values) < 1e-6


def test_layers_whose_activation_is_fixed_are_kept():
    x = keras.Input((5, 4), name="x")
    y = keras.layers.GRU(3)(keras.layers.LSTM(3, return_sequences=True)(x))
    model = keras.Model(x, keras.layers.Dense(2, activation="relu")(y))
    values = np.random.default_rng(0).normal(0, 2, (3, 5, 4))
    assert largest_difference(model, lowering.lower(model), values) < 1e-6


def test_a_subclassed_model_within_a_model_is_kept():
    class Own(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = keras.layers.Dense(3, activation="relu")

        def call(self, x):
            return self.dense(x)

    x = keras.Input((4,), name="x")
    model = keras.Model(x, Own()(x))
    assert largest_difference(model, lowering.lower(model), np.ones((2, 4))) < 1e-6


def test_a_bare_threshold_keeps_its_value():
    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.ops.threshold(x, 0.5, -3.0))
    values = np.array([[0.2, 0.7, -1.0, 2.0]], "float32")
    assert largest_difference(model, lowering.lower(model), values) == 0


def test_layers_in_wrappers_compute_in_float32_too():
    x = keras.Input((3, 4), name="x")
    inner = keras.layers.Dense(4, dtype="mixed_float16")
    lowered = lowering.lower(keras.Model(x, keras.layers.TimeDistributed(inner)(x)))
    assert {layer.compute_dtype for layer in lowered._flatten_layers()} == {"float32"}


def test_new_names_of_layers_do_not_collide():
    x = keras.Input((4,), name="x")
    y = activations.get("relu", name="act_1_d")(activations.get("tanh", name="act_1")(x))
    model = keras.Model(x, y)
    lowered = lowering.lower_in_detail(model)
    assert sorted(lowered.names.values()) == ["act_1", "act_1_d"]
    assert largest_difference(model, lowered.model, np.ones((1, 4))) < 1e-6


@pytest.mark.parametrize(
    "spec",
    [
        "soft_clipping(alpha=13)", "soft_clipping(alpha=1000)", "soft_exponential(alpha=0.01)",
        "soft_exponential(alpha=-0.01)", "relu_n(max_value=6, threshold=2)",
        "softplus(linear_above=3)",
    ],
)  # fmt: skip
def test_parameters_beyond_a_chain_take_the_stable_form(spec):
    x = keras.Input((4,), name="x")
    model = keras.Model(x, activations.get(spec, name="site_act")(x))
    lowered = lowering.lower_in_detail(model, "chains")
    assert "no chain is known" in lowered.float_layers["site_act"]
    values = np.random.default_rng(0).normal(0, 2, (50, 4)).astype("float32")
    assert largest_difference(model, lowered.model, values) < 1e-5


def test_knees_that_crossed_in_training_take_the_stable_form():
    x = keras.Input((4,), name="x")
    layer = activations.get("srelu(per='layer')", name="site_act")
    model = keras.Model(x, layer(x))
    layer.left_weight.assign([1.0])
    layer.right_weight.assign([0.5])
    lowered = lowering.lower_in_detail(model, "chains")
    assert "site_act" in lowered.float_layers
    values = np.random.default_rng(0).normal(0, 2, (50, 4)).astype("float32")
    assert largest_difference(model, lowered.model, values) < 1e-6
