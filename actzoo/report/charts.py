"""Geometry of small charts; the report's template draws it as SVG with real text.

A chart is drawn by the browser that shows it, so names in any script appear in the reader's own
fonts, colors follow light and dark, and a page of thirty charts stays small.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

from actzoo.formatting import finite

WIDTH, HEIGHT = 330, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 18, 32  # margins around the plot
MOST_POINTS = 600
WIDEST = 36  # of a column


@dataclasses.dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclasses.dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        name: For the legend.
        paths: Stretches without a gap, each a row of points `(x, y)`.
        dots: Points that stand alone.
    """

    name: str
    paths: tuple[tuple[tuple[float, float], ...], ...]
    dots: tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True)
class Bar:
    """One column; `kind` numbers its color, `hint` is shown when pointed at."""

    x: float
    y: float
    width: float
    height: float
    kind: int
    hint: str


@dataclasses.dataclass(frozen=True)
class Band:
    """A stretch of the x axis with a name, as a phase of training."""

    x: float
    width: float
    label: str


@dataclasses.dataclass(frozen=True)
class Chart:
    """All that a template needs to draw."""

    title: str
    about: str
    x_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    bands: tuple[Band, ...] = ()
    mark: float | None = None
    mark_label: str = ""
    missing: int = 0
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    top: int = TOP
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM

    @property
    def mark_anchor(self) -> str:
        """The side to which the mark's label has room."""
        return "end" if self.mark is not None and self.mark > self.width / 2 else "start"


def line_chart(
    title: str,
    series: Mapping[str, Sequence[object]],
    *,
    about: str = "",
    share: bool = False,
    percent: bool = True,
    from_zero: bool = False,
    x_label: str = "epoch",
    bands: Sequence[tuple[str, int]] = (),
    mark: int | None = None,
) -> Chart | None:
    """Return curves over 1, 2, 3, …

    Args:
        title: Heading.
        series: Name -> values, all of one length; what is not a finite number leaves a gap.
        about: A sentence below the heading.
        share: Values lie in `[0, 1]`.
        percent: Shares are shown in percent, else as they are.
        from_zero: The y axis begins at 0.
        x_label: Name of the x axis.
        bands: Names and lengths of stretches of the x axis.
        mark: A place on the x axis to mark, counted from 1.

    Returns:
        The chart, or None where there is nothing to draw.
    """
    drawn = {name: [finite(value) for value in values] for name, values in series.items()}
    known = [value for values in drawn.values() for value in values if value is not None]
    if not known:
        return None
    count = max(len(values) for values in drawn.values())
    y, y_ticks = _y_axis(known, share=share, percent=percent, from_zero=from_zero)
    x = _linear(1, count, LEFT, WIDTH - RIGHT)
    step = math.ceil(count / MOST_POINTS)
    start, stretches = 1, []
    for name, length in bands if len(bands) > 1 else ():
        end = min(start + length, count)
        stretches.append(Band(_round(x(start)), _round(max(0.0, x(end) - x(start))), name))
        start = end
    return Chart(
        title,
        about,
        x_label,
        tuple(Tick(_round(x(at)), f"{at:g}") for at in _whole_ticks(count)),
        y_ticks,
        lines=tuple(_line(name, values, x, y, step) for name, values in drawn.items()),
        bands=tuple(stretches),
        mark=None if mark is None or not 1 <= mark <= count else _round(x(mark)),
        missing=sum(value is None for values in drawn.values() for value in values),
    )


def column_chart(
    title: str,
    values: Sequence[object],
    *,
    about: str = "",
    share: bool = False,
    log: bool = False,
    x_label: str = "",
    kinds: Sequence[int] = (),
    hints: Sequence[str] = (),
    x_ticks: Sequence[tuple[float, str]] | None = None,
    mark: float | None = None,
    mark_label: str = "",
) -> Chart | None:
    """Return one column per value, from left to right.

    Args:
        title: Heading.
        values: What is not a finite number has no column.
        about: A sentence below the heading.
        share: Values lie in `[0, 1]` and are shown in percent.
        log: Draw on a logarithmic axis; then values that are not above 0 have no column.
        x_label: Name of the x axis.
        kinds: Number of each column's color; all 0 if left out.
        hints: Text of each column, shown when pointed at.
        x_ticks: Position in columns (0 is the left edge) and label; counts if left out.
        mark: A place on the x axis to mark, in columns.
        mark_label: What is marked.

    Returns:
        The chart, or None where there is nothing to draw.
    """
    drawn = [finite(value) for value in values]
    if log:
        drawn = [value if value is not None and value > 0 else None for value in drawn]
    known = [value for value in drawn if value is not None]
    if not known:
        return None
    y, y_ticks = _y_axis(known, share=share, log=log, from_zero=not log)
    slot = (WIDTH - RIGHT - LEFT) / len(drawn)
    width = min(WIDEST, slot * 0.76)
    base = min(y(0.0), HEIGHT - BOTTOM) if not log else HEIGHT - BOTTOM
    bars = []
    for index, value in enumerate(drawn):
        if value is None:
            continue
        top = y(value)
        bars.append(
            Bar(
                _round(LEFT + slot * (index + 0.5) - width / 2),
                _round(min(top, base)),
                _round(width, 2),
                _round(max(abs(base - top), 0.75 if value else 0.0)),
                kinds[index] if index < len(kinds) else 0,
                hints[index] if index < len(hints) else "",
            )
        )
    if x_ticks is None:
        x_ticks = [(at - 0.5, f"{at:g}") for at in _whole_ticks(len(drawn))]
    return Chart(
        title,
        about,
        x_label,
        tuple(Tick(_round(LEFT + slot * at), label) for at, label in x_ticks),
        y_ticks,
        bars=tuple(bars),
        mark=None if mark is None else _round(LEFT + slot * min(max(mark, 0.0), len(drawn))),
        mark_label=mark_label,
        missing=len(drawn) - len(known),
    )


# --- axes --------------------------------------------------------------------------------------


def _y_axis(
    known: Sequence[float],
    *,
    share: bool,
    percent: bool = True,
    log: bool = False,
    from_zero: bool = False,
) -> tuple[Callable[[float], float], tuple[Tick, ...]]:
    low, high = min(known), max(known)
    bottom, top = HEIGHT - BOTTOM, TOP
    if share:
        # Half of the axis is enough where all values lie in its upper half.
        low = 0.0 if low < 0.5 or from_zero else 0.5
        high = 1.0 if high > 0.5 else above(high)
        scale = _linear(low, high, bottom, top)
        marks = _nice(low, high, 5 if low else 4)
        if percent:
            return scale, _ticks(scale, marks, lambda v: f"{v * 100:.3g}%")
        return scale, _ticks(scale, marks, lambda v: f"{v:.3g}")
    low, high = float(low), float(high)
    if log or (low > 0 and high / low > 1000 and not from_zero):
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        last = max(last, first + 1)
        scale = _logarithmic(first, last, bottom, top)
        every = max(1, math.ceil((last - first) / 4))
        powers = [10.0**power for power in range(first, last + 1, every)]
        return scale, _ticks(scale, powers, lambda v: f"{v:.4g}")
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0) or (1.0 if low >= 0 else 0.0)
    if high == low:
        low, high = low - (abs(low) / 2 or 0.5), high + (abs(high) / 2 or 0.5)
    step = above((high - low) / 4)
    low, high = math.floor(low / step + 1e-6) * step, math.ceil(high / step - 1e-6) * step
    scale = _linear(low, high, bottom, top)
    return scale, _ticks(scale, _nice(low, high, 4), lambda v: f"{v:.4g}")


def _ticks(
    scale: Callable[[float], float], values: Sequence[float], words: Callable[[float], str]
) -> tuple[Tick, ...]:
    return tuple(Tick(_round(scale(value)), words(value)) for value in values)


def _linear(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = high - low
    if span <= 0:
        return lambda value: (start + end) / 2
    return lambda value: start + (end - start) * min(1.0, max(0.0, (value - low) / span))


def _logarithmic(first: int, last: int, start: float, end: float) -> Callable[[float], float]:
    inner = _linear(first, last, start, end)
    return lambda value: inner(math.log10(value)) if value > 0 else start


def above(value: float) -> float:
    """Return the next round number (1, 2, 5, 10, …) that is not below `value`; 1 for 0."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999)


def _nice(low: float, high: float, count: int) -> list[float]:
    """Return about `count` round numbers that span `[low, high]` or are just inside it."""
    step = above((high - low) / count)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    values = [index * step for index in range(first, min(last, first + 12) + 1)]
    return [0.0 if abs(value) < step * 1e-9 else value for value in values] or [low, high]


def _whole_ticks(count: int) -> list[int]:
    """Return whole numbers from 1 to `count` for an axis."""
    step = max(1, round(above(count / 5)))
    inner = [at for at in range(step, count + 1, step) if at > 1]
    return [1, *inner] if not inner or inner[0] - 1 >= step / 2 else inner


def _line(
    name: str,
    values: Sequence[float | None],
    x: Callable[[float], float],
    y: Callable[[float], float],
    step: int,
) -> Line:
    paths: list[tuple[tuple[float, float], ...]] = []
    dots: list[tuple[float, float]] = []
    stretch: list[tuple[float, float]] = []
    last = len(values) - 1
    chosen = [(i, v) for i, v in enumerate(values) if i % step == 0 or i == last]
    for index, value in [*chosen, (last + 1, None)]:
        if value is not None:
            stretch.append((_round(x(index + 1)), _round(y(value))))
            continue
        if len(stretch) == 1:
            dots += stretch
        elif stretch:
            paths.append(tuple(stretch))
        stretch = []
    return Line(name, tuple(paths), tuple(dots))


def _round(value: float, digits: int = 1) -> float:
    return round(value, digits)
