"""The contract under Keras' other backends, each in a process of its own.

Runs where JAX or PyTorch is installed; CI has both and says so with ACTZOO_BACKENDS=1.
"""

import importlib.util
import os
import subprocess
import sys
from concurrent import futures

import pytest

BACKENDS = ("jax", "torch")
CONTRACT = """
import sys
from actzoo import activations
from actzoo.testing import CheckFailedError, activation_checks

PARTS = {"shape_and_dtype", "values_float32", "values_float16", "values_bfloat16",
         "finite_float32", "gradient", "training", "weights_learn", "config_round_trip"}
checked = 0
for name in activations.names():
    for check in activation_checks(name):
        if check.name in PARTS:
            checked += 1
            try:
                check()
            except CheckFailedError as error:
                print(f"{check}: {error}".replace("\\n", " "))
import keras
print(keras.backend.backend(), checked)
"""


@pytest.fixture(scope="module")
def contracts():
    """Return the contract of each backend that is there, under way; each takes one core."""

    def started(backend):
        environment = {**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""}
        return subprocess.run(
            [sys.executable, "-c", CONTRACT], env=environment, capture_output=True, text=True
        )

    wanted = bool(os.environ.get("ACTZOO_BACKENDS"))
    there = [name for name in BACKENDS if wanted or importlib.util.find_spec(name)]
    with futures.ThreadPoolExecutor(len(BACKENDS)) as pool:
        yield {name: pool.submit(started, name) for name in there}


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_contract_holds_under_another_backend(contracts, backend):
    if backend not in contracts:
        pytest.skip(f"{backend} is not installed")
    done = contracts[backend].result()
    assert done.returncode == 0, done.stderr[-2000:]
    *failures, last = done.stdout.splitlines()
    if backend == "jax":  # takes numbers below 1e-38 for 0, where sine_relu jumps
        assert failures.pop().startswith("sine_relu-finite_float32: ")
    assert failures == []
    assert last.split()[0] == backend and int(last.split()[1]) > 1000
