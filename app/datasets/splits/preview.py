"""What the sides of a split look like before anything is launched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.datasets.splits.leakage import Leakage, NamePair, find_leakage
from app.datasets.splits.split_plan import SplitItem, SplitPlan

HISTOGRAM_BINS = 12


@dataclass(frozen=True, slots=True)
class SidePreview:
    """One side of a fold.

    Parameters
    ----------
    items, groups : int
        How many, and of how many acquisitions.
    foreground_mean, foreground_std : float
        Over the items' foreground fractions, 0 to 1 (population standard deviation).
    histogram : tuple of int
        Items by foreground, in the bins of `SplitPreview.edges`.
    """

    items: int
    groups: int
    foreground_mean: float
    foreground_std: float
    histogram: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FoldPreview:
    """Both sides of one fold."""

    training: SidePreview
    validation: SidePreview


@dataclass(frozen=True, slots=True)
class SplitPreview:
    """All sides of a split and what they share.

    Parameters
    ----------
    folds : tuple of FoldPreview
        One, or one for each fold.
    edges : tuple of float
        Borders of the histograms' bins, from 0 up; the same for all sides, so that they can be compared.
    test_items, unused_items : int
        Held out, and on no side at all. Of the test set nothing but its size is shown.
    leakage : Leakage
        What the sides share.
    """

    folds: tuple[FoldPreview, ...]
    edges: tuple[float, ...]
    test_items: int
    unused_items: int
    leakage: Leakage


def preview_split(
    items: Sequence[SplitItem], plan: SplitPlan, *, near_duplicates: Sequence[NamePair] = ()
) -> SplitPreview:
    """Describe a planned split.

    Parameters
    ----------
    items : sequence of SplitItem
        Those that were planned.
    plan : SplitPlan
        Their sides.
    near_duplicates : sequence of (str, str)
        Names of items that are all but equal, as far as they are known.
    """
    fractions = np.array([item.foreground_fraction for item in items], dtype=np.float64)
    shown = sorted({position for fold in plan.folds for position in (*fold.training, *fold.validation)})
    # Masks without any foreground have a histogram, too.
    top = float(fractions[shown].max()) or 1.0
    edges = np.linspace(0, top, HISTOGRAM_BINS + 1)
    return SplitPreview(
        folds=tuple(
            FoldPreview(
                training=_side(items, fractions, fold.training, edges),
                validation=_side(items, fractions, fold.validation, edges),
            )
            for fold in plan.folds
        ),
        edges=tuple(edges.tolist()),
        test_items=len(plan.test),
        unused_items=len(plan.unused),
        leakage=find_leakage(items, plan, near_duplicates=near_duplicates),
    )


def _side(
    items: Sequence[SplitItem],
    fractions: NDArray[np.float64],
    positions: Sequence[int],
    edges: NDArray[np.float64],
) -> SidePreview:
    values = fractions[list(positions)]
    counts, _ = np.histogram(values, edges)
    return SidePreview(
        items=len(positions),
        groups=len({items[position].group or items[position].name for position in positions}),
        foreground_mean=float(values.mean()),
        foreground_std=float(values.std()),
        histogram=tuple(counts.tolist()),
    )
