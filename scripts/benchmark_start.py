"""Time what users wait for before anything is computed: help, the lists, a first answer.

Command: python scripts/benchmark_start.py MODEL.tflite PHOTO [OTHER_CLONE] [ROUNDS]
Time: about 20 seconds for 5 rounds; twice that with another clone.
Result: median seconds of each command, each in a fresh process; beside another clone (with a .venv
of its own) interleaved, and the ratio of the medians. Machines are noisy: quote the ratio.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def seconds(python: Path, clone: Path, words: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([python, "-m", "actzoo", *words], cwd=clone, capture_output=True, check=True)
    return time.perf_counter() - start


def main(model: str, photo: str, other: str | None = None, rounds: str = "5") -> None:
    places = {"this": (Path(sys.executable), ROOT)}
    if other:
        places["other"] = (Path(other).resolve() / ".venv/bin/python", Path(other))
    answer = ["predict", str(Path(model).resolve()), str(Path(photo).resolve())]
    for words in (["--help"], ["list", "activations"], ["list", "models"], answer):
        taken: dict[str, list[float]] = {name: [] for name in places}
        for count in range(int(rounds) + 1):
            for name, (python, clone) in places.items():
                value = seconds(python, clone, words)
                if count:  # the first one warms the disk
                    taken[name].append(value)
        medians = {name: statistics.median(values) for name, values in taken.items()}
        times = ", ".join(f"{name} {median:.2f} s" for name, median in medians.items())
        ratio = f", ratio {medians['this'] / medians['other']:.2f}" if other else ""
        print(f"actzoo {' '.join(words[:2]) if words != answer else 'predict'}: {times}{ratio}")


if __name__ == "__main__":
    main(*sys.argv[1:])
