"""The division of groups: as good as trying everything, where everything can be tried."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.splits.group_search import CLOSE, Groups, distribute_groups
from tests.datasets.splits.made_items import MICROBEADS, seeds

sizes_of_groups = st.lists(st.integers(1, 20), min_size=2, max_size=25)


def make_groups(sizes: list[int], *, seed: int | None = None) -> Groups:
    """Return groups; with a seed, of foregrounds that differ, so that these count."""
    means = np.full(len(sizes), 0.2) if seed is None else np.random.default_rng(seed).uniform(0, 1, len(sizes))
    weights = np.array(sizes, dtype=np.float64)
    mean = float((means * weights).sum() / weights.sum())
    spread = 0.0 if seed is None else float(np.sqrt((weights * (means - mean) ** 2).sum() / weights.sum()))
    return Groups(sizes=weights, foreground=means * weights, mean=mean, spread=spread)


def items_of(sizes: list[int], sides: list[int], side: int) -> int:
    return sum(size for size, where in zip(sizes, sides, strict=True) if where == side)


@given(sizes=sizes_of_groups, share=st.floats(0.05, 0.95), seed=seeds)
def test_no_single_move_would_come_closer(sizes: list[int], share: float, seed: int) -> None:
    total = sum(sizes)
    target = min(max(1, round(share * total)), total - 1)
    sides = distribute_groups(make_groups(sizes), targets=[target, total - target], fewest=[1, 1], seed=seed)
    assert set(sides) == {0, 1}
    surplus = items_of(sizes, sides, 0) - target
    from_side = 0 if surplus > 0 else 1
    movable = [size for size, side in zip(sizes, sides, strict=True) if side == from_side]
    if abs(surplus) > CLOSE * target and len(movable) > 1:
        # Moving a group of s items changes a surplus d into |d - s|, which is no gain only from s = 2 d on.
        assert min(movable) >= 2 * abs(surplus)


@pytest.mark.parametrize("stratified", [False, True])
def test_as_good_as_trying_every_division(stratified: bool) -> None:
    random = np.random.default_rng(3)
    for seed in range(60):
        sizes = random.integers(1, 15, size=random.integers(2, 10)).tolist()
        groups = make_groups(sizes, seed=seed if stratified else None)
        total = sum(sizes)
        target = int(random.integers(1, total))

        def cost(sides: tuple[int, ...], groups: Groups = groups, target: int = target, total: int = total) -> float:
            value = 0.0
            for side, wanted in ((0, target), (1, total - target)):
                here = np.array(sides) == side
                items = groups.sizes[here].sum()
                value += ((items - wanted) / wanted) ** 2
                if groups.spread:
                    value += ((groups.foreground[here].sum() / items - groups.mean) / groups.spread) ** 2
            return value

        possible = [sides for sides in product((0, 1), repeat=len(sizes)) if len(set(sides)) == 2]
        best = min(map(cost, possible))
        found = distribute_groups(groups, targets=[target, total - target], fewest=[1, 1], seed=seed)
        close = 2 * CLOSE**2 * (2 if stratified else 1)
        assert cost(tuple(found)) <= max(best + 1e-9, close)


@given(sizes=st.lists(st.integers(1, 20), min_size=6, max_size=25), seed=seeds)
def test_the_fewest_groups_stay(sizes: list[int], seed: int) -> None:
    total = sum(sizes)
    sides = distribute_groups(make_groups(sizes), targets=[total - 1, 1], fewest=[1, 5], seed=seed)
    assert sides.count(1) >= 5
    assert sides.count(0) >= 1


@given(sizes=sizes_of_groups, seed=seeds)
def test_deterministic(sizes: list[int], seed: int) -> None:
    total = sum(sizes)
    first, second = (
        distribute_groups(make_groups(sizes, seed=1), targets=[total / 2, total / 2], fewest=[1, 1], seed=seed)
        for _ in range(2)
    )
    assert first == second


def test_seeds_choose_different_groups() -> None:
    groups = make_groups(list(MICROBEADS))
    total = sum(MICROBEADS)
    found = {tuple(distribute_groups(groups, targets=[10, total - 10], fewest=[1, 1], seed=seed)) for seed in range(20)}
    assert len(found) > 10
    for sides in found:
        assert items_of(list(MICROBEADS), list(sides), 0) == 10
