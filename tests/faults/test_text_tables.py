"""Tables of texts as programs and sites write them: read right, or refused with the reason."""

import bz2
import datetime
import decimal
import gzip
import json
import os
import zipfile

import pyarrow
import pytest
from pyarrow import feather, parquet

from actzoo import data, domains, errors, overview, stages
from actzoo.applications.text import reading

COUNT = 30
TEXTS = [f"a {'fine' if i % 2 else 'dull'} film number {i}" for i in range(COUNT)]
LABELS = ["pos" if i % 2 else "neg" for i in range(COUNT)]
ROWS = list(zip(TEXTS, LABELS, strict=True))
NAMES = ("neg", "pos")


def csv_of(rows=ROWS, header="text,label", delimiter=","):
    return "\n".join([header, *(delimiter.join(map(str, row)) for row in rows)]) + "\n"


def put(path, content, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def put_parquet(path, text=TEXTS, label=LABELS, features=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = pyarrow.table({"text": text, "label": label})
    if features is not None:
        about = json.dumps({"info": {"features": {"label": features}}})
        content = content.replace_schema_metadata({b"huggingface": about.encode()})
    parquet.write_table(content, path)
    return path


def put_stream(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = pyarrow.table({"text": [t for t, _ in rows], "label": [b for _, b in rows]})
    with pyarrow.OSFile(str(path), "wb") as file, pyarrow.ipc.new_stream(file, content.schema) as w:
        w.write_table(content)


def put_zip(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def other(rows=ROWS, count=6):
    return [(f"{text} again", label) for text, label in rows[:count]]


def opened(path, **options):
    """Return the source that a path gives, and all that was said of it."""
    kind = domains.recognize(str(path)).name
    assert kind == "text"
    notes = []
    source = data.open_source(str(path), kind, options, note=notes.append)
    return source, "\n".join([*notes, *source.fingerprint().set_aside])


def refused(path, *words, **options):
    with pytest.raises(errors.ActzooError) as caught:
        data.open_source(str(path), domains.recognize(str(path)).name, options, note=lambda _: None)
    for word in words:
        assert word in str(caught.value), str(caught.value)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path / "cache"))


def records():
    return [{"text": text, "label": label} for text, label in ROWS]


def folder_of_parts(place):
    for part in range(3):
        put_parquet(
            place / f"data/train-{part:05d}-of-00003.parquet", TEXTS[part::3], LABELS[part::3]
        )
    texts, labels = zip(*other(), strict=True)
    put_parquet(place / "data/test-00000-of-00001.parquet", texts, labels)
    put_parquet(place / "data/unsupervised-00000-of-00001.parquet", TEXTS, [-1] * COUNT)
    put(place / "README.md", "# about")
    return place


def saved_to_disk(place):
    put_stream(place / "train/data-00000-of-00001.arrow", ROWS)
    put_stream(place / "test/data-00000-of-00001.arrow", other())
    for split in ("train", "test"):
        put(place / split / "state.json", "{}")
        put(place / split / "dataset_info.json", "{}")
    put(place / "dataset_dict.json", '{"splits": ["train", "test"]}')
    return place


def kaggle(place):
    rows = [(number, text, label) for number, (text, label) in enumerate(ROWS)]
    put(place / "train.csv", csv_of(rows, "id,text,target"))
    put(place / "test.csv", csv_of([row[:2] for row in rows], "id,text"))
    put(place / "sample_submission.csv", "id,target\n1,pos\n")
    return place


# Each form that is read: how it is made, what was understood, what is said.
FORMS = {
    "trailing empty columns": (
        lambda t: put(t / "a.csv", csv_of([(b, x, "", "", "") for x, b in ROWS], "v1,v2,,,")),
        "a.csv, text column 'v2', label column 'v1'", ""),
    "trailing columns with cells": (
        lambda t: put(t / "a.csv", csv_of(
            [(b, x, "more" if i == 5 else "") for i, (x, b) in enumerate(ROWS)], "v1,v2,")),
        "not used: Unnamed: 2", "1 rows hold something there: a.csv:7"),
    "delimiter at the end of rows only": (
        lambda t: put(t / "a.csv", csv_of([(x, b, "") for x, b in ROWS])), "column 'text'", ""),
    "sep= of Excel": (
        lambda t: put(t / "a.csv", "sep=;\r\n" + csv_of(header="text;label", delimiter=";")),
        "column 'text'", ""),
    "sep= of a tab": (
        lambda t: put(t / "a.csv", "sep=\t\n" + csv_of(ROWS, "text\tlabel", "\t")), "", ""),
    "spaces before quotes": (
        lambda t: put(t / "a.csv", csv_of([(f'"{x}"', f' "{b}"') for x, b in ROWS],
                                          '"text", "label"')), "", ""),
    "sep= of Excel in UTF-16": (
        lambda t: put(t / "a.csv", "sep=;\n" + csv_of(ROWS, "text;label", ";"), "utf-16"),
        "column 'text'", ""),
    "Unicode text of Excel": (
        lambda t: put(t / "a.txt", csv_of(ROWS, "text\tlabel", "\t"), "utf-16"), "a.txt", ""),
    "gzip": (lambda t: put(t / "a.csv.gz", gzip.compress(csv_of().encode())), "a.csv.gz", ""),
    "bzip2 of a TSV": (
        lambda t: put(t / "a.tsv.bz2", bz2.compress(csv_of(ROWS, "text\tlabel", "\t").encode())),
        "a.tsv.bz2", ""),
    "a CSV in a zip": (
        lambda t: put_zip(t / "a.csv.zip", reviews__csv=csv_of()), "reviews.csv", ""),
    "a table without ending in a zip": (
        lambda t: put_zip(t / "a.zip", Spam=csv_of(ROWS, "text\tlabel", "\t"), readme="about it"),
        "Spam", ""),
    "JSON rows": (lambda t: put(t / "a.json", json.dumps(records())), "a.json", ""),
    "JSON columns": (
        lambda t: put(t / "a.json", json.dumps({"text": TEXTS, "label": LABELS})), "a.json", ""),
    "JSON of pandas, columns": (
        lambda t: put(t / "a.json", json.dumps(
            {"text": dict(enumerate(TEXTS)), "label": dict(enumerate(LABELS))})), "a.json", ""),
    "JSON of pandas, index": (
        lambda t: put(t / "a.json", json.dumps(dict(enumerate(records())))), "a.json", ""),
    "JSON of pandas, split": (
        lambda t: put(t / "a.json", json.dumps(
            {"columns": ["text", "label"], "index": list(range(COUNT)), "data": ROWS})),
        "a.json", ""),
    "JSON of pandas, table": (
        lambda t: put(t / "a.json", json.dumps({"schema": {"fields": []}, "data": records()})),
        "a.json", ""),
    "JSON of a viewer of datasets": (
        lambda t: put(t / "a.json", json.dumps(
            {"rows": [{"row_idx": i, "row": row} for i, row in enumerate(records())]})),
        "a.json", ""),
    "JSON lines in .json": (
        lambda t: put(t / "a.json", "\n".join(map(json.dumps, records()))), "a.json", ""),
    "parts of Hugging Face": (
        lambda t: folder_of_parts(t / "d"), "train-00002-of-00003.parquet and 1 more",
        "tables of no split: unsupervised-00000-of-00001.parquet"),
    "save_to_disk of Hugging Face": (lambda t: saved_to_disk(t / "d"), "arrow", ""),
    "Feather": (
        lambda t: feather.write_feather(
            pyarrow.table({"text": TEXTS, "label": LABELS}), t / "a.feather") or t / "a.feather",
        "a.feather", ""),
    "Kaggle": (
        lambda t: kaggle(t / "d"), "label column 'target' (not used: id)",
        "test.csv: 30 texts without labels\ntables of no split: sample_submission.csv"),
    "fastText": (
        lambda t: put(t / "a.ft.txt", "\n".join(f"__label__{b} {x}" for x, b in ROWS)),
        "a.ft.txt", ""),
    "fastText of two splits": (
        lambda t: (put(t / "d/train.ft.txt.bz2", bz2.compress("\n".join(
            f"__label__{b} {x}" for x, b in ROWS).encode())), put(
            t / "d/test.ft.txt", "\n".join(f"__label__{b} {x}" for x, b in other())),
            t / "d")[2], "train.ft.txt.bz2, test.ft.txt", ""),
    "fastText in a CSV": (
        lambda t: put(t / "a.csv", "\n".join(f"__label__{b} , {x}" for x, b in ROWS)), "a.csv", ""),
    "TREC": (
        lambda t: put(t / "a.label", "\n".join(
            f"{'POS:good' if b == 'pos' else 'NEG:bad'} {x}" for x, b in ROWS)),
        "not used: fine_label", ""),
    "index of pandas": (
        lambda t: put(t / "a.csv", csv_of([(i, *r) for i, r in enumerate(ROWS)], ",what,label")),
        "column 'what', label column 'label' (not used: Unnamed: 0)", ""),
    "comments before the header": (
        lambda t: put(t / "a.csv", "# exported\n# today\n" + csv_of()), "", "2 lines of comments"),
    "two tables joined with their headers": (
        lambda t: put(t / "a.csv", csv_of(ROWS[:20]) + csv_of(ROWS[20:])), "", "again as a row"),
    "line ends of three systems": (
        lambda t: put(t / "a.csv", "text,label\r\n" + "".join(
            f"{x},{b}" + ("\r\n", "\n", "\r")[i % 3] for i, (x, b) in enumerate(ROWS))), "", ""),
    "names of columns of others": (
        lambda t: put(t / "a.csv", csv_of([("x y", 5, *r) for r in ROWS],
                                          "title,score,reviewText,airline_sentiment")),
        "column 'reviewText', label column 'airline_sentiment' (not used: title, score)", ""),
    "a class by its number": (
        lambda t: put(t / "a.csv", csv_of([(b, "x y", x) for x, b in ROWS],
                                          "Class Index,Title,Description")),
        "column 'Description', label column 'Class Index' (not used: Title)", ""),
    "title and body": (
        lambda t: put(t / "a.csv", csv_of([(f"{i} x", *r) for i, r in enumerate(ROWS)],
                                          "title,body,type")),
        "column 'body', label column 'type' (not used: title); for another: --text-column", ""),
    "train and test in names": (
        lambda t: (put(t / "d/my_train_set.csv", csv_of()), put(
            t / "d/my_test_set.csv", csv_of(other())), t / "d")[2], "my_test_set.csv", ""),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_tables_are_read_and_it_is_said_how(tmp_path, form):
    make, kind, said = FORMS[form]
    source, notes = opened(make(tmp_path))
    assert tuple(name.lower() for name in source.classes) == NAMES
    found = source.fingerprint()
    assert found.kind.startswith("texts with labels: ") and kind in found.kind
    assert said in notes and (said or not notes), notes
    first = [source.text(i) for i in range(len(source)) if source.splits()[i] in (None, "train")]
    assert sorted(first) == sorted(TEXTS)
    assert "characters, median" in found.sizes
    assert found.sizes.endswith(("; 5 words each", "; 5 to 6 words, median 5")), found.sizes


REFUSED = {
    "a semicolon": (csv_of(ROWS, "text;label", ";"), '--delimiter ";"'),
    "tabs": (csv_of(ROWS, "text\tlabel", "\t"), r'--delimiter "\t"'),
    "no header": (csv_of(ROWS[1:], ",".join(ROWS[0])), "--columns text,label"),
    "no header, numbers first": (
        csv_of([(f"s{i % 9}", i % 2, "u", x) for i, x in enumerate(TEXTS)], "s1,1,u,hi there you"),
        "--columns column1,label,column3,text"),
    "no header, a label with a known name": (
        csv_of([(("topic", "x")[i % 2], x) for i, x in enumerate(TEXTS)], "topic,hi there you"),
        "--columns label,text"),
    "one column": ("\n".join(TEXTS), "It has one column; texts and their labels are needed"),
    "a comment at the end": (csv_of() + "# end\n", "If it is a comment, remove the line"),
    "names of rows of R": (
        csv_of([(i, *row) for i, row in enumerate(ROWS)]), "the column that the header leaves out"),
    "texts that are numbers": (
        csv_of([(1000 + i, b) for i, b in enumerate(LABELS)], "id,label"), "it holds numbers"),
    "texts that are dates": (
        csv_of([(f"2020-01-{i + 1:02}", b) for i, b in enumerate(LABELS)], "day,label"),
        "it holds dates"),
    "texts that are names of files": (
        csv_of([(f"img_{i}.jpg", b) for i, b in enumerate(LABELS)], "image,label"),
        "it holds names of files"),
    "labels that are identifiers": (
        csv_of([(x, f"id{i}") for i, x in enumerate(TEXTS)]), "identifiers or texts, not classes"),
    "a pair of texts": (
        csv_of([(x, x, b) for x, b in ROWS], "sentence1,sentence2,label"),
        "sentence1 and sentence2; a model here reads one text"),
    "labels that are identifiers of few rows": (
        csv_of([(x, f"id{i}") for i, x in enumerate(TEXTS[:6])]), "identifiers or texts"),
    "labels that are dates": (
        csv_of([(x, f"2020-01-{i % 2 + 10}") for i, x in enumerate(TEXTS)]), "labels are dates"),
    "a title above the header": ("My films\n" + csv_of(), "a title and not the header"),
    "a header alone": ("text,label\n", "no row below the header"),
    "no label at all": (csv_of([(x, "") for x in TEXTS]), "30 rows have no label"),
    "UTF-16 without its mark": (csv_of(), "--encoding utf-16-be"),
    "Chinese in UTF-16 without its mark": (
        csv_of([(f"这部电影好看{i}", b) for i, b in enumerate(LABELS)]), "--encoding utf-16-le"),
    "a web page": ("<!DOCTYPE html><html>", "it is a web page"),
    "a workbook": (b"PK\x03\x04and more", "Save the sheet as CSV UTF-8"),
    "a pointer of Git LFS": ("version https://git-lfs.github.com/spec/v1", "git lfs pull"),
    "Cyrillic": ("text,label\n" + "очень хороший фильм,pos\n" * 9, "--encoding cp1251"),
    "Western": ("text,label\n" + "café très bon too,pos\n" * 9, "'café très bon too,pos'"),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_what_cannot_be_read_is_refused_with_the_real_reason(tmp_path, form):
    content, words = REFUSED[form]
    encoding = {
        "Cyrillic": "cp1251",
        "Western": "cp1252",
        "UTF-16 without its mark": "utf-16-be",
        "Chinese in UTF-16 without its mark": "utf-16-le",
    }.get(form, "utf-8")
    refused(put(tmp_path / "a.csv", content, encoding), words)


def test_a_table_without_a_header_is_read_with_names(tmp_path):
    path = put(tmp_path / "a.tsv", "".join(f"{label}\t{text}\n" for text, label in ROWS))
    refused(path, "--columns label,text")
    source, _ = opened(path, columns="label,text")
    assert source.text(0) == TEXTS[0] and source.classes == NAMES
    words = ("2 fields where --columns names 3", "--columns text,label")
    refused(path, *words, columns="label,id,text")
    path = put(tmp_path / "a.json", json.dumps(ROWS))
    assert len(opened(path, columns="text,label")[0]) == COUNT


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", b"PK\x03\x04", "Save its sheet as CSV UTF-8"),
        ("a.sqlite", b"SQLite format 3", "sqlite3 -header -csv"),
        ("a.txt", b"plain\nlines\n", "__label__NAME TEXT"),
        ("a.json", b'{"name": "x", "scripts": {}}', "not a table of texts"),
        ("a.json", b'{"train": [{"text": "x"}], "test": []}', "train.json, test.json"),
        ("d/a.csv", csv_of().encode(), "tables a.csv, b.csv, of which none is train"),
        ("d/pos/1.txt", b"good", "Put the texts into a table"),
        ("d/test.csv", csv_of().encode(), "none is train"),
        ("d/a.jpg.csv", csv_of().encode(), "give the file itself"),
    ],
)
def test_what_is_nearly_a_table_is_told_what_it_lacks(tmp_path, name, content, words):
    path = put(tmp_path / name, content)
    if words.startswith("tables"):
        put(tmp_path / "d/b.csv", content)
    if "itself" in words:
        put(tmp_path / "d/a.bin", b"\0")
    with pytest.raises(errors.DataError, match="no data that actzoo recognizes") as caught:
        domains.recognize(str(path if name.startswith("a.") else tmp_path / "d"))
    assert words in str(caught.value)


def test_compressed_tables_that_are_damaged_or_bombs_are_refused(tmp_path):
    packed = gzip.compress(csv_of().encode())
    refused(put(tmp_path / "a.csv.gz", packed[:-9]), "damaged or cut short")
    bomb = gzip.compress(b"text,label\n" + b"0" * (20 << 20))
    refused(put(tmp_path / "b.csv.gz", bomb), "200 times its own size")


def test_missing_parts_are_named(tmp_path):
    folder = folder_of_parts(tmp_path / "d")
    (folder / "data/train-00001-of-00003.parquet").unlink()
    _, notes = opened(folder)
    assert "1 of 3 parts of train are missing: train-00001-of-00003" in notes


def test_a_column_of_splits_is_named(tmp_path):
    lines = [(text, label, ("train", "test")[i > 20]) for i, (text, label) in enumerate(ROWS)]
    _, notes = opened(put(tmp_path / "a.csv", csv_of(lines, "text,label,split")))
    assert "The column 'split' of a.csv holds test and train and is not used" in notes


def test_a_test_table_beside_a_given_table_is_named(tmp_path):
    folder = kaggle(tmp_path / "d")
    _, notes = opened(folder / "train.csv")
    assert "test.csv beside it; to use it, give the folder" in notes


def test_names_that_are_not_utf8_can_be_written(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.csv")
    with open(path, "w") as file:
        file.write(csv_of([*ROWS, (TEXTS[0], "pos"), ("x", "")], "text,label,"))
    source, notes = opened(os.fsdecode(path))
    assert "caf\\xe9.csv" in notes and "caf\\xe9.csv:2" in source.ids()
    for said in (notes, source.fingerprint().kind, *source.ids()):
        said.encode("utf-8")


# --- cells -------------------------------------------------------------------------------------

CLASS_LABEL = {"names": list(NAMES), "_type": "ClassLabel"}
CELLS = {
    "bytes": ([t.encode() for t in TEXTS], [b.encode() for b in LABELS], None, NAMES),
    "bytes padded by NumPy": (TEXTS, [b.encode() + b"\0\0" for b in LABELS], None, NAMES),
    "lists of one": ([[t] for t in TEXTS], [[[b]] for b in LABELS], None, NAMES),
    "a dictionary of values": (
        pyarrow.array(TEXTS, pyarrow.large_string()),
        pyarrow.array(LABELS).dictionary_encode(), None, NAMES),
    "decimals": (TEXTS, [decimal.Decimal(i % 2) for i in range(COUNT)], None, ("0", "1")),
    "floats with gaps": (
        TEXTS, [float("nan"), *(float(i % 2) for i in range(1, COUNT))], None, ("0", "1")),
    "halves": (TEXTS, [i % 2 / 2 for i in range(COUNT)], None, ("0", "0.5")),
    "truth values": (TEXTS, [bool(i % 2) for i in range(COUNT)], None, ("false", "true")),
    "none": (TEXTS, [None, *LABELS[1:]], None, NAMES),
    "class numbers": (TEXTS, [i % 2 for i in range(COUNT)], CLASS_LABEL, NAMES),
    "class numbers with gaps": (
        TEXTS, [-1, *(i % 2 for i in range(1, COUNT))], CLASS_LABEL, NAMES),
    "class numbers in lists": (
        TEXTS, [[i % 2] for i in range(COUNT)],
        {"feature": CLASS_LABEL, "_type": "Sequence"}, NAMES),
}  # fmt: skip
MULTI = "several labels (multi-label) cannot yet"
BAD_CELLS = {
    "several labels": (TEXTS, [[b, "x"] for b in LABELS], MULTI),
    "an object as label": (TEXTS, [{"name": b} for b in LABELS], "hold an object with keys"),
    "dates as labels": (TEXTS, [datetime.date(2020, 1, 1 + i % 2) for i in range(COUNT)], "a date"),
    "times as texts": ([datetime.datetime(2020, 1, 1)] * COUNT, LABELS, "a date or time"),
    "bytes of a picture": ([b"\xff\xd8\xff"] * COUNT, LABELS, "bytes that are not UTF-8"),
    "pictures": ([{"bytes": b"", "path": "a"}] * COUNT, LABELS, "into the folder of its class"),
    "words as text": ([t.split() for t in TEXTS], LABELS, "join the values"),
    "translations as text": ([{"en": t, "fr": t} for t in TEXTS], LABELS, "(en, fr)"),
}


@pytest.mark.parametrize("form", CELLS)
def test_cells_become_the_classes_that_a_user_meant(tmp_path, form):
    text, label, features, classes = CELLS[form]
    source, notes = opened(put_parquet(tmp_path / "a.parquet", text, label, features))
    assert source.classes == classes
    assert source.text(len(source) - 1) == TEXTS[-1]
    gaps = COUNT - len(source)
    assert gaps == (form in ("floats with gaps", "none", "class numbers with gaps"))
    assert ("a.parquet:1" in notes) == bool(gaps)


@pytest.mark.parametrize("form", BAD_CELLS)
def test_cells_that_are_neither_text_nor_label_are_refused_by_row(tmp_path, form):
    text, label, words = BAD_CELLS[form]
    refused(
        put_parquet(tmp_path / "a.parquet", text, label), "30 of 30 rows", "a.parquet:1 (", words
    )


def test_strings_that_are_not_utf8_and_damaged_files_are_refused(tmp_path):
    numbers = pyarrow.array(range(0, 2 * COUNT + 1, 2), pyarrow.int32()).buffers()[1]
    latin = pyarrow.StringArray.from_buffers(COUNT, numbers, pyarrow.py_buffer(b"\xe9a" * COUNT))
    refused(put_parquet(tmp_path / "a.parquet", latin), "bytes that are not UTF-8", "30 of 30")
    path = tmp_path / "a.arrow"
    content = pyarrow.table({"text": latin, "label": LABELS})
    with pyarrow.OSFile(str(path), "wb") as file, pyarrow.ipc.new_file(file, content.schema) as w:
        w.write_table(content)
    refused(path, "not an Arrow table")


def test_class_numbers_beyond_the_names_are_refused(tmp_path):
    path = put_parquet(tmp_path / "a.parquet", TEXTS, [7] * COUNT, CLASS_LABEL)
    refused(path, "holds 7; the file names 2 classes")


@pytest.mark.parametrize(
    ("one", "both"),
    [("neg", '"neg,urgent"'), ("neg", "neg|urgent"), ("neg", "neg; urgent"),
     ('"[""neg""]"', '"[""neg"", ""urgent""]"'), ("['neg']", "\"['neg', 'urgent']\"")],
)  # fmt: skip
def test_several_labels_in_a_cell_are_refused_with_the_hint(tmp_path, one, both):
    swapped = both.replace("neg", "pos")
    cells = (one, both, one.replace("neg", "pos"), swapped)
    lines = [(text, cells[i % 4]) for i, text in enumerate(TEXTS)]
    refused(put(tmp_path / "a.csv", csv_of(lines)), MULTI, "a.csv:3")


def test_written_lists_of_words_are_no_texts(tmp_path):
    lines = [(f'"{text.split()}"', label) for text, label in ROWS]
    refused(put(tmp_path / "a.csv", csv_of(lines)), "join the values", "a.csv:2 (a, dull, film")
    lines = [("\"{'en': 'a'}\"", label) for label in LABELS]
    refused(put(tmp_path / "b.csv", csv_of(lines)), "an object with keys: b.csv:2 (en)")
    lines = [(f'"[{text}]"', label) for text, label in ROWS]
    assert opened(put(tmp_path / "c.csv", csv_of(lines)))[0].text(0) == f"[{TEXTS[0]}]"


def test_columns_of_flags_are_refused_with_the_hint(tmp_path):
    lines = [(i, text, i % 2, i % 3 == 0, 0) for i, text in enumerate(TEXTS)]
    path = put(tmp_path / "a.csv", csv_of(lines, "id,comment_text,toxic,threat,insult"))
    refused(path, MULTI, "--label-column toxic")
    assert opened(path, label_column="toxic")[0].classes == ("0", "1")
    lines = "\n".join(f"__label__a __label__b {text}" for text in TEXTS)
    refused(put(tmp_path / "a.txt", lines), MULTI)


@pytest.mark.parametrize(
    "names", [("Toys, Games", "Sports, Outdoors"), ("1,5", "2,5"), ("News|World", "News|Local")]
)
def test_names_with_commas_are_classes(tmp_path, names):
    lines = [(text, f'"{names[i % 2]}"') for i, text in enumerate(TEXTS)]
    assert opened(put(tmp_path / "a.csv", csv_of(lines)))[0].classes == tuple(sorted(names))


def test_cells_written_as_python_writes_them_are_decoded(tmp_path):
    lines = [(f"b'{text}'", ("b'neg'", "['pos']")[i % 2]) for i, text in enumerate(TEXTS)]
    source, notes = opened(put(tmp_path / "a.csv", csv_of(lines)))
    assert source.classes == NAMES and source.text(0) == TEXTS[0]
    assert "are written as Python or JSON" in notes and "30 labels of a.csv are written" in notes


# --- held-out splits ---------------------------------------------------------------------------


def two(tmp_path, train, test):
    put(tmp_path / "d/train.csv", csv_of(zip(TEXTS, train, strict=True)))
    put(tmp_path / "d/test.csv", csv_of((f"{t} x", b) for t, b in zip(TEXTS, test, strict=True)))
    return tmp_path / "d"


@pytest.mark.parametrize("unknown", [-1, "", "?", "-1.0"])
def test_secret_labels_of_held_out_texts_are_set_aside(tmp_path, unknown):
    numbers = [i % 2 for i in range(COUNT)]
    source, notes = opened(two(tmp_path, numbers, [unknown] * COUNT))
    assert source.classes == ("0", "1") and len(source) == COUNT
    assert "set aside: test.csv:2" in notes and "30 rows without a label" in notes
    assert set(data.split(source, seed=0, note=lambda _: None)) == {"train", "val", "test"}
    source, notes = opened(two(tmp_path, numbers, [unknown] * 5 + numbers[5:]))
    assert len(source) == 2 * COUNT - 5 and source.splits().count("test") == COUNT - 5


def test_whole_numbers_with_decimals_are_the_same_labels(tmp_path):
    numbers = [i % 2 for i in range(COUNT)]
    source, notes = opened(two(tmp_path, numbers, ["", *map(float, numbers[1:])]))
    assert source.classes == ("0", "1") and "such as 1.0, and are taken as 1" in notes
    text = domains.get_domain("text")
    assert text.class_names(source, ("0.0", "1.0")) == ["0.0", "1.0"]  # of a model of before


def test_minus_one_is_a_class_where_training_has_it(tmp_path):
    numbers = [i % 3 - 1 for i in range(COUNT)]
    assert opened(two(tmp_path, numbers, numbers))[0].classes == ("-1", "0", "1")


def test_one_label_in_two_unicode_forms_is_one_class(tmp_path):
    composed, apart = "caf\u00e9", "cafe\u0301"
    train = [composed if i % 2 else "tea" for i in range(COUNT)]
    test = [apart if i % 2 else "tea" for i in range(COUNT)]
    source, notes = opened(two(tmp_path, train, test))
    assert source.classes == (composed, "tea") and "form NFD" in notes
    text = domains.get_domain("text")
    assert text.class_names(source, (apart, "tea")) == [apart, "tea"]  # of a model of before


# --- predict -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.csv.gz", gzip.compress(csv_of().encode(), mtime=0), {}),
        ("a.json", json.dumps(records()).encode(), {}),
        ("a.txt", "\n".join(f"__label__{b} {x}" for x, b in ROWS).encode(), {}),
        ("a.label", "\n".join(f"NEG:bad {x}" for x in TEXTS).encode(), {}),
        ("a.txt", csv_of(ROWS, "text\tlabel", "\t").encode("utf-16"), {}),
        ("a.txt", "".join(f"{b}\t{x}\n" for x, b in ROWS).encode(), {"columns": "label,text"}),
        ("a.csv", csv_of([(f"b'{x}'", "") for x in TEXTS]).encode(), {}),
        ("a.txt", "\n".join(TEXTS).encode(), {"columns": "label,text"}),
    ],
)
def test_predict_takes_texts_without_labels_from_every_form(tmp_path, name, content, options):
    path = put(tmp_path / name, content)
    assert [item.content.decode() for item in reading.read_given([str(path)], options)] == TEXTS


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,score\n1,0.5\n2,0.7\n", "it holds numbers"),
        ("picture,score\na.jpg,1\nb.jpg,2\n", "it holds names of files"),
        ("comment, what\n", "holds no texts"),
        ("text\na film, good\na film, so good, too\nbad\n", "must be in quotes"),
        ("Kommentar,Datum,Ort\na good old film,2020,x\na bad film it is,2021,y\n",
         "--text-column Kommentar"),
    ],
)  # fmt: skip
def test_predict_refuses_what_cannot_be_the_texts(tmp_path, content, words):
    path = put(tmp_path / "a.csv", content)
    (item,) = reading.read_given([str(path)], {})
    assert item.content is None and words in item.problem, item.problem


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("great\nboring\n", "'great', is taken for the name"),
        ("title,description\na fine film,so it is today\n", "'description'; not used: title"),
        ("text\nboring\n", ""),
        ("id,text\n1,so it is today\n", ""),
    ],
)
def test_predict_says_which_column_it_reads_where_that_is_unclear(tmp_path, content, words):
    path = put(tmp_path / "a.csv", content)
    notes = [item.note for item in reading.read_given([str(path)], {}) if item.note]
    assert len(notes) == bool(words) and words in "".join(notes)


# --- as people and programs leave them ----------------------------------------------------------

INVISIBLE = ("\u200b", "\u200e", "\u202c", "\ufeff", "\u00a0", "\t", "\u2060")


@pytest.mark.parametrize("mark", INVISIBLE)
def test_what_is_invisible_around_names_and_labels_is_taken_off(tmp_path, mark):
    rows = [(x, (mark + b, b + mark, b)[i % 3]) for i, (x, b) in enumerate(ROWS)]
    source, notes = opened(put(tmp_path / "a.csv", csv_of(rows, f"text{mark},{mark}label")))
    assert source.classes == NAMES and source.columns == ("text", "label")
    assert "20 labels have spaces" in notes and ("invisible" in notes) == (not mark.isspace())


@pytest.mark.parametrize("value", ["#N/A", "#VALUE!", "#name?", "#DIV/0!", "#REF!"])
def test_errors_of_spreadsheets_are_no_labels_and_no_texts(tmp_path, value):
    rows = [(x, value if i % 5 == 0 else b) for i, (x, b) in enumerate(ROWS)]
    source, notes = opened(put(tmp_path / "a.csv", csv_of(rows)))
    assert source.classes == NAMES and "6 rows without a label" in notes and value in notes
    many = [(f"{x} {i}", b) for i in range(4) for x, b in ROWS]
    source, notes = opened(put(tmp_path / "b.csv", csv_of([*many, (value, "pos")])))
    assert len(source) == 120 and f"1 texts are empty (or '{value}'" in notes
    refused(put(tmp_path / "c.csv", csv_of([*ROWS, (value, "pos")])), value, "c.csv:32")


@pytest.mark.parametrize("value", ["nan", "NULL", "<NA>", "NaT", "\\N"])
def test_texts_that_programs_write_for_a_missing_value_are_empty(tmp_path, value):
    many = [(f"{x} {i}", b) for i in range(4) for x, b in ROWS]
    source, notes = opened(
        put(tmp_path / "a.csv", csv_of([*many, (value, "pos"), ("none", "pos")]))
    )
    assert len(source) == 121 and "a.csv:122" in notes and "a.csv:123" not in notes


def test_long_numbers_are_other_classes_though_equal_as_floats(tmp_path):
    one, other = "12345678901234567890", "12345678901234567891"
    rows = [(x, one if b == "pos" else other) for x, b in ROWS]
    assert opened(put(tmp_path / "a.csv", csv_of(rows)))[0].classes == (one, other)
    rows = [(x, ("1", "1.00", "2")[i % 3]) for i, x in enumerate(TEXTS)]
    refused(put(tmp_path / "b.csv", csv_of(rows)), "several spellings", "'1.00'")


def test_lines_in_two_encodings_are_never_read_in_one(tmp_path):
    lines = [f"{x} café,{b}\n".encode("cp1252" if i % 3 else "utf-8")
             for i, (x, b) in enumerate(ROWS)]  # fmt: skip
    path = put(tmp_path / "a.csv", b"text,label\n" + b"".join(lines))
    refused(path, "mixes encodings", "10 are UTF-8 and 20 are not: 3, 4, 6, 7, 9 and 15 more")
    lines[0] = lines[1]
    path = put(tmp_path / "b.csv", b"text,label\n" + b"".join(lines[:3]) + b"".join(lines[4:6]))
    refused(path, "--encoding cp1252")


@pytest.mark.parametrize(
    ("word", "read_as", "options"),
    [
        ("café", "cp1252", {}),
        ("it’s", "cp1252", {}),
        ("naïve", "latin-1", {}),
        ("фильм", "cp1251", {"encoding": "cp1251"}),
        ("café", "cp1252", {"encoding": "cp1252"}),
    ],
)
def test_letters_of_a_wrong_encoding_are_noted(tmp_path, word, read_as, options):
    content = csv_of([(f"{x} {word}", b) for x, b in ROWS])
    if not options:  # the table was written wrongly
        content = content.encode().decode(read_as)
    path = put(tmp_path / "a.csv", content)
    _, notes = opened(path, **options)
    assert "30 texts seem to be UTF-8" in notes and f"for '{word}'" in notes
    assert ("Leave --encoding out" in notes) == bool(options)
    right = csv_of([(f"{x} {word} «Ça» 5 £ ×", b) for x, b in ROWS])
    assert "seem to be" not in opened(put(tmp_path / "b.csv", right))[1]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("code,language", "--label-column language"),
        ("文本,标签", "--label-column '标签'"),
        ("Message,Is Spam", "--label-column 'Is Spam'"),
        ("review.text,review.rating", "--label-column review.rating"),
    ],
)
def test_a_column_that_holds_classes_is_named_whatever_it_is_called(tmp_path, header, words):
    path = put(tmp_path / "a.csv", csv_of(ROWS, header))
    refused(path, "Labels seem to be in", words)
    name = header.split(",")[1]
    assert opened(path, label_column=name)[0].classes == NAMES


def test_a_header_below_other_lines_is_found(tmp_path):
    refused(
        put(tmp_path / "a.csv", "Feedback 2023,\n,\n" + csv_of()), "Line 3 seems to be the header"
    )
    rows = [
        {"id": i, "data": {"text": x}, "notes": [{"choice": b}]} for i, (x, b) in enumerate(ROWS)
    ]
    refused(put(tmp_path / "a.json", json.dumps(rows)), "lists and objects in data, notes")


@pytest.mark.parametrize("mark", [";", "|"])
def test_lines_of_a_text_and_a_label_are_a_table(tmp_path, mark):
    lines = csv_of(ROWS, "", mark).strip()
    path = put(tmp_path / "train.txt", lines)
    refused(path, "--columns text,label")
    assert opened(path, columns="text,label")[0].classes == NAMES
    plain = put(tmp_path / "b.txt", "\n".join(f"{x} {mark} and so on, number {x}" for x in TEXTS))
    assert len(list(reading.read_given([str(plain)], {}))) == COUNT
    with pytest.raises(errors.DataError, match="lines without labels"):
        domains.recognize(str(plain))


def test_an_array_in_a_file_of_json_lines_is_read(tmp_path):
    path = put(tmp_path / "a.jsonl", json.dumps(records(), indent=1))
    assert opened(path)[0].classes == NAMES


@pytest.mark.parametrize("name", ["eval", "holdout", "Heldout", "dev"])
def test_other_names_of_splits(tmp_path, name):
    put(tmp_path / "d/train.csv", csv_of())
    put(tmp_path / f"d/{name}.csv", csv_of(other()))
    source, _ = opened(tmp_path / "d")
    assert source.splits().count("train") == COUNT and len(source) == COUNT + 6
    drawn = []
    split = data.split(source, seed=0, note=lambda _: None, how=drawn.append)
    lines = overview.understood(source, split, "texts", drawn, drawn)
    other_one = {"eval": "test", "dev": "test"}.get(name, "val")
    assert lines["classes"].endswith(f"; {other_one} drawn here")


def test_tables_of_one_class_each_are_not_told_to_be_splits(tmp_path):
    for name in ("True", "Fake"):
        put(tmp_path / f"d/{name}.csv", csv_of([(x, x) for x in TEXTS], "title,text"))
    with pytest.raises(errors.DataError, match="its name is the label of its rows"):
        domains.recognize(str(tmp_path / "d"))


def test_json_that_is_neither_plan_nor_table_is_told_what_tables_are(tmp_path):
    path = put(tmp_path / "intents.json", '{"intents": [{"tag": "hi", "patterns": ["hello"]}]}')
    with pytest.raises(errors.DataError, match=r"not a table of texts(.|\n)*Accepted: "):
        stages.plan(str(path), out=str(tmp_path / "run"))


# --- a folder of text files for each class ------------------------------------------------------


def class_folders(place, splits=("",), name="{}.txt"):
    for split in splits:
        for number, (text, label) in enumerate(ROWS):
            put(place / split / label / name.format(number), f"{text} {split}\n\nand its end\n")
    return place


def imdb(place):
    class_folders(place, ("train", "test"), "{}_7.txt")
    for number in range(5):
        put(place / f"train/unsup/{number}_0.txt", "no label yet")
    put(place / "train/labeledBow.feat", "1 2:3")
    put(place / "README", "about it")
    return place


CLASS_FOLDERS = {
    "IMDB": (imdb, "train/unsup/, README, train/labeledBow.feat", {"train": 30, "test": 30}),
    "classes": (lambda t: class_folders(t), "", {None: 30}),
    "in a folder": (lambda t: class_folders(t / "txt_sentoken").parent, "", {None: 30}),
    "numbers of a newsgroup": (lambda t: class_folders(t, name="{}"), "", {None: 30}),
    "files of another kind": (
        lambda t: (put(t / "pos/a.ann", ""), put(t / "pos/Thumbs.db", ""), class_folders(t))[2],
        "inside folders of classes: 1 .ann", {None: 30}),
}  # fmt: skip


@pytest.mark.parametrize("form", CLASS_FOLDERS)
def test_text_files_in_a_folder_for_each_class_are_read(tmp_path, form):
    make, said, counts = CLASS_FOLDERS[form]
    source, notes = opened(domains.locate(make(tmp_path / "d")))
    assert source.classes == NAMES and said in notes
    assert {split: source.splits().count(split) for split in counts} == counts
    assert len(source) == sum(counts.values()) and source.text(0).endswith("\n\nand its end\n")
    assert "pos/9" in source.ids()[-1]
    assert "text files, one text each; the class is" in source.fingerprint().kind


def test_a_model_of_text_files_takes_each_file_for_one_text(tmp_path):
    place = class_folders(tmp_path / "d")
    plan = stages.plan(str(place), out=str(tmp_path / "run"))
    assert plan.data_options == {"whole_files": True} and "its folder the class" in plan.reasons[0]
    (item,) = reading.read_given([str(place / "pos/1.txt")], plan.data_options)
    assert item.content.decode() == f"{TEXTS[1]} \n\nand its end\n"
    assert len(list(reading.read_given([str(place)], plan.data_options))) == COUNT


def test_text_files_that_cannot_be_read_are_named_with_their_folder(tmp_path):
    place = class_folders(tmp_path / "d")
    refused(place, "--label-column is for tables", label_column="label")
    put(place / "pos/1.txt", "un café", "cp1252")
    refused(place, "pos/1.txt, line 1", "--encoding cp1252")
    assert len(opened(place, encoding="cp1252")[0]) == COUNT


def test_text_files_beside_more_others_are_no_texts(tmp_path):
    place = class_folders(tmp_path / "d")
    for number in range(COUNT + 1):
        put(place / f"pos/{number}.xml", "<a/>")
    with pytest.raises(errors.DataError, match="no data that actzoo recognizes"):
        domains.recognize(str(place))


# --- messages that fit the situation ------------------------------------------------------------

MESSAGES = {
    "a semicolon, and commas in texts": (
        csv_of([(f"{x}, so", b) for x, b in ROWS], "text;label", ";"),
        'divided by another character: --delimiter ";"'),
    "tabs, and commas in texts": (
        csv_of([(f"{x}, so", b) for x, b in ROWS], "text\tlabel", "\t"),
        r'another character: --delimiter "\t"'),
    "Japanese": (
        csv_of([(f"この映画はとても{b}", b) for _, b in ROWS]).encode("cp932"), "--encoding cp932"),
    "decimals that come again": (
        csv_of([(x, i % 25 / 10) for i, x in enumerate(TEXTS * 4)]), "measurements, not classes"),
    "a caret": (csv_of(ROWS, "text^label", "^"), '--delimiter "^"'),
    "a footer": (csv_of() + "(30 rows affected)\n", "if it is no row of the table, remove it"),
    "no text": (bytes(range(256)) * 20, "it is not text: it holds many control characters"),
    "labels of one class only": (
        csv_of([(x, b.replace("neg", "")) for x, b in ROWS]), "Set aside: 15 rows without a label"),
    "dates beside names": (
        csv_of([(f"2020-01-0{1 + i % 9}", "AB"[i % 2], x) for i, x in enumerate(TEXTS)],
               "date,sender,message"),
        "Labels seem to be in sender."),
}  # fmt: skip


@pytest.mark.parametrize("case", MESSAGES)
def test_messages_fit_what_is_there(tmp_path, case):
    content, words = MESSAGES[case]
    path = put(tmp_path / "a.csv", content)
    refused(path, words)
    with pytest.raises(errors.DataError) as caught:
        opened(path)
    assert "title" not in str(caught.value) and "cp1252" not in str(caught.value)


def test_half_stars_are_classes(tmp_path):
    source, _ = opened(
        put(tmp_path / "a.csv", csv_of([(x, i % 10 / 2) for i, x in enumerate(TEXTS)]))
    )
    assert len(source.classes) == 10


def test_copies_with_two_labels_are_named_one_of_each(tmp_path):
    rows = [*[("the same film", "pos")] * 4, ("the same film", "neg"), *ROWS]
    _, notes = opened(put(tmp_path / "a.csv", csv_of(rows)))
    assert "1 texts have two labels: a.csv:2 = a.csv:6." in notes


def test_empty_text_files_are_not_told_to_be_rows(tmp_path):
    place = class_folders(tmp_path / "d")
    put(place / "pos/1.txt", "")
    refused(place, "pos/1.txt", "Remove these files.")


def test_labels_that_an_annotator_rejected_are_noted(tmp_path):
    rows = [{**row, "answer": ("accept", "reject")[i % 5 == 0]} for i, row in enumerate(records())]
    path = put(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert "'answer' of a.jsonl says reject or ignore in 6 rows" in opened(path)[1]
    rows = [{**row, "answer": "accept"} for row in records()]
    path = put(tmp_path / "b.jsonl", "\n".join(map(json.dumps, rows)))
    assert "reject" not in opened(path)[1]
