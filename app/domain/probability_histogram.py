"""What a set of predictions scores at any threshold, exactly, from two histograms an item.

A probability p is stored as the 8-bit value v that stands for (v/256, (v + 1)/256], so that v ≥ k exactly where
p > k/256 (`worker.training.probability_codec`). How many background and how many foreground pixels of an item have each
of the 256 values is all that thresholds, ranking and calibration need. An item's histograms are an array of shape
(2, 256): row 0 counts its background pixels, row 1 its foreground pixels. Sums over items are histograms, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.metrics import ConfusionCounts

VALUES = 256

#: The value from which on a pixel is above the threshold 0.5.
HALF = VALUES // 2

#: Bins of the calibration error, 16 values each. Guo et al. use 15; 16 divides the values.
CALIBRATION_BINS = 16


def item_histograms(values: NDArray[np.uint8], masks: NDArray[Any]) -> NDArray[np.uint32]:
    """Count the values of each item's background and foreground.

    Parameters
    ----------
    values : ndarray of uint8, shape (items, height, width)
        Encoded probabilities.
    masks : ndarray of bool or integer, shape (items, height, width)
        Above 0 is foreground.

    Returns
    -------
    ndarray of uint32, shape (items, 2, 256)
    """
    if values.shape != masks.shape or values.ndim != 3:
        raise ValueError(
            f"Invalid values: received shape {values.shape}, expected (items, height, width) like the masks' "
            f"{masks.shape}."
        )
    items = len(values)
    rows = 2 * np.arange(items, dtype=np.int64)[:, np.newaxis, np.newaxis] + (masks > 0)
    counts = np.bincount((VALUES * rows + values).ravel(), minlength=items * 2 * VALUES)
    return counts.reshape(items, 2, VALUES).astype(np.uint32)


def counts_from(histogram: NDArray[np.integer], value: int = HALF) -> ConfusionCounts:
    """Count the confusion of the prediction that is foreground above the threshold `value` / 256.

    Parameters
    ----------
    histogram : ndarray of integer, shape (2, 256)
        Of an item, or summed over items.
    value : int, optional
        1 to 255; 128 is the threshold 0.5.
    """
    if not 0 < value < VALUES:
        raise ValueError(f"Invalid value: received {value}, expected 1 to {VALUES - 1}.")
    # uint32 sums of many large images would overflow.
    wide = histogram.astype(np.int64)
    (true_negative, false_negative) = wide[:, :value].sum(axis=1).tolist()
    (false_positive, true_positive) = wide[:, value:].sum(axis=1).tolist()
    return ConfusionCounts(true_positive, false_positive, false_negative, true_negative)


def jaccard_by_value(histogram: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the Jaccard at each threshold k/256 for k from 1 to 255; 1 where mask and prediction are both empty.

    Parameters
    ----------
    histogram : ndarray of integer, shape (2, 256)

    Returns
    -------
    ndarray of float64, shape (255,)
        Entry k − 1 belongs to the threshold k/256.
    """
    false_positive, true_positive = _above(histogram)[:, 1:]
    union = false_positive + int(histogram[1].sum(dtype=np.int64))
    scores: NDArray[np.float64] = np.divide(true_positive, union, out=np.ones(VALUES - 1), where=union > 0)
    return scores


def best_threshold(histogram: NDArray[np.integer]) -> tuple[float, float]:
    """Return the threshold with the highest Jaccard, and that Jaccard; of equals, the one nearest to 0.5.

    A threshold that was chosen on the items that it is scored on flatters: compare it with another set's.

    Parameters
    ----------
    histogram : ndarray of integer, shape (2, 256)

    Returns
    -------
    (float, float)
        A multiple of 1/256 from 1/256 to 255/256, and a Jaccard from 0 to 1.
    """
    scores = jaccard_by_value(histogram)
    candidates = np.flatnonzero(scores == scores.max()) + 1
    nearest = int(candidates[np.argmin(np.abs(candidates - HALF))])
    return nearest / VALUES, float(scores[nearest - 1])


def average_precision(histogram: NDArray[np.integer]) -> float:
    """Return the average precision, Σ (Rₖ − Rₖ₊₁)·Pₖ over the values k from the highest down: the step-wise area.

    Recall R and precision P are those of the prediction v ≥ k, k from 0 to 255; this is exact for the 8-bit values, and
    is what scikit-learn's `average_precision_score` computes from them. Without foreground it is 1, as the metrics'
    other conventions have it (the empty prediction, which comes first, has precision and recall 1).

    Parameters
    ----------
    histogram : ndarray of integer, shape (2, 256)
    """
    foreground = int(histogram[1].sum(dtype=np.int64))
    if foreground == 0:
        return 1.0
    false_positive, true_positive = _above(histogram)
    painted = false_positive + true_positive
    precision = np.divide(true_positive, painted, out=np.zeros(VALUES), where=painted > 0)
    return float((precision * histogram[1]).sum() / foreground)


def calibration_error(histogram: NDArray[np.integer]) -> float:
    """Return the expected calibration error: by how much probability and frequency of foreground differ, 0 to 1.

    The pixels are binned by probability in 16 equal bins; the error is the mean over the pixels of the distance between
    a bin's mean probability and its share of foreground. The mean probability is taken from the middle of each of the
    256 values, (v + ½)/256, and so is known to 1/512.

    Parameters
    ----------
    histogram : ndarray of integer, shape (2, 256)

    References
    ----------
    Naeini, Cooper, Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning", AAAI.
    Guo et al. 2017, "On calibration of modern neural networks", arXiv 1706.04599, equation 3.
    """
    wide = histogram.astype(np.float64)
    probability = (np.arange(VALUES) + 0.5) / VALUES
    expected = (wide.sum(axis=0) * probability).reshape(CALIBRATION_BINS, -1).sum(axis=1)
    actual = wide[1].reshape(CALIBRATION_BINS, -1).sum(axis=1)
    pixels = wide.sum()
    return float(np.abs(actual - expected).sum() / pixels) if pixels else 0.0


def _above(histogram: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return how many background and foreground pixels have at least each value, shape (2, 256)."""
    return np.cumsum(histogram[:, ::-1].astype(np.int64), axis=1)[:, ::-1]
