"""Which split is recommended, and that it can be planned."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from app.datasets.splits.leakage import find_leakage
from app.datasets.splits.planning import plan_split
from app.datasets.splits.recommendation import recommend
from app.datasets.splits.split_plan import SplitItem
from app.domain.errors import InvalidInputError
from app.domain.split_spec import SplitSpec, SplitStrategy
from tests.datasets.splits.made_items import MICROBEADS, any_items, make_items
from tests.datasets.splits.test_planning import specs


def evenly(sizes: list[int]) -> list[SplitItem]:
    """Return items whose foreground hardly varies."""
    return [SplitItem(item.name, item.group, 0.2) for item in make_items(sizes)]


@pytest.mark.parametrize(
    ("items", "choices", "strategy", "folds", "says"),
    [
        (make_items(MICROBEADS), {}, "stratified-grouped", 0, "11 of 36 acquisitions hold several images (73 of 98)"),
        (make_items(MICROBEADS), {"folds": 5}, "stratified-grouped", 5, "foreground varies"),
        (evenly([8] * 8), {}, "grouped", 0, "8 of 8 acquisitions hold several images (64 of 64)"),
        (make_items([10] * 4), {}, "grouped", 0, "4 of 4 acquisitions"),
        (make_items([1] * 40), {}, "stratified", 0, "Every image is an acquisition of its own; foreground varies"),
        (evenly([1] * 40), {}, "random", 0, "foreground varies little"),
        (evenly([40]), {}, "random", 0, "All images come from one acquisition"),
        (evenly([20, 20]), {"test_fraction": 0.1}, "random", 0, "There are only 2 acquisitions"),
        (evenly([20, 20]), {}, "grouped", 0, "2 of 2 acquisitions"),
        (evenly([1] * 12), {}, "random", 5, "one split of 12 images would validate on a handful"),
        (evenly([4] * 3), {}, "grouped", 3, "each should validate once"),
        (evenly([1] * 3), {}, "random", 3, "each should validate once"),
        (evenly([4] * 3), {"folds": 8}, "grouped", 3, "acquisitions"),
    ],
)
def test_the_split_that_fits(
    items: list[SplitItem], choices: dict[str, Any], strategy: str, folds: int, says: str
) -> None:
    advice = recommend(items, SplitSpec(**choices))
    assert (advice.strategy, advice.folds) == (strategy, folds)
    assert says in advice.reason
    assert advice.reason.endswith(".")
    assert advice.reason.count(". ") == 0, "one sentence"


@given(items=any_items(), spec=specs)
def test_what_is_recommended_is_possible_and_does_not_leak(items: list[SplitItem], spec: SplitSpec) -> None:
    advice = recommend(items, spec)
    taken = spec.model_copy(update={"strategy": advice.strategy, "folds": advice.folds})
    try:
        plan = plan_split(items, taken)
    except InvalidInputError as error:
        # Shares that no strategy could serve.
        assert {field.field for field in error.fields} <= {"split.validation_fraction", "split.test_fraction"}  # noqa: PT017
        return
    if advice.strategy.keeps_groups:
        assert find_leakage(items, plan).groups == ()


def test_explicit_lists_get_advice_too() -> None:
    items = make_items([5] * 8)
    spec = SplitSpec(strategy=SplitStrategy.EXPLICIT, validation=(items[0].name,))
    assert recommend(items, spec).strategy.keeps_groups
