"""One score over the folds of a k-fold split."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FoldScores:
    """Mean and spread of a score.

    Parameters
    ----------
    folds : int
        How many folds have a score yet.
    mean, deviation : float or None
        Over those folds; the deviation is the population standard deviation, divided by the number of folds. None while
        no fold has a score.
    """

    folds: int
    mean: float | None
    deviation: float | None


def over_folds(scores: Iterable[float | None]) -> FoldScores:
    """Summarise the scores of the folds; None and values that are not finite are folds without a score.

    Examples
    --------
    >>> over_folds([0.4, 0.6, None])
    FoldScores(folds=2, mean=0.5, deviation=0.1)
    """
    known = [score for score in scores if score is not None and math.isfinite(score)]
    if not known:
        return FoldScores(0, None, None)
    mean = math.fsum(known) / len(known)
    deviation = math.sqrt(math.fsum((score - mean) ** 2 for score in known) / len(known))
    return FoldScores(len(known), mean, deviation)
