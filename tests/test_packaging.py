"""The installed package is whole: every folder is listed, and a wheel brings all files along."""

import configparser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def listed_packages() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return set(config["options"]["packages"].split())


def test_every_folder_with_code_is_a_listed_package():
    packages = set()
    for top, prefix in (("actzoo", "actzoo"), ("applications", "actzoo.applications")):
        for file in (ROOT / top).rglob("*.py"):
            parts = file.parent.relative_to(ROOT / top).parts
            packages.add(".".join((prefix, *parts)))
            assert (file.parent / "__init__.py").exists(), file.parent
    assert packages == listed_packages()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)  # left by earlier builds
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(folder), str(ROOT)],
        check=True, capture_output=True,
    )  # fmt: skip
    return next(folder.glob("*.whl"))


def test_wheel_holds_every_file_and_no_top_level_applications(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        str(Path("actzoo/applications", file.relative_to(ROOT / "applications")).as_posix())
        for file in (ROOT / "applications").rglob("*.py")
    }
    expected |= {str(f.relative_to(ROOT).as_posix()) for f in (ROOT / "actzoo").rglob("*.py")}
    expected |= {"actzoo/py.typed", "actzoo/templates/report.html.j2"}
    assert expected <= names
    assert not any(name.startswith(("applications/", "tests/")) for name in names)


def test_wheel_works_away_from_the_clone(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import actzoo, actzoo.applications.vision as vision, importlib.resources as r\n"
        "print(actzoo.__file__, actzoo.list_models(), vision.__file__)\n"
        "print(len(r.files('actzoo.templates').joinpath('report.html.j2').read_text('utf-8')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "site", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(tmp_path) in done.stdout
    assert "mobilenet_v2" in done.stdout
