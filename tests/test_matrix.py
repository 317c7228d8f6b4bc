"""The first floor: 35 activations in the simplest model, some of them in real ones.

The others are held to the contract and to the float export (test_activations, test_lowering); all
of them in every model are the work of scripts/check_matrix.py.

Each pair is built, trained a little, saved, loaded, exported in float32 and in the 8-bit form of
its domain with builtin operators only, and verified; then one fresh process loads them all.
"""

import subprocess
import sys

import pytest

from actzoo import activations, domains, models, testing
from actzoo.tflite.converter import Converter

FIRST_FLOOR = """
linear relu relu6 relu_n thresholded_relu threshold leaky_relu prelu rrelu elu selu celu
exponential gelu gelu_tanh silu hard_silu mish softplus squareplus sparse_plus softsign
sigmoid hard_sigmoid log_sigmoid tanh hard_tanh sparse_sigmoid tanh_shrink soft_shrink
hard_shrink glu softmax log_softmax sparsemax
""".split()
IN_REAL_MODELS = {
    "unet": ("relu", "relu6", "leaky_relu", "prelu", "silu", "gelu", "mish", "selu"),
    "bert_tiny": ("relu", "relu6", "leaky_relu", "prelu", "silu", "gelu", "mish", "selu"),
    "resnet18": ("relu", "prelu", "mish"),
    "mobilenet_v2": ("relu6", "silu", "selu"),
}
PAIRS = [
    *(("simple_net", name) for name in FIRST_FLOOR),
    *((model, name) for model, names in IN_REAL_MODELS.items() for name in names),
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def converter():
    with Converter() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("matrix")


def test_the_first_floor_is_in_the_table_of_134():
    assert len(activations.names()) == 134
    assert len(FIRST_FLOOR) == 35 and set(FIRST_FLOOR) <= set(activations.names())


@pytest.mark.parametrize(
    ("model", "activation"), PAIRS, ids=[f"{model}-{name}" for model, name in PAIRS]
)
def test_pair_trains_saves_loads_exports_and_verifies(model, activation, folder, converter):
    precisions = domains.DOMAINS.get(models.MODELS.get(model).domain).default_precisions
    found = testing.check_model(
        model,
        folder / f"{model}-{activation}",
        precisions=precisions,
        converter=converter,
        **testing.small_config(model, activation),
    )
    assert set(found) == set(precisions)
    for measures in found.values():
        assert measures["custom_operators"] == 0
        assert measures["passed"]


LOAD_ALL = """
import pathlib, sys
import numpy as np
import actzoo
from actzoo import models, testing

for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    held_out, _ = testing.lesson_for(folder.name.split("-")[0]).examples(200, 1)
    outputs = models.by_input_name(actzoo.load_model(folder)).predict(held_out, verbose=0)
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
