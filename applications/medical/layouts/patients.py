"""Whose an image is: read from the names of files, else of folders, without guessing.

Images of one patient are never divided between splits. Where names say nothing, each image counts
as a patient of its own, and a note says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

_NUMBERED = re.compile(
    r"(?:image|img|scan|slice|picture|frame|tile)?[-_ ]?\d+(?:[-_ ]?[a-z])?", re.IGNORECASE
)
# Of BIDS, which takes letters, too; without a number it is not a subject (sub-cortical).
_SUBJECT = re.compile(r"(?:^|[_/])(sub-(?=[a-z]*\d)[a-z0-9]+)", re.IGNORECASE)
# Within a name, "p53" alone may be a stain as well as a patient.
_PATIENT = re.compile(
    r"(?:^|[^a-z])((?:patient|case|subject|sub|pat)[-_]?\d+|p[-_]\d+)|^(p\d+)(?=[-_]|$)",
    re.IGNORECASE,
)
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
# With a number, a folder of many patients.
_COLLECTION = re.compile(
    r"(?:fold|part|batch|subset|site|center|centre|set|group|cohort|chunk|version|v|dataset|task|"
    r"phase|class|grade|stage|level|type|hospital|scanner|cv)[-_ ]?\d+",
    re.IGNORECASE,
)
FEWEST_PATIENTS = 3  # one for each split
RENAMING = (
    "Whose an image is, is read from patient, case, subject, sub, pat or p_ with a number in its "
    "name, or from a folder for each patient; where that misleads, rename the files."
)


class Named(Protocol):
    """An image with the path that names it, and whose it is."""

    @property
    def image(self) -> str:
        """Its path."""
        ...

    @property
    def patient(self) -> str:
        """Whose it is."""
        ...


def patient_of(
    stem: str, split: str | None = None, folders: Sequence[str] = (), alone: int = 0
) -> str:
    """Return whose image it is: what follows "patient", "case", "subject", …; else its own name.

    Not more is guessed: where names say nothing, each image counts as a patient of its own. A
    bare number in train/ and the same number in test/ need not be one patient.

    Args:
        stem: Of the file.
        split: Of its folder.
        folders: What its folders say beside the split and what is an image or a mask.
        alone: How many of the folders stand for a patient since each holds one image; 0 for none.
    """
    if told := told_by(stem, folders, alone):
        return told
    own = "/".join((*folders, stem))
    return f"{split}/{own}" if _NUMBERED.fullmatch(stem) else own


def told_by(stem: str, folders: Sequence[str], alone: int) -> str | None:
    """Return the patient that a name or a folder tells, or None; see `patient_of`."""
    if named := named_patient(stem):
        return named
    for count, name in enumerate(folders, 1):
        if named := named_patient(name):
            return named
        if stands_for_patient(name):
            return "/".join(folders[:count])
    return "/".join(folders[:alone]) or None


def folders_of_patients(places: Sequence[Sequence[str]]) -> int:
    """Return how many of the folders of images stand for a patient; 0 where none do.

    They do where each folder holds one image. Where the last folders of several have the same name
    (anna/ct, ben/ct), the ones above are the patients'.
    """
    own = [tuple(place) for place in places]
    depth = len(own[0])
    if () in own or len(set(own)) < len(own) or any(len(place) != depth for place in own):
        return 0
    while depth > 1 and len({place[depth - 1] for place in own}) < len(set(own)):
        depth -= 1
        own = [place[:depth] for place in own]
    return depth


def stands_for_patient(folder: str) -> bool:
    """Say whether a folder's name is a patient's: it holds a number, and not that of a part."""
    return any(c.isdigit() for c in folder) and not _COLLECTION.fullmatch(folder)


def named_patient(stem: str) -> str | None:
    """Return the patient that a name names, or None; equal numbers are equal patients."""
    match = _SUBJECT.search(stem) or _PATIENT.search(stem)
    if match is None:
        return None
    named = next(filter(None, match.groups()))
    return _ZEROS.sub("", re.sub(r"[-_]", "", named).lower())


def notes_on(pairs: Sequence[Named], unnamed: int) -> list[str]:
    """Return notes on names that do not identify patients, or identify too few to split.

    Args:
        pairs: All images.
        unnamed: How many of them neither files nor folders name a patient for.
    """
    notes = []
    if unnamed:
        notes.append(
            f"{unnamed:,} of {len(pairs):,} file names say nothing of a patient, so each of these "
            "images counts as a patient of its own. If several are one's, begin their names with "
            "patient01_, patient02_, …"
        )
    if few := few_patients(pairs):
        notes.append(f"{few} {RENAMING}")
    return notes


def few_patients(pairs: Sequence[Named]) -> str | None:
    """Return a sentence on names of fewer patients than there are splits, or None."""
    count = len({pair.patient for pair in pairs})
    if count >= min(len(pairs), FEWEST_PATIENTS):
        return None
    return (
        f"By their file names, the {len(pairs):,} images are those of {count} "
        f"patient{'s' * (count > 1)}; to train, {FEWEST_PATIENTS} are needed, one in each split."
    )
