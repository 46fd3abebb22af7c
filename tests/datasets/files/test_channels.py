"""Grey, colour and intensity range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.datasets.files.channels import normalise, to_channels


@given(arrays(np.uint16, (4, 5)))
def test_grey_survives_the_way_to_colour_and_back(image: np.ndarray) -> None:
    colour = to_channels(image, 3)
    assert colour.shape == (4, 5, 3)
    np.testing.assert_array_equal(to_channels(colour, 1)[..., 0], image)


def test_luma_is_the_documented_one() -> None:
    image = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert to_channels(image, 1)[0, :, 0].tolist() == [76, 150, 29]


def test_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 or 3"):
        to_channels(np.zeros((2, 2)), 2)
    with pytest.raises(ValueError, match=r"received shape \(2, 2, 4\)"):
        to_channels(np.zeros((2, 2, 4)), 3)


@given(
    image=arrays(np.float64, (3, 4), elements=st.floats(-1e6, 1e6)),
    low=st.floats(-1e5, 1e5),
    span=st.floats(1e-3, 1e5),
)
def test_normalise_is_bounded_and_monotonic(image: np.ndarray, low: float, span: float) -> None:
    scaled = normalise(image, low=low, high=low + span)
    assert scaled.dtype == np.float32
    assert scaled.min() >= 0
    assert scaled.max() <= 1
    assert (np.diff(scaled.reshape(-1)[np.argsort(image.reshape(-1))]) >= 0).all()


def test_normalise_hits_the_ends() -> None:
    assert normalise(np.array([0, 255], np.uint8), low=0, high=255).tolist() == [0, 1]
    assert normalise(np.array([100, 4095], np.uint16), low=100, high=4095).tolist() == [0, 1]


def test_constant_set_is_black_and_reversed_range_is_refused() -> None:
    assert normalise(np.full((2, 2), 7, np.uint8), low=7, high=7).max() == 0
    with pytest.raises(ValueError, match="low ≤ high"):
        normalise(np.zeros((2, 2)), low=1, high=0)
