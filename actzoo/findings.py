"""One thing that a user should know: found in a trained model, or in an exported file.

`diagnostics.json` and `verify.json` hold lists of these, and the report and the command line show
both in the same way.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that a user should know.

    Attributes:
        code: Stable name of the rule or check.
        site: Layer it is about, "model" for the whole model; None where it is about a file.
        what: What was seen, with the number.
        why: Why it matters.
        suggestion: What to do.
        precision: Exported file it is about; None for the whole folder, or for a model.
    """

    code: str
    site: str | None
    what: str
    why: str
    suggestion: str
    precision: str | None = None
