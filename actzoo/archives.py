"""Archives of data, unpacked once into the user's cache.

An archive is an untrusted file: every member is looked at before the first one is written, and
one bad member refuses the whole. The folder is named by the archive's content and appears under
its name complete, so that a second run finds it and a killed one leaves nothing to trip over.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from actzoo import cache, errors, files

ENDINGS = (".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# Photos, texts and volumes shrink 1 to 50 times; a bomb of zeros a thousand times and more.
LARGEST_RATIO = 200
HARMLESS_BYTES = 16 << 20  # below this, any ratio is taken
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError)


def folder_of(path: str | os.PathLike[str]) -> Path:
    """Return the folder that a path means.

    Args:
        path: A folder or a file, returned as they are, or an archive.

    Returns:
        For an archive, the folder in the cache that holds its content; where that is a single
        folder of folders, the inner one.

    Raises:
        DataError: The archive is broken, or not safe to unpack; nothing of it was written.
        DiskError: The cache cannot be written.
    """
    place = Path(path)
    if not (place.is_file() and place.name.lower().endswith(ENDINGS)):
        return place
    target = cache.folder("archives", _sha256_of(place)[:32])
    if not target.is_dir():
        _unpack(place, target)
    return _look_through(target)


def _sha256_of(archive: Path) -> str:
    """Return the hash of an archive, read once in a process as long as the file is unchanged."""
    state = archive.stat()
    return _sha256(
        archive.resolve(), state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
    )


@functools.lru_cache(maxsize=64)
def _sha256(archive: Path, *state: int) -> str:
    return files.sha256_file(archive)


def _look_through(folder: Path) -> Path:
    """Return the one folder inside, if there is nothing else and it holds folders itself."""
    visible = [p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX"))]
    if len(visible) == 1 and visible[0].is_dir() and any(p.is_dir() for p in visible[0].iterdir()):
        return visible[0]
    return folder


@dataclasses.dataclass(frozen=True)
class _Member:
    name: str
    size: int
    is_folder: bool
    is_file: bool


def _unpack(archive: Path, target: Path) -> None:
    """Write the content of an archive into a folder that does not exist yet."""
    try:
        _check(archive)
        with files.atomic_path(target) as temporary:
            temporary.mkdir()
            for member, content in _members(archive):
                place = temporary.joinpath(*_parts(member.name))
                if member.is_folder:
                    place.mkdir(parents=True, exist_ok=True)
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                with open(place, "xb") as file:
                    shutil.copyfileobj(content, file, 1 << 20)
    except errors.DiskError as error:
        raise errors.DiskError(
            f"{error}\nIt is the cache for unpacked archives; set {cache.VARIABLE} to move it, or "
            f"unpack {errors.shown(archive, 120)} yourself and give the folder.",
            given=str(target),
        ) from error
    except (*_BROKEN, OSError, RuntimeError) as error:
        if isinstance(error, errors.ActzooError):
            raise
        locked = isinstance(error, RuntimeError) and "password" in str(error)
        why = "is encrypted" if locked else "is damaged or cut short"
        raise errors.DataError(
            f"The archive {errors.shown(archive, 200)} {why}; nothing of it was used.\n"
            "Get it again, or unpack it yourself and give the folder.",
            given=str(archive),
        ) from error


def _check(archive: Path) -> None:
    """Refuse an archive for its first bad member, before the bytes after it are unpacked."""
    total, seen = 0, set()
    most = _most_bytes(archive)
    for member, _ in _members(archive):
        total += member.size + 512  # a header each, so that a billion empty members end as well
        parts = _parts(member.name)
        problem = None
        if not (member.is_file or member.is_folder):
            problem = "is a link or a device"
        elif member.name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", member.name):
            problem = "has an absolute path"
        elif ".." in parts or "\0" in member.name:
            problem = "leads out of the folder"
        elif member.is_file and (parts in seen or not parts):
            problem = "occurs twice" if parts else "has no name"
        elif total > most:
            problem = f"brings the content above {LARGEST_RATIO} times the archive's own size"
        if problem:
            raise errors.DataError(
                f"The archive {errors.shown(archive, 200)} was refused as a whole: "
                f"'{errors.shown(member.name, 120)}' {problem}.\n"
                "If you trust it, unpack it yourself and give the folder.",
                given=str(archive),
            )
        if member.is_file:
            seen.add(parts)


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"[/\\]", name) if part not in ("", "."))


def _members(archive: Path) -> Iterator[tuple[_Member, IO[bytes]]]:
    """Yield each member with its content, which never exceeds the size it declares."""
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                kind = info.external_attr >> 28  # of Unix: 0o10 a file, 0o4 a folder
                regular = kind in (0, 0o10) and not info.is_dir()
                member = _Member(info.filename, info.file_size, info.is_dir(), regular)
                with opened.open(info) as content:
                    yield member, _Exactly(content, info.file_size)  # type: ignore[misc]
        return
    with _tar(archive) as opened:
        for entry in opened:
            member = _Member(entry.name, entry.size, entry.isdir(), entry.isreg())
            yield member, opened.extractfile(entry) if entry.isreg() else None  # type: ignore[misc]
        _read_to_end(opened.fileobj, _most_bytes(archive))


def _read_to_end(stream: IO[bytes], most: int) -> None:
    """Read what follows the last member, so that the checksum at the end is looked at."""
    while block := stream.read(1 << 20):
        most -= len(block)
        if most < 0:
            raise tarfile.ReadError("more padding than content may be")


class _Exactly:
    """A stream that ends with an error where it holds more than was declared."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise zipfile.BadZipFile("more content than declared")
        return block


@contextmanager
def _tar(archive: Path) -> Iterator[Any]:
    """Open a tar file whose own headers may not ask for more memory than its content may take."""
    with tarfile.open(archive, "r:*") as opened:
        stream: Any = opened.fileobj
        read, most = stream.read, _most_bytes(archive)

        def limited(size: int = -1) -> bytes:
            if size > most:
                raise tarfile.ReadError("a header larger than the content may be")
            return read(size)

        stream.read = limited
        yield opened


def _most_bytes(archive: Path) -> int:
    return max(HARMLESS_BYTES, LARGEST_RATIO * archive.stat().st_size)
