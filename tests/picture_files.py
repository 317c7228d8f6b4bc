"""Picture files for tests, made on the spot; and where shared real photos lie."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_SHARED = Path(os.environ.get("ACTZOO_SHARED") or Path(__file__).parents[2] / "shared")
PHOTOS = _SHARED / "data" / "clothing10" / "mini"
needs_photos = pytest.mark.skipif(
    not PHOTOS.is_dir(), reason="shared/data/clothing10/mini is not beside the repository"
)


def noise(seed: int = 0, height: int = 20, width: int = 24) -> np.ndarray:
    """A smooth random picture `(height, width, 3)`: survives JPEG, differs for each seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype="uint8"))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR))


def encoded(pixels: np.ndarray | Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    """The bytes of a picture file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    content = io.BytesIO()
    image.save(content, kind, **settings)
    return content.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png(width: int, height: int, depth: int, color: int, rows: bytes) -> bytes:
    """A PNG of raw, unfiltered rows, each led by a zero byte."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def png16(values: np.ndarray) -> bytes:
    """A 16-bit PNG of `(height, width, 1 or 3)`, which Pillow cannot write in color."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(width, height, 16, {1: 0, 3: 2}[channels], rows)


def bomb(side: int) -> bytes:
    """A gray PNG of side x side zeros: many pixels, few bytes."""
    packer = zlib.compressobj(1)
    row = bytes(side + 1)
    content = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", content)
        + chunk(b"IEND", b"")
    )


def write_classes(
    root: Path, classes: tuple[str, ...] = ("cat", "dog"), count: int = 6, **settings: object
) -> Path:
    """Write `count` PNG files for each class, all different."""
    start = settings.pop("start", 0)
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = noise(1000 * label + number + start, **settings)
            (root / name / f"{number:03d}.png").write_bytes(encoded(pixels))
    return root


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Names, sizes and times below a folder: equal before and after means untouched."""
    listed = {}
    for path in [root, *root.rglob("*")]:
        state = path.lstat()
        listed[str(path)] = (state.st_size, state.st_mtime_ns)
    return listed
