"""Folders and files as users give them: what is there, without what systems put beside it.

One rule says what a folder holds, for training, evaluation and prediction alike: what begins with a
dot, what operating systems and programs add, what actzoo itself wrote, and what is not a file is
left out, and `LeftOut` says so by name. The names of splits are here, too, since every kind of data
may come in folders or files of them.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from actzoo import errors, files, own_files

# What folders and files of a split are called, in small letters.
SPLIT_NAMES = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val", "eval": "val",
    "test": "test", "testing": "test", "holdout": "test", "heldout": "test",
}  # fmt: skip
# What systems and programs put beside the user's files, in small letters: never data.
_SYSTEM = frozenset((
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "picasa.ini",
    "$recycle.bin", "system volume information", "found.000", "lost+found", "__macosx",
    "network trash folder", "temporary items", "__pycache__",
    "@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot",
    ".ds_store", ".localized", ".directory", ".nomedia", ".picasa.ini", ".picasaoriginals",
    ".git", ".gitignore", ".gitattributes", ".gitkeep", ".keep", ".svn", ".hg", ".dvc",
    ".ipynb_checkpoints", ".cache", ".thumbnails", ".thumbs", ".@__thumb", ".appledouble",
    ".trash", ".trashes", ".spotlight-v100", ".fseventsd", ".temporaryitems",
    ".documentrevisions-v100", ".apdisk", ".snapshot", ".snapshots", ".zfs", ".stfolder",
    ".stversions", ".sync", ".dropbox.cache", ".idea", ".vscode", ".venv", ".mypy_cache",
    ".ruff_cache", ".pytest_cache",
))  # fmt: skip
_SYSTEM_BEGINNINGS = ("._", "~$", ".~lock.", ".trash-", ".nfs", ".fuse_hidden", ".syncthing.")
_SYSTEM_ENDINGS = (":zone.identifier", "\uf03azone.identifier")
# Files that describe data, by the first word of their name or by their ending.
_DOCUMENTS = frozenset((
    "readme", "license", "licence", "copying", "notice", "citation", "changelog", "authors",
    "attribution", "attributions", "credits", "contributing", "terms", "about",
))  # fmt: skip
_DOCUMENT_ENDINGS = frozenset((
    ".md", ".rst", ".pdf", ".html", ".htm", ".doc", ".docx", ".rtf", ".odt", ".url", ".webloc",
    ".bib", ".cff", ".md5", ".sha1", ".sha256", ".sh", ".py", ".ipynb", ".log",
))  # fmt: skip
_ARCHIVE = re.compile(r".\.(zip|7z|rar|tgz|tbz2|txz|tar(\.\w+)?)$", re.IGNORECASE)
MOST_WRAPPINGS = 4
MOST_LOOKED_AT = 20  # folders inside one without data
MOST_HIDDEN = 20_000  # files of a hidden folder that are looked at for data
LONGEST_ENDING = 8  # of a file; what is longer may be part of its name


@dataclasses.dataclass
class LeftOut:
    """What listing folders left out, by name, so that nothing is missed in silence.

    Attributes:
        root: Folder that names are relative to.
        system: Names of systems and programs (Thumbs.db, @eaDir, .git) -> how many.
        hidden: Paths of other files and folders that begin with a dot.
        outputs: Path of a folder that actzoo wrote -> what it is.
        special: Paths of what can be opened but is not a file: pipes, sockets, devices.
        unread: Ending -> how many files that are not data.
        answers: How many files that `predict` wrote among others, by its table.
        unlisted: Path of a folder that cannot be listed, where a walk goes on without it -> why.
        upward: Paths of links to a folder that holds the root, which a walk does not follow.
    """

    root: str
    system: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    hidden: list[str] = dataclasses.field(default_factory=list)
    outputs: dict[str, str] = dataclasses.field(default_factory=dict)
    special: list[str] = dataclasses.field(default_factory=list)
    unread: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    answers: int = 0
    unlisted: dict[str, str] = dataclasses.field(default_factory=dict)
    upward: list[str] = dataclasses.field(default_factory=list)

    def path(self, folder: str, name: str) -> str:
        """Return a path relative to the root, with `/`."""
        return os.path.relpath(os.path.join(folder, name), self.root).replace(os.sep, "/")

    def summary(self) -> tuple[str, ...]:
        """Return what was left out, for `Fingerprint.set_aside`."""
        system = [f"{name} ({count:,})" for name, count in sorted(self.system.items())]
        outputs = [f"{name}/ ({what})" for name, what in self.outputs.items()]
        answers = [f"answers of `actzoo predict` ({self.answers:,})"] if self.answers else []
        kinds = {
            "of systems and programs": system,
            "hidden": sorted(set(self.hidden)),
            "written by actzoo": [*outputs, *answers],
            "pipes, sockets or devices": sorted(set(self.special)),
            "links to folders above": sorted(self.upward),
        }
        return tuple(f"{kind}: {_some(names)}" for kind, names in kinds.items() if names)

    def notes(self, is_data: Callable[[str], bool], noun: str) -> list[str]:
        """Return warnings on what a user may miss.

        Args:
            is_data: Whether a file is data, by its name.
            noun: What data is called ("pictures").
        """
        notes = []
        hidden = [name for name in sorted(set(self.hidden)) if self._holds(name, is_data)]
        if hidden:
            notes.append(
                f"Hidden folders that hold {noun} were left out: {_some(hidden)}. To use them, "
                "rename them without the dot."
            )
        for name, what in self.outputs.items():
            notes.append(f"{errors.shown(name, 120)}/ is {what} and was left out of the data.")
        if self.answers:
            notes.append(f"Files that `actzoo predict` wrote were left out: {self.answers:,}.")
        if self.special:
            named = _some(sorted(set(self.special)))
            notes.append(f"Pipes, sockets or devices, which were not opened: {named}.")
        if self.upward:
            notes.append(
                "Links that lead to a folder above the given one, which were not followed: "
                f"{_some(sorted(self.upward))}."
            )
        return notes

    def _holds(self, name: str, is_data: Callable[[str], bool]) -> bool:
        inside = os.path.join(self.root, *name.split("/"))
        listed = (file for _, _, names in os.walk(inside) for file in names)
        return any(map(is_data, itertools.islice(listed, MOST_HIDDEN)))


def entries(folder: str, left_out: LeftOut | None = None) -> tuple[list[str], list[str]]:
    """Return the names of a folder's folders and files, sorted.

    Left out are hidden and system ones, pipes and devices, and what actzoo wrote: runs, exports,
    answers of `predict`. A link to nothing counts as a file, which then cannot be read.

    Args:
        folder: Any.
        left_out: Takes what is left out.

    Raises:
        DataError: The folder cannot be listed.
    """
    left_out = left_out or LeftOut(folder)
    inner: list[str] = []
    found: list[str] = []
    try:
        with os.scandir(folder) as listed:
            for entry in listed:
                if _is_hidden(entry.name, folder, left_out):
                    continue
                if not _is_folder(entry):
                    _add_file(entry, folder, found, left_out)
                elif (what := own_files.written_by_actzoo(entry.path)) is not None:
                    left_out.outputs[left_out.path(folder, entry.name)] = what
                else:
                    inner.append(entry.name)
    except OSError as error:
        raise errors.DataError(
            f"The folder {errors.shown(folder, 200)} cannot be listed: {error.strerror}.\n"
            "Change its permissions, or remove it.",
            given=folder,
        ) from error
    if own_files.ANSWERS in found and (wrote := own_files.answers_in(folder)):
        listed_here, found = found, [name for name in found if (files.readable(name),) not in wrote]
        left_out.answers += len(listed_here) - len(found)
    return sorted(inner), sorted(found)


def _is_hidden(name: str, folder: str, left_out: LeftOut) -> bool:
    small = name.lower()
    if small in _SYSTEM or small.startswith(_SYSTEM_BEGINNINGS) or small.endswith(_SYSTEM_ENDINGS):
        left_out.system[name if small in _SYSTEM else "system files"] += 1
        return True
    if small.startswith("."):
        left_out.hidden.append(left_out.path(folder, name))
        return True
    return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _add_file(entry: os.DirEntry[str], folder: str, found: list[str], left_out: LeftOut) -> None:
    try:
        special = not entry.is_file() and files.special_kind(entry.path) is not None
    except OSError:
        special = False
    if special:
        left_out.special.append(left_out.path(folder, entry.name))
    else:
        found.append(entry.name)


def unwrapped(place: str, kinds_of: Callable[[str], set[str]]) -> str:
    """Return the folder with the data, where folders hold nothing but the next one.

    Args:
        place: A folder; anything else is returned as it is.
        kinds_of: Which kinds of data a folder seems to hold.
    """
    for _ in range(MOST_WRAPPINGS):
        inner = _only_folder(place) if os.path.isdir(place) else None
        if inner is None:
            break
        outside, inside = kinds_of(place), kinds_of(inner)
        if outside - inside or not (inside - outside or entries(inner)[0]):
            break
        place = inner
    return place


def _only_folder(place: str) -> str | None:
    """Return the one folder inside a folder that only wraps it, or None.

    Beside it may lie what describes data and is none: a README, a license, the archive that it
    came from. Folders of splits are no wrapping.
    """
    inner, found = entries(place)
    if len(inner) != 1 or inner[0].casefold() in SPLIT_NAMES:
        return None
    return os.path.join(place, inner[0]) if all(map(_describes, found)) else None


def _describes(name: str) -> bool:
    """Tell by its name whether a file is about data and no part of it."""
    stem, ending = os.path.splitext(name.lower())
    named = ending in ("", ".txt") and re.split(r"[\W\d_]", stem)[0] in _DOCUMENTS
    return named or ending in _DOCUMENT_ENDINGS or is_named_as_archive(name)


def is_named_as_archive(name: str) -> bool:
    """Say whether a file seems to be an archive, read or not, by its name."""
    return _ARCHIVE.search(name) is not None


def hint_of_archives(place: str) -> str:
    """Return a sentence on archives inside a folder or an archive without data; else nothing."""
    if not os.path.isdir(place):
        return ""
    packed = [name for name in entries(place)[1] if is_named_as_archive(name)]
    if not packed:
        return ""
    return f"\nIt holds archives ({_some(packed, 5)}): unpack these and give the folder of theirs."


def hint_of_inner(place: str, kinds_of: Callable[[str], set[str]]) -> str:
    """Return a sentence on the one folder inside a folder without data that has some; else nothing.

    Args:
        place: What was looked at.
        kinds_of: Which kinds of data a folder seems to hold.
    """
    inner = entries(place)[0][:MOST_LOOKED_AT] if os.path.isdir(place) else []
    holding = [name for name in inner if kinds_of(os.path.join(place, name))]
    if len(holding) != 1:
        return ""
    return f"\nIts folder {errors.shown(holding[0], 120)}/ seems to: give that one."


def class_names(folders: Sequence[str]) -> tuple[str, ...]:
    """Return the names of classes by those of their folders: as text, composed.

    Two folders that would have one name keep theirs, so that they can be told apart and refused.
    """
    named = tuple(same_name(_as_text(folder)) for folder in folders)
    return named if len(set(named)) == len(named) else tuple(folders)


def _as_text(name: str) -> str:
    """Return a name as text where the system takes names for something else than UTF-8."""
    try:
        return os.fsencode(name).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # it is text already
        return name


def same_name(name: str) -> str:
    """Return a name in the form in which names are compared: composed (NFC).

    "é" is one character on most systems and two on macOS; both are one name.
    """
    return unicodedata.normalize("NFC", name)


def files_of(
    given: Sequence[str | os.PathLike[str]],
    takes: Callable[[str], bool] | None = None,
    left_out: LeftOut | None = None,
) -> list[Path]:
    """Return files; a folder stands for all files below it, as `entries` lists them.

    Links to folders are followed, and each folder is listed once, however often links lead there.
    A folder below a given one that cannot be listed stands for itself.

    Args:
        given: Files and folders; files are returned as they are.
        takes: Whether a file in a folder is wanted, by its name; None takes all.
        left_out: Takes what is left out.

    Raises:
        MissingFileError: A folder holds none.
        DataError: A given folder cannot be listed.
    """
    chosen: list[Path] = []
    for path in map(Path, given):
        if not path.is_dir():
            chosen.append(path)
            continue
        own = left_out or LeftOut(str(path))
        before = own.unread.total()
        listed = _without_answers(str(path), _walk(str(path), own), own)
        inside = [Path(file) for file in listed if _is_taken(file, takes, own)]
        if not inside:
            unread = own.unread.total() - before
            holds = f"{unread:,} files, none of which is an input" if unread else "no files"
            raise errors.MissingFileError(
                f"The folder {errors.shown(path, 200)} holds {holds}.", given=str(path)
            )
        chosen += inside
    return chosen


def _is_taken(file: str, takes: Callable[[str], bool] | None, left_out: LeftOut) -> bool:
    if takes is None or takes(os.path.basename(file)) or file in left_out.unlisted:
        return True
    ending = os.path.splitext(file)[1].lower()
    left_out.unread[ending if len(ending) < LONGEST_ENDING else "other"] += 1
    return False


def _without_answers(root: str, listed: Iterable[str], left_out: LeftOut) -> Iterator[str]:
    """Yield files but those that `predict` wrote into the given folder itself."""
    wrote = own_files.answers_in(root)
    for file in listed:
        parts = Path(file).relative_to(root).parts if wrote else ()
        if tuple(map(files.readable, parts)) in wrote:
            left_out.answers += 1
        else:
            yield file


def _walk(root: str, left_out: LeftOut) -> Iterator[str]:
    """Yield the files below a folder in the order of their paths; those behind links come last."""
    seen: set[tuple[int, int]] = set()
    waiting, links = [(root, True)], collections.deque[str]()
    while waiting or links:
        place, is_folder = waiting.pop() if waiting else (links.popleft(), True)
        if not is_folder:
            yield place
            continue
        identity = _identity(place)
        if identity is None or identity in seen:
            continue
        seen.add(identity)
        try:
            inner, found = entries(place, left_out)
        except errors.DataError as error:
            if place == root:
                raise
            left_out.unlisted[place] = str(error)
            yield place
            continue
        linked = {name for name in inner if os.path.islink(os.path.join(place, name))}
        for name in sorted(linked):
            if leads_up(os.path.join(place, name), root):
                left_out.upward.append(left_out.path(place, name))
            else:
                links.append(os.path.join(place, name))
        names = {**dict.fromkeys(found, False), **dict.fromkeys(inner, True)}
        waiting += [
            (os.path.join(place, name), names[name])
            for name in sorted(names, reverse=True)
            if name not in linked
        ]


def leads_up(folder: str, root: str) -> bool:
    """Say whether a folder is, in truth, a root itself or a folder that holds it."""
    real, top = os.path.realpath(folder), os.path.realpath(root)
    return top == real or top.startswith(os.path.join(real, ""))


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        state = os.stat(folder)
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _some(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(errors.shown(name, 120) for name in names[:most]) + more


def is_scheme(path: str) -> bool:
    """Say whether a user's DATA is a name like `tfds:NAME` and not a place on disk."""
    scheme, colon, _ = path.partition(":")
    return bool(colon) and scheme.isalnum() and len(scheme) > 1 and not Path(path).exists()


def check_exists(path: str) -> None:
    """Refuse a place on disk where there is nothing.

    Raises:
        MissingFileError: There is nothing at the path.
    """
    if not is_scheme(path) and not Path(path).exists():
        raise errors.MissingFileError(
            f"There is nothing at {errors.shown(path, 200)}.\n"
            "DATA is a folder, an archive of one, a file, or `tfds:NAME`.",
            given=path,
        )
