"""Predicted masks as files, in the form of what they were predicted from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actzoo import errors, files
from actzoo.applications.medical.files import containers, pictures, volumes
from actzoo.applications.medical.layouts import endings

_ENDLESS = 1 << 62  # the scan was read before, within its limit


def as_stored(mask: np.ndarray, raw: bytes, steps: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return a mask of a picture that was turned by its EXIF as the picture is stored.

    Args:
        mask: On the grid that the first step gives.
        raw: Bytes of the scan.
        steps: Preprocessing of the model; the first says how pictures are turned.
    """
    if volumes.is_nifti(raw):
        return mask
    turn = steps[0].get("orientation") if steps else None
    return pictures.as_stored(mask, raw, _ENDLESS, turn)


def write_mask(
    name: str,
    raw: bytes,
    mask: np.ndarray,
    labels: Sequence[Mapping[str, Any]],
    folder: Path,
) -> Path:
    """Write a mask as PNG, or as NIfTI in the orientation and affine of its volume.

    Args:
        name: What the user called the scan; its last part names the file.
        raw: Bytes of the scan.
        mask: Label numbers, uint8 or uint16, on the scan's grid: of a volume as `read_scan` gives
            it, of a picture as it is stored. A picture's EXIF orientation is written beside them.
        labels: `{"name", "value"}` of each class, and its "color" where the data has a palette;
            empty where the numbers are class indices.
        folder: Made where it is missing.

    Returns:
        The path of `<stem>_mask.png` or `<stem>_mask.nii.gz`.

    Raises:
        DiskError: It cannot be written.
    """
    stem = endings.split_name(Path(name).name)[0] or "scan"
    unknown = sorted(set(np.unique(mask).tolist()) - {label["value"] for label in labels})
    if labels and unknown:
        raise errors.InvalidValueError(
            f"The mask holds {unknown[0]}, which is no label of the model's.\n"
            f"Its labels are {', '.join(str(label['value']) for label in labels)}.",
            given=unknown[0],
        )
    raw = containers.as_nifti(raw, _ENDLESS)
    if volumes.is_nifti(raw):
        header = volumes.read_header(raw, _ENDLESS, 0)
        content, suffix = volumes.mask_file(mask, raw, header), ".nii.gz"
    else:
        turn = pictures.read_layout(raw, _ENDLESS).orientation
        content, suffix = pictures.encode_mask(mask, labels, turn), ".png"
    return files.write_bytes(Path(folder) / f"{stem}_mask{suffix}", content)
