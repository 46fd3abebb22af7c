"""Curves that have risen and do not rise any more."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.plateau import PATIENCE_EPOCHS, detect_plateau
from app.diagnosis.run_context import RunContext
from app.domain.findings import Finding, Severity


def find(validation: Sequence[float]) -> tuple[Finding, ...]:
    return detect_plateau(HistoryTable.from_csv_columns({"val_jaccard": validation}), RunContext())


def test_fifteen_epochs_without_an_improvement() -> None:
    curve = [0.3, 0.6, 0.8] + [0.801] * PATIENCE_EPOCHS
    assert find(curve[:-1]) == ()
    (finding,) = find(curve)
    assert (finding.epoch, finding.until_epoch, finding.severity) == (4, None, Severity.INFO)
    assert (finding.evidence["best_val_jaccard"], finding.evidence["best_val_jaccard_epoch"]) == (0.8, 3)


def test_a_low_level_is_stuck() -> None:
    (finding,) = find([0.05, 0.1] + [0.1] * PATIENCE_EPOCHS)
    assert (finding.severity, finding.title) == (Severity.WARNING, "Stuck at a low level")


@pytest.mark.parametrize(
    "curve",
    [
        [0.8] * 40,
        [0.1 + 0.02 * epoch for epoch in range(40)],
        [0.3, 0.8] + [0.4] * 30,
        [0.005, 0.01] + [0.01] * 30,
        [0.3, 0.8, *[0.8, 0.2, 0.2] * 10],
    ],
    ids=["never-rose", "rises", "lost", "noise", "jumps"],
)
def test_what_is_no_plateau(curve: list[float]) -> None:
    assert find(curve) == ()


def test_many_small_steps_are_an_improvement() -> None:
    assert find([0.5, *[0.6 * 1.002**epoch for epoch in range(60)]]) == ()


def test_it_closes_with_the_next_improvement_and_may_come_again() -> None:
    first, second = find([0.3, 0.6] + [0.6] * 20 + [0.7] + [0.7] * 20)
    assert (first.epoch, first.until_epoch) == (3, 22)
    assert (second.epoch, second.until_epoch) == (24, None)


def test_it_closes_when_the_level_is_lost() -> None:
    (finding,) = find([0.3, 0.8] + [0.8] * 20 + [0.1] * 5)
    # The second low epoch moves the median of three.
    assert finding.until_epoch == 23
