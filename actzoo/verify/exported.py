"""An export folder, read once for all checks; what cannot be read is a finding."""

from __future__ import annotations

import dataclasses
import itertools
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from actzoo import artifacts, errors, files, models, run_folder, tflite
from actzoo.verify.collected import Findings, first_line

# What reading a damaged archive of arrays may raise.
_DAMAGED = (
    OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError,
    RuntimeError, TypeError, MemoryError,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Recorded:
    """The arrays of `reference.npz`.

    Attributes:
        arrays: Name -> array.
    """

    arrays: Mapping[str, np.ndarray]

    def inputs(self, prefix: str = "input_") -> dict[str, np.ndarray]:
        """Return input name -> samples `(n, ...)`."""
        return {
            key.removeprefix(prefix): value
            for key, value in self.arrays.items()
            if key.startswith(prefix)
        }

    def names(self, key: str) -> list[str]:
        """Return an array of texts."""
        return [str(value) for value in self.arrays.get(key, ())]

    @property
    def probabilities(self) -> np.ndarray:
        """Keras' outputs `(n, ..., classes)`."""
        return self.arrays["probabilities"]

    @property
    def targets(self) -> np.ndarray:
        """True classes `(n,)`, or true masks `(n, ...)`; empty where unknown."""
        return self.arrays["targets"]

    @property
    def cases(self) -> np.ndarray:
        """Number of the case that each sample belongs to."""
        return self.arrays["cases"]

    @property
    def case_names(self) -> list[str]:
        """The same, as names."""
        return [str(case) for case in self.cases]

    def sample_name(self, index: int) -> str:
        """Return the name of a sample."""
        names = self.names("ids")
        return names[index] if index < len(names) else str(index)

    def raw(self) -> list[bytes]:
        """Return the first cases as a user would send them."""
        offsets = self.arrays["raw_offsets"]
        data = self.arrays["raw_bytes"].tobytes()
        return [data[a:b] for a, b in itertools.pairwise(offsets)]

    def check(self) -> None:
        """Refuse arrays that do not belong together.

        Raises:
            ValueError: They differ in length.
        """
        count = len(self.probabilities)
        lengths = {len(value) for value in self.inputs().values()}
        if count == 0 or lengths != {count}:
            raise ValueError("its arrays differ in length")
        self.raw()
        if len(self.targets) not in (0, count) or len(self.cases) != count:
            raise ValueError("its labels are not as many as its cases")


@dataclasses.dataclass(frozen=True)
class Exported:
    """What an export folder holds.

    Attributes:
        target: The folder.
        record: `export.json`; empty where it cannot be read.
        changed: Names of files that are missing or differ from what was exported.
        card: `model.json`; None where it cannot be read.
        labels: Class names of `labels.txt`.
        recorded: `reference.npz`; None where it cannot be used.
        limits: What the files are held to.
    """

    target: run_folder.ExportFolder
    record: Mapping[str, Any]
    changed: frozenset[str]
    card: models.ModelCard | None
    labels: tuple[str, ...]
    recorded: Recorded | None
    limits: dict[str, float]

    @property
    def precisions(self) -> list[str]:
        """Precisions to look at: recorded ones, or those whose files are there."""
        return _precisions(self.target, self.record)

    @property
    def same_machine(self) -> bool:
        """Whether the export was made on a machine that computes the same bits."""
        return bool(self.record.get("machine") == tflite.machine())

    def is_vouched_for(self, name: str) -> bool:
        """Tell whether a file has the hash that was recorded at export."""
        return name in self.record.get("files", {}) and name not in self.changed


def read_exported(target: run_folder.ExportFolder, findings: Findings) -> Exported:
    """Read an export folder.

    Args:
        target: The folder.
        findings: Takes what is missing, damaged or differs from what was exported.
    """
    record = _read_record(target, findings)
    changed = _changed_files(target, record, findings)
    card = _read_card(target, findings)
    labels = _read_labels(target, findings)
    recorded = read_recorded(target, findings)
    return Exported(target, record, changed, card, labels, recorded, _limits(card))


def _precisions(target: run_folder.ExportFolder, record: Mapping[str, Any]) -> list[str]:
    recorded = record.get("precisions")
    if isinstance(recorded, list) and recorded:
        return [str(name) for name in recorded]
    return target.precisions()


def _read_record(target: run_folder.ExportFolder, findings: Findings) -> dict[str, Any]:
    try:
        return files.read_json(target.record, "export record")
    except errors.ActzooError as error:
        findings.add(
            "record",
            first_line(error),
            "Without export.json nothing says which files belong to the export.",
        )
        return {}


def _changed_files(
    target: run_folder.ExportFolder, record: Mapping[str, Any], findings: Findings
) -> frozenset[str]:
    """Return the files that are missing or whose hash differs."""
    hashes = record.get("files")
    rows = [row for row in artifacts.ARTIFACTS if row.name in _precisions(target, record)]
    precision_of = {row.file: row.name for row in rows}
    changed = set()
    for name, expected in (hashes if isinstance(hashes, dict) else {}).items():
        path = target.path / name
        if path.is_file() and files.sha256_file(path) == expected:
            continue
        changed.add(name)
        if not path.is_file():
            findings.add(
                "missing_file",
                f"{errors.shown(name, 120)} is missing.",
                "It was there when the export was made.",
                precision=precision_of.get(name),
            )
        else:
            findings.add(
                "changed_file",
                f"{errors.shown(name, 120)} differs from what was exported (sha256).",
                "The file was edited, or damaged on its way.",
                "Copy it again from where it was exported, or export again.",
                precision=precision_of.get(name),
            )
    return frozenset(changed)


def _read_card(target: run_folder.ExportFolder, findings: Findings) -> models.ModelCard | None:
    try:
        return models.ModelCard.read(target.card)
    except errors.ActzooError as error:
        findings.add("card", first_line(error), "Without model.json inputs cannot be prepared.")
        return None


def _limits(card: models.ModelCard | None) -> dict[str, float]:
    """Return the limits: those of the formats, and over them the card's own."""
    limits = artifacts.default_limits()
    for key, value in {} if card is None else card.limits.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            limits[str(key)] = float(value)
    return limits


def _read_labels(target: run_folder.ExportFolder, findings: Findings) -> tuple[str, ...]:
    try:
        text = target.labels.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        findings.add(
            "labels",
            f"labels.txt cannot be read: {errors.shown(error, 120)}.",
            "An app would show wrong names or none.",
        )
        return ()
    return tuple(text.removesuffix("\n").split("\n"))


def read_recorded(target: run_folder.ExportFolder, findings: Findings) -> Recorded | None:
    """Read `reference.npz`; one that is damaged is a finding."""
    try:
        with np.load(target.reference, allow_pickle=False) as archive:
            recorded = Recorded({key: archive[key] for key in archive.files})
        recorded.check()
    except _DAMAGED as error:
        findings.add(
            "reference",
            f"reference.npz cannot be used: {errors.shown(error, 120)}.",
            "It holds the inputs and Keras' outputs that the files are compared with.",
        )
        return None
    return recorded
