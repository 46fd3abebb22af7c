"""Several losses at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from worker.training.losses.segmentation_loss import PACKAGE, SegmentationLoss


@keras.saving.register_keras_serializable(package=PACKAGE)
class WeightedSum(SegmentationLoss):
    """Σ wᵢ·Lᵢ; the weights are taken as they are and need not add up to 1.

    Parameters
    ----------
    terms : sequence of SegmentationLoss
        Or their serialised form, as a saved model holds it.
    weights : sequence of float
        One for each term.
    """

    def __init__(
        self,
        *,
        terms: Sequence[SegmentationLoss | dict[str, Any]],
        weights: Sequence[float],
        name: str = "weighted_sum",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.terms = [keras.saving.deserialize_keras_object(term) if isinstance(term, dict) else term for term in terms]
        self.weights = [float(weight) for weight in weights]
        if len(self.terms) != len(self.weights) or not self.terms:
            raise ValueError(
                f"Invalid weights: received {len(self.weights)} for {len(self.terms)} losses, expected one for each of "
                "at least one."
            )

    def per_image(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image."""
        return tf.add_n(
            [weight * term.per_image(targets, logits) for weight, term in zip(self.weights, self.terms, strict=True)]
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {
            **super().get_config(),
            "terms": [keras.saving.serialize_keras_object(term) for term in self.terms],
            "weights": self.weights,
        }
