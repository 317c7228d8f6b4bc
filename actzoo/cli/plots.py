"""The curve of an activation in the terminal: Braille dots, or plain characters where those fail.

A line is a list of pieces, each a text and a style, so that the console decides about colors.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from actzoo.activations import curves, lookup

Line = list[tuple[str, str]]

ROWS = 16
WIDEST, NARROWEST = 100, 20  # columns of the plot itself
BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # bits of a cell, by row, column
STYLES = {"value": "bold cyan", "slope": "yellow", "axis": "dim"}
HALF = 6.0  # x runs from -HALF to HALF where nothing speaks against it
MOST_TURNS = 24  # more than these would be a gray band


@dataclasses.dataclass(frozen=True)
class Signs:
    """Characters of a plot.

    Attributes:
        cell: Dots per character, `(columns, rows)`.
        dash: Length of a dash and of the gap after it, in dots.
    """

    cell: tuple[int, int]
    dash: int
    across: str
    down: str
    cross: str
    corner: str
    tick_left: str
    tick_below: str


UNICODE = Signs((2, 4), 3, "─", "│", "┼", "└", "┤", "┴")
ASCII = Signs((1, 1), 1, "-", "|", "+", "+", "+", "+")
SAMPLE = "⣀" + UNICODE.across + UNICODE.down + UNICODE.cross + UNICODE.corner
SAMPLE += UNICODE.tick_left + UNICODE.tick_below


def activation(spec: Any, columns: int, *, plain: bool = False) -> list[Line]:
    """Draw f and f' of an activation.

    Args:
        spec: Name or spec of an elementwise activation.
        columns: Width of the terminal.
        plain: Use ASCII only.

    Raises:
        InvalidValueError: It is not a function of one number.
    """
    legend, *rest = _Plot(_framed(spec), columns, ASCII if plain else UNICODE).lines()
    row = lookup.describe(spec)
    note = "   as training starts" if row.learnable else "   on average" if row.random else ""
    if sum(len(text) for text, _ in legend) + len(note) > columns:
        note = ""
    return [[*legend, (note, "axis")], *rest]


def _framed(spec: Any) -> curves.Curve:
    """Return the curve where there is something to see: all knees, and not too many waves."""
    import numpy as np

    drawn = curves.curve(spec, -HALF, HALF)
    slopes = np.concatenate([piece[:, 2] for piece in drawn.pieces])
    signs = np.sign(np.round(slopes, 6))  # what is flat has a sign of rounding errors
    turns = int((np.diff(signs) != 0).sum())
    if turns > MOST_TURNS:
        half = HALF * MOST_TURNS / turns / 2
        return curves.curve(spec, -half, half)
    wider = curves.curve(spec, -4 * HALF, 4 * HALF)
    far = max((abs(x) for x in wider.breaks), default=0.0)
    if far > 0.9 * HALF:  # as ReLU6, whose upper knee is a part of it
        return curves.curve(spec, -math.ceil(1.3 * far), math.ceil(1.3 * far))
    return drawn


def _step(span: float, count: int) -> float:
    """Return a round distance of ticks, of which about `count` fit into the span."""
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough * 0.999)


def _ticks(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def _visible(drawn: curves.Curve, half: float) -> tuple[float, float]:
    """Return the range of y: f up to the range of x, f' as far as it does not dwarf f."""
    import numpy as np

    rows = np.concatenate(drawn.pieces)
    values, slopes = (column[np.isfinite(column)] for column in (rows[:, 1], rows[:, 2]))
    values = np.clip(values, -half, half)
    size = 1.5 * max(1.0, float(np.abs(values).max(initial=0.0)))
    both = np.concatenate([values, np.clip(slopes, -size, size), [0.0]])
    low, high = float(both.min()), float(both.max())
    return (low, high) if high - low > 1e-3 else (low - 1, high + 1)


class _Plot:
    """Dots of two curves behind which the axes show."""

    def __init__(self, drawn: curves.Curve, columns: int, signs: Signs) -> None:
        self.drawn = drawn
        self.signs = signs
        self.left, self.right = float(drawn.pieces[0][0, 0]), float(drawn.pieces[-1][-1, 0])
        low, high = _visible(drawn, self.right)
        step = _step(high - low, 5)
        # To the nearest half tick: a whole one would leave much room empty.
        self.low = math.floor(2 * low / step + 1e-6) * step / 2
        self.high = math.ceil(2 * high / step - 1e-6) * step / 2
        self.y_ticks = _ticks(self.low, self.high, step)
        self.labels = {self.row(y): f"{y:g}" for y in self.y_ticks}
        self.margin = max(map(len, self.labels.values()))
        self.columns = max(NARROWEST, min(WIDEST, columns - self.margin - 3))
        self.x_ticks = _ticks(self.left, self.right, _step(self.right - self.left, 7))
        self.cells: dict[tuple[int, int], int] = {}  # dots set, by row and column
        self.styles: dict[tuple[int, int], str] = {}

    def lines(self) -> list[Line]:
        """Return the legend, the plot and the axis below."""
        self.draw(2, "slope", dashed=True)
        self.draw(1, "value", dashed=False)
        body = [self.line(row) for row in range(ROWS)]
        return [self.legend(), *body, *self.below()]

    def row(self, y: float) -> int:
        return round((self.high - y) / (self.high - self.low) * (ROWS - 1))

    def column(self, x: float) -> int:
        return round((x - self.left) / (self.right - self.left) * (self.columns - 1))

    def draw(self, which: int, style: str, *, dashed: bool) -> None:
        """Set the dots of a curve, dashes measured along it."""
        import numpy as np

        wide, tall = self.signs.cell
        for piece in self.drawn.pieces:
            x = (piece[:, 0] - self.left) / (self.right - self.left) * (self.columns * wide - 1)
            y = (self.high - piece[:, which]) / (self.high - self.low) * (ROWS * tall - 1)
            y = np.clip(y, -9e3, 9e3)
            x, y = x[np.isfinite(y)], y[np.isfinite(y)]
            if not len(x):
                continue
            way = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
            places = np.arange(0.0, way[-1] + 0.5, 0.5)
            for at, i, j in zip(
                places,
                np.rint(np.interp(places, way, y)).astype(int),
                np.rint(np.interp(places, way, x)).astype(int),
                strict=True,
            ):
                if 0 <= i < ROWS * tall and not (dashed and int(at / self.signs.dash) % 2):
                    cell = int(i) // tall, int(j) // wide
                    self.cells[cell] = self.cells.get(cell, 0) | DOTS[i % tall][j % wide]
                    self.styles[cell] = style

    def line(self, row: int) -> Line:
        """Return one line of the plot with its label."""
        label = self.labels.get(row, "")
        edge = self.signs.tick_left if label else self.signs.down
        spans: Line = [(f"{label:>{self.margin}} {edge}", "axis")]
        for column in range(self.columns):
            style = self.styles.get((row, column), "axis")
            text = self.sign(row, column)
            if spans[-1][1] == style:
                spans[-1] = (spans[-1][0] + text, style)
            else:
                spans.append((text, style))
        return [*spans[:-1], (spans[-1][0].rstrip(), spans[-1][1])]

    def sign(self, row: int, column: int) -> str:
        dots = self.cells.get((row, column))
        if dots is not None:
            if self.signs is UNICODE:
                return chr(BRAILLE + dots)
            return "*" if self.styles[row, column] == "value" else "o"
        on_x = self.low <= 0 <= self.high and row == self.row(0.0)
        on_y = self.left <= 0 <= self.right and column == self.column(0.0)
        if on_x and on_y:
            return self.signs.cross
        return self.signs.across if on_x else self.signs.down if on_y else " "

    def legend(self) -> Line:
        value, slope = ("⠤⠤⠤⠤", "⠤⠄⠠⠤") if self.signs is UNICODE else ("****", "o o ")
        start = " " * (self.margin + 2)
        return [(start, "axis"), (f"{value} f", "value"), ("   ", "axis"), (f"{slope} f'", "slope")]

    def below(self) -> list[Line]:
        """Return the axis of x and its numbers."""
        axis = [self.signs.across] * self.columns
        numbers = [" "] * (self.columns + self.margin + 6)
        for x in self.x_ticks:
            axis[self.column(x)] = self.signs.tick_below
            text = f"{x:g}"
            start = self.margin + 2 + self.column(x) - (len(text) - 1) // 2 - text.startswith("-")
            numbers[start : start + len(text)] = text
        edge = " " * (self.margin + 1) + self.signs.corner
        return [[(edge + "".join(axis), "axis")], [("".join(numbers).rstrip(), "axis")]]
