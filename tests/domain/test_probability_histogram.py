"""Everything that the histograms say, against the same computed from the pixels themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from app.domain.metrics import ConfusionCounts
from app.domain.probability_histogram import (
    HALF,
    average_precision,
    best_threshold,
    calibration_error,
    counts_from,
    item_histograms,
    jaccard_by_value,
)

Items = tuple[NDArray[np.uint8], NDArray[np.bool_]]


@st.composite
def items(draw: st.DrawFn) -> Items:
    """Draw encoded probabilities and masks of one to three small images, some of them empty or full."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    steps = draw(st.sampled_from([1, 2, 16, 256]))
    values = random.integers(0, steps, shape) * (256 // steps) if steps < 256 else random.integers(0, 256, shape)
    masks = random.random(shape) < draw(st.sampled_from([0.0, 0.2, 0.7, 1.0]))
    return values.astype(np.uint8), masks


@given(items())
def test_counts_at_every_threshold_are_those_of_the_pixels(drawn: Items) -> None:
    values, masks = drawn
    histograms = item_histograms(values, masks)
    assert histograms.shape == (len(values), 2, 256)
    assert histograms.dtype == np.uint32
    for histogram, item, mask in zip(histograms, values, masks, strict=True):
        for value in (1, 2, 100, HALF, 129, 255):
            assert counts_from(histogram, value) == ConfusionCounts.from_arrays(mask, item >= value)


@given(items())
def test_jaccard_and_the_best_threshold_are_those_of_a_search_over_the_pixels(drawn: Items) -> None:
    values, masks = drawn
    histogram = item_histograms(values, masks).sum(axis=0)
    scores = [ConfusionCounts.from_arrays(masks, values >= value).jaccard for value in range(1, 256)]
    np.testing.assert_allclose(jaccard_by_value(histogram), scores)
    threshold, score = best_threshold(histogram)
    assert score == pytest.approx(max(scores))
    assert scores[round(256 * threshold) - 1] == pytest.approx(score)
    nearer = [value for value in range(1, 256) if abs(value - HALF) < abs(round(256 * threshold) - HALF)]
    assert all(scores[value - 1] < score for value in nearer)


@given(items())
@settings(max_examples=60)
def test_average_precision_is_that_of_scikit_learn(drawn: Items) -> None:
    values, masks = drawn
    histogram = item_histograms(values, masks).sum(axis=0)
    if masks.any():
        expected = average_precision_score(masks.ravel(), values.ravel())
        assert average_precision(histogram) == pytest.approx(expected, abs=1e-12)
    else:
        assert average_precision(histogram) == 1


def test_calibration_error_by_hand() -> None:
    """Two bins: 100 pixels at 0.9 of which 60 are foreground, 300 at 0.1 of which 30 are."""
    high, low = 230, 25
    values = np.repeat([high, low], [100, 300]).astype(np.uint8).reshape(1, 1, -1)
    masks = np.concatenate([np.arange(100) < 60, np.arange(300) < 30]).reshape(1, 1, -1)
    histogram = item_histograms(values, masks)[0]
    expected = (100 * abs(0.6 - 230.5 / 256) + 300 * abs(0.1 - 25.5 / 256)) / 400
    assert calibration_error(histogram) == pytest.approx(expected)


def test_calibrated_probabilities_have_almost_no_error() -> None:
    random = np.random.default_rng(0)
    values = random.integers(0, 256, (4, 200, 200)).astype(np.uint8)
    masks = random.random(values.shape) < (values + 0.5) / 256
    assert calibration_error(item_histograms(values, masks).sum(axis=0)) < 0.01
    assert calibration_error(item_histograms(values, ~masks).sum(axis=0)) == pytest.approx(0.5, abs=0.02)


def test_nothing_at_all_has_no_error() -> None:
    assert calibration_error(np.zeros((2, 256), np.int64)) == 0


def test_sums_of_many_large_images_do_not_overflow() -> None:
    histogram = np.zeros((2, 256), np.uint32)
    histogram[:, 200] = histogram[:, 40] = 2**31
    assert counts_from(histogram).total == 2**33
    assert jaccard_by_value(histogram)[HALF - 1] == pytest.approx(1 / 3)
    assert average_precision(histogram) == pytest.approx(0.5)


@pytest.mark.parametrize("value", [0, 256, -1])
def test_a_threshold_outside_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match=f"received {value}, expected 1 to 255"):
        counts_from(np.zeros((2, 256), np.uint32), value)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"received shape \(1, 2, 2\)"):
        item_histograms(np.zeros((1, 2, 2), np.uint8), np.zeros((1, 2, 3), np.uint8))
