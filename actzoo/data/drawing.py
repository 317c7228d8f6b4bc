"""Groups of examples drawn into splits: each class into each split, shares kept, whole groups.

First class by class, the rarest first, since it has the least choice. Where groups differ in size
or hold several classes, single groups are then moved or swapped as long as that comes nearer to
what is wanted: every class in train, then in the other splits, then the sizes, then the shares of
each class.

scikit-learn's splitters are not used: they refuse data with fewer held-out examples than classes,
and none promises stratification by several classes, whole groups and every class in train at once.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from actzoo.data.source import rng

if TYPE_CHECKING:
    from scipy import sparse

ATTEMPTS = 8  # draws of which the best is taken, where the first misses what is wanted
LOOKED_AT = 400  # groups that are looked at in one round of moves
PAIRED = 40  # groups of a split whose swaps are looked at in one round
ROUNDS = 200
SLACK = 1.0  # examples by which a size may be off before anything is moved
SLACK_SHARE = 0.001  # of all examples; likewise


@dataclasses.dataclass(frozen=True)
class Pool:
    """What is to be divided.

    Attributes:
        groups: Number of each example's group `(n,)`, from 0 without gaps.
        holds: Whether an example holds a class, sparse `(n, classes)`.
        keys: Number of each class, which its random order follows from; `(classes,)`.
        shares: Split to draw -> share of the examples; the rest is train.
        taught_only: Whether a class goes into train alone `(classes,)`.
    """

    groups: np.ndarray
    holds: sparse.csc_array
    keys: Sequence[object]
    shares: Mapping[str, float]
    taught_only: np.ndarray

    def draw(self, seed: int) -> np.ndarray:
        """Return the split of each group `(groups,)`: 0 for train, then in the order of shares."""
        units = _Units.of(self)
        first = units.drawn(seed, 0)
        if units.is_plain:
            return first
        best = _Division(units, first).settled(rng(seed, "split", "settle", 0))
        for attempt in range(1, ATTEMPTS):
            if best.is_good:
                break
            drawn = units.drawn(seed, attempt)
            other = _Division(units, drawn).settled(rng(seed, "split", "settle", attempt))
            best = min(best, other, key=lambda division: division.cost())
        return best.side


@dataclasses.dataclass(frozen=True)
class _Units:
    """The groups, with how many examples of each class they hold.

    The last class is "any example": it spreads what holds no class, and fills empty splits.
    """

    pool: Pool
    sizes: np.ndarray  # (groups,)
    counts: sparse.csc_array  # (groups, classes)
    keys: Sequence[object]
    totals: np.ndarray  # examples of each class
    holders: np.ndarray  # groups of each class
    taught_only: np.ndarray

    @classmethod
    def of(cls, pool: Pool) -> _Units:
        from scipy import sparse

        n = len(pool.groups)
        ones = np.ones(n, "int64")
        member = sparse.csr_array((ones, (pool.groups, np.arange(n))))
        any_class = sparse.csc_array(ones[:, None])
        every = sparse.hstack([pool.holds.astype("int64"), any_class], format="csc")
        counts = sparse.csc_array(member @ every)
        return cls(
            pool,
            np.bincount(pool.groups),
            counts,
            [*pool.keys, "any"],
            np.asarray(counts.sum(axis=0)).reshape(-1),
            np.diff(counts.indptr),
            np.append(pool.taught_only, False),
        )

    @property
    def is_plain(self) -> bool:
        """Each group is one example of one class: shares drawn class by class are exact."""
        return bool((self.sizes == 1).all() and (np.diff(self.counts.tocsr().indptr) <= 2).all())

    @property
    def shares(self) -> list[float]:
        """Of train and the splits to draw."""
        held_out = list(self.pool.shares.values())
        return [1 - sum(held_out), *held_out]

    @functools.cached_property
    def is_large(self) -> np.ndarray:
        """Whether a group has more examples than a split to draw may have `(groups,)`."""
        large: np.ndarray = self.sizes > max(1.0, min(self.shares) * self.sizes.sum())
        return large

    @functools.cached_property
    def needed(self) -> np.ndarray:
        """Return whether a split should hold a class `(splits, classes)`: as far as groups go."""
        places = np.arange(len(self.shares))[:, None]
        return (self.holders > places) & ~((places > 0) & self.taught_only)

    def _column(self, label: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the groups that hold a class, and how many examples of it."""
        own = slice(self.counts.indptr[label], self.counts.indptr[label + 1])
        order = np.argsort(self.counts.indices[own])
        return self.counts.indices[own][order], self.counts.data[own][order]

    def drawn(self, seed: int, attempt: int) -> np.ndarray:
        """Return a split for each group, drawn class by class.

        One group of each class is reserved for train before anything is drawn; groups larger than
        a split to draw come first there.
        """
        words = [attempt] if attempt else []
        side = np.full(len(self.sizes), -1)
        ranks = zip(self.holders.tolist(), self.totals.tolist(), range(len(self.keys)), strict=True)
        order = [label for holders, _, label in sorted(ranks) if holders]
        queues = {}
        for label in order:
            groups, numbers = self._column(label)
            chosen = rng(seed, "split", self.keys[label], *words).permutation(len(groups))
            chosen = chosen[np.argsort(~self.is_large[groups[chosen]], kind="stable")]
            queues[label] = groups[chosen], numbers[chosen]
            if not (side[groups] == 0).any():
                side[groups[chosen[0]]] = 0
        for label in order:
            self._fill(side, label, *queues[label])
        return side

    def _fill(self, side: np.ndarray, label: int, groups: np.ndarray, numbers: np.ndarray) -> None:
        """Give each split the examples of one class that it lacks, from the end of a queue."""
        needed = self.needed[:, label]
        have = np.bincount(side[groups] + 1, numbers, len(self.shares) + 1)[1:]
        free = [place for place, s in enumerate(side[groups].tolist()) if s < 0]
        left = int(numbers[(side[groups] < 0) & ~self.is_large[groups]].sum())
        held_out = sum(self.shares[1:])
        for split, share in enumerate(self.shares[1:], 1):
            if not needed[split]:
                continue
            # Where large groups leave little, each split gets its part of that.
            wanted = min(round(share * int(self.totals[label])), int(left * share / held_out))
            wanted = max(1, wanted)
            passed = []
            while have[split] < wanted and free:
                place = free.pop()
                if numbers[place] > 2 * (wanted - have[split]):  # nearer without it
                    passed.append(place)
                    continue
                side[groups[place]] = split
                have[split] += numbers[place]
            free += passed[::-1]
        side[groups[free]] = 0


class _Division:
    """A split of groups, and how far it is from what is wanted.

    Args:
        units: The groups.
        side: Split of each.
    """

    def __init__(self, units: _Units, side: np.ndarray) -> None:
        self.side = side
        self._units = units
        self._rows = units.counts.tocsr()
        self._needed = units.needed
        total = units.totals[-1]
        shares = np.asarray(units.shares)
        self._wanted = shares[:, None] * units.totals
        sides = np.arange(len(shares))[:, None] == side
        self._have = np.asarray((sides @ units.counts), "float64")
        # A class that is missing weighs more than all sizes, one that is never learned most.
        missing = np.full((len(shares), 1), 1e3 * total)
        missing[0] *= 1e3
        weights = np.full(len(units.totals), 1.0 / len(units.totals))
        slack = np.ones(len(units.totals))
        weights[-1] = 10.0
        slack[-1] = max(SLACK, SLACK_SHARE * total)
        self._missing, self._weights, self._slack = missing, weights, slack

    def _costs(self, have: np.ndarray, split: int) -> np.ndarray:
        """Return what is wrong with one split's counts `(..., classes)`."""
        off = np.maximum(np.abs(have - self._wanted[split]) - self._slack, 0.0)
        lacks = self._needed[split] & (have < 0.5)
        # A little more than in proportion, so that two splits share what cannot be mended.
        off = off * (1 + 4 * off / self._units.totals[-1])
        costs: np.ndarray = off @ self._weights + self._missing[split, 0] * lacks.sum(axis=-1)
        return costs

    def cost(self) -> float:
        """Return how far the split is from what is wanted; 0 where nothing is left to mend."""
        return float(sum(self._costs(own, split) for split, own in enumerate(self._have)))

    @property
    def is_good(self) -> bool:
        """No class is missing where it could be, and no size is off."""
        lacks = (self._needed & (self._have < 0.5)).any()
        off = np.abs(self._have - self._wanted)[:, -1] > self._slack[-1]
        return not (lacks or off.any())

    def settled(self, random: np.random.Generator) -> _Division:
        """Move and swap groups as long as that helps; return the division."""
        idle = 0
        most = 3 if len(self.side) > LOOKED_AT else 1  # looks without gain before it ends
        for _ in range(ROUNDS):
            if self.cost() <= 1e-9 or idle >= most:
                break
            idle = 0 if self._moved(random) or self._swapped(random) else idle + 1
        return self

    def _pairs(self) -> Iterator[tuple[int, int]]:
        count = len(self._have)
        yield from ((a, b) for a in range(count) for b in range(count) if a != b)

    def _looked_at(self, random: np.random.Generator) -> np.ndarray:
        """Return the groups that moves are tried with: those of missing classes, and others."""
        lacks = np.flatnonzero((self._needed & (self._have < 0.5)).any(axis=0))
        holders = np.unique(self._units.counts[:, lacks].nonzero()[0])
        chosen = [random.permutation(own) for own in (holders, np.arange(len(self.side)))]
        return np.unique(np.concatenate([own[:LOOKED_AT] for own in chosen]))

    def _moved(self, random: np.random.Generator) -> bool:
        """Move single groups, the most helpful first; tell whether any was moved."""
        looked_at = self._looked_at(random)
        rows = self._rows[looked_at].toarray()
        places, targets, gains = [], [], []
        for a, b in self._pairs():
            own = np.flatnonzero(self.side[looked_at] == a)
            before = self._costs(self._have[a], a) + self._costs(self._have[b], b)
            after = self._costs(self._have[a] - rows[own], a)
            after = after + self._costs(self._have[b] + rows[own], b)
            helpful = before - after > 1e-9
            places += own[helpful].tolist()
            targets += [b] * int(helpful.sum())
            gains += (before - after)[helpful].tolist()
        moved = False
        for k in np.argsort(-np.asarray(gains), kind="stable"):
            moved |= self._exchange([looked_at[places[k]]], [], targets[k])
        return moved

    def _swapped(self, random: np.random.Generator) -> bool:
        """Swap the two groups that help most; tell whether there were any."""
        best: tuple[float, list[int], list[int], int] = (1e-9, [], [], 0)
        for a, b in self._pairs():
            if a > b:
                continue
            ones, others = (
                random.permutation(np.flatnonzero(self.side == s))[:PAIRED] for s in (a, b)
            )
            if not len(ones) or not len(others):
                continue
            given = self._rows[ones].toarray()[:, None]
            taken = self._rows[others].toarray()[None]
            before = self._costs(self._have[a], a) + self._costs(self._have[b], b)
            after = self._costs(self._have[a] - given + taken, a)
            after = after + self._costs(self._have[b] + given - taken, b)
            place = np.unravel_index(int(after.argmin()), after.shape)
            gain = float(before - after[place])
            if gain > best[0]:
                best = (gain, [int(ones[place[0]])], [int(others[place[1]])], b)
        return bool(best[1]) and self._exchange(best[1], best[2], best[3])

    def _exchange(self, given: Sequence[int], taken: Sequence[int], b: int) -> bool:
        """Move groups of one split to split b and others back, if that still helps."""
        a = int(self.side[given[0]])
        if a == b:
            return False
        change = self._rows[list(given)].toarray().sum(axis=0)
        if len(taken):
            change = change - self._rows[list(taken)].toarray().sum(axis=0)
        before = self._costs(self._have[a], a) + self._costs(self._have[b], b)
        after = self._costs(self._have[a] - change, a) + self._costs(self._have[b] + change, b)
        if before - after <= 1e-9:
            return False
        self._have[a] -= change
        self._have[b] += change
        self.side[list(given)], self.side[list(taken)] = b, a
        return True
