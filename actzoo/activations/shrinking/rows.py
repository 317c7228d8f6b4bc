"""Shrinkage: small inputs become 0."""

from __future__ import annotations

from actzoo.activations.rows import KERAS, row
from actzoo.activations.spec import Parameter

FUNCTIONS = "actzoo.activations.shrinking.functions:"
REFERENCES = "actzoo.activations.shrinking.references:"
DEVICE = "actzoo.activations.shrinking.device:"

ROWS = (
    row(
        "tanh_shrink",
        KERAS + "tanh_shrink",
        reference=REFERENCES + "tanh_shrink",
        device=DEVICE + "TANH_SHRINK",
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
        FUNCTIONS + "soft_shrink",
        reference=REFERENCES + "soft_shrink",
        device=DEVICE + "SOFT_SHRINK",
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
        FUNCTIONS + "hard_shrink",
        reference=REFERENCES + "hard_shrink",
        device=DEVICE + "HARD_SHRINK",
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
