"""Files written whole or not at all, and JSON read with care.

Each write goes to a temporary name beside its target and is renamed, so a kill leaves the old file
or the new one, never half of either.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import math
import os
import select
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from actzoo import errors, spellings

FORMAT = 1  # of plan.json, model.json, metrics.json, diagnostics.json, export.json
PIPE_SECONDS = 5.0  # that a named pipe is given to begin
# Standard input, and what a shell's <(...) hands over.
_OPENED_BEFORE = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


# --- writing -----------------------------------------------------------------------------------


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block ends well.

    The temporary name ends like the target (Keras and Pillow look at endings). Works for a file
    and for a folder; on an error nothing is left behind.

    Args:
        path: The file or folder to write.

    Raises:
        DiskError: The disk is full or not writable; names the path.
    """
    target = Path(path)
    temporary = target.with_name(f".tmp-{os.getpid()}-{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if temporary.is_dir() and target.is_dir():
            old = target.with_name(f".old-{os.getpid()}-{target.name}")
            os.replace(target, old)
            os.replace(temporary, target)
            shutil.rmtree(old)
        else:
            os.replace(temporary, target)
    except OSError as error:
        if isinstance(error, errors.ActzooError):
            raise
        raise disk_error(error, target) from error
    finally:
        remove(temporary)


def disk_error(error: OSError, path: Path) -> Exception:
    """Return the error for a failed write, with how to fix it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        free = _free_bytes(path)
        return errors.DiskError(
            f"No space left to write {errors.shown(path, 200)} ({free:,} bytes free there).\n"
            "Make space and run the same command again with --resume, or choose another --out.",
            given=str(path),
            fix="make space, then --resume",
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENAMETOOLONG):
        return errors.DiskError(
            f"Cannot write {errors.shown(path, 200)}: {error.strerror}.\n"
            "Choose another --out, in a folder that can be written.",
            given=str(path),
            fix="another --out",
        )
    return error


def _free_bytes(path: Path) -> int:
    for parent in (path, *path.parents):
        if parent.exists():
            return shutil.disk_usage(parent).free
    return 0


def remove(path: Path) -> None:
    """Remove a file or a folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write a UTF-8 text file, newline as given, whole or not at all.

    What UTF-8 has no bytes for, as in names of files that are not text, is written as JSON has it.
    """
    return write_bytes(path, text.encode("utf-8", "backslashreplace"))


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written, or made; it is left as it was.

    Raises:
        DiskError: It cannot.
    """
    if folder.is_symlink() and not folder.exists():
        raise errors.DiskError(
            f"Cannot write {errors.shown(folder, 200)}: it is a link that leads nowhere.\n"
            "Choose another --out.",
            given=str(folder),
            fix="another --out",
        )
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    probe = folder / ".writable"
    write_bytes(probe, b"")
    remove(probe)
    for place in missing:
        with contextlib.suppress(OSError):
            place.rmdir()


def readable(text: str) -> str:
    """Return a text that can be written anywhere: bytes that are not UTF-8 appear escaped."""
    if text.isascii():
        return text
    try:
        raw = os.fsencode(text)
    except UnicodeEncodeError:  # of no file system
        raw = text.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace")


def write_json(path: str | os.PathLike[str], data: object) -> Path:
    """Write a JSON file whole or not at all; NaN and infinities become null.

    Args:
        path: The file.
        data: Mappings, sequences, dataclasses, NumPy scalars and arrays, plain values.
    """
    return write_text(path, to_json(data) + "\n")


def csv_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula; numbers need none of this."""
    text = readable(text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def to_json(data: object, *, indent: int | None = 2) -> str:
    """Return `data` as JSON text; see `write_json`."""
    return json.dumps(plain(data), indent=indent, ensure_ascii=False, allow_nan=False)


def plain(data: object) -> Any:
    """Return `data` in JSON's own types; a number that is not finite becomes None."""
    if dataclasses.is_dataclass(data) and not isinstance(data, type):
        return {f.name: plain(getattr(data, f.name)) for f in dataclasses.fields(data)}
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple | set | frozenset):
        return [plain(value) for value in data]
    if isinstance(data, str) or data is None or isinstance(data, bool | int):
        return data
    if isinstance(data, Path):
        return str(data)
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if hasattr(data, "tolist"):  # NumPy scalars and arrays
        return plain(data.tolist())
    raise TypeError(f"{type(data).__name__} has no JSON form")


# --- reading -----------------------------------------------------------------------------------


def read_json(path: str | os.PathLike[str], what: str) -> dict[str, Any]:
    """Read a JSON object of ours and check its format number.

    Args:
        path: The file.
        what: What the file is ("plan"), for messages.

    Returns:
        The object, without further checks.

    Raises:
        MissingFileError: The file does not exist.
        InvalidValueError: It is not JSON, not an object, has a key twice, or is of a newer format.
    """
    path = Path(path)
    if not path.exists():
        raise errors.MissingFileError(
            f"There is no {what} at {errors.shown(path, 200)}.", given=str(path)
        )
    try:
        data = json.loads(
            path.read_bytes().decode("utf-8-sig"),
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError, OSError) as error:
        if isinstance(error, errors.ActzooError):
            raise
        where = str(error)
        if isinstance(error, json.JSONDecodeError):
            where = f"line {error.lineno}: {error.msg}"
        raise errors.InvalidValueError(
            f"The {what} {errors.shown(path, 200)} is not valid JSON: {errors.shown(where, 160)}.\n"
            "Fix that line, or make the file again.",
            given=str(path),
        ) from error
    if not isinstance(data, dict):
        raise errors.InvalidValueError(
            f"The {what} {errors.shown(path, 200)} must be a JSON object, "
            f"not {type(data).__name__}.",
            given=str(path),
        )
    version = data.get("format", FORMAT)
    if not isinstance(version, int) or version > FORMAT or version < 1:
        raise errors.InvalidValueError(
            f"The {what} {errors.shown(path, 200)} has format {errors.shown(version)}; this "
            f"version of actzoo reads format {FORMAT}.\nUpgrade actzoo: pip install -U actzoo",
            given=version,
            fix="pip install -U actzoo",
        )
    modern: dict[str, Any] = spellings.modern(data)
    return modern


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    pairs_by_key: dict[str, Any] = {}
    for key, value in pairs:
        if key in pairs_by_key:
            raise ValueError(f"the key '{errors.shown(key)}' occurs twice in one object")
        pairs_by_key[key] = value
    return pairs_by_key


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")


def special_kind(path: str | os.PathLike[str]) -> str | None:
    """Return what a path is that can be opened but is not a file, or None.

    Opening a pipe waits for a writer, and opening a device may do anything.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return None
    kinds = {stat.S_ISFIFO: "pipe", stat.S_ISSOCK: "socket", stat.S_ISCHR: "device"}
    kinds[stat.S_ISBLK] = "device"
    return next((kind for is_kind, kind in kinds.items() if is_kind(mode)), None)


def refuse_special(path: str | os.PathLike[str]) -> None:
    """Refuse a pipe, a socket or a device, unless the caller's shell opened it for us.

    Raises:
        DataError: It is one; the reason is `given`.
    """
    kind = special_kind(path)
    if kind is None or os.fspath(path).startswith(_OPENED_BEFORE):
        return
    why = f"it is a {kind}, not a file"
    raise errors.DataError(
        f"{errors.shown(path, 200)} is not opened: {why}.\nCopy its content into a file.", given=why
    )


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file that the user named; a pipe is read where something writes to it.

    Raises:
        DataError: It is a socket or a device, or a pipe without a writer; the reason is `given`.
        OSError: It cannot be read.
    """
    if special_kind(path) != "pipe" or os.fspath(path).startswith(_OPENED_BEFORE):
        refuse_special(path)
        return Path(path).read_bytes()
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as pipe:
        if not select.select([pipe], [], [], PIPE_SECONDS)[0]:
            why = f"it is a pipe that nothing was written into for {PIPE_SECONDS:g} seconds"
            raise errors.DataError(f"{errors.shown(path, 200)} is not read: {why}.", given=why)
        os.set_blocking(pipe.fileno(), True)
        return pipe.read()


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
