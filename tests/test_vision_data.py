"""Pictures: decoding, resizing, augmenting, opening, what a plan and a report get from them."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
from picture_files import PHOTOS, encoded, needs_photos, noise, write_classes
from PIL import Image

from actzoo import data, domains, errors, preprocessing
from actzoo.applications.vision import augmentation, images, inspection, panels


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


def opened(path, note=None, **options):
    return data.open_source(str(path), options=options, note=note or (lambda sentence: None))


def decode(raw):
    return images.decode_image(raw)["image"]


def resized(pixels, height, width, fit):
    return images.resize_image({"image": pixels}, height, width, fit)["image"]


# --- decoding and resizing ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_come_back_as_they_were(kind):
    np.testing.assert_array_equal(decode(encoded(noise(), kind)), noise())


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_lossy_formats_come_back_nearly_as_they_were(kind):
    raw = encoded(noise(1, 64, 64), kind, quality=95)
    assert np.abs(decode(raw).astype(int) - noise(1, 64, 64)).mean() < 4


def test_shrinking_averages_what_is_fine():
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    pixels = np.repeat(checks[..., None], 3, axis=2).astype("uint8")
    assert np.abs(resized(pixels, 16, 16, "stretch").astype(int) - 127).max() <= 3


def test_a_ramp_stays_a_ramp():
    """Against the mathematics: bilinear resampling of a linear function is that function."""
    ramp = np.repeat(np.tile(np.arange(0, 240, 2), (80, 1))[..., None], 3, axis=2).astype("uint8")
    small = resized(ramp, 20, 30, "stretch")[10, 2:-2, 0].astype(float)
    expected = (np.arange(30) + 0.5) * 4 * 2 - 1
    assert np.abs(small - expected[2:-2]).max() <= 1


@pytest.mark.parametrize(
    ("fit", "corner", "left_end"),
    [("crop", 100, 100), ("stretch", 0, 0), ("pad", 0, 0)],
)
def test_each_fit_keeps_what_it_says(fit, corner, left_end):
    """A wide picture with black ends and a gray middle square."""
    pixels = np.zeros((40, 120, 3), "uint8")
    pixels[:, 38:82] = 100
    fitted = resized(pixels, 32, 32, fit)
    assert fitted.shape == (32, 32, 3)
    assert fitted[0, 0, 0] == corner and fitted[16, 0, 0] == left_end and fitted[16, 16, 0] == 100
    if fit == "pad":
        assert (fitted[:10] == 0).all() and (fitted[-10:] == 0).all()


def test_a_picture_of_the_right_size_is_left_alone():
    np.testing.assert_array_equal(resized(noise(), 20, 24, "crop"), noise())


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (3, 7)])
@pytest.mark.parametrize("fit", images.FITS)
def test_odd_sizes_reach_the_model(size, fit):
    assert resized(np.full((*size, 3), 9, "uint8"), 32, 32, fit).shape == (32, 32, 3)


# --- augmentation ------------------------------------------------------------------------------

STEPS = (
    {"step": "decode_image"},
    {"step": "resize_image", "height": 32, "width": 48, "fit": "stretch"},
)
STILL = {"strength": 1.0, "flip": False, "zoom": 1.0, "rotate": 0.0, "shear": 0.0, "color": 0.0,
         "hue": 0.0, "operations": 0.0, "erase": 0.0}  # fmt: skip


def augmented(pixels, words=0, **settings):
    augment = augmentation.augmenter(STEPS, settings)
    stored = preprocessing.apply(augment.stored_steps, {"image": pixels})
    return augment(stored, 1, data.rng(0, words))


def test_augmentation_is_a_function_of_the_generator_and_gives_the_models_shape():
    first, again, other = (augmented(noise(), word)[0]["image"] for word in "aab")
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.shape == (32, 48, 3) and first.dtype == np.uint8


def test_without_strength_a_picture_is_only_resized():
    pixels = noise(2, 80, 120)
    found, target = augmented(pixels, strength=0.0, flip=False)
    plain = preprocessing.apply(STEPS, {"image": pixels})["image"]
    assert np.abs(found["image"].astype(int) - plain).mean() < 2 and target == 1


def test_mirroring_mirrors_half_of_the_pictures_and_can_be_left_out():
    pixels = noise(3, 40, 60)  # the stored size, so that nothing is resampled twice
    still = {**STILL, "strength": 1e-9}
    plain = augmented(pixels, **still)[0]["image"].astype(int)
    mirrored = 0
    for word in range(40):
        flipped = augmented(pixels, word, **{**still, "flip": True})[0]["image"].astype(int)
        is_plain, is_mirror = (np.abs(flipped - p).max() <= 2 for p in (plain, plain[:, ::-1]))
        assert is_plain != is_mirror
        mirrored += is_mirror
        same = augmented(pixels, word, **still)[0]["image"].astype(int)
        assert np.abs(same - plain).max() <= 2
    assert 10 <= mirrored <= 30


def test_a_third_of_a_hue_turn_swaps_the_channels_and_keeps_gray():
    turn = augmentation._hue_matrix(2 * math.pi / 3)
    np.testing.assert_allclose(turn, [[0, 0, 1], [1, 0, 0], [0, 1, 0]], atol=1e-12)
    for angle in (0.3, -1.0):
        np.testing.assert_allclose(augmentation._hue_matrix(angle) @ np.ones(3), np.ones(3))


@pytest.mark.parametrize("operation", augmentation.OPERATIONS)
@pytest.mark.parametrize("magnitude", [0.0, 0.5, 1.0])
def test_operations_keep_size_and_mode(operation, magnitude):
    changed = operation(Image.fromarray(noise()), magnitude)
    assert changed.size == (24, 20) and changed.mode == "RGB"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"strenght": 1.0}, r"'strenght'(.|\n)*'strength'"),
        ({"strength": 1.5}, "0 to 1"),
        ({"flip": 1}, "true or false"),
        ({"rotate": float("nan")}, "0 to 180"),
    ],
)
def test_wrong_augmentation_settings_are_named(settings, words):
    with pytest.raises(errors.InvalidValueError, match=words):
        augmentation.augmenter(STEPS, settings)


# --- folders -----------------------------------------------------------------------------------


def test_classes_are_sorted_and_examples_carry_their_own(tmp_path):
    source = opened(write_classes(tmp_path / "data", ("dog", "cat", "Ape"), 4))
    assert source.classes == ("Ape", "cat", "dog")
    assert source.splits() == [None] * 12
    for index, name in enumerate(source.ids()):
        assert source.classes[source.labels()[index]] == name.split("/")[0]
    index = source.ids().index("cat/002.png")
    np.testing.assert_array_equal(source.load(index).inputs["image"], noise(1002))
    assert source.raw(index) == (tmp_path / "data/cat/002.png").read_bytes()


@pytest.mark.parametrize(
    ("train", "val"),
    [("train", "val"), ("training", "valid"), ("Train", "validation"), ("train", "dev")],
)
def test_splits_are_found_under_their_usual_names(tmp_path, train, val):
    write_classes(tmp_path / train, count=6)
    write_classes(tmp_path / val, count=2, start=50)
    write_classes(tmp_path / "test", count=3, start=70)
    source = opened(tmp_path)
    parts = data.split(source, seed=0)
    assert {name: len(indices) for name, indices in parts.items()} == {
        "train": 12,
        "val": 4,
        "test": 6,
    }
    assert source.fingerprint().counts["val"] == {"cat": 2, "dog": 2}


def test_missing_splits_are_taken_from_train_and_both_are_said(tmp_path):
    write_classes(tmp_path / "train", count=20)
    notes = []
    parts = data.split(opened(tmp_path), seed=0, note=notes.append)
    assert {name: len(indices) for name, indices in parts.items()} == {
        "train": 28,
        "val": 6,
        "test": 6,
    }
    assert len(notes) == 1 and "no val and no test split" in notes[0]
    assert "6 for validation" in notes[0] and "6 for test" in notes[0]


def test_classes_may_be_called_like_splits(tmp_path):
    source = opened(write_classes(tmp_path, ("train", "plane", "test")))
    assert source.classes == ("plane", "test", "train")


@pytest.mark.parametrize("layout", ["pairs", "split pairs", "volumes", "tables", "empty"])
def test_other_kinds_of_data_are_not_taken_for_photos(tmp_path, layout):
    if layout == "pairs":
        write_classes(tmp_path, ("images", "masks"))
    elif layout == "split pairs":
        write_classes(tmp_path / "train", ("images", "masks"))
    elif layout == "volumes":
        write_classes(tmp_path, ("imagesTr", "labelsTr"))
    elif layout == "tables":
        (tmp_path / "train.csv").write_text("text,label\na,b\n")
    if layout == "empty":
        with pytest.raises(errors.DataError, match="class folders with pictures"):
            domains.recognize(str(tmp_path))
    else:
        expected = "text" if layout == "tables" else "medical"
        assert domains.recognize(str(tmp_path)).name == expected


def test_content_hash_follows_content_labels_and_names_only(tmp_path):
    write_classes(tmp_path / "a")
    first = opened(tmp_path / "a").fingerprint().content_hash
    write_classes(tmp_path / "b")
    assert opened(tmp_path / "b").fingerprint().content_hash == first
    (tmp_path / "b/cat/000.png").write_bytes(encoded(noise(99)))
    assert opened(tmp_path / "b").fingerprint().content_hash != first


def test_the_look_at_settled_files_is_kept_and_a_changed_file_looked_at_again(
    tmp_path, monkeypatch
):
    import os

    root = write_classes(tmp_path / "data")
    for path in root.rglob("*.png"):
        os.utime(path, (1e9, 1e9))
    first = opened(root).fingerprint()
    looked = []
    real = images.read_picture
    monkeypatch.setattr(
        inspection.images, "read_picture", lambda raw, most: looked.append(1) or real(raw, most)
    )
    assert opened(root).fingerprint() == first and not looked
    monkeypatch.chdir(tmp_path)
    assert opened("data").fingerprint() == first and not looked  # however the path is written
    changed = root / "cat/001.png"
    changed.write_bytes(encoded(noise(7, 22, 24)))
    os.utime(changed, (1e9, 1e9))  # same time, other size
    assert opened(root).fingerprint().content_hash != first.content_hash and len(looked) == 1


def test_wrong_options_are_named(tmp_path):
    write_classes(tmp_path)
    with pytest.raises(errors.UnknownNameError, match=r"'strikt'(.|\n)*'strict'"):
        opened(tmp_path, strikt=True)
    with pytest.raises(errors.InvalidValueError, match="max_pixels"):
        opened(tmp_path, max_pixels="many")


@needs_photos
def test_real_photos_open_without_a_word_and_leave_no_trace():
    notes = []
    source = opened(PHOTOS, notes.append)
    assert len(source) == 280 and len(source.classes) == 10 and not notes
    plan = domains.get_domain("vision").inputs(source, {}, {})
    assert plan.config == {"input_shape": [96, 96, 3]} and plan.augmentation["flip"]
    inputs = data.load_samples(source, [0, 200], data.Preparation(plan.steps))["image"]
    expected = preprocessing.apply(plan.steps, source.raw(200))["image"]
    np.testing.assert_array_equal(inputs[1], expected)


# --- inputs and panels -------------------------------------------------------------------------


def planned(overrides=None, **changes):
    source = SimpleNamespace(
        fingerprint=lambda: fingerprint(**changes), value_ranges=lambda train: {}
    )
    return domains.get_domain("vision").inputs(source, {}, overrides or {})


def fingerprint(count=3000, side=200, loss=0.1, gray=0.0):
    details = {
        "median_shorter_side": side,
        "median_crop_loss": loss,
        "gray_share": gray,
        "max_pixels": images.MAX_PIXELS,
    }
    return data.Fingerprint("vision", count, ("a", "b"), {}, details, "x")


@pytest.mark.parametrize(
    ("changes", "side", "fit"),
    [
        ({}, 96, "crop"),
        ({"side": 8, "gray": 1.0}, 32, "crop"),
        ({"side": 70}, 64, "crop"),
        ({"count": 50_000}, 128, "crop"),
        ({"count": 500_000, "side": 500}, 224, "crop"),
        ({"loss": 0.25}, 96, "stretch"),
        ({"loss": 0.8}, 96, "pad"),
    ],
)
def test_size_and_fit_follow_the_data(changes, side, fit):
    plan = planned(**changes)
    assert plan.config == {"input_shape": [side, side, 3]}
    assert plan.steps[-1] == {"step": "resize_image", "height": side, "width": side, "fit": fit}
    assert len(plan.reasons) == 3
    preprocessing.validate(plan.steps)
    domains.get_domain("vision").augmenter(plan.steps, plan.augmentation)


def test_small_gray_pictures_are_never_mirrored():
    assert planned(side=28, gray=1.0).augmentation["flip"] is False
    assert planned(side=28).augmentation["flip"] is True


def test_a_given_model_decides_the_size():
    plan = planned({"input_shape": [64, 80, 3]})
    assert plan.inputs["image"]["shape"] == [64, 80, 3] and plan.steps[-1]["width"] == 80


@dataclasses.dataclass
class Evaluation:
    source: data.Source
    splits: dict
    classes: tuple
    test_indices: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    folder: object
    steps: tuple = STEPS


def test_panels_show_samples_and_the_surest_mistakes_first(tmp_path):
    source = opened(write_classes(tmp_path / "data", count=20, height=200, width=300))
    splits = data.split(source, seed=0, note=lambda _: None)
    test = splits["test"]
    labels = source.labels()[test]
    probabilities = np.where(np.eye(2)[labels] > 0, 0.6, 0.4)
    probabilities[1] = [0.9, 0.1] if labels[1] else [0.2, 0.8]
    probabilities[3] = [0.7, 0.3] if labels[3] else [0.3, 0.7]
    made = panels.panels(
        Evaluation(source, splits, source.classes, test, labels, probabilities, tmp_path / "out")
    )
    assert [panel["kind"] for panel in made] == ["gallery", "gallery"]
    wrong = probabilities.argmax(axis=1) != labels
    shares = [float(item["caption"].rsplit(" ", 1)[1].rstrip("%")) for item in made[1]["items"]]
    assert len(shares) == wrong.sum() == 2 and shares == sorted(shares, reverse=True)
    for panel in made:
        for item in panel["items"]:
            with Image.open(tmp_path / "out" / item["picture"]) as shown:
                assert max(shown.size) == 160 and shown.format == "JPEG"
