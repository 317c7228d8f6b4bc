"""Data as training sees it: sources, splits, preparation and the one input pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actzoo import _lazy

if TYPE_CHECKING:
    from actzoo.data.cases import (
        Case,
        load_masked_samples,
        load_samples,
        load_training_samples,
        run_cases,
        run_in_batches,
    )
    from actzoo.data.likeness import (
        HasSignatures,
        NearCopy,
        about_near_copies,
        near_copies,
        note_near_copies,
        shrunk,
    )
    from actzoo.data.one_example import read_example
    from actzoo.data.pipeline import feeding, training_batches
    from actzoo.data.preparation import Augmenter, Cutter, Preparation, read_settings, samples_of
    from actzoo.data.run_data import RunData
    from actzoo.data.seen import about_seen, find_seen, write_seen
    from actzoo.data.source import (
        Example,
        ExplainsFewClasses,
        Fingerprint,
        HasDigests,
        HasPresence,
        Source,
        check_classes,
        counts_by_split,
        notes_on_copies,
        open_source,
        rng,
        to_stderr,
    )
    from actzoo.data.splitting import FRACTIONS, SPLITS, split, split_digest

_TARGETS = {
    "RunData": "actzoo.data.run_data:RunData",
    "Augmenter": "actzoo.data.preparation:Augmenter",
    "Case": "actzoo.data.cases:Case",
    "Cutter": "actzoo.data.preparation:Cutter",
    "Example": "actzoo.data.source:Example",
    "ExplainsFewClasses": "actzoo.data.source:ExplainsFewClasses",
    "HasDigests": "actzoo.data.source:HasDigests",
    "HasPresence": "actzoo.data.source:HasPresence",
    "HasSignatures": "actzoo.data.likeness:HasSignatures",
    "NearCopy": "actzoo.data.likeness:NearCopy",
    "about_seen": "actzoo.data.seen:about_seen",
    "find_seen": "actzoo.data.seen:find_seen",
    "write_seen": "actzoo.data.seen:write_seen",
    "about_near_copies": "actzoo.data.likeness:about_near_copies",
    "note_near_copies": "actzoo.data.likeness:note_near_copies",
    "near_copies": "actzoo.data.likeness:near_copies",
    "shrunk": "actzoo.data.likeness:shrunk",
    "FRACTIONS": "actzoo.data.splitting:FRACTIONS",
    "Fingerprint": "actzoo.data.source:Fingerprint",
    "Preparation": "actzoo.data.preparation:Preparation",
    "SPLITS": "actzoo.data.splitting:SPLITS",
    "Source": "actzoo.data.source:Source",
    "check_classes": "actzoo.data.source:check_classes",
    "counts_by_split": "actzoo.data.source:counts_by_split",
    "feeding": "actzoo.data.pipeline:feeding",
    "load_masked_samples": "actzoo.data.cases:load_masked_samples",
    "load_samples": "actzoo.data.cases:load_samples",
    "load_training_samples": "actzoo.data.cases:load_training_samples",
    "notes_on_copies": "actzoo.data.source:notes_on_copies",
    "open_source": "actzoo.data.source:open_source",
    "training_batches": "actzoo.data.pipeline:training_batches",
    "read_example": "actzoo.data.one_example:read_example",
    "read_settings": "actzoo.data.preparation:read_settings",
    "rng": "actzoo.data.source:rng",
    "run_cases": "actzoo.data.cases:run_cases",
    "run_in_batches": "actzoo.data.cases:run_in_batches",
    "samples_of": "actzoo.data.preparation:samples_of",
    "split": "actzoo.data.splitting:split",
    "to_stderr": "actzoo.data.source:to_stderr",
    "split_digest": "actzoo.data.splitting:split_digest",
}

__all__ = [
    "FRACTIONS",
    "SPLITS",
    "Augmenter",
    "Case",
    "Cutter",
    "Example",
    "ExplainsFewClasses",
    "Fingerprint",
    "HasDigests",
    "HasPresence",
    "HasSignatures",
    "NearCopy",
    "Preparation",
    "RunData",
    "Source",
    "about_near_copies",
    "about_seen",
    "check_classes",
    "counts_by_split",
    "feeding",
    "find_seen",
    "load_masked_samples",
    "load_samples",
    "load_training_samples",
    "near_copies",
    "note_near_copies",
    "notes_on_copies",
    "open_source",
    "read_example",
    "read_settings",
    "rng",
    "run_cases",
    "run_in_batches",
    "samples_of",
    "shrunk",
    "split",
    "split_digest",
    "to_stderr",
    "training_batches",
    "write_seen",
]

__getattr__, __dir__ = _lazy.attach(__name__, _TARGETS)
