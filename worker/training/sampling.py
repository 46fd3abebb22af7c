"""Which item comes when, and which crop of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.domain.sampling_spec import SamplingSpec


def epoch_order(items: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order of the items in `epoch`; it depends on nothing else, so that a resume repeats it."""
    return np.random.default_rng([seed, epoch]).permutation(items)


def foreground_order(
    has_foreground: NDArray[np.bool_], *, spec: SamplingSpec, seed: int, epoch: int
) -> NDArray[np.int64]:
    """Return as many draws as there are items, those with foreground `spec.foreground_weight` times as often.

    The draws are systematic (one random offset, equal steps along the cumulated weights), so that each item comes as
    often as its weight says, rounded up or down, and shuffled then. With equal weights, each item comes once.

    Parameters
    ----------
    has_foreground : ndarray of bool, shape (items,)
        Of the masks.

    References
    ----------
    Madow & Madow 1944, "On the theory of systematic sampling", Annals of Mathematical Statistics 15(1).
    """
    items = len(has_foreground)
    weights = np.where(has_foreground, spec.foreground_weight, 1.0)
    if np.all(weights == weights[0]):
        return epoch_order(items, seed=seed, epoch=epoch)
    rng = np.random.default_rng([seed, epoch])
    edges = np.cumsum(weights) * (items / weights.sum())
    drawn = np.searchsorted(edges, np.arange(items) + rng.random(), side="right")
    # The sum of the weights is rounded: the last draw could fall behind the last edge.
    order: NDArray[np.int64] = rng.permutation(np.minimum(drawn, items - 1))
    return order


def crop_corner(
    mask: NDArray[np.uint8], *, height: int, width: int, foreground_crops: float, rng: np.random.Generator
) -> tuple[int, int]:
    """Draw where a crop begins.

    With probability `foreground_crops`, the crop is centred on a random foreground pixel as far as the image's edge
    allows, so that the pixel is inside; else, or without foreground, it is anywhere.

    Parameters
    ----------
    mask : ndarray of uint8, shape (rows, columns)
        At least `height` × `width`.

    Returns
    -------
    tuple of int
        First row and first column.
    """
    rows, columns = mask.shape
    if rng.random() < foreground_crops:
        foreground = np.flatnonzero(mask)
        if len(foreground):
            row, column = divmod(int(foreground[rng.integers(len(foreground))]), columns)
            return (
                int(np.clip(row - height // 2, 0, rows - height)),
                int(np.clip(column - width // 2, 0, columns - width)),
            )
    return int(rng.integers(rows - height + 1)), int(rng.integers(columns - width + 1))
