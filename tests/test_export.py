"""What an export writes, and that each file computes what the model does."""

import json

import numpy as np
import pytest
import toy_export

from actzoo import errors, export, results, tasks
from actzoo.device import islands, runtime, tflite


@pytest.fixture(scope="module")
def folder():
    return results.ExportFolder(toy_export.exported())


@pytest.fixture(scope="module")
def arrays(folder):
    with np.load(folder.reference, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def test_all_files_are_written_and_hashed(folder):
    record = json.loads(folder.record.read_text())
    assert record["format"] == 1
    assert record["precisions"] == list(export.PRECISIONS)
    present = {
        p.relative_to(folder.path).as_posix() for p in folder.path.rglob("*") if p.is_file()
    } - {"export.json", "verify.json"}
    assert set(record["files"]) == present
    assert {"labels.txt", "model.json", "reference.npz", "model_int8.tflite"} <= present
    assert "saved_model/saved_model.pb" in present
    for name, digest in record["files"].items():
        assert results.sha256_file(folder.path / name) == digest
    assert folder.labels.read_text() == "blue\ngreen\nred\n"


def test_reference_holds_cases_as_sent_and_as_computed(folder, arrays):
    model = toy_export.trained()
    cases = arrays["input_image"]
    assert cases.dtype == np.uint8
    logits = model.predict(cases.astype("float32"), verbose=0)
    expected = tasks.softmax(logits)
    np.testing.assert_allclose(arrays["probabilities"], expected, atol=1e-6)
    assert len(arrays["ids"]) == len(arrays["labels"]) == len(cases) == 90
    assert list(arrays["classes"]) == list(toy_export.CLASSES)
    first = arrays["raw_bytes"][: arrays["raw_offsets"][1]].tobytes()
    assert first == toy_export.encode(cases[0])
    assert all(value.dtype != object for value in arrays.values())


@pytest.mark.parametrize(
    ("precision", "limit"),
    [("float32", 1e-5), ("float16", 2e-3), ("dynamic", 0.05), ("int8", 0.1)],
)
def test_file_agrees_with_keras(folder, arrays, precision, limit):
    data = folder.tflite(precision).read_bytes()
    graph = tflite.read(data)
    assert graph.custom_operators() == 0
    runner = runtime.Interpreter(data)
    assert list(runner.inputs) == ["image"] and runner.output.name == "probabilities"
    assert runner.inputs["image"].shape == (16, 16, 3)
    found = runner.run({"image": arrays["input_image"]})
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert np.abs(found - arrays["probabilities"]).max() < limit
    np.testing.assert_array_equal(found, arrays[f"recorded_{precision}"])


def test_int8_file_is_int8_between_its_ends(folder):
    graph = tflite.read(folder.tflite("int8").read_bytes())
    weighted = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MAX_POOL_2D", "MEAN")
    for op in graph.operators:
        kinds = {graph.tensors[i].dtype for i in (*op.inputs[:1], *op.outputs)}
        if op.name in weighted and "block" in graph.tensors[op.outputs[0]].name:
            inner = "Log" in graph.tensors[op.outputs[0]].name  # mish adds 1 inside of its run
            assert kinds == ({"float32"} if inner else {"int8"})
    runs = islands.float_runs(graph)
    assert len(runs) == 2 and all(run.folds for run in runs)
    assert runs[0].operators == ("EXP", "ADD", "LOG", "TANH")


def test_sizes_shrink(folder):
    sizes = {p: folder.tflite(p).stat().st_size for p in export.PRECISIONS}
    assert sizes["float16"] < sizes["float32"]


def test_weights_lie_inside_of_the_flatbuffer(folder):
    """MediaPipe's metadata writer loses buffers behind it."""
    from ai_edge_litert import schema_py_generated as schema

    for precision in export.PRECISIONS:
        model = schema.ModelT.InitFromPackedBuf(folder.tflite(precision).read_bytes(), 0)
        assert all(buffer.offset <= 1 for buffer in model.buffers)


def test_extreme_cases_are_extreme(arrays):
    extreme = arrays["extreme_input_image"]
    assert extreme.min() < -1e4 and extreme.max() > 1e4
    assert len(extreme) == len(arrays["extreme_probabilities"])


def test_uint8_input_and_output(tmp_path, folder, arrays):
    made = toy_export.export_to(
        tmp_path, toy_export.trained(), precision=("float32", "int8"), io_dtype="uint8"
    )
    for precision, path in made.files.items():
        runner = runtime.Interpreter(path.read_bytes())
        assert runner.inputs["image"].dtype == runner.output.dtype == "uint8"
        assert runner.inputs["image"].scale == 1.0 and runner.inputs["image"].zero_point == 0
        assert runner.output.scale == 1 / 256
        found = runner.run({"image": arrays["input_image"]})
        assert np.abs(found - arrays[f"recorded_{precision}"]).max() < 1.01 / 256
    assert json.loads((tmp_path / "export.json").read_text())["io_dtype"] == "uint8"


def test_export_again_replaces_and_removes_what_is_stale(tmp_path):
    target = toy_export.copy(tmp_path / "e")
    (target / "verify.json").write_text("{}")
    made = toy_export.export_to(target, toy_export.trained(), precision="float32")
    assert sorted(p.name for p in target.glob("*.tflite")) == ["model_float32.tflite"]
    assert "--precision float32,float16,dynamic,int8" in " ".join(made.notes)
    assert not (target / "verify.json").exists()
    assert not [p for p in target.rglob(".*")]


def test_saved_model_has_the_named_signature(folder, arrays):
    import tensorflow as tf

    call = tf.saved_model.load(str(folder.saved_model)).signatures["serving_default"]
    one = tf.constant(arrays["input_image"][:1].astype("float32"))
    found = call(image=one)["probabilities"].numpy()
    np.testing.assert_allclose(found, arrays["probabilities"][:1], atol=1e-5)


def test_any_functional_model_with_defaults(tmp_path):
    """No card, no calibration, no reference; mixed precision; output already a softmax."""
    import keras

    x = keras.Input((8,), name="features")
    y = keras.layers.Dense(8, activation="softplus", dtype="mixed_float16")(x)
    y = keras.layers.Dense(2, activation="softmax", dtype="mixed_float16")(y)
    made = export.export_model(keras.Model(x, y), tmp_path, converter=toy_export.converter())
    graph = tflite.read(made.files["float32"].read_bytes())
    assert graph.counts()["SOFTMAX"] == 1
    assert (tmp_path / "labels.txt").read_text() == "class_0\nclass_1\n"


def test_a_softmax_that_hides_in_a_function_is_seen_by_its_outputs(tmp_path):
    import keras

    @keras.saving.register_keras_serializable(package="hidden_softmax")
    def sharpened(x):
        return keras.ops.softmax(2.0 * x)

    x = keras.Input((4,), name="features")
    notes = []
    made = export.export_model(
        keras.Model(x, keras.layers.Dense(3, activation=sharpened)(x)),
        tmp_path,
        note=notes.append,
        converter=toy_export.converter(),
    )
    assert tflite.read(made.files["float32"].read_bytes()).counts()["SOFTMAX"] == 1
    assert any("probabilities already" in note for note in notes)


def test_several_inputs_by_name(tmp_path):
    import keras

    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    y = keras.layers.Dense(2)(keras.layers.Concatenate()([a, b]))
    model = keras.Model({"b": b, "a": a}, y)
    random = np.random.default_rng(0)
    samples = {
        "a": random.normal(size=(40, 4)).astype("float32"),
        "b": random.normal(size=(40, 3)).astype("float32"),
    }
    made = export.export_model(model, tmp_path, precision=("float32", "int8"), calibration=samples)
    runner = runtime.Interpreter(made.files["float32"].read_bytes())
    expected = tasks.softmax(model.predict(samples, verbose=0))
    np.testing.assert_allclose(runner.run(samples), expected, atol=1e-5)


def test_softplus_beyond_its_chain_takes_the_stable_form(tmp_path):
    """Pre-activations past 88 overflow log(1 + exp(x)) in calibration."""
    import keras

    x = keras.Input((4,), name="x")
    y = keras.layers.Dense(4, name="wide", kernel_initializer="identity")(x)
    y = keras.layers.Activation("softplus", name="wide_act")(y)
    small = keras.initializers.RandomNormal(0, 0.01, seed=0)
    model = keras.Model(x, keras.layers.Dense(2, kernel_initializer=small)(y))
    samples = np.random.default_rng(0).uniform(-150, 150, (40, 4)).astype("float32")
    notes = []
    export.export_model(model, tmp_path, precision="int8", calibration=samples, note=notes.append)
    assert any("wide_act" in text for text in notes)
    with np.load(tmp_path / "reference.npz") as archive:
        error = np.abs(archive["recorded_int8"] - archive["probabilities"])
    assert error.max() < 0.1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precision": "int4"}, "int8"),
        ({"precision": ()}, "float32"),
        ({"io_dtype": "int16"}, "uint8"),
        ({"classes": ("a", "b")}, "3 outputs"),
        ({"classes": ("a", "b\nc", "d")}, "line break"),
        ({"precision": "int8", "calibration": np.ones((40, 8, 8, 3))}, "16, 16, 3"),
        ({"precision": "int8", "calibration": {"picture": np.ones((40, 16, 16, 3))}}, "image"),
        ({"precision": "int8", "calibration": np.full((40, 16, 16, 3), "x")}, "numbers"),
        ({"reference": np.ones((0, 16, 16, 3))}, "empty"),
    ],
    ids=str,
)
def test_impossible_requests_are_refused_before_any_work(tmp_path, options, words):
    with pytest.raises(errors.ActzooError, match=words):
        toy_export.export_to(tmp_path / "out", toy_export.network(), **options)
    assert not (tmp_path / "out").exists()


def test_one_converter_serves_many_exports(tmp_path):
    from actzoo.device.converter import Converter

    with Converter() as worker:
        for k in range(2):
            toy_export.export_to(
                tmp_path / str(k), toy_export.trained(), precision="float32", converter=worker
            )
        child = worker._child.pid
        assert worker._child.poll() is None
    with pytest.raises(ProcessLookupError):
        __import__("os").kill(child, 0)


def test_tables_that_rows_are_looked_up_in_are_stored_small(tmp_path):
    import keras

    ids = keras.Input((12,), dtype="int32", name="ids")
    y = keras.layers.Embedding(4000, 32)(ids)
    y = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(y))
    random = np.random.default_rng(0)
    samples = {"ids": random.integers(0, 4000, (40, 12)).astype("int32")}
    made = export.export_model(
        keras.Model(ids, y), tmp_path, precision=("float32", "float16", "dynamic"),
        reference=samples, converter=toy_export.converter(),
    )  # fmt: skip
    size = {name: path.stat().st_size for name, path in made.files.items()}
    assert size["float16"] < 0.55 * size["float32"] and size["dynamic"] < 0.3 * size["float32"]
    with np.load(tmp_path / "reference.npz") as archive:
        assert archive["input_ids"].dtype == np.int32
        for name in made.files:
            assert np.abs(archive[f"recorded_{name}"] - archive["probabilities"]).max() < 2e-3
