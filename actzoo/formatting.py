"""Numbers and plain values in words, for people; what is not known is a dash."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from actzoo import errors

LARGEST = 1e300  # beyond it, differences overflow


def finite(value: object) -> float | None:
    """Return a number that can be drawn, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return max(-LARGEST, min(LARGEST, number)) if math.isfinite(number) else None


def size(count: object) -> str:
    """Return a number of bytes in words."""
    number = finite(count)
    if number is None:
        return "–"
    for unit in ("B", "kB", "MB"):
        if abs(number) < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"


def duration(seconds: object) -> str:
    """Return a time in words."""
    number = finite(seconds)
    if number is None:
        return "–"
    if number < 90:
        return f"{number:.0f} s"
    return f"{number / 60:.0f} min" if number < 5400 else f"{number / 3600:.1f} h"


def share(value: object, digits: int = 1) -> str:
    """Return a share as a percentage."""
    known = finite(value)
    return "–" if known is None or abs(known) > 1e6 else f"{known * 100:.{digits}f}%"


def number(value: object, digits: int = 3) -> str:
    """Return a number: whole ones in full, others to some digits."""
    known = finite(value)
    if known is None:
        return "–"
    if known == int(known) and abs(known) < 1e9:
        return f"{int(known):,}"
    return f"{known:.{digits}g}"


def label(text: object, limit: int = 80) -> str:
    """Return a name that fits into a table."""
    whole = str(text)
    return whole if len(whole) <= limit else f"{whole[: limit - 1]}…"


def plain(value: object) -> str:
    """Return any value out of JSON as words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(plain(inner) for inner in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def sentence(value: object) -> str:
    """Return a text that begins and ends like a sentence."""
    text = str(value).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table as plain text: numbers to the right, texts to the left.

    Args:
        columns: Headings.
        rows: Cells; a text is escaped and never steers the terminal.
    """
    return "\n".join(table_lines(columns, rows)[0])


def table_lines(
    columns: Sequence[str], rows: Sequence[Sequence[object]], widths: Sequence[int] | None = None
) -> tuple[list[str], list[int]]:
    """Return the lines of a table and the widths of its columns, for a table that goes on.

    Args:
        columns: Headings; the first line.
        rows: Cells; see `table`.
        widths: Of the columns so far, which are kept where nothing is wider.
    """
    cells = [[cell if isinstance(cell, str) else _cell(cell) for cell in row] for row in rows]
    cells = [[errors.shown(cell, 200) for cell in row] for row in cells]
    numeric = [
        bool(rows) and all(not isinstance(row[i], str) for row in rows) for i in range(len(columns))
    ]
    widest = [
        max(len(text) for text in (heading, *(row[i] for row in cells)))
        for i, heading in enumerate(columns)
    ]
    widest = [max(pair) for pair in zip(widest, widths or widest, strict=True)]
    lines = []
    for line in (list(columns), *cells):
        padded = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widest, numeric, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return lines, widest


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
