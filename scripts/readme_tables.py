"""Write the generated tables of README.md anew from the registries.

Command: python scripts/readme_tables.py [--check]        (1 second)
Result: README.md with fresh tables; with --check, exit code 1 if it was stale.
"""

import re
import sys
from pathlib import Path

from actzoo import activations
from actzoo.models import MODELS

README = Path(__file__).parents[1] / "README.md"


def models_table() -> str:
    rows = ["| model | for | paper |", "|---|---|---|"]
    rows += [f"| `{row.name}` | {row.summary} | {row.paper} |" for row in MODELS]
    return "\n".join(rows)


def activations_table() -> str:
    rows = ["| activation | formula | parameters | also called |", "|---|---|---|---|"]
    for name in activations.names():
        row = activations.describe(name)
        parameters = ", ".join(f"{p.name}={p.default}" for p in row.parameters) or "–"
        formula = row.formula.replace("|", "\\|")
        aliases = ", ".join(f"`{alias}`" for alias in row.aliases) or "–"
        rows.append(f"| `{row.name}` | {formula} | {parameters} | {aliases} |")
    return "\n".join(rows)


def fresh(text: str) -> str:
    for name, table in (("models", models_table()), ("activations", activations_table())):
        begin = f"<!-- {name}: made by scripts/readme_tables.py -->\n"
        pattern = re.escape(begin) + r".*?(?=<!-- end -->)"
        text = re.sub(pattern, lambda _, b=begin, t=table: f"{b}\n{t}\n\n", text, flags=re.S)
    return text


def main() -> int:
    text = README.read_text("utf-8")
    made = fresh(text)
    if "--check" in sys.argv:
        return int(made != text)
    README.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
