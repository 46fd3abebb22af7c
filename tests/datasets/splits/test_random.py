"""Random splits are scikit-learn's, to the order."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, train_test_split

from app.datasets.splits.planning import plan_split
from app.datasets.splits.random import random_folds, random_split
from app.domain.errors import InvalidInputError
from app.domain.split_spec import MAX_FOLDS, SplitSpec
from tests.datasets.splits.made_items import check_folds, make_items, seeds


@given(n_items=st.integers(2, 400), fraction=st.floats(0.001, 0.999), seed=seeds)
def test_same_as_scikit_learn(n_items: int, fraction: float, seed: int) -> None:
    items, spec = make_items([n_items]), SplitSpec(validation_fraction=fraction, seed=seed)
    try:
        training, validation = train_test_split(range(n_items), test_size=fraction, random_state=seed)
    except ValueError:
        with pytest.raises(InvalidInputError):
            plan_split(items, spec)
        return
    [split] = plan_split(items, spec).folds
    assert split.training == tuple(training)
    assert split.validation == tuple(validation)
    assert split == random_split(items, n_validation=math.ceil(fraction * n_items), seed=seed)


@given(n_items=st.integers(2, 200), folds=st.integers(2, MAX_FOLDS), seed=seeds)
def test_folds_are_those_of_scikit_learn(n_items: int, folds: int, seed: int) -> None:
    folds = min(folds, n_items)
    made = random_folds(make_items([n_items]), folds=folds, seed=seed)
    expected = KFold(folds, shuffle=True, random_state=seed).split(range(n_items))
    for split, (training, validation) in zip(made, expected, strict=True):
        assert split.training == tuple(training)
        assert split.validation == tuple(validation)
    check_folds(made, n_items)


@given(n_items=st.integers(4, 200), seed=seeds)
def test_a_test_set_is_what_two_calls_of_scikit_learn_give(n_items: int, seed: int) -> None:
    spec = SplitSpec(validation_fraction=0.2, test_fraction=0.2, seed=seed)
    plan = plan_split(make_items([n_items]), spec)
    rest, test = train_test_split(range(n_items), test_size=0.2, random_state=seed)
    training, validation = train_test_split(sorted(rest), test_size=math.ceil(0.2 * n_items), random_state=seed)
    assert plan.test == tuple(test)
    assert plan.folds[0].training == tuple(training)
    assert plan.folds[0].validation == tuple(validation)


def test_the_reference_split() -> None:
    [split] = plan_split(make_items([73]), SplitSpec(validation_fraction=0.1, seed=42)).folds
    assert (len(split.training), len(split.validation)) == (65, 8)
    assert sorted(split.training + split.validation) == list(range(73))
