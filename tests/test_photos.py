"""Real photos through the command line, from the folder to the device file."""

import json
import signal
import subprocess
import sys
import time

import pytest
from picture_files import PHOTOS, needs_photos

from actzoo import run_folder

pytestmark = [pytest.mark.slow, needs_photos]


def actzoo(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "actzoo", *map(str, words)], capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = tmp_path_factory.mktemp("photos") / "run"
    done = actzoo(
        "run", PHOTOS, "--out", run, "--model", "simple_net", "--weights", "none", "--epochs", "4",
        "--export", "float32,float16", "--set", "input_shape=[48,48,3]",
    )  # fmt: skip
    return run, done


def test_a_run_ends_well_and_says_what_it_made(finished):
    run, done = finished
    assert done.returncode == 0, done.stderr
    assert "Test accuracy" in done.stdout and str(run / "report.html") in done.stdout
    assert "no val split" in done.stderr or "no validation" in done.stderr
    assert "oneDNN" not in done.stderr and "Traceback" not in done.stderr
    verified = json.loads((run / "export" / "verify.json").read_text())
    assert set(verified) == {"float32", "float16"}
    assert all(found["passed"] for found in verified.values())


def test_a_planned_picture_size_reaches_steps_and_model(finished):
    run, _ = finished
    card = json.loads((run / "model.json").read_text())
    assert card["inputs"]["image"]["shape"] == [48, 48, 3]
    assert card["preprocessing"][-1]["height"] == 48


def test_predict_answers_in_json_without_tensorflow(finished):
    run, _ = finished
    photo = next((PHOTOS / "test" / "hat").iterdir())
    code = (
        "import sys; from actzoo.cli import run_command\n"
        f"code = run_command(['predict', {str(run / 'export' / 'model_float32.tflite')!r}, "
        f"{str(photo)!r}, '--json'])\n"
        "print(code, {'tensorflow', 'keras'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip().endswith("0 set()"), done.stderr
    (answer,) = json.loads(done.stdout)
    assert answer["label"] in {path.name for path in (PHOTOS / "test").iterdir()}
    assert 0 < answer["probability"] <= 1


def test_ctrl_c_in_an_epoch_exits_130_and_says_how_to_resume(tmp_path):
    run = tmp_path / "run"
    child = subprocess.Popen(
        [sys.executable, "-m", "actzoo", "run", str(PHOTOS), "--out", str(run), "--model",
         "simple_net", "--weights", "none", "--epochs", "50", "--set", "input_shape=[32,32,3]",
         "--export", "float32"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    checkpoint = run_folder.RunFolder(run).checkpoint
    end = time.monotonic() + 120
    while not list(checkpoint.glob("state*.json")) and time.monotonic() < end:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert child.returncode == 130, said
    last = said.strip().splitlines()[-1]
    assert "--resume" in last and str(run) in last
    assert list(checkpoint.glob("state*.json")) and not (run / "model.keras").exists()
    assert not list(run.rglob(".tmp-*")) and not (run / ".lock").exists()
