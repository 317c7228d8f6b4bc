"""Each script does on tiny data what its docstring says."""

import ast
import shutil
import subprocess
import sys
from concurrent import futures
from pathlib import Path

import pytest
from scan_files import write_pictures
from test_readme import write_photos
from text_files import sentences, write_table

from actzoo import data

SCRIPTS = Path(__file__).parents[1] / "scripts"


def run(script: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / script), *map(str, arguments)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.name)
def test_docstring_gives_command_time_and_result(path):
    text = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert f"python scripts/{path.name}" in text
    assert "Result:" in text


def test_digits_are_written_as_class_folders(tmp_path):
    assert "1797" in run("make_digits.py", tmp_path / "digits")
    assert len(list((tmp_path / "digits").glob("*/*.png"))) == 1797
    assert sorted(p.name for p in (tmp_path / "digits").iterdir()) == list("0123456789")


def test_docstrings_are_written_alike_each_time(tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    with futures.ThreadPoolExecutor(2) as pool:
        for said in pool.map(lambda folder: run("make_docstrings.py", folder), folders):
            assert "sentences written" in said
    one, two = (folder / "sentences.csv" for folder in folders)
    assert one.read_bytes() == two.read_bytes()
    source = data.open_source(str(one), note=lambda _: None)
    assert len(source) > 3000 and {"keras", "numpy", "scipy"} <= set(source.classes)


def test_the_template_is_cut_into_slabs_that_do_not_touch(tmp_path):
    assert "slices written" in run("make_template.py", tmp_path)
    source = data.open_source(str(tmp_path), note=lambda _: None)
    assert source.classes == ("background", "gray matter", "white matter")
    assert "not a patient" in source.fingerprint().about[0]
    numbers = {
        split: sorted(int(p.stem.removeprefix("slice")) for p in tmp_path.glob(f"{split}/images/*"))
        for split in ("train", "val", "test")
    }
    for split in ("val", "test"):
        low, high = numbers[split][0], numbers[split][-1]
        assert all(n < low - 2 or n > high + 2 for n in numbers["train"])


@pytest.mark.slow
def test_text_script_leaves_a_verified_run_and_answers(tmp_path):
    table = write_table(tmp_path / "a.csv", sentences(120))
    out = run(
        "train_text.py", table, tmp_path / "run", "--model", "bert_tiny", "--activation", "relu",
        "--epochs", "10", "--ask", "rain and storm", "soup with bread",
    )  # fmt: skip
    assert "test accuracy" in out and "dynamic" in out and "weather" in out and "kitchen" in out


@pytest.mark.slow
def test_medical_script_leaves_a_verified_run_and_masks(tmp_path):
    write_pictures(tmp_path / "scans", 20)
    asked = tmp_path / "scans" / "images" / "cell_00.png"
    out = run("train_medical.py", tmp_path / "scans", tmp_path / "run", "--epochs", "6",
              "--ask", asked)  # fmt: skip
    assert "Dice" in out and "int8" in out
    assert (tmp_path / "run" / "masks" / "cell_00_mask.png").exists()


@pytest.mark.slow
def test_training_and_export_scripts_leave_a_verified_run(tmp_path):
    write_photos(tmp_path / "photos")
    out = run(
        "train_vision.py", tmp_path / "photos", tmp_path / "run",
        "--model", "simple_net", "--activation", "gelu", "--epochs", "15",
    )  # fmt: skip
    assert "test accuracy" in out and "int8" in out
    assert (tmp_path / "run" / "report.html").exists()
    shutil.rmtree(tmp_path / "run" / "export")
    out = run("export.py", tmp_path / "run", "float16", "dynamic")
    assert "float16" in out and "dynamic" in out and "int8" not in out
    assert "ratio" in run("benchmark_training.py", tmp_path / "photos", 1)
