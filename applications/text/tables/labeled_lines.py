"""Lines that begin with their label, as fastText and TREC write them.

Also in which form a file without the ending of a table holds texts with labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from actzoo import errors
from actzoo.applications.text.tables.columns import LABEL_NAMES, TEXT_NAMES
from actzoo.applications.text.tables.decoding import content_of, split_lines
from actzoo.applications.text.tables.records import Table, refuse

FASTTEXT = "__label__"
_FASTTEXT = re.compile(rf"((?:{FASTTEXT}\S+\s+)+)(?:, )?(.*)", re.DOTALL)
_TREC = re.compile(r"([A-Z]{2,8}):([A-Za-z]+) (\S.*)", re.DOTALL)
_PEEK = 1 << 16  # bytes
DIVIDED = {"tab": "\t", "semicolon": ";", "bar": "|", "comma": ","}  # form -> delimiter
_FEW = 0.2  # distinct labels to a line, up to which a part of each line is one


def has_header(path: Path, delimiter: str) -> bool:
    """Say whether the first line of separated values has a known name for the texts."""
    first = split_lines(_beginning(path))[0]
    return any(name.strip(' "').casefold() in TEXT_NAMES for name in first.split(delimiter))


def _beginning(path: Path) -> str:
    """Return the text of the first bytes of a file; what cannot be decoded is replaced.

    Raises:
        DataError: The file cannot be read.
    """
    raw = content_of(path, _PEEK)
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return raw.decode(encoding, "replace").removeprefix("\ufeff")


def form_of(path: Path) -> str | None:
    """Return in which form a file without a known ending holds texts with labels, by its beginning.

    Returns:
        "fasttext", "trec", a name in `DIVIDED` for separated values, or None.
    """
    try:
        text = _beginning(path)
    except errors.DataError:
        return None
    if "\0" in text:
        return None
    lines = [line for line in split_lines(text) if line.strip()]
    lines = lines[:-1] if len(text) > _PEEK // 5 else lines  # the last may be cut
    if len(lines) < 2:
        return None
    if all(line.startswith(FASTTEXT) for line in lines):
        return "fasttext"
    if all(map(_TREC.fullmatch, lines)):
        return "trec"
    if len({line.count("\t") for line in lines}) == 1 and "\t" in lines[0]:
        return "tab"
    for form in ("semicolon", "bar"):
        if _has_labels(lines, DIVIDED[form]):
            return form
    header = {column.strip(' "').casefold() for column in lines[0].split(",")}
    return "comma" if header & set(TEXT_NAMES) and header & set(LABEL_NAMES) else None


def _has_labels(lines: list[str], delimiter: str) -> bool:
    """Say whether each line has a text and a label: the last or first part, one of a few words."""
    parts = [line.split(delimiter) for line in lines]
    if {len(own) for own in parts} != {2}:
        return False
    for at in (1, 0):
        labels = {own[at].strip() for own in parts}
        is_word = all(label and " " not in label for label in labels)
        if is_word and 1 < len(labels) <= _FEW * len(lines):
            return True
    return False


def is_fasttext(text: str) -> bool:
    """Say whether the first line begins with a label as fastText writes it."""
    return text.lstrip("\ufeff\r\n ").startswith(FASTTEXT)


def read_fasttext(name: str, text: str) -> Table:
    """Return the table of lines such as `__label__pos a fine film`.

    Raises:
        DataError: A line has no label.
    """
    rows: list[list[object]] = []
    lines = []
    what = f"it has no label and text, as in {FASTTEXT}NAME TEXT."
    fix = "The lines before it have; write this one likewise, or remove it."
    for number, parts in _matched(name, text, _FASTTEXT, what, fix):
        given = [label.removeprefix(FASTTEXT) for label in parts[1].split()]
        rows.append([parts[2], given[0] if len(given) == 1 else given])
        lines.append(number)
    return Table(name, ["text", "label"], rows, lines)


def read_trec(name: str, text: str) -> Table:
    """Return the table of lines such as `DESC:manner How did it begin?`.

    Raises:
        DataError: A line has no label.
    """
    rows: list[list[object]] = []
    lines = []
    what = "it is not a line LABEL:part TEXT as those before it."
    for number, parts in _matched(name, text, _TREC, what, "Correct it."):
        rows.append([parts[3], parts[1], f"{parts[1]}:{parts[2]}"])
        lines.append(number)
    return Table(name, ["text", "label", "fine_label"], rows, lines)


def _matched(
    name: str, text: str, pattern: re.Pattern[str], what: str, fix: str
) -> Iterator[tuple[int, re.Match[str]]]:
    """Yield number and parts of each line that is not blank; refuse one of another form."""
    for number, line in enumerate(split_lines(text), 1):
        if not line.strip():
            continue
        parts = pattern.fullmatch(line)
        if parts is None:
            raise refuse(name, number, what, fix)
        yield number, parts
