"""Optimizer and the compiled training step."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from app.domain.configuration import Precision, RunConfig
from worker.training.counts import count_per_image
from worker.training.losses.building import make_loss
from worker.training.losses.objective import Objective
from worker.training.optimizers import make_optimizer
from worker.training.weight_average import WeightAverage

TrainingStep = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def compile_model(model: keras.Model, config: RunConfig, *, precision: Precision) -> None:
    """Give `model` its optimizer and loss, so that a saved file holds the optimizer's state as well.

    The optimizer's variables are created here: creating them inside the traced step is an error.
    """
    model.compile(
        optimizer=make_optimizer(config, precision=precision),
        loss=make_loss(config.loss),
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)


def make_training_step(
    model: keras.Model, objective: Objective, *, average: WeightAverage | None = None
) -> TrainingStep:
    """Compile the step that updates `model` by one batch and returns the batch's loss and summed counts.

    Loss and counts are those of the forward pass before the update, with batch statistics; `average` is moved after
    it. The batch axis is left open, so that a smaller last batch does not trace a second graph. XLA is off: on a CPU
    it makes these models two to three times slower.

    Parameters
    ----------
    objective : callable
        Of `make_objective` for `model`.
    """
    height, width, channels = model.input_shape[1:]
    variables = model.trainable_variables
    optimizer = model.optimizer

    def training_step(images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            value, minimised, counts = scores_of_batch(objective, images=images, masks=masks)
            # The same value, but for mixed precision, where small gradients would vanish in float16.
            scaled = optimizer.scale_loss(minimised)
        optimizer.apply(tape.gradient(scaled, variables), variables)
        if average is not None:
            average.update(optimizer.iterations)
        return value, counts

    compiled: TrainingStep = tf.function(
        training_step,
        input_signature=(
            tf.TensorSpec((None, height, width, channels), tf.float32),
            tf.TensorSpec((None, height, width), tf.uint8),
        ),
        jit_compile=False,
    )
    return compiled


def scores_of_batch(
    objective: Objective, *, images: tf.Tensor, masks: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return a batch's loss in train mode, what is minimised, and its summed counts; part of a training step.

    Both losses are means over the items of the batch.
    """
    targets = tf.cast(masks, tf.float32)[..., tf.newaxis]
    probabilities, value, minimised = objective(images, targets)
    counts = count_per_image(masks, tf.squeeze(probabilities, axis=-1))
    return value, minimised, tf.reduce_sum(counts, axis=0)
