"""How many images of which size the numbers fit."""

from __future__ import annotations

from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.forensics.reading import Reading
from app.diagnosis.forensics.statement import Certainty, Statement
from app.diagnosis.forensics.validation_size import state_size
from app.diagnosis.history_table import HistoryTable
from tests.diagnosis.validation_sets import ValidationSet, history_of

SIDES = [20, 24, 28, 32, 17, 13, 41]
SCENE = ValidationSet.with_squares(SIDES)
ROWS = [SCENE.row(SCENE.near(seed, wrong=0.05)) for seed in range(8)]
FLOOR = 1.4985216843441118e-12


def state(facts: TrainingFacts, history: HistoryTable | None = None) -> Statement | None:
    return state_size(Reading(history_of(ROWS) if history is None else history, facts))


def test_the_images_of_a_given_size_are_counted() -> None:
    statement = state(TrainingFacts(image_height=64, image_width=64))
    assert statement is not None
    assert statement.certainty is Certainty.PROVED
    assert (statement.values["images"], statement.values["pixels"]) == (7, 7 * 64 * 64)
    assert statement.claim.startswith("The validation set is 7 images of 64×64.")
    assert "So few" in statement.claim


def test_without_a_size_those_that_fit_are_listed() -> None:
    statement = state(TrainingFacts())
    assert statement is not None
    assert statement.values["fits"] == [{"image_size": 64, "images": 7}]


def test_a_wrong_size_is_told() -> None:
    statement = state(TrainingFacts(image_height=128, image_width=128))
    assert statement is not None
    assert statement.values["images"] is None
    assert "had another size" in statement.claim


def test_a_given_number_that_contradicts_is_told() -> None:
    statement = state(TrainingFacts(image_height=64, image_width=64, validation_items=9))
    assert statement is not None
    assert "contradicts the 9 items given" in statement.claim


def test_images_need_not_be_square() -> None:
    statement = state(TrainingFacts(image_height=32, image_width=128))
    assert statement is not None
    assert statement.values["images"] == 7
    assert "image_size" not in statement.values


def test_floor_and_plateau_do_without_the_grid() -> None:
    columns = {
        "val_jaccard": [0.127283, 0.127284, FLOOR, FLOOR],
        "val_accuracy": [0.0814, 0.0814, 0.8187, 0.8187],
    }
    history = HistoryTable.from_csv_columns(columns)
    statement = state(TrainingFacts(image_height=256, image_width=256), history)
    assert statement is not None
    assert statement.certainty is Certainty.LIKELY
    assert statement.values["images"] == 8
    unknown = state(TrainingFacts(), history)
    assert unknown is not None
    assert {"image_size": 256, "images": 8} in unknown.values["fits"]  # type: ignore[operator]


def test_the_floor_alone_is_only_possible_and_admits_batches() -> None:
    columns = {"val_jaccard": [0.9, FLOOR, FLOOR], "val_accuracy": [0.99, 0.87, 0.87]}
    history = HistoryTable.from_csv_columns(columns)
    statement = state(TrainingFacts(image_height=256, image_width=256), history)
    assert statement is not None
    assert statement.certainty is Certainty.POSSIBLE
    assert "mean over batches" in statement.claim


def test_without_floor_and_grid_nothing_is_claimed() -> None:
    history = HistoryTable.from_csv_columns({"val_jaccard": [0.5, 0.6], "val_accuracy": [0.9, 0.91]})
    assert state(TrainingFacts(image_height=256, image_width=256), history) is None
