"""Each script does on tiny data what its docstring says."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_readme import write_photos

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
