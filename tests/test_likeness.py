"""Near-copies between splits, and training examples known again in other data."""

import gzip
import io
import unicodedata

import nibabel
import numpy as np
import pytest
import test_data
from PIL import Image, ImageEnhance
from scipy import ndimage

from actzoo import data, files, tasks
from actzoo.data import likeness, seen


def photo(number, height=120, width=160):
    """A picture with large shapes and small ones, like no other."""
    random = np.random.default_rng(number)
    layers = [
        amount * ndimage.gaussian_filter(random.normal(size=(height, width, 3)), (blur, blur, 0))
        for amount, blur in ((3360, 24), (640, 8), (120, 3))
    ]
    return Image.fromarray(np.clip(128 + sum(layers), 0, 255).astype("uint8"))


def saved(picture, quality):
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=quality)
    return Image.open(content)


def cut(picture, left, top, right, bottom):
    width, height = picture.size
    box = (left * width, top * height, width - right * width, height - bottom * height)
    return picture.crop(tuple(round(edge) for edge in box))


ALTERED = {
    "as it is": lambda p: p,
    "another quality": lambda p: saved(p, 35),
    "half": lambda p: p.resize((p.width // 2, p.height // 2), Image.Resampling.BILINEAR),
    "larger": lambda p: p.resize((p.width * 2, p.height * 2), Image.Resampling.BICUBIC),
    "cut around": lambda p: cut(p, 0.01, 0.01, 0.01, 0.01),
    "cut at a corner": lambda p: cut(p, 0.02, 0.02, 0, 0),
    "brighter": lambda p: ImageEnhance.Brightness(p).enhance(1.1),
    "darker": lambda p: ImageEnhance.Brightness(p).enhance(0.8),
    "contrast": lambda p: ImageEnhance.Contrast(p).enhance(0.85),
    "a PNG of a JPEG": lambda p: Image.fromarray(np.asarray(saved(p, 80).convert("RGB"))),
    "gray": lambda p: p.convert("L"),
    "all at once": lambda p: saved(cut(p.resize((110, 82)), 0.01, 0, 0.01, 0), 60),
}


class Signed(test_data.Numbers):
    """Examples with signatures of pictures or volumes."""

    def __init__(self, signatures, groups=None, targets=None):
        super().__init__(targets or [0] * len(signatures), None, groups)
        self._signatures = np.asarray(signatures)

    def signatures(self):
        return self._signatures


def signed(pictures, **given):
    return Signed([data.shrunk(np.asarray(picture)) for picture in pictures], **given)


def thirds(train, val=0, test=0):
    edges = np.cumsum([0, train, val, test])
    names = ("train", "val", "test")
    return {name: np.arange(*edges[k : k + 2]) for k, name in enumerate(names)}


def found(source, splits):
    return {(c.index, c.other) for c in data.near_copies(source, splits)}


@pytest.fixture(scope="module")
def photos():
    return [photo(number) for number in range(40)]


@pytest.mark.parametrize("way", ALTERED)
def test_a_picture_that_was_altered_is_found(photos, way):
    others = [ALTERED[way](picture) for picture in photos[:10]]
    source = signed([*photos, *others])
    assert found(source, thirds(40, 0, 10)) == {(40 + i, i) for i in range(10)}


def test_pictures_of_their_own_are_no_copies(photos):
    assert found(signed(photos), thirds(20, 10, 10)) == set()
    flipped = [picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in photos]
    assert found(signed([*photos, *flipped]), thirds(40, 0, 40)) == set()


def digits():
    from sklearn import datasets

    loaded = datasets.load_digits()
    return (loaded.images * 15.9).astype("uint8"), loaded.target.tolist()


def test_small_gray_digits_are_rarely_taken_for_copies():
    images, labels = digits()
    order = np.random.default_rng(0).permutation(len(images))
    splits = {"train": order[:1300], "val": order[1300:1550], "test": order[1550:]}
    assert len(found(signed(images, targets=labels), splits)) <= 2


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("noise", [0, 2])
def test_blank_pages_are_no_copies(value, noise):
    random = np.random.default_rng(0)
    pages = [
        np.clip(value + random.normal(0, noise, (60, 50)), 0, 255).astype("uint8")
        for _ in range(40)
    ]
    assert found(signed(pages), thirds(20, 10, 10)) == set()


def test_pictures_of_one_camera_are_told_apart_from_copies():
    """All show one part on one table; only what is much nearer than usual is a copy."""
    random = np.random.default_rng(0)
    table = np.asarray(photo(99).convert("L"), float)
    own = [
        table + 3 * ndimage.gaussian_filter(random.normal(size=table.shape), 3) * 8
        for _ in range(60)
    ]
    pictures = [np.clip(picture, 0, 255).astype("uint8") for picture in own]
    assert found(signed(pictures), thirds(40, 10, 10)) == set()
    again = [np.asarray(saved(Image.fromarray(picture), 60)) for picture in pictures[:5]]
    source = signed([*pictures, *again])
    assert found(source, thirds(60, 0, 5)) == {(60 + i, i) for i in range(5)}


def volume(number, shape=(40, 36, 28)):
    random = np.random.default_rng(number)
    smooth = ndimage.gaussian_filter(random.normal(size=shape), 5) * 900
    return 400 + 100 * smooth + random.normal(0, 3, shape)


VOLUMES = {
    "other spacing": lambda v: ndimage.zoom(v, (1 / 1.5, 1 / 1.5, 1 / 1.2), order=1),
    "finer": lambda v: ndimage.zoom(v, 2, order=1),
    "thick slices": lambda v: v.reshape(*v.shape[:2], -1, 2).mean(axis=-1),
    "8 bits": lambda v: np.round(255 * (v - v.min()) / np.ptp(v)).astype("uint8"),
    "other unit": lambda v: (v * 1.7 - 1024).astype("int16"),
    "without an edge": lambda v: v[1:, :-1],
}


@pytest.mark.parametrize("way", VOLUMES)
def test_a_volume_that_was_resampled_is_found(way):
    volumes = [volume(number) for number in range(12)]
    others = [VOLUMES[way](v) for v in volumes[:4]]
    source = Signed([data.shrunk(v[..., None], 3) for v in (*volumes, *others)])
    assert found(source, thirds(12, 0, 4)) == {(12 + i, i) for i in range(4)}


def test_slices_of_one_volume_are_no_copies():
    slices = [
        np.round(255 * (v[:, :, k] - v.min()) / np.ptp(v)).astype("uint8")
        for v in (volume(number) for number in range(6))
        for k in range(2, 26, 4)
    ]
    assert found(signed(slices), thirds(18, 9, 9)) == set()


def test_each_held_out_example_is_named_once_with_its_split(photos):
    twice = ALTERED["half"](photos[0])
    source = signed([photos[0], photos[1], twice, photos[2], twice, twice])
    splits = {"train": np.array([0, 1]), "val": np.array([2, 3]), "test": np.array([4, 5])}
    copies = data.near_copies(source, splits)
    assert [(c.split, c.index, c.other_split, c.other) for c in copies] == [
        ("val", 2, "train", 0), ("test", 4, "train", 0), ("test", 5, "train", 0)
    ]  # fmt: skip
    said = data.about_near_copies(source, splits, copies)
    assert "2 of 2 test examples and 1 of 2 val examples" in said
    assert "2 (val) and 0 (train); 4 (test) and 0 (train)" in said
    notes = []
    likeness.note_near_copies(source, splits, notes.append)
    assert said in notes[0] and "Held-out scores are too good" in notes[0]


def test_copies_that_the_data_knows_of_are_not_said_again(photos):
    source = signed([photos[0], photos[1], photos[0]], groups=["a", "b", "a"])
    splits = {**thirds(2), "test": np.array([2])}
    assert found(source, splits) == set()
    (copy,) = data.near_copies(source, splits, exact=True)  # but found after training
    assert (copy.index, copy.other) == (2, 0)
    plain = test_data.Numbers([0, 1, 0], None, ["a", "b", "a"])
    assert len(data.near_copies(plain, splits, exact=True)) == 1


def test_large_groups_and_many_equal_texts_are_not_paired_one_by_one():
    parts = np.array_split(np.arange(60_000), 3)
    splits = dict(zip(("train", "val", "test"), parts, strict=True))
    one_group = test_data.Numbers([0] * 60_000, None, ["a"] * 60_000)
    copies = data.near_copies(one_group, splits, exact=True)
    assert len(copies) == 40_000 and {copy.other for copy in copies} == {0}
    names = np.array([0, 1, 2, 1, 0])
    equal = likeness._equal(np.zeros(5, "S1"), names, np.array([3, 4]), np.array([0, 1, 2]))
    # The first of another group than the example's own is among them.
    assert list(equal) == [(3, 0), (3, 1), (4, 0), (4, 1)]


def test_where_copies_are_not_looked_for_it_is_said(photos, monkeypatch):
    source, notes = signed(photos[:6]), []
    monkeypatch.setattr(likeness, "MOST_EXAMPLES", 5)
    assert data.near_copies(source, thirds(2, 2, 2)) is None
    likeness.note_near_copies(source, thirds(2, 2, 2), notes.append)
    assert "6 examples are more than 5" in notes[0]
    notes.clear()
    plain = test_data.Numbers([0, 1] * 3)
    likeness.note_near_copies(plain, thirds(2, 2, 2), notes.append)
    assert data.near_copies(plain, thirds(2, 2, 2)) is None and notes == []


def test_many_examples_are_compared_in_seconds():
    random = np.random.default_rng(0)
    signatures = random.integers(-127, 128, (20_000, 14, 14)).astype("int8")
    signatures[19_000:19_050] = signatures[:50]
    source = Signed(signatures, targets=(np.arange(20_000) % 10).tolist())
    splits = thirds(14_000, 3_000, 3_000)
    assert found(source, splits) == {(19_000 + i, i) for i in range(50)}


# --- through each kind of data -------------------------------------------------------------------


def test_photos_saved_again_are_found_in_given_splits(tmp_path, photos):
    for split, chosen in (("train", photos[:12]), ("test", photos[12:18])):
        for index, picture in enumerate(chosen):
            place = tmp_path / split / ("cat", "dog")[index % 2]
            place.mkdir(parents=True, exist_ok=True)
            picture.save(place / f"{index:02d}.png")
    saved(photos[0], 70).convert("RGB").resize((80, 60)).save(tmp_path / "test/cat/again.jpg")
    source = data.open_source(str(tmp_path), note=lambda _: None)
    splits = data.split(source, seed=0, note=lambda _: None)
    said = data.about_near_copies(source, splits, data.near_copies(source, splits))
    assert "1 of 7 test examples" in said
    assert "test/cat/again.jpg (test) and train/cat/00.png (train)" in said


TEXTS = (
    ("What a fine day!", "what a FINE day"),
    ("I don't know", "I dont know."),
    ("Caf\u00e9 au lait, please", unicodedata.normalize("NFD", "Caf\u00e9 au lait please")),
    ("the \uff21\uff22\uff23 of it", "The ABC of it"),
    ("well - known   words", "\u201cwell\u2014known words\u201d"),
    ("soft\u00adhyphen and zero\u200bwidth", "softhyphen and zerowidth"),
)


@pytest.mark.parametrize(("one", "other"), TEXTS)
def test_texts_with_other_signs_are_found(tmp_path, one, other):
    def table(texts):
        lines = [f'"{text}",{("a", "b")[i % 2]}' for i, text in enumerate(texts)]
        return "text,label\n" + "\n".join(lines) + "\n"

    (tmp_path / "train.csv").write_text(table([one, *(f"text number {i}" for i in range(9))]))
    (tmp_path / "test.csv").write_text(table([other, *(f"others are {i}" for i in range(5))]))
    source = data.open_source(str(tmp_path), note=lambda _: None)
    splits = data.split(source, seed=1, note=lambda _: None)
    if source.ids()[0] in [source.ids()[i] for i in splits["val"]]:
        return
    (copy,) = data.near_copies(source, splits)
    assert {source.text(copy.index), source.text(copy.other)} == {one, other}


@pytest.mark.parametrize(
    ("one", "other"),
    [("good \U0001f600", "good \U0001f621"), ("C++", "C"), ("5.00", "500"), ("!!!", "???")],
)
def test_texts_that_differ_in_more_than_signs_are_no_copies(one, other):
    from actzoo.applications.text import rows

    assert rows.letters_of(one) != rows.letters_of(other)


def write_scan(root, split, name, values, spacing, matrix=None):
    for kind, content in (("images", values), ("masks", (values > values.mean()).astype("uint8"))):
        folder = root / split / kind
        folder.mkdir(parents=True, exist_ok=True)
        affine = np.diag([*spacing, 1.0]) if matrix is None else matrix
        nibabel.save(nibabel.Nifti1Image(content, affine), folder / f"{name}.nii")


def test_scans_stored_otherwise_are_found_by_case(tmp_path):
    """The same scan, its first axis stored the other way round, coarser, in other numbers."""
    for number in range(6):
        split = "train" if number < 4 else "val"
        values = volume(number).astype("float32")
        write_scan(tmp_path, split, f"patient{number:02d}", values, (1, 1, 1))
    coarse = ndimage.zoom(volume(0), 1 / 1.5, order=1)
    turned = np.diag([-1.5, 1.5, 1.5, 1.0])
    turned[0, 3] = 1.5 * (len(coarse) - 1)
    write_scan(tmp_path, "test", "patient08", (coarse[::-1] * 3).astype("int16"), None, turned)
    write_scan(tmp_path, "test", "patient09", volume(9).astype("float32"), (1, 1, 1))
    source = data.open_source(str(tmp_path), note=lambda _: None)
    splits = data.split(source, seed=0, note=lambda _: None)
    (copy,) = data.near_copies(source, splits)
    said = data.about_near_copies(source, splits, [copy])
    assert (copy.split, copy.other_split) == ("test", "train")
    assert source.identities()[copy.other] == "train/images/patient00.nii"
    assert "patient" not in said and source.ids()[copy.index] in said


# --- what was seen in training -------------------------------------------------------------------


def test_scans_are_known_again_however_they_are_stored(tmp_path):
    """Packed or not, its first axis either way round; of blank ones, the file counts."""
    values = [volume(number).astype("float32") for number in range(3)]
    values += [np.zeros((9, 9, 9), "float32"), np.ones((9, 9, 9), "float32")]
    for number, own in enumerate(values):
        write_scan(tmp_path, "train", f"patient{number}", own, (1, 1, 1))
        turned = np.diag([-1.0, 1.0, 1.0, 1.0])
        turned[0, 3] = len(own) - 1
        write_scan(tmp_path, "test", f"patient1{number}", own[::-1], None, turned)
    for path in (tmp_path / "test").rglob("*.nii"):
        path.with_suffix(".nii.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    source = data.open_source(str(tmp_path), note=lambda _: None, fewest=1)
    digests, splits = source.digests(), np.array(source.splits())
    train, test = (np.flatnonzero(splits == name) for name in ("train", "test"))
    for k in range(3):
        assert digests[train[k]] == digests[test[k]]
    assert len(set(digests)) == 3 + 4


class Digested(test_data.Numbers):
    """Examples whose content is their number."""

    def __init__(self, numbers):
        super().__init__([number % 2 for number in numbers])
        self._numbers = list(numbers)

    def digests(self):
        return [str(number).encode() for number in self._numbers]


@pytest.mark.parametrize("place", [".", "model.keras", "export/model_int8.tflite"])
def test_training_examples_are_known_again(tmp_path, place):
    source = Digested(range(100))
    seen.write_seen(tmp_path, source, np.arange(70), "the data")
    other = Digested([1, 200, 69, 70, 201, 1])
    known = seen.find_seen(tmp_path / place, other)
    assert known.tolist() == [0, 2, 5]
    assert "3 of 6 examples were seen in training" in seen.about_seen(other, known)
    assert (tmp_path / seen.NAME).stat().st_size < 2000


def test_what_was_seen_is_salted_and_the_same_each_time(tmp_path):
    contents = []
    for salt in ("one", "one", "other"):
        seen.write_seen(tmp_path, Digested(range(50)), np.arange(30), salt)
        with np.load(tmp_path / seen.NAME) as stored:
            contents.append(stored["digests"].tolist())
    assert contents[0] == contents[1] and not set(contents[0]) & set(contents[2])


def test_where_it_is_not_known_nothing_is_said(tmp_path):
    assert seen.find_seen(tmp_path, Digested([1])) is None  # a run of before
    seen.write_seen(tmp_path, test_data.Numbers([0, 1]), np.arange(1), "x")
    assert not (tmp_path / seen.NAME).exists()
    files.write_bytes(tmp_path / seen.NAME, b"broken")
    assert seen.find_seen(tmp_path, Digested([1])) is None


def test_data_of_one_class_is_scored_and_not_trained_on(tmp_path, photos):
    from actzoo import errors

    (tmp_path / "photos" / "cat").mkdir(parents=True)
    for index in range(3):
        photos[index].save(tmp_path / "photos" / "cat" / f"{index}.png")
    (tmp_path / "one.csv").write_text("text,label\none,a\ntwo,a\nthree,a\n")
    for path in (tmp_path / "photos", tmp_path / "one.csv"):
        with pytest.raises(errors.DataError, match="two or more"):
            data.open_source(str(path), note=lambda _: None)
        assert len(data.open_source(str(path), note=lambda _: None, fewest=1).classes) == 1
    assert tasks.get_task("classification").score(
        np.array([0, 0]), np.eye(2)[[0, 1]], ("a", "b")
    )["accuracy"] == 0.5  # fmt: skip


@pytest.mark.parametrize(("side", "compared"), [(8, False), (15, False), (16, True), (40, True)])
def test_pictures_of_a_few_pixels_are_not_compared(side, compared):
    pixels = np.random.default_rng(0).integers(0, 255, (side, 40, 3)).astype("uint8")
    assert likeness.shrunk(pixels).any() == compared
