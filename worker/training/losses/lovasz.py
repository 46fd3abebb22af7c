"""The Lovász hinge: a convex surrogate of the Jaccard loss itself."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from worker.training.losses.segmentation_loss import PACKAGE, SegmentationLoss


@keras.saving.register_keras_serializable(package=PACKAGE)
class LovaszHinge(SegmentationLoss):
    """The Lovász extension of the Jaccard loss, applied to the hinge errors of each image.

    With the hinge errors mᵢ = max(0, 1 − zᵢ·(2yᵢ − 1)) in descending order, the loss is Σ mᵢ·gᵢ, where gᵢ is by how
    much the Jaccard loss grows when pixel i joins the pixels before it in being wrong. Errors of 0 add nothing, so that
    an image whose every logit is beyond ±1 on the right side costs nothing. Of an image without foreground, only the
    largest error counts.

    References
    ----------
    Berman, Rannen Triki, Blaschko 2018, "The Lovász-Softmax loss", arXiv 1705.08790, section 2.2 and algorithm 1.
    """

    def __init__(self, *, name: str = "lovasz_hinge", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def per_image(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image."""
        errors = 1 - logits * (2 * targets - 1)
        order = tf.argsort(errors, axis=1, direction="DESCENDING")
        errors = tf.gather(errors, order, batch_dims=1)
        weights = tf.stop_gradient(_jaccard_growth(tf.gather(targets, order, batch_dims=1)))
        return tf.reduce_sum(tf.nn.relu(errors) * weights, axis=1)


def _jaccard_growth(targets: tf.Tensor) -> tf.Tensor:
    """Return by how much the Jaccard loss grows with each further wrong pixel, in the order given."""
    foreground = tf.reduce_sum(targets, axis=1, keepdims=True)
    intersection = foreground - tf.cumsum(targets, axis=1)
    union = foreground + tf.cumsum(1 - targets, axis=1)
    # The first pixel is either foreground or joins the union: the union is never 0.
    loss = 1 - intersection / union
    return tf.concat([loss[:, :1], loss[:, 1:] - loss[:, :-1]], axis=1)
