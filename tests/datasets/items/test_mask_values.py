"""The histogram that foreground labels are chosen from."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.datasets.items.mask_values import MaskValues


@given(
    st.lists(
        st.sampled_from([np.uint8, np.uint16, np.int32, np.float32]).flatmap(
            lambda dtype: arrays(dtype, (4, 5), elements=st.integers(0, 200).map(dtype))
        ),
        max_size=4,
    )
)
def test_pixels_are_counted_by_value_whatever_the_type(masks: list[np.ndarray]) -> None:
    counted = MaskValues()
    for mask in masks:
        counted.add(mask)
    every = np.concatenate([mask.astype(float).ravel() for mask in masks]) if masks else np.array([])
    values, counts = np.unique(every, return_counts=True)
    assert counted.table() == [[value, count] for value, count in zip(values.tolist(), counts.tolist(), strict=True)]
    assert counted.distinct == len(values)
    json.dumps(counted.table())


def test_the_most_frequent_values_are_kept_and_memory_is_bounded() -> None:
    counted = MaskValues()
    for _ in range(3):
        counted.add(np.random.default_rng(0).random((300, 300), np.float32))
    counted.add(np.full((9, 9), 7, np.int32))
    table = counted.table()
    assert len(table) == 256
    assert [7, 81] in table
    assert counted.distinct <= 3 * 65_536


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
def test_a_tile_that_is_not_contiguous(dtype: type) -> None:
    counted = MaskValues()
    counted.add(np.arange(16, dtype=dtype).reshape(4, 4)[1:3, 1:3])
    assert [value for value, _ in counted.table()] == [5, 6, 9, 10]
