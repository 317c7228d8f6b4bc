"""Names of a package that are imported when first asked for (PEP 562).

`import actzoo` must not import Keras. A package lists its public names and where each lives; the
module behind a name is loaded at first use.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from typing import Any


def attach(
    package: str, targets: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a package.

    Args:
        package: The package's `__name__`.
        targets: Public name -> `"module:attribute"`, or `"module"` for a whole module.
    """

    def __getattr__(name: str) -> Any:
        if name not in targets:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = resolve(targets[name])
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *targets})

    return __getattr__, __dir__


def attach_modules(
    package: str, *modules: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a package that offers all names of its modules.

    For packages whose modules hold one public name per entry of a table: the names are not listed
    a second time, and none of the modules is imported before one of them is asked for.

    Args:
        package: The package's `__name__`.
        modules: Modules of it, without the package.
    """

    def __getattr__(name: str) -> Any:
        # `from package import module` asks here first, and must not import the others for it.
        if not name.startswith("_") and importlib.util.find_spec(f"{package}.{name}") is None:
            for module in modules:
                own = vars(importlib.import_module(f"{package}.{module}"))
                if name in own:
                    return own[name]
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        own = [vars(importlib.import_module(f"{package}.{module}")) for module in modules]
        return sorted({*vars(sys.modules[package]), *(n for names in own for n in names)})

    return __getattr__, __dir__


def resolve(target: str) -> Any:
    """Import what a target string names.

    Args:
        target: `"module:attribute"` or `"module"`.
    """
    module, _, attribute = target.partition(":")
    value = importlib.import_module(module)
    return getattr(value, attribute) if attribute else value
