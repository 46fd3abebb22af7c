"""Losses that add up pixels: cross-entropy and focal loss.

Written with softplus(z) = ln(1 + eᶻ): −ln p = softplus(−z) and −ln(1 − p) = softplus(z) for p = 1 / (1 + e⁻ᶻ), exact
and with a finite gradient for every finite logit z.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from worker.training.losses.segmentation_loss import PACKAGE, SegmentationLoss


@keras.saving.register_keras_serializable(package=PACKAGE)
class CrossEntropy(SegmentationLoss):
    """Binary cross-entropy: the mean over the pixels of −w·y·ln p − (1 − y)·ln(1 − p).

    Parameters
    ----------
    positive_weight : float
        w, the factor of foreground pixels.

    References
    ----------
    Long, Shelhamer, Darrell 2015, "Fully convolutional networks for semantic segmentation", arXiv 1411.4038, for its
    use on pixels; the weight as in Xie & Tu 2015, "Holistically-nested edge detection", arXiv 1504.06375, equation 2.
    """

    def __init__(self, *, positive_weight: float = 1.0, name: str = "cross_entropy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.positive_weight = positive_weight

    def per_image(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image."""
        foreground = self.positive_weight * targets * tf.nn.softplus(-logits)
        return tf.reduce_mean(foreground + (1 - targets) * tf.nn.softplus(logits), axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "positive_weight": self.positive_weight}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Focal(SegmentationLoss):
    """Binary focal loss: the mean over the pixels of −α·y·(1 − p)^γ·ln p − (1 − α)·(1 − y)·p^γ·ln(1 − p).

    The powers are taken in the exponent, (1 − p)^γ = exp(−γ·softplus(z)): for γ < 1 the gradient of a power at 0 would
    be infinite.

    Parameters
    ----------
    gamma : float
        γ ≥ 0; 0 is cross-entropy.
    alpha : float or None
        α of foreground, 1 − α of background; None: both count 1 (not ½), as in the paper's definition without α.

    References
    ----------
    Lin et al. 2017, "Focal loss for dense object detection", arXiv 1708.02002, equations 4 and 5.
    """

    def __init__(self, *, gamma: float = 2.0, alpha: float | None = None, name: str = "focal", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.gamma = gamma
        self.alpha = alpha

    def per_image(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image."""
        if_foreground, if_background = tf.nn.softplus(-logits), tf.nn.softplus(logits)
        foreground, background = (1.0, 1.0) if self.alpha is None else (self.alpha, 1 - self.alpha)
        values = foreground * targets * tf.exp(-self.gamma * if_background) * if_foreground
        values += background * (1 - targets) * tf.exp(-self.gamma * if_foreground) * if_background
        return tf.reduce_mean(values, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "gamma": self.gamma, "alpha": self.alpha}
