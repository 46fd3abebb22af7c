"""NaN and ±∞ in any recorded metric."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.non_finite import detect_non_finite
from app.domain.findings import Finding, Severity


def find(**columns: Sequence[str]) -> tuple[Finding, ...]:
    return detect_non_finite(HistoryTable.from_csv_columns(columns))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_the_column_and_the_value_are_named(value: str) -> None:
    (finding,) = find(loss=["1", "1"], val_loss=["1", value])
    assert (finding.severity, finding.epoch, finding.until_epoch) == (Severity.SERIOUS, 2, None)
    assert finding.evidence == {"columns": "val_loss", "val_loss": value}
    assert "val_loss was" in finding.message


def test_what_was_not_recorded_is_no_nan() -> None:
    assert find(loss=["1", "", "1"], val_loss=["", "", ""]) == ()
    assert find() == ()


def test_a_single_spike_opens_and_closes() -> None:
    (finding,) = find(loss=["1", "inf", "1"])
    assert (finding.epoch, finding.until_epoch) == (2, 2)


def test_an_epoch_without_the_metric_does_not_heal_it() -> None:
    (finding,) = find(loss=["1"] * 4, val_loss=["nan", "", "nan", ""])
    assert (finding.epoch, finding.until_epoch) == (1, None)


def test_columns_that_follow_join_the_message_but_not_the_evidence() -> None:
    (finding,) = find(loss=["1", "nan", "nan"], val_loss=["1", "1", "nan"])
    assert finding.evidence["columns"] == "loss"
    assert "Later val_loss was" in finding.message


def test_it_closes_when_all_are_finite_and_may_come_again() -> None:
    first, second = find(loss=["nan", "nan", "1", "inf"], val_loss=["1", "nan", "1", "1"])
    assert (first.epoch, first.until_epoch, second.epoch, second.until_epoch) == (1, 2, 4, None)
    assert second.evidence == {"columns": "loss", "loss": "inf"}
