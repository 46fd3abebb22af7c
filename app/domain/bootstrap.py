"""How far a mean over few items may be from the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95


def mean_interval(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of the mean by the percentile bootstrap.

    The items are drawn again with replacement, as many as there are; the interval holds the middle 95 % of the means.
    The same values in the same order give the same interval. With one item nothing can be said, and the interval is
    that value; with fewer than about ten, it is too narrow.

    Parameters
    ----------
    values : sequence of float
        One for each item, at least one.
    seed : int, optional
        Of the draws.

    References
    ----------
    Efron & Tibshirani 1993, "An introduction to the bootstrap", chapter 13.
    """
    if not values:
        raise ValueError("Invalid values: received none, expected at least one.")
    array = np.asarray(values, np.float64)
    draws = np.random.default_rng(seed).integers(len(array), size=(RESAMPLES, len(array)))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(array[draws].mean(axis=1), (tail, 100 - tail))
    return float(low), float(high)
