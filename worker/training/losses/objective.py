"""What a training step minimises: the loss of the prediction, from the network's own logits, and of earlier stages."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from worker.models.layers import DeepSupervision
from worker.training.losses.segmentation_loss import SegmentationLoss

#: Images and targets, both float32 with four axes → probabilities (batch, height, width, 1), the loss of the
#: prediction, and what is to be minimised.
Objective = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


def make_objective(model: keras.Model, loss: SegmentationLoss, *, auxiliary_weight: float) -> Objective:
    """Return a function that runs `model` in train mode and scores it.

    The loss of the prediction is the one to report: it means the same as the validation loss. With deep supervision,
    what is minimised is the weighted mean of the losses of all stages, with weight 1 for the prediction, and for the
    stages before it `auxiliary_weight`, its square, its cube and so on; without, it is the loss of the prediction.

    Parameters
    ----------
    model : keras.Model
        From `worker.models.building.build_model`. Its layers are used as they are, moving statistics included.
    loss : SegmentationLoss
        Mean over the images of the batch.
    auxiliary_weight : float
        0 to 1; without effect on a model without deep supervision.

    References
    ----------
    Lee et al. 2015, "Deeply-supervised nets", arXiv 1409.5185.
    """
    staged = keras.Model(model.inputs, stage_logits(model))

    def objective(images: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # A model with one output returns it bare.
        stages = tf.nest.flatten(staged(images, training=True))
        losses = [tf.reduce_mean(loss.of_logits(targets, logits)) for logits in stages]
        weights = [auxiliary_weight**depth for depth in range(len(losses))]
        weighted = tf.add_n([weight * value for weight, value in zip(weights, losses, strict=True)]) / sum(weights)
        return tf.sigmoid(tf.cast(stages[0], tf.float32)), losses[0], weighted

    return objective


def stage_logits(model: keras.Model) -> list[keras.KerasTensor]:
    """Return the logits of the prediction, then those of the supervised stages from the finest to the coarsest."""
    stages = [model.get_layer("head_sigmoid").input]
    for layer in model.layers:
        if isinstance(layer, DeepSupervision):
            stages.extend(layer.input[1:])
    return stages
