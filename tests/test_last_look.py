"""Faults that show in a model's numbers: each is a finding with its number, in order of weight."""

import numpy as np
import ordinal_task
import pytest

from actzoo import checkpoint, findings, last_look, tasks
from actzoo.run_folder import RunFolder

CLASSES = ("cat", "dog", "owl")
FALLING = {"loss": [1.1, 0.8, 0.5], "val_loss": [1.0, 0.8, 0.6], "val_accuracy": [0.4, 0.7, 0.9]}


def classified(truth, answers, classes=CLASSES):
    """The score of a classifier that gives these answers."""
    task, size = tasks.get_task("classification"), len(classes)
    return task.score(np.array(truth), np.eye(size)[np.array(answers)], classes)


def segmented(cases, classes=("background", "organ", "lesion")):
    """The score of masks: (truth, answer) for each case."""
    task, size = tasks.get_task("segmentation"), len(classes)
    given = [(np.asarray(t), np.eye(size)[np.asarray(a)], None) for t, a in cases]
    return task.assess(given, classes).score


def looked(test, val=None, history=FALLING, task="classification", classes=CLASSES, **given):
    chosen = tasks.get_task(task) if isinstance(task, str) else task
    scores = {"test": test, **({} if val is None else {"val": val})}
    found = last_look.look(last_look.Numbers(chosen, classes, scores, history, **given))
    for finding in found:
        assert finding.site == "model" and finding.what.endswith(".")
        assert finding.why and finding.suggestion
    return {finding.code: finding.what for finding in found}


GOOD = classified([0, 1, 2] * 20, [0, 1, 2] * 19 + [1, 1, 2])


def test_a_good_model_has_no_findings():
    assert looked(GOOD, GOOD) == {}


def test_a_class_that_is_never_predicted_is_named_with_its_examples():
    score = classified([0, 1, 2] * 20, [0, 1, 1] * 20)
    ids = {"owl": [f"test/owl/{i}.jpg" for i in range(20)]}
    found = looked(score, score, members=ids)
    assert list(found) == ["class_never_predicted"]
    what = found["class_never_predicted"]
    assert "1 of 3 classes" in what and "'owl' (20 in test: test/owl/0.jpg, " in what
    assert "class_never_predicted" not in looked(score, GOOD)  # there it is given


def test_a_class_that_is_predicted_and_never_right_is_named():
    score = classified([0, 1, 2] * 20, [0, 2, 1] + [0, 1, 1] * 19)
    assert "'owl' (20 in test)" in looked(score, score)["class_never_right"]
    assert "class_never_right" not in looked(score, GOOD)
    organ = np.zeros((1, 8, 8), int)
    organ[0, 2:5, 2:5], organ[0, 6, 6] = 1, 2
    answer = np.where(organ == 2, 0, organ)
    answer[0, 0, 0] = 2
    masks = segmented([(organ, answer)] * 4)
    classes = ("background", "organ", "lesion")
    found = looked(masks, masks, task="segmentation", classes=classes)
    assert "1 of 3 classes are never right" in found["class_never_right"]


def test_classes_that_no_example_holds_are_noted():
    assert last_look.about_absent_classes(GOOD) == []
    (note,) = last_look.about_absent_classes(classified([0, 1] * 9, [0, 2] * 9))
    assert "No scored example holds 'owl'" in note


def test_a_class_that_test_lacks_is_named():
    score = classified([0, 1] * 30, [0, 1] * 30)
    found = looked(score, GOOD)
    assert list(found) == ["class_never_scored"]
    assert "1 of 3 classes occur in no test example" in found["class_never_scored"]
    assert "'owl'" in found["class_never_scored"]


@pytest.mark.parametrize(
    ("truth", "answers", "code"),
    [
        ([0, 1, 2] * 20, [0] * 60, "no_better_than_constant"),
        ([0, 1, 2] * 20, [1, 2, 0] * 20, "no_better_than_constant"),
        ([0, 0, 0, 1, 2] * 8, [0] * 40, "no_better_than_constant"),
        ([0, 1, 2] * 20, [0, 1, 0, 0, 0, 2, 2, 0, 1, 1] * 6, "no_better_than_constant"),
        ([0, 1, 2], [0, 1, 1], "not_clearly_better"),
        ([0, 0, 0, 1], [0, 0, 0, 1], "not_clearly_better"),
        ([0, 1, 2] * 4, [0, 1, 2] * 4, None),
    ],
)
def test_a_model_at_chance_is_said_in_words(truth, answers, code):
    found = looked(classified(truth, answers))
    about = {"no_better_than_constant", "not_clearly_better"} & set(found)
    assert about == ({code} if code else set())
    if code == "no_better_than_constant":
        assert "at chance, no better than always answering the most frequent class" in found[code]
        assert "accuracy" in found[code]
    elif code:
        assert "95 % interval" in found[code]


ORGAN = np.array([[0, 1, 1, 0], [0, 2, 0, 0]])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (0 * ORGAN, "predicts_nothing"),
        (0 * ORGAN + 1, "no_better_than_constant"),
        (np.roll(ORGAN, 2, axis=1) % 3, "no_better_than_constant"),
        (np.where(ORGAN == 2, 0, ORGAN), "class_never_predicted"),
        (ORGAN, None),
    ],
)
def test_masks_that_say_nothing_are_found(answer, code):
    classes = ("background", "organ", "lesion")
    score = segmented([(ORGAN, answer)] * 6)
    found = looked(score, score, {}, "segmentation", classes)
    assert list(found)[:1] == ([code] if code else [])
    if code == "predicts_nothing":
        assert "finds nothing: in none of the 6 cases" in found[code] and "'organ'" in found[code]


def test_the_baseline_of_masks_is_one_class_everywhere():
    """Marking all of one class: its Dice is 2 n / (N + n), that of the other class 0."""
    score = segmented([(ORGAN, ORGAN)] * 2)
    assert score["constant_dice"] == pytest.approx(0.5 * 2 * 2 / (8 + 2))
    assert score["per_class"]["organ"]["predicted"] == 2
    alone = segmented([(np.ones((2, 2), int), np.ones((2, 2), int))], ("background", "organ"))
    assert alone["constant_dice"] == 1.0
    empty = segmented([(np.zeros((2, 2), int),) * 2])
    assert empty["constant_dice"] == 0.0


def test_validation_scores_that_never_move_are_found_unless_the_model_is_good():
    still = {"loss": [1.1, 0.9, 0.7], "val_accuracy": [0.5] * 3}
    chance = classified([0, 1, 2] * 20, [0] * 60)
    what = looked(chance, chance, still)["validation_never_moves"]
    assert "The validation accuracy is 0.500 in all 3 epochs" in what
    assert "validation_never_moves" not in looked(GOOD, GOOD, still)
    assert "validation_never_moves" not in looked(chance, chance, {"val_accuracy": [0.5] * 2})
    assert "validation_never_moves" not in looked(chance, chance, {"val_accuracy": [0.5, 0.5, 0.6]})


def test_a_loss_that_never_fell_is_found_unless_the_model_is_good():
    level = {"loss": [1.10, 1.12, 1.095, 1.11]}
    chance = classified([0, 1, 2] * 20, [0] * 60)
    what = looked(chance, chance, level)["training_never_fell"]
    assert "never fell: 1.1 in the first of 4 epochs, 1.09" in what
    assert "training_never_fell" not in looked(GOOD, GOOD, level)
    assert "training_never_fell" not in looked(chance, chance, FALLING)


@pytest.mark.parametrize(
    ("test", "val", "code"),
    [
        (1.0, 0.5, "test_above_validation"),
        (0.5, 1.0, "test_below_validation"),
        (0.9, 0.95, None),
        (0.8, 0.7, None),
    ],
)
def test_splits_that_are_far_apart_are_found(test, val, code):
    def score(share):
        truth = np.arange(90) % 3
        right = np.arange(90) < round(share * 90)
        return classified(truth, np.where(right, truth, (truth + 1) % 3))

    found = looked(score(test), score(val))
    assert list(found) == ([code] if code else [])
    if code:
        assert f"{test:.3f} on 90 examples of the test split" in found[code]


def test_few_cases_are_not_enough_to_compare_splits():
    assert "test_below_validation" not in looked(
        classified([0, 1], [1, 0]), classified([0, 1], [0, 1])
    )


def test_near_copies_are_a_finding_and_weigh_more_than_what_follows_from_them():
    score = classified([0, 1] * 30, [0, 1] * 30)
    found = looked(score, score, near_copies="5 of 60 test examples are almost the same.")
    assert list(found) == ["near_copies_between_splits", "class_never_scored"]


def test_a_task_from_outside_is_looked_at_by_its_own_measures():
    task, classes = ordinal_task.Ordinal(), ("low", "middle", "high")

    def score(answers):
        return task.score(np.array([0, 1, 2] * 10), np.eye(3)[answers], classes)

    good = looked(score([0, 1, 2] * 10), None, FALLING, task, classes)
    assert good == {}
    bad = looked(score([1] * 30), None, FALLING, task, classes)
    assert list(bad) == ["no_better_than_constant"]
    assert "always answering the middle class" in bad["no_better_than_constant"]
    short = task.score(np.array([0, 1]), np.eye(3)[[0, 1]], classes)
    assert "class_never_scored" in looked(short, None, FALLING, task, classes)


def test_every_code_has_its_weight():
    codes = set(findings.WEIGHTIEST)
    assert "class_never_right" in codes
    text = last_look.__loader__.get_data(last_look.__file__).decode()
    assert all(f'"{code}"' in text for code in codes) and len(codes) == len(findings.WEIGHTIEST)
    ordered = findings.weightiest_first(
        findings.Finding(code, "model", "", "", "") for code in sorted(codes | {"another"})
    )
    assert [finding.code for finding in ordered] == [*findings.WEIGHTIEST, "another"]


def test_findings_come_in_the_order_of_their_weight():
    answers = [1] * 10 + [0] * 14 + [1] * 16  # no better than the larger class, as it seems
    score = classified([0] * 20 + [1] * 20, answers, ("cat", "dog"))
    found = looked(score, None, classes=("cat", "dog"), near_copies="2 of 40 are the same.")
    weights = [findings.WEIGHTIEST.index(code) for code in found]
    assert weights == sorted(weights) and "not_clearly_better" in found
    assert next(iter(found)) == "near_copies_between_splits"


def test_history_is_read_by_column(tmp_path):
    run = RunFolder(tmp_path)
    assert checkpoint.read_history(run) == {}
    rows = [{"epoch": n, "phase": "train", "loss": 1 / n, "val_loss": float("nan")} for n in (1, 2)]
    checkpoint.write_history(run, rows)
    columns = checkpoint.read_history(run)
    assert columns["loss"] == [1.0, 0.5] and columns["val_loss"] == [None, None]
    assert "phase" not in columns
