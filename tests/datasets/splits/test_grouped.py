"""Grouped splits: no group on two sides, and the items close to their share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.splits.grouped import grouped_folds, grouped_split
from app.datasets.splits.split_plan import SplitItem
from tests.datasets.splits.made_items import (
    MICROBEADS,
    any_items,
    check_folds,
    check_groups,
    check_sides,
    make_items,
    seeds,
)


@given(items=any_items(least_groups=2), share=st.floats(0.05, 0.9), seed=seeds)
def test_groups_stay_together(items: list[SplitItem], share: float, seed: int) -> None:
    n_validation = min(max(1, round(share * len(items))), len(items) - 1)
    split = grouped_split(items, n_validation=n_validation, seed=seed)
    check_sides(split, len(items))
    check_groups(split, items)
    assert split.training == tuple(sorted(split.training))
    assert split.validation == tuple(sorted(split.validation))
    assert split == grouped_split(items, n_validation=n_validation, seed=seed)


@given(items=any_items(least=10, least_groups=5), folds=st.integers(2, 5), seed=seeds)
def test_groups_stay_together_in_folds(items: list[SplitItem], folds: int, seed: int) -> None:
    made = grouped_folds(items, folds=folds, seed=seed)
    check_folds(made, len(items))
    for split in made:
        check_groups(split, items)
    assert made == grouped_folds(items, folds=folds, seed=seed)


@pytest.mark.parametrize("n_validation", [5, 8, 10, 20, 49, 90])
def test_the_share_is_met_where_groups_allow_it(n_validation: int) -> None:
    items = make_items(MICROBEADS)
    for seed in range(10):
        split = grouped_split(items, n_validation=n_validation, seed=seed)
        assert abs(len(split.validation) - n_validation) <= 0.05 * n_validation


@pytest.mark.parametrize("folds", [2, 3, 5, 7])
def test_folds_are_equally_large(folds: int) -> None:
    items = make_items(MICROBEADS)
    for seed in range(10):
        sizes = [len(split.validation) for split in grouped_folds(items, folds=folds, seed=seed)]
        assert max(sizes) - min(sizes) <= 2


def test_one_large_group_leaves_what_it_leaves() -> None:
    items = make_items([90, 5, 5])
    split = grouped_split(items, n_validation=50, seed=0)
    assert len(split.validation) in {10, 90}
    split = grouped_split(items, n_validation=10, seed=0)
    assert len(split.validation) == 10


def test_groups_are_left_to_train_on() -> None:
    items = make_items([1, 1, 98])
    assert len(grouped_split(items, n_validation=2, seed=0).validation) == 2
    kept = grouped_split(items, n_validation=2, seed=0, training_groups=2)
    assert len({items[position].group for position in kept.training}) == 2
