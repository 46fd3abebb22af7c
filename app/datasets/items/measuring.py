"""The numbers of one image/mask pair."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.items.mask_rules import ResolvedMaskRule

_BLOCK_PIXELS = 1_000_000
_NEAR_BACKGROUND = 0.01
_NEAR_FOREGROUND = 0.99


def image_statistics(image: NDArray[Any]) -> dict[str, float | int]:
    """Return `image_mean`, `image_std`, `image_min` and `image_max` over all pixels and channels."""
    mean = float(np.mean(image, dtype=np.float64))
    # Row blocks: the squared deviations of a whole large image would take eight times its memory.
    rows = max(1, _BLOCK_PIXELS // max(1, image[0].size))
    squares = sum(
        float(np.square(image[start : start + rows].astype(np.float64) - mean).sum())
        for start in range(0, image.shape[0], rows)
    )
    return {
        "image_mean": mean,
        "image_std": float(np.sqrt(squares / image.size)),
        "image_min": image.min().item(),
        "image_max": image.max().item(),
    }


def mask_statistics(mask: NDArray[Any]) -> dict[str, float | int]:
    """Return `mask_min`, `mask_max` and `mask_n_unique`, the number of different values."""
    return {
        "mask_min": mask.min().item(),
        "mask_max": mask.max().item(),
        "mask_n_unique": _count_values(mask),
    }


def foreground_fraction(mask: NDArray[np.bool_]) -> float:
    """Return the share of pixels that are foreground."""
    return float(np.count_nonzero(mask) / mask.size)


def fractional_share(mask: NDArray[Any], rule: ResolvedMaskRule) -> float:
    """Return the share of pixels strictly between background and foreground value; 0 for label masks."""
    if rule.full_scale is None:
        return 0.0
    low, high = _NEAR_BACKGROUND * rule.full_scale, _NEAR_FOREGROUND * rule.full_scale
    return float(np.count_nonzero((mask > low) & (mask < high)) / mask.size)


def _count_values(mask: NDArray[Any]) -> int:
    if mask.dtype.kind in "iu" and mask.dtype.itemsize <= 2:
        seen = np.zeros(1 << (8 * mask.dtype.itemsize), np.bool_)
        seen[mask.view(np.uint8 if mask.dtype.itemsize == 1 else np.uint16)] = True
        return int(np.count_nonzero(seen))
    return int(np.unique(mask).size)
