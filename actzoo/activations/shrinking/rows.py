"""What pulls small inputs to 0."""

from __future__ import annotations

from actzoo.activations.rows import KERAS, OURS, row
from actzoo.activations.spec import Parameter

ROWS = (
    row(
        "tanh_shrink",
        KERAS + "tanh_shrink",
        aliases=("tanhshrink",),
        summary="What tanh leaves over: flat around 0, linear far away.",
        formula="x - tanh(x)",
        monotone=True,
        bounded="none",
        smooth=True,
        zero_at_zero=True,
        limits=("-inf", "inf"),
        recommended_init="glorot_uniform",
    ),
    row(
        "soft_shrink",
        OURS + "shrinking.functions:soft_shrink",
        aliases=("softshrink",),
        summary="Pulls toward 0 by a fixed amount; the step of sparse coding.",
        formula="sign(x) * max(|x| - threshold, 0)",
        parameters=(Parameter("threshold", 0.5, low=0.0, summary="half width of the flat part"),),
        monotone=True,
        bounded="none",
        smooth=False,
        kinks=((-0.5, 0.0), (0.5, 0.0)),
        zero_at_zero=True,
        dead_region="|x| <= threshold",
        limits=("-inf", "inf"),
        recommended_init="glorot_uniform",
        notes="Keras' form turns NaN into 0; this one does not.",
    ),
    row(
        "hard_shrink",
        OURS + "shrinking.functions:hard_shrink",
        aliases=("hardshrink",),
        summary="Puts small inputs to 0 and leaves the others as they are.",
        formula="x if |x| > threshold, else 0",
        parameters=(Parameter("threshold", 0.5, low=0.0, summary="half width of the flat part"),),
        monotone=True,
        bounded="none",
        smooth=False,
        kinks=((-0.5, 0.0), (0.5, 0.0)),
        zero_at_zero=True,
        dead_region="|x| <= threshold",
        limits=("-inf", "inf"),
        recommended_init="glorot_uniform",
        notes="Keras' form turns NaN into 0; this one does not.",
    ),
)
