"""Names of files, folders and classes that are legal and yet break things."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from actzoo import errors

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
