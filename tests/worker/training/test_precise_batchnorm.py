"""Precise batch norm: the statistics of the whole training set, whatever the batches are."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.worker.training.tiny_training import ListRecorder, make_config, make_data, make_items, run_training
from worker.training.errors import TrainingError
from worker.training.precise_batchnorm import batchnorm_layers, make_statistics_step, reestimate_batchnorm

IMAGES = make_items(10, seed=3)[0]
UNEQUAL = [IMAGES[:4], IMAGES[4:8], IMAGES[8:]]


def make_model(*, dropout: float = 0.0) -> keras.Model:
    keras.utils.set_random_seed(5)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="first")(x)
    x = keras.layers.Dropout(dropout)(keras.layers.ReLU()(x))
    x = keras.layers.BatchNormalization(name="second")(keras.layers.Conv2D(2, 3)(x))
    return keras.Model(inputs, x)


def test_statistics_of_unequal_batches_are_those_of_the_whole_set() -> None:
    model = make_model()
    statistics = reestimate_batchnorm(model, UNEQUAL)
    assert statistics is not None
    features = model.get_layer("conv")(IMAGES).numpy().astype(np.float64)
    np.testing.assert_allclose(statistics["first"].mean, features.mean(axis=(0, 1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(statistics["first"].variance, features.var(axis=(0, 1, 2)), rtol=1e-4)
    layer = model.get_layer("first")
    np.testing.assert_array_equal(layer.moving_mean.numpy(), statistics["first"].mean.astype(np.float32))
    np.testing.assert_array_equal(layer.moving_variance.numpy(), statistics["first"].variance.astype(np.float32))


def test_inference_then_equals_training_on_the_one_batch() -> None:
    model = make_model()
    trained = model(IMAGES, training=True).numpy()
    assert np.abs(model(IMAGES, training=False).numpy() - trained).max() > 0.5
    reestimate_batchnorm(model, [IMAGES])
    np.testing.assert_allclose(model(IMAGES, training=False).numpy(), trained, atol=1e-4)


def test_dropout_does_not_enter_the_statistics_and_stays_on() -> None:
    with_dropout, without = make_model(dropout=0.5), make_model()
    without.set_weights([weight.numpy() for weight in with_dropout.weights])
    one, other = (reestimate_batchnorm(model, UNEQUAL) for model in (with_dropout, without))
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one["second"].variance, other["second"].variance, rtol=1e-5)
    assert [layer.rate for layer in with_dropout.layers if isinstance(layer, keras.layers.Dropout)] == [0.5]
    assert {layer.momentum for layer in batchnorm_layers(with_dropout)} == {0.99}


def test_weights_are_untouched_and_the_old_statistics_do_not_matter() -> None:
    model = make_model()
    weights = [weight.numpy() for weight in model.trainable_weights]
    step = make_statistics_step(model)
    first = reestimate_batchnorm(model, UNEQUAL, statistics_step=step)
    model.get_layer("second").moving_mean.assign([np.nan, np.inf])
    second = reestimate_batchnorm(model, UNEQUAL, statistics_step=step)
    assert first is not None
    assert second is not None
    for name in ("first", "second"):
        np.testing.assert_array_equal(first[name].mean, second[name].mean)
        np.testing.assert_array_equal(first[name].variance, second[name].variance)
    for before, after in zip(weights, model.trainable_weights, strict=True):
        np.testing.assert_array_equal(before, after.numpy())


def test_a_frozen_layer_keeps_its_statistics_and_inner_models_are_found() -> None:
    inner = make_model()
    inner.get_layer("first").trainable = False
    model = keras.Sequential([keras.Input((32, 32, 3)), inner])
    statistics = reestimate_batchnorm(model, [IMAGES])
    assert statistics is not None
    assert set(statistics) == {"second"}
    np.testing.assert_array_equal(inner.get_layer("first").moving_mean.numpy(), np.zeros(4))


def test_a_stop_puts_the_old_statistics_back() -> None:
    model = make_model()
    reestimate_batchnorm(model, UNEQUAL)
    before = model.get_layer("second").moving_variance.numpy()
    asked = iter([False, True])
    assert reestimate_batchnorm(model, [IMAGES[:2], IMAGES[2:3]], should_stop=lambda: next(asked)) is None
    np.testing.assert_array_equal(model.get_layer("second").moving_variance.numpy(), before)


def test_no_batches_are_refused_and_no_layers_are_fine() -> None:
    with pytest.raises(TrainingError, match="at least one batch"):
        reestimate_batchnorm(make_model(), [])
    assert reestimate_batchnorm(keras.Sequential([keras.Input((2, 2, 1)), keras.layers.ReLU()]), []) == {}


def test_a_training_with_it_validates_as_it_trains(tmp_path_factory: pytest.TempPathFactory) -> None:
    # Momentum 0.999: after 24 updates the moving statistics still hold 98 % of their initial values.
    gaps = []
    for precise in (False, True):
        recorder = ListRecorder()
        config = make_config(
            epochs=8, batchnorm_momentum=0.999, base_filters=4, precise_batchnorm=precise, early_stopping_patience=0
        )
        # Validated on what it was trained on: what differs is the statistics alone.
        data = make_data()
        data = type(data)(data.training_images, data.training_masks, data.training_images, data.training_masks)
        run_training(config, tmp_path_factory.mktemp("run"), recorder=recorder, data=data)
        gaps.append(recorder.history[-1]["jaccard"] - recorder.history[-1]["val_jaccard"])
    assert gaps[0] > 0.2
    assert abs(gaps[1]) < 0.15
