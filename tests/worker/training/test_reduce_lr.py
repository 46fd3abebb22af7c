"""The learning rate drops where Keras' ReduceLROnPlateau drops it."""

from __future__ import annotations

import json
import math
from typing import NamedTuple

import keras
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from worker.training.reduce_lr import ReduceLearningRate

# Multiples of 3e-5 fall on both sides of the minimal improvement 1e-4, and never so close to it that the
# float32 comparison of Keras would decide differently.
losses = st.lists(st.integers(0, 12).map(lambda value: value * 3e-5), min_size=1, max_size=40)


class Settings(NamedTuple):
    factor: float
    patience: int
    min_learning_rate: float

    def schedule(self) -> ReduceLearningRate:
        return ReduceLearningRate(factor=self.factor, patience=self.patience, min_learning_rate=self.min_learning_rate)


settings = st.builds(
    Settings,
    factor=st.sampled_from([0.1, 0.5, 0.9]),
    patience=st.integers(1, 4),
    min_learning_rate=st.sampled_from([0.0, 1e-6, 1e-4, 1e-3]),
)


class DummyModel:
    def __init__(self) -> None:
        self.optimizer = keras.optimizers.SGD(1e-3)


def keras_rates(values: list[float], arguments: Settings) -> list[float]:
    model = DummyModel()
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss",
        mode="min",
        factor=arguments.factor,
        patience=arguments.patience,
        min_lr=arguments.min_learning_rate,
    )
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"val_loss": value})
        rates.append(float(model.optimizer.learning_rate.numpy()))
    return rates


def own_rates(values: list[float], arguments: Settings, *, restart_after: int = -1) -> list[float]:
    schedule = arguments.schedule()
    rate = float(np.float32(1e-3))
    rates = []
    for index, value in enumerate(values):
        rate = float(np.float32(schedule.update(value, learning_rate=rate)))
        rates.append(rate)
        if index == restart_after:
            state = json.loads(json.dumps(schedule.state(), allow_nan=False))
            schedule = arguments.schedule()
            schedule.restore(state)
    return rates


@given(losses, settings)
def test_drops_where_keras_drops(values: list[float], arguments: Settings) -> None:
    assert own_rates(values, arguments) == keras_rates(values, arguments)


@given(losses, settings, st.data())
def test_non_finite_losses_after_the_first_epoch_as_in_keras(
    values: list[float], arguments: Settings, data: st.DataObject
) -> None:
    position = data.draw(st.integers(1, max(1, len(values) - 1)))
    bad = data.draw(st.sampled_from([math.nan, math.inf]))
    values = [*values[:position], bad, *values[position:]]
    assert own_rates(values, arguments) == keras_rates(values, arguments)


@given(losses, settings, st.integers(0, 40))
def test_a_restored_state_continues_identically(values: list[float], arguments: Settings, restart_after: int) -> None:
    assert own_rates(values, arguments, restart_after=restart_after) == own_rates(values, arguments)


def test_patience_zero_never_drops() -> None:
    rates = own_rates([0.1] * 50, Settings(factor=0.5, patience=0, min_learning_rate=0.0))
    assert set(rates) == {float(np.float32(1e-3))}


def test_a_first_nan_is_not_the_lowest_for_ever() -> None:
    schedule = ReduceLearningRate(factor=0.5, patience=2, min_learning_rate=0.0)
    schedule.update(math.nan, learning_rate=1e-3)
    schedule.update(0.5, learning_rate=1e-3)
    assert schedule.best == 0.5
