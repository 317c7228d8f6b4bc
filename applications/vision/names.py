"""What names of folders and pictures say: of persons, registers, splits, or of classes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence

from actzoo.folders import SPLIT_NAMES

MOSTLY = 0.8  # share of the names that must look alike

# "p1" alone may be a grade.
_PERSON = re.compile(
    r"(?:patient|pat|pt|subject|subj|sub|case|person|participant|volunteer|donor|study|series|exam"
    r"|session|visit|animal|mouse)[-_ ]*\d+(?:[-_ ].*)?|p[-_ ]?\d{2,}|sub-[a-z]*\d[a-z0-9]*",
    re.IGNORECASE,
)
_WORDNET = re.compile(r"n\d{8}")
_IDS = (
    re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE),  # UUID
    re.compile(r"(?=.*\d)(?=.*[a-f])[0-9a-f]{8,}", re.IGNORECASE),  # a hash
    re.compile(r"[a-z]{2,}-[a-z0-9]{2}-[a-z0-9]{4}", re.IGNORECASE),  # TCGA-02-0001
    re.compile(r"\d{4}[-_.]\d{2}[-_.]\d{2}.*"),  # a date
)
# One word with numbers of a register (LIDC-IDRI-0001), unless the word says that they are classes.
_REGISTER = re.compile(r"([a-z]{2,}(?:[-_][a-z]{2,})*)[-_ ]?\d{4,}", re.IGNORECASE)
_CLASS_WORDS = frozenset((
    "class", "cls", "category", "cat", "type", "label", "kind", "group", "sign", "char", "letter",
    "character", "digit", "style", "species", "breed", "grade", "level", "stage", "font", "item",
    "sku", "product", "model", "logo",
))  # fmt: skip
_NUMBER = re.compile(r"\d{4,}")
SPREAD = 3  # numbers of classes leave no such gaps: 0 to 42, not 1004, 2817, 9311
_SPLIT = re.compile(
    r"(train|training|val|valid|validation|dev|test|testing|eval|holdout)"
    r"(?:[-_ ]*(?:set|data|images|imgs|img|pictures|\d{1,4}))?",
    re.IGNORECASE,
)


def is_person(name: str) -> bool:
    """Say whether a name is that of a patient, a person or a case, with its number."""
    return _PERSON.fullmatch(name) is not None


def is_split(name: str) -> bool:
    """Say whether a folder is called like a split, or the pictures of one."""
    return _SPLIT.fullmatch(name) is not None


def by_split(folders: Iterable[str]) -> dict[str, list[str]]:
    """Return split -> the folders that mean it.

    Plain names (train) go before those with a word more (training_set, train2017).
    """
    plain: dict[str, list[str]] = {}
    wordy: dict[str, list[str]] = {}
    for name in folders:
        match = _SPLIT.fullmatch(name)
        if split := SPLIT_NAMES.get(name.casefold()):
            plain.setdefault(split, []).append(name)
        elif match and (split := SPLIT_NAMES.get(match[1].casefold())):
            wordy.setdefault(split, []).append(name)
    return plain if "train" in plain else {**wordy, **plain}


def are_ids(names: Sequence[str]) -> bool:
    """Say whether names are those of a register; numbers without gaps are those of classes."""
    if mostly(names, lambda name: _WORDNET.fullmatch(name) is not None):
        return False
    numbers = sorted(int(name) for name in names if _NUMBER.fullmatch(name))
    if len(numbers) >= MOSTLY * len(names):
        return numbers[-1] - numbers[0] + 1 > SPREAD * len(numbers)
    words = {match.group(1).casefold() for name in names if (match := _REGISTER.fullmatch(name))}
    if len(words) == 1 and not words & _CLASS_WORDS:
        return mostly(names, lambda name: _REGISTER.fullmatch(name) is not None)
    return mostly(names, lambda name: any(pattern.fullmatch(name) for pattern in _IDS))


def mostly(names: Sequence[str], holds: Callable[[str], bool]) -> bool:
    """Say whether something holds of nearly all names."""
    return sum(map(holds, names)) >= MOSTLY * len(names)


def beginnings(pictures: Sequence[str]) -> list[str]:
    """Return the words that the names of pictures begin with, where these are few (cat.0.jpg)."""
    words = [re.match(r"[^\W\d_]{2,}", os.path.basename(path)) for path in pictures]
    each = sorted({word.group() for word in words if word})
    return each if all(words) and 2 <= len(each) <= len(words) / 2 else []
