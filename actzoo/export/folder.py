"""An export put in place: each file whole, and the record of all hashes last."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from actzoo import artifacts, domains, errors, files, run_folder, tflite
from actzoo.export.job import ExportJob
from actzoo.export.notes import Notes
from actzoo.export.reference import Reference, reference_arrays

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]*[A-Za-z0-9]")  # of a file in the folder


def put_in_place(
    job: ExportJob,
    made: Mapping[str, Path],
    recorded: Mapping[str, np.ndarray],
    cases: Reference,
    target: run_folder.ExportFolder,
) -> None:
    """Put every file in place, the record of all hashes last.

    Args:
        job: The export.
        made: Precision -> finished file.
        recorded: Keras' outputs and each file's, as arrays of `reference.npz`.
        cases: What they are outputs for.
        target: Where.
    """
    before = _traveled(target.record)
    files.remove(target.record)  # from here until its end the folder is known as incomplete
    files.remove(target.verification)
    _remove_stale(target, made, job.note)
    folder = _HashedFolder(target.path)
    folder.put_tree(target.saved_model.name, job.saved_model())
    traveling = domains.get_domain(job.card.domain).traveling_files(job.card.preprocessing)
    contents = {
        **{target.file(precision).name: path.read_bytes() for precision, path in made.items()},
        **traveling,
        target.labels.name: "".join(f"{name}\n" for name in job.card.classes).encode(),
        target.card.name: f"{files.to_json(job.card)}\n".encode(),
        target.reference.name: _compressed(reference_arrays(cases, recorded, job.card)),
    }
    for name, content in contents.items():
        folder.put(name, content)
    for name in set(before) - set(folder.hashes):  # of an earlier model, such as a tokenizer
        (target.path / name).unlink(missing_ok=True)
    record = {
        "format": files.FORMAT,
        "precisions": list(made),
        "io_dtype": job.io_dtype,
        "traveling": sorted(traveling),
        "files": dict(sorted(folder.hashes.items())),
        "machine": tflite.machine(),
        "float_layers": job.float_layers,
        "notes": job.note.all,
    }
    files.write_json(target.record, record)


class _HashedFolder:
    """A folder whose files are hashed from the very bytes that are written.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hashes: dict[str, str] = {}

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole."""
        files.write_bytes(self.path / name, content)
        self.hashes[name] = hashlib.sha256(content).hexdigest()

    def put_tree(self, name: str, source: Path) -> None:
        """Write a copy of a folder, whole."""

        def copy(original: str, target: str) -> str:
            content = Path(original).read_bytes()
            Path(target).write_bytes(content)
            inside = Path(original).relative_to(source).as_posix()
            self.hashes[f"{name}/{inside}"] = hashlib.sha256(content).hexdigest()
            return target

        with files.atomic_path(self.path / name) as temporary:
            shutil.copytree(source, temporary, copy_function=copy)


def _compressed(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _remove_stale(target: run_folder.ExportFolder, made: Mapping[str, Path], note: Notes) -> None:
    """Remove files of an earlier export that this one does not make."""
    stale = [name for name in target.precisions() if name not in made]
    for precision in stale:
        files.remove(target.file(precision))
    if stale:
        both = ",".join(name for name in artifacts.names() if name in stale or name in made)
        note(
            f"Files of an earlier export were removed ({', '.join(stale)}), since one record and "
            "one set of test vectors prove all files of the folder. To have all: "
            f"actzoo export RUN --precision {both}"
        )


def _traveled(record: Path) -> tuple[str, ...]:
    """Return the names of the files that the model of an earlier export brought along."""
    try:
        earlier = files.read_json(record, "export record")
    except errors.ActzooError:
        return ()
    names, hashes = earlier.get("traveling"), earlier.get("files")
    if not isinstance(names, list) or not isinstance(hashes, dict):
        return ()
    return tuple(name for name in names if name in hashes and _PLAIN_NAME.fullmatch(str(name)))
