"""What a domain shows in a report, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict


class Panel(TypedDict, total=False):
    """What the report shows of data or results; `actzoo.report.panels` says what each kind has."""

    title: Required[str]
    kind: Required[Literal["gallery", "bars", "histogram", "table", "note"]]
    about: str
    section: Literal["data", "results"]
    items: Sequence[Mapping[str, str]]
    labels: Sequence[str]
    series: Mapping[str, Sequence[int]]
    values: Sequence[float]
    xlabel: str
    mark: float
    mark_label: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    text: str | Sequence[str]
