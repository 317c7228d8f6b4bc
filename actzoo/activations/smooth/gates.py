"""Smooth activations that multiply their input by a gate, such as the many relatives of SiLU."""

from __future__ import annotations

import math

from keras import ops

from actzoo.activations.numerics import Tensor, in_float32, negative_part, with_gradient


@in_float32
def e_swish(x: Tensor, *, beta: float = 1.5) -> Tensor:
    """Apply SiLU times a constant.

    Formula: `beta x sigmoid(x)`.

    Args:
        x: Float tensor.
        beta: Factor; the paper takes 1 to 2.

    Reference:
        Alcaide, 2018, "E-swish: Adjusting Activations to Different Network Depths",
        arXiv:1801.07145.
    """
    return beta * (x * ops.sigmoid(x))


@in_float32
def flatten_t_swish(x: Tensor, *, threshold: float = -0.2) -> Tensor:
    """Apply SiLU above 0 and a constant below.

    Formula: `x sigmoid(x) + T if x >= 0, else T`.

    Args:
        x: Float tensor.
        threshold: The T of the paper, output below 0.

    Reference:
        Chieng et al., 2018, "Flatten-T Swish", arXiv:1812.06247.
    """
    above = ops.relu(x)
    return above * ops.sigmoid(ops.minimum(above, 30.0)) + threshold


def _hard_mish_slope(x: Tensor) -> Tensor:
    return ops.where(x < -2.0, ops.zeros_like(x), ops.minimum(x + 1.0, 1.0))


@in_float32
@with_gradient(_hard_mish_slope)
def hard_mish(x: Tensor) -> Tensor:
    """Apply Mish out of straight pieces.

    Formula: `x * clip(x + 2, 0, 2) / 2`.

    Reference:
        Misra, 2019, "Mish" (its repository and timm), arXiv:1908.08681.
    """
    return x * (0.5 * ops.clip(x, -2.0, 0.0) + 1.0)


def _tanh_exp_slope(x: Tensor) -> Tensor:
    power = ops.exp(ops.minimum(x, 10.0))  # its tanh is 1 from 3 on
    gate = ops.tanh(power)
    return gate + x * power * (1.0 - ops.square(gate))


@in_float32
@with_gradient(_tanh_exp_slope)
def tanh_exp(x: Tensor) -> Tensor:
    """Apply TanhExp, also called TeLU.

    Formula: `x * tanh(exp(x))`.

    Reference:
        Liu & Di, 2020, "TanhExp", arXiv:2003.09855; Fernandez & Mali, 2024, "TeLU",
        arXiv:2412.20269.
    """
    return x * ops.tanh(ops.exp(ops.minimum(x, 30.0)))


@in_float32
def serf(x: Tensor) -> Tensor:
    """Apply Serf: the input times the error function of its softplus.

    Formula: `x * erf(ln(1 + exp(x)))`.

    Reference:
        Nag et al., 2021, "SERF", arXiv:2108.09598.
    """
    return x * ops.erf(ops.softplus(x))


@in_float32
def phish(x: Tensor) -> Tensor:
    """Apply Phish: the input times the hyperbolic tangent of its GELU.

    Formula: `x * tanh(gelu(x))`.

    Reference:
        Naveen, 2022, "Phish: A Novel Hyper-Optimizable Activation Function", TechRxiv 17283824.
    """
    return x * ops.tanh(ops.gelu(x, approximate=False))


@in_float32
def logish(x: Tensor) -> Tensor:
    """Apply Logish.

    Formula: `x * ln(1 + sigmoid(x))`.

    Reference:
        Zhu et al., 2021, "Logish", Neurocomputing 458.
    """
    return x * ops.log1p(ops.sigmoid(x))


@in_float32
def smish(x: Tensor) -> Tensor:
    """Apply Smish.

    Formula: `x * tanh(ln(1 + sigmoid(x)))`.

    Reference:
        Wang et al., 2022, "Smish", Electronics 11(4):540.
    """
    return x * ops.tanh(ops.log1p(ops.sigmoid(x)))


@in_float32
def gish(x: Tensor) -> Tensor:
    """Apply Gish.

    Formula: `x * ln(2 - exp(-exp(x)))`.

    Reference:
        Kaytan et al., 2023, "Gish", Neural Computing and Applications 35.
    """
    # 1 - exp(-u) = -elu(-u) for u > 0, without losing the digits of a small u.
    return x * ops.log1p(-ops.elu(-ops.exp(ops.minimum(x, 30.0))))


@in_float32
def loglogish(x: Tensor) -> Tensor:
    """Apply LogLogish.

    Formula: `x * (1 - exp(-exp(x)))`.

    Reference:
        Kunc & Kléma, 2024, "Three Decades of Activations", arXiv:2402.09092.
    """
    return x * -ops.elu(-ops.exp(ops.minimum(x, 30.0)))


@in_float32
def golu(x: Tensor) -> Tensor:
    """Apply GoLU: the input times its Gompertz function.

    Formula: `x * exp(-exp(-x))`.

    Reference:
        Das et al., 2025, "Gompertz Linear Units", arXiv:2502.03654.
    """
    return x * ops.exp(-ops.exp(-ops.maximum(x, -20.0)))


def _lisht_slope(x: Tensor) -> Tensor:
    gate = ops.tanh(x)
    return gate + ops.clip(x, -20.0, 20.0) * (1.0 - ops.square(gate))  # the gate is 1 from 10 on


@in_float32
@with_gradient(_lisht_slope)
def lisht(x: Tensor) -> Tensor:
    """Apply LiSHT: linearly scaled tanh, an even function.

    Formula: `x * tanh(x)`.

    Reference:
        Roy et al., 2019, "LiSHT", arXiv:1901.05894.
    """
    return x * ops.tanh(x)


@in_float32
def colu(x: Tensor) -> Tensor:
    """Apply CoLU: the collapsing linear unit.

    Formula: `x / (1 - x exp(-(x + exp(x))))`.

    Reference:
        Vagerwal, 2021, "Deeper Learning with CoLU Activation", arXiv:2112.12078.
    """
    # With t = exp(-|s|) and s = x + exp(x), both parts of the fraction stay finite on both sides.
    s = x + ops.exp(ops.minimum(x, 30.0))
    t = ops.exp(-ops.abs(s))
    return ops.where(s >= 0, x, x * t) / ops.where(s >= 0, 1.0 - x * t, t - x)


@in_float32
def suish(x: Tensor) -> Tensor:
    """Apply Suish.

    Formula: `max(x, x exp(-|x|))`.

    Reference:
        Kunc & Kléma, 2024, "Three Decades of Activations", arXiv:2402.09092.
    """
    return x * ops.exp(negative_part(x))


@in_float32
def atlu(x: Tensor) -> Tensor:
    """Apply ATLU: the input times its arcus tangent, scaled to (0, 1).

    Formula: `x (arctan(x) + pi / 2) / pi`.

    Reference:
        Huang, 2024, "Expanded Gating Ranges Improve Activation Functions", arXiv:2405.20768.
    """
    # arctan2(1, -x) is arctan(x) + pi / 2, also far below 0, where the sum has no digits left.
    return x * (ops.arctan2(ops.ones_like(x), -x) * (1.0 / math.pi))
