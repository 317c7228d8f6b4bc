"""A kind of data that actzoo does not know: windows of an accelerometer, as another package's.

The test that uses it installs this module beside the package with an entry point, and asks only
the command line. A window is a row of numbers in a text file: label first, then x, y, z in turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import data, domains, errors

STEPS = 24  # in time
KINDS = {"still": 0.0, "walking": 2.0, "running": 5.0}  # beats in a window


def write(path: Path, count: int = 90, seed: int = 0) -> Path:
    """Write windows of three kinds of movement."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 2 * np.pi, STEPS)[:, None] + np.zeros(3)
    lines = []
    for number in range(count):
        kind = list(KINDS)[number % 3]
        phase = rng.uniform(0, 2 * np.pi)
        wave = np.sin(KINDS[kind] * time + phase) * min(1.0, KINDS[kind])
        values = (wave + rng.normal(0, 0.15, wave.shape)).reshape(-1)
        lines.append(" ".join([kind, *(f"{value:.4f}" for value in values)]))
    path.write_text("\n".join(lines) + "\n")
    return path


class Windows:
    """The source."""

    classes = tuple(sorted(KINDS))

    def __init__(self, path: str, skip: int) -> None:
        try:
            self._lines = Path(path).read_text().splitlines()[skip:]
            fields = {len(line.split()) for line in self._lines}
        except (OSError, UnicodeDecodeError) as error:
            raise errors.DataError(f"{path} cannot be read as text.", given=path) from error
        if fields != {1 + 3 * STEPS}:
            raise errors.DataError(f"{path} holds other lines than windows.", given=path)
        names = {name: number for number, name in enumerate(self.classes)}
        self._labels = np.array([names[line.split()[0]] for line in self._lines])

    def __len__(self) -> int:
        return len(self._lines)

    def raw(self, index: int) -> bytes:
        return self._lines[index].encode()

    def load(self, index: int) -> data.Example:
        return data.Example(read_window(self.raw(index)), int(self._labels[index]))

    def labels(self) -> np.ndarray:
        return self._labels

    def samples_per_example(self, steps: object) -> None:
        return None

    def ids(self) -> list[str]:
        return [f"window {number}" for number in range(len(self))]

    def identities(self) -> None:
        return None

    def splits(self) -> list[str | None]:
        return [None] * len(self)

    def groups(self) -> None:
        return None

    def fingerprint(self) -> data.Fingerprint:
        counts = np.bincount(self._labels, minlength=3)
        return data.Fingerprint(
            domain="sensors", num_examples=len(self), classes=self.classes,
            counts={"train": dict(zip(self.classes, map(int, counts), strict=True))}, details={},
            content_hash=hashlib.sha256("\n".join(self._lines).encode()).hexdigest(),
        )  # fmt: skip


def read_window(value: Any) -> dict[str, np.ndarray]:
    if isinstance(value, dict):
        return value
    numbers = value.decode().split()[-3 * STEPS :]
    return {"image": np.array(numbers, "float32").reshape(STEPS, 3)}


def scale_window(value: dict[str, np.ndarray], by: float) -> dict[str, np.ndarray]:
    return {"image": np.clip(value["image"] * np.float32(by) + np.float32(127.5), 0, 255)}


class Noise:
    """The augmenter."""

    def __init__(self, steps: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
        self.stored_steps = steps
        self._noise = float(settings["noise"])

    def __call__(self, inputs: dict, target: Any, rng: np.random.Generator) -> tuple[dict, Any]:
        signal = inputs["image"]
        noise = rng.normal(0, self._noise, signal.shape)
        return {"image": np.clip(signal + noise, 0, 255).astype("float32")}, target


class Sensors(domains.Domain[Windows]):
    """Recognized, opened and prepared, with noise in training and a panel in the report."""

    def recognize(self, path: str) -> str | None:
        return "windows of a sensor" if path.endswith(".sensors") else None

    def open(self, path: str, options: Mapping[str, Any]) -> Windows:
        return Windows(path, int(options.get("skip", 0)))

    def inputs(
        self, source: Windows, split: Mapping[str, np.ndarray], overrides: Mapping[str, Any]
    ) -> domains.InputPlan:
        described = {"shape": [STEPS, 3], "dtype": "float32", "range": [0, 255]}
        return domains.InputPlan(
            config={"input_shape": [STEPS, 3]},
            inputs={"image": described},  # as simple_net names its input, and scales it
            steps=({"step": "read_window"}, {"step": "scale_window", "by": 60.0}),
            augmentation={"noise": 3.0},
            reasons=(f"windows of {STEPS} steps",),
        )

    def steps(self) -> dict[str, domains.Step]:
        return {"read_window": read_window, "scale_window": scale_window}

    def augmenter(
        self, steps: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
    ) -> data.Augmenter:
        return Noise(steps, settings)

    def panels(self, evaluation: object) -> list[domains.Panel]:
        return [{"title": "How long windows are", "kind": "note", "text": f"{STEPS} steps each."}]


DOMAIN = domains.DomainSpec(
    name="sensors",
    summary="Windows of an accelerometer, classified.",
    task="classification",
    default_model="simple_net",
    default_precisions=("float32", "int8"),
    target="sensor_domain:Sensors",
    steps=("read_window", "scale_window"),
    notice="Sensors drift.",
    options=(domains.DataOption("skip", int, "Leave out so many windows at the beginning."),),
    data_forms=("a .sensors file with a window a line",),
)
