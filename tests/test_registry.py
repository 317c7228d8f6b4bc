"""Names, specs, rows: what can be found, read, written and registered."""

import dataclasses
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actzoo import activations, blocks, errors
from actzoo.activations import ActivationSpec, Parameter
from actzoo.cli import describe
from actzoo.testing import activation_checks

INITIALIZERS = {"he_normal", "glorot_uniform", "lecun_normal", "siren_uniform"}
ROWS = [activations.describe(name) for name in activations.names()]


def values(parameter: Parameter) -> st.SearchStrategy:
    """Every value that a parameter allows."""
    if parameter.kind == "choice":
        return st.sampled_from(parameter.choices)
    if parameter.kind == "bool":
        return st.booleans()
    if parameter.kind == "int":
        low = -8 if parameter.low is None else int(parameter.low)
        return st.integers(low, low + 16 if parameter.high is None else int(parameter.high))
    if parameter.kind == "seed":
        return st.none() | st.integers(0, 2**31)
    numbers = st.floats(
        parameter.low,
        parameter.high,
        exclude_min=parameter.low_open,
        allow_nan=False,
        allow_infinity=False,
    )
    return st.none() | numbers if parameter.optional else numbers


@st.composite
def specs(draw):
    row = draw(st.sampled_from(ROWS))
    chosen = [p for p in row.parameters if draw(st.booleans())]
    params = {p.name: draw(values(p)) for p in chosen}
    full = {**row.defaults, **params}
    if any(full[smaller] > full[larger] for smaller, larger in row.ordered):
        params = {}
    return row.name, params


# --- specs -------------------------------------------------------------------------------------


@given(specs())
def test_a_written_spec_reads_back_the_same(spec):
    text = activations.format(*spec)
    assert activations.parse(text) == spec
    assert activations.parse(spec) == spec


@given(st.text(max_size=60))
@example("FRELU")  # means two
@settings(max_examples=300)
def test_any_text_is_read_or_refused_with_advice(text):
    try:
        name, _ = activations.parse(text)
    except errors.ActzooError as error:
        ways = ("actzoo list activations", "means several activations")
        assert any(way in str(error) for way in ways) or "(" in text
        assert len(str(error).splitlines()) <= 5
    else:
        assert name in activations.names()


@given(st.text(alphabet="relu6_(=,)-.'\"[]{}:*1e \tnTN", max_size=40))
@settings(max_examples=300)
def test_text_close_to_a_spec_is_read_or_refused(text):
    try:
        activations.parse(text)
    except errors.ActzooError:
        pass


@pytest.mark.parametrize(
    "text,wanted",
    [
        ("relu", ("relu", {})),
        (" relu( ) ", ("relu", {})),
        ("swish", ("silu", {})),
        ("leaky_relu( negative_slope = 1e-2 ,)", ("leaky_relu", {"negative_slope": 0.01})),
        ("threshold(threshold=-1, value=+.5)", ("threshold", {"threshold": -1.0, "value": 0.5})),
        ("softmax(axis=1)", ("softmax", {"axis": 1})),
        ("rrelu(seed=None)", ("rrelu", {"seed": None})),
    ],
)
def test_forms_of_a_spec_are_read(text, wanted):
    assert activations.parse(text) == wanted


def test_numpy_numbers_become_plain_ones():
    _, params = activations.parse(("leaky_relu", {"negative_slope": np.float32(0.5)}))
    assert type(params["negative_slope"]) is float


def test_the_order_of_two_parameters_is_checked():
    with pytest.raises(errors.InvalidValueError, match=r"lower=0\.5 is larger than upper=0\.33"):
        activations.parse("rrelu(lower=0.5)")


# --- from a spec to a layer and back -----------------------------------------------------------


@given(specs())
@settings(max_examples=60, deadline=None)
def test_identify_is_the_inverse_of_get(spec):
    layer = activations.get(spec)
    again = activations.identify(layer)
    defaults = activations.describe(spec[0]).defaults
    if again[0] == spec[0]:
        full = {**defaults, **spec[1]}
        unset = [name for name, value in defaults.items() if value is None]
        assert again[1] == {k: v for k, v in full.items() if v is not None or k not in unset}
    else:  # the same function by its other name
        others = {"relu_n": "relu relu6 leaky_relu thresholded_relu", "leaky_relu": "relu"}
        assert again[0] in others[spec[0]].split()
        x = np.linspace(-9, 9, 50, dtype="float32")
        np.testing.assert_array_equal(activations.get(again)(x), layer(x))


def test_no_limit_is_identified_as_none():
    layer = activations.get("relu_n(max_value=None, negative_slope=0.5, threshold=2)")
    assert activations.identify(layer)[1]["max_value"] is None
    assert float(activations.get(activations.identify(layer))(np.float32(9))) == 9


def built(layer, shape):
    layer.build(shape)
    return layer


@pytest.mark.parametrize(
    "layer,wanted",
    [
        (keras.layers.ReLU(), ("relu", {})),
        (keras.layers.ReLU(6), ("relu6", {})),
        (
            keras.layers.ReLU(2.0),
            ("relu_n", {"max_value": 2.0, "negative_slope": 0.0, "threshold": 0.0}),
        ),
        (keras.layers.ReLU(threshold=2.0), ("thresholded_relu", {"threshold": 2.0})),
        (keras.layers.ReLU(negative_slope=0.1), ("leaky_relu", {"negative_slope": 0.1})),
        (keras.layers.ReLU(6, negative_slope=0.1), None),
        (keras.layers.LeakyReLU(), ("leaky_relu", {"negative_slope": 0.3})),
        (keras.layers.ELU(0.5), ("elu", {"alpha": 0.5})),
        (keras.layers.PReLU(), ("prelu", {"negative_slope": 0.0, "per": "element"})),
        (
            keras.layers.PReLU(shared_axes=[1, 2]),
            ("prelu", {"negative_slope": 0.0, "per": "channel"}),
        ),
        (built(keras.layers.PReLU(shared_axes=[1]), (None, 4, 4, 2)), None),
        (keras.layers.Softmax(axis=[1]), ("softmax", {"axis": 1})),
        (keras.layers.Softmax(axis=[1, 2]), None),
        (keras.layers.Activation("leaky_relu"), ("leaky_relu", {"negative_slope": 0.2})),
        (keras.layers.Activation("swish"), ("silu", {})),
        (keras.layers.Activation(keras.layers.ReLU(6)), ("relu6", {})),
        (keras.layers.Activation(lambda x: x), None),
        (keras.layers.Dense(2, activation="relu"), None),
        ("relu", None),
    ],
)
def test_layers_of_keras_are_recognized(layer, wanted):
    assert activations.identify(layer) == wanted


def test_get_takes_every_form():
    x = np.linspace(-2, 2, 9, dtype="float32").reshape(1, 9)
    forms = [
        "leaky_relu(negative_slope=0.2)",
        ("leaky_relu", {"negative_slope": 0.2}),
        keras.layers.LeakyReLU(negative_slope=0.2),
        keras.activations.leaky_relu,
        activations.function("leaky_relu(negative_slope=0.2)"),
    ]
    for form in forms:
        y = keras.ops.convert_to_numpy(activations.get(form, name="here")(x))
        np.testing.assert_allclose(y, np.where(x > 0, x, 0.2 * x), rtol=1e-6)
        assert activations.get(form, name="here").name == "here"
    assert activations.identify(activations.get(activations.describe("elu")))[0] == "elu"


def test_a_layer_is_copied_with_weights_of_its_own():
    given = activations.get("prelu(negative_slope=0.1)", name="first")
    given(np.ones((1, 3), "float32"))
    copy = activations.get(given)
    copy(np.ones((1, 3), "float32"))
    assert copy.name != "first" and copy.negative_slope == 0.1
    assert not {id(w) for w in copy.weights} & {id(w) for w in given.weights}


@pytest.mark.parametrize("spec", [keras.layers.Dense(3), keras.Sequential(), keras.layers.ReLU])
def test_what_is_not_an_activation_is_refused(spec):
    with pytest.raises(errors.InvalidTypeError, match="is not an activation"):
        activations.get(spec)


def test_a_function_that_cannot_be_saved_is_refused_with_advice():
    with pytest.raises(errors.InvalidValueError, match=r"activations\.register\('my_name'"):
        activations.get(lambda x: x)


@pytest.mark.parametrize(
    "name,why", [("prelu", "weights to learn"), ("rrelu", "random"), ("glu", "number of channels")]
)
def test_function_refuses_what_is_none_and_says_why(name, why):
    with pytest.raises(errors.InvalidValueError, match=why) as caught:
        activations.function(name)
    assert f'actzoo.activations.get("{name}")' in str(caught.value)


def test_function_is_keras_own_where_the_arguments_agree():
    assert activations.function("silu") is keras.activations.silu
    assert activations.function("elu") is keras.activations.elu
    # Keras' default slope is 0.2, ours 0.01: its bare function would be another activation.
    assert activations.function("leaky_relu") is not keras.activations.leaky_relu


def test_prelu_learns_one_slope_per_channel_whatever_the_input():
    for shape in ((2, 5), (2, 4, 4, 5), (2, 3, 3, 3, 5)):
        layer = activations.get("prelu")
        y = layer(-np.ones(shape, "float32"))
        assert [tuple(w.shape) for w in layer.trainable_weights] == [(5,)]
        np.testing.assert_allclose(y, -0.25)


def test_rrelu_is_random_in_training_only_and_repeats_by_seed():
    x = -np.ones((64, 32), "float32")
    layer = activations.get("rrelu(lower=0.1, upper=0.3, seed=7)")
    one, two = (keras.ops.convert_to_numpy(layer(x, training=True)) for _ in range(2))
    assert one.min() >= -0.3 and one.max() <= -0.1 and one.std() > 0.03
    assert (one != two).any()
    again = activations.get("rrelu(lower=0.1, upper=0.3, seed=7)")(x, training=True)
    np.testing.assert_array_equal(one, again)
    np.testing.assert_allclose(layer(x), -0.2, rtol=1e-6)


def test_glu_halves_the_channels_and_refuses_an_odd_number():
    assert activations.get("glu")(keras.Input((4, 4, 6))).shape == (None, 4, 4, 3)
    with pytest.raises(errors.InvalidValueError, match=r"5 .* odd"):
        activations.get("glu")(keras.Input((5,)))


def test_an_axis_that_the_input_lacks_is_refused():
    for axis, why in ((7, "none"), (0, "the batch"), (-2, "the batch")):
        with pytest.raises(errors.InvalidValueError, match=rf"axis {axis}, which is {why} of"):
            activations.get(f"glu(axis={axis})")(np.ones((2, 4), "float32"))
        with pytest.raises(errors.InvalidValueError, match=f"softmax works along axis {axis}"):
            blocks.activate(keras.Input((4,)), f"softmax(axis={axis})", name="a")


@pytest.mark.parametrize("name", ["sparsemax", "entmax15", "bipolar_relu", "softmax_one"])
def test_an_axis_of_unknown_length_is_taken(name):
    inputs = keras.Input((3, None))
    model = keras.Model(inputs, activations.get(name)(inputs))
    for length in (4, 6, 8):
        x = np.random.default_rng(0).normal(size=(2, 3, length)).astype("float32")
        wanted = activations.reference(name)(x)
        np.testing.assert_allclose(model.predict(x, verbose=0), wanted, atol=1e-6)


def test_softmax_scores_tokens_behind_a_mask():
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Dense(3)(keras.layers.Embedding(10, 4, mask_zero=True)(tokens))
    model = keras.Model(tokens, activations.get("softmax")(x))
    np.testing.assert_allclose(model(np.array([[1, 2, 0]])).numpy().sum(-1), 1.0, atol=1e-6)


def test_numbers_of_numpy_are_written_as_they_are_read():
    spec = activations.format("leaky_relu", {"negative_slope": np.linspace(0, 0.3, 4)[1]})
    assert activations.parse(spec) == ("leaky_relu", {"negative_slope": 0.3 / 3})


def test_claims_about_the_defaults_are_not_made_for_other_arguments():
    assert describe.described("elu")["smooth"] is True
    other = describe.described("elu(alpha=2)")
    assert other["smooth"] is None and other["limits"] is None and other["gain"] > 0


def test_learned_weights_are_not_rounded_to_whole_numbers():
    y = activations.get("prelu")(np.array([[-4, 4]], "int32"))
    assert y.numpy().tolist() == [[-1.0, 4.0]]


def test_sparsemax_sums_to_one_where_keras_does_not():
    x = np.random.default_rng(0).normal(0, 3, (200, 12)).astype("float32")
    for axis in (-1, 0):
        y = keras.ops.convert_to_numpy(activations.get(f"sparsemax(axis={axis})")(x))
        np.testing.assert_allclose(y.sum(axis=axis), 1.0, atol=1e-5)
        assert (y == 0).any() and y.min() >= 0
    # When this fails, Keras has been mended: our function can go and the row can point there.
    theirs = keras.ops.convert_to_numpy(keras.activations.sparsemax(x))
    assert np.abs(theirs.sum(axis=-1) - 1).max() > 0.1


# --- files -------------------------------------------------------------------------------------

SAVE = """
import sys, keras
from actzoo import activations
inputs = [keras.Input((8,)), keras.Input((3, 3, 8))]
outputs = {n: activations.get(n, name=n + "_act")(inputs[bool(activations.describe(n).ranks)])
           for n in activations.names()}
keras.Model(inputs, outputs).save(sys.argv[1] + "/all.keras")
own = [n for n in outputs if not type(activations.get(n)).__module__.startswith("keras.")
       or type(getattr(activations.get(n), "activation", None)).__module__.startswith("actzoo")]
theirs = {n: x for n, x in outputs.items() if n not in own}
keras.Model(inputs[0], theirs).save(sys.argv[1] + "/keras_only.keras")
print(len(theirs))
"""
LOAD = """
import sys, keras
without = keras.saving.load_model(sys.argv[1] + "/keras_only.keras")
assert not any(name.startswith("actzoo") for name in sys.modules)
from pathlib import Path
from actzoo import activations, model_files
model_files.check(Path(sys.argv[1]) / "all.keras")
activations.register_layers()
model = keras.saving.load_model(sys.argv[1] + "/all.keras")
found = [layer for layer in model.layers if layer.name.endswith("_act")]
for layer in found:
    assert activations.identify(layer)[0] + "_act" == layer.name, layer.name
print(len(found))
"""


def test_all_load_in_a_fresh_process_and_most_without_actzoo(tmp_path):
    def run(code):
        return subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout

    assert int(run(SAVE).split()[-1]) >= 23
    assert int(run(LOAD).split()[-1]) == len(ROWS)


# --- the table ---------------------------------------------------------------------------------


def test_a_row_of_another_package_says_by_which_form_it_is_exported(table):
    for name, forms, words in (
        ("cube", {}, "nothing is known"),
        ("cube_short", {"float_form": "keras.ops:square"}, "float_form"),
        ("cube_whole", {"device": "my_package:CUBE"}, "device form"),
    ):
        activations.register(name, keras.ops.square, **forms)
        assert words in describe.described(name)["export"]


def test_names_by_pattern_alias_and_field():
    assert activations.names("hard_s*") == (
        "hard_silu",
        "hard_sigmoid",
        "hard_sigmoid_keras2",
        "hard_shrink",
    )
    assert activations.names("swi?h") == ("silu",)
    assert activations.names("?elu", smooth=True) == ("pelu", "celu", "gelu", "tanh_exp")
    assert set(activations.names(random=True)) == {"rrelu", "prob_act", "gumbel_softmax"}
    with pytest.raises(errors.UnknownNameError, match="bounded"):
        activations.names(bounde="both")
    with pytest.raises(errors.UnknownNameError, match="below"):
        activations.names(bounded="under")
    with pytest.raises(errors.UnknownNameError, match="True"):
        activations.names(smooth="yes")
    for listed in (activations.names, activations.peer_names):
        with pytest.raises(errors.InvalidTypeError, match="None is not a pattern"):
            listed(None)
    assert activations.names(limits=("3", "4")) == ()


def test_a_row_is_found_by_a_spec_whatever_its_arguments():
    assert activations.describe("torch:LeakyReLU") is activations.describe("lrelu")
    assert activations.describe("elu(alpha=0.5)").name == "elu"
    with pytest.raises(errors.UnknownNameError, match="no parameter 'beta'"):
        activations.describe("elu(beta=0.5)")


def test_wrong_patterns_and_fields_are_refused_with_advice(table):
    with pytest.raises(errors.InvalidTypeError, match="None is not a pattern"):
        activations.names(None)
    with pytest.raises(errors.UnknownNameError, match="field of an activation 'monoton'") as caught:
        activations.register("cube", keras.ops.square, monoton=True)
    assert caught.value.nearest[0] == "monotone"
    parameter = Parameter("beta", 2.0, high=1.0)
    for field, value in (
        ("aliases", "tqr"),
        ("bounded", "sideways"),
        ("limits", "0"),
        ("parameters", ("beta",)),
        ("parameters", (parameter,)),  # its default is out of its own range
        ("random", True),
        ("channel_factor", 0.5),
    ):
        with pytest.raises(errors.InvalidValueError, match=r"cube|beta"):
            activations.register("cube", keras.ops.square, **{field: value})
    with pytest.raises(errors.UnknownNameError, match=r"argument of .*square 'beta'"):
        activations.register("cube", keras.ops.square, parameters=(Parameter("beta", 0.5),))
    assert "cube" not in table


def test_rows_are_plain_data_and_say_the_essential():
    for row in ROWS:
        json.dumps(describe.listed(row), default=dataclasses.asdict, allow_nan=False)
        assert row.summary.endswith(".") and row.formula and row.reference
        assert row.hidden or row.hidden_reason
        assert row.recommended_init in INITIALIZERS
        assert row.recommended_norm in {"batch", "layer", "none", "own"}
        activations.parse(row.signature)
    # Not hidden: what makes probabilities, and what overflows.
    assert [row.name for row in ROWS if row.elementwise and not row.hidden] == [
        "exponential",
        "symexp",
    ]
    assert all("signal" in r.hidden_reason or "losses" in r.hidden_reason
               for r in ROWS if not (r.hidden or r.elementwise))  # fmt: skip


def test_kinds_of_other_packages_are_distinguished(table):
    """A gate over channels, one over places, one with batch statistics."""
    for name, kind in [
        ("their_maxout", {"channel_mixing": True, "channel_factor": 0.5}),
        ("their_funnel", {"spatial": True, "learnable": True}),
        ("their_dice", {"statistics": True, "learnable": True}),
    ]:
        activations.register(
            ActivationSpec(
                name, "actzoo.activations.learnable.layers:PReLU", elementwise=False, **kind,
                parameters=(Parameter("negative_slope", 0.1),),
            )
        )  # fmt: skip
        assert activations.get(name).negative_slope == 0.1
    assert activations.names("their_*", spatial=True) == ("their_funnel",)


@keras.saving.register_keras_serializable(package="theirs")
class Shifted(keras.layers.Layer):
    """A layer of another package, with an argument and a weight."""

    def __init__(self, start=0.5, **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.supports_masking = True

    def build(self, input_shape):
        self.shift = self.add_weight(
            shape=(input_shape[-1],), initializer=keras.initializers.Constant(self.start)
        )

    def call(self, x):
        return keras.ops.tanh(x + self.shift)

    def get_config(self):
        return {**super().get_config(), "start": self.start}


def shifted_numpy(x, start):
    return np.tanh(x + start)


def test_a_layer_of_another_package_passes_the_contracts(table):
    activations.register(
        "shifted",
        Shifted,
        parameters=(Parameter("start", 0.5, low=-1, high=1),),
        reference=shifted_numpy,
        learnable=True,
        monotone=True,
        bounded="both",
        smooth=True,
        limits=("-1", "1"),
    )
    for check in activation_checks("shifted(start=0.25)"):
        check()
    assert activations.identify(activations.get("shifted(start=0.25)")) == (
        "shifted",
        {"start": 0.25},
    )


@keras.saving.register_keras_serializable(package="their_package")
class Hidden(keras.layers.Layer):
    """A layer that keeps its parameter to itself; its config tells it."""

    def __init__(self, start=0.5, **kwargs):
        super().__init__(**kwargs)
        self._start = start

    def call(self, x):
        return keras.ops.tanh(x + self._start)

    def get_config(self):
        return {**super().get_config(), "start": self._start}


def test_a_layer_is_recognized_by_its_config(table):
    activations.register("hidden_shift", Hidden, parameters=(Parameter("start", 0.5),))
    layer = activations.get("hidden_shift(start=0.25)")
    assert activations.identify(layer) == ("hidden_shift", {"start": 0.25})


@pytest.mark.parametrize("pairs", [(("low",),), (("low", "high"),), "low", (("start", 1),)])
def test_pairs_of_parameters_in_order_are_checked(pairs):
    with pytest.raises(errors.InvalidValueError, match="pairs of its parameters' names"):
        ActivationSpec("row", "a:b", parameters=(Parameter("start", 0.5),), ordered=pairs)


def test_a_reference_that_cannot_be_imported_is_named(table):
    activations.register(
        ActivationSpec("half", "keras.activations:relu", reference="no_such_package:half")
    )
    for ask in (activations.reference, activations.gain):
        with pytest.raises(errors.InvalidValueError, match="'half' points at 'no_such_package"):
            ask("half")


def test_a_row_that_cannot_be_imported_is_named_and_affects_nothing_else(table, capsys):
    activations.register(ActivationSpec("absent", "no_such_package.module:layer"))
    activations.register_layers()
    activations.register_layers()
    assert capsys.readouterr().err.count("'absent' was left out") == 1
    assert activations.identify(activations.get("relu")) == ("relu", {})
    with pytest.raises(errors.InvalidValueError, match="'absent' points at 'no_such_package"):
        activations.get("absent")


def test_the_table_needs_no_keras():
    code = (
        "import sys, actzoo.activations as a\n"
        "a.names('*relu*'); a.describe('swish'); a.parse('elu(alpha=2)'); a.format('relu', {})\n"
        "assert not {'keras', 'tensorflow', 'numpy', 'scipy'} & set(sys.modules)\n"
        "a.reference('mish')(1.0)\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_reference_takes_parameters_and_refuses_wrong_ones():
    assert activations.reference("lrelu", negative_slope=0.5)(-2.0) == -1.0
    assert activations.reference("leaky_relu(negative_slope=0.5)")(-2.0) == -1.0
    with pytest.raises(errors.UnknownNameError, match="negative_slope"):
        activations.reference("leaky_relu", alpha=0.5)
