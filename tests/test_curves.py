"""Curves as numbers: breaks are found where they are, derivatives do not smear them."""

import mpmath
import numpy as np
import oracles
import pytest

from actzoo import activations, errors
from actzoo.activations import curves

ELEMENTWISE = [name for name in activations.names() if curves.no_curve(name) is None]


@pytest.mark.parametrize(
    ("spec", "breaks"),
    [
        ("relu", (0.0,)),
        ("relu6", (0.0, 6.0)),
        ("hard_silu", (-3.0, 3.0)),
        ("hard_shrink(threshold=0.75)", (-0.75, 0.75)),
        ("threshold(threshold=1.25, value=1.25)", (1.25,)),  # a kink without a jump
        ("relu_n(max_value=2.12345)", (0.0, 2.12345)),
        ("leaky_relu(negative_slope=0.999)", (0.0,)),
        ("leaky_relu(negative_slope=1)", ()),
        ("elu", ()),
        ("elu(alpha=2)", (0.0,)),
        ("squareplus(b=0.01)", ()),  # bends within a tenth, and is smooth
    ],
)
def test_breaks_are_found_where_the_formula_has_them(spec, breaks):
    assert curves.curve(spec, -8, 8).breaks == pytest.approx(breaks, abs=1e-4)


def test_what_a_function_does_between_and_at_breaks():
    traced = curves.trace(lambda x: np.where(x < 1, 2.0, 5.0) + np.abs(x + 1), -2, 2)
    assert traced.breaks == (-1.0, 1.0)
    ends = [piece[[0, -1], 1:] for piece in traced.pieces]
    expected = [[[3, -1], [2, -1]], [[2, 1], [4, 1]], [[7, 1], [8, 1]]]
    assert np.allclose(ends, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["mish", "gelu", "selu", "hard_silu", "softsign", "sparse_plus"])
def test_slopes_are_the_derivative_right_up_to_the_breaks(name):
    function = oracles.SCALAR[name]
    for piece in curves.curve(name).pieces:
        for x, value, slope in piece[1:-1:50]:
            assert value == pytest.approx(float(function(mpmath.mpf(x))), abs=1e-9)
            assert slope == pytest.approx(float(mpmath.diff(function, mpmath.mpf(x))), abs=1e-7)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_pieces_cover_the_interval_and_are_finite(name):
    drawn = curves.curve(name, -6, 6)
    assert [piece[0, 0] for piece in drawn.pieces] == [-6, *drawn.breaks]
    assert [piece[-1, 0] for piece in drawn.pieces] == [*drawn.breaks, 6]
    assert all(np.isfinite(piece).all() for piece in drawn.pieces)


def test_a_peers_defaults_and_given_parameters_count():
    for spec, slope in (
        ("leaky_relu", 0.01), ("leaky_relu(negative_slope=0.4)", 0.4), ("keras:LeakyReLU", 0.3),
    ):  # fmt: skip
        negative, _ = curves.curve(spec).pieces
        assert np.allclose(negative[:, 2], slope)
        assert negative[0, 1] == pytest.approx(-6 * slope, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "why"), [("softmax", "several channels"), ("glu", "several channels")]
)
def test_what_is_not_a_function_of_one_number_says_so(name, why):
    assert why in curves.no_curve(name)
    with pytest.raises(errors.InvalidValueError, match=why):
        curves.curve(name)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_rows_are_smooth_where_they_say_so_and_have_the_kinks_they_name(name):
    row = activations.describe(name)
    breaks = curves.curve(name, -15, 15).breaks
    assert row.smooth == (not breaks)
    for kink, _ in row.kinks:
        assert min(abs(kink - x) for x in breaks) < 1e-4
