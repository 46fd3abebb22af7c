"""Channels and intensities of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: ITU-R BT.601 luma: what Pillow, ImageJ (weighted) and OpenCV use to turn RGB into grey.
LUMA_WEIGHTS = (0.299, 0.587, 0.114)


def to_channels(image: NDArray[Any], channels: int) -> NDArray[Any]:
    """Give an image the wanted number of channels.

    Parameters
    ----------
    image : ndarray
        (H, W), (H, W, 1) or (H, W, 3).
    channels : int
        1: RGB becomes its luma, 0.299 R + 0.587 G + 0.114 B, rounded for integers. 3: grey is repeated.

    Returns
    -------
    ndarray
        (H, W, channels), same dtype.
    """
    if channels not in (1, 3):
        raise ValueError(f"Invalid channels: received {channels}, expected 1 or 3.")
    if image.ndim == 2:
        image = image[..., np.newaxis]
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(f"Invalid image: received shape {image.shape}, expected (H, W), (H, W, 1) or (H, W, 3).")
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    grey = image @ np.asarray(LUMA_WEIGHTS, np.float64)
    if image.dtype.kind in "iu":
        grey = np.rint(grey)
    return np.asarray(grey.astype(image.dtype)[..., np.newaxis])


def normalise(image: NDArray[Any], *, low: float, high: float) -> NDArray[np.float32]:
    """Map `low` to 0 and `high` to 1, linearly, clipping what lies outside.

    Parameters
    ----------
    image : ndarray
        Any shape, integers or floats.
    low, high : float
        The dataset's intensity range. Equal: the set is constant, and the result is all 0.

    Returns
    -------
    ndarray of float32
        Same shape, within 0 to 1.
    """
    if high < low:
        raise ValueError(f"Invalid intensity range: received {low} to {high}, expected low ≤ high.")
    if high == low:
        return np.zeros(image.shape, np.float32)
    # Float32 holds 16-bit integers exactly; wider types need the longer intermediate.
    wide: NDArray[Any] = image.astype(np.float32 if image.dtype.itemsize <= 2 else np.float64)
    scaled = (wide - low) / (high - low)
    return np.asarray(np.clip(scaled, 0, 1), np.float32)
