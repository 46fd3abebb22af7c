"""The range test finds rates that train, and leaves nothing behind."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.worker.training.tiny_training import ListRecorder, make_config, make_data, run_training
from worker.training.errors import TrainingError
from worker.training.lr_range_test import lr_range_test, suggest_rate


def test_the_suggestion_is_where_the_loss_falls_fastest() -> None:
    rates = np.logspace(-5, 0, 51)
    exponents = np.log10(rates)
    # Falls around 1e-3, is lowest at 1e-2, then explodes.
    losses = 1 / (1 + np.exp(5 * (exponents + 3))) + 10 ** (2 * exponents)
    suggestion = suggest_rate(rates, losses)
    assert suggestion == pytest.approx(1e-3, rel=0.3)


@pytest.mark.parametrize(
    "losses", [np.full(20, 0.5), np.linspace(0.5, 0.9, 20), np.linspace(0.5, 0.49, 20), np.array([0.5, 0.1])]
)
def test_a_loss_that_does_not_fall_gives_no_suggestion(losses: np.ndarray) -> None:
    assert suggest_rate(np.logspace(-5, 0, len(losses)), losses) is None


def test_the_suggested_rate_trains_better_than_the_ends(tmp_path_factory: pytest.TempPathFactory) -> None:
    config = make_config(epochs=4, base_filters=4, reduce_lr_patience=0)
    found = lr_range_test(config, make_data(), lowest=1e-6, highest=10, steps=60)
    assert found is not None
    assert found.suggestion is not None
    assert found.rates[0] == pytest.approx(1e-6)
    assert np.all(np.diff(found.rates) > 0)
    assert len(found.rates) == len(found.losses) <= 60
    losses = {}
    for rate in (1e-6, found.suggestion):
        recorder = ListRecorder()
        rated = config.model_copy(update={"model": config.model.model_copy(update={"learning_rate": rate})})
        run_training(rated, tmp_path_factory.mktemp("run"), recorder=recorder)
        losses[rate] = recorder.history[-1]["loss"]
    assert losses[found.suggestion] < 0.8 * losses[1e-6]
    assert not any(thread.name.startswith("gather") for thread in threading.enumerate())


def test_a_stop_ends_it_and_senseless_bounds_are_refused() -> None:
    assert lr_range_test(make_config(), make_data(), should_stop=lambda: True) is None
    with pytest.raises(TrainingError, match=r"0\.1 to 0\.01 in 100 steps"):
        lr_range_test(make_config(), make_data(), lowest=0.1, highest=0.01)
