"""The README is true: its Python runs as it stands, its tables are fresh."""

import re
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image
from scan_files import ball, nifti

ROOT = Path(__file__).parents[1]


def test_generated_tables_are_fresh():
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "readme_tables.py"), "--check"])
    assert done.returncode == 0, "run: python scripts/readme_tables.py"


def write_photos(folder: Path) -> None:
    """Write 3 classes of 16 pictures, distinguished by their color."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(("red", "green", "blue")):
        for index in range(16):
            pixels = rng.uniform(0, 120, (40, 40, 3)) + 120 * np.eye(3)[number]
            path = folder / name / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype("uint8")).save(path)


@pytest.mark.slow
def test_python_of_the_readme_runs_as_one_script(tmp_path):
    text = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) >= 3
    write_photos(tmp_path / "photos")
    for name, values in zip(("scan", "mask"), ball(), strict=True):
        nibabel.save(nifti(values), tmp_path / f"{name}.nii.gz")
    given = (
        "import numpy as np\n"
        "pictures = np.random.default_rng(0).uniform(0, 255, (40, 96, 96, 3)).astype('float32')\n"
    )
    (tmp_path / "readme.py").write_text(given + "\n".join(blocks), "utf-8")
    done = subprocess.run(
        [sys.executable, "readme.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "run" / "report.html").exists()
    assert (tmp_path / "device" / "model_int8.tflite").exists()


def test_every_file_and_command_that_the_readme_names_exists():
    text = (ROOT / "README.md").read_text("utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / link).exists(), link
    help_text = subprocess.run(
        [sys.executable, "-m", "actzoo", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for command in re.findall(r"^actzoo (\w+)", text, re.M):
        assert command in help_text
