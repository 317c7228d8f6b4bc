"""What a command line may hold, and where it may be run."""

import json
import math
import os
import subprocess
import sys

import fake_run
import pytest

from actzoo import cli, errors, stages
from actzoo.cli import console

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
LIGHT = """
import sys
from actzoo import cli
code = cli.run_command(sys.argv[1:])
heavy = {"tensorflow", "keras", "rich", "jinja2", "matplotlib", "sklearn"} & set(sys.modules)
sys.exit(f"imports {heavy}" if heavy else code)
"""


def in_shell(command: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["sh", "-c", command.replace("actzoo", f'"{sys.executable}" -m actzoo')],
        capture_output=True,
        timeout=60,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["--version"], ["run", "-h"],
                                   ["list", "activations"], ["describe", "silu"], []])  # fmt: skip
def test_help_and_version_are_light(words):
    """The seconds are a benchmark's business; what costs them is imports."""
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, *words], capture_output=True, encoding="utf-8", timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["trian", "run"], "train"),
        (["run", "photos", "--out", "o", "--epoch", "3"], "--epochs"),
        (["run", "photos", "--out", "o", "--export", "int9"], "int8"),
        (["list", "activation"], "activations"),
        (["list", "models", "resnet81"], "resnet18"),
        (["describe", "swsh"], "silu"),
        (["plan", "photos", "--out", "o", "--wieghts", "none"], "--weights"),
    ],
)
def test_unknown_words_name_the_nearest(words, nearest, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.run_command(words) == 2
    said = capsys.readouterr()
    assert nearest in said.err
    assert words[-1] in said.err or words[0] in said.err or words[-2] in said.err
    assert "Traceback" not in said.err
    assert not said.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "nan"])
def test_values_of_the_wrong_kind_are_shown(value, capsys):
    assert cli.run_command(["run", "photos", "--out", "o", "--epochs", value]) == 2
    said = capsys.readouterr().err
    assert "--epochs" in said
    assert value in said


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pictures"
    for index in range(24):
        fake_run.picture(folder / ("cat", "dog")[index % 2] / f"{index}.jpg", index, side=32)
    return folder


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("learning_rate=0,001", "a number"),
        ("learning_rate=nan", "a number"),
        ("learning_rate=-1", "above 0"),
        ("learning_rate=", "a number"),
        ("batch_size=1.5", "a whole number"),
        ("class_weights=maybe", "true or false"),
        ("learning_rat=1e-3", "learning_rate"),
        ("a.b.c=1", "Unknown setting"),
        ("__class__=1", "Unknown setting"),
    ],
)
def test_settings_are_read_by_the_type_of_their_field(setting, words, pictures, tmp_path, capsys):
    out = tmp_path / "run"
    assert cli.run_command(["plan", str(pictures), "--out", str(out), "--set", setting]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not (out / "plan.json").exists()


def test_a_good_setting_reaches_the_plan(pictures, tmp_path, capsys):
    out = tmp_path / "run"
    words = ["plan", str(pictures), "--out", str(out), "--set", "learning_rate=1e-3"]
    assert cli.run_command(words) == 0
    plan = json.loads((out / "plan.json").read_text("utf-8"))
    assert {phase["learning_rate"] for phase in plan["recipe"]["phases"]} == {1e-3}
    assert "plan.json" in capsys.readouterr().out


@pytest.mark.parametrize("edit", [('"epochs": 8', '"epochs": "8"'), ('"seed": 0', '"sed": 0')])
def test_an_edited_plan_is_refused_by_path_and_line(edit, tmp_path, capsys):
    run = fake_run.make(tmp_path / "run", pictures=False)
    text = json.dumps(json.loads((run / "plan.json").read_text("utf-8")), indent=1)
    assert edit[0] in text
    (run / "plan.json").write_text(text.replace(*edit), "utf-8")
    assert cli.run_command(["train", str(run)]) == 2
    said = capsys.readouterr().err
    assert "line" in said
    assert "recipe" in said
    assert "Traceback" not in said


HOSTILE = ("[/a]", "[red]x[/red]", "\x1b[31mred", "two\nlines", "\u202etxt.exe", "\x07bell")


def test_names_are_printed_literally(tmp_path, monkeypatch, capsys):
    run = fake_run.make(tmp_path / "run", pictures=False)
    per_class = {name: {"n": 1, "precision": 1.0, "recall": 1.0, "f1": 1.0} for name in HOSTILE}
    scored = {"task": "classification", "test": {"per_class": per_class}}
    monkeypatch.setattr(stages, "evaluate", lambda run: scored)
    assert cli.run_command(["evaluate", str(run)]) == 0
    out = capsys.readouterr().out
    assert "[/a]" in out
    assert "[red]x[/red]" in out
    assert "\\x1b[31mred" in out
    assert "two\\x0alines" in out or "two\\nlines" in out
    assert not any(c in out for c in "\x1b\x07\u202e")


def test_arguments_do_not_steer_the_terminal(capsys):
    for words in (["\x1b[31m"], ["describe", "\x1b[31mx"], ["evaluate", "\x1b]0;x\x07"]):
        assert cli.run_command(words) == 2
        assert "\x1b" not in capsys.readouterr().err


@POSIX
@pytest.mark.parametrize(
    "command",
    [
        "actzoo list activations | head -n 1",
        "actzoo list activations --json | true",
        "actzoo list activations >&-",
        "actzoo trian 2>&-; test $? -eq 2",
        "actzoo trian 2>&1 | true",
        "actzoo --help | head -n 1",
        "actzoo list activations </dev/null",
    ],
)
def test_closed_streams_leave_no_traceback(command):
    done = in_shell(command)
    assert done.returncode == 0, done
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@POSIX
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_results_that_cannot_be_written_are_not_a_success():
    done = in_shell("actzoo list activations > /dev/full")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


@POSIX
@pytest.mark.parametrize(
    "environment",
    [
        {"TERM": "dumb"},
        {"COLUMNS": "20"},
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"NO_COLOR": "1"},
        {"FORCE_COLOR": "1"},
    ],
)
def test_any_terminal_will_do(environment):
    for command in ("actzoo list activations", "actzoo describe silu", "actzoo run --help"):
        done = in_shell(command, **environment)
        assert done.returncode == 0, done
        assert not done.stderr
        assert b"\x1b" not in done.stdout
    done = in_shell("actzoo list activations --json", **environment)
    assert len(json.loads(done.stdout)) >= 35


@POSIX
def test_json_is_whole_where_the_terminal_knows_only_ascii():
    code = (
        "from actzoo.cli import console\n"
        "with console.safe_streams():\n"
        "    console.say_json({'名': ['😀', float('nan'), '\\udc80']})"
    )
    for encoding in ("ascii", "utf-8", "latin-1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding},
        )
        assert done.returncode == 0, done.stderr
        read = json.loads(done.stdout.decode(encoding))
        assert read == {"名": ["😀", None, "\udc80"]}


def test_json_never_holds_nan(capsys):
    console.say_json([math.nan, math.inf, -math.inf, 1.5])
    assert json.loads(capsys.readouterr().out) == [None, None, None, 1.5]


def test_a_missing_extra_names_the_install_line(monkeypatch, capsys):
    def refused(*_, **__):
        raise errors.missing_extra("nibabel", "medical", "Reading NIfTI volumes")

    monkeypatch.setattr(stages, "run", refused)
    assert cli.run_command(["run", "scans", "--out", "o"]) == 2
    assert 'pip install "actzoo[medical]"' in capsys.readouterr().err


def test_a_defect_ends_with_3_and_a_log_without_secrets(tmp_path, monkeypatch, capsys, request):
    monkeypatch.setenv("SOME_API_KEY", "k3y-0f-the-k1ngd0m")
    monkeypatch.setenv("PLAIN_SETTING", "not-to-be-logged")

    def broken(data, *_, **__):
        patient = "Jane Doe"
        try:
            raise ValueError(f"cannot read {patient} with k3y-0f-the-k1ngd0m")
        except ValueError as error:
            raise RuntimeError(f"in {data}") from error

    monkeypatch.setattr(stages, "run", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cli.run_command(["run", "private_folder", "--out", "o"]) == 3
    said = capsys.readouterr()
    lines = said.err.rstrip().splitlines()
    assert len(lines) == 2
    assert "report" in lines[1]
    (log,) = tmp_path.glob("*.log")
    assert str(log) in lines[1]
    text = log.read_text("utf-8")
    for secret in ("k3y-0f", "Jane Doe", "private_folder", "not-to-be-logged"):
        assert secret not in text
    assert "RuntimeError" in text
    assert "ValueError" in text
    assert "in broken" in text
    assert "keras" in text


def test_a_plan_given_for_its_run_names_the_folder(tmp_path, capsys):
    run = tmp_path / "my run"
    run.mkdir()
    (run / "plan.json").write_text("{}")
    assert cli.run_command(["train", str(run / "plan.json")]) == 2
    assert f"Give the folder that it is in: '{run}'" in capsys.readouterr().err
