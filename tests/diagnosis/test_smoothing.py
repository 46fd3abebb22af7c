"""Medians of three."""

from __future__ import annotations

import math
import statistics

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.diagnosis.smoothing import median_of_three


@given(st.lists(st.floats(allow_nan=False), max_size=20))
def test_it_is_the_median(values: list[float]) -> None:
    expected = [statistics.median(values[end - 3 : end]) for end in range(3, len(values) + 1)]
    assert median_of_three(np.array(values)).tolist() == expected


def test_a_nan_spoils_only_the_medians_that_hold_it() -> None:
    medians = median_of_three(np.array([1.0, math.nan, 3.0, 4.0, 5.0])).tolist()
    assert math.isnan(medians[0])
    assert math.isnan(medians[1])
    assert medians[2] == 4.0
