"""Scans and masks that cannot be trusted."""

import gzip
import io
import itertools
import struct
import tracemalloc

import nibabel
import numpy as np
import pytest
from PIL import Image
from scan_files import (
    affine,
    ball,
    disc,
    indexed,
    label_rows,
    nifti,
    opened,
    png,
    put,
    write_pictures,
    write_volumes,
)
from scipy.spatial.transform import Rotation

from actzoo import data, errors, tasks
from actzoo.applications.medical import inspection, masks, preprocessing, writing
from actzoo.applications.medical.files import grids, volumes
from actzoo.applications.medical.preprocessing import read_scan


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


def refused(root, **options):
    """The message with which a folder is refused, checked for its form."""
    with pytest.raises(errors.DataError) as caught:
        opened(root, **options)
    text = str(caught.value)
    assert len(text.splitlines()) <= 5 and isinstance(caught.value, ValueError)
    return text


def packed(values, matrix=None):
    return gzip.compress(nifti(values, matrix).to_bytes(), mtime=0)


def with_header(values, change, *, pack=True):
    """The bytes of a volume whose header was changed."""
    raw = bytearray(nifti(values).to_bytes())
    header = nibabel.Nifti1Header.from_fileobj(io.BytesIO(bytes(raw[:348])), check=False)
    change(header)
    raw[:348] = header.binaryblock
    return gzip.compress(bytes(raw), mtime=0) if pack else bytes(raw)


# --- 53 ----------------------------------------------------------------------------------------


def test_cut_volumes_are_refused(tmp_path):
    write_volumes(tmp_path)
    path = tmp_path / "images" / "scan_1.nii.gz"
    path.write_bytes(path.read_bytes()[:-40])
    text = refused(tmp_path)
    assert "images/scan_1.nii.gz" in text and "damaged or ends early" in text


def test_every_flipped_bit_of_a_compressed_scan_is_found():
    raw = packed(ball()[0])
    rng = np.random.default_rng(0)
    for place in rng.integers(10, len(raw), 100):
        damaged = bytearray(raw)
        damaged[place] ^= 1 << int(rng.integers(8))
        with pytest.raises(errors.DataError):
            read_scan(bytes(damaged))


def test_pictures_of_another_format_are_refused_by_its_name():
    content = io.BytesIO()
    Image.fromarray(disc()[0]).save(content, "WebP")
    with pytest.raises(errors.DataError, match="a WebP file; the formats are PNG, JPEG, TIFF, BMP"):
        read_scan(content.getvalue())


def test_cut_pictures_are_refused(tmp_path):
    write_pictures(tmp_path)
    path = tmp_path / "images" / "cell_02.png"
    path.write_bytes(path.read_bytes()[:-30])
    assert "images/cell_02.png" in refused(tmp_path)


# --- 54 ----------------------------------------------------------------------------------------


def test_a_header_that_claims_too_much_is_refused_at_once(tmp_path):
    def claim(header):
        header["dim"][1:4] = 30_000

    write_volumes(tmp_path)
    put(tmp_path / "images" / "scan_0.nii.gz", with_header(ball()[0], claim))
    tracemalloc.start()
    text = refused(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "30,000 x 30,000 x 30,000" in text and "--max-voxels" in text
    assert peak < 50e6


def test_a_small_gzip_of_much_is_refused():
    big = nibabel.Nifti1Image(np.zeros((64, 64, 2), "uint8"), affine(1, 1, 1))
    raw = bytearray(big.to_bytes())
    struct.pack_into("<3h", raw, 42, 512, 512, 1024)
    bomb = gzip.compress(bytes(raw) + bytes(256 << 20), 9)
    struct.pack_into("<3h", raw, 42, 64, 64, 2)
    longer = gzip.compress(bytes(raw) + bytes(256 << 20), 9)
    assert len(bomb) < 300_000
    tracemalloc.start()
    with pytest.raises(errors.DataError, match="--max-voxels"):
        read_scan(bomb)
    with pytest.raises(errors.DataError, match="no scan packs that well"):
        read_scan(bomb, max_voxels=10**9)
    with pytest.raises(errors.DataError, match="more than its header says"):
        read_scan(longer)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_the_limit_is_an_option(tmp_path):
    write_volumes(tmp_path)
    assert "1,680 voxels; the limit is 1,000" in refused(tmp_path, max_voxels=1000)


# --- 55 ----------------------------------------------------------------------------------------


def test_four_axes_are_refused_with_the_option_that_takes_one():
    values = np.stack([ball(0)[0], ball(1)[0]], axis=-1)
    raw = packed(values)
    with pytest.raises(errors.DataError, match=r"12 x 14 x 10 x 2.*--volume 0"):
        read_scan(raw)
    scan = read_scan(raw, volume=1)["image"]
    np.testing.assert_array_equal(scan[..., 0], ball(1)[0])
    with pytest.raises(errors.DataError, match="0 to 1"):
        read_scan(raw, volume=2)


@pytest.mark.parametrize("shape", [(12, 14, 1), (1, 14, 10), (12, 14)])
def test_slices_are_refused_with_their_shape(shape):
    raw = packed(np.ones(shape, "int16"))
    with pytest.raises(errors.DataError, match=" x ".join(map(str, shape[:2]))):
        read_scan(raw)


def test_of_a_mask_with_one_volume_that_one_is_taken(tmp_path):
    image, mask = ball()
    put(tmp_path / "images" / "a.nii.gz", packed(np.stack([image, 2 * image], axis=-1)))
    put(tmp_path / "masks" / "a.nii.gz", packed(mask[..., None]))
    example = opened(tmp_path, volume=1).load(0)
    np.testing.assert_array_equal(example.inputs["image"][..., 0], 2 * image)
    np.testing.assert_array_equal(example.target, mask)
    assert "of the image" not in (text := refused(tmp_path, volume=2)) and "0 to 1" in text
    put(tmp_path / "images" / "a.nii.gz", packed(image[..., None]))
    assert "it holds one volume, so --volume is 0" in refused(tmp_path, volume=1)


@pytest.mark.parametrize("shape", [(12, 14, 10, 1), (12, 14, 10, 1, 1)])
def test_a_lone_channel_is_no_further_axis(tmp_path, shape):
    image, mask = ball()
    put(tmp_path / "images" / "a.nii.gz", packed(image.reshape(shape)))
    put(tmp_path / "masks" / "a.nii.gz", packed(mask.reshape(shape)))
    for options in ({}, {"volume": 0}):
        example = opened(tmp_path, **options).load(0)
        np.testing.assert_array_equal(example.inputs["image"][..., 0], image)
        np.testing.assert_array_equal(example.target, mask)
    written = writing.write_mask(
        "a.nii.gz", packed(image.reshape(shape)), mask, label_rows(0, 1, 2), tmp_path
    )
    np.testing.assert_array_equal(np.asarray(nibabel.load(written).dataobj), mask)


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((12, 14, 1, 10), "neighbors in space, save them along the third axis"),
        ((12, 14, 10, 2, 3), "a volume of its own"),
        ((12, 14, 1, 1), "PNG or TIFF"),
    ],
)
def test_other_axes_are_refused_with_what_to_do(shape, told):
    with pytest.raises(errors.DataError, match=" x ".join(map(str, shape)) + ".*" + told):
        read_scan(packed(np.ones(shape, "int16")))


# --- 56 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0.0, -1.0, np.nan])
def test_an_impossible_spacing_is_refused(size):
    def change(header):
        header["pixdim"][2] = size

    with pytest.raises(errors.DataError, match="spacing"):
        read_scan(with_header(ball()[0], change))


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_singular_affine_is_refused(value):
    def change(header):
        header["srow_x"] = value

    with pytest.raises(errors.DataError, match="affine"):
        read_scan(with_header(ball()[0], change))


@pytest.mark.parametrize("size", [5e-4, 1e-6])
def test_the_finest_voxels_are_read_and_differences_seen(size):
    values = ball()[0]

    def header(*spacing, away=0.0):
        matrix = np.diag([*spacing, 1.0])
        matrix[0, 3] = 5 + away
        return volumes.read_header(packed(values, matrix))

    image = header(size, size, size)
    assert grids.differences(image, header(size, size, size * 1.0005)) is None
    assert "spacing" in grids.differences(image, header(size, size, size * 1.1))
    assert "column 3" in grids.differences(image, header(size, size, size, away=2 * size))


def test_no_orientation_at_all_is_refused():
    def change(header):
        header["qform_code"] = header["sform_code"] = 0

    with pytest.raises(errors.DataError, match="both 0"):
        read_scan(with_header(ball()[0], change))


# --- 57 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "spacing", "told"),
    [
        ((12, 14, 9), (1, 1, 1), "12 x 14 x 9"),
        ((12, 14, 10), (1, 1, 2), "1 x 1 x 2"),
        ((12, 14, 10), None, "affine"),
    ],
)
def test_a_mask_on_another_grid_is_refused_with_both_values(tmp_path, shape, spacing, told):
    write_volumes(tmp_path)
    matrix = affine(*(spacing or (1, 1, 1)))
    if spacing is None:
        matrix[0, 3] += 2
    mask = np.zeros(shape, "uint8")
    mask[3:6, 3:6, 3:6] = 1
    nibabel.save(nifti(mask, matrix), tmp_path / "masks" / "scan_2.nii.gz")
    text = refused(tmp_path)
    assert "images/scan_2.nii.gz" in text and told in text and "--resample-masks" in text
    source = opened(tmp_path, resample_masks=True)
    assert source.load(2).target.shape == (12, 14, 10)
    assert set(np.unique(source.load(2).target)) <= {0, 1}
    assert any("resampled" in note for note in source.fingerprint().notes)


def test_a_difference_within_the_tolerance_passes(tmp_path):
    write_volumes(tmp_path)
    matrix = affine(1.0005, 1, 1)
    nibabel.save(nifti(ball(2)[1], matrix), tmp_path / "masks" / "scan_2.nii.gz")
    assert len(opened(tmp_path)) == 4


def test_resampling_takes_the_nearest_voxel(tmp_path):
    image, mask = ball()
    twice = mask.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    fine = affine(0.5, 0.5, 0.5)
    fine[:3, 3] -= 0.25
    header = volumes.read_header(packed(twice, fine))
    back, _ = grids.resampled(twice, header, volumes.read_header(packed(image)))
    np.testing.assert_array_equal(back, mask)


OBLIQUE = np.array([[1.1, 0.2, 0.1, 5], [-0.15, 1.9, 0.1, -6], [0.05, -0.1, 2.8, 7], [0, 0, 0, 1]])
HALFWAY = np.array([[1, -1, 0, 3], [1, 1, 0, 1], [0, 0, 1, 2], [0, 0, 0, 1]]) * [[2**-0.5]] * 3
TURNS = [
    np.array([*zip(axes, flips, strict=True)])
    for axes in itertools.permutations(range(3))
    for flips in itertools.product((1.0, -1.0), repeat=3)
]


def on_grid(mask, matrix, image_matrix, shape=(12, 14, 10), turn=TURNS[0], **options):
    """A mask, stored along a turn of its axes, as it is read for an image."""
    stored = nibabel.Nifti1Image(mask, matrix).as_reoriented(turn).to_bytes()
    image = nibabel.Nifti1Image(np.zeros(shape, "uint8"), image_matrix).to_bytes()
    return inspection.read_mask(stored, image, inspection.Reading(**options)).values


@pytest.mark.parametrize("matrix", [affine(1, 2, 3), OBLIQUE, HALFWAY], ids=str)
def test_one_grid_stored_in_another_orientation_needs_no_option(matrix):
    matrix = np.vstack([matrix[:3], [0, 0, 0, 1]])
    mask = (np.random.default_rng(0).random((12, 14, 10)) > 0.5).astype("uint8")
    expected = on_grid(mask, matrix, matrix)
    for turn in TURNS:
        np.testing.assert_array_equal(on_grid(mask, matrix, matrix, turn=turn), expected)
    moved = matrix + 0.7 * np.eye(4, k=3)
    with pytest.raises(errors.DataError, match=r"affine .* --resample-masks|affine"):
        on_grid(mask, moved, matrix, turn=TURNS[-1])


@pytest.mark.parametrize("matrix", [affine(1, 2, 3), OBLIQUE], ids=["upright", "oblique"])
@pytest.mark.parametrize(("step", "shift"), [(1, 0.5), (1, -0.5), (2, 0), (3, 0), (3, 1), (0.5, 0)])
def test_a_mask_of_the_whole_volume_stays_whole(matrix, step, shift):
    shape = [-(-n // step) for n in (12, 14, 10)]
    grid = matrix @ np.diag([step, step, step, 1])
    grid[:3, 3] += matrix[:3, :3] @ np.full(3, shift)
    whole = np.ones(np.array(shape, int), "uint8")
    for turn in TURNS:
        assert on_grid(whole, grid, matrix, turn=turn, resample_masks=True).all()


@pytest.mark.parametrize("step", [0.5, 0.7, 1, 1.5, 3])
@pytest.mark.parametrize("angle", [0.0, 0.2, 0.8])
def test_a_ball_keeps_its_volume_on_another_grid(step, angle):
    middle, radius, size = np.array([15.3, 16.1, 15.8]), 12, int(44 / step)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.array([1, 2, 3]) / 14**0.5 * angle).as_matrix() * step
    matrix[:3, 3] = middle - matrix[:3, :3] @ np.full(3, size / 2) + 0.37
    places = matrix[:3, :3] @ np.indices((size,) * 3).reshape(3, -1) + matrix[:3, 3:]
    ball = (((places - middle[:, None]) ** 2).sum(0) < radius**2).reshape((size,) * 3)
    found = on_grid(ball.astype("uint8"), matrix, np.eye(4), (32, 33, 31), resample_masks=True)
    assert found.sum() == pytest.approx(ball.sum() * step**3, rel=0.02)


def test_a_mask_that_lies_elsewhere_is_refused():
    away = affine(1, 1, 1) + 100 * np.eye(4, k=3)
    with pytest.raises(errors.DataError, match="the mask is elsewhere: its grid is 105 to 116"):
        on_grid(np.ones((12, 14, 10), "uint8"), away, affine(1, 1, 1), resample_masks=True)


def test_differences_are_shown_with_the_digits_that_differ():
    near, matrix = affine(0.1, 0.1, 0.1), affine(0.1, 0.1, 0.1)
    matrix[0, 3], near[0, 3] = 12345.62, 12345.69
    with pytest.raises(errors.DataError, match=r"12345\.6\d* in row 0, .* mask's 12345\.7"):
        on_grid(np.ones((12, 14, 10), "uint8"), near, matrix)


def test_a_picture_and_its_mask_of_another_size(tmp_path):
    write_pictures(tmp_path)
    put(tmp_path / "masks" / "cell_03.png", png(disc(3, 80, 96)[1]))
    text = refused(tmp_path)
    assert "40 x 48" in text and "80 x 96" in text
    assert set(np.unique(opened(tmp_path, resample_masks=True).load(3).target)) == {0, 1}


# --- 58 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("codes", ["RAS", "LAS", "LPS", "PIR", "SAL"])
def test_orientation_changes_nothing(tmp_path, codes):
    image, mask = ball()
    stored = nifti(image, affine(1, 2, 3), codes)
    raw = gzip.compress(stored.to_bytes(), mtime=0)
    np.testing.assert_array_equal(read_scan(raw)["image"][..., 0], image)
    path = writing.write_mask("a/scan.nii.gz", raw, mask, label_rows(0, 1, 2), tmp_path)
    written = nibabel.load(path)
    assert path.name == "scan_mask.nii.gz" and written.get_data_dtype() == np.uint8
    np.testing.assert_allclose(written.affine, stored.affine, atol=1e-5)
    back = np.asarray(nibabel.as_closest_canonical(written).dataobj)
    np.testing.assert_array_equal(back, mask)


# --- 59 ----------------------------------------------------------------------------------------


def with_mask(root, mask):
    write_pictures(root)
    put(root / "masks" / "cell_01.png", png(mask))
    return root


def test_0_and_255_are_mapped_by_a_written_table(tmp_path):
    source = opened(write_pictures(tmp_path))
    assert source.classes == ("background", "foreground")
    assert set(np.unique(source.load(0).target)) == {0, 1}
    assert any("0 is 0, 255 is 1" in note for note in source.fingerprint().notes)


def test_0_1_3_are_mapped_in_order(tmp_path):
    write_volumes(tmp_path)
    nibabel.save(nifti(ball(1)[1] // 2 * 3), tmp_path / "masks" / "scan_1.nii.gz")
    for number in (0, 2, 3):
        mask = (ball(number)[1] > 0).astype("uint8")
        nibabel.save(nifti(mask), tmp_path / "masks" / f"scan_{number}.nii.gz")
    source = opened(tmp_path)
    assert source.classes == ("background", "label 1", "label 3")
    assert set(np.unique(source.load(1).target)) == {0, 2}
    assert any("3 is 2" in note for note in source.fingerprint().notes)


@pytest.mark.parametrize("value", [0.5, -1.0, np.nan])
def test_other_numbers_are_refused(tmp_path, value):
    write_volumes(tmp_path)
    mask = ball(1)[1].astype("float32")
    mask[2, 3, 4] = value
    nibabel.save(nifti(mask), tmp_path / "masks" / "scan_1.nii.gz")
    text = refused(tmp_path)
    assert "images/scan_1.nii.gz" in text and f"{value:g}" in text


def test_jpeg_masks_are_refused(tmp_path):
    write_pictures(tmp_path)
    (tmp_path / "masks" / "cell_01.png").unlink()
    put(tmp_path / "masks" / "cell_01.jpg", png(disc(1)[1], "JPEG"))
    assert "cannot be a JPEG" in refused(tmp_path)


def test_colored_masks_and_too_many_values_are_refused(tmp_path):
    colors = np.dstack([disc(1)[1], disc(2)[1], disc(3)[1]])  # one on black is read
    assert "has colors" in refused(with_mask(tmp_path / "a", colors))
    many = np.arange(40 * 48, dtype="uint16").reshape(40, 48)
    assert "at most 64 classes" in refused(with_mask(tmp_path / "b", many))


def test_palettes_that_differ_are_refused(tmp_path):
    write_pictures(tmp_path)
    black, red = (0, 0, 0), (255, 0, 0)
    for number in range(6):
        mask = (disc(number)[1] > 0).astype("uint8")
        put(tmp_path / "masks" / f"cell_{number:02d}.png", indexed(mask, black, red))
    assert opened(tmp_path).load(3).target.max() == 1
    spare = indexed((disc(3)[1] > 0).astype("uint8"), black, red, (9, 9, 9))  # not in the mask
    put(tmp_path / "masks" / "cell_03.png", spare)
    assert opened(tmp_path).load(3).target.max() == 1
    put(tmp_path / "masks" / "cell_04.png", indexed((disc(4)[1] == 0).astype("uint8"), red, black))
    text = refused(tmp_path)
    assert "0 is the color (0, 0, 0) in masks/cell_00.png" in text
    assert "(255, 0, 0) in masks/cell_04.png" in text and "one palette" in text


def test_values_without_a_name_are_refused(tmp_path):
    write_volumes(tmp_path)
    (tmp_path / "labels.json").write_text('{"0": "background", "1": "anterior"}')
    text = refused(tmp_path)
    assert "without a name: 2" in text and "anterior" in text


def test_named_values_keep_their_names():
    table, classes, notes = masks.table_of([0, 255], {0: "background", 1: "nucleus"})
    assert classes == ("background", "nucleus") and table == {0: 0, 255: 1} and notes


# --- 60 ----------------------------------------------------------------------------------------


def test_what_has_no_counterpart_is_named(tmp_path):
    write_pictures(tmp_path)
    (tmp_path / "masks" / "cell_00.png").unlink()
    (tmp_path / "images" / "cell_05.png").unlink()
    text = refused(tmp_path)
    assert "images/cell_00.png (has no mask)" in text
    assert "masks/cell_05.png (has no image)" in text


def test_empty_masks_are_counted(tmp_path):
    source = opened(with_mask(tmp_path, np.zeros((40, 48), "uint8")))
    note = next(note for note in source.fingerprint().notes if "empty" in note)
    assert "1 of 6" in note and source.ids()[1] in note
    assert "Dice" in note
    assert "--strict" in refused(tmp_path, strict=True)


def test_only_empty_masks_are_refused(tmp_path):
    write_pictures(tmp_path)
    for path in (tmp_path / "masks").iterdir():
        path.write_bytes(png(np.zeros((40, 48), "uint8")))
    with pytest.raises(errors.DataError, match="All masks are empty"):
        data.open_source(str(tmp_path), note=lambda sentence: None)
    scored = data.open_source(str(tmp_path), note=lambda sentence: None, fewest=1)
    assert scored.classes == ("background",)  # for a model that has learned more


# --- 63 ----------------------------------------------------------------------------------------

PLANTED = "mueller_anna_1958"


def test_one_patient_in_two_splits_is_refused_by_number(tmp_path):
    for split, seed in (("train", 0), ("test", 10)):
        write_pictures(tmp_path, 4, split, seed)
    for split, seed in (("train", 90), ("test", 91)):
        for folder, pixels in zip(("images", "masks"), disc(seed), strict=True):
            put(tmp_path / split / folder / f"{PLANTED}.png", png(pixels))
    text = refused(tmp_path)
    assert "case 005 (" in text and "case 010 (" in text and "test" in text
    assert "rename the files" in text
    assert PLANTED not in text


def test_of_one_patient_alone_no_split_is_asked_for(tmp_path):
    for number, split in enumerate(("train", "val", "test")):
        for folder, pixels in zip(("images", "masks"), disc(number), strict=True):
            put(tmp_path / split / folder / f"sub-{'0' * number}1_T1w.png", png(pixels))
    text = refused(tmp_path)
    assert "the 3 images are those of 1 patient" in text and "3 are needed" in text
    assert "rename the files" in text and "let actzoo split" not in text


def test_slices_of_one_patient_are_one_group(tmp_path):
    for number in range(6):
        image, mask = disc(number)
        stem = f"patient{number // 2:02d}_slice{number}"
        put(tmp_path / "images" / f"{stem}.png", png(image))
        put(tmp_path / "masks" / f"{stem}.png", png(mask))
    groups = opened(tmp_path).groups()
    assert len(set(groups)) == 3 and groups[0] == groups[1]


def test_copies_of_an_image_are_one_group_and_may_not_be_torn(tmp_path):
    write_pictures(tmp_path / "a")
    put(tmp_path / "a" / "images" / "cell_04.png", png(disc(0)[0]))
    source = opened(tmp_path / "a")
    assert source.groups()[0] == source.groups()[4]
    write_pictures(tmp_path / "b", 3, "train")
    write_pictures(tmp_path / "b", 2, "test", 10)
    put(tmp_path / "b" / "test" / "images" / "cell_10.png", png(disc(0)[0]))
    assert "more than one split" in refused(tmp_path / "b")


def test_names_stay_out_of_ids_and_notes(tmp_path):
    write_pictures(tmp_path)
    image, mask = disc(7)
    put(tmp_path / "images" / f"{PLANTED}.png", png(image))
    put(tmp_path / "masks" / f"{PLANTED}.png", png(0 * mask))
    source = opened(tmp_path)
    fingerprint = source.fingerprint()
    shown = repr((source.ids(), fingerprint, source.load(6).id))
    assert PLANTED not in shown and "cell_" not in shown
    assert source.identities()[6] == f"images/{PLANTED}.png"


def test_the_digest_is_salted(tmp_path):
    import hashlib

    source = opened(write_pictures(tmp_path))
    plain = hashlib.sha256(source.raw(0)).hexdigest()[:8]
    assert plain not in source.ids()[0]


# --- 64 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_voxels_that_are_not_numbers_are_refused(tmp_path, value):
    write_volumes(tmp_path)
    image = ball(1)[0].astype("float32")
    image[2, 3, 4] = image[5, 6, 7] = value
    nibabel.save(nifti(image), tmp_path / "images" / "scan_1.nii.gz")
    text = refused(tmp_path)
    assert "2 values are NaN or infinite, the first at (2, 3, 4)" in text and "--fill-nan" in text
    filled = opened(tmp_path, fill_nan=-7.0).load(1).inputs["image"]
    assert filled[2, 3, 4, 0] == -7 and np.isfinite(filled).all()


def test_data_options_are_checked(tmp_path):
    write_pictures(tmp_path)
    for name, value in (("fill_nan", np.nan), ("max_voxels", 0), ("strict", 1), ("volume", -1)):
        with pytest.raises(errors.InvalidValueError, match=name):
            opened(tmp_path, **{name: value})
    with pytest.raises(errors.UnknownNameError, match="fill_nan"):
        opened(tmp_path, fill_nans=0.0)


def test_a_split_of_groups_keeps_them_together(tmp_path):
    """What the core draws never tears a patient apart."""
    for number in range(12):
        image, mask = disc(number)
        stem = f"case_{number // 2:03d}_{number:03d}"
        put(tmp_path / "images" / f"{stem}.png", png(image))
        put(tmp_path / "masks" / f"{stem}.png", png(mask))
    source = opened(tmp_path)
    drawn = data.split(source, seed=3, note=lambda sentence: None)
    groups = np.asarray(source.groups())
    sides = [set(groups[indices]) for indices in drawn.values()]
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]


def test_texts_of_headers_do_not_travel(tmp_path):
    """Recorded cases are the bytes of files, and their headers may hold names."""
    write_volumes(tmp_path)
    place = tmp_path / "images" / "scan_0.nii.gz"
    image = nibabel.load(place)
    values = np.asarray(image.dataobj)
    named = nibabel.Nifti1Image(values, image.affine, image.header)
    named.header["descrip"], named.header["aux_file"] = b"Doe^Jane 1970", b"doe_jane.par"
    named.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"patient Jane Doe"))
    nibabel.save(named, place)
    source = opened(tmp_path)
    recorded = gzip.decompress(source.raw(0))
    assert b"doe" not in recorded.lower() and b"jane" not in recorded.lower()
    assert b"Doe^Jane" in gzip.decompress(place.read_bytes())

    np.testing.assert_array_equal(
        preprocessing.read_scan(source.raw(0))["image"], source.load(0).inputs["image"]
    )


def test_voc_void_is_ignored_where_names_leave_it_out(tmp_path):
    write_pictures(tmp_path)
    (tmp_path / "classes.txt").write_text("background\ncell\n")
    for number in range(6):
        mask = (disc(number)[1] > 0).astype("uint8")
        mask[:4] = 255
        put(tmp_path / "masks" / f"cell_{number:02d}.png", png(mask))
    source = opened(tmp_path)
    assert source.classes == ("background", "cell")
    assert set(np.unique(source.load(0).target)) == {0, 1, tasks.IGNORE_INDEX}
    assert source.fingerprint().counts["train"] == {"background": 6, "cell": 6}


def test_no_flipped_bit_of_a_header_ends_in_a_traceback():
    raw = nifti(ball()[0]).to_bytes()
    random = np.random.default_rng(0)
    for bit in random.choice(348 * 8, 400, replace=False):
        broken = bytearray(raw)
        broken[bit // 8] ^= 1 << (bit % 8)
        if not volumes.is_nifti(bytes(broken)):
            continue
        try:
            header = volumes.read_header(bytes(broken))
            values = volumes.read_volume(bytes(broken), header)
            volumes.mask_file(np.zeros(values.shape, "uint8"), bytes(broken), header)
        except errors.DataError:
            pass


def test_texts_beside_pixels_do_not_travel(tmp_path):
    from PIL import PngImagePlugin

    write_pictures(tmp_path)
    info = PngImagePlugin.PngInfo()
    info.add_text("PatientName", "Jane Doe")
    place = tmp_path / "images" / "cell_00.png"
    Image.fromarray(disc(0)[0]).save(place, pnginfo=info)
    deep = (disc(1)[0].astype("uint16") * 200) + 7
    Image.fromarray(deep).save(tmp_path / "images" / "cell_01.png", pnginfo=info)
    source = opened(tmp_path)
    for index in (0, 1):
        assert b"Jane" not in source.raw(index)
        np.testing.assert_array_equal(
            read_scan(source.raw(index))["image"], source.load(index).inputs["image"]
        )
    assert b"Jane" in place.read_bytes()
