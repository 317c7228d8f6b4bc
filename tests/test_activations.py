"""Every row keeps the contracts, judged by answers from elsewhere."""

import functools
import math

import keras
import numpy as np
import oracles
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from actzoo import activations, blocks, errors, models, testing
from actzoo.testing import activation_checks

NAMES = activations.names()
ELEMENTWISE = activations.names(elementwise=True)
VARIANTS = [
    ("relu_n", {"max_value": 6.0}),
    ("relu_n", {"max_value": 2.5}),
    ("relu_n", {"max_value": None, "negative_slope": 0.3}),
    ("hard_tanh", {"min_value": -2.0, "max_value": 0.5}),
    ("softplus", {"beta": 2.5}),
    ("thresholded_relu", {"threshold": 0.25}),
    ("threshold", {"threshold": -1.0, "value": -2.0}),
    ("leaky_relu", {"negative_slope": 0.3}),
    ("prelu", {"negative_slope": 0.1}),
    ("rrelu", {"lower": 0.25, "upper": 0.25}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 2.0}),
    ("squareplus", {"b": 1.0}),
    ("soft_shrink", {"threshold": 1.0}),
    ("hard_shrink", {"threshold": 1.5}),
]
CHECKS = [check for name in NAMES for check in activation_checks(name, oracle=oracles.oracle(name))]


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_a_check_of_the_contract_holds(check, unchanged):
    check()


@pytest.mark.parametrize("name,params", VARIANTS, ids=lambda v: str(v))
def test_the_contract_holds_with_other_parameters(name, params):
    spec = activations.format(name, params)
    for check in activation_checks(spec, oracle=oracles.oracle(name, **params)):
        if check.name.split("_")[0] in ("values", "gradient", "spec", "file", "as"):
            # A kink may move: smooth is claimed for the default parameters only.
            if (name, check.name) != ("elu", "gradient"):
                check()


GRID = np.concatenate(
    [np.linspace(-20, 20, 20_001), [-1e4, -1e3, -100, -50, 50, 100, 1e3, 1e4, -1e-30, 1e-30]]
)


def float32_and_gradient(spec, x):
    layer, tensor = activations.get(spec), tf.constant(x[None], "float32")
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = layer(tensor)
    return np.asarray(y, "float64")[0], np.asarray(tape.gradient(y, tensor), "float64")[0]


def assert_close(x, found, wanted, tolerance):
    """Where the right answer leaves float32, infinity is the right answer."""
    wanted = np.where(np.abs(wanted) < 3.4e38, wanted, np.copysign(np.inf, wanted))
    with np.errstate(invalid="ignore"):
        off = np.abs(found - wanted) / np.maximum(1.0, np.abs(wanted))
    off = np.where(found == wanted, 0.0, np.where(np.isnan(off), np.inf, off))
    worst = int(off.argmax())
    assert off[worst] <= tolerance, (x[worst], found[worst], wanted[worst], off[worst])


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_float32_values_on_a_fine_grid(name):
    x = GRID.astype("float32").astype("float64")
    y, _ = float32_and_gradient(name, x)
    assert_close(x, y, oracles.oracle(name)(x), 1e-6)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_gradient_is_the_derivative_to_fifty_digits(name):
    kinks = activations.describe(name).kinks
    x = np.concatenate([GRID[:20_001:10], GRID[20_001:]]).astype("float32").astype("float64")
    places = np.array([place for place, _ in kinks])
    if len(kinks):
        x = x[np.abs(x[:, None] - places).min(axis=1) > 1e-4]
    _, gradient = float32_and_gradient(name, x)
    assert_close(x, gradient, oracles.derivative(name)(x), 1e-5)
    exact = [(place, chosen) for place, chosen in kinks if chosen is not None]
    if exact:
        _, gradient = float32_and_gradient(name, np.array([place for place, _ in exact]))
        np.testing.assert_allclose(gradient, [chosen for _, chosen in exact], atol=2e-6)


# --- figures: gains, slopes, deep nets -----------------------------------------------------------


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_figures_are_those_of_the_curve(name):
    """By Monte Carlo and a fine grid, where the table has integrals."""
    # The reference is held against the oracle by `test_reference_is_the_oracle`.
    row, f = activations.describe(name), activations.reference(name)
    z = np.random.default_rng(3).normal(size=400_000)
    y = f(z)
    assert row.gain == pytest.approx(np.mean(y**2) ** -0.5, rel=0.03)
    assert row.gain_centered == pytest.approx(np.var(y) ** -0.5, rel=0.03)
    x = np.linspace(-30, 30, 60_001) + 1e-5
    steepest = np.abs(np.diff(f(x)) / np.diff(x)).max()
    assert steepest <= row.lipschitz * 1.001
    if row.lipschitz < np.inf:  # some reach it in the limit only
        assert steepest >= row.lipschitz * 0.98
    if row.float16_overflow < np.inf:
        inside, outside = row.float16_overflow * 0.99, row.float16_overflow * 1.01
        with np.errstate(over="ignore"):
            assert np.abs(f(np.array([-inside, inside]))).max() <= 65504
            assert np.abs(f(np.array([-outside, outside]))).max() > 65504


def test_deep_plain_nets_keep_their_variance_where_the_table_says_so():
    kept = activations.names(elementwise=True, keeps_variance=True)
    assert len(kept) >= 60
    start = np.random.default_rng(0).normal(size=(64, 1024)).astype("float32")

    @functools.lru_cache(2)
    def weights(mode, distribution):
        return [
            keras.initializers.VarianceScaling(1.0, mode, distribution, seed=k)((1024, 1024))
            for k in range(30)
        ]

    for name in kept:
        z, layer = tf.constant(start), activations.get(name)
        initializer = keras.initializers.get(blocks.kernel_initializer(name))
        for kernel in weights(initializer.mode, initializer.distribution):
            z = layer(z) @ (initializer.scale**0.5 * kernel)
            variance = float(np.var(z))
            assert 0.3 <= variance <= 3.0, (name, variance)


@pytest.mark.parametrize("name", ["relu", "tanh", "silu", "selu", "sine(w0=30)", "swiglu"])
def test_the_initializer_keeps_a_signal_where_widths_differ(name):
    """By the fan it comes from: a sine meets its phases w0 times as wide."""
    initializer = keras.initializers.get(blocks.kernel_initializer(name))
    config = {**initializer.get_config(), "seed": 1}
    scale = 30.0 if "w0" in name else 1.0
    for inputs, outputs in ((1024, 64), (64, 1024)):
        kernel = np.asarray(type(initializer).from_config(config)((inputs, outputs)))
        wanted = activations.gain(name.split("(")[0]) ** 2 / inputs / scale**2
        assert np.var(kernel) == pytest.approx(wanted, rel=0.05)


def test_the_table_says_why_others_cannot_and_what_sigmoid_loses():
    for name in activations.names(elementwise=True, keeps_variance=False):
        assert "variance" in activations.describe(name).depth_notes
    assert "drowns the signal" in activations.describe("sigmoid").depth_notes
    assert activations.describe("tanh").depth_notes == ""


def test_gain_of_other_parameters_and_of_a_row_without_a_definition():
    assert activations.gain("leaky_relu(negative_slope=1)") == pytest.approx(1.0, abs=1e-6)
    assert activations.gain("relu") == pytest.approx(2**0.5, abs=1e-7)
    assert activations.gain("selu", centered=True) == pytest.approx(1.0, abs=1e-4)
    for parts in (2, 3, 5, 7):  # mean square of the largest of so many normal numbers
        largest = np.random.default_rng(0).normal(size=(200_000, parts)).max(axis=1)
        wanted = np.mean(largest**2) ** -0.5
        assert activations.gain(f"maxout(pool_size={parts})") == pytest.approx(wanted, rel=0.02)
    scores = np.random.default_rng(5).normal(size=(9999, 16))
    square = np.mean(activations.reference("softmax")(scores) ** 2)
    assert activations.gain("softmax") == pytest.approx(square**-0.5, rel=0.03)


# --- claims, anywhere ----------------------------------------------------------------------------

ANYWHERE = hnp.arrays("float32", 64, elements=st.floats(-1e4, 1e4, width=32))
CLAIMS = settings(max_examples=400, deadline=None)


def claimed(**tags):
    """Draw a row for which something is claimed, its layer made once."""
    return st.sampled_from(activations.names(elementwise=True, **tags))


@functools.cache
def made(name):
    return activations.get(name)


@CLAIMS
@given(claimed(monotone=True), ANYWHERE)
def test_what_is_monotone_never_falls(name, x):
    y = np.clip(np.asarray(made(name)(np.sort(x)[None]), "float64")[0], -1e38, 1e38)
    fall = np.diff(y) / np.maximum(1.0, np.abs(y[1:]))
    assert fall.min() > -1e-6


@CLAIMS
@given(st.sampled_from(ELEMENTWISE), ANYWHERE)
def test_values_stay_within_the_bounds_of_the_row(name, x):
    row, y = activations.describe(name), np.asarray(made(name)(x[None]), "float64")[0]
    low, high = lowest_and_highest(name)
    if row.bounded in ("below", "both"):
        assert y.min() >= low - 1e-6 * max(1.0, abs(low))
    if row.bounded in ("above", "both"):
        assert y.max() <= high + 1e-6 * max(1.0, abs(high))


@functools.cache
def lowest_and_highest(name):
    """Return the ends of the reference over a fine grid and far out."""
    x = np.concatenate([np.linspace(-50, 50, 200_001), np.geomspace(50, 1e4, 5_000)])
    y = activations.reference(name)(np.concatenate([x, -x]))
    return y.min(), y.max()


@CLAIMS
@given(claimed(homogeneous=True), ANYWHERE, st.sampled_from([0.25, 0.5, 2.0, 64.0]))
def test_what_is_homogeneous_takes_scales_through(name, x, scale):
    scaled = np.asarray(made(name)(scale * x[None])) / scale
    np.testing.assert_allclose(scaled, np.asarray(made(name)(x[None])), rtol=1e-6, atol=1e-30)


@CLAIMS
@given(st.sampled_from([n for n in ELEMENTWISE if activations.describe(n).lipschitz < np.inf]),
       ANYWHERE, ANYWHERE)  # fmt: skip
def test_no_two_points_are_further_apart_than_the_largest_slope_allows(name, x, z):
    f = activations.reference(name)
    x, z = x.astype("float64"), z.astype("float64")
    assert (np.abs(f(x) - f(z)) <= activations.describe(name).lipschitz * 1.001 * np.abs(x - z)
            + 1e-9 * (1.0 + np.abs(x) + np.abs(z))).all()  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_reference_is_the_oracle(name):
    x = (
        np.linspace(-30, 30, 241)
        if name in oracles.SCALAR
        else np.random.default_rng(1).normal(
            0, 5, (50, 4, 5, 6) if activations.describe(name).ranks else (50, 6)
        )
    )
    np.testing.assert_allclose(
        activations.reference(name)(x), oracles.oracle(name)(x), rtol=1e-12, atol=1e-14
    )


def test_every_row_has_an_oracle():
    assert set(NAMES) == {*oracles.SCALAR, *oracles.CHANNELS}


# --- activations that look at more than one value ------------------------------------------------

CHANNEL_VARIANTS = [
    ("gumbel_softmax", {"tau": 0.5}),
    ("gumbel_softmax", {"tau": 2.0, "hard": True}),
    ("maxout", {"pool_size": 4}),
    ("k_winners", {"ratio": 0.5}),
    ("k_winners", {"ratio": 0.4, "across": "channels"}),
    ("dice", {"alpha": 0.25, "epsilon": 1e-3}),
]


@pytest.mark.parametrize("name,params", CHANNEL_VARIANTS, ids=str)
def test_channel_contract_with_other_parameters(name, params):
    # No slope can be compared with that of the straight-through choice.
    kinds = ("values", "spec", "file", *(() if params.get("hard") else ("gradient",)))
    for check in activation_checks(
        activations.format(name, params), oracle=oracles.oracle(name, **params)
    ):
        if check.name.split("_")[0] in kinds:
            check()


@pytest.mark.parametrize("name", activations.names(elementwise=False))
def test_it_works_along_another_axis_and_on_every_rank_it_takes(name):
    row, rng = activations.describe(name), np.random.default_rng(0)
    for shape in ((3, 6), (3, 5, 6), (3, 5, 4, 6)):
        if not row.ranks or len(shape) in row.ranks:
            x = rng.normal(0, 2, shape)
            np.testing.assert_allclose(
                activations.get(name)(x.astype("float32")),
                activations.reference(name)(x),
                rtol=1e-5,
                atol=1e-5,
            )
    if "axis" in row.defaults:
        x = rng.normal(0, 2, (3, 6, 5))
        np.testing.assert_allclose(
            activations.get(f"{name}(axis=1)")(x.astype("float32")),
            np.moveaxis(activations.reference(name)(np.moveaxis(x, 1, -1)), -1, 1),
            rtol=1e-5,
            atol=1e-5,
        )


@pytest.mark.parametrize("name", activations.names(elementwise=False))
def test_values_and_every_partial_derivative_of_what_looks_at_more_than_one_value(name):
    right = oracles.oracle(name)
    sample = (3, 3, 2) if activations.describe(name).ranks else (8,)
    rng = np.random.default_rng(5)
    x = rng.normal(0, rng.choice([0.5, 2.0, 8.0], (24, 1)), (24, math.prod(sample)))
    x = x.astype("float32").astype("float64")

    def rows(y):
        return np.asarray(y, "float64").reshape(len(x), -1)

    def exact(x):
        return rows(right(x.reshape(-1, *sample)))

    layer, tensor = activations.get(name), tf.constant(x.reshape(-1, *sample), "float32")
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(tensor)
        y = layer(tensor)
        outputs = tf.unstack(tf.reshape(y, (len(x), -1)), axis=1)
    wanted = exact(x)
    assert np.abs((rows(y) - wanted) / np.maximum(1, np.abs(wanted))).max() <= 1e-6
    slopes = np.stack([rows(tape.gradient(out, tensor)) for out in outputs], axis=1)
    step = 1e-5 * np.eye(x.shape[1])
    up = np.stack([(exact(x + h) - wanted) / 1e-5 for h in step], axis=-1)
    down = np.stack([(wanted - exact(x - h)) / 1e-5 for h in step], axis=-1)
    kink = np.abs(up - down) > 1e-3 * np.maximum(1, np.abs(up))
    assert kink.mean() < 0.01
    slope = 0.5 * (up + down)
    off = np.abs(slopes - slope) / np.maximum(1, np.abs(slope))
    assert off[~kink].max() <= 1e-5


def gradients(layer, x, weights, **options):
    """Return the gradients of sum(weights * layer(x)) with respect to x."""
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        loss = tf.reduce_sum(weights * layer(tensor, **options))
    return tape.gradient(loss, tensor).numpy()


@pytest.mark.parametrize(
    "name,weight,outside,bound,wanted",
    [
        ("blu", "beta", 1.5, 1.0, 0.0),
        ("pelu", "alpha", 0.05, 0.1, 3.0),
        ("arelu", "alpha", 1.2, 0.99, 0.0),
    ],
)
def test_a_weight_that_left_its_range_comes_back_and_learns_on(
    name, weight, outside, bound, wanted
):
    """Cut off in the formula alone, it would have no gradient there, for good."""
    x = keras.Input((3,))
    layer = activations.get(f"{name}(per='layer')")
    model = keras.Model(x, layer(x))
    learned = getattr(layer, f"{weight}_weight")
    learned.assign(keras.ops.full_like(learned, outside))
    model.compile(keras.optimizers.SGD(0.01), loss="mse")
    values = np.random.default_rng(0).normal(0, 2, (8, 3))
    seen = []
    for _ in range(2):
        model.train_on_batch(values, wanted * values)
        seen.append(float(learned.numpy().squeeze()))
    assert seen[0] == pytest.approx(bound) and seen[1] != seen[0]


def test_soft_exponential_keeps_its_digits_where_alpha_is_small():
    x = np.linspace(-20, 20, 101)
    for alpha in (-1e-2, -1e-4, -1e-5, -2e-6, 2e-6, 1e-4):
        spec = f"soft_exponential(alpha={alpha})"
        values = np.asarray(activations.get(spec)(x.astype("float32")[:, None]))[:, 0]
        np.testing.assert_allclose(values, activations.reference(spec)(x), rtol=2e-6, atol=2e-6)


def test_gumbel_softmax_draws_each_class_as_often_as_softmax_says():
    scores = np.array([1.0, 0.0, -1.0, 2.0], "float32")
    layer = activations.get("gumbel_softmax(hard=True, seed=3)")
    y = np.asarray(layer(np.tile(scores, (20_000, 1)), training=True))
    assert set(np.unique(y)) == {0.0, 1.0} and (y.sum(axis=-1) == 1.0).all()
    wanted = np.exp(scores) / np.exp(scores).sum()
    # Five standard deviations of a share of 20,000 draws.
    assert (np.abs(y.mean(axis=0) - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / 20_000)).all()
    again = activations.get("gumbel_softmax(hard=True, seed=3)")
    np.testing.assert_array_equal(y, again(np.tile(scores, (20_000, 1)), training=True))


def test_gumbel_softmax_passes_the_soft_gradient_straight_through():
    x = np.random.default_rng(0).normal(0, 1, (5, 4)).astype("float32")
    weights = np.linspace(-1, 2, 4, dtype="float32")
    soft = gradients(activations.get("gumbel_softmax(tau=0.7)"), x, weights)
    hard = gradients(activations.get("gumbel_softmax(tau=0.7, hard=True)"), x, weights)
    assert np.abs(soft).max() > 0.01
    np.testing.assert_allclose(hard, soft, rtol=1e-6)
    options = {"training": True}  # with the same noise, too
    soft = gradients(activations.get("gumbel_softmax(seed=1)"), x, weights, **options)
    hard = gradients(activations.get("gumbel_softmax(hard=True, seed=1)"), x, weights, **options)
    np.testing.assert_allclose(hard, soft, rtol=1e-6)


def test_k_winners_gives_a_gradient_to_the_winners_only_and_ties_win_together():
    x = np.array([[3.0, 1.0, 2.0, 2.0, -5.0], [0.0, 0.0, 0.0, 0.0, 0.0]], "float32")
    layer = activations.get("k_winners(ratio=0.4)")
    np.testing.assert_array_equal(layer(x), [[3.0, 0.0, 2.0, 2.0, 0.0], [0.0] * 5])
    weights = np.arange(1.0, 6.0, dtype="float32")
    wanted = [[1.0, 0.0, 3.0, 4.0, 0.0], weights]
    np.testing.assert_array_equal(gradients(layer, x, weights), wanted)


def test_k_winners_takes_the_winners_of_a_sample_or_of_each_place():
    x = np.random.default_rng(0).permutation(2 * 4 * 4 * 5).reshape(2, 4, 4, 5).astype("float32")
    kept = np.asarray(activations.get("k_winners(ratio=0.2)")(x)) != 0
    assert kept.sum(axis=(1, 2, 3)).tolist() == [16, 16]
    kept = np.asarray(activations.get("k_winners(ratio=0.2, across='channels')")(x + 1)) != 0
    assert (kept.sum(axis=-1) == 1).all()
    with pytest.raises(errors.InvalidValueError, match="across='channels'"):
        activations.get("k_winners")(keras.Input((None, 4)))


def test_softmax_one_can_say_none_of_them():
    y = np.asarray(activations.get("softmax_one")(np.full((1, 4), -200.0, "float32")))
    assert (y == 0.0).all()


def test_maxmin_keeps_every_value_and_every_gradient():
    x = np.random.default_rng(0).normal(0, 1, (20, 8)).astype("float32")
    layer = activations.get("maxmin")
    np.testing.assert_array_equal(np.sort(layer(x), axis=-1), np.sort(x, axis=-1))
    weights = np.arange(1.0, 9.0, dtype="float32")
    slopes = gradients(layer, x, weights)
    np.testing.assert_array_equal(np.sort(slopes, axis=-1), np.tile(weights, (20, 1)))


@pytest.mark.parametrize("spec,wanted", [("maxmin", "even"), ("maxout(pool_size=3)", "6")])
def test_channels_that_do_not_fit_are_refused_with_a_number_that_does(spec, wanted):
    with pytest.raises(errors.InvalidValueError, match=wanted):
        activations.get(spec)(keras.Input((5,)))


@pytest.mark.parametrize("name", ["funnel_relu", "evo_norm_b0"])
def test_what_needs_images_says_so_and_what_to_take(name):
    with pytest.raises(errors.InvalidValueError, match=f"{name} .*height, width.*\n.*'prelu'"):
        models.build_model("simple_net", activation=name, num_classes=3)
    with pytest.raises(errors.InvalidValueError, match=name):
        models.build_model("bert_tiny", activation=name, vocabulary_size=40)


def test_dice_has_its_knee_where_the_batch_is_and_remembers_at_inference():
    x = np.random.default_rng(0).normal([5.0, -2.0], [3.0, 0.5], (4000, 2)).astype("float32")
    layer = activations.get("dice(alpha=0.1, momentum=0.5)")
    values = np.asarray(layer(x, training=True))
    share = 1 / (1 + np.exp(-(x - x.mean(axis=0)) / x.std(axis=0)))
    np.testing.assert_allclose(values, share * x + (1 - share) * 0.1 * x, rtol=1e-3, atol=1e-4)
    for _ in range(20):
        layer(x, training=True)
    np.testing.assert_allclose(layer(x), values, rtol=1e-3, atol=1e-4)
    assert [tuple(w.shape) for w in layer.trainable_weights] == [(2,)]


def evo_norm(x, of_batch, gamma, beta, v, epsilon):
    deviation = np.sqrt(x.var(axis=(1, 2), keepdims=True) + epsilon)
    return gamma * x / np.maximum(np.sqrt(of_batch + epsilon), v * x + deviation) + beta


def test_evo_norm_takes_the_variance_of_the_batch_and_a_moving_one_at_inference():
    rng = np.random.default_rng(0)
    x = rng.normal(1.0, [2.0, 0.1, 5.0], (8, 4, 4, 3)).astype("float32")
    layer = activations.get("evo_norm_b0(momentum=0.75, epsilon=0.01)")
    layer.build(x.shape)
    gamma, beta, v = rng.normal(1, 0.3, (3, 3))
    for weight, value in zip((layer.gamma, layer.beta, layer.v), (gamma, beta, v), strict=True):
        weight.assign(value)
    wanted = evo_norm(x.astype("float64"), x.var(axis=(0, 1, 2)), gamma, beta, v, 0.01)
    np.testing.assert_allclose(layer(x, training=True), wanted, rtol=1e-4, atol=1e-5)
    moving = 0.75 * 1.0 + 0.25 * x.var(axis=(0, 1, 2))
    wanted = evo_norm(x.astype("float64"), moving, gamma, beta, v, 0.01)
    np.testing.assert_allclose(layer(x), wanted, rtol=1e-4, atol=1e-5)
    layer.trainable = False  # frozen, it no longer counts
    np.testing.assert_allclose(layer(x, training=True), wanted, rtol=1e-4, atol=1e-5)


def test_funnel_relu_compares_with_the_normalized_window():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (2, 5, 6, 3)).astype("float32")
    layer = activations.get("funnel_relu(kernel_size=5)")
    layer.build(x.shape)
    kernel = rng.normal(0, 0.3, (5, 5, 3, 1))
    layer.window.kernel.assign(kernel)
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    window = np.zeros_like(x)
    for i in range(5):
        for j in range(6):
            patch = padded[:, i : i + 5, j : j + 5]
            window[:, i, j] = (patch * kernel[None, :, :, :, 0]).sum(axis=(1, 2))
    wanted = np.maximum(x, window / np.sqrt(1 + 1e-3))
    np.testing.assert_allclose(layer(x), wanted, rtol=1e-5, atol=1e-5)
    spread = np.sqrt(window.var(axis=(0, 1, 2)) + 1e-3)
    wanted = np.maximum(x, (window - window.mean(axis=(0, 1, 2))) / spread)
    np.testing.assert_allclose(layer(x, training=True), wanted, rtol=1e-4, atol=1e-5)


def moved(layer, seed=0):
    """Move a layer's weights off their start, at random, and return them by name."""
    rng = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        weight.assign(np.asarray(weight) + rng.normal(0, 0.5, weight.shape))
    return {weight.path.split("/", 1)[-1]: np.asarray(weight) for weight in layer.weights}


@pytest.mark.parametrize("per", ["channel", "layer"])
@pytest.mark.parametrize("shape", [(3, 6), (3, 5, 6), (3, 4, 5, 6)])
def test_dy_relu_chooses_two_lines_for_each_sample(per, shape):
    x = np.random.default_rng(1).normal(0, 2, shape).astype("float32")
    layer = activations.get(f"dy_relu(per='{per}')", name="act")
    layer(x)
    weights = moved(layer)
    context = x.reshape(3, -1, 6).mean(axis=1)
    hidden = np.maximum(context @ weights["squeeze/kernel"] + weights["squeeze/bias"], 0)
    values = hidden @ weights["excite/kernel"] + weights["excite/bias"]
    theta = 2 / (1 + np.exp(-values)) - 1
    parts = np.split(theta.reshape(3, *[1] * (len(shape) - 2), -1), 4, axis=-1)
    first, second = (1 + parts[0]) * x + 0.5 * parts[2], parts[1] * x + 0.5 * parts[3]
    np.testing.assert_allclose(layer(x), np.maximum(first, second), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 6), (3, 5, 6), (3, 4, 5, 6)])
def test_meta_acon_chooses_its_sharpness_for_each_sample(shape):
    x = np.random.default_rng(1).normal(0, 2, shape).astype("float32")
    layer = activations.get("meta_acon(p1=0.9, p2=0.2)", name="act")
    layer(x)
    weights = moved(layer)
    context = x.reshape(3, -1, 6).mean(axis=1)
    hidden = context @ weights["squeeze/kernel"] + weights["squeeze/bias"]
    beta = 1 / (1 + np.exp(-(hidden @ weights["excite/kernel"] + weights["excite/bias"])))
    beta = beta.reshape(3, *[1] * (len(shape) - 2), 6)
    scaled = (weights["p1"] - weights["p2"]) * x
    wanted = scaled / (1 + np.exp(-beta * scaled)) + weights["p2"] * x
    np.testing.assert_allclose(layer(x), wanted, rtol=1e-4, atol=1e-4)


def test_swiglu_behind_one_dense_layer_is_the_two_projections_of_the_paper():
    tokens, mask = keras.Input((5, 8)), keras.Input((5,))
    y = blocks.transformer_encoder(
        tokens, mask, heads=2, feed_forward=12, activation="swiglu", name="layer"
    )
    model = keras.Model([tokens, mask], y)
    x = np.random.default_rng(0).normal(0, 1, (2, 5, 8)).astype("float32")
    dense, act = model.get_layer("layer_feed_forward"), model.get_layer("layer_act")
    kernel, bias = (np.asarray(w) for w in dense.get_weights())
    assert kernel.shape == (8, 24) and act.output.shape[-1] == 12
    values, gates = x @ kernel[:, :12] + bias[:12], x @ kernel[:, 12:] + bias[12:]
    np.testing.assert_allclose(
        act(dense(x)), values * gates / (1 + np.exp(-gates)), rtol=1e-4, atol=1e-5
    )
    assert model.get_layer("layer_feed_forward_output").kernel.shape == (12, 8)


CHANGES_CHANNELS = ("glu", "maxout", "maxout(pool_size=4)", "crelu", "concat_elu")


@pytest.mark.parametrize("spec", [*CHANGES_CHANNELS, "relu", "dy_relu", "maxmin"])
def test_blocks_leave_the_numbers_of_channels_as_they_are(spec):
    x = keras.Input((8, 8, 4))
    y = blocks.conv_norm_act(x, 12, activation=spec, name="a")
    assert y.shape == (None, 8, 8, 12)
    y = blocks.residual(y, 12, activation=spec, name="b")
    assert y.shape == (None, 8, 8, 12)
    y = blocks.residual(y, 16, strides=2, activation=spec, name="c")
    assert y.shape == (None, 4, 4, 16)
    y = blocks.inverted_residual(y, 16, expansion=2, activation=spec, name="d")
    assert y.shape == (None, 4, 4, 16)
    y = blocks.two_convolutions(y, 12, activation=spec, name="e")
    assert y.shape == (None, 4, 4, 12)
    model = keras.Model(x, y)
    assert model.get_layer("d_expand_act").output.shape[-1] == 32
    depthwise = model.get_layer("d_depthwise_act")
    given, left = depthwise.input, depthwise.output
    # A depthwise layer can give more channels of each, not fewer: what doubles them does so there.
    assert left.shape[-1] == (64 if spec in ("crelu", "concat_elu") else 32)
    assert left.shape[-1] == given.shape[-1] * blocks.channel_factor(spec)


def test_a_width_that_cannot_come_out_of_an_activation_is_refused():
    with pytest.raises(errors.InvalidValueError, match=r"(?s)crelu gives 2 times .* such as 6"):
        blocks.conv_norm_act(keras.Input((8, 8, 3)), 7, activation="crelu", name="a")


@pytest.mark.parametrize("model", ["resnet18", "mobilenet_v2", "unet", "simple_net", "bert_tiny"])
@pytest.mark.parametrize("spec", ["swiglu", "crelu"])
def test_models_take_activations_that_change_the_number_of_channels(model, spec):
    config = {**testing.small_config(model, spec), **testing.lesson_for(model).config}
    built = models.build_model(model, num_classes=3, **config)
    plain = models.build_model(model, num_classes=3, **{**config, "activation": "relu"})
    assert built.output_shape == plain.output_shape
    head = [layer for layer in built.layers if layer.name.startswith("head_")]
    same = [layer for layer in plain.layers if layer.name.startswith("head_")]
    assert [w.shape for w in head[-1].weights] == [w.shape for w in same[-1].weights]
