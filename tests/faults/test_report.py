"""Faults 119 to 123: what a report survives, and what never becomes part of its page."""

import json
import random
import re
import sys
from pathlib import Path

import fake_run
import pytest

from actzoo import report, results

sys.path.insert(0, str(Path(__file__).parents[1]))
from test_report import Page

HOSTILE = (
    "<script>alert(1)</script>",
    '"onload="alert(1)',
    "</script><img src=x onerror=alert(1)>",
    "{{7*7}}",
    "javascript:alert(1)",
    "' style='position:fixed",
    "</style></title></svg>",
    "<!-- ",
    "]]>&lt;&amp;",
    "\x00\x1b[31m\u202e",
)
PLAIN = tuple(f"class {i}" for i in range(len(HOSTILE)))


def render(run: Path) -> Page:
    return Page(report.render(run).read_text("utf-8"))


def poisoned(run: Path) -> Path:
    """Put hostile text wherever a file of the run holds text that comes from outside."""

    def poison(value):
        if isinstance(value, dict):
            return {key: poison(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [poison(inner) for inner in value]
        free = isinstance(value, str) and value not in KEPT and not value.startswith("pictures/")
        return HOSTILE[len(value) % len(HOSTILE)] + value if free else value

    for file in [*run.glob("*.json"), *run.glob("stages/*.json"), *run.glob("e*/*.json")]:
        data = json.loads(file.read_text("utf-8"))
        file.write_text(json.dumps(poison(data)), "utf-8")
    history = run / "history.csv"
    text = history.read_text("utf-8").replace("head,", "<b onclick=alert(1)>,")
    history.write_text(text, "utf-8")
    return run


KEPT = {"gallery", "bars", "hidden", "gate", "output", "none", "Mistakes the model was surest of"}


def test_f119_hostile_text_changes_no_element_and_no_attribute(tmp_path):
    plain = render(fake_run.make(tmp_path / "plain", classes=PLAIN))
    hostile = render(poisoned(fake_run.make(tmp_path / "hostile", classes=HOSTILE)))
    assert hostile.tags == plain.tags

    def structure(page):
        return [
            (tag, name, None if name in ("src", "points") else value)
            for tag, name, value in page.attributes
        ]

    assert structure(hostile) == structure(plain)
    for text in HOSTILE[:9]:
        assert " ".join(text.split()) in hostile.words
    assert not any(c in "".join(hostile.text) for c in "\x00\x1b\u202e")


def test_f119_the_page_loads_nothing_and_runs_nothing(tmp_path):
    run = fake_run.make(tmp_path / "run", classes=HOSTILE)
    page = render(run)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form", "a"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    for tag, name, value in page.attributes:
        if name in ("src", "href", "action", "data", "srcset", "poster", "xlink:href"):
            assert (tag, name) == ("img", "src")
            assert re.fullmatch(r"data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+", value)
        assert name != "style"
    text = results.RunFolder(run).report.read_text("utf-8")
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    policies = [
        value
        for tag, name, value in page.attributes
        if tag == "meta" and name == "content" and "default-src" in value
    ]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policies[0]


def test_f119_the_policy_allows_exactly_the_style_of_the_page(tmp_path):
    import base64
    import hashlib

    text = report.render(fake_run.make(tmp_path / "run")).read_text("utf-8")
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_f120_cells_are_no_formulas(text):
    assert results.csv_cell(text) == f"'{text}"
    assert results.csv_cell("a=b") == "a=b"
    assert results.csv_cell("") == ""


FILES = (
    "plan.json",
    "model.json",
    "metrics.json",
    "diagnostics.json",
    "history.csv",
    "evaluation/panels.json",
    "evaluation/predictions.csv",
    "export/verify.json",
    "export/export.json",
)
DAMAGE = {
    "missing": None,
    "empty": b"",
    "cut": b'{"format": 1, "test": {"accuracy": 0.',
    "nothing": b"{}",
    "a list": b"[1, 2]",
    "NaN": b'{"test": {"accuracy": NaN}}',
    "newer": b'{"format": 99}',
    "not text": b"\xff\xfe\x00\x01" * 50,
    "deep": b"[" * 5000,
}


@pytest.mark.parametrize("name", FILES)
def test_f121_a_missing_or_broken_file_becomes_a_named_gap(name, tmp_path):
    run = fake_run.make(tmp_path / "run", pictures=False)
    for kind, content in DAMAGE.items():
        if content is None:
            (run / name).unlink()
        else:
            (run / name).write_bytes(content)
        page = render(run)
        words = page.words
        assert Path(name).name in words, kind
        assert "How to reproduce" in words
        assert str(tmp_path) not in words


def test_f121_an_empty_folder_gives_a_page(tmp_path):
    words = render(tmp_path).words
    assert words.count("Not shown") >= 7
    assert "Not verified yet" in words


def test_f121_partial_metrics_show_what_is_there(tmp_path):
    run = fake_run.make(tmp_path / "run", pictures=False)
    (run / "metrics.json").write_text('{"format": 1, "test": {"accuracy": 0.5, "n": 4}}', "utf-8")
    words = render(run).words
    assert "50.0%" in words
    assert "no confusion matrix" in words


JUNK = (None, True, -1, 10**400, 1e300, "", "x" * 10_000, [], {}, [[]], {"a": {}}, [None], "NaN")


def _spoil(value, chance):
    """Return a JSON value in which one place holds something else."""
    places = []

    def walk(inner, path):
        places.append(path)
        if isinstance(inner, dict):
            for key in inner:
                walk(inner[key], (*path, key))
        elif isinstance(inner, list):
            for index in range(min(len(inner), 3)):
                walk(inner[index], (*path, index))

    walk(value, ())
    path = chance.choice(places[1:])
    target = value
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = chance.choice(JUNK)
    return path


@pytest.mark.parametrize("seed", range(12))
def test_f121_any_value_anywhere_leaves_a_page(seed, tmp_path):
    chance = random.Random(seed)
    run = fake_run.make(tmp_path / "run", pictures=False, epochs=9, each=3)
    names = [name for name in FILES if name.endswith(".json")]
    originals = {name: json.loads((run / name).read_text("utf-8")) for name in names}
    for _ in range(8):
        name = chance.choice(names)
        data = json.loads(json.dumps(originals[name]))
        path = _spoil(data, chance)
        (run / name).write_text(json.dumps(data), "utf-8")
        page = render(run)
        assert "How to reproduce" in page.words, (name, path)
        (run / name).write_text(json.dumps(originals[name]), "utf-8")


def _inside(page: Page) -> None:
    """Check that every number of every drawing is a number, inside of its picture."""
    width = height = None
    for tag, name, value in page.attributes:
        if tag == "svg" and name.lower() == "viewbox":
            width, height = map(float, value.split()[2:])
        elif name == "points":
            for x, y in (map(float, pair.split(",")) for pair in value.split()):
                assert 0 <= x <= width and 0 <= y <= height
        elif tag in ("rect", "line", "circle") and name in ("x", "x1", "x2", "cx", "width"):
            assert 0 <= float(value) <= width, (tag, name, value)
        elif tag in ("rect", "line", "circle") and name in ("y", "y1", "y2", "cy", "height"):
            assert 0 <= float(value) <= height, (tag, name, value)


HEADER = "epoch,phase,learning_rate,loss,accuracy,val_loss,val_accuracy,seconds\n"


@pytest.mark.parametrize(
    "rows",
    [
        "1,all,0.001,2.0,0.5,1.9,0.4,3\n",
        "1,all,nan,nan,nan,nan,nan,nan\n",
        "1,a,0.1,inf,0.5,1,0.5,1\n2,a,0.1,1e300,0.5,-1e300,0.5,1\n3,b,1e-300,1,2,-inf,-1,-5\n",
        "1,a,,,,,,\n2,a,0.1,0,0,0,0,0\n",
        "x,y\n,,,,,,,,,,,\n",
    ],
)
def test_f122_numbers_that_are_none_are_drawn_legibly(rows, tmp_path):
    run = fake_run.make(tmp_path / "run", pictures=False)
    (run / "history.csv").write_text(HEADER + rows, "utf-8")
    diagnostics = json.loads((run / "diagnostics.json").read_text("utf-8"))
    for site, value in zip(diagnostics["sites"], (1e300, None, -1.0, 0, 1e-300), strict=False):
        site.update(gradient_norm=value, zero_fraction=value, outlier_ratio=value, units=0)
    (run / "diagnostics.json").write_text(json.dumps(diagnostics), "utf-8")
    page = render(run)
    _inside(page)
    assert not re.search(r"\b(nan|inf)\b", page.words)


def test_f122_a_thousand_classes_and_a_hundred_thousand_rows_fit(tmp_path):
    names = tuple(f"class {i}" for i in range(1000))
    run = fake_run.make(tmp_path / "run", classes=names, each=2, rows=100_000)
    page = render(run)
    _inside(page)
    assert results.RunFolder(run).report.stat().st_size < 5_000_000
    assert "class 999" in page.words
    assert "All 1000 classes" in page.words


def test_f122_pictures_stop_before_the_page_grows_too_large(tmp_path):
    run = fake_run.make(tmp_path / "run", pictures=False)
    for index in range(200):
        (run / "evaluation" / f"{index}.jpg").write_bytes(b"\xff\xd8\xff" + bytes(100_000))
    items = [{"picture": f"{index}.jpg", "caption": f"{index}"} for index in range(200)]
    panels = {"format": 1, "panels": [{"title": "t", "kind": "gallery", "items": items}]}
    (run / "evaluation" / "panels.json").write_text(json.dumps(panels), "utf-8")
    page = render(run)
    assert results.RunFolder(run).report.stat().st_size < 5_000_000
    assert page.tags.count("img") == 24
    assert "no picture" in page.words


def test_f123_names_of_any_script_are_text_that_the_reader_draws(tmp_path):
    names = ("قميص", "连衣裙", "👩🏽‍🔬", "שמלה", "เสื้อ", "naïve")
    run = fake_run.make(tmp_path / "run", classes=names, pictures=False)
    page = render(run)
    for name in names:
        assert name in page.words
    # No name is burned into a picture, and each class has a number beside its name.
    assert not any(value.startswith("data:image/png") for _, n, value in page.attributes
                   if n == "src")  # fmt: skip
    assert "2 连衣裙" in page.words
    assert '<meta charset="utf-8">' in results.RunFolder(run).report.read_text("utf-8")


def test_f123_names_that_are_not_unicode_do_not_stop_the_page(tmp_path):
    run = fake_run.make(tmp_path / "run", classes=("a\udc80", "b"), pictures=False)
    assert "a\\udc80" in render(run).words
