"""When the learning rate changes, and when it runs out."""

from __future__ import annotations

from collections.abc import Sequence

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.learning_rate import detect_learning_rate_changes
from app.diagnosis.run_context import RunContext
from app.domain.findings import Finding, Severity


def find(rates: Sequence[float], training: float = 0.9) -> tuple[Finding, ...]:
    columns = {"learning_rate": rates, "jaccard": [training] * len(rates), "val_jaccard": [training] * len(rates)}
    return detect_learning_rate_changes(HistoryTable.from_csv_columns(columns), RunContext())


def test_a_constant_rate_is_no_event() -> None:
    assert find([1e-3] * 10) == ()
    assert find([]) == ()


def test_a_reduction_is_an_event_of_one_epoch() -> None:
    rates = [1e-3] * 5 + [5e-4] * 5
    (live,) = find(rates[:6])
    assert (live.epoch, live.until_epoch) == (6, None)
    (finding,) = find(rates)
    assert (finding.epoch, finding.until_epoch, finding.severity) == (6, 6, Severity.INFO)
    assert finding.title == "Learning rate lowered"
    assert "from 0.001 to 0.0005" in finding.message
    assert "best validation Jaccard was 0.900" in finding.message


def test_a_schedule_is_one_event() -> None:
    (finding,) = find([1e-3] * 3 + [1e-3 * 0.9**epoch for epoch in range(1, 20)])
    assert (finding.epoch, finding.until_epoch) == (4, None)
    assert "19 epochs in a row" in finding.message


def test_a_warm_up_raises_it() -> None:
    assert [one.title for one in find([1e-5, 1e-4, 1e-3, 1e-3])] == ["Learning rate raised"]


def test_rounding_is_no_event() -> None:
    assert find([1e-3, 1.000001e-3, 1e-3]) == ()


def test_a_rate_that_runs_out_before_anything_was_learned() -> None:
    halvings = [1e-3 / 2**step for step in range(8) for _ in range(3)]
    events = find(halvings, training=0.1)
    assert [one.severity for one in events] == [Severity.INFO] * 6 + [Severity.WARNING]
    assert "waiting will not help" in events[-1].message
    assert {one.severity for one in find(halvings, training=0.9)} == {Severity.INFO}


def test_without_any_jaccard_nobody_knows_what_was_learned() -> None:
    history = HistoryTable.from_csv_columns({"learning_rate": [1e-3, 1e-3, 1e-9]})
    assert [one.severity for one in detect_learning_rate_changes(history, RunContext())] == [Severity.INFO]
