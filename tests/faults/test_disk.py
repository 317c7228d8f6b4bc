"""Disks that are full or cannot be written."""

import errno
import subprocess
from pathlib import Path

import pytest

from actzoo import errors, files, stages


@pytest.fixture
def mounted(tmp_path):
    """Mount a small file system in memory; gives a function that changes its options."""
    place = tmp_path / "mounted"
    place.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True
        )
        if done.returncode:
            pytest.skip("mounting a file system needs root; CI has it")
        return place

    yield mount
    subprocess.run(["umount", str(place)], capture_output=True)


def left_over(folder: Path) -> list[str]:
    return [str(p) for p in folder.rglob("*") if p.name.startswith((".tmp-", ".lock", ".writ"))]


def test_a_read_only_out_is_refused_before_any_work(grids, mounted):
    place = mounted("ro")
    with pytest.raises(errors.DiskError, match=r"Cannot write .*(.|\n)*another --out"):
        stages.plan(grids, place / "run")
    assert list(place.iterdir()) == []


def test_a_full_disk_keeps_the_last_checkpoint_and_resumes(grids, mounted, tmp_path):
    whole = tmp_path / "whole"
    options = {"epochs": 4, "batch_size": 8, "settings": {"units": "[400, 300]"}}
    stages.plan(grids, whole, **options)
    stages.train(whole)
    place = mounted("size=3m")
    run = place / "run"
    stages.plan(grids, run, **options)
    with pytest.raises(errors.DiskError, match=r"No space left to write .*(.|\n)*--resume"):
        stages.train(run)
    assert left_over(place) == []
    assert not (run / "model.keras").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
    stages.train(run, resume=True)
    import keras

    for a, b in zip(
        keras.saving.load_model(whole / "model.keras", compile=False).get_weights(),
        keras.saving.load_model(run / "model.keras", compile=False).get_weights(),
        strict=True,
    ):
        assert (a == b).all()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_failed_write_leaves_the_old_file(tmp_path, number):
    target = tmp_path / "file.json"
    files.write_json(target, {"a": 1})
    with pytest.raises(errors.DiskError), files.atomic_path(target) as temporary:
        temporary.write_text("half")
        raise OSError(number, "disk")
    assert files.read_json(target, "file") == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["file.json"]
