"""Changes to training photos: geometry, color, and single strong operations.

Each call is a pure function of a picture and a generator, so an epoch can be repeated. All
geometry is one affine resampling of a stored, somewhat larger picture into the model's size, and
all ordinary color changes are one matrix: about 0.3 ms a picture of 96 px.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from actzoo import errors
from actzoo.data import read_settings

STORED = 1.25  # side of the stored picture over the model's: room to zoom in without blur
_LUMA = np.array([0.299, 0.587, 0.114])
HIGHEST = {"rotate": 180.0, "shear": 45.0, "hue": 0.5}  # of the settings that are not shares


@dataclasses.dataclass(frozen=True)
class Settings:
    """What happens to a training photo.

    Attributes:
        strength: Scales everything, `[0, 1]`; 0 leaves pictures as they are.
        flip: Mirror every second one; wrong for letters and digits.
        zoom: Smallest share of the picture's area that is looked at.
        rotate: Largest turn in degrees.
        shear: Largest slant in degrees.
        color: Largest change of brightness, contrast and saturation, as a share.
        hue: Largest turn of hue, as a share of the color wheel.
        operations: Share of pictures that get one strong operation (RandAugment's list).
        erase: Share of pictures of which a rectangle is hidden.
    """

    strength: float = 1.0
    flip: bool = True
    zoom: float = 0.5
    rotate: float = 12.0
    shear: float = 6.0
    color: float = 0.35
    hue: float = 0.03
    operations: float = 0.4
    erase: float = 0.25


class PhotoAugmenter:
    """A stateless change of photos; see `actzoo.data.Augmenter`.

    Args:
        steps: Preprocessing, ending in `resize_image`.
        settings: What happens.

    Raises:
        InvalidValueError: The steps do not end in a resize.
    """

    def __init__(self, steps: Sequence[Mapping[str, Any]], settings: Settings) -> None:
        if not steps or steps[-1].get("step") != "resize_image":
            raise errors.InvalidValueError(
                "Photos are augmented while they are resized, so the preprocessing must end in "
                "resize_image.\nAdd the step, or set recipe.augmentation to {}.",
                given=list(steps),
            )
        self._settings = settings
        last = dict(steps[-1])
        self._size = (int(last["height"]), int(last["width"]))
        larger = {
            "height": max(1, round(self._size[0] * STORED)),
            "width": max(1, round(self._size[1] * STORED)),
        }
        self.stored_steps = (*(dict(step) for step in steps[:-1]), {**last, **larger})

    def __call__(
        self, inputs: dict[str, np.ndarray], target: object, rng: np.random.Generator
    ) -> tuple[dict[str, np.ndarray], object]:
        """Return a changed picture uint8 `(height, width, 3)`, and the target as it is."""
        stored, settings = inputs["image"], self._settings
        image = _warped(stored, self._size, settings, rng)
        image = _recolored(image, settings, rng)
        if rng.random() < settings.operations * settings.strength:
            operation = OPERATIONS[rng.integers(len(OPERATIONS))]
            image = operation(image, settings.strength * rng.random())
        pixels = np.array(image)
        if rng.random() < settings.erase * settings.strength:
            _erase(pixels, rng)
        return {"image": pixels}, target


def augmenter(steps: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> PhotoAugmenter:
    """Return the augmenter that fits preprocessing steps.

    Args:
        steps: As in the plan; the last resizes.
        settings: See `Settings`.
    """
    return PhotoAugmenter(steps, read_settings(Settings, settings, HIGHEST))


def _warped(
    stored: np.ndarray, size: tuple[int, int], settings: Settings, rng: np.random.Generator
) -> Image.Image:
    """Cut, turn, slant, shift and mirror in one resampling."""
    height, width = stored.shape[:2]
    strength = settings.strength
    share = rng.uniform(1 - strength * (1 - settings.zoom), 1.0)
    stretch = math.exp(rng.uniform(-0.2, 0.2) * strength)
    scale_x = math.sqrt(share) * math.sqrt(stretch)
    scale_y = math.sqrt(share) / math.sqrt(stretch)
    turn = math.radians(rng.uniform(-settings.rotate, settings.rotate) * strength)
    slant = math.tan(math.radians(rng.uniform(-settings.shear, settings.shear) * strength))
    # What is cut away decides how far the view may move; a little beyond the border is allowed.
    room_x = max(0.0, 1 - scale_x) / 2 + 0.04 * strength
    room_y = max(0.0, 1 - scale_y) / 2 + 0.04 * strength
    center_x = width * (0.5 + rng.uniform(-room_x, room_x))
    center_y = height * (0.5 + rng.uniform(-room_y, room_y))
    mirror = -1.0 if settings.flip and rng.random() < 0.5 else 1.0
    # From a pixel of the result to one of the stored picture, both measured from their centers.
    step_x, step_y = mirror * scale_x * width / size[1], scale_y * height / size[0]
    a, b = math.cos(turn) * step_x, (slant * math.cos(turn) - math.sin(turn)) * step_y
    d, e = math.sin(turn) * step_x, (slant * math.sin(turn) + math.cos(turn)) * step_y
    c = center_x - a * size[1] / 2 - b * size[0] / 2
    f = center_y - d * size[1] / 2 - e * size[0] / 2
    return Image.fromarray(stored).transform(
        (size[1], size[0]),
        Image.Transform.AFFINE,
        (a, b, c, d, e, f),
        Image.Resampling.BILINEAR,
        fillcolor=_border_color(stored),
    )


def _border_color(pixels: np.ndarray) -> tuple[int, ...]:
    """Return the median color of the border: less of a signal than black corners."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    middle = len(border) // 2
    return tuple(np.partition(border, middle, axis=0)[middle].tolist())


def _recolored(image: Image.Image, settings: Settings, rng: np.random.Generator) -> Image.Image:
    """Change brightness, contrast, saturation and hue by one matrix."""
    most = settings.color * settings.strength
    bright, contrast, saturation = 1 + rng.uniform(-most, most, 3)
    angle = 2 * math.pi * rng.uniform(-settings.hue, settings.hue) * settings.strength
    if most == 0 and angle == 0:
        return image
    gray = np.tile(_LUMA, (3, 1))
    matrix = _hue_matrix(angle) @ (saturation * np.eye(3) + (1 - saturation) * gray)
    middle = 128 * (1 - contrast)
    rows = np.hstack([bright * contrast * matrix, np.full((3, 1), bright * middle)])
    return image.convert("RGB", tuple(rows.reshape(-1).tolist()))


def _hue_matrix(angle: float) -> np.ndarray:
    """Return the turn about the gray axis that keeps gray as it is (Rodrigues' formula)."""
    cosine, sine = math.cos(angle), math.sin(angle)
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    return cosine * np.eye(3) + sine * across + (1 - cosine) / 3


def _erase(pixels: np.ndarray, rng: np.random.Generator) -> None:
    """Hide a rectangle of 2 to 15 % of the area under noise (Zhong et al., 2017), in place."""
    height, width = pixels.shape[:2]
    area = rng.uniform(0.02, 0.15) * height * width
    aspect = math.exp(rng.uniform(-1, 1))
    rows = min(height, max(1, round(math.sqrt(area * aspect))))
    columns = min(width, max(1, round(math.sqrt(area / aspect))))
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    pixels[top : top + rows, left : left + columns] = rng.integers(
        0, 256, (rows, columns, 3), dtype=np.uint8
    )


# The part of RandAugment's list (Cubuk et al., 2019, arXiv:1909.13719) that geometry and color
# above do not cover. Each takes a picture and a magnitude of [0, 1].
OPERATIONS: tuple[Callable[[Image.Image, float], Image.Image], ...] = (
    lambda image, _: ImageOps.autocontrast(image),
    lambda image, _: ImageOps.equalize(image),
    lambda image, m: ImageOps.posterize(image, 8 - round(4 * m)),
    lambda image, m: ImageOps.solarize(image, round(255 - 120 * m)),
    lambda image, m: ImageEnhance.Sharpness(image).enhance(1 + 2 * m),
    lambda image, m: ImageEnhance.Sharpness(image).enhance(1 - m),
    lambda image, _: ImageOps.grayscale(image).convert("RGB"),
)
