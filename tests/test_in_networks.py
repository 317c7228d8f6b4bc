"""Every activation in a residual block and a transformer block: built, trained, saved, loaded.

One eager step each; real architectures are the work of test_matrix and scripts/check_matrix.py.
"""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import actzoo
from actzoo import activations, blocks, errors
from actzoo.activations import grammar, placed

SIDE, CHANNELS = 6, 8
NO_TRANSFORMER = {"evo_norm_b0", "funnel_relu"}  # need an image


def network(name, policy):
    """Return a residual block, and a transformer block behind it where there can be one."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(0)
        x = inputs = keras.Input((SIDE, SIDE, 3))
        x = blocks.residual(x, CHANNELS, activation=name, name="first")
        x = keras.layers.Reshape((SIDE * SIDE, CHANNELS))(x)
        if name not in NO_TRANSFORMER:
            mask = keras.ops.ones_like(x[:, :, 0])
            x = blocks.transformer_encoder(
                x, mask, heads=2, feed_forward=16, activation=name, name="second"
            )
        x = keras.layers.GlobalAveragePooling1D()(x)
        return keras.Model(inputs, keras.layers.Dense(3, dtype="float32")(x))
    finally:
        keras.config.set_dtype_policy(before)


def examples():
    random = np.random.default_rng(0)
    return tf.constant(random.normal(size=(8, SIDE, SIDE, 3)), "float32"), tf.range(8) % 3


def step(model):
    """Take a step; return the losses before and after, and whether all weights are sound."""
    x, labels = examples()

    def loss():
        logits = model(x, training=True)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))

    with tf.GradientTape() as tape:
        before = loss()
    gradients = tape.gradient(before, [weight.value for weight in model.trainable_weights])
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
    sound = all(np.isfinite(np.asarray(weight, "float32")).all() for weight in model.weights)
    return float(before), float(loss()), sound


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("networks")


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("name", activations.names())
def test_builds_and_takes_a_step(name, policy, folder):
    model = network(name, policy)
    before, after, sound = step(model)
    assert np.isfinite([before, after]).all() and sound
    assert before != after
    if policy == "float32":
        model.save(folder / f"{name}.keras")
        np.save(folder / f"{name}.npy", model(examples()[0]), allow_pickle=False)


LOAD = """
import pathlib, sys
import keras, numpy as np
from actzoo import activations

activations.register_layers()
sys.path.insert(0, sys.argv[2])
import test_in_networks
x, _ = test_in_networks.examples()
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
    outputs = keras.saving.load_model(path)(x)
    if not np.array_equal(outputs, np.load(path.with_suffix(".npy"))):
        print(path.stem)
print("loaded")
"""


def test_a_fresh_process_loads_them_to_the_same_outputs(folder, request):
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder), str(request.path.parent)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["loaded"]
    assert len(list(folder.glob("*.keras"))) == len(activations.names())


@pytest.mark.parametrize("name", sorted(NO_TRANSFORMER))
def test_what_needs_an_image_is_refused_in_a_transformer(name):
    tokens = keras.Input((16, 8))
    mask = keras.ops.ones_like(tokens[:, :, 0])
    with pytest.raises(errors.InvalidValueError, match=name):
        blocks.transformer_encoder(
            tokens, mask, heads=2, feed_forward=16, activation=name, name="block"
        )


def counted(monkeypatch, owner, name):
    """Return the list to which each call of a function is added from now on."""
    calls, plain = [], getattr(owner, name)

    def call(*args, **kwargs):
        calls.append(args)
        return plain(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)
    return calls


def test_a_spec_is_read_once(monkeypatch):
    calls = counted(monkeypatch, grammar, "read")
    activations.get("mish")
    assert calls == [("mish",)]


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18"])
def test_one_layer_is_made_for_each_activation_of_a_model(monkeypatch, name):
    calls = counted(monkeypatch, placed, "get")
    model = actzoo.build_model(name, input_shape=(32, 32, 3), num_classes=3, activation="mish")
    sites = [layer for layer in model.layers if layer.name.endswith("_act")]
    assert len(calls) == len(sites)
