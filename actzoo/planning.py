"""Rules that turn data into a plan, each decision with its reason.

A user's option wins over a rule. What differs between kinds of data (picture size, sequence length)
is asked of the domain; what is left here holds for all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actzoo import domains, errors, models, results, weights
from actzoo.plan import DEFAULT_LIMITS, Phase, Plan, Recipe

if TYPE_CHECKING:
    import numpy as np

    from actzoo.data import Source

# Training from scratch: about this many examples are shown in all. MobileNetV2 of width 0.5 at
# 96 px takes 150 to 300 a second on two cores, so this is 10 to 20 minutes; on clothing10 60 epochs
# gave 5 points more than 42.
SCRATCH_EXAMPLES = 180_000
SCRATCH_STEPS = 2_500  # at least: some hundred photos need many passes before a net has learned
BATCH_SIZES = ((10_000, 64), (640, 32), (160, 16), (0, 8))  # from so many training examples on
FINE_TUNE_EXAMPLES = 40_000


def make_plan(
    source: Source,
    *,
    data: str,
    domain: domains.DomainSpec,
    split: Mapping[str, np.ndarray],
    model: str | None = None,
    activation: str | None = None,
    weights_from: str = "auto",
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    precisions: Sequence[str] | None = None,
    input_shape: Sequence[int] | None = None,
    data_options: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Plan:
    """Turn the data's fingerprint into a plan.

    Args:
        source: The opened data.
        data: Its path, as given.
        domain: Its kind.
        split: Split -> indices.
        model: Architecture; None takes the domain's default.
        activation: Hidden activation; None takes the architecture's own.
        weights_from: "auto", "none", a run folder or a `.keras` file.
        epochs: Of the main phase; None decides from the amount of data.
        batch_size: None decides from the amount of data.
        seed: Of the split and of everything random.
        precisions: Exported; None takes the domain's default.
        input_shape: Of one example; None lets the domain decide.
        data_options: Options the data was opened with.
        notes: Warnings met so far.

    Returns:
        The plan, checked.
    """
    fingerprint = source.fingerprint()
    spec = models.MODELS.get(model or domain.default_model)
    start = weights.locate(weights_from)
    reasons: list[str] = []
    notes = list(notes)
    config: dict[str, Any] = {"num_classes": len(source.classes)}
    if start is not None:
        config = {**_inherited(start, spec.name), **config}
        reasons.append(f"starts from the weights in {start.name}: its architecture is kept")
    elif weights_from == "auto":
        notes.append(
            f"No published weights of {spec.name} are available, so training starts from scratch. "
            "Give --weights PATH to start from a model of yours."
        )
    if input_shape is not None:
        config["input_shape"] = list(input_shape)
        models.make_config(spec.name, config)
    overrides = {"input_shape": config["input_shape"]} if "input_shape" in config else {}
    inputs = domain.call("inputs", fingerprint, overrides)
    config["input_shape"] = list(inputs.shape)
    reasons += inputs.reasons
    if activation is not None:
        config["activation"] = activation
    count = len(split["train"])
    if start is None:
        reasons += _fit_capacity(spec, config, count)
    batch, why = _batch_size(count)
    if batch_size is None:
        reasons.append(why)
    phases = _phases(count, batch_size or batch, epochs, from_weights=start is not None)
    recipe = Recipe(
        phases=phases,
        batch_size=batch_size or batch,
        augmentation=inputs.augmentation,
        class_weights=_unbalanced(fingerprint.counts.get("train", {})),
        patience=max(Recipe.patience, max(phase.epochs for phase in phases) // 3),
        seed=seed,
    )
    reasons.append(
        f"{sum(p.epochs for p in recipe.phases)} epochs: {count:,} training examples"
        + (" and given weights" if start is not None else " from scratch")
    )
    if recipe.class_weights:
        reasons.append("rare classes weigh more: the largest has over three times the smallest")
    limits, limit_reasons = _limits(len(split["test"]))
    reasons += limit_reasons
    config = {**results.plain(spec.defaults()), **config}
    models.make_config(spec.name, config)
    plan = Plan(
        data=_absolute(data),
        domain=domain.name,
        task=spec.task,
        content_hash=fingerprint.content_hash,
        classes=tuple(source.classes),
        num_examples={name: len(indices) for name, indices in split.items()},
        data_options=dict(data_options or {}),
        split_seed=seed,
        preprocessing=tuple(inputs.steps),
        model=spec.name,
        model_config=config,
        weights="none" if start is None else str(start.resolve()),
        recipe=recipe,
        precisions=tuple(precisions or domain.default_precisions),
        limits=limits,
        reasons=tuple(reasons),
        notes=tuple(notes),
    )
    plan.check()
    return plan


def _absolute(data: str) -> str:
    return data if data.startswith("tfds:") else str(Path(data).absolute())


def _inherited(start: Path, model: str) -> dict[str, Any]:
    """Return the options of the model whose weights are taken, without its classes."""
    card_path = (start if start.is_dir() else start.parent) / "model.json"
    if not card_path.exists():
        return {}
    card = models.ModelCard.read(card_path)
    if card.name != model:
        raise errors.InvalidValueError(
            f"The weights at {errors.shown(start, 120)} are of {card.name}, not of {model}.\n"
            f"Use --model {card.name}, or other weights.",
            given=str(start),
            fix=f"--model {card.name}",
        )
    return {key: value for key, value in card.config.items() if key != "num_classes"}


def _fit_capacity(spec: models.ModelSpec, config: dict[str, Any], count: int) -> list[str]:
    """Choose the width where the architecture has one."""
    if "width" not in spec.defaults():
        return []
    if count >= 20_000:
        return []
    config.update(width=0.5, dropout=0.1)
    return [f"width 0.5: {count:,} training examples from scratch do not fill a full-width net"]


def _batch_size(count: int) -> tuple[int, str]:
    fitting = next(size for least, size in BATCH_SIZES if count >= least)
    size = min(fitting, max(1, count))
    return size, f"batches of {size}: {max(1, count // size)} steps an epoch"


def _limits(count: int) -> tuple[dict[str, float], list[str]]:
    """Return the limits of `verify`; in a small test split two cases may always differ.

    One case of 40 weighs 2.5 points, more than any limit: it would judge the split, not the file.
    """
    share = 2 / max(count, 4)
    agreement = min(DEFAULT_LIMITS["agreement"], math.floor((1 - share) * 1e4) / 1e4)
    limits = {
        "agreement": agreement,
        "score_drop": max(DEFAULT_LIMITS["score_drop"], math.ceil(share * 1e4) / 1e4),
    }
    if limits == DEFAULT_LIMITS:
        return limits, []
    return limits, [f"verify lets 2 cases differ, since the test split has only {count}"]


def _unbalanced(counts: Mapping[str, int]) -> bool:
    present = [count for count in counts.values() if count]
    return bool(present) and max(present) > 3 * min(present)


def _phases(
    count: int, batch_size: int, epochs: int | None, *, from_weights: bool
) -> tuple[Phase, ...]:
    if not from_weights:
        chosen = epochs or _scratch_epochs(count, batch_size)
        return (Phase("train", "all", "inputs", chosen, 3e-3),)
    chosen = epochs or min(40, max(5, round(FINE_TUNE_EXAMPLES / max(count, 1))))
    return (
        Phase("head", "head", "features", max(5, min(30, chosen)), 5e-3),
        Phase("fine-tune", "all", "inputs", chosen, 5e-4),
    )


def _scratch_epochs(count: int, batch_size: int) -> int:
    by_examples = min(60, max(15, round(SCRATCH_EXAMPLES / max(count, 1))))
    by_steps = min(300, math.ceil(SCRATCH_STEPS / max(1, count // batch_size)))
    return max(by_examples, by_steps)
