"""What is in an archive: its members by their true names, or why it cannot be read.

Which kind an archive is, its first bytes say and not its ending. A .zip need not say in which
encoding its names are; then they are UTF-8, as macOS writes them, or the user says which.
"""

from __future__ import annotations

import codecs
import dataclasses
import os
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from actzoo import errors

ENDINGS = (".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# Ending of an archive that is not read -> what it is, and the command that unpacks it.
FOREIGN = {
    ".7z": ("a 7z archive", "7z x {} -o{}"),
    ".rar": ("a RAR archive", "7z x {} -o{}"),
    ".tar.zst": ("a tar archive packed by Zstandard", "mkdir {1} && tar --zstd -xf {0} -C {1}"),
    ".tzst": ("a tar archive packed by Zstandard", "mkdir {1} && tar --zstd -xf {0} -C {1}"),
    ".tar.lz4": ("a tar archive packed by LZ4", "mkdir {1} && lz4 -dc {0} | tar -xf - -C {1}"),
    ".tar.lz": ("a tar archive packed by lzip", "mkdir {1} && tar --lzip -xf {0} -C {1}"),
    ".tar.z": ("a tar archive packed by compress", "mkdir {1} && tar -xZf {0} -C {1}"),
    ".z01": ("a part of a divided .zip", "7z x {} -o{}"),
    ".zip.001": ("a part of a divided .zip", "7z x {} -o{}"),
    ".7z.001": ("a part of a divided 7z archive", "7z x {} -o{}"),
    ".cab": ("a CAB archive", "7z x {} -o{}"),
    ".iso": ("an image of a disk", "7z x {} -o{}"),
    ".dmg": ("an image of a disk", "7z x {} -o{}"),
}
# First bytes of files that are named like an archive and are not one that is read.
_AGAIN = "Get the archive again: what was saved is the answer of a server."
_BEGINNINGS = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", None),
    (b"Rar!\x1a\x07", "a RAR archive", None),
    (b"\x28\xb5\x2f\xfd", "packed by Zstandard", None),
    (b"\x04\x22\x4d\x18", "packed by LZ4", None),
    (b"LZIP", "packed by lzip", None),
    (b"\x1f\x9d", "packed by compress", None),
    (b"MSCF", "a CAB archive", None),
    (b"<!doctype", "a web page", _AGAIN),
    (b"<html", "a web page", _AGAIN),
    (b"<?xml", "an XML text", _AGAIN),
    (b"version https://git-lfs", "a pointer of Git LFS", "Get the file itself: git lfs pull"),
)
_PACKED_TAR = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_METHODS = {
    1: "Shrink", 6: "Implode", 9: "Deflate64, as Windows has for large files", 93: "Zstandard",
    95: "XZ", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES encryption",
}  # fmt: skip
_UTF8_FLAG, _ENCRYPTED_FLAG = 0x800, 0x1
_UNICODE_PATH = 0x7075  # Info-ZIP's extra field with the name in UTF-8
# Encodings of names in .zip files without a word on it, by what people use.
_GUESSES = ("cp932", "gbk", "cp949", "big5", "cp866", "cp1251", "cp1252", "cp850", "cp437")
_MOST_LINK_BYTES = 4096


class UnreadableError(Exception):
    """An archive that is not damaged and yet cannot be read.

    Args:
        why: What it is.
        fix: What to do, other than to unpack it by hand.
    """

    def __init__(self, why: str, fix: str | None = None) -> None:
        super().__init__(why)
        self.fix = fix


@dataclasses.dataclass(frozen=True)
class Member:
    """One member of an archive.

    Attributes:
        name: As it is written there; bytes that are no text as surrogates.
        kind: What it is.
        size: Bytes it says it holds.
        target: Where a link leads.
    """

    name: str
    kind: Literal["file", "folder", "symbolic link", "hard link", "device"]
    size: int = 0
    target: str = ""


def foreign_kind(path: Path) -> tuple[str, str] | None:
    """Return what an archive of a kind that is not read is and how to unpack it, or None."""
    small = path.name.lower()
    row = next((row for ending, row in FOREIGN.items() if small.endswith(ending)), None)
    if row is None or not path.is_file():
        return None
    return row[0], row[1].format(errors.quoted(path), errors.quoted(folder_beside(path)))


def folder_beside(archive: Path) -> Path:
    """Return the folder into which an archive would be unpacked beside it."""
    endings = sorted((*ENDINGS, *FOREIGN), key=len, reverse=True)
    small = archive.name.lower()
    length = next((len(ending) for ending in endings if small.endswith(ending)), 0)
    stem = archive.name[: len(archive.name) - length] or "data"
    return archive.with_name(stem if length else f"{stem}_data")


def members(
    archive: Path, encoding: str | None, most_bytes: int
) -> Iterator[tuple[Member, IO[bytes]]]:
    """Yield each member with its content, which never exceeds the size it declares.

    Args:
        archive: The file.
        encoding: Of names that do not say it; None takes UTF-8.
        most_bytes: That its content, and any header, may have.

    Raises:
        UnreadableError: It cannot be read, for a reason that is not damage.
        zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error: It is damaged.
    """
    with open(archive, "rb") as file:
        start = file.read(512)
    for mark, what, fix in _BEGINNINGS:
        if start.lower().startswith(mark.lower()):
            raise UnreadableError(f"is {what}", fix)
    is_tar = start.startswith(_PACKED_TAR) or start[257:262] == b"ustar"
    if start.startswith(b"PK") or (not is_tar and zipfile.is_zipfile(archive)):
        return _of_zip(archive, encoding)
    return _of_tar(archive, encoding, most_bytes)


def refuse_names(names: Sequence[str], archive: Path) -> None:
    """Refuse an archive whose names are not UTF-8, and show how encodings read them.

    Args:
        names: Those with surrogates.
        archive: The file.

    Raises:
        DataError: There are some.
    """
    if not names:
        return
    raw = [name.encode("utf-8", "surrogateescape") for name in names]
    readings: dict[str, str] = {}
    for encoding in _GUESSES:
        try:
            texts = [name.decode(encoding) for name in raw]
        except UnicodeDecodeError:
            continue
        if all(text.isprintable() for text in texts) and texts[0] not in readings.values():
            readings[encoding] = texts[0]
    shown = ", ".join(f"{name} reads '{errors.shown(t, 60)}'" for name, t in readings.items())
    raise errors.DataError(
        f"{len(names):,} names in the archive {errors.shown(archive, 200)} are not UTF-8, and it "
        f"does not say what they are; the first is {errors.shown(ascii(raw[0])[1:], 120)}.\n"
        f"Name their encoding: --archive-encoding NAME. {shown or 'None that is common fits'}.",
        given=names[0],
        fix="--archive-encoding",
    )


def _decoded(raw: bytes, encoding: str | None) -> str:
    if encoding is None:
        return raw.decode("utf-8", "surrogateescape")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableError(
            f"has names that are not {encoding}: {errors.shown(ascii(raw)[1:], 120)}",
            "Name another encoding: --archive-encoding NAME",
        ) from error


def check_encoding(encoding: str | None) -> None:
    """Refuse the name of an encoding that does not exist.

    Raises:
        InvalidValueError: There is none.
    """
    if encoding is None:
        return
    try:
        b"".decode(codecs.lookup(encoding).name)
    except LookupError as error:
        raise errors.InvalidValueError(
            f"There is no encoding of texts '{errors.shown(encoding)}'.\nUse a name of Python's, "
            f"such as {', '.join(_GUESSES)}.",
            given=encoding,
            allowed=_GUESSES,
        ) from error


# --- zip -----------------------------------------------------------------------------------------


def _of_zip(archive: Path, encoding: str | None) -> Iterator[tuple[Member, IO[bytes]]]:
    if _is_divided(archive):
        raise UnreadableError("is one part of a divided .zip")
    try:
        opened = zipfile.ZipFile(archive)
    except UnicodeDecodeError as error:
        raise UnreadableError("has names that it calls UTF-8 and that are not") from error
    with opened:
        for info in opened.infolist():
            member = Member(_zip_name(info, encoding), _zip_kind(info), info.file_size)
            if member.kind == "folder":
                yield member, _Exactly(b"", 0)  # type: ignore[misc]
                continue
            _check_method(info)
            with opened.open(info) as content:
                if member.kind == "symbolic link":
                    target = content.read(_MOST_LINK_BYTES).decode("utf-8", "surrogateescape")
                    yield dataclasses.replace(member, target=target), content
                else:
                    yield member, _Exactly(content, info.file_size)  # type: ignore[misc]


def _is_divided(archive: Path) -> bool:
    """Tell from the record at its end whether a .zip has further parts."""
    with open(archive, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 65_557))
        end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0:  # cut short, or the first part of several
        parts = archive.with_suffix(".z01")
        return parts.exists()
    if len(end) < at + 8:
        return False
    this, first = struct.unpack_from("<HH", end, at + 4)
    return (this, first) not in ((0, 0), (0xFFFF, 0xFFFF))


def _zip_name(info: zipfile.ZipInfo, encoding: str | None) -> str:
    """Return the name of a member as it was meant."""
    if info.flag_bits & _UTF8_FLAG:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437")
    known = _unicode_path(info.extra, raw)
    return _decoded(raw, encoding) if known is None else known


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """Return the name in Info-ZIP's extra field, if it belongs to the name; else None."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        content, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(content) > 5 and content[0] == 1:
            if struct.unpack_from("<I", content, 1)[0] == zlib.crc32(raw):
                return content[5:].decode("utf-8", "surrogateescape")
    return None


def _zip_kind(info: zipfile.ZipInfo) -> Any:
    kind = info.external_attr >> 28  # of Unix: 0o10 a file, 0o4 a folder, 0o12 a link
    if info.is_dir() or (info.orig_filename.endswith("\\") and not info.file_size):
        return "folder"
    return {0: "file", 0o10: "file", 0o12: "symbolic link"}.get(kind, "device")


def _check_method(info: zipfile.ZipInfo) -> None:
    """Refuse a member that is packed or locked in a way that Python does not read."""
    if info.compress_type == 99 or info.flag_bits & _ENCRYPTED_FLAG:
        how = " (AES)" if info.compress_type == 99 else ""
        raise UnreadableError(f"is encrypted with a password{how}")
    read = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
    read.add(getattr(zipfile, "ZIP_ZSTANDARD", zipfile.ZIP_STORED))
    if info.compress_type not in read:
        name = _METHODS.get(info.compress_type, "unknown")
        raise UnreadableError(
            f"is packed by a method that actzoo does not read, {info.compress_type} ({name})"
        )


class _Exactly:
    """A stream that ends with an error where it holds more than was declared."""

    def __init__(self, stream: Any, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int = -1) -> bytes:
        block: bytes = self._stream.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise zipfile.BadZipFile("more content than declared")
        return block


# --- tar -----------------------------------------------------------------------------------------


def _of_tar(
    archive: Path, encoding: str | None, most_bytes: int
) -> Iterator[tuple[Member, IO[bytes]]]:
    with _tar(archive, most_bytes) as opened:
        for entry in opened:
            name, target = (_tar_name(text, encoding) for text in (entry.name, entry.linkname))
            member = Member(name, _tar_kind(entry), entry.size, target)
            yield member, opened.extractfile(entry) if entry.isreg() else None  # type: ignore[misc]
        _read_to_end(opened.fileobj, most_bytes)


def _tar_name(text: str, encoding: str | None) -> str:
    """Return a name as it was meant; what is UTF-8 is so by the format."""
    is_utf8 = text.isascii() or not any(unicodedata.category(c) == "Cs" for c in text)
    return text if is_utf8 else _decoded(text.encode("utf-8", "surrogateescape"), encoding)


def _tar_kind(entry: tarfile.TarInfo) -> Any:
    kinds = {
        "file": entry.isreg(),
        "folder": entry.isdir(),
        "symbolic link": entry.issym(),
        "hard link": entry.islnk(),
    }
    return next((kind for kind, holds in kinds.items() if holds), "device")


def _read_to_end(stream: IO[bytes], most: int) -> None:
    """Read what follows the last member, so that the checksum at the end is looked at."""
    while block := stream.read(1 << 20):
        most -= len(block)
        if most < 0:
            raise tarfile.ReadError("more padding than content may be")


@contextmanager
def _tar(archive: Path, most_bytes: int) -> Iterator[Any]:
    """Open a tar file whose own headers may not ask for more memory than its content may take."""
    with tarfile.open(archive, "r:*", encoding="utf-8", errors="surrogateescape") as opened:
        stream: Any = opened.fileobj
        read = stream.read

        def limited(size: int = -1) -> bytes:
            if size > most_bytes:
                raise tarfile.ReadError("a header larger than the content may be")
            return read(size)

        stream.read = limited
        yield opened
