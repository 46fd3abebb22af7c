"""Runs that never were better than painting everything foreground."""

from __future__ import annotations

from collections.abc import Sequence

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.never_beat_baseline import LEARNED_EPOCHS, detect_never_beat_baseline
from app.diagnosis.run_context import SLOW_START_EPOCHS, WARM_UP_PATIENCE_EPOCHS, RunContext
from app.domain.findings import Finding, Severity
from app.domain.metrics import Baselines

KNOWN = RunContext(baselines=Baselines(all_foreground=0.1273, empty=0.0))


def find(
    validation: Sequence[float], training: Sequence[float] | None = None, context: RunContext = KNOWN
) -> tuple[Finding, ...]:
    training = training or [0.1] * len(validation)
    history = HistoryTable.from_csv_columns({"jaccard": training, "val_jaccard": validation})
    return detect_never_beat_baseline(history, context)


def test_a_slow_start_is_given_thirteen_epochs() -> None:
    assert find([0.12] * (SLOW_START_EPOCHS - 1)) == ()
    (finding,) = find([0.12] * SLOW_START_EPOCHS)
    assert (finding.epoch, finding.until_epoch, finding.severity) == (1, None, Severity.WARNING)
    assert finding.evidence["raised_epoch"] == SLOW_START_EPOCHS


def test_a_training_that_learns_is_given_less_time_and_becomes_serious() -> None:
    validation, training = [0.127] * 20, [0.5] * 20
    assert find(validation[: LEARNED_EPOCHS - 1], training[: LEARNED_EPOCHS - 1]) == ()
    (early,) = find(validation[:LEARNED_EPOCHS], training[:LEARNED_EPOCHS])
    assert early.severity is Severity.WARNING
    (late,) = find(validation[:WARM_UP_PATIENCE_EPOCHS], training[:WARM_UP_PATIENCE_EPOCHS])
    assert late.severity is Severity.SERIOUS


def test_young_statistics_do_not_count() -> None:
    young = RunContext(baselines=KNOWN.baselines, batchnorm_momentum=0.99, steps_per_epoch=5)
    assert find([0.127] * (SLOW_START_EPOCHS - 1), [0.5] * (SLOW_START_EPOCHS - 1), young) == ()


def test_the_best_epoch_is_called_meaningless() -> None:
    (finding,) = find([0.127, 0.127, 0.127, 0.1275, *[0.0] * 12])
    assert "(4, 0.128)" in finding.message
    assert "no achievement" in finding.message
    assert finding.evidence["best_val_jaccard_epoch"] == 4


def test_one_epoch_above_is_no_proof_two_are() -> None:
    assert len(find([0.1427] + [0.127] * 12)) == 1
    assert find([0.1427, 0.15] + [0.127] * 12) == ()


def test_it_closes_for_good_when_the_baseline_is_beaten() -> None:
    (finding,) = find([0.12] * 15 + [0.3, 0.4, 0.5] + [0.0] * 20)
    assert (finding.epoch, finding.until_epoch) == (1, 15)
    assert "beaten after epoch 15" in finding.message


def test_nothing_is_said_without_a_baseline_to_beat() -> None:
    for baselines in (None, Baselines(0.0, 1.0), Baselines(1.0, 0.0)):
        assert find([0.1] * 20, context=RunContext(baselines=baselines)) == ()


def test_nearly_full_masks_leave_room_above_the_baseline() -> None:
    nearly_full = RunContext(baselines=Baselines(0.97, 0.0))
    assert find([0.99] * 20, context=nearly_full) == ()
    assert len(find([0.975] * 20, context=nearly_full)) == 1
