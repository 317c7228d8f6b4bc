"""Promises about the source itself: who imports whom, what stays light, what never appears."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from actzoo import domains, models

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "actzoo").rglob("*.py"))
APPLICATIONS = sorted((ROOT / "applications").rglob("*.py"))
SOURCES = [*CORE, *APPLICATIONS]

# A room may import rooms of lower levels, and of its own level only where drawn in FRIENDS.
LEVELS = {
    "errors": 0, "_lazy": 0, "spellings": 0, "registry": 0, "formatting": 0, "files": 0,
    "findings": 0,
    "cache": 0, "archives": 0,
    "run_folder": 1, "stage_records": 1, "domains": 1,
    "activations": 2,
    "blocks": 3, "tflite": 3,
    "preprocessing": 4, "model_files": 4, "tasks": 4, "data": 4, "models": 4, "weights": 4,
    "plan": 5, "planning": 5,
    "checkpoint": 6, "progress": 6, "memory": 6, "training": 6, "diagnostics": 6, "lowering": 6,
    "evaluation": 7, "export": 7, "inference": 7, "benchmark": 7,
    "verify": 8, "report": 8,
    "stages": 9,
    "cli": 10, "testing": 10,
}  # fmt: skip
FRIENDS = {
    ("_lazy", "errors"), ("registry", "errors"), ("registry", "_lazy"), ("files", "errors"),
    ("files", "spellings"),
    ("formatting", "errors"), ("archives", "cache"), ("archives", "errors"), ("archives", "files"),
    ("stage_records", "run_folder"),
    ("data", "preprocessing"), ("data", "tasks"), ("weights", "models"), ("models", "model_files"),
    ("models", "weights"),  # inside build_model: the one upward call
    ("planning", "plan"),
    ("training", "checkpoint"), ("training", "progress"), ("training", "memory"),
    ("evaluation", "inference"), ("export", "inference"),
}  # fmt: skip
# Rooms that never import Keras or TensorFlow at module level.
LIGHT = {
    "__init__", "errors", "_lazy", "registry", "results", "domains", "archives", "cache", "wording",
    "preprocessing", "data", "tasks", "model_files", "models", "weights", "plan", "planning",
    "checkpoint", "progress", "memory", "export", "inference", "verify", "stages",
    "catalog", "spec", "references", "channel_references", "lookup", "domain", "folder", "scan",
    "images", "panels",
    "tflite", "islands", "runtime", "samples", "saved_model", "converter",
    "view", "figures", "charts", "embedded", "console", "options", "describing", "summaries",
    "curves", "plots",
}  # fmt: skip


def imports(path: Path, *, module_level: bool = False) -> set[str]:
    """Return the dotted names that a file imports; names under TYPE_CHECKING do not count."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if module_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text("utf-8")))
    return found


def room(path: Path) -> str:
    parts = path.relative_to(ROOT / "actzoo").with_suffix("").parts
    return parts[0]


def test_every_room_has_a_level():
    rooms = {room(path) for path in CORE} - {"__init__", "__main__", "templates"}
    assert rooms <= set(LEVELS)


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_lower_rooms_do_not_import_upper_ones(path):
    mine = room(path)
    if mine in ("__init__", "__main__", "templates"):
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "actzoo" or len(parts) < 2 or parts[1] not in LEVELS or parts[1] == mine:
            continue
        other = parts[1]
        assert LEVELS[other] < LEVELS[mine] or (mine, other) in FRIENDS, f"{mine} imports {other}"


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_core_never_imports_applications(path):
    assert not any(name.startswith("actzoo.applications") for name in imports(path))


@pytest.mark.parametrize("path", APPLICATIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_applications_import_only_rooms_below_training(path):
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "actzoo" and len(parts) > 1 and parts[1] in LEVELS:
            assert LEVELS[parts[1]] <= 4, name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_light_rooms_do_not_import_keras(path):
    if path.stem not in LIGHT or (path in APPLICATIONS and path.stem == "models"):
        return
    heavy = {"keras", "tensorflow", "torch", "jax"}
    assert not {name.split(".")[0] for name in imports(path, module_level=True)} & heavy


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_evaluated_unpickled_or_asserted(path):
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant) and node.value.value is False
    assert not {name.split(".")[0] for name in imports(path)} & {"pickle", "dill", "shelve"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_are_documented_and_typed(path):
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree), "the module says why it exists"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert node.returns is not None, node.name
            for argument in (*node.args.args, *node.args.kwonlyargs):
                assert argument.annotation is not None, f"{node.name}({argument.arg})"


def names_of_domains():
    """Return what the core must not know, and what it must not compare anything with.

    "text" and aliases such as "images" are ordinary words, too.
    """
    rows = domains.builtin()
    steps = {name for row in rows for name, _ in row.steps}
    built_in = {row.name for row in models.MODELS if row.target.startswith("actzoo.applications")}
    names = {row.name for row in rows}
    compared = names | {alias for row in rows for alias in row.aliases}
    return (names - {"text"}) | steps | built_in, compared


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_names_no_domain(path):
    """What only photos, texts or scans have lives in the domain's row, not in the core.

    The table of earlier names is the exception: files of any domain are read through it.
    """
    if path.stem == "spellings":
        return
    words, never_compared = names_of_domains()
    assert {"vision", "medical", "tokenize", "unet"} <= words and "text" in never_compared
    tree = ast.parse(path.read_text("utf-8"))
    compared = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare | ast.MatchValue)
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            unwanted = words | (never_compared if id(node) in compared else set())
            assert node.value not in unwanted, f"line {node.lineno}: {node.value!r}"


def test_every_public_name_exists():
    import actzoo

    for name in actzoo.__all__:
        assert getattr(actzoo, name) is not None


def test_import_and_listing_need_no_tensorflow():
    code = (
        "import sys, actzoo, actzoo.cli\n"
        "actzoo.list_models(); actzoo.activations.names(); actzoo.list_weights()\n"
        "heavy = {'keras', 'tensorflow', 'numpy', 'matplotlib', 'sklearn', 'rich.table'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
