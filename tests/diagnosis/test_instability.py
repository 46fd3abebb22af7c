"""Validation that falls again and again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.instability import CALM_EPOCHS, PATIENCE_EPOCHS, detect_instability
from app.diagnosis.run_context import RunContext
from app.domain.findings import Finding, Severity
from app.domain.metrics import Baselines


def find(validation: Sequence[float], context: RunContext | None = None) -> tuple[Finding, ...]:
    return detect_instability(HistoryTable.from_csv_columns({"val_jaccard": validation}), context or RunContext())


def test_three_falls_in_ten_epochs() -> None:
    curve = [0.8, 0.3, 0.8, 0.2, 0.8, 0.4]
    assert find(curve[:5]) == ()
    (finding,) = find(curve)
    assert (finding.epoch, finding.until_epoch, finding.severity) == (2, None, Severity.INFO)
    assert finding.evidence["falls"] == 3
    assert "at worst from 0.800 to 0.200 in epoch 4" in finding.message


@pytest.mark.parametrize(
    "curve",
    [
        [0.1, 0.3, 0.5, 0.7, 0.9] * 1,
        [0.8, 0.75, 0.8, 0.75, 0.8, 0.75, 0.8],
        [0.8, 0.1] + [0.8] * 10 + [0.1] + [0.8] * 10 + [0.1],
        [0.8, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
        [0.04, 0.0, 0.04, 0.0, 0.04, 0.0],
        [],
    ],
    ids=["rises", "small", "rare", "one-fall", "noise", "empty"],
)
def test_what_is_no_instability(curve: list[float]) -> None:
    assert find(curve) == ()


def test_jumps_around_the_baseline_do_not_count() -> None:
    context = RunContext(baselines=Baselines(all_foreground=0.13, empty=0.0))
    assert find([0.13, 0.0] * 10, context) == ()
    assert len(find([0.13, 0.0] * 10)) == 1


def test_it_becomes_a_warning_when_it_goes_on() -> None:
    curve = [0.8, 0.3] * 12
    severities = [find(curve[:count])[0].severity for count in range(6, len(curve) + 1)]
    # The first fall is in epoch 2, the first one at least 15 epochs later in epoch 18.
    first_warning = severities.index(Severity.WARNING) + 6
    assert first_warning == 2 * ((2 + PATIENCE_EPOCHS + 1) // 2)
    assert set(severities[first_warning - 6 :]) == {Severity.WARNING}


def test_it_closes_with_the_last_fall_and_may_come_again() -> None:
    jumpy = [0.8, 0.3] * 3
    first, second = find([*jumpy, *[0.8] * CALM_EPOCHS, *jumpy])
    assert (first.epoch, first.until_epoch) == (2, 6)
    assert (second.epoch, second.until_epoch) == (16, None)
