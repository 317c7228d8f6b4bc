"""`tfds:NAME`, on data sets that the tests build themselves on disk."""

import numpy as np
import pytest
from picture_files import noise

from actzoo import data, domains, errors

tfds = pytest.importorskip("tensorflow_datasets")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def build(folder, name, features, examples, file_format="array_record"):
    """Prepare a data set; `examples` is split -> list of feature dictionaries."""

    def info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def generate(self, split):
        yield from enumerate(examples[split])

    def splits(self, manager):
        return {split: self._generate_examples(split) for split in examples}

    members = {
        "VERSION": tfds.core.Version("1.0.0"), "_info": info, "_generate_examples": generate,
        "_split_generators": splits, "code_path": None, "pkg_dir_path": folder,
    }  # fmt: skip
    with tfds.core.registered.skip_registration():
        builder = type(name, (tfds.core.GeneratorBasedBuilder,), members)
    builder(data_dir=str(folder), file_format=file_format).download_and_prepare()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    tfds.disable_progress_bar()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))
    return tmp_path / "sets"


def pictures(*counts):
    names = ("train", "validation", "unlabeled")
    return {
        split: [
            {"image": noise(100 * place + i), "label": ("cat", "dog")[i % 2]} for i in range(count)
        ]
        for place, (split, count) in enumerate(zip(names, counts, strict=False))
    }


FEATURES = {
    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
    "label": tfds.features.ClassLabel(names=["cat", "dog"]),
}


@pytest.mark.parametrize("file_format", ["array_record", "tfrecord"])
def test_a_prepared_data_set_is_read_where_it_lies(folder, file_format):
    build(folder, "Tiny", FEATURES, pictures(20, 6, 4), file_format)
    notes = []
    assert domains.recognize("tfds:tiny").name == "vision"
    source = data.open_source("tfds:tiny", note=notes.append)
    assert source.classes == ("cat", "dog") and len(source) == 26
    assert notes == ["Splits of tfds:tiny that were not used: unlabeled."]
    known = {noise(100 * place + i).tobytes(): i % 2 for place in (0, 1) for i in range(20)}
    for index in range(26):
        example = source.load(index)
        assert known[example.inputs["image"].tobytes()] == example.target
        assert source.raw(index).startswith(b"\x89PNG")
    parts = data.split(source, seed=0, note=notes.append)
    assert {name: len(chosen) for name, chosen in parts.items()} == {
        "train": 16,
        "val": 6,
        "test": 4,
    }
    assert {source.ids()[i].split("/")[0] for i in parts["val"]} == {"validation"}


def test_a_plan_made_from_it_opens_it_again(folder, tmp_path):
    from actzoo import stages

    build(folder, "Tiny", FEATURES, pictures(30, 6))
    made = stages.plan("tfds:tiny", tmp_path / "run", model="simple_net", weights="none")
    run_data = data.RunData.open(made, note=lambda _: None)
    source, parts = run_data.source, run_data.splits
    assert made.data == "tfds:tiny" and len(source) == 36
    assert np.concatenate(list(parts.values())).size == 36


def test_what_is_not_there_is_not_fetched(folder):
    with pytest.raises(
        errors.DataError, match=r"no prepared data set 'mnist'(.|\n)*tfds build mnist"
    ):
        data.open_source("tfds:mnist")


def test_a_data_set_without_pictures_or_labels_is_refused(folder):
    plain = {"text": tfds.features.Text(), "label": FEATURES["label"]}
    build(folder, "Words", plain, {"train": [{"text": "a", "label": "cat"}]})
    with pytest.raises(errors.DataError, match="recognizes"):
        domains.recognize("tfds:words")
    build(folder, "Bare", {"image": FEATURES["image"]}, {"train": [{"image": noise()}]})
    with pytest.raises(errors.DataError, match="0 features of kind ClassLabel"):
        data.open_source("tfds:bare", "vision")


def test_pictures_without_a_label_are_set_aside(folder):
    """Test splits of published data hold -1 in place of their labels."""
    examples = pictures(20)
    examples["test"] = [{"image": noise(300 + i), "label": -1} for i in range(5)]
    examples["train"][3]["label"] = -1
    build(folder, "Hidden", FEATURES, examples)
    notes = []
    source = data.open_source("tfds:hidden", note=notes.append)
    assert len(source) == 19 and set(source.splits()) == {"train"}
    (note,) = notes
    assert "6 pictures" in note and "-1" in note and "test 5" in note and "train 1" in note
    assert source.fingerprint().set_aside == ("6 pictures without a label",)
    for index in range(19):
        example = source.load(index)
        place = int(source.ids()[index].split("/")[1])
        assert example.target == source.labels()[index]
        assert source.raw(index) and place < 20
    parts = data.split(source, seed=0, note=notes.append)
    assert len(parts["test"]) and any("test" in note for note in notes[1:])
    build(folder, "Nothing", FEATURES, {"train": examples["test"]})
    with pytest.raises(errors.DataError, match="None are left"):
        data.open_source("tfds:nothing")
