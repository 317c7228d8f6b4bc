"""What a user asks of a run besides its data, as one object from the command line to the plan.

Every choice left at None is decided from the data. The same options make a new plan, change one
that exists (`run plan.json --epochs 3`), or are held against one when a run is resumed.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from actzoo import domains, errors, files, models, tasks, weights
from actzoo.plan import Plan, apply_settings, check_precision


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Options of `actzoo run` and `actzoo plan`.

    Attributes:
        task: The model's task ("classification"); None takes it from the data.
        model: Architecture; None takes the domain's default.
        activation: Hidden activation; None takes the architecture's own.
        weights: "auto", "none", a run folder or a `.keras` file.
        epochs: Passes over the training data; None decides from the amount of data.
        batch_size: Examples of a step; None decides from the amount of data.
        seed: Of everything random; None is 0, or the plan's.
        export: Precisions of the exported files; None takes the domain's.
        settings: Fields of the plan to set, as `--set key=value` does: field -> text.
        options: How the data is opened (`strict`, `allow_rare`, `max_pixels`, …).
    """

    task: str | None = None
    model: str | None = None
    activation: str | None = None
    weights: str = "auto"
    epochs: int | None = None
    batch_size: int | None = None
    seed: int | None = None
    export: tuple[str, ...] | None = None
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> RunOptions:
        """Return the options of keyword arguments; None stands for an option left out.

        Raises:
            UnknownNameError: There is no such option.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        for name in given:
            if name not in names:
                raise errors.unknown_name("option of a run", name, names)
        chosen = {name: value for name, value in given.items() if value is not None}
        if "weights" in chosen:
            chosen["weights"] = os.fspath(chosen["weights"])
        if "export" in chosen:
            chosen["export"] = tuple(chosen["export"]) or None
        return cls(**chosen)

    def checked(self) -> RunOptions:
        """Return the options with the task's canonical name; refuse what no plan can hold.

        Raises:
            UnknownNameError: A name does not exist; the nearest is named.
            InvalidValueError: A number is below 1.
        """
        for precision in self.export or ():
            check_precision(precision)
        if self.model is not None:
            models.MODELS.get(self.model)
        if self.activation is not None:
            from actzoo import activations

            activations.parse(self.activation)
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise errors.InvalidValueError(
                    f"{name.replace('_', ' ')} must be 1 or more, not {value}.", given=value
                )
        if self.task is None:
            return self
        return dataclasses.replace(self, task=tasks.TASKS.get(self.task).name)

    def without_planned(self, names: Sequence[str]) -> tuple[RunOptions, dict[str, Any]]:
        """Return the options without the settings that preprocessing is planned to fit, and those.

        Args:
            names: Options of the model that a domain decides from the data (`input_shape`).

        Raises:
            InvalidValueError: One of them is not a whole number or a list of them.
        """
        settings = dict(self.settings)
        planned = {}
        for name in names:
            for key in (name, f"model_config.{name}"):
                if key in settings:
                    planned[name] = _whole_numbers(key, settings.pop(key))
        return dataclasses.replace(self, settings=settings), planned

    def refuse_data_options(self) -> None:
        """Refuse options that have no effect beside a plan, which fixes how its data is opened.

        Raises:
            InvalidValueError: Some are given.
        """
        given = [key for key, value in self.options.items() if value]
        given += [self.task] if self.task else []
        if given:
            raise errors.InvalidValueError(
                f"A plan fixes how its data is opened, so these have no effect beside it: "
                f"{errors.shown(', '.join(map(str, given)))}.\n"
                "Leave them out, or give the data itself instead of the plan.",
                given=given,
            )

    def applied_to(self, plan: Plan) -> Plan:
        """Return a plan with the options changed that were given beside it.

        Raises:
            InvalidValueError: The plan would not be valid.
            MissingFileError: There are no weights at the place that is named.
        """
        config = dict(plan.model_config)
        if self.activation is not None:
            config["activation"] = self.activation
        recipe = plan.recipe
        given = {"seed": self.seed, "batch_size": self.batch_size}
        changed: dict[str, Any] = {key: n for key, n in given.items() if n is not None}
        if self.epochs is not None:
            last = dataclasses.replace(recipe.phases[-1], epochs=self.epochs)
            changed["phases"] = (*recipe.phases[:-1], last)
        plan = dataclasses.replace(
            plan,
            weights=plan.weights if self.weights == "auto" else self._start(),
            model=self.model or plan.model,
            model_config=config,
            recipe=dataclasses.replace(recipe, **changed),
            precisions=tuple(self.export or plan.precisions),
        )
        plan.check()
        return apply_settings(plan, self.settings)

    def _start(self) -> str:
        start = weights.locate(self.weights)
        return "none" if start is None else str(start.resolve())

    def refuse_other_plan(self, plan: Plan) -> None:
        """Refuse to go on with a run whose plan is not what the options ask for.

        Options that agree with the plan are fine: people repeat a command and add --resume. Whether
        the data is that of the plan, its content says and not its place.

        Args:
            plan: Of the run.

        Raises:
            InvalidValueError: They differ; names each difference.
        """
        options, planned = self.without_planned(domains.DOMAINS.get(plan.domain).planned)
        pairs: dict[str, tuple[object, object]] = {
            "model": (plan.model, self.model and models.MODELS.get(self.model).name),
            "activation": (plan.model_config.get("activation"), self.activation),
            "weights": (plan.weights, self._wanted_weights()),
            "epochs": (plan.recipe.phases[-1].epochs, self.epochs),
            "batch_size": (plan.recipe.batch_size, self.batch_size),
            "seed": (plan.recipe.seed, self.seed),
            "export": (plan.precisions, self.export),
            **{key: (plan.model_config.get(key), value) for key, value in planned.items()},
        }
        if self.options:
            planned_options = {name: plan.data_options.get(name) for name in self.options}
            pairs["data options"] = (planned_options, dict(self.options))
        differing = [
            f"{key}: {errors.shown(there)} there, {errors.shown(wanted)} asked for"
            for key, (there, wanted) in pairs.items()
            if wanted is not None and wanted != there
        ]
        if files.plain(apply_settings(plan, options.settings)) != files.plain(plan):
            differing.append(f"--set {', '.join(options.settings)}: other values than in its plan")
        if differing:
            raise errors.InvalidValueError(
                "--resume continues with the plan of the run, and the options ask for another: "
                f"{'; '.join(differing)}.\nLeave those options out, or start again with another "
                "--out.",
                given=differing,
            )

    def _wanted_weights(self) -> str | None:
        if self.weights in ("auto", "none"):
            return None if self.weights == "auto" else "none"
        return str(Path(self.weights).resolve())


def _whole_numbers(key: str, text: str) -> Any:
    """Return the whole number, or the list of them, that a setting's text stands for."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    numbers = value if isinstance(value, list) else [value]
    if not numbers or not all(type(number) is int for number in numbers):
        raise errors.InvalidValueError(
            f"--set {key}={errors.shown(text)}: it takes a whole number, or a list of them as "
            "[96, 96, 3].",
            given=text,
        )
    return value


def is_plan(path: str) -> bool:
    """Say whether what was given as DATA is a plan to follow: a `.json` file that is not data."""
    return path.endswith(".json") and not is_data(path)


def is_data(path: str) -> bool:
    """Say whether a `.json` file is data of some domain, and not a plan, by its content."""
    reasons = (domains.get_domain(spec.name).recognize(path) for spec in domains.DOMAINS)
    return any(reason is not None for reason in reasons) or _is_other_object(path)


def _is_other_object(path: str) -> bool:
    """Say whether a file is a JSON object without any field of a plan: data that is not read."""
    try:
        content = files.read_json(path, "data")
    except errors.ActzooError:
        return False
    fields = {field.name for field in dataclasses.fields(Plan)}
    return isinstance(content, dict) and bool(content) and not fields & set(content)
