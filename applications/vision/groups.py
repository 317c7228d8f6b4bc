"""Pictures that belong together: copies of one, and those of one patient, person or case."""

from __future__ import annotations

import collections
from collections.abc import Sequence

import numpy as np

from actzoo import errors


def joined(digests: Sequence[str], persons: Sequence[str | None]) -> list[str]:
    """Return a name of the group of each picture; no split divides a group.

    Args:
        digests: Of each picture's pixels: copies have the same.
        persons: Of each picture, None where it is not known.

    Returns:
        The digests, where no person is known. Else pictures of one person are one group, and so are
        those of two persons who share a copy.
    """
    known = [index for index, person in enumerate(persons) if person is not None]
    if not known:
        return list(digests)
    from scipy import sparse

    pixels = np.unique(np.asarray(digests), return_inverse=True)[1].reshape(-1)
    _, own = np.unique([persons[index] or "" for index in known], return_inverse=True)
    nodes = int(pixels.max()) + 1 + len(known)
    edges = (np.ones(len(known), bool), (pixels[known], pixels.max() + 1 + own.reshape(-1)))
    graph = sparse.csr_array(edges, shape=(nodes, nodes))
    part = sparse.csgraph.connected_components(graph, directed=False)[1]
    return [str(part[index]) for index in pixels]


def note_divided(persons: Sequence[str | None], splits: Sequence[str | None]) -> list[str]:
    """Return a note on persons whose pictures the data's own splits divide."""
    own = collections.defaultdict(set)
    for person, split in zip(persons, splits, strict=True):
        if person is not None and split is not None:
            own[person].add(split)
    divided = sorted(person for person, held in own.items() if len(held) > 1)
    if not divided:
        return []
    named = ", ".join(errors.shown(name, 80) for name in divided[:5])
    more = f" and {len(divided) - 5:,} more" if divided[5:] else ""
    return [
        f"{len(divided):,} of {len(own):,} patients, persons or cases have a folder in more than "
        f"one split: {named}{more}. If each name is one person, scores are too good: move all "
        "pictures of a person into one split."
    ]
