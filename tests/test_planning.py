"""The rules: what the data leads to, and that a user's word wins."""

import numpy as np
import pytest
from PIL import Image

from actzoo import domains, errors, models, planning, stages
from actzoo.artifacts import DENSE_AGREEMENT, SHARED_LIMITS

TRAINING = models.TrainingDefaults()


def write_pictures(folder):
    folder.mkdir()
    for name in ("one", "two"):
        Image.fromarray(np.zeros((8, 8), "uint8")).save(folder / f"{name}.png")


def phases(count, batch, epochs=None, *, examples=None, is_dense=False, from_weights=False):
    return planning._phases(count, batch, epochs, TRAINING, examples, is_dense, from_weights)


@pytest.mark.parametrize(
    ("count", "batch", "epochs"),
    [(20, 8, 300), (100, 8, 209), (3_068, 32, 59), (9_000, 32, 20), (1_000_000, 64, 15)],
)
def test_epochs_follow_from_the_amount_of_data(count, batch, epochs):
    (phase,) = phases(count, batch)
    assert phase.epochs == epochs


def test_given_weights_train_the_head_first_on_features():
    head, rest = phases(1_000, 32, from_weights=True)
    assert (head.trains, head.on) == ("head", "features")
    assert (rest.trains, rest.on) == ("all", "inputs")
    assert rest.learning_rate < head.learning_rate


def test_epochs_of_the_user_win():
    assert phases(1_000, 32, 7)[0].epochs == 7
    assert phases(1_000, 32, 7, from_weights=True)[1].epochs == 7


def test_the_data_may_say_how_much_is_shown():
    assert phases(1_000, 32, examples=30_000)[0].epochs == 30
    assert phases(1_000, 32, examples=20_000, from_weights=True)[1].epochs == 5


def test_a_head_of_every_place_is_not_trained_on_stored_features():
    head, rest = phases(1_000, 32, is_dense=True, from_weights=True)
    assert (head.trains, head.on, head.epochs) == ("head", "inputs", 1)
    assert (rest.trains, rest.on) == ("all", "inputs")


@pytest.mark.parametrize(("count", "size"), [(5, 5), (100, 8), (200, 16), (3_000, 32), (10**5, 64)])
def test_batches_never_exceed_the_data(count, size):
    assert planning._batch_size(count)[0] == size


def test_limits_let_two_cases_of_a_small_split_differ():
    assert planning._limits(372, is_dense=False) == (SHARED_LIMITS, [])
    limits, reasons = planning._limits(20, is_dense=False)
    assert limits == {"agreement": 0.9, "score_drop": 0.1}
    assert "only 20" in reasons[0]
    for count in range(8, 400):
        limits, _ = planning._limits(count, is_dense=False)
        assert (count - 2) / count >= limits["agreement"]
        assert 2 / count <= limits["score_drop"] or count > 133


def test_limits_of_masks_do_not_depend_on_the_number_of_cases():
    for count in (3, 400):
        limits, reasons = planning._limits(count, is_dense=True)
        assert limits == {**SHARED_LIMITS, "agreement": DENSE_AGREEMENT} and not reasons


def test_a_model_for_other_data_is_refused_by_name(grids, tmp_path):
    for model in ("unet", "bert_tiny"):
        with pytest.raises(
            errors.InvalidValueError, match=rf"{model} is made for(.|\n)*simple_net"
        ):
            stages.plan(grids, tmp_path / "run", model=model)
        assert not (tmp_path / "run" / "plan.json").exists()


def test_a_task_decides_where_content_leaves_a_choice(tmp_path):
    for folder in ("images", "masks"):
        write_pictures(tmp_path / folder)
    assert domains.recognize(str(tmp_path)).task == "segmentation"
    assert domains.recognize(str(tmp_path), "classification").name == "vision"
    (tmp_path / "only").mkdir()
    table = tmp_path / "only" / "train.csv"
    table.write_text("text,label\na,b\n")
    with pytest.raises(errors.DataError, match="holds text data for classification"):
        domains.recognize(str(table), "segmentation")


def test_rare_classes_weigh_more_only_when_unbalanced(grids, tmp_path):
    assert planning._unbalanced({"a": 31, "b": 10})
    assert not planning._unbalanced({"a": 30, "b": 10})
    plan = stages.plan(grids, tmp_path / "run")
    assert plan.recipe.class_weights is False
    assert plan.domain in domains.DOMAINS and plan.reasons


def test_an_activation_that_is_not_for_hidden_layers_is_reported(grids, tmp_path):
    told = stages.plan(grids, tmp_path / "a", activation="exp").notes
    assert any("exponential is not made for hidden layers. It grows" in note for note in told)
    assert not any("hidden" in note for note in stages.plan(grids, tmp_path / "b").notes)


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("1", "10", "2"), "names as text, not of their numbers: output 0 is class '1', output 1"),
        (tuple(sorted(map(str, range(12)))), "output 2 is class '10', output 3 is class '11'"),
        (("class1", "class10", "class2"), "output 1 is class 'class10'"),
        (("background", "label 10", "label 2"), "output 1 is class 'label 10'"),
        (("5", "7", "9"), "the classes' numbers: output 0 is class '5'"),
        (("01", "02", "10"), "output 0 is class '01'"),
        (("-1", "1"), "output 0 is class '-1'"),
    ],
)  # fmt: skip
def test_numbers_of_outputs_that_are_not_the_classes_are_said(classes, said):
    (note,) = planning._order_notes(classes, ())
    assert said in note
    first = next(i for i, name in enumerate(classes) if f"output {i} is class '{name}'" in note)
    assert planning._order_notes(classes, (f"The labels: {classes[first]} is {first}.",)) == []


@pytest.mark.parametrize(
    "classes",
    [("0", "1", "2"), ("cat", "dog"), ("dog", "cat2", "cat1"), ("cat", "dog2"), ("a",)],
)
def test_an_order_that_nobody_mistakes_is_not_said(classes):
    assert planning._order_notes(classes, ()) == []
