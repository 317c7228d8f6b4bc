"""Panels: what a domain shows of its data and of mistakes, read from `evaluation/panels.json`.

A panel is a JSON object. Whatever its kind, it has

- `title`, a heading;
- `kind`, one of those below;
- `about`, a sentence below the heading; may be left out;
- `section`, "data" or "results": where it is shown. "data" if left out or unknown.

Kinds and their further fields:

- "gallery": pictures. `items`, each with `picture` (a file in `evaluation/`), `caption` and
  `detail`; neighbors with the same caption form a group. Pictures much wider than high get room.
- "bars": counts of each label. `labels`; `series`, name -> one count per label.
- "histogram": how numbers are spread. `values`; `xlabel`, what they are; `mark` and
  `mark_label`, a value to mark and what it is called.
- "table": `columns`, names; `rows`, lists of cells. Columns of numbers are aligned right with
  the same digits, long texts wrap; a missing number is a dash.
- "note": `text`, a sentence or a list of them.

Beside the list `panels`, the file has `notice`, a sentence for the top of the page, and `about`,
sentences on this data that are shown below it.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from actzoo.report import embedded, figures
from actzoo.report.values import objects, sequence

PICTURE_BUDGET = 2_500_000  # bytes of all pictures; base64 adds a third
PICTURE_LIMIT = 150_000
WIDE = 1.4  # width over height of pictures that need the room of two


@dataclasses.dataclass
class Pictures:
    """Picture files of a run, up to what one page can carry.

    Attributes:
        home: Their folder; nothing outside it is read.
        budget: Bytes that are left.
    """

    home: Path
    budget: int = PICTURE_BUDGET

    def read(self, name: str) -> tuple[Any, float | None]:
        """Return a picture as a data URI, and its width over its height.

        Both are None where it cannot be shown.
        """
        home = self.home.resolve()
        try:
            path = (home / name).resolve()
            if not path.is_relative_to(home) or path.stat().st_size > PICTURE_LIMIT:
                return None, None
            content = path.read_bytes()
        except (OSError, ValueError):
            return None, None
        kind = embedded.kind_of(content)
        if kind is None or len(content) > self.budget:
            return None, None
        self.budget -= len(content)
        size = embedded.size_of(content)
        return embedded.data_uri(kind, content), size[0] / size[1] if size and size[1] else None


def of_section(panels: object, section: str) -> list[Mapping[str, Any]]:
    """Return the panels that belong to a section."""
    return [panel for panel in objects(panels) if _section(panel) == section]


def shown(panel: Mapping[str, Any], pictures: Pictures) -> dict[str, Any]:
    """Return what the template draws of a panel."""
    kind = panel.get("kind")
    make = _KINDS.get(kind) if isinstance(kind, str) else None
    if make is None:
        return {"kind": None, "gap": "This version of actzoo cannot draw this panel."}
    return {"kind": kind, "about": panel.get("about"), **make(panel, pictures)}


def _section(panel: Mapping[str, Any]) -> str:
    """Return where a panel is shown; the first runs named no section for the mistakes."""
    section = panel.get("section")
    if section in ("data", "results"):
        return str(section)
    return "results" if "mistake" in str(panel.get("title", "")).lower() else "data"


def _gallery(panel: Mapping[str, Any], pictures: Pictures) -> dict[str, Any]:
    groups: list[dict[str, Any]] = []
    shapes = []
    for item in objects(panel.get("items")):
        picture, shape = pictures.read(str(item.get("picture", "")))
        shapes += [shape] if shape is not None else []
        caption = str(item.get("caption", ""))
        if groups and groups[-1]["caption"] == caption:
            groups[-1]["pictures"].append(picture)
            groups[-1]["detail"] = ""
        else:
            detail = str(item.get("detail", ""))
            groups.append({"caption": caption, "detail": detail, "pictures": [picture]})
    return {
        "gap": None if groups else "there are no pictures.",
        "groups": groups,
        "single": all(len(group["pictures"]) == 1 for group in groups),
        "wide": bool(shapes) and statistics.median(shapes) > WIDE,
    }


def _bars(panel: Mapping[str, Any], _: Pictures) -> dict[str, Any]:
    balance = figures.balance(panel)
    return {"gap": None if balance["rows"] else "there are no counts.", **balance}


def _histogram(panel: Mapping[str, Any], _: Pictures) -> dict[str, Any]:
    chart = figures.histogram(panel)
    return {"gap": None if chart else "there are no values.", "chart": chart}


def _table(panel: Mapping[str, Any], _: Pictures) -> dict[str, Any]:
    table = figures.table(panel)
    return {"gap": None if table["rows"] else "there are no rows.", **table}


def _note(panel: Mapping[str, Any], _: Pictures) -> dict[str, Any]:
    text = panel.get("text")
    texts: Sequence[Any] = [text] if isinstance(text, str) and text else sequence(text)
    return {
        "gap": None if texts else "there is no text.",
        "texts": [str(part) for part in texts][: figures.MOST_BARS],
    }


_KINDS: dict[str, Callable[[Mapping[str, Any], Pictures], dict[str, Any]]] = {
    "gallery": _gallery,
    "bars": _bars,
    "histogram": _histogram,
    "table": _table,
    "note": _note,
}
