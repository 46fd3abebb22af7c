"""The base of all losses: one value an image, from logits or from probabilities."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

#: Registers the losses, so that a saved model that was compiled with one loads in safe mode.
PACKAGE = "segscope"

#: Probabilities are kept this far from 0 and 1 before a logit is taken: the spacing of float32 just below 1. The
#: logit is then within ±16.6.
PROBABILITY_MARGIN = 2.0**-24


class SegmentationLoss(keras.losses.Loss):  # type: ignore[misc]
    """A binary segmentation loss.

    Called with masks and probabilities, it returns the mean over the images, as Keras expects. `call` returns the value
    of each image. Subclasses compute from logits, because a sigmoid that has saturated in float32 has lost what the
    gradient needs; the training passes the logits that the network itself computed, see
    `worker.training.losses.objective`.

    Everything is computed in float32, whatever the precision of the model.
    """

    def __init__(self, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, dtype="float32", **{"reduction": "sum_over_batch_size", **kwargs})

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image.

        Parameters
        ----------
        y_true : Tensor of float, shape (batch, height, width, 1)
            Masks, 0 to 1.
        y_pred : Tensor of float, shape (batch, height, width, 1)
            Probabilities.

        Returns
        -------
        Tensor of float32, shape (batch,)
        """
        probabilities = tf.clip_by_value(tf.cast(y_pred, tf.float32), PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
        return self.of_logits(y_true, tf.math.log(probabilities) - tf.math.log1p(-probabilities))

    def of_logits(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image; as `call`, but from logits.

        Parameters
        ----------
        targets, logits : Tensor of float, shape (batch, height, width, 1)

        Returns
        -------
        Tensor of float32, shape (batch,)
        """
        return self.per_image(_flat(targets), _flat(logits))

    def per_image(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image; what a subclass defines.

        Parameters
        ----------
        targets, logits : Tensor of float32, shape (batch, pixels)

        Returns
        -------
        Tensor of float32, shape (batch,)
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {"name": self.name, "reduction": self.reduction}


def _flat(values: tf.Tensor) -> tf.Tensor:
    values = tf.cast(values, tf.float32)
    return tf.reshape(values, (tf.shape(values)[0], -1))
