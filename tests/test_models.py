"""Architectures: shapes, names, seeds, saving, loading, weights."""

import hashlib
import random
import subprocess
import sys

import numpy as np
import pytest

import actzoo
from actzoo import activations, errors, initial_weights, models, weights

SMALL = {
    "simple_net": {"units": (16, 8)},
    "mobilenet_v2": {"width": 0.25},
    "resnet18": {"widths": (8, 8, 16, 16)},
}


def build(name, **overrides):
    return actzoo.build_model(
        name,
        **{"input_shape": (32, 32, 3), "num_classes": 5, "seed": 1, **SMALL[name], **overrides},
    )


def pictures(count=4, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (count, 32, 32, 3)).astype("float32")


def card(model, name):
    return models.ModelCard(
        name=name, config={}, domain="vision", task="classification", classes=tuple("abcde"),
        preprocessing=(), inputs={"image": {"shape": [32, 32, 3]}},
    )  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_model_is_flat_functional_and_ends_in_logits(name):
    model = build(name)
    assert model.output_shape == (None, 5)
    assert not any(hasattr(layer, "layers") for layer in model.layers)
    assert model.layers[-1].name == "head_logits"
    logits = model.predict(pictures(), verbose=0)
    assert np.isfinite(logits).all() and logits.min() < 0 < logits.max()


@pytest.mark.parametrize("name", SMALL)
def test_every_activation_is_a_named_layer_of_its_own(name):
    model = build(name, activation="gelu")
    sites = [layer for layer in model.layers if activations.identify(layer) == ("gelu", {})]
    assert sites and all(site.name.endswith("_act") for site in sites)
    fused = [
        layer.name
        for layer in model.layers
        if activations.identify(layer) is None
        and getattr(layer, "activation", None) is not None
        and layer.activation.__name__ != "linear"
    ]
    assert fused == []


@pytest.mark.parametrize("name", SMALL)
def test_seed_decides_the_weights_and_leaves_random_alone(name):
    random.seed(7)
    before = random.getstate()
    first, second, other = build(name), build(name), build(name, seed=2)
    assert random.getstate() == before
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(
        (a != b).any() for a, b in zip(first.get_weights(), other.get_weights(), strict=True)
    )


def test_no_classes_gives_pooled_features():
    model = build("resnet18", num_classes=0)
    assert model.output_shape == (None, 16)


def test_parameter_counts_are_those_of_the_papers():
    # 3.5 M (MobileNetV2, table 4 of the paper) and 11.7 M (ResNet-18), at 1000 classes.
    assert actzoo.build_model("mobilenet_v2").count_params() == pytest.approx(3.54e6, rel=0.01)
    assert actzoo.build_model("resnet18").count_params() == pytest.approx(11.7e6, rel=0.01)


def test_save_and_load_keep_outputs_and_names(tmp_path):
    model = build("mobilenet_v2", activation="prelu")
    actzoo.save_model(model, tmp_path, card(model, "mobilenet_v2"))
    loaded = actzoo.load_model(tmp_path)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    np.testing.assert_array_equal(
        loaded.predict(pictures(), verbose=0), model.predict(pictures(), verbose=0)
    )


def test_changed_model_file_is_refused_by_its_hash(tmp_path):
    model = build("simple_net")
    actzoo.save_model(model, tmp_path, card(model, "simple_net"))
    file = tmp_path / "model.keras"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(errors.InvalidValueError, match="SHA-256 differs"):
        actzoo.load_model(tmp_path)


def test_weights_of_the_same_architecture_load_all_but_the_head():
    source, target = build("resnet18"), build("resnet18", num_classes=3, seed=9)
    head = target.get_layer("head_logits").get_weights()[0].copy()
    report = weights.apply(target, source)
    assert list(report.skipped) == ["head_logits"]
    with_weights = [layer.name for layer in target.layers if layer.weights]
    assert len(report.loaded) + len(report.skipped) == len(with_weights)
    np.testing.assert_array_equal(target.get_layer("head_logits").get_weights()[0], head)
    np.testing.assert_array_equal(
        target.get_layer("stem_conv").get_weights()[0],
        source.get_layer("stem_conv").get_weights()[0],
    )


def test_weights_of_another_width_are_refused_with_a_table():
    with pytest.raises(errors.InvalidValueError, match=r"stem_conv: expected .* found"):
        weights.apply(build("resnet18", widths=(16, 16, 32, 32)), build("resnet18"))


# --- initial weights: a function of the seed and of each weight's own name ----------------------


def weights_of(model):
    return {
        f"{layer.name}/{number}/{weight.name}": np.asarray(weight)
        for layer in model.layers
        for number, weight in enumerate(layer.weights)
    }


def same_where_both(first, second):
    first, second = weights_of(first), weights_of(second)
    both = set(first) & set(second)
    assert both
    for name in sorted(both):
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    return both


TEXT = {
    "num_classes": 3,
    "layers": 1,
    "width": 16,
    "heads": 2,
    "vocabulary_size": 50,
    "max_length": 8,
}

FRESH = """
import hashlib, random
import numpy as np
import actzoo

before = random.getstate()

def digest():
    model = actzoo.build_model(
        "mobilenet_v2", width=0.25, input_shape=(32, 32, 3), num_classes=5, seed=1
    )
    return hashlib.sha256(b"".join(np.asarray(w).tobytes() for w in model.weights)).hexdigest()

print(digest(), digest(), random.getstate() == before)
"""


def test_a_fresh_process_gives_the_weights_of_any_other_call():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
    first, second, unchanged = done.stdout.split()
    model = build("mobilenet_v2")
    here = hashlib.sha256(b"".join(np.asarray(w).tobytes() for w in model.weights)).hexdigest()
    assert first == second == here
    assert unchanged == "True"  # though modules were imported that draw from it


@pytest.mark.parametrize(("name", "options"), [("resnet18", {}), ("bert_tiny", TEXT)])
def test_dropout_leaves_the_weights_of_other_layers(name, options):
    common = {"seed": 3, "num_classes": 3, **SMALL.get(name, {"input_shape": None}), **options}
    common = {key: value for key, value in common.items() if value is not None}
    first, second = (actzoo.build_model(name, dropout=rate, **common) for rate in (0.0, 0.1))
    assert len(second.layers) > len(first.layers)
    assert len(same_where_both(first, second)) == len(weights_of(first))


@pytest.mark.parametrize("activation", ["prelu", "meta_acon", "dy_relu", "gumbel_softmax", "rrelu"])
def test_an_activation_with_weights_or_chance_leaves_those_of_other_layers(activation):
    one, other = build("resnet18", activation="relu"), build("resnet18", activation=activation)
    for layer in one.layers:  # what stands before an activation is scaled by the activation's gain
        if layer.name == "head_logits" or layer.name.endswith(("_shortcut_conv", "_2_conv")):
            np.testing.assert_array_equal(layer.kernel, other.get_layer(layer.name).kernel)
    again = build("resnet18", activation=activation)
    assert same_where_both(other, again) == set(weights_of(other))
    states = [
        [np.asarray(layer.seed_generator.state) for layer in model.layers
         if hasattr(layer, "seed_generator")]
        for model in (other, again)
    ]  # fmt: skip
    np.testing.assert_array_equal(*states)


def test_deeper_models_start_with_the_weights_of_shallower_ones():
    shallow, deep = (
        build("resnet18", blocks=blocks) for blocks in ((1, 1, 1, 1), (2, 1, 1, 2))
    )  # fmt: skip
    assert same_where_both(shallow, deep) == set(weights_of(shallow))


def test_layers_of_one_shape_start_differently():
    model = build("resnet18")
    kernels = [layer.kernel.numpy().tobytes() for layer in model.layers if hasattr(layer, "kernel")]
    assert len(kernels) == len(set(kernels)) > 10


def test_initial_weights_keep_the_statistics_of_their_initializer():
    model = build("resnet18", widths=(64, 64, 64, 64))
    for layer in model.layers:
        if hasattr(layer, "kernel") and layer.kernel.shape[-1] == 64 and layer.name[-5:] == "_conv":
            kernel = np.asarray(layer.kernel)
            expected = layer.kernel_initializer(kernel.shape)
            assert kernel.std() == pytest.approx(np.asarray(expected).std(), rel=0.1), layer.name
            assert abs(kernel.mean()) < 0.1 * kernel.std()


def test_weights_that_a_builder_sets_are_kept_and_unnamed_or_nested_layers_keyed():
    import keras

    def built(count):
        for _ in range(count):  # moves the numbers in the names that Keras makes up
            keras.layers.Dense(1)
        inputs = keras.Input((4,), name="x")
        nested = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)], name="nested")
        loaded = keras.layers.Dense(4, name="loaded")
        x = loaded(keras.layers.Dense(4)(nested(inputs)))
        loaded.set_weights([np.eye(4), np.ones(4)])
        words = keras.layers.Reshape((2, 2))(x)
        x = keras.layers.MultiHeadAttention(2, 2, name="attention")(words, words)
        model = keras.Model(inputs, x)
        initial_weights.assign(model, 1)
        return model

    first, second = built(0), built(3)
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(first.get_layer("loaded").kernel, np.eye(4))
    kernels = [np.asarray(w) for w in first.get_layer("attention").weights if w.name == "kernel"]
    assert len({kernel.tobytes() for kernel in kernels}) == 4
