"""Activations with weights, or with chance, as Keras layers."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="actzoo")
class PReLU(keras.layers.Layer):
    """Leaky ReLU that learns one slope per channel.

    Formula: `x if x >= 0, else a_c * x`, with one `a_c` for each channel (the last axis), shared
    over batch and place. Keras' layer learns one per element unless told the shared axes, which
    it wants before it knows the input.

    Args:
        negative_slope: Slope that training starts from.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        He et al., 2015, "Delving Deep into Rectifiers", arXiv:1502.01852.
    """

    def __init__(self, negative_slope: float = 0.25, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = negative_slope
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the slopes, of shape `(channels,)`."""
        self.alpha = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(self.negative_slope),
            name="alpha",
        )

    def call(self, x: Any) -> Any:
        """Return the activation of `x`, of its shape and dtype."""
        # Keras' sum of two ReLUs has the gradient 0 at 0, outside of [a, 1]; export writes it so.
        return keras.ops.where(x >= 0, x, self.alpha * x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "negative_slope": self.negative_slope}


@keras.saving.register_keras_serializable(package="actzoo")
class RReLU(keras.layers.Layer):
    """Leaky ReLU with a random slope per element in training and the mean slope after.

    Formula: `x if x >= 0, else a * x`, `a ~ U(lower, upper)`; `(lower + upper) / 2` at inference.

    Args:
        lower: Smallest slope.
        upper: Largest slope.
        seed: Seed of the slopes; None takes one from Keras' global random state.
        **kwargs: Of every Keras layer, such as `name` and `dtype`.

    Reference:
        Xu et al., 2015, "Empirical Evaluation of Rectified Activations in Convolutional Network",
        arXiv:1505.00853.
    """

    def __init__(
        self, lower: float = 1 / 8, upper: float = 1 / 3, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.lower = lower
        self.upper = upper
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create nothing; there are no weights."""

    def call(self, x: Any, training: bool = False) -> Any:
        """Return the activation of `x`, of its shape and dtype."""
        if not training:
            return keras.ops.leaky_relu(x, negative_slope=(self.lower + self.upper) / 2)
        slope = keras.random.uniform(
            keras.ops.shape(x), self.lower, self.upper, dtype=x.dtype, seed=self.seed_generator
        )
        return keras.ops.where(x >= 0, x, slope * x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"lower": self.lower, "upper": self.upper, "seed": self.seed}
        return {**super().get_config(), **own}
