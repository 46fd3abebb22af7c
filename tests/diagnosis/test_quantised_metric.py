"""Scores that are simple fractions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.quantised_metric import MOST_BATCHES, OWN_COLUMN, detect_quantised_metric, simple_fractions
from app.domain.findings import Finding, Severity


def find(validation: Sequence[float], **columns: Sequence[float]) -> tuple[Finding, ...]:
    return detect_quantised_metric(HistoryTable.from_csv_columns({"val_jaccard": validation, **columns}))


@given(st.integers(1, MOST_BATCHES), st.data())
def test_every_fraction_is_recognised_as_float32(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(1, whole))
    single = float(np.float32(part / whole))
    assert simple_fractions(np.array([single])) == [Fraction(part, whole)]


def test_what_is_no_fraction() -> None:
    values = [0.0, 0.127283, 0.91234567, 1 / 37, 1.5, -0.5, math.nan, math.inf]
    assert simple_fractions(np.array(values)) == [None] * len(values)


def test_two_epochs_are_no_accident() -> None:
    assert find([0.61234567, 1 / 3, 0.71234567]) == ()
    (finding,) = find([0.61234567, 1 / 3, 2 / 3, 2 / 3])
    assert (finding.epoch, finding.until_epoch, finding.severity) == (2, None, Severity.WARNING)
    assert "exactly 1/3 in epoch 2 and 2/3 in epoch 3" in finding.message
    assert finding.evidence["denominator"] == 3


def test_a_perfect_score_is_suspicious() -> None:
    (finding,) = find([0.61234567, 1.0, 1.0])
    assert "masks without foreground" in finding.message


def test_it_closes_after_three_other_epochs() -> None:
    (finding,) = find([1 / 3, 1 / 3, 0.4123456, 1 / 3, 0.4123456, 0.5123456, 0.6123456])
    assert (finding.epoch, finding.until_epoch) == (1, 4)


@pytest.mark.parametrize("value", [0.7, 0.75, 0.5])
def test_rounded_scores_are_no_fractions(value: float) -> None:
    assert find([value] * 5) == ()
    # Once another score shows that nothing was rounded, they are.
    assert len(find([value] * 5 + [0.61234567])) == 1


def test_our_own_histories_come_from_counts() -> None:
    assert find([1 / 3] * 5, **{OWN_COLUMN: [0.3] * 5}) == ()
