"""Medians of three epochs: what one epoch cannot move."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Epochs in a median.
SMOOTHING_EPOCHS = 3


def median_of_three(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of each value and its two predecessors.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        In the order of the epochs. A NaN makes the medians that hold it NaN.

    Returns
    -------
    ndarray of float64, shape (max(n - 2, 0),)
        Element `i` belongs to `values[i + 2]`: nothing later than an epoch changes its median.

    Examples
    --------
    >>> median_of_three(np.array([0.5, 0.0, 0.6, 0.7])).tolist()
    [0.5, 0.6]
    """
    if values.size < SMOOTHING_EPOCHS:
        return np.empty(0)
    first, second, third = values[:-2], values[1:-1], values[2:]
    smaller, larger = np.minimum(first, second), np.maximum(first, second)
    return np.maximum(smaller, np.minimum(larger, third))
