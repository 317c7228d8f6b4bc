"""Folders of photos as users, cameras, servers and competitions leave them."""

import unicodedata

import numpy as np
import pytest
from picture_files import encoded, noise, png16, write_classes
from PIL import Image

from actzoo import data, domains, errors


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path_factory.mktemp("cache")))


def look(root, **options):
    notes = []
    return data.open_source(str(root), options=options, note=notes.append), notes


def noted(notes, *words):
    matching = [note for note in notes if all(word in note for word in words)]
    assert len(matching) == 1, notes
    return matching[0]


def refused(root, words, **options):
    with pytest.raises(errors.DataError, match=words) as caught:
        look(root, **options)
    return str(caught.value)


def write(path, seed=0, **settings):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(noise(seed), **settings))


# --- what is set aside, what is matched --------------------------------------------------------

SYSTEM = ("@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", ".thumbnails")


@pytest.mark.parametrize("below", ["", "cat", "cat/@eaDir"])
@pytest.mark.parametrize("name", SYSTEM)
def test_folders_of_systems_are_never_classes_nor_pictures(tmp_path, name, below):
    root = write_classes(tmp_path / "data")
    write(root / below / name / "SYNO_THUMB.png", 99)
    write(root / below / name / "deeper" / "x.png", 98)
    source, notes = look(root)
    assert source.classes == ("cat", "dog") and len(source) == 12
    assert not [note for note in notes if "up" in note]
    assert any(SYSTEM_NAME in entry for entry in source.fingerprint().set_aside
               for SYSTEM_NAME in (name, "@eaDir"))  # fmt: skip


def test_a_class_whose_name_begins_with_a_dot_is_named(tmp_path):
    root = write_classes(tmp_path / "data", ("Java", "Python", ".NET"))
    source, notes = look(root)
    assert source.classes == ("Java", "Python")
    noted(notes, ".NET", "without the dot")
    assert any(".NET" in entry for entry in source.fingerprint().set_aside)


@pytest.mark.parametrize("place", ["test", "test/unlabeled", "test/unknown", "test/images",
                                   "test/test", "unlabeled", "train/unlabeled"])  # fmt: skip
def test_pictures_that_nobody_labeled_are_set_aside(tmp_path, place):
    write_classes(tmp_path / "train", count=10)
    for number in range(4):
        write(tmp_path / place / f"{number}.png", 500 + number)
    source, notes = look(tmp_path)
    assert source.classes == ("cat", "dog") and len(source) == 20
    assert set(source.splits()) == {"train"}
    noted(notes, "4 pictures have no label and were set aside", "predict")
    assert "4 pictures without a label" in source.fingerprint().set_aside
    parts = data.split(source, seed=0, note=notes.append)
    assert len(parts["test"]) == 4  # drawn from train


def test_an_unknown_class_in_a_test_split_is_still_refused(tmp_path):
    write_classes(tmp_path / "train", count=10)
    write_classes(tmp_path / "test", ("cat", "bird"), start=90)
    refused(tmp_path, r"in test/ that are not in train/: bird")
    write_classes(tmp_path / "test2/train")
    write_classes(tmp_path / "test2/test", ("bird",), start=90)
    refused(tmp_path / "test2", r"in test/ that are not in train/: bird")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Cat", "cat"),
        (unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")),
        ("CAFÉ", unicodedata.normalize("NFD", "café")),
    ],
)
def test_classes_that_differ_in_case_or_composition_are_matched(tmp_path, train, test):
    write_classes(tmp_path / "train", (train, "dog"))
    write_classes(tmp_path / "test", (test, "dog"), start=90)
    source, notes = look(tmp_path)
    assert set(source.classes) == {train, "dog"} and len(source) == 24
    noted(notes, "were matched", "test/")
    for index in range(24):
        assert source.load(index).target == source.labels()[index]
    both = write_classes(tmp_path / "both/train", (train, test)).parent
    write_classes(both / "test", (train, test), start=90)
    refused(both, "mistaken for")


def test_a_stray_picture_beside_class_folders_of_a_split_is_noted(tmp_path):
    write_classes(tmp_path / "train")
    write_classes(tmp_path / "test", start=90)
    write(tmp_path / "train/cover.png", 77)
    source, notes = look(tmp_path)
    assert source.classes == ("cat", "dog") and set(source.splits()) == {"train", "test"}
    noted(notes, "1 pictures beside the class folders", "train/cover.png")


def test_deeper_pictures_are_refused_with_advice_that_does_no_harm(tmp_path):
    root = write_classes(tmp_path / "data")
    write(root / "cat/rejected/1.png", 50)
    message = refused(root, r"in cat/rejected/")
    assert "if not, move their folder away" in message


def test_predict_takes_the_files_of_a_folder_that_training_takes(tmp_path):
    root = write_classes(tmp_path / "data", count=2)
    for name in ("notes.txt", "Thumbs.db", ".hidden.png", "photo.heic", "input.npy"):
        (root / name).write_bytes(b"x")
    write(root / "@eaDir/thumb.png")
    given = list(domains.get_domain("vision").read([str(root)], {}))
    assert any("1 .txt" in one.note for one in given if one.note)
    names = {str(one.name).rsplit("/", 1)[-1] for one in given if not one.note}
    assert names == {"000.png", "001.png", "photo.heic", "input.npy"}


# --- what was understood -----------------------------------------------------------------------


def test_a_fingerprint_says_kind_sizes_and_what_was_left_out(tmp_path):
    write_classes(tmp_path / "train", count=5, height=72, width=96)
    write_classes(tmp_path / "test", count=2, start=90, height=300, width=400)
    for name in ("a.txt", "b.txt", "c.heic"):
        (tmp_path / "train/cat" / name).write_bytes(b"x")
    (tmp_path / "train/cat/bad.png").write_bytes(b"")
    found = look(tmp_path)[0].fingerprint()
    assert found.kind == "photos in 2 class folders, below train/, test/"
    assert found.sizes == "96 x 72 to 400 x 300 px (median 96 x 72), color, 8 bits a value"
    assert found.set_aside == (
        "3 files that are not pictures: 2 .txt, 1 .heic",
        "1 pictures that cannot be read",
    )


def test_sizes_name_what_is_unusual(tmp_path):
    root = write_classes(tmp_path / "data")
    assert look(root)[0].fingerprint().sizes == "24 x 20 px, color, 8 bits a value"
    inks = Image.fromarray(noise(70)).convert("CMYK")
    (root / "cat/inks.jpg").write_bytes(encoded(inks, "JPEG"))
    (root / "cat/deep.png").write_bytes(png16(np.full((20, 24, 1), 4000)))
    frames = [Image.fromarray(noise(seed)) for seed in (80, 81)]
    moving = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    (root / "cat/moving.png").write_bytes(moving)
    assert look(root)[0].fingerprint().sizes == (
        "24 x 20 px, 7% gray, the rest color, 8 bits a value, 1 with more than 8 bits (4,000 to "
        "4,000), 1 with inks (CMYK), 1 with several frames or pages"
    )


# --- what is asked -----------------------------------------------------------------------------


def folders_of(root, names, count=3):
    for place, name in enumerate(names):
        for number in range(count):
            write(root / name / f"{number:03d}.png", 100 * place + number)
    return root


ASKED = {
    "patients": ["patient01", "patient02", "patient03"],
    "subjects of BIDS": ["sub-01", "sub-02"],
    "cases": ["case_3", "case_14", "case_15"],
    "patients with a word": ["Patient 1", "Patient 2 follow-up", "Patient 3"],
    "persons": ["person_1", "person_2"],
    "short": ["p01", "p02", "p14"],
    "UUIDs": [f"{i}a69db60-c052-4b9a-a90d-0123456789a{i}" for i in range(4)],
    "hashes": [f"0a69db6{i}ff{i}" for i in range(4)],
    "a register": ["LIDC-IDRI-0001", "LIDC-IDRI-0002", "LIDC-IDRI-0003"],
    "TCGA": ["TCGA-02-0001", "TCGA-02-0003", "TCGA-A1-A0SB"],
    "record numbers": ["100234", "873465", "438765", "221133"],
    "dates": ["2021-03-04", "2021-03-05", "2021-07-01"],
    "splits of COCO": ["train2017", "val2017"],
    "splits": ["train", "test"],
    "sets": ["training_set", "test_set"],
    "two UUIDs": [f"{i}a69db60-c052-4b9a-a90d-0123456789a{i}" for i in range(2)],
    "images and overlays": ["images", "overlays"],
}
TAKEN = {
    "words": ["cat", "dog"],
    "digits": [str(i) for i in range(10)],
    "flowers": [str(i) for i in range(1, 103)],
    "traffic signs": [f"{i:05d}" for i in range(12)],
    "WordNet": ["n01440764", "n02102040", "n03000684", "n03394916"],
    "birds": ["001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty_Albatross"],
    "cars": ["Audi_2009", "BMW_2012", "Fiat_2012"],
    "drivers": ["c0", "c1", "c2"],
    "grades": ["p1", "p2", "p3"],
    "numbered": ["class0001", "class0002", "class0003"],
    "letters": ["a", "b", "c", "x", "y"],
    "called like splits": ["train", "plane", "test"],
    "one like a person": ["case_closed", "case_open", "patient"],
    "years": ["1990", "1991", "1992", "1993"],
    "stages": ["before", "after"],
    "levels": ["high", "low"],
    "hex words": ["facade", "decade", "beaded"],
}


@pytest.mark.parametrize("form", ASKED)
def test_folders_that_may_not_be_classes_are_asked_about(tmp_path, form):
    root = folders_of(tmp_path / "data", ASKED[form])
    message = refused(root, "--task classification")
    assert any(name in message for name in ASKED[form])
    assert domains.recognize(str(root), "classification").name == "vision"
    if form != "splits":
        source = data.open_source(str(root), "vision", note=lambda _: None)
        assert source.classes == tuple(sorted(ASKED[form]))


@pytest.mark.parametrize("form", TAKEN)
def test_ordinary_classes_are_taken_without_a_question(tmp_path, form):
    root = folders_of(tmp_path / "data", TAKEN[form])
    assert look(root)[0].classes == tuple(sorted(TAKEN[form]))


def test_forms_of_one_picture_are_asked_about(tmp_path):
    for number in range(6):
        pixels = noise(number, 40, 60)
        for name, shown in (("high", pixels), ("low", pixels[::2, ::2] // 2 + 30)):
            path = tmp_path / name / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(encoded(shown))
    assert "two forms of each picture" in refused(tmp_path, "--task classification")


def test_patients_below_splits_are_asked_about_too(tmp_path):
    folders_of(tmp_path / "train", ["patient1", "patient2"])
    folders_of(tmp_path / "test", ["patient3", "patient4"])
    assert "patient3" in refused(tmp_path, "--task classification")


def test_patients_with_folders_of_their_own_are_asked_about(tmp_path):
    for patient in ("patient1", "patient2"):
        write(tmp_path / patient / "visit" / "a.png", len(patient))
    refused(tmp_path, "--task classification")


def test_words_that_names_of_pictures_begin_with_are_shown(tmp_path):
    for split in ("train", "test"):
        for number in range(6):
            write(tmp_path / split / f"{('cat', 'dog')[number % 2]}.{number}.png", number)
    assert "begin with cat, dog" in refused(tmp_path, "called like splits")


def test_many_pictures_under_numbers_are_classes(tmp_path):
    root = folders_of(tmp_path / "data", ["100234", "873465", "438765"], 61)
    assert len(look(root)[0].classes) == 3


# --- classes in a table ------------------------------------------------------------------------


def competition(root, table="train.csv", header="id,label", row="{stem},{label}", ending=".png",
                below="train", count=12):  # fmt: skip
    """Pictures in one folder and a table of their classes."""
    lines = [header]
    for number in range(count):
        label = ("cat", "dog")[number % 2]
        stem = f"img_{number:03d}"
        write(root / below / f"{stem}{ending}", number)
        lines.append(row.format(stem=stem, label=label, number=number, one=number % 2,
                                other=1 - number % 2))  # fmt: skip
    (root / table).write_text("\n".join(lines) + "\n")
    return root


TABLES = {
    "stems": {},
    "names": {"row": "{stem}.png,{label}", "header": "filename,class"},
    "paths": {"row": "train/{stem}.png,{label}", "header": "path,target"},
    "paths of another machine": {"row": "C:\\data\\train\\{stem}.png,{label}"},
    "another ending": {"row": "{stem}.jpg,{label}"},
    "labels.csv": {"table": "labels.csv", "below": "images"},
    "beside": {"below": "."},
    "deeper": {"below": "data/pictures"},
    "an index": {"header": ",id,label", "row": "{number},{stem},{label}"},
    "label first": {"header": "breed,image_id", "row": "{label},{stem}"},
    "known column": {"header": "image,width,height,category", "row": "{stem},3,4,{label}"},
    "a column for each class": {"header": "id,dog,cat", "row": "{stem},{one},{other}"},
    "tabs": {"table": "meta.tsv", "header": "id\tlabel", "row": "{stem}\t{label}"},
}


@pytest.mark.parametrize("form", TABLES)
def test_classes_are_read_from_a_table_that_names_the_pictures(tmp_path, form):
    root = competition(tmp_path / "data", **TABLES[form])
    (root / "sample_submission.csv").write_text("id,label\nimg_000,0.5\n")
    source, _ = look(root)
    assert source.classes == ("cat", "dog") and len(source) == 12
    for index, name in enumerate(source.ids()):
        number = int(name[-7:-4])
        assert source.labels()[index] == number % 2
        np.testing.assert_array_equal(source.load(index).inputs["image"], noise(number))
    assert set(source.splits()) == {None}
    assert "table" not in source.fingerprint().kind and "." in source.fingerprint().kind


def test_pictures_without_a_row_and_rows_without_a_picture_are_said(tmp_path):
    root = competition(tmp_path / "data")
    with open(root / "train.csv", "a") as file:
        file.write("img_999,cat\nimg_000,cat\n")
    for number in range(5):
        write(root / "test" / f"img_{100 + number}.png", 200 + number)
    (root / "test.csv").write_text("id\n" + "".join(f"img_{100 + i}\n" for i in range(5)))
    source, notes = look(root)
    assert len(source) == 12
    noted(notes, "1 rows name pictures that are not there", "train.csv:14")
    noted(notes, "5 pictures have no label", "predict")
    assert source.fingerprint().set_aside == ("5 pictures without a label",)


def test_splits_come_from_tables_columns_or_folders(tmp_path):
    root = competition(tmp_path / "tables")
    competition(root, "test.csv", below="test", count=4)
    source, _ = look(root)
    assert source.splits().count("train") == 12 and source.splits().count("test") == 4
    root = competition(tmp_path / "folders", "labels.csv", row="train/{stem},{label}")
    text = (root / "labels.csv").read_text()
    competition(root, "labels.csv", row="test/{stem},{label}", below="test", count=4)
    (root / "labels.csv").write_text(text + (root / "labels.csv").read_text().partition("\n")[2])
    assert look(root)[0].splits().count("test") == 4
    root = competition(tmp_path / "column", "all.csv", "id,label,split", "{stem},{label},train")
    table = (root / "all.csv").read_text()
    (root / "all.csv").write_text(table.replace("img_003,dog,train", "img_003,dog,validation"))
    assert look(root)[0].splits().count("val") == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"header": "id,age,sex", "row": "{stem},{number},{label}"},
         r"age, sex(.|\n)*--label-column"),
        ({"header": "id", "row": "{stem}"}, r"no labels(.|\n)*--label-column"),
        ({"header": "id,label", "row": "{stem},{label}|{number}\n{stem},{label}"},
         "several labels|another label"),
        ({"header": "id,xmin,ymin,label", "row": "{stem},1,2,{label}"}, "detection"),
        ({"header": "id,cat,dog", "row": "{stem},1,{one}"}, "multi-label"),
        ({"header": "id,price", "row": "{stem},{number}.5"}, "measurements, not classes"),
    ],
)  # fmt: skip
def test_tables_that_say_no_class_are_refused(tmp_path, settings, words):
    root = competition(tmp_path / "data", count=30, **settings)
    assert domains.recognize(str(root)).name == "vision"
    refused(root, words)


def test_a_named_column_decides(tmp_path):
    root = competition(tmp_path / "data", header="id,age,kind", row="{stem},{number},{label}")
    source, _ = look(root, label_column="kind")
    assert source.classes == ("cat", "dog")


def test_a_table_beside_class_folders_that_says_the_same_changes_nothing(tmp_path):
    root = write_classes(tmp_path / "data")
    lines = [f"{name}/{i:03d}.png,{name}" for name in ("cat", "dog") for i in range(6)]
    (root / "labels.csv").write_text("path,label\n" + "\n".join(lines))
    source, _ = look(root)
    assert source.fingerprint().kind == "photos in 2 class folders"
    (root / "labels.csv").write_text("path,label\n" + "\n".join(lines).replace(",cat", ",emu"))
    message = refused(root, "which differ")
    assert "--label-column" in message and "move the table away" in message
    assert look(root, label_column="label")[0].classes == ("dog", "emu")


def test_other_tables_beside_class_folders_are_no_labels(tmp_path):
    root = write_classes(tmp_path / "data")
    (root / "statistics.csv").write_text("class,count\ncat,6\ndog,6\n")
    assert look(root)[0].classes == ("cat", "dog")


def test_a_table_named_like_a_split_does_not_hide_class_folders(tmp_path):
    write_classes(tmp_path / "train")
    write_classes(tmp_path / "test", start=90)
    (tmp_path / "train.csv").write_text("class,count\ncat,6\ndog,6\n")
    assert look(tmp_path)[0].classes == ("cat", "dog")
    texts = tmp_path / "texts"
    write(texts / "figures/1.png")
    (texts / "train.csv").write_text("text,label\n" + "good film,a\nbad film,b\n" * 9)
    assert domains.recognize(str(texts)).name == "text"


def test_patients_in_a_table_are_noted(tmp_path):
    root = competition(tmp_path / "data", header="image_id,patient_id,dx",
                       row="{stem},p{number},{label}")  # fmt: skip
    noted(look(root)[1], "patient_id", "divided between splits")


# --- what is not classes at all ----------------------------------------------------------------


def masked(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((20, 24), "uint8")
    mask[5 + seed % 5 : 14, 6:16] = 255
    path.write_bytes(encoded(Image.fromarray(mask)))


@pytest.mark.parametrize(
    ("image", "mask"),
    [("imgs/{}", "masks/{}"), ("x/{}", "y/{}"), ("foo/{}", "bar/{}"), ("img/{}", "gt/{}_mask"),
     ("benign/b ({})", "benign/b ({})_mask"), ("p{}/x", "p{}/x_mask"), ("cat/{}", "cat/{}_seg"),
     ("train/imgs/{}", "train/masks/{}"), ("JPEGImages/{}", "SegmentationClass/{}")],
)  # fmt: skip
def test_images_beside_masks_are_never_photo_classes(tmp_path, image, mask):
    for number in range(6):
        write(tmp_path / (image.format(number) + ".png"), number)
        masked(tmp_path / (mask.format(number) + ".png"), number)
    assert domains.recognize(str(tmp_path)).name == "medical"


def test_detection_in_the_form_of_coco_is_named(tmp_path):
    for split in ("train2017", "val2017"):
        for number in range(3):
            write(tmp_path / split / f"{number}.png", number + len(split))
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/instances_train2017.json").write_text('{"images": []}')
    refused(tmp_path, "places of objects|boxes")


def test_loose_pictures_show_a_way(tmp_path):
    for number in range(6):
        write(tmp_path / f"{('cat', 'dog')[number % 2]}.{number}.png", number)
    message = refused(tmp_path, "are loose")
    assert "begin with cat, dog" in message and "labels.csv" in message


PATIENTS = ("patient{}", "LIDC-IDRI-{:04}", "sub-0{}", "case_{}/images")


@pytest.mark.parametrize("form", PATIENTS)
def test_pictures_of_patients_below_classes_stay_in_one_split(tmp_path, form):
    for label, name in enumerate(("benign", "malignant")):
        for number in range(24):
            own = form.format(number // 3 + 8 * label)
            write(tmp_path / name / own / f"{number}.png", number + 24 * label)
    write(tmp_path / "malignant" / form.format(8) / "copy.png", 0)  # of a picture of patient 0
    source, _ = look(tmp_path)
    assert "folders of 16 patients" in source.fingerprint().kind
    parts = data.split(source, seed=0, note=lambda note: None)
    of_folder = [path.split("/")[1] for path in source.ids()]
    held = [{of_folder[i] for i in indices} for indices in parts.values()]
    assert not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]
    joined = dict(zip(of_folder, source.groups(), strict=True))
    first, copied = (form.format(number).split("/")[0] for number in (0, 8))
    assert joined[first] == joined[copied] and len(set(joined.values())) == 15


def test_patients_of_one_class_alone_have_folders(tmp_path):
    for number in range(6):
        write(tmp_path / "covid" / f"patient{number // 2}" / f"{number}.png", number)
        write(tmp_path / "normal" / f"{number}.png", 50 + number)
    groups = look(tmp_path)[0].groups()
    assert len(set(groups[:6])) == 3 and len(set(groups[6:])) == 6
    write(tmp_path / "covid" / "loose.png", 99)
    assert "CLASS/PATIENT/PICTURE" in refused(tmp_path, "one split")


def test_patients_whom_given_splits_divide_are_noted(tmp_path):
    for seed, split in enumerate(("train", "test")):
        for label, name in enumerate(("covid", "normal")):
            for number in range(8):
                own = f"patient{number // 2 + 4 * label + 6 * seed}"
                write(
                    tmp_path / split / name / own / f"{number}.png", number + 8 * label + 16 * seed
                )
    noted(look(tmp_path)[1], "2 of 14 patients", "in more than one split: patient6, patient7.")


def test_what_was_left_out_is_named_where_one_class_remains(tmp_path):
    for name in ("java", ".NET"):
        for number in range(4):
            write(tmp_path / name / f"{number}.png", number + len(name))
    assert "without the dot" in refused(tmp_path, r"left out: \.NET")


@pytest.mark.parametrize("beside", ["readme[1].txt", "README(2)", "license1.txt", "MSR-LA.docx"])
def test_what_describes_data_does_not_hide_it(tmp_path, beside):
    write_classes(tmp_path / "archive" / "PetImages")
    (tmp_path / "archive" / beside).write_text("about")
    assert look(tmp_path)[0].classes == ("cat", "dog")


# --- forms of published data sets --------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "test"),
    [("Training", "Testing"), ("training_set", "test_set"), ("train2017", "val2017"),
     ("train_images", "test_images"), ("train-data", "test-data")],
)  # fmt: skip
def test_splits_with_a_word_more_are_splits_where_they_hold_class_folders(tmp_path, train, test):
    write_classes(tmp_path / train, count=4)
    write_classes(tmp_path / test, count=2, start=90)
    source, _ = look(tmp_path)
    assert source.classes == ("cat", "dog")
    assert source.splits().count("train") == 8 and len(set(source.splits())) == 2


def test_a_plain_name_of_a_split_goes_before_one_with_a_word_more(tmp_path):
    write_classes(tmp_path / "train")
    write_classes(tmp_path / "train_extra", start=90)
    refused(tmp_path, "'train_extra/' holds pictures")
    folder = tmp_path / "train_images"
    folder.mkdir()
    write(folder / "1.png", 300)
    (tmp_path / "train_extra").rename(tmp_path / "else")
    refused(tmp_path, "holds pictures, too, but is not one")


def test_pictures_of_a_class_may_lie_in_a_folder_that_says_only_that(tmp_path):
    """As in Tiny ImageNet."""
    for place, name in enumerate(("n01440764", "n02102040")):
        for number in range(5):
            write(tmp_path / "train" / name / "images" / f"{number}.png", 10 * place + number)
        (tmp_path / "train" / name / f"{name}_boxes.txt").write_text("0 0 1 1")
    for number in range(3):
        write(tmp_path / "val/images" / f"{number}.png", 70 + number)
    source, notes = look(tmp_path)
    assert source.classes == ("n01440764", "n02102040") and len(source) == 10
    assert source.ids()[0] == "train/n01440764/images/0.png"
    noted(notes, "3 pictures have no label")
    noted(notes, "2 .txt files")


def test_tables_may_lie_in_the_folders_of_splits(tmp_path):
    """As Roboflow exports them."""
    for split, count in (("train", 12), ("valid", 4), ("test", 4)):
        lines = ["filename, cat, dog"]
        for number in range(count):
            write(tmp_path / split / f"{number}.png", len(split) * 100 + number)
            lines.append(f"{number}.png, {1 - number % 2}, {number % 2}")
        (tmp_path / split / "_classes.csv").write_text("\n".join(lines))
    source, _ = look(tmp_path)
    assert source.classes == ("cat", "dog")
    assert [source.splits().count(split) for split in ("train", "val", "test")] == [12, 4, 4]
    for index, name in enumerate(source.ids()):
        assert source.labels()[index] == int(name.split("/")[1][:-4]) % 2


def test_pictures_of_8_bits_that_are_nearly_black_are_noted(tmp_path):
    root = tmp_path / "data"
    for number in range(12):
        place = root / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(encoded(noise(number) // 16))
    noted(look(root)[1], "All pictures are nearly black", "15")


def test_shares_of_1_are_not_nearly_black(tmp_path):
    for number in range(8):
        place = tmp_path / ("cat", "dog")[number % 2]
        place.mkdir(exist_ok=True)
        shares = Image.fromarray((noise(number)[..., 0] / 255).astype("float32"))
        place.joinpath(f"{number}.tif").write_bytes(encoded(shares, "TIFF"))
    assert not [note for note in look(tmp_path)[1] if "black" in note]


# --- refusals that show the way ----------------------------------------------------------------


def test_an_empty_class_folder_of_one_split_is_not_a_class(tmp_path):
    for split, start in (("train", 0), ("val", 30), ("test", 60)):
        write_classes(tmp_path / split, start=start)
    (tmp_path / "train/emu").mkdir()
    (tmp_path / "test/yak").mkdir()
    source, notes = look(tmp_path)
    assert source.classes == ("cat", "dog")
    noted(notes, "Class folders without pictures: train/emu, test/yak")


def test_splits_without_one_to_learn_from_are_named(tmp_path):
    write_classes(tmp_path / "val")
    write_classes(tmp_path / "test_set", start=30)
    refused(tmp_path, "hold class folders, but none is called train")


def test_the_one_folder_with_data_in_a_project_is_named(tmp_path):
    write_classes(tmp_path / "data/train")
    (tmp_path / "requirements.txt").write_text("actzoo")
    (tmp_path / "src").mkdir()
    refused(tmp_path, "no data that actzoo recognizes.\nIts folder data/ seems to")


def test_where_pictures_are_too_deep_the_folder_to_give_can_be_pasted(tmp_path):
    root = tmp_path / "my project"
    write_classes(root / "photos")
    write(root / "other/x.png")
    assert f"'{root}/photos'" in refused(root, "deeper than the class folders")
    for number in range(3):
        write(tmp_path / "numbers" / "ab"[number % 2] / f"{number}" / "x.png", number)
    assert "patient0/ stays in one split" in refused(tmp_path / "numbers", "in a/0/")
