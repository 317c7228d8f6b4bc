"""Sites of activations and their roles, in models written as users and keras.applications do."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import actzoo
from actzoo import activations, graphs, sites


def roles(model):
    return {site.path: site.role for site in sites.find(model)}


def specs(model):
    return {site.path: site.spec for site in sites.find(model)}


def excited(x, *, squeeze="relu", gate="sigmoid"):
    """Weigh the channels of `x` as a squeeze-and-excite block does."""
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = layers.Conv2D(2, 1, activation=squeeze, name="squeeze")(y)
    y = layers.Conv2D(x.shape[-1], 1, activation=gate, name="excite")(y)
    return layers.Multiply()([x, y])


@pytest.fixture
def picture():
    return keras.Input((8, 8, 3), name="image")


@pytest.fixture
def words():
    return keras.Input((5, 4), name="words")


# --- where an activation is -------------------------------------------------------------------


def test_layers_fused_functions_and_operations_are_all_found(picture):
    x = layers.Conv2D(4, 3, activation="relu", name="fused")(picture)
    x = layers.LeakyReLU(negative_slope=0.3, name="leaky")(x)
    x = layers.ReLU(max_value=6.0, name="capped")(x)
    x = layers.PReLU(shared_axes=(1, 2), name="slopes")(x)
    x = layers.Activation("gelu", name="named")(x)
    x = ops.softplus(x)
    x = layers.Flatten()(x)
    model = keras.Model(picture, layers.Dense(3, activation="softmax", name="head")(x))
    assert list(specs(model).values()) == [
        "relu", "leaky_relu(negative_slope=0.3)", "relu6",
        "prelu(negative_slope=0.0, per='channel')", "gelu", "softplus", "softmax(axis=-1)",
    ]  # fmt: skip
    assert [site.is_fused for site in sites.find(model)] == [True] + [False] * 5 + [True]
    assert list(roles(model).values()) == ["hidden"] * 6 + ["output"]


def test_linear_layers_have_no_site(picture):
    x = layers.Conv2D(4, 3, activation="linear")(picture)
    assert sites.find(keras.Model(picture, layers.Dense(2)(layers.Flatten()(x)))) == ()


def test_an_activation_layer_inside_a_layer_is_found(picture):
    inner = activations.get("prelu")
    model = keras.Model(picture, layers.Conv2D(4, 3, activation=inner, name="conv")(picture))
    (site,) = sites.find(model)
    assert site.activation.name == "prelu" and site.function is inner
    assert (site.path, site.activation.attribute) == ("conv", "activation")


def test_nested_models_are_opened_and_shared_layers_counted_by_use(words):
    inner_input = keras.Input((5, 4))
    shared = layers.ReLU(name="shared")
    hidden = shared(layers.Dense(4, name="one")(inner_input))
    inner = keras.Model(inner_input, shared(layers.Dense(4)(hidden)), name="inner")
    head = keras.Sequential([keras.Input((5, 4)), layers.Softmax(name="end")], name="head")
    model = keras.Model(words, head(inner(inner(words))))
    assert roles(model) == {
        "inner/shared": "hidden", "inner/shared#2": "hidden",
        "inner/shared#3": "hidden", "inner/shared#4": "hidden",
        "head/end": "output",
    }  # fmt: skip
    assert len({id(site.layer) for site in sites.find(model)}) == 2


def test_what_is_inside_attention_wrappers_and_recurrent_layers_is_named_by_its_attribute(words):
    x = layers.MultiHeadAttention(2, 2, name="attention")(words, words)
    x = layers.TimeDistributed(layers.Dense(4, activation="tanh"), name="each")(x)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(x)
    model = keras.Model(words, layers.LSTM(3, name="lstm")(x))
    assert roles(model) == {
        "attention._softmax": "gate",
        "each.layer.activation": "hidden",
        "both.forward_layer.recurrent_activation": "gate",
        "both.forward_layer.activation": "hidden",
        "both.backward_layer.recurrent_activation": "gate",
        "both.backward_layer.activation": "hidden",
        "lstm.recurrent_activation": "gate",
        "lstm.activation": "hidden",
    }
    assert [site.path for site in sites.find(model) if site.is_observable] == []


def test_consumers_are_seen_through_what_only_moves_values(words):
    x = layers.ReLU(name="relu")(layers.Dense(4)(words))
    x = layers.Dense(3, name="behind")(layers.Dropout(0.1)(layers.Reshape((20,))(x)))
    (site,) = sites.find(keras.Model(words, x))
    assert site.consumers == ("behind",)


def test_finding_leaves_the_model_as_it_is(picture):
    model = keras.Model(picture, excited(layers.Conv2D(4, 3, activation="relu")(picture)))
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    actzoo.diagnostics.diagnose(model, np.ones((2, 8, 8, 3), "float32"))
    assert [len(layer._inbound_nodes) for layer in model.layers] == nodes
    assert model.get_layer("excite").activation is keras.activations.sigmoid


# --- roles ------------------------------------------------------------------------------------


def test_the_gate_of_squeeze_and_excite_is_a_gate_and_its_inner_activation_is_not(picture):
    x = layers.Activation("relu", name="features")(layers.Conv2D(4, 3)(picture))
    model = keras.Model(picture, layers.Conv2D(2, 1)(excited(x)))
    assert roles(model) == {"features": "hidden", "squeeze": "hidden", "excite": "gate"}


def test_a_gate_across_the_border_of_a_nested_model_is_one(picture):
    x = layers.Conv2D(4, 3, activation="relu", name="features")(picture)
    y = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            layers.GlobalAveragePooling2D(keepdims=True),
            layers.Dense(4, activation="sigmoid", name="excite"),
        ],
        name="block",
    )(x)
    model = keras.Model(picture, layers.Conv2D(2, 1)(layers.Multiply()([y, x])))
    assert roles(model) == {"features": "hidden", "block/excite": "gate"}


def test_the_hard_sigmoid_of_mobilenet_v3_is_a_gate_though_written_with_relu6(picture):
    x = layers.Activation("hard_silu", name="features")(layers.Conv2D(4, 3)(picture))
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = layers.ReLU(6.0, name="written_out")(layers.Conv2D(4, 1)(y) + 3.0) * (1.0 / 6.0)
    model = keras.Model(picture, layers.Conv2D(2, 1)(layers.Multiply()([x, y])))
    assert roles(model) == {"features": "hidden", "written_out": "gate"}


@pytest.mark.parametrize("gate", ["sigmoid", "silu", "gelu", "relu"])
def test_the_activated_half_of_a_gated_linear_unit_is_a_gate(words, gate):
    gated = layers.Dense(8, activation=gate, name="gate")(words) * layers.Dense(8)(words)
    first, second = ops.split(layers.Dense(16)(words), 2, axis=-1)
    halved = layers.Activation(gate, name="half")(first) * second
    model = keras.Model(words, layers.Dense(2)(layers.Concatenate()([gated, halved])))
    assert roles(model) == {"gate": "gate", "half": "gate"}


def test_of_tanh_times_sigmoid_the_sigmoid_is_the_gate(words):
    x = layers.Dense(4, activation="tanh", name="values")(words)
    y = layers.Dense(4, activation="sigmoid", name="switch")(words)
    assert roles(keras.Model(words, layers.Dense(2)(x * y))) == {
        "values": "hidden", "switch": "gate",
    }  # fmt: skip


def test_a_hidden_activation_that_is_scaled_or_masked_stays_hidden(words):
    mask = keras.Input((5, 1), name="mask")
    x = layers.Dense(4, activation="relu", name="scaled")(words) * 0.5
    x = layers.Dense(4, activation="gelu", name="masked")(x) * mask
    model = keras.Model([words, mask], layers.Dense(2)(x))
    assert roles(model) == {"scaled": "hidden", "masked": "hidden"}


def test_attention_written_out_has_a_gate(words):
    scores = layers.Softmax(name="weights")(layers.Dot(axes=(2, 2))([words, words]))
    x = ops.matmul(scores, layers.Dense(4)(words))
    assert roles(keras.Model(words, layers.Dense(2)(x))) == {"weights": "gate"}


def test_a_hidden_value_that_is_also_given_out_stays_hidden(picture):
    stage1 = layers.Conv2D(4, 3, activation="relu", name="stage1")(picture)
    stage2 = layers.Conv2D(4, 3, activation="relu", name="stage2")(stage1)
    model = keras.Model(picture, [stage1, stage2])
    assert roles(model) == {"stage1": "hidden", "stage2": "output"}


def test_an_output_stays_one_where_its_class_is_picked_too(words):
    y = layers.Dense(3, activation="softmax", name="head")(words)
    assert roles(keras.Model(words, [y, ops.argmax(y, axis=-1)])) == {"head": "output"}


def test_a_name_is_a_hint_where_the_graph_does_not_say(words):
    x = layers.Activation("tanh", name="pool_gate")(layers.Dense(4)(words))
    assert roles(keras.Model(words, layers.Dense(2)(x))) == {"pool_gate": "gate"}


# --- graphs -----------------------------------------------------------------------------------


def test_a_graph_runs_again_with_other_layers(words):
    x = layers.Dense(3, activation="relu", name="first")(words)
    model = keras.Model(words, layers.Dense(2)(x))
    graph = graphs.Graph(model)
    given = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")

    def without_first(call, args, named):
        if call.path == "first":
            with sites.without_activation(call.operation):
                return call.operation(*args, **named)
        return call.operation(*args, **named)

    values = graph.run(graph.as_tensors(given), without_first)
    kernel, bias = model.get_layer("first").get_weights()
    plain = ops.convert_to_tensor(given @ kernel + bias)
    np.testing.assert_allclose(values[graph.outputs[0]], model.layers[-1](plain), rtol=1e-5)


def test_inputs_are_ordered_by_name(words):
    other = keras.Input((4,), dtype="int32", name="other")
    model = keras.Model([words, other], [layers.Flatten()(words), other])
    first, second = graphs.ordered_inputs(model, {"other": np.ones((1, 4)), "words": np.zeros(3)})
    assert (first.dtype, second.dtype) == (np.float32, np.int32)
