"""The look at every file of a user's data before training, and what is kept of it.

Every file is read in full once, since a header says nothing about what follows. What is learned is
kept in the user's cache by the state of the file and by its content, so that later stages only look
at what is new, and data that was moved or copied is read, but not decoded again. A file that was
replaced by one of the same size and time is new. How the path was written makes no difference.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import glob
import hashlib
import io
import os
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from actzoo import cache, errors, files

SETTLED_SECONDS = 2.0  # a file changed just now may change again without a new time stamp
PROGRESS_SECONDS = 5.0
STORED = "scan.npz"
MOST_OTHERS = 500_000  # rows of other folders that are looked through
TOGETHER = 512  # items between two looks at the clock


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What a look at some items gave.

    Attributes:
        rows: One row per item `(n,)`; zeros for those that cannot be read.
        problems: Position -> why the item cannot be read.
    """

    rows: np.ndarray
    problems: dict[int, str]


def inspect(
    count: int, look: Callable[[int], object], dtype: np.dtype, noun: str, threads: int = 4
) -> Inspection:
    """Look at every item.

    Args:
        count: How many there are.
        look: Position -> its row; raises `DataError` where it cannot be read, with the reason as
            `given`.
        dtype: Of a row.
        noun: What items are called, for the lines that say how far a long look is.
        threads: At most so many items at once, where decoders release the interpreter lock.
    """
    rows = np.zeros(count, dtype)
    problems: dict[int, str] = {}

    def one(position: int) -> None:
        try:
            rows[position] = look(position)
        except errors.DataError as error:
            problems[position] = str(error.given)
        except OSError as error:
            problems[position] = f"it cannot be opened ({error.strerror or type(error).__name__})"

    progress = _Progress(count, noun)
    with ThreadPoolExecutor(min(threads, os.cpu_count() or 1)) as pool:
        for start in range(0, count, TOGETHER):
            list(pool.map(one, range(start, min(start + TOGETHER, count))))
            progress.at(start + TOGETHER)
    return Inspection(rows, dict(sorted(problems.items())))


@dataclasses.dataclass(frozen=True)
class Store:
    """What is known of a folder's files, in the user's cache.

    Attributes:
        folder: Whose files they are.
        kind: Folder of the cache.
        version: Of the rules that rows follow from; rows of another one are not read.
        dtype: Of a row; texts of any length as "S".
    """

    folder: str
    kind: str
    version: str
    dtype: np.dtype

    def inspect(
        self,
        items: Sequence[tuple[str, ...]],
        look: Callable[[int], object],
        noun: str,
        threads: int = 4,
    ) -> Inspection:
        """Look at every item, or take what was found when its files were last unchanged.

        Args:
            items: Names of the files that belong to each, relative to the folder, with `/`.
            look: See `inspect`.
            noun: See `inspect`.
            threads: See `inspect`.
        """
        keys = [self._key(names) for names in items]
        known = self._read(self._path)
        own = {} if known is None else known.by_state()
        fresh = [position for position, key in enumerate(keys) if key not in own]
        contents = [b""] * len(items)
        others = self._others(known) if fresh else _Known.none()

        def look_by_content(index: int) -> object:
            position = fresh[index]
            content = self._content(items[position])
            row = others.row_of(content)
            if row is None:
                row = look(position)
                if not keys[position] and self._content(items[position]) != content:
                    return row  # it changed while it was looked at
            contents[position] = content
            return row

        seen = inspect(len(fresh), look_by_content, self._working_dtype, noun, threads)
        rows = np.zeros(len(items), self._working_dtype)
        for position, key in enumerate(keys):
            if key in own:
                rows[position], contents[position] = own[key]
        rows[fresh] = seen.rows
        problems = {fresh[i]: why for i, why in seen.problems.items()}
        if fresh:
            kept = [i for i, content in enumerate(contents) if content and i not in problems]
            self._write([keys[i] for i in kept], [contents[i] for i in kept], rows[kept])
        return Inspection(rows, problems)

    @property
    def _working_dtype(self) -> np.dtype:
        return np.dtype(object) if self.dtype.kind == "S" else self.dtype

    @property
    def _path(self) -> str:
        name = os.path.realpath(self.folder).encode("utf-8", "surrogateescape")
        place = cache.folder(self.kind, hashlib.sha256(name).hexdigest()[:32])
        return os.path.join(place, STORED)

    def _key(self, names: Sequence[str]) -> bytes:
        """Return the digest of names and states of files; empty for files changed just now.

        Names are relative to the folder, whose own place the store's path stands for. Size and time
        of change can be set to what they were, the time of the last change of state cannot.
        """
        digest = hashlib.blake2b(digest_size=16)
        for name in names:
            try:
                state = os.stat(os.path.join(self.folder, *name.split("/")))
            except OSError:
                return b""
            if abs(time.time() - state.st_mtime) < SETTLED_SECONDS:
                return b""
            changed = f"{state.st_mtime_ns}/{state.st_ctime_ns}/{state.st_ino}"
            digest.update(f"{state.st_size}/{changed}/".encode() + os.fsencode(name))
        return digest.digest()

    def _content(self, names: Sequence[str]) -> bytes:
        """Return the digest of files' contents and endings, by which they are known elsewhere."""
        digest = hashlib.blake2b(digest_size=16)
        for name in filter(None, names):
            path = os.path.join(self.folder, *name.split("/"))
            files.refuse_special(path)
            ending = os.path.splitext(name)[1].lower()
            with open(path, "rb") as file:
                digest.update(f"{os.fstat(file.fileno()).st_size}{ending}/".encode())
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.digest()

    def _read(self, path: str) -> _Known | None:
        try:
            with np.load(path, allow_pickle=False) as stored:
                kind = stored["rows"].dtype
                alike = kind.kind == "S" if self.dtype.kind == "S" else kind == self.dtype
                if str(stored["version"]) == self.version and alike:
                    return _Known([stored["keys"]], [stored["contents"]], [stored["rows"]])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass
        return None

    def _others(self, own: _Known | None) -> _Known:
        """Return what is known of files in other places, where these may have been before."""
        known = _Known.none() if own is None else own
        paths = glob.glob(os.path.join(glob.escape(str(cache.folder(self.kind))), "*", STORED))
        for path in paths:
            if path != self._path and len(known) < MOST_OTHERS:
                other = self._read(path)
                known = known if other is None else known.joined(other)
        return known

    def _write(self, keys: Sequence[bytes], contents: Sequence[bytes], rows: np.ndarray) -> None:
        content = io.BytesIO()
        np.savez(
            content,
            version=np.asarray(self.version),
            keys=np.asarray([key or bytes(16) for key in keys], dtype="V16"),
            contents=np.asarray(contents, dtype="V16"),
            rows=rows.astype(self.dtype),
        )
        with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
            files.write_bytes(self._path, content.getvalue())


@dataclasses.dataclass(frozen=True)
class _Known:
    """Rows of stores, found by the state of files or by their content."""

    keys: list[np.ndarray]
    contents: list[np.ndarray]
    rows: list[np.ndarray]

    @classmethod
    def none(cls) -> _Known:
        return cls([], [], [])

    def __len__(self) -> int:
        return sum(map(len, self.rows))

    def joined(self, other: _Known) -> _Known:
        return _Known(
            self.keys + other.keys, self.contents + other.contents, self.rows + other.rows
        )

    def by_state(self) -> dict[bytes, tuple[object, bytes]]:
        """Return state -> row and content; what had no settled state is left out."""
        stored = zip(*self.keys, *self.rows, *self.contents, strict=True)
        known = {bytes(key): (row, bytes(content)) for key, row, content in stored}
        known.pop(bytes(16), None)
        return known

    @functools.cached_property
    def _places(self) -> dict[bytes, tuple[int, int]]:
        return {
            bytes(content): (store, index)
            for store, contents in enumerate(self.contents)
            for index, content in enumerate(contents)
        }

    def row_of(self, content: bytes) -> object:
        """Return the row of a content, or None."""
        store, index = self._places.get(content, (0, -1))
        return None if index < 0 else self.rows[store][index]


class _Progress:
    """Says how far a long look is."""

    def __init__(self, count: int, noun: str) -> None:
        self._count, self._noun = count, noun
        self._next = time.monotonic() + PROGRESS_SECONDS

    def at(self, done: int) -> None:
        if time.monotonic() >= self._next and done < self._count:
            self._next = time.monotonic() + PROGRESS_SECONDS
            shown = f"looking at {self._noun}: {done:,} of {self._count:,}"
            print(shown, file=sys.stderr, flush=True)
