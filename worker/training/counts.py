"""Confusion counts in the graph.

A float32 sum stops counting at 2²⁴, which sixteen images of 1024×1024 pixels reach; the sums here are int64
(int32 sums would be placed on the host when a GPU trains).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from app.domain.metrics import THRESHOLD, ConfusionCounts


def count_per_image(masks: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Count each image's pixels.

    Parameters
    ----------
    masks : Tensor of uint8, shape (batch, height, width)
        0 and 1.
    probabilities : Tensor of float32, shape (batch, height, width)
        Above the threshold, strictly, is foreground; NaN is not.

    Returns
    -------
    Tensor of int64, shape (batch, 4)
        True positive, false positive, false negative, true negative.
    """
    actual = masks > 0
    predicted = probabilities > THRESHOLD
    cells = (
        tf.logical_and(actual, predicted),
        tf.logical_and(tf.logical_not(actual), predicted),
        tf.logical_and(actual, tf.logical_not(predicted)),
        tf.logical_not(tf.logical_or(actual, predicted)),
    )
    return tf.stack([tf.reduce_sum(tf.cast(cell, tf.int64), axis=(1, 2)) for cell in cells], axis=1)


def as_counts(row: NDArray[np.int64]) -> ConfusionCounts:
    """Turn one row of `count_per_image` into counts."""
    true_positive, false_positive, false_negative, true_negative = (int(value) for value in row)
    return ConfusionCounts(true_positive, false_positive, false_negative, true_negative)


def total(counts: Iterable[ConfusionCounts]) -> ConfusionCounts:
    """Sum counts without ever leaving Python's unbounded integers."""
    return sum(counts, start=ConfusionCounts(0, 0, 0, 0))
