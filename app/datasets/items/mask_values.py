"""Which values the masks of a set hold, and how many pixels each: what foreground labels are chosen from."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

VALUES_SHOWN = 256
_MOST_VALUES = 65_536


class MaskValues:
    """Counts pixels by stored value over many masks; memory is bounded whatever they hold."""

    def __init__(self) -> None:
        self._pixels: Counter[float] = Counter()

    def add(self, mask: NDArray[Any]) -> None:
        """Count one mask."""
        values, counts = _count(mask)
        if values.size > _MOST_VALUES:
            most = np.argpartition(counts, -_MOST_VALUES)[-_MOST_VALUES:]
            values, counts = values[most], counts[most]
        self._pixels.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        if len(self._pixels) > 2 * _MOST_VALUES:
            self._pixels = Counter(dict(self._pixels.most_common(_MOST_VALUES)))

    @property
    def distinct(self) -> int:
        """Number of distinct values; above 65,536 a lower bound."""
        return len(self._pixels)

    def table(self) -> list[list[float]]:
        """Return [value, pixels] by value: all values up to 256, else the 256 most frequent."""
        return sorted([value, count] for value, count in self._pixels.most_common(VALUES_SHOWN))


def _count(mask: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    if mask.dtype in (np.uint8, np.uint16):
        counts = np.bincount(mask.reshape(-1))
        values = np.flatnonzero(counts)
        return values, counts[values]
    values, counts = np.unique(mask, return_counts=True)
    return values, counts
