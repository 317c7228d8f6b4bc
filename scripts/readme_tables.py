"""Write the generated tables of README.md and docs/activations.md again from the registries.

Command: python scripts/readme_tables.py [--check]        (1 second)
Result: both with fresh tables; with --check, exit code 1 if one was stale.
"""

import importlib
import re
import sys
from pathlib import Path

from actzoo.activations import catalog
from actzoo.models import MODELS

ROOT = Path(__file__).parents[1]


def models_table() -> str:
    rows = ["| model | for | paper |", "|---|---|---|"]
    rows += [f"| `{row.name}` | {row.summary} | {row.paper} |" for row in MODELS]
    return "\n".join(rows)


def families() -> list[tuple[str, tuple]]:
    """Return what each family is, and its rows."""
    folders = {
        name: importlib.import_module(f"actzoo.activations.{name}") for name in catalog.FAMILIES
    }
    return [
        ((folder.__doc__ or "").splitlines()[0].rstrip("."), catalog.rows_of(name))
        for name, folder in folders.items()
    ]


def activations_table() -> str:
    rows = ["| family | activations |", "|---|---|"]
    rows += [
        f"| {what} | {', '.join(f'`{row.name}`' for row in own)} |" for what, own in families()
    ]
    return "\n".join(rows)


def full_table() -> str:
    lines = [
        "# Activations",
        "",
        "Made by `scripts/readme_tables.py`. One row in full: `actzoo describe NAME`; all with",
        "their curves: `python scripts/build_gallery.py`; other packages' names for them, with",
        'their defaults: `actzoo list activations "torch:*"`.',
    ]
    for what, own in families():
        lines += [
            "",
            f"## {what}",
            "",
            "| activation | formula | parameters | also called | paper |",
        ]
        lines += ["|---|---|---|---|---|"]
        for row in own:
            parameters = ", ".join(f"{p.name}={_short(p.default)}" for p in row.parameters) or "–"
            formula = row.formula.replace("|", "\\|")
            aliases = ", ".join(f"`{alias}`" for alias in row.aliases) or "–"
            lines.append(
                f"| `{row.name}` | {formula} | {parameters} | {aliases} | {row.paper or '–'} |"
            )
    return "\n".join(lines) + "\n"


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def fresh(text: str) -> str:
    for name, table in (("models", models_table()), ("activations", activations_table())):
        begin = f"<!-- {name}: made by scripts/readme_tables.py -->\n"
        pattern = re.escape(begin) + r".*?(?=<!-- end -->)"
        text = re.sub(pattern, lambda _, b=begin, t=table: f"{b}\n{t}\n\n", text, flags=re.S)
    return text


def main() -> int:
    readme, full = ROOT / "README.md", ROOT / "docs" / "activations.md"
    made = {readme: fresh(readme.read_text("utf-8")), full: full_table()}
    if "--check" in sys.argv:
        return int(any(path.read_text("utf-8") != text for path, text in made.items()))
    for path, text in made.items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
