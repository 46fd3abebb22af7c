"""Grouped and stratified: no group on two sides, and both sides hold about the same foreground."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.splits.grouped import grouped_split
from app.datasets.splits.split_plan import SplitItem
from app.datasets.splits.stratified_grouped import stratified_grouped_folds, stratified_grouped_split
from tests.datasets.splits.made_items import (
    MICROBEADS,
    any_items,
    check_folds,
    check_groups,
    check_sides,
    foreground,
    make_items,
    seeds,
)


@given(items=any_items(least_groups=2), share=st.floats(0.05, 0.9), seed=seeds)
def test_groups_stay_together(items: list[SplitItem], share: float, seed: int) -> None:
    n_validation = min(max(1, round(share * len(items))), len(items) - 1)
    split = stratified_grouped_split(items, n_validation=n_validation, seed=seed)
    check_sides(split, len(items))
    check_groups(split, items)
    assert split == stratified_grouped_split(items, n_validation=n_validation, seed=seed)


@given(items=any_items(least=10, least_groups=5), folds=st.integers(2, 5), seed=seeds)
def test_groups_stay_together_in_folds(items: list[SplitItem], folds: int, seed: int) -> None:
    made = stratified_grouped_folds(items, folds=folds, seed=seed)
    check_folds(made, len(items))
    for split in made:
        check_groups(split, items)


def _gaps(items: list[SplitItem], *, stratified: bool) -> list[float]:
    """Return how far the sides' foregrounds are apart, in standard deviations, for twenty seeds."""
    spread = float(np.std([item.foreground_fraction for item in items]))
    gaps = []
    for seed in range(20):
        split = grouped_split(items, n_validation=10, seed=seed, stratified=stratified)
        assert abs(len(split.validation) - 10) <= 1
        gap = foreground(items, split.training) - foreground(items, split.validation)
        gaps.append(abs(gap) / spread)
    return gaps


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_foreground_is_closer_than_by_groups_alone(seed: int) -> None:
    items = make_items(MICROBEADS, seed=seed)
    assert max(_gaps(items, stratified=True)) < 0.1
    assert np.median(_gaps(items, stratified=False)) > 0.1


@pytest.mark.parametrize("folds", [3, 5])
def test_every_fold_has_about_the_same_foreground(folds: int) -> None:
    items = make_items(MICROBEADS)
    values = [item.foreground_fraction for item in items]
    for seed in range(5):
        for split in stratified_grouped_folds(items, folds=folds, seed=seed):
            assert abs(foreground(items, split.validation) - np.mean(values)) < 0.1 * np.std(values)
            assert abs(len(split.validation) - len(items) / folds) <= 2


def test_masks_without_foreground_are_only_grouped() -> None:
    items = [SplitItem(f"{number:02d}", f"{number // 3}", 0.0) for number in range(30)]
    split = stratified_grouped_split(items, n_validation=6, seed=0)
    assert len(split.validation) == 6
    check_groups(split, items)
