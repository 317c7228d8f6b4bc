"""From a trained model to the files a phone runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actzoo import _lazy

if TYPE_CHECKING:
    from actzoo.export.export import IO_DTYPES, ExportResult, export_model, export_run
    from actzoo.export.reference import Reference
    from actzoo.export.saving import save_model

_TARGETS = {
    "ExportResult": "actzoo.export.export:ExportResult",
    "IO_DTYPES": "actzoo.export.export:IO_DTYPES",
    "Reference": "actzoo.export.reference:Reference",
    "export_model": "actzoo.export.export:export_model",
    "export_run": "actzoo.export.export:export_run",
    "save_model": "actzoo.export.saving:save_model",
}

__all__ = [
    "IO_DTYPES",
    "ExportResult",
    "Reference",
    "export_model",
    "export_run",
    "save_model",
]

__getattr__, __dir__ = _lazy.attach(__name__, _TARGETS)
