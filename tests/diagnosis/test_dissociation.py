"""Loss that improves while Jaccard falls."""

from __future__ import annotations

from collections.abc import Sequence

from app.diagnosis.dissociation import detect_dissociation
from app.diagnosis.history_table import HistoryTable
from app.diagnosis.run_context import RunContext
from app.domain.findings import Finding, Severity
from app.domain.metrics import Baselines


def find(jaccard: Sequence[float], loss: Sequence[float], context: RunContext | None = None) -> tuple[Finding, ...]:
    table = HistoryTable.from_csv_columns({"val_jaccard": jaccard, "val_loss": loss})
    return detect_dissociation(table, context or RunContext())


FALLING_LOSS = [1 / (1 + epoch) for epoch in range(20)]


def test_loss_falls_and_jaccard_falls() -> None:
    (finding,) = find([0.5] * 6 + [0.1] * 6, FALLING_LOSS[:12])
    assert (finding.severity, finding.epoch, finding.until_epoch) == (Severity.WARNING, 7, None)
    assert "from 0.500 to 0.100" in finding.message
    assert finding.evidence["val_jaccard_before"] == 0.5


def test_both_improve_or_both_get_worse() -> None:
    assert find([0.1 + 0.04 * epoch for epoch in range(20)], FALLING_LOSS) == ()
    assert find([0.5] * 6 + [0.1] * 14, [0.1] * 6 + [1.0] * 14) == ()


def test_a_dip_of_one_epoch_does_not_count() -> None:
    assert find([0.5] * 8 + [0.01] + [0.5] * 6, FALLING_LOSS[:15]) == ()


def test_a_slow_start_at_the_floor_does_not_count() -> None:
    assert find([0.01] * 3 + [1e-12] * 12, FALLING_LOSS[:15]) == ()


def test_it_closes_when_jaccard_is_back_and_may_come_again() -> None:
    jaccard = [0.5] * 6 + [0.1] * 6 + [0.5] * 8 + [0.1] * 6
    first, second = find(jaccard, [1 / (1 + epoch) for epoch in range(len(jaccard))])
    assert (first.epoch, first.until_epoch) == (7, 13)
    assert (second.epoch, second.until_epoch) == (21, None)


def test_a_loss_below_zero_can_fall_too() -> None:
    assert len(find([0.5] * 6 + [0.1] * 6, [-0.1 * epoch for epoch in range(12)])) == 1


def test_a_trivial_level_is_called_by_its_name() -> None:
    context = RunContext(baselines=Baselines(all_foreground=0.127, empty=0))
    (finding,) = find([0.127] * 6 + [1e-12] * 6, FALLING_LOSS[:12], context)
    assert "no achievement" in finding.message
