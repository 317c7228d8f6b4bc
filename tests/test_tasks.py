"""Scores against scikit-learn, by hand where it has none."""

import csv
import html
import json
import re

import numpy as np
import pytest
from sklearn import metrics

from actzoo import tasks

CLASSES = ("a", "b", "c")


@pytest.fixture
def cases():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    logits = rng.normal(size=(200, 3)) + 1.5 * np.eye(3)[labels]
    return labels, tasks.softmax(logits)


def test_scores_are_those_of_scikit_learn(cases):
    labels, probabilities = cases
    score = tasks.Classification().score(labels, probabilities, CLASSES)
    predicted = probabilities.argmax(axis=1)
    assert score["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert score["macro_f1"] == pytest.approx(metrics.f1_score(labels, predicted, average="macro"))
    assert score["macro_recall"] == pytest.approx(
        metrics.recall_score(labels, predicted, average="macro")
    )
    assert score["loss"] == pytest.approx(metrics.log_loss(labels, probabilities), rel=1e-5)
    assert score["confusion"] == metrics.confusion_matrix(labels, predicted).tolist()


def test_wilson_interval_against_a_published_example():
    # 81 of 263, 95 %: 0.2553 to 0.3662 (Newcombe, 1998, table I, method 3).
    low, high = tasks.wilson_interval(81, 263)
    assert (low, high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))


def test_a_class_that_does_not_occur_does_not_lower_macro_scores():
    probabilities = np.eye(3)[[0, 1, 0, 1]]
    score = tasks.Classification().score(np.array([0, 1, 0, 1]), probabilities, CLASSES)
    assert score["macro_recall"] == 1.0 and score["macro_f1"] == 1.0


def test_scores_on_nothing_are_not_computed():
    assert tasks.Classification().score(np.zeros(0, int), np.zeros((0, 3)), CLASSES) == {"n": 0}


def test_probabilities_are_finite_for_huge_logits():
    made = tasks.softmax(np.array([[1e30, -1e30, 0.0]]))
    np.testing.assert_allclose(made, [[1, 0, 0]])


def test_agreement_counts_first_classes():
    a, b = np.eye(3)[[0, 1, 2, 0]], np.eye(3)[[0, 1, 1, 0]]
    assert tasks.Classification().agreement(a, b) == 0.75


def test_a_tie_that_rounding_settles_is_no_disagreement():
    tied = np.tile(np.array([1e-4, 0, -1e-4]) + 1 / 3, (6, 1))
    other = tied[:, ::-1]
    assert tasks.Classification().agreement(tied, other) == 1.0
    assert tasks.Segmentation().agreement(tied[None], other[None]) == 1.0
    one = np.full((4, 1), 0.5)
    assert tasks.Classification().agreement(one + 1e-4, one - 1e-4) == 1.0
    sure = np.array([[0.5, 0.3, 0.2]] * 6)
    assert tasks.Classification().agreement(sure, other) == 0.0
    assert tasks.Segmentation().agreement(sure[None], other[None]) == 0.0


def test_class_weights_lift_rare_classes_and_keep_the_mean():
    labels = np.array([0] * 90 + [1] * 10)
    weights = tasks.class_weights(labels, 2)
    assert weights[1] / weights[0] == pytest.approx(3.0)
    assert weights[labels].mean() == pytest.approx(1.0)


# --- masks -------------------------------------------------------------------------------------

NAMES = ("background", "one", "two")


def masks(count=3, shape=(9, 11), seed=0):
    """Return random masks and probabilities that mostly agree with them."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 3, (count, *shape)).astype("uint8")
    logits = rng.normal(size=(*targets.shape, 3)) + 1.2 * np.eye(3)[targets]
    return targets, tasks.softmax(logits)


def assessed(targets, probabilities, spacing=None, **options):
    cases = [(t, p, spacing) for t, p in zip(targets, probabilities, strict=True)]
    return tasks.Segmentation().assess(cases, NAMES, **options)


def test_dice_and_iou_are_those_of_scikit_learn_case_by_case():
    targets, probabilities = masks()
    scores = assessed(targets, probabilities)
    predicted = probabilities.argmax(axis=-1)
    for number, name in ((1, "one"), (2, "two")):
        pairs = [(t.ravel() == number, p.ravel() == number)
                 for t, p in zip(targets, predicted, strict=True)]  # fmt: skip
        dice = [metrics.f1_score(t, p) for t, p in pairs]
        iou = [metrics.jaccard_score(t, p) for t, p in pairs]
        assert scores.score["dice"][name] == pytest.approx(np.mean(dice))
        assert scores.score["iou"][name] == pytest.approx(np.mean(iou))
        assert [row[f"dice_{name}"] for row in scores.rows] == pytest.approx(dice)
    both = scores.score["dice"]
    assert both["mean"] == pytest.approx((both["one"] + both["two"]) / 2)
    assert scores.score["n"] == 3 and scores.score["hd95_mm"] is None
    expected = metrics.log_loss(targets.ravel(), probabilities.reshape(-1, 3), labels=[0, 1, 2])
    assert scores.score["loss"] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(scores.outputs[1], predicted[1])
    low, high = scores.score["dice_interval"]
    assert low <= both["mean"] <= high


def test_cases_count_the_same_whatever_their_size():
    small, large = np.ones((2, 2), "uint8"), np.ones((50, 50), "uint8")
    right, wrong = np.eye(3)[small].astype("float32"), np.zeros((50, 50, 3), "float32")
    wrong[..., 0] = 1
    score = tasks.Segmentation().assess([(small, right, None), (large, wrong, None)], NAMES).score
    assert score["dice"]["one"] == 0.5 and score["dice"]["two"] is None
    assert score["dice"]["mean"] == 0.5


def test_samples_of_a_case_are_scored_together():
    targets, probabilities = masks(4)
    whole = assessed(
        np.concatenate(targets)[None], np.concatenate(probabilities)[None]
    ).score  # fmt: skip
    joined = tasks.Segmentation().score(targets, probabilities, NAMES, ["a"] * 4)
    assert joined["n"] == 1 and joined["dice"] == whole["dice"] and joined["iou"] == whole["iou"]


def test_ignored_places_change_nothing():
    targets, probabilities = masks(2)
    padded = np.pad(targets, ((0, 0), (3, 2), (1, 4)), constant_values=tasks.IGNORE_INDEX)
    around = np.pad(probabilities, ((0, 0), (3, 2), (1, 4), (0, 0)), constant_values=1 / 3)
    plain, more = assessed(targets, probabilities).score, assessed(padded, around).score
    assert plain == more


def test_ignored_places_count_in_no_score_of_distances_either():
    rng = np.random.default_rng(2)
    spacing = (0.7, 1.5)
    target, outputs = (rng.integers(0, 3, (14, 17)).astype("uint8") for _ in range(2))
    target[9:12, 2:8] = tasks.IGNORE_INDEX
    target[target == 2] = 0  # "two" is predicted alone
    plain, row = _rows(target, outputs, spacing)
    outputs[9:12, 2:8] = 2 - outputs[9:12, 2:8]  # other answers where none is asked for
    assert _rows(target, outputs, spacing) == (plain, row)
    known = target != tasks.IGNORE_INDEX
    edges = [_outline((mask == 1) & known) * np.array(spacing) for mask in (target, outputs)]
    between = np.linalg.norm(edges[0][:, None] - edges[1][None], axis=-1)
    both = np.concatenate([between.min(axis=1), between.min(axis=0)])
    assert row["hd95_mm_one"] == pytest.approx(np.quantile(both, 0.95))
    assert row["hd95_mm_two"] == pytest.approx(np.hypot(14 * 0.7, 17 * 1.5))
    wider = [
        np.pad(mask, ((3, 2), (4, 1)), constant_values=fill)
        for mask, fill in ((target, tasks.IGNORE_INDEX), (outputs, 1))
    ]
    assert _rows(*wider, spacing) == (plain, row)
    nothing = np.full((4, 4), tasks.IGNORE_INDEX, "uint8")
    assert _rows(nothing, nothing * 0 + 1, spacing)[1]["hd95_mm_one"] is None


def _rows(target, answer, spacing):
    result = assessed([target], [np.eye(3, dtype="float32")[answer]], spacing)
    return result.score, result.rows[0]


def _outline(mask):
    """The places of a mask with a neighbor outside it, one after another."""
    padded = np.pad(mask, 1)
    return np.array([
        (y, x) for y, x in np.argwhere(mask)
        if not padded[y : y + 3, x + 1].all() or not padded[y + 1, x : x + 3].all()
    ])  # fmt: skip


def test_empty_and_empty_is_left_out_and_empty_against_something_is_0():
    nothing = np.zeros((4, 4), "uint8")
    sure = np.eye(3)[nothing].astype("float32")
    other = np.eye(3)[nothing + 1].astype("float32")
    scores = tasks.Segmentation().assess([(nothing, sure, None), (nothing, other, None)], NAMES)
    assert [row["dice_one"] for row in scores.rows] == [None, 0.0]
    assert scores.score["dice"]["one"] == 0.0 and scores.score["empty"] == 1


@pytest.mark.parametrize("shape", [(12, 15), (7, 8, 9)])
def test_surface_distance_is_that_of_all_pairs(shape):
    from scipy import ndimage
    from scipy.spatial.distance import cdist

    rng = np.random.default_rng(1)
    spacing = (0.7, 1.3, 2.5)[: len(shape)]
    truth, predicted = (
        ndimage.gaussian_filter(rng.normal(size=shape), 1.5) > 0.02 for _ in range(2)
    )
    edges = []
    for mask in (truth, predicted):
        padded = np.pad(mask, 1)
        inside = ndimage.minimum_filter(
            padded, footprint=ndimage.generate_binary_structure(len(shape), 1)
        )
        places = np.argwhere(padded & ~inside) - 1
        edges.append(places * np.array(spacing))
    between = cdist(*edges)
    expected = np.quantile(np.concatenate([between.min(axis=1), between.min(axis=0)]), 0.95)
    assert tasks.surface_distance(truth, predicted, spacing) == pytest.approx(expected)


def test_surface_distance_of_what_is_not_there():
    empty, one = np.zeros((4, 4), bool), np.eye(4, dtype=bool)
    assert tasks.surface_distance(empty, empty, (1, 1)) is None
    assert tasks.surface_distance(one, empty, (3, 4)) == pytest.approx(np.hypot(12, 16))
    assert tasks.surface_distance(one, one, (1, 1)) == 0.0
    targets, probabilities = masks(1)
    told = assessed(targets, probabilities, spacing=(1.0, 2.0))
    assert told.score["hd95_mm"]["one"] == told.rows[0]["hd95_mm_one"] > 0
    quick = assessed(targets, probabilities, spacing=(1.0, 2.0), distances=False)
    assert quick.score["hd95_mm"] is None


def test_agreement_is_the_mean_dice_of_cases():
    _, probabilities = masks(4)
    probabilities = np.eye(3)[probabilities.argmax(axis=-1)]  # no ties
    other = np.roll(probabilities, 1, axis=0)
    segmentation = tasks.Segmentation()
    assert segmentation.agreement(probabilities, probabilities) == 1.0
    by_sample = segmentation.agreement(probabilities, other)
    by_case = segmentation.agreement(probabilities, other, ["a", "a", "b", "b"])
    one = assessed(
        np.concatenate(probabilities[:2].argmax(axis=-1))[None], np.concatenate(other[:2])[None]
    ).score["dice"]["mean"]
    two = assessed(
        np.concatenate(probabilities[2:].argmax(axis=-1))[None], np.concatenate(other[2:])[None]
    ).score["dice"]["mean"]
    assert by_case == pytest.approx((one + two) / 2) and by_case != by_sample
    nothing = np.eye(3)[np.zeros((2, 4, 4), int)]
    assert segmentation.agreement(nothing, nothing) == 1.0


def test_loss_is_cross_entropy_plus_soft_dice_and_ignores_what_is_ignored():
    targets, _ = masks(2)
    logits = np.random.default_rng(3).normal(size=(*targets.shape, 3)).astype("float32")
    segmentation = tasks.Segmentation()
    p, truth = tasks.softmax(logits).astype("float64"), np.eye(3)[targets]
    cross = -np.log(p[truth > 0]).mean()
    both, each = (p * truth).sum((0, 1, 2)), (p + truth).sum((0, 1, 2))
    expected = cross + 1 - ((2 * both + 1) / (each + 1))[1:].mean()
    loss = segmentation.loss()
    assert float(loss(segmentation.encode(targets, 3), logits)) == pytest.approx(expected, rel=1e-5)
    padded = np.pad(targets, ((0, 0), (2, 2), (0, 3)), constant_values=tasks.IGNORE_INDEX)
    around = np.pad(logits, ((0, 0), (2, 2), (0, 3), (0, 0)), constant_values=5.0)
    around[..., 1] += np.where(padded == tasks.IGNORE_INDEX, 9.0, 0.0)
    assert float(loss(segmentation.encode(padded, 3), around)) == pytest.approx(expected, rel=1e-5)


def test_metric_is_the_dice_of_all_places():
    targets, probabilities = masks(6)
    (metric,) = tasks.Segmentation().metrics()
    for part in (slice(0, 2), slice(2, 6)):
        metric.update_state(
            tasks.Segmentation().encode(targets[part], 3), np.log(probabilities[part])
        )
    predicted = probabilities.argmax(axis=-1)
    both = ((predicted == targets) & (targets > 0)).sum()
    assert float(metric.result()) == pytest.approx(
        2 * both / ((predicted > 0).sum() + (targets > 0).sum())
    )


def test_renumbering_keeps_what_is_ignored():
    order = tasks.renumbering(("b", "a"), ("a", "x", "b"))
    np.testing.assert_array_equal(order[[0, 1, tasks.IGNORE_INDEX]], [2, 0, tasks.IGNORE_INDEX])


# --- a task from outside -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ordinal_run(toy, tmp_path_factory):
    """A run of a task that actzoo does not know; its rows are taken out again."""
    import ordinal_task

    import actzoo
    from actzoo import domains, models

    domain, model = ordinal_task.domain_and_model()
    tables = ((tasks.TASKS, ordinal_task.TASK), (domains.DOMAINS, domain), (models.MODELS, model))
    for registry, row in tables:
        registry.add(row, origin="a test")
    folder = tmp_path_factory.mktemp("ordinal")
    data = toy.write(folder / "data.ordered.npz", count=240)
    yield actzoo.run(str(data), out=folder / "run", epochs=12, settings={"units": "[16, 8]"})
    for registry, row in tables:
        registry._rows.pop(row.name)


def test_a_task_from_outside_is_trained_verified_and_scored_by_its_own_measures(ordinal_run):
    metrics = ordinal_run.metrics
    assert ordinal_run.passed and metrics["task"] == "ordinal"
    assert 0 <= metrics["test"]["rank_error"] < metrics["test"]["middle_rank_error"]
    assert not [text for text in ordinal_run.warnings if "no better than" in text]
    assert ordinal_run.verification["float32"]["score_drop"] == pytest.approx(0.0)
    with open(ordinal_run.run.history, newline="") as file:
        history = list(csv.DictReader(file))
    kept = min(history, key=lambda row: float(row["val_rank_error"]))
    assert float(kept["val_rank_error"]) == pytest.approx(metrics["val"]["rank_error"])


def test_the_report_and_the_console_show_a_task_from_outside_by_its_headline(ordinal_run):
    from actzoo.cli import summaries

    test = ordinal_run.metrics["test"]
    text = html.unescape(ordinal_run.run.report.read_text("utf-8"))
    words = " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.S).split())
    for part in (
        "that places examples on a scale of 3, trained from scratch",
        f"ranks off on average, over {test['n']} held-out examples",
        "the lowest validation rank error",
        "How far off the examples of each class are.",
        f"rank error of each of {test['n']} cases",
    ):
        assert part.lower() in words.lower(), part
    assert re.search(r"rank error at most [\d.]+ higher", words)
    for part in ("accuracy", "Dice", "Confusion matrix", "most frequent class", "Not shown"):
        assert part not in words.replace("costs int8 accuracy", ""), part
    line = summaries.score_line("Test", test, "ordinal")
    assert line.startswith(f"Test rank error {test['rank_error']:.3f} ({test['n']} examples)")
    table = summaries.verification_table(ordinal_run.verification, "ordinal").splitlines()[0]
    assert "rank error" in table and "accuracy" not in table


def test_a_worse_score_is_worse_in_the_direction_of_the_headline():
    import ordinal_task

    ordinal, classification = ordinal_task.Ordinal(), tasks.Classification()
    assert ordinal.score_drop({"rank_error": 0.1}, {"rank_error": 0.4}) == pytest.approx(0.3)
    assert classification.score_drop({"accuracy": 0.9}, {"accuracy": 0.6}) == pytest.approx(0.3)
    guess = {"rank_error": 0.7, "middle_rank_error": 0.6}
    assert not ordinal.beats_baseline(guess)
    assert ordinal.beats_baseline({**guess, "rank_error": 0.5})
    assert not classification.beats_baseline({"accuracy": 0.5, "constant_accuracy": 0.5})


def test_the_scores_of_a_task_that_is_not_installed_are_a_named_gap(tmp_path):
    import fake_run

    from actzoo import report

    run = fake_run.make(tmp_path / "run", pictures=False)
    for name in ("metrics.json", "model.json", "plan.json"):
        content = json.loads((run / name).read_text("utf-8"))
        (run / name).write_text(json.dumps({**content, "task": "ranking"}), "utf-8")
    words = html.unescape(report.render(run).read_text("utf-8"))
    assert "The task 'ranking' is not known here" in words
    assert "always the most frequent class" not in words and "Not shown" in words
