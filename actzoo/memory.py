"""How much memory a training step needs, and whether it is there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from actzoo import errors

if TYPE_CHECKING:
    import keras


def estimate(model: keras.Model, batch_size: int) -> int:
    """Return the bytes that a training step of this batch size needs, roughly.

    Weights four times (value, gradient, two moments) and, per example, every layer's output three
    times (value, gradient, workspace) in float32; measured peaks were 0.6 to 1.1 of this.
    """
    from actzoo import graphs

    made = [tensor for call in graphs.Graph(model).calls for tensor in call.node.outputs]
    per_example = sum(
        math.prod(size or 1 for size in tensor.shape[1:]) for tensor in (*model.inputs, *made)
    )
    return 4 * (4 * model.count_params() + 3 * per_example * batch_size)


def check(model: keras.Model, batch_size: int) -> None:
    """Refuse a training step that would not fit into free memory.

    Raises:
        InvalidValueError: Says the estimate, what is free, and the batch size that fits.
    """
    free = free_bytes()
    needed = estimate(model, batch_size)
    if free is None or needed <= free:
        return
    one = estimate(model, 1)
    fits = 0 if one > free else 1 + int((free - one) / max(1, estimate(model, 2) - one))
    remedy = f"--batch-size {fits}" if fits else "a smaller model or picture size"
    raise errors.InvalidValueError(
        f"Training {model.name} with batches of {batch_size} needs about {needed / 2**30:.1f} GiB; "
        f"{free / 2**30:.1f} GiB are free.\nUse {remedy}, or --force to try all the same.",
        given=batch_size,
        fix=remedy,
    )


def free_bytes() -> int | None:
    """Return the bytes of memory that are free, or None where the system does not say."""
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
