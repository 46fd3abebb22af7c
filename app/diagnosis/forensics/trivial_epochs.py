"""The epochs in which the numbers show a trivial prediction: nothing, or everything."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from app.diagnosis.history_table import HistoryTable
from app.diagnosis.trivial_baseline import EMPTY_JACCARD

#: 1e-7 over more pixels than any set has; what is smaller is 0 from counts, or no score.
LEAST_FLOOR = 1e-20

#: Without a hit, a metric whose ε is 1 instead of 1e-7 keeps values of some 1e-5. They count as a floor only if
#: nothing smaller was seen and the very same value came back.
LARGE_EPSILON_FLOOR = 0.01
LARGE_EPSILON_REPEATS = 3

#: Everything: at most this share of the pixels is background that was predicted right.
TRUE_NEGATIVES = 0.02

#: Above, a Jaccard near accuracy may as well be a good one, with masks that cap accuracy.
MOST_FOREGROUND = 0.5
LEAST_FOREGROUND = 1e-4


@dataclass(frozen=True, slots=True)
class TrivialEpoch:
    """One epoch with a trivial validation prediction; accuracy is NaN where it was not recorded."""

    epoch: int
    jaccard: float
    accuracy: float


def validation_epochs(history: HistoryTable) -> list[TrivialEpoch]:
    """Return every epoch with a finite validation Jaccard."""
    usable = history.usable("val_jaccard")
    return [
        TrivialEpoch(*row)
        for row in zip(
            history.epochs[usable].tolist(),
            history.column("val_jaccard")[usable].tolist(),
            history.column("val_accuracy")[usable].tolist(),
            strict=True,
        )
    ]


def floor_epochs(history: HistoryTable) -> tuple[TrivialEpoch, ...]:
    """Return the epochs at the metric's floor: positive, and so small that no pixel was hit."""
    epochs = [one for one in validation_epochs(history) if one.jaccard >= LEAST_FLOOR]
    floor = tuple(one for one in epochs if one.jaccard <= EMPTY_JACCARD)
    if floor or not epochs:
        return floor
    least, repeats = min(Counter(one.jaccard for one in epochs).items())
    if least > LARGE_EPSILON_FLOOR or repeats < LARGE_EPSILON_REPEATS:
        return ()
    return tuple(one for one in epochs if one.jaccard == least)


def true_negative_share(one: TrivialEpoch) -> float:
    """Return the share of the pixels that are background and were predicted so, from Jaccard J and accuracy A.

    With J = TP / (N − TN) and A = (TP + TN) / N, the true positives drop out: TN / N = (A − J) / (1 − J). It holds for
    binary masks and one batch; masks with fractional pixels lower A, and with it this share, even below 0.
    """
    return (one.accuracy - one.jaccard) / (1 - one.jaccard)


def full_epochs(history: HistoryTable) -> tuple[TrivialEpoch, ...]:
    """Return the epochs in which nearly no background pixel was predicted right: everything was foreground."""
    return tuple(
        one
        for one in validation_epochs(history)
        if LEAST_FOREGROUND <= one.jaccard <= MOST_FOREGROUND
        and math.isfinite(one.accuracy)
        and true_negative_share(one) <= TRUE_NEGATIVES
    )


def fullest(epochs: tuple[TrivialEpoch, ...]) -> TrivialEpoch:
    """Return the epoch that comes nearest to everything: the one whose accuracy is lowest."""
    return min(epochs, key=lambda one: one.accuracy)


def emptiest(epochs: tuple[TrivialEpoch, ...]) -> TrivialEpoch:
    """Return the epoch whose floor is highest: each false positive would have lowered it."""
    return max(epochs, key=lambda one: one.jaccard)
