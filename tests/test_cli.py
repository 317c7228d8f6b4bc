"""What the command line prints and which code it ends with."""

import contextlib
import dataclasses
import json
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import fake_run
import pytest

from actzoo import cli, errors, evaluation, files, inference, run_folder, stages


def run_cli(*arguments: str, **options) -> subprocess.CompletedProcess:
    """Run `actzoo` as a user does, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "actzoo", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        **options,
    )


def result_of(folder, passed=True) -> stages.RunResult:
    run = run_folder.RunFolder(fake_run.make(folder, passed=passed))
    return stages.RunResult(
        run,
        passed,
        files.read_json(run.metrics, "metrics"),
        files.read_json(run.verification, "verification"),
        (),
    )


def test_run_ends_with_the_score_the_files_and_the_report(tmp_path, monkeypatch, capsys):
    outcome = result_of(tmp_path / "run")
    monkeypatch.setattr(stages, "run", lambda *a, **k: outcome)
    assert cli.run_command(["run", "photos", "--out", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    accuracy = outcome.metrics["test"]["accuracy"]
    assert f"Test accuracy {accuracy:.3f}" in out
    assert "95 % interval" in out
    assert "always the most frequent class" in out
    assert "model_int8.tflite" in out
    assert out.rstrip().endswith("report.html")


def test_run_says_what_the_data_is_first_and_findings_before_the_score(
    tmp_path, monkeypatch, capsys
):
    outcome = result_of(tmp_path / "run")
    outcome.metrics["findings"] = [
        {"code": "class_never_predicted", "what": "hat is never predicted.",
         "why": "It has 3 training examples.", "suggestion": "Add examples of hat."}
    ]  # fmt: skip
    lines = {"data": "photos in 10 class folders", "looks wrong": "nothing"}

    def run(*_, planned, **__):
        planned(SimpleNamespace(understood=lines))
        print("what a library prints")
        return outcome

    monkeypatch.setattr(stages, "run", run)
    assert cli.run_command(["run", "photos", "--out", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Data         photos in 10 class folders\nLooks wrong  nothing\n")
    words = ("hat is never predicted", "3 training examples", "Add examples", "Test accuracy")
    assert sorted(words, key=out.index) == list(words)


def test_run_ends_with_1_and_the_finding_where_verify_failed(tmp_path, monkeypatch, capsys):
    outcome = result_of(tmp_path / "run", passed=False)
    monkeypatch.setattr(stages, "run", lambda *a, **k: outcome)
    assert cli.run_command(["run", "photos", "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr()
    assert "NO" in said.out
    assert "93.1%" in said.err
    assert "report.html" in said.out


def test_run_hands_on_what_was_given_and_nothing_else(tmp_path, monkeypatch):
    given = {}
    outcome = result_of(tmp_path / "run")
    monkeypatch.setattr(stages, "run", lambda *a, **k: given.update(k, arguments=a) or outcome)
    code = cli.run_command(
        ["run", "photos", "--out", "o", "--epochs", "3", "--export", "float32, int8",
         "--set", "weight_decay=0.1", "--set", "activation=a=b", "--max-pixels", "5"]
    )  # fmt: skip
    assert code == 0
    assert given["arguments"][0] == "photos"
    assert given["epochs"] == 3
    assert given["model"] is None
    assert given["export"] == ["float32", "int8"]
    assert given["settings"] == {"weight_decay": "0.1", "activation": "a=b"}
    assert given["options"] == {"max_pixels": 5}


def test_what_libraries_print_does_not_reach_stdout(tmp_path, monkeypatch, capsys):
    outcome = result_of(tmp_path / "run")

    def noisy(*_, **__):
        print("Saved artifact at ...")
        return outcome

    monkeypatch.setattr(stages, "run", noisy)
    assert cli.run_command(["run", "photos", "--out", "o"]) == 0
    said = capsys.readouterr()
    assert "artifact" not in said.out
    assert "artifact" in said.err


@pytest.mark.parametrize("pair", ["learning_rate", "=1", " =1"])
def test_set_needs_a_key_and_a_value(pair, capsys):
    assert cli.run_command(["run", "photos", "--out", "o", "--set", pair]) == 2
    assert "key=value" in capsys.readouterr().err


def test_list_takes_wildcards_and_prints_json(capsys):
    assert cli.run_command(["list", "activations", "*elu*", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"relu", "gelu", "selu"} <= {row["name"] for row in rows}
    assert all("elu" in " ".join([row["name"], *row["aliases"]]) for row in rows)


@pytest.mark.parametrize("what", ["activations", "models", "weights"])
def test_every_table_is_listed(what, capsys):
    assert cli.run_command(["list", what, "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)


def test_describe_tells_formula_parameters_and_properties(capsys):
    assert cli.run_command(["describe", "leaky_relu(negative_slope=0.2)"]) == 0
    out = capsys.readouterr().out
    for part in ("negative_slope", "0.01", "formula", "properties", "export", "paper"):
        assert part in out


def test_every_name_of_every_table_can_be_described(capsys):
    from actzoo.cli import describe

    for what in describe.TABLES:
        for row in describe.registry(what):
            assert cli.run_command(["describe", row.name, "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["name"] == row.name


def test_evaluate_prints_json_without_nan(tmp_path, monkeypatch, capsys):
    run = fake_run.make(tmp_path / "run")
    scored = {"task": "classification", "test": {"n": 3, "accuracy": math.nan}}
    monkeypatch.setattr(stages, "evaluate", lambda run: scored)
    assert cli.run_command(["evaluate", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["test"]["accuracy"] is None


def test_evaluate_on_other_data_does_not_touch_the_run(tmp_path, monkeypatch, capsys):
    run = fake_run.make(tmp_path / "run")
    asked = []
    scored = {"task": "classification", "test": {}}
    monkeypatch.setattr(evaluation, "evaluate", lambda *a, **k: asked.append(a) or scored)
    assert cli.run_command(["evaluate", str(run), "other", "--precision", "int8"]) == 0
    assert asked == [(run, "other", "int8")]


def test_verify_prints_what_was_written_and_ends_with_1(tmp_path, monkeypatch, capsys):
    run = run_folder.RunFolder(fake_run.make(tmp_path / "run", passed=False))
    outcome = SimpleNamespace(passed=False, path=run.verification)
    monkeypatch.setattr(stages, "verify", lambda run: outcome)
    assert cli.run_command(["verify", str(run.path), "--json"]) == 1
    written = json.loads(capsys.readouterr().out)
    assert written["int8"]["passed"] is False


def test_report_names_the_page(tmp_path, capsys):
    run = fake_run.make(tmp_path / "run")
    assert cli.run_command(["report", str(run)]) == 0
    assert capsys.readouterr().out.rstrip().endswith("report.html")
    assert (run / "report.html").exists()


class FakePredictor:
    card = None
    verified = True

    def __init__(self, answers):
        self._answers = answers

    def predict_batches(self, given, *, out=None, options=None, note=None):
        self.options = options
        yield [self._answers[name] for name in given]

    def close(self):
        self.closed = True


@pytest.fixture
def predictor(monkeypatch):
    def good(name):
        return inference.Prediction(name, "hat", 0.75, {"shoe": 0.25, "hat": 0.75})

    bad = inference.Prediction("b.jpg", None, None, {}, "b.jpg is cut off.")
    fake = FakePredictor({"a.jpg": good("a.jpg"), "=c.jpg": good("=c.jpg"), "b.jpg": bad})
    monkeypatch.setattr(inference, "open_model", lambda *a, **k: fake)
    return fake


def test_predict_prints_labels_and_the_top_classes(predictor, capsys):
    assert cli.run_command(["predict", "m.tflite", "a.jpg", "--json", "--top", "1"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "input": "a.jpg",
            "label": "hat",
            "probability": 0.75,
            "top": [{"label": "hat", "probability": 0.75}],
        }
    ]
    assert predictor.closed


def test_predict_answers_the_good_inputs_and_ends_with_2(predictor, capsys):
    assert cli.run_command(["predict", "m.tflite", "b.jpg", "a.jpg", "--json"]) == 2
    said = capsys.readouterr()
    rows = json.loads(said.out)
    assert [row["label"] for row in rows] == [None, "hat"]
    assert rows[0]["error"] == "b.jpg is cut off."
    assert said.err.count("b.jpg") == 1 and "cut off" in said.err


def test_predict_writes_a_table(predictor, tmp_path, capsys):
    out = tmp_path / "out"
    code = cli.run_command(["predict", "m.tflite", "a.jpg", "=c.jpg", "--out", str(out)])
    assert code == 0
    text = (out / "predictions.csv").read_text("utf-8")
    assert text.splitlines() == [
        "input,label,probability,error",
        "a.jpg,hat,0.750000,",
        "'=c.jpg,hat,0.750000,",
    ]


def test_options_of_data_reach_the_model_and_need_data(predictor, tmp_path, capsys):
    assert cli.run_command(["predict", "m.tflite", "a.jpg", "--encoding", "cp1252"]) == 0
    assert predictor.options == {"encoding": "cp1252"}
    assert cli.run_command(["diagnose", str(tmp_path), "--encoding", "cp1252"]) == 2
    assert "no effect: encoding" in capsys.readouterr().err


def test_predict_flags_a_model_without_a_recorded_hash(predictor, capsys):
    predictor.verified = False
    assert cli.run_command(["predict", "m.tflite", "a.jpg"]) == 0
    assert "no recorded hash" in capsys.readouterr().err


def test_interruption_ends_with_130_and_the_command_that_goes_on(monkeypatch, capsys):
    def stopped(*_, **__):
        raise KeyboardInterrupt("Interrupted after 3 whole epochs; they are kept.")

    monkeypatch.setattr(stages, "run", stopped)
    assert cli.run_command(["run", "my photos", "--out", "o"]) == 130
    lines = capsys.readouterr().err.rstrip().splitlines()
    assert "3 whole epochs" in lines[-2]
    expected = ["run", "my photos", "--out", "o", "--resume"]
    assert lines[-1] == errors.command(*expected)


SLEEPER = """
import sys, time
from actzoo import cli, stages
def run(*_, **__):
    print("ready", file=sys.stderr, flush=True)
    time.sleep(30)
stages.run = run
sys.argv = ["actzoo", "run", "photos", "--out", "o"]
cli.main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
def test_being_terminated_is_like_ctrl_c():
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stderr=subprocess.PIPE, encoding="utf-8"
    )
    try:
        assert process.stderr.readline() == "ready\n"
        process.terminate()
        _, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.rstrip().splitlines()[-1] == "actzoo run photos --out o --resume"


def test_debug_shows_the_traceback_wherever_it_stands(monkeypatch, capsys):
    def refused(*_, **__):
        raise errors.DataError("Nothing there.")

    monkeypatch.setattr(stages, "run", refused)
    assert cli.run_command(["run", "photos", "--out", "o"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    for words in (["--debug", "run", "p", "--out", "o"], ["run", "p", "--out", "o", "--debug"]):
        assert cli.run_command(words) == 2
        assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_is_not_a_defect(monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "run/model.keras")

    monkeypatch.setattr(stages, "run", full)
    assert cli.run_command(["run", "photos", "--out", "o"]) == 2
    assert "space" in capsys.readouterr().err


def test_a_run_leaves_streams_and_signals_as_they_were(unchanged, capsys):
    before = sys.stdout, sys.stderr
    cli.run_command(["list", "models"])
    assert (sys.stdout, sys.stderr) == before


def test_module_and_command_are_the_same():
    done = run_cli("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("actzoo ")


def test_what_describe_says_of_exports_is_what_lowering_does():
    from actzoo import lowering
    from actzoo.cli import describe

    for row in describe.registry("activations"):
        form = lowering.device_form(row.name)
        says_table = "one table" in describe.described(row.name)["export"]
        assert says_table == (row.elementwise and form.one_table), row.name


def test_tensorflow_starts_without_chatter_and_errors_still_show():
    code = (
        "import sys\n"
        "from actzoo.cli import console\n"
        "with console.quiet_start():\n"
        "    import tensorflow\n"
        "print('after', file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 0
    assert done.stderr == "after\n"


# --- the curve of an activation ------------------------------------------------------------------


def curve_of(spec, capsys, monkeypatch, columns="72"):
    monkeypatch.setenv("COLUMNS", columns)
    assert cli.run_command(["describe", spec]) == 0
    _, _, drawn = capsys.readouterr().out.partition("\n\n")
    return drawn.splitlines()


def test_describe_draws_the_curve_with_its_parameters(capsys, monkeypatch):
    lines = curve_of("leaky_relu(negative_slope=0.3)", capsys, monkeypatch)
    assert len(lines) == 19
    assert lines[0].endswith("f'")
    assert [line.split(" ┤")[0].strip() for line in lines if "┤" in line] == "6 4 2 0 -2".split()
    assert lines[-1].split() == "-6 -4 -2 0 2 4 6".split()
    assert lines != curve_of("leaky_relu", capsys, monkeypatch)
    (lowest,) = (line for line in lines if line.startswith("-2"))
    assert "⠒" in lowest[:12]  # f(-6) = -1.8


@pytest.mark.parametrize("columns", ["40", "72", "200"])
def test_curve_fits_the_width_of_the_terminal(columns, capsys, monkeypatch):
    lines = curve_of("mish", capsys, monkeypatch, columns)
    widest = max(map(len, lines))
    assert min(int(columns), 100) - 5 <= widest <= int(columns)


def test_curve_is_drawn_in_ascii_where_the_encoding_knows_no_more():
    done = subprocess.run(
        [sys.executable, "-m", "actzoo", "describe", "hard_tanh"],
        capture_output=True, timeout=60, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    drawn = done.stdout.decode("ascii").partition("\n\n")[2]
    assert done.returncode == 0
    assert "\\" not in drawn
    lines = drawn.splitlines()
    top, bottom = (lines[row].partition("+")[2].rstrip() for row in (1, 16))  # 1 and -1
    assert top.endswith("****") and "o o" in top
    assert bottom.startswith("****")


def test_all_curves_can_be_drawn():
    from actzoo import activations
    from actzoo.activations import curves
    from actzoo.cli import plots

    for name in activations.names():
        if curves.no_curve(name) is None:
            drawn = plots.activation(name, 60, plain=True)
            assert any("*" in text for line in drawn[1:] for text, _ in line), name


def test_many_waves_are_drawn_where_they_can_be_distinguished(capsys, monkeypatch):
    *_, numbers = curve_of("sine(w0=30)", capsys, monkeypatch)
    assert 0 < max(float(number) for number in numbers.split()) < 1


def test_what_has_no_curve_says_why(capsys):
    assert cli.run_command(["describe", "softmax"]) == 0
    assert "No curve to draw: it looks at several channels" in capsys.readouterr().out


def test_drawing_is_left_out_of_json_and_needs_no_keras():
    code = (
        "import sys; from actzoo import cli\n"
        "assert cli.run_command(['describe', 'mish']) == 0\n"
        "assert not {'keras', 'tensorflow', 'rich.console'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8")
    assert "⠤" not in run_cli("describe", "mish", "--json").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_curve_has_colors_on_a_terminal_only():
    import pty

    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "actzoo", "describe", "tanh"], stdout=theirs, check=True,
        env={**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", "NO_COLOR": ""},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux ends a pseudo-terminal with an error
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    assert b"\x1b[1;36m" in shown
    assert "\x1b" not in run_cli("describe", "tanh").stdout


@pytest.mark.parametrize("words", [["run"], ["--debug", "run"], ["run", "--debug"]])
def test_options_of_kinds_of_data_from_elsewhere_are_offered(words, monkeypatch, toy, capsys):
    from actzoo import data_options, domains

    own = data_options.DataOption("grid_color", str, "Of the grid.")
    row = dataclasses.replace(domains.DOMAINS.get("toy"), options=(own,))
    monkeypatch.setitem(domains.DOMAINS._rows, "toy", row)
    assert cli.run_command([*words, "--help"]) == 0
    assert "--grid-color" in capsys.readouterr().out


def test_notes_on_many_answers_are_not_all_printed(capsys):
    from actzoo.cli import answers

    rows = [{"input": f"text {i}", "notes": ["little of it is known."]} for i in range(15)]
    unread, noted = answers.tell([*rows, {"input": "x", "error": "It is empty."}])
    assert (unread, noted) == (1, 15)
    assert answers.tell(rows * 3, noted) == (0, 60)
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if "little of it" in line]) == answers.MOST_NOTES
    assert sum("--json names them all" in line for line in lines) == 1
