"""Optimizer and the compiled training step."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from app.domain.configuration import RunConfig
from worker.training.counts import count_per_image
from worker.training.losses.building import make_loss
from worker.training.losses.objective import Objective

TrainingStep = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def compile_model(model: keras.Model, config: RunConfig) -> None:
    """Give `model` its optimizer and loss, so that a saved file holds the optimizer's state as well.

    The optimizer's variables are created here: creating them inside the traced step is an error.
    """
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=config.model.learning_rate, clipnorm=config.training.clipnorm),
        loss=make_loss(config.loss),
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)


def make_training_step(model: keras.Model, objective: Objective) -> TrainingStep:
    """Compile the step that updates `model` by one batch and returns the batch's loss and summed counts.

    Loss and counts are those of the forward pass before the update, with batch statistics. The batch axis is
    left open, so that a smaller last batch does not trace a second graph. XLA is off: on a CPU it makes these
    models two to three times slower.
    """
    height, width, channels = model.input_shape[1:]
    variables = model.trainable_variables
    optimizer = model.optimizer

    def training_step(images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        targets = tf.cast(masks, tf.float32)[..., tf.newaxis]
        with tf.GradientTape() as tape:
            probabilities, value, minimised = objective(images, targets)
        gradients = tape.gradient(minimised, variables)
        optimizer.apply(gradients, variables)
        return value, tf.reduce_sum(count_per_image(masks, tf.squeeze(probabilities, axis=-1)), axis=0)

    compiled: TrainingStep = tf.function(
        training_step,
        input_signature=(
            tf.TensorSpec((None, height, width, channels), tf.float32),
            tf.TensorSpec((None, height, width), tf.uint8),
        ),
        jit_compile=False,
    )
    return compiled
