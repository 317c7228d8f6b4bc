"""Write the gallery of activations: one page with every curve, searchable, made to be looked at.

Command: python scripts/build_gallery.py [--out build/gallery]        (15 seconds)
Result: OUT/index.html, which needs no network and no server; open it from the file system.

Curves come from the NumPy references; costs from docs/activation_costs.json where it is there.
"""

import argparse
import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup, escape
from PIL import Image

import actzoo
from actzoo import activations
from actzoo.activations import curves
from actzoo.activations.catalog import FAMILIES, rows_of
from actzoo.activations.device_forms import device_form
from actzoo.activations.peers import PEERS

HERE = Path(__file__).parent
COSTS = HERE.parent / "docs" / "activation_costs.json"

X, Y = (-6.0, 6.0), (-2.0, 6.0)  # of every curve, so that they compare
UNIT = 20  # of the drawing, per 1 of x or y
BEYOND = 2.0  # curves are drawn this far past the frame, which cuts them
FLAT = 0.03  # largest error of a simplified curve, of the drawing

# Functions a convolution or dense layer of a device file applies by itself.
FUSED = {
    "linear": lambda x: x,
    "RELU": lambda x: np.maximum(x, 0.0),
    "RELU6": lambda x: np.clip(x, 0.0, 6.0),
    "RELU_N1_TO_1": lambda x: np.clip(x, -1.0, 1.0),
}
# Chips of the page: label, and whether a row has it; None where it was not measured.
FILTERS = {
    "smooth": lambda row: row.smooth,
    "monotone": lambda row: row.monotone,
    "bounded below": lambda row: row.bounded and row.bounded in ("below", "both"),
    "bounded above": lambda row: row.bounded and row.bounded in ("above", "both"),
    "learnable": lambda row: row.learnable,
    "elementwise": lambda row: row.elementwise,
    "f(0) = 0": lambda row: row.zero_at_zero,
    "homogeneous": lambda row: row.homogeneous,
    "dead region": lambda row: row.dead_region is not None,
    "random": lambda row: row.random,
    "keeps variance": lambda row: row.keeps_variance,
    "hidden layers": lambda row: row.hidden,
    "int8 table": lambda row: int8_is_cheap(row),
}


# --- drawings ----------------------------------------------------------------------------------


def simplified(points: np.ndarray) -> np.ndarray:
    """Return the fewest corners `(n, 2)` of a line that stay within FLAT of it."""
    kept = np.zeros(len(points), bool)
    kept[[0, -1]] = True
    waiting = [(0, len(points) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        start, way = points[first], points[last] - points[first]
        off = points[first + 1 : last] - start
        away = np.abs(off[:, 0] * way[1] - off[:, 1] * way[0]) / max(np.hypot(*way), 1e-9)
        worst = first + 1 + int(away.argmax())
        if away.max() > FLAT:
            kept[worst] = True
            waiting += [(first, worst), (worst, last)]
    return points[kept]


def number(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def path(curve: curves.Curve, column: int) -> str:
    """Return a curve as path data: 1 for f, 2 for f'."""
    parts = []
    for piece in curve.pieces:
        points = piece[:, [0, column]]
        points = points[np.isfinite(points[:, 1])]
        if len(points) < 2:
            continue
        points[:, 1] = np.clip(points[:, 1], Y[0] - BEYOND, Y[1] + BEYOND)
        corners = simplified(place(points))
        parts.append("M" + "L".join(f"{number(x)},{number(y)}" for x, y in corners))
    return "".join(parts)


def place(points: np.ndarray) -> np.ndarray:
    """Return points `(n, 2)` of the plane in the drawing."""
    return np.column_stack([points[:, 0] - X[0], Y[1] - points[:, 1]]) * UNIT


def dots(row: activations.ActivationSpec, curve: curves.Curve) -> list[tuple[str, float, float]]:
    """Return the values at breaks, as class, x and y: of f where it jumps, of f' where chosen."""
    marks = []
    value = activations.reference(row.name)
    for left, right, x in zip(curve.pieces, curve.pieces[1:], curve.breaks, strict=False):
        if abs(left[-1, 1] - right[0, 1]) > 1e-2:
            marks.append(("value", x, float(value(x))))
    marks += [("slope", x, y) for x, y in row.kinks if y is not None]
    return [(kind, *place(np.array([[x, y]]))[0]) for kind, x, y in marks if Y[0] <= y <= Y[1]]


def picture(row: activations.ActivationSpec) -> dict[str, Any]:
    """Return what to draw of a row: paths and dots, or a map, with a caption."""
    if row.reference is None:
        return {"kind": "none", "caption": "It brings no NumPy reference to draw."}
    if row.elementwise:
        curve = curves.curve(row.name, *X)
        start = "As training starts." if row.learnable else "On average." if row.random else ""
        return {
            "kind": "curve", "caption": start, "dots": dots(row, curve),
            "lines": [("value", path(curve, 1)), ("slope", path(curve, 2))],
        }  # fmt: skip
    if row.channel_factor < 1:
        return map_of(row, pair_of_channels, "the channels (a, b)")
    if row.spatial:
        return map_of(row, center_and_rest, "a pixel a among pixels b")
    return outputs(row) if row.channel_mixing else same_everywhere(row)


def pair_of_channels(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([a, b], axis=-1)[:, None, None]


def center_and_rest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    images = np.broadcast_to(b[:, None, None, None], (len(b), 3, 3, 1)).copy()
    images[:, 1, 1, 0] = a
    return images


def map_of(
    row: activations.ActivationSpec, inputs: Callable[..., np.ndarray], words: str
) -> dict[str, Any]:
    """Return a map of a function of two numbers, in round steps.

    Args:
        row: The activation.
        inputs: Makes images `(n, height, width, channels)` of two arrays `(n,)`.
        words: What they are.
    """
    a, b = np.meshgrid(np.linspace(*X, 240), np.linspace(*Y[::-1], 160))
    heights = activations.reference(row.name)(inputs(a.ravel(), b.ravel()))
    values = heights[:, heights.shape[1] // 2, heights.shape[2] // 2, 0].reshape(a.shape)
    band = round_step(np.abs(values).max() / 10)
    steps = np.round(values / band)[..., None]
    colors = np.where(steps > 0, (10, 108, 173), (196, 86, 11))
    clear = 235 * np.abs(steps) / max(1.0, np.abs(steps).max())
    pixels = np.concatenate([colors, clear], axis=-1).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).quantize(32).save(file, "PNG", optimize=True)
    return {
        "kind": "map",
        "image": base64.b64encode(file.getvalue()).decode("ascii"),
        "caption": f"Output for {words}, a to the right and b upwards, in steps of {band:g}: "
        f"blue above 0, orange below; from {values.min():.3g} to {values.max():.3g}.",
    }


def round_step(rough: float) -> float:
    """Return the next larger number of 1, 2, 5, 10 ..."""
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough * 0.999))


def outputs(row: activations.ActivationSpec) -> dict[str, Any]:
    """Return the outputs of an activation over channels: one moves, the others rest."""
    function = activations.reference(row.name)
    rest = (1.0, 0.0) if takes(function, 3) else (1.0,)
    if row.channel_factor > 1:
        rest = ()

    def inputs(x: np.ndarray) -> np.ndarray:
        return np.stack([x, *(np.full_like(x, value) for value in rest)], axis=-1)

    words = f"Outputs for {', '.join(['x', *(f'{value:g}' for value in rest)])}"
    return several(lambda x: function(inputs(x)), words)


def takes(function: Callable[..., np.ndarray], channels: int) -> bool:
    try:
        function(np.zeros((1, channels)))
    except ValueError:  # it works on pairs
        return False
    return True


def same_everywhere(row: activations.ActivationSpec) -> dict[str, Any]:
    """Return the outputs for an image of two channels that is x everywhere."""
    function = activations.reference(row.name)
    image = np.ones((1, 5, 5, 2))
    return several(
        lambda x: function(x[:, None, None, None] * image)[:, 2, 2],
        f"For an input that is x everywhere{', as training starts' if row.learnable else ''}",
    )


def several(function: Callable[..., np.ndarray], words: str) -> dict[str, Any]:
    """Return the different ones of several outputs as lines.

    Args:
        function: From an array `(n,)` to another `(n, outputs)`.
        words: What goes in.
    """
    count = function(np.zeros(1)).shape[-1]
    traced = [curves.trace(lambda x, k=k: function(x)[:, k], *X) for k in range(count)]
    lines = list(dict.fromkeys(path(curve, 1) for curve in traced))
    kinds = ("value", "slope", "third")
    order = ": full, dashed, dotted" if len(lines) > 2 else ": full, dashed" if lines[1:] else ""
    return {
        "kind": "curve", "caption": f"{words}{order}.", "dots": [],
        "lines": list(zip(kinds, lines, strict=False)),
    }  # fmt: skip


# --- words -------------------------------------------------------------------------------------


def int8_words(row: activations.ActivationSpec) -> str:
    """Say what an activation is in an int8 file."""
    form = device_form(row.name)
    if form is None or not form.folds:
        return "a run of float operators between int8 layers, which costs time"
    if row.elementwise and is_fused(row):
        return "is fused into the convolution before it: free"
    if form.int8_operators and (form.several or not row.elementwise):
        return (
            f"several int8 operators: {', '.join(form.int8_operators)}, and tables for curved parts"
        )
    return "one table of 256 values"


def is_fused(row: activations.ActivationSpec) -> bool:
    if row.reference is None:
        return False
    x = np.linspace(-10, 10, 401)
    with np.errstate(all="ignore"):
        y = activations.reference(row.name)(x)
    return any(np.array_equal(y, fused(x)) for fused in FUSED.values())


def int8_is_cheap(row: activations.ActivationSpec) -> bool:
    form = device_form(row.name)
    return form is not None and form.one_table


def linked(text: str) -> Markup:
    """Return a paper with its arXiv number or DOI as a link."""
    whole = str(escape(text))
    whole = re.sub(
        r"arXiv:(\d{4}\.\d{4,5}|[a-z-]+/\d{7})",
        r'<a href="https://arxiv.org/abs/\1">arXiv:\1</a>', whole,
    )  # fmt: skip
    return Markup(
        re.sub(r"(?i)doi:\s?(10\.[^\s,;]+)", r'<a href="https://doi.org/\1">doi:\1</a>', whole)
    )


COST_WORDS = {
    "conv": "in a small convolutional net",
    "transformer": "in a transformer block",
    "memory": "the memory",
}


def _cost_words(cost: dict[str, Any]) -> str:
    """Say what training costs, as `scripts/benchmark_activations.py` measured it."""
    ratios = [f"{cost[key]:.2f}× {words}" for key, words in COST_WORDS.items() if key in cost]
    if "conv_over_peer" in cost:
        ratios.append(f"{cost['conv_over_peer']:.2f}× the time of {cost['peer']}'s form")
    return ", ".join(ratios)


def facts(
    row: activations.ActivationSpec, cost: dict[str, Any], peers: dict[str, list[str]]
) -> list[Any]:
    """Return what else is known about a row, as headings and texts."""
    parameters = [
        f"{p.name} = {p.default} ({p.allowed})" + (f": {p.summary}" if p.summary else "")
        for p in row.parameters
    ]
    rows = [
        ("also called", ", ".join(row.aliases)),
        ("parameters", parameters),
        ("paper", linked(row.paper)),
        ("bounded", {"none": "no", "both": "on both sides"}.get(row.bounded, row.bounded)),
        ("limits", row.limits and " and ".join(map(limit_words, row.limits, ("−∞", "+∞")))),
        ("gradient 0", row.dead_region),
        ("kinks", ", ".join(kink_words(x, y) for x, y in row.kinks)),
        ("steepest", measured(row.lipschitz)),
        ("gain", measured(row.gain)),
        ("centered gain", measured(row.gain_centered)),
        ("initializer", row.recommended_init),
        ("normalization", row.recommended_norm),
        ("30 plain layers", depth_words(row)),
        ("float16", overflow_words(row)),
        ("int8 on a device", int8_words(row)),
        ("cost against relu", _cost_words(cost)),
        ("not for hidden layers", row.hidden_reason),
        ("notes", row.notes),
        ("in other packages", "; ".join(f"{peer}: {', '.join(n)}" for peer, n in peers.items())),
    ]
    return [(heading, text) for heading, text in rows if text not in (None, "", (), [])]


def limit_words(limit: str, end: str) -> str:
    words = {"nan": "NaN (see the notes)", "inf": "+∞", "-inf": "−∞"}
    return f"{words.get(limit, limit)} at {end}"


def kink_words(x: float, y: float | None) -> str:
    return f"at {x:g}" if y is None else f"at {x:g}, gradient taken as {y:g}"


def measured(value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:.4g}" if np.isfinite(value) else "without limit"


def sortable(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else value


def depth_words(row: activations.ActivationSpec) -> str:
    known = {True: "keep their variance", False: "do not keep their variance"}
    words = "" if row.keeps_variance is None else known[row.keeps_variance]
    return "; ".join(filter(None, (words, row.depth_notes)))


def overflow_words(row: activations.ActivationSpec) -> str | None:
    if row.float16_overflow is None:
        return None
    finite = np.isfinite(row.float16_overflow)
    return f"overflows from |x| = {row.float16_overflow:.4g}" if finite else "never overflows"


# --- page --------------------------------------------------------------------------------------


def spellings() -> dict[str, dict[str, list[str]]]:
    """Return by activation, then by package, what it is called there."""
    by_row: dict[str, dict[str, list[str]]] = {}
    for peer, names in PEERS.items():
        for spelling, spec in names.items():
            name, _ = activations.parse(spec)
            by_row.setdefault(name, {}).setdefault(peer, []).append(spelling)
    return by_row


def cards() -> list[dict[str, Any]]:
    """Return what the page shows of each activation."""
    costs = json.loads(COSTS.read_text("utf-8")) if COSTS.exists() else {}
    called = spellings()
    families = {row.name: family for family in FAMILIES
                for row in rows_of(family)}  # fmt: skip
    made = []
    for name in activations.names():
        row = activations.describe(name)
        cost, peers = costs.get(name, {}), called.get(name, {})
        has = {label: has_it(row) for label, has_it in FILTERS.items()}
        spelled = [f"{peer}:{spelling}" for peer, all_of in peers.items() for spelling in all_of]
        words = [name, *row.aliases, *spelled, row.formula, row.summary, row.paper]
        made.append({
            "row": row, "picture": picture(row), "facts": facts(row, cost, peers), "has": has,
            "data": {
                "name": name, "family": families.get(name, "own"), "gain": sortable(row.gain),
                "cost": cost.get("conv"), "words": " ".join(words).lower(),
                "has": {key: None if value is None else bool(value) for key, value in has.items()},
            },
        })  # fmt: skip
    return made


def page() -> str:
    """Return the whole page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "gallery"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made = cards()
    data = json.dumps([card["data"] for card in made], allow_nan=False)
    return environment.get_template("page.html.j2").render(
        cards=made, version=actzoo.__version__, filters=list(FILTERS),
        families=list(dict.fromkeys(card["data"]["family"] for card in made)),
        data=Markup(data.replace("<", "\\u003c")),
        style=Markup((HERE / "gallery" / "page.css").read_text("utf-8")),
        script=Markup((HERE / "gallery" / "page.js").read_text("utf-8")),
        x=X, y=Y, unit=UNIT, width=int((X[1] - X[0]) * UNIT), height=int((Y[1] - Y[0]) * UNIT),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE.parent / "build" / "gallery")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    text = page()
    (out / "index.html").write_text(text, "utf-8")
    print(f"{text.count('<article')} activations, {len(text) / 1e6:.2f} MB: {out / 'index.html'}")


if __name__ == "__main__":
    main()
