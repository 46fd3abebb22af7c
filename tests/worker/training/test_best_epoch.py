"""The best epoch is the best model, not the best score of a trivial predictor."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from app.domain.metrics import Baselines
from worker.training.best_epoch import BestEpoch

BASELINES = Baselines(all_foreground=0.2, empty=0.0)

Epochs = list[tuple[float, float]]


def best_of(epochs: Epochs, *, warmup_epochs: int = 0, restore_after: int = 0) -> BestEpoch:
    best = BestEpoch(BASELINES, warmup_epochs=warmup_epochs)
    for epoch, (score, predicted) in enumerate(epochs, start=1):
        best.update(epoch, val_jaccard=score, predicted_foreground=predicted)
        if epoch == restore_after:
            state = json.loads(json.dumps(best.state(), allow_nan=False))
            best = BestEpoch(BASELINES, warmup_epochs=warmup_epochs)
            best.restore(state)
    return best


def test_the_report_s_peak_was_painting_everything() -> None:
    # Epochs 1 and 2 paint everything foreground; epoch 4 is the first that has learned.
    best = best_of([(0.2, 1.0), (0.2001, 0.995), (0.0, 0.0), (0.22, 0.4), (0.21, 0.3)])
    assert (best.epoch, best.value, best.beats_baseline) == (4, 0.22, True)


def test_a_lower_score_that_is_a_model_replaces_a_higher_one_that_is_none() -> None:
    # Painting 99.5 % foreground happens to score well on these masks.
    best = best_of([(0.5, 0.995), (0.3, 0.2)])
    assert (best.epoch, best.beats_baseline) == (2, True)


def test_a_trivial_epoch_never_replaces_a_model() -> None:
    best = best_of([(0.3, 0.2), (0.9, 0.999), (0.8, 0.00001), (math.nan, 0.0)])
    assert best.epoch == 1


def test_if_nothing_beats_the_baseline_the_plain_best_is_kept_and_said_so() -> None:
    best = best_of([(0.05, 0.1), (0.2, 1.0), (0.21, 0.5), (0.1, 0.9)])
    assert (best.epoch, best.value, best.beats_baseline) == (3, 0.21, False)


def test_the_warm_up_cannot_be_the_best() -> None:
    epochs = [(0.9, 0.2), (0.4, 0.2), (0.5, 0.2)]
    assert best_of(epochs).epoch == 1
    assert best_of(epochs, warmup_epochs=1).epoch == 3
    assert best_of(epochs[:1], warmup_epochs=1).epoch == 1


def test_a_first_nan_does_not_stay_the_best() -> None:
    assert best_of([(math.nan, 0.0), (0.1, 0.5)]).epoch == 2


scores = st.one_of(st.floats(0, 1), st.just(math.nan))


@given(st.lists(st.tuples(scores, st.floats(0, 1)), min_size=1, max_size=12), st.integers(0, 3), st.integers(1, 12))
def test_a_restored_state_continues_identically(epochs: Epochs, warmup_epochs: int, restore_after: int) -> None:
    straight = best_of(epochs, warmup_epochs=warmup_epochs)
    resumed = best_of(epochs, warmup_epochs=warmup_epochs, restore_after=restore_after)
    assert json.dumps(straight.state()) == json.dumps(resumed.state())
