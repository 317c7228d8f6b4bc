"""The spacing of scans: kept with the model, and noted where another scan's is outside."""

import dataclasses
import gzip

import nibabel
import numpy as np
import pytest
from scan_files import affine, ball, nifti, opened, put, write_pictures

from actzoo import domains, errors, model_card


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


SPACINGS = [(1.0, 1.0, 2.0), (0.8, 1.0, 2.5), (0.9, 1.1, 2.0), (3.0, 3.0, 9.0)]


def write_scans(root, spacings=SPACINGS):
    for number, spacing in enumerate(spacings):
        image, mask = ball(number)
        codes = ("RAS", "LPS", "SAR", "PIR")[number % 4]  # stored in any order
        for folder, values in (("images", image), ("masks", mask)):
            place = put(root / folder / f"scan_{number}.nii.gz", b"")
            nibabel.save(nifti(values, affine(*spacing), codes), place)
    return root


def planned(root, train):
    source = opened(root)
    return domains.get_domain("medical").inputs(source, {"train": np.array(train)}, {})


def raw_of(spacing, codes="RAS", unit="mm"):
    scan = nifti(ball()[0], affine(*spacing), codes)
    scan.header.set_xyzt_units(unit)
    return gzip.compress(scan.to_bytes())


def test_the_plan_keeps_what_training_scans_are_like(tmp_path):
    plan = planned(write_scans(tmp_path), [0, 1, 2])
    assert plan.seen == {"spacing_mm": {"low": [0.8, 1.0, 2.0], "high": [1.0, 1.1, 2.5]}}
    sizes = opened(tmp_path).fingerprint().sizes
    assert "12 x 14 x 10 voxels" in sizes and "0.8 x 1 x 2 to 3 x 3 x 9 mm apart" in sizes
    assert "\n" not in sizes and "values 0 to 799" in sizes


@pytest.mark.parametrize(
    ("spacing", "noted"),
    [
        ((0.9, 1.0, 2.2), False),
        ((0.75, 1.15, 2.6), False),  # an ordinary difference
        ((0.5, 1.0, 2.0), True),
        ((1.0, 1.0, 5.0), True),
        ((10.0, 10.0, 20.0), True),
        ((2.0, 1.0, 1.0), True),  # the same numbers along other axes
    ],
)
@pytest.mark.parametrize("codes", ["RAS", "PIR"])
def test_a_scan_of_another_spacing_is_noted(tmp_path, spacing, noted, codes):
    plan = planned(write_scans(tmp_path), [0, 1, 2])
    domain = domains.get_domain("medical")
    remarks = domain.remarks(raw_of(spacing, codes), plan.steps, plan.seen)
    assert bool(remarks) == noted
    for name, sentence in remarks.items():
        assert "spacing" in name and "0.8 x 1 x 2 to 1 x 1.1 x 2.5 mm" in sentence
        assert " x ".join(f"{size:g}" for size in spacing) in sentence
    assert domain.remarks(raw_of(spacing, codes), plan.steps, {}) == {}  # a model of before


def test_spacings_in_other_units_are_the_same(tmp_path):
    plan = planned(write_scans(tmp_path), [0, 1, 2])
    domain = domains.get_domain("medical")
    assert not domain.remarks(raw_of((1e-3, 1e-3, 2e-3), unit="meter"), plan.steps, plan.seen)
    assert domain.remarks(raw_of((1.0, 1.0, 2.0), unit="micron"), plan.steps, plan.seen)


def test_pictures_have_no_spacing_to_speak_of(tmp_path):
    plan = planned(write_pictures(tmp_path, 3), [0, 1, 2])
    assert plan.seen == {}
    raw = opened(tmp_path).raw(0)
    assert domains.get_domain("medical").remarks(raw, plan.steps, {"spacing_mm": {}}) == {}
    assert "40 x 48 pixels" in opened(tmp_path).fingerprint().sizes


def test_the_card_carries_it(tmp_path):
    seen = {"spacing_mm": {"low": [1.0, 1.0, 2.0], "high": [1.0, 1.0, 2.0]}}
    card = model_card.ModelCard("unet", {}, "medical", "segmentation", ("a",), (), {}, seen=seen)
    again = model_card.ModelCard.read(card.write(tmp_path / "model.json"))
    assert again.seen == seen and dataclasses.replace(again, seen={}).seen == {}


def notes_of(root, *scans):
    for number, scan in enumerate(scans):
        nibabel.save(scan, put(root / "images" / f"s{number}.nii", b""))
        nibabel.save(
            nibabel.Nifti1Image(ball(number)[1], scan.affine, scan.header),
            put(root / "masks" / f"s{number}.nii", b""),
        )
    return " ".join(opened(root).fingerprint().notes)


@pytest.mark.parametrize(
    ("other", "noted"),
    [
        (np.diag([-1.0, 1, 2, 1]), True),  # left and right
        (np.diag([3.0, 3, 3, 1]), True),
        (np.diag([1.0, 1, 2, 1]), False),
        (np.diag([1.05, 1.05, 2.1, 1]), False),  # as after a registration
        (None, False),
    ],
)
def test_two_affines_that_disagree_are_noted(tmp_path, other, noted):
    scans = [nifti(ball(number)[0], affine(1, 1, 2)) for number in range(3)]
    if other is not None:
        scans[1].set_qform(other, 1)
    assert ("1 of 3 images say two things" in notes_of(tmp_path, *scans)) == noted


@pytest.mark.parametrize(("factor", "noted"), [(1e-3, True), (1e3, True), (0.2, False)])
def test_a_wrong_unit_is_noted(tmp_path, factor, noted):
    spacing = np.array([1.0, 1.0, 2.0])
    scans = [
        nifti(ball(number)[0], affine(*(spacing * factor if number == 1 else spacing)))
        for number in range(4)
    ]
    assert ("wrong unit" in notes_of(tmp_path, *scans)) == noted


@pytest.mark.parametrize("value", [0, 5, -1024])
def test_an_image_of_one_value_is_noted(tmp_path, value):
    scans = [nifti(ball(number)[0]) for number in range(3)]
    scans[2] = nifti(np.full_like(ball()[0], value))
    assert "1 of 3 images have one value everywhere" in notes_of(tmp_path, *scans)


@pytest.mark.parametrize("values", [1e300, np.nan, np.inf])
def test_a_scan_without_a_usable_value_gets_no_advice_to_fill_it(tmp_path, recwarn, values):
    scans = [nifti(ball(number)[0]) for number in range(3)]
    scans[1] = nifti(np.full(ball()[0].shape, values))
    with pytest.raises(errors.DataError, match="no value is a number") as caught:
        notes_of(tmp_path, *scans)
    assert "--fill-nan" not in str(caught.value) and not recwarn.list
