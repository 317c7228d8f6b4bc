"""What the names of folders and files say of a scan: image or mask, which split, which case.

Words decide, not lists of whole names: `train_masks`, `labelsTr`, `SegmentationClass` and
`a_mask.png` each hold a word for masks. What is left of a path without such words is the case that
a file belongs to, so that an image and its mask have equal rests.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import re
from collections.abc import Collection, Mapping, Sequence

from actzoo.applications.medical.layouts import endings
from actzoo.folders import SPLIT_NAMES, same_name

MASK, IMAGE, ASIDE = "mask", "image", "aside"
MOST_COPIES = 3  # of a mask, beside it
UNLISTED = "unlisted"  # in the place of a split: a list of splits leaves the file out
_MASK_WORDS = frozenset((
    "mask", "masks", "seg", "segs", "segm", "segmentation", "segmentations", "segmented",
    "label", "labels", "labelmap", "labelmaps", "lbl", "gt", "gts", "annotation", "annotations",
    "annot", "annots", "truth", "truths", "groundtruth", "manual", "roi", "rois", "msk", "msks",
    "labeled", "labelled", "labelids",
))  # fmt: skip
_IMAGE_WORDS = frozenset((
    "image", "images", "img", "imgs", "im", "ims", "scan", "scans", "volume", "volumes", "vol",
    "vols", "jpeg", "jpg", "png", "tif", "tiff", "nii", "nifti",
))  # fmt: skip
# Words for either side that mean other things as well: they are taken where the content agrees.
_WEAK_MASK_WORDS = frozenset(("y", "target", "targets", "output", "outputs"))
_WEAK_IMAGE_WORDS = frozenset((
    "x", "data", "input", "inputs", "original", "originals", "raw", "photo", "photos", "picture",
    "pictures", "pic", "pics", "frame", "frames", "slice", "slices",
))  # fmt: skip
# Folders of these names are what they say, whatever they hold.
_SURE_WORDS = frozenset((
    "image", "images", "img", "imgs", "im", "ims", "mask", "masks", "seg", "segs", "segmentation",
    "segmentations", "label", "labels", "gt", "gts", "annotation", "annotations", "annot",
    "annots", "truth", "truths", "groundtruth",
))  # fmt: skip
# Pictures made of masks, or masks of another kind, that come beside them: of VOC, Cityscapes.
_ASIDE_WORDS = frozenset((
    "object", "objects", "instance", "instances", "color", "colors", "colour", "colours",
    "overlay", "overlays", "visualization", "visualizations", "vis", "viz", "preview", "previews",
    "instanceids", "labeltrainids", "blend",
))  # fmt: skip
_SPLIT_WORDS = {**SPLIT_NAMES, "testing": "test"}
_DECATHLON = {"tr": "tr", "ts": "ts"}  # imagesTr, labelsTs
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
_GAP = re.compile(r"[-_.\s]+")
_NUMBERED = re.compile(r"([a-z]+)(\d+)")


@dataclasses.dataclass(frozen=True)
class ScanFile:
    """A file that may be an image or a mask, and what its path says.

    Attributes:
        path: Relative to the root, with `/`.
        stem: Name without ending.
        split: That its folders name; "tr" and "ts" in the decathlon's form.
        place: What the folders say beside roles and splits: where its counterpart is.
        folders: Names of folders that may be patients'.
        role: `MASK`, `IMAGE`, `ASIDE`, or "" where nothing says.
        folder_role: What the folders alone say.
        is_sure: The folders say it by a word that means nothing else.
        plain: Stem in a form to compare.
        key: The same without the words that say its role.
    """

    path: str
    stem: str
    split: str | None
    place: tuple[str, ...]
    folders: tuple[str, ...]
    role: str
    folder_role: str
    is_sure: bool
    plain: str
    key: str

    @property
    def folder(self) -> str:
        """The folder it is in."""
        return self.path.rpartition("/")[0]

    @property
    def is_volume(self) -> bool:
        """It is a volume, by its name."""
        return endings.is_volume(self.path)


@dataclasses.dataclass(frozen=True)
class _Component:
    """What the name of one folder says."""

    role: str
    is_sure: bool
    split: str | None
    rest: str


@dataclasses.dataclass(frozen=True)
class _Name:
    """What the name of a file says: see `ScanFile`."""

    plain: str
    key: str
    is_marked: bool


def read_paths(paths: Sequence[str]) -> list[ScanFile]:
    """Return what each path says; what is common to all says nothing of one."""
    folders = {path.rpartition("/")[0] for path in paths}
    count = shared([tuple(folder.split("/")) for folder in folders])
    divided = _divided({name for folder in folders for name in folder.split("/")})
    said = {folder: _read_folder(folder, count, divided) for folder in folders}
    files = [_read(path, said) for path in paths]
    files = _without_copies(files)
    marked = [
        number for number, file in enumerate(files) if file.role != ASIDE and is_marked(file.stem)
    ]
    if not marked:
        return files
    skipped = set(marked)
    unmarked = [file for number, file in enumerate(files) if number not in skipped]
    there = {(file.folder, name) for file in unmarked for name in (file.plain, file.key, "")}
    for number in marked:
        file = files[number]
        told = not file.folder_role or (file.folder, file.key) in there
        if told and file.role == IMAGE and file.plain != file.key:
            files[number] = dataclasses.replace(file, role=MASK)
    return files


def _without_copies(files: Sequence[ScanFile]) -> list[ScanFile]:
    """Return files with those aside that are made of the masks beside them: a_color, label_viz."""
    made = {
        file.path
        for file in files
        if (file.folder_role == MASK or is_marked(file.stem))
        and _ASIDE_WORDS.intersection(file.plain.split("_"))
    }
    beside = collections.Counter(
        file.folder
        for file in files
        if file.path not in made and (file.role == MASK or is_marked(file.stem))
    )
    of_folder = collections.Counter(file.folder for file in files if file.path in made)
    return [
        dataclasses.replace(file, role=ASIDE)
        if file.path in made and 0 < of_folder[file.folder] <= MOST_COPIES * beside[file.folder]
        else file
        for file in files
    ]


def shared(folders: Sequence[tuple[str, ...]]) -> int:
    """Return how many folders, or words, all of some paths or names begin with."""
    if not folders:
        return 0
    low, high = min(folders), max(folders)
    return next(
        (k for k, (a, b) in enumerate(zip(low, high, strict=False)) if a != b),
        min(len(low), len(high)),
    )


@dataclasses.dataclass(frozen=True)
class _Folder:
    """What a file's folders say together: see `ScanFile`."""

    split: str | None
    place: tuple[str, ...]
    own: tuple[str, ...]
    role: str
    is_sure: bool


def without_split(name: str) -> tuple[str | None, str]:
    """Return the split that a folder's name begins or ends with, and the rest; None for none."""
    words = _words(name)
    split = next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), None)
    left = "_".join(word for word in words if word not in _SPLIT_WORDS)
    return (split, left) if split and left else (None, name)


def _divided(names: Collection[str]) -> dict[str, tuple[str | None, str]]:
    """Return the names that hold a split and a rest that another split has, too: train_a, test_a.

    Those that hold a word for images or masks need no other.
    """
    plain = [name for name in names if not (_component(name).role or _component(name).split)]
    parts = {name: without_split(name) for name in plain}
    splits: dict[str, set[str | None]] = {}
    for split, rest in parts.values():
        splits.setdefault(rest, set()).add(split)
    return {
        name: (split, rest)
        for name, (split, rest) in parts.items()
        if split is not None and len(splits[rest] - {None}) > 1 and "train" in splits[rest]
    }


def _read_folder(folder: str, count: int, divided: Mapping[str, tuple[str | None, str]]) -> _Folder:
    role, is_sure, split = "", False, None
    place, own = [], []
    for number, name in enumerate(filter(None, folder.split("/"))):
        said = _component(name)
        if name in divided:
            own_split, rest = divided[name]
            said = dataclasses.replace(said, split=own_split, rest=rest)
        split = said.split or split
        if number < count:
            continue
        if said.role:
            role, is_sure = said.role, said.is_sure
        if said.rest:
            place.append(said.rest)
            # What is left of ISIC_Training_Input names no patient, of scan_01 it may.
            own += [said.rest] if said.rest.isdigit() or not (said.role or said.split) else []
    return _Folder(split, tuple(place), tuple(own), role, is_sure)


def _read(path: str, folders: Mapping[str, _Folder]) -> ScanFile:
    folder, _, file = path.rpartition("/")
    stem, ending = endings.split_name(file)
    said, name = folders[folder], _name(stem)
    role = MASK if ending in endings.LABELS_ONLY else said.role or IMAGE
    return ScanFile(
        path, stem, said.split, said.place, said.own, role, said.role, said.is_sure,
        name.plain, name.key,
    )  # fmt: skip


@functools.lru_cache(1 << 14)
def _component(name: str) -> _Component:
    words = _words(name)
    role, own = _role_of(words)
    rest = [word for word in words if word not in own]
    split = next((_SPLIT_WORDS[word] for word in rest if word in _SPLIT_WORDS), None)
    if split is None and role:
        split = next((_DECATHLON[word] for word in rest if word in _DECATHLON), None)
    left = [w for w in rest if w not in _SPLIT_WORDS and not (role and w in _DECATHLON)]
    if split and (role or not left):
        rest = left
    else:
        split = None
    if role == MASK and rest == ["class"]:  # SegmentationClass
        rest = []
    is_sure = bool(own & _SURE_WORDS)
    plain = not role and split is None
    return _Component(role, is_sure, split, same_name(name).casefold() if plain else "_".join(rest))


def place_of(folder: str) -> tuple[str, ...]:
    """Return what the names of folders say beside roles and splits."""
    rests = (_component(name).rest for name in folder.split("/") if name)
    return tuple(rest for rest in rests if rest)


def says_role(folder: str) -> bool:
    """Say whether a folder's name holds a word for images, masks or a split."""
    said = _component(folder)
    return bool(said.role or said.split)


def _words(name: str) -> list[str]:
    """Return the words of a folder's name; trainannot is two."""
    words: list[str] = []
    for word in (word.lower() for word in _WORD.findall(name)):
        parts = ((word[:k], word[k:]) for k in range(2, len(word) - 1))
        known = _MASK_WORDS | _IMAGE_WORDS
        whole = word in known or word in _SPLIT_WORDS
        both = [p for p in parts if p[1] in known and (p[0] in known or p[0] in _SPLIT_WORDS)]
        words += [word] if whole or not both else both[0]
    return words


def _role_of(words: Sequence[str]) -> tuple[str, frozenset[str]]:
    """Return what words say, and those that say so."""
    there = frozenset(words)
    has_ground_truth = {"ground", "truth"} <= there
    for role, known in (
        (MASK, _MASK_WORDS),
        (IMAGE, _IMAGE_WORDS),
        (MASK, _WEAK_MASK_WORDS),
        (IMAGE, _WEAK_IMAGE_WORDS),
    ):
        if own := there & known:
            if role == MASK and there & _ASIDE_WORDS:
                return ASIDE, own | (there & _ASIDE_WORDS)
            # A mask's folder may call its files images, too.
            both = own | (there & (_IMAGE_WORDS if role == MASK else frozenset()))
            return role, both | ({"ground"} if has_ground_truth else frozenset())
    return "", frozenset()


@functools.lru_cache(1 << 9)
def _name(stem: str) -> _Name:
    """Return what a stem says."""
    if stem.casefold() in ("x", "y"):
        return _Name(stem.casefold(), "", stem.casefold() == "y")
    tokens = [token for token in _GAP.split(same_name(stem).casefold()) if token]
    kept, marked = [], False
    for token in tokens:
        numbered = _NUMBERED.fullmatch(token)
        word = numbered.group(1) if numbered else token
        if word not in _MASK_WORDS and word not in _IMAGE_WORDS:
            kept.append(token)
            continue
        marked = marked or word in _MASK_WORDS
        if numbered:
            kept.append(numbered.group(2))
    return _Name("_".join(tokens) or stem, "_".join(kept), marked)


def plain_stem(stem: str) -> str:
    """Return a stem in a form to compare: small letters, one separator."""
    return _name(stem).plain


def key_of(stem: str) -> str:
    """Return what is left of a stem without words that say image or mask, at any place in it."""
    return _name(stem).key


def is_marked(stem: str) -> bool:
    """Say whether a stem holds a word for masks."""
    return _name(stem).is_marked


def mark_of(stem: str) -> str:
    """Return the word in a stem that says that it is a mask; empty for none."""
    return next((token for token in plain_stem(stem).split("_") if is_marked(token)), "")
