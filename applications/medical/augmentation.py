"""Changes to training tiles: image and mask together in space, the image alone in its values.

Each call is a pure function of a tile and a generator. Space is one resampling, linear for the
image and nearest for the mask; what comes from outside the tile is mirrored in the image and
not learned from. Turns by 90 degrees and mirroring move pixels exactly.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from actzoo.data import read_settings
from actzoo.tasks import IGNORE_INDEX

MARGIN = 0.3  # of a side, mirrored around the tile before it is resampled
HIGHEST = {"rotate": 180.0, "scale": 0.5, "shift": 0.5}  # of the settings that are not shares


@dataclasses.dataclass(frozen=True)
class Settings:
    """What happens to a training tile.

    Attributes:
        flip: Mirror left and right, each second one; wrong where sides matter.
        turn: Turn by 0, 90, 180 or 270 degrees and mirror up and down; for microscopy, which has
            no upright position.
        affine: Share of tiles that are turned, scaled and shifted a little.
        rotate: Largest turn of these in degrees.
        scale: Largest change of size, as a share.
        shift: Largest shift, as a share of the side.
        contrast: Largest change of contrast and brightness, in standard deviations.
        gamma: Largest bend of the values, as a share.
        noise: Largest standard deviation of added noise.
        invert: Share of tiles whose dark and bright are exchanged.
    """

    flip: bool = True
    turn: bool = True
    affine: float = 0.5
    rotate: float = 20.0
    scale: float = 0.2
    shift: float = 0.1
    contrast: float = 0.25
    gamma: float = 0.25
    noise: float = 0.1
    invert: float = 0.0


def augmenter(steps: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> TileAugmenter:
    """Return the augmenter that fits preprocessing steps.

    Args:
        steps: As in the plan.
        settings: See `Settings`.
    """
    return TileAugmenter(steps, read_settings(Settings, settings, HIGHEST))


class TileAugmenter:
    """A stateless change of tiles; see `actzoo.data.Augmenter`.

    Args:
        steps: Preprocessing; whole scans are stored as it leaves them, tiles are cut again.
        settings: What happens.
    """

    def __init__(self, steps: Sequence[Mapping[str, Any]], settings: Settings) -> None:
        self.stored_steps = tuple(dict(step) for step in steps)
        self._settings = settings
        norm = next((dict(s) for s in steps if s.get("step") == "normalize_scan"), {})
        self._limit = float(norm.get("limit", 5.0))

    def __call__(
        self, inputs: dict[str, np.ndarray], target: object, rng: np.random.Generator
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return a changed tile and its mask, of the same shapes."""
        settings = self._settings
        image, mask = _mirrored(inputs["image"], np.asarray(target), settings, rng)
        if rng.random() < settings.affine:
            image, mask = _moved(image, mask, settings, rng)
        image = _revalued(image, settings, rng)
        return {"image": np.clip(image, -self._limit, self._limit)}, mask


def _mirrored(
    image: np.ndarray, mask: np.ndarray, settings: Settings, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mirror and turn without resampling."""
    if settings.flip and rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    if settings.turn:
        if rng.random() < 0.5:
            image, mask = image[::-1], mask[::-1]
        if mask.shape[0] == mask.shape[1] and rng.random() < 0.5:
            image, mask = image.swapaxes(0, 1), mask.swapaxes(0, 1)
    return image, mask


def _moved(
    image: np.ndarray, mask: np.ndarray, settings: Settings, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Turn, scale and shift in one resampling."""
    height, width = mask.shape
    angle = math.radians(rng.uniform(-settings.rotate, settings.rotate))
    size_x, size_y = (
        math.exp(rng.uniform(-1, 1) * settings.scale) * rng.uniform(1, 1 + settings.scale / 4)
        for _ in range(2)
    )
    shift_x = rng.uniform(-settings.shift, settings.shift) * width
    shift_y = rng.uniform(-settings.shift, settings.shift) * height
    rows, columns = math.ceil(height * MARGIN), math.ceil(width * MARGIN)
    a, b = math.cos(angle) / size_x, math.sin(angle) / size_x
    d, e = -math.sin(angle) / size_y, math.cos(angle) / size_y
    # From a pixel of the result to one of the padded tile, both measured from the middle.
    c = columns + width / 2 + shift_x - a * width / 2 - b * height / 2
    f = rows + height / 2 + shift_y - d * width / 2 - e * height / 2
    around = ((rows, rows), (columns, columns))
    matrix = (a, b, c, d, e, f)
    padded = np.pad(image, (*around, (0, 0)), mode="symmetric")
    channels = [
        _resampled(padded[..., k], (width, height), matrix, Image.Resampling.BILINEAR)
        for k in range(padded.shape[-1])
    ]
    moved = _resampled(
        np.pad(mask, around, constant_values=IGNORE_INDEX), (width, height), matrix,
        Image.Resampling.NEAREST, fill=IGNORE_INDEX,
    )  # fmt: skip
    return np.stack(channels, axis=-1), moved


def _resampled(
    values: np.ndarray,
    size: tuple[int, int],
    matrix: tuple[float, ...],
    how: Image.Resampling,
    fill: int = 0,
) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(values))
    return np.asarray(image.transform(size, Image.Transform.AFFINE, matrix, how, fillcolor=fill))


def _revalued(image: np.ndarray, settings: Settings, rng: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast and gamma, add noise."""
    most = settings.contrast
    contrast, brightness = rng.uniform(1 - most, 1 + most), rng.uniform(-most, most)
    values = image.astype("float32")
    if settings.gamma and rng.random() < 0.5:
        low, high = float(values.min()), float(values.max())
        power = np.float32(math.exp(rng.uniform(-1, 1) * settings.gamma))
        values = ((values - low) / max(high - low, 1e-6)) ** power * (high - low) + low
    if rng.random() < settings.invert:
        values = -values
    values = values * np.float32(contrast) + np.float32(brightness)
    if settings.noise and rng.random() < 0.5:
        amount = np.float32(rng.uniform(0, settings.noise))
        values = values + amount * rng.standard_normal(values.shape, "float32")
    return values
