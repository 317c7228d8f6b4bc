"""What the ending of a file's name says: read as it is, part of another file, or to be converted.

Content decides what a file is; the ending only says which files to look at, and what to do about
those that are not read.
"""

from __future__ import annotations

import collections
import os
import re
from collections.abc import Collection

PICTURES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".gif")
VOLUMES = (
    ".nii.gz", ".nii", ".mha", ".mhd", ".seg.nrrd", ".nrrd", ".nhdr", ".mgz", ".mgh",
    ".hdr.gz", ".hdr",
)  # fmt: skip
_READ = re.compile(  # the first that fits is the longest
    f"(?:{'|'.join(map(re.escape, (*VOLUMES, *PICTURES)))})$", re.IGNORECASE
)
LABELS_ONLY = (".seg.nrrd",)  # 3D Slicer's segmentations
# Voxels of a header of the same name.
PARTS = {
    ".img": (".hdr",), ".img.gz": (".hdr.gz", ".hdr"),
    ".raw": (".mhd", ".nhdr"), ".zraw": (".mhd",), ".raw.gz": (".nhdr",), ".bin": (".mhd",),
}  # fmt: skip
_DICOM = "DICOM; convert each series to NIfTI: dcm2niix -z y -o OUT FOLDER"
_ARRAY = (
    "an array says nothing of voxel size; save pictures as PNG, volumes as NIfTI: "
    "nibabel.save(nibabel.Nifti1Image(array, affine), 'FILE.nii.gz')"
)
_SLIDE = "a slide or microscope's own form; export regions of it as TIFF or PNG"
_AS_PNG = "save them as PNG"
_AS_NIFTI = "convert them to NIfTI, for instance with 3D Slicer or SimpleITK"
_UNPACK = "unpack them"
_LOST = "voxels without the header file of the same name; put it beside them"
# Endings of files that are not read -> what they are, and what to do.
CONVERT = {
    "DICOM": _DICOM, ".dcm": _DICOM, ".dicom": _DICOM, ".ima": _DICOM,
    ".npy": _ARRAY, ".npz": _ARRAY, ".pt": _ARRAY, ".pkl": _ARRAY, ".mat": _ARRAY,
    ".h5": _ARRAY, ".hdf5": _ARRAY, ".zarr": _ARRAY,
    ".svs": _SLIDE, ".ndpi": _SLIDE, ".mrxs": _SLIDE, ".scn": _SLIDE, ".czi": _SLIDE,
    ".lif": _SLIDE, ".nd2": _SLIDE, ".vsi": _SLIDE, ".oib": _SLIDE,
    ".webp": _AS_PNG, ".avif": _AS_PNG, ".jp2": _AS_PNG, ".j2k": _AS_PNG, ".heic": _AS_PNG,
    ".heif": _AS_PNG, ".pgm": _AS_PNG, ".ppm": _AS_PNG, ".pbm": _AS_PNG, ".tga": _AS_PNG,
    ".svg": _AS_PNG, ".psd": _AS_PNG,
    ".mnc": _AS_NIFTI, ".par": _AS_NIFTI, ".rec": _AS_NIFTI, ".head": _AS_NIFTI,
    ".brik": _AS_NIFTI, ".vtk": _AS_NIFTI, ".vti": _AS_NIFTI, ".vtp": _AS_NIFTI,
    ".stl": _AS_NIFTI, ".gipl": _AS_NIFTI, ".mif": _AS_NIFTI, ".dat": _AS_NIFTI,
    ".gii": _AS_NIFTI, ".label": _AS_NIFTI,
    ".gz": _UNPACK, ".zip": _UNPACK, ".7z": _UNPACK, ".rar": _UNPACK, ".tar": _UNPACK,
    ".bz2": _UNPACK, ".xz": _UNPACK,
    ".img": _LOST, ".raw": _LOST, ".zraw": _LOST,
}  # fmt: skip
BOXES = (".txt", ".xml", ".json")  # of detection, or outlines
# Beside data, not data.
DOCUMENTS = (".csv", ".tsv", ".md", ".pdf", ".xlsx", ".xls", ".docx", ".html", ".yaml", ".yml")


def split_name(name: str) -> tuple[str, str]:
    """Return the stem and the ending of a file that is read; an empty ending for others."""
    match = _READ.search(name)
    return (name[: match.start()], match.group().lower()) if match else (name, "")


def is_volume(name: str) -> bool:
    """Say whether a file is a volume, by its name."""
    return name.lower().endswith(VOLUMES)


def is_part(name: str, beside: Collection[str]) -> bool:
    """Say whether a file holds the voxels of a header file beside it.

    Args:
        name: Of the file.
        beside: Names of the folder's files, in small letters.
    """
    small = name.lower()
    for part, headers in PARTS.items():
        if small.endswith(part):
            stem = small[: -len(part)]
            return any(stem + header in beside for header in headers)
    return False


def is_read(name: str) -> bool:
    """Say whether a file is a scan or a mask, holds the voxels of one, or is DICOM, by its name.

    DICOM is refused when it is read, with how to convert it.
    """
    small = name.lower()
    return bool(split_name(name)[1]) or small.endswith((*PARTS, ".dcm", ".dicom", ".ima"))


def known_ending(name: str) -> str:
    """Return the ending of a file that is not read, where it is a known one; else "other".

    What follows the last dot of other names may be part of a person's name.
    """
    ending = os.path.splitext(name)[1].lower()
    return ending if ending in (*CONVERT, *BOXES, *DOCUMENTS) else "other"


def told_ending(root: str, path: str) -> str:
    """Return the ending of a file that is not read as `known_ending` does, or "DICOM" by content.

    Args:
        root: A folder.
        path: Of the file, relative to it, with `/`.
    """
    ending = known_ending(path.rpartition("/")[2])
    if ending != "other":
        return ending
    try:
        with open(os.path.join(root, *path.split("/")), "rb") as file:
            return "DICOM" if file.read(132)[128:] == b"DICM" else ending
    except OSError:
        return ending


def unread_sentences(unread: collections.Counter[str]) -> list[str]:
    """Return a sentence for each kind of files that were not read, with what to do."""
    sentences = []
    for ending, count in sorted(unread.items()):
        way = f" ({CONVERT[ending]})" if ending in CONVERT else ""
        sentences.append(f"{count:,} {ending} files among images and masks were not read{way}.")
    return sentences
