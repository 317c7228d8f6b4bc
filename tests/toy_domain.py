"""A domain from outside the package: small grids of numbers in one file, classified.

Shows that the core needs nothing that only photos have, and trains in a second.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np

from actzoo import data, domains, errors

CLASSES = ("down", "flat", "up")


def write(path: Path, count: int = 90, seed: int = 0) -> Path:
    """Write `count` examples: 6 x 6 x 1 grids that fall, stay or rise from left to right."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    slope = np.linspace(-1, 1, 6)[None, None, :, None] * (labels - 1)[:, None, None, None]
    grids = 128 + 60 * slope + rng.normal(0, 25, (count, 6, 6, 1))
    with open(path, "wb") as file:
        np.savez(file, grids=np.clip(grids, 0, 255).astype("uint8"), labels=labels)
    return path


class Grids:
    """The source of one file."""

    classes = CLASSES

    def __init__(self, path: str) -> None:
        try:
            with np.load(path, allow_pickle=False) as stored:
                self._grids, self._labels = stored["grids"], stored["labels"]
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise errors.DataError(f"{path} is not a file of grids.", given=path) from error
        content = self._grids.tobytes() + self._labels.tobytes()
        self._hash = hashlib.sha256(content).hexdigest()

    def __len__(self) -> int:
        return len(self._labels)

    def load(self, index: int) -> data.Example:
        return data.Example(
            inputs={"image": self._grids[index]},
            target=int(self._labels[index]),
            id=str(index),
        )

    def raw(self, index: int) -> bytes:
        return self._grids[index].tobytes()

    def labels(self) -> np.ndarray:
        return self._labels

    def samples_per_example(self, steps: object) -> None:
        return None

    def ids(self) -> list[str]:
        return [str(index) for index in range(len(self))]

    def identities(self) -> None:
        return None

    def splits(self) -> list[str | None]:
        return [None] * len(self)

    def groups(self) -> None:
        return None

    def digests(self) -> list[bytes]:
        return [grid.tobytes() for grid in self._grids]

    def fingerprint(self) -> data.Fingerprint:
        counts = {name: int((self._labels == i).sum()) for i, name in enumerate(CLASSES)}
        return data.Fingerprint(
            domain="toy", num_examples=len(self), classes=CLASSES, counts={"all": counts},
            details={}, content_hash=self._hash, notes=(),
        )  # fmt: skip


def read_grid(value: bytes | np.ndarray | dict, **settings: object) -> dict[str, np.ndarray]:
    """Return the input `(6, 6, 1)` of the bytes, or of what was read already."""
    if isinstance(value, bytes):
        value = np.frombuffer(value, "uint8").reshape(6, 6, 1)
    return value if isinstance(value, dict) else {"image": value}


class Toy(domains.Domain[Grids]):
    """The least that a domain says: how its data is recognized, opened and prepared."""

    def recognize(self, path: str) -> str | None:
        return "a file of grids" if path.endswith(".grids.npz") else None

    def open(self, path: str, options: object) -> Grids:
        return Grids(path)

    def inputs(self, source: Grids, split: object, overrides: object) -> domains.InputPlan:
        described = {"image": {"shape": [6, 6, 1], "dtype": "float32", "range": [0, 255]}}
        return domains.InputPlan(
            {"input_shape": [6, 6, 1]}, described, ({"step": "read_grid"},), {}, ("6 x 6 grids",)
        )

    def steps(self) -> dict[str, domains.Step]:
        return {"read_grid": read_grid}


DOMAIN = domains.DomainSpec(
    name="toy",
    summary="Grids of numbers",
    task="classification",
    default_model="simple_net",
    default_precisions=("float32",),
    target="toy_domain:Toy",
    steps=("read_grid",),
    data_forms=("a .grids.npz file with grids and labels",),
)
