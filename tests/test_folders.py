"""What a folder of a user's holds: one rule for training, evaluation and prediction."""

import os
import sys
import threading

import pytest

from actzoo import errors, files, folders

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def names_of(root, **settings):
    left_out = folders.LeftOut(str(root))
    listed = folders.files_of([root], left_out=left_out, **settings)
    return [path.relative_to(root).as_posix() for path in listed], left_out


SYSTEM = (
    "Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r", ".DS_Store", "._a.jpg", "~$a.csv",
    ".~lock.a.csv#", "a.jpg:Zone.Identifier", "@eaDir/a.jpg", "$RECYCLE.BIN/a.jpg",
    "#recycle/a.jpg", "System Volume Information/a.jpg", "lost+found/a.jpg",
    "__MACOSX/a.jpg", ".git/a.jpg",
    ".ipynb_checkpoints/a.jpg", ".Trash-1000/a.jpg", ".@__thumb/a.jpg",
)  # fmt: skip


@unix
@pytest.mark.parametrize("name", SYSTEM)
def test_what_systems_and_programs_add_is_left_out_and_counted(tmp_path, name):
    put(tmp_path, "cat/a.jpg", f"cat/{name}")
    listed, left_out = names_of(tmp_path)
    assert listed == ["cat/a.jpg"] and left_out.system.total() == 1
    assert left_out.summary()[0].startswith("of systems and programs: ")
    assert left_out.notes(lambda _: True, "pictures") == []


def test_hidden_folders_with_data_are_named_with_what_to_do(tmp_path):
    put(tmp_path, "cat/a.jpg", "cat/.b.jpg", ".NET/b.jpg", ".empty/readme.txt")
    listed, left_out = names_of(tmp_path)
    assert listed == ["cat/a.jpg"]
    assert left_out.summary() == ("hidden: .NET, .empty, cat/.b.jpg",)
    (note,) = left_out.notes(lambda name: name.endswith(".jpg"), "pictures")
    assert ".NET" in note and ".empty" not in note and "without the dot" in note


def test_what_actzoo_wrote_is_left_out_by_name(tmp_path):
    put(tmp_path, "cat/a.jpg", "run/stages/plan.json", "run/plan.json", "run/b.jpg")
    put(tmp_path, "cat/begun/stages/x", "cat/begun/.lock", "export/export.json")
    put(tmp_path, "export/model.json", "plan/plan.json", "other/predictions.csv")
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers/predictions.csv").write_text("input,label,probability,error\na,b,1,\n")
    listed, left_out = names_of(tmp_path)
    assert listed == ["cat/a.jpg", "other/predictions.csv", "plan/plan.json"]
    assert set(left_out.outputs) == {"run", "cat/begun", "export", "answers"}
    assert any("run/ is a run of actzoo" in note for note in left_out.notes(bool, "pictures"))


def test_answers_among_other_files_are_left_out(tmp_path):
    put(tmp_path, "images/a.png", "images/a_mask.png", "images/2/a_mask.png", "images/labels.json")
    put(tmp_path, "images/b_mask.png", "other/predictions.csv", "other/labels.json")
    table = "input,mask,labels,error\na.png,x/images/a_mask.png,,\na.png,x/images/2/a_mask.png,,\n"
    (tmp_path / "images/predictions.csv").write_text(table)
    left_out = folders.LeftOut(str(tmp_path))
    listed = folders.entries(str(tmp_path / "images"), left_out)
    assert listed == (["2"], ["a.png", "b_mask.png"]) and left_out.answers == 3
    assert "answers of `actzoo predict` (3)" in left_out.summary()[0]
    inside = folders.files_of([tmp_path / "images"])
    assert [path.name for path in inside] == ["a.png", "b_mask.png"]
    assert folders.entries(str(tmp_path / "other"))[1] == ["labels.json", "predictions.csv"]


@unix
def test_pipes_sockets_and_devices_are_named_and_never_opened(tmp_path):
    put(tmp_path, "cat/a.jpg")
    os.mkfifo(tmp_path / "cat/b.jpg")
    (tmp_path / "cat/c.jpg").symlink_to("b.jpg")
    (tmp_path / "cat/d.jpg").symlink_to("/dev/zero")
    (tmp_path / "cat/gone.jpg").symlink_to("nowhere")
    listed, left_out = names_of(tmp_path)
    assert listed == ["cat/a.jpg", "cat/gone.jpg"]
    assert sorted(left_out.special) == ["cat/b.jpg", "cat/c.jpg", "cat/d.jpg"]
    assert "cat/b.jpg" in left_out.notes(bool, "pictures")[0]
    for name, kind in (("b.jpg", "pipe"), ("d.jpg", "device")):
        with pytest.raises(errors.DataError, match=f"{name} is not opened: it is a {kind}"):
            files.refuse_special(tmp_path / "cat" / name)
    files.refuse_special(tmp_path / "cat/a.jpg")
    files.refuse_special("/dev/stdin")


@unix
def test_links_are_followed_each_folder_once(tmp_path):
    put(tmp_path / "elsewhere", "b.jpg", "deep/c.jpg")
    put(tmp_path / "data", "x/a.jpg")
    (tmp_path / "data/alias").symlink_to(tmp_path / "data/x", target_is_directory=True)
    (tmp_path / "data/out").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "data/x/up").symlink_to(tmp_path / "data", target_is_directory=True)
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "data", target_is_directory=True)
    (tmp_path / "data/self").symlink_to("self")
    listed, _ = names_of(tmp_path / "data")
    assert listed == ["self", "x/a.jpg", "out/b.jpg", "out/deep/c.jpg"]


@unix
def test_links_to_folders_above_are_named_and_not_followed(tmp_path):
    put(tmp_path, "private/z.jpg", "data/a.jpg", "data/deep/b.jpg")
    for link, target in (("data/up", ".."), ("data/deep/top", "/"), ("data/self", ".")):
        (tmp_path / link).symlink_to(target, target_is_directory=True)
    listed, left_out = names_of(tmp_path / "data")
    assert listed == ["a.jpg", "deep/b.jpg"]
    assert sorted(left_out.upward) == ["deep/top", "self", "up"]
    assert "above" in left_out.notes(lambda name: True, "pictures")[-1]


def test_only_inputs_are_taken_from_folders_and_the_rest_is_counted(tmp_path):
    put(tmp_path, "a.jpg", "README.txt", "b/notes.txt", "b/none", "b/c.jpg")
    listed, left_out = names_of(tmp_path, takes=lambda name: name.endswith(".jpg"))
    assert listed == ["a.jpg", "b/c.jpg"] and left_out.unread == {".txt": 2, "": 1}
    assert folders.files_of([tmp_path / "README.txt"], lambda _: False) == [tmp_path / "README.txt"]
    with pytest.raises(errors.MissingFileError, match="3 files, none of which is an input"):
        folders.files_of([tmp_path / "b"], lambda name: name.endswith(".png"))


def test_a_folder_that_cannot_be_listed_stands_for_itself(tmp_path, monkeypatch):
    put(tmp_path, "a.jpg", "closed/b.jpg")
    real = os.scandir

    def scan(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    listed, left_out = names_of(tmp_path, takes=lambda name: name.endswith(".jpg"))
    assert listed == ["a.jpg", "closed"] and list(left_out.unlisted) == [str(tmp_path / "closed")]
    with pytest.raises(errors.DataError, match="closed cannot be listed: Permission denied"):
        folders.files_of([tmp_path / "closed"])


@unix
def test_a_pipe_that_is_named_is_read_if_something_writes_to_it(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"rain" * 50_000,))
    writer.start()
    assert files.read_bytes(tmp_path / "pipe") == b"rain" * 50_000
    writer.join()
    monkeypatch.setattr(files, "PIPE_SECONDS", 0.05)
    with pytest.raises(errors.DataError, match="nothing was written into"):
        files.read_bytes(tmp_path / "pipe")
    with pytest.raises(errors.DataError, match="a device, not a file"):
        files.read_bytes("/dev/zero")
