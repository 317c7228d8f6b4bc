"""What a report shows of texts: their lengths, and the sentences it was most wrong about."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from actzoo.applications.text import knowledge

if TYPE_CHECKING:
    from actzoo.applications.text.data import Texts
    from actzoo.evaluation import Evaluation
    from actzoo.panels import Panel

MISTAKES = 20
SHOWN = 400  # characters of a text


def panels(evaluation: Evaluation) -> list[Panel]:
    """Return the report's panels on the data.

    Args:
        evaluation: The held-out split, scored.

    Returns:
        A histogram of lengths, and a table of the most confident mistakes.
    """
    shown = [_lengths(evaluation)]
    mistakes = _mistakes(evaluation)
    return [*shown, mistakes] if mistakes["rows"] else shown


def _lengths(evaluation: Evaluation) -> Panel:
    step = evaluation.steps[-1]
    source = cast("Texts", evaluation.source)
    indices = {"train": evaluation.splits["train"], "test": evaluation.test_indices}
    texts = {name: [source.text(int(i)) for i in own] for name, own in indices.items()}
    counts = knowledge.count(texts, step)
    lengths = counts["train"].lengths
    return {
        "title": "Length of the training texts",
        "kind": "histogram",
        "values": lengths.tolist(),
        "xlabel": "tokens",
        "mark": int(step["length"]),
        "mark_label": "the model's length",
        "about": f"{int((lengths > step['length']).sum()):,} of {len(lengths):,} texts are longer "
        f"than the model's input and are cut; {knowledge.shares(counts)}.",
    }


def _mistakes(evaluation: Evaluation) -> Panel:
    labels, probabilities = evaluation.labels, evaluation.probabilities
    guesses = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(guesses != labels)
    worst = wrong[np.argsort(-probabilities[wrong, guesses[wrong]], kind="stable")][:MISTAKES]
    source = cast("Texts", evaluation.source)
    rows = []
    for row in worst:
        text = source.text(int(evaluation.test_indices[row]))
        rows.append(
            [
                text if len(text) <= SHOWN else f"{text[:SHOWN]} …",
                evaluation.classes[int(labels[row])],
                evaluation.classes[int(guesses[row])],
                round(float(probabilities[row, guesses[row]]), 3),
            ]
        )
    return {
        "title": "Most confident mistakes",
        "kind": "table",
        "section": "results",
        "columns": ["text", "true class", "predicted", "probability"],
        "rows": rows,
    }
