"""One splitter for all data: by labels or by what masks hold, whole groups, shares kept or said."""

import collections
import types

import numpy as np
import pytest
import test_data

from actzoo import checkpoint, data, errors, tasks, testing, training
from actzoo.data import run_data
from actzoo.tasks import measures

SIDES = ("train", "val", "test")
SAID = "lacks"


class Masks(test_data.Numbers):
    """Examples that hold several classes each, without labels."""

    def __init__(self, holds, groups=None, splits=None):
        super().__init__([0] * len(holds), splits, groups)
        self._holds = np.asarray(holds, bool)

    @property
    def classes(self):
        return tuple(f"class{i}" for i in range(self._holds.shape[1]))

    def labels(self):
        return None

    def presence(self):
        return self._holds


def drawn(source, seed=0):
    notes = []
    parts = data.split(source, seed=seed, note=notes.append)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(source)))
    return parts, notes


def held(source, parts):
    """Return which classes each split holds `(splits, classes)`."""
    labels = source.labels()
    holds = source.presence() if labels is None else np.eye(len(source.classes))[labels] > 0
    return np.array([holds[parts[name]].any(axis=0) for name in SIDES])


def lesions(count, ill, seed, of_patient=None):
    """Cases of background and, in some, a lesion."""
    random = np.random.default_rng(1000 + seed)
    holds = np.ones((count, 2), bool)
    holds[:, 1] = np.isin(np.arange(count), random.permutation(count)[:ill])
    groups = None if of_patient is None else [f"p{of_patient(i, random)}" for i in range(count)]
    return Masks(holds, groups)


@pytest.mark.parametrize(
    "of_patient",
    [None, lambda i, random: i // 2, lambda i, random: random.integers(12)],
    ids=["alone", "pairs", "mixed"],
)
def test_a_lesion_of_few_cases_reaches_every_split(of_patient):
    whole = 0
    for seed in range(40):
        source = lesions(20, 4, seed, of_patient)
        parts, notes = drawn(source, seed)
        everywhere = held(source, parts).all()
        assert everywhere == (not any(SAID in note for note in notes)), notes
        whole += everywhere
        if of_patient is None:
            assert [len(parts[name]) for name in SIDES] == [14, 3, 3]
    assert whole >= (38 if of_patient is None else 36)  # some have all lesions in two patients


@pytest.mark.parametrize(("ill", "where"), [(1, [1, 0, 0]), (2, [1, 0, 1]), (3, [1, 1, 1])])
def test_what_too_few_cases_hold_is_learned_first_and_what_lacks_it_is_said(ill, where):
    for seed in range(8):
        source = lesions(20, ill, seed)
        parts, notes = drawn(source, seed)
        assert held(source, parts)[:, 1].tolist() == [bool(w) for w in where]
        for name, has in zip(SIDES, where, strict=True):
            said = [n for n in notes if f"the {measures_of(name)} split lacks" in n]
            assert len(said) == (not has) and all("'class1'" in n for n in said)


def measures_of(name):
    return {"train": "train", "val": "validation (val)", "test": "test"}[name]


def test_a_class_of_one_patient_is_learned_with_all_of_that_patient():
    holds = np.c_[np.ones(30), np.arange(30) < 5]
    for seed in range(8):
        source = Masks(holds, [f"p{i // 5}" for i in range(30)])
        parts, notes = drawn(source, seed)
        assert set(range(5)) <= set(parts["train"].tolist())
        assert sum(SAID in note for note in notes) == 2


def many_rare(seed, count=40, classes=6, of_each=3):
    random = np.random.default_rng(seed)
    holds = np.zeros((count, classes + 1), bool)
    holds[:, 0] = True
    for label in range(1, classes + 1):
        holds[random.permutation(count)[:of_each], label] = True
    return Masks(holds)


@pytest.mark.parametrize("shape", [(40, 6, 3), (12, 4, 4), (30, 9, 3)])
def test_several_rare_classes_at_once_reach_every_split(shape):
    for seed in range(10):
        source = many_rare(seed, *shape)
        parts, notes = drawn(source, seed)
        assert held(source, parts).all(), notes


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("kind", ["labels", "masks"])
def test_shares_are_kept_although_most_of_a_class_is_copies(classes, kind):
    for seed in range(8):
        random = np.random.default_rng(seed)
        labels = random.integers(0, classes, 139)
        labels[:60] = 0
        groups = ["copy"] * 60 + [f"g{i}" for i in range(79)]
        source = test_data.Numbers(labels.tolist(), None, groups)
        if kind == "masks":
            source = Masks(np.eye(classes)[labels] + (np.arange(classes) == 0), groups)
        parts, notes = drawn(source, seed)
        for name, share in zip(SIDES, data.FRACTIONS, strict=True):
            assert abs(len(parts[name]) - share * 139) <= 2
        assert held(source, parts).all() and not any("instead of" in note for note in notes)


@pytest.mark.parametrize("large", [[120], [60, 60], [40, 40, 40], [30, 80]])
def test_groups_that_no_share_can_hold_go_into_train_and_it_is_said(large):
    sizes = [*large, *([1] * (139 - sum(large)))]
    groups = np.repeat(np.arange(len(sizes)), sizes)
    source = test_data.Numbers([i % 2 for i in range(139)], None, [f"g{g}" for g in groups])
    for seed in range(8):
        parts, notes = drawn(source, seed)
        assert (groups[parts["train"]] < len(large)).sum() == sum(large)
        assert abs(len(parts["val"]) - len(parts["test"])) <= 1
        said = [note for note in notes if "instead of 70 : 15 : 15" in note]
        assert len(said) == 1 and f"the largest such group has {max(large)} of 139" in said[0]


def test_patients_of_any_size_keep_shares_and_classes():
    for seed in range(10):
        random = np.random.default_rng(seed)
        patients = random.integers(0, 40, 200)
        labels = random.integers(0, 3, 200)
        source = test_data.Numbers(labels.tolist(), None, [f"p{p}" for p in patients])
        parts, _ = drawn(source, seed)
        side = {int(i): name for name, part in parts.items() for i in part}
        homes = collections.defaultdict(set)
        for index, patient in enumerate(patients):
            homes[patient].add(side[index])
        assert all(len(home) == 1 for home in homes.values())
        for name, share in zip(SIDES, data.FRACTIONS, strict=True):
            assert abs(len(parts[name]) - share * 200) <= 2
            counts = np.bincount(labels[parts[name]], minlength=3)
            assert np.abs(counts - share * np.bincount(labels)).max() <= 6


def test_three_equal_patients_are_one_for_each_split_and_two_are_refused():
    labels = [i % 2 for i in range(30)]
    parts, notes = drawn(test_data.Numbers(labels, None, [f"p{i // 10}" for i in range(30)]))
    assert {len(part) for part in parts.values()} == {10}
    assert any("33 : 33 : 33" in note for note in notes)
    with pytest.raises(errors.DataError, match=r"of 2 groups .* at least 3 are needed"):
        drawn(test_data.Numbers(labels, None, [f"p{i // 15}" for i in range(30)]))


def test_classes_of_one_group_each_leave_nothing_to_hold_out():
    labels = [i // 10 for i in range(30)]
    with pytest.raises(errors.DataError, match="no class is in enough of them"):
        drawn(test_data.Numbers(labels, None, [f"g{label}" for label in labels]))


def test_many_classes_of_three_have_one_in_each_split():
    source = test_data.Numbers([i % 10 for i in range(30)])
    for seed in range(5):
        parts, notes = drawn(source, seed)
        assert held(source, parts).all() and any("class by class" in note for note in notes)


@pytest.mark.parametrize("lacking", ["train", "val", "test"])
@pytest.mark.parametrize("kind", ["labels", "masks"])
def test_given_splits_are_refused_or_noted_by_what_they_lack(lacking, kind):
    """What is never learned is refused; what is never scored, or chooses no epoch, is said."""
    given = ["train"] * 12 + ["val"] * 9 + ["test"] * 9
    labels = [2 if name == lacking else i % 3 for i, name in enumerate(given)]
    source = test_data.Numbers(labels, given)
    if kind == "masks":
        holds = np.eye(3, dtype=bool)[labels]
        source = Masks(holds, None, given)
    if lacking == "train":
        with pytest.raises(errors.DataError, match="without a training example: 'class0', 'cl"):
            drawn(source)
        return
    _, notes = drawn(source)
    said = [note for note in notes if SAID in note]
    assert len(said) == 1 and "'class0', 'class1'" in said[0]
    assert f"the {measures_of(lacking)} split lacks" in said[0] and "data brings" in said[0]


def test_a_missing_split_is_taken_from_train_with_what_is_rare():
    holds = np.c_[np.ones(30), np.arange(30) % 7 == 0]
    for given in ("val", "test"):
        splits = [given if i >= 24 else "train" for i in range(30)]
        source = Masks(holds, None, splits)
        parts, notes = drawn(source)
        assert held(source, parts).all() and len(parts[given]) == 6
        assert any("were taken from train" in note for note in notes)


def test_a_class_that_no_mask_holds_is_named():
    _, notes = drawn(Masks(np.c_[np.ones(20), np.arange(20) % 2, np.zeros(20)]))
    assert any("no example holds, so they are never learned: 'class2'" in note for note in notes)


def test_a_source_that_says_nothing_of_its_masks_is_split_as_before():
    source = test_data.Stack([0] * 20)
    assert not isinstance(source, data.HasPresence)
    parts, notes = drawn(source, seed=1)
    assert len(parts["test"]) == len(parts["val"]) == 3 and not any(SAID in n for n in notes)


def test_the_split_is_a_function_of_the_seed():
    def sides(seed):
        parts, _ = drawn(many_rare(0), seed)
        return [parts[name].tolist() for name in SIDES]

    assert sides(3) == sides(3) != sides(4)


# --- the same through each kind of data ----------------------------------------------------------


def test_copies_of_photos_and_texts_keep_their_shares(tmp_path):
    from PIL import Image

    random = np.random.default_rng(0)
    copied = Image.fromarray(random.integers(0, 255, (8, 8, 3), "uint8"))
    rows = ["text,label"]
    for index in range(139):
        name = ("cat", "dog")[index % 2 if index >= 60 else 0]
        picture = random.integers(0, 255, (8, 8, 3), "uint8")
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True, exist_ok=True)
        (copied if index < 60 else Image.fromarray(picture)).save(folder / f"{index}.png")
        words = "the same words" if index < 60 else f"words number {index}"
        rows.append(f"{words},{name}")
    (tmp_path / "texts.csv").write_text("\n".join(rows) + "\n")
    for path in (tmp_path / "photos", tmp_path / "texts.csv"):
        source = data.open_source(str(path), note=lambda _: None)
        for seed in range(3):
            parts, _ = drawn(source, seed)
            for name, share in zip(SIDES, data.FRACTIONS, strict=True):
                assert abs(len(parts[name]) - share * 139) <= 2


def scans(root, holding, splits=None, names=None):
    """Write pictures whose masks hold the given numbers."""
    from PIL import Image

    random = np.random.default_rng(0)
    for index, values in enumerate(holding):
        place = root if splits is None else root / splits[index]
        mask = np.zeros((16, 16), "uint8")
        for k, value in enumerate(values):
            mask[4 * k : 4 * k + 3, 2:9] = value
        image = random.integers(0, 255, (16, 16), "uint8")
        for folder, pixels in (("images", image), ("masks", mask)):
            (place / folder).mkdir(parents=True, exist_ok=True)
            stem = f"x{index:03d}" if names is None else f"{names[index]}_{index:03d}"
            Image.fromarray(pixels).save(place / folder / f"{stem}.png")
    return data.open_source(str(root), note=lambda _: None)


def test_scans_are_split_by_what_their_masks_hold(tmp_path):
    source = scans(tmp_path, [(1, 2) if i % 5 == 0 else (1,) for i in range(20)])
    assert isinstance(source, data.HasPresence)
    presence = source.presence()
    assert presence.sum(axis=0).tolist() == [20, 20, 4]
    for index in range(20):
        assert set(np.flatnonzero(presence[index])) == set(np.unique(source.load(index).target))
    assert held(source, drawn(source)[0]).all()


def test_a_patient_with_many_scans_keeps_shares_and_lesions(tmp_path):
    """60 of 139 scans are of one patient; 12 of the others have a lesion."""
    names = ["patient01"] * 60 + [f"patient{i:03d}" for i in range(100, 179)]
    source = scans(tmp_path, [(1, 2) if i >= 127 else (1,) for i in range(139)], names=names)
    assert len(set(source.groups())) == 80
    for seed in range(8):
        parts, _ = drawn(source, seed)
        assert held(source, parts).all() and set(range(60)) <= set(parts["train"].tolist())
        for name, share in zip(SIDES, data.FRACTIONS, strict=True):
            assert abs(len(parts[name]) - share * 139) <= 2


def test_a_label_that_only_test_scans_have_is_refused(tmp_path):
    splits = ["train"] * 6 + ["val"] * 3 + ["test"] * 3
    source = scans(tmp_path, [(1,)] * 9 + [(1, 2)] * 3, splits)
    with pytest.raises(errors.DataError, match="without a training example: 'label 2'"):
        drawn(source)


# --- the epoch that is kept ----------------------------------------------------------------------


class Weights:
    def __init__(self, number):
        self.number = number

    def get_weights(self):
        return [np.array([self.number])]


def trained(rows, monitor=("dice", "max")):
    state = checkpoint.Checkpoint(monitor)
    for number, (dice, loss, val_loss) in enumerate(rows, 1):
        row = {"epoch": number, "loss": loss, "val_dice": dice, "val_loss": val_loss}
        state.add(row, Weights(number))
    return state


NAN = float("nan")


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        # Nothing to find in validation: the less is marked, the lower its loss.
        ([(0.0, 0.9, 0.3), (0.0, 0.7, 0.4), (0.0, 0.5, 0.5), (0.0, 0.6, 0.6)], 3),
        ([(0.0, 0.9, 0.9), (0.0, 0.7, 0.7), (0.1, 0.8, 0.8), (0.1, 0.7, 0.9)], 3),
        ([(0.5, 0.9, 0.9), (0.4, 0.1, 0.1)], 1),
        ([(0.5, 0.9, 0.9), (0.5, 0.8, 0.3), (0.5, 0.7, 0.4)], 2),
        ([(0.5, 0.9, NAN), (0.5, 0.8, 0.3), (0.5, 0.7, 0.4)], 2),
        ([(NAN, 0.9, 0.9), (0.0, 0.8, 0.3), (0.0, 0.7, 0.4)], 3),
        ([(0.2, 0.3, 0.3), (0.2, 0.3, 0.3)], 1),
        ([(0.0, 0.3, 0.3)], 1),
    ],
)
def test_a_tie_of_the_validation_score_is_broken_by_the_loss(rows, best):
    state = trained(rows)
    assert state.best_epoch == best and state.best_weights[0].tolist() == [best]
    assert state.epochs_without_gain == len(rows) - best  # patience counts from there
    names = ("val_dice", "loss", "val_loss")
    columns = {
        name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)
    }
    assert measures.best_epoch(columns, ("dice", "max")) == best  # what the page marks


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([0.0, 0.0, 0.0], "The validation Dice is 0.000 in all 3 epochs, so it could not choose"),
        ([0.0, 0.0, 0.0], "epoch 3 was kept, which has the lowest training loss"),
        ([0.4, 0.4, 0.4], "epoch 1 was kept, which has the lowest validation loss"),
        ([0.0, 0.0, 0.1], None),
        ([0.0], None),
    ],
)  # fmt: skip
def test_a_score_that_could_not_choose_an_epoch_is_said(scores, said):
    rows = [(dice, 1.0 - 0.1 * n, 0.5 + 0.1 * n) for n, dice in enumerate(scores)]
    state, notes = trained(rows), []
    training._note_on_choice(state, tasks.get_task("segmentation"), notes.append)
    assert (said in notes[0]) if said else notes == []


def test_the_page_knows_the_epoch_of_earlier_histories():
    assert measures.best_epoch({"val_loss": [0.9, None, 0.6]}, ("loss", "min")) == 3
    assert measures.best_epoch({"val_dice": [0.1, 0.1]}, ("dice", "max")) == 1
    assert measures.best_epoch({"val_dice": [None]}, ("dice", "max")) is None
    assert measures.best_epoch({}, ("dice", "max")) is None


# --- the split of a plan -------------------------------------------------------------------------


def plan_of(parts, **changes):
    fields = {"data": "photos", "split_seed": 0, "split_digest": f"0:{data.split_digest(parts)}"}
    return types.SimpleNamespace(**{**fields, **changes})


def opened(source, parts, plan):
    notes = []
    run_data._check_same_split(source, parts, plan, notes.append)
    return notes


def test_a_run_is_not_scored_on_another_split_than_its_own():
    labels = [i % 2 for i in range(40)]
    alone = test_data.Numbers(labels)
    grouped = test_data.Numbers(labels, None, ["a", "a", *"bc" * 19])
    (parts, _), (other, _) = drawn(alone, 0), drawn(alone, 1)
    assert opened(alone, parts, plan_of(parts)) == []
    with pytest.raises(errors.DataError, match="what is held out now was trained on"):
        opened(alone, other, plan_of(parts))
    assert opened(alone, other, plan_of(parts, split_seed=1)) == []  # --set split_seed=1
    earlier = plan_of(parts, split_digest="")
    assert opened(alone, parts, earlier) == []  # drawn as ever
    assert "of an earlier version" in opened(grouped, parts, earlier)[0]


def test_the_checks_of_a_source_hold_its_presence_against_its_masks(tmp_path, monkeypatch):
    source = scans(tmp_path, [(1, 2) if i % 3 == 0 else (1,) for i in range(12)])
    checks = {one.name: one for one in testing.source_checks("medical", tmp_path)}
    checks["masks_hold_classes"]()
    for wrong, told in ((source.presence()[::-1], "presence() says"), (np.ones(12), "not bool")):
        monkeypatch.setattr(type(source), "presence", lambda self, given=wrong: given)
        with pytest.raises(testing.CheckFailedError, match=told.replace("()", r"\(\)")):
            checks["masks_hold_classes"]()
