"""Periodic functions."""

from __future__ import annotations

from actzoo.activations.rows import row
from actzoo.activations.spec import Parameter

FUNCTIONS = "actzoo.activations.periodic.functions:"
REFERENCES = "actzoo.activations.periodic.references:"
DEVICE = "actzoo.activations.periodic.device:"

ROWS = (
    row(
        "sine",
        FUNCTIONS + "sine",
        reference=REFERENCES + "sine",
        device=DEVICE + "SINE",
        aliases=("siren", "sin"),
        summary="The sine, for networks that represent a signal.",
        formula="sin(w0 x)",
        parameters=(
            Parameter(
                "w0",
                1.0,
                low=0.0,
                low_open=True,
                summary="frequency; 30 in the first layer of the paper",
            ),
        ),
        paper="Sitzmann et al. 2020, arXiv:2006.09661",
        monotone=False,
        bounded="both",
        smooth=True,
        zero_at_zero=True,
        limits=("nan", "nan"),
        recommended_init="siren_uniform",
        notes="It has no limit at +-inf and gives NaN there.",
        recommended_norm="none",
    ),
    row(
        "snake",
        FUNCTIONS + "snake",
        reference=REFERENCES + "snake",
        device=DEVICE + "SNAKE",
        summary="The identity with a wave on it: extrapolates periodic signals.",
        formula="x + sin(alpha x)^2 / alpha",
        parameters=(Parameter("alpha", 1.0, low=0.0, low_open=True, summary="frequency"),),
        paper="Ziyin et al. 2020, arXiv:2006.08195",
        monotone=True,
        bounded="none",
        smooth=True,
        zero_at_zero=True,
        limits=("nan", "nan"),
        notes=(
            "A constant here, as in TensorFlow Addons. At +-inf the sine gives NaN; the limits "
            "are +-inf."
        ),
        recommended_norm="none",
    ),
    row(
        "gcu",
        FUNCTIONS + "gcu",
        reference=REFERENCES + "gcu",
        device=DEVICE + "GCU",
        summary="The growing cosine unit: one unit can learn XOR.",
        formula="x cos(x)",
        paper="Noel et al. 2021, arXiv:2108.12943",
        monotone=False,
        bounded="none",
        smooth=True,
        zero_at_zero=True,
        limits=("nan", "nan"),
        notes="It has no limit at +-inf and gives NaN there.",
    ),
    row(
        "asu",
        FUNCTIONS + "asu",
        reference=REFERENCES + "asu",
        device=DEVICE + "ASU",
        summary="The amplifying sine unit, an even function.",
        formula="x sin(x)",
        paper="Rahman et al. 2023, arXiv:2304.09759",
        monotone=False,
        bounded="none",
        smooth=True,
        zero_at_zero=True,
        limits=("nan", "nan"),
        notes="It has no limit at +-inf and gives NaN there.",
    ),
)
