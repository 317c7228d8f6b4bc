"""Write what installed packages say of themselves as a table of labeled sentences.

Command: python scripts/make_docstrings.py FOLDER        (20 seconds)
Result: FOLDER/sentences.csv with the columns text and label: first sentences of docstrings, and
the package each comes from. The same packages give the same file.

Source: the docstrings of Keras, NumPy, pandas, SciPy, scikit-learn and TensorFlow, read from
their files; nothing of them is imported or run.
"""

import ast
import csv
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("keras", "numpy", "pandas", "scipy", "sklearn", "tensorflow")
MOST = 1500  # sentences of one package
WORDS = (5, 40)  # fewest and most of a sentence


def main(folder: str) -> None:
    package_of: dict[str, str] = {}  # sentence -> package; one of two packages is dropped
    doubtful = set()
    for package in PACKAGES:
        for sentence in sentences(package):
            if package_of.setdefault(sentence, package) != package:
                doubtful.add(sentence)
    rows = [
        (sentence, package)
        for name in PACKAGES
        for sentence, package in spread([(s, p) for s, p in sorted(package_of.items())
                                         if p == name and s not in doubtful])
    ]  # fmt: skip
    path = Path(folder, "sentences.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("text", "label"), *rows])
    print(f"{len(rows)} sentences written to {path}")


def spread(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return at most `MOST` rows, evenly taken from all."""
    step = max(1.0, len(rows) / MOST)
    return [rows[int(i * step)] for i in range(min(len(rows), MOST))]


def sentences(package: str) -> Iterator[str]:
    """Yield the first sentence of each docstring of a package, its own name left out."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return
    name = re.compile(rf"\b({package}|scikit-learn)\b", re.IGNORECASE)
    for path in sorted(Path(spec.submodule_search_locations[0]).rglob("*.py")):
        if "tests" in path.parts or "_test" in path.stem or path.stat().st_size > 1 << 20:
            continue
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                text = first_sentence(ast.get_docstring(node) or "")
                if WORDS[0] <= len(text.split()) <= WORDS[1] and text.isascii():
                    yield name.sub("it", text)


def first_sentence(docstring: str) -> str:
    """Return the first sentence of the first paragraph, on one line."""
    paragraph = " ".join(docstring.strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph)[0]


if __name__ == "__main__":
    main(sys.argv[1])
