"""The family of gated linear units."""

from __future__ import annotations

from typing import Any

from actzoo.activations.rows import AXIS, row
from actzoo.activations.spec import ActivationSpec

OWN_LAYERS = "actzoo.activations.gated.layers:"
REFERENCES = "actzoo.activations.gated.references:"
DEVICE = "actzoo.activations.gated.device:"
HALVES = "The layer before it must give an even number of channels."
FEED_FORWARD = (
    f"{HALVES} Behind one Dense layer of twice the width it is the gated feed-forward part of a "
    "transformer. The paper writes the gate first; here, as in torch, it is the second half."
)
SQUARE = (
    "It grows as the square of its input: after batch normalization, whose statistics are fixed "
    "at inference, a deep net can overflow for an unusual input (measured: ResNet-18 with SwiGLU). "
    "Normalize each sample, as transformers do."
)
SHAZEER = "Shazeer 2020, arXiv:2002.05202"


def _gated(name: str, layer: str, **fields: Any) -> ActivationSpec:
    fields.setdefault("bounded", "none")
    return row(
        name,
        OWN_LAYERS + layer,
        reference=REFERENCES + name,
        device=DEVICE + name.upper(),
        parameters=(AXIS,),
        elementwise=False,
        gated=True,
        channel_mixing=True,
        channel_factor=0.5,
        zero_at_zero=True,
        recommended_init="glorot_uniform",
        recommended_norm="layer",
        **fields,
    )


ROWS = (
    _gated(
        "glu",
        "GLU",
        aliases=("gated_linear_unit",),
        summary="One half of the channels gates the other; leaves half as many channels.",
        formula="a * sigmoid(b), with (a, b) the halves of x",
        paper="Dauphin et al. 2016, arXiv:1612.08083",
        smooth=True,
        notes=HALVES,
    ),
    _gated(
        "gtu",
        "GTU",
        aliases=("gated_tanh_unit",),
        summary="Gated tanh unit of WaveNet; leaves half as many channels.",
        formula="tanh(a) * sigmoid(b), with (a, b) the halves of x",
        paper="van den Oord et al. 2016, arXiv:1609.03499",
        bounded="both",
        smooth=True,
        notes=HALVES,
    ),
    _gated(
        "geglu",
        "GEGLU",
        summary="GELU gates one half of the channels; feed-forward part of T5 v1.1.",
        formula="a * gelu(b), with (a, b) the halves of x",
        paper=SHAZEER,
        smooth=True,
        notes=(
            f"{FEED_FORWARD} MONAI's docstring says sigmoid, its code uses GELU; T5 takes the tanh "
            f"form of GELU. {SQUARE}"
        ),
    ),
    _gated(
        "swiglu",
        "SwiGLU",
        summary="SiLU gates one half of the channels; feed-forward part of Llama and PaLM.",
        formula="a * silu(b), with (a, b) the halves of x",
        paper=SHAZEER,
        smooth=True,
        notes=f"{FEED_FORWARD} {SQUARE}",
    ),
    _gated(
        "reglu",
        "ReGLU",
        summary="ReLU gates one half of the channels.",
        formula="a * max(b, 0), with (a, b) the halves of x",
        paper=SHAZEER,
        smooth=False,
        dead_region="b <= 0",
        notes=f"{FEED_FORWARD} {SQUARE}",
    ),
    _gated(
        "bilinear_glu",
        "BilinearGLU",
        aliases=("bilinear",),
        summary="Product of the two halves of the channels, without any other function.",
        formula="a * b, with (a, b) the halves of x",
        paper=SHAZEER,
        smooth=True,
        notes=f"{FEED_FORWARD} {SQUARE}",
    ),
)
