"""Steps come back from their chunks bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from app.domain.history import STEP_COLUMNS
from app.store.step_codec import decode_steps, encode_steps, join_steps

_steps = st.integers(0, 40).flatmap(
    lambda count: arrays(np.float32, (count, len(STEP_COLUMNS)), elements=st.floats(width=32))
)


@given(_steps)
def test_round_trip_keeps_every_bit(values: NDArray[np.float32]) -> None:
    decoded = decode_steps(encode_steps(values), len(values))

    np.testing.assert_array_equal(decoded, values)


@given(st.lists(_steps, max_size=4))
def test_join_keeps_the_order(chunks: list[NDArray[np.float32]]) -> None:
    joined = join_steps([(encode_steps(chunk), len(chunk)) for chunk in chunks])

    expected = np.concatenate([np.empty((0, len(STEP_COLUMNS)), np.float32), *chunks])
    np.testing.assert_array_equal(joined, expected)


def test_not_finite_values_survive() -> None:
    values = np.array([[np.nan, np.inf, -np.inf, -0.0, 1e-38]], np.float32)

    decoded = decode_steps(encode_steps(values), 1)

    np.testing.assert_array_equal(decoded, values)
    assert np.signbit(decoded[0, 3])


@pytest.mark.parametrize("shape", [(3,), (3, len(STEP_COLUMNS) + 1)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="Invalid steps: received shape"):
        encode_steps(np.zeros(shape, np.float32))
