"""Counts in the graph agree with the domain's and never lose a pixel."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from app.domain.metrics import ConfusionCounts
from worker.training.counts import as_counts, count_per_image, total


def test_counts_agree_with_the_domain() -> None:
    rng = np.random.default_rng(0)
    masks = (rng.random((5, 8, 9)) < 0.4).astype(np.uint8)
    probabilities = rng.random((5, 8, 9), dtype=np.float32)
    rows = count_per_image(tf.constant(masks), tf.constant(probabilities)).numpy()
    for row, mask, probability in zip(rows, masks, probabilities, strict=True):
        assert as_counts(row) == ConfusionCounts.from_arrays(mask > 0, probability > 0.5)


def test_one_half_and_nan_are_background() -> None:
    masks = tf.ones((1, 1, 3), tf.uint8)
    probabilities = tf.constant([[[0.5, float("nan"), 0.50001]]])
    assert as_counts(count_per_image(masks, probabilities).numpy()[0]) == ConfusionCounts(1, 0, 2, 0)


def test_more_pixels_than_float32_can_count() -> None:
    side = 4097
    masks = tf.ones((1, side, side), tf.uint8)
    counts = as_counts(count_per_image(masks, tf.ones((1, side, side))).numpy()[0])
    assert counts == ConfusionCounts(side * side, 0, 0, 0)
    assert float(np.float32(side * side)) != side * side


def test_total_sums_and_an_empty_total_is_zero() -> None:
    assert total([ConfusionCounts(1, 2, 3, 4), ConfusionCounts(10, 20, 30, 40)]) == ConfusionCounts(11, 22, 33, 44)
    assert total([]) == ConfusionCounts(0, 0, 0, 0)
