"""Numbers and plain values in words, for people; what is not known is a dash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actzoo.charts import finite


def size(count: Any) -> str:
    """Return a number of bytes in words."""
    number = finite(count)
    if number is None:
        return "–"
    for unit in ("B", "kB", "MB"):
        if abs(number) < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"


def duration(seconds: Any) -> str:
    """Return a time in words."""
    number = finite(seconds)
    if number is None:
        return "–"
    if number < 90:
        return f"{number:.0f} s"
    return f"{number / 60:.0f} min" if number < 5400 else f"{number / 3600:.1f} h"


def share(value: Any, digits: int = 1) -> str:
    """Return a share as per cent."""
    found = finite(value)
    return "–" if found is None or abs(found) > 1e6 else f"{found * 100:.{digits}f}%"


def number(value: Any, digits: int = 3) -> str:
    """Return a number: whole ones in full, others to some digits."""
    found = finite(value)
    if found is None:
        return "–"
    if found == int(found) and abs(found) < 1e9:
        return f"{int(found):,}"
    return f"{found:.{digits}g}"


def plain(value: Any) -> str:
    """Return any value out of JSON as words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(plain(inner) for inner in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def sentence(value: Any) -> str:
    """Return a text that begins and ends like a sentence."""
    text = str(value).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
