"""Checks of what all files of an export share: classes, preprocessing, files that travel along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from actzoo import data, domains, errors, models
from actzoo.verify.collected import Findings, first_line
from actzoo.verify.exported import Exported, Recorded

# Mean difference of an input prepared by another decoder version, as a share of its range: one
# step of 255 for pixels. Whole numbers such as token ids are compared exactly.
PREPARED_TOLERANCE = 1 / 255


def check_folder(exported: Exported, findings: Findings) -> None:
    """Check what all files share."""
    card, recorded = exported.card, exported.recorded
    if card is not None and recorded is not None:
        _check_classes(exported.labels, card, recorded, findings)
    if card is not None:
        _check_traveling_files(exported, card, findings)
    if card is not None and recorded is not None:
        _check_preprocessing(card, recorded, exported.same_machine, findings)


def _check_classes(
    labels: Sequence[str], card: models.ModelCard, recorded: Recorded, findings: Findings
) -> None:
    expected = recorded.names("classes")
    for name, classes in (
        ("labels.txt", list(labels)),
        ("model.json", list(map(str, card.classes))),
    ):
        if classes != expected:
            findings.add(
                "classes",
                f"The classes of {name} differ from those of the export: "
                f"{_first_difference(classes, expected)}.",
                "An answer would carry the wrong name.",
            )


def _first_difference(classes: Sequence[str], expected: Sequence[str]) -> str:
    for number, (one, other) in enumerate(zip(classes, expected, strict=False), start=1):
        if one != other:
            return f"number {number} is '{errors.shown(one)}' instead of '{errors.shown(other)}'"
    return f"{len(classes)} names instead of {len(expected)}"


def _check_traveling_files(exported: Exported, card: models.ModelCard, findings: Findings) -> None:
    """Compare the files that others prepare inputs with (a tokenizer) with the card's steps."""
    try:
        expected = domains.get_domain(card.domain).traveling_files(card.preprocessing)
    except errors.ActzooError as error:
        findings.add(
            "preprocessing", first_line(error), "Inputs cannot be prepared on this machine."
        )
        return
    for name, content in expected.items():
        path = exported.target.path / name
        if not path.is_file():
            if name not in exported.changed:
                findings.add("missing_file", f"{name} is missing.", "An app needs it.")
        elif path.read_bytes() != content:
            findings.add(
                "preprocessing",
                f"{name} is not what the steps of model.json make.",
                "An app that reads it would give the model other inputs than in training.",
                "Take the files of the export.",
            )


def _check_preprocessing(
    card: models.ModelCard, recorded: Recorded, same_machine: bool, findings: Findings
) -> None:
    """Prepare the recorded files again and compare with the recorded tensors."""
    if not card.preprocessing:
        return
    inputs = recorded.inputs()
    for case, content in enumerate(recorded.raw()):
        own = np.flatnonzero(recorded.cases == case)
        if not len(own):
            continue
        expected = {name: value[own] for name, value in inputs.items()}
        difference = _difference_of(card, content, expected, exact=same_machine)
        if difference:
            findings.add(
                "preprocessing",
                f"Prepared by the steps of model.json, "
                f"'{errors.shown(recorded.sample_name(own[0]))}' is not what the model was given "
                f"at export ({errors.shown(difference, 120)}).",
                "The steps were changed, applied twice or left out; phone and training would "
                "see different numbers.",
                "Take the model.json of the export.",
            )
            return


def _difference_of(
    card: models.ModelCard, content: bytes, expected: Mapping[str, np.ndarray], *, exact: bool
) -> str:
    """Return how a case, prepared by the card's steps, differs from its samples; "" if not."""
    from actzoo import preprocessing

    try:
        preparation = data.Preparation.of(card.domain, card.preprocessing)
        whole = preprocessing.apply(preparation.case_steps, content)
        return _compared(data.samples_of(whole, preparation), expected, exact=exact)
    except (errors.ActzooError, ValueError, TypeError, KeyError) as error:
        return first_line(error)


def _compared(
    made: Mapping[str, np.ndarray], recorded: Mapping[str, np.ndarray], *, exact: bool
) -> str:
    """Return how prepared inputs differ from the recorded samples of their case; "" if not."""
    for name, expected in recorded.items():
        if name not in made:
            return f"the input '{name}' is not made"
        value = made[name]
        if value.shape != expected.shape:
            return f"shape {value.shape} instead of {expected.shape}"
        mean = float(np.abs(value.astype("float64") - expected.astype("float64")).mean())
        whole = expected.dtype.kind in "iu" and expected.dtype != np.uint8
        span = 255.0 if expected.dtype == np.uint8 else float(np.ptp(expected))
        if not mean <= (0.0 if exact or whole else PREPARED_TOLERANCE * span):
            return f"mean difference {mean:.3g} in '{name}'"
    return ""
