"""Mean and deviation over folds."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.fold_scores import FoldScores, over_folds


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_population_standard_deviation(scores: list[float]) -> None:
    seen = over_folds(scores)
    assert seen.folds == len(scores)
    assert seen.mean == pytest.approx(statistics.fmean(scores), abs=1e-12)
    assert seen.deviation == pytest.approx(statistics.pstdev(scores), abs=1e-9)


def test_folds_without_a_score_are_left_out() -> None:
    assert over_folds([0.25, None, float("nan"), 0.75]) == FoldScores(folds=2, mean=0.5, deviation=0.25)


@pytest.mark.parametrize("scores", [[], [None], [float("inf")]])
def test_no_score_no_mean(scores: list[float | None]) -> None:
    assert over_folds(scores) == FoldScores(folds=0, mean=None, deviation=None)
