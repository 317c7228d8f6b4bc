"""NIfTI volumes: headers that are checked before any memory is used, one reading, one orientation.

nibabel says what a header means; the bytes are unpacked and checked here, since it neither
checks a gzip's checksum nor refuses a size of 30,000 voxels along each axis or a spacing of 0.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import io
import struct
import zlib
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from actzoo import errors

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

MAX_VOXELS = 1 << 27  # 512 x 512 x 512
HEADER_BYTES = 540  # of the longer header, NIfTI-2
EXTRA_BYTES = 1 << 20  # header extensions and padding that a file may hold beside its voxels
LARGEST_RATIO = 300  # of a scan's voxels over its gzip; noise alone keeps it below 20
HARMLESS_BYTES = 16 << 20  # below this, any ratio is taken
ISOTROPIC = 1.5  # coarsest over finest spacing, up to which slices may be cut along any axis
FORMS_APART = 0.2  # of a spacing, by which the two affines of a header may differ
FLAT = 1e-6  # volume of a voxel over the product of its sides, at least
_BROKEN = (OSError, EOFError, zlib.error, struct.error)
_UNITS = {1: 1000.0, 2: 1.0, 3: 1e-3}  # of xyzt_units: m, mm, um


@dataclasses.dataclass(frozen=True)
class Header:
    """What a volume's header says.

    Attributes:
        shape: Of the stored axes, three or four.
        dtype: Of a stored voxel.
        affine: `(4, 4)`, from voxels to mm.
        offset: Of the first voxel, in bytes.
        slope: Stored values times slope plus intercept are the values.
        intercept: See `slope`.
        channels: Values of a voxel; their axis is the last, and not one of the shape's.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    affine: np.ndarray
    offset: int
    slope: float
    intercept: float
    channels: int = 1

    @property
    def spacing(self) -> tuple[float, ...]:
        """Size of a step along each of the stored axes, in mm."""
        return tuple(float(np.linalg.norm(self.affine[:3, k])) for k in range(3))

    @property
    def orientation(self) -> np.ndarray:
        """Where each stored axis points `(3, 2)`, as nibabel writes it."""
        axes: np.ndarray = load_nibabel().orientations.io_orientation(self.affine)
        return axes

    @property
    def canonical_spacing(self) -> tuple[float, ...]:
        """Size of a step along each axis of the volume as `read` returns it, in mm."""
        spacing = [0.0] * 3
        for axis, (place, _) in enumerate(self.orientation):
            spacing[int(place)] = self.spacing[axis]
        return tuple(spacing)

    @property
    def canonical_shape(self) -> tuple[int, ...]:
        """Shape of the volume as `read` returns it."""
        shape = [0] * 3
        for axis, (place, _) in enumerate(self.orientation):
            shape[int(place)] = self.shape[axis]
        return tuple(shape)


def load_nibabel() -> ModuleType:
    """Return nibabel, or say how to install it."""
    try:
        import nibabel
    except ImportError:
        raise errors.missing_extra("nibabel", "medical", "Reading NIfTI volumes") from None
    return nibabel


def is_nifti(raw: bytes) -> bool:
    """Say whether bytes are a NIfTI volume, packed or not, by their content."""
    start = raw[:HEADER_BYTES]
    if raw[:2] == b"\x1f\x8b":
        try:
            start = _first_bytes(raw)
        except errors.DataError:
            return True  # reading it says what is wrong
    return start[344:347] == b"n+1" or start[4:7] == b"n+2"


def _first_bytes(raw: bytes) -> bytes:
    if raw[:2] != b"\x1f\x8b":
        return raw[:HEADER_BYTES]
    try:
        return gzip.GzipFile(fileobj=io.BytesIO(raw)).read(HEADER_BYTES)
    except _BROKEN as error:
        raise unreadable("its gzip is damaged or ends early") from error


def unreadable(why: str) -> errors.DataError:
    """Return the error of a scan that cannot be used; `given` holds the reason alone."""
    return errors.DataError(f"Not a usable scan: {why}.", given=why)


def read_header(
    raw: bytes,
    max_voxels: int = MAX_VOXELS,
    volume: int | None = None,
    channels: int | None = None,
) -> Header:
    """Read and check a header; takes almost no memory.

    Args:
        raw: Bytes of the file, at least its beginning.
        max_voxels: Limit of a volume.
        volume: Which of a 4-D file is wanted; None refuses one.
        channels: A 4-D file of so many volumes holds the channels of one.

    Raises:
        DataError: It claims more voxels than allowed, has not three axes, or does not say where
            its voxels are.
    """
    try:
        return _checked_header(_first_bytes(raw), max_voxels, volume, channels)
    except errors.ActzooError:
        raise
    except Exception as error:  # a damaged field may raise anything in nibabel
        raise unreadable("its header is damaged") from error


def _checked_header(
    start: bytes, max_voxels: int, volume: int | None, channels: int | None
) -> Header:
    header = parsed_header(start)
    if float(header["vox_offset"]) < len(header.binaryblock):
        raise unreadable("its header says that the voxels begin within the header")
    shape = tuple(int(n) for n in header.get_data_shape())
    if any(size < 1 for size in shape):
        raise unreadable(f"its header claims the shape {by(shape)}")
    voxels = int(np.prod(shape[:3], dtype=object)) if shape else 0
    if voxels > max_voxels:
        raise unreadable(
            f"its header claims {by(shape)} = {voxels:,} voxels; the limit is {max_voxels:,} "
            "(--max-voxels raises it)"
        )
    count = _channels_of(shape, None if volume is not None else channels)
    shape = _checked_axes(shape if count == 1 else shape[:3], volume)
    _check_spacing(header)
    affine = np.asarray(header.get_best_affine(), "float64")
    unit = _UNITS.get(int(header["xyzt_units"]) & 7, 1.0)
    affine[:3] *= unit
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise unreadable(f"its voxels are {dtype}, not numbers")
    slope, intercept = _scaling(header)
    return Header(shape, dtype, affine, int(header["vox_offset"]), slope, intercept, count)


def parsed_header(start: bytes) -> Nifti1Header:
    """Return the fields of a header, unchecked."""
    nibabel = load_nibabel()
    is_second = start[4:7] == b"n+2"
    kind = nibabel.Nifti2Header if is_second else nibabel.Nifti1Header
    if len(start) < (540 if is_second else 348):
        raise unreadable("it ends within its header")
    try:
        return kind.from_fileobj(io.BytesIO(start), check=False)
    except Exception as error:
        raise unreadable("its header is damaged") from error


def by(shape: tuple[int, ...]) -> str:
    """Return a shape for a message, as "12 x 1,400"."""
    return " x ".join(f"{size:,}" for size in shape)


def _channels_of(shape: tuple[int, ...], channels: int | None) -> int:
    """Return how many values a voxel has: NIfTI's fifth axis, or a fourth that is meant so."""
    if len(shape) == 5 and shape[3] == 1:
        return shape[4]
    return channels if channels is not None and shape[3:] == (channels,) else 1


def _checked_axes(shape: tuple[int, ...], volume: int | None) -> tuple[int, ...]:
    """Return the axes that count: three, or four where a file holds several volumes.

    Raises:
        DataError: It holds something else, or not the volume that is asked for.
    """
    stored = shape
    while len(shape) > 4 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) == 4 and min(shape[:3]) > 1:
        if shape[3] == 1 and volume in (None, 0):
            return shape[:3]
        if volume is None:
            raise unreadable(
                f"it has four axes, {by(shape)}, so it holds {shape[3]} volumes "
                "(--volume 0 takes the first)"
            )
        if not 0 <= volume < shape[3]:
            many = f"{shape[3]} volumes, so --volume is 0 to {shape[3] - 1}"
            one = "one volume, so --volume is 0"
            raise unreadable(f"it holds {one if shape[3] == 1 else many}")
        return shape
    if len(shape) != 3 or min(shape) < 2:
        raise unreadable(
            f"its shape is {by(stored) or 'empty'}; a volume has three axes of two or more "
            f"({_way_to_three_axes(shape)})"
        )
    return shape


def _way_to_three_axes(shape: tuple[int, ...]) -> str:
    if len(shape) > 4 and min(shape[:3]) > 1:
        return "save each of the values that it holds for a voxel as a volume of its own"
    if len(shape) == 4 and shape[3] > 1:
        return (
            f"are its {shape[3]} slices neighbors in space, save them along the third axis; if "
            "they follow one another in time, save each as PNG or TIFF"
        )
    return "single slices are read as PNG or TIFF"


def _check_spacing(header: Nifti1Header) -> None:
    """Refuse a header that does not say where voxels are; never a silent 1 mm."""
    zooms = np.asarray(header["pixdim"][1:4], "float64")
    if not np.isfinite(zooms).all() or (zooms <= 0).any():
        raise unreadable(f"its spacing is {numbers(zooms)} mm; each must be above 0")
    codes = int(header["qform_code"]), int(header["sform_code"])
    if max(codes) <= 0:
        raise unreadable(
            "its header says nothing of the orientation (qform and sform code are both 0); set "
            "one with the software that wrote it"
        )
    try:
        affine = np.asarray(header.get_best_affine(), "float64")
        whole = np.isfinite(affine).all() and not _is_flat(affine[:3, :3])
    except (ValueError, np.linalg.LinAlgError):
        whole = False
    if not whole:
        raise unreadable("its affine is not a number somewhere, or singular")


def says_two_places(raw: bytes) -> bool:
    """Say whether a volume's qform and sform differ in where axes point or in spacings."""
    header = parsed_header(_first_bytes(raw))
    try:
        forms = [header.get_qform(coded=True)[0], header.get_sform(coded=True)[0]]
        axes = [load_nibabel().orientations.io_orientation(form) for form in forms]
        lengths = [np.linalg.norm(form[:3, :3], axis=0) for form in forms]
    except Exception:  # one is not there, or damaged beside the other, which is used
        return False
    return not (np.array_equal(*axes) and np.allclose(lengths[0], lengths[1], rtol=FORMS_APART))


def _is_flat(axes: np.ndarray) -> bool:
    """Say whether voxels have almost no volume for the length of their sides."""
    sides = np.linalg.norm(axes, axis=0)
    return not abs(np.linalg.det(axes)) > FLAT * np.prod(sides)


def numbers(values: Iterable[float], digits: int = 5) -> str:
    """Return numbers for a message, as "1 x 1 x 2.5"."""
    return " x ".join(f"{float(value):.{digits}g}" for value in values)


def _scaling(header: Nifti1Header) -> tuple[float, float]:
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0.0:
        return 1.0, 0.0
    return slope, intercept if np.isfinite(intercept) else 0.0


def read_volume(
    raw: bytes, header: Header, volume: int | None = None, *, may_be_empty: bool = False
) -> np.ndarray:
    """Return the voxels in canonical orientation: from left to right, back to front, feet to head.

    Args:
        raw: Bytes of the file.
        header: Of the same bytes, checked.
        volume: Which of a 4-D file.
        may_be_empty: A mask of zeros packs better than any scan.

    Returns:
        `(x, y, z)` in the stored dtype, or float32 where the header scales values; of several
        channels `(x, y, z, channels)`.

    Raises:
        DataError: The file ends early, is damaged, or holds more than its header says.
    """
    count = int(np.prod(header.shape)) * header.channels
    size = count * header.dtype.itemsize
    packed = raw[:2] == b"\x1f\x8b"
    if packed and not may_be_empty and size > max(LARGEST_RATIO * len(raw), HARMLESS_BYTES):
        raise unreadable(
            f"its {len(raw):,} bytes claim to unpack to {size:,}; no scan packs that well"
        )
    content = _unpacked(raw, header.offset + size) if packed else raw
    if len(content) < header.offset + size:
        raise unreadable("it ends before its last voxel")
    stored = np.frombuffer(content, header.dtype, count, header.offset)
    last = () if header.channels == 1 else (header.channels,)
    values = stored.reshape((*header.shape, *last), order="F")
    if len(header.shape) == 4:
        values = values[..., volume or 0]
    if header.slope != 1.0 or header.intercept != 0.0:
        values = values.astype("float32") * np.float32(header.slope) + np.float32(header.intercept)
    turned = load_nibabel().orientations.apply_orientation(values, header.orientation)
    return np.ascontiguousarray(turned)


def _unpacked(raw: bytes, size: int) -> bytes:
    """Return a gzip's content, read to its end since the checksum is there."""
    try:
        file = gzip.GzipFile(fileobj=io.BytesIO(raw))
        content = file.read(size)
        rest = 0
        while more := file.read(1 << 16):
            rest += len(more)
            if rest > EXTRA_BYTES:
                raise unreadable("it holds more than its header says")
        return content
    except _BROKEN as error:
        raise unreadable("its gzip is damaged or ends early (the checksum is wrong)") from error


def without_identity(raw: bytes) -> bytes:
    """Return a NIfTI file without what may name a person: texts of its header, and extensions.

    It reads as before: voxels and all that says where they are stay.
    """
    header = parsed_header(_first_bytes(raw))
    offset = int(header["vox_offset"])
    packed = raw[:2] == b"\x1f\x8b"
    content = gzip.decompress(raw) if packed else raw
    for name in ("descrip", "aux_file", "db_name", "intent_name", "data_type"):
        if name in header.structarr.dtype.names:
            header[name] = b""
    start = header.binaryblock
    clean = start + bytes(max(0, offset - len(start))) + content[max(offset, len(start)) :]
    return gzip.compress(clean, 6, mtime=0) if packed else clean


def canonical_affine(header: Header) -> np.ndarray:
    """Return the affine of the volume as `read_volume` returns it."""
    turn = load_nibabel().orientations.inv_ornt_aff(header.orientation, header.shape[:3])
    affine: np.ndarray = header.affine @ turn
    return affine


def mask_file(mask: np.ndarray, raw: bytes, header: Header) -> bytes:
    """Return a canonical mask as `.nii.gz`, in the orientation, shape and affine of its image.

    Args:
        mask: `(x, y, z)`, uint8 or uint16.
        raw: Bytes of the image, whose header is kept where it says how voxels are placed.
        header: Of the same.
    """
    nibabel = load_nibabel()
    stored = nibabel.orientations.apply_orientation(mask, _inverse(header.orientation))
    parsed = parsed_header(_first_bytes(raw))
    image = nibabel.Nifti1Image(np.asarray(stored), parsed.get_best_affine())
    image.header["xyzt_units"] = parsed["xyzt_units"]
    for name in ("sform", "qform"):
        with contextlib.suppress(Exception):  # a damaged one beside the other, which is used
            getattr(image, f"set_{name}")(*getattr(parsed, f"get_{name}")(coded=True))
    packed: bytes = gzip.compress(image.to_bytes(), 6, mtime=0)
    return packed


def _inverse(orientation: np.ndarray) -> np.ndarray:
    """Return the orientation that leads back from the canonical axes to the stored ones."""
    back = np.zeros_like(orientation)
    for axis, (place, flip) in enumerate(orientation):
        back[int(place)] = (axis, flip)
    return back
