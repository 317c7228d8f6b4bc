"""One input by itself, read as training reads it: for questions about single files."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np

from actzoo import data_options, domains, errors, model_card, tasks
from actzoo.data.cases import prepared_example
from actzoo.data.preparation import Preparation
from actzoo.data.source import Example


def read_example(
    path: str | os.PathLike[str],
    mask: str | os.PathLike[str] | None = None,
    *,
    domain: str | None = None,
    model: str | os.PathLike[str] | None = None,
    **options: object,
) -> Example:
    """Return what training sees of one input, by the code that training reads it with.

    Nothing is augmented and nothing is cut into tiles.

    Args:
        path: A picture, a volume, a file of one text, or a sentence.
        mask: The file with its mask.
        domain: Kind of data ("vision"); None recognizes it: volumes and what has a mask are scans,
            other pictures photos.
        model: A run folder, or the folder of a saved model: its preprocessing is used. None takes
            what would be planned for data that holds this example alone.
        **options: How the data is opened, as `--NAME` of the command line: `resample_masks=True`.

    Returns:
        `inputs`: name -> array of one sample; `target`: the mask's class indices on the grid of
        the input, counted from 0 in the order of its values, or in the order of the model's
        classes; None without a mask.

    Raises:
        MissingFileError: A file is not there.
        DataError: The input or its mask cannot be used; says why, and what to do.
        InvalidValueError: A mask is given to a domain or a model that has none.
        UnknownNameError: There is no such domain or option.
    """
    place, mask_place = os.fspath(path), None if mask is None else os.fspath(mask)
    if mask_place is not None and not Path(mask_place).is_file():
        raise errors.MissingFileError(
            f"There is no mask {errors.shown(mask_place, 200)}.", given=mask_place
        )
    card = None if model is None else model_card.ModelCard.read(Path(model) / "model.json")
    if domain is None:
        domain = card.domain if card else domains.recognize_example(place, mask_place).name
    spec, opened = domains.DOMAINS.get(domain), domains.get_domain(domain)
    if mask_place is not None and not tasks.get_task(card.task if card else spec.task).is_dense:
        raise errors.InvalidValueError(
            f"An example of {spec.name} data has a class, not a mask.\n"
            "Leave the mask out, or the domain, which is then recognized.",
            given=mask_place,
        )
    given = data_options.read_options(spec.options, options)
    if card is not None:
        given = {**card.data_options, **given}
    source = opened.open_example(place, mask_place, given)
    if card is None:
        steps = opened.inputs(source, {"train": np.zeros(1, np.int64)}, {}).steps
    else:
        steps = card.preprocessing
    example = prepared_example(source, 0, Preparation.of(spec.name, steps).case_steps)
    if mask is None:
        return dataclasses.replace(example, target=None)
    return example
