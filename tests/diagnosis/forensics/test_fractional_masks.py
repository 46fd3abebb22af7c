"""Mask pixels that are neither 0 nor 1."""

from __future__ import annotations

import pytest

from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.forensics.fractional_masks import state_fractional
from app.diagnosis.forensics.reading import Reading
from app.diagnosis.forensics.statement import Certainty, Statement
from tests.diagnosis.validation_sets import ValidationSet, history_of

SIDES = [20, 24, 28, 32, 17, 13, 40, 31]
BINARY = ValidationSet.with_squares(SIDES)
FRACTIONAL = ValidationSet.with_squares(SIDES, edge=0.45)
SHARE = float(((FRACTIONAL.masks > 0) & (FRACTIONAL.masks < 1)).mean())


def state(rows: list[dict[str, float]]) -> Statement | None:
    return state_fractional(Reading(history_of(rows), TrainingFacts()))


def learning(scene: ValidationSet) -> list[dict[str, float]]:
    return [scene.row(scene.near(seed, wrong=0.05)) for seed in range(4)]


def test_the_accuracies_of_both_trivial_predictions_tell_the_share() -> None:
    scene = FRACTIONAL
    statement = state([scene.row(scene.everything)] * 2 + learning(scene) + [scene.row(scene.nothing)] * 2)
    assert statement is not None
    assert statement.certainty is Certainty.PROVED
    assert statement.values["share"] == pytest.approx(SHARE, abs=1e-6)
    assert "instead of 1" in statement.arithmetic
    assert "nearest neighbour" in statement.claim


def test_of_binary_masks_they_sum_to_one() -> None:
    scene = BINARY
    statement = state([scene.row(scene.everything)] * 2 + learning(scene) + [scene.row(scene.nothing)] * 2)
    assert statement is not None
    assert statement.values["share"] == 0
    assert "are binary" in statement.claim
    assert "a whole number" in statement.arithmetic


def test_the_floor_alone_gives_a_lower_bound() -> None:
    scene = FRACTIONAL
    statement = state([*learning(scene), *[scene.row(scene.nothing)] * 2])
    assert statement is not None
    share = statement.values["share"]
    assert isinstance(share, float)
    assert 0.3 * SHARE <= share <= SHARE
    assert statement.values["is_lower_bound"] is True


def test_the_plateau_alone_gives_a_lower_bound() -> None:
    scene = FRACTIONAL
    statement = state([scene.row(scene.everything)] * 2 + learning(scene))
    assert statement is not None
    share = statement.values["share"]
    assert isinstance(share, float)
    assert 0.3 * SHARE <= share <= SHARE


def test_binary_masks_give_no_lower_bound() -> None:
    assert state([*learning(BINARY), *[BINARY.row(BINARY.nothing)] * 2]) is None
    assert state([BINARY.row(BINARY.everything)] * 2 + learning(BINARY)) is None


def test_batches_are_not_taken_for_fractional_pixels() -> None:
    scene = ValidationSet.with_squares(SIDES, batch_size=2)
    assert state([*learning(scene), *[scene.row(scene.nothing)] * 2]) is None


def test_a_good_history_tells_nothing() -> None:
    assert state(learning(FRACTIONAL)) is None
