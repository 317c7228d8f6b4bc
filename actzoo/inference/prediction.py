"""One call of `predict`: inputs read and prepared, a model asked, answers named and written."""

from __future__ import annotations

import dataclasses
import itertools
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actzoo import errors, models, own_files
from actzoo.inference import label_numbers, output_folder
from actzoo.inference.input_checks import check_inputs

if TYPE_CHECKING:
    from actzoo.domains import GivenInput
    from actzoo.inference.predictors import Predictor

BATCH = 32  # samples given to a model at once


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model says about one input.

    Attributes:
        id: The input as the user named it.
        label: Most probable class; None where the input could not be read.
        probability: Its probability.
        probabilities: Class -> probability.
        error: Why there is no prediction.
        mask: The file that the predicted mask was written to.
        shares: Class -> share of the places, where each place has an answer.
        labels: What the numbers in the mask mean: `{"name", "value"}` of each class.
        notes: What to know before trusting the answer, one sentence each.
    """

    id: str
    label: str | None
    probability: float | None
    probabilities: dict[str, float]
    error: str | None = None
    mask: str | None = None
    shares: dict[str, float] = dataclasses.field(default_factory=dict)
    labels: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Prepared:
    """One input as the model takes it: whole, and cut into samples."""

    given: GivenInput
    case: dict[str, np.ndarray]
    samples: dict[str, np.ndarray]


class PredictionSession:
    """One call of `predict`."""

    def __init__(self, predictor: Predictor, card: models.ModelCard, out: Path | None) -> None:
        from actzoo import data, domains, tasks

        label_numbers.check(card)
        self.predictor = predictor
        self.card = card
        self.out = out
        self.preparation = data.Preparation.of(card.domain, card.preprocessing)
        self.domain = domains.get_domain(card.domain)
        self.is_dense = tasks.get_task(card.task).is_dense
        self._samples_of, self._in_batches = data.samples_of, data.run_in_batches
        self._written: set[Path] = set()
        # What an earlier call left may be written over, files of the user may not.
        self._earlier: set[tuple[str, ...]] = set()
        if out is not None:
            output_folder.check(out)
            self._earlier = own_files.answers_in(out)

    def answers(self, items: Sequence[GivenInput]) -> list[Prediction]:
        """Return the answers for some inputs."""
        prepared = [self._prepared(given) for given in items]
        ready = [item for item in prepared if isinstance(item, _Prepared)]
        outputs = self._outputs(ready)
        return [
            self._answered(item, outputs) if isinstance(item, _Prepared) else item
            for item in prepared
        ]

    def _prepared(self, given: GivenInput) -> _Prepared | Prediction:
        """Return an input as the model takes it, or why it cannot be."""
        try:
            case = self._prepare(given)
            samples = self._samples(case, given)
            check_inputs(samples, self.predictor.inputs, self.card)
        except errors.ActzooError as error:
            return Prediction(given.name, None, None, {}, str(error))
        return _Prepared(given, case, samples)

    def _outputs(self, ready: Sequence[_Prepared]) -> Iterator[np.ndarray]:
        """Return the model's outputs on all samples of some inputs, one after another."""
        if not ready:
            return iter(())
        names = self.predictor.inputs
        stacked = {name: np.concatenate([item.samples[name] for item in ready]) for name in names}
        return iter(self._in_batches(stacked, self.predictor.run, BATCH))

    def _answered(self, item: _Prepared, outputs: Iterator[np.ndarray]) -> Prediction:
        count = len(next(iter(item.samples.values())))
        own = np.stack(list(itertools.islice(outputs, count)))
        try:
            answer = self._answer(item.given, item.case, own)
            return dataclasses.replace(answer, notes=self._notes(item.given))
        except errors.DataError as error:
            return Prediction(item.given.name, None, None, {}, str(error))

    def _notes(self, given: GivenInput) -> tuple[str, ...]:
        if given.content is None:
            return ()
        remarks = self.domain.remarks(given.content, self.card.preprocessing, self.card.seen)
        return tuple(remarks.values())

    def _prepare(self, given: GivenInput) -> dict[str, np.ndarray]:
        name = given.name
        if given.problem is not None:
            raise errors.DataError(given.problem, given=name)
        if given.array is not None:
            return {next(iter(self.predictor.inputs)): _read_array(given.array)}
        if not self.card.preprocessing:
            raise errors.DataError(
                f"The model has no preprocessing steps, so {errors.shown(name, 120)} cannot be "
                "prepared.\nGive its input as a .npy file.",
                given=name,
            )
        from actzoo import preprocessing

        try:
            return preprocessing.apply(self.preparation.case_steps, given.content)
        except errors.ActzooError as error:
            raise errors.DataError(f"{errors.shown(name, 200)}: {error}", given=name) from error

    def _samples(self, case: dict[str, np.ndarray], given: GivenInput) -> dict[str, np.ndarray]:
        if given.array is not None:
            return {name: value[None] for name, value in case.items()}
        return self._samples_of(case, self.preparation)

    def _answer(
        self, given: GivenInput, case: dict[str, np.ndarray], outputs: np.ndarray
    ) -> Prediction:
        classes = self.card.classes
        if outputs.shape[-1] != len(classes):
            raise errors.InvalidValueError(
                f"The model has {outputs.shape[-1]} outputs and model.json {len(classes)} classes; "
                "they do not belong together.",
                given=outputs.shape[-1],
                allowed=(len(classes),),
            )
        if not self.is_dense:
            return named_prediction(given.name, outputs[0], classes)
        cutter = self.preparation.cutter
        joined = cutter.join(outputs, case) if cutter and given.array is None else outputs[0]
        mask = joined.argmax(axis=-1).astype("uint8")
        counts = np.bincount(mask.reshape(-1), minlength=len(classes))
        shares = {str(c): float(n / mask.size) for c, n in zip(classes, counts, strict=True)}
        written = None if self.out is None else str(self._write(self.out, given, mask))
        legend = label_numbers.legend(self.card)
        return Prediction(given.name, None, None, {}, mask=written, shares=shares, labels=legend)

    def _write(self, out: Path, given: GivenInput, mask: np.ndarray) -> Path:
        """Write a mask; files of one name go into folders of their own."""
        out.mkdir(parents=True, exist_ok=True)
        if not self._written:
            label_numbers.write_legend(out, self.card)
        if given.content is not None:
            mask = self.domain.as_stored(mask, given.content, self.card.preprocessing)
        numbers = label_numbers.numbered(mask, self.card.labels)
        with tempfile.TemporaryDirectory(dir=out, prefix=".") as scratch:
            made = self.domain.write_mask(
                given.name, given.content, numbers, self.card.labels, Path(scratch)
            )
            target = output_folder.free_place(out, made.name, self._written, self._earlier)
            target.parent.mkdir(exist_ok=True)
            os.replace(made, target)
        self._written.add(target)
        return target


def with_data_options(card: models.ModelCard, options: Mapping[str, Any]) -> models.ModelCard:
    """Return the card of a model for data that is opened otherwise than that it was trained on.

    Args:
        card: Of the model.
        options: Of its domain, such as the encoding of a file; "data options" in the plan.

    Raises:
        UnknownNameError: The domain has no such option.
        InvalidValueError: A value is of the wrong kind.
    """
    if not options:
        return card
    from actzoo import data_options, domains, preprocessing

    if not card.domain:
        raise errors.InvalidValueError(
            "The model belongs to no kind of data that actzoo opens, so these have no effect: "
            f"{errors.shown(', '.join(options))}.",
            given=tuple(options),
        )
    given = data_options.read_options(domains.DOMAINS.get(card.domain).options, options)
    return dataclasses.replace(
        card,
        data_options={**card.data_options, **given},
        preprocessing=preprocessing.with_settings(card.preprocessing, given),
    )


def read_inputs(
    given: Sequence[str | os.PathLike[str]], card: models.ModelCard, note: errors.Note | None = None
) -> Iterator[GivenInput]:
    """Yield what a user gives to `predict`, one input after another.

    Args:
        given: Files, folders of them, or what the domain's `read` takes.
        card: Of the model: its domain, and how its data is opened.
        note: Takes what there is to say of a folder; None prints it to stderr.
    """
    from actzoo import data, domains

    say = note or data.to_stderr
    named = [os.fspath(item) for item in given]
    for item in domains.get_domain(card.domain).read(named, card.data_options):
        if item.note is None:
            yield item
        else:
            say(f"{errors.shown(item.name, 200)}: {item.note}")


def batches_of(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Yield items in lists of a size; the last may be shorter."""
    while batch := list(itertools.islice(items, size)):
        yield batch


def _read_array(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except FileNotFoundError as error:
        raise errors.MissingFileError(
            f"There is no file {errors.shown(path, 200)}.", given=str(path)
        ) from error
    except (ValueError, OSError, EOFError) as error:
        raise errors.DataError(
            f"{errors.shown(path, 200)} is not a .npy array of numbers.", given=str(path)
        ) from error


def named_prediction(name: str, row: np.ndarray, classes: Sequence[str]) -> Prediction:
    """Return the prediction that a row of probabilities stands for."""
    best = int(np.argmax(row))
    values = {str(label): float(value) for label, value in zip(classes, row, strict=True)}
    return Prediction(name, str(classes[best]), float(row[best]), values)
