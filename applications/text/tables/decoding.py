"""The text of a file: unpacked if it is compressed, decoded, or refused with what it is instead."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import itertools
import lzma
import re
import zlib
from pathlib import Path
from typing import IO, cast

from actzoo import archives, errors, files
from actzoo.applications.text.tables.records import refuse

PACKED = (".gz", ".bz2", ".xz")  # endings after that of a table
_BOMS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAVE = "Save the sheet as CSV UTF-8, and give that file."
# How files begin that are not text, whatever their ending says: what it is, what to do.
_OTHERS = (
    (b"PK\x03\x04", "an Excel workbook or another packed file", _SAVE),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of the old form", _SAVE),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Unpack it: zstd -d FILE"),
    (b"PAR1", "a Parquet table", "Give it the ending .parquet."),
    (b"ARROW1", "an Arrow table", "Give it the ending .arrow."),
    (b"SQLite format 3", "a database", "Write its table as CSV: sqlite3 -header -csv FILE QUERY"),
    (b"%PDF", "a PDF", "Give a table: CSV, TSV, JSON or Parquet."),
    (
        b"version https://git-lfs",
        "the pointer that Git LFS left in place of the file",
        "Get the file itself: git lfs pull",
    ),
    (b"<!DOCTYPE html", "a web page", "Download the file itself; sites show a page to log in."),
    (b"<html", "a web page", "Download the file itself; sites show a page to log in."),
)
_MOSTLY_ASCII = 0.25  # share of other bytes, up to which a text is in Latin letters
_READINGS = 3  # encodings in a message
_CONTROL = 0.02  # share of control characters, from which on bytes are no text
_MIXED = 0.2  # share of lines in UTF-8, of those beyond ASCII, from which on encodings are mixed
# Encodings that short texts do not tell apart; a reader of the language does.
_ALIKE = (
    ("cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic"),
    ("gb18030", "cp932", "cp949", "big5", "euc_jp", "johab", "gbk", "shift_jis", "euc_kr"),
)


def content_of(path: Path, first: int | None = None) -> bytes:
    """Return the bytes of a file, unpacked where they are compressed.

    Args:
        path: The file.
        first: How many of them; None returns all.

    Raises:
        DataError: It cannot be read, is damaged, or unpacks to too much.
    """
    try:
        with _opened(path) as stream:
            if first is not None:
                return stream.read(first)
            if not isinstance(stream, io.BufferedReader):
                return _unpacked(path, stream)
            return stream.read()
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise refuse(
            path.name, None, "it is compressed, and damaged or cut short.", "Get it again."
        ) from error
    except OSError as error:
        raise errors.DataError(
            f"{errors.shown(path, 200)} cannot be read: {error.strerror or error}.",
            given=str(path),
        ) from error


def _opened(path: Path) -> IO[bytes]:
    if files.special_kind(path) is None:
        file = open(path, "rb")  # closed by who asked for it
    else:
        file = io.BufferedReader(io.BytesIO(files.read_bytes(path)))  # type: ignore[arg-type]
    beginning = file.peek(8)[:8]
    for mark, unpack in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open)):
        if beginning.startswith(mark):
            return cast("IO[bytes]", unpack(file))
    return file


def _unpacked(path: Path, stream: IO[bytes]) -> bytes:
    """Return the content of a compressed file, which may not be a bomb."""
    most = max(archives.HARMLESS_BYTES, archives.LARGEST_RATIO * path.stat().st_size)
    content = stream.read(most + 1)
    if len(content) > most:
        raise refuse(
            path.name,
            None,
            f"unpacked it is above {archives.LARGEST_RATIO} times its own size.",
            "If you trust it, unpack it yourself and give the file.",
        )
    return content


def refuse_other_files(name: str, raw: bytes) -> None:
    """Refuse what is not text, by its first bytes.

    Raises:
        DataError: Says what it is.
    """
    for beginning, what, fix in _OTHERS:
        if raw[: len(beginning)].lower() == beginning.lower():
            raise refuse(name, None, f"it is {what}, not text.", fix)


def decoded(path: Path, encoding: str | None = None) -> str:
    """Return the text of a file.

    Args:
        path: The file; compressed ones are unpacked.
        encoding: None is UTF-8, or what its byte order mark says.

    Raises:
        DataError: It is not text of that encoding; names line and byte, and the likely encoding.
        InvalidValueError: There is no such encoding.
    """
    raw = content_of(path)
    refuse_other_files(path.name, raw)
    marked = next((name for mark, name in _BOMS if raw.startswith(mark)), None)
    chosen = marked or encoding or "utf-8"
    try:
        text = raw.decode(chosen)
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        line = raw.count(b"\n", 0, at)
        if not _wide(raw) and _is_binary(raw):
            raise refuse(
                path.name,
                None,
                "it is not text: it holds many control characters.",
                "Give a text file; if it is packed or encrypted, unpack it first.",
            ) from error
        raise refuse(
            path.name,
            line + 1,
            f"byte {at:,} of the file is not {chosen} text.",
            _wide(raw)
            or (None if marked or encoding else _mixed(raw))
            or f"Save the file as UTF-8, or name its encoding.{_guessed(raw, at)}",
        ) from error
    except LookupError as error:  # also for what does not encode texts, such as base64
        raise errors.InvalidValueError(
            f"There is no encoding of texts '{errors.shown(chosen)}'.\nUse a name of Python's, "
            "such as utf-8, cp1252, latin-1 or utf-16-le.",
            given=chosen,
        ) from error
    _check_nul(path.name, raw, text)
    return text


def _is_binary(raw: bytes) -> bool:
    """Say whether bytes are no text in any encoding, by the control characters in them."""
    sample = raw[: 1 << 16].translate(None, b"\t\n\v\f\r\x1a\x1b")
    return sum(byte < 32 for byte in sample) > _CONTROL * len(sample)


def _mixed(raw: bytes) -> str | None:
    """Return what to do about lines of UTF-8 beside others; None where there are hardly any.

    Any one encoding for the whole file would make wrong letters of the lines in the other.
    """
    lines = [(n, line) for n, line in enumerate(raw.splitlines(), 1) if not line.isascii()]
    others = [number for number, line in lines if not _decodes_all(line, "utf-8")]
    fits = len(lines) - len(others)
    if fits <= _MIXED * len(lines):
        return None
    more = f" and {len(others) - 5:,} more" if len(others) > 5 else ""
    named = ", ".join(f"{number:,}" for number in others[:5])
    return (
        f"The file mixes encodings: of the lines with letters beyond ASCII, {fits:,} are UTF-8 and "
        f"{len(others):,} are not: {named}{more}. Write those in UTF-8, or remove them."
    )


def _decodes_all(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeError:
        return False
    return True


def read_wrongly(text: str, encoding: str | None = None) -> str | None:
    """Return what a text says that is UTF-8 read in another encoding (`Ã©` for `é`), else None.

    Args:
        text: As it was read.
        encoding: In which it was; the one of Western Windows is tried in any case.
    """
    if text.isascii():
        return None
    for name in filter(None, (encoding, "cp1252", "latin-1")):
        try:
            return text.encode(name).decode("utf-8")
        except (UnicodeError, LookupError):
            continue
    return None


def _guessed(raw: bytes, at: int) -> str:
    """Return the likely encodings with how they read the bytes that are not UTF-8."""
    before, after = raw.rfind(b"\n", 0, at) + 1, raw.find(b"\n", at)
    line = raw[max(before, at - 30) : at + 50 if after < 0 else min(after, at + 50)]
    readings: dict[str, str] = {}
    for name in _likely_encodings(raw):
        reading = errors.shown(line.decode(name, "replace").strip(), 80)
        if reading not in readings.values():
            readings[name] = reading
    if len(readings) == 1:
        ((name, shown),) = readings.items()
        return f" As {name} it reads '{shown}'; if that is right: --encoding {name}"
    shown = ", ".join(f"as {name} '{reading}'" for name, reading in readings.items())
    return f" It reads {shown}; for the first: --encoding {next(iter(readings))}"


def _likely_encodings(raw: bytes) -> list[str]:
    """Return encodings that may be meant, the likeliest first."""
    sample = raw[: 1 << 20]
    odd = sum(byte > 127 for byte in sample)
    if odd <= _MOSTLY_ASCII * len(sample):
        return ["cp1252"]
    import charset_normalizer

    best = charset_normalizer.from_bytes(sample).best()
    first = "cp1252" if best is None else str(best.encoding)
    alike = next((group for group in _ALIKE if first in group), (first,))
    names = [name for name in dict.fromkeys((first, *alike)) if _decodes(sample, name)]
    names.sort(key=lambda name: -sum(map(_is_usual, sample.decode(name, "replace"))))
    return names[:_READINGS] or ["cp1252"]


def _is_usual(letter: str) -> bool:
    """Say whether a letter is one of which texts have many: in Cyrillic small, in Japanese kana."""
    return letter.islower() or "\u3041" <= letter <= "\u30fa"


def _decodes(sample: bytes, encoding: str) -> bool:
    """Say whether nearly all bytes fit; a character may be cut at the sample's end."""
    return sample.decode(encoding, "replace").count("\ufffd") <= 1


def _check_nul(name: str, raw: bytes, text: str) -> None:
    """Refuse a NUL byte; many of them mean UTF-16."""
    at = text.find("\0")
    if at < 0:
        return
    raise refuse(
        name,
        text.count("\n", 0, at) + 1,
        f"there is a NUL byte at byte {len(text[:at].encode()):,} of the file.",
        _wide(raw) or "Remove it; a text file holds none.",
    )


def _wide(raw: bytes) -> str | None:
    """Return the option for UTF-16 without a mark, where many bytes are 0; None where not."""
    sample = raw[:4000]
    if sample.count(0) * 10 <= len(sample):
        return None
    even = sample[::2].count(0) > sample[1::2].count(0)
    return f"It seems to be UTF-16: --encoding utf-16-{'be' if even else 'le'}"


_LINE_END = re.compile(r"\r\n|\r|\n")


def after_lines(text: str, count: int) -> str:
    """Return a text without its first lines."""
    ends = itertools.islice(_LINE_END.finditer(text), count)
    return text[max((end.end() for end in ends), default=0) :]


def split_lines(text: str) -> list[str]:
    """Return lines as editors count them; a form feed, for example, does not end one."""
    return _LINE_END.split(text)
