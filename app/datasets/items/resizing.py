"""Resizing: images with antialiasing, masks by nearest neighbour so that they stay binary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def resize_image(image: NDArray[np.float32], *, height: int, width: int) -> NDArray[np.float32]:
    """Resize by linear interpolation, widened to the scale where it shrinks (antialiasing).

    Parameters
    ----------
    image : ndarray of float32
        (H, W, C).
    height, width : int
        The new size.

    Returns
    -------
    ndarray of float32
        (height, width, C), never outside the range of `image`. The same size returns the same values.
    """
    if image.shape[:2] == (height, width):
        return image
    planes = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(image[..., channel])).resize(
                (width, height), Image.Resampling.BILINEAR
            )
        )
        for channel in range(image.shape[-1])
    ]
    # Sums of rounded weights may overshoot by one unit in the last place.
    return np.asarray(np.clip(np.stack(planes, axis=-1), image.min(), image.max()), np.float32)


def resize_nearest(mask: NDArray[Any], *, height: int, width: int) -> NDArray[Any]:
    """Resize by nearest neighbour between pixel centres.

    Row i of the result is row floor((i + ½)·H / height) of `mask`, and columns alike.

    Parameters
    ----------
    mask : ndarray
        (H, W).
    height, width : int
        The new size.
    """
    rows = (2 * np.arange(height) + 1) * mask.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * mask.shape[1] // (2 * width)
    return np.asarray(mask[rows[:, np.newaxis], columns])
