"""Scores against scikit-learn, by hand where it has none."""

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


def test_class_weights_lift_rare_classes_and_keep_the_mean():
    labels = np.array([0] * 90 + [1] * 10)
    weights = tasks.class_weights(labels, 2)
    assert weights[1] / weights[0] == pytest.approx(3.0)
    assert weights[labels].mean() == pytest.approx(1.0)
