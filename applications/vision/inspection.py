"""The look at every picture before training: what cannot be read, what is there twice.

Every file is decoded once, in full, since a header says nothing about what follows. What was found
is kept in the user's cache by path, size and time of change, so that later stages only look at
what is new.
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
import PIL

from actzoo import cache, errors, files
from actzoo.applications.vision import images

RULES = 1  # raised whenever the decoder gives other pixels than before
SETTLED_SECONDS = 2.0  # a file changed just now may change again without a new time stamp
PROGRESS_SECONDS = 5.0

# One row per picture; a table of 200,000 takes 12 MB.
ROW = np.dtype(
    [
        ("content", "V16"),  # digest of the bytes
        ("pixels", "V16"),  # digest of the decoded picture
        ("height", "<u4"),
        ("width", "<u4"),
        ("gray", "?"),
        ("animated", "?"),
        ("depth", "<u1"),  # index into DEPTHS
    ]
)
DEPTHS = (
    "",
    "from its own lowest to highest",
    "as shares of 1",
    "as 8-bit values",
    "as 12-bit values",
    "as 16-bit values",
)


@dataclasses.dataclass(frozen=True)
class Scan:
    """What a look at some pictures found.

    Attributes:
        rows: One of dtype `ROW` per picture; zeros for those that cannot be read.
        problems: Position -> why the picture cannot be read.
    """

    rows: np.ndarray
    problems: dict[int, str]


def scan(count: int, raw: Callable[[int], bytes], max_pixels: int) -> Scan:
    """Decode every picture.

    Args:
        count: How many there are.
        raw: Position -> bytes of the file.
        max_pixels: Limit for one picture.
    """
    rows = np.zeros(count, ROW)
    problems: dict[int, str] = {}

    def look(position: int) -> None:
        try:
            rows[position] = _row(raw(position), max_pixels)
        except errors.DataError as error:
            problems[position] = str(error.given)
        except OSError as error:
            problems[position] = f"it cannot be opened ({error.strerror or type(error).__name__})"

    progress = _Progress(count)
    # Decoders let go of the interpreter lock. At most four: each may hold a picture of 100 Mpx.
    threads = ThreadPoolExecutor(min(4, os.cpu_count() or 1))
    with threads:
        for start in range(0, count, 512):
            list(threads.map(look, range(start, min(start + 512, count))))
            progress.at(start + 512)
    return Scan(rows, dict(sorted(problems.items())))


def _row(raw: bytes, max_pixels: int) -> tuple:
    picture = images.read_picture(raw, max_pixels)
    height, width = picture.pixels.shape[:2]
    pixels = hashlib.blake2b(
        picture.pixels.data, digest_size=16, salt=f"{height}x{width}".encode()[:16]
    )
    return (
        hashlib.blake2b(raw, digest_size=16).digest(),
        pixels.digest(),
        height,
        width,
        picture.is_gray,
        picture.is_animated,
        DEPTHS.index(picture.depth),
    )


def scan_files(paths: Sequence[str], root: str, max_pixels: int) -> Scan:
    """Decode every file, or take from the cache what was found when it was last unchanged.

    Args:
        paths: The files.
        root: What they belong to; each has a cache of its own.
        max_pixels: Limit for one picture.

    Returns:
        As `scan`.
    """
    store = cache.folder("scans", hashlib.sha256(root.encode("utf-8", "replace")).hexdigest()[:32])
    version = f"{RULES}/{PIL.__version__}/{max_pixels}"
    keys = [_key(path) for path in paths]
    known = _read_store(store / "scan.npz", version)
    rows = np.zeros(len(paths), ROW)
    fresh = []
    for position, key in enumerate(keys):
        if key in known:
            rows[position] = known[key]
        else:
            fresh.append(position)
    found = scan(len(fresh), lambda i: _read_file(paths[fresh[i]]), max_pixels)
    rows[fresh] = found.rows
    problems = {fresh[i]: why for i, why in found.problems.items()}
    if fresh:
        settled = [i for i, key in enumerate(keys) if key and i not in problems]
        _write_store(store / "scan.npz", version, [keys[i] for i in settled], rows[settled])
    return Scan(rows, problems)


def _read_file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _key(path: str) -> bytes:
    """Return the digest of path, size and time of change; empty for a file changed just now."""
    try:
        state = os.stat(path)
    except OSError:
        return b""
    if abs(time.time() - state.st_mtime) < SETTLED_SECONDS:
        return b""
    text = f"{state.st_size}/{state.st_mtime_ns}/".encode() + os.fsencode(path)
    return hashlib.blake2b(text, digest_size=16).digest()


def _read_store(path: os.PathLike[str], version: str) -> dict[bytes, np.void]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["version"]) != version or stored["rows"].dtype != ROW:
                return {}
            return dict(zip(map(bytes, stored["keys"]), stored["rows"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}


def _write_store(
    path: os.PathLike[str], version: str, keys: Sequence[bytes], rows: np.ndarray
) -> None:
    content = io.BytesIO()
    np.savez(content, version=np.asarray(version), keys=np.asarray(keys, dtype="V16"), rows=rows)
    with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
        files.write_bytes(path, content.getvalue())


class _Progress:
    """Says how far a long look is."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._next = time.monotonic() + PROGRESS_SECONDS

    def at(self, done: int) -> None:
        if time.monotonic() >= self._next and done < self._count:
            self._next = time.monotonic() + PROGRESS_SECONDS
            print(f"looking at pictures: {done:,} of {self._count:,}", file=sys.stderr, flush=True)
