"""Files of volumes in other forms than NIfTI, brought to NIfTI's bytes: one reader for all of them.

MetaImage (.mha, .mhd), NRRD (.nrrd, .nhdr), FreeSurfer's .mgz and NIfTI's pair of .hdr and .img
become one NIfTI file in memory, with the same voxels on the same places in the patient; what is
read, checked and written from there on knows NIfTI alone. Several files of one image become its
channels. SimpleITK and nibabel say what the headers mean: ITK counts from right to left and from
front to back (LPS), NIfTI the other way round (RAS).
"""

from __future__ import annotations

import dataclasses
import gzip
import os
import re
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from actzoo import errors
from actzoo.applications.medical.files import volumes
from actzoo.applications.medical.files.volumes import MAX_VOXELS, unreadable
from actzoo.applications.medical.layouts import endings

# NRRD's names of spaces that say where left, front and head are.
_SPACES = (
    b"right-anterior-superior", b"left-anterior-superior", b"left-posterior-superior",
    b"ras", b"las", b"lps",
)  # fmt: skip
_GZIP = b"\x1f\x8b"
_START = 4096  # bytes of a file that say what it is
_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_DATA_FILE = re.compile(rb"(?im)^(ElementDataFile\s*=|data ?file:)[ \t]*(.*?)[ \t]*\r?$")
_NIFTI_PAIR = {b"ni1\0": (344, 348, b"n+1\0"), b"ni2\0": (4, 540, b"n+2\0")}
_MGH_TYPES = (0, 1, 3, 4, 10)


@dataclasses.dataclass(frozen=True)
class _Form:
    """A form of files that SimpleITK reads.

    Attributes:
        reader: Its name there.
        ending: Of a file of this form.
        spacing: Words of the header that say how large voxels are.
    """

    reader: str
    ending: str
    spacing: tuple[bytes, ...]


_META_IMAGE = _Form("MetaImageIO", ".mha", (b"elementspacing", b"elementsize"))
_NRRD = _Form("NrrdImageIO", ".nrrd", (b"space directions:",))


def read_file(path: str | os.PathLike[str], max_voxels: int = MAX_VOXELS) -> bytes:
    """Return a file as NIfTI, or as the picture that it is.

    Args:
        path: The file; of two files that belong together, the header.
        max_voxels: Limit of a volume.

    Raises:
        OSError: It cannot be read.
        DataError: It is a volume that cannot be read; says why, and what to do.
    """
    return as_nifti(with_data(path, Path(path).read_bytes()), max_voxels)


def with_data(path: str | os.PathLike[str], raw: bytes) -> bytes:
    """Return a header file with the voxels of the file beside it, as one file.

    Args:
        path: Of the header file.
        raw: Its bytes; those of any other file are returned as they are.
    """
    small = os.fspath(path).lower()
    if small.endswith((".mhd", ".nhdr")) and not raw.startswith(_GZIP):
        return _with_data_file(Path(path), raw)
    if small.endswith((".hdr", ".hdr.gz")):
        return _with_img(Path(path), _unpacked(raw))
    return raw


def data_file_of(path: str | os.PathLike[str]) -> str | None:
    """Return the name of the file beside a header file that holds its voxels, where it exists."""
    path, small = Path(path), os.fspath(path).lower()
    names: list[str] = []
    if small.endswith((".hdr", ".hdr.gz")):
        stem = endings.split_name(path.name)[0]
        names = [stem + ending for ending in (".img", ".img.gz", ".IMG")]
    elif small.endswith((".mhd", ".nhdr")):
        try:
            match = _DATA_FILE.search(path.read_bytes()[:_START])
        except OSError:  # reading it says what is wrong
            match = None
        names = [] if match is None else [os.fsdecode(match.group(2)).removeprefix("./")]
    return next((n for n in names if "/" not in n and (path.parent / n).is_file()), None)


def _with_data_file(path: Path, raw: bytes) -> bytes:
    match = _DATA_FILE.search(raw)
    if match is None or match.group(2) == b"LOCAL":
        return raw
    name = data_file_of(path)
    if name is None:
        raise unreadable(
            f"its voxels are in {errors.shown(os.fsdecode(match.group(2)), 80)}, which is not one "
            "file beside it (save the volume as one .mha, .nrrd or .nii.gz file)"
        )
    voxels = (path.parent / name).read_bytes()
    if match.group(1).lower().startswith(b"element"):
        return raw[: match.start()] + b"ElementDataFile = LOCAL\n" + voxels
    rest = raw[match.end() :].strip(b"\r\n")
    return raw[: match.start()] + (rest + b"\n" if rest else b"") + b"\n" + voxels


def _with_img(path: Path, header: bytes) -> bytes:
    """Return a pair of .hdr and .img as one NIfTI file."""
    form = next((f for magic, f in _NIFTI_PAIR.items() if header[f[0] : f[0] + 4] == magic), None)
    if form is None:
        raise unreadable(
            "it is an Analyze header, which does not say where left and right are (save it as "
            "NIfTI with the software that wrote it)"
        )
    name = data_file_of(path)
    if name is None:
        raise unreadable("its voxels are missing: put the .img file beside the .hdr file")
    place, size, single = form
    start = header[:place] + single + header[place + 4 : size]
    parsed = volumes.parsed_header(start)
    offset = int(parsed["vox_offset"])
    parsed["vox_offset"] = size + 4 + offset
    whole: bytes = parsed.binaryblock
    return whole + bytes(4) + _unpacked((path.parent / name).read_bytes())


def _unpacked(raw: bytes) -> bytes:
    if not raw.startswith(_GZIP):
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable("its gzip is damaged or ends early") from error


def as_nifti(raw: bytes, max_voxels: int = MAX_VOXELS) -> bytes:
    """Return the bytes of a volume as those of a NIfTI file; of any other file as they are.

    Args:
        raw: Of a file that is complete in itself.
        max_voxels: Limit of a volume.

    Raises:
        DataError: It is a volume that cannot be read; says why, and what to do.
    """
    start = raw[:_START].lstrip()
    if raw[128:132] == b"DICM":
        raise unreadable(f"it is {endings.CONVERT['.dcm']}")
    if start.startswith(b"NRRD00"):
        return _by_itk(raw, _NRRD, raw.split(b"\n\n")[0].split(b"\r\n\r\n")[0], max_voxels)
    if re.match(rb"(?i)(ObjectType|NDims|Comment|ObjectSubType)\s*=", start):
        match = _DATA_FILE.search(raw)
        return _by_itk(raw, _META_IMAGE, raw[: match.start() if match else _START], max_voxels)
    return _of_mgh(raw) if _is_mgh(raw) else raw


def _by_itk(raw: bytes, form: _Form, header: bytes, max_voxels: int) -> bytes:
    """Return the bytes of a file that SimpleITK reads as NIfTI."""
    there = header.lower()
    if not any(word in there for word in form.spacing):
        raise unreadable(
            f"its header says nothing of the size of voxels ({form.spacing[0].decode()} is missing)"
        )
    space = re.search(rb"(?m)^space:[ \t]*(.*?)[ \t]*\r?$", there)
    if form is _NRRD and (space is None or space.group(1) not in _SPACES):
        raise unreadable(
            "its header does not say where left and right are (its space is none of "
            f"{', '.join(name.decode() for name in _SPACES[:3])})"
        )
    match = _DATA_FILE.search(raw[: len(header) + 200])
    if match is not None and match.group(2) != b"LOCAL":
        raise unreadable("its voxels are in another file; give the header with that file beside it")
    sitk = _simpleitk()
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, f"scan{form.ending}")
        path.write_bytes(raw)
        reader = sitk.ImageFileReader()
        reader.SetImageIO(form.reader)
        reader.SetFileName(str(path))
        try:
            reader.ReadImageInformation()
            _check_size(reader.GetSize(), max_voxels)
            image = reader.Execute()
        except RuntimeError as error:
            raise unreadable(f"this {form.ending} file is damaged or ends early") from error
        values = sitk.GetArrayFromImage(image)
    channels = image.GetNumberOfComponentsPerPixel()
    axes = range(image.GetDimension() - 1, -1, -1)
    values = values.transpose(*axes, *([image.GetDimension()] if channels > 1 else []))
    sides = np.asarray(image.GetDirection()).reshape(image.GetDimension(), -1)
    return _nifti(values, _affine(sides, image.GetSpacing(), image.GetOrigin()), channels)


def _affine(sides: np.ndarray, spacing: Sequence[float], origin: Sequence[float]) -> np.ndarray:
    """Return a NIfTI affine of what ITK says."""
    affine = np.eye(4)
    count = min(3, len(origin))
    affine[:count, :count] = sides[:count, :count] * np.asarray(spacing[:count])
    affine[:count, 3] = origin[:count]
    return _TO_RAS @ affine


def _check_size(size: Sequence[int], max_voxels: int) -> None:
    voxels = int(np.prod(size[:3], dtype=object))
    if voxels > max_voxels:
        raise unreadable(
            f"its header claims {volumes.by(tuple(size))} = {voxels:,} voxels; the limit is "
            f"{max_voxels:,} (--max-voxels raises it)"
        )


def _nifti(values: np.ndarray, affine: np.ndarray, channels: int = 1) -> bytes:
    """Return voxels `(x, y, z)` or `(x, y, z, channels)` as a NIfTI file."""
    nibabel = volumes.load_nibabel()
    if channels > 1:
        values = values.reshape(*values.shape[:3], 1, channels)
    image = nibabel.Nifti1Image(values, affine, dtype=values.dtype)
    image.header.set_xyzt_units("mm")
    if channels > 1:
        image.header.set_intent("vector")
    raw: bytes = image.to_bytes()
    return raw


def _is_mgh(raw: bytes) -> bool:
    start = raw[:_START]
    if raw.startswith(_GZIP):
        try:
            start = zlib.decompressobj(31).decompress(raw[: 1 << 16], 284)
        except zlib.error:
            return False
    if len(start) < 284:
        return False
    version, *sizes, kind = np.frombuffer(start[:24], ">i4").tolist()
    return version == 1 and kind in _MGH_TYPES and all(0 < n < 1 << 15 for n in sizes)


def _of_mgh(raw: bytes) -> bytes:
    content = _unpacked(raw)
    try:
        image = volumes.load_nibabel().MGHImage.from_bytes(content)
        return _nifti(np.asarray(image.dataobj), image.affine)
    except Exception as error:
        raise unreadable("this FreeSurfer volume is damaged or ends early") from error


def _simpleitk() -> ModuleType:
    try:
        import SimpleITK
    except ImportError:
        raise errors.missing_extra(
            "SimpleITK", "medical", "Reading MetaImage and NRRD volumes"
        ) from None
    return SimpleITK


def stacked(raws: Sequence[bytes], names: Sequence[str], max_voxels: int = MAX_VOXELS) -> bytes:
    """Return files of one image as one NIfTI file with a channel for each.

    Args:
        raws: NIfTI files on the same grid.
        names: Of the channels, for messages.
        max_voxels: Limit of a volume.

    Raises:
        DataError: One is not a volume, or is on another grid.
    """
    if len(raws) == 1:
        return raws[0]
    nibabel = volumes.load_nibabel()
    values: list[np.ndarray] = []
    headers: list[volumes.Header] = []
    for raw, name in zip(raws, names, strict=True):
        header = volumes.read_header(raw, max_voxels)
        content = _unpacked(raw)
        is_second = content[4:7] == b"n+2"
        form = nibabel.Nifti2Image if is_second else nibabel.Nifti1Image
        image = form.from_bytes(content)
        values.append(np.asarray(image.dataobj).reshape(header.shape))
        headers.append(header)
        same_shape = values[-1].shape == values[0].shape
        if not same_shape or not np.allclose(headers[0].affine, header.affine, atol=1e-4):
            raise unreadable(
                f"its channel {errors.shown(name, 40)} is on another grid than {names[0]} (bring "
                "all channels to one grid first)"
            )
    return _nifti(np.stack(values, axis=-1), headers[0].affine, len(values))
