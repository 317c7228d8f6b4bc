"""Exports that go wrong, files that were changed or made up."""

import errno
import json
import os
import signal

import effort
import numpy as np
import pytest
import toy_export

from actzoo import artifacts, errors, export, inference, run_folder, tflite, verify


@pytest.fixture(scope="module")
def exported():
    return toy_export.exported()


# --- calibration -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (None, "none are given"),
        (np.zeros((0, 16, 16, 3)), "empty"),
        (np.zeros((40, 16, 16, 3)), "all zero"),
        (np.full((40, 16, 16, 3), np.nan), "40 calibration samples hold NaN"),
        (np.where(np.arange(40)[:, None, None, None] == 7, np.inf, np.ones((40, 16, 16, 3))),
         "first is number 7"),
    ],
    ids=["none", "empty", "zero", "nan", "inf"],
)  # fmt: skip
def test_useless_calibration_is_refused(tmp_path, samples, words):
    with pytest.raises(errors.DataError, match=words) as caught:
        toy_export.export_to(
            tmp_path / "out", toy_export.network(), precision="int8", calibration=samples
        )
    assert "calibration=" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_few_samples_are_noted(tmp_path):
    notes = []
    images, _ = toy_export.pictures(5, seed=0)
    toy_export.export_to(
        tmp_path, toy_export.trained(), precision="int8", calibration=images, note=notes.append
    )
    assert any("5 samples only" in text for text in notes)
    recorded = json.loads((tmp_path / "export.json").read_text())["notes"]
    assert any("5 samples only" in text for text in recorded)


# --- conversion ------------------------------------------------------------------------------


def test_operator_that_tflite_lacks_is_named_with_its_layer(tmp_path):
    import keras

    x = keras.Input((4,), name="x")
    y = keras.layers.Activation(keras.ops.arctan, name="odd_act")(keras.layers.Dense(4)(x))
    model = keras.Model(x, keras.layers.Dense(2)(y))
    with pytest.raises(errors.ExportError, match="Atan") as caught:
        export.export_model(model, tmp_path / "out", converter=toy_export.converter())
    assert "odd_act" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_converter_that_dies_is_reported_and_others_are_written(tmp_path, monkeypatch):
    from actzoo.tflite.converter import STORE_AS_FLOAT16, Converter

    run = Converter.run

    def dying(self, job, **arguments):
        if job is STORE_AS_FLOAT16:
            self._child.send_signal(signal.SIGABRT)
        return run(self, job, **arguments)

    monkeypatch.setattr(Converter, "run", dying)
    with Converter() as worker, pytest.raises(errors.ExportError) as caught:
        toy_export.export_to(tmp_path, toy_export.trained(), converter=worker)
    text = str(caught.value)
    assert "float16" in text and "SIGABRT" in text and "store the weights" in text
    assert "Written: float32, dynamic, int8" in text
    assert caught.value.exit_code == 2
    assert json.loads((tmp_path / "export.json").read_text())["precisions"] == [
        "float32", "dynamic", "int8",
    ]  # fmt: skip
    assert verify.verify(tmp_path).passed


def test_converter_that_hangs_is_stopped_and_says_how_to_give_it_time(monkeypatch, tmp_path):
    from actzoo.tflite.converter import CONVERT, Converter

    job = {"saved_model": str(tmp_path), "out": str(tmp_path / "m.tflite")}
    monkeypatch.setenv("ACTZOO_CONVERTER_SECONDS", "0.3")
    with Converter() as worker:
        worker.start()
        child = worker._child
        child.send_signal(signal.SIGSTOP)
        with pytest.raises(errors.ExportError, match="convert the model") as caught:
            worker.run(CONVERT, **job)
        assert child.poll() is not None
        assert "was stopped" in str(caught.value) and caught.value.exit_code == 2
        assert "ACTZOO_CONVERTER_SECONDS=60" in str(caught.value)
        monkeypatch.setenv("ACTZOO_CONVERTER_SECONDS", "soon")
        with pytest.raises(errors.InvalidValueError, match="'soon'"):
            worker.run(CONVERT, **job)
        monkeypatch.setenv("ACTZOO_CONVERTER_SECONDS", "300")
        with pytest.raises(errors.ExportError, match="SavedModel"):
            worker.run(CONVERT, **job)  # in a new child


def test_no_child_and_no_file_is_left_behind(tmp_path, unchanged):
    from actzoo.tflite.converter import Converter

    with Converter() as worker:
        toy_export.export_to(
            tmp_path / "out", toy_export.trained(), precision="float32", converter=worker
        )
        child = worker._child.pid
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


@pytest.mark.parametrize("at", ["model_int8.tflite", "labels.txt", "reference.npz", "export.json"])
def test_full_disk_leaves_no_half_file(tmp_path, monkeypatch, at):
    target = tmp_path / "out"
    replace = os.replace

    def full(source, destination):
        if os.path.basename(destination) == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(source, destination)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(errors.DiskError, match=at):
        toy_export.export_to(target, toy_export.trained(), precision=("float32", "int8"))
    monkeypatch.undo()
    assert not (target / at).exists() and not (target / "export.json").exists()
    assert not [path for path in target.rglob("*") if path.name.startswith(".")]
    # What is there is whole, and known as incomplete.
    outcome = verify.verify(target) if list(target.glob("*.tflite")) else None
    assert outcome is None or not outcome.passed


@pytest.mark.parametrize("name", ["reference.npz", "labels.txt", "model_int8.tflite", "model.json"])
def test_edited_file_is_named(tmp_path, name):
    folder = toy_export.copy(tmp_path / "export")
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    outcome = verify.verify(folder)
    assert not outcome.passed
    assert [f.what for f in outcome.findings if f.code == "changed_file"] == [
        f"{name} differs from what was exported (sha256)."
    ]


# --- inputs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x[:, :8], r"takes \(n, 16, 16, 3\); found \(2, 8, 16, 3\)"),
        (lambda x: np.moveaxis(x, -1, 1), "channels come last"),
        (lambda x: x[0], "first axis"),
        (lambda x: x.astype("float32") / 255, r"from 0 to 255; found 0.* to 0\.\d"),
        (lambda x: x.astype("float32") / 127.5 - 1, "from 0 to 255; found -1"),
        (lambda x: x.astype("float32") * 10, "from 0 to 255"),
        (lambda x: x.astype("float32") + np.nan, "NaN"),
        (lambda x: x.astype(str), "takes numbers"),
        (lambda x: x.astype(object), "takes numbers"),
    ],
    ids=["size", "channels", "batch", "0to1", "-1to1", "high", "nan", "text", "object"],
)
def test_input_that_does_not_fit_is_refused(exported, change, words):
    images, _ = toy_export.pictures(2, seed=0)
    with inference.open_model(exported / "model_int8.tflite") as model:
        with pytest.raises(errors.InvalidValueError, match=words):
            model.probabilities({"image": change(images)})
        with pytest.raises(errors.InvalidValueError, match="'image' is missing"):
            model.probabilities({"picture": images})
        dark = np.zeros_like(images)
        assert np.isfinite(model.probabilities({"image": dark.astype("float32")})).all()


# --- untrusted files -------------------------------------------------------------------------


def test_flipped_bit_in_a_tflite_of_ours_is_refused(tmp_path):
    folder = toy_export.copy(tmp_path / "export")
    path = folder / "model_int8.tflite"
    data = path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(100):
        changed = bytearray(data)
        changed[random.integers(len(data))] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        with pytest.raises(errors.InvalidValueError):
            inference.open_model(path)


def test_what_is_not_a_tflite_is_named_for_what_it_is(tmp_path):
    for content, words in (
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "HTML page"),
        (b"x" * 100, "does not begin"),
    ):
        path = tmp_path / "m.tflite"
        path.write_bytes(content)
        with pytest.raises(errors.InvalidValueError, match=words):
            inference.open_model(path)


def test_saved_model_is_refused_without_trust(exported):
    with pytest.raises(errors.InvalidValueError, match="--trust") as caught:
        inference.open_model(exported / "saved_model")
    assert "read and write files" in str(caught.value)


def model_of(data):
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(data, 0)


def _no_writer(model):
    model.subgraphs[0].operators.pop()


def _bad_input(model):
    model.subgraphs[0].operators[2].inputs[0] = 10_000


def _bad_output(model):
    model.subgraphs[0].operators[2].outputs[0] = -3


def _unknown_operator(model):
    model.operatorCodes[0].builtinCode = 9999


def _cycle(model):
    first, second = model.subgraphs[0].operators[1:3]
    first.inputs[0] = second.outputs[0]


def _short_buffer(model):
    buffer = max(model.buffers, key=lambda b: 0 if b.data is None else len(b.data))
    buffer.data = buffer.data[:-4]


def _bad_graph_output(model):
    model.subgraphs[0].outputs[0] = 500


def _huge_shape(model):
    model.subgraphs[0].tensors[3].shape = np.array([60_000, 60_000, 60_000], "int32")


def _bad_signature(model):
    model.signatureDefs[0].outputs[0].tensorIndex = 999


def _no_graph(model):
    model.subgraphs = []


def _bad_buffer(model):
    model.subgraphs[0].tensors[0].buffer = 999


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_no_writer, "no operator makes the output"),
        (_bad_input, "does not exist"),
        (_bad_output, "does not exist"),
        (_unknown_operator, "unknown operator 9999"),
        (_cycle, "before it is made"),
        (_short_buffer, "bytes instead of"),
        (_bad_graph_output, "does not exist"),
        (_huge_shape, "impossible shape"),
        (_bad_signature, "points to no tensor"),
        (_no_graph, "no graph"),
        (_bad_buffer, "no buffer"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_unsound_structure_is_refused_by_our_own_check(exported, tmp_path, change, words):
    model = model_of((exported / "model_float32.tflite").read_bytes())
    for part in model.subgraphs:
        for op in part.operators:
            op.inputs, op.outputs = list(map(int, op.inputs)), list(map(int, op.outputs))
        part.outputs = list(map(int, part.outputs))
    change(model)
    data = tflite.pack(model)
    with pytest.raises(errors.InvalidValueError, match=words):
        tflite.read(data, "m.tflite")
    path = tmp_path / "m.tflite"
    path.write_bytes(data)
    with pytest.raises(errors.InvalidValueError, match=words):
        inference.open_model(path)


def test_check_looks_once_at_each_part_and_takes_our_own_files(exported):
    for precision in artifacts.names():
        data = (exported / f"model_{precision}.tflite").read_bytes()
        graph = tflite.read(data)
        parts = len(graph.tensors) + len(graph.operators)
        assert effort.calls_in(lambda data=data: tflite.read(data)) < 600 * parts


def test_mutants_leave_the_parent_alive(exported, tmp_path):
    """A small sample of flipped bytes; each gives an answer marked as unverified, or a refusal."""
    data = (exported / "model_int8.tflite").read_bytes()
    images, _ = toy_export.pictures(1, seed=0)
    random = np.random.default_rng(1)
    path = tmp_path / "m.tflite"
    for _ in range(12):
        changed = bytearray(data)
        for _ in range(int(random.integers(1, 6))):
            changed[random.integers(8, len(data))] = random.integers(256)
        path.write_bytes(changed)
        try:
            with inference.open_model(path) as model:
                assert not model.verified
                model.probabilities({"image": images})
        except errors.InvalidValueError as error:
            assert len(str(error).splitlines()) <= 5


def test_child_has_limits_of_time(exported, tmp_path, monkeypatch):
    path = tmp_path / "m.tflite"
    path.write_bytes((exported / "model_int8.tflite").read_bytes())
    images, _ = toy_export.pictures(1, seed=0)
    with tflite.Sandbox(path) as child:
        child._process.send_signal(signal.SIGSTOP)
        child._seconds = 0.3
        with pytest.raises(errors.InvalidValueError, match="more than 0 s"):
            child.run({"image": images})
    assert child._process.poll() is not None


def test_names_in_a_file_are_shown_escaped_and_cut(exported):
    model = model_of((exported / "model_float32.tflite").read_bytes())
    part = model.subgraphs[0]
    part.operators.pop()
    part.tensors[part.outputs[0]].name = b"\x1b[31m<b>" + b"x" * 100_000
    with pytest.raises(errors.InvalidValueError) as caught:
        tflite.read(tflite.pack(model), "m.tflite")
    text = str(caught.value)
    assert "\x1b" not in text and "\\x1b" in text and len(text) < 400


def test_wrong_output_names_the_worst_case(tmp_path):
    folder = run_folder.ExportFolder(toy_export.copy(tmp_path / "export"))
    other = toy_export.export_to(tmp_path / "other", toy_export.network(), precision="float32")
    folder.file("float32").write_bytes(other.files["float32"].read_bytes())
    toy_export.rehash(folder)
    outcome = verify.verify(folder)
    assert {"max_abs_error", "agreement"} <= {f.code for f in outcome.findings}
    assert any("case_" in f.what for f in outcome.findings)
