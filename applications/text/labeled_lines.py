"""Lines that begin with their label, as fastText and TREC write them; and plain text files."""

from __future__ import annotations

import re
from pathlib import Path

from actzoo import errors
from actzoo.applications.text.columns import LABEL_NAMES, TEXT_NAMES
from actzoo.applications.text.decoding import content_of, split_lines
from actzoo.applications.text.records import Table, refuse

FASTTEXT = "__label__"
_FASTTEXT = re.compile(rf"((?:{FASTTEXT}\S+\s+)+)(?:, )?(.*)", re.DOTALL)
_TREC = re.compile(r"([A-Z]{2,8}):([A-Za-z]+) (\S.*)", re.DOTALL)
_PEEK = 1 << 16  # bytes


def has_header(path: Path) -> bool:
    """Say whether the first line of tab-separated values has a known name for the texts."""
    first = split_lines(_beginning(path))[0]
    return any(name.strip(' "').casefold() in TEXT_NAMES for name in first.split("\t"))


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
        "fasttext", "trec", "tab" or "comma" for separated values, or None.
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
    header = {column.strip(' "').casefold() for column in lines[0].split(",")}
    return "comma" if header & set(TEXT_NAMES) and header & set(LABEL_NAMES) else None


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
    for number, line in enumerate(split_lines(text), 1):
        if not line.strip():
            continue
        parts = _FASTTEXT.fullmatch(line)
        if parts is None:
            raise refuse(
                name,
                number,
                f"it has no label and text, as in {FASTTEXT}NAME TEXT.",
                "The lines before it have; write this one likewise, or remove it.",
            )
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
    for number, line in enumerate(split_lines(text), 1):
        if not line.strip():
            continue
        parts = _TREC.fullmatch(line)
        if parts is None:
            raise refuse(
                name, number, "it is not a line LABEL:part TEXT as those before it.", "Correct it."
            )
        rows.append([parts[3], parts[1], f"{parts[1]}:{parts[2]}"])
        lines.append(number)
    return Table(name, ["text", "label", "fine_label"], rows, lines)
