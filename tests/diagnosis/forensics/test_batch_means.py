"""Whether Jaccard was averaged over batches."""

from __future__ import annotations

from app.diagnosis.forensics.batch_means import state_batches
from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.forensics.reading import Reading
from app.diagnosis.forensics.statement import Statement
from app.diagnosis.history_table import HistoryTable
from tests.diagnosis.validation_sets import ValidationSet, history_of

SIDES = [20, 24, 28, 32, 17, 13, 40, 31]


def state(scene: ValidationSet, facts: TrainingFacts | None = None) -> Statement | None:
    rows = [scene.row(scene.near(seed, wrong=0.05)) for seed in range(6)] + [scene.row(scene.nothing)] * 2
    return state_batches(Reading(history_of(rows), facts or TrainingFacts()))


def test_one_batch_is_proved() -> None:
    statement = state(ValidationSet.with_squares(SIDES))
    assert statement is not None
    assert statement.values["is_mean_over_batches"] is False


def test_of_two_batches_the_foreground_of_each_is_found() -> None:
    scene = ValidationSet.with_squares(SIDES, batch_size=4)
    statement = state(scene)
    assert statement is not None
    assert statement.values["batches_at_most"] == 2
    pixels = [int(scene.masks[:4].sum()), int(scene.masks[4:].sum())]
    assert statement.values["batch_foreground_pixels"] == sorted(pixels, reverse=True)


def test_of_several_batches_the_number_is_bounded() -> None:
    facts = TrainingFacts(validation_items=8, batch_size=2)
    statement = state(ValidationSet.with_squares(SIDES, batch_size=2), facts)
    assert statement is not None
    assert statement.values["is_mean_over_batches"] is True
    # Batches of unequal foreground loosen the bound.
    assert statement.values["batches_at_most"] == 6
    assert "make 4" in statement.arithmetic


def test_fractional_masks_in_one_batch_are_no_batches() -> None:
    assert state(ValidationSet.with_squares(SIDES, edge=0.4)) is None


def test_simple_fractions_give_the_number_of_batches() -> None:
    values = [1 / 3, 0.61234567, 2 / 3, 1 / 3, 5 / 6]
    history = HistoryTable.from_csv_columns({"val_jaccard": values})
    statement = state_batches(Reading(history, TrainingFacts()))
    assert statement is not None
    assert statement.values["batches_multiple_of"] == 6
    assert state_batches(Reading(history.head(2), TrainingFacts())) is None
