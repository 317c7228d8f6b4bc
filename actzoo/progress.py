"""How a long training shows itself: one live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actzoo.plan import Phase, Plan


class Progress:
    """Epochs done, the loss, the time left; on stderr.

    Args:
        plan: The plan that is trained.
        epochs_done: Epochs that a resumed run has done.
    """

    def __init__(self, plan: Plan, *, epochs_done: int = 0) -> None:
        self._phases = {phase.name: phase.epochs for phase in plan.recipe.phases}
        self._left = max(0, sum(self._phases.values()) - epochs_done)
        self._started = time.monotonic()
        self._seconds: list[float] = []
        self._bar: Any = None
        self._task: Any = None
        self._title = ""

    def begin_epoch(self, phase: Phase, epoch: int) -> None:
        """Show that an epoch begins.

        Args:
            phase: Its phase.
            epoch: Counted from 0 within the phase.
        """
        self._title = f"{phase.name} {epoch + 1}/{phase.epochs}"
        if sys.stderr.isatty():
            self._open_bar()
            self._bar.reset(self._task, total=1, description=self._title, loss="")

    def step(self, step: int, steps: int, loss: float) -> None:
        """Show that steps of an epoch are done."""
        if self._bar is not None:
            self._bar.update(self._task, total=steps, completed=step, loss=f"loss {loss:.3f}")

    def end_epoch(self, row: dict[str, Any]) -> None:
        """Show an epoch's result and the time left, by the median of the last epochs."""
        self._left -= 1
        self._seconds.append(row["seconds"])
        recent = sorted(self._seconds[-5:])
        left = _duration(recent[len(recent) // 2] * self._left)
        line = f"{self._title}  {_scores(row)}  {row['seconds']:.0f} s  at most {left} left"
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _open_bar(self) -> None:
        if self._bar is not None:
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(self._title, total=1, loss="")
        self._bar.start()


def _scores(row: dict[str, Any]) -> str:
    """Return the scores of an epoch in training, then those in validation."""
    names = [name for name in row if f"val_{name}" in row]
    own = [f"{name} {row[name]:.3f}" for name in names]
    held_out = [f"{name} {row[f'val_{name}']:.3f}" for name in names]
    return "  ".join([*own, "validation " + "  ".join(held_out)])


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
