"""Kinds of data: the core's only knowledge of photos, texts and scans.

A kind of data is a row of plain data (`DomainSpec`) that names one class (`Domain`). The core asks
that class how its data is recognized, opened, prepared, augmented and shown, and never asks which
domain it has. A domain from another package arrives by `register` or by the entry point
`actzoo.domains`.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
import importlib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from actzoo import archives, errors, files, folders, given_inputs, spellings
from actzoo.data_options import DataOption
from actzoo.given_inputs import GivenInput
from actzoo.panels import Panel as Panel
from actzoo.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from actzoo.data import Augmenter, Cutter, Source
    from actzoo.evaluation import Evaluation
    from actzoo.preprocessing import Steps

S = TypeVar("S", bound="Source")
# A preprocessing step: the value so far, and the step's settings by name.
Step = Callable[..., object]
# Packages with a `domain` and a `catalog` module, in the order in which they look at data.
BUILTIN = (
    "actzoo.applications.medical",
    "actzoo.applications.vision",
    "actzoo.applications.text",
)


@spellings.refuses_functions
@dataclasses.dataclass(frozen=True)
class DomainSpec:
    """One kind of data, as plain data: listing it imports nothing.

    Attributes:
        name: Canonical name ("vision").
        summary: One line.
        task: Name of the task its data usually means ("classification").
        default_model: Model taken when the user names none.
        default_precisions: Precisions exported when the user names none.
        target: The domain's class, `"module:Class"`; a subclass of `Domain`.
        steps: Names of the domain's own preprocessing steps.
        planned: Options of the model that `Domain.inputs` decides.
        options: What `Domain.open` takes.
        data_forms: How a user's data may look, for messages.
        notice: A sentence at the top of every report.
        aliases: Other names.
    """

    name: str
    summary: str
    task: str
    default_model: str
    default_precisions: tuple[str, ...]
    target: str
    steps: tuple[str, ...] = ()
    planned: tuple[str, ...] = ("input_shape",)
    options: tuple[DataOption, ...] = ()
    data_forms: tuple[str, ...] = ()
    notice: str = ""
    aliases: tuple[str, ...] = ()


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
        options: Options of data that follow from it: other data of the model is opened with them.
        seen: What the model will have seen, as plain values, such as the range of spacings of the
            training examples: it travels with the model, for `Domain.remarks`.
        notes: Warnings about the examples as the model reads them, one sentence each.
        sizes: What `Fingerprint.sizes` cannot say before the inputs are chosen.
    """

    config: dict[str, Any]
    inputs: dict[str, dict[str, Any]]
    steps: tuple[dict[str, Any], ...]
    augmentation: dict[str, Any]
    reasons: tuple[str, ...]
    examples: int | None = None
    batch_size: int | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    seen: dict[str, Any] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sizes: str = ""


class Domain(abc.ABC, Generic[S]):
    """What the core asks of a kind of data. `S` is the source that it opens.

    A domain says how its data is recognized, opened and prepared; the rest has defaults. Modules
    that are slow to import belong inside the methods: `recognize` is asked of every domain.

    Args:
        spec: Its row.
    """

    def __init__(self, spec: DomainSpec) -> None:
        self.spec = spec

    @abc.abstractmethod
    def recognize(self, path: str) -> str | None:
        """Return the reason why a path holds such data, or None. Cheap; imports no Keras."""

    def near_miss(self, path: str) -> str | None:
        """Return why a path that was not recognized seems to be meant as such data, and the fix."""
        return None

    def question(self, path: str) -> str | None:
        """Return what to ask before content alone decides, and below how to answer; or None."""
        return None

    @abc.abstractmethod
    def open(self, path: str, options: Mapping[str, Any]) -> S:
        """Open a user's data.

        Args:
            path: A folder, a file, or a name like `tfds:NAME`; archives are unpacked already.
            options: Those of the row's that are given, checked.

        Raises:
            DataError: The data cannot be used; says which file, and what to do.
        """

    @abc.abstractmethod
    def inputs(
        self, source: S, split: Mapping[str, np.ndarray], overrides: Mapping[str, Any]
    ) -> InputPlan:
        """Choose the model's inputs and the steps that lead there, with reasons.

        Args:
            source: The opened data.
            split: Split -> indices. Nothing may be chosen from other examples than those to train
                on.
            overrides: Values of the row's `planned` options that are fixed already, and as
                "preprocessing" the steps of given weights.
        """

    @abc.abstractmethod
    def steps(self) -> Mapping[str, Step]:
        """Return the functions of the row's `steps`, by name.

        Each takes the bytes of an example, or what the step before returned, and passes on what is
        at its stage already; the last returns arrays by input name.
        """

    def class_names(self, source: S, known: Sequence[str]) -> Sequence[str]:
        """Return the names of the source's classes as a model that knows `known` has them."""
        return source.classes

    def augmenter(self, steps: Steps, settings: Mapping[str, Any]) -> Augmenter | None:
        """Return what changes training samples; None for nothing.

        Args:
            steps: The plan's preprocessing.
            settings: `InputPlan.augmentation`, as the user may have changed it.
        """
        return None

    def cutter(self, steps: Steps) -> Cutter | None:
        """Return what cuts examples where a model takes parts of them; None where it does not."""
        return None

    def length(self, inputs: Mapping[str, np.ndarray]) -> int | None:
        """Return how many places of the first axis a prepared example fills; None for all.

        Training batches are made of examples of similar length and cut to the longest.
        """
        return None

    def read(self, given: Sequence[str], options: Mapping[str, Any]) -> Iterator[GivenInput]:
        """Yield what a user gives to `predict`, one input after another.

        Args:
            given: As the user wrote it; by default files, and folders of them.
            options: With which the data is opened.
        """
        return given_inputs.of_files(given, self.takes)

    def takes(self, name: str) -> bool:
        """Say whether a file in a folder of inputs is one, by its name; others are set aside."""
        return True

    def remarks(self, content: bytes, steps: Steps, seen: Mapping[str, Any]) -> Mapping[str, str]:
        """Return what a user should know of one input before trusting the answer.

        Args:
            content: Of the input, as the first preprocessing step takes it.
            steps: The model's preprocessing.
            seen: What the model saw in training; see `InputPlan.seen`.

        Returns:
            Short name of the remark, the same for all inputs -> one sentence about this one.
        """
        return {}

    def recognize_example(self, path: str, mask: str | None) -> str | None:
        """Return the reason why a path, with its mask, is one example of such data, or None."""
        return None

    def open_example(self, path: str, mask: str | None, options: Mapping[str, Any]) -> S:
        """Open one input as data of a single example.

        Args:
            path: Of the input.
            mask: Of its mask; None where it has none, and the example no target then.
            options: As in `open`.

        Raises:
            DataError: It cannot be used; says why, and what to do.
        """
        raise errors.DataError(
            f"The domain {self.spec.name} opens no examples by themselves.", given=path
        )

    def as_stored(self, mask: np.ndarray, content: bytes, steps: Steps) -> np.ndarray:
        """Return a mask on the grid of the first step as its input's file is laid out."""
        return mask

    def write_mask(
        self,
        name: str,
        content: bytes | None,
        mask: np.ndarray,
        labels: Sequence[Mapping[str, Any]],
        folder: Path,
    ) -> Path:
        """Write a predicted mask; by default as `<stem>_mask.npy`.

        Args:
            name: What the user calls the input; its last part names the file.
            content: The input's bytes; None where it was an array.
            mask: The numbers of the user's own masks, as `as_stored` gives it; else class indices.
            labels: `{"name", "value"}` of each class, perhaps "color"; empty for class indices.
            folder: Where to; made where it is missing.
        """
        import numpy as np

        array = io.BytesIO()
        np.save(array, mask)
        stem = Path(name).name.removesuffix(".npy") or "input"
        return files.write_bytes(folder / f"{stem}_mask.npy", array.getvalue())

    def traveling_files(self, steps: Steps) -> dict[str, bytes]:
        """Return files that accompany a model for those who prepare its inputs themselves."""
        return {}

    def panels(self, evaluation: Evaluation) -> list[Panel]:
        """Return what the report shows of the data and of the model's mistakes."""
        return []


class _NoDomain(Domain["Source"]):
    """The domain of a model that belongs to none: the defaults, and nothing to open."""

    def recognize(self, path: str) -> None:
        return None

    def open(self, path: str, options: Mapping[str, Any]) -> Source:
        raise errors.InvalidValueError("The model belongs to no kind of data.", given=path)

    def inputs(
        self, source: Source, split: Mapping[str, np.ndarray], overrides: Mapping[str, Any]
    ) -> InputPlan:
        raise errors.InvalidValueError("The model belongs to no kind of data.")

    def steps(self) -> Mapping[str, Step]:
        return {}


def builtin() -> list[DomainSpec]:
    """Return the rows of this package's own domains, without looking for others."""
    return [importlib.import_module(f"{package}.domain").DOMAIN for package in BUILTIN]


def _load_builtins() -> None:
    for spec in builtin():
        DOMAINS.add(spec)


def _check_row(row: object) -> None:
    if not isinstance(row, DomainSpec):
        raise errors.InvalidTypeError(
            f"A domain is a DomainSpec, not {type(row).__name__}.", given=row
        )
    if not isinstance(row.steps, tuple) or not all(isinstance(step, str) for step in row.steps):
        raise errors.InvalidTypeError(
            f"`steps` of the domain {errors.shown(row.name)} must be a tuple of names; the "
            "functions are what Domain.steps() returns.",
            given=row.steps,
        )


DOMAINS: Registry[DomainSpec] = Registry(
    "domain", entry_points="actzoo.domains", load_builtins=_load_builtins, check=_check_row
)


def register(spec: DomainSpec, *, origin: str = "your code") -> DomainSpec:
    """Add a domain; see `Registry.add`."""
    return DOMAINS.add(spec, origin=origin)


def get_domain(name: str) -> Domain[Source]:
    """Return a domain, the same object for each call.

    Args:
        name: Its name or alias; empty for a model that belongs to none, which gets the defaults.

    Raises:
        UnknownNameError: There is none of this name.
    """
    return _instance(DOMAINS.get(name).name if name else "")


@functools.cache
def _instance(name: str) -> Domain[Source]:
    if not name:
        return _NoDomain(DomainSpec("", "", "", "", (), ""))
    row = DOMAINS.get(name)
    try:
        made = DOMAINS.load(name)(row)
        problem = None if isinstance(made, Domain) else "is not a subclass of actzoo.domains.Domain"
    except errors.ActzooError:
        raise
    except (ImportError, AttributeError, TypeError) as error:
        problem = f"cannot be used: {errors.shown(error, 160)}"
    if problem is not None:
        raise errors.InvalidTypeError(
            f"The target {errors.shown(row.target)} of the domain '{errors.shown(name)}' {problem}."
            "\nCorrect it in the package that brings the domain, or uninstall that package.",
            given=row.target,
        )
    return made


def recognize_example(path: str, mask: str | None = None) -> DomainSpec:
    """Return the domain of one input of a user's, and its mask if it has one.

    Raises:
        MissingFileError: It is no text, and there is nothing at the path.
        DataError: No domain recognizes it.
    """
    for spec in DOMAINS:
        if get_domain(spec.name).recognize_example(path, mask) is not None:
            return spec
    folders.check_exists(path)
    with_mask = "" if mask is None else f" with the mask {errors.shown(mask, 120)}"
    raise errors.DataError(
        f"{errors.shown(path, 200)}{with_mask} is not an input that actzoo recognizes.\n"
        "Name its kind: domain=" + " or ".join(repr(spec.name) for spec in DOMAINS),
        given=path,
        allowed=tuple(spec.name for spec in DOMAINS),
    )


def locate(path: str | os.PathLike[str], archive_encoding: str | None = None) -> str:
    """Return where a user's data lies.

    That is the path itself, or where an archive is unpacked; and of a folder that only wraps
    another one, perhaps with a README beside it, the inner one.

    Args:
        path: What the user gave as DATA.
        archive_encoding: Of names in an archive that are not UTF-8.

    Raises:
        MissingFileError: There is nothing at the path.
        DataError: It is an archive that cannot be used.
    """
    path = os.fspath(path)
    folders.check_exists(path)
    if folders.is_scheme(path):
        return path
    files.refuse_special(path)
    return folders.unwrapped(str(archives.folder_of(path, archive_encoding)), _kinds_of)


def _kinds_of(place: str) -> set[str]:
    """Return the domains that recognize a place."""
    return {spec.name for spec in DOMAINS if get_domain(spec.name).recognize(place)}


def recognize(
    path: str, task: str | None = None, *, archive_encoding: str | None = None
) -> DomainSpec:
    """Return the domain of a user's data.

    Args:
        path: What the user gave as DATA.
        task: The model's task, where the content leaves a choice.
        archive_encoding: Of names in an archive that are not UTF-8.

    Raises:
        MissingFileError: There is nothing at the path.
        DataError: No domain recognizes it, or none for the task; or what it means has to be asked.
    """
    place = locate(path, archive_encoding)
    others = []
    for spec in DOMAINS:
        reason = get_domain(spec.name).recognize(place)
        if reason is not None and task in (None, spec.task):
            if task is None and (question := get_domain(spec.name).question(place)):
                raise errors.DataError(f"{errors.shown(path, 200)}: {question}", given=path)
            return spec
        if reason is not None:
            others.append(f"{spec.name} data for {spec.task} ({reason})")
    forms = [form for spec in DOMAINS for form in spec.data_forms if task in (None, spec.task)]
    problem = f"{errors.shown(path, 200)} holds no data that actzoo recognizes"
    if others:
        problem = f"{errors.shown(path, 200)} holds {'; '.join(others)}, nothing for {task}"
    asked = [get_domain(spec.name) for spec in DOMAINS if task in (None, spec.task)]
    hints = [hint for domain in asked if (hint := domain.near_miss(place)) is not None]
    says = hints or [f"Accepted: {'; '.join(forms)}."]
    hint = folders.hint_of_archives(place) or folders.hint_of_inner(place, _kinds_of)
    message = "\n".join([f"{problem}.{hint}", *says])
    raise errors.DataError(message, given=path, allowed=forms)
