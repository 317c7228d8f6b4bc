"""Each export format is one row; one from another package goes the whole path."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import fake_run
import numpy as np
import packed_format
import pytest

from actzoo import artifacts, errors, plan, report, run_folder

EXPORT = """
import sys
import keras, numpy as np
from actzoo import benchmark, export, inference, verify
folder, one = sys.argv[1:]
keras.utils.set_random_seed(0)
x = keras.Input((4,), name="x")
model = keras.Model(x, keras.layers.Dense(3)(x))
made = export.export_model(model, folder, precision=("packed", "float32"))
assert list(made.files) == ["float32", "packed"], made.files
assert verify.verify(folder).passed
with inference.open_model(made.files["packed"]) as predictor:
    assert predictor.verified
    answer, = predictor.predict([one])
expected = keras.ops.softmax(model(np.load(one)[None]))[0]
assert np.allclose(list(answer.probabilities.values()), expected, atol=1e-6)
float32, packed = benchmark.benchmark(list(made.files.values()), rounds=3)
assert packed["size_bytes"] < float32["size_bytes"] and packed["peak_memory_bytes"] > 0
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder as pip would make it: the module, and metadata that names its entry point."""
    site = tmp_path_factory.mktemp("site")
    shutil.copy(Path(packed_format.__file__), site / "packed_format.py")
    info = site / "packed-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: packed\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[actzoo.artifacts]\npacked = packed_format:PACKED\n")
    return site


def python(site, *arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(site)},
    )  # fmt: skip


def test_a_format_of_another_package_is_exported_verified_asked_and_measured(installed, tmp_path):
    one, folder = tmp_path / "one.npy", tmp_path / "export"
    np.save(one, np.array([0.5, -1.0, 2.0, 0.1], "float32"))
    done = python(installed, "-c", EXPORT, folder, one)
    assert done.returncode == 0, done.stderr
    packed = json.loads((folder / "verify.json").read_text())["packed"]
    assert packed["passed"] and packed["limits"]["max_abs_error_packed"] == 1e-4
    assert packed["operators"] == {} and packed["custom_operators"] == 0

    done = python(installed, "-m", "actzoo", "verify", folder)
    assert done.returncode == 0 and "model_packed.tfz" in done.stdout, done.stderr
    done = python(installed, "-m", "actzoo", "predict", folder / "model_packed.tfz", one, "--json")
    assert json.loads(done.stdout)[0]["label"].startswith("class_"), done.stderr

    # Where the package is not installed, the file is not passed over in silence.
    done = python(tmp_path, "-m", "actzoo", "verify", folder)
    assert done.returncode == 1 and "'packed'" not in done.stdout
    assert "packed is not a format that actzoo knows here" in done.stderr
    done = python(tmp_path, "-m", "actzoo", "predict", folder / "model_packed.tfz", one)
    assert done.returncode == 2 and "is not a model file" in done.stderr


@pytest.fixture
def packed(monkeypatch):
    """The rows with one more, for the time of a test."""
    rows = artifacts.ARTIFACTS
    rows.names()
    for name in ("_rows", "_aliases", "_origins"):
        monkeypatch.setattr(rows, name, dict(getattr(rows, name)))
    return artifacts.register(packed_format.PACKED)


def test_every_room_asks_the_rows(packed, tmp_path):
    assert artifacts.names()[-1] == "packed" and plan.check_precision("packed") == "packed"
    folder = run_folder.ExportFolder(tmp_path)
    assert folder.file("packed").name == "model_packed.tfz" and folder.precisions() == []
    folder.file("packed").write_bytes(b"x")
    assert folder.precisions() == ["packed"]
    assert artifacts.of_file("elsewhere/any.tfz") is packed
    assert artifacts.default_limits()["drift_packed"] == 1e-4


def test_the_report_shows_a_format_of_another_package(packed, tmp_path):
    run = fake_run.make(tmp_path / "run", pictures=False)
    path = run / "export" / "verify.json"
    verification = json.loads(path.read_text("utf-8"))
    verification = {"packed": {**verification["float32"], "size_bytes": 123_456}, **verification}
    path.write_text(json.dumps(verification), "utf-8")
    page = report.render(run).read_text("utf-8")
    assert page.index(">int8<") < page.index(">packed<")


def test_rows_that_cannot_work_are_refused():
    row = packed_format.PACKED
    for bad, words in (
        (dataclasses.replace(row, file="model_int8.tflite"), "no other format has"),
        (dataclasses.replace(row, file="below/model.tfz"), "plain name"),
        (dataclasses.replace(row, file="model"), "with an ending"),
        (dataclasses.replace(row, form="folded"), "'stable'|stable"),
        (dataclasses.replace(row, name="int8"), "is taken"),
        (dataclasses.asdict(row), "not an Artifact"),
    ):
        with pytest.raises(errors.ActzooError, match=words):
            artifacts.register(bad)
    assert "packed" not in artifacts.ARTIFACTS


def test_the_smallest_file_is_the_last_with_the_fewest_bits():
    assert artifacts.smallest(("int8", "dynamic", "float32")).name == "int8"
    assert artifacts.smallest(("dynamic", "float16")).name == "dynamic"
    assert artifacts.smallest(("unheard_of",)).name == "int8"


def test_all_limits_stand_in_the_rows():
    assert artifacts.default_limits() == {
        "agreement": 0.97,
        "score_drop": 0.015,
        "max_abs_error_float32": 1e-4,
        "max_abs_error_float16": 2e-2,
        "max_abs_error_extreme_float32": 1e-2,
        "drift_float32": 1e-4,
        "drift_float16": 1e-3,
        "drift_dynamic": 0.05,
        "drift_int8": 0.05,
    }
