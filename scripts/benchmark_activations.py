"""Time and size training with each activation, against relu and against other packages' forms.

Command: python scripts/benchmark_activations.py [NAME ...] [--write]
Time: about 6 minutes for all on two cores; what is measured is kept in build/activation_costs.json.
Result: a table of forward and backward time in a small convolutional net and in a transformer
block as ratios to relu (medians of interleaved pairs), of the bytes alive at the peak of such a
step, and of time against the form that another package has. --write puts the ratios into
docs/activation_costs.json, from where the gallery takes them.
"""

import json
import math
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from actzoo import activations, blocks

ROOT = Path(__file__).parents[1]
STATE = ROOT / "build" / "activation_costs.json"
TARGET = ROOT / "docs" / "activation_costs.json"
ROUNDS = 15
BATCH = 16


def _kecam_gelu_linear(x):
    y = ops.square(ops.clip(ops.abs(x) * 0.7071, -1e9, 1.769) - 1.769) * -0.1444 + 0.5
    return x * (y * ops.sign(x) + 0.5)


# What others compute in the place of a function of ours: Keras' own, or their source, in Keras.
PEERS = {
    "celu": ("keras", keras.activations.celu),
    "gelu_tanh": ("keras", lambda x: keras.activations.gelu(x, approximate=True)),
    "squareplus": ("keras", keras.activations.squareplus),
    "sparse_plus": ("keras", keras.activations.sparse_plus),
    "soft_shrink": ("keras", keras.activations.soft_shrink),
    "hard_shrink": ("keras", keras.activations.hard_shrink),
    "threshold": ("keras", lambda x: keras.activations.threshold(x, 0.5, 0.0)),
    "glu": ("keras", keras.activations.glu),
    "mish": ("torch, kecam", lambda x: x * ops.tanh(ops.softplus(x))),
    "gelu": ("torch", lambda x: 0.5 * x * (1.0 + ops.erf(x * math.sqrt(0.5)))),
    "silu": ("torch", lambda x: x * ops.sigmoid(x)),
    "phish": ("kecam", lambda x: x * ops.tanh(ops.gelu(x, approximate=False))),
    "gelu_linear": ("kecam", _kecam_gelu_linear),
    "hard_mish": ("timm", lambda x: 0.5 * x * ops.clip(x + 2.0, 0.0, 2.0)),
    "quick_gelu": ("timm", lambda x: x * ops.sigmoid(1.702 * x)),
    "lisht": ("tfa", lambda x: x * ops.tanh(x)),
    "snake": ("tfa", lambda x: x + (1.0 - ops.cos(2.0 * x)) * 0.5),
    "relu_squared": ("hf", lambda x: ops.square(ops.relu(x))),
}


class Form(keras.layers.Layer):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        """Return the function of `x`."""
        return self.function(x)


def convolutional(activation, form=None):
    x = inputs = keras.Input((32, 32, 32), batch_size=BATCH)
    for number in range(3):
        filters = 32 if form else blocks.channels_before(32, activation)
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = Form(form)(x) if form else blocks.activate(x, activation, name=f"a{number}_act")
    return keras.Model(inputs, x)


def transformer(activation, form=None):
    inputs = keras.Input((64, 128), batch_size=BATCH)
    mask = ops.ones((BATCH, 64))
    if form:
        x = keras.layers.Dense(512)(inputs)
        x = keras.layers.Dense(128)(Form(form)(x))
        return keras.Model(inputs, x)
    x = blocks.transformer_encoder(
        inputs, mask, heads=2, feed_forward=512, activation=activation, name="b"
    )
    return keras.Model(inputs, x)


def feed_forward(activation, _=None):
    """Return the part of the block that has a peer's form, to compare like with like."""
    inputs = keras.Input((64, 128), batch_size=BATCH)
    x = keras.layers.Dense(512)(inputs)
    return keras.Model(inputs, keras.layers.Dense(128)(activations.get(activation)(x)))


def step(model):
    """Return one step, and the bytes alive at its peak."""
    inputs = tf.constant(np.random.default_rng(0).normal(size=model.input.shape), "float32")

    @tf.function
    def run(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True)))
        return tape.gradient(loss, model.trainable_variables)

    graph = run.get_concrete_function(inputs).graph
    run(inputs)
    return (lambda: run(inputs)), peak(graph)


def peak(graph):
    """Return the largest sum of sizes of tensors that are still needed, in the graph's order."""
    last = {}
    for place, operation in enumerate(graph.get_operations()):
        for tensor in operation.inputs:
            last[tensor.name] = place
    ending, alive, most = {}, 0, 0
    for place, operation in enumerate(graph.get_operations()):
        for tensor in operation.outputs:
            known = tensor.shape.is_fully_defined() and tensor.dtype.size
            if tensor.name in last and known and operation.type not in ("Const", "Placeholder"):
                size = tensor.shape.num_elements() * tensor.dtype.size
                alive += size
                ending.setdefault(last[tensor.name], []).append(size)
        most = max(most, alive)
        alive -= sum(ending.get(place, []))
    return most


def ratio(one, other):
    """Return the median of time(one) / time(other) over interleaved pairs."""
    ratios = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        other()
        middle = time.perf_counter()
        one()
        ratios.append((time.perf_counter() - middle) / (middle - started))
    return round(statistics.median(ratios), 3)


def measure(name, relu):
    row = activations.describe(name)
    row = {}
    for place, build in (("conv", convolutional), ("transformer", transformer)):
        if place == "transformer" and row.ranks and 3 not in row.ranks:
            continue
        run, size = step(build(name))
        row[place] = ratio(run, relu[place][0])
        if place == "conv":
            row["memory"] = round(size / relu[place][1], 3)
    if name in PEERS and row.channel_factor == 1:
        peer, form = PEERS[name]
        mine, theirs = step(convolutional(name))[0], step(convolutional(None, form))[0]
        row["peer"] = peer
        row["conv_over_peer"] = ratio(mine, theirs)
        mine, theirs = step(feed_forward(name))[0], step(transformer(None, form))[0]
        row["transformer_over_peer"] = ratio(mine, theirs)
    return row


def main(*arguments):
    asked = [name for name in arguments if not name.startswith("--")]
    names = asked or activations.names(hidden=True)
    STATE.parent.mkdir(exist_ok=True)
    costs = {} if asked or not STATE.exists() else json.loads(STATE.read_text())
    relu = {"conv": step(convolutional("relu")), "transformer": step(transformer("relu"))}
    print(f"{'':22}{'conv':>7}{'transf.':>9}{'memory':>8}   ours / theirs: conv, feed forward")
    for name in names:
        if name not in costs:
            costs[name] = measure(name, relu)
            if not asked:
                STATE.write_text(json.dumps(costs, indent=1))
        row = costs[name]
        line = f"{name:22}{row['conv']:7.2f}{row.get('transformer', math.nan):9.2f}"
        line += f"{row['memory']:8.2f}"
        if "peer" in row:
            pair = f"{row['conv_over_peer']:.2f}, {row['transformer_over_peer']:.2f}"
            line += f"   {pair} ({row['peer']})"
        print(line, flush=True)
    if "--write" in arguments:
        TARGET.write_text(json.dumps(costs, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
