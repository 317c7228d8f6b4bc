"""Scans: reading, normalizing, tiling, augmenting, opening, planning, showing, writing."""

import dataclasses
import io
import json
import shutil

import nibabel
import numpy as np
import pytest
import toy_export
from PIL import Image
from scan_files import (
    HIPPOCAMPUS,
    NUCLEI,
    affine,
    ball,
    disc,
    indexed,
    label_rows,
    needs_scans,
    nifti,
    opened,
    png,
    put,
    write_pictures,
    write_volumes,
)

import actzoo
from actzoo import (
    cli,
    data,
    domains,
    errors,
    evaluation,
    inference,
    models,
    run_folder,
    stages,
    tasks,
    verify,
)
from actzoo.applications.medical import (
    augmentation,
    catalog,
    inspection,
    panels,
    preprocessing,
    tiling,
    writing,
)
from actzoo.applications.medical.files import mask_pictures, pictures, volumes
from actzoo.applications.medical.layouts import folder, patients
from actzoo.cli import answers
from actzoo.data import read_settings
from actzoo.preprocessing import apply


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


def image_of(raw, **settings):
    return preprocessing.read_scan(raw, **settings)["image"]


def normalized(values, **settings):
    return preprocessing.normalize_scan({"image": values}, **settings)["image"]


# --- recognizing and pairing -------------------------------------------------------------------


def test_folders_of_images_and_masks_are_recognized(tmp_path):
    assert folder.looks_like_pairs(str(write_pictures(tmp_path / "a")))
    assert folder.looks_like_pairs(str(write_pictures(tmp_path / "b", split="training")))
    (tmp_path / "c" / "images").mkdir(parents=True)
    assert folder.looks_like_pairs(str(tmp_path / "c")) is None


def test_aliases_of_splits_are_understood(tmp_path):
    for split, seed in (("training", 0), ("valid", 10), ("test", 20)):
        write_pictures(tmp_path, 2, split, seed)
    assert opened(tmp_path).splits() == ["test"] * 2 + ["train"] * 2 + ["val"] * 2


def test_the_decathlon_form_gives_names(tmp_path):
    for number in range(3):
        image, mask = ball(number)
        for place, values in (("imagesTr", image), ("labelsTr", mask)):
            put(tmp_path / place / f"h_{number}.nii.gz", b"")
            nibabel.save(nifti(values), tmp_path / place / f"h_{number}.nii.gz")
    labels = {"labels": {"0": "background", "1": "anterior", "2": "posterior"}}
    (tmp_path / "dataset.json").write_text(json.dumps(labels))
    assert opened(tmp_path).classes == ("background", "anterior", "posterior")
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "front": 1}}))
    with pytest.raises(errors.DataError, match="without a name"):
        opened(tmp_path)


@pytest.mark.parametrize("content", ["[]", "{", '{"labels": 3}', '{"labels": {"x": "y"}}'])
def test_broken_lists_of_labels_are_refused(tmp_path, content):
    write_pictures(tmp_path)
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(errors.DataError, match=r"dataset\.json"):
        opened(tmp_path)


def test_masks_may_end_in_a_mark_and_other_files_are_counted(tmp_path):
    write_pictures(tmp_path)
    for path in sorted((tmp_path / "masks").iterdir()):
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    put(tmp_path / "images" / "notes.txt", b"x")
    put(tmp_path / "images" / "scan.Smith_John_19600101", b"x")
    put(tmp_path / "index.csv", b"stem,label\n")
    source = opened(tmp_path)
    assert len(source) == 6
    notes = " ".join(source.fingerprint().notes)
    assert "1 .txt files" in notes and "1 other files" in notes and "mith" not in notes
    put(tmp_path / "masks" / "cell_00_seg.png", png(disc(0)[1]))
    with pytest.raises(errors.DataError, match=r"cell_00_mask.*cell_00_seg"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("stem", "patient"),
    [
        ("patient03_slice12", "patient3"),
        ("patient003_slice1", "patient3"),
        ("patient00_slice1", "patient0"),
        ("patient100", "patient100"),
        ("case_007_001", "case7"),
        ("sub-01_T1w", "sub1"),
        ("sub-control00_ses-0_T1w", "subcontrol0"),
        ("ses-0_sub-A001_patient5", "suba1"),
        ("p-01_2", "p1"),
        ("p_1", "p1"),
        ("p53_002", "p53"),
        ("P03-2", "p3"),
        ("sub-cortical_001", "sub-cortical_001"),
        ("stain_p53_002", "stain_p53_002"),
        ("hippocampus_003", "hippocampus_003"),
        ("map12", "map12"),
        ("0012", "train/0012"),
        ("img_4", "train/img_4"),
    ],
)
def test_patients_are_read_from_names_without_guessing(stem, patient):
    assert patients.patient_of(stem, "train") == patient


def test_names_that_tell_of_few_patients_are_noted(tmp_path):
    def notes(root, name):
        for number in range(5):
            for place, pixels in zip(("images", "masks"), disc(number), strict=True):
                put(root / place / f"{name(number)}.png", png(pixels))
        return " ".join(opened(root).fingerprint().notes)

    assert "5 of 5 file names say nothing" in notes(tmp_path / "a", lambda n: f"cell_{n}")
    some = notes(tmp_path / "b", lambda n: f"patient{n}" if n else "cell")
    assert "1 of 5 file names say nothing" in some and "By their file names" not in some
    one = notes(tmp_path / "c", lambda n: f"patient01_slice{n:02d}")
    assert "the 5 images are those of 1 patient; to train, 3 are needed" in one
    assert "say nothing" not in one
    with pytest.raises(errors.DataError, match=r"5 in all, of 1 group that .* at least 3"):
        data.split(opened(tmp_path / "c"), seed=0, note=lambda _: None)


# --- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_stay_16_bits(kind):
    values = np.random.default_rng(0).integers(0, 60_000, (20, 30)).astype("uint16")
    np.testing.assert_array_equal(image_of(png(values, kind))[..., 0], values)


def test_colors_become_gray_or_stay():
    colors = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype("uint8")
    np.testing.assert_array_equal(image_of(png(colors), channels=3), colors)
    assert image_of(png(colors)).shape == (20, 30, 1)
    gray = image_of(png(disc()[0]), channels=3)
    assert gray.shape == (40, 48, 3) and (gray[..., 0] == gray[..., 2]).all()


def test_reading_twice_is_reading_once():
    once = preprocessing.read_scan(png(disc()[0]), channels=3)
    np.testing.assert_array_equal(preprocessing.read_scan(once, channels=3)["image"], once["image"])


def test_a_slope_is_applied_once():
    image = nifti(ball()[0])
    image.header.set_slope_inter(2.0, -100.0)
    raw = image.to_bytes()
    stored = nibabel.Nifti1Image.from_bytes(raw)
    expected = np.asarray(stored.dataobj, "float32")
    np.testing.assert_allclose(image_of(raw)[..., 0], expected, rtol=1e-4, atol=1e-2)


def test_packed_or_not_is_recognized_by_content(tmp_path):
    import gzip

    raw = nifti(ball()[0]).to_bytes()
    np.testing.assert_array_equal(image_of(raw), image_of(gzip.compress(raw)))


@pytest.mark.parametrize("raw", [b"", b"hello", b"%PDF-1.4", b"\x1f\x8b", b"\x89PNG\r\n\x1a\n"])
def test_other_bytes_are_refused(raw):
    with pytest.raises(errors.DataError):
        image_of(raw)


# --- normalizing -------------------------------------------------------------------------------


def test_brightness_and_contrast_do_not_matter():
    values = disc()[0].astype("float32")[..., None]
    np.testing.assert_allclose(normalized(values), normalized(37 * values + 500), atol=1e-3)


def test_specks_do_not_press_the_rest_together():
    values = disc(1)[0].astype("float32")[..., None]
    speck = values.copy()
    speck[0, 0] = 1e6
    assert np.abs(normalized(values) - normalized(speck))[1:].max() < 0.1


def test_normalized_values_have_mean_0_spread_1_and_a_limit():
    values = normalized(disc()[0][..., None])
    assert values.dtype == np.float32
    assert abs(values.mean()) < 1e-3 and abs(values.std() - 1) < 1e-2
    rare = np.zeros((100, 100, 1), "float32")
    rare[:10, :10] = 1
    assert normalized(rare).max() == preprocessing.LIMIT


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_scan_of_one_value_becomes_0(value):
    values = normalized(np.full((8, 9, 1), value, "uint8"))
    assert (values == 0).all() and np.isfinite(values).all()


def test_settings_of_normalizing_are_checked():
    with pytest.raises(errors.InvalidValueError, match="low=60"):
        normalized(disc()[0][..., None], low=60, high=50)


# --- tiling ------------------------------------------------------------------------------------


def cutter(**settings):
    last = {"step": "tile_scan", "height": 32, "width": 32, **settings}
    return tiling.TileCutter([{"step": "read_scan"}, last])


@pytest.mark.parametrize("shape", [(20, 25), (32, 32), (33, 100), (70, 31), (90, 90)])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_each_place_counts_once_and_joining_gives_the_scan_back(shape, overlap):
    rng = np.random.default_rng(0)
    image = rng.normal(size=(*shape, 3)).astype("float32")
    mask = rng.integers(0, 3, shape).astype("uint8")
    cut = cutter(overlap=overlap)
    tiles, masks = cut.cut({"image": image}, mask)
    assert tiles["image"].shape == (len(masks), 32, 32, 3)
    known = masks[masks != tasks.IGNORE_INDEX]
    np.testing.assert_array_equal(np.bincount(known), np.bincount(mask.reshape(-1)))
    np.testing.assert_allclose(cut.join(tiles["image"], {"image": image}), image, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_volumes_are_cut_slice_by_slice(axis):
    rng = np.random.default_rng(axis)
    image = rng.normal(size=(18, 40, 25, 1)).astype("float32")
    mask = rng.integers(0, 3, (18, 40, 25)).astype("uint8")
    cut = cutter(axis=axis, neighbors=1)
    tiles, masks = cut.cut({"image": image}, mask)
    assert tiles["image"].shape[-1] == 3
    assert (masks != tasks.IGNORE_INDEX).sum() == mask.size
    np.testing.assert_allclose(
        cut.join(tiles["image"][..., 1:2], {"image": image}), image, atol=1e-5
    )
    number = 5
    one, target = cut.sample({"image": image}, mask, number, rng)
    assert one["image"].shape == (32, 32, 3) and target.shape == (32, 32)
    before = np.take(image, number - 1, axis)[..., 0]
    if max(before.shape) <= 32:
        rows, columns = ((32 - size) // 2 for size in before.shape)
        inside = one["image"][rows:, columns:, 0][: before.shape[0], : before.shape[1]]
        np.testing.assert_array_equal(inside, before)


@pytest.mark.parametrize(
    ("settings", "shape", "told"),
    [
        ({}, (12, 14, 10, 1), r"for pictures, and this is a volume of 12 x 14 x 10(.|\n)*volumes"),
        ({"axis": 2}, (12, 14, 1), r"for volumes, and this is a picture of 12 x 14(.|\n)*pictures"),
    ],
)
def test_scans_of_the_other_kind_are_refused(settings, shape, told):
    image = {"image": np.zeros(shape, "float32")}
    with pytest.raises(errors.DataError, match=told):
        cutter(**settings).cut(image)
    with pytest.raises(errors.DataError, match=told):
        cutter(**settings).sample(image, np.zeros(shape[:-1]), 0, np.random.default_rng(0))


def test_what_is_padded_is_not_learned():
    image, mask = disc(0, 20, 25, foreground=1)
    one, target = cutter().sample({"image": image[..., None]}, mask, 0, np.random.default_rng(0))
    assert (target != tasks.IGNORE_INDEX).sum() == mask.size
    np.testing.assert_array_equal(one["image"][6:26, 3:28, 0], image)
    assert one["image"].min() >= image.min()


def test_training_tiles_are_drawn_where_the_foreground_is():
    mask = np.zeros((300, 300), "uint8")
    mask[150:153, 200:203] = 1
    inputs = {"image": mask[..., None].astype("float32")}

    def share(foreground):
        cut = cutter(foreground=foreground)
        hits = [
            (cut.sample(inputs, mask, 0, np.random.default_rng(k))[1] == 1).any()
            for k in range(200)
        ]
        return np.mean(hits)

    assert share(0.0) < 0.1 and 0.35 < share(0.5) < 0.7 and share(1.0) == 1.0


@pytest.mark.parametrize("wrong", [{"height": 0}, {"overlap": 1.0}, {"axis": 3}, {"neighbors": 9}])
def test_impossible_settings_of_tiles_are_refused(wrong):
    with pytest.raises(errors.InvalidValueError, match="tile_scan"):
        cutter(**wrong)
    with pytest.raises(errors.InvalidValueError, match="tile_scan"):
        tiling.TileCutter([{"step": "read_scan"}])


# --- augmentation ------------------------------------------------------------------------------


def augmented(image, mask, seed, **settings):
    change = augmentation.augmenter([{"step": "normalize_scan", "limit": 5.0}], settings)
    found, target = change({"image": image}, mask, np.random.default_rng(seed))
    return found["image"], target


@pytest.mark.parametrize("channels", [1, 3])
def test_image_and_mask_stay_together(channels):
    mask = disc(3, 64, 64, foreground=1)[1]
    image = np.repeat(3.0 * mask[..., None] - 1, channels, axis=2).astype("float32")
    for seed in range(40):
        found, target = augmented(image, mask, seed, affine=1.0)
        known = target != tasks.IGNORE_INDEX
        assert found.shape == image.shape and found.dtype == np.float32
        assert np.corrcoef(found[..., 0][known], target[known])[0, 1] > 0.95
        assert set(np.unique(target)) <= {0, 1, tasks.IGNORE_INDEX}


def test_augmentation_is_a_function_of_its_generator():
    image, mask = disc(1, 40, 40, foreground=1)
    image = image[..., None].astype("float32") / 50
    for one, other in zip(augmented(image, mask, 7), augmented(image, mask, 7), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (augmented(image, mask, 7)[0] != augmented(image, mask, 8)[0]).any()


def test_no_augmentation_changes_nothing():
    image, mask = disc(1, 40, 48, foreground=1)
    image = image[..., None].astype("float32") / 50
    nothing = {
        field.name: False if isinstance(field.default, bool) else 0.0
        for field in dataclasses.fields(augmentation.Settings)
    }
    found, target = augmented(image, mask, 0, **nothing)
    np.testing.assert_allclose(found, image, atol=1e-6)
    np.testing.assert_array_equal(target, mask)


def test_values_stay_within_the_limit():
    image, mask = np.full((32, 32, 1), 5.0, "float32"), np.zeros((32, 32), "uint8")
    assert max(np.abs(augmented(image, mask, seed)[0]).max() for seed in range(20)) <= 5.0


@pytest.mark.parametrize(("name", "value"), [("flip", 1), ("noise", 2), ("rotate", -1)])
def test_settings_of_augmentation_are_checked(name, value):
    with pytest.raises(errors.InvalidValueError, match=f"augmentation.{name}"):
        read_settings(augmentation.Settings, {name: value}, augmentation.HIGHEST)
    with pytest.raises(errors.UnknownNameError, match="rotate"):
        read_settings(augmentation.Settings, {"rotat": 3}, {})


# --- opening and planning ----------------------------------------------------------------------


def plan(source, **overrides):
    drawn = data.split(source, seed=0, note=lambda sentence: None)
    return domains.get_domain("medical").inputs(source, drawn, overrides)


def test_pictures_are_one_sample_each_until_they_are_large(tmp_path):
    assert opened(write_pictures(tmp_path / "a")).samples_per_example(()) is None
    for number in range(4):
        image, mask = disc(number, 400, 600)
        put(tmp_path / "b" / "images" / f"{number}.png", png(image))
        put(tmp_path / "b" / "masks" / f"{number}.png", png(mask))
    source = opened(tmp_path / "b")
    assert source.samples_per_example(()) == [6] * 4
    assert plan(source).config["input_shape"] == [256, 256, 1]


def test_volumes_have_a_sample_per_slice_along_the_coarsest_axis(tmp_path):
    assert opened(write_volumes(tmp_path / "a")).samples_per_example(()) == [10] * 4
    for number in range(4):
        for place, values in zip(("images", "masks"), ball(number), strict=True):
            put(tmp_path / "b" / place / f"{number}.nii.gz", b"")
            nibabel.save(
                nifti(values, affine(4, 1, 1), "PIR"), tmp_path / "b" / place / f"{number}.nii.gz"
            )
    source = opened(tmp_path / "b")
    assert source.samples_per_example(()) == [12] * 4
    example = source.load(0)
    assert example.spacing == (4.0, 1.0, 1.0)
    assert example.inputs["image"].shape == (12, 14, 10, 1) and example.target.shape == (12, 14, 10)
    assert plan(source).steps[-1]["axis"] == 0


@pytest.mark.parametrize(
    ("batch_size", "settings", "norm"),
    [(2, {}, "group"), (4, {}, "batch"), (2, {"norm": "batch"}, "batch")],
)
def test_batches_too_small_for_statistics_get_group_normalization(
    tmp_path, batch_size, settings, norm
):
    folder = write_pictures(tmp_path / "pictures")
    made = stages.plan(
        folder, tmp_path / "run", weights="none", batch_size=batch_size, settings=settings
    )
    assert made.model_config["norm"] == norm
    if not settings:
        assert any("group norm" in reason for reason in made.reasons) == (norm == "group")


def test_the_plan_fits_network_and_steps(tmp_path):
    made = plan(opened(write_pictures(tmp_path)))
    assert made.config["input_shape"] == [48, 48, 1]
    catalog.UNetConfig(
        input_shape=tuple(made.config["input_shape"]), widths=tuple(made.config["widths"])
    ).validate()
    assert [step["step"] for step in made.steps] == ["read_scan", "normalize_scan", "tile_scan"]
    assert made.inputs["image"]["range"] == [-5.0, 5.0]
    assert read_settings(augmentation.Settings, made.augmentation, augmentation.HIGHEST)
    assert all(isinstance(reason, str) for reason in made.reasons)


def test_one_colored_picture_makes_three_channels(tmp_path):
    write_pictures(tmp_path)
    colors = np.dstack([disc(1)[0], disc(2)[0], disc(3)[0]])
    put(tmp_path / "images" / "cell_99.png", png(colors))
    put(tmp_path / "masks" / "cell_99.png", png(disc(1)[1]))
    source = opened(tmp_path)
    made = domains.get_domain("medical").inputs(source, {"train": np.arange(7)}, {})
    assert made.config["input_shape"][2] == 3 and made.steps[0]["channels"] == 3
    assert (
        domains.get_domain("medical")
        .inputs(source, {"train": np.arange(6)}, {})
        .steps[0]["channels"]
        == 1
    )


def test_a_given_shape_is_kept_or_refused(tmp_path):
    source = opened(write_pictures(tmp_path))
    made = plan(source, input_shape=[64, 32, 1], widths=[4, 8])
    assert made.config == {"input_shape": [64, 32, 1], "widths": [4, 8]}
    assert (made.steps[-1]["height"], made.steps[-1]["width"]) == (64, 32)
    with pytest.raises(errors.InvalidValueError, match="1 channels"):
        plan(source, input_shape=[64, 32, 3])


def test_opening_again_takes_what_was_found_before(tmp_path, monkeypatch):

    write_pictures(tmp_path)
    monkeypatch.setattr("actzoo.inspection.SETTLED_SECONDS", -1.0)
    first = opened(tmp_path).fingerprint()
    monkeypatch.setattr(inspection, "read_image", None)
    assert opened(tmp_path).fingerprint() == first


def test_a_folder_is_read_once_however_its_path_is_written(tmp_path, monkeypatch):
    write_pictures(tmp_path / "data")
    monkeypatch.setattr("actzoo.inspection.SETTLED_SECONDS", -1.0)
    first = opened(tmp_path / "data").fingerprint()
    monkeypatch.setattr(inspection, "read_image", None)
    monkeypatch.chdir(tmp_path)
    for written in ("data", "./data/", "data/../data"):
        assert opened(written).fingerprint() == first


def test_each_picture_and_each_mask_is_decoded_once(tmp_path, monkeypatch):
    root = write_pictures(tmp_path / "pictures", 3)
    put(root / "masks" / "cell_01.png", indexed(disc(1)[1] // 255, (0, 0, 0), (255, 0, 0)))
    put(root / "labels.json", b'{"0": "background", "1": "red", "255": "white"}')
    write_volumes(tmp_path / "volumes", 3)
    decoded = []
    for module, name in ((pictures, "decoded"), (volumes, "read_volume")):
        real = getattr(module, name)

        def counted(*given, real=real, name=name, **options):
            decoded.append(name)
            return real(*given, **options)

        monkeypatch.setattr(module, name, counted)
    source = opened(root)
    assert len(decoded) == 6
    source.load(1)
    assert len(decoded) == 8
    opened(tmp_path / "volumes")
    assert len(decoded) == 14


def test_the_content_hash_tells_every_change(tmp_path):
    first = opened(write_pictures(tmp_path)).fingerprint().content_hash
    mask = disc(2)[1]
    mask[0, 0] = 255
    put(tmp_path / "masks" / "cell_02.png", png(mask))
    assert opened(tmp_path).fingerprint().content_hash != first


def test_pictures_and_volumes_together_are_refused(tmp_path):
    write_pictures(tmp_path)
    write_volumes(tmp_path)
    with pytest.raises(errors.DataError, match="4 volumes"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("foreground", "classes", "numbers"),
    [
        (1, ("background", "label 1", "label 2"), [0, 1]),
        (255, ("background", "label 128", "label 255"), [0, 2]),
        (255, ("background", "foreground"), [0, 1]),
        (255, ("background", "label 1"), "foreground"),
        (2, ("background", "label 1", "label 2"), [0, 2]),
        (2, ("background", "foreground"), "label 2"),
    ],
)
def test_a_class_that_is_alone_keeps_its_place(tmp_path, foreground, classes, numbers):
    image, mask = disc(0, foreground=foreground)
    put(tmp_path / "images" / "a.png", png(image))
    put(tmp_path / "masks" / "a.png", png(mask))
    card = models.ModelCard("unet", {}, "medical", "segmentation", classes, (), {})
    if isinstance(numbers, str):
        with pytest.raises(errors.DataError, match=f"does not know: {numbers}"):
            evaluation.renumbering(opened(tmp_path), card)
    else:
        assert evaluation.renumbering(opened(tmp_path), card)[:2].tolist() == numbers


@needs_scans
def test_real_scans_open():
    nuclei, hippocampus = opened(NUCLEI), opened(HIPPOCAMPUS)
    assert len(nuclei) == 664 and nuclei.classes == ("background", "foreground")
    assert len(hippocampus) == 100 and len(hippocampus.classes) == 3
    assert set(nuclei.splits()) == {"train", "test"}


# --- the network -------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", catalog.NORMS)
def test_the_network_answers_for_every_pixel(norm):
    from actzoo.applications.medical import models

    config = catalog.UNetConfig((32, 48, 3), 3, widths=(8, 16, 16), norm=norm, dropout=0.1)
    config.validate()
    network = models.build_unet(config)
    assert network.output.shape == (None, 32, 48, 3)
    assert network.layers[-1].name == "head_conv"
    features = models.build_unet(dataclasses.replace(config, num_classes=0))
    assert features.output.shape == (None, 32, 48, 8)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"input_shape": (250, 256, 1)}, r"\(256, 256, 1\)"),
        ({"input_shape": (256, 256)}, "height, width and channels"),
        ({"widths": (16,)}, "2 to 8 numbers"),
        ({"norm": "bach"}, "batch"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_impossible_networks_are_refused(change, told):
    with pytest.raises(errors.InvalidValueError, match=told):
        catalog.UNetConfig(**change).validate()


# --- writing and showing -----------------------------------------------------------------------


def test_a_picture_mask_is_written_at_its_own_size(tmp_path):
    image, mask = disc(0, 30, 50, foreground=1)
    path = writing.write_mask("x/cell.v2.tif", png(image), mask, label_rows(0, 1), tmp_path)
    assert path.name == "cell.v2_mask.png"
    np.testing.assert_array_equal(np.asarray(Image.open(path)), mask)
    np.testing.assert_array_equal(mask_pictures.read_mask(path.read_bytes(), 10**6).values, mask)
    with pytest.raises(errors.InvalidValueError, match="holds 1"):
        writing.write_mask("x.png", png(image), mask, label_rows(0), tmp_path)


@pytest.mark.parametrize("kind", ["pictures", "volumes"])
def test_panels_show_cases_without_names(tmp_path, kind):
    write = write_pictures if kind == "pictures" else write_volumes
    source = opened(write(tmp_path / "data"))
    targets = [source.load(index).target for index in range(3)]
    probabilities = [np.eye(len(source.classes))[np.roll(t, k, 0)] for k, t in enumerate(targets)]
    scored = tasks.Segmentation().assess(
        zip(targets, probabilities, [source.load(0).spacing] * 3, strict=True), source.classes
    )
    shown = evaluation.Evaluation(
        source=source,
        splits={"train": np.array([3]), "test": np.arange(3)},
        classes=source.classes,
        steps=plan(source).steps,
        test_indices=np.arange(3),
        labels=None,
        outputs=scored.outputs,
        cases=tuple(scored.rows),
        folder=tmp_path / "evaluation",
    )
    made = panels.panels(shown)
    assert {panel["kind"] for panel in made} == {"gallery", "bars", "table"}
    for panel in made:
        for item in panel.get("items", ()):
            content = (tmp_path / "evaluation" / item["picture"]).read_bytes()
            assert Image.open(io.BytesIO(content)).size[0] > 200
    text = json.dumps(made)
    assert "cell_" not in text and "scan_" not in text and "case 001" in text


# --- the whole path ----------------------------------------------------------------------------

QUICK = {"widths": "[8, 16]", "learning_rate": "5e-3"}


@pytest.fixture(scope="module", autouse=True)
def converter():
    with toy_export.one_converter():
        yield


@pytest.fixture(scope="module")
def pictures_run(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    write_pictures(root / "data", 30)
    (root / "data" / "dataset.json").write_text(
        json.dumps({"labels": {"0": "background", "255": "disc"}, "description": "Discs on noise."})
    )
    outcome = actzoo.run(
        str(root / "data"), root / "run", weights="none", epochs=30, batch_size=4, settings=QUICK
    )
    assert outcome.passed, outcome.verification
    return outcome


@pytest.fixture(scope="module")
def volumes_run(tmp_path_factory):
    root = tmp_path_factory.mktemp("volumes")
    write_volumes(root / "data", 12)
    outcome = actzoo.run(
        str(root / "data"), root / "run", weights="none", epochs=14, settings=QUICK
    )
    assert outcome.passed, outcome.verification
    return outcome


@pytest.mark.slow
def test_pictures_go_the_whole_path(pictures_run):
    run, test = pictures_run.run, pictures_run.metrics["test"]
    assert test["dice"]["disc"] > 0.85 and test["iou"]["mean"] > 0.75 and test["hd95_mm"] is None
    for precision in ("float32", "int8"):
        measures = pictures_run.verification[precision]
        assert measures["passed"] and measures["custom_operators"] == 0
        assert measures["test"]["dice"]["disc"] > 0.85
    report = run.report.read_text("utf-8")
    for words in ("not a medical device", "Discs on noise.", "best to worst", "worst first"):
        assert words in report
    hidden = run.identities.read_text("utf-8")
    assert "images/cell_00.png" in hidden and "do not pass this file on" in hidden
    told = [path for path in run.path.rglob("*") if path.is_file() and path != run.identities]
    for path in told:
        assert b"cell_0" not in path.read_bytes(), path


@pytest.mark.slow
def test_volumes_go_the_whole_path(volumes_run):
    test = volumes_run.metrics["test"]
    assert set(test["dice"]) == {"label 1", "label 2", "mean"}
    assert test["dice"]["mean"] > 0.7 and 0 < test["hd95_mm"]["mean"] < 4
    assert volumes_run.verification["int8"]["agreement"] >= 0.95
    with np.load(volumes_run.run.export / "reference.npz") as archive:
        assert len(archive["cases"]) > len(set(archive["cases"]))  # slices of each case


@pytest.mark.slow
def test_a_plan_of_scans_repeats_itself_to_the_bit(volumes_run, tmp_path):
    again = actzoo.run(str(volumes_run.run.plan), tmp_path / "again", export=("float32",))
    one, other = (models.load_model(r.run.path).get_weights() for r in (volumes_run, again))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("codes", ["LPS", "SAR"])
def test_masks_lie_on_the_voxels_of_their_volume(volumes_run, tmp_path, codes):
    """The same anatomy stored in another orientation: the same mask, on that file's own voxels."""
    values, _ = ball(40)
    matrix = affine(1, 1, 1)
    nibabel.save(nifti(values, matrix), tmp_path / "plain.nii.gz")
    nibabel.save(nifti(values, matrix, codes), tmp_path / "turned.nii")
    model = volumes_run.run.export / "model_int8.tflite"
    given = [str(tmp_path / "plain.nii.gz"), str(tmp_path / "turned.nii")]
    with inference.open_model(model) as opened_model:
        plain, turned = opened_model.predict(given, out=tmp_path / "masks")
    assert plain.shares == turned.shares and plain.shares["label 1"] > 0
    one, other = nibabel.load(plain.mask), nibabel.load(turned.mask)
    np.testing.assert_allclose(other.affine, nibabel.load(given[1]).affine)
    assert other.shape == nibabel.load(given[1]).shape
    np.testing.assert_array_equal(
        np.asarray(one.dataobj), np.asarray(nibabel.as_closest_canonical(other).dataobj)
    )


@pytest.mark.slow
def test_pictures_larger_than_a_tile_get_masks_of_their_own_size(pictures_run, tmp_path):
    image, truth = disc(60, 110, 90)
    put(tmp_path / "large.png", png(image))
    put(tmp_path / "broken.png", png(image)[:200])
    model = pictures_run.run.export / "model_int8.tflite"
    with inference.open_model(model) as opened_model:
        good, bad = opened_model.predict(
            [str(tmp_path / "large.png"), str(tmp_path / "broken.png")], out=tmp_path / "masks"
        )
    assert bad.mask is None and "broken.png" in bad.error
    mask = np.asarray(Image.open(good.mask))
    assert mask.shape == (110, 90)
    overlap = 2 * ((mask > 0) & (truth > 0)).sum() / ((mask > 0).sum() + (truth > 0).sum())
    assert overlap > 0.8


@pytest.mark.slow
def test_an_array_gets_its_mask_as_an_array(pictures_run, tmp_path, capsys):
    put(tmp_path / "scan.png", png(disc(61)[0]))
    with inference.open_model(pictures_run.run.export / "model_float32.tflite") as opened_model:
        preparation = data.Preparation.of("medical", opened_model.card.preprocessing)
        case = apply(preparation.case_steps, (tmp_path / "scan.png").read_bytes())
        tile = data.samples_of(case, preparation)["image"][0]
        np.save(tmp_path / "tile.npy", tile)
        (answer,) = opened_model.predict([tmp_path / "tile.npy"], out=tmp_path / "masks")
    assert answer.mask.endswith("tile_mask.npy")
    mask = np.load(answer.mask)
    assert mask.shape == tile.shape[:2] and 0 < (mask == 255).mean() < 0.5
    answers.Screen(None).add([answers.answer(answer, 1)])
    assert answer.mask in capsys.readouterr().out


@pytest.mark.slow
def test_predict_writes_the_mask_of_an_array(pictures_run, tmp_path, capsys):
    model, out = pictures_run.run.export / "model_float32.tflite", tmp_path / "masks"
    with inference.open_model(model) as opened_model:
        shape = opened_model.card.inputs["image"]["shape"]
    rng = np.random.default_rng(0)
    np.save(tmp_path / "tile.npy", rng.standard_normal(shape, dtype="float32"))
    given = [str(model), str(tmp_path / "tile.npy"), "--out", str(out)]
    assert cli.run_command(["predict", *given]) == 0
    printed = capsys.readouterr().out
    assert "tile_mask.npy" in printed
    assert np.load(out / "tile_mask.npy").shape == tuple(shape[:2])
    assert "tile_mask.npy" in (out / run_folder.ANSWERS).read_text()


def write_answers(folder, *found):
    with answers.Table(folder, ["background", "foreground"]) as table:
        table.add([answers.answer(one, 1) for one in found])


@pytest.mark.slow
def test_masks_of_others_are_never_overwritten(volumes_run, tmp_path):
    for name in ("scan.nii", "scan.nii.gz"):
        nibabel.save(nifti(ball(50)[0]), tmp_path / name)
    given = [str(tmp_path / name) for name in ("scan.nii", "scan.nii.gz")]
    out = tmp_path / "masks"
    with inference.open_model(volumes_run.run.export / "model_int8.tflite") as opened_model:
        one, two = opened_model.predict(given, out=out)
        assert {one.mask, two.mask} == {
            str(out / "scan_mask.nii.gz"), str(out / "2" / "scan_mask.nii.gz"),
        }  # fmt: skip
        (tmp_path / "truth").mkdir()
        (tmp_path / "truth" / "scan_mask.nii.gz").write_bytes(b"drawn by hand")
        (refused,) = opened_model.predict(given[:1], out=tmp_path / "truth")
        assert refused.mask is None and "exists already" in refused.error
        write_answers(tmp_path / "truth", refused)
        (refused,) = opened_model.predict(given[:1], out=tmp_path / "truth")
        assert refused.mask is None and "exists already" in refused.error
        assert (tmp_path / "truth" / "scan_mask.nii.gz").read_bytes() == b"drawn by hand"
        write_answers(out, one, two)
        again = opened_model.predict(given, out=out)
        assert [row.mask for row in again] == [one.mask, two.mask]
    assert not [p for p in out.iterdir() if p.name.startswith(".")]


@pytest.mark.slow
def test_other_volumes_are_scored_by_the_names_of_classes(volumes_run, tmp_path):
    write_volumes(tmp_path / "some", 3)
    run = volumes_run.run
    scored = evaluation.evaluate(run.export / "model_int8.tflite", tmp_path / "some")["test"]
    assert scored["n"] == 3 and scored["dice"]["mean"] > 0.7
    model = run.export / "model_float32.tflite"
    for only in (1, 2):  # of two classes, and slices of nothing but air
        for number in range(3):
            image, mask = ball(number)
            mask = only * (mask == only).astype("uint8")
            for folder_name, values in (("images", image), ("masks", mask)):
                place = tmp_path / str(only) / folder_name / f"scan_{number}.nii.gz"
                place.parent.mkdir(parents=True, exist_ok=True)
                air = np.zeros((12, 14, 40), values.dtype)
                nibabel.save(nifti(np.concatenate([values, air], axis=2)), place)
        scored = evaluation.evaluate(model, tmp_path / str(only))["test"]
        assert scored["n"] == 3 and scored["dice"][f"label {only}"] > 0.2
    put(tmp_path / "picture.png", png(disc()[0]))
    with inference.open_model(model) as opened_model:
        (refused,) = opened_model.predict([tmp_path / "picture.png"])
    assert "for volumes" in refused.error


@pytest.mark.slow
def test_weights_of_volumes_are_refused_for_pictures_and_follow_their_axis(volumes_run, tmp_path):
    write_pictures(tmp_path / "pictures", 12)
    with pytest.raises(errors.InvalidValueError, match=r"slices of volumes(.|\n)*--weights none"):
        stages.plan(tmp_path / "pictures", tmp_path / "a", weights=volumes_run.run.path)
    for number in range(8):  # coarse along the first axis; the weights know slices of the last
        image, mask = ball(number, (6, 14, 16))
        for folder_name, values in (("images", image), ("masks", mask)):
            place = tmp_path / "other" / folder_name / f"scan_{number}.nii.gz"
            place.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nifti(values, affine(4, 1, 1)), place)
    made = stages.plan(tmp_path / "other", tmp_path / "b", weights=volumes_run.run.path)
    source = data.open_source(str(tmp_path / "other"), note=lambda _: None)
    axis = made.preprocessing[-1]["axis"]
    assert source.samples_per_example(made.preprocessing) == [(6, 14, 16)[axis]] * 8


def copy_of(run, tmp_path):
    shutil.copytree(run.export, tmp_path / "export")
    return run_folder.ExportFolder(tmp_path / "export")


def leave_normalization_out(folder):
    card = json.loads(folder.card.read_text())
    card["preprocessing"] = [
        step for step in card["preprocessing"] if step["step"] != "normalize_scan"
    ]
    folder.card.write_text(json.dumps(card))


def swap_labels(folder):
    names = ["background", "label 2", "label 1"]
    folder.labels.write_text("\n".join(names) + "\n")
    folder.card.write_text(json.dumps({**json.loads(folder.card.read_text()), "classes": names}))
    with np.load(folder.reference) as archive:
        arrays = {key: archive[key] for key in archive.files}
    np.savez(folder.reference, **{**arrays, "classes": np.array(names)})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "code"),
    [(leave_normalization_out, "preprocessing"), (swap_labels, "score_drop")],
)
def test_planted_faults_in_scans_are_found_though_hashes_were_mended(
    volumes_run, tmp_path, plant, code
):
    folder = copy_of(volumes_run.run, tmp_path)
    assert verify.verify(folder).passed
    plant(folder)
    toy_export.rehash(folder)
    outcome = verify.verify(folder)
    assert not outcome.passed and code in {finding.code for finding in outcome.findings}
