"""How `"name(argument=1)"` is read and written.

A spec string comes from a command line, a plan or a model file, so it is an untrusted text. It is
read by a small grammar of its own; nothing in it is ever evaluated, and its length and alphabet
are checked before anything looks at its structure.
"""

from __future__ import annotations

import numbers
import re
from collections.abc import Mapping
from typing import Any

from actzoo import errors

MAX_LENGTH = 500  # characters of a spec; the longest sensible one has about a hundred
FORMS = (
    "a name ('relu'), a name with arguments ('leaky_relu(negative_slope=0.1)'), "
    "a peer's name ('torch:LeakyReLU'), (name, {argument: value}), a registered function, "
    "or a Keras layer"
)


_SPACE = re.compile(r"[ \t]*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# A name, perhaps with hyphens ("E-Swish"), or a peer and its spelling ("kecam:leaky_relu/0.1").
_SPELLING = re.compile(
    r"[A-Za-z][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*(?::[A-Za-z][A-Za-z0-9_]*(?:/[A-Za-z0-9_.]+)?)?"
)
_NUMBER = re.compile(r"[+-]?(?:inf|nan|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_TEXT = re.compile(r"'[^'\\]*'|\"[^\"\\]*\"")
_WORDS = {"True": True, "False": False, "None": None}


def read(text: str) -> tuple[str, dict[str, Any]]:
    """Split `"name(argument=1, other=2.5)"` into its name and arguments.

    The name may be a peer's: `"peer:name"`, or `"peer:name/word"`.
    Values are numbers, quoted texts, True, False, None and lists of these. Whether the name exists
    is not known here; see `actzoo.activations.parse`.

    Args:
        text: The spec.

    Returns:
        The name as written and the arguments as given.

    Raises:
        InvalidValueError: The text has no such form; nothing of it was evaluated.
    """
    if len(text) > MAX_LENGTH:
        raise _refusal(text, f"it has {len(text):,} characters, at most {MAX_LENGTH} are read")
    if not text.strip():
        raise _refusal(text, "it is empty")
    # Blanks around a name pasted from elsewhere do no harm; anything that cannot be seen does.
    odd = [c for c in text if not (" " <= c <= "~" or c == "\t")]
    if odd:
        codes = ", ".join(dict.fromkeys(f"U+{ord(c):04X}" for c in odd[:50]))
        raise _refusal(text, f"it holds characters that are not plain ASCII: {codes[:80]}")
    return _Reader(text).spec()


class _Reader:
    """Reads one spec from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def spec(self) -> tuple[str, dict[str, Any]]:
        name = self.take(_SPELLING)
        if name is None:
            raise self.stop("a name")
        params: dict[str, Any] = {}
        if self.sign("("):
            while not self.sign(")"):
                key = self.take(_NAME)
                if key is None:
                    raise self.stop("an argument's name (they are given as name=value), or ')'")
                if not self.sign("="):
                    raise self.stop(f"'=' (arguments are given by name: {key}=...)")
                if key in params:
                    raise _refusal(self.text, f"the argument '{errors.shown(key)}' occurs twice")
                params[key] = self.value()
                if not self.sign(","):
                    if not self.sign(")"):
                        raise self.stop("',' or ')'")
                    break
        self.take(_SPACE)
        if self.at < len(self.text):
            raise self.stop("its end")
        return name, params

    def value(self) -> Any:
        if not self.sign("["):
            return self.single()
        numbers = []
        while not self.sign("]"):
            numbers.append(self.single())
            if not self.sign(","):
                if not self.sign("]"):
                    raise self.stop("',' or ']'")
                break
        return numbers

    def single(self) -> Any:
        number = self.take(_NUMBER)
        if number is not None:
            return int(number) if re.fullmatch(r"[+-]?[0-9]{1,20}", number) else float(number)
        quoted = self.take(_TEXT)
        if quoted is not None:
            return quoted[1:-1]
        start = self.at
        word = self.take(_NAME)
        if word not in _WORDS:
            self.at = start
            raise self.stop("a number (or a word in quotes)")
        return _WORDS[word]

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """Step over blanks and the pattern; return what it matched, None if it did not."""
        blanks = _SPACE.match(self.text, self.at)
        start = blanks.end() if blanks else self.at
        match = pattern.match(self.text, start)
        if match is None:
            return None
        self.at = match.end()
        return match.group()

    def sign(self, sign: str) -> bool:
        return self.take(re.compile(re.escape(sign))) is not None

    def stop(self, wanted: str) -> errors.InvalidValueError:
        rest = self.text[self.at :].lstrip()
        if not rest:
            return _refusal(self.text, f"it ends where {wanted} is expected")
        code = f"U+{ord(rest[0]):04X}"
        place = len(self.text) - len(rest) + 1
        return _refusal(
            self.text, f"character {place} is {rest[0]!r} ({code}) where {wanted} is expected"
        )


def _refusal(text: str, why: str) -> errors.InvalidValueError:
    return errors.InvalidValueError(
        f"'{errors.shown(text)}' is not an activation: {why}.\n"
        f"Give {FORMS}.\nRun `actzoo list activations` for the names.",
        given=text[: MAX_LENGTH + 1],
        allowed=(FORMS,),
        fix="actzoo list activations",
    )


def write(name: str, params: Mapping[str, Any]) -> str:
    """Write a spec that `read` gives back unchanged.

    Args:
        name: A name.
        params: Numbers and None by argument.
    """
    if not params:
        return name

    def plain(value: object) -> object:  # NumPy writes its numbers as np.float64(0.1)
        if isinstance(value, tuple):
            return list(value)
        return (
            value.item() if isinstance(value, numbers.Number) and hasattr(value, "item") else value
        )

    return f"{name}({', '.join(f'{key}={plain(value)!r}' for key, value in params.items())})"
