"""Texts without spaces, long runs and rare letters: known to the tokenizer, or said to be not."""

import json

import numpy as np
import pytest

from actzoo import data, domains, errors, preprocessing
from actzoo.applications.text import knowledge, tokenizer

# Words of scripts that write no spaces between words.
WORDS = {
    "thai": "ร้าน ผิดหวัง สกปรก พนักงาน เมือง เพลง สินค้า ห้อง วันนี้ ถนน ส่งของ โรงแรม ราคา อร่อย",
    "lao": "ຮ້ານ ອາຫານ ແຊບ ຫຼາຍ ຫ້ອງ ສະອາດ ຖະໜົນ ເມືອງ ລາຄາ ແພງ ພະນັກງານ ດີ",
    "khmer": "ហាង អាហារ ឆ្ងាញ់ ណាស់ បន្ទប់ ស្អាត ផ្លូវ ទីក្រុង តម្លៃ ថ្លៃ បុគ្គលិក ល្អ",
    "burmese": "ဆိုင် အစားအစာ အရသာ ရှိသော အခန်း သန့်ရှင်း လမ်း မြို့ ဈေးနှုန်း ကြီး ဝန်ထမ်း ကောင်း",
    "tibetan": "བོད་ སྐད་ ཡིག་ ཁང་པ་ གཙང་མ་ ལམ་ ཁ་ ལག་ ཞིམ་པོ་ གོང་ ཆེན་པོ་ མི་",
    "chinese": "商店 失望 肮脏 员工 城市 音乐 商品 房间 今天 街道 送货 酒店 价格 好吃",
    "japanese": "お店 がっかり 汚い スタッフ 街 音楽 商品 部屋 今日 とても おいしい ホテル 値段",
    "mixed": "商店 ร้าน shop МАГАЗИН حانة 😀 🏳️‍🌈 दुकान 가게 κατάστημα",
}
RUNS = {
    "hashes": lambda rng: "".join(rng.choice(list("0123456789abcdef"), 160)),
    "dna": lambda rng: "".join(rng.choice(list("ACGT"), 300)),
    "base64": lambda rng: "".join(rng.choice(list("ABCDEFabcdefghij0123456789+/"), 200)) + "==",
    "links": lambda rng: "https://a.b/" + "".join(rng.choice(list("abcdefgh0123-_/"), 150)),
    "code": lambda rng: "for(i=0;i<" + "".join(rng.choice(list("abcxyz_0189"), 120)) + ");",
    "emoji": lambda rng: "so" + "".join(rng.choice(list("😀😂🎉👍🔥💯🙏😍"), 130)),
}


def joined(words, count=40, least=40):
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(words.split(), least)) for _ in range(count)]


def opened(path, texts):
    lines = "".join(f'"{text}",{"ab"[i % 2]}\n' for i, text in enumerate(texts))
    path.write_text(f"text,label\n{lines}", "utf-8")
    return data.open_source(str(path), "text", {}, note=lambda _: None)


def planned(source, train, **overrides):
    split = {"train": np.arange(train), "test": np.arange(train, len(source))}
    return domains.get_domain("text").inputs(source, split, overrides)


@pytest.mark.parametrize("name", WORDS)
def test_scripts_without_spaces_are_divided_into_known_pieces(tmp_path, name):
    texts = joined(WORDS[name])
    assert min(map(len, texts)) > 60
    plan = planned(opened(tmp_path / "a.csv", texts), 30)
    assert "unknown tokens: none of the training texts, none of the test texts" in plan.reasons
    assert plan.seen == {"unknown_tokens": 0.0} and not plan.notes
    assert "tokens, longest" in plan.sizes and plan.sizes.endswith("unknown tokens none")
    counts = knowledge.count({"train": texts}, plan.steps[0])["train"]
    letters = np.array([len(text) for text in texts])
    assert (counts.known == counts.lengths - 2).all()
    if name not in ("chinese", "japanese"):  # ideographs are words alone, as BERT has them
        assert (counts.known < 0.8 * letters).all()  # pieces, not single letters
    assert len(set(map(tuple, (tokens(plan, text) for text in texts)))) == len(texts)


def tokens(plan, text):
    return preprocessing.apply(plan.steps, text.encode())["input_ids"].tolist()


@pytest.mark.parametrize("name", RUNS)
def test_long_runs_without_spaces_are_divided_into_known_pieces(tmp_path, name):
    rng = np.random.default_rng(0)
    source = opened(tmp_path / "a.csv", [RUNS[name](rng) for _ in range(40)])
    plan = planned(source, 30)
    assert "unknown tokens: none of the training texts, none of the test texts" in plan.reasons
    ids = {tuple(tokens(plan, source.text(i))) for i in range(40)}
    assert len(ids) == 40


def test_a_million_letters_without_a_space_end(tmp_path):
    source = opened(tmp_path / "a.csv", ["ACGT" * 30] * 40)
    steps = planned(source, 30).steps
    assert preprocessing.apply(steps, b"ACGT" * 50_000)["attention_mask"].all()


def test_a_letter_that_is_not_known_is_one_unknown_token():
    vocabulary = tokenizer.train(joined(WORDS["thai"]), 500)
    text = joined(WORDS["thai"], 1)[0][:90]
    known = tokenizer.make(vocabulary, split_unknown=True).encode(text).tokens
    assert "[UNK]" not in known
    for odd in ("☃", "ქ", "\U00020bb7"):
        among = tokenizer.make(vocabulary, split_unknown=True).encode(
            f"{text[:45]}{odd}{text[45:]}"
        )
        assert among.tokens.count("[UNK]") == 1 and len(among.tokens) > 10
        assert tokenizer.make(vocabulary).encode(f"{text}{odd}").tokens.count("[UNK]") == 1


def test_scripts_of_thousands_of_letters_are_known_whole(tmp_path):
    letters = [chr(0x4E00 + number) for number in range(1800)]
    texts = ["".join(letters[start : start + 60]) for start in range(0, 1800, 60)] * 2
    plan = planned(opened(tmp_path / "a.csv", [f"{t}{i}" for i, t in enumerate(texts)]), 60)
    assert plan.seen == {"unknown_tokens": 0.0}
    assert plan.config["vocabulary_size"] > 1800


def test_tokenizers_of_before_stay_as_they_were():
    vocabulary = tokenizer.train(["a fine film", "a dull film"] * 20, 60)
    step = {"step": "tokenize", "length": 12, "vocabulary": vocabulary}
    old = preprocessing.apply([step], f"fine {'x' * 101} fi☃ne film".encode())["input_ids"]
    words = vocabulary.split()
    assert [words[i] for i in old[:7]] == "[CLS] fine [UNK] [UNK] film [SEP] [PAD]".split()
    exported = json.loads(tokenizer.files([step])["tokenizer.json"])
    assert exported["pre_tokenizer"] == {"type": "BertPreTokenizer"}
    assert exported["model"]["max_input_chars_per_word"] == 100


@pytest.mark.parametrize("name", [*WORDS, *RUNS])
def test_the_exported_tokenizer_gives_the_same_ids(name):
    from tokenizers import Tokenizer

    rng = np.random.default_rng(1)
    texts = joined(WORDS[name]) if name in WORDS else [RUNS[name](rng) for _ in range(20)]
    steps = [{"step": "tokenize", "length": 64, "vocabulary": tokenizer.train(texts, 1500)}]
    steps[0] |= {"lowercase": True, "split_unknown": True}
    exported = Tokenizer.from_str(tokenizer.files(steps)["tokenizer.json"].decode())
    for text in [*texts, *joined(WORDS["mixed"], 3), "]^-[\\ a\u0301b"]:
        ours = preprocessing.apply(steps, text.encode())
        theirs = exported.encode(text)
        assert ours["input_ids"].tolist() == theirs.ids
        assert ours["attention_mask"].tolist() == theirs.attention_mask


def test_unknown_tokens_are_noted_from_one_percent_on_with_advice_that_fits(tmp_path):
    plain = [f"a fine film number {i}" for i in range(40)]
    few = opened(tmp_path / "a.csv", [*plain, *["a fine film, really, in all of its parts ☃"] * 2])
    assert not planned(few, 41).notes  # in training: known
    odd = opened(tmp_path / "b.csv", [*plain, "ж ☃ film", "ж film"])
    (note,) = planned(odd, 40).notes
    assert "of the test texts" in note and "'ж' (2), '☃' (1)" in note
    assert "add texts that hold them" in note and "--weights" not in note
    step = {"step": "tokenize", "length": 16, "vocabulary": tokenizer.train(plain, 60)}
    mostly = opened(tmp_path / "c.csv", [f"film ж{'йцукенгшщз'[i % 10]}" for i in range(40)])
    notes = planned(mostly, 40, preprocessing=[step], max_length=16).notes
    assert len(notes) == 1 and "--weights none" in notes[0]
    with pytest.raises(errors.DataError, match="--weights none"):
        planned(opened(tmp_path / "d.csv", joined(WORDS["thai"])), 30, preprocessing=[step])


def test_predict_says_what_it_did_not_know_or_read():
    step = {"step": "tokenize", "length": 8, "split_unknown": True}
    step["vocabulary"] = tokenizer.train(["a fine film", "a dull film"] * 20, 60)
    remarks = domains.get_domain("text").remarks
    assert remarks(b"a fine film", [step], {}) == {}
    (unknown,) = remarks("ФИЛЬМ ☃".encode(), [step], {}).values()
    assert "none of its" in unknown and "says nothing about this text" in unknown
    (half,) = remarks("film ☃".encode(), [step], {}).values()
    assert "of its 2 tokens, 1 are not known" in half
    (cut,) = remarks(b"film " * 60, [step], {}).values()
    assert "first 6 of its 60 tokens; 90% of the text is cut" in cut
