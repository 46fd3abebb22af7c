"""Whether the moving statistics had updates enough."""

from __future__ import annotations

import pytest

from app.diagnosis.detection import detect
from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.forensics.moving_statistics import state_moving_statistics
from app.diagnosis.forensics.reading import Reading
from app.diagnosis.forensics.statement import Certainty, Statement
from app.diagnosis.history_table import HistoryTable

FLOOR = 1.5e-12
LAGGING = {
    "jaccard": [0.4, 0.45, *[0.5] * 17],
    "val_jaccard": [0.127] * 7 + [FLOOR] * 12,
    "val_accuracy": [0.08] * 7 + [0.82] * 12,
}
HEALTHY = {"jaccard": [0.5, 0.7, 0.8] * 10, "val_jaccard": [0.5, 0.7, 0.8] * 10}


def state(columns: dict[str, list[float]], facts: TrainingFacts) -> Statement | None:
    history = HistoryTable.from_csv_columns(columns)
    return state_moving_statistics(Reading(history, facts), detect(history))


def test_the_pattern_alone_is_a_suspicion() -> None:
    statement = state(LAGGING, TrainingFacts())
    assert statement is not None
    assert statement.certainty is Certainty.POSSIBLE
    assert statement.values == {"suspected": True, "updates": None}
    assert "re-estimated" in " ".join(statement.alternatives)


@pytest.mark.parametrize(
    "facts", [TrainingFacts(given_steps_per_epoch=9), TrainingFacts(training_items=65, batch_size=8)]
)
def test_the_report_had_171_updates(facts: TrainingFacts) -> None:
    statement = state(LAGGING, facts)
    assert statement is not None
    assert statement.certainty is Certainty.LIKELY
    assert (statement.values["updates"], statement.values["steps_per_epoch"]) == (171, 9)
    assert statement.values["initial_share"] == pytest.approx(0.99**171)
    assert statement.values["momentum_assumed"] is True
    assert "assumed" in statement.uncertainty
    assert "still held 18 %" in statement.claim


def test_a_given_momentum_of_less_settles() -> None:
    facts = TrainingFacts(given_steps_per_epoch=9, batchnorm_momentum=0.5)
    statement = state(LAGGING, facts)
    assert statement is not None
    assert statement.values["suspected"] is False
    assert statement.values["momentum_assumed"] is False


def test_young_statistics_without_harm_are_no_suspicion() -> None:
    statement = state(HEALTHY, TrainingFacts(given_steps_per_epoch=2))
    assert statement is not None
    assert statement.values["suspected"] is False
    assert "nothing in this history shows harm" in statement.claim


def test_enough_updates_exonerate() -> None:
    statement = state(HEALTHY, TrainingFacts(given_steps_per_epoch=100))
    assert statement is not None
    assert "no cause of a failure" in statement.claim
    assert statement.values["epochs_to_settle"] == 5


def test_nothing_known_and_no_sign_is_no_statement() -> None:
    assert state(HEALTHY, TrainingFacts()) is None
