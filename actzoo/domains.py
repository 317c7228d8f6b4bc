"""Kinds of data: the core's only knowledge of photos, texts and scans.

A domain is a row of plain data whose targets say how its data is recognised, opened, prepared,
augmented and shown. The core calls the targets and never asks which domain it has. A domain from
another package arrives by `register` or by the entry point `actzoo.domains`.
"""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any

from actzoo import archives, errors
from actzoo._lazy import resolve
from actzoo.registry import Registry

BUILTIN = ("actzoo.applications.vision",)  # packages with a `domain` and a `catalog` module


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
        inputs: Target of `(fingerprint, overrides: Mapping) -> InputPlan`: the model's input and
            the preprocessing steps that fit this data, with reasons.
        steps: The domain's own preprocessing steps: name -> target.
        augmenter: Target of `(steps, settings: Mapping) -> Augmenter`.
        panels: Target of `(evaluation) -> list of panels`: what the report shows of the data.
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
    steps: tuple[tuple[str, str], ...] = ()
    augmenter: str | None = None
    panels: str | None = None
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
        shape: Shape of one sample, without batch: `(height, width, channels)` for pictures.
        steps: Preprocessing steps, each `{"step": name, **settings}`.
        augmentation: Settings of the augmenter, plain values; empty for none.
        reasons: Why, one sentence each.
    """

    shape: tuple[int, ...]
    steps: tuple[dict[str, Any], ...]
    augmentation: dict[str, Any]
    reasons: tuple[str, ...]


def _load_builtins() -> None:
    for package in BUILTIN:
        DOMAINS.add(importlib.import_module(f"{package}.domain").DOMAIN)


DOMAINS: Registry[DomainSpec] = Registry(
    "domain", entry_points="actzoo.domains", load_builtins=_load_builtins
)


def register(spec: DomainSpec, *, origin: str = "your code") -> DomainSpec:
    """Add a domain; see `Registry.add`."""
    return DOMAINS.add(spec, origin=origin)


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


def recognise(path: str) -> DomainSpec:
    """Return the domain of a user's data.

    Args:
        path: What the user gave as DATA.

    Raises:
        MissingFileError: There is nothing at the path.
        DataError: No domain recognises it.
    """
    check_exists(path)
    place = path if is_scheme(path) else str(archives.folder_of(path))
    for spec in DOMAINS:
        if spec.call("sniff", place) is not None:
            return spec
    forms = "; ".join(form for spec in DOMAINS for form in spec.data_forms)
    raise errors.DataError(
        f"{errors.shown(path, 200)} holds no data that actzoo recognises.\nAccepted: {forms}.",
        given=path,
        allowed=[form for spec in DOMAINS for form in spec.data_forms],
    )
