"""An exported file's own outputs on the recorded inputs; run in the child process."""

from __future__ import annotations

import numpy as np

from actzoo._lazy import resolve
from actzoo.tflite.interpreter import Runner


def record(runner: str, source: str, inputs: str, out: str) -> None:
    """Run a file on recorded inputs and write its outputs.

    Args:
        runner: Target that opens the file, of its format's row.
        source: The file.
        inputs: `.npz` whose arrays are named `<group>/<input>`, each `(n, ...)`.
        out: `.npz` to write: one array of outputs per group.
    """
    groups: dict[str, dict[str, np.ndarray]] = {}
    with np.load(inputs, allow_pickle=False) as archive:
        for key in archive.files:
            group, _, name = key.partition("/")
            groups.setdefault(group, {})[name] = archive[key]
    opened: Runner = resolve(runner)(source, trusted=True, threads=1)
    try:
        outputs = {group: opened.run(values) for group, values in groups.items()}
    finally:
        opened.close()
    np.savez(out, **outputs)  # type: ignore[arg-type]
