"""Texts as users have them: read right, or refused with file, line and how to fix it."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from actzoo import data, domains, errors, preprocessing
from actzoo.applications.text import domain, tokenizer
from actzoo.applications.text.data import open_texts
from actzoo.applications.text.tables import table

GOOD = [("a fine film", "pos"), ("a dull film", "neg")]


def rows(count=40):
    return [(f"{text} number {i}", label) for i in range(count // 2) for text, label in GOOD]


def as_csv(lines, header="text,label"):
    return "\n".join([header, *(f"{text},{label}" for text, label in lines)]) + "\n"


def write(path, content, encoding="utf-8"):
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return str(path)


def refused(path, *words, **options):
    with pytest.raises(errors.ActzooError) as caught:
        data.open_source(path, "text", options, note=lambda _: None)
    for word in words:
        assert word in str(caught.value), str(caught.value)
    return caught.value


def opened(path, **options):
    notes = []
    source = data.open_source(path, "text", options, note=notes.append)
    return source, " ".join(notes)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_read_and_taken_off(tmp_path, encoding):
    source, notes = opened(write(tmp_path / "a.csv", as_csv(rows()), encoding))
    assert source.text(0) == "a fine film number 0" and not notes.count("\ufeff")
    assert source.classes == ("neg", "pos") and len(source) == 40


def test_other_encodings_are_refused_with_line_and_byte_or_read_by_name(tmp_path):
    content = as_csv([*rows(), ("un café", "pos")])
    path = write(tmp_path / "a.csv", content, "cp1252")
    at = content.encode("cp1252").index(b"\xe9")
    refused(path, "a.csv, line 42", f"byte {at:,}", "--encoding cp1252")
    source, _ = opened(path, encoding="cp1252")
    assert source.text(40) == "un café"
    for name in ("klingon", "base64", "zlib"):
        refused(path, name, encoding=name)


def test_nul_bytes_are_refused_with_line_and_byte(tmp_path):
    path = write(tmp_path / "a.csv", as_csv([*rows(), ("nul \0 byte", "pos")]))
    refused(path, "a.csv, line 42", "NUL byte")
    refused(write(tmp_path / "b.csv", as_csv(rows()), "utf-16-le"), "--encoding utf-16-le")
    assert len(opened(str(tmp_path / "b.csv"), encoding="utf-16-le")[0]) == 40


def test_huge_fields_are_read_and_what_is_cut_is_counted(tmp_path):
    path = write(tmp_path / "a.csv", as_csv([*rows(), ("word " * 200_000, "pos")]))
    source, _ = opened(path)
    assert len(source.text(40)) == 1_000_000
    split = {"train": np.arange(41)}
    plan = domains.get_domain("text").inputs(source, split, {})
    assert plan.inputs["input_ids"]["shape"] == [domain.LONGEST] or any(
        "1 of 41 are cut" in reason for reason in plan.reasons
    )
    made = preprocessing.apply(plan.steps, source.raw(40))
    assert made["attention_mask"].all()


def test_empty_texts_are_named_set_aside_below_and_refused_above_one_percent(tmp_path):
    blank = [(" ", "pos"), ("\u200b\u200d", "neg"), ("😀😀", "pos")]
    source, notes = opened(write(tmp_path / "a.csv", as_csv([*rows(400), *blank])))
    assert len(source) == 401
    assert "2 texts are empty and were set aside: a.csv:402, a.csv:403" in notes
    assert "1 texts hold no letter or digit: a.csv:404" in notes
    refused(write(tmp_path / "b.csv", as_csv([*rows(40), *blank])), "b.csv:42", "7%")
    refused(str(tmp_path / "a.csv"), "set aside", "--strict", strict=True)


def test_texts_of_unknown_tokens_only_are_refused_when_many(tmp_path):
    source, _ = opened(write(tmp_path / "a.csv", as_csv([*rows(), ("фильм", "pos")])))
    split = {"train": np.arange(41)}
    step = {"step": "tokenize", "length": 16, "vocabulary": tokenizer.train(["a film"], 50)}
    overrides = {"preprocessing": [step], "max_length": 16}
    with pytest.raises(errors.DataError, match=r"1 of 41 training texts(.|\n)*a.csv:42"):
        domains.get_domain("text").inputs(source, split, overrides)


@pytest.mark.parametrize(
    "stray",
    [
        '"an open quote,pos\n',  # to the end of the file
        '"an open quote,pos\nplain,neg\n"closed, by chance",pos\n',
        '"said ""yes"" and "no",pos\n',
    ],
)
def test_a_stray_quote_is_refused_with_its_line(tmp_path, stray):
    lines = as_csv(rows(20))
    content = lines + stray + "\n".join(f"later {i},neg" for i in range(20)) + "\n"
    refused(write(tmp_path / "a.csv", content), "a.csv, line 22", "quote")


def test_rows_swallowed_by_a_quoted_field_are_found(tmp_path):
    inner = "\n".join(f"later {i},neg" for i in range(20))
    content = as_csv(rows(20)) + f'"open,pos\n{inner}\nlast",pos\n'
    refused(write(tmp_path / "a.csv", content), "a.csv, line 22", "22 lines")


def test_quoted_fields_with_line_breaks_and_commas_are_read(tmp_path):
    content = as_csv(rows()) + '"two lines,\nwith a comma, here",pos\n"a ""quoted"" word",neg\n'
    source, _ = opened(write(tmp_path / "a.csv", content))
    assert source.text(40) == "two lines,\nwith a comma, here"
    assert source.text(41) == 'a "quoted" word'
    assert source.ids()[41] == "a.csv:44"


def test_letters_of_several_lines_are_not_swallowed_rows(tmp_path):
    letter = '"Dear all,\nthank you, Bob\nyours, Ann\nbye",pos\n'
    source, _ = opened(write(tmp_path / "a.csv", as_csv(rows()) + letter))
    assert source.text(40).splitlines()[1] == "thank you, Bob"


def test_a_tsv_without_quoting_keeps_its_quotes(tmp_path):
    lines = "".join(f"{text}\t{label}\n" for text, label in rows())
    path = write(tmp_path / "a.tsv", f'text\tlabel\n{lines}"Heat" is long\tpos\n')
    assert opened(path)[0].text(40) == '"Heat" is long'


def test_a_tsv_without_quoting_loses_no_row_between_two_quotes(tmp_path):
    lines = "".join(f"{text}\t{label}\n" for text, label in rows())
    content = f'text\tlabel\n{lines}"I will go\tpos\nhe said"\tneg\n'
    source, _ = opened(write(tmp_path / "a.tsv", content))
    assert [source.text(i) for i in (40, 41)] == ['"I will go', 'he said"']
    alone = write(tmp_path / "c.tsv", 'text\n"two\nlines"\nplain\n')
    assert table.read(Path(alone)).rows == [["two\nlines"], ["plain"]]
    quoted = f'text\tlabel\n{lines}"two\nlines"\tpos\n"plain"\tneg\n'
    source, _ = opened(write(tmp_path / "b.tsv", quoted))
    assert [source.text(i) for i in (40, 41)] == ["two\nlines", "plain"]


def test_a_field_of_two_rows_is_found(tmp_path):
    path = write(tmp_path / "a.csv", as_csv(rows(20)) + '"good film,pos\nbad film",neg\n')
    refused(path, "a.csv, line 22", "2 lines, 2 of which look like rows")


def test_letters_beside_empty_notes_and_numbers_are_read(tmp_path):
    lines = "".join(f"{text},{label},\n" for text, label in rows())
    letter = '"Hello\nDear team, dear all,\nbye",pos,late\n'
    source, _ = opened(write(tmp_path / "a.csv", f"text,label,note\n{lines}{letter}"))
    assert source.text(40).startswith("Hello")
    numbered = as_csv([(text, int(label == "pos")) for text, label in rows()])
    source, _ = opened(write(tmp_path / "b.csv", numbered + '"the score was\n1,0\nat last",1\n'))
    assert source.text(40).endswith("at last")


@pytest.mark.parametrize(
    ("header", "row", "option"),
    [('"text";"label"', '"{}";"{}"', '--delimiter ";"'), ("text\tlabel", "{}\t{}", r"\t")],
)
def test_another_delimiter_is_named_as_it_can_be_typed(tmp_path, header, row, option):
    content = "\n".join([header, *(row.format(*pair) for pair in rows())])
    path = write(tmp_path / "a.csv", content)
    refused(path, option)
    assert len(opened(path, delimiter=option[-2] if ";" in option else option)[0]) == 40


def test_a_table_in_a_folder_in_an_archive_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data/train.csv", as_csv(rows()))
        archive.writestr("__MACOSX/data/._train.csv", b"\0\1")
    assert len(opened(str(tmp_path / "a.zip"))[0]) == 40
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("reviews.csv", as_csv(rows()))
        archive.writestr("__MACOSX/._reviews.csv", b"\0\1")
    assert len(opened(str(tmp_path / "b.zip"))[0]) == 40


def test_ragged_rows_and_double_columns_are_refused(tmp_path):
    path = write(tmp_path / "a.csv", as_csv([*rows(), ("one, two", "pos")]))
    refused(path, "a.csv, line 42", "3 fields", "header has 2")
    refused(write(tmp_path / "b.csv", as_csv(rows(), "text,text")), "'text' occurs twice")


def test_a_missing_label_column_is_refused_with_what_is_there(tmp_path):
    path = write(tmp_path / "a.csv", as_csv(rows(), "text,lable"))
    refused(path, "text, lable", "Nearest is 'lable'", "--label-column")
    assert len(opened(path, label_column="lable")[0]) == 40
    error = refused(path, "--label-column", label_column="labl")
    assert "lable" in error.nearest
    no_header = "\n".join(f"{text},{label}" for text, label in rows())
    refused(write(tmp_path / "b.csv", no_header), "without a header")
    many = as_csv([(f"{text},x", label) for text, label in rows()], "first,second,label")
    refused(write(tmp_path / "c.csv", many), "--text-column", "first, second, label")


def test_another_delimiter_is_named(tmp_path):
    path = write(tmp_path / "a.csv", as_csv(rows()).replace(",", ";"))
    refused(path, '--delimiter ";"')
    assert len(opened(path, delimiter=";")[0]) == 40
    refused(path, "one character", delimiter="::")
    mixed = as_csv([*[(f"{t};x", b) for t, b in rows()], ("one, two", "pos")], "text;label")
    refused(write(tmp_path / "b.csv", mixed), '--delimiter ";"')


def test_missing_labels_are_set_aside_by_a_stated_rule(tmp_path):
    odd = [("x 1", ""), ("x 2", "nan"), ("x 3", " pos")]
    source, notes = opened(write(tmp_path / "a.csv", as_csv([*rows(), *odd])))
    assert len(source) == 41 and source.classes == ("neg", "pos")
    assert "1 rows have no label and were set aside: a.csv:42" in notes
    assert "1 rows have the label 'nan', taken as missing" in notes
    assert "1 labels have spaces around them, which were taken off: a.csv:44" in notes
    none = [(f"nothing {i}", "None") for i in range(20)]
    source, notes = opened(write(tmp_path / "b.csv", as_csv([*rows(), *none])))
    assert source.classes == ("None", "neg", "pos") and "taken as a class" in notes


@pytest.mark.parametrize(("one", "other"), [("cat", "Cat"), ("1", "1.0"), ("a  b", "a b")])
def test_spellings_of_one_label_are_refused_with_their_rows(tmp_path, one, other):
    lines = [(f"t {i}", (one, other, "dog")[i % 3]) for i in range(30)]
    refused(write(tmp_path / "a.csv", as_csv(lines)), f"'{one}' (10)", f"'{other}' (10)")


def test_labels_that_are_numbers_are_mapped_and_the_mapping_is_written(tmp_path):
    lines = [(f"t {i}", (0, 5, 999, -1)[i % 4]) for i in range(40)]
    source, notes = opened(write(tmp_path / "a.csv", as_csv(lines)))
    assert source.classes == ("-1", "0", "5", "999")
    assert set(source.labels()) == {0, 1, 2, 3}
    assert "-1 is 0, 0 is 1, 5 is 2, 999 is 3" in notes
    source, notes = opened(write(tmp_path / "b.csv", as_csv([(t, i % 2) for i, (t, _) in
                                                             enumerate(rows())])))  # fmt: skip
    assert source.classes == ("0", "1") and "numbers" not in notes


def test_labels_that_look_alike_are_noted_with_code_points(tmp_path):
    lines = [(f"t {i}", ("cat", "c\u0430t", "dog")[i % 3]) for i in range(30)]
    _, notes = opened(write(tmp_path / "a.csv", as_csv(lines)))
    assert "look alike" in notes and "U+0061 and U+0430" in notes


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"text": "x", "label": ', "not JSON"),
        ('{"text": "x", "label": NaN}', "NaN"),
        ('{"text": "x", "text": "y", "label": "pos"}', "'text' occurs twice"),
        ("[" * 100_000 + "]" * 100_000, "nested"),
        ('["x", "pos"]', "list"),
        ('{"text": "x"}', "'label' is missing"),
        ('{"text": "x", "label": "pos", "more": 1}', "'more' is new"),
    ],
)
def test_a_broken_line_of_jsonl_is_named(tmp_path, line, words):
    good = [json.dumps({"text": text, "label": label}) for text, label in rows()]
    path = write(tmp_path / "a.jsonl", "\n".join([*good, line, good[0]]))
    refused(path, "a.jsonl, line 41", words)


def test_jsonl_takes_numbers_truth_values_and_half_surrogates(tmp_path):
    lines = [json.dumps({"text": f"t {i} \ud800", "label": bool(i % 2)}) for i in range(20)]
    source, _ = opened(write(tmp_path / "a.jsonl", "\n".join(lines)))
    assert source.classes == ("false", "true") and source.text(0) == "t 0 ?"


def hostile_texts(count=1000):
    """Return texts of ordinary letters, marks, format characters, emoji and anything else."""
    rng = np.random.default_rng(0)
    odd = "\u200b\u200c\u200d\u202e\u2066\ufeff\u0301\u0300\u0489\u00ad\t\r\n\x07\x85[]()'\"#😀ß"
    texts = []
    for _ in range(count):
        letters = [
            chr(rng.integers(97, 123)) if rng.random() < 0.5
            else odd[rng.integers(len(odd))] if rng.random() < 0.7
            else chr(rng.integers(0xD800) if rng.random() < 0.9 else rng.integers(0x10000, 1 << 20))
            for _ in range(rng.integers(1, 80))
        ]  # fmt: skip
        texts.append("a" + "".join(letters))
    return [*texts, "a" + "\u0301" * 5000, "[CLS] [SEP] [PAD] [MASK] [UNK]"]


def test_the_same_ids_in_training_prediction_and_the_exported_tokenizer():
    from tokenizers import Tokenizer

    vocabulary = tokenizer.train(hostile_texts(200) + [text for text, _ in rows()], 2000)
    steps = ({"step": "tokenize", "length": 32, "vocabulary": vocabulary, "lowercase": True},)
    exported = Tokenizer.from_str(tokenizer.files(steps)["tokenizer.json"].decode())
    for text in hostile_texts():
        trained = preprocessing.apply(steps, {"text": np.array(text)})
        predicted = preprocessing.apply(steps, text.encode())
        elsewhere = exported.encode(text)
        assert trained["input_ids"].tolist() == predicted["input_ids"].tolist() == elsewhere.ids
        assert predicted["attention_mask"].tolist() == elsewhere.attention_mask


def test_what_cannot_be_seen_changes_no_id():
    vocabulary = tokenizer.train([text for text, _ in rows()], 500)

    def ids(text):
        return tokenizer.tokenize(text, 16, vocabulary)["input_ids"].tolist()

    plain = ids("a fine film")
    for hidden in (
        "a fi\u200bne film",
        "\ufeffa fine\u202e film",
        "A  Fine\tFILM",
        "a fine\u00ad film",
    ):
        assert ids(hidden) == plain
    assert ids("caf\u00e9") == ids("cafe\u0301")  # NFC


def test_copies_stay_on_one_side_or_are_noted(tmp_path):
    lines = [*rows(), *[(text.upper(), label) for text, label in rows()]]
    source, notes = opened(write(tmp_path / "a.csv", as_csv(lines)))
    assert "40 texts occur more than once" in notes
    for seed in range(3):
        split = data.split(source, seed=seed, note=lambda _: None)
        side = {int(i): name for name, indices in split.items() for i in indices}
        assert all(side[i] == side[i + 40] for i in range(40))
    folder = tmp_path / "two"
    folder.mkdir()
    write(folder / "train.csv", as_csv(rows()))
    write(
        folder / "test.csv", as_csv([*rows(6), ("other", "pos"), ("a fine film number 9", "neg")])
    )
    _, notes = opened(str(folder))
    assert "7 texts are in more than one split" in notes and "train.csv:2 = test.csv:2" in notes
    assert "1 texts have two labels: train.csv:20 = test.csv:9" in notes
    refused(str(folder), "--strict", strict=True)


def test_measurements_are_not_classes(tmp_path):
    lines = [(f"t {i}", f"{i * 0.37:.2f}") for i in range(60)]
    refused(write(tmp_path / "a.csv", as_csv(lines)), "60 different numbers", "--label-column")


def test_two_tables_for_one_split_are_refused(tmp_path):
    for name in ("train.csv", "training.csv"):
        write(tmp_path / name, as_csv(rows()))
    with pytest.raises(errors.DataError, match="two tables for train"):
        open_texts(str(tmp_path), {})


def test_a_missing_library_is_named_before_work_begins(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tokenizers", None)
    refused(write(tmp_path / "a.csv", as_csv(rows())), 'pip install "actzoo[text]"')
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.undo()


def test_one_class_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", as_csv([(text, "pos") for text, _ in rows()]))
    refused(path, "only 'pos' for a class")


def test_a_class_that_is_only_tested_is_refused(tmp_path):
    folder = tmp_path / "two"
    folder.mkdir()
    write(folder / "train.csv", as_csv(rows()))
    write(folder / "test.csv", as_csv([(f"new {i}", "other") for i in range(5)]))
    source, _ = opened(str(folder))
    with pytest.raises(errors.DataError, match="without a training example: 'other'"):
        data.split(source, seed=0, note=lambda _: None)
