"""The table of architectures, and how a model is built.

A model is a function of a config that names an activation. What is saved is a `.keras` file
(`saving`) and a card beside it (`model_card`).
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from actzoo import domains, errors, initial_weights, spellings
from actzoo.model_card import ModelCard, versions
from actzoo.registry import Registry
from actzoo.saving import load_model, register, save_model

if TYPE_CHECKING:
    import keras

__all__ = [
    "MAX_CLASSES",
    "MODELS",
    "ModelCard",
    "ModelConfig",
    "ModelSpec",
    "TrainingDefaults",
    "build_model",
    "check_num_classes",
    "check_number",
    "describe_model",
    "list_models",
    "load_model",
    "make_config",
    "register",
    "save_model",
    "versions",
]

MAX_CLASSES = 100_000


class ModelConfig(Protocol):
    """Options of an architecture: a frozen dataclass in which each has a default."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __init__(self, **options: object) -> None: ...

    def validate(self) -> None:
        """Refuse impossible options before any memory is reserved."""


@dataclasses.dataclass(frozen=True)
class TrainingDefaults:
    """How an architecture is trained where the user and the data do not say otherwise.

    Attributes:
        learning_rate: Peak of the schedule, from scratch.
        fine_tune_rate: The same, from given weights.
        examples: Samples shown in all when training from scratch.
        steps: Optimizer steps at least, from scratch: some hundred examples need many passes.
        epochs: Least and most passes that `examples` may lead to.
        batch_size: None lets the number of examples decide.
        label_smoothing: `[0, 1)`.
        weight_decay: Of AdamW.
        patience: Epochs without a better validation score before training ends; a third of all
            epochs where that is more.
    """

    learning_rate: float = 3e-3
    fine_tune_rate: float = 5e-4
    examples: int = 180_000
    steps: int = 2_500
    epochs: tuple[int, int] = (15, 60)
    batch_size: int | None = None
    label_smoothing: float = 0.05
    weight_decay: float = 0.05
    patience: int = 20


@spellings.accepts_old_arguments
@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """One architecture.

    Attributes:
        name: Canonical name.
        target: `"module:function"`; the function takes a config and returns a `keras.Model`.
        config: The class of its options.
        task: Task its head serves.
        domain: Domain it is meant for.
        summary: One line.
        paper: Source.
        training: How it is trained.
        low_data_options: Options it takes from scratch where there is little data.
        test_options: Options with which it trains in seconds, for `testing.check_model`.
        aliases: Other spellings.
    """

    name: str
    target: str
    config: type[ModelConfig]
    task: str
    domain: str
    summary: str
    paper: str = ""
    training: TrainingDefaults = TrainingDefaults()
    low_data_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    test_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    def defaults(self) -> dict[str, Any]:
        """Return the options and their defaults."""
        return dataclasses.asdict(self.config())


def _load_builtins() -> None:
    for package in domains.BUILTIN:
        for row in importlib.import_module(f"{package}.catalog").MODELS:
            MODELS.add(row)


MODELS: Registry[ModelSpec] = Registry(
    "model",
    command="actzoo list models",
    entry_points="actzoo.models",
    load_builtins=_load_builtins,
)


def list_models(pattern: str = "*") -> tuple[str, ...]:
    """Return the names of the architectures that match.

    Args:
        pattern: Wildcards `*` and `?`.
    """
    return MODELS.names(pattern)


def make_config(name: str, overrides: Mapping[str, object]) -> ModelConfig:
    """Return the config of a model with some options set.

    Args:
        name: Architecture.
        overrides: Option -> value.

    Raises:
        UnknownNameError: The model or an option does not exist.
        InvalidValueError: A value that is not allowed.
        InvalidTypeError: A value is of the wrong kind.
    """
    spec = MODELS.get(name)
    fields = {field.name for field in dataclasses.fields(spec.config)}
    for key in overrides:
        if key not in fields:
            error = errors.unknown_name(f"option of {spec.name}", key, fields)
            owners = [row.name for row in MODELS if key in row.defaults()]
            if owners:
                error.args = (f"{error.message}\n'{key}' is an option of {', '.join(owners)}.",)
                error.message = error.args[0]
            raise error
    config = spec.config(**{key: _tupled(value) for key, value in overrides.items()})
    config.validate()
    return config


def _tupled(value: object) -> object:
    return tuple(_tupled(item) for item in value) if isinstance(value, list | tuple) else value


def check_num_classes(classes: object) -> None:
    """Refuse a number of classes that no model can have.

    Raises:
        InvalidTypeError: It is not a whole number.
        InvalidValueError: It is negative, 1, or above 100,000.
    """
    if not isinstance(classes, int) or isinstance(classes, bool):
        raise errors.InvalidTypeError(
            f"num_classes must be a whole number, not {errors.shown(repr(classes))}.", given=classes
        )
    if classes < 0 or classes == 1 or classes > MAX_CLASSES:
        raise errors.InvalidValueError(
            f"num_classes={classes} is not possible: 2 to {MAX_CLASSES:,}, or 0 for a model that "
            "ends in pooled features.\nTwo classes have two outputs.",
            given=classes,
        )


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Refuse an option that is not a number from `low` to `high`.

    Raises:
        InvalidValueError: Says the name, the value and the range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise errors.InvalidValueError(
            f"{name}={errors.shown(repr(value))} is not possible: {low:g} to {high:g}.",
            given=value,
        )


def build_model(name: str, *, seed: int | None = None, **overrides: Any) -> keras.Model:
    """Build an architecture with fresh weights, or with given ones.

    Args:
        name: Architecture; see `list_models`.
        seed: Seed of the initial weights. Each weight is a function of it and of its own name,
            whatever was built before and whichever other layers there are. None draws one.
        **overrides: Options of the architecture (`activation`, `num_classes`, `input_shape`, …),
            and `weights`: None or "none" for fresh ones, a run folder, or a `.keras` file of ours.

    Returns:
        A flat functional model with named inputs that ends in logits, `(batch, num_classes)` or
        one vector for each place, or in features where `num_classes` is 0.

    Raises:
        UnknownNameError: The model or an option does not exist.
        InvalidValueError: A value that is not allowed.

    Example:
        >>> model = build_model("simple_net", input_shape=(8, 8, 3), num_classes=3)
        >>> model.output_shape
        (None, 3)
    """
    start = overrides.pop("weights", None)
    config = make_config(name, overrides)
    if seed is None:
        model = MODELS.load(name)(config)
    else:
        with initial_weights.unchanged_random_state():  # modules draw from it on import, too
            model = MODELS.load(name)(config)
            initial_weights.assign(model, seed)
    if start not in (None, "none"):
        from actzoo import weights  # the one upward call, see docs/design.md

        weights.apply(model, start)
    return model


def describe_model(name: str) -> dict[str, Any]:
    """Return what is known of an architecture, without building it."""
    spec = MODELS.get(name)
    return {
        "name": spec.name,
        "summary": spec.summary,
        "task": spec.task,
        "domain": spec.domain,
        "options": spec.defaults(),
        "paper": spec.paper,
        "builder": spec.target,
    }
