"""The user's cache folder: unpacked archives, and results of inspecting data.

Everything in it can be deleted at any time. Nothing is ever written beside the user's data, and
never silently into a shared temporary folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "ACTZOO_CACHE"


def folder(*parts: str) -> Path:
    """Return a folder below the cache; it need not exist yet.

    Args:
        *parts: Names below the root, which is `$ACTZOO_CACHE` where that is set, or the
            platform's own place for caches.
    """
    return _root().joinpath(*parts)


def _root() -> Path:
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "actzoo"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/actzoo"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "actzoo"
