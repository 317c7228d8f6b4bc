"""The table of architectures, and how a model is built, saved and loaded.

A model is a function of a config that names an activation. What is saved is a `.keras` file and a
card beside it, which says how inputs are prepared and what the outputs mean.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actzoo import domains, errors, files, run_folder, spellings
from actzoo.registry import Registry

if TYPE_CHECKING:
    import keras

MAX_CLASSES = 100_000


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
        config: The frozen dataclass of its options and their defaults; its `validate` refuses
            impossible ones before any memory is reserved.
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
    config: type
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


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What stands beside a model file, enough to use it without the data or the plan.

    Attributes:
        name: Architecture.
        config: Options it was built with.
        domain: Kind of data.
        task: What it does.
        classes: Names of the outputs, in order.
        preprocessing: Steps from the user's file to the input tensor.
        inputs: Input name -> `{"shape", "dtype", "range"}`, shape without batch.
        output: Activation appended at export ("softmax").
        weights: Origin and license of the weights.
        limits: Limits that `verify` holds exported files to.
        data_options: How its data was opened; other data is opened alike.
        versions: Of the libraries that made it.
        sha256: File name -> hash of the files it describes.
        notes: What whoever opens the folder must know.
    """

    name: str
    config: dict[str, Any]
    domain: str
    task: str
    classes: tuple[str, ...]
    preprocessing: tuple[dict[str, Any], ...]
    inputs: dict[str, dict[str, Any]]
    output: str = "softmax"
    weights: dict[str, Any] = dataclasses.field(default_factory=dict)
    limits: dict[str, Any] = dataclasses.field(default_factory=dict)
    data_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    sha256: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: str = "Load with actzoo.load_model, or call actzoo.register() before Keras' own loader."
    format: int = files.FORMAT

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ModelCard:
        """Read a card.

        Raises:
            MissingFileError: There is none.
            InvalidValueError: It is broken, or of a newer format.
        """
        data = files.read_json(path, "model card")
        fields = {field.name for field in dataclasses.fields(cls)}
        missing = {"name", "classes", "preprocessing", "inputs", "task"} - set(data)
        if missing:
            raise errors.InvalidValueError(
                f"The model card {errors.shown(path, 200)} lacks: {', '.join(sorted(missing))}.\n"
                "Take the model.json that was saved with the model.",
                given=str(path),
            )
        known = {key: value for key, value in data.items() if key in fields}
        for key in ("classes", "preprocessing"):
            if not isinstance(known[key], list):
                raise errors.InvalidValueError(
                    f"`{key}` in the model card {errors.shown(path, 200)} must be a list.",
                    given=known[key],
                )
            known[key] = tuple(known[key])
        for field in dataclasses.fields(cls):
            value = known.get(field.name, {})
            if str(field.type).startswith("dict") and not isinstance(value, dict):
                raise errors.InvalidValueError(
                    f"`{field.name}` in the model card {errors.shown(path, 200)} is no object.",
                    given=value,
                )
        return cls(**{"config": {}, "domain": "", **known})

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the card."""
        return files.write_json(path, self)


def list_models(pattern: str = "*") -> tuple[str, ...]:
    """Return the names of the architectures that match.

    Args:
        pattern: Wildcards `*` and `?`.
    """
    return MODELS.names(pattern)


def make_config(name: str, overrides: dict[str, Any]) -> Any:
    """Return the config of a model with some options set.

    Args:
        name: Architecture.
        overrides: Option -> value.

    Raises:
        UnknownNameError: The model or an option does not exist.
        InvalidValueError: A value is outside of what is allowed.
        InvalidTypeError: A value is of the wrong kind.
    """
    spec = MODELS.get(name)
    fields = {field.name for field in dataclasses.fields(spec.config)}
    for key in overrides:
        if key not in fields:
            error = errors.unknown_name(f"option of {spec.name}", key, fields)
            owners = [
                row.name
                for row in MODELS
                if key in {field.name for field in dataclasses.fields(row.config)}
            ]
            if owners:
                error.args = (f"{error.message}\n'{key}' is an option of {', '.join(owners)}.",)
                error.message = error.args[0]
            raise error
    config = spec.config(**{key: _tupled(value) for key, value in overrides.items()})
    config.validate()
    return config


def _tupled(value: Any) -> Any:
    return tuple(_tupled(item) for item in value) if isinstance(value, list | tuple) else value


def check_num_classes(classes: Any) -> None:
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


def check_number(name: str, value: Any, low: float, high: float) -> None:
    """Refuse an option that is not a number from `low` to `high`.

    Raises:
        InvalidValueError: Says the name, the value and the range.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and low <= value <= high):
        raise errors.InvalidValueError(
            f"{name}={errors.shown(repr(value))} is not possible: {low:g} to {high:g}.",
            given=value,
        )


def build_model(name: str, *, seed: int | None = None, **overrides: Any) -> keras.Model:
    """Build an architecture with fresh weights, or with given ones.

    Args:
        name: Architecture; see `list_models`.
        seed: Seed of the initial weights; the same seed gives the same weights. None draws one.
        **overrides: Options of the architecture (`activation`, `num_classes`, `input_shape`, …),
            and `weights`: None or "none" for fresh ones, a run folder, or a `.keras` file of ours.

    Returns:
        A flat functional model with named inputs that ends in logits, `(batch, num_classes)` or
        one vector for each place, or in features where `num_classes` is 0.

    Raises:
        UnknownNameError: The model or an option does not exist.
        InvalidValueError: A value is outside of what is allowed.

    Example:
        >>> model = build_model("simple_net", input_shape=(8, 8, 3), num_classes=3)
        >>> model.output_shape
        (None, 3)
    """
    weights = overrides.pop("weights", None)
    config = make_config(name, overrides)
    with _seeded(seed):
        model = MODELS.load(name)(config)
    if weights not in (None, "none"):
        from actzoo import weights as weight_files  # the one upward call, see docs/design.md

        weight_files.apply(model, weights)
    return model


@contextlib.contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    """Make layers built in the block draw their seeds from `seed`; leave no trace.

    Keras takes the seed of each unseeded initializer, and of each dropout layer, from Python's
    `random`; seeding that for the time of building makes weights a pure function of
    (seed, layer), with the user's random state as it was.
    """
    if seed is None:
        yield
        return
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def register() -> None:
    """Make Keras know actzoo's layers, so that its own loader reads our `.keras` files."""
    from actzoo import activations, blocks  # noqa: F401  (its layers register themselves)

    activations.register_layers()


def save_model(model: keras.Model, folder: str | os.PathLike[str], card: ModelCard) -> ModelCard:
    """Save a model and its card.

    Args:
        model: A functional model that ends in logits.
        folder: Gets `model.keras` and `model.json`.
        card: Its hash and versions are filled in.

    Returns:
        The card as written.

    Raises:
        DiskError: The disk is full or not writable; the old files stay.
    """
    run = run_folder.RunFolder(folder)
    with files.atomic_path(run.model) as temporary:
        try:
            model.save(temporary)
        except OSError:
            raise
        except RuntimeError as error:  # h5py hides the disk's error in a text of its own
            raise OSError(28, str(error)) from error
    card = dataclasses.replace(
        card,
        sha256={run.model.name: files.sha256_file(run.model)},
        versions=versions(),
    )
    card.write(run.card)
    return card


def load_model(path: str | os.PathLike[str], *, trust: bool = False) -> keras.Model:
    """Load a model of a run folder or a `.keras` file.

    Args:
        path: A folder with `model.keras`, or the file.
        trust: Load classes that are neither Keras' nor actzoo's; such a file can run any code.

    Returns:
        The model, not compiled.

    Raises:
        MissingFileError: There is no such file.
        InvalidValueError: The file is damaged, differs from its card's hash, or asks for classes
            that are not allowed.
    """
    path = Path(path)
    file = path / "model.keras" if path.is_dir() else path
    if not file.exists():
        raise errors.MissingFileError(
            f"There is no model at {errors.shown(file, 200)}.\n"
            "Give a run folder that `actzoo run` or `actzoo train` made, or a .keras file.",
            given=str(path),
        )
    _check_hash(file)
    from actzoo import model_files

    if not trust:
        model_files.check(file)
    register()
    import keras

    try:
        return keras.saving.load_model(file, compile=False, safe_mode=not trust)
    except (ValueError, TypeError, OSError, KeyError) as error:
        unknown = re.search(r"Unknown activation '[^']*'", str(error))
        if unknown:
            raise errors.InvalidValueError(
                f"{errors.shown(file, 200)} cannot be loaded: {unknown.group()[0].lower()}"
                f"{unknown.group()[1:]}.\nImport the module that registers it "
                "(actzoo.activations.register) before loading.",
                given=str(path),
            ) from error
        raise errors.InvalidValueError(
            f"{errors.shown(file, 200)} cannot be read as a Keras model: "
            f"{errors.shown(str(error).strip().splitlines()[0] if str(error) else error, 160)}.\n"
            "Save it again with actzoo.save_model, or take it anew from its source.",
            given=str(path),
        ) from error


def _check_hash(file: Path) -> None:
    card_path = file.with_name("model.json")
    if not card_path.exists():
        return
    expected = ModelCard.read(card_path).sha256.get(file.name)
    if expected is not None and files.sha256_file(file) != expected:
        raise errors.InvalidValueError(
            f"{errors.shown(file, 200)} is not the file that its model.json describes: the SHA-256 "
            f"differs ({expected[:12]}... was recorded).\n"
            "It was changed or damaged after saving. Take it anew, or train again.",
            given=str(file),
        )


def versions() -> dict[str, str]:
    """Return the versions of the libraries that make a model."""
    from importlib import metadata

    import actzoo

    found = {"actzoo": actzoo.__version__}
    for package in ("keras", "tensorflow", "numpy", "ai-edge-litert", "litert-quantizer"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


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
