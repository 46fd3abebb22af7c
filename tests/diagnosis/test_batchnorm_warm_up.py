"""Validation that does not follow training while the moving statistics are young."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.diagnosis.batchnorm_warm_up import detect_batchnorm_warm_up
from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import RunContext
from app.domain.findings import Finding, Severity
from app.domain.metrics import Baselines

FLOOR = 1.5e-12
YOUNG = RunContext(batchnorm_momentum=0.99, steps_per_epoch=50, planned_updates=5000)
TOO_SHORT = RunContext(batchnorm_momentum=0.99, steps_per_epoch=5, planned_updates=100)


def find(context: RunContext, **columns: Sequence[float]) -> tuple[Finding, ...]:
    return detect_batchnorm_warm_up(HistoryTable.from_csv_columns(columns), context)


def test_by_arithmetic_it_is_information_while_more_updates_will_come() -> None:
    (finding,) = find(YOUNG, jaccard=[0.2, 0.5, 0.6], val_jaccard=[0.0, 0.01, 0.01])
    assert (finding.epoch, finding.until_epoch, finding.severity) == (2, None, Severity.INFO)
    assert "100 updates" in finding.message
    assert finding.evidence["kind"] == "arithmetic"


def test_by_arithmetic_it_is_a_warning_if_the_plan_is_too_short() -> None:
    (finding,) = find(TOO_SHORT, jaccard=[0.5], val_jaccard=[0.01])
    assert finding.severity is Severity.WARNING
    assert "the plan ends after 100 updates" in finding.message


def test_it_closes_when_validation_follows_or_the_statistics_have_settled() -> None:
    (follows,) = find(YOUNG, jaccard=[0.5] * 4, val_jaccard=[0.01, 0.01, 0.4, 0.4])
    assert (follows.epoch, follows.until_epoch) == (1, 3)
    assert "follows training" in follows.message
    # 500 updates make 5 time constants: epoch 10.
    (settled,) = find(YOUNG, jaccard=[0.5] * 12, val_jaccard=[0.01] * 12)
    assert (settled.epoch, settled.until_epoch) == (1, 9)
    assert "another cause" in settled.message


@pytest.mark.parametrize(
    "context",
    [
        RunContext(batchnorm_momentum=0.9, steps_per_epoch=100),
        RunContext(batchnorm_momentum=0.0, steps_per_epoch=1),
        RunContext(),
    ],
    ids=["settled", "no-memory", "unknown"],
)
def test_a_low_validation_alone_is_no_sign(context: RunContext) -> None:
    assert find(context, jaccard=[0.5] * 6, val_jaccard=[0.01] * 6) == ()


def test_a_validation_that_follows_is_no_sign() -> None:
    assert find(YOUNG, jaccard=[0.5] * 6, val_jaccard=[0.4] * 6) == ()


def test_both_trivial_predictions_are_a_pattern() -> None:
    columns = {
        "jaccard": [0.4, 0.45, 0.5, 0.5, 0.5],
        "val_jaccard": [0.127, 0.127, FLOOR, FLOOR, 0.127],
        "val_accuracy": [0.0814, 0.0815, 0.8187, 0.8187, 0.0814],
    }
    (finding,) = find(RunContext(), **columns)
    assert (finding.epoch, finding.severity) == (1, Severity.WARNING)
    assert finding.evidence["raised_epoch"] == 3
    assert "everything foreground (epochs 1, 2) and nothing (epoch 3)" in finding.message
    # Only one of the two: a fault of the data does as much.
    assert find(RunContext(), jaccard=[0.5] * 5, val_jaccard=[FLOOR] * 5, val_accuracy=[0.8] * 5) == ()


def test_the_pattern_needs_a_training_that_learned() -> None:
    columns = {"val_jaccard": [0.127, 0.127, FLOOR, FLOOR], "val_accuracy": [0.08, 0.08, 0.82, 0.82]}
    assert find(RunContext(), jaccard=[0.1] * 4, **columns) == ()


def test_without_accuracy_the_baseline_or_the_painted_share_tells_everything() -> None:
    columns = {"jaccard": [0.5] * 4, "val_jaccard": [0.127, 0.127, FLOOR, FLOOR]}
    known = RunContext(baselines=Baselines(all_foreground=0.127283, empty=0.0))
    assert find(RunContext(), **columns) == ()
    assert len(find(known, **columns)) == 1
    assert len(find(RunContext(), **columns, val_predicted_foreground=[1.0, 0.999, 0.0, 0.0])) == 1
    assert find(known, **columns, val_predicted_foreground=[0.3, 0.3, 0.0, 0.0]) == ()


def test_a_good_score_near_accuracy_is_not_everything() -> None:
    columns = {"jaccard": [0.95] * 4, "val_jaccard": [0.98, 0.98, FLOOR, FLOOR], "val_accuracy": [0.985] * 4}
    assert find(RunContext(), **columns) == ()


def test_the_pattern_closes_when_validation_follows() -> None:
    (finding,) = find(
        RunContext(),
        jaccard=[0.5] * 7,
        val_jaccard=[0.127, 0.127, FLOOR, 0.4, FLOOR, 0.4, 0.4],
        val_accuracy=[0.08, 0.08, 0.82, 0.9, 0.82, 0.9, 0.9],
    )
    assert (finding.epoch, finding.until_epoch) == (1, 5)
