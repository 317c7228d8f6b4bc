"""Volumes in other files than NIfTI, several files of one image, void labels, what is not read."""

import gzip
import json

import nibabel
import numpy as np
import pytest
from PIL import Image
from scan_files import affine, ball, disc, indexed, nifti, opened, png, put

from actzoo import data, domains, errors
from actzoo.applications.medical import preprocessing, writing
from actzoo.applications.medical.files import containers, volumes
from actzoo.applications.medical.layouts import endings
from actzoo.tasks import IGNORE_INDEX

sitk = pytest.importorskip("SimpleITK")

FORMS = (
    ".mha", "z.mha", ".mhd", "z.mhd", ".nrrd", "z.nrrd", ".nhdr", "z.nhdr", ".mgz", ".mgh", ".hdr",
    ".hdr.gz", ".nii", ".nii.gz",
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


def save(path, image):
    """Write a volume in the form that the ending of a name says; "z" packs it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name, packed = path.name, path.name.endswith(("z.mha", "z.mhd", "z.nrrd", "z.nhdr"))
    if name.endswith((".mgz", ".mgh")):
        nibabel.save(nibabel.MGHImage(np.asarray(image.dataobj), image.affine), path)
    elif name.endswith((".hdr", ".hdr.gz")):
        pair = nibabel.Nifti1Pair(np.asarray(image.dataobj), image.affine)
        nibabel.save(pair, str(path).replace(".hdr", ".img"))
    elif name.endswith((".nii", ".nii.gz")):
        nibabel.save(image, path)
    else:
        plain = path.with_name("plain.nii")
        nibabel.save(image, plain)
        sitk.WriteImage(sitk.ReadImage(str(plain)), str(path), useCompression=packed)
        plain.unlink()
    return path


def read(path):
    raw = containers.read_file(path)
    header = volumes.read_header(raw)
    return volumes.read_volume(raw, header), header


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR"])
def test_every_form_has_the_same_voxels_on_the_same_places(tmp_path, form, codes):
    values, _ = ball()
    image = nifti(values, affine(1, 2, 3), codes)
    found, header = read(save(tmp_path / f"scan{form}", image))
    np.testing.assert_array_equal(found, values)
    np.testing.assert_allclose(header.affine, image.affine, atol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_images_of_every_form_go_with_masks_of_nifti(tmp_path, form):
    for number in range(3):
        image, mask = ball(number)
        save(tmp_path / "images" / f"v{number}{form}", nifti(image, affine(1, 2, 3), "LPS"))
        name = f"v{number}{'z' if form.startswith('z') else ''}.nii.gz"
        save(tmp_path / "masks" / name, nifti(mask, affine(1, 2, 3)))
    source = opened(tmp_path)
    assert len(source) == 3 and source.load(0).spacing == pytest.approx((1, 2, 3))
    np.testing.assert_array_equal(source.load(1).inputs["image"][..., 0], ball(1)[0])
    np.testing.assert_array_equal(source.load(1).target, ball(1)[1])
    again = preprocessing.read_scan(source.raw(1))["image"]
    np.testing.assert_array_equal(again, source.load(1).inputs["image"])
    assert not source.fingerprint().set_aside


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("right-anterior-superior", (1, 1, 1)),
        ("left-posterior-superior", (-1, -1, 1)),
        ("LAS", (-1, 1, 1)),
    ],
)
def test_the_space_of_nrrd_says_where_axes_point(space, signs):
    values = np.arange(24, dtype="<i2").reshape(2, 3, 4)
    header = (
        f"NRRD0004\ntype: int16\ndimension: 3\nspace: {space}\nsizes: 2 3 4\nspace directions: "
        "(1,0,0) (0,2,0) (0,0,3)\nendian: little\nencoding: raw\nspace origin: (5,6,7)\n\n"
    )
    raw = containers.as_nifti(header.encode() + values.tobytes(order="F"))
    read_back = volumes.read_header(raw)
    expected = np.diag([*(np.array([1, 2, 3]) * signs), 1.0])
    expected[:3, 3] = np.array([5, 6, 7]) * signs
    np.testing.assert_allclose(read_back.affine, expected)
    stored = nibabel.Nifti1Image.from_bytes(raw)
    np.testing.assert_array_equal(np.asarray(stored.dataobj), values)


def given(paths, **options):
    return list(domains.get_domain("medical").read([str(path) for path in paths], options))


def test_predict_reads_what_training_reads_and_writes_on_the_scans_grid(tmp_path):
    image, mask = ball(3)
    stored = nifti(image, affine(1, 2, 3), "LPS")
    for form in (".mha", ".mhd", ".nhdr", ".mgz", ".hdr"):
        save(tmp_path / form[1:] / f"scan{form}", stored)
        (item,) = given([tmp_path / form[1:]])  # a folder: its voxels are no input of their own
        found = preprocessing.read_scan(item.content)["image"][..., 0]
        np.testing.assert_array_equal(found, image)
        path = writing.write_mask(item.name, item.content, mask, (), tmp_path / "out" / form[1:])
        assert path.name == "scan_mask.nii.gz"
        written = nibabel.load(path)
        np.testing.assert_allclose(written.affine, stored.affine, atol=1e-4)
        turned = nibabel.as_closest_canonical(written)
        np.testing.assert_array_equal(np.asarray(turned.dataobj), mask)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.mha", b"ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\n", "size of voxels"),
        ("a.mhd", b"ObjectType = Image\nElementDataFile = gone.raw\n", "gone.raw.*one file beside"),
        ("a.mhd", b"ObjectType = Image\nElementDataFile = ../x.raw\n", "not one file beside"),
        ("a.nrrd", b"NRRD0004\ndimension: 3\n\nabc", "size of voxels"),
        ("a.nrrd", b"NRRD0004\nspace: scanner-xyz\nspace directions: (1,0,0)\n\nabc", "left and r"),
        ("a.hdr", bytes(348), "Analyze.*left and right"),
        ("a.dcm", bytes(128) + b"DICM", "dcm2niix"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, name, content, told):
    path = put(tmp_path / name, content)
    with pytest.raises(errors.DataError, match=told):
        containers.read_file(path)
    (item,) = given([path])
    assert item.content is None and name in item.problem


def test_dicom_in_a_folder_of_inputs_is_refused_with_a_way(tmp_path):
    put(tmp_path / "a.dcm", bytes(128) + b"DICM")
    (item,) = given([tmp_path])
    assert "dcm2niix" in item.problem


def test_too_large_and_cut_files_are_refused(tmp_path):
    image = nifti(ball()[0])
    for form in (".mha", "z.mha", ".nrrd", "z.nrrd", ".mgz"):
        path = save(tmp_path / f"scan{form}", image)
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(errors.DataError, match="damaged or ends early"):
            containers.read_file(path)
    path = save(tmp_path / "large.mha", image)
    with pytest.raises(errors.DataError, match="limit is 100"):
        containers.read_file(path, max_voxels=100)


def test_a_missing_half_of_a_pair_is_named(tmp_path):
    save(tmp_path / "a.hdr", nifti(ball()[0]))
    (tmp_path / "a.img").unlink()
    with pytest.raises(errors.DataError, match=r"put the \.img file beside"):
        containers.read_file(tmp_path / "a.hdr")


def test_gif_masks_and_images_are_read(tmp_path):
    for number in range(3):
        image, mask = disc(number, foreground=1)
        put(tmp_path / "train" / f"c{number}.jpg", png(image, "JPEG"))
        put(tmp_path / "train_masks" / f"c{number}_mask.gif", png(mask, "GIF"))
    source = opened(tmp_path)
    np.testing.assert_array_equal(source.load(2).target, disc(2, foreground=1)[1])


def test_pages_of_a_tiff_are_refused_with_what_to_do(tmp_path):
    pages = [Image.fromarray(disc(number)[0]) for number in range(3)]
    for place in ("images", "masks"):
        (tmp_path / place).mkdir()
        pages[0].save(tmp_path / place / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(errors.DataError, match=r"3 pages.*save it as NIfTI"):
        opened(tmp_path)


# --- several channels ----------------------------------------------------------------------------

CHANNELS = ("flair", "t1", "t1ce", "t2")


def brats(root, count=4, channels=CHANNELS):
    for number in range(count):
        case = root / f"BraTS_{number}"
        for k, name in enumerate(channels):
            save(case / f"BraTS_{number}_{name}.nii.gz", nifti(ball(10 * number + k)[0]))
        mask = np.asarray([0, 1, 4], "u1")[ball(10 * number)[1]]
        save(case / f"BraTS_{number}_seg.nii.gz", nifti(mask))
    return root


def test_files_of_one_image_are_its_channels(tmp_path):
    source = opened(brats(tmp_path))
    image = source.load(1).inputs["image"]
    assert image.shape == (12, 14, 10, 4) and len(set(source.groups())) == 4
    for k in range(4):
        np.testing.assert_array_equal(image[..., k], ball(10 + k)[0])
    drawn = data.split(source, seed=0, note=lambda _: None)
    made = domains.get_domain("medical").inputs(source, drawn, {})
    assert made.config["input_shape"][2] == 12 and made.steps[0]["channels"] == 4
    assert made.steps[1]["per_channel"] and made.options == {"channel_files": ",".join(CHANNELS)}
    assert [label["value"] for label in source.fingerprint().labels] == [0, 1, 4]
    again = preprocessing.read_scan(source.raw(1), channels=4)["image"]
    np.testing.assert_array_equal(again, image)
    each = preprocessing.normalize_scan(image, per_channel=True)["image"]
    for k in range(4):
        alone = preprocessing.normalize_scan(image[..., [k]])["image"]
        np.testing.assert_array_equal(each[..., [k]], alone)


def test_channels_are_chosen_and_their_order_kept(tmp_path):
    source = opened(brats(tmp_path), channel_files="t2,flair")
    image = source.load(0).inputs["image"]
    np.testing.assert_array_equal(image[..., 0], ball(3)[0])
    np.testing.assert_array_equal(image[..., 1], ball(0)[0])
    one = opened(tmp_path, channel_files="t1")
    assert one.load(0).inputs["image"].shape[-1] == 1
    with pytest.raises(errors.DataError, match=r"no channel 'pd'.*\n.*--channel-files flair,t1"):
        opened(tmp_path, channel_files="t1,pd")


def test_predict_puts_the_files_of_an_image_together(tmp_path):
    brats(tmp_path, 2)
    items = given([tmp_path], channel_files=",".join(CHANNELS))
    assert items[0].note == "Masks beside the images were left out: 2."
    cases = items[1:]
    assert [item.name for item in cases] == [
        str(tmp_path / f"BraTS_{k}" / f"BraTS_{k}.nii.gz") for k in range(2)
    ]
    image = preprocessing.read_scan(cases[1].content, channels=4)["image"]
    np.testing.assert_array_equal(image[..., 3], ball(13)[0])
    (lacking,) = given([tmp_path / "BraTS_0" / "BraTS_0_t1.nii.gz"], channel_files="t1,t2")
    assert "lacks the file of a channel: t2" in lacking.problem
    (single,) = given([tmp_path / "BraTS_0" / "BraTS_0_t1.nii.gz"])
    with pytest.raises(errors.DataError, match="has 1 channel, and the model takes 4"):
        preprocessing.read_scan(single.content, channels=4)


def test_predict_puts_channels_of_several_folders_together(tmp_path):
    for number in range(2):
        for k, name in enumerate(("T1", "T2")):
            save(tmp_path / name / f"a{number}.nii", nifti(ball(10 * number + k)[0]))
    items = given([tmp_path], channel_files="t1,t2")
    assert [item.name for item in items] == [str(tmp_path / f"a{k}.nii.gz") for k in range(2)]
    image = preprocessing.read_scan(items[1].content, channels=2)["image"]
    np.testing.assert_array_equal(image[..., 1], ball(11)[0])


def test_channels_on_different_grids_are_refused(tmp_path):
    brats(tmp_path)
    place = tmp_path / "BraTS_2" / "BraTS_2_t1.nii.gz"
    save(place, nifti(ball()[0], affine(1, 1, 2)))
    with pytest.raises(errors.DataError, match=r"channel .*t1\.nii\.gz is on another grid"):
        opened(tmp_path)


@pytest.mark.parametrize("channels", [1, 2])
def test_nnunets_own_names_are_read(tmp_path, channels):
    for number in range(3):
        for k in range(channels):
            image = nifti(ball(10 * number + k)[0])
            save(tmp_path / "imagesTr" / f"c{number}_{k:04d}.nii.gz", image)
        save(tmp_path / "labelsTr" / f"c{number}.nii.gz", nifti(ball(10 * number)[1]))
    content = {
        "channel_names": {"0": "CT", "1": "PET"} if channels == 2 else {"0": "CT"},
        "labels": {"background": 0, "liver": 1, "ignore": 2},
    }
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    source = opened(tmp_path)
    assert source.classes == ("background", "liver")
    example = source.load(0)
    assert example.inputs["image"].shape[-1] == channels
    truth = ball(0)[1]
    assert ((example.target == IGNORE_INDEX) == (truth == 2)).all()
    assert ((example.target == 1) == (truth == 1)).all()
    notes = " ".join(source.fingerprint().notes)
    assert "2 in masks is void" in notes and "neither learned nor scored" in notes
    if channels == 2:
        assert "2 channels: CT, PET" in source.fingerprint().kind


def test_channels_that_dataset_json_names_must_be_there(tmp_path):
    for number in range(3):
        save(tmp_path / "imagesTr" / f"c{number}_0000.nii", nifti(ball(number)[0]))
        save(tmp_path / "labelsTr" / f"c{number}.nii", nifti(ball(number)[1]))
    content = {"channel_names": {"0": "CT", "1": "PET"}, "labels": {"b": 0, "x": 1, "y": 2}}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(errors.DataError, match=r"names 2 channels \(CT, PET\), and .* have 1"):
        opened(tmp_path)


def test_volumes_of_a_4d_file_are_channels_where_dataset_json_names_them(tmp_path):
    for number in range(3):
        both = np.stack([ball(number)[0], ball(number + 7)[0]], axis=-1)
        save(tmp_path / "imagesTr" / f"c{number}.nii.gz", nifti(both))
        save(tmp_path / "labelsTr" / f"c{number}.nii.gz", nifti(ball(number)[1]))
    with pytest.raises(errors.DataError, match="holds 2 volumes"):
        opened(tmp_path)
    content = {"modality": {"0": "FLAIR", "1": "T1w"}, "labels": {"0": "b", "1": "x", "2": "y"}}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    source = opened(tmp_path)
    image = source.load(1).inputs["image"]
    np.testing.assert_array_equal(image[..., 1], ball(8)[0])
    raw = preprocessing.read_scan(source.raw(1), channels=2)["image"]
    np.testing.assert_array_equal(raw, image)
    path = writing.write_mask("c.nii.gz", source.raw(1), ball(1)[1], (), tmp_path / "out")
    assert nibabel.load(path).shape == (12, 14, 10)


# --- labels --------------------------------------------------------------------------------------


def test_regions_are_refused_with_what_to_write(tmp_path):
    save(tmp_path / "images" / "a.nii", nifti(ball()[0]))
    save(tmp_path / "masks" / "a.nii", nifti(ball()[1]))
    labels = {"background": 0, "whole tumor": [1, 2], "core": [2]}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}))
    with pytest.raises(errors.DataError, match=r"regions.*whole tumor, core(.|\n)*name of its own"):
        opened(tmp_path)


def test_the_legend_of_predicted_masks_is_read(tmp_path):
    for number in range(2):
        image, mask = disc(number, foreground=5)
        put(tmp_path / "images" / f"{number}.png", png(image))
        put(tmp_path / "masks" / f"{number}_mask.png", png(mask))
    rows = [{"name": "background", "value": 0}, {"name": "liver", "value": 5}]
    put(tmp_path / "masks" / "labels.json", json.dumps({"format": 1, "labels": rows}).encode())
    source = opened(tmp_path)
    assert source.classes == ("background", "liver") and not source.fingerprint().set_aside
    assert list(source.fingerprint().labels) == rows


def test_names_of_labels_are_found_below_a_folder_around_all(tmp_path):
    for number in range(2):
        save(tmp_path / "Task09" / "imagesTr" / f"a{number}.nii", nifti(ball(number)[0]))
        save(tmp_path / "Task09" / "labelsTr" / f"a{number}.nii", nifti(ball(number)[1]))
    labels = {"background": 0, "spleen": 1, "ignore": 2}
    (tmp_path / "Task09" / "dataset.json").write_text(json.dumps({"labels": labels}))
    assert opened(tmp_path).classes == ("background", "spleen")


def test_void_may_be_0(tmp_path):
    for number in range(2):
        save(tmp_path / "images" / f"a{number}.nii", nifti(ball(number)[0]))
        save(tmp_path / "masks" / f"a{number}.nii", nifti(ball(number)[1]))
    (tmp_path / "classes.txt").write_text("void\nfront\nback\n")
    source = opened(tmp_path)
    assert source.classes == ("background", "front", "back")
    assert (source.load(0).target == IGNORE_INDEX).sum() == (ball(0)[1] == 0).sum()
    assert [label["value"] for label in source.fingerprint().labels] == [0, 1, 2]


def test_the_outlines_of_voc_are_void(tmp_path):
    for number in range(3):
        image, mask = disc(number, foreground=1)
        mask[0] = 255
        put(tmp_path / "VOC2012" / "JPEGImages" / f"{number}.jpg", png(image, "JPEG"))
        colors = [(0, 0, 0), (128, 0, 0)] + [(0, 0, 0)] * 253 + [(224, 224, 192)]
        put(tmp_path / "VOC2012" / "SegmentationClass" / f"{number}.png", indexed(mask, *colors))
        put(tmp_path / "VOC2012" / "SegmentationObject" / f"{number}.png", indexed(mask, *colors))
    source = opened(tmp_path)
    assert source.classes == ("background", "foreground")
    assert (source.load(0).target[0] == IGNORE_INDEX).all()
    assert source.fingerprint().labels[1] == {
        "name": "foreground", "value": 1, "color": [128, 0, 0],
    }  # fmt: skip
    (aside,) = source.fingerprint().set_aside
    assert "3 masks of another kind" in aside and "SegmentationObject/" in aside


def test_the_lists_of_voc_say_splits_and_what_has_no_mask(tmp_path):
    for number in range(6):
        image, mask = disc(number, foreground=1)
        put(tmp_path / "JPEGImages" / f"{number}.jpg", png(image, "JPEG"))
        if number < 4:
            put(tmp_path / "SegmentationClass" / f"{number}.png", png(mask))
    lists = tmp_path / "ImageSets" / "Segmentation"
    put(lists / "train.txt", b"0\n1\n2\n")
    put(lists / "val.txt", b"3\n")
    put(lists / "trainval.txt", b"0\n1\n2\n3\n")
    source = opened(tmp_path)
    assert source.splits() == ["train"] * 3 + ["val"]
    aside = " ".join(source.fingerprint().set_aside)
    assert "2 files that no list of splits names in JPEGImages/" in aside


def test_a_folder_that_predict_wrote_is_no_data_and_said(tmp_path):
    for number in range(2):
        save(tmp_path / "images" / f"a{number}.nii", nifti(ball(number)[0]))
        save(tmp_path / "masks" / f"a{number}_mask.nii", nifti(ball(number)[1]))
    put(tmp_path / "masks" / "predictions.csv", b"input,mask,error\n")
    with pytest.raises(errors.DataError, match=r"Left out were .*masks/ \(what `actzoo predict`"):
        opened(tmp_path)


# --- endings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", sorted(e for e in endings.CONVERT if e.startswith(".")))
def test_endings_that_are_not_read_are_named_with_a_way(tmp_path, ending):
    put(tmp_path / "images" / "a.png", png(disc()[0]))
    put(tmp_path / "masks" / "a.png", png(disc()[1]))
    for number in range(2):
        put(tmp_path / "images" / f"b{number}{ending}", b"x")
    notes = " ".join(opened(tmp_path).fingerprint().notes)
    assert f"2 {ending} files" in notes and endings.CONVERT[ending] in notes


def test_gzip_of_nothing_is_not_taken_for_freesurfer():
    raw = gzip.compress(b"")
    assert containers.as_nifti(raw) == raw
