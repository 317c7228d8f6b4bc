"""What is kept of a look at files: a swap is noticed, and nothing is decoded twice."""

import os
import shutil

import numpy as np
import pytest
import scan_files
from picture_files import encoded, noise, write_classes

from actzoo import data, errors, inspection, stages
from actzoo.applications.medical import inspection as scans
from actzoo.applications.vision import images


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch):
    """Return a list that grows by one for each picture that is decoded."""
    looked, real = [], images.read_picture
    monkeypatch.setattr(images, "read_picture", lambda *a, **k: looked.append(1) or real(*a, **k))
    return looked


def fingerprint(root):
    return data.open_source(str(root), note=lambda _: None).fingerprint()


def aged(root):
    for path in root.rglob("*.png"):
        os.utime(path, (1e9, 1e9))
    return root


@pytest.mark.parametrize("settled", [True, False])
def test_moved_and_copied_data_is_not_decoded_again(tmp_path, decoded, settled):
    root = write_classes(tmp_path / "data")
    if settled:
        aged(root)
    first = fingerprint(root)
    assert len(decoded) == 12
    assert fingerprint(root) == first and len(decoded) == 12
    root.rename(tmp_path / "moved")
    assert fingerprint(tmp_path / "moved") == first
    shutil.copytree(tmp_path / "moved", tmp_path / "copy")
    assert fingerprint(tmp_path / "copy") == first
    shutil.copytree(tmp_path / "moved/cat", tmp_path / "part/cat")
    write_classes(tmp_path / "part", ("emu",), start=70)
    assert len(decoded) == 12
    assert fingerprint(tmp_path / "part").num_examples == 12 and len(decoded) == 18


def test_moved_scans_are_not_decoded_again(tmp_path, monkeypatch):
    first = fingerprint(scan_files.write_pictures(tmp_path / "data"))
    (tmp_path / "data").rename(tmp_path / "moved")
    monkeypatch.setattr(scans, "read_image", None)
    assert fingerprint(tmp_path / "moved") == first


@pytest.mark.parametrize("how", ["written", "replaced", "moved in"])
def test_a_swap_of_the_same_size_and_time_is_noticed(tmp_path, how):
    root = write_classes(tmp_path / "data")
    size = max(path.stat().st_size for path in root.rglob("*.png"))

    def fill(path, seed):
        content = encoded(noise(seed))
        path.write_bytes(content + bytes(size + 500 - len(content)))
        os.utime(path, (1e9, 1e9))

    for number, path in enumerate(sorted(root.rglob("*.png"))):
        fill(path, 10 + number)
    made = stages.plan(root, tmp_path / "run")
    assert fingerprint(root).content_hash == made.content_hash
    victim = root / "cat/001.png"
    if how == "written":
        fill(victim, 99)
    elif how == "replaced":
        fill(tmp_path / "other.png", 99)
        os.replace(tmp_path / "other.png", victim)
    else:
        shutil.move(root, tmp_path / "before")
        shutil.copytree(tmp_path / "before", root)
        fill(victim, 99)
    assert fingerprint(root).content_hash != made.content_hash
    with pytest.raises(errors.DataError, match="is not the data of the plan"):
        stages.Session(tmp_path / "run").data  # noqa: B018


def test_the_same_bytes_with_another_ending_are_another_content(tmp_path):
    for name in ("a.nii", "b.gz"):
        (tmp_path / name).write_bytes(b"x")
    looked = []
    store = inspection.Store(str(tmp_path), "kind", "1", np.dtype("S"))
    look = store.inspect([("a.nii",), ("b.gz",)], lambda i: looked.append(i) or b"%d" % i, "files")
    assert sorted(looked) == [0, 1] and list(look.rows) == [b"0", b"1"]
    other = inspection.Store(str(tmp_path), "kind", "2", np.dtype("S"))
    other.inspect([("a.nii",)], lambda i: looked.append(i) or b"9", "files")
    assert looked[2:] == [0]  # other rules, other rows


def test_a_pipe_is_never_opened_not_even_by_name(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    store = inspection.Store(str(tmp_path), "kind", "1", np.dtype("S"))
    look = store.inspect([("pipe.png",)], lambda i: b"", "files")
    assert "a pipe, not a file" in look.problems[0]
