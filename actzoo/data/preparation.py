"""How examples become samples: preprocessing, cutting, augmentation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np

from actzoo import domains, errors, preprocessing

T = TypeVar("T")


class Augmenter(Protocol):
    """A stateless change of training samples; what a domain's `augmenter` returns."""

    @property
    def stored_steps(self) -> preprocessing.Steps:
        """Steps whose result is kept in memory and given to each call."""
        ...

    def __call__(
        self, inputs: dict[str, np.ndarray], target: object, rng: np.random.Generator
    ) -> tuple[dict[str, np.ndarray], Any]:
        """Return changed inputs of the model's shape, and the target that fits them."""
        ...


class Cutter(Protocol):
    """Goes between whole examples and the samples a model takes of them; a domain's `cutter`.

    In masks of samples, `tasks.IGNORE_INDEX` marks what is neither learned nor scored.
    """

    @property
    def case_steps(self) -> preprocessing.Steps:
        """Steps that prepare a whole example."""
        ...

    def sample(
        self, inputs: dict[str, np.ndarray], target: object, part: int, rng: np.random.Generator
    ) -> tuple[dict[str, np.ndarray], Any]:
        """Return one training sample of the model's shape."""
        ...

    def cut(
        self, inputs: dict[str, np.ndarray], target: object = None
    ) -> tuple[dict[str, np.ndarray], Any]:
        """Return all samples of an example, stacked; each place of the target is in one."""
        ...

    def join(self, outputs: np.ndarray, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Return the outputs for a whole example from those of its samples."""
        ...


@dataclasses.dataclass(frozen=True)
class Preparation:
    """How the examples of one plan or model become samples.

    Attributes:
        steps: Preprocessing, from the opened example to the model's input.
        cutter: Where a model takes parts of an example.
        augmenter: Changes training samples.
        length: Places of the first axis that a prepared example fills; None for all.
    """

    steps: preprocessing.Steps
    cutter: Cutter | None = None
    augmenter: Augmenter | None = None
    length: Callable[[dict[str, np.ndarray]], int | None] | None = None

    @classmethod
    def of(
        cls,
        domain: str,
        steps: preprocessing.Steps,
        augmentation: Mapping[str, Any] | None = None,
    ) -> Preparation:
        """Return the preparation as a domain has it.

        Args:
            domain: Its name; empty for a model that belongs to none.
            steps: Of a plan or a model's card.
            augmentation: Settings of the augmenter; empty for none.
        """
        chosen = domains.get_domain(domain)
        return cls(
            steps,
            chosen.cutter(steps),
            chosen.augmenter(steps, augmentation) if augmentation else None,
            chosen.length,
        )

    @property
    def case_steps(self) -> preprocessing.Steps:
        """Steps that prepare a whole example."""
        return self.steps if self.cutter is None else self.cutter.case_steps

    @property
    def stored_steps(self) -> preprocessing.Steps:
        """Steps whose result training keeps in memory."""
        if self.cutter is None and self.augmenter is not None:
            return self.augmenter.stored_steps
        return self.case_steps


def samples_of(inputs: dict[str, np.ndarray], preparation: Preparation) -> dict[str, np.ndarray]:
    """Return what a model takes of one prepared example, stacked `(samples, ...)`."""
    if preparation.cutter is not None:
        return dict(preparation.cutter.cut(inputs)[0])
    return {name: np.asarray(value)[None] for name, value in inputs.items()}


def read_settings(kind: type[T], given: Mapping[str, Any], highest: Mapping[str, float]) -> T:
    """Return the settings of an augmenter, checked by name and value.

    Args:
        kind: A dataclass whose fields are bool, or numbers from 0.
        given: Field -> value, as in the plan.
        highest: Field -> its highest number, where that is not 1.

    Raises:
        UnknownNameError: There is no such setting.
        InvalidValueError: A value is outside its range.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name, value in given.items():
        if name not in fields:
            raise errors.unknown_name("setting of the augmentation", name, fields)
        if isinstance(fields[name].default, bool):
            allowed, fits = "true or false", isinstance(value, bool)
        else:
            top = highest.get(name, 1.0)
            allowed = f"a number from 0 to {top:g}"
            number = isinstance(value, int | float) and not isinstance(value, bool)
            fits = number and 0 <= value <= top
        if not fits:
            raise errors.InvalidValueError(
                f"recipe.augmentation.{name} is {errors.shown(repr(value))}; it takes {allowed}.",
                given=value,
                allowed=(allowed,),
            )
    return kind(**given)
