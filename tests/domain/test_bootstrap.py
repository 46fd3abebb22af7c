"""The interval of a mean over few items."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.bootstrap import mean_interval

scores = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(scores)
def test_the_interval_lies_within_the_values_and_repeats_itself(values: list[float]) -> None:
    low, high = mean_interval(values)
    assert min(values) - 1e-12 <= low <= high <= max(values) + 1e-12
    assert mean_interval(values) == (low, high)


def test_one_item_says_nothing_about_its_spread() -> None:
    assert mean_interval([0.3]) == (0.3, 0.3)


def test_no_item_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least one"):
        mean_interval([])


def test_the_interval_is_that_of_the_normal_approximation_where_it_holds() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, 400)
    low, high = mean_interval(values.tolist())
    error = values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_it_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        low, high = mean_interval(random.beta(4, 2, 20).tolist())
        covered += low <= 4 / 6 <= high
    # With 20 items the percentile interval is a little too narrow: some 93 %.
    assert 175 <= covered <= 200


def test_another_seed_draws_other_items() -> None:
    values = [0.1, 0.4, 0.35, 0.9, 0.2]
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)
