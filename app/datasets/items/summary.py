"""The numbers of a whole dataset."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from app.datasets.items.indexed import IndexedItem
from app.datasets.items.mask_rules import ResolvedMaskRule
from app.datasets.items.mask_values import MaskValues
from app.datasets.pairing.groups import infer_group
from app.datasets.pairing.outcome import Problem

_UNKNOWN = "unknown"


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


def content_hash(items: Sequence[IndexedItem], *, rule: ResolvedMaskRule) -> str:
    """Return the SHA-256 of what a training sees, whatever the order and place of the files.

    It covers the mask rule and for each item its name, the hashes of its files, and where there are any its pages,
    tile, correction, and its group where the name alone does not tell it.
    """
    meaning = (
        f"mask-labels {' '.join(map(str, rule.labels))}"
        if rule.threshold is None
        else f"mask-threshold {float(rule.threshold)!r}"
    )
    digest = hashlib.sha256(f"{meaning}\n".encode())
    for item in sorted(items, key=lambda item: item.name):
        digest.update(_counted(item.name) + f" {item.image_sha256} {item.mask_sha256}".encode())
        if (item.image_page, item.mask_page) != (None, None):
            digest.update(f" pages {item.image_page} {item.mask_page}".encode())
        if item.window is not None:
            digest.update(f" window {' '.join(map(str, item.window))}".encode())
        if not item.correction.is_empty:
            digest.update(b" correction " + json.dumps(item.correction.model_dump(), sort_keys=True).encode())
        if item.group != infer_group(item.name):
            digest.update(b" group " + _counted(item.group))
        digest.update(b"\n")
    return digest.hexdigest()


def summarise(items: Sequence[IndexedItem], problems: Sequence[Problem], *, mask_values: MaskValues) -> dict[str, Any]:
    """Return the facts that pages show, as plain JSON.

    Returns
    -------
    dict
        `n_items`, `n_groups`, `sizes` (`width×height` → items), `dtypes`, `mask_dtypes`, `channels` (each →
        items), `foreground_mean`, `foreground_std`, `foreground_min`, `foreground_max` (of the items'
        fractions, 0 to 1), `fractional_items`, `problems` (code → files), `bytes` (of the files, each once),
        `mask_values` ([value, pixels] over the masks that were read, all up to 256 values, else the most frequent),
        `mask_distinct` (number of different values), and `pixel_sizes` (`width×height` in µm → items, "unknown" for
        those whose file does not say).
    """
    foreground = np.array([item.foreground_fraction for item in items])
    files = {item.image_path: item.image_bytes for item in items} | {item.mask_path: item.mask_bytes for item in items}
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
        "bytes": sum(files.values()),
        "mask_values": mask_values.table(),
        "mask_distinct": mask_values.distinct,
        "pixel_sizes": _count(_pixel_size(item) for item in items),
    }


def _pixel_size(item: IndexedItem) -> str:
    size = item.statistics.get("pixel_size")
    return _UNKNOWN if size is None else f"{size[1]:.4g}×{size[0]:.4g}"


def _counted(text: str) -> bytes:
    # The length goes first: no name can imitate the fields behind it.
    data = text.encode()
    return b"%d " % len(data) + data


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())
