"""The gallery shows every activation, loads nothing, and its drawings are the functions."""

import html.parser
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from actzoo import activations
from actzoo.activations import curves

SCRIPTS = Path(__file__).parents[1] / "scripts"
VOID = {"meta", "input", "br", "link", "img"}


class Page(html.parser.HTMLParser):
    """Elements of a page, each as tag, attributes and the id of the card it is in."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open, self.card = [], {}, [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "article":
            self.card = attributes["id"]
        self.elements.append((tag, attributes, self.card))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), self.card))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "elements are closed in order"
        if tag == "article":
            self.card = None

    def handle_data(self, data):
        where = self.card or (self.open[-1] if self.open else "")
        self.texts[where] = self.texts.get(where, "") + data

    def of(self, tag, card=None):
        return [a for t, a, c in self.elements if t == tag and card in (None, c)]


@pytest.fixture(scope="module")
def gallery():
    sys.path.insert(0, str(SCRIPTS))
    try:
        import build_gallery
    finally:
        sys.path.remove(str(SCRIPTS))
    return build_gallery


@pytest.fixture(scope="module")
def text(gallery):
    return gallery.page()


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def points(data):
    """Return path data as pieces `(n, 2)` of x and y."""
    pieces = []
    for piece in data.split("M")[1:]:
        corners = np.array([[float(v) for v in pair.split(",")] for pair in piece.split("L")])
        pieces.append(np.column_stack([corners[:, 0] / 20 - 6, 6 - corners[:, 1] / 20]))
    return pieces


def path(page, card, kind):
    (found,) = (a["d"] for a in page.of("path", card) if a.get("class") == kind)
    return points(found)


def test_every_activation_has_a_card_with_a_drawing(page):
    assert [a["id"] for a in page.of("article")] == list(activations.names())
    for name in activations.names():
        assert page.of("image", name) or page.of("path", name), name
        assert activations.describe(name).formula in page.texts[name]


def test_nothing_is_loaded_from_anywhere(text, page):
    for tag, attributes, _ in page.elements:
        for key in ("src", "href", "xlink:href", "action", "srcset", "data"):
            value = attributes.get(key)
            if value is not None and tag != "a":
                assert value.startswith(("#", "data:image/png")), (tag, value)
        assert not any(key.startswith("on") for key in attributes)
    assert "link" not in {tag for tag, _, _ in page.elements}
    style, script = page.texts["style"], page.texts["script"]
    assert "url(" not in style and "@import" not in style
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|eval|innerHTML)\b", script)
    assert len(text) < 1e6


def test_links_within_the_page_lead_somewhere(page):
    ids = [a["id"] for _, a, _ in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    inner = {a["href"][1:] for _, a, _ in page.elements if a.get("href", "").startswith("#")}
    assert inner <= set(ids)
    wanted = set(re.findall(r'byId\("(\w+)"\)', page.texts["script"]))
    assert wanted <= set(ids)


def test_data_is_json_with_what_search_and_filters_ask_for(gallery, text):
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    rows = json.loads(block[1])
    assert [row["name"] for row in rows] == list(activations.names())
    for row in rows:
        assert set(row["has"]) == set(gallery.FILTERS)
        assert set(row["has"].values()) <= {True, False, None}
        for name in (row["name"], *activations.describe(row["name"]).aliases):
            assert name.lower() in row["words"]
    known = {row["name"]: row for row in rows}
    assert "torch:leakyrelu" in known["leaky_relu"]["words"]
    assert known["relu"]["has"]["dead region"] and not known["mish"]["has"]["dead region"]
    assert known["tanh"]["has"]["bounded above"] and not known["relu"]["has"]["bounded above"]


@pytest.mark.parametrize("name", [n for n in activations.names() if curves.no_curve(n) is None])
def test_drawn_corners_lie_on_the_function(page, name):
    function = activations.reference(name)
    breaks = curves.curve(name).breaks
    for piece in path(page, name, "value"):
        inside = [all(abs(x - other) > 0.01 for other in breaks) for x in piece[:, 0]]
        x, y = piece[inside].T
        expected = np.clip(function(x), -4, 8)
        # Corners are rounded to 1/2000 in both directions.
        steep = np.abs(function(x + 1e-3) - function(x - 1e-3))
        assert (np.abs(y - expected) <= 1e-3 + steep).all()


def test_kinks_and_jumps_are_drawn_as_such(page):
    assert [len(path(page, "relu", kind)) for kind in ("value", "slope")] == [2, 2]
    left, right = path(page, "relu", "slope")
    assert np.allclose(left, [[-6, 0], [0, 0]]) and np.allclose(right, [[0, 1], [6, 1]])
    before, after = path(page, "thresholded_relu", "value")
    assert np.allclose([before[-1], after[0]], [[1, 0], [1, 1]], atol=1e-3)
    dots = page.of("circle", "thresholded_relu")  # the value at the jump itself
    assert [(a["cx"], a["cy"]) for a in dots if a["class"] == "value"] == [("140.0", "120.0")]
    assert len(path(page, "mish", "value")) == 1


def test_papers_are_linked(page):
    for name in activations.names():
        numbers = re.findall(r"arXiv:(\d{4}\.\d{4,5})", activations.describe(name).paper)
        links = {a["href"] for a in page.of("a", name)}
        assert {f"https://arxiv.org/abs/{number}" for number in numbers} <= links, name


def test_int8_words_follow_the_device_forms(gallery):
    words = {name: gallery.int8_words(activations.describe(name)) for name in activations.names()}
    assert "free" in words["relu6"] and "free" in words["linear"]
    assert words["tanh"] == "one table of 256 values"
    assert words["silu"] == "one table of 256 values"  # its product is part of the table
    assert words["sinlu"].startswith("several int8 operators: LOGISTIC, ADD, MUL")
    assert "costs time" in words["softmax"]


def test_costs_are_shown_and_sorted_by_where_they_were_measured(gallery, tmp_path, monkeypatch):
    costs = tmp_path / "costs.json"
    costs.write_text('{"mish": {"conv": 1.5, "transformer": 1.25, "memory": 2.0}}', "utf-8")
    monkeypatch.setattr(gallery, "COSTS", costs)
    monkeypatch.setattr(activations, "names", lambda: ("mish", "gelu"))
    made = {card["row"].name: card for card in gallery.cards()}
    assert made["mish"]["data"]["cost"] == 1.5
    told = dict(made["mish"]["facts"])["cost against relu"]
    assert (
        told == "1.50× in a small convolutional net, 1.25× in a transformer block, 2.00× the memory"
    )
    assert made["gelu"]["data"]["cost"] is None
    assert "cost against relu" not in dict(made["gelu"]["facts"])


def test_page_is_written_where_it_is_wanted(gallery, text, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gallery, "page", lambda: text)
    monkeypatch.setattr(sys, "argv", ["build_gallery.py", "--out", str(tmp_path / "a" / "b")])
    gallery.main()
    assert (tmp_path / "a" / "b" / "index.html").read_text("utf-8") == text
    assert f"{len(activations.names())} activations" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to parse the script with")
def test_the_script_of_the_page_parses(tmp_path):
    done = subprocess.run(
        ["node", "--check", str(SCRIPTS / "gallery" / "page.js")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
