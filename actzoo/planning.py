"""Rules that turn data into a plan, each decision with its reason.

A user's option wins over a rule. What differs between kinds of data (picture size, sequence length)
is asked of the domain; what is left here holds for all.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actzoo import activations, domains, errors, files, models, overview, tasks, weights
from actzoo.artifacts import DENSE_AGREEMENT, SHARED_LIMITS
from actzoo.data import split_digest
from actzoo.plan import Phase, Plan, Recipe

if TYPE_CHECKING:
    import numpy as np

    from actzoo.data import Source
    from actzoo.options import RunOptions

BATCH_SIZES = ((10_000, 64), (640, 32), (160, 16), (0, 8))  # from so many training examples on
FINE_TUNE_EXAMPLES = 40_000
LITTLE_DATA = 20_000  # training examples; below, an architecture takes its smaller form

SHOWN = 5  # outputs in a note

SMALLEST_BATCH = 4  # samples, from which on batch normalization works


def make_plan(
    source: Source,
    split: Mapping[str, np.ndarray],
    domain: domains.DomainSpec,
    *,
    data: str,
    options: RunOptions,
    planned: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    drawn: Sequence[str] = (),
) -> Plan:
    """Turn the data's fingerprint into a plan.

    Args:
        source: The opened data.
        split: Split -> indices.
        domain: Its kind.
        data: Its path, as given.
        options: What the user asked for; what is None is decided here.
        planned: Options of the model that the domain would decide from the data.
        notes: Warnings met so far.
        drawn: Those of them that say how splits were drawn.

    Returns:
        The plan, checked.

    Raises:
        InvalidValueError: The model is for another kind of data.
    """
    fingerprint = source.fingerprint()
    notes = (*notes, *_order_notes(source.classes, notes))
    spec = models.MODELS.get(options.model or domain.default_model)
    _check_fits(spec, domain)
    start = weights.locate(options.weights)
    draft = _Draft(spec, {"num_classes": len(source.classes)}, notes=list(notes))
    overrides = {**draft.start_from(start, domain, options.weights), **(planned or {})}
    if planned:
        models.make_config(spec.name, {**draft.config, **planned})
    inputs = domains.get_domain(domain.name).inputs(source, split, overrides)
    count = _samples(source, split["train"], inputs.steps)
    draft.fit_inputs(inputs, options, None if start is not None else count)
    labels = source.labels()
    unbalanced = labels is not None and _unbalanced(fingerprint.counts.get("train", {}))
    batch = draft.batch_size(inputs, options, count, {*draft.config, *(planned or ())})
    recipe = draft.recipe(inputs, options, count, batch, start is not None, unbalanced)
    task = tasks.get_task(spec.task)
    limits, limit_reasons = _limits(len(split["test"]), task.is_dense)
    config = {**files.plain(spec.defaults()), **draft.config}
    models.make_config(spec.name, config)
    plan = Plan(
        data=_absolute(data),
        domain=domain.name,
        task=spec.task,
        content_hash=fingerprint.content_hash,
        classes=tuple(source.classes),
        num_examples={name: len(indices) for name, indices in split.items()},
        data_options={**inputs.options, **options.options},
        split_seed=options.seed or 0,
        split_digest=f"{options.seed or 0}:{split_digest(split)}",
        preprocessing=tuple(inputs.steps),
        inputs=files.plain(inputs.inputs),
        model=spec.name,
        model_config=config,
        weights="none" if start is None else str(start.resolve()),
        recipe=recipe,
        precisions=tuple(options.export or domain.default_precisions),
        limits=limits,
        reasons=(*draft.reasons, *limit_reasons),
        notes=(*draft.notes, *_activation_notes(config.get("activation"))),
        understood=overview.understood(
            source, split, domain.summary, (*notes, *inputs.notes), drawn, inputs.sizes
        ),
        labels=fingerprint.labels,
        seen=files.plain(inputs.seen),
    )
    plan.check()
    return plan


@dataclasses.dataclass
class _Draft:
    """A plan in the making: what was decided so far, with the reasons."""

    spec: models.ModelSpec
    config: dict[str, Any]
    reasons: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def start_from(
        self, start: Path | None, domain: domains.DomainSpec, asked: str
    ) -> dict[str, Any]:
        """Take over what given weights fix; return it as far as the inputs have to fit it."""
        if start is None:
            if asked == "auto":
                self.notes.append(
                    f"No published weights of {self.spec.name} are available, so training starts "
                    "from scratch. Give --weights PATH to start from a model of your own."
                )
            return {}
        card = _card_of(start, self.spec.name)
        self.config = {**_inherited(card), **self.config}
        self.reasons.append(f"starts from the weights in {start.name}: its architecture is kept")
        overrides = {key: self.config[key] for key in domain.planned if key in self.config}
        if card is not None:
            overrides["preprocessing"] = card.preprocessing
        return overrides

    def fit_inputs(
        self, inputs: domains.InputPlan, options: RunOptions, fresh_count: int | None
    ) -> None:
        """Fit the model to its inputs, and one that starts from scratch to the amount of data."""
        self.config.update(inputs.config)
        self.reasons += inputs.reasons
        self.notes += inputs.notes
        if options.activation is not None:
            self.config["activation"] = options.activation
        if fresh_count is not None:
            self.reasons += _fit_capacity(self.spec, self.config, fresh_count)

    def batch_size(
        self, inputs: domains.InputPlan, options: RunOptions, count: int, chosen: Collection[str]
    ) -> int:
        """Return the batch size; with very small ones, change the normalization."""
        batch = options.batch_size or inputs.batch_size or self.spec.training.batch_size
        if batch is None:
            batch, why = _batch_size(count)
            self.reasons.append(why)
        if batch < SMALLEST_BATCH and "norm" in self.spec.defaults() and "norm" not in chosen:
            self.config["norm"] = "group"
            self.reasons.append(
                f"group normalization: {batch} samples are too few for a batch's statistics"
            )
        return batch

    def recipe(
        self,
        inputs: domains.InputPlan,
        options: RunOptions,
        count: int,
        batch: int,
        from_weights: bool,
        unbalanced: bool,
    ) -> Recipe:
        """Return how the model is trained."""
        training = self.spec.training
        is_dense = tasks.get_task(self.spec.task).is_dense
        phases = _phases(
            count, batch, options.epochs, training, inputs.examples, is_dense, from_weights
        )
        self.reasons.append(
            f"{sum(phase.epochs for phase in phases)} epochs: {count:,} training samples"
            + (" and given weights" if from_weights else " from scratch")
        )
        if unbalanced:
            self.reasons.append(
                "rare classes weigh more: the largest has over three times the smallest"
            )
        return Recipe(
            phases=phases,
            batch_size=batch,
            weight_decay=training.weight_decay,
            label_smoothing=training.label_smoothing,
            augmentation=inputs.augmentation,
            class_weights=unbalanced,
            patience=max(training.patience, max(phase.epochs for phase in phases) // 3),
            seed=options.seed or 0,
        )


def _check_fits(spec: models.ModelSpec, domain: domains.DomainSpec) -> None:
    """Refuse a model that cannot take the domain's inputs or does another task."""

    def fits(row: models.ModelSpec) -> bool:
        return row.task == domain.task and set(domain.planned) <= set(row.defaults())

    if not fits(spec):
        fitting = [row.name for row in models.MODELS if fits(row)]
        raise errors.InvalidValueError(
            f"{spec.name} is made for {spec.domain} data ({spec.task}); the data is "
            f"{domain.name} data ({domain.task}).\nModels that fit: {', '.join(fitting)}.",
            given=spec.name,
            allowed=fitting,
        )


def _order_notes(classes: Sequence[str], notes: Sequence[str]) -> list[str]:
    """Return a note where one could take the number of an output for its class.

    Saved models keep the order that they have, so it is said and not changed.
    """
    natural = sorted(classes, key=_by_number)
    by_text = list(classes) == sorted(classes) != natural
    are_numbers = all(re.fullmatch(r"[+-]?\d+([.,]\d+)?", name) for name in classes)
    apart = [
        place
        for place, name in enumerate(classes)
        if name != (str(place) if are_numbers else natural[place])
    ]
    if not apart or not (by_text or are_numbers):
        return []
    if any(f"{classes[apart[0]]} is {apart[0]}" in note for note in notes):
        return []  # the data's own note says which output is which
    named = [f"output {i} is class '{errors.shown(classes[i])}'" for i in apart[:SHOWN]]
    more = f" and so on to output {apart[-1]}" if apart[SHOWN:] else ""
    order = "names as text, not of their numbers" if by_text else "numbers"
    return [f"Outputs are in the order of the classes' {order}: {', '.join(named)}{more}."]


def _by_number(name: str) -> list[tuple[bool, int, str]]:
    """Return what names are sorted by where their numbers count as numbers."""
    parts = re.findall(r"\d+|\D+", name)
    return [(p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts]


def _activation_notes(chosen: str | None) -> list[str]:
    """Return a warning where an activation is not made for hidden layers."""
    row = activations.describe(activations.parse(chosen)[0]) if chosen else None
    if row is None or row.hidden:
        return []
    return [f"{row.name} is not made for hidden layers. {row.hidden_reason}"]


def _absolute(data: str) -> str:
    return data if data.startswith("tfds:") else str(Path(data).absolute())


def _card_of(start: Path, model: str) -> models.ModelCard | None:
    """Return the card of the model whose weights are taken."""
    card_path = (start if start.is_dir() else start.parent) / "model.json"
    if not card_path.exists():
        return None
    card = models.ModelCard.read(card_path)
    if card.name != model:
        raise errors.InvalidValueError(
            f"The weights at {errors.shown(start, 120)} are of {card.name}, not of {model}.\n"
            f"Use --model {card.name}, or other weights.",
            given=str(start),
            fix=f"--model {card.name}",
        )
    return card


def _inherited(card: models.ModelCard | None) -> dict[str, Any]:
    """Return the options of a model whose weights are taken, without its classes."""
    given = {} if card is None else card.config
    return {key: value for key, value in given.items() if key != "num_classes"}


def _samples(source: Source, indices: np.ndarray, steps: Sequence[Mapping[str, Any]]) -> int:
    """Return how many training samples some examples hold."""
    parts = source.samples_per_example(steps)
    return len(indices) if parts is None else sum(int(parts[int(i)]) for i in indices)


def _fit_capacity(spec: models.ModelSpec, config: dict[str, Any], count: int) -> list[str]:
    """Take the architecture's smaller form where there is little data."""
    if not spec.low_data_options or count >= LITTLE_DATA:
        return []
    config.update(spec.low_data_options)
    shown = ", ".join(f"{key} {value}" for key, value in spec.low_data_options.items())
    return [f"{shown}: {count:,} training examples from scratch do not fill the full net"]


def _batch_size(count: int) -> tuple[int, str]:
    fitting = next(size for least, size in BATCH_SIZES if count >= least)
    size = min(fitting, max(1, count))
    return size, f"batches of {size}: {max(1, count // size)} steps per epoch"


def _limits(count: int, is_dense: bool) -> tuple[dict[str, float], list[str]]:
    """Return the limits of `verify`; in a small test split two cases may always differ.

    One case of 40 weighs 2.5 points, more than any limit: it would judge the split, not the file.
    Where every place has an answer, cases are not so coarse a measure.
    """
    if is_dense:
        return {**SHARED_LIMITS, "agreement": DENSE_AGREEMENT}, []
    share = 2 / max(count, 4)
    agreement = min(SHARED_LIMITS["agreement"], math.floor((1 - share) * 1e4) / 1e4)
    limits = {
        "agreement": agreement,
        "score_drop": max(SHARED_LIMITS["score_drop"], math.ceil(share * 1e4) / 1e4),
    }
    if limits == SHARED_LIMITS:
        return limits, []
    return limits, [f"verify lets 2 cases differ, since the test split has only {count}"]


def _unbalanced(counts: Mapping[str, int]) -> bool:
    present = [count for count in counts.values() if count]
    return bool(present) and max(present) > 3 * min(present)


def _phases(
    count: int,
    batch_size: int,
    epochs: int | None,
    training: models.TrainingDefaults,
    examples: int | None,
    is_dense: bool,
    from_weights: bool,
) -> tuple[Phase, ...]:
    if not from_weights:
        chosen = epochs or _scratch_epochs(count, batch_size, training, examples)
        return (Phase("train", "all", "inputs", chosen, training.learning_rate),)
    shown = FINE_TUNE_EXAMPLES if examples is None else examples // 4
    chosen = epochs or min(40, max(5, round(shown / max(count, 1))))
    # Features of every place would not fit into memory, and a head of one layer learns fast.
    head = (
        Phase("head", "head", "inputs", 1, 5e-3)
        if is_dense
        else Phase("head", "head", "features", max(5, min(30, chosen)), 5e-3)
    )
    return (head, Phase("fine-tune", "all", "inputs", chosen, training.fine_tune_rate))


def _scratch_epochs(
    count: int, batch_size: int, training: models.TrainingDefaults, examples: int | None
) -> int:
    least, most = training.epochs
    shown = training.examples if examples is None else examples
    by_examples = min(most, max(least, round(shown / max(count, 1))))
    by_steps = min(300, math.ceil(training.steps / max(1, count // batch_size)))
    return by_examples if examples is not None else max(by_examples, by_steps)
