"""The share of foreground: from the plateau, from counts, and between bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.diagnosis.forensics.baseline import BaselineSource, infer_baseline
from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.forensics.foreground_plateau import state_plateau
from app.diagnosis.forensics.foreground_share import state_share
from app.diagnosis.forensics.reading import Reading
from app.diagnosis.forensics.statement import Certainty, Statement
from app.diagnosis.forensics.trivial_epochs import TrivialEpoch, true_negative_share
from tests.diagnosis.validation_sets import ValidationSet, history_of

SIDES = [20, 24, 28, 32, 17, 13, 40, 31]
SCENE = ValidationSet.with_squares(SIDES)
SHARE = float(SCENE.masks.mean())
LEARNING = [SCENE.row(SCENE.near(seed, wrong=0.05)) for seed in range(4)]


def reading(rows: list[dict[str, float]]) -> Reading:
    return Reading(history_of(rows), TrainingFacts())


def plateau(rows: list[dict[str, float]]) -> Statement | None:
    read = reading(rows)
    return state_plateau(read, infer_baseline(read))


@given(hits=st.integers(0, 500), false=st.integers(0, 500), missed=st.integers(0, 500), right=st.integers(1, 500))
def test_true_negatives_follow_from_jaccard_and_accuracy(hits: int, false: int, missed: int, right: int) -> None:
    union, total = hits + false + missed, hits + false + missed + right
    if hits == union:
        return
    one = TrivialEpoch(1, hits / union, (hits + right) / total)
    assert true_negative_share(one) == pytest.approx(right / total, abs=1e-9)


def test_a_plateau_is_the_share_of_foreground() -> None:
    rows = [SCENE.row(SCENE.everything)] * 3 + [SCENE.row(SCENE.nothing)] * 2
    statement = plateau(rows)
    assert statement is not None
    assert statement.certainty is Certainty.PROVED
    assert statement.values["value"] == pytest.approx(SHARE)
    assert (statement.values["first_epoch"], statement.values["last_epoch"]) == (1, 3)
    assert statement.values["best_epoch_is_meaningless"] is True
    assert "choosing a checkpoint by the best epoch is meaningless" in statement.claim


def test_a_best_far_above_the_plateau_means_something() -> None:
    statement = plateau([SCENE.row(SCENE.everything)] * 3 + LEARNING)
    assert statement is not None
    assert statement.values["best_epoch_is_meaningless"] is False
    assert "meaningless" not in statement.claim


def test_without_a_plateau_the_empty_prediction_tells_the_score() -> None:
    statement = plateau([*LEARNING, *[SCENE.row(SCENE.nothing)] * 2])
    assert statement is not None
    assert statement.values["value"] == pytest.approx(SHARE)
    assert "would score" in statement.claim


def test_a_good_history_has_none() -> None:
    assert plateau(LEARNING) is None


@pytest.mark.parametrize(
    ("rows", "source"),
    [
        ([SCENE.row(SCENE.nothing)] * 3 + LEARNING, BaselineSource.FLOOR_CONFIRMED),
        ([SCENE.row(SCENE.everything)] * 3 + LEARNING, BaselineSource.PLATEAU),
        ([SCENE.row(SCENE.everything), *LEARNING], BaselineSource.SINGLE_EPOCH),
        ([SCENE.row(SCENE.near(9, wrong=0.004)), *LEARNING], BaselineSource.BOUNDS),
    ],
    ids=["floor", "plateau", "single", "bounds"],
)
def test_the_baseline_is_inferred_from_the_surest_source(rows: list[dict[str, float]], source: BaselineSource) -> None:
    inferred = infer_baseline(reading(rows))
    assert inferred is not None
    assert inferred.source is source
    assert inferred.all_foreground == pytest.approx(SHARE, rel=0.05)


def test_no_baseline_is_invented() -> None:
    assert infer_baseline(reading(LEARNING[:1])) is None
    without_accuracy = [{"val_jacard_coef": row["val_jacard_coef"]} for row in LEARNING]
    assert infer_baseline(reading(without_accuracy)) is None


def test_fractional_masks_count_by_their_sum() -> None:
    scene = ValidationSet.with_squares(SIDES, edge=0.4)
    learning = [scene.row(scene.near(seed, wrong=0.05)) for seed in range(4)]
    inferred = infer_baseline(reading([*learning, *[scene.row(scene.nothing)] * 3]))
    assert inferred is not None
    assert inferred.source is BaselineSource.FLOOR
    assert inferred.all_foreground == pytest.approx(float(scene.masks.mean()), rel=1e-5)


@given(st.lists(st.floats(0.001, 0.4), min_size=1, max_size=6), st.integers(0, 100))
def test_the_bounds_hold_the_share(wrong: list[float], seed: int) -> None:
    rows = [SCENE.row(SCENE.near(seed + index, wrong=share)) for index, share in enumerate(wrong)]
    statement = state_share(reading(rows))
    assert statement is not None
    lower, upper = statement.values["lower"], statement.values["upper"]
    assert isinstance(lower, float)
    assert isinstance(upper, float)
    assert lower <= SHARE * (1 + 1e-5)
    assert SHARE <= upper * (1 + 1e-5)


def test_fractional_masks_make_the_bounds_meaningless() -> None:
    scene = ValidationSet.with_squares(SIDES, edge=0.5)
    rows = [scene.row(scene.everything)] * 2 + [scene.row(scene.nothing)] * 2
    assert state_share(reading(rows)) is None
    assert np.unique(scene.masks).tolist() == [0.0, 0.5, 1.0]
