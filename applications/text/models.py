"""Text architectures: functions of a config that return a functional Keras model."""

from __future__ import annotations

import keras

from actzoo import blocks
from actzoo.applications.text.catalog import BertConfig

INITIALIZER_STDDEV = 0.02  # BERT's


def build_bert(config: BertConfig) -> keras.Model:
    """Return a transformer encoder with a classification head.

    Inputs, int32 `(batch, tokens)` each, any number of tokens up to `config.max_length`:
    `input_ids`, `token_type_ids`, `attention_mask` (1 for tokens, 0 for padding).

    Args:
        config: Its options.

    Returns:
        A model that ends in logits `(batch, num_classes)`, or in pooled features
        `(batch, width)` where `num_classes` is 0.

    Reference:
        Devlin et al., 2018, "BERT", arXiv:1810.04805; sizes: Turc et al., 2019, "Well-Read
        Students Learn Better", arXiv:1908.08962.
    """
    token_ids = keras.Input((None,), dtype="int32", name="input_ids")
    segments = keras.Input((None,), dtype="int32", name="token_type_ids")
    mask = keras.Input((None,), dtype="int32", name="attention_mask")
    near_zero = keras.initializers.TruncatedNormal(stddev=INITIALIZER_STDDEV)
    x = keras.layers.Add(name="embeddings_add")(
        [
            keras.layers.Embedding(
                config.vocabulary_size, config.width, near_zero, name="embeddings_token"
            )(token_ids),
            keras.layers.Embedding(2, config.width, near_zero, name="embeddings_segment")(segments),
        ]
    )
    x = blocks.PositionEmbedding(config.max_length, name="embeddings_position")(x)
    x = keras.layers.LayerNormalization(epsilon=config.norm_epsilon, name="embeddings_norm")(x)
    x = _dropped(x, config, "embeddings")
    for number in range(1, config.layers + 1):
        x = blocks.transformer_encoder(
            x,
            mask,
            heads=config.heads,
            feed_forward=config.feed_forward or 4 * config.width,
            activation=config.activation,
            dropout=config.dropout,
            mask_bias=config.mask_bias,
            epsilon=config.norm_epsilon,
            name=f"layer{number}",
        )
    if config.pooling == "cls":
        x = blocks.FirstToken(name="pool_first")(x)
        x = keras.layers.Dense(config.width, kernel_initializer=near_zero, name="pool_dense")(x)
        x = blocks.activate(x, "tanh", name="pool_gate")
    else:
        x = keras.layers.GlobalAveragePooling1D(name="pool")(x, mask=mask)
    if config.num_classes:
        x = _dropped(x, config, "head")
        x = keras.layers.Dense(
            config.num_classes, kernel_initializer=near_zero, name="head_logits"
        )(x)
    return keras.Model([token_ids, segments, mask], x, name="bert")


def _dropped(x: keras.KerasTensor, config: BertConfig, name: str) -> keras.KerasTensor:
    if not config.dropout:
        return x
    return keras.layers.Dropout(config.dropout, name=f"{name}_dropout")(x)
