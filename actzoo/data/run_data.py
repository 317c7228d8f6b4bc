"""The data of a run, opened once in a process and passed on.

Training, evaluation, diagnosis and export all look at the same examples. They receive this object
and not a path, so that a run opens, checks and splits its data once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from actzoo import errors, tasks
from actzoo.data.preparation import Preparation
from actzoo.data.source import Source, open_source, to_stderr
from actzoo.data.splitting import may_differ, split, split_digest

if TYPE_CHECKING:
    from actzoo.plan import Plan


@dataclasses.dataclass(frozen=True)
class RunData:
    """What a plan says, with its data opened.

    Attributes:
        plan: Every decision of the run.
        source: The opened data.
        splits: Split ("train", "val", "test") -> indices `(n,)` into the source.
        preparation: How examples become samples; nothing is augmented.
        task: What the model does.
    """

    plan: Plan
    source: Source
    splits: Mapping[str, np.ndarray]
    preparation: Preparation
    task: tasks.Task

    @classmethod
    def open(cls, plan: Plan, note: errors.Note | None = None, place: str | None = None) -> RunData:
        """Open the data of a plan and split it as planned.

        Args:
            plan: The plan.
            note: Takes each warning; None prints it to stderr.
            place: Where the data is, if no longer at the plan's place.

        Raises:
            MissingFileError: There is no data at the plan's place.
            DataError: It is not the data the plan was made from, or is divided otherwise.
        """
        place = plan.data if place is None else place
        try:
            source = open_source(place, plan.domain, plan.data_options, note)
        except errors.MissingFileError as error:
            raise errors.MissingFileError(
                f"The data of the run is no longer at {errors.shown(place, 200)}.\n"
                "If it was moved, name its place: actzoo run DATA --out RUN --resume, or "
                "actzoo evaluate RUN DATA",
                given=place,
                fix="actzoo run DATA --out RUN --resume",
            ) from error
        return cls.split_as_planned(plan, source, note, place)

    @classmethod
    def split_as_planned(
        cls, plan: Plan, source: Source, note: errors.Note | None = None, place: str = ""
    ) -> RunData:
        """Split opened data as planned.

        Args:
            plan: The plan.
            source: The data.
            note: Takes each warning; None prints it to stderr.
            place: Where it is, for messages.

        Raises:
            DataError: It is not the data the plan was made from, or is divided otherwise.
        """
        _check_same_data(source, plan, place)
        splits = split(source, seed=plan.split_seed, note=note, options=plan.data_options)
        _check_same_split(source, splits, plan, note or to_stderr)
        return cls.of(plan, source, splits)

    @classmethod
    def of(cls, plan: Plan, source: Source, splits: Mapping[str, np.ndarray]) -> RunData:
        """Return the data of a plan that was just made from an opened source."""
        preparation = Preparation.of(plan.domain, plan.preprocessing)
        return cls(plan, source, splits, preparation, tasks.get_task(plan.task))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the model's outputs."""
        return self.plan.classes

    def training_preparation(self) -> Preparation:
        """Return how examples become training samples, augmentation included."""
        plan = self.plan
        return Preparation.of(plan.domain, plan.preprocessing, plan.recipe.augmentation)


def _check_same_data(source: Source, plan: Plan, place: str) -> None:
    """Refuse data that a plan was not made from."""
    summary = source.fingerprint()
    same = summary.content_hash == plan.content_hash
    if same and tuple(source.classes) == tuple(plan.classes):
        return
    raise errors.DataError(
        f"The data at {errors.shown(place or plan.data, 200)} is not the data of the plan: "
        f"{summary.num_examples} examples of {len(source.classes)} classes now, "
        f"{sum(plan.num_examples.values())} of {len(plan.classes)} then, or other contents.\n"
        "Restore the data, or make a new plan: actzoo plan DATA --out RUN",
        given=place or plan.data,
        fix="actzoo plan DATA --out RUN",
    )


def _check_same_split(
    source: Source, splits: Mapping[str, np.ndarray], plan: Plan, note: errors.Note
) -> None:
    """Refuse a split that is not the plan's: examples it held out may have been trained on."""
    seed, _, digest = plan.split_digest.partition(":")
    if digest and seed == str(plan.split_seed) and digest != split_digest(splits):
        raise errors.DataError(
            f"The data at {errors.shown(plan.data, 200)} is divided into other splits than when "
            "the plan was made, by another version of actzoo: what is held out now was trained "
            "on.\nUse the version that made the plan, or plan and train again: actzoo run DATA "
            "--out RUN",
            given=plan.data,
            fix="actzoo run DATA --out RUN",
        )
    if not digest and may_differ(source):
        note(
            "The plan is of an earlier version of actzoo, which divided such data (with masks, "
            "copies or patients) otherwise: if its model was trained then, examples that are held "
            "out now may have been trained on. Plan and train again for scores to trust."
        )
