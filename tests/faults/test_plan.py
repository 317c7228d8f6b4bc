"""Settings and plans edited by hand."""

import json

import pytest

from actzoo import errors, files
from actzoo.plan import Phase, Plan, Recipe, apply_settings


def example() -> Plan:
    return Plan(
        data="/data", domain="vision", task="classification", content_hash="0",
        classes=("a", "b"), preprocessing=({"step": "decode_image"},),
        inputs={"image": {"shape": [4, 4, 3], "dtype": "float32"}}, model="simple_net",
        model_config={"num_classes": 2, "units": [8], "dropout": 0.0, "input_shape": [4, 4, 3]},
        recipe=Recipe(phases=(Phase("train", "all", "inputs", 3, 1e-3),)),
        precisions=("float32",), num_examples={"train": 8, "val": 2, "test": 2},
    )  # fmt: skip


def edited(tmp_path, change):
    data = json.loads(files.to_json(example()))
    change(data)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(data, indent=2))
    return path


def set_at(path, value):
    def change(data):
        *parents, last = path
        for key in parents:
            data = data[key]
        if value is None:
            del data[last]
        else:
            data[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_at(("recipe", "batch_size"), "many"), "recipe.batch_size must be a whole number"),
        (set_at(("recipe", "phases"), None), "recipe.phases is missing"),
        (set_at(("recipe", "batchsize"), 3), "did you mean 'batch_size'"),
        (set_at(("recipe", "phases", 0, "epochs"), 2.5), r"recipe.phases\[0\].epochs must be"),
        (set_at(("recipe", "phases", 0, "epochs"), 0), r"recipe.phases\[0\].epochs is 0"),
        (set_at(("recipe", "label_smoothing"), 1.5), r"recipe.label_smoothing is 1.5"),
        (set_at(("format",), 9), "pip install -U actzoo"),
        (set_at(("model",), "simplenet"), "Did you mean 'simple_net'"),
    ],
)
def test_wrong_fields_are_named_by_path(tmp_path, change, words):
    with pytest.raises(errors.InvalidValueError, match=words):
        Plan.read(edited(tmp_path, change))


def test_the_line_of_a_wrong_field_is_named(tmp_path):
    path = edited(tmp_path, set_at(("recipe", "batch_size"), "many"))
    line = next(
        n for n, text in enumerate(path.read_text().splitlines(), 1) if '"batch_size"' in text
    )
    with pytest.raises(errors.InvalidValueError, match=f"line {line}: recipe.batch_size"):
        Plan.read(path)


@pytest.mark.parametrize(
    "text",
    ['{"a": 1,}', '{"a": 1 // x\n}', '{"a": 1, "a": 2}', '{"a": NaN}', "[1]", "{", "[" * 100_000],
    ids=["comma", "comment", "twice", "nan", "list", "cut", "deep"],
)
def test_what_is_not_our_json_is_refused(tmp_path, text):
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(errors.InvalidValueError, match=r"plan.json"):
        Plan.read(path)


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("learning_rate", "0,001", "takes a number"),
        ("learning_rate", "nan", "takes a number"),
        ("learning_rate", "-1", "above 0"),
        ("learning_rate", "", "takes a number"),
        ("patience", "2.5", "takes a whole number"),
        ("class_weights", "yes", "takes true or false"),
        ("lr", "1e-3", "Unknown setting 'lr'"),
        ("learningrate", "1e-3", "learning_rate"),
        ("a.b.c", "1", "Unknown setting"),
        ("__class__", "1", "Unknown setting"),
    ],
)
def test_settings_are_read_by_the_fields_type(key, text, words):
    with pytest.raises(errors.InvalidValueError, match=words):
        apply_settings(example(), {key: text}).check()
