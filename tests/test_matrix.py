"""The first floor: every activation in the simplest model, eight of them in two real ones.

Each pair is built, trained a little, saved, loaded, exported in float32 and int8 with builtin
operators only, and verified; then one fresh process loads them all.
"""

import subprocess
import sys

import pytest

from actzoo import activations, testing
from actzoo.device.converter import Converter

IN_REAL_MODELS = ("relu", "relu6", "leaky_relu", "prelu", "silu", "gelu", "mish", "selu")
PAIRS = [
    *(("simple_net", name) for name in activations.names()),
    *(("mobilenet_v2", name) for name in IN_REAL_MODELS),
    *(("resnet18", name) for name in IN_REAL_MODELS),
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def converter():
    with Converter() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("matrix")


def test_there_are_35_activations():
    assert len(activations.names()) == 35


@pytest.mark.parametrize(
    ("model", "activation"), PAIRS, ids=[f"{model}-{name}" for model, name in PAIRS]
)
def test_pair_trains_saves_loads_exports_and_verifies(model, activation, folder, converter):
    found = testing.check_model(
        model,
        folder / f"{model}-{activation}",
        converter=converter,
        **testing.small_config(model, activation),
    )
    assert set(found) == {"float32", "int8"}
    for measures in found.values():
        assert measures["custom_operators"] == 0
        assert measures["passed"]


LOAD_ALL = """
import pathlib, sys
import numpy as np
import actzoo
from actzoo import testing

held_out, _ = testing.coloured_pictures(200, seed=1)
for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    outputs = actzoo.load_model(folder).predict(held_out, verbose=0)
    if not np.array_equal(outputs, np.load(folder / "outputs.npy")):
        print(folder.name)
print("loaded")
"""


def test_a_fresh_process_loads_them_all_to_the_same_outputs(folder):
    done = subprocess.run(
        [sys.executable, "-c", LOAD_ALL, str(folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["loaded"]
    assert len(list(folder.iterdir())) == len(PAIRS)
