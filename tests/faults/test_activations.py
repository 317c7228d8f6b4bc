"""Activation specs and the registry."""

import ast
import functools
import threading
import tracemalloc
from importlib import metadata
from pathlib import Path

import effort
import keras
import numpy as np
import pytest

import actzoo
from actzoo import activations, errors
from actzoo.activations import ActivationSpec, lookup
from actzoo.activations.catalog import ACTIVATIONS
from actzoo.registry import Registry
from actzoo.testing import CheckFailedError, activation_checks


def refused(spec, *words):
    """Refuse a spec, in at most five lines that hold the words; return the error."""
    for call in (activations.parse, activations.get):
        with pytest.raises(errors.ActzooError) as caught:
            call(spec)
        text = str(caught.value)
        assert len(text.splitlines()) <= 5
        for word in words:
            assert word in text, f"{word!r} is missing in {text!r}"
    return caught.value


def test_unknown_name_lists_the_nearest(unchanged):
    error = refused("relu7", "'relu7'", "'relu'", "'relu6'", "actzoo list activations")
    assert isinstance(error, ValueError) and {"relu", "relu6"} <= set(error.nearest)


@pytest.mark.parametrize("spec", ["", "  ", None, 3, [], {}, True, ("relu",), ("relu", 3), b"relu"])
def test_nothing_and_other_kinds_are_refused(spec, unchanged):
    refused(spec, "'relu'", "leaky_relu(negative_slope=0.1)", "a Keras layer")


def test_none_never_means_linear():
    assert isinstance(refused(None, "None does not mean linear"), TypeError)


def test_unknown_parameter_lists_those_there_are():
    refused("leaky_relu(slope=0.1)", "'slope'", "negative_slope=0.01", "from 0 to")
    refused(("leaky_relu", {"alpha": 0.1}), "'alpha'", "negative_slope=0.01")
    refused("relu(max_value=6)", "'max_value'", "takes none")


@pytest.mark.parametrize("value", ["-1", "nan", "1e999", "'x'", "True", "None", "-inf", "9" * 400])
def test_bad_value_says_what_is_allowed(value):
    refused(
        f"leaky_relu(negative_slope={value})",
        "negative_slope",
        "a finite number from 0 to 1e+06",
        "0.01",
    )


@pytest.mark.parametrize(
    "value", [float("nan"), -1, "x", None, [1], 10**400, 1j, np.float32("inf")]
)
def test_bad_value_in_a_dict(value):
    refused(("leaky_relu", {"negative_slope": value}), "a finite number from 0 to 1e+06")


@pytest.mark.parametrize(
    "spec",
    [
        "__import__('os').system('x')",
        "().__class__",
        "relu.__doc__",
        "relu(x:=1)",
        "relu(*a)",
        "relu(**a)",
        'relu(f"{1}")',
        "relu(0.1)",
        "leaky_relu(negative_slope=__import__('os'))",
        "leaky_relu(negative_slope=1+1)",
        "leaky_relu(negative_slope=0.1",
        "leaky_relu(negative_slope=0.1))",
        "leaky_relu(negative_slope=0.1)(2)",
        "leaky_relu(negative_slope=0.1, negative_slope=0.2)",
        "lambda x: x",
        "relu; relu",
        "relu\nrelu",
        "relu\\u0028)",
    ],
)
def test_nothing_is_evaluated(spec, unchanged):
    refused(spec, "actzoo list activations")


def test_the_package_calls_no_eval_exec_or_compile():
    for path in Path(actzoo.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile", "__import__"}, path


@pytest.mark.parametrize(
    "spec",
    [
        "relu" * 250_000,
        "relu(" + "x" * 1_000_000,
        "relu" + "(" * 5_000 + ")" * 5_000,
        "relu" + "(" * 240 + ")" * 240,
        "leaky_relu(negative_slope=" + "9" * 5_000 + ")",
        "leaky_relu(negative_slope=9**9**9)",
        " " * 1_000_000,
        "\u200b" * 1_000_000,
    ],
    ids=[
        "long",
        "long_argument",
        "brackets",
        "few_brackets",
        "digits",
        "powers",
        "blank",
        "unseen",
    ],
)
def test_huge_specs_are_refused_at_once(spec):
    def refuse():
        with pytest.raises(errors.InvalidValueError) as caught:
            activations.parse(spec)
        return caught

    refuse()  # imports count for nothing
    tracemalloc.start()
    caught = refuse()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert effort.calls_in(refuse) < 500 and peak < 10e6
    assert len(str(caught.value)) < 1_000 and len(caught.value.given) < 1_000


def test_a_spec_is_read_in_few_steps():
    def read():
        return activations.parse("rrelu(lower=0.125, upper=0.25, seed=3)")

    read()
    assert effort.calls_in(read) < 500


@pytest.mark.parametrize("piece", ["relu", "relu(" + "x" * 99, " ", "\u200b", "(", "9"])
def test_a_spec_ten_times_as_long_takes_no_more_steps_to_refuse(piece):
    def steps(count):
        def refuse():
            with pytest.raises(errors.InvalidValueError):
                activations.parse(piece * count)

        refuse()
        return effort.calls_in(refuse)

    assert steps(10_000) == steps(1_000)


@pytest.mark.parametrize(
    "spec,code",
    [
        ("r\u0435lu", "U+0435"),  # Cyrillic е
        ("relu\u200b", "U+200B"),
        ("relu\u00a0", "U+00A0"),
        ("\u202erelu", "U+202E"),
        ("relu\x00", "U+0000"),
        ("leaky_relu(negative_slope=\uff11)", "U+FF11"),  # full-width 1
        ("leaky_relu(negative_slope=1_000)", "U+005F"),
        ("leaky_relu(negative_slope=\u0661)", "U+0661"),  # Arabic 1
    ],
)
def test_confusable_characters_are_shown_by_code_point(spec, code):
    refused(spec, code)
    if "(" not in spec:
        refused((spec, {}), code)


def test_a_second_row_of_a_name_is_refused_and_the_first_stays(table):
    first = activations.describe("silu")
    for row in (
        ActivationSpec("silu", "their.package:silu"),
        ActivationSpec("their_own", "their.package:silu", aliases=("swish",)),
    ):
        with pytest.raises(errors.InvalidValueError) as caught:
            activations.register(row)
        assert "from actzoo" in str(caught.value) and "their.package:silu" in str(caught.value)
    assert activations.describe("silu") is activations.describe("swish") is first
    assert "their_own" not in activations.names()


class Points:
    """Replaces the entry points that installed packages declare."""

    def __init__(self, **loads):
        self.loads = loads

    def __call__(self, group):
        return [Point(name, load) for name, load in self.loads.items()]


class Point:
    def __init__(self, name, load):
        self.name, self.value, self.load = name, f"{name}:row", load


def fill(monkeypatch, **loads):
    """Return a fresh table with the built-in rows and the given plugins."""
    from actzoo import registry

    monkeypatch.setattr(metadata, "entry_points", Points(**loads))
    monkeypatch.setattr(registry, "PLUGIN_SECONDS", 0.2)
    table = Registry("activation", entry_points="actzoo.activations", check=lookup.check_names)
    table._load_builtins = lambda: [table.add(row) for row in ACTIVATIONS]
    return table


def test_two_plugins_of_one_name_both_named_the_first_stays(monkeypatch, capsys):
    table = fill(
        monkeypatch,
        one=lambda: ActivationSpec("cube", "one:cube"),
        two=lambda: ActivationSpec("cube", "two:cube"),
    )
    assert table.get("cube").target == "one:cube"
    (note,) = table.notes
    assert "plugin 'one'" in note and "plugin 'two'" in note


def test_a_plugin_cannot_take_names_that_mean_something_else(monkeypatch, capsys):
    fine = ActivationSpec("their_fine", "their:fine")
    for name in ("ReLU", "Re_LU", "torch:GELU", "bad one!", ""):
        rows = [fine, ActivationSpec(name, "their:cube")]
        table = fill(monkeypatch, mine=lambda rows=rows: rows)
        assert table.names() == ACTIVATIONS.names()  # nothing of a plugin that has an unfit row
        assert "plugin 'mine'" in capsys.readouterr().err


def test_a_failing_or_slow_plugin_is_named_once_and_affects_nothing_else(monkeypatch, capsys):
    def fails():
        raise ImportError("no module named 'theirs'")

    read, waited = threading.Event(), []

    def slow():
        waited.append(read.wait(60))

    table = fill(monkeypatch, broken=fails, slow=slow, good=lambda: [])
    assert len(table.names()) == len(activations.names()) and table.get("relu")
    assert waited == []  # the table was read before the plugin came to its end
    read.set()
    assert len(table.notes) == 2
    printed = capsys.readouterr().err
    assert printed.count("'broken'") == 1 and printed.count("'slow'") == 1
    assert "no module named 'theirs'" in printed


# Functions of a third party, each with one fault, found by the check that is named with it.
def cube(x):
    return keras.ops.power(x, 3)


def cube_numpy(x):
    return x**3


def gives_nan(x):
    return keras.ops.log(x)


def wrong_shape(x):
    return keras.ops.sum(x, axis=-1)


def wrong_dtype(x):
    return keras.ops.cast(keras.ops.relu(x), "float32")


def infinite_slope(x):
    return keras.ops.sqrt(keras.ops.abs(x))


def nan_at_infinity(x):
    return x / (1.0 + keras.ops.abs(x))


def swallows_nan(x):
    return keras.ops.where(x > 0, x, keras.ops.zeros_like(x))


def slightly_off(x):
    return keras.ops.relu(x) + 1e-3


def own_relu_numpy(x):
    return np.maximum(x, 0)


def test_a_sound_third_party_row_passes_in_three_lines(table):
    activations.register("cube", cube, reference=cube_numpy, bounded="none", monotone=True)
    for check in activation_checks("cube"):
        check()
    assert activations.identify(activations.get(cube)) == ("cube", {})
    assert activations.reference("cube")(2.0) == 8.0


@pytest.mark.parametrize(
    "function,check,words",
    [
        (gives_nan, "finite_float32", ["Input", "gave"]),
        (wrong_shape, "shape_and_dtype", ["shape", "(4, 6)", "(4,)"]),
        (wrong_dtype, "shape_and_dtype", ["dtype", "float16", "float32"]),
        (infinite_slope, "finite_float32", ["gradient", "Input 0."]),
        (nan_at_infinity, "limits_float32", ["Input -inf gave nan", "limits=('nan'"]),
        (swallows_nan, "nan_comes_out", ["[nan] gave [0.]", "swallows_nan"]),
        (slightly_off, "values_float32", ["Input", "gave", "expected"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_fault_is_named_with_input_and_output(function, check, words, table):
    reference = {"reference": own_relu_numpy} if function is slightly_off else {}
    activations.register("theirs", function, **reference)
    checks = {check.name: check for check in activation_checks("theirs")}
    with pytest.raises(CheckFailedError) as caught:
        checks[check]()
    for word in ["theirs", *words]:
        assert word in str(caught.value), str(caught.value)


def written_for_numpy(x):
    return np.tanh(x)


def one_argument_more(x, y):
    return x + y


@pytest.mark.parametrize(
    ("function", "words"),
    [(written_for_numpy, "not a tensor"), (one_argument_more, "TypeError")],
)
def test_what_is_not_an_activation_at_all_fails_with_its_name(function, words, table):
    activations.register("theirs", function)
    first, *_ = activation_checks("theirs")
    with pytest.raises(CheckFailedError, match=f"theirs(.|\n)*{words}"):
        first()


def test_a_false_claim_is_found(table):
    activations.register("theirs", cube, monotone=False, bounded="both", zero_at_zero=True)
    checks = {check.name: check for check in activation_checks("theirs")}
    with pytest.raises(CheckFailedError, match="monotone=False"):
        checks["claims"]()


@pytest.mark.parametrize("name", activations.names())
def test_nan_comes_out_or_the_row_says_so(name):
    row = activations.describe(name)
    shape = (4,) * (min(row.ranks, default=2) - 1)
    inputs = keras.Input(shape)
    x = np.full((1, *shape), np.nan, "float32")
    alone = keras.ops.convert_to_numpy(activations.get(name)(x))
    model = keras.Model(inputs, activations.get(name)(keras.layers.Dense(4)(inputs)))
    fused = model.predict(x, verbose=0)
    if np.isnan(alone).all() and np.isnan(fused).all():
        return
    assert row.swallows_nan and "NaN" in row.notes


@pytest.mark.parametrize("name", activations.names(elementwise=True))
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_infinity_gives_the_documented_limit(name, dtype):
    row = activations.describe(name)
    assert row.limits is not None
    checks = {check.name: check for check in activation_checks(name)}
    checks[f"limits_{dtype}"]()
    if "nan" in row.limits:
        assert "NaN" in row.notes and "limit" in row.notes


def test_a_user_function_cannot_take_a_built_in_name(table):
    with pytest.raises(errors.InvalidValueError, match="'relu' is taken"):
        activations.register("relu", cube)


def test_custom_objects_do_not_change_what_get_returns():
    def impostor(x):
        return x * 0 + 42.0

    x = np.array([[-1.0, 2.0]], "float32")
    names = {"relu": impostor, "Activation": impostor, "LeakyReLU": impostor, "silu": impostor}
    with keras.saving.custom_object_scope(names):
        np.testing.assert_array_equal(activations.get("relu")(x), [[0.0, 2.0]])
        copy = activations.get(activations.get("relu"))
        np.testing.assert_array_equal(copy(x), [[0.0, 2.0]])
        assert type(activations.get("leaky_relu")) is keras.layers.LeakyReLU
        assert activations.function("silu") is keras.activations.silu


@pytest.mark.parametrize("name", ["Re_LU", "Hardswish", "relu2"])
def test_a_name_that_could_be_taken_for_another_is_refused(table, name):
    with pytest.raises(errors.InvalidValueError, match=r"others write|is taken"):
        activations.register(name, cube)
    assert activations.parse("ReLU") == ("relu", {})


def test_a_model_with_an_activation_that_is_not_registered_says_what_to_import(table, tmp_path):
    activations.register("their_cube", cube, reference=cube_numpy)
    actzoo.build_model("simple_net", num_classes=3, activation="their_cube").save(
        tmp_path / "model.keras"
    )
    row = table._rows.pop("their_cube")
    with pytest.raises(errors.InvalidValueError, match=r"'their_cube'.*\n.*registers it"):
        actzoo.load_model(tmp_path / "model.keras")
    table._rows["their_cube"] = row
    assert len(actzoo.load_model(tmp_path / "model.keras").layers) > 3


class Undecorated(keras.layers.Layer):
    """A user's layer, not registered with Keras."""

    def call(self, x):
        return x * 2.0


def test_a_registered_layer_class_is_one_that_keras_finds_again(table, tmp_path):
    activations.register("undecorated", Undecorated)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, activations.get("undecorated")(keras.layers.Dense(3)(inputs)))
    model.save(tmp_path / "m.keras")
    x = np.ones((2, 4), "float32")
    assert keras.saving.get_registered_name(Undecorated).startswith(Undecorated.__module__)
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(x), model(x))


@pytest.mark.parametrize(
    "given",
    [
        functools.partial(keras.activations.gelu, approximate=True),
        keras.layers.Activation(lambda x: x),
    ],
)
def test_what_keras_could_not_save_is_refused_with_advice(given):
    with pytest.raises(errors.InvalidValueError, match="not registered"):
        activations.get(given)


def test_layers_of_keras_are_copied_with_their_type_and_any_function_of_keras():
    half = activations.get(keras.layers.Activation("relu", dtype="float16"))
    assert half.compute_dtype == "float16"
    for name in ("celu", "glu", "sparse_plus", "threshold"):
        given = keras.layers.Activation(name)
        assert activations.get(given).activation is given.activation


def test_a_seed_is_not_a_number_of_channels():
    tracemalloc.start()
    assert activations.gain("gumbel_softmax(seed=20240101)") == activations.gain("gumbel_softmax")
    assert activations.gain("maxout(pool_size=5000)") > 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e9


@pytest.mark.parametrize(
    "spec",
    [
        "sine(w0=1e300)",
        "snake(alpha=1e-300)",
        "celu(alpha=1e-300)",
        "isrlu(alpha=1e300)",
        "leaky_relu(negative_slope=1e300)",
        "xielu(alpha_p=1e9)",
    ],
)
def test_numbers_that_leave_float32_are_refused(spec):
    refused(spec, "a finite number from", "1e+06")


def test_weights_keep_their_digits_under_mixed_precision():
    layer = activations.get(("dyt", {"alpha": 1.0}))
    layer = type(layer).from_config({**layer.get_config(), "dtype": "mixed_bfloat16"})
    x = np.full((1, 4), 0.5, "float32")
    layer(x)
    layer.gamma_weight.assign(np.full(4, 1.001, "float32"))
    seen = []
    layer.compute = lambda x, **weights: seen.append(weights["gamma"]) or x
    layer(x)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(seen[0]), 1.001, rtol=1e-7)
