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
    clipnorm : float
        Applied here to the summed gradients; the optimizer, whose own clipping sees one replica, then finds nothing
        left to clip.
    """
    replicas = strategy.num_replicas_in_sync
    variables = model.trainable_variables
    optimizer = model.optimizer

    def replica_step(images: tf.Tensor, masks: tf.Tensor, share: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            value, minimised, counts = scores_of_batch(objective, images=images, masks=masks)
            scaled = optimizer.scale_loss(minimised * share)
        gradients = tape.gradient(scaled, variables)
        gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        limit = optimizer.scale_loss(tf.constant(clipnorm, tf.float32))
        # The optimizer adds the replicas' gradients once more.
        gradients = [tf.clip_by_norm(gradient, limit) / replicas for gradient in gradients]
        optimizer.apply(gradients, variables)
        return value * share, tf.where(share > 0, counts, tf.zeros_like(counts))

    @tf.function(reduce_retracing=True, jit_compile=False)  # type: ignore[untyped-decorator]
    def mirrored_step(images: object, masks: object, shares: object) -> tuple[tf.Tensor, tf.Tensor]:
        parts, counts = strategy.run(replica_step, args=(images, masks, shares))
        if average is not None:
            average.update(optimizer.iterations)
        return (
            strategy.reduce(tf.distribute.ReduceOp.SUM, parts, axis=None),
            strategy.reduce(tf.distribute.ReduceOp.SUM, counts, axis=None),
        )

    def training_step(images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        items = int(images.shape[0])
        bounds = [items * replica // replicas for replica in range(replicas + 1)]

        def part_of(values: tf.Tensor, replica: int) -> tf.Tensor:
            start, stop = bounds[replica], bounds[replica + 1]
            return values[start:stop] if stop > start else values[:1]

        def spread(values: tf.Tensor) -> object:
            return strategy.experimental_distribute_values_from_function(
                lambda context: part_of(values, context.replica_id_in_sync_group)
            )

        shares = strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(
                (bounds[context.replica_id_in_sync_group + 1] - bounds[context.replica_id_in_sync_group]) / items,
                tf.float32,
            )
        )
        loss_value, counts = mirrored_step(spread(images), spread(masks), shares)
        return loss_value, counts

    return training_step
