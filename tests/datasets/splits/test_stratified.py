"""Stratified splits are scikit-learn's over strata of foreground, and both sides hold the same foreground."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold, train_test_split

from app.datasets.splits.random import random_split
from app.datasets.splits.split_plan import SplitItem
from app.datasets.splits.stratified import (
    fold_strata,
    foreground_strata,
    split_strata,
    stratified_folds,
    stratified_split,
)
from app.domain.split_spec import MAX_FOLDS
from tests.datasets.splits.made_items import any_items, check_folds, check_sides, foreground, make_items, seeds


@given(items=any_items(), share=st.floats(0, 1), seed=seeds)
def test_same_as_scikit_learn(items: list[SplitItem], share: float, seed: int) -> None:
    n_validation = min(max(1, round(share * len(items))), len(items) - 1)
    split = stratified_split(items, n_validation=n_validation, seed=seed)
    strata = foreground_strata(items, strata=split_strata(len(items), n_validation))
    training, validation = train_test_split(
        range(len(items)), test_size=n_validation, random_state=seed, stratify=strata
    )
    assert split.training == tuple(training)
    assert split.validation == tuple(validation)
    check_sides(split, len(items))


@given(items=any_items(), folds=st.integers(2, MAX_FOLDS), seed=seeds)
def test_folds_are_those_of_scikit_learn(items: list[SplitItem], folds: int, seed: int) -> None:
    folds = min(folds, len(items))
    made = stratified_folds(items, folds=folds, seed=seed)
    strata = foreground_strata(items, strata=fold_strata(len(items), folds))
    expected = StratifiedKFold(folds, shuffle=True, random_state=seed).split(strata, strata)
    for split, (training, validation) in zip(made, expected, strict=True):
        assert split.training == tuple(training)
        assert split.validation == tuple(validation)
    check_folds(made, len(items))


@given(items=any_items(), strata=st.integers(1, 30))
def test_strata_are_equal_pieces_in_order_of_foreground(items: list[SplitItem], strata: int) -> None:
    strata = min(strata, len(items))
    labels = foreground_strata(items, strata=strata)
    sizes = np.bincount(labels, minlength=strata)
    assert sizes.max() - sizes.min() <= 1
    by_stratum = sorted(
        zip(labels.tolist(), items, strict=True), key=lambda pair: (pair[0], pair[1].foreground_fraction)
    )
    ordered = [item.foreground_fraction for _, item in by_stratum]
    assert ordered == sorted(ordered)


@given(items=any_items(least=8), seed=seeds)
def test_both_sides_hold_the_same_foreground(items: list[SplitItem], seed: int) -> None:
    n_validation = max(2, len(items) // 5)
    split = stratified_split(items, n_validation=n_validation, seed=seed)
    # One item of each stratum on the smaller side: together they can differ by one stratum's width from one another,
    # and by as much again where strata differ in size.
    values = [item.foreground_fraction for item in items]
    width = (max(values) - min(values)) / n_validation
    assert abs(foreground(items, split.training) - foreground(items, split.validation)) <= 2 * width + 1e-12


@given(seed=st.integers(0, 1000))
def test_closer_than_chance(seed: int) -> None:
    items = make_items([1] * 100, seed=seed)
    spread = float(np.std([item.foreground_fraction for item in items]))
    stratified = stratified_split(items, n_validation=10, seed=seed)
    assert abs(foreground(items, stratified.training) - foreground(items, stratified.validation)) < 0.2 * spread


def test_chance_is_not_as_close() -> None:
    """The bound of the test above would be no use if random splits kept it, too."""
    items = make_items([1] * 100)
    spread = float(np.std([item.foreground_fraction for item in items]))
    gaps = []
    for seed in range(50):
        split = random_split(items, n_validation=10, seed=seed)
        gaps.append(abs(foreground(items, split.training) - foreground(items, split.validation)))
    assert sum(gap >= 0.2 * spread for gap in gaps) > 15
