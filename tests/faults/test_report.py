"""What a report survives, and what never becomes part of its page."""

import json
import random
import re
import sys
from pathlib import Path

import fake_run
import pytest

from actzoo import files, report, run_folder

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
HARMLESS = tuple(chr(97 + i) * len(text) for i, text in enumerate(HOSTILE))  # just as long
MAKERS = [fake_run.make, fake_run.make_texts, fake_run.make_masks]
every_kind_of_run = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


def render(run: Path) -> Page:
    return Page(report.render(run).read_text("utf-8"))


def poisoned(run: Path, texts: tuple[str, ...] = HOSTILE) -> Path:
    """Put texts wherever a file of the run holds text that comes from outside."""

    def poison(value):
        if isinstance(value, dict):
            return {key: poison(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [poison(inner) for inner in value]
        free = isinstance(value, str) and value not in KEPT and not value.startswith("pictures/")
        return texts[len(value) % len(texts)] + value if free else value

    for file in [*run.glob("*.json"), *run.glob("stages/*.json"), *run.glob("e*/*.json")]:
        data = json.loads(file.read_text("utf-8"))
        file.write_text(json.dumps(poison(data)), "utf-8")
    history = run / "history.csv"
    text = history.read_text("utf-8").replace("head,", "<b onclick=alert(1)>,")
    history.write_text(text, "utf-8")
    return run


KEPT = {
    "gallery", "bars", "histogram", "table", "note", "results", "data",
    "classification", "segmentation", "hidden", "gate", "output", "none",
    "Most confident mistakes",
}  # fmt: skip


@every_kind_of_run
def test_hostile_text_changes_no_element_and_no_attribute(make, tmp_path):
    plain = render(poisoned(make(tmp_path / "plain", classes=HARMLESS), HARMLESS))
    hostile = render(poisoned(make(tmp_path / "hostile", classes=HOSTILE)))
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


@every_kind_of_run
def test_the_page_loads_nothing_and_runs_nothing(make, tmp_path):
    run = make(tmp_path / "run", classes=HOSTILE)
    page = render(run)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form", "a"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    for tag, name, value in page.attributes:
        if name in ("src", "href", "action", "data", "srcset", "poster", "xlink:href"):
            assert (tag, name) == ("img", "src")
            assert re.fullmatch(r"data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+", value)
        assert name != "style"
    text = run_folder.RunFolder(run).report.read_text("utf-8")
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


@every_kind_of_run
def test_the_policy_allows_exactly_the_style_of_the_page(make, tmp_path):
    import base64
    import hashlib

    text = report.render(make(tmp_path / "run")).read_text("utf-8")
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_cells_are_not_formulas(text):
    assert files.csv_cell(text) == f"'{text}"
    assert files.csv_cell("a=b") == "a=b"
    assert files.csv_cell("") == ""


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


@pytest.mark.parametrize("make", [fake_run.make, fake_run.make_masks])
@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_broken_file_becomes_a_named_gap(name, make, tmp_path):
    run = make(tmp_path / "run", pictures=False)
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


def test_an_empty_folder_gives_a_page(tmp_path):
    words = render(tmp_path).words
    assert words.count("Not shown") >= 7
    assert "Not verified yet" in words


def test_partial_metrics_show_what_is_there(tmp_path):
    run = fake_run.make(tmp_path / "run", pictures=False)
    (run / "metrics.json").write_text('{"format": 1, "test": {"accuracy": 0.5, "n": 4}}', "utf-8")
    words = render(run).words
    assert "50.0%" in words
    assert "no confusion matrix" in words


@pytest.mark.parametrize("how", fake_run.DAMAGE)
def test_partial_scores_of_masks_show_what_is_there(how, tmp_path):
    run = fake_run.make_masks(tmp_path / "run", pictures=False)
    page = render(fake_run.damage(run, how))
    _inside(page)
    assert "A unet with the activation leaky_relu" in page.words
    assert "This part" not in page.words
    assert "Confusion matrix" not in page.words
    assert not re.search(r"\b(nan|inf|None)\b", page.words)


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


@pytest.mark.parametrize("make", [fake_run.make, fake_run.make_masks])
@pytest.mark.parametrize("seed", range(12))
def test_any_value_anywhere_leaves_a_page(seed, make, tmp_path):
    chance = random.Random(seed)
    run = make(tmp_path / "run", pictures=False)
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


HEADER = "epoch,phase,learning_rate,loss,{0},val_loss,val_{0},seconds\n"


@pytest.mark.parametrize(
    ("make", "score"), [(fake_run.make, "accuracy"), (fake_run.make_masks, "dice")]
)
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
def test_numbers_that_are_none_are_drawn_legibly(rows, make, score, tmp_path):
    run = make(tmp_path / "run", pictures=False)
    (run / "history.csv").write_text(HEADER.format(score) + rows, "utf-8")
    diagnostics = json.loads((run / "diagnostics.json").read_text("utf-8"))
    for site, value in zip(diagnostics["sites"], (1e300, None, -1.0, 0, 1e-300), strict=False):
        site.update(gradient_norm=value, zero_fraction=value, outlier_ratio=value, units=0)
    (run / "diagnostics.json").write_text(json.dumps(diagnostics), "utf-8")
    page = render(run)
    _inside(page)
    assert not re.search(r"\b(nan|inf)\b", page.words)


def test_a_thousand_classes_and_a_hundred_thousand_rows_fit(tmp_path):
    names = tuple(f"class {i}" for i in range(1000))
    run = fake_run.make(tmp_path / "run", classes=names, each=2, rows=100_000)
    page = render(run)
    _inside(page)
    assert run_folder.RunFolder(run).report.stat().st_size < 5_000_000
    assert "class 999" in page.words
    assert "All 1000 classes" in page.words


def test_a_hundred_thousand_cases_and_a_hundred_structures_fit(tmp_path):
    names = tuple(f"structure {i}" for i in range(100))
    run = fake_run.make_masks(tmp_path / "run", classes=names, cases=50)
    own = ",".join(f"dice_{name}" for name in names[:3])
    rows = "".join(f"test,case {i},0.{i % 97:02},0.5,\n" for i in range(100_000))
    (run / "evaluation" / "predictions.csv").write_text(f"split,id,{own}\n{rows}", "utf-8")
    page = render(run)
    _inside(page)
    assert run_folder.RunFolder(run).report.stat().st_size < 5_000_000
    assert "Dice of each of 100,000 cases" in page.words
    assert "All 100 classes" in page.words


@pytest.mark.parametrize("mark", [-1e300, 1e300, 0, 0.5, float("nan"), "x", [], 10**400])
@pytest.mark.parametrize("values", [[7], [1, 2, 3000], [0.25, 0.5], [1e300, -1e300], []])
def test_a_mark_anywhere_lies_inside_of_its_histogram(values, mark, tmp_path):
    panel = {"title": "t", "kind": "histogram", "values": values, "mark": mark}
    run = fake_run.make(tmp_path / "run", pictures=False)
    (run / "evaluation" / "panels.json").write_text(json.dumps({"panels": [panel]}), "utf-8")
    page = render(run)
    _inside(page)
    assert "This part" not in page.words


def test_pictures_stop_before_the_page_grows_too_large(tmp_path):
    run = fake_run.make(tmp_path / "run", pictures=False)
    for index in range(200):
        (run / "evaluation" / f"{index}.jpg").write_bytes(b"\xff\xd8\xff" + bytes(100_000))
    items = [{"picture": f"{index}.jpg", "caption": f"{index}"} for index in range(200)]
    panels = {"format": 1, "panels": [{"title": "t", "kind": "gallery", "items": items}]}
    (run / "evaluation" / "panels.json").write_text(json.dumps(panels), "utf-8")
    page = render(run)
    assert run_folder.RunFolder(run).report.stat().st_size < 5_000_000
    assert page.tags.count("img") == 24
    assert "no picture" in page.words


@every_kind_of_run
def test_names_of_any_script_are_text_that_the_reader_draws(make, tmp_path):
    names = ("قميص", "连衣裙", "👩🏽‍🔬", "שמלה", "เสื้อ", "naïve")
    run = make(tmp_path / "run", classes=names)
    page = render(run)
    for name in names:
        assert name in page.words
    # No name is burned into a picture.
    assert not any(value.startswith("data:image/png") for _, n, value in page.attributes
                   if n == "src")  # fmt: skip
    assert '<meta charset="utf-8">' in run_folder.RunFolder(run).report.read_text("utf-8")


def test_a_class_in_a_confusion_matrix_has_a_number_beside_its_name(tmp_path):
    names = ("قميص", "连衣裙", "naïve")
    assert "2 连衣裙" in render(fake_run.make(tmp_path / "run", classes=names)).words


@every_kind_of_run
def test_names_that_are_not_unicode_do_not_stop_the_page(make, tmp_path):
    run = make(tmp_path / "run", classes=("a\udc80", "b"))
    assert "a\\udc80" in render(run).words
