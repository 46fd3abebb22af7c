"""What a step minimises: the model's own logits, and the stages of deep supervision."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.domain.configuration import Architecture, ImageSpec
from app.domain.network_spec import NetworkSpec
from worker.models.building import build_model
from worker.training.losses.cross_entropy import CrossEntropy
from worker.training.losses.objective import make_objective, stage_logits
from worker.training.losses.overlap import Dice


def model_of(**network: Any) -> keras.Model:
    keras.utils.set_random_seed(3)
    spec = NetworkSpec(**{"base_filters": 2, "levels": 3, "batchnorm_momentum": 0.9, **network})
    return build_model(architecture=Architecture.UNET, image=ImageSpec(height=34, width=32), network=spec)


def batch() -> tuple[tf.Tensor, tf.Tensor]:
    random = np.random.default_rng(5)
    images = tf.constant(random.random((2, 34, 32, 3)), tf.float32)
    return images, tf.constant(random.random((2, 34, 32, 1)) < 0.3, tf.float32)


def test_prediction_and_loss_are_those_of_the_model_in_train_mode() -> None:
    images, targets = batch()
    objective = make_objective(model_of(), CrossEntropy(), auxiliary_weight=0.5)
    probabilities, value, minimised = objective(images, targets)
    expected = model_of()(images, training=True)
    np.testing.assert_allclose(probabilities.numpy(), expected.numpy(), atol=1e-6)
    assert float(value) == float(minimised) == pytest.approx(float(CrossEntropy()(targets, expected)), rel=1e-5)


def test_moving_statistics_follow_as_in_the_model() -> None:
    images, targets = batch()
    ours, theirs = model_of(), model_of()
    make_objective(ours, CrossEntropy(), auxiliary_weight=0.5)(images, targets)
    theirs(images, training=True)
    for one, other in zip(ours.non_trainable_weights, theirs.non_trainable_weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-6)
    assert np.abs(ours.get_layer("head_bn").moving_mean.numpy()).max() > 0


def test_stages_are_weighted_from_the_finest_to_the_coarsest() -> None:
    images, targets = batch()
    model = model_of(deep_supervision=True, levels=4)
    logits = stage_logits(model)
    assert [tensor.shape[1:] for tensor in logits] == [(34, 32, 1)] * 3
    names = [layer.name for layer in model.layers if layer.name.startswith("auxiliary") and "conv" in layer.name]
    assert sorted(names) == ["auxiliary_2_conv", "auxiliary_3_conv"]
    # Batch statistics do not depend on the order in which the copies see the batch.
    stages = [
        float(Dice().of_logits(targets, value).numpy().mean())
        for value in keras.Model(model.inputs, logits)(images, training=True)
    ]
    _, value, minimised = make_objective(model, Dice(), auxiliary_weight=0.4)(images, targets)
    assert float(value) == pytest.approx(stages[0], rel=1e-5)
    expected = (stages[0] + 0.4 * stages[1] + 0.16 * stages[2]) / 1.56
    assert float(minimised) == pytest.approx(expected, rel=1e-5)
    finest = model.get_layer("deep_supervision").input[1]
    assert finest is logits[1]
    assert finest.name != logits[2].name


def test_every_weight_of_a_supervised_model_is_trained() -> None:
    images, targets = batch()
    model = model_of(deep_supervision=True)
    objective = make_objective(model, CrossEntropy(), auxiliary_weight=0.5)
    with tf.GradientTape() as tape:
        _, _, minimised = objective(images, targets)
    gradients = tape.gradient(minimised, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    assert any("auxiliary_2_conv" in variable.path for variable in model.trainable_variables)


def test_a_supervised_model_predicts_with_its_last_stage() -> None:
    images, _ = batch()
    model = model_of(deep_supervision=True)
    head = keras.Model(model.inputs, model.get_layer("head_sigmoid").output)
    np.testing.assert_array_equal(model(images).numpy(), head(images).numpy())
