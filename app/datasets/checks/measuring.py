"""Measuring one image/mask pair for the checks: every number and small picture that they look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from app.datasets.checks.alignment import align
from app.datasets.checks.illumination import measure_illumination
from app.datasets.checks.measures import SMALL_SIDE, ItemMeasures
from app.datasets.checks.objects import measure_objects

_PERCENTILES = (1, 25, 50, 75, 99)
_VALUES_KEPT = 256
_NEAR_BACKGROUND = 0.01
_NEAR_FOREGROUND = 0.99
_CAMERA_BITS = (10, 12, 14)
_DISTINCT_SIDE = 320
_DISTINCT_SIGMA = 1.0
#: The most distinct structures are the pixels above this percentile.
_DISTINCT_PERCENTILE = 99.95
_MAD_TO_DEVIATION = 1.4826


@dataclass(frozen=True, slots=True)
class PairIdentity:
    """Which item is measured; see `ItemMeasures` for the fields."""

    name: str
    group: str
    family: str
    image_sha256: str
    mask_sha256: str
    window: tuple[int, int, int, int] | None = None


def measure_pair(
    image: NDArray[Any],
    mask: NDArray[Any],
    foreground: NDArray[np.bool_],
    *,
    identity: PairIdentity,
    full_scale: float | None,
    low: float = 0.0,
    high: float = 1.0,
) -> ItemMeasures:
    """Measure one pair.

    Parameters
    ----------
    image : ndarray, shape (H, W) or (H, W, 3)
        As decoded, in its stored type.
    mask : ndarray, shape (H, W)
        As decoded, in its stored type.
    foreground : ndarray of bool, shape (H, W)
        The mask after its rule and correction: what a network is trained on.
    identity : PairIdentity
        Which item it is.
    full_scale : float or None
        The mask value of a pixel that is wholly foreground (`ResolvedMaskRule.full_scale`); None for label masks.
    low, high : float
        The set's intensity range. Where it is not yet known, leave 0 and 1: grey values stay in stored units, and
        `ItemMeasures.rescaled` brings them to the range later.
    """
    grey = _grey(image)
    stored_min, stored_max = float(image.min()), float(image.max())
    dark_share, bright_share = _end_shares(image, stored_min=stored_min, stored_max=stored_max)
    values, distinct = _mask_values(mask)
    light = measure_illumination(grey, foreground)
    objects = measure_objects(foreground)
    alignment = align(grey, foreground)
    measures = ItemMeasures(
        name=identity.name,
        group=identity.group,
        family=identity.family,
        image_sha256=identity.image_sha256,
        mask_sha256=identity.mask_sha256,
        window=identity.window,
        height=image.shape[0],
        width=image.shape[1],
        channels=1 if image.ndim == 2 else image.shape[2],
        image_dtype=str(image.dtype),
        mask_dtype=str(mask.dtype),
        stored_min=stored_min,
        stored_max=stored_max,
        image_mean=float(grey.mean(dtype=np.float64)),
        image_std=float(grey.std(dtype=np.float64)),
        dark_share=dark_share,
        bright_share=bright_share,
        image_percentiles=np.percentile(grey, _PERCENTILES).astype(np.float32),
        gradient=light.gradient,
        background_level=light.level,
        distinctness=_distinctness(grey),
        contrast=_contrast(grey, foreground),
        mask_values=values,
        mask_distinct=distinct,
        mask_max=float(mask.max()),
        fractional_share=_fractional_share(mask, full_scale),
        foreground_fraction=float(foreground.mean()),
        object_count=objects.count,
        background_count=objects.background_count,
        border_share=objects.border_share,
        object_area_median=objects.area_median,
        object_area_max=objects.area_max,
        shift=alignment.shift,
        shift_confidence=alignment.confidence,
        shift_gain=alignment.gain,
        match=alignment.match,
        local_shifts=alignment.local_shifts,
        sharpness=_sharpness(grey),
        small_image=_small(grey),
        small_mask=_small(foreground.astype(np.float32)),
    )
    return measures if (low, high) == (0.0, 1.0) else measures.rescaled(low=low, high=high)


def _grey(image: NDArray[Any]) -> NDArray[np.float32]:
    if image.ndim == 2:
        return np.asarray(image, np.float32)
    channels = image.shape[2]
    return np.asarray(image @ np.full(channels, 1 / channels, np.float32), np.float32)


def _end_shares(image: NDArray[Any], *, stored_min: float, stored_max: float) -> tuple[float, float]:
    if image.dtype.kind in "iu":
        low, high = (float(end) for end in (np.iinfo(image.dtype).min, np.iinfo(image.dtype).max))
        if image.dtype.itemsize > 1 and stored_max in {2.0**bits - 1 for bits in _CAMERA_BITS}:
            high = stored_max
    else:
        low, high = 0.0, 1.0
        if stored_min < low or stored_max > high:
            return 0.0, 0.0
    dark = np.count_nonzero(image == low) / image.size if stored_min == low else 0.0
    bright = np.count_nonzero(image == high) / image.size if stored_max == high else 0.0
    return float(dark), float(bright)


def _mask_values(mask: NDArray[Any]) -> tuple[dict[float, int], int]:
    if mask.dtype == np.bool_ or (mask.dtype.kind == "u" and mask.dtype.itemsize <= 2):
        counts = np.bincount(mask.ravel())
        values = np.flatnonzero(counts)
        counts = counts[values]
    else:
        values, counts = np.unique(mask, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:_VALUES_KEPT]
    return {float(values[index]): int(counts[index]) for index in sorted(most)}, len(values)


def _fractional_share(mask: NDArray[Any], full_scale: float | None) -> float:
    if full_scale is None:
        return 0.0
    between = (mask > _NEAR_BACKGROUND * full_scale) & (mask < _NEAR_FOREGROUND * full_scale)
    return float(between.mean())


def _contrast(grey: NDArray[np.float32], foreground: NDArray[np.bool_]) -> float:
    inside = int(np.count_nonzero(foreground))
    if inside in (0, foreground.size):
        return float("nan")
    total = float(grey.sum(dtype=np.float64))
    within = float(grey[foreground].sum(dtype=np.float64))
    return within / inside - (total - within) / (foreground.size - inside)


def _sharpness(grey: NDArray[np.float32]) -> float:
    if min(grey.shape) < 3:
        return 0.0
    laplacian = grey[2:, 1:-1] + grey[:-2, 1:-1] + grey[1:-1, 2:] + grey[1:-1, :-2] - 4 * grey[1:-1, 1:-1]
    return float(laplacian.var(dtype=np.float64))


def _distinctness(grey: NDArray[np.float32]) -> float:
    factor = -(-max(grey.shape) // _DISTINCT_SIDE)
    height, width = (max(1, side // factor) for side in grey.shape)
    small = np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BOX), np.float32)
    flat = ndimage.gaussian_filter(small, _DISTINCT_SIGMA, truncate=3.0)
    flat -= ndimage.uniform_filter(flat, max(15, max(small.shape) // 8 | 1))
    sizes = np.abs(flat - np.median(flat))
    spread = _MAD_TO_DEVIATION * float(np.median(sizes))
    return float(np.percentile(sizes, _DISTINCT_PERCENTILE)) / spread if spread > 0 else 0.0


def _small(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(picture).resize((SMALL_SIDE, SMALL_SIDE), Image.Resampling.BOX), np.float32)
