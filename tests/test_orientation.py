"""Pictures that are stored turned, and masks that are not: turned together, or asked about."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps
from scan_files import disc, opened, png, put

from actzoo import data, errors
from actzoo.applications.medical import writing
from actzoo.applications.medical.preprocessing import read_scan


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


SHOWN = disc(3)[0], disc(3)[1]  # 40 x 48


def exif(turn, form="H"):
    """An EXIF block that holds the orientation alone, as a SHORT or a LONG."""
    kind = {"H": 3, "I": 4}[form]
    value = struct.pack(f"<{form}", turn).ljust(4, b"\0")
    return b"Exif\0\0II*\0" + struct.pack("<IHHHI", 8, 1, 0x0112, kind, 1) + value + bytes(4)


def xmp(turn):
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="{turn}"/>'
        "</x:xmpmeta>"
    ).encode()


def as_stored(shown, turn):
    """Pixels that Pillow, asked to turn by EXIF, shows as `shown`."""
    for back in range(1, 9):  # by trial, so that no table of turns is copied
        tag = Image.Exif()
        tag[0x0112] = back
        image = Image.fromarray(shown)
        image.info["exif"] = tag.tobytes()
        stored = np.asarray(ImageOps.exif_transpose(image))
        again = Image.fromarray(stored)
        tag[0x0112] = turn
        again.info["exif"] = tag.tobytes()
        turned = np.asarray(ImageOps.exif_transpose(again))
        if turned.shape == shown.shape and (turned == shown).all():
            return stored
    raise AssertionError(turn)


def file_of(pixels, turn, where="jpeg"):
    """The bytes of a picture that says in one of several ways how it is turned."""
    content = io.BytesIO()
    image = Image.fromarray(pixels)
    if where == "png behind":
        raw = file_of(pixels, turn, "png")
        start = raw.index(b"eXIf") - 4
        (size,) = struct.unpack(">I", raw[start : start + 4])
        chunk, rest = raw[start : start + 12 + size], raw[:start] + raw[start + 12 + size :]
        return rest[:-12] + chunk + rest[-12:]
    options = {
        "jpeg": ("JPEG", {"exif": exif(turn), "quality": 100}),
        "jpeg long": ("JPEG", {"exif": exif(turn, "I"), "quality": 100}),
        "jpeg xmp": ("JPEG", {"xmp": xmp(turn), "quality": 100}),
        "png": ("PNG", {"exif": exif(turn)}),
        "tiff": ("TIFF", {"tiffinfo": {274: turn}}),
    }
    kind, given = options[where]
    image.save(content, kind, **given)
    return content.getvalue()


def bright(example):
    """Where the picture is bright: it is where the mask is, if both are turned alike."""
    image = example.inputs["image"][..., 0]
    return image > (float(image.min()) + float(image.max())) / 2


def overlap(example):
    here, there = bright(example), example.target > 0
    assert here.shape == there.shape
    return 2 * (here & there).sum() / (here.sum() + there.sum())


WAYS = ("jpeg", "jpeg long", "jpeg xmp", "png", "png behind", "tiff")


@pytest.mark.parametrize("where", WAYS)
@pytest.mark.parametrize("turn", [5, 6, 7, 8])
def test_sizes_say_whether_a_mask_is_of_what_is_shown_or_stored(tmp_path, turn, where):
    image, mask = SHOWN
    put(tmp_path / "images" / "a.png", file_of(as_stored(image, turn), turn, where))
    put(tmp_path / "images" / "b.png", png(image))
    put(tmp_path / "masks" / "b.png", png(mask))
    for stored in (mask, as_stored(mask, turn)):
        put(tmp_path / "masks" / "a.png", png(stored))
        source = opened(tmp_path)
        example = source.load(0)
        assert overlap(example) > 0.95
        np.testing.assert_array_equal(example.target > 0, mask > 0)
        (step, *_) = steps_of(source)
        again = read_scan(source.raw(0), orientation=step["orientation"])["image"]
        np.testing.assert_array_equal(again, example.inputs["image"])
        assert "1 turned by their EXIF" in source.fingerprint().sizes


def steps_of(source):
    from actzoo import domains

    plan = domains.get_domain("medical").inputs(source, {"train": np.arange(len(source))}, {})
    return plan.steps


@pytest.mark.parametrize("where", ["jpeg", "png", "tiff"])
@pytest.mark.parametrize(("turn", "square"), [(3, False), (2, False), (4, False), (6, True)])
def test_what_sizes_do_not_say_is_asked(tmp_path, turn, square, where):
    image, mask = (pixels[:40, :40] if square else pixels for pixels in SHOWN)
    put(tmp_path / "images" / "a.png", file_of(as_stored(image, turn), turn, where))
    put(tmp_path / "masks" / "a.png", png(mask))
    with pytest.raises(errors.DataError) as caught:
        opened(tmp_path)
    text = str(caught.value)
    assert f"orientation {turn}" in text and "images/a.png" in text
    assert "--orientation exif" in text and "--orientation ignore" in text
    assert overlap(opened(tmp_path, orientation="exif").load(0)) > 0.95
    put(tmp_path / "masks" / "a.png", png(as_stored(mask, turn)))
    ignored = opened(tmp_path, orientation="ignore")
    assert overlap(ignored.load(0)) > 0.95
    np.testing.assert_array_equal(ignored.load(0).target > 0, as_stored(mask, turn) > 0)
    assert steps_of(ignored)[0]["orientation"] == "ignore"
    put(tmp_path / "masks" / "a.png", file_of(as_stored(mask, turn), turn, "png"))
    assert overlap(opened(tmp_path).load(0)) > 0.95  # both say the same: nothing to ask


def test_a_mask_that_looks_the_same_both_ways_is_no_question(tmp_path):
    for name, (image, mask) in {"a": SHOWN, "b": (SHOWN[0], SHOWN[1] * 0)}.items():
        turn = 3 if name == "b" else 1
        put(tmp_path / "images" / f"{name}.png", file_of(as_stored(image, turn), turn))
        put(tmp_path / "masks" / f"{name}.png", png(mask))
    assert len(opened(tmp_path)) == 2


def test_the_example_that_was_paired_wrongly_is_asked_about():
    import os
    from pathlib import Path

    cases = Path(os.environ.get("ACTZOO_SHARED") or Path(__file__).parents[2] / "shared")
    folder = cases / "cases" / "scans" / "exif3"
    if not folder.is_dir():
        pytest.skip("shared/cases is not beside the repository")
    with pytest.raises(errors.DataError, match=r"6 images .*orientation 3"):
        opened(folder)
    for name in ("a00", "a05"):
        right = data.read_example(
            folder / "images" / f"{name}.jpg",
            folder / "masks" / f"{name}.png",
            orientation="exif",
        )
        assert overlap(right) > 0.8


@pytest.mark.parametrize("option", [{}, {"resample_masks": True}])
def test_no_mask_is_squashed(tmp_path, option):
    image, mask = SHOWN
    put(tmp_path / "images" / "a.png", png(image))
    for wrong, told in ((mask.T, "lies on its side"), (mask[:, :30], "other proportions")):
        put(tmp_path / "masks" / "a.png", png(np.ascontiguousarray(wrong)))
        with pytest.raises(errors.DataError, match=told) as caught:
            opened(tmp_path, **option)
        assert "--resample-masks" not in str(caught.value)
    put(tmp_path / "masks" / "a.png", png(mask[::2, ::2].copy()))
    assert overlap(opened(tmp_path, resample_masks=True).load(0)) > 0.9


@pytest.mark.parametrize("where", WAYS)
@pytest.mark.parametrize("turn", range(1, 9))
def test_predicted_masks_are_in_the_layout_of_the_file(tmp_path, turn, where):
    image, mask = SHOWN
    stored, labels = as_stored(mask, turn), ({"name": "a", "value": 0}, {"name": "b", "value": 255})
    raw = file_of(as_stored(image, turn), turn, where)
    for option, given in (("exif", mask), ("ignore", stored)):
        steps = [{"step": "read_scan", "orientation": option}]
        assert read_scan(raw, orientation=option)["image"].shape[:2] == given.shape
        path = writing.write_mask(
            "a.png", raw, writing.as_stored(given, raw, steps), labels, tmp_path
        )
        with Image.open(path) as written:
            np.testing.assert_array_equal(np.asarray(written), stored)
            np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(written)), mask)


def test_models_of_before_read_pictures_as_they_did():
    image = SHOWN[0]
    for where in ("png", "tiff"):
        raw = file_of(as_stored(image, 6), 6, where)
        with Image.open(io.BytesIO(raw)) as loaded:
            expected = np.asarray(loaded)
        np.testing.assert_array_equal(read_scan(raw)["image"][..., 0], expected)


def test_an_orientation_that_does_not_exist_is_refused(tmp_path):
    put(tmp_path / "images" / "a.png", png(SHOWN[0]))
    put(tmp_path / "masks" / "a.png", png(SHOWN[1]))
    with pytest.raises(errors.UnknownNameError, match=r"exif, ignore|'exif'"):
        opened(tmp_path, orientation="exfi")
    with pytest.raises(errors.UnknownNameError, match="exif"):
        read_scan(png(SHOWN[0]), orientation="exfi")
