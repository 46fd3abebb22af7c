"""The specification of a split: bounds, lists, and what was stored before it had so many fields."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.domain.configuration import ExperimentSpec
from app.domain.split_spec import MAX_FOLDS, SplitSpec, SplitStrategy


def test_what_was_stored_before_still_loads() -> None:
    old = {"strategy": "random", "validation_fraction": 0.1, "seed": 42}
    assert SplitSpec.model_validate(old) == SplitSpec()
    stored = {"dataset_id": 1, "split": old, "models": [{"architecture": "unet"}]}
    assert ExperimentSpec.model_validate(stored).split == SplitSpec()


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"strategy": "stratified-grouped", "folds": 5, "test_fraction": 0.2, "seed": 7},
        {"strategy": "explicit", "training": ["a"], "validation": ["b", "c"], "test": ["d"]},
    ],
)
def test_json_round_trip(choices: dict[str, Any]) -> None:
    spec = SplitSpec.model_validate(choices)
    assert SplitSpec.model_validate(spec.model_dump(mode="json")) == spec


def test_a_list_may_be_a_text_with_a_name_in_each_line() -> None:
    spec = SplitSpec.model_validate({"strategy": "explicit", "validation": "007\r\n a, b \n\n(c)\n", "test": " \n"})
    assert spec.validation == ("007", "a, b", "(c)")
    assert spec.test == ()


@pytest.mark.parametrize(
    ("choices", "field", "says"),
    [
        ({"strategy": "chance"}, "strategy", "'random', 'stratified', 'grouped', 'stratified-grouped' or 'explicit'"),
        ({"validation_fraction": 0}, "validation_fraction", "greater than 0"),
        ({"test_fraction": 1}, "test_fraction", "less than 1"),
        ({"test_fraction": -0.1}, "test_fraction", "greater than or equal to 0"),
        ({"folds": MAX_FOLDS + 1}, "folds", "less than or equal to"),
        ({"folds": 2.5}, "folds", "integer"),
        ({"seed": -1}, "seed", "greater than or equal to 0"),
        ({"validation": ["a"]}, "validation", "lists are for the strategy explicit, not random"),
        ({"strategy": "grouped", "test": "a\nb"}, "test", "choose explicit"),
        ({"strategy": "explicit", "folds": 2}, "folds", "set this to 0"),
        ({"strategy": "explicit", "test_fraction": 0.1}, "test_fraction", "set this to 0"),
        ({"strategy": "explicit", "validation": [1]}, "validation", "string"),
        ({"share": 1}, "share", "Extra"),
    ],
)
def test_what_is_wrong_is_named(choices: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SplitSpec.model_validate(choices)
    [error] = caught.value.errors()
    assert error["loc"][0] == field
    assert says in error["msg"]


@pytest.mark.parametrize(("folds", "count"), [(0, 1), (1, 1), (2, 2), (10, 10)])
def test_no_fold_is_one_split(folds: int, count: int) -> None:
    assert SplitSpec(folds=folds).fold_count == count


@pytest.mark.parametrize("strategy", SplitStrategy)
def test_every_strategy_has_words(strategy: SplitStrategy) -> None:
    assert strategy.label
    assert strategy.explanation.endswith(".")
    assert strategy.keeps_groups == ("grouped" in strategy)


@pytest.mark.parametrize("name", SplitSpec.model_fields)
def test_every_setting_has_words_and_says_beside_which_strategies_it_counts(name: str) -> None:
    info = SplitSpec.model_fields[name]
    assert info.title
    assert info.description
    assert info.description.endswith(".")
    if name != "strategy":
        assert isinstance(info.json_schema_extra, dict)
        only_for: Any = info.json_schema_extra["only_for"]
        assert set(only_for["strategy"]) < set(SplitStrategy)
