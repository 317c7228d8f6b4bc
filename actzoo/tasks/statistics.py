"""Numbers that scores are made of, in NumPy and SciPy.

Computed from probabilities over whole cases, so that Keras, an exported file and a phone are
measured alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

TIE = 1e-3  # probabilities so close are the same; of an int8 file, a step of its output is 4e-3
SMALLEST_PROBABILITY = 1e-7  # so that one sure mistake does not make the loss infinite


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the softmax over the last axis, in float64 inside."""
    shifted = np.asarray(logits, "float64")
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    exponent = np.exp(shifted)
    return (exponent / exponent.sum(axis=-1, keepdims=True)).astype("float32")


def first_classes(reference: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    """Return the class that each of a model's outputs names, ties settled as by a reference.

    Where the reference itself has the candidate's class within `TIE` of its first, rounding
    decides between the two, and neither is a different answer.

    Args:
        reference: Probabilities `(..., classes)`.
        candidate: The other model's; the same shape.

    Returns:
        int64 `(...)`: the candidate's classes; in ties the reference's.
    """
    first, chosen = reference.argmax(axis=-1), candidate.argmax(axis=-1)
    own, others = (
        np.take_along_axis(reference, classes[..., None], axis=-1)[..., 0]
        for classes in (first, chosen)
    )
    settled: np.ndarray = np.where(own - others <= TIE, first, chosen)
    return settled


def are_probabilities(outputs: np.ndarray) -> bool:
    """Tell whether a model's outputs sum to 1 over the last axis, none of them negative."""
    sums = outputs.sum(axis=-1)
    return bool(np.all(outputs >= 0) and np.allclose(sums, 1.0, rtol=0, atol=5e-3))


def mean_interval(values: Sequence[float], draws: int = 2000) -> list[float] | None:
    """Return the 95 % bootstrap interval of a mean over cases; None for fewer than two.

    Reference:
        Efron, 1979, "Bootstrap methods: another look at the jackknife".
    """
    if len(values) < 2:
        return None
    random = np.random.default_rng(0)
    chosen = random.integers(0, len(values), (draws, len(values)))
    low, high = np.quantile(np.asarray(values)[chosen].mean(axis=1), (0.025, 0.975))
    return [float(low), float(high)]


def surface_distance(
    truth: np.ndarray, predicted: np.ndarray, spacing: Sequence[float], share: float = 0.95
) -> float | None:
    """Return the 95th percentile of the distances between two surfaces, both ways, in mm.

    Args:
        truth: Boolean, any number of axes.
        predicted: Boolean, same shape.
        spacing: Size of a step along each axis, in mm.
        share: Which percentile.

    Returns:
        The distance; None where neither has a surface, the diagonal of the whole array where
        only one has.

    Reference:
        Huttenlocher et al., 1993, "Comparing images using the Hausdorff distance"; as in the
        medical decathlon, over the distances of both surfaces together.
    """
    from scipy import ndimage

    if not truth.any() and not predicted.any():
        return None
    if not truth.any() or not predicted.any():
        return float(np.linalg.norm(np.multiply(truth.shape, spacing)))
    place = ndimage.find_objects((truth | predicted).astype("uint8"))[0]
    grown = tuple(
        slice(max(0, part.start - 1), part.stop + 1) for part in place
    )  # a rim, so that the surface at the edge of the box is one
    surfaces, distances = [], []
    for mask in (truth[grown], predicted[grown]):
        edge = mask & ~ndimage.binary_erosion(mask, border_value=0)
        surfaces.append(edge)
        distances.append(ndimage.distance_transform_edt(~edge, sampling=spacing))
    both = np.concatenate([distances[1][surfaces[0]], distances[0][surfaces[1]]])
    return float(np.quantile(both, share))


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Return a loss weight per class that lifts rare ones: 1 / sqrt(frequency), mean 1.

    The square root, because full balancing lets a handful of examples rule the gradient.
    """
    counts = np.bincount(np.asarray(labels, "int64"), minlength=num_classes).astype("float64")
    weights = 1.0 / np.sqrt(np.maximum(counts, 1.0))
    return (weights * counts.sum() / max((weights * counts).sum(), 1e-12)).astype("float32")


def wilson_interval(hits: int, count: int, z: float = 1.96) -> list[float]:
    """Return the Wilson score interval of a proportion.

    Reference:
        Wilson, 1927, "Probable inference, the law of succession, and statistical inference".
    """
    share = hits / count
    center = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = (
        z
        / (1 + z * z / count)
        * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    )
    return [max(0.0, center - half), min(1.0, center + half)]
