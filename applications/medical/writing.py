"""Predicted masks as files, in the form of what they were predicted from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from actzoo import errors, files
from actzoo.applications.medical import pictures, volumes
from actzoo.applications.medical.folder import PICTURES, VOLUMES

_ENDLESS = 1 << 62  # the scan was read before, within its limit


def write_mask(
    name: str, raw: bytes, mask: np.ndarray, classes: Sequence[str], folder: Path
) -> Path:
    """Write a mask as PNG, or as NIfTI in the orientation and affine of its volume.

    Args:
        name: What the user called the scan; its last part names the file.
        raw: Bytes of the scan.
        mask: Class indices on the grid that `read_scan` gives.
        classes: Names.
        folder: Made where it is missing.

    Returns:
        The path of `<stem>_mask.png` or `<stem>_mask.nii.gz`.

    Raises:
        DiskError: It cannot be written.
    """
    stem = Path(name).name
    ending = next((e for e in (*VOLUMES, *PICTURES) if stem.lower().endswith(e)), "")
    stem = stem[: len(stem) - len(ending)] or "scan"
    if mask.size and int(mask.max()) >= len(classes):
        raise errors.InvalidValueError(
            f"The mask holds {int(mask.max())}, but there are {len(classes)} classes.",
            given=int(mask.max()),
        )
    if volumes.is_nifti(raw):
        header = volumes.read_header(raw, _ENDLESS, 0)
        content, suffix = volumes.mask_file(mask, raw, header), ".nii.gz"
    else:
        content, suffix = pictures.encode_mask(mask), ".png"
    return files.write_bytes(Path(folder) / f"{stem}_mask{suffix}", content)
