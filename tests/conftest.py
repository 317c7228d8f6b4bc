"""Shared by all tests: a quiet TensorFlow, and a look at what a test leaves behind."""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["ACTZOO_CACHE"] = tempfile.mkdtemp(prefix="actzoo-test-cache-")

import matrix_pairs
import pytest

# scripts/test.sh gives whole files to two workers in this order: the longest first, so that both
# end together.
LONGEST = (
    "test_matrix.py", "test_scripts.py", "test_backends.py", "test_readme.py",
    "test_activations.py", "test_lowering.py", "faults/test_training.py", "test_text.py",
    "test_photos.py", "test_medical.py", "test_export.py", "test_in_networks.py",
    "test_stages.py", "faults/test_export.py", "test_fourth_domain.py",
)  # fmt: skip

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the tests in the background has Ctrl-C ignored, in their children, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.relative_to(here).as_posix(), len(places)))


def pytest_terminal_summary(terminalreporter):
    number = matrix_pairs.todays_tenth()
    if number is None:
        return
    names = ["-".join(pair) for pair in matrix_pairs.tenth(number)]
    ends = [report.nodeid.rpartition("[")[2] for report in terminalreporter.getreports("passed")]
    passed = [name for name in names if f"{name}]" in ends]
    terminalreporter.write_line(
        f"Tenth {number} (of 0 to 9) of the pairs outside the suite: {', '.join(names)}; "
        f"{len(passed)} of {len(names)} passed."
    )


def pytest_sessionfinish():
    shutil.rmtree(os.environ["ACTZOO_CACHE"], ignore_errors=True)


def process_state() -> dict:
    """What a call must leave as it was: settings of the process, and of Keras if it is loaded."""
    state = {
        "directory": os.getcwd(),
        "signals": [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)],
    }
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "config"):
        # Importing TensorFlow sets variables; from then on they stay.
        state["environment"] = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        state["keras"] = (
            keras.config.floatx(),
            keras.config.epsilon(),
            keras.config.image_data_format(),
            keras.config.dtype_policy().name,
            sorted(k for k in keras.saving.get_custom_objects() if not k.startswith("actzoo>")),
        )
    return state


@pytest.fixture
def unchanged(tmp_path, monkeypatch):
    """Fail the test if it leaves a process-wide setting or a temporary file behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    before = process_state()
    yield
    after = process_state()
    for key in before:
        assert after[key] == before[key], f"{key} differs after the test"
    assert not list(folder.iterdir()), "temporary files are left behind"


@pytest.fixture
def table():
    """The table of activations; what a test registers is taken out again."""
    from actzoo.activations import ACTIVATIONS

    before, notes = set(ACTIVATIONS.names()), list(ACTIVATIONS.notes)
    yield ACTIVATIONS
    for name in set(ACTIVATIONS.names()) - before:
        for alias in ACTIVATIONS._rows.pop(name).aliases:
            ACTIVATIONS._aliases.pop(alias)
    ACTIVATIONS.notes[:] = notes


@pytest.fixture(scope="session")
def toy():
    """A domain from outside the package, registered; see `toy_domain`."""
    import toy_domain

    from actzoo import domains

    if "toy" not in domains.DOMAINS:
        domains.register(toy_domain.DOMAIN)
    return toy_domain


@pytest.fixture
def grids(toy, tmp_path):
    """A file of that domain's data."""
    return str(toy.write(tmp_path / "data.grids.npz"))
