"""The plan of a run: every decision, readable and editable.

`plan.json` is all that training needs beside the data. Reading it checks each field by its type, so
that a slip of the hand is named and not trained on. What fills it is `planning`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actzoo import domains, errors, files, folders, models, preprocessing, spellings, tasks
from actzoo.artifacts import ARTIFACTS, SHARED_LIMITS


@dataclasses.dataclass(frozen=True)
class Phase:
    """One stretch of training.

    Attributes:
        name: For the history and the report.
        trains: "head" or "all".
        on: "inputs", or "features" computed once (only the head trains then).
        epochs: Passes over the training data.
        learning_rate: Peak of the schedule.
    """

    name: str
    trains: str
    on: str
    epochs: int
    learning_rate: float

    def check(self, where: str) -> None:
        """Refuse values that no phase can have; `where` is its path in the plan."""
        _need(self.trains in ("head", "all"), f"{where}.trains", self.trains, "head or all")
        known = self.on in ("inputs", "features")
        _need(known, f"{where}.on", self.on, "inputs or features")
        fits = self.on != "features" or self.trains == "head"
        _need(fits, f"{where}.on", self.on, "inputs where all layers train")
        _need(1 <= self.epochs <= 100_000, f"{where}.epochs", self.epochs, "1 to 100000")
        rate = self.learning_rate
        _need(0 < rate <= 10, f"{where}.learning_rate", rate, "above 0, at most 10")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        phases: In order.
        batch_size: Examples per step.
        weight_decay: Of AdamW; not on biases, normalization and slopes.
        warmup: Share of a phase's steps in which the learning rate rises from 0.
        label_smoothing: `[0, 1)`.
        augmentation: Settings of the domain's augmenter; empty for none.
        class_weights: Weigh rare classes up.
        patience: Epochs without a better validation score before a phase ends.
        seed: Of everything random.
    """

    phases: tuple[Phase, ...]
    batch_size: int = 32
    weight_decay: float = 0.05
    warmup: float = 0.05
    label_smoothing: float = 0.05
    augmentation: dict[str, Any] = dataclasses.field(default_factory=dict)
    class_weights: bool = False
    patience: int = 20
    seed: int = 0

    def check(self) -> None:
        """Refuse values that no training can use; see `Plan.check`."""
        _need(0 < len(self.phases) <= 8, "recipe.phases", len(self.phases), "1 to 8 phases")
        for index, phase in enumerate(self.phases):
            phase.check(f"recipe.phases[{index}]")
        for name, holds, allowed in (
            ("batch_size", 1 <= self.batch_size <= 65536, "1 to 65536"),
            ("weight_decay", 0 <= self.weight_decay < 1, "[0, 1)"),
            ("warmup", 0 <= self.warmup <= 1, "0 to 1"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "[0, 1)"),
            ("patience", self.patience >= 1, "1 or more"),
            ("seed", 0 <= self.seed < 2**31, "0 to 2147483647"),
        ):
            _need(holds, f"recipe.{name}", getattr(self, name), allowed)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Every decision of a run.

    Attributes:
        data: Where the data is, as the user gave it, made absolute.
        domain: Kind of data.
        task: What the model does.
        data_options: Options the data was opened with.
        content_hash: Of the data; another data set is refused.
        classes: Names, in the order of the outputs.
        num_examples: Split -> count.
        split_seed: Of the split, where the data brings none.
        split_digest: Seed and digest of the split that was drawn with it; "" in plans of before.
        preprocessing: Steps from the user's file to the input.
        inputs: Input name -> `{"shape", "dtype", "range"}` of one sample on the device.
        model: Architecture.
        model_config: Its options.
        weights: "none", or where the run starts from.
        recipe: How it is trained.
        precisions: Of the exported files.
        io_dtype: Of their inputs and outputs: "float32", or "uint8" for bytes.
        limits: That `verify` holds them to.
        reasons: Why, one sentence each.
        notes: Warnings met while planning.
        understood: What the data was taken for: its kind, classes, sizes, what was set aside.
        labels: Of masks: `{"name", "value"}` of each class, as in the user's own files.
        seen: What the training examples were like; see `domains.InputPlan`.
        format: Of this file.
    """

    data: str
    domain: str
    task: str
    content_hash: str
    classes: tuple[str, ...]
    preprocessing: tuple[dict[str, Any], ...]
    inputs: dict[str, dict[str, Any]]
    model: str
    model_config: dict[str, Any]
    recipe: Recipe
    precisions: tuple[str, ...]
    num_examples: dict[str, int]
    data_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    split_seed: int = 0
    split_digest: str = ""
    weights: str = "none"
    io_dtype: str = "float32"
    limits: dict[str, float] = dataclasses.field(default_factory=lambda: dict(SHARED_LIMITS))
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    understood: dict[str, str] = dataclasses.field(default_factory=dict)
    labels: tuple[dict[str, Any], ...] = ()
    seen: dict[str, Any] = dataclasses.field(default_factory=dict)
    format: int = files.FORMAT

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Plan:
        """Read and check a plan.

        Raises:
            MissingFileError: There is none.
            InvalidValueError: It is broken; names the field and its line.
        """
        data = files.read_json(path, "plan")
        text = Path(path).read_text("utf-8-sig")
        plan: Plan = _Reader(text, str(path)).read(cls, data)
        plan.check()
        return dataclasses.replace(plan, data=_absolute(plan.data, Path(path).parent))

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the plan."""
        return files.write_json(path, self)

    def check(self) -> None:
        """Refuse values that no run can use.

        Raises:
            InvalidValueError: Names the field, its value and what is allowed.
        """
        self.recipe.check()
        for precision in self.precisions:
            check_precision(precision)
        bytes_or_float = self.io_dtype in ("float32", "uint8")
        _need(bytes_or_float, "io_dtype", self.io_dtype, "float32 or uint8")
        tasks.get_task(self.task)
        preprocessing.validate(self.preprocessing)
        models.make_config(self.model, self.model_config)
        for name, described in self.inputs.items():
            shape = described.get("shape")
            whole = isinstance(shape, list | tuple) and all(type(n) is int and n > 0 for n in shape)
            _need(whole, f"inputs.{name}.shape", shape, "whole numbers above 0")
        _need(bool(self.inputs), "inputs", self.inputs, "one input or more")
        _need(
            self.model_config.get("num_classes") == len(self.classes),
            "model_config.num_classes",
            self.model_config.get("num_classes"),
            f"{len(self.classes)}, as many as there are classes",
        )


def _absolute(data: str, folder: Path) -> str:
    """Return the place of data as an absolute path: seen from here, or from the plan's folder."""
    if folders.is_scheme(data) or os.path.isabs(data):
        return data
    here = os.path.abspath(data)
    return here if os.path.exists(here) else os.path.abspath(folder / data)


def check_precision(precision: str) -> str:
    """Return a precision by the name of its format's row.

    Raises:
        UnknownNameError: No format has this name.
    """
    return ARTIFACTS.get(precision).name


def _need(holds: bool, where: str, value: object, allowed: str) -> None:
    if not holds:
        raise errors.InvalidValueError(
            f"{where} is {errors.shown(repr(value))}; allowed: {allowed}.",
            given=value,
            allowed=(allowed,),
        )


# --- from JSON and from --set ------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Reader:
    """Reads JSON data as instances of typed classes; refuses what does not fit by path and line.

    Args:
        text: The file's text, in which a field's line is looked up.
        path: The file, for messages.
    """

    text: str
    path: str

    def read(self, kind: Any, value: Any, where: str = "") -> Any:
        """Return `value` as an instance of `kind`.

        Args:
            kind: A dataclass, or the type of one of its fields.
            value: As read from JSON.
            where: Its path in the file; "" for the whole.
        """
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            return self._read_fields(kind, value, where)
        origin = typing.get_origin(kind)
        if origin is tuple:
            if not isinstance(value, list | tuple):
                self.refuse(value, where, f"must be a list, not {_kind_of(value)}")
            item = typing.get_args(kind)[0]
            return tuple(self.read(item, v, f"{where}[{i}]") for i, v in enumerate(value))
        if origin is dict:
            if not isinstance(value, Mapping):
                self.refuse(value, where, f"must be an object, not {_kind_of(value)}")
            item = typing.get_args(kind)[1]
            return {k: self.read(item, v, f"{where}.{k}") for k, v in value.items()}
        if kind is typing.Any or isinstance(kind, types.UnionType):
            return value
        return self._read_plain(kind, value, where)

    def _read_fields(self, kind: Any, value: Any, where: str) -> Any:
        if not isinstance(value, Mapping):
            self.refuse(value, where, f"must be an object, not {_kind_of(value)}")
        hints = typing.get_type_hints(kind)
        fields = {field.name: field for field in dataclasses.fields(kind)}
        for key in value:
            if key not in fields:
                near = errors.unknown_name("field", key, fields).nearest
                hint = f"; did you mean {near[0]!r}?" if near else ""
                self.refuse(value, _joined(where, str(key)), f"is not a field of the plan{hint}")
        values = {}
        for name, field in fields.items():
            if name in value:
                values[name] = self.read(hints[name], value[name], _joined(where, name))
            elif field.default is dataclasses.MISSING and (
                field.default_factory is dataclasses.MISSING
            ):
                self.refuse(value, _joined(where, name), "is missing")
        return kind(**values)

    def _read_plain(self, kind: type, value: Any, where: str) -> Any:
        if kind is float:
            if isinstance(value, bool) or not isinstance(value, int | float):
                self.refuse(value, where, f"must be a number, not {_kind_of(value)}")
            if not math.isfinite(value):
                self.refuse(value, where, "must be a finite number")
            return float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            names = {int: "a whole number", str: "text", bool: "true or false"}
            self.refuse(
                value, where, f"must be {names.get(kind, kind.__name__)}, not {_kind_of(value)}"
            )
        return value

    def refuse(self, value: object, where: str, problem: str) -> typing.NoReturn:
        """Raise the error for a value and its path."""
        line = _line_of(where, self.text)
        raise errors.InvalidValueError(
            f"{errors.shown(self.path, 120)}, line {line}: {where or 'the plan'} {problem}.\n"
            "Fix it there, or make a new plan with `actzoo plan`.",
            given=value,
        )


def _joined(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _kind_of(value: object) -> str:
    return f"{errors.shown(json.dumps(value, default=str), 40)}"


def _line_of(where: str, text: str) -> int:
    """Return the line of the last key of a path; the first line if it is not there."""
    position = 0
    for part in where.replace("[", ".[").split("."):
        key = part.strip()
        if key.startswith("["):
            continue
        place = text.find(f'"{key}"', position)
        if place < 0:
            break
        position = place
    return text.count("\n", 0, position) + 1


def apply_settings(plan: Plan, settings: Mapping[str, str]) -> Plan:
    """Return the plan with `--set key=value` applied.

    Args:
        plan: The plan.
        settings: Field -> text. A field of the plan, the recipe, a phase or the model's options,
            by its path (`recipe.weight_decay`) or by its last name where only one has it. A
            phase's field without an index goes to every phase.

    Raises:
        UnknownNameError: There is no such field; the nearest are named.
        InvalidValueError: The text is not a value of the field's type.
    """
    data = files.plain(plan)
    paths = _settable(data)
    for given, text in settings.items():
        key = spellings.modern_path(given)
        wanted = key if key in paths else None
        if wanted is None:
            ends = [path for path in paths if path.endswith(f".{key}")]
            plainest = {path.rsplit("[", 1)[0] + path.rsplit("]", 1)[-1] for path in ends}
            if len(plainest) != 1:
                raise errors.unknown_name(
                    "setting",
                    given,
                    sorted(paths),
                    aliases={path.rsplit(".", 1)[-1]: path for path in paths},
                )
            targets = ends
        else:
            targets = [wanted]
        for target in targets:
            _assign(data, target, _read_value(key, text, paths[target]))
    made: Plan = _Reader(json.dumps(data), "--set").read(Plan, data)
    made.check()
    return made


def _settable(data: dict[str, Any]) -> dict[str, Any]:
    """Return path -> present value of every plain field a user may set."""
    settable = {}

    def walk(value: object, path: str) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}" if path else key)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for index, inner in enumerate(value):
                walk(inner, f"{path}[{index}]")
        else:
            settable[path] = value

    for root in ("recipe", "model_config", "limits", "split_seed", "io_dtype"):
        walk(data[root], root)
    for name, value in data["recipe"].items():
        if value == {}:
            settable.pop(f"recipe.{name}", None)
    planned = domains.DOMAINS.get(data["domain"]).planned
    for fixed in (*planned, "num_classes"):  # these follow from data and preprocessing
        settable.pop(f"model_config.{fixed}", None)
    return settable


def _read_value(key: str, text: str, present: object) -> Any:
    """Return the text as a value of the kind that the field has now."""
    stripped = text.strip()
    if isinstance(present, str):
        return stripped
    try:
        value = json.loads(stripped, parse_constant=lambda name: math.nan)
    except (ValueError, RecursionError):
        value = None if stripped else ""
    wanted: tuple[type, ...]
    if isinstance(present, bool):
        wanted, name = (bool,), "true or false"
    elif isinstance(present, int):
        wanted, name = (int,), "a whole number"
    elif isinstance(present, float):
        wanted, name = (int, float), "a number, as 1e-3"
    elif isinstance(present, list):
        wanted, name = (list,), "a list, as [1, 2]"
    else:
        return value
    number = isinstance(value, float) and not math.isfinite(value)
    if not isinstance(value, wanted) or number or (isinstance(value, bool) and bool not in wanted):
        raise errors.InvalidValueError(
            f"--set {errors.shown(key)}={errors.shown(text)}: {key} takes {name}; "
            f"it is {errors.shown(json.dumps(present))} now.",
            given=text,
        )
    return value


def _assign(data: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.replace("]", "").replace("[", ".").split(".")
    for part in parents:
        data = data[int(part)] if isinstance(data, list) else data[part]
    data[int(last) if isinstance(data, list) else last] = value
