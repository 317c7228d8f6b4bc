"""The data of a run, opened once and handed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actzoo import errors
from actzoo.data.source import Source, open_source
from actzoo.data.splitting import split

if TYPE_CHECKING:
    from actzoo.plan import Plan


def open_planned(plan: Plan, note: errors.Note | None = None) -> tuple[Source, dict]:
    """Open the data of a plan and split it as planned.

    Returns:
        The source, and split -> indices.

    Raises:
        DataError: It is not the data the plan was made from.
    """
    source = open_source(plan.data, plan.domain, plan.data_options, note)
    found = source.fingerprint()
    if found.content_hash != plan.content_hash or tuple(source.classes) != tuple(plan.classes):
        raise errors.DataError(
            f"What lies at {errors.shown(plan.data, 200)} is not the data of the plan: "
            f"{found.num_examples} examples of {len(source.classes)} classes now, "
            f"{sum(plan.num_examples.values())} of {len(plan.classes)} then, or other contents.\n"
            "Bring the data back, or make a new plan: actzoo plan DATA --out RUN",
            given=plan.data,
            fix="actzoo plan DATA --out RUN",
        )
    return source, split(source, seed=plan.split_seed, note=note, options=plan.data_options)
