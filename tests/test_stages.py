"""The whole path, with a domain from outside the package: nothing in the core knows it."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
import toy_domain
import toy_export

import actzoo
from actzoo import errors, evaluation, files, run_folder, stage_records, stages
from actzoo._lazy import resolve
from actzoo.plan import Plan


@pytest.fixture(scope="module", autouse=True)
def converter():
    with toy_export.one_converter():
        yield


@pytest.fixture(scope="module")
def finished(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    data = toy_domain.write(folder / "data.grids.npz", count=240)
    result = actzoo.run(
        str(data), out=folder / "run", epochs=12, weights="none", export=("float32", "int8"),
        settings={"units": "[16, 8]"},
    )  # fmt: skip
    return folder, result


def test_a_domain_from_outside_goes_the_whole_path(finished):
    folder, result = finished
    assert result.passed
    assert result.metrics["test"]["accuracy"] > 0.9
    for name in (
        "plan.json", "model.keras", "model.json", "history.csv", "metrics.json",
        "diagnostics.json", "report.html", "tensorboard", "export/saved_model",
        "export/model_int8.tflite", "export/labels.txt", "export/reference.npz",
        "export/verify.json", "stages/train.json", "evaluation/predictions.csv",
    ):  # fmt: skip
        assert (folder / "run" / name).exists(), name
    assert not (folder / "run" / "checkpoint").exists()


def test_the_plan_alone_repeats_the_run_bit_for_bit(finished):
    folder, _ = finished
    import keras

    stages.plan(folder / "run" / "plan.json", folder / "again")
    stages.train(folder / "again")
    first, second = (
        keras.saving.load_model(folder / name / "model.keras", compile=False).get_weights()
        for name in ("run", "again")
    )
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_metrics_have_the_promised_fields(finished):
    folder, _ = finished
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    for split in ("test", "val"):
        assert {"n", "accuracy", "macro_f1", "macro_recall", "loss"} <= set(metrics[split])
    sites = json.loads((folder / "run" / "diagnostics.json").read_text())["sites"]
    assert [site["path"] for site in sites] == ["dense1_act", "dense2_act"]
    promised = {"path", "activation", "role", "zero_fraction", "dead_units", "units",
                "saturated_fraction", "gradient_norm"}  # fmt: skip
    assert promised <= set(sites[0])


def test_the_balance_of_classes_is_shown_for_any_kind_of_data(finished):
    folder, _ = finished
    shown = json.loads((folder / "run" / "evaluation" / "panels.json").read_text())
    (balance,) = shown["panels"]
    assert balance["kind"] == "bars" and balance["labels"] == list(toy_domain.CLASSES)
    assert balance["series"] == {"train": [56] * 3, "val": [12] * 3, "test": [12] * 3}


def test_resume_does_only_what_is_missing(finished, monkeypatch):
    folder, _ = finished
    run = run_folder.RunFolder(folder / "run")
    before = run.model.stat().st_mtime_ns, run.metrics.stat().st_mtime_ns
    (run.export / "export.json").unlink()
    result = actzoo.run("ignored", out=run.path, resume=True)
    assert result.passed and (run.export / "export.json").exists()
    assert (run.model.stat().st_mtime_ns, run.metrics.stat().st_mtime_ns) == before


def test_what_was_found_in_the_numbers_is_written(finished):
    folder, result = finished
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    assert metrics["findings"] == [] == result.metrics["findings"]  # it is a good model


def test_other_data_is_scored_and_what_was_seen_in_training_is_said(finished, tmp_path):
    folder, _ = finished
    new = toy_domain.write(tmp_path / "new.grids.npz", count=30, seed=5)
    for model in ("run", "run/model.keras", "run/export/model_int8.tflite"):
        scored = evaluation.evaluate(folder / model, folder / "data.grids.npz")
        assert scored["test"]["n"] == 240 and scored["seen_in_training"] == 168
        assert "168 of 240 examples were seen in training" in scored["notes"][0]
        scored = evaluation.evaluate(folder / model, new)
        assert scored["seen_in_training"] == 0 and scored["notes"] == []
    assert evaluation.evaluate(folder / "run")["seen_in_training"] is None  # held-out examples


def test_a_model_alone_is_scored_on_data_that_is_named(finished):
    folder, _ = finished
    with pytest.raises(errors.InvalidValueError, match="Name the data to score on"):
        evaluation.evaluate(folder / "run" / "model.keras", options={"strict": True})
    with pytest.raises(errors.InvalidValueError, match="these have no effect: strict"):
        evaluation.evaluate(folder / "run", options={"strict": True})


def test_weights_of_a_run_start_another_with_the_head_on_features(finished, tmp_path):
    folder, _ = finished
    data = toy_domain.write(tmp_path / "other.grids.npz", count=60, seed=9)
    plan = stages.plan(str(data), tmp_path / "run", weights=folder / "run", epochs=2)
    assert [phase.on for phase in plan.recipe.phases] == ["features", "inputs"]
    assert plan.model_config["units"] == [16, 8]
    stages.train(tmp_path / "run")
    history = run_folder.RunFolder(tmp_path / "run").history.read_text()
    assert "head" in history and "fine-tune" in history
    card = json.loads((tmp_path / "run" / "model.json").read_text())
    assert card["weights"]["sha256"] == files.sha256_file(folder / "run" / "model.keras")


def test_weights_of_another_architecture_are_refused(finished, tmp_path):
    folder, _ = finished
    data = toy_domain.write(tmp_path / "other.grids.npz", count=60)
    with pytest.raises(errors.InvalidValueError, match="--model simple_net"):
        stages.plan(str(data), tmp_path / "run", weights=folder / "run", model="resnet18")
    assert not (tmp_path / "run").exists()


def test_uint8_inputs_and_outputs_can_be_planned(finished, tmp_path):
    folder, _ = finished
    plan = Path(folder, "run", "plan.json")
    made = stages.plan(plan, tmp_path / "run", settings={"io_dtype": "uint8"})
    assert made.io_dtype == "uint8"
    with pytest.raises(errors.InvalidValueError, match="float32 or uint8"):
        stages.plan(plan, tmp_path / "other", settings={"io_dtype": "int4"})
    assert Plan.read(tmp_path / "run" / "plan.json").io_dtype == "uint8"


@pytest.fixture
def counted(toy, tmp_path, monkeypatch):
    """A whole run, with the number of times its data was opened and its model loaded."""
    from actzoo import models

    calls = {"open": 0, "load": 0}

    def counting(key, real):
        def call(*args, **given):
            calls[key] += 1
            return real(*args, **given)

        return call

    monkeypatch.setattr(toy_domain.Toy, "open", counting("open", toy_domain.Toy.open))
    monkeypatch.setattr(models, "load_model", counting("load", models.load_model))
    data = toy_domain.write(tmp_path / "data.grids.npz", count=60)
    given = {"epochs": 2, "weights": "none", "export": ("float32",)}
    actzoo.run(str(data), out=tmp_path / "run", settings={"units": "[16, 8]"}, **given)
    return calls, tmp_path


def test_a_run_opens_its_data_once_and_loads_its_model_once(counted):
    calls, _ = counted
    assert calls == {"open": 1, "load": 1}


def test_every_row_names_a_function_of_a_session():
    for stage in stage_records.STAGES.values():
        assert list(inspect.signature(resolve(stage.target)).parameters) == ["session"]


@pytest.mark.parametrize("stage", [stages.evaluate, stages.diagnose, stages.export])
def test_an_untrained_run_is_refused_before_its_data_is_opened(toy, tmp_path, monkeypatch, stage):
    data = toy_domain.write(tmp_path / "data.grids.npz", count=60)
    stages.plan(str(data), tmp_path / "run")
    monkeypatch.setattr(toy_domain.Toy, "open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(errors.MissingFileError, match="no model"):
        stage(tmp_path / "run")


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_plan_is_refused_with_the_command_that_continues(toy, tmp_path, resume):
    data = toy_domain.write(tmp_path / "data.grids.npz", count=60)
    stages.plan(str(data), tmp_path / "run")
    with pytest.raises(errors.InvalidValueError, match="actzoo run with --resume"):
        stages.plan(str(data), tmp_path / "run", resume=resume)


def test_the_stages_one_by_one_leave_the_files_of_a_run(counted):
    _, folder = counted
    again = folder / "again"
    stages.plan(folder / "run" / "plan.json", again)
    for stage in (stages.train, stages.evaluate, stages.diagnose, stages.export, stages.verify):
        stage(again)
    stages.report(again)
    differing = [
        name
        for name, content in written(folder / "run").items()
        if written(again).get(name) != content
    ]
    assert differing == [] and set(written(folder / "run")) == set(written(again))


def written(folder: Path) -> dict:
    """Return what a run folder holds, by name, without times and what is made from them."""
    hashes = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name.startswith(("tensorboard/", "stages/", "export/saved_model/")):
            continue
        if path.suffix == ".json":
            hashes[name] = without_times(json.loads(path.read_text()))
        elif path.name == "history.csv":
            hashes[name] = [line.rsplit(",", 1)[0] for line in path.read_text().splitlines()]
        elif path.name == "model.keras":
            import keras

            weights = keras.saving.load_model(path, compile=False).get_weights()
            hashes[name] = [weight.tobytes() for weight in weights]
        elif path.name == "reference.npz":
            with np.load(path) as arrays:
                hashes[name] = {key: arrays[key].tobytes() for key in arrays.files}
        elif path.name != "report.html":
            hashes[name] = path.read_bytes()
        else:
            hashes[name] = None
    return hashes


def without_times(data):
    times = ("seconds", "latency_ms", "sha256", "files")
    if isinstance(data, dict):
        return {key: without_times(value) for key, value in data.items() if key not in times}
    return [without_times(item) for item in data] if isinstance(data, list) else data
