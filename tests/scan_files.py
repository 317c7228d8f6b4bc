"""Scans and masks for tests, made on the spot; and where shared real ones lie."""

from __future__ import annotations

import io
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from actzoo.applications.medical.data import Scans, open_scans

_SHARED = Path(os.environ.get("ACTZOO_SHARED") or Path(__file__).parents[2] / "shared")
NUCLEI = _SHARED / "data" / "dsb2018_nuclei"
HIPPOCAMPUS = _SHARED / "data" / "hippocampus3d"
needs_scans = pytest.mark.skipif(
    not (NUCLEI.is_dir() and HIPPOCAMPUS.is_dir()),
    reason="shared/data/dsb2018_nuclei and hippocampus3d are not beside the repository",
)


def disc(
    seed: int = 0, height: int = 40, width: int = 48, foreground: int = 255
) -> tuple[np.ndarray, np.ndarray]:
    """A bright disc on noise, and its mask: uint8 `(height, width)` each."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    middle = rng.uniform(0.3, 0.7, 2) * (height, width)
    mask = (y - middle[0]) ** 2 + (x - middle[1]) ** 2 < (min(height, width) / 5) ** 2
    image = rng.integers(0, 60, (height, width)) + 120 * mask
    return image.astype("uint8"), (foreground * mask).astype("uint8")


def ball(seed: int = 0, shape: tuple[int, ...] = (12, 14, 10)) -> tuple[np.ndarray, np.ndarray]:
    """A bright ball of two classes on noise, and its mask."""
    rng = np.random.default_rng(seed)
    x, y, z = np.mgrid[: shape[0], : shape[1], : shape[2]]
    middle = np.asarray(shape) * rng.uniform(0.4, 0.6, 3)
    inside = (x - middle[0]) ** 2 + (y - middle[1]) ** 2 + (z - middle[2]) ** 2 < 16
    mask = (inside * np.where(y < middle[1], 1, 2)).astype("uint8")
    return (rng.integers(0, 300, shape) + 500 * inside).astype("int16"), mask


def png(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """The bytes of a picture."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


def indexed(mask: np.ndarray, *colors: tuple[int, int, int]) -> bytes:
    """The bytes of a PNG whose palette gives each number of a mask a color."""
    image = Image.fromarray(mask)
    image.putpalette([channel for color in colors for channel in color])
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def affine(*spacing: float) -> np.ndarray:
    """An affine of these spacings, away from the origin."""
    found = np.diag([*spacing, 1.0])
    found[:3, 3] = (5, -6, 7)
    return found


def nifti(
    values: np.ndarray, matrix: np.ndarray | None = None, codes: str = "RAS"
) -> nibabel.Nifti1Image:
    """A volume that is stored with its axes along `codes`."""
    image = nibabel.Nifti1Image(values, affine(1, 1, 1) if matrix is None else matrix)
    image.header.set_xyzt_units("mm")
    orientations = nibabel.orientations
    turn = orientations.ornt_transform(
        orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(codes)
    )
    return image.as_reoriented(turn)


def put(path: Path, content: bytes) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def write_pictures(root: Path, count: int = 6, split: str = "", seed: int = 0) -> Path:
    """Write `images/` and `masks/` of discs."""
    for number in range(count):
        image, mask = disc(seed + number)
        put(root / split / "images" / f"cell_{seed + number:02d}.png", png(image))
        put(root / split / "masks" / f"cell_{seed + number:02d}.png", png(mask))
    return root


def write_volumes(root: Path, count: int = 4) -> Path:
    """Write `images/` and `masks/` of balls as `.nii.gz`."""
    for number in range(count):
        image, mask = ball(number)
        for folder, values in (("images", image), ("masks", mask)):
            place = root / folder / f"scan_{number}.nii.gz"
            place.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nifti(values), place)
    return root


def label_rows(*values: int) -> tuple[dict[str, object], ...]:
    """What a card says of the numbers in masks."""
    return tuple({"name": f"label {value}", "value": value} for value in values)


def opened(root: Path, **options: object) -> Scans:
    """The source of a folder, its options checked as the core checks them."""
    return open_scans(str(root), options)
