"""Picture files as phones, cameras and tools write them: what lies behind them, how deep they are.

The same reader serves photos and scans; what each makes of a picture is asked of both.
"""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from picture_files import chunk, encoded, noise, png, png16, write_classes
from PIL import Image

from actzoo import data, domains, errors, preprocessing
from actzoo.applications import picture_kinds
from actzoo.applications.medical.files import pictures as measured
from actzoo.applications.vision import images

RNG = np.random.default_rng(5)
FILM = b"\0\0\0\x18ftypmp42" + RNG.integers(0, 256, 60_000, dtype="uint8").tobytes()
BEHIND = {
    "film": FILM,
    "film with markers": FILM + b"\xff\xda\xff\xd8\xff\xda",
    "text": b"appended by a tool \xff\xda",
    "zeros": bytes(2000),
    "second picture": encoded(noise(9), "JPEG"),
    "archive": b"PK\x03\x04" + FILM,
    "one byte": b"\n",
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


def decode(raw, **settings):
    return images.decode_image(raw, **settings)["image"]


def why_not(raw):
    with pytest.raises(errors.DataError) as caught:
        images.read_picture(raw)
    return str(caught.value)


def look(root, **options):
    notes = []
    return data.open_source(str(root), options=options, note=notes.append), notes


# --- what lies behind a picture ----------------------------------------------------------------


def with_thumbnail():
    exif = Image.Exif()
    exif[0x010E] = "x"
    preview = encoded(noise(8), "JPEG")  # holds the bytes that begin and end a picture
    return encoded(noise(3), "JPEG", exif=exif.tobytes() + preview)


def with_fill_bytes():
    """Any number of FF may stand before a marker."""
    raw = encoded(noise(3), "JPEG")
    place = raw.index(b"\xff\xda")
    return raw[:place] + b"\xff\xff\xff" + raw[place:-2] + b"\xff\xff\xff\xd9"


JPEGS = {
    "plain": lambda: encoded(noise(3), "JPEG"),
    "several scans": lambda: encoded(noise(3), "JPEG", progressive=True),
    "restarts": lambda: encoded(noise(3), "JPEG", restart_marker_blocks=1),
    "preview within": with_thumbnail,
    "fill bytes": with_fill_bytes,
    "gray": lambda: encoded(Image.fromarray(noise(3)).convert("L"), "JPEG"),
    "inks": lambda: encoded(Image.fromarray(noise(3)).convert("CMYK"), "JPEG"),
    "text within": lambda: encoded(noise(3), "JPEG", comment=b"\xff\xd9 \xff\xda"),
}


@pytest.mark.parametrize("form", JPEGS)
def test_a_jpeg_ends_where_its_segments_end(form):
    raw = JPEGS[form]()
    alone = decode(raw)
    oracle = np.asarray(Image.open(io.BytesIO(raw)).convert("RGB"))
    np.testing.assert_array_equal(alone, oracle)
    for tail in BEHIND.values():
        np.testing.assert_array_equal(decode(raw + tail), alone)
    for kept in (len(raw) - 2, len(raw) - 1, len(raw) * 2 // 3, raw.index(b"\xff\xda") + 4, 4):
        assert "ends early" in why_not(raw[:kept])
        for tail in ("text", "zeros", "second picture"):
            why_not(raw[:kept] + BEHIND[tail])


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"])
def test_nothing_behind_a_picture_matters(kind):
    raw = encoded(noise(3, 32, 40), kind)
    alone = images.read_picture(raw)
    for tail in BEHIND.values():
        again = images.read_picture(raw + tail)
        np.testing.assert_array_equal(again.pixels, alone.pixels)
        assert not again.is_animated
    if kind in ("PNG", "TIFF", "BMP"):
        pixels = measured.read_picture(raw + FILM, 10**6)
        np.testing.assert_array_equal(pixels, measured.read_picture(raw, 10**6))


def branded(major, *others, coded=b""):
    brands = major + bytes(4) + b"".join(others)
    box = struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands
    return box + struct.pack(">I", 16 + len(coded)) + b"meta" + coded


@pytest.mark.parametrize("major", [b"mif1", b"msf1", b"miaf", b"MA1B", b"isom"])
def test_an_avif_is_known_by_all_of_its_brands(major):
    raw = encoded(noise(3, 32, 40), "AVIF")
    assert raw[8:12] == b"avif"
    other = raw[:8] + major + raw[12:]
    np.testing.assert_array_equal(decode(other), decode(raw))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (branded(b"heic"), "HEIC photo; save it as JPEG"),
        (branded(b"mif1", b"mif1", b"heic"), "HEIC photo"),
        (branded(b"mif1", b"mif1", coded=b"infe....hvc1"), "HEIC photo"),
        (branded(b"mif1", b"mif1", coded=b"infe....jpeg"), "HEIF container"),
        (branded(b"avif", b"mif1"), r"AVIF file is damaged, or Pillow [\d.]+ cannot read"),
        (branded(b"mif1", coded=b"infe....av01"), "AVIF file"),
        (branded(b"isom", b"mp41"), "a film"),
        (branded(b"qt  "), "a film"),
        (branded(b"crx "), "raw photo"),
        (b"RIFF\0\0\0\0AVI LIST", "a film"),
        (b"\x1aE\xdf\xa3" + bytes(40), "a film"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20), "JPEG XL"),
        (b"\xff\x0a" + bytes(20), "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20), "JPEG 2000"),
        (bytes(128) + b"DICM" + bytes(20), "DICOM"),
        (b"P6\n2 2\n255\n" + bytes(12), "PPM"),
        (b"8BPS" + bytes(30), "Photoshop"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (bytes(300), "300 zeros and nothing else"),
        (b"\xef\xbb\xbf<svg>", "markup"),
    ],
)
def test_what_is_not_read_is_named(raw, words):
    with pytest.raises(errors.DataError, match=words):
        images.read_picture(raw)
    with pytest.raises(errors.DataError):
        measured.read_picture(raw, 10**6)


def test_an_avif_that_pillow_has_no_decoder_for_is_named(monkeypatch):
    monkeypatch.setattr(picture_kinds.AvifImagePlugin, "SUPPORTED", False)
    assert "an AVIF picture" in why_not(encoded(noise(3), "AVIF"))
    assert "pip install -U pillow" in why_not(encoded(noise(3), "AVIF"))


@pytest.mark.parametrize("long_typed", [False, True])
def test_orientation_of_exif_and_of_xmp_is_applied(long_typed):
    entry = struct.pack(">HHI", 0x0112, 4 if long_typed else 3, 1)
    value = struct.pack(">I" if long_typed else ">HH", *([6] if long_typed else [6, 0]))
    block = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + value + bytes(4)
    upright = decode(encoded(noise(3), "JPEG"))
    np.testing.assert_array_equal(
        decode(encoded(noise(3), "JPEG", exif=block)), np.rot90(upright, -1)
    )
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="3"/></x:xmpmeta>'
    np.testing.assert_array_equal(decode(encoded(noise(3), "JPEG", xmp=xmp)), upright[::-1, ::-1])


# --- more than 8 bits a value ------------------------------------------------------------------

DEEP = RNG.integers(0, 4096, (20, 24, 3)).astype("uint16")  # 12 bits in a file of 16
EIGHT = np.rint(DEEP * (255 / 4095))
WHOLE = np.full((20, 24, 1), 65535, "uint16")


def tiff(values, **settings):
    content = io.BytesIO()
    tifffile.imwrite(content, values, **settings)
    return content.getvalue()


def color(values=DEEP, **settings):
    return tiff(values, photometric="rgb", **settings)


def gray(values=DEEP[..., 0], photometric="minisblack", **settings):
    return tiff(values, photometric=photometric, **settings)


def png_of(values, kind):
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(24, 20, 16, kind, rows)


def png_with_transparent(values, kind, sample):
    raw = png_of(values, kind)
    place = raw.index(b"IDAT") - 4
    return raw[:place] + chunk(b"tRNS", struct.pack(f">{len(sample)}H", *sample)) + raw[place:]


PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip


def interlaced():
    """A PNG in the seven passes of Adam7: first column and row, and steps, of each."""
    rows = b"".join(
        b"\0" + row.astype(">u2").tobytes()
        for left, top, across, down in PASSES
        for row in DEEP[top::down, left::across]
    )
    header = struct.pack(">IIBBBBB", 24, 20, 16, 2, 0, 0, 1)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


PLANES = np.moveaxis(DEEP, 2, 0).copy()
ASSOCIATED = np.concatenate([DEEP // 2, WHOLE // 2], axis=2)
COLORED = {
    "png": lambda: png16(DEEP),
    "png, interlaced": interlaced,
    "png, opacity": lambda: png_of(np.concatenate([DEEP, WHOLE], axis=2), 6),
    "png, opacity of 12 bits": lambda: png_of(np.concatenate([DEEP, WHOLE // 16], axis=2), 6),
    "little-endian": color,
    "big-endian": lambda: color(byteorder=">"),
    "lzw": lambda: color(compression="lzw", predictor=True),
    "lzw, big-endian": lambda: color(compression="lzw", byteorder=">"),
    "deflate": lambda: color(compression="zlib"),
    "packbits": lambda: color(compression="packbits"),
    "tiles": lambda: color(tile=(16, 16)),
    "planes": lambda: color(PLANES, planarconfig="separate"),
    "planes, lzw": lambda: color(PLANES, planarconfig="separate", compression="lzw"),
    "opacity": lambda: color(np.concatenate([DEEP, WHOLE], axis=2), extrasamples=["unassalpha"]),
    "multiplied by opacity": lambda: color(
        np.concatenate([DEEP, WHOLE], axis=2), extrasamples=["assocalpha"]
    ),
    "unknown fourth channel": lambda: color(
        np.concatenate([DEEP, WHOLE // 7], axis=2), extrasamples=["unspecified"]
    ),
    "large offsets": lambda: color(bigtiff=True),
    "two pages": lambda: color(np.stack([DEEP, DEEP // 2])),
    "signed": lambda: color(DEEP.astype("int16")),
    "32 bits": lambda: color(DEEP.astype("uint32")),
    "floating point": lambda: color(DEEP.astype("float32")),
    "floating point, predicted": lambda: color(
        DEEP.astype("float32"), compression="zlib", predictor=3
    ),
    "double": lambda: color(DEEP.astype("float64")),
    "channels in all but name": lambda: tiff(DEEP, photometric="minisblack", planarconfig="contig"),
}
GRAY = {
    "png": lambda: png16(DEEP[..., :1]),
    "png, opacity": lambda: png_of(np.concatenate([DEEP[..., :1], WHOLE], axis=2), 4),
    "little-endian": gray,
    "big-endian, lzw": lambda: gray(byteorder=">", compression="lzw"),
    "white is zero": lambda: gray(4095 - DEEP[..., 0], "miniswhite"),
    "white is zero, lzw": lambda: gray(4095 - DEEP[..., 0], "miniswhite", compression="lzw"),
    "opacity": lambda: gray(
        np.concatenate([DEEP[..., :1], WHOLE], axis=2),
        extrasamples=["unassalpha"], planarconfig="contig",
    ),
    "12 bits packed": lambda: gray(bitspersample=12),
    "signed": lambda: gray(DEEP[..., 0].astype("int32")),
    "floating point": lambda: gray(DEEP[..., 0].astype("float64")),
}  # fmt: skip
RANGES = {"integer": [0, 4095], "float": [0, 4095]}


@pytest.mark.parametrize("form", COLORED)
def test_deep_colors_lose_nothing_in_any_file(form):
    raw = COLORED[form]()
    np.testing.assert_array_equal(decode(raw, ranges=RANGES), EIGHT)
    if "pages" not in form:
        np.testing.assert_array_equal(measured.read_picture(raw, 10**6), DEEP)
        with pytest.raises(errors.DataError):
            images.read_picture(raw[:-1] if "png" not in form else raw[:-13])


@pytest.mark.parametrize("form", GRAY)
def test_deep_gray_values_lose_nothing_in_any_file(form):
    raw = GRAY[form]()
    expected = np.repeat(EIGHT[..., :1], 3, axis=2)
    np.testing.assert_allclose(decode(raw, ranges=RANGES), expected, atol=1)
    values = measured.read_picture(raw, 10**6)
    if "white" in form:
        values = values - 65535 + 4095
    np.testing.assert_array_equal(values, DEEP[..., :1])


def test_transparent_samples_and_half_opacity_show_white():
    clear = DEEP.copy()
    clear[:5] = 7
    shown = decode(png_with_transparent(clear, 2, (7, 7, 7)), ranges=RANGES)
    assert (shown[:5] == 255).all()
    np.testing.assert_array_equal(shown[5:], EIGHT[5:])
    shown = decode(png_with_transparent(clear[..., :1], 0, (7,)), ranges=RANGES)
    assert (shown[:5] == 255).all()
    half = np.concatenate([DEEP, WHOLE], axis=2)
    half[5:, :, 3] = 32768
    expected = np.where(np.arange(20)[:, None, None] < 5, EIGHT, 255 - (255 - EIGHT) / 2)
    np.testing.assert_allclose(decode(png_of(half, 6), ranges=RANGES), expected, atol=1)
    multiplied = half.copy()
    multiplied[5:, :, :3] = DEEP[5:] // 2
    raw = color(multiplied, extrasamples=["assocalpha"])
    np.testing.assert_allclose(decode(raw, ranges=RANGES), expected, atol=1)


@pytest.mark.parametrize("factor", [1, 257])
def test_palettes_of_16_bits_show_their_colors(factor):
    """Some writers put bytes where 16 bits belong, which would be black."""
    table = RNG.integers(0, 256, (3, 256)).astype("uint16")
    chosen = RNG.integers(0, 256, (20, 24), dtype="uint8")
    raw = tiff(chosen, photometric="palette", colormap=table * factor)
    np.testing.assert_array_equal(decode(raw), table.T[chosen])
    wide = RNG.integers(0, 65536, (3, 65536)).astype("uint16")
    raw = tiff(DEEP[..., 0].copy(), photometric="palette", colormap=wide)
    np.testing.assert_array_equal(decode(raw), wide.T[DEEP[..., 0]] >> 8)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (lambda: tiff(np.zeros((9, 8, 5), "uint16"), photometric="minisblack",
                      planarconfig="contig"), "5 channels"),
        (lambda: gray(DEEP[..., 0].astype("complex64")), "complex"),
        (lambda: tiff(DEEP, photometric="cielab"), "CIELAB"),
        (lambda: color(np.full((4, 4, 3), np.nan, "float32")), "not numbers"),
    ],
)  # fmt: skip
def test_deep_pictures_that_are_not_read_say_why(raw, words):
    assert words in why_not(raw())


# --- one rule for all pictures of a data set ---------------------------------------------------


def write_deep(root, highest, encode=png16, dtype="uint16"):
    """Write one picture for each highest value, alternately of two classes."""
    for number, high in enumerate(highest):
        place = root / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        ramp = np.linspace(0, high, 20 * 24 * 3).reshape(20, 24, 3)
        values = np.roll(ramp if dtype[0] == "f" else np.rint(ramp), number, axis=1)
        (place / f"{number:02d}.png").write_bytes(encode(values.astype(dtype)))
    return root


def seen(root, **options):
    """Return the step that decodes, and what training sees of each picture, by name."""
    source, notes = look(root, **options)
    split = data.split(source, seed=0, note=lambda _: None)
    steps = domains.get_domain("vision").inputs(source, split, {}).steps[:1]
    trained = {
        name: preprocessing.apply(steps, source.load(index).inputs)["image"]
        for index, name in enumerate(source.ids())
    }
    for index, name in enumerate(source.ids()):
        predicted = preprocessing.apply(steps, source.raw(index))["image"]
        np.testing.assert_array_equal(predicted, trained[name])
    return steps[0], trained, notes


@pytest.mark.parametrize(
    ("highest", "white"),
    [
        ([200, 255, 130, 90], 255), ([255, 256, 200, 100], 1023), ([1023, 50, 900, 4], 1023),
        ([4095, 200, 256, 255], 4095), ([5000, 900, 16383, 60], 16383),
        ([65535, 30_000, 4095, 255], 65535), ([20, 9, 31, 7], 31),
    ],
)  # fmt: skip
def test_one_white_serves_all_pictures_of_a_data_set(tmp_path, highest, white):
    root = write_deep(tmp_path / "data", highest * 3)
    step, pictures, notes = seen(root)
    assert step["ranges"] == {"integer": [0, white]}
    for name, shown in pictures.items():
        assert shown.max() == round(highest[int(name[4:6]) % 4] * 255 / white)
    (note,) = [note for note in notes if "more than 8 bits" in note and "Half" not in note]
    assert f"to {max(highest):,}" in note


@pytest.mark.parametrize(
    ("highest", "white"),
    [([1.0, 0.5], 1), ([1.03, 0.2], 1), ([1.5, 0.7], 1.5), ([255, 100], 255), ([4000, 9], 4095),
     ([0.001, 0.0005], 0.001), ([1e5, 3e4], 1e5)],
)  # fmt: skip
def test_floating_point_pictures_share_a_white_too(tmp_path, highest, white):
    root = write_deep(tmp_path / "data", highest * 5, color, "float32")
    step, pictures, _ = seen(root)
    assert step["ranges"]["float"] == [0, pytest.approx(white)]
    assert max(shown.max() for shown in pictures.values()) >= 245


def test_values_of_every_range_get_a_white():
    assert images.value_range("integer", 0, 0) == (0, 1)
    assert images.value_range("integer", 0, 1) == (0, 1)
    assert images.value_range("integer", 0, 100_000) == (0, 100_000)
    assert images.value_range("integer", -5, 5) == (-5, 5)
    assert images.value_range("float", 0, 0.5) == (0, 1)


def test_values_below_zero_are_shown_from_lowest_to_highest(tmp_path):
    root = tmp_path / "data"
    for number in range(12):
        place = root / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        values = np.arange(480).reshape(20, 24) * 4 - 1000 + number
        (place / f"{number:02d}.tif").write_bytes(gray(values.astype("int16")))
    step, pictures, _ = seen(root)
    assert step["ranges"]["integer"][0] <= -990
    assert all(shown.min() < 5 and shown.max() > 250 for shown in pictures.values())


def test_pictures_of_8_bits_beside_deep_ones_stay_as_they_are(tmp_path):
    root = write_deep(write_classes(tmp_path / "data"), [4095, 700] * 6)
    write_deep(root, [1.0, 0.3] * 6, lambda values: color(values), "float32")
    for number in range(0, 12, 2):
        (root / "cat" / f"{number:02d}.png").write_bytes(png16(DEEP))
    step, pictures, _ = seen(root)
    assert step["ranges"] == {"integer": [0, 4095], "float": [0, 1]}
    np.testing.assert_array_equal(pictures["cat/003.png"], noise(3))
    np.testing.assert_array_equal(pictures["cat/02.png"], EIGHT)
    assert pictures["dog/01.png"].max() == 77


def test_without_deep_pictures_the_plan_says_nothing_of_depth(tmp_path):
    step, _, notes = seen(write_classes(tmp_path / "data"))
    assert step == {"step": "decode_image"} and not notes


def test_only_training_pictures_say_what_is_white(tmp_path):
    write_deep(tmp_path / "train", [4000, 900] * 6)
    write_deep(tmp_path / "test", [60_000, 4000])
    step, pictures, _ = seen(tmp_path)
    assert step["ranges"] == {"integer": [0, 4095]}
    assert pictures["test/cat/00.png"].max() == 255  # brighter than white is white
    assert pictures["test/dog/01.png"].max() == 249


def test_one_bright_picture_among_dark_ones_is_noted_and_white_can_be_said(tmp_path):
    root = write_deep(tmp_path / "data", [4000, 3900] * 6)
    (root / "cat/hot.png").write_bytes(png16(DEEP * 15))
    *_, notes = seen(root)
    (note,) = [note for note in notes if "nearly black" in note]
    assert "cat/hot.png" in note and "--white 4095" in note
    step, pictures, _ = seen(root, white=4095.0)
    assert step["ranges"] == {"integer": [0, 4095]} and pictures["dog/01.png"].max() == 243


def test_the_thumbnail_of_a_report_shows_what_training_sees(tmp_path):
    from actzoo.applications.vision import panels

    root = write_deep(tmp_path / "data", [4095, 4000] * 6)
    source, _ = look(root)
    step = domains.get_domain("vision").inputs(source, {}, {}).steps[:1]

    class Evaluation:
        steps, folder = step, tmp_path / "out"

    Evaluation.source = source
    name = panels._thumbnail(Evaluation, 0)
    assert np.asarray(Image.open(tmp_path / "out" / name)).max() > 200


def test_a_picture_deeper_than_those_in_training_is_remarked(tmp_path):
    vision = domains.get_domain("vision")
    plain, deep = ({"step": "decode_image"},), ({"step": "decode_image", "ranges": RANGES},)
    raw = png16(DEEP)
    (said,) = vision.remarks(raw, plain, {}).values()
    assert "4,095 was taken for white" in said
    assert vision.remarks(raw, deep, {}) == {}
    (said,) = vision.remarks(color(DEEP * 15), deep, {}).values()
    assert "cut off" in said and "0 to 4,095" in said
    for other in (encoded(noise(3)), encoded(noise(3), "TIFF"), encoded(noise(3), "JPEG"), b"?"):
        assert vision.remarks(other, plain, {}) == {}


def test_a_picture_of_which_most_is_cropped_is_remarked():
    vision = domains.get_domain("vision")
    decode = {"step": "decode_image"}
    crop, fill = (
        {"step": "resize_image", "height": 8, "width": 8, "fit": f} for f in ("crop", "x")
    )
    for sides, is_long in (((9, 91), True), ((91, 9), True), ((9, 90), False)):
        raw = encoded(noise(1, *sides))
        said = vision.remarks(raw, (decode, crop), {})
        assert bool(said) == is_long and vision.remarks(raw, (decode, fill), {}) == {}
    (said,) = vision.remarks(encoded(noise(1, 9, 99)), (decode, crop), {}).values()
    assert "99 x 9 pixels" in said and "only the middle" in said


def test_one_example_is_read_as_training_reads_it(tmp_path):
    (tmp_path / "deep.tif").write_bytes(color())
    shown = data.read_example(tmp_path / "deep.tif").inputs["image"]
    expected = preprocessing.apply(
        ({"step": "resize_image", "height": 32, "width": 32, "fit": "crop"},),
        EIGHT.astype("uint8"),
    )
    np.testing.assert_array_equal(shown, expected["image"])


def test_shared_examples_are_read(tmp_path):
    from picture_files import _SHARED

    place = _SHARED / "cases" / "photos"
    if not place.is_dir():
        pytest.skip("shared/cases is not beside the repository")
    for name, depth in (("rgb16_12bit.tif", 12), ("rgba16_12bit.png", 12), ("mif1.avif", 8),
                        ("motion_photo.jpg", 8)):  # fmt: skip
        picture = images.read_picture((place / name).read_bytes())
        assert picture.colors.max() == 2**depth - 1
        assert decode((place / name).read_bytes()).max() == 255


def test_colors_that_are_not_read_are_named_in_8_bits_too():
    raw = tiff(noise(3), photometric="cielab")
    assert "CIELAB" in why_not(raw)


def test_large_deep_pictures_are_brought_to_8_bits_in_parts(monkeypatch):
    monkeypatch.setattr(images, "AT_ONCE", 50)
    np.testing.assert_array_equal(decode(color(), ranges=RANGES), EIGHT)


@pytest.mark.parametrize("form", ["little-endian", "lzw", "floating point", "planes, lzw"])
@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_deep_pictures_are_turned_once(form, turn):
    upright = {1: EIGHT, 3: EIGHT[::-1, ::-1], 6: np.rot90(EIGHT, -1), 8: np.rot90(EIGHT)}[turn]
    settings = {
        "lzw": {"compression": "lzw"},
        "planes, lzw": {"compression": "lzw", "planarconfig": "separate"},
    }.get(form, {})
    values = DEEP.astype("float32") if "point" in form else DEEP
    values = PLANES if "planes" in form else values
    raw = color(values, extratags=[(274, "H", 1, turn)], **settings)
    np.testing.assert_array_equal(decode(raw, ranges=RANGES), upright)


FORMS = {
    "jpeg": JPEGS["several scans"],
    "png": lambda: png16(DEEP),
    "gif": lambda: encoded(
        noise(3), "GIF", save_all=True, append_images=[Image.new("RGB", (9, 9))]
    ),
    "webp": lambda: encoded(noise(3), "WEBP"),
    "avif": lambda: encoded(noise(3, 32, 32), "AVIF"),
    "tiff": lambda: encoded(noise(3), "TIFF"),
    "pages": COLORED["two pages"],
    "floating point": COLORED["floating point"],
    "lzw": COLORED["planes, lzw"],
}


@pytest.mark.parametrize("form", FORMS)
def test_whatever_is_wrong_in_a_file_is_said_in_our_words(form):
    whole = FORMS[form]()
    rng = np.random.default_rng(len(form))
    for number in range(80):
        raw = bytearray(whole)
        for _ in range(1 + number % 3):
            raw[rng.integers(min(len(raw), 300 if number % 2 else 10**9))] = rng.integers(256)
        if number % 4 == 0:
            raw = raw[: rng.integers(1, len(raw))]
        for read in (decode, lambda content: measured.read_picture(content, 10**6)):
            with contextlib.suppress(errors.DataError):
                read(bytes(raw))
