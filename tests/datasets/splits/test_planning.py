"""Every strategy through the one entry: sides, test sets, and what is impossible."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.splits.planning import plan_split
from app.datasets.splits.split_plan import SplitItem, SplitPlan
from app.domain.errors import InvalidInputError
from app.domain.split_spec import SplitSpec, SplitStrategy
from tests.datasets.splits.made_items import MICROBEADS, any_items, make_items, seeds

DRAWN = [strategy for strategy in SplitStrategy if strategy is not SplitStrategy.EXPLICIT]

specs = st.builds(
    SplitSpec,
    strategy=st.sampled_from(DRAWN),
    validation_fraction=st.floats(0.01, 0.99),
    seed=seeds,
    test_fraction=st.just(0.0) | st.floats(0.01, 0.9),
    folds=st.integers(0, 8),
)


def check_plan(plan: SplitPlan, items: list[SplitItem], spec: SplitSpec) -> None:
    everything = list(range(len(items)))
    assert len(plan.folds) == spec.fold_count
    assert bool(plan.test) == bool(spec.test_fraction)
    for fold in plan.folds:
        assert fold.training
        assert fold.validation
        assert sorted((*fold.training, *fold.validation, *plan.test)) == everything
        if spec.strategy.keeps_groups:
            sides = [
                {items[position].group for position in side} for side in (fold.training, fold.validation, plan.test)
            ]
            assert sum(map(len, sides)) == len(set.union(*sides))
    if spec.fold_count > 1:
        validated = [position for fold in plan.folds for position in fold.validation]
        assert sorted((*validated, *plan.test)) == everything


@given(items=any_items(least=1), spec=specs)
def test_every_item_is_on_one_side_or_the_field_is_named(items: list[SplitItem], spec: SplitSpec) -> None:
    try:
        plan = plan_split(items, spec)
    except InvalidInputError as error:
        [field] = error.fields
        assert field.field in {
            f"split.{name}" for name in ("strategy", "validation_fraction", "test_fraction", "folds")
        }
        return
    check_plan(plan, items, spec)
    assert plan == plan_split(items, spec)


@pytest.mark.parametrize("strategy", DRAWN)
def test_the_test_set_stays_when_the_rest_is_divided_otherwise(strategy: SplitStrategy) -> None:
    items = make_items(MICROBEADS)
    choices: list[dict[str, Any]] = [{}, {"validation_fraction": 0.3}, {"folds": 3}, {"folds": 5}]
    tests = {plan_split(items, SplitSpec(strategy=strategy, test_fraction=0.15, **choice)).test for choice in choices}
    assert len(tests) == 1
    assert abs(len(tests.pop()) - 15) <= 1


@pytest.mark.parametrize("strategy", DRAWN)
def test_seeds_choose_differently(strategy: SplitStrategy) -> None:
    items = make_items(MICROBEADS)
    chosen = {plan_split(items, SplitSpec(strategy=strategy, seed=seed)).folds[0].validation for seed in range(10)}
    assert len(chosen) > 5


@pytest.mark.parametrize("strategy", DRAWN)
@pytest.mark.parametrize("folds", [0, 1])
def test_shares_count_all_items(strategy: SplitStrategy, folds: int) -> None:
    items = make_items([1] * 50)
    spec = SplitSpec(strategy=strategy, validation_fraction=0.2, test_fraction=0.1, folds=folds)
    [fold] = plan_split(items, spec).folds
    assert (len(fold.training), len(fold.validation)) == (35, 10)
    assert len(plan_split(items, spec).test) == math.ceil(0.1 * 50)


def test_an_empty_group_is_a_group_of_its_own() -> None:
    items = [SplitItem(f"{number}", "", 0.1) for number in range(10)]
    [fold] = plan_split(items, SplitSpec(strategy=SplitStrategy.GROUPED, validation_fraction=0.3)).folds
    assert len(fold.validation) == 3


def test_explicit_lists_are_planned_here_too() -> None:
    items = make_items([3])
    spec = SplitSpec(strategy=SplitStrategy.EXPLICIT, validation=("g000-001",), test=("g000-002",))
    plan = plan_split(items, spec)
    assert (plan.folds[0].training, plan.folds[0].validation, plan.test) == ((0,), (1,), (2,))


@pytest.mark.parametrize(
    ("sizes", "choices", "field", "says"),
    [
        ([1], {}, "validation_fraction", "received 1 item, expected at least 2"),
        ([], {}, "validation_fraction", "received 0 items"),
        ([3], {"validation_fraction": 0.9}, "validation_fraction", "expected at most 0.666"),
        ([4], {"validation_fraction": 0.5, "test_fraction": 0.5}, "validation_fraction", "beside the 2 that test"),
        ([4], {"test_fraction": 0.6}, "test_fraction", "leaves 1 item of 4"),
        ([4], {"folds": 5}, "folds", "there are only 4 items, and each fold needs one to validate; use at most 4"),
        ([5], {"folds": 4, "test_fraction": 0.4}, "folds", "only 3 items beside the test set"),
        ([5], {"strategy": "grouped"}, "strategy", "one acquisition, 'g000'"),
        ([5], {"strategy": "stratified-grouped", "folds": 3}, "strategy", "choose random or stratified"),
        ([5, 5], {"strategy": "grouped", "test_fraction": 0.1}, "test_fraction", "only 2 acquisitions"),
        ([5, 5, 5], {"strategy": "grouped", "folds": 4}, "folds", "only 3 acquisitions"),
        ([5, 5, 5], {"strategy": "grouped", "folds": 3, "test_fraction": 0.2}, "folds", "only 2 acquisitions beside"),
    ],
)
def test_what_is_impossible_names_the_field_and_what_to_do(
    sizes: list[int], choices: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        plan_split(make_items(sizes), SplitSpec(**choices))
    assert [error.field for error in caught.value.fields] == [f"split.{field}"]
    assert says in caught.value.message


def test_the_advised_share_is_accepted() -> None:
    items = make_items([3])
    plan_split(items, SplitSpec(validation_fraction=0.666))
