"""Loss, optimizer and the compiled training step."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from app.domain.configuration import Precision, RunConfig
from worker.training.counts import count_per_image
from worker.training.optimizers import make_optimizer
from worker.training.weight_average import WeightAverage

TrainingStep = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def make_loss(*, focal_gamma: float) -> keras.losses.Loss:
    """Return the binary focal loss without class balancing; its ``call`` gives one value a pixel."""
    return keras.losses.BinaryFocalCrossentropy(gamma=focal_gamma)


def compile_model(model: keras.Model, config: RunConfig, *, precision: Precision) -> None:
    """Give `model` its optimizer and loss, so that a saved file holds the optimizer's state as well.

    The optimizer's variables are created here: creating them inside the traced step is an error.
    """
    model.compile(
        optimizer=make_optimizer(config, precision=precision),
        loss=make_loss(focal_gamma=config.training.focal_gamma),
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)


def make_training_step(
    model: keras.Model, loss: keras.losses.Loss, *, average: WeightAverage | None = None
) -> TrainingStep:
    """Compile the step that updates `model` by one batch and returns the batch's loss and summed counts.

    Loss and counts are those of the forward pass before the update, with batch statistics; `average` is moved after
    it. The batch axis is left open, so that a smaller last batch does not trace a second graph. XLA is off: on a CPU
    it makes these models two to three times slower.
    """
    height, width, channels = model.input_shape[1:]
    variables = model.trainable_variables
    optimizer = model.optimizer

    def training_step(images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            value, counts = loss_and_counts(model, loss, images=images, masks=masks)
            # The same value, but for mixed precision, where small gradients would vanish in float16.
            scaled = optimizer.scale_loss(value)
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


def loss_and_counts(
    model: keras.Model, loss: keras.losses.Loss, *, images: tf.Tensor, masks: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the loss of a batch in train mode (mean over its items) and its summed counts; part of a training step."""
    targets = tf.cast(masks, tf.float32)[..., tf.newaxis]
    probabilities = model(images, training=True)
    counts = count_per_image(masks, tf.squeeze(probabilities, axis=-1))
    # Not `loss(…)`, which Keras divides by the number of replicas where there are several.
    return tf.reduce_mean(loss.call(targets, probabilities)), tf.reduce_sum(counts, axis=0)
