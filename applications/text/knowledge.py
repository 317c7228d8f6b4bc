"""How much of texts a tokenizer knows: for the plan, the report, and each answer of `predict`.

A token that is not known says nothing to a model, whatever the text. So the share of unknown tokens
is counted in all splits, is worth a note from 1 % on, and advice depends on where the vocabulary
comes from: learned on these texts, or brought by given weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors
from actzoo.applications.text import tokenizer

if TYPE_CHECKING:
    from actzoo.applications.text.data import Texts
    from actzoo.preprocessing import Steps

NOTED = 0.01  # share of unknown tokens of a split, from which on it is noted
NOTED_INPUT = 0.2  # of one input; a name or two of a sentence may be unknown
UNREADABLE = 0.01  # share of texts with unknown tokens only; more are refused
_NAMES = {"train": "training", "val": "validation", "test": "test"}


@dataclasses.dataclass(frozen=True)
class Counts:
    """Tokens of some texts.

    Attributes:
        lengths: Of each text with the first and last token `(n,)`.
        known: Known tokens of each without these `(n,)`.
    """

    lengths: np.ndarray
    known: np.ndarray

    @property
    def unknown_share(self) -> float:
        """Share of the tokens that are unknown, `[0, 1]`."""
        tokens = int((self.lengths - 2).sum())
        return (tokens - int(self.known.sum())) / tokens if tokens else 0.0


def count(texts: Mapping[str, Sequence[str]], settings: Mapping[str, Any]) -> dict[str, Counts]:
    """Return split -> the tokens of its texts.

    Args:
        texts: Split -> texts.
        settings: Of the step `tokenize`.
    """
    return {name: Counts(*tokenizer.count_tokens(own, settings)) for name, own in texts.items()}


def sizes(counts: Mapping[str, Counts], length: int) -> str:
    """Return how many tokens texts have, how many texts are cut, and what is unknown, in a line.

    Args:
        counts: Split -> tokens of its texts.
        length: Of the model's input, in tokens.
    """
    lengths = np.concatenate([own.lengths for own in counts.values()])
    cut = (lengths > length).mean()
    whole = Counts(lengths, np.concatenate([own.known for own in counts.values()]))
    return (
        f"median {np.median(lengths):,.0f} tokens, longest {lengths.max():,} ({_percent(cut)} cut "
        f"at {length:,}); unknown tokens {_percent(whole.unknown_share)}"
    )


def shares(counts: Mapping[str, Counts]) -> str:
    """Return the share of unknown tokens in each split, as a sentence."""
    named = ", ".join(
        f"{_percent(own.unknown_share)} of the {_NAMES.get(name, name)} texts"
        for name, own in counts.items()
        if len(own.lengths)
    )
    return f"unknown tokens: {named}"


def _percent(share: float) -> str:
    return "none" if not share else f"{share:.1%}" if share >= 0.0005 else "under 0.1%"


def check(source: Texts, indices: np.ndarray, counts: Counts, inherited: bool) -> list[str]:
    """Refuse many training texts without a token that is known; return a note on a few.

    Args:
        source: The texts.
        indices: Of the training texts.
        counts: Their tokens.
        inherited: The tokenizer came with given weights.

    Raises:
        DataError: They are many; says what to do about it.
    """
    unknown = (counts.known == 0).nonzero()[0]
    ids = source.ids()
    named = ", ".join(errors.shown(ids[int(indices[i])], 80) for i in unknown[:10])
    if len(unknown) > UNREADABLE * len(counts.known):
        advice, fix = _advice(inherited)
        raise errors.DataError(
            f"{len(unknown):,} of {len(counts.known):,} training texts hold only tokens that the "
            f"tokenizer does not know: {named}.\n{advice}",
            given=len(unknown),
            fix=fix,
        )
    if not len(unknown):
        return []
    return [f"{len(unknown):,} training texts hold only tokens that are not known: {named}."]


def _advice(inherited: bool) -> tuple[str, str]:
    """Return what helps against unknown tokens in training texts, and its option."""
    if inherited:
        return (
            "The tokenizer came with the given weights; are these texts of another language or "
            "script? Train from scratch, which learns one from them: --weights none"
        ), "--weights none"
    return (
        "These letters are too rare for the vocabulary; a larger one has room for more: "
        "--set vocabulary_size=16000"
    ), "--set vocabulary_size=16000"


def notes(
    texts: Mapping[str, Sequence[str]],
    counts: Mapping[str, Counts],
    settings: Mapping[str, Any],
    inherited: bool,
) -> list[str]:
    """Return a warning about each split of which a share worth a note is unknown.

    Args:
        texts: Split -> texts.
        counts: Split -> their tokens.
        settings: Of the step `tokenize`.
        inherited: The tokenizer came with given weights.
    """
    sentences = []
    in_training = counts["train"].unknown_share >= NOTED
    for name, own in counts.items():
        if own.unknown_share < NOTED:
            continue
        parts = tokenizer.unknown_parts(texts[name], settings).most_common(5)
        named = ", ".join(f"'{errors.shown(part)}' ({times:,})" for part, times in parts)
        advice = (
            _advice(inherited)[0]
            if inherited or in_training
            else "The training texts lack these letters; add texts that hold them."
        )
        sentences.append(
            f"{own.unknown_share:.1%} of the tokens of the {_NAMES.get(name, name)} texts are not "
            f"known to the tokenizer, most often {named}. {advice}"
        )
    return sentences


def remarks(content: bytes, steps: Steps) -> dict[str, str]:
    """Return what to know of one text: that little of it is known, or that it is cut.

    Args:
        content: The text in UTF-8.
        steps: The model's preprocessing.

    Returns:
        Short name -> sentence.
    """
    step = next((step for step in steps if step.get("step") == "tokenize"), None)
    if step is None:
        return {}
    lengths, known = tokenizer.count_tokens([content.decode("utf-8", "replace")], step)
    tokens, unknown = int(lengths[0]) - 2, int(lengths[0] - 2 - known[0])
    said = {}
    if tokens and unknown == tokens:
        said["nothing of the text is known to the model"] = (
            f"none of its {tokens:,} tokens is known to the model: the answer says nothing about "
            "this text."
        )
    elif unknown > NOTED_INPUT * tokens:
        said["much of the text is not known to the model"] = (
            f"of its {tokens:,} tokens, {unknown:,} are not known to the model."
        )
    room = int(step["length"]) - 2
    if tokens > room:
        said["the text is longer than what the model reads"] = (
            f"the model reads the first {room:,} of its {tokens:,} tokens; "
            f"{1 - room / tokens:.0%} of the text is cut."
        )
    return said
