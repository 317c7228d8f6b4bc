"""The look at every file of a user's data before training, and what is kept of it.

Every file is read in full once, since a header says nothing about what follows. What is learned is
kept in the user's cache by name, size and time of change, so that later stages only look at what is
new. How the path to the data was written makes no difference.
"""

from __future__ import annotations

import contextlib
import dataclasses
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
        known = self._read()
        fresh = [position for position, key in enumerate(keys) if key not in known]
        seen = inspect(len(fresh), lambda i: look(fresh[i]), self._working_dtype, noun, threads)
        rows = np.zeros(len(items), self._working_dtype)
        for position, key in enumerate(keys):
            if key in known:
                rows[position] = known[key]
        rows[fresh] = seen.rows
        problems = {fresh[i]: why for i, why in seen.problems.items()}
        if fresh:
            settled = [i for i, key in enumerate(keys) if key and i not in problems]
            self._write([keys[i] for i in settled], rows[settled])
        return Inspection(rows, problems)

    @property
    def _working_dtype(self) -> np.dtype:
        return np.dtype(object) if self.dtype.kind == "S" else self.dtype

    @property
    def _path(self) -> str:
        name = os.path.realpath(self.folder).encode("utf-8", "replace")
        place = cache.folder(self.kind, hashlib.sha256(name).hexdigest()[:32])
        return os.path.join(place, "scan.npz")

    def _key(self, names: Sequence[str]) -> bytes:
        """Return the digest of names, sizes and times of change; empty for files changed just now.

        Names are relative to the folder, whose own place the store's path stands for.
        """
        digest = hashlib.blake2b(digest_size=16)
        for name in names:
            try:
                state = os.stat(os.path.join(self.folder, *name.split("/")))
            except OSError:
                return b""
            if abs(time.time() - state.st_mtime) < SETTLED_SECONDS:
                return b""
            digest.update(f"{state.st_size}/{state.st_mtime_ns}/".encode() + os.fsencode(name))
        return digest.digest()

    def _read(self) -> dict[bytes, object]:
        try:
            with np.load(self._path, allow_pickle=False) as stored:
                kind = stored["rows"].dtype
                alike = kind.kind == "S" if self.dtype.kind == "S" else kind == self.dtype
                if str(stored["version"]) != self.version or not alike:
                    return {}
                return dict(zip(map(bytes, stored["keys"]), stored["rows"], strict=True))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return {}

    def _write(self, keys: Sequence[bytes], rows: np.ndarray) -> None:
        content = io.BytesIO()
        np.savez(
            content,
            version=np.asarray(self.version),
            keys=np.asarray(keys, dtype="V16"),
            rows=rows.astype(self.dtype),
        )
        with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
            files.write_bytes(self._path, content.getvalue())


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
