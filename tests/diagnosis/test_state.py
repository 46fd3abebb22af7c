"""The state at the last epoch, and every limit of its rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from app.diagnosis.course import Course
from app.diagnosis.diagnose import Diagnosis, diagnose
from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.history_table import HistoryTable
from app.diagnosis.state import HistoryState
from app.domain.findings import FindingCode, Severity
from app.domain.metrics import Baselines

FLOOR = 1.5e-12
GOOD = [0.3, 0.5, 0.7, 0.8, 0.85, 0.88, 0.9, 0.9, 0.9, 0.9]


def state_of(
    validation: Sequence[float | str],
    training: Sequence[float] | None = None,
    *,
    ended: bool = True,
    facts: TrainingFacts | None = None,
    baselines: Baselines | None = None,
    **columns: Sequence[float | str],
) -> Diagnosis:
    training = training or [0.9] * len(validation)
    history = HistoryTable.from_csv_columns({"jaccard": training, "val_jaccard": validation, **columns})
    return diagnose(history, ended=ended, facts=facts or TrainingFacts(), baselines=baselines)


@pytest.mark.parametrize(
    ("validation", "training", "expected"),
    [
        (GOOD, GOOD, HistoryState.HEALTHY),
        # One epoch decides nothing: neither a last one that dips nor one that jumps.
        ([*GOOD, FLOOR], None, HistoryState.HEALTHY),
        ([*GOOD, FLOOR, 0.9], None, HistoryState.HEALTHY),
        ([*GOOD, *[FLOOR] * 5, 0.9], None, HistoryState.COLLAPSED),
        ([*GOOD, FLOOR, FLOOR], None, HistoryState.COLLAPSED),
        ([*GOOD, FLOOR, 0.9, FLOOR], None, HistoryState.COLLAPSED),
        ([*GOOD, FLOOR, FLOOR, 0.9, 0.9], None, HistoryState.RECOVERED),
        ([*GOOD, FLOOR, FLOOR, 0.9, FLOOR, 0.9], None, HistoryState.RECOVERED),
        # The label's limits: 0.2 and 0.8 of the best.
        ([*GOOD, *[0.1799] * 3], None, HistoryState.COLLAPSED),
        ([*GOOD, *[0.1801] * 3], None, HistoryState.DEGRADED),
        ([*GOOD, *[0.7199] * 3], None, HistoryState.DEGRADED),
        ([*GOOD, *[0.7201] * 3], None, HistoryState.HEALTHY),
        # A training that falls with it changes nothing.
        ([*GOOD, *[0.01] * 4], [*GOOD, *[0.01] * 4], HistoryState.COLLAPSED),
        # From a low best, even one that is trivial, and from less than the detector's noise.
        ([0.07] * 8 + [FLOOR] * 4, [0.07] * 12, HistoryState.COLLAPSED),
        ([0.015] * 8 + [FLOOR] * 4, [0.07] * 12, HistoryState.COLLAPSED),
        # A slow start, of 13 epochs even.
        ([FLOOR] * 13 + [0.5, 0.8, 0.92, 0.92], None, HistoryState.RECOVERED),
        ([FLOOR] * 13 + [0.92, 0.92], None, HistoryState.RECOVERED),
        ([FLOOR] * 13 + [0.92, 0.92], [0.01] * 13 + [0.8, 0.9], HistoryState.RECOVERED),
        ([FLOOR] * 13 + [0.92, FLOOR, 0.92], None, HistoryState.RECOVERED),
        # Never anything.
        ([FLOOR] * 20, [0.05] * 20, HistoryState.NEVER_LEARNED),
        ([FLOOR] * 2, [0.05] * 2, HistoryState.NEVER_LEARNED),
        ([5e-4] * 20, [0.6] * 20, HistoryState.COLLAPSED),
        ([0.06, 0.07, 0.065] * 5, [0.07] * 15, HistoryState.NEVER_LEARNED),
        ([0.06, 0.07, 0.065] * 5, [0.6] * 15, HistoryState.NEVER_LEARNED),
        # Too short to tell.
        ([0.05], [0.05], HistoryState.WARMING_UP),
        ([0.4, 0.05], None, HistoryState.WARMING_UP),
        ([0.85, 0.9], None, HistoryState.HEALTHY),
    ],
)
def test_the_rule(validation: list[float], training: list[float] | None, expected: HistoryState) -> None:
    diagnosis = state_of(validation, training)
    assert diagnosis.state is expected
    assert diagnosis.summary.endswith(".")
    # A state and its findings say the same.
    serious = {one.code for one in diagnosis.findings if one.is_open and one.severity is Severity.SERIOUS}
    if expected is HistoryState.COLLAPSED:
        assert FindingCode.COLLAPSE in serious
    if expected in {HistoryState.HEALTHY, HistoryState.RECOVERED}:
        assert not serious


@pytest.mark.parametrize(
    ("validation", "expected"),
    [
        ([0.127] * 15, HistoryState.AT_BASELINE),
        ([0.143, *[0.127] * 14], HistoryState.AT_BASELINE),
        ([0.143, *[0.105] * 14], HistoryState.AT_BASELINE),
        ([0.5, 0.6, *[0.127] * 13], HistoryState.AT_BASELINE),
        ([0.1] * 15, HistoryState.NEVER_LEARNED),
        ([0.2] * 15, HistoryState.NEVER_LEARNED),
        ([0.26] * 15, HistoryState.HEALTHY),
    ],
)
def test_a_known_baseline(validation: list[float], expected: HistoryState) -> None:
    baselines = Baselines(all_foreground=0.127283, empty=0.0)
    assert state_of(validation, [0.3] * 15, baselines=baselines).state is expected


def test_the_painted_share_alone_shows_the_baseline() -> None:
    painted = state_of([0.13] * 6, val_predicted_foreground=[0.999] * 6)
    assert painted.state is HistoryState.AT_BASELINE
    assert painted.baseline_source is None


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"loss": [0.1] * 9 + ["nan"]}, HistoryState.DIVERGED),
        ({"val_loss": [0.1] * 9 + ["inf"]}, HistoryState.DIVERGED),
        # It came back, or was not recorded.
        ({"loss": [0.1] * 8 + ["nan", 0.1]}, HistoryState.RECOVERED),
        ({"loss": [0.1] * 9 + [""]}, HistoryState.HEALTHY),
        ({"loss": [0.5, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.6, 0.7, 0.8]}, HistoryState.DIVERGED),
    ],
)
def test_diverged(columns: dict[str, Any], expected: HistoryState) -> None:
    assert state_of(GOOD, GOOD, **columns).state is expected


def test_numbers_that_broke_and_took_jaccard_to_the_floor_are_a_collapse() -> None:
    loss: list[float | str] = [0.1] * 10 + ["nan"] * 4
    diagnosis = state_of([*GOOD, *[FLOOR] * 4], loss=loss)
    assert diagnosis.state is HistoryState.COLLAPSED
    assert FindingCode.NON_FINITE in {one.code for one in diagnosis.findings}


def test_jaccards_that_are_no_numbers_are_passed_over() -> None:
    assert state_of([*GOOD, "nan", "nan", "nan"]).state is HistoryState.DIVERGED
    assert state_of([*GOOD, "", "", ""]).state is HistoryState.HEALTHY
    assert state_of(["nan"] * 5).state is HistoryState.DIVERGED


def test_overfitting_and_instability() -> None:
    training = [0.5 + 0.01 * epoch for epoch in range(40)]
    decline = [0.5, 0.6, 0.7, 0.8, 0.8, 0.8, 0.8] + [0.8 - 0.01 * epoch for epoch in range(33)]
    assert state_of(decline, training).state is HistoryState.OVERFITTING
    # It lost less than a tenth.
    assert state_of(decline[:14], training[:14]).state is HistoryState.HEALTHY
    jumpy = [0.8, 0.3] * 10 + [0.8, 0.3, 0.8]
    assert state_of(jumpy, [0.9] * len(jumpy)).state is HistoryState.UNSTABLE


def test_a_gap_that_is_open_is_not_healthy() -> None:
    # Validation holds 0.31, training is at 0.99: no gap any more, but not half of it either.
    diagnosis = state_of([0.28, 0.28, 0.31, 0.31], [0.99] * 4)
    assert diagnosis.state is HistoryState.DEGRADED
    assert "something serious" in diagnosis.summary


@pytest.mark.parametrize(
    ("validation", "facts", "expected"),
    [
        ([FLOOR] * 7, TrainingFacts(), HistoryState.WARMING_UP),
        ([FLOOR] * 13, TrainingFacts(), HistoryState.NEVER_LEARNED),
        ([0.07, *[FLOOR] * 6], TrainingFacts(), HistoryState.WARMING_UP),
        ([0.07] * 7, TrainingFacts(), HistoryState.WARMING_UP),
        ([FLOOR] * 20, TrainingFacts(given_steps_per_epoch=5, batchnorm_momentum=0.99), HistoryState.WARMING_UP),
    ],
)
def test_a_run_that_goes_on_may_be_warming_up(
    validation: list[float], facts: TrainingFacts, expected: HistoryState
) -> None:
    training = [0.02] * len(validation)
    assert state_of(validation, training, ended=False, facts=facts).state is expected
    assert state_of(validation, training, facts=facts).state is not HistoryState.WARMING_UP


def test_a_serious_finding_ends_the_warm_up() -> None:
    assert state_of([FLOOR] * 7, [0.6] * 7, ended=False).state is HistoryState.COLLAPSED


def test_without_a_validation_jaccard_nobody_can_tell() -> None:
    history = HistoryTable.from_csv_columns({"loss": [0.5, 0.4], "val_loss": [0.5, 0.4]})
    assert diagnose(history).state is HistoryState.UNDETERMINED
    assert diagnose(history.head(0)).state is HistoryState.UNDETERMINED
    assert diagnose(HistoryTable.from_csv_columns({"loss": [0.5, math.nan]})).state is HistoryState.DIVERGED


def test_the_course() -> None:
    history = HistoryTable.from_csv_columns({"val_jaccard": [0.1, 0.9, math.nan, 0.9, 0.2, 0.4]})
    course = Course.of(history)
    assert course == Course(epochs=5, best=0.9, best_epoch=2, last=0.4, last_epoch=6, end=0.4)
    assert course.is_below(0.5)
    assert not course.is_below(0.4)
    zero = Course.of(HistoryTable.from_csv_columns({"val_jaccard": [0.0, 0.0]}))
    assert zero is not None
    assert zero.kept == 0
    assert Course.of(HistoryTable.from_csv_columns({"val_jaccard": [math.nan]})) is None
