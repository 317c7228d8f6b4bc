"""What a `.keras` file may hold, checked before Keras builds anything from it.

A model file can run code. The members of the archive and its parsed config are compared
with an allow-list: Keras' own layers and what actzoo, or the user, has registered. Nothing of the
file is imported, built or called here.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from actzoo import errors

MEMBERS = re.compile(r"(config\.json|metadata\.json|model\.weights\.h5)")
MAX_CONFIG_BYTES = 64 << 20
MAX_UNPACKED_BYTES = 8 << 30
MAX_RATIO = 200  # unpacked to packed; weights do not compress, a config by 30 at most
MAX_DEPTH = 200
RUNS_CODE = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
_MODULES = re.compile(
    r"keras(\.src)?\.(layers|activations|initializers|regularizers|constraints|models|"
    r"optimizers|losses|metrics|dtype_policies|ops|random)(\..*)?|keras(\.src)?|builtins"
)
_CLASSES_OF_KERAS_ROOT = {"Functional", "Sequential", "Model", "DTypePolicy", "KerasTensor"}
_BUILTINS = {"slice", "__ellipsis__", "__tuple__", "__tensor__", "__numpy__", "__keras_tensor__"}


def check(path: Path) -> None:
    """Refuse a model file that asks for more than layers.

    Args:
        path: The `.keras` file.

    Raises:
        InvalidValueError: It is not a `.keras` file, it is damaged, or it names a class that can
            run code.
    """
    config, weight_bytes = _config(path)
    for entry in _named(config):
        _check_size(entry, weight_bytes, path)
        if not _allowed(entry):
            name = entry.get("registered_name") or entry.get("class_name")
            module = entry.get("module")
            config = entry.get("config")
            layer = (isinstance(config, dict) and config.get("name")) or entry.get("name") or "?"
            raise errors.InvalidValueError(
                f"{errors.shown(path, 120)} asks for {errors.shown(name)} "
                f"(from {errors.shown(module)}, layer '{errors.shown(layer)}'), which is neither "
                "Keras' own layer nor actzoo's and could run any code.\n"
                "If you made the file yourself, register the class first, or pass trust=True "
                "(--trust): the file can then do all that you can.",
                given=str(path),
                fix="--trust",
            )


def _check_size(entry: dict[str, Any], weight_bytes: int, path: Path) -> None:
    """Refuse a layer wider than the stored weights can be: building it would take the memory."""
    config = entry.get("config")
    if not isinstance(config, dict):
        return
    for key in ("units", "filters", "input_dim", "output_dim"):
        width = config.get(key)
        if isinstance(width, int) and width > max(weight_bytes, 1 << 16):
            raise errors.InvalidValueError(
                f"{errors.shown(path, 120)} asks for {key}={width:,} in layer "
                f"'{errors.shown(config.get('name'))}', but holds {weight_bytes:,} bytes of "
                "weights.\nThe file is damaged or made to fill the memory; get a fresh copy.",
                given=width,
            )


def _config(path: Path) -> tuple[object, int]:
    """Return the parsed config, and the bytes of weights that come with it."""

    def refuse(why: str) -> errors.InvalidValueError:
        return errors.InvalidValueError(
            f"{errors.shown(path, 160)} is not a whole Keras model file: {why}.\n"
            "Copy it again from its source; older .h5 files must be saved again as .keras.",
            given=str(path),
        )

    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
            if len(names) != len(set(names)):
                raise refuse("a member occurs twice")
            for name in names:
                if not MEMBERS.fullmatch(name):
                    raise refuse(f"it holds an unexpected member '{errors.shown(name)}'")
            total = sum(info.file_size for info in archive.infolist())
            if total > MAX_UNPACKED_BYTES or total > MAX_RATIO * max(1, path.stat().st_size):
                raise refuse(f"it claims to unpack to {total:,} bytes")
            info = archive.getinfo("config.json")
            if info.file_size > MAX_CONFIG_BYTES:
                raise refuse(f"its config has {info.file_size:,} bytes")
            text = archive.read(info).decode("utf-8")
            weight_bytes = total - info.file_size
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError, EOFError, OSError, ValueError) as e:
        if isinstance(e, errors.ActzooError):
            raise
        raise refuse(errors.shown(e, 100)) from e
    if _depth(text) > MAX_DEPTH:
        raise refuse("its config is nested too deeply")
    try:
        return json.loads(text), weight_bytes
    except (ValueError, RecursionError) as error:
        raise refuse("its config is not JSON") from error


def _depth(text: str) -> int:
    """Return how deep brackets nest; brackets inside strings may only raise it."""
    depth = deepest = 0
    for match in re.finditer(r"[\[\]{}]", text):
        depth += 1 if match.group() in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _named(config: object) -> Iterator[dict[str, Any]]:
    """Yield every object of a config that names a class."""
    stack = [config]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _allowed(entry: dict[str, Any]) -> bool:
    name, module = str(entry.get("class_name")), entry.get("module")
    registered = entry.get("registered_name")
    if name in RUNS_CODE or registered in RUNS_CODE:
        return False
    if isinstance(registered, str) and ">" in registered:
        return registered.startswith("actzoo>") or _is_registered(registered)
    if name in _BUILTINS:
        return True
    if name == "function":
        # Serialized functions: Keras' own activations have their module; anything else is code.
        return isinstance(module, str) and bool(
            re.fullmatch(r"keras(\.src)?\.(activations|ops|initializers)(\..*)?", module)
        )
    if module is None:
        return registered is None and name in _CLASSES_OF_KERAS_ROOT | {"Variable"}
    if not isinstance(module, str) or not _MODULES.fullmatch(module):
        return isinstance(registered, str) and _is_registered(registered)
    if module in ("keras", "keras.src"):
        return name in _CLASSES_OF_KERAS_ROOT
    return True


def _is_registered(name: str) -> bool:
    import sys

    keras = sys.modules.get("keras")
    return keras is not None and keras.saving.get_registered_object(name) is not None
