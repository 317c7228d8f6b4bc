"""Text files in a folder for each class, one text a file, as IMDB and many corpora come.

Above the class folders may be folders of splits. What is not a text in them is set aside by name:
other files, folders inside a class, and texts that wait for a label (`train/unsup`).
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from actzoo import errors
from actzoo.applications.text.tables import decoding, gathering, table
from actzoo.folders import SPLIT_NAMES, LeftOut, entries

_UNLABELED = frozenset(("unsup", "unsupervised", "unlabeled", "unlabelled"))
_FOR_TABLES = ("text_column", "label_column", "columns", "delimiter")
_NAMED = 6  # things in a message


@dataclasses.dataclass
class Found:
    """Text files with their classes.

    Attributes:
        files: Split ("" where there is none), class and path of each.
        set_aside: What lies beside them, by name.
    """

    files: list[tuple[str, str, Path]] = dataclasses.field(default_factory=list)
    set_aside: list[str] = dataclasses.field(default_factory=list)


def find(path: str) -> Found | None:
    """Return the text files of class folders, or None where a path has no such folders.

    Two classes at least must hold texts, and texts must be most of what lies beside them.
    """
    place = Path(path)
    if not place.is_dir():
        return None
    left_out, found, others = LeftOut(path), Found(), collections.Counter[str]()
    inner, loose = entries(path, left_out)
    splits = {name: SPLIT_NAMES[name.lower()] for name in inner if name.lower() in SPLIT_NAMES}
    above = sorted(splits) if "train" in splits.values() else [""]
    unused = [f"{name}/" for name in inner if above != [""] and name not in splits]
    for name in above:
        folders, files = entries(str(place / name), left_out) if name else (inner, [])
        loose += [f"{name}/{file}" for file in files]
        for folder in folders:
            texts, more = _texts_in(place / name / folder, left_out)
            others.update(more)
            if folder.lower() in _UNLABELED or not texts:
                unused.append(f"{Path(name, folder).as_posix()}/")
            else:
                found.files += [(splits.get(name, ""), folder, file) for file in texts]
    if len({name for _, name, _ in found.files}) < 2 or others.total() > len(found.files):
        return None
    found.set_aside = [*_named([*unused, *loose], others), *left_out.summary()]
    return found


def _texts_in(folder: Path, left_out: LeftOut) -> tuple[list[Path], collections.Counter[str]]:
    """Return the text files of a folder, and the endings of what else it holds."""
    inner, files = entries(str(folder), left_out)
    texts = [name for name in files if _is_text(name)]
    others = collections.Counter(Path(name).suffix.lower() for name in files if not _is_text(name))
    others.update({"folders": len(inner)} if inner else {})
    return [folder / name for name in texts], others


def _is_text(name: str) -> bool:
    """Say whether a file holds one text: `0_9.txt`, or a number as in a newsgroup."""
    return table.kind_of(Path(name)) == ".txt" or name.isdigit()


def _named(unused: list[str], others: collections.Counter[str]) -> Iterator[str]:
    if unused:
        more = f" and {len(unused) - _NAMED:,} more" if unused[_NAMED:] else ""
        yield f"not in a folder of a class: {errors.shown(', '.join(unused[:_NAMED]), 200)}{more}"
    if others:
        counts = ", ".join(f"{count:,} {ending}" for ending, count in others.most_common(_NAMED))
        yield f"inside folders of classes: {errors.shown(counts, 120)}"


def gather(found: Found, options: gathering.Options) -> gathering.Gathered:
    """Return the texts of all files; the options of tables do not fit them.

    Args:
        found: The files.
        options: How they are read.

    Raises:
        InvalidValueError: An option for tables is given.
        DataError: A file cannot be decoded; names it.
    """
    given = [name for name in _FOR_TABLES if getattr(options, name) is not None]
    if given:
        raise errors.InvalidValueError(
            f"--{given[0].replace('_', '-')} is for tables, but this data is text files, of which "
            "each is a text and its folder the class.\nLeave it out.",
            given=given[0],
        )
    made = gathering.Gathered(set_aside=list(found.set_aside), whole_files=True)
    for split, name, file in found.files:
        where = f"{split}/{name}/{file.name}" if split else f"{name}/{file.name}"
        try:
            text = decoding.decoded(file, options.encoding)
        except errors.DataError as error:
            problem = str(error).removeprefix(errors.shown(file.name, 120))
            raise errors.DataError(f"{errors.shown(where, 120)}{problem}", given=where) from error
        made.rows.ids.append(where)
        made.rows.texts.append(text)
        made.rows.labels.append(name)
        made.rows.splits.append(split or None)
    made.kind = (
        f"{len(found.files):,} text files, one text each; the class is the name of the folder"
    )
    return made
