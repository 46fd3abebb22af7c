"""Eight bits keep every threshold k/256 exact."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from worker.training.probability_codec import encode_in_graph, encode_probability

BOUNDARIES = np.arange(257, dtype=np.float32) / np.float32(256)
AROUND_BOUNDARIES = np.concatenate(
    [BOUNDARIES, np.nextafter(BOUNDARIES, np.float32(-1)), np.nextafter(BOUNDARIES, np.float32(2))]
).clip(0, 1)


def assert_thresholds_are_exact(probability: np.ndarray) -> None:
    encoded = encode_probability(probability)
    assert encoded.dtype == np.uint8
    for k in range(1, 257):
        np.testing.assert_array_equal(encoded >= k, probability > probability.dtype.type(k / 256))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_thresholds_are_exact_around_every_boundary(dtype: type[np.floating]) -> None:
    assert_thresholds_are_exact(AROUND_BOUNDARIES.astype(dtype))


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=50))
def test_thresholds_are_exact_for_any_float32(values: list[float]) -> None:
    assert_thresholds_are_exact(np.array(values, dtype=np.float32))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_thresholds_are_exact_for_any_float64(values: list[float]) -> None:
    assert_thresholds_are_exact(np.array(values, dtype=np.float64))


def test_one_half_is_background_and_the_next_number_is_foreground() -> None:
    half = np.float32(0.5)
    values = np.array([0, half, np.nextafter(half, np.float32(1)), 1], dtype=np.float32)
    assert encode_probability(values).tolist() == [0, 127, 128, 255]


def test_nan_is_background() -> None:
    assert encode_probability(np.array([[np.nan]], dtype=np.float32)).tolist() == [[0]]


def test_the_graph_encodes_as_numpy_does() -> None:
    random = np.random.default_rng(0).random(10_000, dtype=np.float32)
    values = np.concatenate([AROUND_BOUNDARIES, random, [np.nan]]).astype(np.float32)
    encoded = tf.function(encode_in_graph)(tf.constant(values)).numpy()
    assert encoded.dtype == np.uint8
    np.testing.assert_array_equal(encoded, encode_probability(values))
