"""Kinds of data: the core's only knowledge of photos, texts and scans.

A domain is a row of plain data whose targets say how its data is recognized, opened, prepared,
augmented and shown. The core calls the targets and never asks which domain it has. A domain from
another package arrives by `register` or by the entry point `actzoo.domains`.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from actzoo import archives, errors
from actzoo._lazy import resolve
from actzoo.registry import Registry

T = TypeVar("T")
# What folders and files of a split are called, in small letters.
SPLIT_NAMES = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test",
}  # fmt: skip
_SYSTEM = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx"))
# Packages with a `domain` and a `catalog` module, in the order in which they look at data.
BUILTIN = (
    "actzoo.applications.medical",
    "actzoo.applications.vision",
    "actzoo.applications.text",
)


@dataclasses.dataclass(frozen=True)
class DataOption:
    """One option of how a domain's data is opened; on the command line `--text-column`.

    Attributes:
        name: As `open` takes it ("text_column").
        kind: bool, int, float or str.
        help: One line.
        least: Lowest number it takes.
        inputs: Whether it matters for inputs alone, where `predict` reads no labels.
    """

    name: str
    kind: type
    help: str
    least: float = -math.inf
    inputs: bool = True


@dataclasses.dataclass(frozen=True)
class DomainSpec:
    """One kind of data.

    Attributes:
        name: Canonical name ("vision").
        summary: One line.
        task: Name of the task its data usually means ("classification").
        default_model: Model taken when the user names none.
        default_precisions: Precisions exported when the user names none.
        sniff: Target of `(path: str) -> str | None`: the reason why this path holds such data, or
            None. Cheap; imports no Keras.
        open: Target of `(path: str, options: Mapping) -> Source`.
        rename: Target of `(source, known: Sequence[str]) -> Sequence[str]`: the names of the
            source's classes as a model of the known classes has them; its own where left out.
        inputs: Target of `(source, split, overrides: Mapping) -> InputPlan`: the model's inputs
            and the preprocessing steps that fit the training split, with reasons. Overrides are
            values of `planned` options, and as "preprocessing" the steps of given weights.
        planned: Options of the model that `inputs` decides.
        steps: The domain's own preprocessing steps: name -> target.
        augmenter: Target of `(steps, settings: Mapping) -> Augmenter`.
        cutter: Target of `(steps) -> Cutter`, where a model takes parts of an example.
        length: Target of `(inputs) -> int`: places of the first axis that a prepared example
            fills. Training batches are made of examples of like length and cut to the longest.
        read: Target of `(given: Sequence[str], options: Mapping) -> Iterable[(id, bytes)]`: what a
            user gives to `predict`, with the options that the data is opened with; files
            and folders of them where left out.
        write: Target of `(id, raw: bytes, mask, classes, folder: Path) -> Path`: a predicted mask
            as a file in the input's own form.
        files: Target of `(steps) -> dict[name, bytes]`: files that travel beside a model.
        panels: Target of `(evaluation) -> list of panels`: what the report shows of the data.
        notice: A sentence at the top of every report.
        options: What `open` takes.
        data_forms: How a user's data may look, for messages.
    """

    name: str
    summary: str
    task: str
    default_model: str
    default_precisions: tuple[str, ...]
    sniff: str
    open: str
    inputs: str
    planned: tuple[str, ...] = ("input_shape",)
    rename: str | None = None
    steps: tuple[tuple[str, str], ...] = ()
    augmenter: str | None = None
    cutter: str | None = None
    length: str | None = None
    read: str | None = None
    write: str | None = None
    files: str | None = None
    panels: str | None = None
    notice: str = ""
    options: tuple[DataOption, ...] = ()
    data_forms: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    def call(self, target: str, *args: Any) -> Any:
        """Import the target of one of the fields and call it.

        Args:
            target: Name of the field ("open").
            *args: Passed on.
        """
        return resolve(getattr(self, target))(*args)


@dataclasses.dataclass(frozen=True)
class InputPlan:
    """What a model of some data reads.

    Attributes:
        config: Options of the model that follow from the data: `{"input_shape": [96, 96, 3]}`.
        inputs: Input name -> `{"shape", "dtype", "range"}` of one sample on the device.
        steps: Preprocessing steps, each `{"step": name, **settings}`.
        augmentation: Settings of the augmenter, plain values; empty for none.
        reasons: Why, one sentence each.
        examples: Samples to show in all when training from scratch, where that depends on their
            size; None leaves it to the model.
        batch_size: Samples of a batch; likewise.
    """

    config: dict[str, Any]
    inputs: dict[str, dict[str, Any]]
    steps: tuple[dict[str, Any], ...]
    augmentation: dict[str, Any]
    reasons: tuple[str, ...]
    examples: int | None = None
    batch_size: int | None = None


def builtin() -> list[DomainSpec]:
    """Return the rows of this package's own domains, without looking for others."""
    return [importlib.import_module(f"{package}.domain").DOMAIN for package in BUILTIN]


def _load_builtins() -> None:
    for spec in builtin():
        DOMAINS.add(spec)


DOMAINS: Registry[DomainSpec] = Registry(
    "domain", entry_points="actzoo.domains", load_builtins=_load_builtins
)


def register(spec: DomainSpec, *, origin: str = "your code") -> DomainSpec:
    """Add a domain; see `Registry.add`."""
    return DOMAINS.add(spec, origin=origin)


def read_options(spec: DomainSpec, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with which data is opened, held against a domain's row.

    Raises:
        UnknownNameError: There is no such option.
        InvalidValueError: A value is of the wrong kind, or too low.
    """
    rows = {row.name: row for row in spec.options}
    for name, value in given.items():
        if name not in rows:
            raise errors.unknown_name("data option", name, [*rows, "allow_rare"])
        row = rows[name]
        takes = {
            bool: (bool, "true or false"),
            int: (int, "a whole number"),
            float: (int | float, "a number"),
            str: (str | os.PathLike, "text"),
        }
        kind, allowed = takes[row.kind]
        fits = isinstance(value, kind) and (row.kind is bool or not isinstance(value, bool))
        if fits and row.kind in (int, float):
            fits = math.isfinite(value) and value >= row.least
            allowed += "" if math.isinf(row.least) else f" from {row.least:g}"
        if not fits:
            raise errors.InvalidValueError(
                f"The data option {name} is {errors.shown(repr(value))}; it takes {allowed}.",
                given=value,
                allowed=(allowed,),
            )
    return dict(given)


def read_settings(kind: type[T], given: Mapping[str, Any], highest: Mapping[str, float]) -> T:
    """Return the settings of an augmenter, checked by name and value.

    Args:
        kind: A dataclass whose fields are bool, or numbers from 0.
        given: Field -> value, as in the plan.
        highest: Field -> its highest number, where that is not 1.

    Raises:
        UnknownNameError: There is no such setting.
        InvalidValueError: A value is outside of its range.
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


def entries(folder: str) -> tuple[list[str], list[str]]:
    """Return the names of a folder's folders and files, sorted, without hidden and system ones.

    Raises:
        DataError: The folder cannot be listed.
    """
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as listed:
            for entry in listed:
                if entry.name.startswith(".") or entry.name.lower() in _SYSTEM:
                    continue
                (folders if _is_folder(entry) else files).append(entry.name)
    except OSError as error:
        raise errors.DataError(
            f"The folder {errors.shown(folder, 200)} cannot be listed: {error.strerror}.\n"
            "Change its permissions, or remove it.",
            given=folder,
        ) from error
    return sorted(folders), sorted(files)


def files_of(given: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Return files; a folder stands for all files below it that are not hidden.

    Raises:
        MissingFileError: A folder holds none.
    """
    found: list[Path] = []
    for path in map(Path, given):
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(
            file
            for file in path.rglob("*")
            if file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        )
        if not inside:
            raise errors.MissingFileError(
                f"The folder {errors.shown(path, 200)} holds no files.", given=str(path)
            )
        found += inside
    return found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def is_scheme(path: str) -> bool:
    """Say whether a user's DATA is a name like `tfds:NAME` and not a place on disk."""
    scheme, colon, _ = path.partition(":")
    return bool(colon) and scheme.isalnum() and len(scheme) > 1 and not Path(path).exists()


def check_exists(path: str) -> None:
    """Refuse a place on disk where there is nothing.

    Raises:
        MissingFileError: There is nothing at the path.
    """
    if not is_scheme(path) and not Path(path).exists():
        raise errors.MissingFileError(
            f"There is nothing at {errors.shown(path, 200)}.\n"
            "DATA is a folder, an archive of one, a file, or `tfds:NAME`.",
            given=path,
        )


def recognize(path: str, task: str | None = None) -> DomainSpec:
    """Return the domain of a user's data.

    Args:
        path: What the user gave as DATA.
        task: What shall be learned, where the content leaves a choice.

    Raises:
        MissingFileError: There is nothing at the path.
        DataError: No domain recognizes it, or none for the task.
    """
    check_exists(path)
    place = path if is_scheme(path) else str(archives.folder_of(path))
    others = []
    for spec in DOMAINS:
        reason = spec.call("sniff", place)
        if reason is not None and task in (None, spec.task):
            return spec
        if reason is not None:
            others.append(f"{spec.name} data for {spec.task} ({reason})")
    forms = [form for spec in DOMAINS for form in spec.data_forms if task in (None, spec.task)]
    found = f"{errors.shown(path, 200)} holds no data that actzoo recognizes"
    if others:
        found = f"{errors.shown(path, 200)} holds {'; '.join(others)}, nothing for {task}"
    raise errors.DataError(f"{found}.\nAccepted: {'; '.join(forms)}.", given=path, allowed=forms)
