"""Predictions from every kind of model, and inputs that are refused."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import toy_export

from actzoo import (
    benchmark,
    cli,
    errors,
    evaluation,
    folders,
    inference,
    models,
    own_files,
    sites,
    tflite,
)
from actzoo.cli import answers


@pytest.fixture(scope="module")
def folder():
    return toy_export.exported()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    target = tmp_path_factory.mktemp("photos")
    images, labels = toy_export.pictures(40, seed=5)
    paths = []
    for k, picture in enumerate(images):
        paths.append(target / f"{k}.png")
        paths[-1].write_bytes(toy_export.encode(picture))
    return paths, labels, images


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_tflite_names_the_class(folder, photos, precision):
    paths, labels, _ = photos
    with inference.open_model(folder / f"model_{precision}.tflite") as model:
        assert model.verified
        predictions = model.predict(paths)
    assert [p.id for p in predictions] == [str(path) for path in paths]
    assert np.mean([p.label == label for p, label in zip(predictions, labels, strict=True)]) > 0.9
    assert all(p.probability == max(p.probabilities.values()) for p in predictions)
    assert set(predictions[0].probabilities) == set(toy_export.CLASSES)


def test_all_kinds_of_model_agree(folder, photos, tmp_path):
    images = photos[2][:5]
    run = tmp_path / "run"
    models.save_model(toy_export.trained(), run, toy_export.card())
    untrusted = tmp_path / "untrusted.tflite"
    untrusted.write_bytes((folder / "model_float32.tflite").read_bytes())
    expected = None
    for path, trust in (
        (run, False),
        (run / "model.keras", False),
        (folder / "model_float32.tflite", False),
        (untrusted, False),
        (folder / "saved_model", True),
    ):
        with inference.open_model(path, trust=trust) as model:
            probabilities = model.probabilities({"image": images})
        expected = probabilities if expected is None else expected
        np.testing.assert_allclose(probabilities, expected, atol=1e-5, err_msg=str(path))


def test_cold_answer_without_tensorflow(folder, photos):
    """scripts/benchmark_start.py has its seconds; what costs them is imports."""
    code = (
        "import sys, json; from actzoo import inference\n"
        "with inference.open_model(sys.argv[1]) as m: p = m.predict(sys.argv[2:])[0]\n"
        "print(json.dumps([p.label, p.probability, sorted(sys.modules)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "model_int8.tflite"), str(photos[0][0])],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    label, probability, modules = json.loads(done.stdout)
    assert label in toy_export.CLASSES and 0 <= probability <= 1
    packages = {name.split(".")[0] for name in modules}
    assert not packages & {"tensorflow", "keras", "sklearn", "scipy", "pandas", "typer", "rich"}
    assert done.stderr == ""


def test_unreadable_inputs_are_marked_and_the_rest_answered(folder, photos, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    with inference.open_model(folder / "model_int8.tflite") as model:
        predictions = model.predict([bad, photos[0][0], tmp_path / "nowhere.png"])
    assert predictions[0].label is None and "bad.png" in predictions[0].error
    assert predictions[1].error is None and predictions[1].label in toy_export.CLASSES
    assert "nowhere.png" in predictions[2].error


def test_each_failing_input_is_named_once(folder, tmp_path, capsys):
    bad, wrong = tmp_path / "bad.png", tmp_path / "wrong.npy"
    bad.write_bytes(b"not a picture")
    np.save(wrong, np.zeros((5, 5, 3), "float32"))
    given = [str(path) for path in (bad, tmp_path / "nowhere.png", wrong)]
    assert cli.run_command(["predict", str(folder / "model_int8.tflite"), *given]) == 2
    said = capsys.readouterr().err
    assert [said.count(name) for name in given] == [1, 1, 1]


def test_arrays_are_taken_as_they_are(folder, photos, tmp_path):
    path = tmp_path / "one.npy"
    np.save(path, photos[2][0])
    with inference.open_model(folder / "model_float32.tflite") as model:
        predictions = model.predict([path])
        expected = model.predict([photos[0][0]])
    assert predictions[0].probabilities == expected[0].probabilities


def test_model_without_card_gives_probabilities_only(folder, photos, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes((folder / "model_int8.tflite").read_bytes())
    with inference.open_model(path) as model:
        assert model.card is None and not model.verified
        assert model.probabilities({"image": photos[2][:2]}).shape == (2, 3)
        with pytest.raises(errors.InvalidValueError, match=r"model\.json"):
            model.predict([photos[0][0]])


@pytest.mark.parametrize(
    ("name", "words"),
    [("none.tflite", "no model at"), ("m.h5", "saved again as .keras"), ("m.txt", "run folder")],
)
def test_what_is_not_a_model_is_refused(tmp_path, name, words):
    if name != "none.tflite":
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(errors.ActzooError, match=words):
        inference.open_model(tmp_path / name)


def test_an_export_folder_is_refused_with_the_files_it_has(folder):
    with pytest.raises(errors.InvalidValueError, match=r"model_int8\.tflite"):
        inference.open_model(folder)


def test_saved_model_needs_trust(folder):
    with pytest.raises(errors.InvalidValueError, match="--trust"):
        inference.open_model(folder / "saved_model")


def test_benchmark_measures_side_by_side(folder):
    files = [folder / f"model_{p}.tflite" for p in ("float32", "int8")]
    rows = benchmark.benchmark(files, rounds=20)
    assert [row["file"] for row in rows] == [str(file) for file in files]
    assert rows[0]["ratio"] == 1.0 and rows[1]["ratio"] > 0
    for row, file in zip(rows, files, strict=True):
        assert row["size_bytes"] == file.stat().st_size
        assert row["latency_ms"] <= row["latency_ms_p90"]
        assert row["operators"]["CONV_2D"] == 1 and row["custom_operators"] == 0
    with pytest.raises(errors.InvalidValueError):
        benchmark.benchmark([])
    with pytest.raises(errors.InvalidValueError, match="rounds"):
        benchmark.benchmark(files, rounds=0)


def test_benchmark_closes_what_it_opened_before_a_file_that_fails(folder, tmp_path, monkeypatch):
    closed = []
    monkeypatch.setattr(tflite.Interpreter, "close", lambda runner: closed.append(runner))
    with pytest.raises(errors.MissingFileError):
        benchmark.benchmark([folder / "model_int8.tflite", tmp_path / "none.tflite"], rounds=1)
    assert len(closed) == 1


def test_a_model_is_asked_once_what_it_ends_in(photos, tmp_path, monkeypatch):
    models.save_model(toy_export.trained(), tmp_path, toy_export.card())
    predictor = inference.open_model(tmp_path)
    monkeypatch.setattr(sites, "ends_in", lambda *_: pytest.fail("its graph is walked again"))
    assert predictor.probabilities({"image": photos[2][:2]}).shape == (2, 3)


@pytest.fixture(scope="module")
def labeled(tmp_path_factory):
    """Return a folder of class folders; half of the pictures lie in a wrong one."""
    target = tmp_path_factory.mktemp("labeled")
    images, labels = toy_export.pictures(60, seed=6)
    for k, (picture, label) in enumerate(zip(images, labels, strict=True)):
        wrong = toy_export.CLASSES[(toy_export.CLASSES.index(label) + 1) % 3]
        folder = target / (wrong if k < 30 else label)
        folder.mkdir(exist_ok=True)
        (folder / f"{k}.png").write_bytes(toy_export.encode(picture))
    return target


def test_evaluate_scores_by_names_on_other_data(folder, labeled):
    scored = evaluation.evaluate(folder / "model_int8.tflite", labeled)
    assert scored["task"] == "classification" and scored["test"]["n"] == 60
    assert 0.4 < scored["test"]["accuracy"] < 0.6


def test_evaluate_refuses_classes_the_model_does_not_know(folder, tmp_path):
    for name in ("red", "violet"):
        (tmp_path / name).mkdir()
        for k in range(4):
            picture = toy_export.pictures(1, seed=k)[0][0]
            (tmp_path / name / f"{k}.png").write_bytes(toy_export.encode(picture))
    with pytest.raises(errors.DataError, match="does not know: violet"):
        evaluation.evaluate(folder / "model_int8.tflite", tmp_path)


def test_evaluate_needs_data_or_a_run(folder, labeled):
    with pytest.raises(errors.InvalidValueError, match="evaluate MODEL DATA"):
        evaluation.evaluate(folder / "model_int8.tflite")
    with pytest.raises(errors.InvalidValueError, match="run folder"):
        evaluation.evaluate(folder / "model_int8.tflite", labeled, precision="int8")


def test_models_of_others_are_asked_for_probabilities_once(tmp_path):
    import keras

    @keras.saving.register_keras_serializable(package="inference_tests")
    def sharpened(x):
        return keras.ops.softmax(2.0 * x)

    rows = np.random.default_rng(0).normal(0, 2, (5, 4)).astype("float32")
    for units, end in ((3, sharpened), (3, "softmax"), (1, "sigmoid"), (3, None), (1, None)):
        x = keras.Input((4,), name="x")
        model = keras.Model(x, keras.layers.Dense(units, activation=end)(x))
        path = tmp_path / f"{units}.keras"
        model.save(path)
        predictor = inference.KerasPredictor(path, trust=True)
        if units == 1 and end is None:
            with pytest.raises(errors.InvalidValueError, match="End it in"):
                predictor.run({"x": rows})
            continue
        expected = np.asarray(model(rows))
        expected = expected if end else np.asarray(keras.ops.softmax(expected))
        np.testing.assert_allclose(predictor.run({"x": rows}), expected, atol=1e-6)


def test_a_folder_stands_for_the_files_in_it(tmp_path):
    (tmp_path / "below").mkdir()
    for name in ("a.jpg", ".hidden.jpg", "below/b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    assert folders.files_of([tmp_path]) == [tmp_path / "a.jpg", tmp_path / "below/b.jpg"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(errors.MissingFileError, match="holds no files"):
        folders.files_of([tmp_path / "empty"])


# --- folders of inputs, and answers as they come ---------------------------------------------


@pytest.fixture
def mixed(photos, tmp_path):
    """Return a folder with inputs, and with what is none."""
    root = tmp_path / "mixed"
    for name in ("a.png", "below/b.png", ".NET/c.png", "@eaDir/d.png", "README.txt", "Thumbs.db"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        content = photos[0][0].read_bytes() if name.endswith(".png") else b"some words"
        (root / name).write_bytes(content)
    (root / "below/up").symlink_to(root, target_is_directory=True)
    os.mkfifo(root / "pipe.png")
    return root


def test_predict_reads_a_folder_as_training_does(folder, mixed, capsys):
    out = mixed / "answers"
    words = ["predict", str(folder / "model_int8.tflite"), str(mixed), "--json"]
    for more in ([], ["--out", str(out)], ["--out", str(out)]):
        assert cli.run_command([*words, *more]) == 0
        said = capsys.readouterr()
        names = [row["input"] for row in json.loads(said.out)]
        assert names == [str(mixed / "a.png"), str(mixed / "below/b.png")]
        for words_of_note in ("set aside: 1 .txt", ".NET", "pipe.png"):
            assert words_of_note in said.err
    assert "answers/ is what `actzoo predict` wrote" in said.err
    assert cli.run_command([*words[:2], str(mixed / "README.txt")]) == 2
    assert "README.txt: Not a readable picture" in capsys.readouterr().err
    assert cli.run_command([*words, str(mixed / "@eaDir")]) == 0  # it was asked for by name


def test_an_empty_folder_is_an_input_that_cannot_be_read(folder, photos, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.txt").write_text("x")
    (tmp_path / "photos.zip").write_bytes(b"PK\x03\x04")
    given = [str(tmp_path / name) for name in ("empty", "notes", "photos.zip")]
    given.append(str(photos[0][0]))
    assert cli.run_command(["predict", str(folder / "model_int8.tflite"), *given, "--json"]) == 2
    said = capsys.readouterr()
    rows = json.loads(said.out)
    assert "holds no files" in rows[0]["error"] and "none of which is an input" in rows[1]["error"]
    assert "Unpack it and give the folder" in rows[2]["error"]
    assert rows[3]["label"] in toy_export.CLASSES


@pytest.mark.parametrize("as_json", [True, False])
def test_a_call_that_is_stopped_keeps_what_was_answered(
    folder, photos, tmp_path, capsys, monkeypatch, as_json
):
    calls = []
    real = inference.FilePredictor.run

    def stopping(self, inputs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, inputs)

    monkeypatch.setattr(inference.FilePredictor, "run", stopping)
    words = ["predict", str(folder / "model_int8.tflite"), *map(str, photos[0])]
    words += ["--out", str(tmp_path / "out"), *["--json"] * as_json]
    assert cli.run_command(words) == 130
    printed = capsys.readouterr().out
    rows = json.loads(printed) if as_json else printed.splitlines()[1:]
    table = (tmp_path / "out/predictions.csv").read_text("utf-8").splitlines()
    assert len(rows) == len(table) - 1 == 32 < len(photos[0])


def test_an_unusable_out_is_found_before_any_work(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(inference, "open_model", lambda *_, **__: pytest.fail("it is opened"))
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/predictions.csv").write_text("id,score\n1,2\n")
    for out, words in (
        ("file", "is a file"), ("file/below", "Cannot write"), ("mine", "is not a table of"),
        ("link", "leads nowhere"),
    ):  # fmt: skip
        given = ["predict", str(folder / "model_int8.tflite"), "a.png", "--out"]
        assert cli.run_command([*given, str(tmp_path / out)]) == 2
        assert words in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "mine"]


def test_a_call_that_is_refused_leaves_the_table_of_an_earlier_one(folder, photos, tmp_path):
    words = ["predict", str(folder / "model_int8.tflite"), str(photos[0][0])]
    words += ["--out", str(tmp_path / "out")]
    assert cli.run_command(words) == 0
    table = (tmp_path / "out/predictions.csv").read_bytes()
    assert cli.run_command([*words, "--text-column", "review"]) == 2
    assert (tmp_path / "out/predictions.csv").read_bytes() == table
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["predictions.csv"]


def test_masks_of_an_earlier_call_stay_known_when_the_next_is_stopped(tmp_path):
    row = {"input": "x.png", "shares": {"a": 1.0}}
    with answers.Table(tmp_path, ["a"]) as table:
        table.add([{**row, "mask": str(tmp_path / name)} for name in ("a.png", "2/caf\udce9.png")])
    earlier = own_files.answers_in(tmp_path)
    assert {("a.png",), ("2", "caf\\xe9.png")} <= earlier
    with pytest.raises(KeyboardInterrupt), answers.Table(tmp_path, ["a"]):
        raise KeyboardInterrupt
    assert earlier <= own_files.answers_in(tmp_path)
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "drawn.png").write_bytes(b"x")
    left_out = folders.LeftOut(str(tmp_path))
    listed = folders.files_of([tmp_path], left_out=left_out)
    assert listed == [tmp_path / "drawn.png"] and left_out.answers == 2
    table = tmp_path / "predictions.csv"
    rows = b"b.png,b.png,\r\n" * 3000
    for end in (b"caf\xe9.png,caf\xe9.png,\r\n", b'"' + b"x" * 200_000):  # as programs may leave it
        table.write_bytes(b"input,mask,error\r\n" + rows + end)
        assert {("b.png",), ("a.png",)} <= own_files.answers_in(tmp_path)
    with answers.Table(tmp_path, None):
        pass
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_many_classes_are_named_only_when_asked_for(tmp_path, capsys, monkeypatch):
    classes = [f"class number {k}" for k in range(500)]
    given = dict.fromkeys(classes, 1 / 500)
    found = [inference.Prediction(f"{k}.jpg", classes[0], 1 / 500, given) for k in range(20)]

    class Many(inference.Predictor):
        card = SimpleNamespace(task="classification", classes=classes)
        verified = True

        def run(self, inputs):
            raise NotImplementedError

        def predict_batches(self, given, **_):
            yield found

    monkeypatch.setattr(inference, "open_model", lambda *_, **__: Many())
    sizes = {}
    for more in ("--json", "--all"):
        words = ["predict", "m.tflite", "a.jpg", "--json", "--out", str(tmp_path / more), more]
        assert cli.run_command(words) == 0
        rows = json.loads(capsys.readouterr().out)
        table = (tmp_path / more / "predictions.csv").read_text("utf-8")
        sizes[more] = len(rows[0]["top"]), table.count("\n"), table.splitlines()[0].count(",")
    assert sizes == {"--json": (5, 21, 3), "--all": (500, 21, 503)}
