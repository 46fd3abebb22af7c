"""When validation collapses, when it only seems to, and when it comes back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from app.diagnosis.collapse import QUIET_EPOCHS, detect_collapse
from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import SLOW_START_EPOCHS, WARM_UP_PATIENCE_EPOCHS, RunContext
from app.domain.findings import Finding, FindingCode, Severity
from app.domain.metrics import Baselines

FLOOR = 1.5e-12
YOUNG = RunContext(batchnorm_momentum=0.99, steps_per_epoch=5)
SETTLED = RunContext(batchnorm_momentum=0.9, steps_per_epoch=100)


def find(
    training: Sequence[float | str], validation: Sequence[float | str], context: RunContext = SETTLED
) -> tuple[Finding, ...]:
    return detect_collapse(HistoryTable.from_csv_columns({"jaccard": training, "val_jaccard": validation}), context)


def test_a_fall_is_serious_in_its_second_epoch() -> None:
    training, validation = [0.5, 0.6, 0.7, 0.7, 0.7], [0.4, 0.5, 0.6, 0.02, 0.01]
    assert find(training[:4], validation[:4]) == ()
    (finding,) = find(training, validation)
    assert finding.code is FindingCode.COLLAPSE
    assert (finding.severity, finding.epoch, finding.until_epoch) == (Severity.SERIOUS, 4, None)
    assert finding.title == "Validation Jaccard collapsed"
    assert "from 0.600 (epoch 3) to 0.020 and 0.010" in finding.message
    assert finding.evidence["kind"] == "fall"
    assert finding.evidence["best_val_jaccard"] == 0.6
    assert finding.evidence["raised_epoch"] == 5


def test_a_single_bad_epoch_is_a_dip() -> None:
    assert find([0.8] * 6, [0.7, 0.7, 0.01, 0.7, 0.01, 0.7]) == ()


def test_a_gap_needs_no_earlier_best() -> None:
    (finding,) = find([0.4, 0.5, 0.5], [0.127, 0.127, 0.127])
    assert (finding.epoch, finding.severity, finding.title) == (2, Severity.SERIOUS, "Validation far below training")
    assert finding.evidence["kind"] == "gap"


def test_a_gap_needs_a_training_that_learned() -> None:
    assert find([0.29] * 10, [FLOOR] * 10) == ()


@pytest.mark.parametrize("floor_epochs", [7, SLOW_START_EPOCHS, 25])
def test_a_slow_start_is_no_collapse(floor_epochs: int) -> None:
    training = [0.01] * floor_epochs + [0.4, 0.6, 0.7]
    validation = [FLOOR] * floor_epochs + [0.3, 0.5, 0.6]
    for epochs in range(len(training)):
        assert find(training[:epochs], validation[:epochs]) == ()


def test_nothing_falls_from_a_trivial_best() -> None:
    training, validation = [0.1] * 6, [0.1273, 0.1275, 0.127, FLOOR, FLOOR, FLOOR]
    known = RunContext(baselines=Baselines(all_foreground=0.127283, empty=0))
    assert find(training, validation, known) == ()
    (finding,) = find(training, validation, RunContext())
    assert finding.severity is Severity.WARNING
    # A best that is really better than the baseline can be lost.
    assert find(training, [0.2, *validation[1:]], known)[0].epoch == 4


def test_nothing_falls_from_noise() -> None:
    assert find([0.1] * 5, [0.019, FLOOR, FLOOR, FLOOR, FLOOR], RunContext()) == ()


def test_a_fall_with_training_is_a_warning_that_becomes_serious() -> None:
    training = [0.1] * 4 + [0.01] * 12
    validation = [0.08] * 4 + [FLOOR] * 12
    early = find(training[: SLOW_START_EPOCHS - 1], validation[: SLOW_START_EPOCHS - 1])
    assert [finding.severity for finding in early] == [Severity.WARNING]
    assert "Training is low as well" in early[0].message
    late = find(training[:SLOW_START_EPOCHS], validation[:SLOW_START_EPOCHS])
    assert [finding.severity for finding in late] == [Severity.SERIOUS]
    assert f"By epoch {SLOW_START_EPOCHS}" in late[0].message


def test_young_statistics_may_heal_until_it_lasts() -> None:
    training, validation = [0.5] * 20, [0.01] * 20
    (finding,) = find(training[: WARM_UP_PATIENCE_EPOCHS - 1], validation[: WARM_UP_PATIENCE_EPOCHS - 1], YOUNG)
    assert finding.severity is Severity.WARNING
    assert "may heal by itself" in finding.message
    assert "10 updates" in finding.message
    assert "after about 500 updates (epoch 100)" in finding.message
    (finding,) = find(training[:WARM_UP_PATIENCE_EPOCHS], validation[:WARM_UP_PATIENCE_EPOCHS], YOUNG)
    assert finding.severity is Severity.SERIOUS
    assert f"lasted {WARM_UP_PATIENCE_EPOCHS} epochs (since epoch 1)" in finding.message


def test_it_becomes_serious_when_the_statistics_have_settled() -> None:
    context = RunContext(batchnorm_momentum=0.99, steps_per_epoch=100)
    severities = [find([0.5] * n, [0.01] * n, context)[0].severity for n in range(2, 7)]
    assert severities == [Severity.WARNING] * 3 + [Severity.SERIOUS] * 2


def test_it_becomes_serious_when_the_run_has_ended() -> None:
    ended = RunContext(batchnorm_momentum=0.99, steps_per_epoch=5, ended=True)
    (finding,) = find([0.5] * 3, [0.01] * 3, ended)
    assert finding.severity is Severity.SERIOUS
    assert "ended without a recovery" in finding.message


def test_a_plan_too_short_for_the_statistics_is_told() -> None:
    context = RunContext(batchnorm_momentum=0.99, steps_per_epoch=5, planned_updates=80)
    assert "the plan ends after 80 updates" in find([0.5] * 3, [0.01] * 3, context)[0].message


def test_a_recovery_closes_after_two_epochs() -> None:
    training, validation = [0.8] * 7, [0.6, 0.7, 0.01, 0.01, 0.6, 0.7, 0.7]
    assert find(training[:5], validation[:5])[0].is_open
    (finding,) = find(training, validation)
    assert (finding.epoch, finding.until_epoch, finding.severity) == (3, 4, Severity.SERIOUS)
    assert "It ended after epoch 4" in finding.message


def test_between_bad_and_recovered_it_stays_open() -> None:
    bad, between = [0.01] * 2, [0.35 * 0.8] * (QUIET_EPOCHS - 1)
    (finding,) = find([0.8] * 20, (bad + between) * 3 + [0.01] * 2)
    assert finding.is_open


def test_it_closes_when_nothing_bad_happens_for_long() -> None:
    (finding,) = find([0.8] * (2 + QUIET_EPOCHS), [0.01] * 2 + [0.35 * 0.8] * QUIET_EPOCHS)
    assert finding.until_epoch == 2


def test_a_flickering_last_epoch_does_not_close() -> None:
    (finding,) = find([0.1] * 8, [0.08, 0.08, FLOOR, FLOOR, FLOOR, FLOOR, FLOOR, 0.05], RunContext())
    assert finding.is_open


def test_a_second_collapse_is_a_second_finding() -> None:
    first, second = find([0.8] * 8, [0.7, 0.01, 0.01, 0.7, 0.7, 0.01, 0.01, 0.01])
    assert (first.epoch, first.until_epoch, second.epoch, second.until_epoch) == (2, 3, 6, None)


def test_epochs_without_both_numbers_are_passed_over() -> None:
    (finding,) = find([0.8] * 5, ["0.7", "0.01", "", "nan", "0.01"])
    assert finding.epoch == 2
    assert finding.evidence["raised_epoch"] == 5
    assert find([math.nan] * 5, [0.7, 0.01, 0.01, 0.01, 0.01]) == ()
    assert find([], []) == ()
