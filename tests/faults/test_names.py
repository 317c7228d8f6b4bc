"""Names of files, folders and classes that are legal and yet break things."""

import json
import os
import shutil
import subprocess
import sys
import types
import unicodedata
from pathlib import Path

import pytest
import scan_files
from picture_files import encoded, noise

from actzoo import cli, data, errors, evaluation, files, inference, stages
from actzoo.cli import answers

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
UNDECODABLE = os.fsdecode(b"caf\xe9.png")
NAMES = (
    "plain.png", "with space.png", "it's.png", 'say "x".png', "a\nb.png", "-rf", "$HOME", "`id`",
    "a;b", "*", "~", "#x", "é.png", "日本.png", "😀.png", "e\u0301.png", "back\\slash'\x07.png",
    "\u202egnp.exe", UNDECODABLE,
)  # fmt: skip


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_commands_in_messages_can_be_pasted():
    words = errors.command("predict", *map(Path, NAMES)).removeprefix("actzoo predict ")
    assert words.isprintable()
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True, timeout=60
    )
    given = done.stdout.rstrip(b"\0").split(b"\0")
    expected = ["./-rf" if name == "-rf" else name for name in NAMES]
    assert given == [os.fsencode(name) for name in expected]
    assert errors.command("train", "--help") == "actzoo train --help"


# --- data ----------------------------------------------------------------------------------------


def raw_classes(root, *names):
    for place, name in enumerate(names):
        folder = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(folder)
        for number in range(4):
            with open(os.path.join(folder, b"%d.png" % number), "wb") as file:
                file.write(encoded(noise(10 * place + number)))
    return root


def nfc(text):
    return unicodedata.normalize("NFC", text)


def nfd(text):
    return unicodedata.normalize("NFD", text)


def refusal(root):
    with pytest.raises(errors.DataError) as raised:
        data.open_source(str(root), note=lambda _: None)
    return str(raised.value)


@linux
def test_class_names_that_are_no_text_are_refused_with_the_byte(tmp_path):
    assert "is not UTF-8: it holds the byte E9" in refusal(
        raw_classes(tmp_path / "a", b"caf\xe9", "dog")
    )
    assert "U+000A" in refusal(raw_classes(tmp_path / "b", "a\nb", "dog"))
    assert "U+202E" in refusal(raw_classes(tmp_path / "c", "a\u202eb", "dog"))
    assert "begins or ends with a space" in refusal(raw_classes(tmp_path / "d", " a", "dog"))
    said = refusal(raw_classes(tmp_path / "e", nfc("café"), nfd("café"), "dog"))
    assert "U+00E9" in said and "U+0301" in said


@linux
def test_composed_and_decomposed_names_are_one_class(tmp_path):
    root = tmp_path / "data"
    for split, form in (("train", nfc), ("test", nfd)):
        raw_classes(root / split, form("café"), form("größe"), "dog")
    source = data.open_source(str(root), note=lambda _: None)
    assert source.classes == (nfc("café"), "dog", nfc("größe"))
    other = data.open_source(
        str(raw_classes(tmp_path / "mac", nfd("café"), nfd("größe"))), note=lambda _: None
    )
    for classes in ((nfc("café"), nfc("größe")), (nfd("café"), nfd("größe"))):
        card = types.SimpleNamespace(domain="vision", classes=("ant", *classes))
        assert evaluation.renumbering(other, card)[:2].tolist() == [1, 2]


@linux
def test_stems_of_images_and_masks_are_compared_composed(tmp_path):
    for number in range(4):
        image, mask = scan_files.disc(number)
        for folder, form, values in (("images", nfc, image), ("masks", nfd, mask)):
            scan_files.put(tmp_path / folder / f"{form('é')}{number}.png", scan_files.png(values))
    assert len(data.open_source(str(tmp_path), note=lambda _: None)) == 4


@linux
@pytest.mark.parametrize("place", [b"plac\xe9", "日本".encode(), b"-rf", b'it\'s "here"', b"a\nb"])
def test_data_and_runs_may_lie_anywhere(tmp_path, place, capfd):
    root = raw_classes(
        os.path.join(os.fsdecode(os.fsencode(tmp_path) + b"/" + place)), "cat", "dog"
    )
    run = f"{root}_run"
    made = stages.plan(root, run)
    written = json.loads((Path(run) / "plan.json").read_bytes().decode("utf-8"))
    assert written["data"] == made.data == str(root)
    assert len(data.RunData.open(stages.Plan.read(Path(run) / "plan.json")).source) == 8


@linux
@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_every_file_and_answer_is_utf8_in_any_locale(tmp_path, locale):
    raw_classes(tmp_path / "data", "😀", "日本", "dog")
    with open(os.fsencode(tmp_path) + b"/data/dog/caf\xe9.png", "wb") as file:
        file.write(encoded(noise(99)))
    words = ["plan", "data", "--out", "run"]
    done = subprocess.run(
        [sys.executable, "-m", "actzoo", *words],
        cwd=tmp_path, capture_output=True, timeout=120, check=False,
        env={**os.environ, "LC_ALL": locale, "LANG": locale},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run/plan.json").read_bytes().decode())["classes"] == [
        "dog", "日本", "😀",
    ]  # fmt: skip


def test_a_name_that_begins_with_a_dash_is_no_option_and_that_is_said(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("-x y.png").write_bytes(b"x")
    assert cli.run_command(["predict", "m.tflite", "-x y.png"]) == 2
    assert "To name the file, write './-x y.png'" in capsys.readouterr().err


def test_what_is_written_is_utf8(tmp_path):
    name = os.fsdecode(b"caf\xe9.png") if sys.platform != "win32" else "caf\udce9.png"
    assert files.csv_cell(name) == "caf\\xe9.png" and files.readable("日本") == "日本"
    path = files.write_json(tmp_path / "a.json", {"name": name, "half": "\ud83d"})
    assert json.loads(path.read_bytes().decode("utf-8")) == {"name": name, "half": "\ud83d"}
    found = inference.Prediction(name, "a", 1.0, {"a": 1.0})
    assert answers.answer(found, 5)["input"] == "caf\\xe9.png"
    with answers.Table(tmp_path, None) as table:
        table.add([answers.answer(found, 5)])
    assert "caf\\xe9.png,a" in table.path.read_bytes().decode("utf-8")
