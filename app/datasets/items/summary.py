"""The numbers of a whole dataset."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.datasets.items.indexed import IndexedItem
from app.datasets.pairing.stems import Problem


def intensity_range(items: Sequence[IndexedItem]) -> tuple[float, float]:
    """Return what becomes 0 and 1: 0 and 255, 0 and 1 for floats within, else what was measured."""
    low = float(min(item.statistics["image_min"] for item in items))
    high = float(max(item.statistics["image_max"] for item in items))
    dtypes = {item.image_dtype for item in items}
    if dtypes == {"uint8"}:
        return 0.0, 255.0
    if all(dtype.startswith("float") for dtype in dtypes) and low >= 0 and high <= 1:
        return 0.0, 1.0
    return low, high


def content_hash(items: Sequence[IndexedItem], *, mask_threshold: float) -> str:
    """Return the SHA-256 over names, file hashes and threshold, whatever the order and place of the files."""
    digest = hashlib.sha256(f"mask-threshold {float(mask_threshold)!r}\n".encode())
    for item in sorted(items, key=lambda item: item.name):
        # The length goes first: no name can imitate the fields behind it.
        name = item.name.encode()
        digest.update(b"%d " % len(name) + name + f" {item.image_sha256} {item.mask_sha256}\n".encode())
    return digest.hexdigest()


def summarise(items: Sequence[IndexedItem], problems: Sequence[Problem]) -> dict[str, Any]:
    """Return the facts that pages show, as plain JSON.

    Returns
    -------
    dict
        `n_items`, `n_groups`, `sizes` (`width×height` → items), `dtypes`, `mask_dtypes`, `channels` (each →
        items), `foreground_mean`, `foreground_std`, `foreground_min`, `foreground_max` (of the items'
        fractions, 0 to 1), `fractional_items`, `problems` (code → files) and `bytes`.
    """
    foreground = np.array([item.foreground_fraction for item in items])
    return {
        "n_items": len(items),
        "n_groups": len({item.group for item in items}),
        "sizes": _count(f"{item.width}×{item.height}" for item in items),
        "dtypes": _count(item.image_dtype for item in items),
        "mask_dtypes": _count(item.mask_dtype for item in items),
        "channels": _count(str(item.channels) for item in items),
        "foreground_mean": float(foreground.mean()),
        "foreground_std": float(foreground.std()),
        "foreground_min": float(foreground.min()),
        "foreground_max": float(foreground.max()),
        "fractional_items": sum(item.fractional_share > 0 for item in items),
        "problems": _count(problem.code.value for problem in problems),
        "bytes": sum(item.bytes for item in items),
    }


def _count(values: Any) -> dict[str, int]:
    return dict(Counter(values).most_common())
