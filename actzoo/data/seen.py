"""What a model was trained on, kept small enough to know an example again in other data.

A run keeps a salted digest of each training example's content, so that a score on other data says
how much of it was known by heart. Who does not have an example learns nothing of it from these.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from actzoo import errors, files
from actzoo.data.source import HasDigests, Source

NAME = "trained_on.npz"


def write_seen(folder: Path, source: Source, indices: np.ndarray, salt: str) -> None:
    """Write the digests of the training examples into a run folder, 8 bytes each.

    Args:
        folder: The run folder.
        source: Its data; nothing is written where it has no digests.
        indices: Of the training examples.
        salt: The content hash of the data.
    """
    if isinstance(source, HasDigests):
        digests = np.unique(_salted(source, salt)[indices])
        content = io.BytesIO()
        np.savez(content, salt=np.asarray(salt), digests=digests)
        files.write_bytes(folder / NAME, content.getvalue())


def find_seen(model: Path, source: Source) -> np.ndarray | None:
    """Return the indices of examples that a model was trained on; None where it is not known.

    Args:
        model: A run folder, or a model file in it or in its `export/`.
        source: Other data.
    """
    if not isinstance(source, HasDigests):
        return None
    for folder in (model.absolute(), *model.absolute().parents[:2]):
        with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            with np.load(folder / NAME, allow_pickle=False) as stored:
                salt, digests = str(stored["salt"]), stored["digests"]
            return np.flatnonzero(np.isin(_salted(source, salt), digests))
    return None


def about_seen(source: Source, seen: np.ndarray, count: int | None = None) -> str:
    """Return a sentence on examples that a model was trained on, with the names of the first.

    Args:
        source: The data.
        seen: Indices of these examples.
        count: How many examples were scored; None for all of the data.
    """
    ids, count = source.ids(), len(source) if count is None else count
    named = ", ".join(errors.shown(ids[int(index)], 120) for index in seen[:3])
    more = ", …" if len(seen) > 3 else ""
    return (
        f"{len(seen):,} of {count:,} examples were seen in training, so the score is better "
        f"than on new ones: {named}{more}."
    )


def _salted(source: HasDigests, salt: str) -> np.ndarray:
    """Return a digest of each example that nobody can look up, uint64 `(n,)`."""
    digests: Sequence[bytes] = source.digests()
    key = hashlib.sha256(salt.encode()).digest()
    short = [hashlib.blake2b(own, digest_size=8, key=key).digest() for own in digests]
    return np.frombuffer(b"".join(short), "<u8")
