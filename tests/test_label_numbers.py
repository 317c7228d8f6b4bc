"""Predicted masks: the user's own label numbers, with a legend; scored by an outside program."""

import csv
import json

import nibabel
import numpy as np
import pytest
from PIL import Image
from scan_files import ball, disc, indexed, label_rows, nifti, opened, png, put

from actzoo import cli, errors, models, run_folder, stages
from actzoo.applications.medical import writing
from actzoo.inference import label_numbers
from actzoo.plan import Plan

COLORS = ((0, 0, 0), (255, 0, 0), (0, 128, 0))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nifti(values), path)


def card(labels=(), classes=("background", "liver", "tumor")):
    return models.ModelCard("unet", {}, "medical", "segmentation", classes, (), {}, labels=labels)


# --- where the numbers come from -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ((0, 2, 5), ("background", "label 2", "label 5")),
        ((0, 1, 2, 4), ("background", "label 1", "label 2", "label 4")),
        ((0, 255), ("background", "foreground")),
        ((0, 1), ("background", "foreground")),
        ((0, 300, 1000), ("background", "label 300", "label 1000")),
        ((0, 128, 255), ("background", "label 128", "label 255")),
    ],
)
def test_labels_are_the_numbers_of_the_users_masks(tmp_path, values, names):
    image, _ = disc(0)
    mask = np.asarray(values, "uint16")[np.arange(image.size).reshape(image.shape) % len(values)]
    put(tmp_path / "images" / "a.png", png(image))
    put(tmp_path / "masks" / "a.png", png(mask))
    source = opened(tmp_path)
    labels = source.fingerprint().labels
    assert labels == tuple({"name": n, "value": v} for n, v in zip(names, values, strict=True))
    np.testing.assert_array_equal(label_numbers.numbered(source.load(0).target, labels), mask)


def test_labels_of_a_palette_have_its_colors_and_void_is_none(tmp_path):
    image, mask = disc(0, foreground=2)
    mask[0, 0] = 255
    put(tmp_path / "images" / "a.png", png(image))
    put(tmp_path / "masks" / "a.png", indexed(mask, *COLORS, *[(9, 9, 9)] * 253))
    names = {"background": 0, "liver": 1, "tumor": 2}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": names}))
    labels = opened(tmp_path).fingerprint().labels
    assert [label["name"] for label in labels] == list(names)
    assert [label["value"] for label in labels] == [0, 1, 2]
    assert labels[2]["color"] == [0, 128, 0]


def test_a_value_with_several_names_has_all_of_them(tmp_path):
    image, mask = disc(0)
    put(tmp_path / "images" / "a.png", png(image))
    put(tmp_path / "masks" / "a.png", png(mask))
    names = {"background": 0, "liver": 1, "tumor": 1, "ignore": 9, "void": 9}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": names}))
    source = opened(tmp_path)
    assert source.classes == ("background", "liver or tumor")
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {**names, "ignore": 1}}))
    with pytest.raises(errors.DataError, match="calls 1 liver and tumor and ignore"):
        opened(tmp_path)


# --- how they are written ------------------------------------------------------------------------


def test_volumes_get_the_numbers_on_their_grid(tmp_path):
    image, mask = ball()
    for values in ((0, 2, 5), (0, 300, 1000)):
        numbers = label_numbers.numbered(mask, label_rows(*values))
        raw = nifti(image, codes="LPS").to_bytes()
        path = writing.write_mask("scan.nii", raw, numbers, label_rows(*values), tmp_path)
        written = nibabel.as_closest_canonical(nibabel.load(path))
        np.testing.assert_array_equal(np.asarray(written.dataobj), np.asarray(values)[mask])


def test_pictures_get_gray_masks_or_the_palette(tmp_path):
    image, mask = disc(0, foreground=1)
    for values in ((0, 255), (0, 300)):
        numbers = label_numbers.numbered(mask, label_rows(*values))
        path = writing.write_mask("a.png", png(image), numbers, label_rows(*values), tmp_path)
        assert Image.open(path).mode in ("L", "I;16")
        np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(values)[mask])
    labels = [{**row, "color": list(c)} for row, c in zip(label_rows(0, 2), COLORS, strict=False)]
    path = writing.write_mask("b.png", png(image), 2 * mask, labels, tmp_path)
    written = Image.open(path)
    np.testing.assert_array_equal(np.asarray(written), 2 * mask)
    assert tuple(np.asarray(written.convert("RGB"))[mask == 1][0]) == COLORS[1]
    with pytest.raises(errors.InvalidValueError, match=r"holds 1, which is no label.*\n.*0, 2"):
        writing.write_mask("b.png", png(image), mask, labels, tmp_path)


def test_cards_of_before_write_indices_with_a_palette(tmp_path):
    image, mask = disc(0, foreground=2)
    assert label_numbers.numbered(mask, ()).tolist() == mask.tolist()
    path = writing.write_mask("a.png", png(image), mask, (), tmp_path)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), mask)
    assert Image.open(path).mode == "P"
    assert [row["value"] for row in label_numbers.legend(card())] == [0, 1, 2]


@pytest.mark.parametrize(
    "labels",
    [label_rows(0, 1), label_rows(0, 1, 2), ({"name": "background", "value": -1},) * 3],
)
def test_labels_that_do_not_belong_to_the_classes_are_refused(labels):
    with pytest.raises(errors.InvalidValueError, match="do not belong to its classes"):
        label_numbers.check(card(labels))


def test_the_legend_is_written_once_and_never_over_a_users_file(tmp_path):
    rows = ({"name": "background", "value": 0}, {"name": "liver", "value": 2, "color": [1, 2, 3]})
    path = label_numbers.write_legend(tmp_path, card(rows, ("background", "liver")))
    assert json.loads(path.read_text())["labels"] == list(rows)
    assert label_numbers.write_legend(tmp_path, card()) == path
    path.write_text('{"0": "background", "7": "mine"}')
    with pytest.raises(errors.DataError, match=r"labels\.json exists already"):
        label_numbers.write_legend(tmp_path, card())


# --- the whole path ------------------------------------------------------------------------------

VALUES = (0, 2, 5)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small model of volumes whose masks hold 0, 2 and 5."""
    root = tmp_path_factory.mktemp("labels")
    for number in range(12):
        image, mask = ball(number)
        save(root / "data" / "images" / f"scan_{number:02d}.nii.gz", image)
        save(root / "data" / "masks" / f"scan_{number:02d}.nii.gz", np.asarray(VALUES, "u1")[mask])
    settings = {"widths": "[8, 16]", "learning_rate": "5e-3"}
    stages.plan(root / "data", root / "run", weights="none", epochs=8, settings=settings)
    stages.train(root / "run")
    stages.evaluate(root / "run")
    return root / "run"


def dice(mask, truth, value):
    """By NumPy alone."""
    both = np.logical_and(mask == value, truth == value).sum()
    each = (mask == value).sum() + (truth == value).sum()
    return None if each == 0 else 2 * both / each


@pytest.mark.slow
def test_predicted_masks_score_outside_as_in_metrics(run, tmp_path):
    data, out = run.parent / "data", tmp_path / "masks"
    folder = run_folder.RunFolder(run)
    with open(folder.identities, newline="") as file:
        names = dict(csv.reader(file))
    with open(folder.predictions, newline="") as file:
        held_out = [names[row["id"]] for row in csv.DictReader(file) if row["split"] == "test"]
    assert held_out
    given = [str(data / name) for name in held_out]
    assert cli.run_command(["predict", str(run), *given, "--out", str(out), "--json"]) == 0
    scores = {value: [] for value in VALUES[1:]}
    for name in held_out:
        stem = name.rpartition("/")[2].removesuffix(".nii.gz")
        mask = np.asarray(nibabel.load(out / f"{stem}_mask.nii.gz").dataobj)
        truth = np.asarray(nibabel.load(data / "masks" / f"{stem}.nii.gz").dataobj)
        assert set(np.unique(mask)) <= set(VALUES)
        for value, row in scores.items():
            row.append(dice(mask, truth, value))
    expected = json.loads(folder.metrics.read_text())["test"]["dice"]
    for value, row in scores.items():
        known = [one for one in row if one is not None]
        assert np.mean(known) == pytest.approx(expected[f"label {value}"], abs=1e-6)
    assert expected["mean"] > 0.3


@pytest.mark.slow
def test_plan_card_answers_and_tables_carry_the_legend(run, tmp_path, capsys):
    rows = list(label_rows(*VALUES))
    rows[0]["name"] = "background"
    assert [dict(row) for row in Plan.read(run / "plan.json").labels] == rows
    assert list(models.ModelCard.read(run / "model.json").labels) == rows
    scan = run.parent / "data" / "images" / "scan_00.nii.gz"
    given = ["predict", str(run), str(scan), "--out", str(tmp_path), "--json"]
    assert cli.run_command(given) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["labels"] == rows
    assert json.loads((tmp_path / "labels.json").read_text())["labels"] == rows
    (table,) = csv.DictReader((tmp_path / run_folder.ANSWERS).open())
    assert table["labels"] == "0 background, 2 label 2, 5 label 5"
