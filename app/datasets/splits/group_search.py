"""Divides groups over sides so that each side gets its number of items and, if wanted, the same foreground.

Groups cannot be cut, so the wanted numbers are rarely met exactly: this is a partition problem. The search starts
from random orders of the groups and improves each by moving a group to another side or exchanging two, as long as that
helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: A side is close enough when its items are within this share of their number, and its mean foreground within this
#: share of a standard deviation. The first close division is taken, so that seeds differ.
CLOSE = 0.05
#: Otherwise the best of so many.
STARTS = 20
#: Of two large sides only so many groups are tried for exchange with one another at a time.
MOST_TRIED = 300
#: Pairs of groups that may be tried in all, because a preview waits for it. Not a time: a slow machine finds the same.
MOST_PAIRS = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The groups' weights, one entry each.

    Parameters
    ----------
    sizes : ndarray of float64
        Items.
    foreground : ndarray of float64
        Sum of the items' foreground fractions.
    mean, spread : float
        Mean and standard deviation of the foreground over all items; a spread of 0 leaves foreground out of account.
    """

    sizes: Numbers
    foreground: Numbers
    mean: float
    spread: float


def distribute_groups(groups: Groups, *, targets: Sequence[float], fewest: Sequence[int], seed: int) -> list[int]:
    """Return the side of each group.

    Minimised is the sum over the sides of ``((items - target) / target)**2``, plus ``((mean of the side - mean of all)
    / spread)**2`` where the spread is not 0. The division is the first close one, or the best of twenty; no move of one
    group and no exchange of two improves it (unless there are so many groups that they were tried in part).

    Parameters
    ----------
    groups : Groups
        At least ``sum(fewest)``.
    targets : sequence of float
        Wanted items of each side, above 0.
    fewest : sequence of int
        Least number of groups of each side, at least 1.
    seed : int
        0 to 2**32 - 1.
    """
    random = np.random.RandomState(seed)
    budget = MOST_PAIRS
    best: tuple[float, NDArray[np.intp]] | None = None
    for _ in range(STARTS):
        search = _Search(groups, np.asarray(targets, dtype=np.float64), fewest=tuple(fewest), random=random)
        budget -= search.improve(budget)
        cost = float(search.costs().sum())
        if best is None or cost < best[0]:
            best = cost, search.side_of
        if search.is_close() or budget <= 0:
            break
    assert best is not None  # noqa: S101 - there is at least one start
    return [int(side) for side in best[1]]


class _Search:
    """One division and its improvement."""

    def __init__(
        self, groups: Groups, targets: Numbers, *, fewest: tuple[int, ...], random: np.random.RandomState
    ) -> None:
        self._groups = groups
        self._targets = targets
        self._fewest = fewest
        self._random = random
        self.side_of = self._deal()
        sides = len(targets)
        self._items: Numbers = np.bincount(self.side_of, groups.sizes, sides).astype(np.float64)
        self._foreground: Numbers = np.bincount(self.side_of, groups.foreground, sides).astype(np.float64)

    def _deal(self) -> NDArray[np.intp]:
        """Give every side its fewest groups in a random order, and each further one to the side that lacks most."""
        order = self._random.permutation(len(self._groups.sizes))
        side_of = np.empty(len(order), dtype=np.intp)
        lacking = self._targets.copy()
        first = [side for side, count in enumerate(self._fewest) for _ in range(count)]
        for place, group in enumerate(order):
            side = first[place] if place < len(first) else int(np.argmax(lacking))
            side_of[group] = side
            lacking[side] -= self._groups.sizes[group]
        return side_of

    def costs(self) -> Numbers:
        """Return the cost of each side."""
        return self._cost(self._items, self._foreground, self._targets)

    def is_close(self) -> bool:
        """Whether every side is close enough."""
        near = np.abs(self._items - self._targets) <= CLOSE * self._targets
        means = np.abs(self._foreground / self._items - self._groups.mean)
        return bool(np.all(near & (means <= CLOSE * self._groups.spread) if self._groups.spread else near))

    def _cost(self, items: Numbers, foreground: Numbers, target: Numbers) -> Numbers:
        cost = ((items - target) / target) ** 2
        if not self._groups.spread:
            return cost
        # Sides without items are excluded by the caller; the division only has to survive them.
        mean = foreground / np.maximum(items, 1)
        return cost + ((mean - self._groups.mean) / self._groups.spread) ** 2

    def improve(self, budget: int) -> int:
        """Move and exchange groups until nothing helps or `budget` pairs have been tried; return how many were."""
        tried = 0
        improved = True
        while improved and tried < budget:
            improved = False
            for one, other in combinations(range(len(self._targets)), 2):
                pairs, helped = self._improve_pair(one, other)
                tried += pairs
                improved |= helped
        return tried

    def _improve_pair(self, one: int, other: int) -> tuple[int, bool]:
        """Do the move or exchange between two sides that helps most; return the pairs tried, and whether one helped."""
        first, second = self._tried(one), self._tried(other)
        # A group without weight at the end of both: exchanging with it is a move.
        sizes, light = np.append(self._groups.sizes, 0), np.append(self._groups.foreground, 0)
        items = sizes[second][None, :] - sizes[first][:, None]
        foreground = light[second][None, :] - light[first][:, None]
        costs = self._cost(
            self._items[one] + items, self._foreground[one] + foreground, self._targets[one]
        ) + self._cost(self._items[other] - items, self._foreground[other] - foreground, self._targets[other])
        counts = np.bincount(self.side_of, minlength=len(self._targets))
        if counts[one] <= self._fewest[one]:
            costs[:, -1] = np.inf
        if counts[other] <= self._fewest[other]:
            costs[-1, :] = np.inf
        row, column = np.unravel_index(int(np.argmin(costs)), costs.shape)
        # Rounding must not let two states alternate for ever.
        if costs[row, column] >= self.costs()[[one, other]].sum() - 1e-9:
            return costs.size, False
        self._put(int(first[row]), other)
        self._put(int(second[column]), one)
        return costs.size, True

    def _tried(self, side: int) -> NDArray[np.intp]:
        groups = np.flatnonzero(self.side_of == side)
        if len(groups) > MOST_TRIED:
            groups = self._random.choice(groups, MOST_TRIED, replace=False)
        return np.append(groups, len(self.side_of))

    def _put(self, group: int, side: int) -> None:
        if group == len(self.side_of):
            return
        old = self.side_of[group]
        size, light = self._groups.sizes[group], self._groups.foreground[group]
        self.side_of[group] = side
        self._items[old] -= size
        self._items[side] += size
        self._foreground[old] -= light
        self._foreground[side] += light
