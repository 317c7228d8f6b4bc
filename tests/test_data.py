"""Splits and batches, on sources that hold numbers only: nothing here knows of pictures."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actzoo import data, errors
from actzoo.data import cases

SIDES = ("train", "val", "test")


@dataclasses.dataclass
class Numbers:
    """Example i is the 2 x 2 byte array full of i."""

    targets: list[int]
    given_splits: list[str | None] | None = None
    given_groups: list[str] | None = None
    opened: list[int] = dataclasses.field(default_factory=list)
    vanished: int | None = None

    @property
    def classes(self):
        return tuple(f"class{i}" for i in range(max(self.targets) + 1))

    def __len__(self):
        return len(self.targets)

    def load(self, index):
        self.opened.append(index)
        if index == self.vanished:
            raise errors.DataError(f"number {index} is gone")
        value = np.full((2, 2), index % 256, "uint8")
        return data.Example({"image": value}, self.targets[index], str(index))

    def raw(self, index):
        return bytes(4)

    def labels(self):
        return np.asarray(self.targets)

    def samples_per_example(self, steps):
        return None

    def ids(self):
        return [str(i) for i in range(len(self))]

    def identities(self) -> None:
        return None

    def splits(self):
        return self.given_splits or [None] * len(self)

    def groups(self):
        return self.given_groups

    def fingerprint(self):
        return data.Fingerprint("numbers", len(self), self.classes, {}, {}, "x")


def split(source, **options):
    notes = []
    parts = data.split(source, note=notes.append, **{"seed": 0, **options})
    return parts, notes


def whole(parts, count):
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(count))


def test_a_source_is_recognized_by_its_members():
    assert isinstance(Numbers([0, 1]), data.Source)


def test_shares_are_drawn_class_by_class():
    source = Numbers([0] * 200 + [1] * 40)
    parts, notes = split(source)
    whole(parts, 240)
    for label, count in ((0, 200), (1, 40)):
        share = {name: int((source.labels()[parts[name]] == label).sum()) for name in SIDES}
        assert share == {"train": 0.7 * count, "val": 0.15 * count, "test": 0.15 * count}
    assert any("168 train, 36 val, 36 test" in note for note in notes)


def test_given_splits_are_kept_and_a_missing_one_is_taken_from_train():
    own = ["train"] * 80 + ["test"] * 20
    parts, notes = split(Numbers([0, 1] * 50, given_splits=own))
    whole(parts, 100)
    assert parts["test"].tolist() == list(range(80, 100))
    assert len(parts["val"]) == 12
    assert any("no val split" in note and "12" in note for note in notes)


def test_the_same_seed_gives_the_same_split_and_another_one_another():
    source = Numbers([0, 1, 2] * 30)
    first, again, other = (split(source, seed=seed)[0] for seed in (3, 3, 4))
    assert all((first[name] == again[name]).all() for name in SIDES)
    assert first["test"].tolist() != other["test"].tolist()


@settings(max_examples=60, deadline=None)
@given(
    targets=st.lists(st.integers(0, 3), min_size=24, max_size=60),
    seed=st.integers(0, 1000),
    groups=st.integers(1, 30),
)
def test_groups_stay_whole_and_every_class_is_in_train(targets, seed, groups):
    targets = [0, 1, 2, 3] * 3 + targets
    names = np.random.default_rng(seed).integers(0, groups + 12, len(targets))
    source = Numbers(targets, given_groups=[f"g{n}" for n in names])
    try:
        parts, _ = split(source, seed=seed)
    except errors.DataError as error:
        assert "No examples are left" in str(error)  # a few groups may leave nothing to hold out
        return
    whole(parts, len(targets))
    sides = {int(i): name for name, indices in parts.items() for i in indices}
    for group in set(names.tolist()):
        assert len({sides[int(i)] for i in np.flatnonzero(names == group)}) == 1
    assert set(source.labels()[parts["train"]].tolist()) == {0, 1, 2, 3}


def test_rng_is_a_function_of_its_words():
    draws = [
        data.rng(*words).random() for words in ((0, "a", 1), (0, "a", 1), (0, "a", 2), (1, "a", 1))
    ]
    assert draws[0] == draws[1] and len(set(draws)) == 3


# --- batches -----------------------------------------------------------------------------------


class Shift:
    """Adds a random number, the same in the whole example."""

    stored_steps = ()

    def __call__(self, inputs, target, rng):
        return {"image": (inputs["image"] + rng.integers(100)).astype("uint8")}, target


def batches(source, augmenter=None, **changes):
    chosen = {
        "indices": np.arange(len(source)), "batch_size": 4, "seed": 0, "epoch": 0, **changes,
    }  # fmt: skip
    preparation = chosen.pop("preparation", data.Preparation((), augmenter=augmenter))
    return data.training_batches(source, chosen.pop("indices"), preparation, **chosen)


def values(batch):
    return batch[0]["image"][:, 0, 0].astype(int).tolist()


def test_training_shuffles_by_epoch_and_drops_an_incomplete_batch():
    source = Numbers([0, 1] * 11)
    epochs = [batches(source, epoch=epoch) for epoch in (0, 0, 1)]
    assert len(epochs[0]) == 5
    orders = [[v for i in range(5) for v in values(e[i])] for e in epochs]
    assert orders[0] == orders[1] != orders[2]
    assert len(set(orders[0])) == 20
    assert len(batches(Numbers([0, 1, 1]))) == 1  # fewer than a batch: all of them
    assert epochs[0][0][0]["image"].dtype == np.float32


def test_a_batch_is_the_same_whenever_it_is_asked_for():
    source, cache = Numbers([0, 1] * 10), {}
    forward = batches(source, augmenter=Shift(), cache=cache)
    backward = batches(source, augmenter=Shift())
    there = [values(forward[i]) for i in range(5)]
    assert there == [values(backward[i]) for i in reversed(range(5))][::-1]
    assert there != [values(b) for b in map(batches(source, epoch=1).__getitem__, range(5))]


def test_examples_are_opened_once_where_a_cache_is_given(monkeypatch):
    source, cache = Numbers([0, 1] * 4), {}
    for epoch in range(3):
        made = batches(source, cache=cache, epoch=epoch)
        [made[i] for i in range(len(made))]
    assert len(source.opened) == 8
    monkeypatch.setattr(cases, "CACHE_BYTES", 3)
    source.opened.clear()
    made = batches(source, cache={})
    before = len(source.opened)
    [made[i] for i in range(len(made))]
    assert len(source.opened) == before + 8  # too large to keep: read again


def test_one_cache_serves_two_splits():
    source, cache = Numbers([0, 1] * 4), {}
    first = batches(source, indices=[0, 1], cache=cache)
    second = batches(source, indices=[6, 7], cache=cache)
    assert sorted(values(first[0])) == [0, 1] and sorted(values(second[0])) == [6, 7]


def test_class_weights_and_encoding_reach_the_batch():
    made = batches(
        Numbers([0, 1, 1, 0]), class_weights=np.array([2.0, 0.5]), encode=lambda y: np.eye(2)[y]
    )
    inputs, targets, weights = made[0]
    truth = [[0, 1, 1, 0][i] for i in values((inputs,))]
    assert weights.tolist() == [[2.0, 0.5][t] for t in truth] and weights.dtype == np.float32
    assert targets.tolist() == [[[1, 0], [0, 1]][t] for t in truth]


def test_samples_are_stacked_in_the_order_asked_for():
    source = Numbers([0, 1] * 200)
    samples = data.load_samples(source, [300, 2, 7], data.Preparation(()))
    assert samples["image"].shape == (3, 2, 2) and samples["image"].dtype == np.uint8
    assert samples["image"][:, 0, 0].tolist() == [300 % 256, 2, 7]


def test_keras_sees_each_batch_once_and_the_error_in_our_words():
    import keras

    class Watch(keras.layers.Layer):
        def call(self, x):
            return keras.ops.mean(x, axis=(1, 2))[:, None]

    inputs = keras.Input((2, 2), name="image")
    model = keras.Model({"image": inputs}, Watch()(inputs))
    source = Numbers([0, 1] * 10)
    with data.feeding(batches(source)) as fed:
        answers = model.predict(fed, verbose=0)
    assert sorted(answers[:, 0].tolist()) == list(range(20))

    source = Numbers([0, 1] * 8, vanished=13)
    broken = batches(source)
    with (
        pytest.raises(errors.DataError, match=r"^number 13 is gone$"),
        data.feeding(broken) as fed,
    ):
        model.predict(fed, verbose=0)


# --- examples of different length ----------------------------------------------------------------


class Words(Numbers):
    """Example i is a row of 32 places, of which the first 1 + i % 29 are filled."""

    def load(self, index):
        row = np.zeros(32, "int32")
        row[: 1 + index % 29] = index
        return data.Example({"ids": row}, self.targets[index], str(index))


def test_batches_hold_examples_of_like_length_and_are_cut_to_the_longest():
    by_length = data.Preparation((), length=lambda row: int((row["ids"] > 0).sum()))
    source = Words([0, 1] * 116)
    epochs = [
        batches(source, preparation=by_length, epoch=epoch, cache={}, batch_size=8)
        for epoch in (0, 0, 1)
    ]
    widths = [[e[i][0]["ids"].shape[1] for i in range(len(e))] for e in epochs]
    assert set(widths[0]) == {8, 16, 24, 32}
    assert widths[0][0] == min(widths[0]) and widths[0][1] == max(widths[0])
    orders = [[e[i][0]["ids"][:, 0].tolist() for i in range(len(e))] for e in epochs]
    assert orders[0] == orders[1] != orders[2]
    for epoch in epochs:
        for i in range(len(epoch)):
            ids = epoch[i][0]["ids"]
            filled = (ids > 0).sum(axis=1)
            assert filled.max() > ids.shape[1] - 8  # no batch is longer than it must be
            rows = np.array([int(row[0]) for row in ids])
            assert np.array_equal(filled[rows > 0], (1 + rows % 29)[rows > 0])  # nothing is lost


# --- examples that a model takes in parts ------------------------------------------------------


class Stack(Numbers):
    """Example i is a stack of 2 + i pictures of 3 x 3; the mask tells which picture it is."""

    def samples_per_example(self, steps):
        return [2 + i for i in range(len(self))]

    def labels(self):
        return None

    def load(self, index):
        pictures = np.arange(2 + index)[:, None, None] + np.zeros((1, 3, 3), int)
        return data.Example(
            {"image": (10 * index + pictures).astype("uint8")}, pictures.astype("uint8"),
            str(index), spacing=(1.0, 2.0, 3.0),
        )  # fmt: skip


class OneByOne:
    """Takes the pictures of a stack one at a time."""

    case_steps = ()

    def sample(self, inputs, target, part, rng):
        return {"image": inputs["image"][part]}, target[part]

    def cut(self, inputs, target=None):
        return inputs, target

    def join(self, outputs, inputs):
        return outputs


def test_an_epoch_shows_every_part_once():
    cut = data.Preparation((), cutter=OneByOne())
    made = batches(Stack([0] * 3), preparation=cut, batch_size=3, cache={})
    shown = [v for i in range(len(made)) for v in values(made[i])]
    assert sorted(shown) == [0, 1, 10, 11, 12, 20, 21, 22, 23]
    inputs, targets, _ = made[0]
    assert (inputs["image"][:, 0, 0].astype(int) % 10).tolist() == targets[:, 0, 0].tolist()


def test_examples_that_do_not_fit_into_memory_are_read_about_once():
    read = []

    class Counted(Stack):
        def load(self, index):
            read.append(index)
            return super().load(index)

    cut = data.Preparation((), cutter=OneByOne())
    source = Counted([0] * 40)
    orders = []
    for epoch in range(2):
        made = batches(source, preparation=cut, batch_size=5, cache=None, epoch=epoch)
        orders.append([v for i in range(len(made)) for v in values(made[i])])
        assert len(read) == len(set(read)) == 40
        read.clear()
    assert len(orders[0]) == sum(source.samples_per_example(())) and orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_cases_come_whole_whatever_the_batch(batch_size):
    cut, sizes = data.Preparation((), cutter=OneByOne()), []

    def run(inputs):
        sizes.append(len(inputs["image"]))
        return 2 * inputs["image"]

    cases = list(data.run_cases(Stack([0] * 4), [3, 0, 2], cut, run, batch_size=batch_size))
    assert [case.index for case in cases] == [3, 0, 2]
    assert [len(case.outputs) for case in cases] == [5, 2, 4]
    assert cases[0].outputs[:, 0, 0].tolist() == [60, 62, 64, 66, 68]
    assert cases[0].spacing == (1.0, 2.0, 3.0) and max(sizes) <= batch_size


def test_masked_samples_end_before_there_are_too_many():
    cut = data.Preparation((), cutter=OneByOne())
    inputs, masks, cases = data.load_masked_samples(Stack([0] * 4), [0, 1, 2, 3], cut, 6, 10**6)
    assert len(inputs["image"]) == len(masks) == len(cases) == 5
    assert cases == [0, 0, 1, 1, 1]
    assert len(data.load_masked_samples(Stack([0] * 4), [3], cut, 1, 1)[2]) == 5


def test_examples_without_a_class_are_split_too():
    parts, _ = split(Stack([0] * 20), seed=1)
    whole(parts, 20)
    assert len(parts["test"]) == len(parts["val"]) == 3
