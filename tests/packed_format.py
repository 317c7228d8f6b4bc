"""An export format as another package would bring it: the float file, compressed."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path

from actzoo import errors, tflite
from actzoo.artifacts import Artifact, Limits

PACKED = Artifact(
    name="packed",
    file="model_packed.tfz",
    summary="the float file, compressed",
    maker="packed_format:make",
    runner="packed_format:open_file",
    limits=Limits(max_abs_error=1e-4, drift=1e-4),
)


def make(job, out):
    """Write the float file of an export, compressed."""
    out.write_bytes(zlib.compress(job.float_file().read_bytes()))


def open_file(path, *, trusted=False, threads=1):
    """Return a runner of a compressed file."""
    path = Path(path)
    try:
        content = zlib.decompress(path.read_bytes())
    except zlib.error as error:
        raise errors.InvalidValueError(f"{path.name} is not a compressed file.") from error
    if trusted:
        return tflite.Interpreter(content, threads=threads, name=path.name)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.tflite"
        plain.write_bytes(content)
        return tflite.Sandbox(plain, threads=threads)
