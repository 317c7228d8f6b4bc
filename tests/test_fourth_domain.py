"""A kind of data that an installed package brings goes the whole path, asked as a user would."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sensor_domain

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder as pip would make it: the module, and metadata that names its entry point."""
    site = tmp_path_factory.mktemp("site")
    shutil.copy(Path(sensor_domain.__file__), site / "sensor_domain.py")
    info = site / "sensors-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sensors\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[actzoo.domains]\nsensors = sensor_domain:DOMAIN\n")
    return site


def actzoo(site, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "actzoo", *map(str, arguments)],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(site)},
    )  # fmt: skip


def test_sensor_windows_go_through_run_predict_and_verify(installed, tmp_path):
    windows = sensor_domain.write(tmp_path / "a.sensors")
    run = tmp_path / "run"
    done = actzoo(
        installed, "run", windows, "--out", run, "--weights", "none", "--epochs", 12,
        "--set", "units=[32]", "--skip", 3,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    plan = json.loads((run / "plan.json").read_text())
    assert plan["domain"] == "sensors" and plan["data_options"] == {"skip": 3}
    assert sum(plan["num_examples"].values()) == 87
    assert json.loads((run / "metrics.json").read_text())["test"]["accuracy"] > 0.8
    report = (run / "report.html").read_text("utf-8")
    assert "How long windows are" in report and "Sensors drift." in report

    (tmp_path / "one.txt").write_text(windows.read_text().splitlines()[-1])
    model = run / "export" / "model_int8.tflite"
    done = actzoo(installed, "predict", model, tmp_path / "one.txt", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["label"] == "running"

    card = json.loads((run / "export" / "model.json").read_text())
    card["preprocessing"][1]["by"] = 30.0
    (run / "export" / "model.json").write_text(json.dumps(card))
    done = actzoo(installed, "verify", run)
    assert done.returncode == 1 and "not what the model was given" in done.stderr


def test_without_the_package_its_data_and_its_option_are_unknown(tmp_path):
    windows = sensor_domain.write(tmp_path / "a.sensors")
    done = actzoo(tmp_path, "run", windows, "--out", tmp_path / "run")
    assert done.returncode == 2 and "recognizes" in done.stderr
    done = actzoo(tmp_path, "run", windows, "--out", tmp_path / "run", "--skip", 3)
    assert done.returncode == 2 and "--skip" in done.stderr
