"""What an export writes, and that each file computes what the model does."""

import json

import numpy as np
import pytest
import toy_export

from actzoo import artifacts, errors, export, files, run_folder, tasks, tflite, verify


@pytest.fixture(scope="module")
def folder():
    return run_folder.ExportFolder(toy_export.exported())


@pytest.fixture(scope="module")
def arrays(folder):
    with np.load(folder.reference, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def test_all_files_are_written_and_hashed(folder):
    record = json.loads(folder.record.read_text())
    assert record["format"] == 1
    assert record["precisions"] == list(artifacts.names())
    present = {
        p.relative_to(folder.path).as_posix() for p in folder.path.rglob("*") if p.is_file()
    } - {"export.json", "verify.json"}
    assert set(record["files"]) == present
    assert {"labels.txt", "model.json", "reference.npz", "model_int8.tflite"} <= present
    assert "saved_model/saved_model.pb" in present
    for name, digest in record["files"].items():
        assert files.sha256_file(folder.path / name) == digest
    assert folder.labels.read_text() == "blue\ngreen\nred\n"


def test_files_are_hashed_as_they_are_written_and_not_read_again(tmp_path, monkeypatch):
    def read_again(path):
        raise AssertionError(f"{path} is read again for its hash")

    monkeypatch.setattr(files, "sha256_file", read_again)
    made = toy_export.export_to(tmp_path, toy_export.trained(), precision="float32")
    monkeypatch.undo()
    recorded = json.loads(made.folder.record.read_text())["files"]
    assert "saved_model/saved_model.pb" in recorded
    for name, digest in recorded.items():
        assert files.sha256_file(tmp_path / name) == digest


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
    data = folder.file(precision).read_bytes()
    graph = tflite.read(data)
    assert graph.custom_operators() == 0
    runner = tflite.Interpreter(data)
    assert list(runner.inputs) == ["image"] and runner.output.name == "probabilities"
    assert runner.inputs["image"].shape == (16, 16, 3)
    outputs = runner.run({"image": arrays["input_image"]})
    np.testing.assert_allclose(outputs.sum(axis=1), 1, atol=1e-5)
    assert np.abs(outputs - arrays["probabilities"]).max() < limit
    np.testing.assert_array_equal(outputs, arrays[f"recorded_{precision}"])


def test_int8_file_is_int8_between_its_ends(folder):
    graph = tflite.read(folder.file("int8").read_bytes())
    weighted = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MAX_POOL_2D", "MEAN")
    for op in graph.operators:
        kinds = {graph.tensors[i].dtype for i in (*op.inputs[:1], *op.outputs)}
        if op.name in weighted and "block" in graph.tensors[op.outputs[0]].name:
            inner = "Log" in graph.tensors[op.outputs[0]].name  # mish adds 1 inside of its run
            assert kinds == ({"float32"} if inner else {"int8"})
    runs = tflite.float_runs(graph)
    assert len(runs) == 2 and all(run.folds for run in runs)
    assert runs[0].operators == ("EXP", "ADD", "LOG", "TANH")


def test_smaller_precisions_make_smaller_files(folder):
    sizes = {p: folder.file(p).stat().st_size for p in artifacts.names()}
    assert sizes["float16"] < sizes["float32"]


def test_weights_lie_inside_of_the_flatbuffer(folder):
    """MediaPipe's metadata writer loses buffers behind it."""
    from ai_edge_litert import schema_py_generated as schema

    for precision in artifacts.names():
        model = schema.ModelT.InitFromPackedBuf(folder.file(precision).read_bytes(), 0)
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
        runner = tflite.Interpreter(path.read_bytes())
        assert runner.inputs["image"].dtype == runner.output.dtype == "uint8"
        assert runner.inputs["image"].scale == 1.0 and runner.inputs["image"].zero_point == 0
        assert runner.output.scale == 1 / 256
        outputs = runner.run({"image": arrays["input_image"]})
        assert np.abs(outputs - arrays[f"recorded_{precision}"]).max() < 1.01 / 256
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
    runner = tflite.Interpreter(made.files["float32"].read_bytes())
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
    from actzoo.tflite.converter import Converter

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


# --- models that were not made here ---------------------------------------------------------------


def models_of_others():
    """Return models that others could bring, each with samples of its input."""
    import keras
    from keras import layers, ops

    rng = np.random.default_rng(0)
    rows = rng.normal(0, 2, (40, 4)).astype("float32")
    series = rng.normal(0, 1, (40, 5, 4)).astype("float32")
    x, s = keras.Input((4,), name="x"), keras.Input((5, 4), name="x")

    def ended(y):
        return layers.Dense(3, activation="softmax")(y)

    def adapted(**kwargs):
        normal = layers.Normalization()
        normal.adapt(5 * rows + 7)
        return ended(layers.Dense(4, **kwargs)(normal(x)))

    def relu(x):  # not Keras' own
        return ops.minimum(ops.maximum(x, 0.1 * x), 1.0)

    def called_twice():
        base = keras.Model(x, layers.ReLU()(layers.Dense(4)(x)))
        y = x
        for layer in base.layers[1:]:
            y = layer(y)
        return y

    def by_name():
        one, two = keras.Input((2,), name="one"), keras.Input((2,), name="two")
        joined = layers.Dense(3)(layers.Concatenate()([two, one]))
        inner = keras.Model({"one": one, "two": two}, joined)
        return inner({"one": x[:, :2], "two": x[:, 2:]})

    class Scaled(layers.Layer):
        def __init__(self, factors, **kwargs):
            super().__init__(**kwargs)
            self.factors = factors

        def call(self, x):
            return x * self.factors

    class Worded(layers.Layer):
        def __init__(self, activation="relu", **kwargs):
            super().__init__(**kwargs)
            self.activation = activation

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 4))

        def call(self, x):
            y = x @ self.kernel
            return ops.relu(y) if self.activation == "relu" else y

        def get_config(self):
            return {**super().get_config(), "activation": self.activation}

    half = {"dtype": "mixed_float16"}
    attention = layers.MultiHeadAttention(2, 3)
    return {
        "lstm": (s, ended(layers.LSTM(3)(s)), series),
        "bidirectional": (s, ended(layers.Bidirectional(layers.GRU(3))(s)), series),
        "state": (s, ended(layers.LSTM(3, return_state=True)(s)[1]), series),
        "scores": (
            s,
            ended(layers.Flatten()(attention(s, s, return_attention_scores=True)[0])),
            series,
        ),
        "adapted": (x, adapted(), rows),
        "adapted_half": (x, adapted(**half), rows),
        "own_relu": (x, ended(layers.Dense(8, activation=relu)(x)), rows),
        "own_relu_half": (
            x, ended(layers.Activation(relu)(layers.Dense(8, activation=relu, **half)(x))), rows
        ),
        "called_twice": (x, ended(called_twice()), rows),
        "by_name": (x, ended(by_name()), rows),
        "no_config": (x, ended(Scaled(np.arange(1.0, 5.0, dtype="float32"))(x)), rows),
        "worded": (x, ended(Worded()(x)), rows),
        "sigmoid": (x, layers.Dense(1, activation="sigmoid")(x), rows),
        "sigmoids": (x, layers.Dense(3, activation="sigmoid")(x), rows),
    }  # fmt: skip


MODELS_OF_OTHERS = tuple(
    "lstm bidirectional state scores adapted adapted_half own_relu own_relu_half called_twice "
    "by_name no_config worded sigmoid sigmoids".split()
)


@pytest.fixture(scope="module")
def others():
    return models_of_others()


@pytest.mark.parametrize("name", MODELS_OF_OTHERS)
def test_models_of_others_compute_the_same_on_the_device(others, tmp_path, name):
    import keras

    inputs, outputs, samples = others[name]
    model = keras.Model(inputs, outputs)
    folder = tmp_path / "export"
    made = export.export_model(
        model, folder, reference=samples, converter=toy_export.converter(), note=lambda _: None
    )
    assert verify.verify(folder).passed
    found = tflite.Interpreter(made.files["float32"].read_bytes()).run({"x": samples})
    atol = 5e-3 if name.endswith("half") else 1e-5
    np.testing.assert_allclose(found, model.predict(samples, verbose=0), atol=atol)


def int8_error(model, folder):
    """Return the largest error of a model's int8 file on pictures `(40, 8, 8, 3)`."""
    samples = np.random.default_rng(0).normal(0, 1, (40, 8, 8, 3)).astype("float32")
    made = export.export_model(
        model, folder, precision="int8", calibration=samples, note=lambda _: None,
        converter=toy_export.converter(),
    )  # fmt: skip
    outputs = tflite.Interpreter(made.files["int8"].read_bytes()).run({"x": samples})
    return np.abs(outputs - model.predict(samples, verbose=0)).max()


@pytest.mark.parametrize("kind", ["Conv2D", "DepthwiseConv2D", "Dense", "Conv2DTranspose"])
@pytest.mark.parametrize("gamma", [1e-6, 0.0])
def test_int8_keeps_the_bias_of_a_channel_without_weights(tmp_path, kind, gamma):
    """A gamma of 0 folds into weights of 0, and the bias would count more steps than 32 bits do."""
    import keras

    keras.utils.set_random_seed(0)
    x = keras.Input((8, 8, 3), name="x")
    options = {"use_bias": False, "name": "before"}
    if kind.startswith("Conv"):
        options |= {"filters": 6, "kernel_size": 3, "padding": "same"}
    elif kind == "Dense":
        options |= {"units": 6}
    else:
        options |= {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}
    y = keras.layers.Conv2D(3, 1)(x)
    y = getattr(keras.layers, kind)(**options)(y)
    normal = keras.layers.BatchNormalization()
    y = keras.layers.Conv2D(6, 3, activation="relu")(keras.layers.ReLU()(normal(y)))
    y = keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(y))
    normal.gamma.assign([gamma, gamma, 1, 1, 1, 1])
    normal.beta.assign([1, 1, 0, 0, 0, 0])
    assert int8_error(keras.Model(x, y), tmp_path) < 0.01


def test_int8_keeps_the_bias_of_a_kernel_that_is_used_in_two_places(tmp_path):
    import keras

    keras.utils.set_random_seed(0)
    x = keras.Input((8, 8, 3), name="x")
    shared = keras.layers.Conv2D(4, 3, kernel_initializer="zeros", bias_initializer="ones")
    y = keras.layers.Concatenate()([shared(x), shared(keras.layers.Rescaling(50.0)(x))])
    y = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(6, 3, activation="relu")(y))
    y = keras.layers.Dense(3, activation="softmax")(y)
    assert int8_error(keras.Model(x, y), tmp_path) < 0.01


def test_a_lone_sigmoid_of_another_model_is_found(tmp_path):
    import keras

    def exported(folder, factor):
        x = keras.Input((4,), name="x")
        model = keras.Model(x, keras.layers.Dense(1, activation="sigmoid")(x))
        model.set_weights([factor * np.ones((4, 1)), np.zeros(1)])
        return export.export_model(
            model, folder, precision="int8", calibration=samples, note=lambda _: None,
            converter=toy_export.converter(),
        ).folder  # fmt: skip

    samples = np.random.default_rng(0).normal(0, 1, (40, 4)).astype("float32")
    ours, other = exported(tmp_path / "a", 1.0), exported(tmp_path / "b", -1.0)
    assert json.loads(ours.card.read_text())["output"] == "sigmoid"
    assert verify.verify(ours.path).passed
    ours.file("int8").write_bytes(other.file("int8").read_bytes())
    toy_export.rehash(ours)
    assert "agreement" in {finding.code for finding in verify.verify(ours.path).findings}


def test_what_cannot_be_exported_is_refused_with_advice(tmp_path):
    import keras
    from keras import layers

    x = keras.Input((4,), name="x")
    open_size = keras.Input((None, 3), name="x")
    pooled = layers.Dense(2)(layers.GlobalAveragePooling1D()(open_size))
    spaced = keras.Input((4,), name="my input")
    quantized = keras.Model(x, layers.Dense(3)(x))
    quantized.get_layer(index=1).quantize("int8")
    text = keras.Input((1,), dtype="string", name="x")
    hashed = layers.Dense(2)(layers.Hashing(4, output_mode="multi_hot")(text))
    plain = keras.Model(x, layers.Dense(3)(x))
    ids = keras.Input((4,), dtype="int32", name="x")
    looked_up = keras.Model(ids, layers.Dense(3)(layers.Flatten()(layers.Embedding(9, 2)(ids))))
    for model, options, words in (
        (keras.Model(x, layers.Dense(1)(x)), {}, "End it in a sigmoid"),
        (keras.Model(x, keras.ops.squeeze(layers.Dense(1)(x), -1)), {}, r"takes \(batch"),
        (keras.Model(open_size, pooled), {}, "no fixed size"),
        (keras.Model(spaced, layers.Dense(2)(spaced)), {}, "letters, digits"),
        (quantized, {}, "quantized in Keras"),
        (keras.Model(text, hashed), {}, "takes string"),
        (plain, {"reference": np.ones((5, 3))}, r"takes \(n, 4\)"),
        (plain, {"reference": np.ones(4)}, r"takes \(n, 4\)"),
        (looked_up, {"io_dtype": "uint8"}, "whole numbers"),
    ):
        with pytest.raises(errors.ActzooError, match=words):
            export.export_model(model, tmp_path / "no", converter=toy_export.converter(), **options)
    assert not (tmp_path / "no").exists()


def test_sizes_left_open_are_those_of_the_samples(tmp_path):
    import keras

    x = keras.Input((None, None, 3), name="x")
    y = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(x))
    made = export.export_model(
        keras.Model(x, keras.layers.Dense(3)(y)),
        tmp_path,
        reference=np.ones((5, 8, 7, 3), "float32"),
        classes=np.array(["a", "b", "c"]),
        converter=toy_export.converter(),
    )
    assert tflite.Interpreter(made.files["float32"].read_bytes()).inputs["x"].shape == (8, 7, 3)
    with pytest.raises(errors.DataError, match="the same size"):
        export.export_model(
            keras.Model(x, keras.layers.Dense(3)(y)),
            tmp_path / "no",
            precision="int8",
            calibration=np.ones((5, 9, 9, 3), "float32"),
            reference=np.ones((5, 8, 7, 3), "float32"),
            converter=toy_export.converter(),
        )
    assert verify.verify(tmp_path).passed


def test_random_cases_of_whole_numbers_look_up_many_rows(tmp_path):
    import keras

    x = keras.Input((6,), dtype="int32", name="x")
    y = keras.layers.Embedding(50, 8, mask_zero=True)(x)
    y = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(y))
    export.export_model(keras.Model(x, y), tmp_path, converter=toy_export.converter())
    with np.load(tmp_path / "reference.npz") as archive:
        seen = np.unique(archive["input_x"])
    assert len(seen) > 30 and seen.min() > 0 and seen.max() < 50
    assert verify.verify(tmp_path).passed


def test_files_of_the_user_are_left_alone_and_not_vouched_for(tmp_path):
    import keras

    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.layers.Dense(2)(x))
    (tmp_path / "notes.txt").write_text("mine")
    options = {"classes": ["a\u2028b", "c"], "converter": toy_export.converter()}
    export.export_model(model, tmp_path, io_dtype="uint8", **options)
    (tmp_path / "notes.txt").write_text("changed")
    assert verify.verify(tmp_path).passed
    export.export_model(model, tmp_path, **options)
    assert (tmp_path / "notes.txt").read_text() == "changed"
    record = json.loads((tmp_path / "export.json").read_text())
    assert "notes.txt" not in record["files"]
    (tmp_path / "tokenizer.json").write_text("of an earlier model")
    names = ["..", "", "saved_model", "tokenizer.json", "notes.txt"]
    record |= {"traveling": names, "files": {"tokenizer.json": "", "saved_model": "", "..": ""}}
    (tmp_path / "export.json").write_text(json.dumps(record))
    export.export_model(model, tmp_path, **options)
    assert (tmp_path / "notes.txt").exists() and not (tmp_path / "tokenizer.json").exists()
