"""Time a training epoch of ours beside a plain Keras fit of the same network on ready arrays.

Command: python scripts/benchmark_training.py PHOTOS [ROUNDS]
Time: about 3 minutes for 3,000 photos on two cores.
Result: median seconds per epoch of both, interleaved, and their ratio: what augmentation, the
pipeline and repeatable operations cost. Machines are noisy: quote the ratio.
"""

import statistics
import sys
import tempfile
import time

import keras
import numpy as np

from actzoo import data, graphs, models, stages, tasks
from actzoo.phases import TrainingData


def compiled(plan, steps: int) -> keras.Model:
    model = graphs.by_input_name(models.build_model(plan.model, seed=0, **plan.model_config))
    model.compile("adamw", tasks.get_task(plan.task).loss(), steps_per_execution=min(8, steps))
    return model


def main(photos: str, rounds: int = 3) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plan = stages.plan(photos, f"{folder}/run", weights="none", epochs=1)
    opened = data.RunData.open(plan)
    material, train = TrainingData(opened), opened.splits["train"]
    inputs = data.load_samples(opened.source, train, opened.preparation)
    arrays = {name: value.astype("float32") for name, value in inputs.items()}
    targets = material.encode(opened.source.labels()[train])
    steps = len(material.training_batches(0))
    seconds: dict[str, list[float]] = {"actzoo": [], "plain Keras": []}
    ours, plain = compiled(plan, steps), compiled(plan, steps)
    for epoch in range(rounds + 1):
        start = time.perf_counter()
        with data.feeding(material.training_batches(epoch)) as fed:
            ours.fit(fed, steps_per_epoch=steps, shuffle=False, verbose=0)
        middle = time.perf_counter()
        plain.fit(arrays, targets, batch_size=plan.recipe.batch_size, verbose=0)
        if epoch:  # the first one traces
            seconds["actzoo"].append(middle - start)
            seconds["plain Keras"].append(time.perf_counter() - middle)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.1f} s per epoch, {len(targets) / median:.0f} examples a second")
    ratio = np.divide(seconds["actzoo"], seconds["plain Keras"])
    print(f"ratio, pair by pair: {ratio.min():.2f} to {ratio.max():.2f}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
