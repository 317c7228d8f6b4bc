"""Architectures: shapes, names, seeds, saving, loading, weights."""

import random

import numpy as np
import pytest

import actzoo
from actzoo import activations, errors, models, weights

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
