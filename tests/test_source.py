"""Promises about the source itself: who imports whom, what stays light, what never appears."""

import ast
import functools
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
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
    "findings": 0, "inspection": 0, "panels": 0, "data_options": 0,
    "cache": 0, "archives": 0, "archive_members": 0, "folders": 0, "own_files": 0,
    "given_inputs": 0,
    "artifacts": 1, "run_folder": 1, "stage_records": 1, "domains": 1,
    "activations": 2,
    "blocks": 3, "tflite": 3,
    "preprocessing": 4, "model_files": 4, "model_card": 4, "saving": 4, "models": 4, "weights": 4,
    "initial_weights": 4, "tasks": 4, "data": 4,
    "plan": 5, "options": 5, "planning": 5, "overview": 5, "graphs": 5, "sites": 5, "last_look": 5,
    "checkpoint": 6, "progress": 6, "memory": 6, "phases": 6, "training": 6,
    "diagnostics": 6, "lowering": 6,
    "evaluation": 7, "export": 7, "inference": 7, "benchmark": 7,
    "verify": 8, "report": 8,
    "stages": 9,
    "cli": 10, "testing": 10,
}  # fmt: skip
FRIENDS = {
    ("_lazy", "errors"), ("registry", "errors"), ("registry", "_lazy"), ("files", "errors"),
    ("files", "spellings"), ("spellings", "errors"),
    ("formatting", "errors"), ("archives", "cache"), ("archives", "errors"), ("archives", "files"),
    ("archives", "archive_members"), ("archive_members", "errors"),
    ("folders", "errors"), ("folders", "own_files"), ("folders", "files"),
    ("given_inputs", "errors"), ("given_inputs", "files"), ("given_inputs", "folders"),
    ("data_options", "errors"),
    ("inspection", "cache"), ("inspection", "errors"), ("inspection", "files"),
    ("stage_records", "run_folder"), ("run_folder", "artifacts"),
    ("data", "preprocessing"), ("data", "tasks"), ("data", "model_card"),
    ("models", "model_card"), ("models", "saving"),
    ("models", "initial_weights"),
    ("weights", "model_card"), ("weights", "saving"),
    ("saving", "model_card"), ("saving", "model_files"),
    ("planning", "plan"), ("planning", "options"), ("planning", "overview"), ("options", "plan"),
    ("sites", "graphs"),
    ("training", "checkpoint"), ("training", "progress"), ("training", "memory"),
    ("training", "phases"),
    ("evaluation", "inference"), ("export", "inference"),
}  # fmt: skip
# Imports inside a function that go upward or close a circle, and why each has to.
UPWARD = {
    ("actzoo.models", "build_model", "actzoo.weights"):
        "build_model(weights=...) is one call for users; weights are applied to a built model",
    ("actzoo.activations.catalog", "_check", "actzoo.activations.lookup"):
        "a row of a plugin is held against the names that other packages use",
    ("actzoo.applications.vision.tfds", "open_prepared", "actzoo.applications.vision.data"):
        "pictures from TensorFlow Datasets are the same source as those from a folder",
}  # fmt: skip
# Files that may import Keras or TensorFlow at module level; all the others are light.
HEAVY = (
    "actzoo/activations/*/functions.py",
    "actzoo/activations/*/layers.py",
    "actzoo/activations/channelwise/device.py",
    "actzoo/activations/exponential/device.py",
    "actzoo/activations/gated/device.py",
    "actzoo/activations/learnable/device.py",
    "actzoo/activations/rectified/device.py",
    "actzoo/activations/shrinking/device.py",
    "actzoo/activations/smooth/device.py",
    "actzoo/activations/smooth/gates.py",
    "actzoo/activations/squashing/device.py",
    "actzoo/activations/device_math.py",
    "actzoo/activations/layer_base.py",
    "actzoo/activations/layers.py",
    "actzoo/activations/learnable/smooth_layers.py",
    "actzoo/activations/numerics.py",
    "actzoo/activations/placed.py",
    "actzoo/activations/stateless.py",
    "actzoo/blocks.py",
    "actzoo/diagnostics.py",
    "actzoo/graphs.py",
    "actzoo/lowering/original.py",
    "actzoo/lowering/rewrite.py",
    "actzoo/phases.py",
    "actzoo/sites.py",
    "actzoo/training.py",
    "applications/*/models.py",
)
KERAS = {"keras", "tensorflow", "torch", "jax"}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "actzoo" else ("actzoo", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in SOURCES}


def nodes_with_function(path: Path) -> Iterator[tuple[ast.AST, str | None]]:
    """Yield each node that runs, and the function it is in.

    What runs is neither under TYPE_CHECKING nor an annotation, which stays text.
    """

    def visit(node: ast.AST, function: str | None) -> Iterator[tuple[ast.AST, str | None]]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        yield node, function
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            function = function or getattr(node, "name", "lambda")
        annotations = (getattr(node, "annotation", None), getattr(node, "returns", None))
        for child in ast.iter_child_nodes(node):
            if child not in annotations:
                yield from visit(child, function)

    yield from visit(tree_of(path), None)


def imported(node: ast.AST) -> dict[str, str]:
    """Return name -> dotted path of what a node imports."""
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name: alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return {}


def imports(path: Path, *, module_level: bool = False) -> set[str]:
    """Return the dotted names that a file imports; names under TYPE_CHECKING do not count."""
    return {
        name
        for node, function in nodes_with_function(path)
        if not (module_level and function)
        for name in imported(node).values()
    }


@functools.cache
def lazy_targets(module: str) -> dict[str, str]:
    """Return name -> module of what a package imports when first asked for."""
    for node in tree_of(MODULES[module]).body:
        if isinstance(node, ast.Assign) and "_TARGETS" in ast.dump(node.targets[0]):
            targets = ast.literal_eval(node.value)
            return {name: target.partition(":")[0] for name, target in targets.items()}
    return {}


def module_behind(dotted: str) -> str | None:
    """Return the module of ours in which a dotted name lives, also through a lazy package."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        if module in MODULES:
            return lazy_targets(module).get(parts[length], module) if parts[length:] else module
    return None


@functools.cache
def arrows(path: Path) -> frozenset[tuple[str, str | None]]:
    """Return (module of ours, function or None) for each that a file imports or reaches lazily."""
    reached, names = set(), {}
    for node, function in nodes_with_function(path):
        for name, dotted in imported(node).items():
            names[name] = dotted
            reached.add((module_behind(dotted), function))
    for node, function in nodes_with_function(path):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            dotted = names.get(node.value.id)
            if dotted in MODULES and node.attr in lazy_targets(dotted):
                reached.add((module_behind(f"{dotted}.{node.attr}"), function))
    return frozenset(
        (module, function)
        for module, function in reached
        if module not in (None, "actzoo", module_name(path))
    )


def room(name: str) -> str:
    """Return the module or package of the core that a module is or lies in."""
    return name.split(".")[1] if "." in name else "__init__"


def may_import(mine: str, other: str) -> bool:
    return mine == other or LEVELS[other] < LEVELS[mine] or (mine, other) in FRIENDS


UNLEVELED = {"__init__", "__main__", "templates", "applications"}


def test_every_room_has_a_level():
    assert {room(name) for name in MODULES} - UNLEVELED == set(LEVELS)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_lower_rooms_do_not_import_upper_ones(path):
    name = module_name(path)
    if room(name) in UNLEVELED:
        return
    for other, function in arrows(path):
        if (name, function, other) not in UPWARD:
            assert may_import(room(name), room(other)), f"{name} imports {other} in {function}"


def test_no_circle_of_imports():
    graph = {
        name: {other for other, function in arrows(path) if (name, function, other) not in UPWARD}
        for name, path in MODULES.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize("arrow", UPWARD, ids=lambda arrow: f"{arrow[0]}-{arrow[2]}")
def test_listed_upward_imports_exist(arrow):
    name, function, other = arrow
    assert function and (other, function) in arrows(MODULES[name])


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_never_imports_applications(path):
    assert not any(name.startswith("actzoo.applications") for name in imports(path))


@pytest.mark.parametrize("path", APPLICATIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_applications_import_only_rooms_below_training(path):
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "actzoo" and len(parts) > 1 and parts[1] in LEVELS:
            assert LEVELS[parts[1]] <= 4, name


def is_heavy(path: Path) -> bool:
    return any(path.relative_to(ROOT).match(pattern) for pattern in HEAVY)


def keras_behind(path: Path) -> bool:
    """Return whether importing a file imports Keras, itself or through other modules of ours."""
    seen, waiting = {path}, [path]
    while waiting:
        current = waiting.pop()
        if {name.split(".")[0] for name in imports(current, module_level=True)} & KERAS:
            return True
        following = {MODULES[name] for name, function in arrows(current) if function is None}
        waiting += following - seen
        seen |= following
    return False


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_light_files_do_not_import_keras(path):
    if not is_heavy(path):
        assert not keras_behind(path)


@pytest.mark.parametrize("pattern", HEAVY)
def test_files_listed_as_heavy_import_keras(pattern):
    listed = list(ROOT.glob(pattern))
    assert listed and all(keras_behind(path) for path in listed)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_evaluated_unpickled_or_asserted(path):
    tree = tree_of(path)
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant) and node.value.value is False
    assert not {name.split(".")[0] for name in imports(path)} & {"pickle", "dill", "shelve"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_are_documented_and_typed(path):
    tree = tree_of(path)
    assert ast.get_docstring(tree), "the module says why it exists"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert node.returns is not None, node.name
            for argument in (*node.args.args, *node.args.kwonlyargs):
                assert argument.annotation is not None, f"{node.name}({argument.arg})"


@functools.cache
def names_of_domains():
    """Return what the core must not know, and what it must not compare anything with.

    "text" and aliases such as "images" are ordinary words, too.
    """
    rows = domains.builtin()
    steps = {name for row in rows for name in row.steps}
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
    tree = tree_of(path)
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


# --- sizes and types -----------------------------------------------------------------------------

MAX_LINES = 450
# Tables of data, which are as long as what they list.
TABLES = (
    "actzoo/activations/*/rows.py",
    "actzoo/activations/figures.py",
    "actzoo/activations/peers.py",
)
MAX_FUNCTION_LINES = 26  # of nine functions in ten
MAX_ANY = 0.03  # of all parameters


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_files_are_short_or_tables_of_data(path):
    if not any(path.relative_to(ROOT).match(pattern) for pattern in TABLES):
        assert len(path.read_text("utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("pattern", TABLES)
def test_tables_hold_data_and_hardly_any_code(pattern):
    for path in ROOT.glob(pattern):
        tree = tree_of(path)
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        code = sum(node.end_lineno - node.lineno + 1 for node in functions)
        assert code <= 0.2 * len(path.read_text("utf-8").splitlines()), path


CLONE = 13  # lines: one more than may be alike in two places


def lines_of_code(path: Path) -> list[str]:
    """Return the lines of a file without docstrings, imports, comments and indentation."""
    left_out: set[int] = set()
    for node in ast.walk(tree_of(path)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            left_out.update(range(node.lineno, node.end_lineno + 1))
    lines = enumerate(path.read_text("utf-8").splitlines(), 1)
    stripped = [line.strip() for number, line in lines if number not in left_out]
    return [line for line in stripped if line and not line.startswith("#")]


def test_no_code_is_written_twice():
    seen: dict[tuple[str, ...], str] = {}
    for path in SOURCES:
        lines = lines_of_code(path)
        for start in range(len(lines) - CLONE + 1):
            piece = tuple(lines[start : start + CLONE])
            assert piece not in seen, f"{seen[piece]} and {relative(path)}:\n" + "\n".join(piece)
            seen[piece] = relative(path)


def functions_of(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield each function of a file by its qualified name."""

    def visit(node: ast.AST, around: str) -> Iterator[tuple[str, ast.FunctionDef]]:
        for child in ast.iter_child_nodes(node):
            inside = around
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield around + child.name, child
                inside = f"{around}{child.name}.<locals>."
            elif isinstance(child, ast.ClassDef):
                inside = f"{around}{child.name}."
            yield from visit(child, inside)

    yield from visit(tree_of(path), "")


def test_nine_functions_in_ten_are_short():
    sizes = sorted(
        node.end_lineno - node.lineno + 1 for path in SOURCES for _, node in functions_of(path)
    )
    assert sizes[int(0.9 * len(sizes))] <= MAX_FUNCTION_LINES


def parameters(function: ast.FunctionDef) -> list[ast.arg]:
    """Return the named parameters of a function; `*args` and `**kwargs` take what comes."""
    listed = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    return [argument for argument in listed if argument.arg not in ("self", "cls")]


def is_any(argument: ast.arg) -> bool:
    return isinstance(argument.annotation, ast.Name) and argument.annotation.id == "Any"


def test_few_parameters_are_of_any_type():
    taken = [
        (f"{relative(path)}: {name}({argument.arg})", is_any(argument))
        for path in SOURCES
        for name, function in functions_of(path)
        for argument in parameters(function)
    ]
    of_any = [name for name, bare in taken if bare]
    assert len(of_any) <= MAX_ANY * len(taken), "\n".join(of_any)


def house(module: str) -> str:
    """Return the package that a module is part of: a room of the core, or an application."""
    return ".".join(module.split(".")[1:3]) if ".applications." in module else room(module)


def used_names(path: Path) -> set[tuple[str, str]]:
    """Return (module, name) for what a file takes from modules of ours, called or not."""
    used, names = set(), {}
    for node, _ in nodes_with_function(path):
        names.update(imported(node))
    dotted_names = [*names.values()]
    for node, _ in nodes_with_function(path):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            dotted_names.append(f"{names.get(node.value.id)}.{node.attr}")
    for dotted in dotted_names:
        module = module_behind(dotted)
        if module is not None and dotted not in MODULES:
            used.add((module, dotted.rpartition(".")[2]))
    return used


def test_functions_called_across_packages_say_their_types():
    called = {
        (module, name)
        for path in SOURCES
        for module, name in used_names(path)
        if house(module) != house(module_name(path))
    }
    of_any = [
        f"{relative(path)}: {name}({argument.arg})"
        for path in SOURCES
        for name, function in functions_of(path)
        if (module_name(path), name.partition(".")[0]) in called
        and "<locals>" not in name
        and (function.name == "__init__" or not function.name.startswith("_"))
        for argument in parameters(function)
        if is_any(argument)
    ]
    assert of_any == [], "\n".join(of_any)


def test_every_public_name_exists():
    import actzoo

    for name in actzoo.__all__:
        assert getattr(actzoo, name) is not None


def test_readme_uses_public_names():
    import actzoo

    named = re.findall(r"\bactzoo\.([a-z_]+)[.(]", (ROOT / "README.md").read_text("utf-8"))
    assert named and set(named) <= set(actzoo.__all__)


def test_import_and_listing_need_no_tensorflow():
    code = (
        "import sys, actzoo, actzoo.cli\n"
        "actzoo.list_models(); actzoo.activations.names(); actzoo.list_weights()\n"
        "heavy = {'keras', 'tensorflow', 'numpy', 'matplotlib', 'sklearn', 'rich.table'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
