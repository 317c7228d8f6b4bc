"""Texts as a domain: how they are recognized, how long inputs are, what a report shows."""

from __future__ import annotations

import dataclasses
import math
import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actzoo.applications.text.options import OPTIONS
from actzoo.domains import Domain, DomainSpec, GivenInput, InputPlan

if TYPE_CHECKING:
    import numpy as np

    from actzoo.applications.text.augmentation import TokenMasker
    from actzoo.applications.text.data import Texts
    from actzoo.domains import Step
    from actzoo.evaluation import Evaluation
    from actzoo.panels import Panel
    from actzoo.preprocessing import Steps

DOMAIN = DomainSpec(
    name="text",
    summary="Sentences and short texts, classified.",
    task="classification",
    default_model="bert_mini",
    default_precisions=("float32", "dynamic"),
    target="actzoo.applications.text.domain:Text",
    steps=("tokenize",),
    planned=("vocabulary_size", "max_length"),
    options=OPTIONS,
    data_forms=(
        "a .csv, .tsv, .json, .jsonl, .parquet or .arrow file with a text and a label column, also "
        "compressed (.csv.gz), a file of lines as fastText writes them, or a folder with train.* "
        "and test.* of these",
        "a folder of text files (.txt) for each class, or train/ and test/ above them",
    ),
    aliases=("texts", "sentences"),
)

COVERED = 99  # percentile of the lengths that the model's length holds
LONGEST = 256  # tokens, unless asked for: time grows with the square
VOCABULARY = 8_000  # tokens at most, unless asked for
PER_TOKEN = 20  # words of the training texts for each token of the vocabulary, at least
SMALLEST_VOCABULARY = 1_000
SHOWN = 40_000  # training texts in all for two classes; for 77, about 3.6 times as many


class Text(Domain["Texts"]):
    """Sentences and short texts, one class each."""

    def __init__(self, spec: DomainSpec) -> None:
        super().__init__(spec)
        # What `recognize` found, for the `open` that follows; a later one searches again.
        self._found: dict[str, list[tuple[str, Path]]] = {}

    def recognize(self, path: str) -> str | None:
        """Return why a path seems to hold texts with labels, or None."""
        from actzoo.applications.text.tables import class_folders, table

        if path.startswith("tfds:"):
            return None
        tables = table.find(path)
        self._found = {path: tables}
        if tables:
            return f"a table, {tables[0][1].name}"
        return "a folder of text files for each class" if class_folders.find(path) else None

    def near_miss(self, path: str) -> str | None:
        """Return why a path holds no table that is read, though it seems to hold texts."""
        from actzoo.applications.text.tables import near_misses

        return near_misses.near_miss(path)

    def open(self, path: str, options: Mapping[str, Any]) -> Texts:
        """Open a table of texts, or a folder of tables."""
        from actzoo.applications.text import data

        return data.open_texts(path, options, self._found.pop(path, None))

    def inputs(
        self, source: Texts, split: Mapping[str, np.ndarray], overrides: Mapping[str, Any]
    ) -> InputPlan:
        """Train the tokenizer on the training split, and choose the length of the inputs.

        Args:
            source: The texts.
            split: Split -> indices; the others than "train" are only asked for what is unknown.
            overrides: `vocabulary_size` and `max_length` where they are asked for or given weights
                have them; "preprocessing" of given weights, whose tokenizer is kept.

        Raises:
            DataError: Too many texts hold nothing that the tokenizer knows.
        """
        from actzoo.applications.text import augmentation, knowledge

        texts = {
            name: [source.text(int(index)) for index in indices] for name, indices in split.items()
        }
        settings, why_tokens = _vocabulary(texts["train"], overrides)
        counts = knowledge.count(texts, settings)
        inherited, asked = "preprocessing" in overrides, overrides.get("max_length")
        some_unknown = knowledge.check(source, split["train"], counts["train"], inherited)
        lengths = counts["train"].lengths
        length, why_length = _length(lengths, asked, exact=not inherited)
        size = settings["vocabulary"].count(" ") + 1
        masking = augmentation.Settings()
        return InputPlan(
            config={"vocabulary_size": size, "max_length": asked if inherited else length},
            inputs=_described(length, size),
            steps=({"step": "tokenize", "length": length, **settings},),
            augmentation=dataclasses.asdict(masking),
            reasons=(
                "each file is a text, and its folder the class"
                if source.whole_files
                else "texts are read from the column '{}', labels from '{}'".format(
                    *source.columns
                ),
                why_tokens,
                knowledge.shares(counts),
                why_length,
                f"in training {masking.mask:.0%} of the tokens are hidden, so that the model does "
                "not lean on single words",
            ),
            examples=round(SHOWN * (1 + math.log2(len(source.classes))) / 2),
            options={"whole_files": True} if source.whole_files else {},
            seen={"unknown_tokens": round(counts["train"].unknown_share, 6)},
            sizes=knowledge.sizes(counts, length),
            notes=(*some_unknown, *knowledge.notes(texts, counts, settings, inherited)),
        )

    def class_names(self, source: Texts, known: Sequence[str]) -> Sequence[str]:
        """Return classes in the form that a model knows: accents apart (NFD), numbers as 1.0."""
        forms = {unicodedata.normalize("NFC", name).removesuffix(".0"): name for name in known}
        return [name if name in known else forms.get(name, name) for name in source.classes]

    def recognize_example(self, path: str, mask: str | None) -> str | None:
        """Return that a path is a text file, or a sentence, or None."""
        if mask is not None:
            return None
        if os.path.isfile(path):
            return "a text file" if path.lower().endswith(".txt") else None
        return "a sentence" if " " in path.strip() else None

    def open_example(self, path: str, mask: str | None, options: Mapping[str, Any]) -> Texts:
        """Open a file of one text, or a sentence."""
        from actzoo.applications.text import data

        return data.open_text(path, options)

    def steps(self) -> dict[str, Step]:
        """Return the one step, from a text to token ids."""
        from actzoo.applications.text import tokenizer

        return {"tokenize": tokenizer.tokenize}

    def augmenter(self, steps: Steps, settings: Mapping[str, Any]) -> TokenMasker:
        """Return what hides some of the tokens in training."""
        from actzoo.applications.text import augmentation

        return augmentation.augmenter(steps, settings)

    def length(self, inputs: Mapping[str, np.ndarray]) -> int:
        """Return how many tokens a text has, padding left out."""
        from actzoo.applications.text import tokenizer

        return tokenizer.length(inputs)

    def read(self, given: Sequence[str], options: Mapping[str, Any]) -> Iterator[GivenInput]:
        """Yield sentences, lines of files and rows of tables."""
        from actzoo.applications.text import reading

        return reading.read_given(given, options)

    def remarks(self, content: bytes, steps: Steps, seen: Mapping[str, Any]) -> dict[str, str]:
        """Return that a text is not known, or longer than what the model reads."""
        from actzoo.applications.text import knowledge

        return knowledge.remarks(content, steps)

    def takes(self, name: str) -> bool:
        """Say whether a file holds texts, by its ending."""
        from actzoo.applications.text.tables import table

        return table.holds_texts(name)

    def traveling_files(self, steps: Steps) -> dict[str, bytes]:
        """Return `tokenizer.json` and `vocab.txt`."""
        from actzoo.applications.text import tokenizer

        return tokenizer.files(steps)

    def panels(self, evaluation: Evaluation) -> list[Panel]:
        """Return how long texts are, and the worst mistakes."""
        from actzoo.applications.text import panels

        return panels.panels(evaluation)


def _vocabulary(texts: Sequence[str], overrides: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the settings of `tokenize` but the length: those of given weights, or learned here."""
    from actzoo.applications.text import tokenizer

    for step in overrides.get("preprocessing", ()):
        if step.get("step") == "tokenize":
            kept = {name: value for name, value in step.items() if name != "length"}
            return kept, "the tokenizer of the given weights is kept"
    words, letters = tokenizer.count_words(texts), len(set().union(*map(str.lower, texts)))
    most = max(SMALLEST_VOCABULARY, min(VOCABULARY, words // PER_TOKEN))
    if letters > tokenizer.LETTERS:  # of a script of thousands, such as the Chinese one
        most = max(most, min(VOCABULARY, 2 * letters))
    vocabulary = tokenizer.train(texts, int(overrides.get("vocabulary_size", most)))
    settings = {"vocabulary": vocabulary, "lowercase": True, "split_unknown": True}
    return {"step": "tokenize", **settings}, (
        f"a WordPiece vocabulary of {vocabulary.count(' ') + 1:,} tokens, learned from the "
        f"{len(texts):,} training texts ({words:,} words) alone"
    )


def _described(length: int, size: int) -> dict[str, dict[str, Any]]:
    """Return the model's inputs for texts of a length and a vocabulary of a size."""
    highest = {"input_ids": size - 1, "token_type_ids": 1, "attention_mask": 1}
    return {
        name: {"shape": [length], "dtype": "int32", "range": [0, most]}
        for name, most in highest.items()
    }


def _length(lengths: np.ndarray, asked: int | None, *, exact: bool) -> tuple[int, str]:
    """Return the length of the inputs in tokens, and why."""
    import numpy as np

    if asked is not None and exact:
        length, why = int(asked), "as asked for"
    else:
        covering = max(16, math.ceil(np.percentile(lengths, COVERED) / 8) * 8)
        limit = LONGEST if asked is None else int(asked)
        length = min(covering, limit)
        why = (
            f"enough for {COVERED} % of the training texts"
            if length == covering
            else f"the most that {'is worth its time' if asked is None else 'the model takes'}"
        )
    cut = int((lengths > length).sum())
    cuts = f"{cut:,} of {len(lengths):,} are cut" if cut else "none is cut"
    return length, f"{length} tokens a text: {why} (median {int(np.median(lengths))}); {cuts}"
