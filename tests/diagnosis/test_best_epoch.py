"""A best epoch among the first, which nothing later reached."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.diagnosis.best_epoch import EARLY_EPOCHS, LATER_EPOCHS, detect_best_epoch_too_early
from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import RunContext
from app.domain.findings import Finding, Severity
from app.domain.metrics import Baselines


def find(validation: Sequence[float], context: RunContext | None = None) -> tuple[Finding, ...]:
    columns = {"val_jaccard": validation, "jaccard": [0.1 + 0.01 * epoch for epoch in range(len(validation))]}
    return detect_best_epoch_too_early(HistoryTable.from_csv_columns(columns), context or RunContext())


def test_ten_later_epochs_do_not_reach_an_early_best() -> None:
    curve = [0.127, 0.143, *[0.05] * LATER_EPOCHS]
    assert find(curve[:-1]) == ()
    (finding,) = find(curve)
    assert (finding.epoch, finding.until_epoch, finding.severity) == (2, None, Severity.WARNING)
    assert "0.143, is that of epoch 2" in finding.message
    assert "Training went from 0.110 to 0.210" in finding.message


@pytest.mark.parametrize(
    "curve",
    [
        [0.1, 0.8, *[0.79] * 20],
        [*[0.1] * EARLY_EPOCHS, 0.8, *[0.1] * 20],
        [0.1 + 0.03 * epoch for epoch in range(25)],
        [],
    ],
    ids=["keeps-its-level", "not-early", "rises", "empty"],
)
def test_what_is_not_too_early(curve: list[float]) -> None:
    assert find(curve) == ()


def test_a_trivial_best_is_too_early_even_if_its_level_is_kept() -> None:
    context = RunContext(baselines=Baselines(all_foreground=0.127, empty=0.0))
    curve = [0.128, *[0.127] * 12]
    assert find(curve) == ()
    (finding,) = find(curve, context)
    assert "Painting everything foreground scores as much." in finding.message


def test_it_closes_with_a_better_epoch() -> None:
    (finding,) = find([0.1, *[0.0] * 12, 0.3, 0.5, 0.7])
    assert (finding.epoch, finding.until_epoch) == (1, 13)
    assert "reached 0.300" in finding.message


def test_it_closes_when_the_level_is_back() -> None:
    (finding,) = find([0.5, *[0.1] * 12, 0.48, 0.48, 0.48])
    assert (finding.epoch, finding.until_epoch) == (1, 14)
