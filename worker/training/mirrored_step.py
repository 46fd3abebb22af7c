"""One training step on several devices at once."""

from __future__ import annotations

import keras
import tensorflow as tf

from worker.training.losses.objective import Objective
from worker.training.optimization import TrainingStep, scores_of_batch
from worker.training.weight_average import WeightAverage


def make_mirrored_step(
    model: keras.Model,
    objective: Objective,
    *,
    strategy: tf.distribute.Strategy,
    clipnorm: float,
    average: WeightAverage | None = None,
) -> TrainingStep:
    """Compile the step that spreads a batch over the replicas of `strategy`; see `make_training_step` for the rest.

    Each replica has a part of the batch and a copy of the weights; the gradients are added before they are clipped, so
    that a step is that of the whole batch on one device, but for batch normalisation: every replica normalises with
    the statistics of its part, and the moving statistics take the replicas' mean. A replica for which a small last
    batch has no item computes one of the others' and counts it as nothing, because a mean over no pixels is no number.

    Parameters
    ----------
    model : keras.Model
        Built and compiled in the scope of `strategy`.
    objective : callable
        Of `make_objective` for `model`.
    clipnorm : float
        Applied here to the summed gradients; the optimizer, whose own clipping sees one replica, then finds nothing
        left to clip.
    """
    replicas = strategy.num_replicas_in_sync
    height, width, channels = model.input_shape[1:]
    variables = model.trainable_variables
    optimizer = model.optimizer

    def replica_step(images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        context = tf.distribute.get_replica_context()
        items = tf.shape(images)[0]
        start = items * context.replica_id_in_sync_group // replicas
        stop = items * (context.replica_id_in_sync_group + 1) // replicas
        share = tf.cast(stop - start, tf.float32) / tf.cast(items, tf.float32)
        first = tf.minimum(start, items - 1)
        part = slice(first, tf.maximum(stop, first + 1))
        with tf.GradientTape() as tape:
            value, minimised, counts = scores_of_batch(objective, images=images[part], masks=masks[part])
            scaled = optimizer.scale_loss(minimised * share)
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, tape.gradient(scaled, variables))
        limit = optimizer.scale_loss(tf.constant(clipnorm, tf.float32))
        # The optimizer adds the replicas' gradients once more.
        gradients = [tf.clip_by_norm(gradient, limit) / replicas for gradient in gradients]
        optimizer.apply(gradients, variables)
        return value * share, tf.where(share > 0, counts, tf.zeros_like(counts))

    def mirrored_step(images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Every replica gets the whole batch and takes its part: the batch axis can stay open then.
        values, counts = strategy.run(replica_step, args=(images, masks))
        if average is not None:
            average.update(optimizer.iterations)
        return (
            strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None),
            strategy.reduce(tf.distribute.ReduceOp.SUM, counts, axis=None),
        )

    compiled: TrainingStep = tf.function(
        mirrored_step,
        input_signature=(
            tf.TensorSpec((None, height, width, channels), tf.float32),
            tf.TensorSpec((None, height, width), tf.uint8),
        ),
        jit_compile=False,
    )
    return compiled
