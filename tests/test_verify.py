"""A sound export passes; each way of breaking one is found, hashes or not."""

import json
import subprocess
import sys

import numpy as np
import pytest
import toy_export
from toy_export import rehash

from actzoo import artifacts, errors, run_folder, tflite, verify
from actzoo.verify.collected import Findings
from actzoo.verify.exported import read_recorded


@pytest.fixture
def folder(tmp_path):
    return run_folder.ExportFolder(toy_export.copy(tmp_path / "export"))


def codes(outcome):
    return {finding.code for finding in outcome.findings}


def edit_card(folder, **changes):
    folder.card.write_text(json.dumps({**json.loads(folder.card.read_text()), **changes}))


def change_reference(folder, **changes):
    with np.load(folder.reference) as archive:
        arrays = {key: archive[key] for key in archive.files}
    np.savez(folder.reference, **{**arrays, **changes})


def flip_weight(path):
    """Turn the sign of one weight of a convolution."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    kinds = {0: "float32", 1: "float16", 9: "int8"}
    kernel, buffer = next(
        (tensor, model.buffers[tensor.buffer])
        for tensor in model.subgraphs[0].tensors
        if len(tensor.shape) == 4 and model.buffers[tensor.buffer].data is not None
    )
    weights = np.frombuffer(bytes(bytearray(buffer.data)), kinds[kernel.type]).copy()
    weights[np.abs(weights).argmax()] *= -1
    buffer.data = np.frombuffer(weights.tobytes(), np.uint8)
    path.write_bytes(tflite.pack(model))


def test_sound_export_passes_and_is_measured(folder):
    outcome = verify.verify(folder.path)
    assert outcome.findings == () and outcome.passed
    written = json.loads(folder.verification.read_text())
    assert set(written) == set(artifacts.names())
    for precision in artifacts.names():
        row = written[precision]
        assert row["findings"] == [] and row["limits"]["agreement"] == 0.97
        assert row["passed"] and row["custom_operators"] == 0
        assert row["size_bytes"] == folder.file(precision).stat().st_size
        assert row["latency_ms"] > 0 and sum(row["operators"].values()) > 5
        assert row["agreement"] >= 0.97 and row["mean_abs_error"] <= row["max_abs_error"]
        assert row["test"]["n"] == 90 and row["test"]["accuracy"] > 0.9
        assert "max_abs_error_extreme" in row
    assert written["float32"]["max_abs_error"] < 1e-5


def test_run_folder_stands_for_its_export(folder):
    assert verify.verify(run_folder.RunFolder(folder.path.parent)).passed
    assert verify.verify(folder.path.parent).passed


def test_verify_needs_no_tensorflow(folder):
    code = (
        "import sys, actzoo.verify as v; assert v.verify(sys.argv[1]).passed;"
        "print([m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'keras', 'jax')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder.path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("precision", artifacts.names())
@pytest.mark.parametrize("hidden", [False, True])
def test_flipped_weight_is_found(folder, precision, hidden):
    flip_weight(folder.file(precision))
    if hidden:
        rehash(folder)
    outcome = verify.verify(folder)
    assert not outcome.passed and not outcome.precisions[precision]["passed"]
    if hidden:
        assert "drift" in codes(outcome)
        assert [p for p, row in outcome.precisions.items() if not row["passed"]] == [precision]
    else:
        named = [f.what for f in outcome.findings if f.code == "changed_file"]
        assert named == [f"model_{precision}.tflite differs from what was exported (sha256)."]


def test_smallest_change_of_a_weight_is_found_on_the_same_machine(folder):
    path = folder.file("int8")
    data = bytearray(path.read_bytes())
    graph_of = tflite.read(bytes(data))
    assert graph_of.counts()["CONV_2D"] == 1
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(bytes(data), 0)
    dense = next(t for t in model.subgraphs[0].tensors if b"head_logits" in t.name and t.type == 9)
    buffer = model.buffers[dense.buffer]
    weights = np.array(buffer.data, np.uint8)
    weights[0] ^= 1  # by one int8 step
    buffer.data = weights
    path.write_bytes(tflite.pack(model))
    rehash(folder)
    assert codes(verify.verify(folder)) == {"drift"}


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("hidden", [False, True])
def test_swapped_labels_are_found(folder, everywhere, hidden):
    swapped = ["green", "blue", "red"]
    folder.labels.write_text("\n".join(swapped) + "\n")
    if everywhere:
        edit_card(folder, classes=swapped)
        change_reference(folder, classes=np.array(swapped))
    if hidden:
        rehash(folder)
    outcome = verify.verify(folder)
    assert not outcome.passed
    if everywhere:
        assert all(row["test"]["accuracy"] < 0.5 for row in outcome.precisions.values())
    else:
        assert {"classes", "score_drop"} <= codes(outcome)
    if not hidden:
        assert any("labels.txt differs" in f.what for f in outcome.findings)


@pytest.mark.parametrize("hidden", [False, True])
def test_normalization_applied_twice_is_found_in_the_steps(folder, hidden):
    edit_card(folder, preprocessing=[*toy_export.STEPS, {"step": "rescale", "scale": 1 / 255}])
    if hidden:
        rehash(folder)
    assert "preprocessing" in codes(verify.verify(folder))


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_normalization_applied_twice_is_found_in_the_graph(tmp_path, precision):
    """The model is exported behind one more scaling; records and hashes are those of the first."""
    import keras

    image = keras.Input((16, 16, 3), name="image")
    twice = keras.Model(
        image, toy_export.trained()(keras.layers.Rescaling(1 / 127.5, -1.0)(image)), name="twice"
    )
    made = toy_export.export_to(tmp_path / "twice", twice, precision=precision)
    folder = run_folder.ExportFolder(toy_export.copy(tmp_path / "export"))
    folder.file(precision).write_bytes(made.files[precision].read_bytes())
    rehash(folder)
    outcome = verify.verify(folder)
    assert {"agreement", "drift", "score_drop"} <= codes(outcome)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"step": "decode_image"}, {**toy_export.STEPS[1], "height": 8}], "shape"),
        ([{"step": "decode_image"}], None),
        ([{"step": "no_such_step"}], "no_such_step"),
    ],
)
def test_changed_steps_are_found(folder, steps, words):
    edit_card(folder, preprocessing=steps)
    rehash(folder)
    findings = [f for f in verify.verify(folder).findings if f.code == "preprocessing"]
    if words:  # a picture that has the right size already needs no second step
        assert words in findings[0].what


def test_softplus_without_lowering_is_found_at_extreme_values(tmp_path):
    outcome = {}
    for lower in (True, False):
        made = toy_export.export_to(
            tmp_path / str(lower), toy_export.trained("softplus"), precision="float32", lower=lower
        )
        outcome[lower] = verify.verify(made.folder)
    assert outcome[True].passed
    assert not outcome[False].passed and codes(outcome[False]) == {"non_finite"}
    assert "extreme" in outcome[False].findings[0].what


def test_damaged_files_are_findings_and_verify_json_is_written(folder):
    folder.file("float32").write_bytes(folder.file("float32").read_bytes()[:3000])
    folder.file("float16").unlink()
    folder.file("dynamic").write_bytes(b"")
    folder.reference.write_bytes(b"PK broken")
    folder.labels.write_bytes(b"\xff\xfe")
    folder.card.write_text("{")
    outcome = verify.verify(folder)
    assert not outcome.passed
    assert {"file", "missing_file", "reference", "labels", "card"} <= codes(outcome)
    written = json.loads(folder.verification.read_text())
    assert not any(row["passed"] for row in written.values())
    assert not any(row["passed"] for row in outcome.precisions.values())


def test_missing_record_is_a_finding_and_missing_export_an_error(folder, tmp_path):
    folder.record.unlink()
    outcome = verify.verify(folder)
    assert "record" in codes(outcome) and not outcome.passed
    assert set(outcome.precisions) == set(artifacts.names())
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(errors.MissingFileError, match="actzoo export"):
        verify.verify(empty)


def test_limits_of_the_card_count(folder):
    edit_card(folder, limits={"agreement": 0.97, "score_drop": 0.015, "max_abs_error_int8": 1e-9})
    rehash(folder)
    outcome = verify.verify(folder)
    assert [(f.code, f.precision) for f in outcome.findings] == [("max_abs_error", "int8")]
    assert "case_" in outcome.findings[0].what  # the worst case by name


def test_another_machine_gets_tolerance(folder):
    record = json.loads(folder.record.read_text())
    record["machine"] = "another"
    folder.record.write_text(json.dumps(record))
    with np.load(folder.reference) as archive:
        recorded = archive["recorded_int8"] + 1e-3
    change_reference(folder, recorded_int8=recorded)
    rehash(folder)
    assert verify.verify(folder).passed
    record["machine"] = tflite.machine()
    folder.record.write_text(json.dumps(record))
    rehash(folder)
    assert codes(verify.verify(folder)) == {"drift"}


def test_constant_output_is_found(folder):
    """All weights zero: a file that runs and says nothing."""
    from ai_edge_litert import schema_py_generated as schema

    path = folder.file("float32")
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) > 64:
            buffer.data = np.zeros(len(buffer.data), np.uint8)
    path.write_bytes(tflite.pack(model))
    rehash(folder)
    assert "constant_output" in codes(verify.verify(folder))


def test_float_island_is_found(tmp_path):
    """An activation by SELECT, unknown to the table, between int8 layers."""
    import keras

    image = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(image)
    x = keras.layers.Conv2D(8, 3, name="before")(x)
    x = keras.ops.where(x > 0, x, 0.3 * keras.ops.sin(x))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, name="after")(x))
    model = keras.Model(image, keras.layers.Dense(3)(x))
    notes = []
    made = toy_export.export_to(tmp_path, model, precision="int8", note=notes.append)
    assert any("SELECT" in text and "stay float" in text for text in notes)
    findings = [f for f in verify.verify(made.folder).findings if f.code == "float_run"]
    assert findings and "SELECT" in findings[0].what and findings[0].precision == "int8"


def test_a_damaged_reference_is_a_finding_wherever_it_is_damaged(folder):
    content = folder.reference.read_bytes()
    random = np.random.default_rng(0)
    caught = 0
    for place in random.integers(0, len(content), 60):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(random.integers(0, 8))
        folder.reference.write_bytes(damaged)
        findings = Findings()
        read_recorded(folder, findings)
        caught += {finding.code for finding in findings.all} == {"reference"}
    assert caught > 30


def test_a_card_whose_limits_are_none_is_a_finding(folder):
    edit_card(folder, limits=None)
    assert "card" in codes(verify.verify(folder))
