"""The average follows its formula, takes the model's place and gives it back."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from worker.training.weight_average import WeightAverage


def make_model() -> keras.Model:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.layers[0].kernel.assign([[0.0]])
    return model


def weight(model: keras.Model) -> float:
    return float(model.layers[0].kernel.numpy()[0, 0])


def test_the_average_by_hand() -> None:
    model = make_model()
    average = WeightAverage(model, 0.3)
    expected = 0.0
    for step, value in enumerate([1.0, 3.0, -2.0, 4.0], start=1):
        model.layers[0].kernel.assign([[value]])
        average.update(tf.constant(step, tf.int64))
        decay = min(0.3, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        with average.in_place():
            assert weight(model) == pytest.approx(expected, rel=1e-6)
            np.testing.assert_array_equal(average.waiting_weights()[0], [[value]])
        assert weight(model) == value


def test_the_weights_come_back_after_an_error() -> None:
    model = make_model()
    average = WeightAverage(model, 0.9)
    model.layers[0].kernel.assign([[5.0]])
    with pytest.raises(ValueError, match="broken"), average.in_place():
        raise ValueError("broken")
    assert weight(model) == 5.0


def test_restoring_takes_the_model_as_the_average() -> None:
    model = make_model()
    average = WeightAverage(model, 0.9)
    model.layers[0].kernel.assign([[2.0]])
    average.restore([np.array([[7.0]], np.float32)])
    assert weight(model) == 7.0
    with average.in_place():
        assert weight(model) == 2.0
