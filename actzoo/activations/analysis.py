"""Numbers of an activation, computed from its NumPy reference: gains, slopes, deep plain nets.

Those of the built-in rows with their defaults are in the table (`figures.py`, made by
`scripts/make_figures.py`). Needs no Keras.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from actzoo.activations import curves, lookup
from actzoo.activations.catalog import ACTIVATIONS

if TYPE_CHECKING:
    import numpy as np

    from actzoo.activations.spec import ActivationSpec

Function = Callable[["np.ndarray"], "np.ndarray"]

LARGEST_HALF = 65504.0  # of float16
VARIANCE_KEPT = (0.4, 2.5)  # from 1, over all layers and nets: [0.3, 3] with room for chance
DEPTH = 30
MOST_VALUES = 10_000_000  # of one sample
_SAMPLES = {2: (20_000, 16), 4: (64, 8, 8, 16)}  # rank -> inputs of what looks at several values


def gain(spec: object, *, centered: bool = False) -> float | None:
    """Return the scale of weights that keeps the size of a signal through an activation.

    With weights of variance `gain^2 / fan_in`, inputs of mean square 1 in front of an activation
    lead to values of mean square 1 after the next layer: He's 2 / fan_in, for any activation.

    Args:
        spec: Name or spec.
        centered: For weights whose sum over the inputs of a unit is 0: they take the mean of the
            activation off, and what is kept is the variance.

    Returns:
        The gain; None where the row has no NumPy reference, or the mean square is 0.

    Raises:
        ActzooError: The spec is wrong.

    Reference:
        He et al., 2015, "Delving Deep into Rectifiers", arXiv:1502.01852; Brock et al., 2021,
        "Characterizing signal propagation", arXiv:2101.08692 (centered).

    Example:
        >>> round(gain("relu"), 4)
        1.4142
    """
    name, params = lookup.parse(spec)
    row = ACTIVATIONS.get(name)
    if {**row.defaults, **params} == row.defaults and row.gain is not None:
        return row.gain_centered if centered else row.gain
    if row.reference is None:
        return None
    return _gain(name, tuple(sorted(params.items())), centered)


@functools.lru_cache(256)
def _gain(name: str, params: tuple[tuple[str, Any], ...], centered: bool) -> float | None:
    # Which axis the channels are on does not matter here, how many are taken together does.
    row = ACTIVATIONS.get(name)
    kinds = {parameter.name: parameter.kind for parameter in row.parameters}
    given = {key: value for key, value in params if key != "axis" and kinds[key] != "seed"}
    numbers = [value for key, value in given.items() if kinds[key] == "int" and value > 1]
    mean, square = moments(row, lookup.reference(name, **given), parts=math.prod(numbers))
    left = square - mean**2 if centered else square
    return 1.0 / math.sqrt(left) if left > 0 else None


def moments(
    row: ActivationSpec, f: Function, scale: float = 1.0, parts: int = 1
) -> tuple[float, float]:
    """Return mean and mean square of an activation of N(0, scale^2) inputs.

    Args:
        row: Of the activation; what looks at several values is sampled, to about a percent.
        f: Its NumPy function.
        scale: Standard deviation of the inputs.
        parts: What the number of channels must be a multiple of.
    """
    import numpy as np

    if not row.elementwise:
        rows, *middle, channels = _SAMPLES[4 if 4 in row.ranks else 2]
        size = math.prod(middle) * channels * parts
        shape = (max(1, min(rows, MOST_VALUES // size)), *middle, channels * parts)
        y = f(scale * np.random.default_rng(0).normal(size=shape))
        return float(y.mean()), float((y**2).mean())
    z = np.linspace(-14.0, 14.0, 280_001)
    weights = np.exp(-(z**2) / 2)
    weights /= weights.sum()
    y = f(scale * z)
    return float((weights * y).sum()), float((weights * y**2).sum())


def largest_slope(f: Function) -> float:
    """Return sup |f'| to four digits; infinite for a jump, or where it grows without end."""
    import numpy as np

    seen = curves.trace(f, -40.0, 40.0)
    for place in seen.breaks:
        if abs(f(np.array(place + 1e-7)) - f(np.array(place - 1e-7))) > 1e-5:
            return math.inf
    slopes = [float(np.abs(piece[:, 2]).max()) for piece in seen.pieces]
    wave = np.linspace(0.0, 7.0, 200)
    far = []
    for size in (1e2, 1e3, 1e4):
        x = np.concatenate([-size - wave, size + wave])
        with np.errstate(all="ignore"):
            far.append(float(np.abs((f(x + 1e-3) - f(x - 1e-3)) / 2e-3).max()))
    if not np.isfinite(far).all() or far[2] > 1.5 * far[1] > 2.25 * far[0]:
        return math.inf
    return float(f"{max([*slopes, *far]):.4g}")


def float16_overflow(f: Function) -> float:
    """Return the smallest |x| whose value is too large for float16; infinite for none."""
    import numpy as np

    fine, far = np.linspace(0, 100, 100_001), np.geomspace(100, LARGEST_HALF, 100_001)
    x = np.concatenate([fine, far])
    with np.errstate(over="ignore"):
        large = np.maximum(np.abs(f(x)), np.abs(f(-x))) > LARGEST_HALF * (1 + 1e-9)
    return float(f"{x[large.argmax()]:.4g}") if large.any() else math.inf


def plain_nets(
    functions: Mapping[str, Function],
    gains: Mapping[str, float],
    *,
    width: int = 1024,
    batch: int = 64,
    seeds: int = 5,
) -> Iterator[tuple[str, float, float, float]]:
    """Send signals through plain nets of 30 layers, one per activation, with the same weights.

    Args:
        functions: Name -> NumPy function.
        gains: Name -> scale of the weights.
        width: Units of a layer.
        batch: Unrelated inputs.
        seeds: Nets.

    Yields:
        Name, smallest and largest variance over all layers and nets, and the correlation of two
        unrelated inputs at the end.
    """
    import numpy as np

    low = dict.fromkeys(functions, math.inf)
    high = dict.fromkeys(functions, 0.0)
    same = dict.fromkeys(functions, 0.0)
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        start = random.normal(size=(batch, width)).astype("float32")
        signals = dict.fromkeys(functions, start)
        for _ in range(DEPTH):
            weights = random.normal(size=(width, width)).astype("float32") / math.sqrt(width)
            for name, f in functions.items():
                with np.errstate(all="ignore"):
                    z = f(signals[name]).astype("float32") @ (np.float32(gains[name]) * weights)
                    variance = float(z.var())
                signals[name] = z
                high[name] = max(high[name], variance)
                low[name] = min(low[name], variance) if variance == variance else math.nan
        for name, z in signals.items():
            with np.errstate(all="ignore"):
                same[name] += float(np.corrcoef(z[0], z[1])[0, 1]) / seeds
    for name in functions:
        yield name, low[name], high[name], same[name]


def depth_notes(
    row: ActivationSpec, f: Function, gain: float, kept: bool, correlation: float
) -> str:
    """Say why a deep plain net loses the variance, or what else it loses; empty for nothing.

    Args:
        row: Of the activation.
        f: Its NumPy function.
        gain: Scale of the weights.
        kept: Whether the variance stayed.
        correlation: Of two unrelated inputs at the end.
    """
    small, large = (gain**2 * moments(row, f, math.sqrt(q))[1] for q in (0.98, 1.02))
    growth = (math.log(large) - math.log(small)) / (math.log(1.02) - math.log(0.98))
    said = []
    if not kept and growth > 1.02:
        said.append(
            f"A plain layer turns 1 % too much variance into {growth:.2g} % too much, so it runs "
            "away from 1 on either side: normalize."
        )
    elif not kept:
        said.append("The variance drifts: what one plain layer gets wrong, the next one keeps.")
    if correlation > 0.99:
        said.append(
            "After 30 plain layers two unrelated inputs look the same (correlation above 0.99): "
            "the mean of the values drowns the signal. Normalize, or center the weights and use "
            "gain_centered."
        )
    return " ".join(said)
