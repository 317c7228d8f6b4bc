"""Peers' names: they parse, mean what the peer computes, and fold without accident."""

import json
import random

import effort
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import actzoo
from actzoo import activations, blocks, cli, errors, lowering
from actzoo.activations import lookup
from actzoo.activations.peers import AMBIGUOUS, PEERS

# Multiples of 1/16 are exact in every type, so that both sides see the same side of a jump.
GRID = np.arange(-96, 96).reshape(32, 6) / 16
NAMES = [name for name in activations.peer_names() if "<" not in name]


def refused(spec, *words, kind=errors.ActzooError):
    with pytest.raises(kind) as caught:
        activations.parse(spec)
    text = str(caught.value)
    assert len(text.splitlines()) <= 5
    for word in words:
        assert word in text, f"{word!r} is missing in {text!r}"
    return caught.value


# --- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", PEERS)
def test_every_entry_stands_for_a_row_by_its_canonical_name(peer):
    for spelling, spec in PEERS[peer].items():
        name, params = activations.parse(spec)
        assert name == spec.partition("(")[0] and name in activations.names()
        assert activations.format(name, params) == spec
        if "<" not in spelling:
            assert activations.parse(f"{peer}:{spelling}") == (name, params)
            assert activations.describe(f"{peer}:{spelling}").name == name


def test_a_peer_has_each_spelling_once():
    import ast
    import inspect

    from actzoo.activations import peers

    for node in ast.walk(ast.parse(inspect.getsource(peers))):
        if isinstance(node, ast.Dict) and all(isinstance(v, ast.Constant) for v in node.values):
            specs = [key.value for key in node.keys]
            words = [word for value in node.values for word in value.value.split()]
            assert len(words) == len(set(words)) and len(specs) == len(set(specs))


@pytest.mark.parametrize(
    "spec,name,params",
    [
        ("torch:leaky_relu", "leaky_relu", {"negative_slope": 0.01}),
        ("torch:LeakyReLU", "leaky_relu", {"negative_slope": 0.01}),
        ("keras:leaky_relu", "leaky_relu", {"negative_slope": 0.2}),
        ("keras:LeakyReLU", "leaky_relu", {"negative_slope": 0.3}),
        ("mxnet:LeakyReLU", "leaky_relu", {"negative_slope": 0.25}),
        ("keras2:hard_sigmoid", "hard_sigmoid_keras2", {}),
        ("hf:gelu_new", "gelu_tanh", {}),
        ("jax:gelu", "gelu_tanh", {}),
        ("torch:gelu", "gelu", {}),
        ("tfa:gelu", "gelu_tanh", {}),
        ("tfa:lisht", "lisht", {}),
        ("timm:hard_mish", "hard_mish", {}),
        ("torch:PReLU", "prelu", {"negative_slope": 0.25, "per": "layer"}),
        ("keras:PReLU", "prelu", {"negative_slope": 0.0, "per": "element"}),
        ("flax:PReLU", "prelu", {"negative_slope": 0.01, "per": "layer"}),
        ("kecam:prelu", "prelu", {"negative_slope": 0.25, "per": "channel"}),
        ("kecam:gelu/app", "gelu_tanh", {}),
        ("kecam:leaky_relu/0.1", "leaky_relu", {"negative_slope": 0.1}),
        (" torch:GELU ", "gelu", {}),
    ],
)
def test_a_peers_name_has_the_peers_defaults(spec, name, params):
    assert activations.parse(spec) == (name, params)


def test_given_arguments_override_the_peers():
    wanted = ("leaky_relu", {"negative_slope": 0.5})
    assert activations.parse("keras:LeakyReLU(negative_slope=0.5)") == wanted
    assert activations.parse(("keras:LeakyReLU", {"negative_slope": 0.5})) == wanted
    assert activations.parse("torch:PReLU(negative_slope=0.1)") == (
        "prelu",
        {"negative_slope": 0.1, "per": "layer"},
    )
    refused("torch:leaky_relu(slope=0.1)", "'slope'", "negative_slope=0.01")


def test_a_layer_has_the_peers_defaults_and_a_function_too():
    assert activations.get("keras:LeakyReLU").negative_slope == pytest.approx(0.3)
    assert activations.get("torch:PReLU").negative_slope == pytest.approx(0.25)
    x = np.array([-2.0, 0.0, 3.0], "float32")
    assert np.asarray(activations.function("tf:leaky_relu")(x))[0] == pytest.approx(-0.4)
    assert activations.reference("keras2:hard_sigmoid")(1.0) == pytest.approx(0.7)
    assert activations.identify(activations.get("hf:relu2")) == ("relu_squared", {})


# --- bare spellings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling,name",
    [
        ("LeakyReLU", "leaky_relu"),
        ("Hardswish", "hard_silu"),
        ("relu2", "relu_squared"),
        ("gelu_pytorch_tanh", "gelu_tanh"),
        ("gelu_accurate", "gelu_tanh"),
        ("TLU", "tlu"),
        ("AconC", "acon_c"),
        ("MetaAconC", "meta_acon"),
        ("SwooshL", "swoosh_l"),
        ("E-Swish", "e_swish"),
        ("ReLU6", "relu6"),
        ("GELUTanh", "gelu_tanh"),
        ("sqrtsoftplus", "sqrt_softplus"),
        ("trelu", "thresholded_relu"),
        ("hsigmoid", "hard_sigmoid"),
        ("LogSoftmax", "log_softmax"),
        ("DICE", "dice"),
        ("EvoNorm2dB0", "evo_norm_b0"),
    ],
)
def test_a_bare_spelling_of_a_peer_means_our_row_with_our_defaults(spelling, name):
    assert activations.parse(spelling) == (name, {})
    assert activations.describe(spelling) is activations.describe(name)


@pytest.mark.parametrize("row", activations.ACTIVATIONS, ids=lambda row: row.name)
def test_names_and_aliases_of_the_table_win_over_peers(row):
    for name in (row.name, *row.aliases):
        assert activations.parse(name) == (row.name, {})
        assert activations.parse(name.upper().replace("_", "-")) == (row.name, {})


@pytest.mark.parametrize("name", NAMES)
def test_a_peers_spelling_without_the_peer_is_that_row_a_better_known_one_or_refused(name):
    spelling = name.partition(":")[2]
    if "/" in spelling:
        return
    theirs, folded = activations.parse(name)[0], spelling.lower().replace("_", "")
    own = {
        word.replace("_", "")
        for row in activations.ACTIVATIONS
        for word in (row.name, *row.aliases)
    }
    if folded in AMBIGUOUS:
        assert theirs in refused(spelling, "several", name.partition(":")[0] + ":").nearest
    elif folded not in own:
        assert activations.parse(spelling) == (theirs, {})


@pytest.mark.parametrize("folded", AMBIGUOUS)
def test_a_name_that_means_several_things_says_which(folded):
    for spelling in (folded, folded.upper()):
        error = refused(spelling, f"'{spelling}'", *AMBIGUOUS[folded], "several activations")
        assert set(AMBIGUOUS[folded]) <= set(error.nearest) and error.fix in AMBIGUOUS[folded]
    assert set(AMBIGUOUS[folded]) <= set(activations.names())


def test_an_ambiguous_name_shows_both_meanings():
    refused("FReLU", "Write 'funnel_relu' or 'flexible_relu'", "'echoai:FReLU'")
    assert activations.parse("echoai:FReLU")[0] == "flexible_relu"
    refused("brelu", "relu_n (as in torch_activation:BReLU)", "bipolar_relu (as in echoai:BReLU)")
    with pytest.raises(errors.InvalidValueError, match="several"):
        activations.describe("Elliott")


def test_names_stay_canonical_and_near_misses_unknown():
    assert all(":" not in name for name in activations.names())
    assert {"relu", "relu6"} <= set(refused("relu7", kind=errors.UnknownNameError).nearest)
    for other in ("\u212aaf", "K\u0131sh", "re\u200blu", "GELU" * 20):
        with pytest.raises(errors.UnknownNameError):
            lookup.find(other)


# --- errors of peers -----------------------------------------------------------------------------


def test_an_unknown_peer_lists_the_peers_nearest_first():
    error = refused("trch:relu", "Unknown peer 'trch'", "Did you mean 'torch'", *PEERS)
    listed = str(error).partition("Peers: ")[2]
    assert listed.startswith("torch,") and error.nearest[0] == "torch"


def test_an_unknown_name_of_a_peer_lists_its_nearest_and_ours():
    refused("torch:leakyrelu", "'LeakyReLU'", "'leaky_relu'", "is our leaky_relu", '"torch:*"')
    refused("jax:hard_swsh", "'hard_swish'", kind=errors.UnknownNameError)
    refused("torch:dice", "of torch 'dice'", "'dice' is our dice")
    refused("torch:GeLU", "'gelu'")  # no case is folded within a peer
    assert "is our" not in str(refused("torch:nothing_like_it"))


@pytest.mark.parametrize(
    "spec",
    [
        "torch:",
        ":relu",
        "torch::relu",
        "torch:relu:relu",
        "torch :relu",
        "torch: relu",
        "torch:_relu",
        "torch:relu/",
        "relu/0.1",
        "kecam:leaky_relu/",
        "kecam:leaky_relu/abc",
        "kecam:leaky_relu/1e999",
        "kecam:leaky_relu/nan",
        "kecam:leaky_relu/0.1/0.2",
        "kecam:leaky_relu/<negative_slope>",
        "kecam:leaky_relu/0.1, negative_slope=1",
        "kecam:relu/0.1",
        "torch:leaky_relu/0.1",
        "torch.nn:ReLU",
        "os:system('x')",
        "torch:__class__",
        "-relu",
        "relu-",
        "re--lu",
        "torch-x:relu",
        "t\u043erch:relu",
    ],
)
def test_odd_peers_names_are_refused(spec):
    refused(spec)
    with pytest.raises(errors.ActzooError):
        activations.get(spec)


PIECES = [
    *PEERS, *NAMES[::7], *activations.names()[::5], ":", "::", "/", "//", "/0.1", "-", "_", ".",
    "(", ")", "=", ",", "(negative_slope=", "0.1", "1e308", "9" * 300, "'", '"', "\\", "\n", "\x00",
    "\u202e", "\uff1a", "\u0435", " ", "<", ">", "<negative_slope>", "__class__", "{}", "%s",
    "a" * 200,
]  # fmt: skip


def hostile(count):
    chance = random.Random(12)
    return ["".join(chance.choices(PIECES, k=chance.randint(1, 6))) for _ in range(count)]


def answer(spec):
    try:
        layer = activations.get(spec)
    except errors.ActzooError as error:
        assert len(str(error)) < 1_500
    else:
        assert isinstance(layer, keras.layers.Layer)


def test_ten_thousand_hostile_strings_are_answered_in_few_steps():
    for name in activations.names():
        activations.get(name)
    answer("swsh")  # what is imported or made once is not counted
    for spec in hostile(10_000):
        # 7,669 for a name with many near matches: half a millisecond.
        steps = effort.calls_in(lambda spec=spec: answer(spec))
        assert steps < 10_000, f"{spec!r} took {steps:,} steps"


@given(st.text(max_size=600) | st.text("torch:LeakyReLU/0.1-_()=", max_size=40))
def test_any_text_gives_a_row_or_our_error(text):
    for call in (activations.parse, activations.describe):
        try:
            call(text)
        except errors.ActzooError as error:
            assert len(str(error)) < 1_500


@given(st.sampled_from(NAMES), st.sampled_from(PIECES), st.integers(0, 30))
def test_a_peers_name_with_something_in_it_gives_a_row_or_our_error(name, piece, at):
    try:
        found, params = activations.parse(name[:at] + piece + name[at:])
    except errors.ActzooError:
        return
    assert activations.parse((found, params)) == (found, params)


# --- the command line ----------------------------------------------------------------------------


def test_list_shows_the_names_of_a_peer(capsys):
    assert cli.run_command(["list", "activations", "torch:*", "--json"]) == 0
    listed = {row["name"]: row["stands_for"] for row in json.loads(capsys.readouterr().out)}
    assert listed == activations.peer_names("torch:*") and len(listed) == len(PEERS["torch"])
    assert cli.run_command(["list", "activations", "hf:gelu_new"]) == 0
    assert "gelu_tanh" in capsys.readouterr().out
    assert cli.run_command(["list", "activations", "hf:gelu_old"]) == 2
    assert "gelu_new" in capsys.readouterr().err


def test_describe_shows_the_row_with_the_peers_defaults(capsys):
    assert cli.run_command(["describe", "keras:LeakyReLU", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "leaky_relu"
    assert told["stands_for"] == "leaky_relu(negative_slope=0.3)"
    assert told["parameters"][0]["default"] == 0.3
    assert cli.run_command(["describe", "Hardswish"]) == 0
    assert "hard_silu" in capsys.readouterr().out
    for name, word in (("FReLU", "funnel_relu"), ("torch:nope", "torch"), ("trch:relu", "keras")):
        assert cli.run_command(["describe", name]) == 2
        assert word in capsys.readouterr().err


# --- what the peers compute ----------------------------------------------------------------------

RANDOM = {"gumbel_softmax", "prob_act"}


def _torch(name, x):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    x = torch.tensor(x)
    slope = torch.tensor(0.25, dtype=x.dtype)
    special = {
        "prelu": lambda: functional.prelu(x, slope),
        "threshold": lambda: functional.threshold(x, 0.5, 0.0),
        "threshold_": lambda: functional.threshold_(x, 0.5, 0.0),
        "Threshold": lambda: torch.nn.Threshold(0.5, 0.0)(x),
        "Softmax2d": lambda: torch.nn.Softmax2d()(x[..., None, None])[..., 0, 0],
        **{
            name: lambda name=name: getattr(torch.nn, name)(dim=-1)(x)
            for name in ("Softmax", "Softmin", "LogSoftmax")
        },
        **{
            name: lambda name=name: getattr(functional, name)(x, dim=-1)
            for name in ("softmax", "softmin", "log_softmax")
        },
    }
    if name in special:
        return special[name]().detach().numpy()
    if hasattr(functional, name):
        return getattr(functional, name)(x).numpy()
    return getattr(torch.nn, name)().eval().double()(x).detach().numpy()


def _keras(name, x):
    import keras

    x = keras.ops.convert_to_tensor(x.astype("float32"))
    if name == "threshold":
        y = keras.activations.threshold(x, 0.5, 0.0)
    elif hasattr(keras.activations, name):
        y = getattr(keras.activations, name)(x)
    elif name in ("swish", "hard_swish"):
        y = keras.activations.get(name)(x)
    else:
        y = getattr(keras.layers, name)()(x)
    return keras.ops.convert_to_numpy(y)


def _tf(name, x):
    return getattr(pytest.importorskip("tensorflow").nn, name)(x).numpy()


def _jax(name, x):
    return np.asarray(getattr(pytest.importorskip("jax").nn, name)(x))


def _flax(name, x):
    jax = pytest.importorskip("jax")
    linen = pytest.importorskip("flax.linen")
    if name == "PReLU":
        return np.asarray(linen.PReLU().init_with_output(jax.random.key(0), x)[0])
    return np.asarray(getattr(linen if hasattr(linen, name) else jax.nn, name)(x))


def _hf(name, x):
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("transformers.activations")
    layer = theirs.ACT2FN[name]
    if name == "xielu":  # its weights are made in bfloat16, which rounds 0.8
        layer = theirs.XIELUActivation(dtype=torch.float64)
    return layer.double()(torch.tensor(x)).detach().numpy()


def _timm(name, x):
    torch = pytest.importorskip("torch")
    timm = pytest.importorskip("timm")
    from timm.models import metaformer

    if name in ("SquaredReLU", "StarReLU"):
        layer = getattr(metaformer, name)()
    elif name[0].isupper():
        layer = getattr(timm.layers, name)()
    else:
        layer = timm.layers.create_act_layer(name)
    return layer.double()(torch.tensor(x)).detach().numpy()


def _monai(name, x):
    torch = pytest.importorskip("torch")
    monai = pytest.importorskip("monai.networks")
    blocks = monai.blocks.activation
    layer = getattr(blocks, name) if hasattr(blocks, name) else monai.layers.factories.Act[name]
    layer = layer(dim=-1) if "softmax" in name.lower() else layer()
    return layer.double()(torch.tensor(x)).detach().numpy()


def _torch_activation(name, x):
    torch = pytest.importorskip("torch")
    layer = getattr(pytest.importorskip("torch_activation"), name)()
    return layer.double()(torch.tensor(x)).detach().numpy()


PEER_CALLS = {
    "torch": _torch,
    "keras": _keras,
    "tf": _tf,
    "jax": _jax,
    "flax": _flax,
    "hf": _hf,
    "timm": _timm,
    "monai": _monai,
    "torch_activation": _torch_activation,
}
# Keras' sparsemax is wrong (its rows do not sum to 1), and its row says so.
DIFFER = {"keras:sparsemax"}
COMPARED = [
    name
    for name in NAMES
    if name.partition(":")[0] in PEER_CALLS
    and name not in DIFFER
    and activations.parse(name)[0] not in RANDOM
    and not (activations.describe(name).statistics or activations.describe(name).spatial)
]


@pytest.mark.parametrize("name", COMPARED)
def test_the_peer_computes_the_same(name):
    peer, _, spelling = name.partition(":")
    theirs = PEER_CALLS[peer](spelling, GRID.copy())
    ours = activations.reference(name)(GRID)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_peers_are_found_in_any_case_and_by_their_full_names():
    assert activations.parse("PyTorch:LeakyReLU") == activations.parse("torch:LeakyReLU")
    assert activations.parse("TF:leaky_relu") == ("leaky_relu", {"negative_slope": 0.2})
    assert activations.peer_names("Transformers:relu*") == activations.peer_names("hf:relu*")
    with pytest.raises(errors.UnknownNameError, match="torch"):
        activations.peer_names("torhc:*")


# --- arguments of peers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec,name,params",
    [
        ("keras:relu(negative_slope=0.0)", "relu", {}),
        ("keras:relu(negative_slope=0.3)", "leaky_relu", {"negative_slope": 0.3}),
        ("keras:ReLU(max_value=6)", "relu6", {}),
        ("keras:ReLU(max_value=2)", "relu_n", {"max_value": 2.0}),
        ("keras:ReLU(threshold=2)", "thresholded_relu", {"threshold": 2.0}),
        ("keras2:relu(alpha=0.3)", "leaky_relu", {"negative_slope": 0.3}),
        ("keras2:LeakyReLU(alpha=0.2)", "leaky_relu", {"negative_slope": 0.2}),
        ("keras:gelu(approximate=True)", "gelu_tanh", {}),
        ("jax:gelu(approximate=False)", "gelu", {}),
        ("torch:GELU(approximate='tanh')", "gelu_tanh", {}),
        ("torch:ReLU(inplace=True)", "relu", {}),
        ("torch:Softmax(dim=1)", "softmax", {"axis": 1}),
        ("torch:Softshrink(lambd=0.2)", "soft_shrink", {"threshold": 0.2}),
        ("torch:PReLU(init=0.1)", "prelu", {"negative_slope": 0.1, "per": "layer"}),
        ("tf:leaky_relu(alpha=0.3)", "leaky_relu", {"negative_slope": 0.3}),
        ("onnx:LeakyRelu(alpha=0.3)", "leaky_relu", {"negative_slope": 0.3}),
        ("keras:threshold(threshold=1, default_value=2)", "threshold",
         {"threshold": 1.0, "value": 2.0}),
    ],
)  # fmt: skip
def test_a_peers_name_takes_the_peers_arguments(spec, name, params):
    assert activations.parse(spec) == (name, params)


def test_an_argument_is_given_in_one_word():
    refused("torch:Softmax(dim=1, axis=2)", "axis is given twice")


PICTURES = np.linspace(-9, 9, 240).reshape(2, 3, 8, 5)
PICTURES[0, 0, 0] = [0, 1, 2, 3, 6]  # where formulas change, too
SLOPED = {"negative_slope": 0.1, "max_value": 6, "threshold": 0}


@pytest.mark.parametrize(
    "spec,theirs",
    [
        ("keras:relu(negative_slope=0.1, max_value=6, threshold=0)",
         lambda x: keras.activations.relu(x, **SLOPED)),
        ("keras:relu(negative_slope=0.1, max_value=6, threshold=2)",
         lambda x: keras.activations.relu(x, **{**SLOPED, "threshold": 2})),
        ("keras:relu(negative_slope=0.1, threshold=2)",
         lambda x: keras.activations.relu(x, negative_slope=0.1, threshold=2)),
        ("keras:log_softmax(axis=[1, 2])",
         lambda x: keras.activations.log_softmax(x, axis=(1, 2))),
        ("keras:softmax(axis=[-1, -2])", lambda x: keras.activations.softmax(x, axis=(2, 3))),
        ("torch:Softplus(beta=2, threshold=5)",
         lambda x: np.where(2 * x > 5, x, np.log1p(np.exp(2 * x)) / 2)),
        ("torch:Hardtanh(min_val=-2, max_val=3)", lambda x: np.clip(x, -2, 3)),
    ],
)  # fmt: skip
def test_what_peers_compute_with_arguments(spec, theirs, tmp_path):
    wanted = np.asarray(theirs(PICTURES))
    name, params = activations.parse(spec)
    assert activations.parse(activations.format(name, params)) == (name, params)
    np.testing.assert_allclose(activations.reference(name, **params)(PICTURES), wanted, 1e-6, 1e-6)
    layer = activations.get(spec)
    pair = activations.identify(layer)
    assert pair == (name, {**activations.describe(name).defaults, **params})
    x = keras.Input(PICTURES.shape[1:])
    model = keras.Model(x, layer(x))
    model.save(tmp_path / "m.keras")
    lowered = [lowering.lower(model, precision) for precision in ("float32", "int8")]
    for each in (model, actzoo.load_model(tmp_path / "m.keras"), *lowered):
        np.testing.assert_allclose(each(PICTURES.astype("float32")), wanted, 1e-5, 1e-5)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_several_axes_work_without_the_size_of_the_batch(name):
    x = keras.Input(PICTURES.shape[1:])
    model = keras.Model(x, activations.get(f"{name}(axis=[1, -2])")(x))
    pictures = np.concatenate([PICTURES] * 4)[:7]  # the last of two batches is smaller
    wanted = getattr(keras.activations, name)(pictures, axis=(1, 2))
    np.testing.assert_allclose(model.predict(pictures, batch_size=4, verbose=0), wanted, 1e-5, 1e-5)


def test_several_axes_are_distinct_and_of_the_input():
    refused("softmax(axis=[])", "axis", "list")
    refused("softmax(axis=[1, 1])", "axis", "list")
    refused("softmax(axis=[1, 2.5])", "axis")
    refused("softmax(axis=[1, 2", "ends")
    refused("sparsemax(axis=[1, 2])", "axis")
    with pytest.raises(errors.InvalidValueError, match="axis 7"):
        blocks.activate(keras.Input((4, 4)), "softmax(axis=[1, 7])", name="a")
    with pytest.raises(errors.InvalidValueError, match="two of which are one"):
        blocks.activate(keras.Input((4, 4)), "softmax(axis=[2, -1])", name="a")
