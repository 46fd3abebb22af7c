"""Segmentation metrics from confusion counts: the one definition that every room uses.

A pixel is predicted foreground when its probability is **strictly above** the threshold (0.5), as
`keras.metrics.BinaryAccuracy` and the trainings that Segscope imports do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.5

#: The reference training computes (I + ε) / (U + ε) with this ε; a score of about ε / |Y| is an empty prediction.
REFERENCE_EPSILON = 1e-7

COUNT_METRICS = ("jaccard", "dice", "precision", "recall", "accuracy")


@dataclass(frozen=True, slots=True)
class ConfusionCounts:
    """Pixel counts of a binary prediction against its mask.

    Parameters
    ----------
    true_positive, false_positive, false_negative, true_negative : int
        Number of pixels in each cell of the confusion matrix.
    """

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    def __add__(self, other: ConfusionCounts) -> ConfusionCounts:
        return ConfusionCounts(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.true_negative + other.true_negative,
        )

    @classmethod
    def from_arrays(cls, mask: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> ConfusionCounts:
        """Count a prediction against its mask.

        Parameters
        ----------
        mask, prediction : ndarray of bool
            Same shape; True is foreground.
        """
        if mask.shape != prediction.shape:
            raise ValueError(
                f"Invalid prediction: received shape {prediction.shape}, expected the mask's {mask.shape}."
            )
        true_positive = int(np.count_nonzero(mask & prediction))
        false_positive = int(np.count_nonzero(prediction)) - true_positive
        false_negative = int(np.count_nonzero(mask)) - true_positive
        return cls(
            true_positive,
            false_positive,
            false_negative,
            mask.size - true_positive - false_positive - false_negative,
        )

    @property
    def total(self) -> int:
        """Number of pixels."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative

    @property
    def jaccard(self) -> float:
        """Intersection over union; 1 when both are empty: nothing to find and nothing claimed is a perfect score."""
        union = self.true_positive + self.false_positive + self.false_negative
        return self.true_positive / union if union else 1.0

    @property
    def dice(self) -> float:
        """2·TP / (2·TP + FP + FN); 1 when both are empty."""
        denominator = 2 * self.true_positive + self.false_positive + self.false_negative
        return 2 * self.true_positive / denominator if denominator else 1.0

    @property
    def precision(self) -> float:
        """TP / (TP + FP); with nothing predicted, 1 if there was nothing to find, else 0."""
        predicted = self.true_positive + self.false_positive
        if predicted:
            return self.true_positive / predicted
        return 0.0 if self.false_negative else 1.0

    @property
    def recall(self) -> float:
        """TP / (TP + FN); 1 when the mask is empty."""
        actual = self.true_positive + self.false_negative
        return self.true_positive / actual if actual else 1.0

    @property
    def specificity(self) -> float:
        """TN / (TN + FP); 1 when the mask is full."""
        background = self.true_negative + self.false_positive
        return self.true_negative / background if background else 1.0

    @property
    def accuracy(self) -> float:
        """Share of pixels that agree; 1 for no pixels."""
        return (self.true_positive + self.true_negative) / self.total if self.total else 1.0

    @property
    def predicted_foreground(self) -> float:
        """Fraction of the pixels that the prediction paints foreground, 0 to 1."""
        return (self.true_positive + self.false_positive) / self.total if self.total else 0.0

    @property
    def mask_foreground(self) -> float:
        """Fraction of the pixels that the mask paints foreground, 0 to 1."""
        return (self.true_positive + self.false_negative) / self.total if self.total else 0.0

    def as_metrics(self, *, prefix: str = "") -> dict[str, float]:
        """Return `jaccard`, `dice`, `precision`, `recall` and `accuracy`, each name behind `prefix`."""
        return {f"{prefix}{name}": float(getattr(self, name)) for name in COUNT_METRICS}


@dataclass(frozen=True, slots=True)
class Baselines:
    """Scores of the trivial predictors on one set of masks.

    Parameters
    ----------
    all_foreground : float
        Jaccard of painting everything foreground: the foreground fraction of the masks (0 to 1).
    empty : float
        Jaccard of an empty prediction from counts: 0, or 1 where the masks are all empty.
    """

    all_foreground: float
    empty: float

    @classmethod
    def of_masks(cls, *, foreground_pixels: int, pixels: int) -> Baselines:
        """Compute both baselines from the summed pixel counts of the masks."""
        everything = ConfusionCounts(foreground_pixels, pixels - foreground_pixels, 0, 0)
        nothing = ConfusionCounts(0, 0, foreground_pixels, pixels - foreground_pixels)
        return cls(all_foreground=everything.jaccard, empty=nothing.jaccard)
