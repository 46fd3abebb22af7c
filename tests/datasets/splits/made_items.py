"""Items for the tests of splits: by size of group, or any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from app.datasets.splits.split_plan import Split, SplitItem

#: The acquisitions of the real microbeads: eleven of several images each, and 25 single ones.
MICROBEADS = (14, 10, 7, 7, 7, 7, 6, 4, 4, 4, 3, *(1,) * 25)

seeds = st.integers(0, 2**32 - 1)


def make_items(sizes: Sequence[int], *, seed: int = 0, decimals: int = 4) -> list[SplitItem]:
    """Return items of groups of `sizes`; the foreground of a group is alike, as that of an acquisition."""
    random = np.random.default_rng(seed)
    items = []
    for group, size in enumerate(sizes):
        level = random.uniform(0.05, 0.4)
        for number in range(size):
            fraction = round(float(np.clip(level + random.normal(0, 0.03), 0, 1)), decimals)
            items.append(SplitItem(f"g{group:03d}-{number:03d}", f"g{group:03d}", fraction))
    return items


@st.composite
def any_items(draw: st.DrawFn, *, least: int = 2, most: int = 60, least_groups: int = 1) -> list[SplitItem]:
    """Draw items sorted by name, with ties of foreground and groups of any size."""
    n_groups = draw(st.integers(least_groups, 12))
    groups = [*range(least_groups), *draw(st.lists(st.integers(0, n_groups - 1), min_size=least, max_size=most))]
    fractions = st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0]) | st.floats(0, 1)
    return [SplitItem(f"item-{number:03d}", f"group-{group}", draw(fractions)) for number, group in enumerate(groups)]


def check_sides(split: Split, n_items: int) -> None:
    """Check that every item is on one side and neither side is empty."""
    assert sorted(split.training + split.validation) == list(range(n_items))
    assert split.training
    assert split.validation


def check_folds(folds: Sequence[Split], n_items: int) -> None:
    """Check that each item validates exactly once."""
    for fold in folds:
        check_sides(fold, n_items)
    assert sorted(position for fold in folds for position in fold.validation) == list(range(n_items))


def check_groups(split: Split, items: Sequence[SplitItem]) -> None:
    """Check that no group is on both sides."""
    training = {items[position].group for position in split.training}
    validation = {items[position].group for position in split.validation}
    assert not training & validation


def foreground(items: Sequence[SplitItem], positions: Sequence[int]) -> float:
    """Return the mean foreground of some items."""
    return float(np.mean([items[position].foreground_fraction for position in positions]))
