"""35 activations in the simplest model, one in each real one, and a tenth of the others.

`matrix_pairs` says which. The other activations are held to the contract and to the float export
(test_activations, test_lowering); all of them in every model are the work of
scripts/check_matrix.py.

Each pair is built, trained a little, saved, loaded, exported in float32 and in the 8-bit form of
its domain with builtin operators only, and verified; then one fresh process loads them all.
"""

import json
import subprocess
import sys
from pathlib import Path

import matrix_pairs
import pytest
import toy_export

from actzoo import activations, domains, models, testing

MATRIX = Path(__file__).parents[1] / "docs" / "matrix.json"
PAIRS = matrix_pairs.pairs()

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("matrix")


def test_the_35_of_the_simplest_model_are_in_the_table_of_134():
    assert len(activations.names()) == 134
    names = matrix_pairs.IN_SIMPLE_NET
    assert len(names) == 35 and set(names) <= set(activations.names())


def test_every_pair_outside_the_suite_belongs_to_one_tenth():
    tenths = [matrix_pairs.tenth(number) for number in range(matrix_pairs.TENTHS)]
    assert sorted(pair for pairs in tenths for pair in pairs) == sorted(matrix_pairs.OUTSIDE)
    assert len(set(matrix_pairs.OUTSIDE)) == len(matrix_pairs.OUTSIDE) == 18
    assert not set(matrix_pairs.OUTSIDE) & set(matrix_pairs.IN_SUITE)
    sizes = [len(pairs) for pairs in tenths]
    assert max(sizes) - min(sizes) <= 1


def test_every_pair_has_a_committed_result_that_passed():
    committed = json.loads(MATRIX.read_text("utf-8"))
    for model, activation in (*PAIRS, *matrix_pairs.OUTSIDE):
        row = committed[f"{model}-{activation}"]
        assert row["passed"]
        assert set(precisions_of(model)) <= set(row["files"])


def test_the_tenth_is_the_one_that_is_asked_for(monkeypatch):
    monkeypatch.delenv("ACTZOO_TENTH", raising=False)
    in_suite = matrix_pairs.pairs()
    assert len(in_suite) == 39
    monkeypatch.setenv("ACTZOO_TENTH", "3")
    assert matrix_pairs.pairs() == [*in_suite, ("unet", "silu"), ("bert_tiny", "silu")]
    monkeypatch.setenv("ACTZOO_TENTH", "10")
    with pytest.raises(ValueError, match="0 to 9"):
        matrix_pairs.pairs()


def precisions_of(model):
    return domains.DOMAINS.get(models.MODELS.get(model).domain).default_precisions


@pytest.mark.parametrize(
    ("model", "activation"), PAIRS, ids=[f"{model}-{name}" for model, name in PAIRS]
)
def test_pair_trains_saves_loads_exports_and_verifies(model, activation, folder):
    precisions = precisions_of(model)
    measures_of = testing.check_model(
        model,
        folder / f"{model}-{activation}",
        precisions=precisions,
        converter=toy_export.converter(),
        **testing.small_config(model, activation),
    )
    assert set(measures_of) == set(precisions)
    for measures in measures_of.values():
        assert measures["custom_operators"] == 0
        assert measures["passed"]


LOAD_ALL = """
import pathlib, sys
import numpy as np
import actzoo
from actzoo import graphs, models, testing

for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    held_out, _ = testing.lesson_for(folder.name.split("-")[0]).examples(200, 1)
    outputs = graphs.by_input_name(actzoo.load_model(folder)).predict(held_out, verbose=0)
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
