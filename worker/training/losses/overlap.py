"""Losses that score the overlap of each image: Dice, soft Jaccard, Tversky, focal Tversky.

All are 1 − (TP + s) / (TP + α·FP + β·FN + s), up to the place of the smoothing s, with the soft counts TP = Σ p·y,
FP = Σ p·(1 − y), FN = Σ (1 − p)·y over the pixels of one image. s > 0 keeps the fraction defined for an empty mask:
an empty prediction of it then scores 1, the loss 0.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from worker.training.losses.segmentation_loss import PACKAGE, SegmentationLoss

#: A focal Tversky loss is flat below this much error: its root has an infinite slope at 0.
LEAST_ERROR = 1e-7


class _Overlap(SegmentationLoss):
    """Base: 1 − (f·TP + s) / (f·TP + α·FP + β·FN + s), with f = 2 for Dice and 1 for the others."""

    def __init__(self, *, smoothing: float = 1.0, name: str, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.smoothing = smoothing

    def error(
        self, targets: tf.Tensor, logits: tf.Tensor, *, alpha: float, beta: float, factor: float = 1.0
    ) -> tf.Tensor:
        """Return the share of each image's overlap that is missing, computed without a difference of near equals."""
        probabilities, complements = tf.sigmoid(logits), tf.sigmoid(-logits)
        overlap = factor * tf.reduce_sum(probabilities * targets, axis=1)
        wrong = alpha * tf.reduce_sum(probabilities * (1 - targets), axis=1)
        wrong += beta * tf.reduce_sum(complements * targets, axis=1)
        return wrong / (overlap + wrong + self.smoothing)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "smoothing": self.smoothing}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Dice(_Overlap):
    """Soft Dice loss: 1 − (2·TP + s) / (2·TP + FP + FN + s) of each image, their mean over the batch.

    References
    ----------
    Milletari, Navab, Ahmadi 2016, "V-Net", arXiv 1606.04797, section 3, with p in place of p² below the line as in
    Drozdzal et al. 2016, "The importance of skip connections in biomedical image segmentation", arXiv 1608.04117.
    """

    def __init__(self, *, smoothing: float = 1.0, name: str = "dice", **kwargs: Any) -> None:
        super().__init__(smoothing=smoothing, name=name, **kwargs)

    def per_image(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image."""
        return self.error(targets, logits, alpha=1.0, beta=1.0, factor=2.0)


@keras.saving.register_keras_serializable(package=PACKAGE)
class SoftJaccard(_Overlap):
    """Soft Jaccard loss: 1 − (TP + s) / (TP + FP + FN + s) of each image.

    References
    ----------
    Rahman & Wang 2016, "Optimizing intersection-over-union in deep neural networks for image segmentation",
    doi 10.1007/978-3-319-50835-1_22, equations 3 to 5.
    """

    def __init__(self, *, smoothing: float = 1.0, name: str = "soft_jaccard", **kwargs: Any) -> None:
        super().__init__(smoothing=smoothing, name=name, **kwargs)

    def per_image(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image."""
        return self.error(targets, logits, alpha=1.0, beta=1.0)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Tversky(_Overlap):
    """Tversky loss: 1 − (TP + s) / (TP + α·FP + β·FN + s) of each image.

    Parameters
    ----------
    alpha : float
        Price of a false positive.
    beta : float
        Price of a false negative. In `keras.losses.Tversky` the two are the other way round.
    smoothing : float
        s.

    References
    ----------
    Salehi, Erdogmus, Gholipour 2017, "Tversky loss function for image segmentation using 3D fully convolutional deep
    networks", arXiv 1706.05721, equation 3.
    """

    def __init__(
        self, *, alpha: float = 0.3, beta: float = 0.7, smoothing: float = 1.0, name: str = "tversky", **kwargs: Any
    ) -> None:
        super().__init__(smoothing=smoothing, name=name, **kwargs)
        self.alpha = alpha
        self.beta = beta

    def per_image(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image."""
        return self.error(targets, logits, alpha=self.alpha, beta=self.beta)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta}


@keras.saving.register_keras_serializable(package=PACKAGE)
class FocalTversky(Tversky):
    """Focal Tversky loss: (1 − Tversky index)^(1/γ) of each image.

    Parameters
    ----------
    gamma : float
        γ ≥ 1; 1 is the Tversky loss.

    References
    ----------
    Abraham & Khan 2018, "A novel focal Tversky loss function with improved attention U-Net for lesion segmentation",
    arXiv 1810.07842, equation 4 (their α is the price of a false negative; here α and β are as in `Tversky`).
    """

    def __init__(self, *, gamma: float = 4 / 3, name: str = "focal_tversky", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.gamma = gamma

    def per_image(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of each image."""
        return tf.maximum(super().per_image(targets, logits), LEAST_ERROR) ** (1 / self.gamma)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "gamma": self.gamma}
