"""Archives of data, unpacked once into the user's cache.

An archive is an untrusted file: every member is looked at before the first one is written, and
one bad member refuses the whole. The folder is named by the archive's content and appears under
its name complete, so that a second run finds it and a killed one leaves nothing to trip over.
"""

from __future__ import annotations

import dataclasses
import functools
import lzma
import os
import posixpath
import re
import shutil
import tarfile
import unicodedata
import zipfile
import zlib
from pathlib import Path

from actzoo import archive_members, cache, errors, files
from actzoo.archive_members import ENDINGS, Member, UnreadableError

RULES = 2  # raised whenever names or links are read otherwise than before
# Photos, texts and volumes shrink 1 to 50 times; a bomb of zeros a thousand times and more.
LARGEST_RATIO = 200
HARMLESS_BYTES = 16 << 20  # below this, any ratio is taken
LONGEST_NAME, LONGEST_PATH = 255, 4_095  # bytes that file systems take
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError,
)  # fmt: skip

Parts = tuple[str, ...]


def folder_of(path: str | os.PathLike[str], encoding: str | None = None) -> Path:
    """Return the folder that a path means.

    Args:
        path: A folder or a file, returned as they are, or an archive.
        encoding: Of names in the archive that do not say it; None takes UTF-8.

    Returns:
        For an archive, the folder in the cache that holds its content.

    Raises:
        DataError: The archive is of another kind, broken, or not safe to unpack, or says its names
            in an unknown encoding; nothing of it was written.
        InvalidValueError: There is no such encoding.
        DiskError: The cache cannot be written.
    """
    place = Path(path)
    if (foreign := archive_members.foreign_kind(place)) is not None:
        raise errors.DataError(
            f"{errors.shown(place, 200)} is {foreign[0]}, which actzoo does not read.\n"
            f"Unpack it and give the folder: {foreign[1]}",
            given=str(place),
            allowed=ENDINGS,
            fix=foreign[1],
        )
    if not is_archive(place):
        return place
    archive_members.check_encoding(encoding)
    files.refuse_special(place)
    suffix = "" if encoding is None else f"-{encoding.lower()}"
    target = cache.folder("archives", f"{_sha256_of(place)[:32]}-{RULES}{suffix}")
    if not target.is_dir():
        _unpack(place, target, encoding)
    return target


def is_archive(path: Path) -> bool:
    """Say whether a path is an archive of a kind that is read, by its name."""
    return path.name.lower().endswith(ENDINGS) and path.exists() and not path.is_dir()


def _sha256_of(archive: Path) -> str:
    """Return the hash of an archive, read once in a process as long as the file is unchanged."""
    state = archive.stat()
    return _sha256(
        archive.resolve(), state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
    )


@functools.lru_cache(maxsize=64)
def _sha256(archive: Path, *state: int) -> str:
    return files.sha256_file(archive)


def _unpack(archive: Path, target: Path, encoding: str | None) -> None:
    """Write the content of an archive into a folder that does not exist yet."""
    try:
        _check(archive, target, encoding)
        with files.atomic_path(target) as temporary:
            temporary.mkdir()
            links = _write(archive, temporary, encoding)
            _write_links(links, temporary)
    except errors.DiskError as error:
        raise errors.DiskError(
            f"{error}\nIt is the cache for unpacked archives; set {cache.VARIABLE} to move it, or "
            f"unpack {errors.shown(archive, 120)} yourself and give the folder.",
            given=str(target),
        ) from error
    except errors.ActzooError:
        raise
    except UnreadableError as error:
        raise _refusal(archive, str(error), error.fix) from error
    except (*_BROKEN, OSError, RuntimeError) as error:
        why, fix = "is damaged or cut short", None
        if isinstance(error, OSError) and error.errno is not None:
            why = f"cannot be unpacked ({error.strerror})"
        elif not archive.stat().st_size:
            why, fix = f"{why}: it has 0 bytes", "Get it again."
        raise _refusal(archive, why, fix) from error


def _refusal(archive: Path, why: str, fix: str | None = None) -> errors.DataError:
    way = errors.quoted(archive), errors.quoted(archive_members.folder_beside(archive))
    again = "Get it again, or unpack" if "damaged" in why else "Unpack"
    fix = fix or f"{again} it yourself and give the folder: 7z x {way[0]} -o{way[1]}"
    return errors.DataError(
        f"The archive {errors.shown(archive, 200)} {why}; nothing of it was used.\n{fix}",
        given=str(archive),
        fix=fix,
    )


def _write(archive: Path, folder: Path, encoding: str | None) -> list[Member]:
    """Write all files of an archive; return its links."""
    links = []
    for member, content in archive_members.members(archive, encoding, _most_bytes(archive)):
        place = folder.joinpath(*_parts(member.name))
        if member.kind == "folder":
            place.mkdir(parents=True, exist_ok=True)
        elif member.kind == "file":
            place.parent.mkdir(parents=True, exist_ok=True)
            with open(place, "xb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
        else:
            links.append(member)
    return links


def _write_links(links: list[Member], folder: Path) -> None:
    """Make the links of an archive.

    Each leads straight to a place inside: its target holds no "..", except to go up to the top,
    and lies behind no other member, so that links cannot lead out by way of one another.
    """
    for member in links:
        place = folder.joinpath(*_parts(member.name))
        place.parent.mkdir(parents=True, exist_ok=True)
        target = folder.joinpath(*(_target_parts(member) or ()))
        if member.kind == "hard link":
            os.link(target, place)
        else:
            os.symlink(os.path.relpath(target, place.parent), place)


# --- what may be unpacked ------------------------------------------------------------------------


@dataclasses.dataclass
class _Seen:
    """What was met so far: each part of each path, and what it is."""

    kinds: dict[Parts, str] = dataclasses.field(default_factory=dict)
    undecodable: list[str] = dataclasses.field(default_factory=list)
    total: int = 0


def _check(archive: Path, target: Path, encoding: str | None) -> None:
    """Refuse an archive for its first bad member, before the bytes after it are unpacked."""
    seen, most = _Seen(), _most_bytes(archive)
    room = LONGEST_PATH - len(os.fsencode(target.absolute())) - len("/.tmp-4194304-")
    for member, _ in archive_members.members(archive, encoding, most):
        # A header each, so that a billion empty members end as well.
        seen.total += member.size + 512
        problem = _problem(member, seen, room)
        if problem is None and seen.total > most:
            problem = f"brings the content above {LARGEST_RATIO} times the archive's own size"
        if problem:
            raise _hostile(archive, member.name, problem)
    archive_members.refuse_names(seen.undecodable, archive)
    for parts, kind in seen.kinds.items():
        above = [seen.kinds.get(parts[:length]) for length in range(1, len(parts))]
        if any(what not in (None, "folder") for what in above):
            raise _hostile(archive, "/".join(parts), f"is a {kind} below a file or a link")


def _hostile(archive: Path, name: str, problem: str) -> errors.DataError:
    return errors.DataError(
        f"The archive {errors.shown(archive, 200)} was refused as a whole: "
        f"'{errors.shown(name, 120)}' {problem}.\n"
        "If you trust it, unpack it yourself and give the folder.",
        given=str(archive),
    )


def _problem(member: Member, seen: _Seen, room: int) -> str | None:
    """Return what is wrong with a member, or None; and remember it."""
    name, parts = member.name, _parts(member.name)
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return "has an absolute path"
    if ".." in parts or "\0" in name:
        return "leads out of the folder"
    longest = max((len(part.encode("utf-8", "surrogateescape")) for part in parts), default=0)
    if longest > LONGEST_NAME:
        return f"has a name of {longest:,} bytes, and file systems take {LONGEST_NAME}"
    if len("/".join(parts).encode("utf-8", "surrogateescape")) > room:
        return f"has a path that is too long; {room:,} bytes are left for it in the cache"
    if member.kind != "folder":
        if parts in seen.kinds or not parts:
            return "occurs twice" if parts else "has no name"
        if member.kind == "device":
            return "is a link or a device"
        if member.kind != "file" and (problem := _link_problem(member, seen)):
            return problem
    if parts:
        seen.kinds[parts] = member.kind
    if any(unicodedata.category(c) == "Cs" for c in name):
        seen.undecodable.append(name)
    return None


def _link_problem(member: Member, seen: _Seen) -> str | None:
    target = _target_parts(member)
    if target is None:
        return f"is a link or a device that leads out of it, to {errors.shown(member.target, 120)}"
    if member.kind == "hard link" and seen.kinds.get(target) != "file":
        return "is a link or a device: a hard link to what is not a file of the archive"
    return None


def _target_parts(member: Member) -> Parts | None:
    """Return where in the archive a link leads; None where that is outside."""
    target = member.target.replace("\\", "/")
    if target.startswith("/") or re.match(r"[A-Za-z]:", target):
        return None
    if member.kind == "symbolic link":
        target = posixpath.join(posixpath.dirname("/".join(_parts(member.name))), target)
    parts = _parts(posixpath.normpath(target))
    return None if ".." in parts else parts


def _parts(name: str) -> Parts:
    """Return the parts of a path, in the form in which names are compared."""
    return tuple(
        unicodedata.normalize("NFC", part)
        for part in re.split(r"[/\\]", name)
        if part not in ("", ".")
    )


def _most_bytes(archive: Path) -> int:
    return max(HARMLESS_BYTES, LARGEST_RATIO * archive.stat().st_size)
