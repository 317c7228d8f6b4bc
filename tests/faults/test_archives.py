"""Archives as people make them: names, methods, wrapping folders, links, and what is none."""

import gzip
import io
import os
import struct
import tarfile
import unicodedata
import zipfile
import zlib

import pytest
from picture_files import encoded, noise, write_classes

from actzoo import archives, cli, data, domains, errors


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def raw_zip(path, members, flags=0, method=0, extra=lambda name: b"", disk=0):
    """Write a .zip whose names, flags and methods are as they are given."""
    body, central = b"", b""
    for name, content in members.items():
        more = extra(name)
        common = struct.pack(
            "<HHHHHIIIHH", 20, flags, method, 0, 0x5821, zlib.crc32(content), len(content),
            len(content), len(name), len(more),
        )  # fmt: skip
        rest = struct.pack("<HHHII", 0, disk, 0, 0, len(body))
        central += b"PK\x01\x02" + struct.pack("<H", 20) + common + rest + name + more
        body += b"PK\x03\x04" + common + name + more + content
    counts = struct.pack("<HHHH", disk, disk, len(members), len(members))
    end = b"PK\x05\x06" + counts + struct.pack("<IIH", len(central), len(body), 0)
    path.write_bytes(body + central + end)
    return path


def pictures(*classes, count=4):
    return {
        (name if isinstance(name, bytes) else name.encode()) + b"/%d.png" % number: encoded(
            noise(10 * place + number)
        )
        for place, name in enumerate(classes)
        for number in range(count)
    }


def classes_of(path, **options):
    return data.open_source(str(path), None, {**options}, lambda _: None).classes


def refusal(path, **options):
    with pytest.raises(errors.ActzooError) as raised:
        data.open_source(str(path), None, options, lambda _: None)
    assert "Traceback" not in str(raised.value)
    return str(raised.value)


# --- names -----------------------------------------------------------------------------------


def test_names_without_a_flag_are_utf8_and_composed(tmp_path):
    for form in ("NFC", "NFD"):
        names = [unicodedata.normalize(form, name).encode() for name in ("café", "日本が", "dog")]
        path = raw_zip(tmp_path / f"{form}.zip", pictures(*names))
        assert classes_of(path) == ("café", "dog", "日本が")


def test_a_flag_and_infozips_field_say_what_names_are(tmp_path):
    flagged = raw_zip(tmp_path / "flag.zip", pictures("café", "dog"), flags=0x800)
    assert classes_of(flagged) == ("café", "dog")

    def field(name):
        true = name.decode("cp850").encode()
        content = b"\x01" + struct.pack("<I", zlib.crc32(name)) + true
        return struct.pack("<HH", 0x7075, len(content)) + content

    path = raw_zip(tmp_path / "field.zip", pictures("café".encode("cp850"), "dog"), extra=field)
    assert classes_of(path) == ("café", "dog")
    path = raw_zip(tmp_path / "wrong.zip", pictures("cafe", "dog"), extra=lambda name: field(b"x"))
    assert classes_of(path) == ("cafe", "dog")


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("写真", "cp932"), ("表", "cp932"), ("猫咪", "gbk"), ("고양이", "cp949"), ("кот", "cp866"),
     ("Größe", "cp850"), ("Größe", "cp437"), ("café", "cp1252")],
)  # fmt: skip
def test_other_encodings_are_asked_for_and_then_taken(tmp_path, name, encoding):
    path = raw_zip(tmp_path / "a.zip", pictures(name.encode(encoding), "dog"))
    said = refusal(path)
    assert "4 names" in said and "--archive-encoding" in said
    assert f"{encoding} reads '{name}" in said or name in said
    assert classes_of(path, archive_encoding=encoding) == tuple(sorted([name, "dog"]))


def test_a_tar_says_its_encoding_no_better(tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT, encoding="latin-1") as file:
        for name, content in pictures("café".encode("latin-1"), "dog").items():
            info = tarfile.TarInfo(name.decode("latin-1"))
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    assert "cp1252 reads 'café" in refusal(path)
    assert classes_of(path, archive_encoding="latin-1") == ("café", "dog")


def test_an_encoding_that_does_not_fit_or_exist_is_refused(tmp_path):
    path = raw_zip(tmp_path / "a.zip", pictures(b"caf\xff\xe9", "dog"))
    assert "names that are not cp932" in refusal(path, archive_encoding="cp932")
    assert "no encoding of texts 'klingon'" in refusal(path, archive_encoding="klingon")
    said = refusal(raw_zip(tmp_path / "b.zip", pictures(b"caf\xe9", "dog"), flags=0x800))
    assert "calls UTF-8 and that are not" in said


def test_the_encoding_is_an_option_of_the_commands_and_kept_in_the_plan(tmp_path, capfd):
    path = raw_zip(tmp_path / "a.zip", pictures("写真".encode("cp932"), "dog", count=5))
    words = ["plan", str(path), "--out", str(tmp_path / "run")]
    assert cli.run_command(words) == 2
    assert not (tmp_path / "run").exists()
    assert cli.run_command([*words, "--archive-encoding", "cp932"]) == 0
    assert '"archive_encoding": "cp932"' in (tmp_path / "run/plan.json").read_text("utf-8")


# --- what is in them -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "flags", "words"),
    [(9, 0, "Deflate64"), (98, 0, "PPMd"), (6, 0, "Implode"), (95, 0, "XZ"), (77, 0, "77"),
     (99, 1, "encrypted with a password .AES"), (0, 1, "encrypted with a password")],
)  # fmt: skip
def test_methods_that_are_not_read_are_named(tmp_path, method, flags, words):
    path = raw_zip(tmp_path / "my photos.zip", pictures("cat", "dog"), flags, method)
    said = refusal(path)
    assert words.replace(".", "(") in said and "damaged" not in said
    assert f"7z x '{path}' -o'{tmp_path}/my photos'" in said


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_of_python_are_read(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as file:
        for name, content in pictures("cat", "dog").items():
            with file.open(name.decode(), "w", force_zip64=True) as member:
                member.write(content)
    assert classes_of(tmp_path / "a.zip") == ("cat", "dog")


def test_backslashes_of_windows_are_separators(tmp_path):
    inside = {
        name.replace(b"/", b"\\"): content for name, content in pictures("cat", "dog").items()
    }
    path = raw_zip(tmp_path / "a.zip", {b"photos\\": b"", b"cat\\": b"", **inside})
    assert classes_of(path) == ("cat", "dog")


def test_the_content_says_which_kind_an_archive_is(tmp_path):
    zipped = raw_zip(tmp_path / "a.tar.gz", pictures("cat", "dog"))
    assert classes_of(zipped) == ("cat", "dog")
    with tarfile.open(tmp_path / "b.zip", "w:xz") as file:
        file.add(write_classes(tmp_path / "data"), "data")
    assert classes_of(tmp_path / "b.zip") == ("cat", "dog")
    with tarfile.open(tmp_path / "c.tar", "w") as file:  # its end looks like that of a .zip
        file.add(tmp_path / "data", "data")
        file.add(zipped, "README.zip")
    assert classes_of(tmp_path / "c.tar") == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.7z", b"7z\xbc\xaf\x27\x1c...", ("a 7z archive", "7z x")),
        ("a.rar", b"Rar!\x1a\x07..", ("a RAR archive", "7z x")),
        ("a.tar.zst", b"\x28\xb5\x2f\xfd", ("Zstandard", "tar --zstd -xf")),
        ("a.z01", b"PK\x03\x04", ("part of a divided .zip", "7z x")),
        ("a.zip.001", b"PK\x03\x04", ("part of a divided .zip",)),
        ("a.zip", b"Rar!\x1a\x07..", ("is a RAR archive",)),
        ("a.zip", b"<!DOCTYPE html><title>Sign in", ("is a web page", "Get the archive again")),
        ("a.tar.gz", b"<?xml version='1.0'?><Error>", ("an XML text",)),
        ("a.zip", b"version https://git-lfs.github.com/spec/v1", ("git lfs pull",)),
        ("a.zip", gzip.compress(b"x" * 99, mtime=0), ("damaged or cut short",)),
        ("a.zip", b"", ("it has 0 bytes", "Get it again.")),
    ],
)
def test_what_is_no_archive_that_is_read_is_named(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    said = refusal(tmp_path / name)
    assert all(word in said for word in words), said


def test_divided_archives_are_named(tmp_path):
    last = raw_zip(tmp_path / "a.zip", pictures("cat", "dog"), disk=2)
    assert "one part of a divided .zip" in refusal(last)
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04" + bytes(500))
    (tmp_path / "b.z01").write_bytes(b"PK")
    assert "one part of a divided .zip" in refusal(tmp_path / "b.zip")


def test_members_that_no_file_system_takes_are_named(tmp_path):
    for name, words in (
        (b"cat/" + b"x" * 300 + b".png", "name of 304 bytes"),
        (b"/".join([b"y" * 200] * 30), "path that is too long"),
        (b"cat/0.png/below.png", "is a file below a file"),
        (b"cat\\0.png\\below.png", "is a file below a file"),
    ):
        path = raw_zip(tmp_path / "a.zip", {**pictures("cat", "dog"), name: b"x"})
        said = refusal(path)
        assert words in said and "damaged" not in said and "space" not in said


# --- what is around them ---------------------------------------------------------------------

BESIDE = ("README.md", "LICENSE", "readme.txt", "paper.pdf", ".DS_Store", "__MACOSX/._cat",
          "photos.zip", "Thumbs.db")  # fmt: skip


@pytest.mark.parametrize("top", ["", "photos/", "photos/photos/", "a/b/c/"])
@pytest.mark.parametrize("packed", [True, False])
def test_wrapping_folders_are_looked_through(tmp_path, top, packed):
    root = write_classes(tmp_path / "data" / top)
    for name in BESIDE:
        (tmp_path / "data" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "data" / name).write_bytes(b"x")
    place = tmp_path / "data"
    if packed:
        place = tmp_path / "data.zip"
        with zipfile.ZipFile(place, "w") as file:
            for path in (tmp_path / "data").rglob("*"):
                file.write(path, path.relative_to(tmp_path / "data"))
    source = data.open_source(str(place), note=lambda _: None)
    assert source.classes == ("cat", "dog") and len(source) == 12
    same = data.open_source(str(root), note=lambda _: None).fingerprint().content_hash
    assert source.fingerprint().content_hash == same


def test_wrapping_folders_hold_tables_scans_and_splits_too(tmp_path):
    text = tmp_path / "texts/reviews"
    text.mkdir(parents=True)
    (tmp_path / "texts/README.md").write_text("x")
    for split in ("train", "test"):
        rows = [f"good thing {n} {split},pos\nbad thing {n} {split},neg\n" for n in range(9)]
        (text / f"{split}.csv").write_text("text,label\n" + "".join(rows))
    assert domains.recognize(str(tmp_path / "texts")).name == "text"
    scans = tmp_path / "scans/set/images"
    scans.mkdir(parents=True)
    (tmp_path / "scans/set/masks").mkdir()
    (tmp_path / "scans/LICENSE.txt").write_text("x")
    (scans / "a.png").write_bytes(encoded(noise()))
    (tmp_path / "scans/set/masks/a.png").write_bytes(encoded(noise()[..., 0] // 200))
    assert domains.recognize(str(tmp_path / "scans")).name == "medical"
    write_classes(tmp_path / "split/train")
    assert domains.locate(tmp_path / "split") == str(tmp_path / "split")
    write_classes(tmp_path / "one", ("cat",))
    assert domains.locate(tmp_path / "one") == str(tmp_path / "one")
    (tmp_path / "named/photos/cat").mkdir(parents=True)
    (tmp_path / "named/labels.json").write_text("{}")  # it may say what the data means
    assert domains.locate(tmp_path / "named") == str(tmp_path / "named")


def test_archives_inside_are_named(tmp_path):
    inner = raw_zip(tmp_path / "train.zip", pictures("cat", "dog"))
    outer = raw_zip(tmp_path / "kaggle.zip", {b"train.zip": inner.read_bytes(), b"test.7z": b"x"})
    assert "holds archives (test.7z, train.zip)" in refusal(outer)
    (tmp_path / "folder").mkdir()
    inner.rename(tmp_path / "folder/train.zip")
    assert "holds archives (train.zip)" in refusal(tmp_path / "folder")


def test_messages_about_the_content_name_the_archive(tmp_path, cache):
    path = raw_zip(tmp_path / "one.zip", pictures("cat"))
    said = refusal(path)
    assert "one.zip" in said and str(cache) not in said


# --- links -----------------------------------------------------------------------------------


def tar_with_links(path, *links):
    with tarfile.open(path, "w:gz") as file:
        for name, content in pictures("cat", "dog").items():
            info = tarfile.TarInfo(name.decode())
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
        for name, kind, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            file.addfile(info)
    return path


def test_links_that_stay_inside_are_kept(tmp_path):
    path = tar_with_links(
        tmp_path / "a.tar.gz",
        ("emu/0.png", tarfile.LNKTYPE, "cat/0.png"),
        ("emu/1.png", tarfile.SYMTYPE, "../dog/1.png"),
        ("emu/2.png", tarfile.SYMTYPE, "./1.png"),
        ("fox", tarfile.SYMTYPE, "cat"),
        ("a/b/up", tarfile.SYMTYPE, "../../cat"),
        ("a/b/out", tarfile.SYMTYPE, "up/../../0.png"),  # by way of the other one, outside
        ("a/root", tarfile.SYMTYPE, ".."),
    )
    inside = archives.folder_of(path)
    assert (inside / "emu/0.png").read_bytes() == (inside / "cat/0.png").read_bytes()
    assert (inside / "emu/2.png").read_bytes() == (inside / "dog/1.png").read_bytes()
    assert os.readlink(inside / "a/b/out") == "../0.png"
    assert sorted(os.listdir(inside / "fox")) == sorted(os.listdir(inside / "cat"))


@pytest.mark.parametrize(
    "links",
    [
        [("x", tarfile.SYMTYPE, "/etc")],
        [("cat/x", tarfile.SYMTYPE, "../../x")],
        [("x", tarfile.LNKTYPE, "../x")],
        [("x", tarfile.LNKTYPE, "nowhere")],
        [("x", tarfile.SYMTYPE, "cat"), ("x/evil.png", tarfile.LNKTYPE, "cat/0.png")],
        [("x", tarfile.SYMTYPE, "C:\\Windows")],
    ],
)
def test_links_that_lead_out_are_refused_with_all(tmp_path, cache, links):
    said = refusal(tar_with_links(tmp_path / "a.tar.gz", *links))
    assert "refused as a whole" in said
    assert not list(cache.rglob("*.png")) and not list(cache.rglob(".tmp*"))
