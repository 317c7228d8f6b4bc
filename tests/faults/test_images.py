"""Pictures, folders and archives that are not as they should be."""

import io
import os
import subprocess
import sys
import tarfile
import tracemalloc
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from picture_files import (
    bomb,
    encoded,
    needs_photos,
    noise,
    png,
    png16,
    snapshot,
    write_classes,
)
from PIL import Image, ImageOps

from actzoo import archives, checkpoint, data, errors, files, preprocessing, run_folder, stages
from actzoo.applications.vision import images
from actzoo.data import cases

STEPS = (
    {"step": "decode_image"},
    {"step": "resize_image", "height": 16, "width": 16, "fit": "crop"},
)
PREPARED = data.Preparation(STEPS)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ACTZOO_CACHE", str(folder))
    return folder


def look(path, **options):
    """Open and split; return the source and what was noted."""
    notes = []
    source = data.open_source(str(path), options=options, note=notes.append)
    data.split(source, seed=0, note=notes.append, options=options)
    return source, notes


def refused(path, words, **options):
    before = snapshot(Path(path))
    with pytest.raises(errors.DataError, match=words) as caught:
        look(path, **options)
    assert caught.value.exit_code == 2
    assert len(str(caught.value).splitlines()) <= 5
    assert snapshot(Path(path)) == before
    return str(caught.value)


def noted(notes, *words):
    matching = [note for note in notes if all(word in note for word in words)]
    assert len(matching) == 1, notes
    assert "\n" not in matching[0]
    return matching[0]


def decode(raw):
    return images.decode_image(raw)["image"]


# --- files that cannot be read -----------------------------------------------------------------


def damaged():
    """Name -> bytes, each broken in its own way, and what is said about it."""
    jpeg, whole = encoded(noise(), "JPEG"), encoded(noise())
    data_end = whole.index(b"IEND") - 4
    wrong = bytearray(whole)
    wrong[data_end - 1] ^= 1  # in the checksum of the pixel data, which Pillow does not look at
    return {
        "empty.jpg": (b"", "the file is empty"),
        "text.jpg": (b"these are words", "holds text"),
        "page.jpg": (b"<!DOCTYPE html>", "markup"),
        "half.jpg": (jpeg[: len(jpeg) // 2], "ends early"),
        "minus2.jpg": (jpeg[:-2], "ends early"),
        "checksum.png": (bytes(wrong), "a checksum is wrong"),
        "unfinished.png": (whole[:-12], "ends early"),
        "half.webp": (encoded(noise(), "WEBP")[:60], "damaged or ends early"),
    }


def test_unreadable_files_are_all_named_and_set_aside(tmp_path, capfd):
    root = write_classes(tmp_path / "data", count=10)
    for name, (content, _) in damaged().items():
        (root / "dog" / name).write_bytes(content)
    source, notes = look(root)
    assert len(source) == 20
    note = noted(notes, "8 pictures cannot be read and were set aside", "dog 8")
    for name, (_, why) in damaged().items():
        assert f"dog/{name} (" in note and why in note
    assert "node" not in note and "Error" not in note and not capfd.readouterr().err


def test_a_class_that_would_lose_more_than_half_is_refused(tmp_path):
    root = write_classes(tmp_path / "data", count=7)
    for name, (content, _) in damaged().items():
        (root / "dog" / name).write_bytes(content)
    refused(root, r"'dog' would keep 7 of 15")


def test_strict_refuses_any_unreadable_picture(tmp_path):
    root = write_classes(tmp_path / "data", count=10)
    (root / "dog/bad.png").write_bytes(b"")
    look(root)
    refused(root, r"dog/bad.png \(the file is empty\)", strict=True)


def test_a_file_that_vanishes_ends_the_epoch_by_name_and_training_goes_on(tmp_path, monkeypatch):
    root = write_classes(tmp_path / "data", count=16)
    monkeypatch.setattr(cases, "CACHE_BYTES", 0)  # as if memory were too small for the pictures
    run = tmp_path / "run"
    stages.plan(
        root, run, model="simple_net", weights="none", epochs=4, batch_size=8,
        settings={"units": "[8]"},
    )  # fmt: skip
    plan = stages.Plan.read(run / "plan.json")
    parts = data.RunData.open(plan, note=lambda _: None).splits
    names = data.open_source(str(root), note=lambda _: None).ids()
    victim = root / names[parts["train"][0]]
    kept = victim.read_bytes()
    saved = checkpoint.Checkpoint.save
    epochs = []

    def save_and_remove(self, *args):
        saved(self, *args)
        epochs.append(1)
        if len(epochs) == 2:
            victim.unlink()

    monkeypatch.setattr(checkpoint.Checkpoint, "save", save_and_remove)
    with pytest.raises(errors.DataError) as caught:
        stages.train(run)
    assert str(victim) in str(caught.value) and "--resume" in str(caught.value)
    assert "node" not in str(caught.value) and len(epochs) == 2
    monkeypatch.setattr(checkpoint.Checkpoint, "save", saved)
    victim.write_bytes(kept)
    stages.train(run, resume=True)
    assert len(run_folder.RunFolder(run).history.read_text().splitlines()) == 5


def test_endings_that_are_not_read_are_counted(tmp_path):
    root = write_classes(tmp_path / "data")
    for number in range(12):
        (root / "cat" / f"{number}.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (root / "dog/readme.txt").write_text("x")
    for kind in ("webp", "tiff"):
        (root / f"dog/more.{kind}").write_bytes(encoded(noise(80 + len(kind)), kind))
    source, notes = look(root)
    assert len(source) == 14
    noted(notes, "12 .heic files", "JPEG")
    noted(notes, "1 .txt files")
    for path in (root / "cat").glob("*.png"):
        path.unlink()
    refused(root, r"cat/ \(12 .heic\)(.|\n)*\.jpg")


def test_hidden_and_system_files_are_ignored(tmp_path):
    root = write_classes(tmp_path / "data")
    for name in (".x.jpg", "._x.jpg", "Thumbs.db", ".DS_Store", "desktop.ini"):
        (root / "cat" / name).write_bytes(encoded(noise(90)))
        (root / name).write_bytes(b"x")
    write_classes(root, (".ipynb_checkpoints", "__MACOSX"))
    source, notes = look(root)
    assert len(source) == 12 and source.classes == ("cat", "dog")
    assert [note for note in notes if "drawn" not in note] == []


def test_content_decides_and_not_the_ending(tmp_path):
    root = write_classes(tmp_path / "data")
    (root / "cat/really_png.jpg").write_bytes(encoded(noise(5)))
    source, _ = look(root)
    index = source.ids().index("cat/really_png.jpg")
    np.testing.assert_array_equal(source.load(index).inputs["image"], noise(5))


# --- what pictures may hold --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_eight_orientations_give_one_upright_picture(tmp_path, kind):
    upright = noise(3, 24, 40)
    undo = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    root = write_classes(tmp_path / "data")
    for number, turn in undo.items():
        image = Image.fromarray(upright)
        exif = Image.Exif()
        exif[0x0112] = number
        settings = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
        settings |= {"lossless": True} if kind == "WEBP" else {}
        raw = encoded(image if turn is None else image.transpose(turn), kind, exif=exif, **settings)
        (root / f"cat/turned{number}.{kind.lower()}").write_bytes(raw)
        # Pillow's own reading of EXIF is the oracle for ours.
        oracle = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(raw))))
        np.testing.assert_array_equal(decode(raw), oracle)
        assert np.abs(decode(raw).astype(int) - upright).max() <= (12 if kind == "JPEG" else 0)
    source, _ = look(root)
    for index, name in enumerate(source.ids()):
        if "turned" in name:
            trained_on = data.load_samples(source, [index], PREPARED)["image"][0]
            predicted = preprocessing.apply(STEPS, source.raw(index))["image"]
            np.testing.assert_array_equal(trained_on, predicted)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0", b"junk", b"Exif\0\0MM"]
)
def test_broken_exif_is_not_an_orientation(exif):
    assert decode(encoded(noise(), "JPEG", exif=exif)).shape == (20, 24, 3)


@pytest.mark.parametrize(
    ("highest", "channels", "scale", "words"),
    [(4095, 1, 4095, "12-bit"), (65535, 1, 65535, "16-bit"), (200, 1, 255, "8-bit"),
     (4095, 3, 4095, "12-bit"), (65535, 3, 65535, "16-bit")],
)  # fmt: skip
def test_deep_pictures_are_scaled_by_a_rule_and_noted(tmp_path, highest, channels, scale, words):
    values = np.linspace(0, highest, 24 * 20 * channels).astype("int64").reshape(20, 24, channels)
    decoded = decode(png16(values))
    expected = np.repeat(np.rint(values * 255 / scale), 3 // channels, axis=2)
    np.testing.assert_array_equal(decoded, expected)
    root = write_classes(tmp_path / "data")
    (root / "cat/deep.png").write_bytes(png16(values))
    noted(look(root)[1], "1 pictures with more than 8 bits", words, "cat/deep.png")


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 255.0), (0.0, 4095.0), (-3.0, 7.0)])
def test_floating_point_pictures_are_scaled_and_noted(tmp_path, low, high):
    values = np.linspace(low, high, 480, dtype="float32").reshape(20, 24)
    raw = encoded(Image.fromarray(values), "TIFF")
    decoded = decode(raw)
    assert decoded.min() == 0 and decoded.max() == 255
    root = write_classes(tmp_path / "data")
    (root / "cat/float.tif").write_bytes(raw)
    noted(look(root)[1], "more than 8 bits", "cat/float.tif")
    values[3, 4] = np.nan
    with pytest.raises(errors.DataError, match="not numbers"):
        decode(encoded(Image.fromarray(values), "TIFF"))


def test_every_color_mode_becomes_rgb_by_its_rule():
    gray = Image.new("L", (4, 4), 77)
    assert decode(encoded(gray)).tolist() == [[[77] * 3] * 4] * 4
    assert decode(encoded(Image.new("1", (4, 4), 1)))[0, 0].tolist() == [255] * 3
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert decode(encoded(palette))[0, 0].tolist() == [10, 20, 30]
    assert decode(encoded(palette, transparency=1))[0, 0].tolist() == [255] * 3
    for alpha, expected in ((255, [200, 0, 0]), (0, [255] * 3), (128, [227, 127, 127])):
        clear = Image.new("RGBA", (4, 4), (200, 0, 0, alpha))
        np.testing.assert_allclose(decode(encoded(clear))[0, 0], expected, atol=1)
    np.testing.assert_allclose(
        decode(encoded(Image.new("LA", (4, 4), (0, 128))))[0, 0], [127] * 3, atol=1
    )
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    for kind in ("JPEG", "TIFF"):
        np.testing.assert_allclose(decode(encoded(cmyk, kind))[0, 0], [255, 0, 0], atol=4)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_taken_and_noted(tmp_path, kind):
    frames = [Image.new("RGB", (24, 20), color) for color in ("red", "blue", "lime")]
    settings = {"save_all": True, "append_images": frames[1:]}
    raw = encoded(frames[0], kind, **settings, **({"lossless": True} if kind == "WEBP" else {}))
    np.testing.assert_allclose(decode(raw)[5, 5], [255, 0, 0], atol=2)
    root = write_classes(tmp_path / "data")
    (root / f"cat/moving.{kind.lower()}").write_bytes(raw)
    noted(look(root)[1], "1 pictures have several frames or pages", "cat/moving")


def test_too_many_pixels_are_refused_from_the_header(tmp_path):
    root = write_classes(tmp_path / "data")
    (root / "cat/bomb.png").write_bytes(bomb(16_000))
    code = (
        "import resource, sys\n"
        "from actzoo import data\n"
        "from actzoo.applications.vision import images, inspection\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "data.open_source(sys.argv[1])\n"
        "print((peak() - before) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 50
    assert "16,000 x 16,000 pixels; the limit is 100,000,000" in done.stderr
    assert "--max-pixels" in done.stderr


def test_the_limit_can_be_moved(tmp_path):
    root = write_classes(tmp_path / "data")
    (root / "cat/big.png").write_bytes(encoded(noise(80, 50, 50)))
    source, notes = look(root, max_pixels=2000)
    noted(notes, "cat/big.png (it has 50 x 50 pixels; the limit is 2,000 in all")
    assert len(source) == 12
    assert len(look(root, max_pixels=2500)[0]) == 13


def test_a_header_that_claims_more_than_memory_holds(tmp_path):
    raw = png(100_000, 100_000, 8, 2, b"\0")
    with pytest.raises(errors.DataError, match="100,000 x 100,000"):
        decode(raw)


def test_odd_sizes_are_trained_on_and_extreme_ones_noted(tmp_path):
    root = write_classes(tmp_path / "data")
    for name, size in {
        "dot": (1, 1),
        "line": (1, 2000),
        "pole": (2000, 1),
        "big": (300, 200),
    }.items():
        (root / f"cat/{name}.png").write_bytes(encoded(noise(4, *size)))
    source, notes = look(root)
    noted(notes, "2 pictures are over 10 times as long as wide", "line.png", "pole.png")
    samples = data.load_samples(source, np.arange(len(source)), PREPARED)
    assert samples["image"].shape == (16, 16, 16, 3)


# --- folders -----------------------------------------------------------------------------------


def test_one_class_no_class_and_two_depths_are_refused(tmp_path):
    one = write_classes(tmp_path / "one", ("cat",))
    refused(one, r"one class folder with pictures, cat/")
    loose = write_classes(tmp_path / "loose", ("",))
    refused(loose, "6 pictures .* are loose")
    deep = write_classes(tmp_path / "deep")
    write_classes(deep / "cat", ("persian",), start=50)
    refused(deep, r"in cat/persian/")
    beside = write_classes(tmp_path / "beside/train").parent
    write_classes(beside, ("extra",), start=60)
    refused(beside, "'extra/' holds pictures")


def test_an_empty_class_and_loose_pictures_are_noted(tmp_path):
    root = write_classes(tmp_path / "data")
    (root / "emu").mkdir()
    (root / "stray.png").write_bytes(encoded(noise(70)))
    source, notes = look(root)
    assert source.classes == ("cat", "dog")
    noted(notes, "Class folders without pictures: emu")
    noted(notes, "1 pictures beside the class folders were not used: stray.png")


@pytest.mark.parametrize(("odd", "other"), [("val", "train"), ("train", "val")])
def test_classes_that_differ_between_splits_are_refused(tmp_path, odd, other):
    write_classes(tmp_path / "train", ("b", "c"))
    write_classes(tmp_path / "val", ("b", "c"), start=40)
    write_classes(tmp_path / odd, ("a",), start=60)
    refused(tmp_path, rf"in {odd}/ that are not in {other}/: a")


def test_a_class_may_be_empty_in_a_held_out_split(tmp_path):
    write_classes(tmp_path / "train", ("b", "c"))
    write_classes(tmp_path / "test", ("c",), start=40)
    (tmp_path / "test/b").mkdir()
    source, notes = look(tmp_path)
    test = [i for i, split in enumerate(source.splits()) if split == "test"]
    assert {source.classes[label] for label in source.labels()[test]} == {"c"}
    noted(notes, "Classes without a picture in test: b")


def test_copies_are_kept_on_one_side_also_when_encoded_again(tmp_path):
    root = write_classes(tmp_path / "data", count=12)
    for number in range(12):
        (root / f"cat/copy{number}.bmp").write_bytes(encoded(noise(number), "BMP"))
    notes = []
    source = data.open_source(str(root), note=notes.append)
    noted(notes, "12 pictures occur more than once")
    for seed in range(5):
        parts = data.split(source, seed=seed, note=lambda _: None)
        side = {source.ids()[i]: name for name, chosen in parts.items() for i in chosen}
        for number in range(12):
            assert side[f"cat/copy{number}.bmp"] == side[f"cat/{number:03d}.png"]


def test_copies_across_the_users_own_splits_are_noted_in_pairs(tmp_path):
    write_classes(tmp_path / "train")
    write_classes(tmp_path / "test", start=40)
    (tmp_path / "test/cat/again.bmp").write_bytes(encoded(noise(2), "BMP"))
    noted(look(tmp_path)[1], "1 pictures are in more than one split",
          "test/cat/again.bmp", "train/cat/002.png")  # fmt: skip
    refused(tmp_path, "more than one split", strict=True)


def test_a_picture_under_two_labels_is_noted(tmp_path):
    root = write_classes(tmp_path / "data")
    (root / "dog/actually_a_cat.png").write_bytes(encoded(noise(2)))
    noted(look(root)[1], "1 pictures have two labels", "cat/002.png = dog/actually_a_cat.png")


def test_rare_classes_are_refused_or_stay_in_train(tmp_path):
    root = write_classes(tmp_path / "data", count=9)
    write_classes(root, ("emu",), count=2, start=50)
    refused(root, r"fewer than 3 examples: 'emu' \(2\)(.|\n)*--allow-rare")
    source, notes = look(root, allow_rare=True)
    noted(notes, "train only", "'emu' (2)")
    for seed in range(20):
        parts = data.split(source, seed=seed, note=lambda _: None, options={"allow_rare": True})
        assert set(source.labels()[parts["train"]]) == {0, 1, 2}
        assert 2 not in source.labels()[parts["test"]]


def test_a_large_imbalance_is_noted(tmp_path):
    root = write_classes(tmp_path / "data", ("cat",), count=150)
    write_classes(root, ("dog",), count=4, start=200)
    noted(look(root)[1], "'cat' has 150 examples, 'dog' 4", "macro", "always answering")


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("Cat", "cat", "mistaken for"),
        (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é"), "mistaken for"),
        ("a", "b\nc", r"U\+000A"),
        ("a", "b\u202ec", r"U\+202E"),
        ("a", " b", "space"),
    ],
)
def test_class_names_that_mislead_are_refused(tmp_path, first, second, words):
    if sys.platform != "linux" and words == "mistaken for":
        pytest.skip("the file system itself takes these for one name")
    message = refused(write_classes(tmp_path / "data", (first, second)), words)
    assert "\u202e" not in message


def test_odd_but_clear_class_names_are_taken(tmp_path):
    names = ("-rf", "=1+1", "<script>alert(1)<", "a,b", "日本")
    assert set(look(write_classes(tmp_path / "data", names))[0].classes) == set(names)
    with pytest.raises(errors.DataError, match="300 characters"):
        data.check_classes(["a", "b" * 300])


def test_links_are_followed_out_of_the_folder_but_not_in_circles(tmp_path):
    real = write_classes(tmp_path / "real", ("cat", "dog", "emu"))
    root = write_classes(tmp_path / "data", ("dog",), start=30)
    (root / "cat").mkdir()
    for path in (real / "cat").iterdir():
        (root / "cat" / path.name).symlink_to(path)
    (root / "emu").symlink_to(real / "emu", target_is_directory=True)
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "dog/up").symlink_to(root, target_is_directory=True)
    (root / "dog/itself.png").symlink_to(root / "dog/itself.png")
    (root / "dog/nowhere.png").symlink_to(root / "dog/gone.png")
    source, notes = look(root)
    assert source.classes == ("cat", "dog", "emu") and len(source) == 18
    noted(notes, "7 links lead to pictures outside the folder", "cat/000.png", "emu")
    noted(notes, "not followed: dog/up, loop")
    noted(notes, "2 pictures cannot be read", "dog/itself.png", "dog/nowhere.png")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_names_that_are_not_utf8_are_read_and_shown_escaped(tmp_path):
    root = write_classes(tmp_path / "data")
    with open(os.fsencode(root) + b"/cat/caf\xe9.png", "wb") as file:
        file.write(encoded(noise(60)))
    source, notes = look(root)
    assert "cat/caf\\xe9.png" in source.ids()
    "".join(source.ids()).encode("utf-8")
    noted(notes, "1 file names hold characters", "cat/caf")
    assert source.load(source.ids().index("cat/caf\\xe9.png")).inputs["image"].shape == (20, 24, 3)


def test_what_may_not_be_read_is_named(tmp_path, monkeypatch):
    root = write_classes(tmp_path / "data")
    real_open, real_scan = open, os.scandir

    def no_open(path, *args, **settings):
        if str(path).endswith("cat/003.png"):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *args, **settings)

    monkeypatch.setattr("builtins.open", no_open)
    noted(look(root)[1], "1 pictures cannot be read", "cat/003.png", "Permission denied")

    def no_scan(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return real_scan(path)

    monkeypatch.setattr("actzoo.applications.vision.folder.os.scandir", no_scan)
    with pytest.raises(errors.DataError, match="data/dog cannot be listed: Permission denied"):
        look(root)


def test_nothing_is_written_beside_the_data(tmp_path, cache):
    root = write_classes(tmp_path / "data", count=8)
    for path in root.rglob("*.png"):
        os.utime(path, (1e9, 1e9))
    before = snapshot(root)
    source, _ = look(root)
    data.load_samples(source, [0, 1], PREPARED)
    assert snapshot(root) == before
    assert [p.name for p in cache.rglob("*") if p.is_file()] == ["scan.npz"]


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path / "file/below"))
    root = write_classes(tmp_path / "data")
    for path in root.rglob("*.png"):
        os.utime(path, (1e9, 1e9))
    assert len(look(root)[0]) == 12


def test_little_memory_for_each_file(tmp_path, monkeypatch, capsys):
    root = tmp_path / "data"
    for name in ("a_class_with_a_long_name", "another_class_with_a_long_name"):
        (root / name).mkdir(parents=True)
        for number in range(1500):
            pixels = np.full((2, 2, 3), number % 251, "uint8")
            pixels[0, 0] = (number // 251, len(name), 1)
            path = root / name / f"0a69db60-c052-4b9a-a90d-{number:012d}.bmp"
            path.write_bytes(encoded(pixels, "BMP"))
    monkeypatch.setattr("actzoo.inspection.PROGRESS_SECONDS", 0.0)
    look(write_classes(tmp_path / "first"))  # imports are not what is measured
    tracemalloc.start()
    source, _ = look(root)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(source) == 3000 and used / 3000 < 1000
    assert "looking at pictures: 512 of 3,000" in capsys.readouterr().err


# --- archives ----------------------------------------------------------------------------------


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def tarred(path, members):
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            stream = None
            if isinstance(content, bytes):
                info.size, stream = len(content), io.BytesIO(content)
            file.addfile(info, stream)
    return path


def members(root, top=""):
    return {
        top + path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("top", ["", "photos/"])
@pytest.mark.parametrize("ending", ["zip", "tar.gz", "tgz"])
def test_archives_are_unpacked_once_and_are_the_folder(tmp_path, cache, ending, top):
    root = write_classes(tmp_path / "data")
    make = zipped if ending == "zip" else tarred
    archive = make(tmp_path / f"photos.{ending}", members(root, top))
    source, _ = look(archive)
    assert source.fingerprint().content_hash == look(root)[0].fingerprint().content_hash
    before = snapshot(cache / "archives")
    look(archive)
    assert snapshot(cache / "archives") == before


def test_an_archive_is_hashed_once_and_again_when_it_changes(tmp_path, monkeypatch):
    archive = zipped(tmp_path / "photos.zip", members(write_classes(tmp_path / "data")))
    hashed, real = [], files.sha256_file
    monkeypatch.setattr(files, "sha256_file", lambda path: hashed.append(path) or real(path))
    monkeypatch.chdir(tmp_path)
    first, _ = look(archive)
    look("photos.zip")
    assert len(hashed) == 1
    zipped(archive, members(write_classes(tmp_path / "others", start=50)))
    other, _ = look(archive)
    assert len(hashed) == 2
    assert other.fingerprint().content_hash != first.fingerprint().content_hash


def special(kind, target=""):
    info = tarfile.TarInfo("cat/special")
    info.type, info.linkname = kind, target
    return info


def hostile(root):
    good = members(root)
    zeros = bytes(40 << 20)
    yield "up.zip", zipped, {**good, "../evil.png": b"x"}, "leads out of the folder"
    yield "up2.zip", zipped, {**good, "cat/../../evil.png": b"x"}, "leads out of the folder"
    yield "back.zip", zipped, {**good, "..\\evil.png": b"x"}, "leads out of the folder"
    yield "absolute.zip", zipped, {**good, "/tmp/evil.png": b"x"}, "absolute path"
    yield "drive.zip", zipped, {**good, "C:/evil.png": b"x"}, "absolute path"
    yield "bomb.zip", zipped, {**good, "cat/zeros.bmp": zeros}, "200 times"
    yield "up.tar.gz", tarred, {**good, "../evil.png": b"x"}, "leads out of the folder"
    yield "absolute.tar.gz", tarred, {**good, "/tmp/evil.png": b"x"}, "absolute path"
    yield "bomb.tar.gz", tarred, {**good, "cat/zeros.bmp": zeros}, "200 times"
    link = special(tarfile.SYMTYPE, "/etc")
    yield "link.tar.gz", tarred, {**good, "l": link}, "link or a device"
    hard = special(tarfile.LNKTYPE, "../../x")
    yield "hard.tar.gz", tarred, {**good, "l": hard}, "link or a device"
    yield "device.tar.gz", tarred, {**good, "l": special(tarfile.CHRTYPE)}, "link or a device"
    yield "pipe.tar.gz", tarred, {**good, "l": special(tarfile.FIFOTYPE)}, "link or a device"


def test_hostile_archives_are_refused_as_a_whole(tmp_path, cache):
    root = write_classes(tmp_path / "data")
    for name, make, content, words in hostile(root):
        with pytest.raises(errors.DataError, match=rf"refused as a whole(.|\n)*{words}"):
            look(make(tmp_path / name, content))
        assert not list(cache.rglob("*.png")) and not list(tmp_path.rglob("evil.png"))
        assert not list(cache.rglob(".tmp*"))


def test_a_link_in_a_zip_is_refused(tmp_path):
    root = write_classes(tmp_path / "data")
    path = zipped(tmp_path / "link.zip", members(root))
    info = zipfile.ZipInfo("cat/link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(info, "/etc/passwd")
    with pytest.raises(errors.DataError, match="link or a device"):
        look(path)


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_cut_and_false_archives_are_refused(tmp_path, cache, ending):
    root = write_classes(tmp_path / "data")
    make = zipped if ending == "zip" else tarred
    whole = make(tmp_path / f"whole.{ending}", members(root)).read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]
    for content in (whole[: len(whole) // 2], b"no archive", b"", flipped):
        path = tmp_path / f"bad.{ending}"
        path.write_bytes(content)
        with pytest.raises(errors.DataError, match="damaged or cut short"):
            look(path)
        assert not list(cache.rglob("*.png"))


def test_an_archive_needs_a_cache_that_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path / "file/below"))
    path = zipped(tmp_path / "photos.zip", members(write_classes(tmp_path / "data")))
    with pytest.raises(errors.DiskError, match=r"ACTZOO_CACHE(.|\n)*unpack"):
        archives.folder_of(path)


@needs_photos
def test_real_photos_decode_as_pillow_does():
    from picture_files import PHOTOS

    path = sorted((PHOTOS / "train/dress").glob("*.jpg"))[0]
    oracle = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    np.testing.assert_array_equal(decode(path.read_bytes()), oracle)
