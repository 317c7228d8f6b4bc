"""Texts into token ids: WordPiece, trained on a user's texts or taken with given weights.

The vocabulary is in the plan and in the model's card, a setting of the `tokenize` step, so a
plan repeats itself and `predict` needs no other file. Rules of normalization, the same everywhere
because one library applies them: Unicode form NFC; control and format characters (zero-width ones,
byte order marks, direction overrides) are dropped; white space is one space; CJK characters are
alone; lower case; accents are kept, unless `strip_accents` says otherwise, as BERT's own does.

WordPiece makes a whole word unknown for one letter that it cannot continue with, and for being
long: in scripts without spaces that is a whole sentence. `split_unknown` divides words there, so
that `[UNK]` stands for one letter. Tokenizers of before lack the setting and stay as they were.
"""

from __future__ import annotations

import collections
import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PADDING, UNKNOWN, FIRST, LAST, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = 1000  # kept in the alphabet at least; rarer ones are unknown
LEAST_FREQUENCY = 2
_INNER = 0xF0000  # first of the code points that letters after the first are written with
_IDEOGRAPHS = "\u2e80"  # from here on mostly letters that are words alone
LONGEST_WORD = 100  # characters; longer ones are divided, or unknown to tokenizers of before
_ALONE = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")  # ideographs: words alone
_UNSPACED = re.compile("[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff]")  # no spaces between words
_LETTERS_PER_WORD = 4  # of the latter, roughly
INPUTS = ("input_ids", "token_type_ids", "attention_mask")


def check_installed() -> None:
    """Refuse to begin where the library is missing.

    Raises:
        MissingExtraError: Names the command that installs it.
    """
    try:
        import tokenizers  # noqa: F401
    except ImportError:
        raise errors.missing_extra("tokenizers", "text", "Reading texts") from None


def train(texts: Iterable[str], size: int) -> str:
    """Return a WordPiece vocabulary learned from texts.

    The library's own WordPiece trainer numbers letters in random order, so two trainings differ.
    Its trainer of byte pairs does not: it is given words whose letters after the first are
    written with other code points, which become the `##` of WordPiece.

    Args:
        texts: Of the training split only.
        size: Tokens at most.

    Returns:
        The tokens, joined by spaces, in the order of their ids; the same for the same texts.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    words = _count_words(texts)
    letters: collections.Counter[str] = collections.Counter()
    for word, count in words.items():
        letters.update(dict.fromkeys(word, count))
    most = max(LETTERS, size // 2)
    kept = sorted(letters, key=lambda letter: (-letters[letter], letter))[:most]
    inner = {letter: chr(_INNER + number) for number, letter in enumerate(sorted(kept))}
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    spelling = [inner[letter] for letter in kept if letter.isalnum() and letter < _IDEOGRAPHS]
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(SPECIAL),
        min_frequency=LEAST_FREQUENCY,
        initial_alphabet=[*kept, *spelling],  # so that words with new beginnings can be spelled
        show_progress=False,
    )
    tokenizer.train_from_iterator(_recoded(words, inner), trainer)
    ids = tokenizer.get_vocab()
    return " ".join([*SPECIAL, *_wordpieces(sorted(ids, key=ids.__getitem__), inner)])


def _recoded(words: Mapping[str, int], inner: Mapping[str, str]) -> Iterator[str]:
    """Yield each word as often as it occurs, its letters after the first as code points of ours.

    Words are divided at letters that are not kept, and where they are too long.
    """
    for word, count in sorted(words.items()):
        for is_kept, letters in itertools.groupby(word, inner.__contains__):
            run = "".join(letters) if is_kept else ""
            for start in range(0, len(run), LONGEST_WORD):
                part = run[start : start + LONGEST_WORD]
                yield " ".join([part[0] + "".join(inner[letter] for letter in part[1:])] * count)


def _wordpieces(tokens: Iterable[str], inner: Mapping[str, str]) -> Iterator[str]:
    """Yield tokens with `##` before those that continue a word."""
    outer = {code: letter for letter, code in inner.items()}
    for token in tokens:
        plain = "".join(outer.get(letter, letter) for letter in token)
        yield f"##{plain}" if token[0] in outer else plain


def count_words(texts: Iterable[str]) -> int:
    """Return roughly how many words texts hold, also in scripts without spaces."""
    count = 0
    for text in texts:
        count += len(text.split()) + len(_ALONE.findall(text))
        count += len(_UNSPACED.findall(text)) // _LETTERS_PER_WORD
    return count


def _count_words(texts: Iterable[str]) -> collections.Counter[str]:
    """Return how often each word occurs, normalized and divided as the tokenizer does."""
    from tokenizers import Tokenizer, models

    tokenizer = _pipeline(Tokenizer(models.WordPiece(unk_token=UNKNOWN)), True, False)
    counts: collections.Counter[str] = collections.Counter()
    for text in texts:
        normal = tokenizer.normalizer.normalize_str(text)
        counts.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal))
    return counts


def _pipeline(tokenizer: Tokenizer, lowercase: bool, strip_accents: bool) -> Tokenizer:
    from tokenizers import normalizers, pre_tokenizers

    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.BertNormalizer(
                clean_text=True,
                handle_chinese_chars=True,
                strip_accents=strip_accents,
                lowercase=lowercase,
            ),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


@functools.lru_cache(maxsize=8)
def make(
    vocabulary: str,
    lowercase: bool = True,
    strip_accents: bool = False,
    split_unknown: bool = False,
) -> Tokenizer:
    """Return the tokenizer of a vocabulary, without truncation or padding.

    Args:
        vocabulary: Tokens joined by spaces.
        lowercase: Fold capitals.
        strip_accents: Fold accented letters.
        split_unknown: Divide words at letters that the vocabulary cannot spell them with, and
            every `LONGEST_WORD` letters.

    Raises:
        InvalidValueError: A special token is missing, or a token occurs twice.
    """
    check_installed()
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors

    tokens = vocabulary.split(" ")
    ids = {token: number for number, token in enumerate(tokens)}
    missing = [token for token in SPECIAL if token not in ids]
    if missing or len(ids) != len(tokens):
        problem = f"lacks {', '.join(missing)}" if missing else "names a token twice"
        raise errors.InvalidValueError(
            f"The vocabulary of the step tokenize {problem}.\n"
            "Take the one that was saved with the model.",
            given=len(tokens),
        )
    model = models.WordPiece(ids, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD)
    tokenizer = _pipeline(Tokenizer(model), lowercase, strip_accents)
    if split_unknown:
        divide = pre_tokenizers.Split(Regex(_spelling_pattern(ids)), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([tokenizer.pre_tokenizer, divide])
    tokenizer.post_processor = processors.BertProcessing((LAST, ids[LAST]), (FIRST, ids[FIRST]))
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _spelling_pattern(tokens: Iterable[str]) -> str:
    """Return the expression that matches each part of a word: spelled letters, or one other.

    Letters are written as they are, since libraries on devices differ in how they escape them.
    """
    known = set(tokens)
    spelled = sorted(t for t in known if len(t) == 1 and f"##{t}" in known and _is_inside(t))
    if not spelled:
        return "."
    runs = []
    for _, run in itertools.groupby(enumerate(spelled), lambda pair: ord(pair[1]) - pair[0]):
        letters = [letter for _, letter in run]
        runs.append(letters[0] if len(letters) == 1 else f"{letters[0]}-{letters[-1]}")
    among = "".join(runs)
    return f"[{among}]{{1,{LONGEST_WORD}}}|[^{among}]"


def _is_inside(letter: str) -> bool:
    """Say whether a character can be inside a word, where punctuation is alone."""
    return letter.isalnum() or not (letter.isascii() or unicodedata.category(letter)[0] in "PZC")


def _made(step: Mapping[str, Any]) -> Tokenizer:
    return make(
        str(step["vocabulary"]),
        bool(step.get("lowercase", True)),
        bool(step.get("strip_accents", False)),
        bool(step.get("split_unknown", False)),
    )


def count_tokens(texts: Sequence[str], step: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return of each text how many tokens it has, and how many of them are known.

    Args:
        texts: Any number.
        step: Settings of `tokenize`; its length is not looked at.

    Returns:
        Tokens with `[CLS]` and `[SEP]` `(n,)`, and known tokens without these `(n,)`.
    """
    tokenizer = _made(step)
    unknown = tokenizer.token_to_id(UNKNOWN)
    lengths, known = np.zeros(len(texts), int), np.zeros(len(texts), int)
    for start in range(0, len(texts), 1024):
        for number, encoded in enumerate(tokenizer.encode_batch(list(texts[start : start + 1024]))):
            lengths[start + number] = len(encoded.ids)
            known[start + number] = sum(token != unknown for token in encoded.ids) - 2
    return lengths, known


def unknown_parts(texts: Iterable[str], step: Mapping[str, Any]) -> collections.Counter[str]:
    """Return what is unknown in texts, as it is written there, and how often.

    Args:
        texts: Any number.
        step: Settings of `tokenize`.
    """
    tokenizer = _made(step)
    unknown = tokenizer.token_to_id(UNKNOWN)
    parts: collections.Counter[str] = collections.Counter()
    for text in texts:
        encoded = tokenizer.encode(text)
        for token, (start, end) in zip(encoded.ids, encoded.offsets, strict=True):
            if token == unknown:
                parts[text[start:end]] += 1
    return parts


def tokenize(
    value: bytes | str | Mapping[str, np.ndarray],
    length: int,
    vocabulary: str,
    lowercase: bool = True,
    strip_accents: bool = False,
    split_unknown: bool = False,
) -> dict[str, np.ndarray]:
    """Turn a text into the inputs of an encoder; a preprocessing step.

    Args:
        value: The text; as bytes UTF-8, as `Texts.load` gives it, or tokenized already.
        length: Tokens, `[CLS]` and `[SEP]` included; longer texts are cut, shorter ones padded.
        vocabulary: Tokens joined by spaces.
        lowercase: Fold capitals.
        strip_accents: Fold accented letters.
        split_unknown: See `make`.

    Returns:
        `input_ids`, `token_type_ids`, `attention_mask`, int32 `(length,)` each.

    Raises:
        DataError: The bytes are not UTF-8, or the text is empty.
    """
    if isinstance(value, Mapping):
        if INPUTS[0] in value:
            return {name: np.asarray(value[name]) for name in INPUTS}
        value = str(value["text"])
    text = _decoded(value) if isinstance(value, bytes) else value
    tokenizer = make(vocabulary, lowercase, strip_accents, split_unknown)
    ids = tokenizer.encode(text).ids
    if len(ids) <= 2:
        raise errors.DataError("The text is empty: it holds nothing that can be read.", given=text)
    if len(ids) > length:
        ids = [*ids[: length - 1], ids[-1]]
    made = np.full(length, tokenizer.token_to_id(PADDING), "int32")
    made[: len(ids)] = ids
    mask = np.zeros(length, "int32")
    mask[: len(ids)] = 1
    return {"input_ids": made, "token_type_ids": np.zeros(length, "int32"), "attention_mask": mask}


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise errors.DataError(
            f"The text is not UTF-8: byte {error.start:,} is wrong.", given=error.start
        ) from error


def length(inputs: Mapping[str, np.ndarray]) -> int:
    """Return how many tokens a tokenized text has, padding left out."""
    return int(np.asarray(inputs["attention_mask"]).sum())


def files(steps: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """Return `tokenizer.json` and `vocab.txt` for those who tokenize elsewhere, on a phone.

    `tokenizer.json` says everything, truncation and padding to the model's length included.
    `vocab.txt` holds the tokens alone: a WordPiece of one's own gives the same ids where it divides
    words as `split_unknown` says, and for words of known letters in any case.

    Args:
        steps: Of a plan or a card.
    """
    from tokenizers import Tokenizer

    step = next((step for step in steps if step.get("step") == "tokenize"), None)
    if step is None:
        return {}
    tokenizer = Tokenizer.from_str(_made(step).to_str())  # a copy: what follows changes it
    tokenizer.enable_truncation(int(step["length"]))
    padding = {"pad_id": tokenizer.token_to_id(PADDING), "pad_token": PADDING}
    tokenizer.enable_padding(length=int(step["length"]), **padding)
    return {
        "tokenizer.json": tokenizer.to_str(pretty=True).encode(),
        "vocab.txt": "".join(f"{token}\n" for token in step["vocabulary"].split(" ")).encode(),
    }
