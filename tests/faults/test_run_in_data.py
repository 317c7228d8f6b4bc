"""Run folders inside the data, data inside run folders, and data that has moved."""

import json
import shutil

import pytest
from picture_files import encoded, noise, write_classes
from scan_files import write_pictures

from actzoo import cli, data, errors, evaluation, stages


def texts(root):
    root.mkdir(parents=True)
    for split in ("train", "test"):
        rows = [f"good thing {n} {split},pos\nbad thing {n} {split},neg\n" for n in range(9)]
        (root / f"{split}.csv").write_text("text,label\n" + "".join(rows))
    return root


def one_table(root):
    root.mkdir(parents=True)
    rows = [f"good thing {n},pos\nbad thing {n},neg\n" for n in range(9)]
    (root / "reviews.csv").write_text("text,label\n" + "".join(rows))
    return root


def with_splits(root):
    write_classes(root / "train", count=4)
    write_classes(root / "test", count=2, start=50)
    return root


def scans_with_splits(root):
    for number, split in enumerate(("train", "val", "test")):
        write_pictures(root, 3, split, seed=10 * number)
    return root


KINDS = {
    "photos": write_classes,
    "split photos": with_splits,
    "scans": write_pictures,
    "split scans": scans_with_splits,
    "texts": texts,
    "a table": one_table,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_inside_the_data_is_left_out_and_named(tmp_path, kind, capfd):
    root = KINDS[kind](tmp_path / "data")
    before = data.open_source(str(root), note=lambda _: None).fingerprint().content_hash
    run = root / "my run"
    made = stages.plan(root, run)
    assert made.content_hash == before
    (run / "evaluation").mkdir()
    (run / "evaluation/cat.png").write_bytes(encoded(noise(90)))
    (run / "model.png").write_bytes(encoded(noise(91)))
    (run / "table.csv").write_text("text,label\na,b\n")
    source = data.RunData.open(made, lambda _: None).source
    assert source.classes == made.classes
    capfd.readouterr()
    again = stages.plan(root, tmp_path / "other")
    assert again.content_hash == before
    assert "my run" in f"{again.understood['set aside']} {capfd.readouterr().err}"


@pytest.mark.parametrize("inside", ["cat/run", "train/run", "train/cat/run", "images/run"])
def test_a_run_deep_inside_the_data_is_left_out(tmp_path, inside):
    kind = "scans" if "images" in inside else "split photos" if "train" in inside else "photos"
    root = KINDS[kind](tmp_path / "data")
    made = stages.plan(root, root / inside)
    (root / inside / "picture.png").write_bytes(encoded(noise(90)))
    assert data.RunData.open(made, lambda _: None).source.classes == made.classes


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("out", [".", "data", "data/", "./data/../data", "data/..", "elsewhere"])
def test_data_inside_the_run_folder_is_refused_before_any_work(
    tmp_path, out, link, monkeypatch, capsys
):
    root = write_classes(tmp_path / "top/data")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "top")
    (tmp_path / "top/elsewhere").symlink_to(root)
    monkeypatch.chdir(tmp_path / ("elsewhere" if link else "top"))
    before = sorted(path for path in tmp_path.rglob("*"))
    for given in ("data", str(root), "./data/"):
        for more in ([], ["--resume"]):
            assert cli.run_command(["plan", given, "--out", out, *more]) == 2
            said = capsys.readouterr().err
            assert "--out" in said and "data_run" in said, said
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_files_and_plans_inside_the_run_folder_are_refused_too(tmp_path):
    table = one_table(tmp_path / "texts") / "reviews.csv"
    with pytest.raises(errors.InvalidValueError, match="DATA lies inside --out"):
        stages.plan(table, tmp_path / "texts", resume=True)
    root = write_classes(tmp_path / "top/data")
    stages.plan(root, tmp_path / "run")
    with pytest.raises(errors.InvalidValueError, match="is not empty"):
        stages.plan(tmp_path / "run/plan.json", tmp_path / "top", resume=True)
    with pytest.raises(errors.InvalidValueError, match="is not empty"):
        stages.plan(root, tmp_path / "texts", resume=True)


def test_a_plan_that_was_stopped_can_be_made_with_resume(tmp_path):
    root = write_classes(tmp_path / "data")
    (tmp_path / "run/stages").mkdir(parents=True)
    (tmp_path / "run/.lock").write_text("999999999 2020-01-01 00:00:00")
    with pytest.raises(errors.InvalidValueError, match="add --resume"):
        stages.plan(root, tmp_path / "run")
    assert stages.plan(root, tmp_path / "run", resume=True).classes == ("cat", "dog")
    (tmp_path / "own/stages of mine").mkdir(parents=True)
    with pytest.raises(errors.InvalidValueError, match="is not empty"):
        stages.plan(root, tmp_path / "own", resume=True)


# --- data that has moved -------------------------------------------------------------------------


def test_moved_data_is_found_at_a_place_given_anew(tmp_path, monkeypatch, capfd):
    root = write_classes(tmp_path / "data")
    run = tmp_path / "run"
    monkeypatch.chdir(tmp_path)
    made = stages.plan("data", run)
    for same in ("data", "./data/", str(tmp_path / "x/../data")):
        (tmp_path / "x").mkdir(exist_ok=True)
        stages._follow_data(stages.Session(run, place=same, resume=True))
    assert not (run / "stages/data.json").exists()
    root.rename(tmp_path / "moved")
    with pytest.raises(errors.MissingFileError, match=r"no longer at(.|\n)*--resume"):
        stages.Session(run).data  # noqa: B018
    session = stages.Session(run, place="moved", resume=True)
    session.options.refuse_other_plan(session.plan)
    stages._follow_data(session)
    assert len(session.data.source) == 12
    monkeypatch.chdir(tmp_path / "x")
    assert len(stages.Session(run).data.source) == 12  # it is remembered
    assert json.loads((run / "plan.json").read_text())["data"] == made.data
    write_classes(tmp_path / "others", start=50)
    with pytest.raises(errors.DataError, match=r"others is not the data of the plan"):
        stages._follow_data(stages.Session(run, place=str(tmp_path / "others"), resume=True))


def test_a_relative_place_in_a_plan_is_seen_from_the_plan_too(tmp_path, monkeypatch):
    write_classes(tmp_path / "project/data")
    stages.plan(tmp_path / "project/data", tmp_path / "project/run")
    path = tmp_path / "project/run/plan.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "data": "../data"}))
    monkeypatch.chdir(tmp_path)
    assert stages.Plan.read(path).data == str(tmp_path / "project/data")
    assert len(stages.Session(tmp_path / "project/run").data.source) == 12


def test_evaluating_a_run_on_its_moved_data_scores_what_was_held_out(tmp_path):
    root = write_classes(tmp_path / "data", count=8)
    made = stages.plan(root, tmp_path / "run")
    copy = shutil.copytree(root, tmp_path / "copy")
    source = data.open_source(str(copy), note=lambda _: None)
    run = stages.RunFolder(tmp_path / "run")
    assert evaluation._own_test_split(run, source, str(copy)) is None  # it is other data
    shutil.rmtree(root)
    other = data.open_source(str(write_classes(tmp_path / "other", start=90)), note=lambda _: None)
    assert evaluation._own_test_split(run, other, str(tmp_path / "other")) is None
    assert evaluation._own_test_split(None, source, str(copy)) is None
    assert len(evaluation._own_test_split(run, source, str(copy))) == made.num_examples["test"]
    assert len(stages.Session(run).data.source) == 16  # from now on, it is known where it is
