"""Constant padding around scans counts in no statistics, and nothing else is taken for it."""

import itertools

import numpy as np
import pytest
from scan_files import NUCLEI, affine, ball, needs_scans, nifti, opened, put
from scipy import ndimage

from actzoo import domains, errors
from actzoo.applications.medical.padding import find_padding
from actzoo.applications.medical.preprocessing import normalize_scan, read_scan

SHAPES = [(40, 48), (24, 20, 16), (12, 14, 10)]
VALUES = [-32768, -3024, -2000, -1024, -990, 0, 40, 255, 3000, 32767]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


def body(shape, seed=0):
    """Air at -1000, tissue at 40, an organ at 90, with noise, in whole numbers."""
    rng = np.random.default_rng(seed)
    middle = [(size - 1) / 2 for size in shape]
    away = np.sqrt(sum((k - m) ** 2 for k, m in zip(np.indices(shape), middle, strict=True)))
    values = np.where(away < 0.4 * min(shape), 40, -1000)
    values = np.where(away < 0.15 * min(shape), 90, values) + rng.normal(0, 12, shape)
    return np.round(values)


def paddings(scan, value):
    """Yield a name, a padded scan, and where it is the scan."""
    whole = np.ones(scan.shape, bool)
    for width in (1, 2, 5, 10):
        yield f"frame {width}", np.pad(scan, width, constant_values=value), np.pad(whole, width)
    for axis, end in itertools.product(range(scan.ndim), ((3, 0), (0, 1), (2 * len(scan), 0))):
        widths = [end if k == axis else (0, 0) for k in range(scan.ndim)]
        padded = np.pad(scan, widths, constant_values=value)
        yield f"axis {axis}, {end}", padded, np.pad(whole, widths)
    rows, columns = (2 * k / (n - 1) - 1 for k, n in zip(np.indices(scan.shape), scan.shape[:2]))  # noqa: B905
    field = rows**2 + columns**2 <= 1
    round_field = np.where(field, scan, value)
    yield "round", round_field, field
    yield "round in a frame", np.pad(round_field, 3, constant_values=value), np.pad(field, 3)
    yield "round in another frame", np.pad(round_field, 3, constant_values=7), np.pad(field, 3)
    for angle in (7, 20):
        turned = ndimage.rotate(scan, angle, order=0, cval=value)
        yield f"turned by {angle}", turned, ndimage.rotate(whole * 1, angle, order=0, cval=0) > 0


def scores(scan, **settings):
    return normalize_scan({"image": scan[..., None]}, skip_padding=True, **settings)["image"][
        ..., 0
    ]


def scores_by_hand(values):
    """What the values `(n,)` would be without padding, in float64."""
    cut = np.clip(values, *np.percentile(values, (0.5, 99.5)))
    return np.clip((cut - cut.mean()) / cut.std(), -5, 5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("value", VALUES)
def test_padding_of_any_value_changes_no_score(shape, value):
    for name, padded, inside in paddings(body(shape), value):
        expected = scores_by_hand(padded[inside])
        np.testing.assert_allclose(scores(padded)[inside], expected, atol=0.02, err_msg=name)
        assert np.abs(scores(padded)[inside] - expected).mean() < 0.01, name
        assert find_padding(padded[..., None]) is not None, name


@pytest.mark.parametrize("value", [-1000, 41])
def test_a_value_that_the_scan_holds_too_is_padding_outside_alone(value):
    scan = body((24, 20, 16))
    padded = np.pad(scan, 4, constant_values=value)
    inside = np.pad(np.ones(scan.shape, bool), 4)
    found = find_padding(padded[..., None])
    np.testing.assert_array_equal(found[~inside], True)
    assert (found & inside).sum() <= 2
    np.testing.assert_allclose(scores(padded)[inside], scores_by_hand(scan.reshape(-1)), atol=0.02)


def test_what_is_padded_stays_apart_from_the_darkest_of_the_rest():
    rng = np.random.default_rng(0)
    scan = np.pad(200.0 + rng.integers(0, 2, (20, 20)), 8)  # nearly binary, on black
    found = scores(scan)
    assert found[0, 0] == -5 and np.abs(found[8:-8, 8:-8]).max() < 1.2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["air", "cut air", "dark", "few photons", "ramp", "colors"])
def test_scans_without_padding_stay_as_they_are(shape, kind):
    rng = np.random.default_rng(1)
    scan = {
        "air": body(shape),
        "cut air": body(shape).clip(-1010),
        "dark": rng.integers(0, 4, shape) + 100 * (body(shape) > 0),
        "few photons": rng.poisson(0.5, shape),
        "ramp": np.broadcast_to(np.linspace(0, 255, shape[-1]).astype(int), shape),
        "colors": np.round(ndimage.gaussian_filter(rng.normal(0, 400, shape), 2)),
    }[kind].astype("float32")
    assert find_padding(scan[..., None]) is None
    plain = normalize_scan({"image": scan[..., None]})["image"]
    np.testing.assert_array_equal(
        normalize_scan({"image": scan[..., None]}, skip_padding=True)["image"], plain
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("value", [-2000, 0, 300])
def test_a_padded_ramp_is_a_ramp(shape, value):
    ramp = np.broadcast_to(np.linspace(10, 255, shape[0]), shape[::-1]).T
    for widths in ([(4, 4)] * ramp.ndim, [(5, 9), *[(0, 0)] * (ramp.ndim - 1)]):
        padded = np.pad(ramp, widths, constant_values=value)
        inside = np.pad(np.ones(ramp.shape, bool), widths)
        np.testing.assert_allclose(
            scores(padded)[inside], scores_by_hand(ramp.reshape(-1)), atol=0.02
        )


@needs_scans
def test_dark_backgrounds_of_real_pictures_are_no_padding():
    from PIL import Image

    found = []
    for path in sorted((NUCLEI / "train" / "images").iterdir())[:150]:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        if (area := find_padding(pixels)) is not None:
            found.append(path.name)
            assert not pixels[area].any(), path.name  # black to the bit, in one piece
    assert len(found) <= 3


@pytest.mark.parametrize("value", [0, 255, (12, 200, 7)])
def test_frames_of_colored_pictures(value):
    rng = np.random.default_rng(2)
    picture = rng.integers(0, 255, (40, 30, 3)).astype("uint8")
    padded = np.empty((60, 50, 3), "uint8")
    padded[:] = value
    padded[12:52, 5:35] = picture
    expected = normalize_scan({"image": picture})["image"]
    found = normalize_scan({"image": padded}, skip_padding=True)["image"][12:52, 5:35]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("scan", [
    np.zeros((6, 7)), np.full((2, 2, 2), -5), np.pad(np.full((8, 8), 255), 9), np.eye(2),
    np.pad(np.ones((1, 1)), 3),
])  # fmt: skip
def test_images_of_one_or_two_values_lose_nothing(scan):
    assert find_padding(scan[..., None].astype("float32")) is None


@pytest.mark.parametrize("shape", SHAPES)
def test_nan_around_a_scan_is_padding_and_within_it_is_refused(shape):
    scan = body(shape)
    for name, padded, inside in paddings(scan, np.nan):
        raw = nifti(np.atleast_3d(padded).astype("float32")).to_bytes()
        if padded.ndim == 2:  # a volume of two equal slices
            raw = nifti(np.dstack([padded, padded]).astype("float32")).to_bytes()
        read = read_scan(raw)["image"]
        read = read[..., 0, 0] if padded.ndim == 2 else read[..., 0]
        assert read[np.isnan(padded)].max() == np.nanmin(padded), name
        found = scores(read)[inside]
        np.testing.assert_allclose(found, scores_by_hand(padded[inside]), atol=0.03, err_msg=name)
        assert read_scan(raw, fill_nan=7)["image"].max() == max(7, np.nanmax(padded))
    scan[tuple(n // 2 for n in shape)] = np.nan
    with pytest.raises(errors.DataError, match="--fill-nan"):
        read_scan(nifti(np.dstack([scan, scan]) if scan.ndim == 2 else scan).to_bytes())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("value", [-3024, 0, 100, 255])
def test_padding_around_a_picture_of_two_values_is_padding_alone(shape, value):
    middle = [(size - 1) / 2 for size in shape]
    away = sum((k - m) ** 2 for k, m in zip(np.indices(shape), middle, strict=True))
    scan = np.where(away < (min(shape) / 3) ** 2, 180.0, 60.0)
    for name, padded, inside in paddings(scan, value):
        if "another" in name or "round" in name:
            continue
        expected = scores_by_hand(padded[inside])
        np.testing.assert_allclose(scores(padded)[inside], expected, atol=0.01, err_msg=name)


def test_padding_does_not_take_the_steps_of_8_bits():
    scan = body((24, 24, 24))
    padded = np.pad(scan, ((10, 10), (10, 10), (0, 0)), constant_values=-32768)
    organ, tissue = (np.pad((scan > low) & (scan < high), ((10, 10), (10, 10), (0, 0)))
                     for low, high in ((70, 110), (10, 60)))  # fmt: skip
    found = scores(padded)
    assert (found[organ].mean() - found[tissue].mean()) / (10 / 255) > 2
    before = normalize_scan({"image": padded[..., None]})["image"][..., 0]
    assert (before[organ].mean() - before[tissue].mean()) / (10 / 255) < 0.5


def test_new_plans_skip_padding_and_models_of_before_do_not(tmp_path):
    import nibabel

    for number in range(3):
        image, mask = ball(number)
        wide = ((6, 2), (0, 0), (0, 0))
        place = put(tmp_path / "masks" / f"{number}.nii.gz", b"")
        nibabel.save(nifti(np.pad(mask, wide), affine(1, 1, 2)), place)
        place = put(tmp_path / "images" / f"{number}.nii.gz", b"")
        nibabel.save(nifti(np.pad(image, wide, constant_values=-2000), affine(1, 1, 2)), place)
    source = opened(tmp_path)
    plan = domains.get_domain("medical").inputs(source, {"train": np.arange(3)}, {})
    assert plan.steps[1] == {
        "step": "normalize_scan", "low": 0.5, "high": 99.5, "limit": 5.0, "skip_padding": True,
    }  # fmt: skip
    sizes = source.fingerprint().sizes
    assert "20 x 14 x 10 voxels; 1 x 1 x 2 mm apart; values 0 to 799" in sizes
    assert "all with constant padding (up to 40% of a scan)" in sizes
    padded = source.load(0).inputs
    old = normalize_scan(padded)["image"]
    assert not np.allclose(old, normalize_scan(padded, skip_padding=True)["image"], atol=0.1)
