"""Fewer points for a chart, without losing a spike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def decimate_min_max(x: NDArray[np.floating], y: NDArray[np.floating], *, buckets: int) -> NDArray[np.int64]:
    """Choose the points of curves that a chart of `buckets` pixel columns needs.

    The range of `x` is cut into equally wide buckets. Kept are the first and the last point, the lowest and the
    highest finite value of each bucket in each curve, and both ends of every run of consecutive NaN, +∞ or -∞, so
    that each can be marked in place.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Finite, never decreasing.
    y : ndarray, shape (n,) or (n, c)
        One curve, or c curves over the same `x`.
    buckets : int
        At least 1.

    Returns
    -------
    ndarray of int64
        Row indices, sorted and unique: at most ``2 + c · (2 · buckets + 2 · runs)`` of them, where `runs` is the
        largest number of non-finite runs in a curve, and never more than n.

    References
    ----------
    Jugel et al. 2014, "M4: A visualization-oriented time series data aggregation", VLDB 7 (10).
    """
    if buckets < 1:
        raise ValueError(f"Invalid buckets: received {buckets}, expected at least 1.")
    columns = y[:, np.newaxis] if y.ndim == 1 else y
    if x.ndim != 1 or columns.ndim != 2 or len(columns) != len(x):
        raise ValueError(f"Invalid y: received shape {y.shape}, expected ({len(x)},) or ({len(x)}, curves) as x has.")
    if not np.isfinite(x).all() or bool(np.any(np.diff(x) < 0)):
        raise ValueError("Invalid x: received values that are not finite or decrease, expected finite, sorted values.")
    count = len(x)
    if count <= 2:
        return np.arange(count, dtype=np.int64)
    starts = _bucket_starts(x, buckets=buckets)
    kept = np.zeros(count, dtype=bool)
    kept[[0, -1]] = True
    for column in columns.T:
        kept[_extremes(column, starts=starts)] = True
        kept[_run_ends(column)] = True
    return np.flatnonzero(kept).astype(np.int64)


def _bucket_starts(x: NDArray[np.floating], *, buckets: int) -> NDArray[np.int64]:
    """Return the index at which each bucket that is not empty starts."""
    # Halved, so that a range wider than the largest float does not overflow.
    half = x.astype(np.float64) / 2
    width = half[-1] - half[0]
    if width <= 0:
        return np.zeros(1, dtype=np.int64)
    bucket = np.minimum(((half - half[0]) / width * buckets).astype(np.int64), buckets - 1)
    return np.flatnonzero(np.diff(bucket, prepend=-1)).astype(np.int64)


def _extremes(column: NDArray[np.floating], *, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index of the first lowest and the first highest finite value of each bucket."""
    finite = np.isfinite(column)
    sizes = np.diff(starts, append=column.size)
    bucket = np.repeat(np.arange(starts.size), sizes)
    found = []
    for reduce, neutral in ((np.minimum, np.inf), (np.maximum, -np.inf)):
        extreme = reduce.reduceat(np.where(finite, column, neutral), starts)
        hits = np.flatnonzero(finite & (column == extreme[bucket]))
        # Of several equal values the first of each bucket will do: `bucket` is sorted, and so are the hits.
        _, firsts = np.unique(bucket[hits], return_index=True)
        found.append(hits[firsts])
    return np.concatenate(found).astype(np.int64)


def _run_ends(column: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the first and the last index of each run of the same non-finite value."""
    kind = np.select([np.isnan(column), column == np.inf, column == -np.inf], [1, 2, 3], default=0)
    change = np.diff(kind) != 0
    first = np.concatenate([[True], change]) & (kind != 0)
    last = np.concatenate([change, [True]]) & (kind != 0)
    return np.flatnonzero(first | last).astype(np.int64)
