"""Which validation items are shown at every epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_COUNT = 4


def choose_samples(masks: NDArray[np.uint8], *, count: int = SAMPLE_COUNT) -> tuple[int, ...]:
    """Choose up to `count` items spread evenly over the quantiles of the masks' foreground fraction.

    The sparsest and the densest item are always among them: models fail at both ends first.

    Parameters
    ----------
    masks : ndarray of uint8, shape (items, height, width)
        0 and 1.

    Returns
    -------
    tuple of int
        Different indices into `masks`, from the sparsest item to the densest; the same for the same masks.
    """
    foreground = np.count_nonzero(masks.reshape(len(masks), -1), axis=1)
    # A stable sort: among equally filled masks, the earlier item comes first on every machine.
    by_foreground = np.argsort(foreground, kind="stable")
    positions = np.linspace(0, len(masks) - 1, min(count, len(masks))).round().astype(int)
    return tuple(int(by_foreground[position]) for position in positions)
