"""Near-copies: examples of two splits that are almost the same, found before and after training.

A picture saved again at another size or quality, a scan resampled to other voxels: no digest tells
that they are one. Each example has a signature instead, made while its file is inspected anyway: a
picture or volume shrunk to a few hundred cells, or a digest of a text without what makes no
difference. Two shrunk forms are near-copies if one explains the other up to brightness, contrast
and a shift or stretch of about a cell; what photos of one kind have in common is far from that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from actzoo import errors
from actzoo.data.source import Source

CELLS = {2: 24, 3: 10}  # along each axis of a shrunk picture or volume
KEPT = {2: 14, 3: 8}  # of its frequencies along each axis: the others are blurred away anyway
COARSE = {2: 10, 3: 6}  # of these, what a first look at all pairs takes
LUMA = np.array([0.299, 0.587, 0.114])  # as in a gray copy of a colored picture
POINTS = 12  # values along an axis of a cell that are looked at; more cost time alone
SMALLEST = 16  # pixels of a picture's shorter side: with fewer, two digits of one kind are alike
BLANK = 2e-3  # of the largest value; less spread than that is a page without content
MOST_EXAMPLES = 50_000  # more are not compared: each pair of two splits is
ALIKE = 0.8  # correlation from which a pair is looked at closely
NEAREST = 3  # examples that are looked at closely for each
MOST_PAIRS = 20_000  # that are looked at closely in all, the most alike first
UNEXPLAINED = 0.008  # share of the variance that near-copies may differ by
# In pictures from one fixed camera all are alike: only pairs ten times nearer than usual count.
NEARER_THAN_USUAL = 10.0
USUAL = 0.75  # quantile of the distances within a class
SAMPLED = 200  # pairs of a class that its usual distance is taken from
BLUR = 1.0  # cells; a shift is a multiple of the slope only where it is smooth
SHOWN = 10  # pairs in a sentence
ROWS = 1_000  # examples whose similarities are held at once


@runtime_checkable
class HasSignatures(Protocol):
    """What a source may add, so that near-copies between splits are found."""

    def signatures(self) -> np.ndarray | None:
        """Return a signature of each example, without opening any.

        Digests `(n,)` of bytes, equal for near-copies; or `shrunk` forms, int8 `(n, 14, 14)` of
        pictures or `(n, 8, 8, 8)` of volumes, all 0 where there is nothing to compare.
        """
        ...


@dataclasses.dataclass(frozen=True)
class NearCopy:
    """Two examples of different splits that are almost the same.

    Attributes:
        split: Held-out split of the first.
        index: The first, by its index into the source.
        other_split: Split of the second: train, or val where the first is of test.
        other: The second.
    """

    split: str
    index: int
    other_split: str
    other: int


def shrunk(values: np.ndarray, axes: int = 2) -> np.ndarray:
    """Return the signature of a picture or volume: its lowest frequencies over a coarse grid.

    Args:
        values: Numbers `(height, width, ...)` or `(x, y, z, ...)`, of any size and unit; of
            further axes, which are channels, the mean is taken, of three of them the gray value.
        axes: 2 for a picture, 3 for a volume.

    Returns:
        Int8 `(14, 14)` or `(8, 8, 8)`, cosine transform of a grid of 24 or 10 cells along each
        axis; all 0 where the values hardly differ, or a picture has too few for a comparison.
    """
    from scipy import fft

    if axes == 2 and min(values.shape[:2]) < SMALLEST:
        return np.zeros((KEPT[axes],) * axes, "int8")
    side = CELLS[axes]
    steps = [slice(None, None, max(1, size // (POINTS * side))) for size in values.shape[:axes]]
    values = values[tuple(steps)]
    largest = 255.0 if values.dtype == np.uint8 else float(np.abs(values).max(initial=0))
    if axes == 2 and values.dtype == np.uint8 and values.shape[2:] == (3,):
        values = _shrunk_photo(values, side)
    else:
        for axis in range(axes):
            values = np.moveaxis(_means(np.moveaxis(values, axis, 0), side), 0, axis)
        values = values.reshape((side,) * axes + (-1,))
        values = values @ LUMA if values.shape[-1] == len(LUMA) else values.mean(axis=-1)
    kept = (slice(KEPT[axes]),) * axes
    if not values.std() > BLANK * largest:
        return np.zeros((KEPT[axes],) * axes, "int8")
    frequencies = fft.dctn(values - values.mean(), norm="ortho")[kept]
    small: np.ndarray = np.rint(frequencies * (127 / np.abs(frequencies).max())).astype("int8")
    return small


def _shrunk_photo(pixels: np.ndarray, side: int) -> np.ndarray:
    """Return the means `(side, side)` of gray values; Pillow takes a fifth of NumPy's time."""
    from PIL import Image

    gray = Image.fromarray(pixels).convert("L").convert("F")  # means are not rounded
    return np.asarray(gray.resize((side, side), Image.Resampling.BOX))


def _means(values: np.ndarray, parts: int) -> np.ndarray:
    """Return the means `(parts, ...)` of equal parts of the first axis.

    A value on the edge of two parts counts for both, by its shares in them. Sums, and no product of
    matrices: pictures are inspected in threads, and those of a BLAS would wait for one another.
    """
    size = len(values)
    edges = np.linspace(0, size, parts + 1)
    before = np.minimum(edges.astype(int), size - 1)
    share = (edges - before).reshape(-1, *(1,) * (values.ndim - 1))
    cut = values[before] * share  # what lies before each edge of the value that it cuts
    if size < parts:  # values that are parts of several
        whole = np.cumsum(values, axis=0, dtype="float64") - values
        return np.diff(whole[before] + cut, axis=0) * (parts / size)
    sums: np.ndarray = np.add.reduceat(values, before[:-1], axis=0, dtype="float32") - cut[:-1]
    sums[:-1] += cut[1:-1]
    return sums * (parts / size)


# --- the search ----------------------------------------------------------------------------------


def near_copies(
    source: Source, splits: Mapping[str, np.ndarray], *, exact: bool = False
) -> list[NearCopy] | None:
    """Find examples of held-out splits that are almost the same as one of another split.

    Args:
        source: The data.
        splits: Split -> indices.
        exact: Also the copies that the source itself knows of, by their group; before training it
            says of them what is to say.

    Returns:
        For each held-out example at most one, in the order of the examples; None where it was not
        looked for: the source has no signatures, or too many examples.
    """
    signatures = source.signatures() if isinstance(source, HasSignatures) else None
    if signatures is not None and signatures.dtype.kind not in "SV" and len(source) > MOST_EXAMPLES:
        signatures = None
    if signatures is None and not exact:
        return None
    groups = source.groups()
    names = np.arange(len(source)) if groups is None else np.unique(groups, return_inverse=True)[1]
    search = None
    if signatures is not None and signatures.dtype.kind not in "SV":
        labels = source.labels()
        search = _Search(signatures, np.zeros(len(source)) if labels is None else labels)
    found: dict[int, NearCopy] = {}
    for one, other in (("val", "train"), ("test", "train"), ("test", "val")):
        first, second = splits[one], splits[other]
        pairs = list(_equal(names, names, first, second)) if exact else []
        if search is not None:
            pairs += search.pairs(first, second)
        elif signatures is not None:
            pairs += _equal(signatures, names, first, second)
        for a, b in pairs:
            if exact or names[a] != names[b]:
                found.setdefault(a, NearCopy(one, a, other, b))
    return [found[index] for index in sorted(found)]


def about_near_copies(
    source: Source, splits: Mapping[str, np.ndarray], copies: Sequence[NearCopy]
) -> str | None:
    """Return a sentence on near-copies with the names of the first, or None where there are none.

    Args:
        source: The data.
        splits: Split -> indices.
        copies: See `near_copies`.
    """
    if not copies:
        return None
    ids = source.ids()
    counts = [
        f"{count:,} of {len(splits[name]):,} {name} examples"
        for name in ("test", "val")
        if (count := sum(copy.split == name for copy in copies))
    ]
    pairs = [
        f"{errors.shown(ids[copy.index], 120)} ({copy.split}) and "
        f"{errors.shown(ids[copy.other], 120)} ({copy.other_split})"
        for copy in copies[:SHOWN]
    ]
    more = f"; and {len(copies) - SHOWN:,} more" if copies[SHOWN:] else ""
    return (
        f"{' and '.join(counts)} are the same as an example of another split, or almost: "
        f"{'; '.join(pairs)}{more}."
    )


def note_near_copies(source: Source, splits: Mapping[str, np.ndarray], note: errors.Note) -> None:
    """Look for near-copies before training, and say which there are, or that there are too many."""
    copies = near_copies(source, splits)
    if said := about_near_copies(source, splits, copies or ()):
        note(
            f"{said} Held-out scores are too good then: remove one of each pair, or put both into "
            "one split."
        )
    elif copies is None and isinstance(source, HasSignatures):
        note(
            f"Near-copies between splits were not looked for: {len(source):,} examples are more "
            f"than {MOST_EXAMPLES:,}. Exact copies are known."
        )


def _equal(
    digests: np.ndarray, names: np.ndarray, first: np.ndarray, second: np.ndarray
) -> Iterator[tuple[int, int]]:
    """Yield pairs with one digest: for each of the first at most two, of different groups.

    One of two is of another group than the first itself. All pairs of a large group would be many
    millions.
    """
    places: dict[bytes, dict[int, int]] = {}
    for index, name in zip(second.tolist(), names[second].tolist(), strict=True):
        own = places.setdefault(digests[index].tobytes(), {})
        if len(own) < 2:
            own.setdefault(name, index)
    for index in first.tolist():
        alike = places.get(digests[index].tobytes(), {})
        yield from ((index, other) for other in alike.values())


class _Search:
    """Pairs of shrunk forms that are near-copies.

    Args:
        signatures: See `HasSignatures`.
        labels: Class of each example `(n,)`: what is usual is asked for each.
    """

    def __init__(self, signatures: np.ndarray, labels: np.ndarray) -> None:
        self._signatures = signatures
        self._labels = labels
        axes = signatures.ndim - 1
        low = signatures[(slice(None), *[slice(COARSE[axes])] * axes)]
        flat = low.reshape(len(signatures), -1).astype("float32")
        length = np.linalg.norm(flat, axis=1, keepdims=True)
        self._units = flat / np.maximum(length, 1e-6)
        self._has_content = length[:, 0] > 0

    def pairs(self, first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
        """Return the near-copies among the pairs of two lists of indices, the nearest first."""
        candidates = self._candidates(first, second)
        if not len(candidates):
            return []
        unexplained = self._unexplained(candidates)
        limits = self._limits(np.unique(self._labels[candidates]))
        allowed = np.array([limits[label] for label in self._labels[candidates].reshape(-1)])
        near = unexplained <= allowed.reshape(candidates.shape).min(axis=1)
        chosen = np.flatnonzero(near)[np.argsort(unexplained[near], kind="stable")]
        return [(int(a), int(b)) for a, b in candidates[chosen]]

    def _candidates(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the pairs that are most alike as a whole `(pairs, 2)`, a few for each example."""
        first, second = (own[self._has_content[own]] for own in (first, second))
        pairs, alike = [np.zeros((0, 2), "int64")], [np.zeros(0, "float32")]
        others = self._units[second].T
        for start in range(0, len(first) if len(second) else 0, ROWS):
            rows = first[start : start + ROWS]
            similarity = self._units[rows] @ others
            for _ in range(NEAREST):
                places = similarity.argmax(axis=1)
                most = similarity[np.arange(len(rows)), places]
                similarity[np.arange(len(rows)), places] = -1.0
                pairs.append(np.stack([rows, second[places]], axis=1)[most > ALIKE])
                alike.append(most[most > ALIKE])
        order = np.argsort(-np.concatenate(alike), kind="stable")
        return np.concatenate(pairs)[order[:MOST_PAIRS]]

    def _unexplained(self, pairs: np.ndarray) -> np.ndarray:
        """Return the share of the variance of each pair that one does not explain of the other."""
        used, places = np.unique(pairs, return_inverse=True)
        smooth = _smooth_grids(self._signatures[used])
        one, other = (smooth[places.reshape(pairs.shape)[:, k]] for k in range(2))
        parts = range(0, len(pairs), 256)
        shares = [
            np.maximum(
                _residual(one[k : k + 256], other[k : k + 256]),
                _residual(other[k : k + 256], one[k : k + 256]),
            )
            for k in parts
        ]
        return np.concatenate(shares)

    def _limits(self, labels: np.ndarray) -> dict[float, float]:
        """Return what near-copies of a class may differ by: much less than others of it do."""
        limits = {}
        for label in labels.tolist():
            own = np.flatnonzero((self._labels == label) & self._has_content)
            random = np.random.default_rng(0)
            a, b = random.choice(own, (2, SAMPLED)) if len(own) > 1 else (own, own)
            alike = (self._units[a[a != b]] * self._units[b[a != b]]).sum(axis=1)
            usual = np.quantile(1 - alike**2, USUAL) if len(alike) else 1.0
            limits[label] = min(UNEXPLAINED, float(usual) / NEARER_THAN_USUAL)
        return limits


def _smooth_grids(signatures: np.ndarray) -> np.ndarray:
    """Return the shrunk pictures or volumes behind signatures `(n, ...)`, blurred."""
    from scipy import fft

    axes = signatures.ndim - 1
    side, kept = CELLS[axes], KEPT[axes]
    frequencies = signatures.astype("float32")
    kept_share = np.exp(-0.5 * (BLUR * np.pi * np.arange(kept) / side) ** 2)
    for axis in range(axes):
        frequencies = frequencies * kept_share.reshape(-1, *[1] * (axes - 1 - axis))
    grids: np.ndarray = fft.idctn(
        frequencies, s=(side,) * axes, axes=tuple(range(1, axes + 1)), norm="ortho"
    )
    return grids


def _residual(wanted: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the share of variance that is left of grids `(pairs, ...)` when others explain them.

    A linear fit for each pair: brightness and contrast, and along each axis a shift and a stretch,
    which to first order add multiples of the slope.
    """
    axes = tuple(range(1, given.ndim))
    slopes = [np.gradient(given, axis=axis) for axis in axes]
    places = np.meshgrid(*[np.linspace(-1, 1, n) for n in given.shape[1:]], indexing="ij")
    columns = [given, np.ones_like(given), *slopes]
    columns += [slope * place for slope, place in zip(slopes, places, strict=True)]
    inner = (slice(None), *[slice(1, -1)] * len(axes))
    fit = np.stack([c[inner].reshape(len(given), -1) for c in columns], axis=-1).astype("float64")
    target = wanted[inner].reshape(len(given), -1).astype("float64")
    across = fit.transpose(0, 2, 1)
    square = across @ fit
    square += 1e-6 * np.trace(square, axis1=1, axis2=2)[:, None, None] * np.eye(fit.shape[-1])
    solved = np.linalg.solve(square, across @ target[..., None])
    left = target - (fit @ solved)[..., 0]
    share: np.ndarray = left.var(axis=1) / np.maximum(target.var(axis=1), 1e-9)
    return share
