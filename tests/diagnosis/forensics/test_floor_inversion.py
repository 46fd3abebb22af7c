"""From the floor of the metric to its ε and the foreground."""

from __future__ import annotations

import pytest

from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.forensics.floor_inversion import state_floor
from app.diagnosis.forensics.reading import EPSILONS, Reading
from app.diagnosis.forensics.statement import Certainty, Statement
from app.diagnosis.history_table import HistoryTable
from tests.diagnosis.validation_sets import ValidationSet, history_of

SIDES = [20, 24, 28, 32, 17, 13, 40, 31]


def state(rows: list[dict[str, float]], facts: TrainingFacts | None = None) -> Statement | None:
    return state_floor(Reading(history_of(rows), facts or TrainingFacts()))


def rows_of(scene: ValidationSet, *, empty: int = 3) -> list[dict[str, float]]:
    learning = [scene.row(scene.near(seed, wrong=0.02 * (seed + 1))) for seed in range(6)]
    return [*learning, *[scene.row(scene.nothing)] * empty]


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_epsilon_and_foreground_are_found_again(epsilon: float) -> None:
    scene = ValidationSet.with_squares(SIDES, epsilon=epsilon)
    statement = state(rows_of(scene))
    assert statement is not None
    assert statement.values["epsilon"] == epsilon
    assert statement.values["foreground_pixels"] == scene.masks.sum()
    assert statement.values["first_epoch"] == 7
    assert statement.certainty is Certainty.PROVED


def test_the_arithmetic_is_written_out() -> None:
    scene = ValidationSet.with_squares(SIDES)
    statement = state(rows_of(scene))
    assert statement is not None
    assert statement.certainty is Certainty.PROVED
    assert "U = ε (1/v − 1) = 1e-07 ×" in statement.arithmetic
    assert f"{int(scene.masks.sum()):,}" in statement.claim
    assert "Excluded: ε = 1e-06" in statement.arithmetic


def test_without_pixels_the_choice_of_epsilon_rests_on_custom() -> None:
    history = HistoryTable.from_csv_columns({"val_jaccard": [0.3, 1.4985216843441118e-12, 1.4985216843441118e-12]})
    statement = state_floor(Reading(history, TrainingFacts()))
    assert statement is not None
    assert statement.certainty is Certainty.LIKELY
    assert (statement.values["epsilon"], statement.values["foreground_pixels"]) == (1e-7, 66732)
    assert any("667,324 foreground pixels" in one for one in statement.alternatives)
    known = Reading(history, TrainingFacts(image_height=256, image_width=256, validation_items=8))
    sharper = state_floor(known)
    assert sharper is not None
    assert sharper.certainty is Certainty.PROVED


def test_false_positives_lower_the_floor_and_are_not_counted() -> None:
    scene = ValidationSet.with_squares(SIDES)
    stray = scene.nothing
    stray[0, 60:, 60:] = 1
    rows = [*rows_of(scene, empty=2), scene.row(stray)]
    statement = state(rows)
    assert statement is not None
    assert statement.values["foreground_pixels"] == scene.masks.sum()


def test_a_floor_that_came_once_bounds_the_foreground() -> None:
    statement = state(rows_of(ValidationSet.with_squares(SIDES), empty=1))
    assert statement is not None
    assert "at most" in statement.claim


@pytest.mark.parametrize("validation", [[0.3, 0.4, 0.5], [0.0, 0.0, 0.0], [1.65e-5, 1.65e-5, 0.3], []])
def test_without_a_floor_nothing_is_claimed(validation: list[float]) -> None:
    history = HistoryTable.from_csv_columns({"val_jaccard": validation})
    assert state_floor(Reading(history, TrainingFacts())) is None


def test_a_floor_that_no_usual_epsilon_explains_is_told_as_such() -> None:
    history = HistoryTable.from_csv_columns({"val_jaccard": [0.3, 3e-18, 3e-18]})
    statement = state_floor(Reading(history, TrainingFacts()))
    assert statement is not None
    assert statement.certainty is Certainty.POSSIBLE
    assert "epsilon" not in statement.values
