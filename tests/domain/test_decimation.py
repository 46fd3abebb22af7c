"""Decimated curves keep every spike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from app.domain.decimation import decimate_min_max

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]

values = st.floats(allow_nan=True, allow_infinity=True, width=64)


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    count = draw(st.integers(0, 60))
    columns = draw(st.integers(1, 3))
    x = np.sort(draw(npst.arrays(np.float64, count, elements=st.floats(-1e6, 1e6))))
    y = draw(npst.arrays(np.float64, (count, columns), elements=values))
    return x, y


def bucket_of(x: NDArray[np.float64], buckets: int) -> NDArray[np.int64]:
    width = x[-1] / 2 - x[0] / 2
    if width <= 0:
        return np.zeros(len(x), dtype=np.int64)
    clipped: NDArray[np.int64] = np.minimum(((x / 2 - x[0] / 2) / width * buckets).astype(np.int64), buckets - 1)
    return clipped


def runs_of(column: NDArray[np.float64]) -> list[list[int]]:
    """Lists of the indices of consecutive equal non-finite values."""
    runs: list[list[int]] = []
    for index, value in enumerate(column):
        if np.isfinite(value):
            continue
        is_same = index > 0 and (column[index - 1] == value or (np.isnan(column[index - 1]) and np.isnan(value)))
        if is_same:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


@given(curve=curves(), buckets=st.integers(1, 20))
def test_nothing_that_shows_is_lost(curve: Curve, buckets: int) -> None:
    x, y = curve
    indices = decimate_min_max(x, y, buckets=buckets)
    assert indices.tolist() == sorted(set(indices.tolist()))
    if not len(x):
        assert indices.size == 0
        return
    assert indices[0] == 0
    assert indices[-1] == len(x) - 1
    kept = set(indices.tolist())
    bucket = bucket_of(x, buckets)
    for column in y.T:
        for number in np.unique(bucket):
            members = np.flatnonzero((bucket == number) & np.isfinite(column))
            if members.size:
                shown = column[[i for i in members if i in kept]]
                assert shown.min() == column[members].min()
                assert shown.max() == column[members].max()
        for run in runs_of(column):
            assert run[0] in kept
            assert run[-1] in kept


@given(curve=curves(), buckets=st.integers(1, 20))
def test_the_length_is_bounded(curve: Curve, buckets: int) -> None:
    x, y = curve
    runs = max(len(runs_of(column)) for column in y.T)
    indices = decimate_min_max(x, y, buckets=buckets)
    assert len(indices) <= min(len(x), 2 + y.shape[1] * (2 * buckets + 2 * runs))


@given(curve=curves(), buckets=st.integers(1, 20))
def test_several_curves_are_the_union_of_each(curve: Curve, buckets: int) -> None:
    x, y = curve
    each = [decimate_min_max(x, column, buckets=buckets) for column in y.T]
    assert decimate_min_max(x, y, buckets=buckets).tolist() == np.unique(np.concatenate(each)).tolist()


def test_one_spike_among_a_million_is_kept() -> None:
    y = np.zeros(1_000_000)
    y[765_432] = 1
    indices = decimate_min_max(np.arange(1_000_000.0), y, buckets=1000)
    assert 765_432 in indices
    assert len(indices) <= 2002


def test_kinds_of_non_finite_values_are_marked_apart() -> None:
    y = np.array([0, np.nan, np.nan, np.nan, np.inf, -np.inf, 0, 0, 0])
    assert {1, 3, 4, 5} <= set(decimate_min_max(np.arange(9.0), y, buckets=1).tolist())


def test_equal_x_is_one_bucket() -> None:
    assert decimate_min_max(np.ones(5), np.array([0, 3, 1, -1, 0.0]), buckets=4).tolist() == [0, 1, 3, 4]


def test_a_range_wider_than_the_largest_float() -> None:
    x = np.array([-1.7e308, 0, 1.7e308])
    assert decimate_min_max(x, np.array([0, 1.0, 0]), buckets=10).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("x", "y", "buckets", "message"),
    [
        ([0.0, 1.0], [0.0, 1.0], 0, "Invalid buckets"),
        ([0.0, 1.0], [0.0], 1, "Invalid y"),
        ([1.0, 0.0], [0.0, 1.0], 1, "Invalid x"),
        ([0.0, np.nan], [0.0, 1.0], 1, "Invalid x"),
    ],
)
def test_invalid_input_is_refused(x: list[float], y: list[float], buckets: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decimate_min_max(np.array(x), np.array(y), buckets=buckets)
