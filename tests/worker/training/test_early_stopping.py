"""Early stopping behaves as Keras' callback, whose semantics people know."""

from __future__ import annotations

import json
import math

import keras
from hypothesis import given
from hypothesis import strategies as st

from worker.training.early_stopping import EarlyStopping

# A coarse grid has many ties, and Keras' comparison in float32 cannot blur it.
jaccards = st.lists(st.integers(0, 16).map(lambda value: value / 16), min_size=1, max_size=40)


class DummyModel:
    stop_training = False


def keras_run(values: list[float], patience: int) -> tuple[int, int, float]:
    model = DummyModel()
    callback = keras.callbacks.EarlyStopping(monitor="val_jaccard", mode="max", patience=patience)
    callback.set_model(model)
    callback.on_train_begin()
    epoch = 0
    for epoch, value in enumerate(values, start=1):
        callback.on_epoch_end(epoch - 1, {"val_jaccard": value})
        if model.stop_training:
            break
    return epoch, callback.best_epoch + 1, float(callback.best)


def own_run(values: list[float], patience: int, *, restart_after: int = 0) -> tuple[int, int, float | None]:
    stopping = EarlyStopping(patience)
    epoch = 0
    for epoch, value in enumerate(values, start=1):
        stopping.update(epoch, value)
        if epoch == restart_after:
            state = json.loads(json.dumps(stopping.state(), allow_nan=False))
            stopping = EarlyStopping(patience)
            stopping.restore(state)
        if stopping.should_stop:
            break
    return epoch, stopping.best_epoch, stopping.best


@given(jaccards, st.integers(1, 6))
def test_stops_where_keras_stops(values: list[float], patience: int) -> None:
    assert own_run(values, patience) == keras_run(values, patience)


@given(jaccards, st.integers(1, 4), st.data())
def test_nan_after_the_first_epoch_stops_where_keras_stops(
    values: list[float], patience: int, data: st.DataObject
) -> None:
    positions = data.draw(st.sets(st.integers(1, max(1, len(values) - 1))))
    values = [math.nan if index in positions else value for index, value in enumerate(values)]
    assert own_run(values, patience) == keras_run(values, patience)


@given(jaccards, st.integers(0, 6), st.integers(1, 40))
def test_a_restored_state_continues_identically(values: list[float], patience: int, restart_after: int) -> None:
    assert own_run(values, patience, restart_after=restart_after) == own_run(values, patience)


def test_patience_zero_never_stops_and_still_knows_the_best() -> None:
    assert own_run([0.5] + [0.1] * 50, 0) == (51, 1, 0.5)


def test_a_first_nan_is_not_the_best_for_ever() -> None:
    stopping = EarlyStopping(3)
    assert not stopping.update(1, math.nan)
    assert stopping.update(2, 0.1)
    assert (stopping.best, stopping.best_epoch) == (0.1, 2)


def test_update_tells_only_of_strict_improvements() -> None:
    stopping = EarlyStopping(3)
    assert [stopping.update(epoch, value) for epoch, value in enumerate([0.2, 0.2, 0.3, 0.1], 1)] == [
        True,
        False,
        True,
        False,
    ]
