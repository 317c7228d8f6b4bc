"""One self-contained page about a run, to send to a colleague.

Reads the run folder only, and takes what it finds: where a file is missing or broken, the page
names the gap in place of the figure. Whatever comes from data (names, captions, warnings) reaches
the page as text and never as an element or an attribute.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from actzoo import errors, files, formatting
from actzoo.run_folder import RunFolder

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

MOST_TEXT = 600  # characters of any single text
_JOINTS = re.compile(r"([_/])(?=[^\W_]{2})")  # within names of classes and files


def render(run: RunFolder | str | os.PathLike[str]) -> Path:
    """Write `report.html` from what a run folder holds.

    Args:
        run: The run folder; any of its files may be missing or broken.

    Returns:
        The page.

    Raises:
        DiskError: It could not be written; an older page stays.
    """
    # Here, so that commands which only read values of a run do not wait for charts and panels.
    from actzoo.report.view import view

    folder = run if isinstance(run, RunFolder) else RunFolder(run)
    environment = _environment()
    style = _source(environment, "report.css.j2")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    page = environment.get_template("report.html.j2").render(
        view(folder), style=_markup(style), digest=_markup(digest)
    )
    return files.write_text(folder.report, page)


def _environment() -> jinja2.Environment:
    import jinja2

    shown = _Shown()
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("actzoo", "templates"),
        autoescape=True,  # by value: a guess by the name's ending fails for .html.j2
        undefined=jinja2.StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        share=formatting.share,
        number=formatting.number,
        size=formatting.size,
        label=lambda text, limit=80: shown.name(formatting.label(text, limit)),
        name=shown.name,
    )
    return environment


class _Shown:
    """Makes every value fit for a page: printable, of limited length, without a home folder."""

    def __init__(self) -> None:
        home = os.path.expanduser("~")
        self._home = home if len(home) > 3 else None

    def __call__(self, value: object) -> object:
        if value is None:
            return "–"
        if not isinstance(value, str) or hasattr(value, "__html__"):
            return value
        if self._home is not None:
            value = value.replace(self._home, "~")
        if len(value) > MOST_TEXT:
            value = value[: MOST_TEXT - 1] + "…"
        # Joiners belong to scripts and emoji; other invisible characters could mislead a reader.
        return "".join(
            c if c.isprintable() or c in "\u200c\u200d" else errors.shown(c) for c in value
        )

    def name(self, text: object) -> Markup:
        """Return a text that may be broken within names like `card_payment` where it is long."""
        from markupsafe import Markup, escape

        return Markup(_JOINTS.sub(r"\1<wbr>", str(escape(self(str(text))))))


def _source(environment: jinja2.Environment, name: str) -> str:
    if environment.loader is None:
        raise errors.MissingFileError("The report's templates are missing; install actzoo again.")
    return environment.loader.get_source(environment, name)[0]


def _markup(text: str) -> Markup:
    """Return a text of our own that needs no escaping."""
    from markupsafe import Markup

    return Markup(text)
