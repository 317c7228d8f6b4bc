"""An activation at one place of a model.

Whoever builds a model has to know more than the layer: which initializer suits the weights before
it, how many channels those must give, whether it normalizes by itself. All of it is asked of one
object per place, so that a spec is read once and one layer is made.
"""

from __future__ import annotations

import fractions

import keras

from actzoo import errors
from actzoo.activations import analysis
from actzoo.activations.catalog import ACTIVATIONS
from actzoo.activations.layer_base import check_axis
from actzoo.activations.layers import ActivationLike, get, identify

# Recommended initializer -> its distribution, and the scale of its variance times fan_in.
_INITIALIZERS = {
    "he_normal": ("truncated_normal", 2.0),
    "lecun_normal": ("truncated_normal", 1.0),
    "glorot_uniform": ("uniform", None),  # of both fans; what keeps a signal is the one after it
    "siren_uniform": ("uniform", None),
}


class PlacedActivation:
    """An activation at one place of a model: its layer, and what it asks of the layers around it.

    Args:
        activation: What `get` takes; None stands for a linear layer.
        name: Name of the layer; ends with `_act` (hidden) or `_gate`.

    Attributes:
        row: Its row; None for a linear layer, and for one that the table does not know.
    """

    def __init__(self, activation: ActivationLike | None, *, name: str | None = None) -> None:
        self._given = activation
        self._layer = None if activation is None else get(activation, name=name)
        known = None if self._layer is None else identify(self._layer)
        self.row = None if known is None else ACTIVATIONS.get(known[0])
        self._params = {} if known is None else known[1]

    def __call__(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the activation of `x`.

        Raises:
            InvalidValueError: It works along an axis that `x` does not have.
        """
        if self.row is not None and "axis" in self._params:
            check_axis(self.row.name, self._params["axis"], x.shape)
        return x if self._layer is None else self._layer(x)

    @property
    def kernel_initializer(self) -> str | keras.initializers.Initializer:
        """Initializer for weights in front of it.

        Its distribution is that of the recommended one, its variance `gain^2 / fan_in`: He's 2 is
        the square of the gain of ReLU. A sine of frequency w0 gets weights smaller by w0.
        """
        if self.row is None:
            return "he_normal"
        kind = self.row.recommended_init
        distribution, scale = _INITIALIZERS.get(kind, ("", None))
        frequency = self._params.get("w0", 1.0) if kind == "siren_uniform" else 1.0
        given = self.row.name if frequency != 1.0 else (self.row.name, self._params)
        gain = analysis.gain(given)
        if not distribution or gain is None or (scale is not None and abs(gain**2 - scale) < 1e-3):
            return kind
        return keras.initializers.VarianceScaling((gain / frequency) ** 2, "fan_in", distribution)

    @property
    def channel_factor(self) -> fractions.Fraction:
        """Channels after it per channel before it, such as 1/2 for GLU."""
        factor = 1.0 if self.row is None else self.row.channel_factor
        # A layer of ours knows better, where it depends on an argument.
        rational = fractions.Fraction(factor).limit_denominator(1024)
        return getattr(self._layer, "channel_factor", rational)

    @property
    def normalizes(self) -> bool:
        """Whether it normalizes by itself, as EvoNorm does."""
        return self.row is not None and self.row.recommended_norm == "own"

    def channels_before(self, channels: int) -> int:
        """Return the width of the layer before it, so that `channels` come out of it.

        Raises:
            InvalidValueError: No whole number of channels gives that many.
        """
        factor = self.channel_factor
        before = channels / factor
        if before.denominator != 1:
            step = factor.numerator
            near = max(step, channels // step * step)
            raise errors.InvalidValueError(
                f"{errors.shown(self._given)} gives {factor} times the channels that go in, so "
                f"that {channels} cannot come out.\nTake widths that are multiples of {step}, "
                f"such as {near}, or an activation that keeps the number of channels.",
                given=channels,
            )
        return int(before)
