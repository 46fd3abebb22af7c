"""Counting and sizing the objects of a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_EIGHT_CONNECTED = np.ones((3, 3), np.bool_)


@dataclass(frozen=True, slots=True)
class Objects:
    """What a mask holds.

    Parameters
    ----------
    count : int
        Connected components of the foreground (8-connectivity).
    area_median, area_max : float
        In pixels; 0 without objects.
    background_count : int
        Connected components of the background (4-connectivity).
    border_share : float
        Share of the picture's border pixels that are foreground.
    """

    count: int
    area_median: float
    area_max: float
    background_count: int
    border_share: float


def measure_objects(mask: NDArray[np.bool_]) -> Objects:
    """Count and size the objects of a mask (H, W)."""
    labels, count = ndimage.label(mask, _EIGHT_CONNECTED)
    areas = np.bincount(labels.ravel())[1:]
    _, background_count = ndimage.label(~mask)
    border = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    return Objects(
        count=int(count),
        area_median=float(np.median(areas)) if count else 0.0,
        area_max=float(areas.max()) if count else 0.0,
        background_count=int(background_count),
        border_share=float(border.mean()),
    )
