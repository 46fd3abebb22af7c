"""Explicit lists: exactly the named items, and every mistake named with its list."""

from __future__ import annotations

from typing import Any

import pytest

from app.datasets.splits.explicit import explicit_plan
from app.datasets.splits.split_plan import Split
from app.domain.errors import InvalidInputError
from app.domain.split_spec import SplitSpec

NAMES = ["a", "b", "c", "d", "e"]


def spec(**lists: Any) -> SplitSpec:
    return SplitSpec.model_validate({"strategy": "explicit", **lists})


def test_the_named_items_in_the_order_of_the_dataset() -> None:
    plan = explicit_plan(NAMES, spec(training=["c", "a"], validation=["e"], test=["b"]))
    assert plan.folds == (Split(training=(0, 2), validation=(4,)),)
    assert plan.test == (1,)
    assert plan.unused == (3,)


def test_without_a_training_list_all_others_train() -> None:
    plan = explicit_plan(NAMES, spec(validation=["e"], test=["b"]))
    assert plan.folds[0].training == (0, 2, 3)
    assert plan.unused == ()


@pytest.mark.parametrize(
    ("lists", "field", "says"),
    [
        ({}, "split.validation", "Received no names"),
        ({"training": ["a"]}, "split.validation", "name the validation items"),
        ({"validation": ["a", "x.png"]}, "split.validation", "no 'x.png'; names are those of its page"),
        ({"validation": ["a"], "training": ["y"]}, "split.training", "no 'y'"),
        ({"validation": ["a", "a"]}, "split.validation", "'a' stands here more than once"),
        ({"validation": ["a"], "training": ["a", "b"]}, "split.validation", "'a' is in the training list, too"),
        ({"validation": ["a"], "test": ["a", "b"]}, "split.test", "'a' is in the validation list, too"),
        ({"validation": ["a"], "training": ["b"], "test": ["b"]}, "split.test", "'b' is in the training list, too"),
        ({"validation": ["a", "b", "c"], "test": ["d", "e"]}, "split.validation", "none to train on"),
    ],
)
def test_a_wrong_list_is_named(lists: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        explicit_plan(NAMES, spec(**lists))
    assert [error.field for error in caught.value.fields] == [field]
    assert says in caught.value.fields[0].message


def test_a_long_list_of_wrong_names_is_quoted_in_part() -> None:
    with pytest.raises(InvalidInputError) as caught:
        explicit_plan(NAMES, spec(validation=[f"x{number}" for number in range(12)]))
    assert "no 'x0', 'x1', 'x2', 'x3', 'x4' and 7 more" in caught.value.message
    assert "x5" not in caught.value.message


def test_every_wrong_list_is_named_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        explicit_plan(NAMES, spec(training=["x"], validation=["y"], test=["z"]))
    assert [error.field for error in caught.value.fields] == ["split.training", "split.validation", "split.test"]
