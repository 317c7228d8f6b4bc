"""Training that is killed, fed badly, or runs out of something."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import toy_domain
import toy_export

from actzoo import checkpoint, errors, files, run_folder, stage_records, stages, training
from actzoo.plan import Plan

TESTS = Path(__file__).parents[1]


def planned(grids, out, **changes):
    settings = {"dropout": "0.3", "units": "[16]", **changes.pop("settings", {})}
    options = {"epochs": 4, "batch_size": 8, "settings": settings, **changes}
    stages.plan(grids, out, **options)
    return out


def weights_of(run):
    model = keras.saving.load_model(Path(run, "model.keras"), compile=False)
    return model.get_weights()


def assert_same(first, second):
    for a, b in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_array_equal(a, b)


LONG = {"epochs": 60, "settings": {"patience": "60"}}  # time enough to be killed in


@pytest.fixture(scope="module")
def whole(toy, tmp_path_factory):
    """Return a run trained without interruption; do not change it."""
    folder = tmp_path_factory.mktemp("whole")
    run = planned(toy.write(folder / "data.grids.npz"), folder / "run")
    stages.train(run)
    return run


@pytest.fixture(scope="module")
def long_whole(toy, tmp_path_factory):
    """Return one of 60 epochs; do not change it."""
    folder = tmp_path_factory.mktemp("long")
    run = planned(toy.write(folder / "data.grids.npz"), folder / "run", **LONG)
    stages.train(run)
    return run


def test_same_plan_gives_the_same_weights(whole, grids, tmp_path):
    stages.train(planned(grids, tmp_path / "b"))
    assert_same(whole, tmp_path / "b")
    stages.train(planned(grids, tmp_path / "c", seed=1))
    assert any((x != y).any() for x, y in zip(
        weights_of(whole), weights_of(tmp_path / "c"), strict=True))  # fmt: skip


@pytest.mark.parametrize("whole_epochs", [1, 3])
def test_a_run_stopped_between_steps_goes_on_exactly(
    whole, grids, tmp_path, monkeypatch, whole_epochs
):
    run = planned(grids, tmp_path / "cut")
    calls = {"epochs": 0}
    real = training._Watch.on_train_batch_end

    def stop(self, batch, logs=None):
        real(self, batch, logs)
        calls["epochs"] += 1
        if calls["epochs"] > whole_epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(training._Watch, "on_train_batch_end", stop)
    with pytest.raises(KeyboardInterrupt):
        stages.train(run)
    monkeypatch.undo()
    stages.train(run, resume=True)
    assert_same(whole, run)

    def without_seconds(folder):
        lines = run_folder.RunFolder(folder).history.read_text().splitlines()
        return [line.rsplit(",", 1)[0] for line in lines]

    assert without_seconds(whole) == without_seconds(run)


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import toy_domain
from actzoo import domains, stages
domains.register(toy_domain.DOMAIN)
try:
    stages.train({run!r}, resume={resume})
except KeyboardInterrupt as error:
    print("stopped", flush=True)
    sys.exit(130)
"""


def train_in_child(run, resume=False):
    code = SCRIPT.format(tests=str(TESTS), run=str(run), resume=resume)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def wait_for_epochs(run, count, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if len(list(run_folder.RunFolder(run).checkpoint.glob("state*.json"))) >= count:
            return
        time.sleep(0.02)
    raise AssertionError("no checkpoint was written")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"])
def test_a_killed_process_leaves_what_resuming_needs(long_whole, grids, tmp_path, sent):
    run = planned(grids, tmp_path / "cut", **LONG)
    child = train_in_child(run)
    wait_for_epochs(run, 2)
    child.send_signal(sent)
    code = child.wait(timeout=30)
    child.stdout.close()
    assert code == (130 if sent == signal.SIGINT else -signal.SIGKILL)
    assert not run_folder.RunFolder(run).model.exists()
    stages.train(run, resume=True)
    assert_same(long_whole, run)
    assert not list(Path(run).rglob(".tmp-*"))


def test_a_loss_that_is_not_finite_stops_at_once_and_says_why(grids, tmp_path):
    run = planned(grids, tmp_path / "run", settings={"learning_rate": "10", "warmup": "0"})
    plan = json.loads((run / "plan.json").read_text())
    plan["model_config"]["activation"] = "exponential"
    (run / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(errors.TrainingError, match=r"learning rate .*\n.*not finite.*\n.*--set"):
        stages.train(run)
    if (run / "model.keras").exists():
        assert all(np.isfinite(w).all() for w in weights_of(run))


def test_a_changed_plan_cannot_be_resumed(grids, tmp_path, monkeypatch):
    run = planned(grids, tmp_path / "run")
    saved = checkpoint.Checkpoint.save

    def save_and_stop(self, *args):
        saved(self, *args)
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.Checkpoint, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        stages.train(run)
    monkeypatch.undo()
    text = (run / "plan.json").read_text()
    (run / "plan.json").write_text(text.replace('"patience": 20', '"patience": 21'))
    with pytest.raises(errors.InvalidValueError, match=r"plan.json was changed"):
        stages.train(run, resume=True)


def test_other_data_is_refused(grids, tmp_path):
    run = planned(grids, tmp_path / "run")
    toy_domain.write(Path(grids), seed=5)
    with pytest.raises(errors.DataError, match="not the data of the plan"):
        stages.train(run)


def test_a_folder_in_use_is_refused_and_a_dead_lock_taken_over(grids, tmp_path):
    run = planned(grids, tmp_path / "run", epochs=1)
    (run / ".lock").write_text(f"{os.getppid()} 2026-01-01 00:00:00")
    with pytest.raises(errors.InvalidValueError, match=f"in use by process {os.getppid()} since"):
        stages.train(run)
    (run / ".lock").write_text("99999999 2026-01-01 00:00:00")
    stages.train(run)
    assert not (run / ".lock").exists()


def test_outputs_that_cannot_be_used_are_refused_before_any_work(grids, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(errors.InvalidValueError, match="is a file"):
        stages.plan(grids, tmp_path / "file")
    with pytest.raises(errors.DiskError, match="another --out"):
        stages.plan(grids, tmp_path / "file" / "below")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    with pytest.raises(errors.InvalidValueError, match="is not empty"):
        stages.plan(grids, tmp_path / "full")
    assert sorted(p.name for p in (tmp_path / "full").iterdir()) == ["mine.txt"]
    other = planned(grids, tmp_path / "ümläut and spaces", epochs=1)
    with pytest.raises(errors.InvalidValueError, match=r"holds another run(.|\n)*--resume"):
        stages.plan(grids, other)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_checkpoint_falls_back_to_the_epoch_before(
    whole, grids, tmp_path, monkeypatch, damage
):
    run = planned(grids, tmp_path / "cut")
    saved, count = checkpoint.Checkpoint.save, {"n": 0}

    def save_and_stop(self, *args):
        saved(self, *args)
        count["n"] += 1
        if count["n"] == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.Checkpoint, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        stages.train(run)
    monkeypatch.undo()
    newest = sorted((run / "checkpoint").glob("epoch*.npz"))[-1]
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 4
    newest.write_bytes({"flip": bytes(data), "cut": bytes(data[:99]), "empty": b""}[damage])
    stages.train(run, resume=True)
    record = files.read_json(run_folder.RunFolder(run).record("train"), "record")
    assert any("damaged" in text for text in record["warnings"])
    assert_same(whole, run)


@pytest.mark.parametrize(("key", "value"), [("epochs", 0), ("batch_size", 0), ("epochs", -3)])
def test_impossible_numbers_are_refused(grids, tmp_path, key, value):
    with pytest.raises(errors.InvalidValueError, match="must be 1 or more"):
        stages.plan(grids, tmp_path / "run", **{key: value})
    assert not (tmp_path / "run").exists()


def test_a_batch_larger_than_the_data_trains(grids, tmp_path):
    run = planned(grids, tmp_path / "run", epochs=1, batch_size=5000)
    assert stages.train(run).epochs == 1
    assert Plan.read(run / "plan.json").recipe.batch_size == 5000


def test_a_model_no_better_than_a_constant_is_noted(toy, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 0, 1, 2], 30)  # unrelated to the grids
    with open(tmp_path / "noise.grids.npz", "wb") as file:
        np.savez(file, grids=rng.integers(0, 255, (120, 6, 6, 1)).astype("uint8"), labels=labels)
    run = planned(str(tmp_path / "noise.grids.npz"), tmp_path / "run", epochs=1)
    stages.train(run)
    scored = stages.evaluate(run)["test"]
    noted = stage_records.run_warnings(run_folder.RunFolder(run))
    constant = scored["accuracy"] <= scored["constant_accuracy"]
    assert constant == any("ignores the input" in text for text in noted)


def test_paths_of_a_plan_are_read_and_never_written(grids, tmp_path):
    run = planned(grids, tmp_path / "run", epochs=1)
    before = Path(grids).read_bytes(), sorted(p.name for p in Path(grids).parent.iterdir())
    stages.train(run)
    stages.evaluate(run)
    after = Path(grids).read_bytes(), sorted(p.name for p in Path(grids).parent.iterdir())
    assert after == before


def interrupt_after(monkeypatch, epochs):
    """Make training stop as by Ctrl-C once so many epochs are on disk."""
    saved, count = checkpoint.Checkpoint.save, {"n": 0}

    def save_and_stop(self, *args):
        saved(self, *args)
        count["n"] += 1
        if count["n"] == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.Checkpoint, "save", save_and_stop)


def test_resuming_in_the_second_phase_is_exact(grids, toy, tmp_path, monkeypatch):
    stages.train(planned(grids, tmp_path / "parent", epochs=2))
    other = str(toy.write(tmp_path / "other.grids.npz", count=60, seed=4))
    for name in ("whole", "cut"):
        stages.plan(other, tmp_path / name, weights=tmp_path / "parent", epochs=5)
    stages.train(tmp_path / "whole")
    for stop in (5, 2):  # at the end of the head's phase, then inside of the second one
        interrupt_after(monkeypatch, stop)
        with pytest.raises(KeyboardInterrupt):
            stages.train(tmp_path / "cut", resume=True)
        monkeypatch.undo()
    stages.train(tmp_path / "cut", resume=True)
    assert_same(tmp_path / "whole", tmp_path / "cut")


def test_training_again_leaves_nothing_of_an_interrupted_one(grids, tmp_path, monkeypatch):
    run = planned(grids, tmp_path / "run")
    interrupt_after(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        stages.train(run)
    monkeypatch.undo()
    (run / "plan.json").write_text((run / "plan.json").read_text().replace("0.003", "0.001"))
    interrupt_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        stages.train(run)
    monkeypatch.undo()
    assert [p.name for p in (run / "checkpoint").glob("state*")] == ["state00001.json"]
    stages.train(run, resume=True)


def test_resume_with_other_options_is_refused_and_with_the_same_is_not(grids, tmp_path):
    run = planned(grids, tmp_path / "run", epochs=1)
    with pytest.raises(errors.InvalidValueError, match="epochs: 1 there, 9 asked for"):
        stages.run(grids, run, resume=True, epochs=9)
    with pytest.raises(errors.InvalidValueError, match="--set dropout"):
        stages.run(grids, run, resume=True, settings={"dropout": "0.5"})
    stages.train(run)
    with pytest.raises(errors.InvalidValueError, match="is trained already"):
        stages.train(run, resume=True)
    same = {"epochs": 1, "batch_size": 8, "settings": {"dropout": "0.3", "units": "[16]"}}
    with toy_export.one_converter():
        assert stages.run(grids, run, resume=True, **same).metrics["test"]["n"] > 0


def test_a_seed_beside_a_plan_changes_the_run(grids, tmp_path):
    run = planned(grids, tmp_path / "run", epochs=1)
    assert stages.plan(run / "plan.json", tmp_path / "b", seed=7).recipe.seed == 7
    with pytest.raises(errors.MissingFileError):
        stages.plan(run / "plan.json", tmp_path / "c", weights=tmp_path / "nothing")


def test_a_validation_loss_of_nan_is_never_the_best():
    class Model:
        def get_weights(self):
            return [np.zeros(1)]

    state = checkpoint.Checkpoint()
    for number, loss in enumerate((float("nan"), 1.0, 0.5, float("inf"), 0.7), start=1):
        state.add({"epoch": number, "val_loss": loss}, Model())
    assert (state.best_epoch, state.best_value) == (3, 0.5)


def test_preprocessing_that_does_not_fit_the_model_is_refused(grids, tmp_path):
    run = planned(grids, tmp_path / "run", epochs=1)
    plan = json.loads((run / "plan.json").read_text())
    plan["model_config"]["input_shape"] = [8, 8, 1]
    (run / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(
        errors.InvalidValueError, match=r"shape \(6, 6, 1\), .* its model takes \(8, 8, 1\)"
    ):
        stages.train(run)
