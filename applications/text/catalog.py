"""Text models: their configuration and rows. Data only."""

from __future__ import annotations

import dataclasses

from actzoo import activations, errors
from actzoo.models import ModelSpec, TrainingDefaults, check_num_classes, check_number

POOLINGS = ("mean", "cls")


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """A transformer encoder of BERT's shape: weights of public checkpoints fit into it.

    Attributes:
        num_classes: Width of the logits; 0 gives pooled features instead.
        activation: Hidden activation of the feed-forward parts.
        vocabulary_size: Number of tokens.
        max_length: Longest text in tokens, `[CLS]` and `[SEP]` included.
        width: Of the hidden vectors; a multiple of `heads`.
        layers: Encoder layers.
        heads: Attention heads.
        feed_forward: Width of the feed-forward parts; None is four times `width`.
        dropout: Share of values dropped in training, `[0, 1)`.
        pooling: "mean" over the tokens, or "cls": the first token through BERT's tanh layer.
        mask_bias: Added to the attention scores of padding. Moderate: the -1e9 of other
            implementations takes the whole range of int8.
        norm_epsilon: Of the layer normalizations.
    """

    num_classes: int = 2
    activation: str = "gelu"
    vocabulary_size: int = 30_522
    max_length: int = 512
    width: int = 128
    layers: int = 2
    heads: int = 2
    feed_forward: int | None = None
    dropout: float = 0.1
    pooling: str = "mean"
    mask_bias: float = -12.0
    norm_epsilon: float = 1e-12

    def validate(self) -> None:
        """Refuse options that no network can have.

        Raises:
            InvalidTypeError: A number of classes that is not whole.
            InvalidValueError: Names the option, its value and what is allowed.
        """
        check_num_classes(self.num_classes)
        if isinstance(self.activation, str):
            activations.parse(self.activation)
        check_number("dropout", self.dropout, 0.0, 0.95)
        check_number("mask_bias", self.mask_bias, -1e9, -1.0)
        check_number("norm_epsilon", self.norm_epsilon, 0.0, 0.1)
        _check_whole("vocabulary_size", self.vocabulary_size, 5, 1_000_000)
        _check_whole("max_length", self.max_length, 3, 8192)
        _check_whole("width", self.width, 1, 8192)
        _check_whole("layers", self.layers, 1, 100)
        _check_whole("heads", self.heads, 1, 256)
        if self.feed_forward is not None:
            _check_whole("feed_forward", self.feed_forward, 1, 65_536)
        if self.width % self.heads:
            raise errors.InvalidValueError(
                f"width={self.width} is not a multiple of heads={self.heads}.", given=self.width
            )
        if self.pooling not in POOLINGS:
            raise errors.unknown_name("pooling", self.pooling, POOLINGS)


def _check_whole(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise errors.InvalidValueError(
            f"{name}={errors.shown(repr(value))} is not possible: a whole number, {low:,} to "
            f"{high:,}.",
            given=value,
        )


@dataclasses.dataclass(frozen=True)
class BertMiniConfig(BertConfig):
    """Four layers of 256; see `BertConfig`."""

    width: int = 256
    layers: int = 4
    heads: int = 4


_TRAINING = TrainingDefaults(
    learning_rate=5e-4,
    fine_tune_rate=1e-4,
    epochs=(3, 60),
    label_smoothing=0.1,
    weight_decay=0.05,
    patience=4,
)
# Of 8,000 sentences a small encoder has memorized nine in ten after four passes.
_SMALL = {"dropout": 0.4}
_TINY = {"width": 32, "heads": 2, "layers": 2}
_PAPER = "Turc et al., 2019, arXiv:1908.08962; Devlin et al., 2018, arXiv:1810.04805"

MODELS = (
    ModelSpec(
        name="bert_tiny",
        target="actzoo.applications.text.models:build_bert",
        config=BertConfig,
        task="classification",
        domain="text",
        summary="Transformer encoder, 2 layers of 128; the smallest of BERT's shape.",
        paper=_PAPER,
        training=dataclasses.replace(_TRAINING, learning_rate=1e-3),
        low_data_options=_SMALL,
        test_options=_TINY,
    ),
    ModelSpec(
        name="bert_mini",
        target="actzoo.applications.text.models:build_bert",
        config=BertMiniConfig,
        task="classification",
        domain="text",
        summary="Transformer encoder, 4 layers of 256; the default for texts.",
        paper=_PAPER,
        training=_TRAINING,
        low_data_options=_SMALL,
        test_options=_TINY,
    ),
)
