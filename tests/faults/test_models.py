"""What is asked of a model, and what a model file asks for."""

import json
import zipfile

import numpy as np
import pytest

import actzoo
from actzoo import errors, memory, models, weights


@pytest.mark.parametrize(
    "overrides",
    [
        {"num_classes": -1},
        {"num_classes": 1},
        {"num_classes": 2.5},
        {"num_classes": 10**9},
        {"input_shape": (0, 32, 3)},
        {"input_shape": (-1, 32, 3)},
        {"input_shape": (None, 32, 3)},
        {"input_shape": (32, 32)},
        {"input_shape": (10**6, 10**6, 3)},
        {"dropout": 1.5},
        {"widths": (0, 8, 8, 8)},
        {"widths": 5},
        {"blocks": (2, 2)},
        {"stem_strides": -1},
    ],
    ids=str,
)
def test_impossible_options_are_refused_before_building(overrides):
    with pytest.raises((errors.InvalidValueError, errors.InvalidTypeError)) as caught:
        actzoo.build_model("resnet18", **overrides)
    assert next(iter(overrides)) in str(caught.value)


def test_a_step_that_does_not_fit_is_refused_with_a_batch_size(monkeypatch):
    model = actzoo.build_model("simple_net", num_classes=3)
    monkeypatch.setattr(memory, "free_bytes", lambda: memory.estimate(model, 20))
    memory.check(model, 20)
    with pytest.raises(errors.InvalidValueError, match=r"--batch-size 20, or --force"):
        memory.check(model, 64)


def test_unknown_model_and_option_name_the_nearest():
    with pytest.raises(errors.UnknownNameError, match="Did you mean 'mobilenet_v2'"):
        actzoo.build_model("mobilnet_v2")
    with pytest.raises(errors.UnknownNameError, match="'activation'"):
        actzoo.build_model("resnet18", activatoin="relu")
    with pytest.raises(errors.UnknownNameError, match="'width' is an option of mobilenet_v2"):
        actzoo.build_model("resnet18", width=0.5)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    model = actzoo.build_model("simple_net", num_classes=3, input_shape=(4, 4, 3), units=(8,))
    actzoo.save_model(
        model, folder,
        models.ModelCard("simple_net", {}, "vision", "classification", ("a", "b", "c"), (), {}),
    )  # fmt: skip
    return folder / "model.keras"


def test_every_flipped_bit_of_a_model_file_is_found(saved, tmp_path):
    whole = saved.read_bytes()
    (tmp_path / "model.json").write_bytes(saved.with_name("model.json").read_bytes())
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(whole) * 8, 100):
        data = bytearray(whole)
        data[position // 8] ^= 1 << (position % 8)
        (tmp_path / "model.keras").write_bytes(bytes(data))
        with pytest.raises(errors.InvalidValueError):
            actzoo.load_model(tmp_path)


def rewrite(saved, target, change):
    """Copy a model file with another config.json."""
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                data = change(json.loads(data))
                data = data if isinstance(data, bytes) else json.dumps(data).encode()
            new.writestr(name, data)
    return target


def with_layer(model_config, layer):
    model_config["config"]["layers"][1].update(layer)
    return model_config


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "keras.layers", "class_name": "Lambda", "registered_name": None},
        {"module": "keras.layers", "class_name": "TFSMLayer", "registered_name": None},
        {"module": "os", "class_name": "system", "registered_name": None},
        {"module": "builtins", "class_name": "function", "config": "exec"},
        {"module": "mypackage", "class_name": "Odd", "registered_name": "mypackage>Odd"},
    ],
    ids=lambda layer: layer["class_name"],
)
def test_a_class_that_can_run_code_is_refused_by_name(saved, tmp_path, layer):
    file = rewrite(saved, tmp_path / "x.keras", lambda config: with_layer(config, layer))
    with pytest.raises(errors.InvalidValueError, match="--trust") as caught:
        actzoo.load_model(file)
    assert layer["class_name"] in str(caught.value) or "mypackage" in str(caught.value)


def test_a_config_that_names_keras_settings_is_refused(saved, tmp_path):
    import keras

    before = keras.config.epsilon()
    call = {"module": "keras.config", "class_name": "set_epsilon", "config": {"value": 1.0}}
    file = rewrite(saved, tmp_path / "x.keras", lambda config: with_layer(config, call))
    with pytest.raises(errors.InvalidValueError):
        actzoo.load_model(file)
    assert keras.config.epsilon() == before


def test_a_layer_wider_than_the_stored_weights_is_refused(saved, tmp_path):
    def widen(config):
        next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense")[
            "config"
        ]["units"] = 10**8
        return config

    file = rewrite(saved, tmp_path / "x.keras", widen)
    with pytest.raises(errors.InvalidValueError, match="asks for units=100,000,000"):
        actzoo.load_model(file)


def test_weights_that_do_not_fit_are_refused_with_a_table():
    narrow, wide = (
        actzoo.build_model("simple_net", input_shape=(4, 4, 3), num_classes=3, units=units)
        for units in ((8,), (9,))
    )
    with pytest.raises(errors.InvalidValueError, match=r"dense1: expected .*9.*found .*8"):
        weights.apply(wide, narrow)


def test_archive_members_outside_the_format_are_refused(saved, tmp_path):
    file = tmp_path / "x.keras"
    file.write_bytes(saved.read_bytes())
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("../evil.txt", "x")
    with pytest.raises(errors.InvalidValueError, match="unexpected member"):
        actzoo.load_model(file)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (20 << 20))
        archive.writestr("metadata.json", "{}")
    with pytest.raises(errors.InvalidValueError, match="claims to unpack"):
        actzoo.load_model(file)


@pytest.mark.parametrize(
    "change",
    [lambda c: b"[" * 100_000, lambda c: b"\xff\xfe", lambda c: b"", lambda c: b"{"],
    ids=["deep", "not-utf8", "empty", "cut"],
)
def test_broken_configs_are_refused_as_broken(saved, tmp_path, change):
    file = rewrite(saved, tmp_path / "x.keras", change)
    with pytest.raises(errors.InvalidValueError, match="not a whole Keras model file"):
        actzoo.load_model(file)


def test_a_truncated_file_is_not_called_missing(saved, tmp_path):
    file = tmp_path / "x.keras"
    for size in (0, 100, len(saved.read_bytes()) // 2):
        file.write_bytes(saved.read_bytes()[:size])
        with pytest.raises(errors.InvalidValueError, match="not a whole Keras model file"):
            actzoo.load_model(file)
