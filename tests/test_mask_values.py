"""What masks hold: rounded where that is certain, asked about where it is not."""

import io
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image
from scan_files import affine, ball, disc, indexed, nifti, opened, png, put, write_pictures

from actzoo import data, domains, errors
from actzoo.applications.medical import inspection, masks
from actzoo.tasks import IGNORE_INDEX

CASES = Path(os.environ.get("ACTZOO_SHARED") or Path(__file__).parents[2] / "shared")
CASES = CASES / "cases" / "scans"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


def refused(root, **options):
    """The message with which a folder is refused, checked for its form."""
    with pytest.raises(errors.DataError) as caught:
        opened(root, **options)
    text = str(caught.value)
    assert len(text.splitlines()) <= 5
    return text


def foreground(number):
    return disc(number)[1] > 0


def with_masks(root, *contents):
    """A folder of pictures with these masks: bytes, or pixels for a PNG."""
    for number, content in enumerate(contents):
        put(root / "images" / f"c{number}.png", png(disc(number)[0]))
        raw = content if isinstance(content, bytes) else png(content)
        put(root / "masks" / f"c{number}.png", raw)
    return root


# --- values near whole numbers -----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32", "float64"])
@pytest.mark.parametrize("highest", [2, 4, 30])
def test_scaled_labels_are_rounded(tmp_path, dtype, highest):
    image, mask = ball()
    labels = mask * (highest // 2)
    for number in range(2):
        put(tmp_path / "images" / f"{number}.nii.gz", b"")
        nibabel.save(nifti(image + number), tmp_path / "images" / f"{number}.nii.gz")
        put(tmp_path / "masks" / f"{number}.nii.gz", b"")
        stored = nibabel.Nifti1Image(labels * 1.0, affine(1, 1, 1), dtype=dtype)
        stored.header.set_xyzt_units("mm")
        nibabel.save(stored, tmp_path / "masks" / f"{number}.nii.gz")
    read = np.asarray(nibabel.load(tmp_path / "masks" / "0.nii.gz").dataobj)
    assert (read == labels).all() == dtype.startswith("float")  # the file is off by a little
    np.testing.assert_array_equal(opened(tmp_path).load(0).target, mask)


@pytest.mark.parametrize("value", [0.99999, 1.00002, 1.00001526, 0.996, np.float32(1 / 3) * 3])
def test_what_is_within_rounding_is_rounded(value):
    mask = np.array([[0, value], [2 - 1e-4, 1e-5]])
    np.testing.assert_array_equal(masks.whole_numbers(mask), [[0, 1], [2, 0]])


@pytest.mark.parametrize("value", [0.5, 1.02, 0.97, 1 / 255, 2 / 65535, 0.00392, np.inf, -0.4])
def test_what_is_not_is_refused_with_its_digits(value):
    with pytest.raises(errors.DataError) as caught:
        masks.whole_numbers(np.array([[0, value], [0, 0]], "float64"))
    shown = str(caught.value).split("holds ")[1].split(" at ")[0]
    assert float(shown) == pytest.approx(value, rel=1e-6) or shown == "inf"


def test_the_scaled_example_is_read():
    if not CASES.is_dir():
        pytest.skip("shared/cases is not beside the repository")
    source = opened(CASES / "scl2")
    truth = np.asarray(nibabel.load(CASES / "scl2" / "masks" / "v00.nii.gz").dataobj)
    np.testing.assert_array_equal(source.load(0).target, np.round(truth))
    assert source.classes == ("background", "label 1", "label 2")


# --- one thing under two numbers ---------------------------------------------------------------


def test_one_bit_beside_eight_is_one_class(tmp_path):
    bit = io.BytesIO()
    Image.fromarray(foreground(1)).convert("1").save(bit, "PNG")
    source = opened(with_masks(tmp_path, disc(0)[1], bit.getvalue(), disc(2)[1]))
    assert source.classes == ("background", "foreground")
    for number in range(3):
        np.testing.assert_array_equal(source.load(number).target, foreground(number))
    (note,) = [n for n in source.fingerprint().notes if "one bit" in n]
    assert source.ids()[1] in note and "255" in note
    assert source.fingerprint().labels[1]["value"] == 255
    assert source.presence().all()


def test_the_mixed_example_is_one_class():
    if not CASES.is_dir():
        pytest.skip("shared/cases is not beside the repository")
    source = opened(CASES / "mix")
    assert source.classes == ("background", "foreground")
    for number in range(6):
        with Image.open(CASES / "mix" / "masks" / f"a{number:02d}.png") as truth:
            np.testing.assert_array_equal(source.load(number).target, np.asarray(truth) > 0)
    assert any("one bit" in note for note in source.fingerprint().notes)


@pytest.mark.parametrize("ends", [(1, 255), (1, 65535), (255, 65535), (1, 255, 65535)])
def test_two_numbers_for_white_are_asked_about(tmp_path, ends):
    written = [
        foreground(k) * np.array(ends[k % len(ends)], "uint8" if ends[-1] == 255 else "uint16")
        for k in range(4)
    ]
    with_masks(tmp_path, *written)
    text = refused(tmp_path)
    assert "masks/c0.png" in text and "masks/c1.png" in text and all(str(e) in text for e in ends)
    assert "--binary-masks" in text and "labels.json" in text
    source = opened(tmp_path, binary_masks=True)
    assert source.classes == ("background", "foreground")
    for number in range(4):
        np.testing.assert_array_equal(source.load(number).target, foreground(number))
    names = ", ".join(f'"{end}": "c{end}"' for end in ends)
    (tmp_path / "labels.json").write_text(f'{{"0": "background", {names}}}')
    assert opened(tmp_path).classes == ("background", *(f"c{end}" for end in ends))


def test_a_name_for_one_does_not_make_the_white_of_others_void(tmp_path):
    with_masks(tmp_path, disc(0)[1], foreground(1) * np.uint8(1), disc(2)[1])
    (tmp_path / "labels.json").write_text('{"0": "background", "1": "disc"}')
    assert "--binary-masks" in refused(tmp_path)
    assert opened(tmp_path, binary_masks=True).classes == ("background", "disc")


@pytest.mark.parametrize("others", [(1,), (1, 2)])
def test_255_beside_numbers_of_classes_is_asked_about(tmp_path, others):
    written = []
    for number in range(3):
        mask = foreground(number) * np.uint8(others[number % len(others)])
        mask[:4] = 255
        written.append(mask)
    with_masks(tmp_path, *written)
    text = refused(tmp_path)
    assert "255" in text and "without truth" in text and "masks/c0.png" in text
    names = {"0": "background", **{str(value): f"c{value}" for value in others}}
    pasted = text.split("labels.json beside the folders: ")[1].split("}")[0] + "}"
    import json

    assert set(json.loads(pasted)) == set(names)
    (tmp_path / "labels.json").write_text(json.dumps(names))
    source = opened(tmp_path)
    assert (source.load(0).target[:4] == IGNORE_INDEX).all() and len(source.classes) == len(names)
    known = [mask[4:] > 0 for mask in written]
    share = np.mean([places.mean() for places in known])
    assert source.fingerprint().details["foreground_share"] == pytest.approx(share, abs=1e-4)
    (tmp_path / "labels.json").write_text(json.dumps({**names, "255": "edge"}))
    assert opened(tmp_path).classes[-1] == "edge"


def test_gray_levels_at_equal_distances_are_classes(tmp_path):
    levels = [0, 85, 170, 255]
    written = [np.array(levels, "uint8")[np.arange(48) // 12] * np.ones((40, 1), "uint8")] * 3
    assert len(opened(with_masks(tmp_path, *written)).classes) == 4


# --- edges -------------------------------------------------------------------------------------


def softened(mask):
    return np.asarray(Image.fromarray(mask).resize((96, 80)).resize((48, 40), Image.BILINEAR))


@pytest.mark.parametrize("kind", ["one pixel", "soft", "alpha"])
def test_gray_edges_are_asked_about(tmp_path, kind):
    written = [disc(number)[1] for number in range(3)]
    if kind == "one pixel":
        written[1][20, 3] = 254
    else:
        written = [softened(mask) for mask in written]
    if kind == "alpha":
        empty = np.zeros_like(written[0])
        written = [np.dstack([empty, empty, empty, mask]) for mask in written]
    with_masks(tmp_path, *written)
    text = refused(tmp_path)
    assert "--binary-masks" in text or "gray values" in text
    assert kind != "one pixel" or ("254 (1 place, in masks/c1.png)" in text)
    source = opened(tmp_path, binary_masks=True)
    for number in range(3):
        same = source.load(number).target == foreground(number)
        assert same.mean() > 0.97


def test_masks_as_jpeg_are_read_where_they_are_said_to_be_black_and_white(tmp_path):
    written = [png(disc(number)[1], "JPEG") for number in range(2)]
    with_masks(tmp_path, *written, png(np.zeros((40, 48), "uint8"), "JPEG"))
    assert "cannot be a JPEG" in (text := refused(tmp_path)) and "--binary-masks" in text
    source = opened(tmp_path, binary_masks=True)
    for number in range(2):
        assert (source.load(number).target == foreground(number)).mean() > 0.98
    assert not source.load(2).target.any()


def test_edges_of_a_class_that_is_not_white_are_asked_about(tmp_path):
    written = [(softened(disc(k)[1]) * (100 / 255)).astype("uint8") for k in range(3)]
    text = refused(with_masks(tmp_path, *written))
    assert "without smoothing" in text and "--binary-masks" not in text
    assert "brightest value of the mask is" in refused(tmp_path, binary_masks=True)


def test_many_numbered_classes_are_classes(tmp_path):
    written = [(np.arange(40 * 48).reshape(40, 48) // 160).astype("uint8") for _ in range(3)]
    assert len(opened(with_masks(tmp_path, *written)).classes) == 12


def test_a_photo_is_no_binary_mask(tmp_path):
    with_masks(
        tmp_path, disc(0)[1], np.random.default_rng(0).integers(0, 255, (40, 48)).astype("uint8")
    )
    assert "is gray" in refused(tmp_path, binary_masks=True)


# --- where the numbers are ---------------------------------------------------------------------


def test_a_mask_may_be_in_the_transparency_alone(tmp_path):
    white = np.full((40, 48), 255, "uint8")
    written = [np.dstack([white, white, white, disc(k)[1]]) for k in range(2)]
    source = opened(with_masks(tmp_path, *written))
    for number in range(2):
        np.testing.assert_array_equal(source.load(number).target, foreground(number))
    assert any("transparent" in note for note in source.fingerprint().notes)


def test_colors_and_transparency_together(tmp_path):
    same = [np.dstack([disc(k)[1]] * 4) for k in range(2)]
    source = opened(with_masks(tmp_path / "same", *same))
    np.testing.assert_array_equal(source.load(1).target, foreground(1))
    gray = [np.dstack([disc(k)[1], disc(k)[1], disc(k)[1], disc(k + 5)[1]]) for k in range(2)]
    with_masks(tmp_path / "other", *gray)
    assert "different things" in refused(tmp_path / "other")


def test_one_color_on_black_is_one_class(tmp_path):
    red, green = np.array([255, 0, 90], "uint8"), np.array([0, 160, 0], "uint8")
    written = [foreground(k)[..., None] * red for k in range(3)]
    source = opened(with_masks(tmp_path, *written))
    assert source.classes == ("background", "foreground")
    np.testing.assert_array_equal(source.load(2).target, foreground(2))
    assert source.fingerprint().labels[1] == {
        "name": "foreground", "value": 255, "color": [255, 0, 90],
    }  # fmt: skip
    pure = np.array([255, 0, 0], "uint8")
    with_masks(tmp_path, *written[:2], foreground(2)[..., None] * pure)
    assert "(255, 0, 90) in masks/c0.png and (255, 0, 0) in masks/c2.png" in refused(tmp_path)
    both = foreground(2)[..., None] * green + foreground(1)[..., None] * red
    with_masks(tmp_path, *written[:2], both)
    text = refused(tmp_path)
    assert "has colors (" in text and "(0, 160, 0)" in text and "masks" in text


@pytest.mark.parametrize("channel", range(3))
def test_numbers_in_one_channel_are_read(tmp_path, channel):
    written = [np.zeros((40, 48, 3), "uint8") for _ in range(3)]
    for number, mask in enumerate(written):
        mask[..., channel] = np.where(foreground(number + 5), 2, foreground(number))
    source = opened(with_masks(tmp_path, *written))
    for number, mask in enumerate(written):
        np.testing.assert_array_equal(source.load(number).target, mask[..., channel])
    color = [2 * (k == channel) for k in range(3)]
    assert source.fingerprint().labels[2] == {"name": "label 2", "value": 2, "color": color}


# --- the background ----------------------------------------------------------------------------


def test_a_background_of_another_number_is_asked_about(tmp_path):
    written = [(foreground(k) + 1).astype("uint8") for k in range(3)]
    with_masks(tmp_path, *written)
    text = refused(tmp_path)
    assert "No mask holds 0" in text and "1, 2" in text and "--background 1" in text
    source = opened(tmp_path, background=1)
    assert source.classes[0] == "background"
    np.testing.assert_array_equal(source.load(0).target, foreground(0))
    assert [label["value"] for label in source.fingerprint().labels] == [1, 2]
    plan = domains.get_domain("medical").inputs(source, {"train": np.arange(3)}, {})
    assert plan.options == {"background": 1}  # other data is opened alike
    (tmp_path / "labels.json").write_text('{"1": "Background", "2": "disc"}')
    named = opened(tmp_path)
    assert named.classes == ("Background", "disc")
    np.testing.assert_array_equal(named.load(0).target, foreground(0))
    (tmp_path / "labels.json").write_text('{"0": "none", "1": "skin", "2": "disc"}')
    assert any("No mask holds 0" in note for note in opened(tmp_path).fingerprint().notes)


def test_masks_of_one_number_everywhere_are_noted(tmp_path):
    source = opened(with_masks(tmp_path, *[np.full((40, 48), 255, "uint8")] * 3))
    notes = " ".join(source.fingerprint().notes)
    assert "No mask holds 0" in notes and "3 of 3 masks have no background at all" in notes
    assert source.classes == ("background", "foreground") and source.load(0).target.all()


def test_a_mask_that_is_all_foreground_is_noted(tmp_path):
    source = opened(with_masks(tmp_path, disc(0)[1], np.full((40, 48), 255, "uint8"), disc(2)[1]))
    (note,) = [n for n in source.fingerprint().notes if "no background at all" in n]
    assert source.ids()[1] in note


def test_inverted_masks_are_noted_and_read_right_where_it_is_said(tmp_path):
    with_masks(tmp_path, *[255 - disc(k)[1] for k in range(3)])
    (note,) = [n for n in opened(tmp_path).fingerprint().notes if "--background" in n]
    assert "3 of 3" in note and "--background 255" in note
    source = opened(tmp_path, background=255)
    np.testing.assert_array_equal(source.load(1).target, foreground(1))
    assert [label["value"] for label in source.fingerprint().labels] == [255, 0]


def test_values_of_very_few_places_are_noted(tmp_path):
    written = [foreground(k).astype("uint8") for k in range(3)]
    written[2][0, :3] = 7
    notes = opened(with_masks(tmp_path, *written)).fingerprint().notes
    assert any("value 7 is at 3 places only" in note for note in notes)


def test_read_example_takes_the_same_options(tmp_path):
    write_pictures(tmp_path, 1)
    inverted = put(tmp_path / "inverted.png", png(255 - disc(0)[1]))
    image = tmp_path / "images" / "cell_00.png"
    example = data.read_example(image, inverted, background=255)
    np.testing.assert_array_equal(example.target, foreground(0))


def test_palettes_keep_their_colors_when_the_background_is_another(tmp_path):
    colors = ((9, 9, 9), (0, 0, 0), (255, 0, 0))
    with_masks(tmp_path, *[indexed((foreground(k) + 1).astype("uint8"), *colors) for k in range(2)])
    labels = opened(tmp_path, background=1).fingerprint().labels
    assert labels[0] == {"name": "background", "value": 1, "color": [0, 0, 0]}
    assert labels[1] == {"name": "label 2", "value": 2, "color": [255, 0, 0]}


def test_pair_facts_survive_being_stored():
    import dataclasses
    import json

    facts = inspection.PairInfo("a", "b", (3, 4), 1, (), {0: 9, 255: 3}, {255: (1, 2, 3)}, 1.5, 2.5,
                                0.25, 6, 255, ("hold one bit a pixel",))  # fmt: skip
    assert inspection.PairInfo.read(json.loads(json.dumps(dataclasses.asdict(facts)))) == facts


# --- numbers that mean something else ----------------------------------------------------------


@pytest.mark.parametrize("kind", ["SegmentationClass of one color (CVAT)", "0 and 255", "VOC"])
def test_255_is_void_only_beside_other_classes(tmp_path, kind):
    for number in range(3):
        inside = foreground(number)
        pixels = inside[..., None] * np.array([250, 50, 83], "uint8")
        if "CVAT" not in kind:
            pixels = inside * np.uint8(255)
        if kind == "VOC":
            pixels[foreground(number + 3) & ~inside] = 7
        put(tmp_path / "JPEGImages" / f"c{number}.png", png(disc(number)[0]))
        put(tmp_path / "SegmentationClass" / f"c{number}.png", png(pixels))
    source = opened(tmp_path)
    void = kind == "VOC"
    assert source.classes == ("background", "label 7" if void else "foreground")
    assert any("void" in note for note in source.fingerprint().notes) == void


@pytest.mark.parametrize(
    ("ends", "noted"), [((9, 12, 30), True), ((3, 4, 5), False), ((9, 9, 9), False)]
)
def test_numbers_of_objects_are_noted(tmp_path, ends, noted):
    count = [np.minimum(np.arange(40 * 48) // 48, end).reshape(40, 48) for end in ends]
    notes = opened(with_masks(tmp_path, *(own.astype("uint8") for own in count))).fingerprint()
    assert any("numbers of objects" in note for note in notes.notes) == noted


def test_numbers_of_classes_with_gaps_are_not_of_objects(tmp_path):
    count = [np.arange(40 * 48).reshape(40, 48) % end * 2 for end in (9, 12, 30)]
    notes = opened(with_masks(tmp_path, *(own.astype("uint8") for own in count))).fingerprint()
    assert not any("numbers of objects" in note for note in notes.notes)
