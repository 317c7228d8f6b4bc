"""Texts: what is read, how inputs are chosen, what the encoder computes, and the whole path."""

import json
import os
import shutil
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import toy_export
from text_files import REVIEWS, needs_reviews, sentences, write_table

import actzoo
from actzoo import (
    data,
    domains,
    errors,
    evaluation,
    files,
    graphs,
    inference,
    models,
    preprocessing,
    run_folder,
    stages,
    verify,
)
from actzoo.applications.text import augmentation, panels, tokenizer
from actzoo.applications.text.data import open_texts
from actzoo.applications.text.reading import read_given
from actzoo.applications.text.tables import table

QUIET = {"note": lambda _: None}


@pytest.fixture
def source(tmp_path):
    return open_texts(str(write_table(tmp_path / "a.csv", sentences(60))), {})


def test_options_are_checked_where_texts_are_opened_directly(tmp_path):
    with pytest.raises(errors.UnknownNameError, match="data option 'delimeter'"):
        open_texts(str(tmp_path), {"delimeter": ";"})


# --- reading -----------------------------------------------------------------------------------


def test_each_form_of_a_table_gives_the_same_texts(tmp_path):
    import pyarrow
    from pyarrow import parquet

    rows = sentences(30)
    columns = {"text": [text for text, _ in rows], "label": [label for _, label in rows]}
    write_table(tmp_path / "csv" / "train.csv", rows)
    for form in ("tsv", "jsonl", "parquet"):
        (tmp_path / form).mkdir()
    lines = "".join(f"{text}\t{label}\n" for text, label in rows)
    (tmp_path / "tsv" / "train.tsv").write_text(f"text\tlabel\n{lines}")
    objects = (json.dumps({"text": text, "label": label}) for text, label in rows)
    (tmp_path / "jsonl" / "train.jsonl").write_text("\n".join(objects))
    parquet.write_table(pyarrow.table(columns), tmp_path / "parquet" / "train.parquet")
    sources = [data.open_source(str(tmp_path / form), **QUIET)
             for form in ("csv", "tsv", "jsonl", "parquet")]  # fmt: skip
    assert len({source.fingerprint().content_hash for source in sources}) == 1
    assert [source.ids()[0] for source in sources] == [
        "train.csv:2", "train.tsv:2", "train.jsonl:1", "train.parquet:1",
    ]  # fmt: skip


def test_a_folder_brings_its_splits_and_other_tables_are_left_alone(tmp_path):
    for name, count in (("training", 30), ("dev", 12), ("test", 15), ("notes", 9)):
        write_table(tmp_path / f"{name}.csv", sentences(count, seed=count))
    source = data.open_source(str(tmp_path), **QUIET)
    assert [source.splits().count(name) for name in ("train", "val", "test")] == [30, 12, 15]
    assert domains.recognize(str(tmp_path)).name == "text"


def test_one_table_alone_is_taken_and_lists_of_folders_are_not(tmp_path):
    write_table(tmp_path / "reviews.csv", sentences(30))
    assert domains.recognize(str(tmp_path)).name == "text"
    (tmp_path / "pictures").mkdir()
    with pytest.raises(errors.DataError, match="no data that actzoo recognizes"):
        domains.recognize(str(tmp_path))


def test_any_column_may_hold_the_texts(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Label,what people say\n" + "".join(f"{b},{a}\n" for a, b in sentences(30)))
    assert open_texts(str(path), {}).text(0) == sentences(30)[0][0]


def test_a_small_change_changes_the_content_hash(tmp_path):
    rows = sentences(30)
    hashes = {open_texts(str(write_table(tmp_path / "a.csv", changed)), {}).fingerprint()
              .content_hash for changed in (rows, rows[:-1], [("x" + rows[0][0], rows[0][1]),
              *rows[1:]], [(rows[0][0], rows[1][1]), *rows[1:]])}  # fmt: skip
    assert len(hashes) == 4


@needs_reviews
def test_real_reviews_open_with_nothing_to_say():
    notes = []
    source = data.open_source(str(REVIEWS), note=notes.append)
    assert len(source) == 8529 + 2133 and source.classes == ("neg", "pos")
    assert not notes


# --- inputs ------------------------------------------------------------------------------------


def plan_of(source, overrides=None, train=40):
    return domains.get_domain("text").inputs(source, {"train": np.arange(train)}, overrides or {})


def test_the_tokenizer_knows_the_training_split_alone(tmp_path):
    rows = [*sentences(40), ("zyzzyva zyzzyva zyzzyva rain", "weather")]
    source = open_texts(str(write_table(tmp_path / "a.csv", rows)), {})
    assert "zyzzyva" not in plan_of(source, train=40).steps[0]["vocabulary"].split()
    assert "zyzzyva" in plan_of(source, train=41).steps[0]["vocabulary"].split()


def test_the_same_texts_give_the_same_plan(source):
    assert plan_of(source) == plan_of(source)


def test_length_holds_nearly_all_texts_and_says_why(source):
    plan = plan_of(source)
    length = plan.config["max_length"]
    assert length % 8 == 0 and plan.steps[0]["length"] == length
    assert all(entry["shape"] == [length] for entry in plan.inputs.values())
    assert set(plan.inputs) == set(tokenizer.INPUTS)
    assert any(f"{length} tokens a text: enough for 99 %" in reason for reason in plan.reasons)
    asked = plan_of(source, {"max_length": 12, "vocabulary_size": 80})
    assert asked.config == {"max_length": 12, "vocabulary_size": 80}
    assert asked.inputs["input_ids"]["range"] == [0, 79]


def test_given_weights_keep_their_tokenizer_and_their_positions(source):
    vocabulary = tokenizer.train([source.text(i) for i in range(60)], 60)
    step = {"step": "tokenize", "length": 24, "vocabulary": vocabulary}
    overrides = {"preprocessing": [step], "max_length": 64, "vocabulary_size": 60}
    plan = plan_of(source, overrides)
    assert plan.steps[0]["vocabulary"] == step["vocabulary"]
    assert plan.config["max_length"] == 64 and plan.steps[0]["length"] <= 64


def test_vocabularies_do_not_depend_on_the_run_and_spell_new_words():
    texts = [text for text, _ in sentences(60)]
    code = (
        "import sys, json; from actzoo.applications.text import tokenizer\n"
        "print(tokenizer.train(json.loads(sys.argv[1]), 200))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(texts)], capture_output=True, text=True, check=True
    )
    vocabulary = tokenizer.train(texts, 200)
    assert done.stdout.strip() == vocabulary
    tokens = vocabulary.split()
    assert tokens[:5] == list(tokenizer.SPECIAL) and len(tokens) == len(set(tokens)) <= 200
    assert "##s" in tokens and "the" in tokens
    assert tokenizer.make(vocabulary).encode("spoons the").tokens[1:-1] != ["[UNK]"] * 2


def test_hidden_tokens_are_a_function_of_the_generator(source):
    plan = plan_of(source)
    augment = augmentation.augmenter(plan.steps, {"mask": 0.5})
    inputs = preprocessing.apply(plan.steps, b"rain wind storm soup tram lamp")
    one, target = augment(inputs, 2, data.rng(0, "a"))
    again, _ = augment(inputs, 2, data.rng(0, "a"))
    np.testing.assert_array_equal(one["input_ids"], again["input_ids"])
    changed = np.flatnonzero(one["input_ids"] != inputs["input_ids"])
    assert target == 2 and 0 < len(changed) < 6
    count = tokenizer.length(inputs)
    assert changed.min() >= 1 and changed.max() < count - 1
    assert set(one["input_ids"][changed]) == {tokenizer.SPECIAL.index(tokenizer.MASK)}
    with pytest.raises(errors.InvalidValueError, match="mask"):
        augmentation.augmenter(plan.steps, {"mask": 2})
    with pytest.raises(errors.UnknownNameError, match="mask"):
        augmentation.augmenter(plan.steps, {"masks": 0.1})


def test_panels_show_lengths_and_the_surest_mistakes(source, tmp_path):
    plan = plan_of(source)
    labels = source.labels()[40:]
    probabilities = np.full((20, 3), 0.1)
    probabilities[np.arange(20), labels] = 0.8
    probabilities[3] = np.roll([0.9, 0.05, 0.05], labels[3] + 1)
    made = panels.panels(
        SimpleNamespace(
            source=source, splits={"train": np.arange(40)}, classes=source.classes,
            steps=plan.steps, test_indices=np.arange(40, 60), labels=labels,
            probabilities=probabilities,
        )
    )  # fmt: skip
    assert [panel["kind"] for panel in made] == ["histogram", "table"]
    assert "unknown tokens: none of the training texts" in made[0]["about"]
    assert len(made[0]["values"]) == 40 and made[0]["mark"] == plan.steps[0]["length"]
    assert len(made[1]["rows"]) == 1
    assert made[1]["rows"][0][0] == source.text(43) and made[1]["rows"][0][3] == 0.9


# --- the encoder -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "count"), [("bert_tiny", 4_385_920), ("bert_mini", 11_170_560)])
def test_public_checkpoints_fit(name, count):
    """The numbers of parameters of google/bert_uncased_L-2_H-128_A-2 and L-4_H-256_A-4."""
    assert actzoo.build_model(name, num_classes=0, pooling="cls").count_params() == count


def built(**options):
    config = {"vocabulary_size": 40, "max_length": 16, "num_classes": 3, "width": 16, **options}
    return actzoo.build_model("bert_tiny", seed=0, **config)


def encoded(count=4, length=10, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "input_ids": rng.integers(5, 40, (count, length)).astype("int32"),
        "token_type_ids": np.zeros((count, length), "int32"),
        "attention_mask": np.ones((count, length), "int32"),
    }


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_padding_hardly_changes_an_answer(pooling):
    model = graphs.by_input_name(built(pooling=pooling))
    inputs = encoded()
    padded = {name: np.pad(value, ((0, 0), (0, 6))) for name, value in inputs.items()}
    padded["input_ids"][:, 10:] = 7
    plain, longer = model.predict(inputs, verbose=0), model.predict(padded, verbose=0)
    change = np.abs(plain - longer).max()
    assert change < 2e-4 * np.abs(plain).max()
    seen = {**padded, "attention_mask": np.ones_like(padded["attention_mask"])}
    assert np.abs(model.predict(seen, verbose=0) - plain).max() > 10 * change


def test_attention_is_that_of_keras():
    import keras

    from actzoo import blocks

    rng = np.random.default_rng(0)
    query, key, value = rng.normal(size=(3, 2, 5, 8)).astype("float32")
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], "int32")
    ours = blocks.Attention(2, mask_bias=-1e9)([query, key, value, mask])
    split = [keras.ops.reshape(x, (2, 5, 2, 4)) for x in (query, key, value)]
    theirs = keras.ops.dot_product_attention(*split, mask=(mask > 0)[:, None, None, :])
    np.testing.assert_allclose(ours, keras.ops.reshape(theirs, (2, 5, 8)), atol=1e-6)


def test_models_of_texts_survive_saving(tmp_path):
    model = built(pooling="cls", activation="mish")
    model.save(tmp_path / "model.keras")
    inputs = encoded()
    before, after = (
        graphs.by_input_name(m).predict(inputs, verbose=0)
        for m in (model, models.load_model(tmp_path / "model.keras"))
    )
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 15}, "not a multiple of heads=2"),
        ({"layers": 0}, "1 to 100"),
        ({"vocabulary_size": 2.5}, "a whole number"),
        ({"mask_bias": 1.0}, "mask_bias"),
        ({"pooling": "men"}, "mean"),
    ],
)
def test_impossible_options_are_refused(options, words):
    with pytest.raises(errors.InvalidValueError, match=words):
        built(**options)


# --- the whole path ----------------------------------------------------------------------------

SMALL = {"width": "32", "layers": "1", "learning_rate": "3e-3"}


@pytest.fixture(scope="module", autouse=True)
def converter():
    with toy_export.one_converter():
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("texts")
    table = write_table(root / "a.csv", sentences(240))
    outcome = actzoo.run(
        str(table), root / "run", model="bert_tiny", weights="none", epochs=12, settings=SMALL
    )
    assert outcome.passed, outcome.verification
    return outcome


@pytest.mark.slow
def test_texts_go_the_whole_path(run):
    assert run.metrics["test"]["accuracy"] > 0.9
    for precision in ("float32", "dynamic"):
        measures = run.verification[precision]
        assert measures["passed"] and measures["custom_operators"] == 0
        assert measures["agreement"] >= 0.97
    export_folder = run.run.export
    plan = files.read_json(run.run.plan, "plan")
    words = plan["preprocessing"][0]["vocabulary"].split(" ")
    assert (export_folder / "vocab.txt").read_text("utf-8").splitlines() == words
    assert (export_folder / "tokenizer.json").exists()
    record = files.read_json(export_folder / "export.json", "record")
    assert {"tokenizer.json", "vocab.txt"} <= set(record["files"])
    with np.load(export_folder / "reference.npz") as archive:
        assert archive["input_input_ids"].dtype == np.int32  # golden ids
    report = run.run.report.read_text("utf-8")
    assert "Length of the training texts" in report and "Examples of each class" in report


@pytest.mark.slow
def test_a_plan_repeats_itself_to_the_bit(run, tmp_path):
    again = actzoo.run(str(run.run.plan), tmp_path / "again", export=("float32",))
    one, other = (models.load_model(r.run.path).get_weights() for r in (run, again))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.slow
def test_sentences_and_files_are_predicted_without_tensorflow(run, tmp_path):
    table = write_table(tmp_path / "a.csv", sentences(9, seed=5))
    (tmp_path / "b.txt").write_text("rain and storm\n\nsoup with bread\n")
    model = run.run.export / "model_dynamic.tflite"
    code = (
        "import sys; from actzoo import inference\n"
        "with inference.open_model(sys.argv[1]) as model:\n"
        "    print(*(p.label for p in model.predict(sys.argv[2:])))\n"
        "print([m for m in sys.modules if m in ('tensorflow', 'keras')])"
    )
    given = [str(table), str(tmp_path / "b.txt"), "a tram by the bridge"]
    done = subprocess.run(
        [sys.executable, "-c", code, str(model), *given], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    labels, modules = done.stdout.splitlines()
    expected = [label for _, label in sentences(9, seed=5)] + ["weather", "kitchen", "street"]
    assert labels.split() == expected and modules == "[]"
    with inference.open_model(model) as opened:
        answers = opened.predict([" ", "", "none.csv", "rain"])
    assert "empty" in answers[0].error and "empty" in answers[1].error
    assert "no file" in answers[2].error and answers[3].label == "weather"


def test_tables_are_searched_once_to_recognize_and_open_them(tmp_path, monkeypatch):
    path = str(write_table(tmp_path / "train.csv", sentences(30)).parent)
    searched, real = [], table.find
    monkeypatch.setattr(table, "find", lambda place: searched.append(place) or real(place))
    assert domains.recognize(path).name == "text"
    data.open_source(path, "text", **QUIET)
    assert searched == [path]
    write_table(tmp_path / "test.csv", sentences(30, 1))
    assert len(data.open_source(path, "text", **QUIET)) == 60


def given_texts(*given, **options):
    """Return what `predict` reads, name and text."""
    return [
        (item.name, item.content if item.problem is None else item.problem)
        for item in read_given([str(g) for g in given], options)
        if item.note is None
    ]


def test_predict_finds_the_texts_of_any_table_that_training_takes(tmp_path):
    (tmp_path / "a.csv").write_text("phrase,label\nrain,weather\n")
    (tmp_path / "b.csv").write_text("What do you think?\nrain\n")
    (tmp_path / "c.csv").write_text("opinion\nrain\n")
    assert given_texts(tmp_path / "a.csv") == [(f"{tmp_path / 'a.csv'}:2", b"rain")]
    first = (f"{tmp_path / 'b.csv'}:1", b"What do you think?")  # a header, or a text? none is lost
    assert given_texts(tmp_path / "b.csv") == [first, (f"{tmp_path / 'b.csv'}:2", b"rain")]
    named = given_texts(tmp_path / "b.csv", text_column="What do you think?")
    assert [text for _, text in named] == [b"rain"]
    assert [text for _, text in given_texts(tmp_path / "c.csv")] == [b"rain"]
    ((_, told),) = given_texts(tmp_path / "a.csv", text_column="phrases")
    assert "Did you mean 'phrase'" in told and "--text-column" in told


def test_predict_reads_lines_as_editors_count_them_and_skips_what_is_hidden(tmp_path):
    (tmp_path / "a.txt").write_text("rain\x0cstorm\n\nsoup\u2028bread\r\n", "utf-8", newline="")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "a.txt").write_text("old\n")
    texts = given_texts(tmp_path)
    assert [text for _, text in texts] == [b"rain\x0cstorm", "soup\u2028bread".encode()]
    assert [name for name, _ in texts] == [f"{tmp_path / 'a.txt'}:{n}" for n in (1, 3)]


@pytest.mark.parametrize("name", ["a.xlsx", "some folder/a b.csv", "a.txt"])
def test_predict_takes_the_name_of_a_missing_file_for_no_sentence(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some folder").mkdir()
    ((_, told),) = given_texts(name)
    assert "There is no file" in told
    sentence = f"look at http://a.b/{name}"
    assert given_texts(sentence) == [(sentence, sentence.encode())]
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    ((_, told),) = given_texts("a.xlsx")
    assert "not a text file" in told


def test_predict_says_that_a_file_holds_no_texts_and_reads_pipes(tmp_path):
    (tmp_path / "a.txt").write_text("\n")
    (tmp_path / "b.csv").write_text("text,label\n")
    for name in ("a.txt", "b.csv"):
        ((_, told),) = given_texts(tmp_path / name)
        assert "holds no texts" in told
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("rain\n",))
    writer.start()
    assert [text for _, text in given_texts(tmp_path / "pipe")] == [b"rain"]
    writer.join()


@pytest.mark.slow
def test_other_tables_are_opened_as_the_first_was(tmp_path):
    lines = [f"{b};{a}" for a, b in sentences(90)]
    (tmp_path / "a.csv").write_text("kind;words\n" + "\n".join(lines) + "\n", "cp1252")
    opening = {
        "delimiter": ";",
        "text_column": "words",
        "label_column": "kind",
        "encoding": "cp1252",
    }
    outcome = actzoo.run(
        str(tmp_path / "a.csv"), tmp_path / "run", model="bert_tiny", weights="none", epochs=4,
        settings=SMALL, options=opening, export=("dynamic",),
    )  # fmt: skip
    one_class = [line for line in lines if line.startswith("street")]
    (tmp_path / "b.csv").write_text("kind;words\n" + "\n".join(one_class) + "\n", "cp1252")
    model = outcome.run.export / "model_dynamic.tflite"
    assert evaluation.evaluate(model, tmp_path / "b.csv")["test"]["n"] == len(one_class)
    commas = "\n".join(line.replace(";", ",") for line in ["kind;words", *one_class])
    (tmp_path / "c.csv").write_text(commas, "utf-16")
    other = {"delimiter": ",", "encoding": "utf-16"}
    scored = evaluation.evaluate(model, tmp_path / "c.csv", options=other)
    assert scored["test"]["n"] == len(one_class)
    assert stages.diagnose_model(outcome.run.path, tmp_path / "c.csv", options=other).sites
    with pytest.raises(errors.InvalidValueError, match=r"no effect: delimiter, encoding"):
        evaluation.evaluate(outcome.run.path, options=other)
    with pytest.raises(errors.UnknownNameError, match="data option 'delimeter'"):
        evaluation.evaluate(model, tmp_path / "c.csv", options={"delimeter": ","})
    with inference.open_model(model) as opened:
        assert len(opened.predict([str(tmp_path / "b.csv")])) == len(one_class)
    with pytest.raises(errors.InvalidValueError, match="data"):
        actzoo.run(str(tmp_path / "b.csv"), tmp_path / "run", resume=True)
    with pytest.raises(errors.InvalidValueError, match="max_length"):
        actzoo.run(
            str(tmp_path / "a.csv"), tmp_path / "run", resume=True, settings={"max_length": "9"}
        )


def planted(run, tmp_path):
    shutil.copytree(run.run.export, tmp_path / "export")
    return run_folder.ExportFolder(tmp_path / "export")


def shift_token_ids(folder):
    card = json.loads(folder.card.read_text())
    step = card["preprocessing"][0]
    words = step["vocabulary"].split(" ")
    step["vocabulary"] = " ".join([*words[:5], words[-1], *words[5:-1]])
    folder.card.write_text(json.dumps(card))


def edit_vocabulary_file(folder):
    path = folder.path / "vocab.txt"
    path.write_text("\n".join(reversed(path.read_text("utf-8").splitlines())) + "\n", "utf-8")


def swap_labels(folder):
    names = folder.labels.read_text().splitlines()
    folder.labels.write_text("\n".join([names[1], names[0], *names[2:]]) + "\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "code"),
    [
        (shift_token_ids, "preprocessing"),
        (edit_vocabulary_file, "preprocessing"),
        (swap_labels, "classes"),
    ],
)
@pytest.mark.parametrize("hidden", [False, True])
def test_planted_faults_are_found(run, tmp_path, plant, code, hidden):
    folder = planted(run, tmp_path)
    assert verify.verify(folder).passed
    plant(folder)
    if hidden:
        toy_export.rehash(folder)
    outcome = verify.verify(folder)
    assert not outcome.passed
    assert code in {finding.code for finding in outcome.findings}


@pytest.mark.slow
def test_other_texts_are_taken_up_from_trained_weights(run, tmp_path):
    rows = [
        (text, "outside" if label != "kitchen" else "inside") for text, label in sentences(90, 3)
    ]
    table = write_table(tmp_path / "other.csv", rows)
    outcome = actzoo.run(
        str(table), tmp_path / "run", model="bert_tiny", weights=str(run.run.path), epochs=3,
        export=("float32",),
    )  # fmt: skip
    assert outcome.metrics["test"]["accuracy"] > 0.8
    old, new = (files.read_json(r.run.plan, "plan") for r in (run, outcome))
    key = "vocabulary"
    assert new["preprocessing"][0][key] == old["preprocessing"][0][key]
    assert [phase["name"] for phase in new["recipe"]["phases"]] == ["head", "fine-tune"]
