"""An export put in place: each file whole, and the record of all hashes last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from actzoo import errors, files, models, run_folder, tflite
from actzoo.export.artifacts import ExportJob
from actzoo.export.reference import (
    Reference,
    reference_arrays,
)
from actzoo.run_folder import PRECISIONS

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]*[A-Za-z0-9]")  # of a file in the folder


def put_in_place(
    work: ExportJob,
    made: Mapping[str, Path],
    recorded: Mapping[str, np.ndarray],
    cases: Reference,
    target: run_folder.ExportFolder,
) -> None:
    """Put every file in place, the record of all hashes last."""
    import shutil

    before = _traveled(target.record)
    files.remove(target.record)  # from here until its end the folder is known as incomplete
    files.remove(target.verification)
    stale = [name for name in target.precisions() if name not in made]
    for precision in stale:
        files.remove(target.tflite(precision))
    if stale:
        work.note(
            f"Files of an earlier export were removed ({', '.join(stale)}), since one record and "
            "one set of test vectors prove all files of the folder. To have all: "
            "actzoo export RUN --precision "
            + ",".join(p for p in PRECISIONS if p in stale or p in made)
        )
    with files.atomic_path(target.saved_model) as temporary:
        shutil.copytree(work.saved_model, temporary)
    for precision, path in made.items():
        files.write_bytes(target.tflite(precision), path.read_bytes())
    traveling = _traveling_files(work.card)
    for name, content in traveling.items():
        files.write_bytes(target.path / name, content)
    files.write_text(target.labels, "".join(f"{name}\n" for name in work.card.classes))
    work.card.write(target.card)
    with files.atomic_path(target.reference) as temporary:
        with open(temporary, "wb") as file:
            arrays = reference_arrays(cases, recorded, work.card)
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    paths = [target.tflite(precision) for precision in made]
    paths += [target.labels, target.card, target.reference]
    paths += [target.path / name for name in traveling]
    paths += [path for path in target.saved_model.rglob("*") if path.is_file()]
    written = {path.relative_to(target.path).as_posix() for path in paths}
    for name in set(before) - written:  # what an earlier model brought along, such as a tokenizer
        (target.path / name).unlink(missing_ok=True)
    files.write_json(
        target.record,
        {
            "format": files.FORMAT,
            "precisions": list(made),
            "io_dtype": work.io_dtype,
            "traveling": sorted(traveling),
            "files": {name: files.sha256_file(target.path / name) for name in sorted(written)},
            "machine": tflite.machine(),
            "float_layers": work.float_layers,
            "notes": work.note.all,  # type: ignore[attr-defined]
        },
    )


def _traveling_files(card: models.ModelCard) -> dict[str, bytes]:
    from actzoo import domains

    return domains.get_domain(card.domain).traveling_files(card.preprocessing)


def _traveled(record: Path) -> tuple[str, ...]:
    """Return the names of the files that the model of an earlier export brought along."""
    try:
        found = files.read_json(record, "export record")
    except errors.ActzooError:
        return ()
    names, hashes = found.get("traveling"), found.get("files")
    if not isinstance(names, list) or not isinstance(hashes, dict):
        return ()
    return tuple(name for name in names if name in hashes and _PLAIN_NAME.fullmatch(str(name)))
