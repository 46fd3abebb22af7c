"""Predictions that are everything or nothing, with and without the predicted foreground."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import SLOW_START_EPOCHS, WARM_UP_PATIENCE_EPOCHS, RunContext
from app.diagnosis.trivial_baseline import Trivial, classify, detect_trivial_baseline
from app.domain.findings import Finding, FindingCode, Severity
from app.domain.metrics import Baselines

FLOOR = 1.5e-12
BEADS = Baselines(all_foreground=0.127283, empty=0.0)
KNOWN = RunContext(baselines=BEADS, batchnorm_momentum=0.9, steps_per_epoch=100)


def find(context: RunContext = KNOWN, **columns: Sequence[float | str]) -> tuple[Finding, ...]:
    return detect_trivial_baseline(HistoryTable.from_csv_columns(columns), context)


@pytest.mark.parametrize(
    ("validation", "predicted", "baselines", "expected"),
    [
        (0.127, 0.995, BEADS, Trivial.ALL_FOREGROUND),
        (math.nan, 0.995, None, Trivial.ALL_FOREGROUND),
        (0.127283, 0.5, BEADS, None),  # the fraction decides where it is known
        (0.3, 5e-5, BEADS, Trivial.EMPTY),
        (FLOOR, 0.5, BEADS, None),  # it predicts something, somewhere else
        (0.1275, math.nan, BEADS, Trivial.ALL_FOREGROUND),
        (0.1286, math.nan, BEADS, None),
        (0.127, math.nan, None, None),  # nobody knows the baseline
        (FLOOR, math.nan, None, Trivial.EMPTY),
        (1e-5, math.nan, None, None),
        (math.nan, math.nan, BEADS, None),
        # Masks that are nearly full or empty: a right prediction is no trivial one.
        (0.99, 0.995, Baselines(0.995, 0), None),
        (0.995, 0.9999, Baselines(0.995, 0), Trivial.ALL_FOREGROUND),
        (0.9, 5e-5, Baselines(5e-5, 0), None),
        (0.0, 1e-5, Baselines(5e-5, 0), Trivial.EMPTY),
        # Masks for which everything, or nothing, is right.
        (1.0, 1.0, Baselines(1.0, 0), None),
        (1.0, math.nan, Baselines(1.0, 0), None),
        (1.0, 0.0, Baselines(0.0, 1.0), None),
        (0.0, math.nan, Baselines(0.0, 1.0), None),
    ],
)
def test_classify(validation: float, predicted: float, baselines: Baselines | None, expected: Trivial | None) -> None:
    assert classify(validation=validation, predicted=predicted, context=RunContext(baselines=baselines)) is expected


def test_everything_foreground_is_named_with_its_baseline() -> None:
    (finding,) = find(jaccard=[0.5] * 3, val_jaccard=[0.127] * 3, val_predicted_foreground=[0.999] * 3)
    assert finding.code is FindingCode.AT_TRIVIAL_BASELINE
    assert finding.title == "Paints everything as foreground"
    assert "99.90% of the pixels" in finding.message
    assert "scores 0.127, the share of foreground in the masks" in finding.message
    assert finding.evidence["kind"] == "all-foreground"
    assert finding.evidence["baseline_all_foreground"] == BEADS.all_foreground


def test_one_epoch_proves_nothing() -> None:
    assert find(jaccard=[0.5] * 4, val_jaccard=[0.3, FLOOR, 0.3, 0.127283]) == ()


def test_it_is_serious_when_training_learns_for_three_epochs() -> None:
    severities = [find(jaccard=[0.5] * n, val_jaccard=[FLOOR] * n)[0].severity for n in (2, 3)]
    assert severities == [Severity.WARNING, Severity.SERIOUS]


def test_young_statistics_get_more_time() -> None:
    context = RunContext(batchnorm_momentum=0.99, steps_per_epoch=5)
    n = WARM_UP_PATIENCE_EPOCHS
    (before,) = find(context, jaccard=[0.5] * (n - 1), val_jaccard=[FLOOR] * (n - 1))
    (after,) = find(context, jaccard=[0.5] * n, val_jaccard=[FLOOR] * n)
    assert (before.severity, after.severity) == (Severity.WARNING, Severity.SERIOUS)
    assert "may heal by itself" in before.message


def test_a_slow_start_is_info_then_a_warning() -> None:
    n = SLOW_START_EPOCHS
    (before,) = find(jaccard=[0.01] * (n - 1), val_jaccard=[FLOOR] * (n - 1))
    (after,) = find(jaccard=[0.01] * n, val_jaccard=[FLOOR] * n)
    assert (before.severity, after.severity) == (Severity.INFO, Severity.WARNING)
    assert "not learned yet" in before.message


def test_a_run_that_ended_so_is_serious() -> None:
    (finding,) = find(RunContext(ended=True), jaccard=[0.01] * 3, val_jaccard=[FLOOR] * 3)
    assert finding.severity is Severity.SERIOUS
    assert "The run has ended like this." in finding.message


def test_rare_foreground_learns_below_the_usual_limit() -> None:
    rare = RunContext(baselines=Baselines(all_foreground=0.01, empty=0.0))
    (finding,) = find(rare, jaccard=[0.1] * 3, val_jaccard=[FLOOR] * 3)
    assert finding.severity is Severity.SERIOUS


def test_from_everything_to_nothing_are_two_findings() -> None:
    everything, nothing = find(jaccard=[0.5] * 7, val_jaccard=[0.1273] * 3 + [0.03] + [FLOOR] * 3)
    assert (everything.epoch, everything.until_epoch) == (1, 3)
    assert (nothing.epoch, nothing.until_epoch) == (5, None)
    assert nothing.title == "Predicts nothing"


def test_two_epochs_away_close_it_and_one_does_not() -> None:
    assert find(jaccard=[0.5] * 4, val_jaccard=[FLOOR, FLOOR, 0.3, FLOOR])[0].is_open
    (finding,) = find(jaccard=[0.5] * 4, val_jaccard=[FLOOR, FLOOR, 0.3, 0.4])
    assert finding.until_epoch == 2
    assert "0.400 in epoch 4" in finding.message


def test_epochs_without_validation_are_passed_over() -> None:
    (finding,) = find(jaccard=[0.5] * 4, val_jaccard=["0", "", "", "0"])
    assert (finding.epoch, finding.evidence["raised_epoch"]) == (1, 4)
    assert find(jaccard=[0.5] * 4) == ()


def test_without_a_training_jaccard_the_finding_stands() -> None:
    (finding,) = find(val_jaccard=[FLOOR] * 3)
    assert finding.severity is Severity.INFO
    assert finding.evidence["jaccard"] is None
    assert "nan" not in finding.message.lower()
